/* The world glyph: its drawing by derivatives, and what its oracle reads back from fresh pictures.
 *
 * Statistical checks on N fresh pictures per setting: the product's limits (class right >= 0.995,
 * valid code >= 0.99, whitened factor error <= 0.25) lie far from what is measured (docs/worlds.md):
 * at 2000 pictures and a true error rate of 0.001 a rate above 0.005 has probability 2e-5. Sabotaged
 * twins: mirrored pictures, pictures a pixel off and pictures without their middle must be refused. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "sim/cli/lists.h"
#include "sim/worlds/glyph.h"
#include "tests/support/world_case.h"

enum { N = 2000, N_FEW = 300, MAX_PAIRS = 6 };

typedef struct score {
    double right, valid, error, dot_hit, dot_false, residual;
} score;

static score score_of(const mad_world_case *s)
{
    score out = {0};
    double n_dots = 0.0, n_bare = 0.0;
    const size_t n = s->rows.n_rows;
    for (size_t i = 0; i < n; i++) {
        out.right += s->found.label[i] == s->truth.label[i];
        out.valid += s->found.valid[i];
        out.residual += s->found.residual[i] * s->found.residual[i];
        for (size_t k = 0; k < MAD_GLYPH_FACTORS; k++) {
            const size_t at = i * MAD_GLYPH_FACTORS + k;
            const double d =
                (s->found.factor[at] - s->truth.factor[at]) / s->world->info.factor[k].sd;
            out.error += d * d / MAD_GLYPH_FACTORS;
        }
        if (s->truth.rare != NULL) {
            n_dots += s->truth.rare[i];
            n_bare += !s->truth.rare[i];
            out.dot_hit += s->truth.rare[i] && s->found.rare[i];
            out.dot_false += !s->truth.rare[i] && s->found.rare[i];
        }
    }
    out.right /= (double)n;
    out.valid /= (double)n;
    out.error = sqrt(out.error / (double)n);
    out.residual = sqrt(out.residual / (double)n);
    out.dot_hit /= fmax(n_dots, 1.0);
    out.dot_false /= fmax(n_bare, 1.0);
    return out;
}

static int passes(const score *s)
{
    return s->right >= 0.995 && s->valid >= 0.99 && s->error <= 0.25;
}

static void print_score(const char *what, const score *s)
{
    print_message("%s: class %.4f, code %.4f, factor error %.4f, residual %.4f, dot seen %.3f, "
                  "false %.4f\n",
                  what, s->right, s->valid, s->error, s->residual, s->dot_hit, s->dot_false);
}

/* ---- drawing --------------------------------------------------------------------------------- */

/* Light by hand: a horizontal stroke of 2 pixels through pixel centres or edges, ink 0.8. */
static void test_drawing(void **state)
{
    (void)state;
    enum { SIDE = 20, RES = 14 }; /* 0.7 x 20 */
    double light[SIDE * SIDE];
    mad_glyph glyph = {.code = 1u << 6, /* g: y = 0, between rows 9 and 10 */
                       .factor = {0, 0, 0, 0, 0, log(2.0 / RES), 0.8}};
    mad_glyph_draw(&glyph, SIDE, light, NULL, NULL);
    assert_true(fabs(light[9 * SIDE + 10] - 0.8) < 1e-12); /* half a pixel off: 1/2 + 1 - 1/2 */
    assert_true(fabs(light[10 * SIDE + 10] - 0.8) < 1e-12);
    assert_true(fabs(light[8 * SIDE + 10]) < 1e-12); /* 1.5 off: 1/2 + 1 - 3/2 = 0 */
    glyph.factor[MAD_GLYPH_SHIFT_Y] = 0.5 / RES;     /* onto the centres of row 9 */
    mad_glyph_draw(&glyph, SIDE, light, NULL, NULL);
    assert_true(fabs(light[8 * SIDE + 10] - 0.4) < 1e-12); /* 1 off: 1/2 */
    assert_true(fabs(light[10 * SIDE + 10] - 0.4) < 1e-12);
    assert_true(fabs(light[9 * SIDE + 2]) < 1e-12); /* x = -7.5 / 14, the stroke ends at -0.3 */
    glyph.code = 0;
    mad_glyph_draw(&glyph, SIDE, light, NULL, NULL);
    for (size_t j = 0; j < SIDE * SIDE; j++) {
        assert_true(light[j] == 0.0);
    }
}

/* Sum over pixels of the light's slope against central differences, wherever the light is smooth. */
static void test_slopes(void **state)
{
    (void)state;
    enum { SIDE = 28, DIM = SIDE * SIDE };
    static double light[DIM], slope[DIM * MAD_GLYPH_FACTORS], up[DIM], down[DIM];
    const double h = 1e-6;
    size_t n_checked = 0, n_off = 0;
    for (size_t digit = 0; digit < MAD_GLYPH_CLASSES; digit++) {
        const mad_glyph glyph = {.code = mad_glyph_code(digit),
                                 .dot = digit % 2 == 0,
                                 .factor = {0.1, -0.2, 0.05, 0.03, -0.04, log(0.11), 0.83}};
        mad_glyph_draw(&glyph, SIDE, light, slope, NULL);
        for (size_t k = 0; k < MAD_GLYPH_FACTORS; k++) {
            mad_glyph moved = glyph;
            moved.factor[k] += h;
            mad_glyph_draw(&moved, SIDE, up, NULL, NULL);
            moved.factor[k] -= 2 * h;
            mad_glyph_draw(&moved, SIDE, down, NULL, NULL);
            for (size_t j = 0; j < DIM; j++) {
                const double expected = (up[j] - down[j]) / (2 * h);
                n_checked += expected != 0.0;
                n_off += fabs(slope[j * MAD_GLYPH_FACTORS + k] - expected) > 1e-5;
            }
        }
    }
    assert_true(n_checked > 5000);
    assert_true(n_off <= n_checked / 1000); /* kinks within 1e-6 of a pixel */
}

/* ---- reading back ---------------------------------------------------------------------------- */

static void test_oracle(void **state)
{
    (void)state;
    static const struct {
        const char *name, *pairs[MAX_PAIRS];
        double noise;
    } known[] = {
        {"16", {"size=16", NULL}, 0.05},
        {"28", {"size=28", NULL}, 0.05},
        {"32", {"size=32", NULL}, 0.05},
        {"16 clean", {"size=16", "noise=0", NULL}, 0},
        {"16 slant, dots", {"slant=0.3", "dot_rate=0.5", "weights=zipf(1)", NULL}, 0.05},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        mad_world_case s = mad_world_case_open(&mad_world_glyph, N, known[i].pairs);
        mad_world_case_read(&s);
        const score got = score_of(&s);
        print_score(known[i].name, &got);
        assert_true(passes(&got));
        assert_true(got.dot_hit >= 0.95 && got.dot_false <= 0.001);
        /* of noise sd on dim pixels 7 factors take at most 7 dim^-1; wrong fits add little */
        assert_true(got.residual >= 0.97 * known[i].noise && got.residual <= 0.01 + known[i].noise);
        mad_world_case_close(s);
    }
}

static void test_twins(void **state)
{
    (void)state;
    for (int twin = 0; twin < 3; twin++) {
        mad_world_case s =
            mad_world_case_open(&mad_world_glyph, N_FEW, (const char *const[]){NULL});
        const size_t side = s.world->info.width;
        for (size_t i = 0; i < s.rows.n_rows * side; i++) {
            double *row = s.rows.x + i * side, old[MAD_GLYPH_MAX_SIDE];
            memcpy(old, row, side * sizeof *old);
            for (size_t j = 0; j < side; j++) {
                row[j] = twin == 0   ? old[side - 1 - j]
                         : twin == 1 ? old[j > 0 ? j - 1 : 0]
                         : i % side > side / 2 - 2 && i % side < side / 2 + 2 ? -1.0
                                                                              : old[j];
            }
        }
        mad_world_case_read(&s);
        const score got = score_of(&s);
        print_score("twin", &got);
        assert_false(passes(&got));
        mad_world_case_close(s);
    }
}

/* Rows no glyph could give: blank, full, noise, enormous. */
static void test_strangers(void **state)
{
    (void)state;
    mad_world_case s = mad_world_case_open(&mad_world_glyph, 1000, (const char *const[]){NULL});
    const size_t dim = s.rows.dim;
    mad_rng rng = mad_rng_open(mad_key_for(mad_world_case_key, MAD_RNG_TEST), 0);
    mad_rng_normals(&rng, 1000 * dim, s.rows.x);
    for (size_t j = 0; j < dim; j++) {
        s.rows.x[j] = -1.0;
        s.rows.x[dim + j] = 1.0;
        s.rows.x[2 * dim + j] = j % 2 == 0 ? 1e150 : -1e150;
    }
    mad_world_case_read(&s);
    double n_valid = 0.0;
    for (size_t i = 0; i < 1000; i++) {
        for (size_t k = 0; k < MAD_GLYPH_FACTORS; k++) {
            assert_true(isfinite(s.found.factor[i * MAD_GLYPH_FACTORS + k]));
        }
        assert_true(isfinite(s.found.residual[i]));
        n_valid += s.found.valid[i];
    }
    print_message("noise: valid %.3f\n", n_valid / 1000);
    assert_true(fabs(s.found.residual[2] / 1e150 - 1.0) < 1e-9);
    assert_int_equal(s.found.valid[0], 0);
    mad_world_case_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_drawing),   cmocka_unit_test(test_slopes),
        cmocka_unit_test(test_oracle),    cmocka_unit_test(test_twins),
        cmocka_unit_test(test_strangers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The world layout: its laws by counting, and what its oracle reads back from fresh pictures.
 *
 * Limits on N fresh pictures per setting, all far from what is measured (docs/worlds.md): kind, place
 * and depth of all objects right in 99 % of the pictures, 99 % valid, place 0.05 pixels rms per
 * axis, size 0.1 pixels. Sabotaged twins must be refused. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "sim/worlds/layout.h"
#include "tests/support/world_case.h"

enum { N = 2000, N_FEW = 300, MAX_PAIRS = 4, N_PLACES = MAD_LAYOUT_PLACES };

extern const mad_world_type mad_world_layout;

/* Shares of pictures; root mean squares over the objects of right ones, pixels. */
typedef struct score {
    double right, count, valid, place, size, iou, residual;
} score;

static score score_of(const mad_world_case *s)
{
    score out = {0};
    double n_objects = 0.0;
    for (size_t i = 0; i < s->rows.n_rows; i++) {
        const mad_object *a = s->truth.object + i * N_PLACES, *b = s->found.object + i * N_PLACES;
        int is_right = 1;
        for (size_t p = 0; p < N_PLACES; p++) {
            is_right &= a[p].kind == b[p].kind && a[p].depth == b[p].depth;
        }
        out.right += is_right;
        out.count += s->found.label[i] == s->truth.label[i];
        out.valid += s->found.valid[i];
        out.residual += s->found.residual[i] * s->found.residual[i];
        for (size_t p = 0; p < N_PLACES && is_right; p++) {
            if (a[p].kind >= 0) {
                const double dx = b[p].x - a[p].x, dy = b[p].y - a[p].y;
                const double ds = b[p].size - a[p].size;
                out.place += (dx * dx + dy * dy) / 2.0;
                out.size += ds * ds;
                out.iou += b[p].iou;
                n_objects += 1.0;
            }
        }
    }
    const double n = (double)s->rows.n_rows;
    return (score){out.right / n,
                   out.count / n,
                   out.valid / n,
                   sqrt(out.place / n_objects),
                   sqrt(out.size / n_objects),
                   out.iou / n_objects,
                   sqrt(out.residual / n)};
}

static int passes(const score *s)
{
    return s->right >= 0.99 && s->count >= 0.99 && s->valid >= 0.99 && s->place <= 0.05 &&
           s->size <= 0.1;
}

static void print_score(const char *what, const score *s)
{
    print_message("%s: scene right %.4f, count %.4f, valid %.4f, place %.4f, size %.4f, IoU %.4f, "
                  "residual %.4f\n",
                  what, s->right, s->count, s->valid, s->place, s->size, s->iou, s->residual);
}

/* ---- the law --------------------------------------------------------------------------------- */

/* z of a share against its probability; n trials. */
static double z_of(double n_hits, double n, double p)
{
    return p > 0.0 && p < 1.0 ? (n_hits - n * p) / sqrt(n * p * (1.0 - p)) : n_hits - n * p;
}

static double worst_level(const mad_world_case *s)
{
    double worst = 0.0;
    const double n = (double)s->rows.n_rows;
    for (size_t k = 0; k < MAD_N_SHAPES; k++) {
        for (size_t m = 0; m <= MAD_LAYOUT_OBJECTS; m++) {
            double hits = 0.0;
            for (size_t i = 0; i < s->rows.n_rows; i++) {
                hits += s->truth.factor[i * MAD_LAYOUT_FACTORS + k] == (double)m;
            }
            worst = fmax(worst, fabs(z_of(hits, n, s->world->info.factor[k].level_p[m])));
        }
    }
    return worst;
}

/* One object of a picture, the first; two, the first and the last. */
static double worst_object(const mad_world_case *s)
{
    const mad_scene_law *law = s->world->info.scene;
    double worst = 0.0, joint[MAD_N_SHAPES * N_PLACES] = {0}, n = (double)s->rows.n_rows;
    double pair[MAD_N_SHAPES * MAD_N_SHAPES] = {0}, depth[MAD_LAYOUT_DEPTHS] = {0}, n_pairs = 0.0;
    mad_rng rng = mad_rng_open(mad_key_for(mad_world_case_key, MAD_RNG_TEST), 1);
    for (size_t i = 0; i < s->rows.n_rows; i++) {
        const mad_object *object = s->truth.object + i * N_PLACES;
        size_t place[N_PLACES], n_objects = 0;
        for (size_t p = 0; p < N_PLACES; p++) {
            if (object[p].kind >= 0) {
                place[n_objects++] = p;
            }
        }
        const size_t a = (size_t)mad_rng_below(&rng, n_objects);
        const size_t b = (a + 1 + (size_t)mad_rng_below(&rng, n_objects)) % n_objects;
        const mad_object *one = &object[place[a]], *other = &object[place[b]];
        joint[(size_t)one->kind * N_PLACES + place[a]] += 1.0;
        depth[one->depth] += 1.0;
        if (a != b) {
            pair[one->kind * MAD_N_SHAPES + other->kind] += 1.0;
            n_pairs += 1.0;
        }
    }
    for (size_t j = 0; j < sizeof joint / sizeof *joint; j++) {
        worst = fmax(worst, fabs(z_of(joint[j], n, law->joint_p[j])));
    }
    for (size_t j = 0; j < sizeof pair / sizeof *pair; j++) {
        worst = fmax(worst, fabs(z_of(pair[j], n_pairs, law->pair_p[j])));
    }
    for (size_t j = 0; j < MAD_LAYOUT_DEPTHS; j++) {
        worst = fmax(worst, fabs(z_of(depth[j], n, law->depth_p[j])));
    }
    return worst;
}

static double worst_number(const mad_world_case *s)
{
    double worst = 0.0;
    const double n = (double)s->rows.n_rows;
    for (size_t k = 0; k < MAD_LAYOUT_FACTORS; k++) {
        const mad_factor *f = &s->world->info.factor[k];
        double sum = 0.0, square = 0.0, fourth = 0.0;
        for (size_t i = 0; i < s->rows.n_rows; i++) {
            const double x = s->truth.factor[i * MAD_LAYOUT_FACTORS + k];
            const double z = (x - f->mean) / f->sd;
            assert_true(f->n_levels > 0 || (x >= f->low && x <= f->high));
            sum += z / n;
            square += z * z / n;
            fourth += z * z * z * z / n;
        }
        worst = fmax(worst, fabs(sum) * sqrt(n));
        worst = fmax(worst, fabs(square - 1.0) * sqrt(n / (fourth - square * square)));
    }
    return worst;
}

/* Counts of what was drawn against the laws the world states: about 70 numbers, |z| < 5.3 each, false
 * alarm 1e-5. The twin: the laws of one binding and the pictures of another. */
static void test_law(void **state)
{
    (void)state;
    enum { MANY = 5000 };
    static const char *const known[][MAX_PAIRS] = {
        {NULL}, {"weights=zipf(1)", "binding=0.4", NULL}, {"binding=1", NULL}};
    for (size_t i = 0; i < 3; i++) {
        mad_world_case s = mad_world_case_open(&mad_world_layout, MANY, known[i]);
        const double level = worst_level(&s), object = worst_object(&s), number = worst_number(&s);
        print_message("z of levels %.2f, objects %.2f, numbers %.2f\n", level, object, number);
        assert_true(level < 5.3 && object < 5.3 && number < 5.3);
        mad_world_case other = mad_world_case_open(&mad_world_layout, MANY, known[(i + 1) % 3]);
        s.world = other.world;
        assert_true(worst_level(&s) > 5.3 && worst_object(&s) > 5.3);
        mad_world_case_close(other);
        mad_world_case_close(s);
    }
}

/* Light by hand: a square of side 4 in the middle of pixel edges, a disc through a centre, the apex
 * and the base of a triangle. */
static void test_shapes(void **state)
{
    (void)state;
    const double root = sqrt(5.0);
    assert_true(mad_shape_light(MAD_SHAPE_SQUARE, 4, 1.5, -1.5) == 1.0);
    assert_true(mad_shape_light(MAD_SHAPE_SQUARE, 4, 0.0, 2.25) == 0.25);
    assert_true(mad_shape_light(MAD_SHAPE_SQUARE, 4, 2.5, 0.0) == 0.0);
    assert_true(fabs(mad_shape_light(MAD_SHAPE_DISC, 4, 1.2, 1.6) - 0.5) < 1e-15);
    assert_true(fabs(mad_shape_light(MAD_SHAPE_DISC, 4, 0.0, -2.3) - 0.2) < 1e-15);
    assert_true(mad_shape_light(MAD_SHAPE_TRIANGLE, 4, 0.0, 2.0) == 0.5);
    assert_true(mad_shape_light(MAD_SHAPE_TRIANGLE, 4, 0.0, -2.0) == 0.5);
    assert_true(mad_shape_light(MAD_SHAPE_TRIANGLE, 4, 1.0, 0.0) == 0.5);
    assert_true(fabs(mad_shape_light(MAD_SHAPE_TRIANGLE, 4, -1.0, 0.4) - 0.5 - 0.4 / root) < 1e-15);
}

/* ---- reading back ---------------------------------------------------------------------------- */

static void test_oracle(void **state)
{
    (void)state;
    static const struct {
        const char *name, *pairs[MAX_PAIRS];
        double noise;
    } known[] = {
        {"32", {NULL}, 0.05},
        {"64", {"size=64", NULL}, 0.05},
        {"32 clean", {"noise=0", NULL}, 0},
        {"32 noisy", {"noise=0.1", NULL}, 0.1},
        {"32 bound", {"binding=0.8", "weights=zipf(1)", NULL}, 0.05},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        mad_world_case s =
            mad_world_case_open(&mad_world_layout, i == 1 ? N_FEW : N, known[i].pairs);
        mad_world_case_read(&s);
        const score got = score_of(&s);
        print_score(known[i].name, &got);
        assert_true(passes(&got));
        assert_true(got.residual >= 0.97 * known[i].noise && got.residual <= 0.02 + known[i].noise);
        mad_world_case_close(s);
    }
}

/* Pictures upside down; half as bright; rolled by half a cell. */
static void test_twins(void **state)
{
    (void)state;
    for (int twin = 0; twin < 3; twin++) {
        mad_world_case s =
            mad_world_case_open(&mad_world_layout, N_FEW, (const char *const[]){NULL});
        const size_t dim = s.rows.dim, side = s.world->info.width;
        double old[MAD_LAYOUT_MAX_SIDE * MAD_LAYOUT_MAX_SIDE];
        for (size_t i = 0; i < N_FEW; i++) {
            double *x = s.rows.x + i * dim;
            memcpy(old, x, dim * sizeof *old);
            for (size_t j = 0; j < dim; j++) {
                x[j] = twin == 0   ? old[dim - 1 - j]
                       : twin == 1 ? 0.5 * old[j] - 0.5
                                   : old[(j + 5 * side) % dim];
            }
        }
        mad_world_case_read(&s);
        const score got = score_of(&s);
        print_score("twin", &got);
        assert_false(passes(&got));
        mad_world_case_close(s);
    }
}

/* Rows that are no such pictures: blank, full, enormous, nine squares, noise. */
static void test_strangers(void **state)
{
    (void)state;
    mad_world_case s = mad_world_case_open(&mad_world_layout, N_FEW, (const char *const[]){NULL});
    const size_t dim = s.rows.dim, side = s.world->info.width;
    mad_rng rng = mad_rng_open(mad_key_for(mad_world_case_key, MAD_RNG_TEST), 0);
    mad_rng_normals(&rng, N_FEW * dim, s.rows.x);
    for (size_t j = 0; j < dim; j++) {
        const size_t column = j % side % 10, row = j / side % 10;
        s.rows.x[j] = -1.0;
        s.rows.x[dim + j] = 1.0;
        s.rows.x[2 * dim + j] = j % 2 == 0 ? 1e150 : -1e150;
        s.rows.x[3 * dim + j] = column >= 3 && column < 8 && row >= 3 && row < 8 ? 1.0 : -1.0;
    }
    mad_world_case_read(&s);
    size_t n_valid = 0;
    for (size_t i = 0; i < N_FEW; i++) {
        for (size_t k = 0; k < MAD_LAYOUT_FACTORS; k++) {
            assert_true(isfinite(s.found.factor[i * MAD_LAYOUT_FACTORS + k]));
            assert_true(k >= MAD_LAYOUT_SIZE || s.found.factor[i * MAD_LAYOUT_FACTORS + k] <= 4.0);
        }
        for (size_t p = 0; p < N_PLACES; p++) {
            const mad_object *o = &s.found.object[i * N_PLACES + p];
            assert_true(isfinite(o->x + o->y + o->size + o->iou));
        }
        assert_true(isfinite(s.found.residual[i]));
        n_valid += s.found.valid[i];
    }
    print_message("noise: %zu of %d valid\n", n_valid, N_FEW);
    assert_true(fabs(s.found.residual[2] / 1e150 - 1.0) < 1e-9);
    assert_int_equal(s.found.label[0], 0);
    assert_int_equal(s.found.label[3], 3);
    assert_int_equal(n_valid, 0);
    mad_world_case_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_law),       cmocka_unit_test(test_shapes),
        cmocka_unit_test(test_oracle),    cmocka_unit_test(test_twins),
        cmocka_unit_test(test_strangers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

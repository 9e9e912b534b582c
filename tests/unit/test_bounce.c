/* The world bounce: its path against small steps of a reflected disc, and what its oracle reads back
 * from fresh films.
 *
 * Limits on N fresh films per setting, all far from what is measured (docs/worlds.md): place of the
 * start 0.05 pixels rms per axis, speed 0.01 pixels a frame, radius 0.03 pixels, 99 % valid, 98 % of the
 * headings within 0.1 rad: a disc that starts at a wall is not told from its mirror image, which happens
 * to 0.5 % at most (size 8), so that more than 2 % of 1000 has probability 1e-7. Sabotaged twins must be
 * refused. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "sim/worlds/bounce.h"
#include "tests/support/world_case.h"

enum { N = 1000, N_FEW = 200, MAX_PAIRS = 4 };

#define PI 3.14159265358979323846

extern const mad_world_type mad_world_bounce;

/* Errors: root mean squares; place: of the disc in a frame, per axis. */
typedef struct score {
    double start, speed, radius, heading, valid, place, residual;
} score;

static score score_of(const mad_world_case *s)
{
    const size_t n = s->rows.n_rows, n_frames = s->world->info.n_frames;
    score out = {0};
    for (size_t i = 0; i < n; i++) {
        const double *a = s->truth.factor + i * MAD_BOUNCE_FACTORS;
        const double *b = s->found.factor + i * MAD_BOUNCE_FACTORS;
        double d[MAD_BOUNCE_FACTORS];
        for (size_t k = 0; k < MAD_BOUNCE_FACTORS; k++) {
            d[k] = b[k] - a[k];
        }
        out.start += (d[0] * d[0] + d[1] * d[1]) / 2.0;
        out.speed += d[MAD_BOUNCE_SPEED] * d[MAD_BOUNCE_SPEED];
        out.radius += d[MAD_BOUNCE_RADIUS] * d[MAD_BOUNCE_RADIUS];
        out.heading += fabs(remainder(d[MAD_BOUNCE_HEADING], 2.0 * PI)) <= 0.1;
        out.valid += s->found.valid[i];
        out.residual += s->found.residual[i] * s->found.residual[i];
        for (size_t t = 0; t < n_frames; t++) {
            const mad_track *seen = &s->found.track[i * n_frames + t];
            const mad_track *at = &s->truth.track[i * n_frames + t];
            const double dx = seen->x - at->x, dy = seen->y - at->y;
            out.place += (dx * dx + dy * dy) / (2.0 * (double)n_frames);
        }
    }
    const double rows = (double)n;
    return (score){.start = sqrt(out.start / rows),
                   .speed = sqrt(out.speed / rows),
                   .radius = sqrt(out.radius / rows),
                   .heading = out.heading / rows,
                   .valid = out.valid / rows,
                   .place = sqrt(out.place / rows),
                   .residual = sqrt(out.residual / rows)};
}

static int passes(const score *s)
{
    return s->start <= 0.05 && s->speed <= 0.01 && s->radius <= 0.03 && s->heading >= 0.98 &&
           s->valid >= 0.99;
}

static void print_score(const char *what, const score *s)
{
    print_message("%s: start %.4f, speed %.5f, radius %.4f, heading right %.4f, valid %.4f, "
                  "place %.4f, residual %.4f\n",
                  what, s->start, s->speed, s->radius, s->heading, s->valid, s->place, s->residual);
}

/* ---- the law --------------------------------------------------------------------------------- */

/* A disc moved in 10 000 small steps, its velocity turned wherever the next step would leave. */
static void test_path(void **state)
{
    (void)state;
    enum { N_STEPS = 10000 };
    mad_world_case s =
        mad_world_case_open(&mad_world_bounce, 20, (const char *const[]){"frames=32", NULL});
    const mad_bounce_world *world = (const mad_bounce_world *)s.world;
    for (size_t i = 0; i < 20; i++) {
        const double *f = s.truth.factor + i * MAD_BOUNCE_FACTORS, r = f[MAD_BOUNCE_RADIUS];
        double at[2] = {f[0], f[1]}, v[2] = {f[MAD_BOUNCE_SPEED] * cos(f[MAD_BOUNCE_HEADING]),
                                             f[MAD_BOUNCE_SPEED] * sin(f[MAD_BOUNCE_HEADING])};
        for (size_t t = 0; t < world->n_frames; t++) {
            const mad_track *law = &s.truth.track[i * world->n_frames + t];
            assert_true(fabs(law->law_x - at[0]) < 1e-6 && fabs(law->law_y - at[1]) < 1e-6);
            assert_true(fabs(law->law_vx - v[0]) < 1e-12 && fabs(law->law_vy - v[1]) < 1e-12);
            for (size_t k = 0; k < N_STEPS; k++) {
                for (size_t axis = 0; axis < 2; axis++) {
                    const double low = r, high = (double)world->side - r;
                    at[axis] += v[axis] / N_STEPS;
                    if (at[axis] < low || at[axis] > high) {
                        at[axis] = 2.0 * (at[axis] < low ? low : high) - at[axis];
                        v[axis] = -v[axis];
                    }
                }
            }
        }
    }
    mad_world_case_close(s);
}

/* Mean and sd of every factor are those of the law: |z| < 5.3 each, false alarm 1e-7. */
static void test_law(void **state)
{
    (void)state;
    enum { MANY = 20000 };
    mad_world_case s = mad_world_case_open(&mad_world_bounce, MANY,
                                           (const char *const[]){"size=8", "frames=8", NULL});
    for (size_t k = 0; k < MAD_BOUNCE_FACTORS; k++) {
        const mad_factor *f = &s.world->info.factor[k];
        double sum = 0.0, square = 0.0, fourth = 0.0;
        for (size_t i = 0; i < MANY; i++) {
            const double x = s.truth.factor[i * MAD_BOUNCE_FACTORS + k];
            const double z = (x - f->mean) / f->sd;
            assert_true(x >= f->low && x <= f->high);
            sum += z / MANY;
            square += z * z / MANY;
            fourth += z * z * z * z / MANY;
        }
        assert_true(fabs(sum) * sqrt(MANY) < 5.3);
        assert_true(fabs(square - 1.0) * sqrt(MANY / (fourth - square * square)) < 5.3);
    }
    mad_world_case_close(s);
}

/* ---- reading back ---------------------------------------------------------------------------- */

static void test_oracle(void **state)
{
    (void)state;
    static const struct {
        const char *name, *pairs[MAX_PAIRS];
        double noise;
    } known[] = {
        {"16 x 16 frames", {NULL}, 0.05},
        {"8 x 8 frames", {"size=8", "frames=8", NULL}, 0.05},
        {"32 x 32 frames", {"size=32", "frames=32", NULL}, 0.05},
        {"16 clean", {"noise=0", NULL}, 0},
        {"16 noisy", {"noise=0.2", NULL}, 0.2},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        mad_world_case s =
            mad_world_case_open(&mad_world_bounce, i == 2 ? N_FEW : N, known[i].pairs);
        mad_world_case_read(&s);
        const score got = score_of(&s);
        print_score(known[i].name, &got);
        assert_true(passes(&got));
        assert_true(got.residual >= 0.97 * known[i].noise && got.residual <= 0.02 + known[i].noise);
        mad_world_case_close(s);
    }
}

/* Frames in another order; frames a pixel off every other time; a disc that stands still. */
static void test_twins(void **state)
{
    (void)state;
    for (int twin = 0; twin < 3; twin++) {
        mad_world_case s =
            mad_world_case_open(&mad_world_bounce, N_FEW, (const char *const[]){NULL});
        const size_t dim = s.rows.dim, n_frames = s.world->info.n_frames, n = dim / n_frames;
        for (size_t i = 0; i < N_FEW; i++) {
            double *row = s.rows.x + i * dim;
            for (size_t t = 1; t < n_frames; t++) {
                double *frame = row + t * n, other[MAD_BOUNCE_MAX_SIDE * MAD_BOUNCE_MAX_SIDE];
                if (twin == 0 && t % 2 == 1) {
                    memcpy(other, frame, n * sizeof *other);
                    memcpy(frame, frame - n, n * sizeof *frame);
                    memcpy(frame - n, other, n * sizeof *frame);
                } else if (twin == 1 && t % 2 == 1) {
                    memmove(frame + 1, frame, (n - 1) * sizeof *frame);
                } else if (twin == 2) {
                    memcpy(frame, row, n * sizeof *frame);
                }
            }
        }
        mad_world_case_read(&s);
        const score got = score_of(&s);
        print_score("twin", &got);
        assert_false(passes(&got));
        mad_world_case_close(s);
    }
}

/* Rows that are no films: blank, full, enormous, noise. */
static void test_strangers(void **state)
{
    (void)state;
    mad_world_case s = mad_world_case_open(&mad_world_bounce, N, (const char *const[]){NULL});
    const size_t dim = s.rows.dim, n_frames = s.world->info.n_frames;
    mad_rng rng = mad_rng_open(mad_key_for(mad_world_case_key, MAD_RNG_TEST), 0);
    mad_rng_normals(&rng, N * dim, s.rows.x);
    for (size_t j = 0; j < dim; j++) {
        s.rows.x[j] = -1.0;
        s.rows.x[dim + j] = 1.0;
        s.rows.x[2 * dim + j] = j % 2 == 0 ? 1e150 : -1e150;
    }
    mad_world_case_read(&s);
    size_t n_valid = 0;
    for (size_t i = 0; i < N; i++) {
        for (size_t k = 0; k < MAD_BOUNCE_FACTORS; k++) {
            assert_true(isfinite(s.found.factor[i * MAD_BOUNCE_FACTORS + k]));
        }
        for (size_t t = 0; t < n_frames; t++) {
            const mad_track *at = &s.found.track[i * n_frames + t];
            assert_true(isfinite(at->x + at->y + at->misfit + at->law_x + at->law_y));
        }
        assert_true(isfinite(s.found.residual[i]));
        n_valid += s.found.valid[i];
    }
    print_message("noise: %zu of %d valid\n", n_valid, N);
    assert_true(fabs(s.found.residual[2] / 1e150 - 1.0) < 1e-9);
    assert_int_equal(n_valid, 0);
    mad_world_case_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_path),      cmocka_unit_test(test_law),
        cmocka_unit_test(test_oracle),    cmocka_unit_test(test_twins),
        cmocka_unit_test(test_strangers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

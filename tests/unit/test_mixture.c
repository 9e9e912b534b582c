/* EM: it climbs, finds the modes of a ring, goes on from a loaded state, survives degenerate rows.
 *
 * Recovery: N = 8000 rows of 8 modes 7.65 sd apart, so that the fit's error is that of labelled
 * rows: weights are binomial, mean coordinates normal with sd / sqrt(n_j), both |z| < 4.89
 * (two-sided 1e-6; overlap and plug-in n_j change z by less than 2 %). The twin compares with a
 * ring whose radius is 2 % larger: its z exceeds 4.89. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "sim/cli/lists.h"
#include "tests/support/values.h"

enum { MAX_PAIRS = 6, N_LOSS = 300 };

#define Z_LIMIT 4.89

typedef struct rig {
    mad_arena *mem;
    const mad_world *world;
    mad_model *model;
    mad_fields fields;
    double loss[N_LOSS], samples_seen, flops;
} rig;

static rig *rig_create(mad_ctx *ctx, const mad_world_type *world_type, const char *const *pairs)
{
    mad_arena *mem = mad_arena_create(1 << 20);
    rig *r = mad_arena_take(mem, 1, sizeof *r);
    mad_values *values = mad_arena_take(mem, 2, sizeof *values);
    mad_world *world = NULL;
    r->mem = mem;
    assert_int_equal(mad_values_default(ctx, mem, world_type->params, &values[0]), MAD_OK);
    const mad_world_args world_args = {.values = &values[0], .seed = 3};
    assert_int_equal(world_type->create(ctx, &world_args, mem, &world), MAD_OK);
    assert_int_equal(mad_values_of(ctx, mem, mad_model_mixture.params, mad_pairs_count(pairs),
                                   pairs, &values[1]),
                     MAD_OK);
    const mad_model_args args = {.values = &values[1],
                                 .world = &world->info,
                                 .max_train_rows = 8000,
                                 .max_sample_rows = 100};
    assert_int_equal(mad_model_mixture.create(ctx, &args, mem, &r->model), MAD_OK);
    mad_model_mixture.fields(r->model, &r->fields);
    r->world = world;
    return r;
}

static mad_set real_rows(mad_ctx *ctx, rig *r, size_t n)
{
    const mad_key key = {.seed = 3, .generation = 1, .purpose = MAD_RNG_REAL};
    mad_set set;
    assert_int_equal(
        mad_set_take(ctx, r->mem, n, r->world->info.dim, r->world->info.n_classes > 0, &set),
        MAD_OK);
    assert_int_equal(r->world->type->draw(ctx, r->world, MAD_PART_TRAIN, key, &set), MAD_OK);
    return set;
}

static mad_status fit(mad_ctx *ctx, rig *r, const mad_set *train, uint64_t seed, size_t warm_steps)
{
    for (size_t i = 0; i < N_LOSS; i++) {
        r->loss[i] = (double)NAN;
    }
    const mad_fit_args args = {.key = {.seed = seed, .generation = 1, .purpose = MAD_RNG_FIT},
                               .warm_steps = warm_steps,
                               .n_loss = N_LOSS,
                               .loss_curve = r->loss,
                               .samples_seen = &r->samples_seen,
                               .flops = &r->flops};
    return mad_model_mixture.fit(ctx, r->model, train, &args);
}

/* Largest |z| of weights and means against the ring stretched by `stretch`. */
static double recovery_z(const rig *r, size_t n, double stretch)
{
    const mad_world_info *info = &r->world->info;
    const double *weight = r->fields.field[0].data, *mean = r->fields.field[1].data;
    double worst = 0;
    for (size_t k = 0; k < info->n_modes; k++) {
        const double cx = stretch * info->mode_centre[2 * k];
        const double cy = stretch * info->mode_centre[2 * k + 1];
        size_t best = 0;
        double best_sq = (double)INFINITY;
        for (size_t j = 0; j < r->fields.field[0].count; j++) {
            const double sq = pow(mean[2 * j] - cx, 2) + pow(mean[2 * j + 1] - cy, 2);
            if (sq < best_sq) {
                best_sq = sq;
                best = j;
            }
        }
        const double p = info->mode_p[k], rows = weight[best] * (double)n;
        const double sd = info->mode_sd / sqrt(rows);
        worst = fmax(worst, fabs(rows - (double)n * p) / sqrt((double)n * p * (1 - p)));
        worst = fmax(worst, fabs(mean[2 * best] - cx) / sd);
        worst = fmax(worst, fabs(mean[2 * best + 1] - cy) / sd);
    }
    return worst;
}

static void test_ring(void **state)
{
    mad_ctx *ctx = *state;
    static const char *const pairs[] = {"components=8", "restarts=3", NULL};
    rig *r = rig_create(ctx, &mad_world_ring, pairs);
    const mad_set train = real_rows(ctx, r, 8000);
    assert_int_equal(fit(ctx, r, &train, 3, 0), MAD_OK);
    assert_true(recovery_z(r, 8000, 1) < Z_LIMIT);
    assert_true(recovery_z(r, 8000, 1.02) > Z_LIMIT);
    const double *cov = r->fields.field[2].data; /* chi-square of 2 x 8000: relative sd 0.0112 */
    const double *weight = r->fields.field[0].data;
    double pooled = 0;
    for (size_t j = 0; j < 8; j++) {
        pooled += weight[j] * (cov[4 * j] + cov[4 * j + 3]) / 2;
    }
    assert_true(fabs(pooled / 0.01 - 1) / sqrt(1.0 / 8000) < Z_LIMIT);
    mad_arena_destroy(r->mem);
}

/* Likelihood never falls, whatever the start; the curve shows every step when there are fewer steps
 * than entries. Five components on two curved bands overlap: EM is slow there, many steps. */
static void test_monotone(void **state)
{
    mad_ctx *ctx = *state;
    static const char *const pairs[] = {"components=5", "tolerance=0", NULL};
    rig *r = rig_create(ctx, &mad_world_moons, pairs);
    const mad_set train = real_rows(ctx, r, 500);
    for (uint64_t seed = 0; seed < 20; seed++) {
        assert_int_equal(fit(ctx, r, &train, seed, 0), MAD_OK);
        for (size_t i = 1; i < N_LOSS; i++) {
            assert_true(r->loss[i] <= r->loss[i - 1] + 1e-12);
        }
        assert_true(r->loss[N_LOSS - 1] < r->loss[0] - 1e-3);
        assert_true(r->samples_seen >= 500 * 10);
    }
    mad_arena_destroy(r->mem);
}

/* 3 + 4 warm steps through the fields equal 7, to the bit. */
static void test_warm(void **state)
{
    mad_ctx *ctx = *state;
    static const char *const pairs[] = {"components=4", "iterations=2", NULL};
    rig *a = rig_create(ctx, &mad_world_moons, pairs),
        *b = rig_create(ctx, &mad_world_moons, pairs);
    const mad_set train = real_rows(ctx, a, 300);
    assert_int_equal(fit(ctx, a, &train, 3, 0), MAD_OK);
    assert_int_equal(fit(ctx, b, &train, 3, 0), MAD_OK);
    assert_int_equal(fit(ctx, a, &train, 3, 7), MAD_OK);
    assert_int_equal(fit(ctx, b, &train, 3, 3), MAD_OK);
    assert_int_equal(mad_model_mixture.loaded(ctx, b->model), MAD_OK);
    assert_int_equal(fit(ctx, b, &train, 4, 4), MAD_OK); /* nothing random in a warm start */
    for (size_t f = 0; f < 3; f++) {
        assert_memory_equal(a->fields.field[f].data, b->fields.field[f].data,
                            a->fields.field[f].count * sizeof(double));
    }
    mad_arena_destroy(a->mem);
    mad_arena_destroy(b->mem);
}

static void assert_sound(mad_ctx *ctx, rig *r)
{
    double total = 0, drawn[200];
    for (size_t f = 0; f < 3; f++) {
        const double *x = r->fields.field[f].data;
        for (size_t i = 0; i < r->fields.field[f].count; i++) {
            assert_true(isfinite(x[i]));
            total += f == 0 ? x[i] : 0;
        }
    }
    assert_true(fabs(total - 1) < 1e-12);
    mad_set set = {.n_rows = 100, .dim = 2, .x = drawn};
    assert_int_equal(
        mad_model_mixture.sample(ctx, r->model, (mad_key){.purpose = MAD_RNG_SAMPLE}, 0, &set),
        MAD_OK);
    assert_int_equal(mad_set_check_finite(ctx, &set, "draws"), MAD_OK);
}

/* Points, pairs of points, lines, a far outlier: defined fits, never NaN. */
static void test_degenerate(void **state)
{
    mad_ctx *ctx = *state;
    static const char *const pairs[] = {"components=4", NULL};
    rig *r = rig_create(ctx, &mad_world_ring, pairs);
    const mad_set train = real_rows(ctx, r, 40);
    for (size_t i = 0; i < 80; i++) {
        train.x[i] = i % 2 == 0 ? 3 : -1;
    }
    assert_int_equal(fit(ctx, r, &train, 1, 0), MAD_OK); /* one point */
    assert_sound(ctx, r);
    mad_set drawn = real_rows(ctx, r, 5);
    assert_int_equal(
        mad_model_mixture.sample(ctx, r->model, (mad_key){.purpose = MAD_RNG_SAMPLE}, 0, &drawn),
        MAD_OK);
    assert_true(drawn.x[0] == 3 && drawn.x[9] == -1);
    for (size_t i = 0; i < 40; i++) {
        train.x[2 * i] = (double)(i % 2);
    }
    assert_int_equal(fit(ctx, r, &train, 1, 0), MAD_OK); /* two points, four components */
    assert_sound(ctx, r);
    assert_int_equal(fit(ctx, r, &train, 1, 5), MAD_OK);
    assert_sound(ctx, r);
    for (size_t i = 0; i < 40; i++) {
        train.x[2 * i] = (double)i;
    }
    assert_int_equal(fit(ctx, r, &train, 1, 0), MAD_OK); /* a line */
    assert_sound(ctx, r);
    train.x[0] = 1e12;
    assert_int_equal(fit(ctx, r, &train, 1, 0), MAD_OK); /* an outlier */
    assert_sound(ctx, r);
    const mad_set few = mad_set_rows(&train, 0, 3);
    assert_int_equal(fit(ctx, r, &few, 1, 0), MAD_E_RANGE);
    assert_non_null(strstr(ctx->message, "4 components needs as many rows, not 3"));
    mad_ctx_clear(ctx);
    mad_arena_destroy(r->mem);
}

/* A component of one row is singular: its diagonal gets ridge times the mean variance. */
static void test_ridge(void **state)
{
    mad_ctx *ctx = *state;
    static const char *const pairs[] = {"components=2", "ridge=1e-4", NULL};
    rig *r = rig_create(ctx, &mad_world_ring, pairs);
    const mad_set train = real_rows(ctx, r, 30);
    double spread = 0;
    train.x[0] = train.x[1] = 50;
    for (size_t a = 0; a < 2; a++) {
        double mean = 0;
        for (size_t i = 0; i < 30; i++) {
            mean += train.x[2 * i + a] / 30;
        }
        for (size_t i = 0; i < 30; i++) {
            spread += pow(train.x[2 * i + a] - mean, 2) / 60;
        }
    }
    assert_int_equal(fit(ctx, r, &train, 1, 0), MAD_OK);
    const double *weight = r->fields.field[0].data, *cov = r->fields.field[2].data;
    const size_t lone = weight[0] < weight[1] ? 0 : 1;
    assert_true(fabs(weight[lone] * 30 - 1) < 1e-9);
    assert_true(fabs(cov[4 * lone] / (1e-4 * spread) - 1) < 1e-9);
    mad_arena_destroy(r->mem);
}

int main(void)
{
    mad_ctx *ctx = mad_ctx_create(1); /* threads: test_exact_models */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(test_ring, ctx),  cmocka_unit_test_prestate(test_monotone, ctx),
        cmocka_unit_test_prestate(test_warm, ctx),  cmocka_unit_test_prestate(test_degenerate, ctx),
        cmocka_unit_test_prestate(test_ridge, ctx),
    };
    const int n_failed = cmocka_run_group_tests(tests, NULL, NULL);
    mad_ctx_destroy(ctx);
    return n_failed;
}

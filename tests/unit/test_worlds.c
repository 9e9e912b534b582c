/* Worlds: laws against their closed forms, streams, splits of finite data.
 *
 * Statistical checks: z-scores of sample means of N rows against the stated law (central limit,
 * N = 200000), each rejected beyond |z| = 4.89 (two-sided 1e-6). A variance 4 % too large gives
 * |z| > 8 for every world here: the sabotaged twin, rows stretched by 2 %, must be rejected. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sim/cli/lists.h"
#include "sim/num/linalg.h"
#include "tests/support/rows.h"
#include "tests/support/values.h"

enum { N = 200000, MAX_PAIRS = 6 };

static const mad_key draw_key = {
    .seed = 77, .replicate = 3, .generation = 1, .purpose = MAD_RNG_REAL};

typedef struct known_world {
    const mad_world_type *type;
    const char *pairs[MAX_PAIRS];
} known_world;

static const known_world continuous[] = {
    {&mad_world_gauss, {NULL}},
    {&mad_world_gauss, {"dim=3", "sd=2.5", NULL}},
    {&mad_world_gauss, {"dim=3", "spectrum=1", NULL}},
    {&mad_world_gauss, {"dim=4", "spectrum=2", "rotate=haar", NULL}},
    {&mad_world_ring, {NULL}},
    {&mad_world_ring, {"modes=5", "radius=2", "sd=0.3", "weights=zipf(1.5)", "labels=none", NULL}},
    {&mad_world_grid, {NULL}},
    {&mad_world_grid, {"side=3", "extent=1", "weights=zipf(1)", NULL}},
    {&mad_world_grid, {"dim=1", "side=4", "sd=0.3", "weights=zipf(1)", NULL}},
    {&mad_world_grf, {"size=4", "beta=2", NULL}},
    {&mad_world_heavy, {"law=student(10)", "dim=3", NULL}},
    {&mad_world_rosenbrock, {NULL}},
    {&mad_world_rosenbrock, {"mu=-0.5", "a=2", "b=0.7", "dim=4", NULL}},
    {&mad_world_swiss, {NULL}},
    {&mad_world_moons, {NULL}},
    {&mad_world_s_curve, {NULL}},
    {&mad_world_regression, {"features=3", "noise=0.5", "norm=2", NULL}},
};
enum { N_CONTINUOUS = sizeof continuous / sizeof *continuous };

static const mad_world *make(mad_ctx *ctx, mad_arena *mem, const known_world *known, uint64_t seed)
{
    mad_values values;
    mad_world *world = NULL;
    assert_int_equal(mad_values_of(ctx, mem, known->type->params, mad_pairs_count(known->pairs),
                                   known->pairs, &values),
                     MAD_OK);
    const mad_world_args args = {.values = &values, .seed = seed};
    assert_int_equal(known->type->create(ctx, &args, mem, &world), MAD_OK);
    assert_ptr_equal(world->type, known->type);
    return world;
}

static mad_set take(mad_ctx *ctx, mad_arena *mem, const mad_world *world, size_t n)
{
    mad_set set;
    assert_int_equal(mad_set_take(ctx, mem, n, world->info.dim, world->info.n_classes > 0, &set),
                     MAD_OK);
    return set;
}

static mad_set draw(mad_ctx *ctx, mad_arena *mem, const mad_world *world, mad_key key, size_t n)
{
    mad_set set = take(ctx, mem, world, n);
    assert_int_equal(world->type->draw(ctx, world, MAD_PART_TRAIN, key, &set), MAD_OK);
    return set;
}

static void test_moments(void **state)
{
    mad_ctx *ctx = *state;
    for (size_t i = 0; i < N_CONTINUOUS; i++) {
        mad_arena *mem = mad_arena_create(1 << 20);
        const mad_world *world = make(ctx, mem, &continuous[i], 5);
        mad_set set = draw(ctx, mem, world, draw_key, N);
        double z = mad_test_worst_z(&set, world->info.mean, world->info.cov);
        if (z > MAD_TEST_Z) {
            fail_msg("world %zu (%s): z = %g", i, world->type->name, z);
        }
        for (size_t j = 0; j < set.n_rows * set.dim; j++) { /* the sabotaged twin */
            const double mean = world->info.mean[j % set.dim];
            set.x[j] = mean + 1.02 * (set.x[j] - mean);
        }
        z = mad_test_worst_z(&set, world->info.mean, world->info.cov);
        if (z <= MAD_TEST_Z) {
            fail_msg("world %zu (%s): stretched rows pass, z = %g", i, world->type->name, z);
        }
        mad_arena_destroy(mem);
    }
}

/* Haar rotation keeps the spectrum: eigenvalues of the covariance are sd^2 i^-a. */
static void test_spectrum(void **state)
{
    mad_ctx *ctx = *state;
    mad_arena *mem = mad_arena_create(1 << 16);
    const known_world known = {&mad_world_gauss,
                               {"dim=6", "spectrum=2", "rotate=haar", "sd=3", NULL}};
    const mad_world *world = make(ctx, mem, &known, 5), *other = make(ctx, mem, &known, 6);
    double values[6];
    assert_int_equal(mad_eigen_sym(ctx, 6, world->info.cov, values, NULL), MAD_OK);
    for (size_t i = 0; i < 6; i++) {
        const double expected = 9 / ((double)(6 - i) * (double)(6 - i));
        assert_true(fabs(values[i] / expected - 1) < 1e-12);
    }
    assert_true(fabs(world->info.cov[1]) > 1e-3);          /* it did turn */
    assert_true(world->info.cov[1] != other->info.cov[1]); /* by the seed */
    mad_arena_destroy(mem);
}

/* Labels: shares within binomial z; rows scatter round their own mode by mode_sd. */
static void test_modes(void **state)
{
    mad_ctx *ctx = *state;
    static const known_world known[] = {
        {&mad_world_ring, {NULL}},
        {&mad_world_grid, {"weights=zipf(1)", NULL}},
    };
    for (size_t w = 0; w < 2; w++) {
        mad_arena *mem = mad_arena_create(1 << 20);
        const mad_world *world = make(ctx, mem, &known[w], 5);
        const mad_world_info *info = &world->info;
        const mad_set set = draw(ctx, mem, world, draw_key, N);
        size_t *count = mad_arena_take(mem, info->n_modes, sizeof *count);
        double sum = 0, total_p = 0;
        assert_int_equal(info->n_classes, info->n_modes);
        for (size_t i = 0; i < N; i++) {
            const double *centre = info->mode_centre + 2 * (size_t)set.label[i];
            const double dx = set.x[2 * i] - centre[0], dy = set.x[2 * i + 1] - centre[1];
            sum += (dx * dx + dy * dy) / (info->mode_sd * info->mode_sd);
            count[set.label[i]]++;
        }
        assert_true(fabs(sum - 2.0 * N) / sqrt(4.0 * N) < MAD_TEST_Z); /* chi-square of 2 N */
        for (size_t k = 0; k < info->n_modes; k++) {
            const double p = info->mode_p[k];
            assert_true(fabs((double)count[k] - N * p) / sqrt(N * p * (1 - p)) < MAD_TEST_Z);
            total_p += p;
        }
        assert_true(fabs(total_p - 1) < 1e-14);
        mad_arena_destroy(mem);
    }
}

static void test_geometry(void **state)
{
    mad_ctx *ctx = *state;
    mad_arena *mem = mad_arena_create(1 << 16);
    const known_world ring = {&mad_world_ring, {"radius=3", NULL}};
    const known_world grid = {&mad_world_grid, {NULL}};
    const known_world zipf = {&mad_world_zipf, {"categories=4", "exponent=2", NULL}};
    const mad_world_info *info = &make(ctx, mem, &ring, 5)->info;
    assert_int_equal(info->n_modes, 8);
    assert_true(fabs(info->mode_centre[4] - 0) < 1e-15 && info->mode_centre[5] == 3.0);
    assert_true(fabs(info->cov[0] - (4.5 + 0.01)) < 1e-14 && fabs(info->cov[1]) < 1e-15);
    info = &make(ctx, mem, &grid, 5)->info;
    assert_int_equal(info->n_modes, 25);
    assert_true(info->mode_centre[0] == -2 && info->mode_centre[1] == -2);
    assert_true(info->mode_centre[2] == -1 && info->mode_centre[49] == 2);
    assert_true(fabs(info->cov[0] - (2 + 0.0025)) < 1e-14); /* mean of 4, 1, 0, 1, 4 */
    info = &make(ctx, mem, &zipf, 5)->info;
    const double total = 1 + 1.0 / 4 + 1.0 / 9 + 1.0 / 16;
    for (size_t k = 0; k < 4; k++) {
        assert_true(fabs(info->category_p[k] * total * (double)((k + 1) * (k + 1)) - 1) < 1e-14);
    }
    mad_arena_destroy(mem);
}

/* Moments by scipy's ncx2 (x_1^2 is a scaled non-central chi-square) and norm.moment, log densities by
 * norm.logpdf. */
static void test_rosenbrock(void **state)
{
    mad_ctx *ctx = *state;
    mad_arena *mem = mad_arena_create(1 << 16);
    static const struct {
        known_world world;
        double mean[2], cov[3], log_p[3]; /* cov: 11, 12, 22 */
    } known[] = {
        {{&mad_world_rosenbrock, {NULL}},
         {1, 11},
         {10, 20, 240.1},
         {-1.8878770664093454, -3.137877066409345, -8.087877066409344}},
        {{&mad_world_rosenbrock, {"mu=-0.5", "a=2", "b=0.7", NULL}},
         {-0.5, 0.5},
         {0.25, -0.25, 0.375 + 0.7142857142857143},
         {-1.4764937675387935, -13.651493767538794, -26.176493767538798}},
    };
    double at[] = {0, 0, 2, 3.5, -4, 17}, log_p[3];
    const mad_set rows = {.n_rows = 3, .dim = 2, .x = at};
    for (size_t w = 0; w < 2; w++) {
        const mad_world *world = make(ctx, mem, &known[w].world, 5);
        const double *mean = world->info.mean, *cov = world->info.cov;
        assert_true(fabs(mean[0] - known[w].mean[0]) < 1e-13);
        assert_true(fabs(mean[1] - known[w].mean[1]) < 1e-13);
        assert_true(fabs(cov[0] - known[w].cov[0]) < 1e-12 && cov[1] == cov[2]);
        assert_true(fabs(cov[1] - known[w].cov[1]) < 1e-12);
        assert_true(fabs(cov[3] - known[w].cov[2]) < 1e-12);
        assert_int_equal(world->type->log_density(ctx, world, &rows, log_p), MAD_OK);
        for (size_t i = 0; i < 3; i++) {
            assert_true(fabs(log_p[i] - known[w].log_p[i]) < 1e-12);
        }
    }
    mad_arena_destroy(mem);
}

/* z of every category; the twin compares with the law of another exponent. */
static void test_zipf(void **state)
{
    mad_ctx *ctx = *state;
    mad_arena *mem = mad_arena_create(1 << 20);
    const known_world right = {&mad_world_zipf, {"categories=20", "exponent=1.2", NULL}};
    const known_world wrong = {&mad_world_zipf, {"categories=20", "exponent=1.25", NULL}};
    const mad_world *world = make(ctx, mem, &right, 5), *twin = make(ctx, mem, &wrong, 5);
    const mad_set set = draw(ctx, mem, world, draw_key, N);
    double count[20] = {0}, z = 0, twin_z = 0;
    for (size_t i = 0; i < N; i++) {
        assert_true(set.x[i] >= 0 && set.x[i] < 20 && set.x[i] == floor(set.x[i]));
        count[(size_t)set.x[i]]++;
    }
    for (size_t k = 0; k < 20; k++) {
        const double p = world->info.category_p[k], q = twin->info.category_p[k];
        z = fmax(z, fabs(count[k] - N * p) / sqrt(N * p * (1 - p)));
        twin_z = fmax(twin_z, fabs(count[k] - N * q) / sqrt(N * q * (1 - q)));
    }
    assert_true(z < MAD_TEST_Z && twin_z > MAD_TEST_Z);
    mad_arena_destroy(mem);
}

static void assert_same_rows(const mad_set *a, const mad_set *b)
{
    const size_t n = a->n_rows < b->n_rows ? a->n_rows : b->n_rows;
    assert_memory_equal(a->x, b->x, n * a->dim * sizeof *a->x);
    if (a->label != NULL && b->label != NULL) {
        assert_memory_equal(a->label, b->label, n * sizeof *a->label);
    }
}

/* The first rows do not depend on how many are asked for, nor on threads, nor on labels. */
static void test_streams(void **state)
{
    mad_ctx *ctx = *state;
    static const size_t sizes[] = {1, 7, 255, 256, 257, 512, 699};
    static const known_world zipf = {&mad_world_zipf, {NULL}};
    for (size_t w = 0; w <= N_CONTINUOUS; w++) {
        mad_arena *mem = mad_arena_create(1 << 20);
        const mad_world *world = make(ctx, mem, w < N_CONTINUOUS ? &continuous[w] : &zipf, 5);
        const mad_set whole = draw(ctx, mem, world, draw_key, 700);
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            const mad_set part = draw(ctx, mem, world, draw_key, sizes[i]);
            assert_same_rows(&whole, &part);
        }
        for (size_t n_threads = 1; n_threads <= 5; n_threads++) {
            mad_ctx *other = mad_ctx_create(n_threads);
            const mad_set again = draw(other, mem, world, draw_key, 700);
            assert_same_rows(&whole, &again);
            mad_ctx_destroy(other);
        }
        mad_set bare = take(ctx, mem, world, 700);
        bare.label = NULL;
        assert_int_equal(world->type->draw(ctx, world, MAD_PART_REFERENCE, draw_key, &bare),
                         MAD_OK);
        assert_same_rows(&whole, &bare);
        const mad_set other = draw(ctx, mem, world, mad_key_for(draw_key, MAD_RNG_REFERENCE), 700);
        assert_memory_not_equal(whole.x, other.x, 700 * sizeof *whole.x);
        mad_arena_destroy(mem);
    }
}

int main(void)
{
    mad_ctx *ctx = mad_ctx_create(2);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(test_moments, ctx),
        cmocka_unit_test_prestate(test_spectrum, ctx),
        cmocka_unit_test_prestate(test_modes, ctx),
        cmocka_unit_test_prestate(test_geometry, ctx),
        cmocka_unit_test_prestate(test_rosenbrock, ctx),
        cmocka_unit_test_prestate(test_zipf, ctx),
        cmocka_unit_test_prestate(test_streams, ctx),
    };
    const int n_failed = cmocka_run_group_tests(tests, NULL, NULL);
    mad_ctx_destroy(ctx);
    return n_failed;
}

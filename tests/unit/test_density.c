/* Log densities of worlds: they integrate to 1, agree with what is drawn, and with other formulas.
 *
 * E[-ln p] of N drawn rows against the entropy by quadrature: rejected beyond |z| = 4.89 (central
 * limit, two-sided 1e-6 per world). Sabotaged twin: rows stretched by 10 % must be rejected. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "sim/cli/lists.h"
#include "sim/num/linalg.h"
#include "tests/support/values.h"

enum { N = 20000, N_FEW = 700, MAX_PAIRS = 6 };

#define Z_LIMIT    4.89
#define LOG_TWO_PI 1.83787706640934548356

static const mad_key draw_key = {
    .seed = 78, .replicate = 1, .generation = 1, .purpose = MAD_RNG_REAL};

/* Where a density is summed: a grid of n points a side, even in t. */
typedef enum axis_map {
    EVEN, /* x = t, from..to */
    SINH, /* x = sinh t: heavy tails */
    EXP   /* x = exp t: heavy tails of positive numbers */
} axis_map;

typedef struct known_density {
    const mad_world_type *type;
    const char *pairs[MAX_PAIRS];
    axis_map map;
    double from, to;
    size_t n;
    double tolerance; /* of the integral */
} known_density;

/* Midpoint sums of densities that vanish at the borders converge faster than any power of the step:
 * what is left is rounding. */
static const known_density known[] = {
    {&mad_world_gauss, {NULL}, EVEN, -9, 9, 400, 1e-12},
    {&mad_world_gauss, {"dim=2", "sd=2.5", NULL}, EVEN, -22, 22, 400, 1e-12},
    {&mad_world_gauss,
     {"dim=2", "spectrum=2", "rotate=haar", "sd=3", NULL},
     EVEN,
     -27,
     27,
     600,
     1e-12},
    {&mad_world_ring, {NULL}, EVEN, -2, 2, 500, 1e-12},
    {&mad_world_ring,
     {"modes=5", "radius=2", "sd=0.3", "weights=zipf(1.5)", "labels=none", NULL},
     EVEN,
     -5,
     5,
     500,
     1e-12},
    {&mad_world_grid, {NULL}, EVEN, -2.5, 2.5, 1000, 1e-12},
    {&mad_world_grid, {"side=3", "extent=1", "weights=zipf(1)", NULL}, EVEN, -1.6, 1.6, 800, 1e-12},
    {&mad_world_rosenbrock, {"mu=0.5", "a=0.5", "b=2", NULL}, EVEN, -9, 71, 1200, 1e-12},
    {&mad_world_grid,
     {"dim=1", "side=3", "sd=0.3", "weights=zipf(1)", NULL},
     EVEN,
     -6,
     6,
     800,
     1e-12},
    {&mad_world_swiss, {NULL}, EVEN, -2, 2, 300, 1e-12},
    {&mad_world_moons, {NULL}, EVEN, -2, 3, 300, 1e-12},
    {&mad_world_s_curve, {NULL}, EVEN, -3, 3, 300, 1e-12},
    {&mad_world_heavy, {NULL}, SINH, -14, 14, 2000, 1e-12},
    {&mad_world_heavy, {"law=student(0.5)", NULL}, SINH, -80, 80, 4000, 1e-12},
    {&mad_world_heavy, {"law=student(5)", "dim=2", NULL}, SINH, -9, 9, 800, 1e-12},
    {&mad_world_heavy, {"law=lognormal(1.5)", NULL}, EXP, -14, 14, 1000, 1e-12},
    {&mad_world_heavy, {"law=lognormal(0.5)", "dim=2", NULL}, EXP, -5, 5, 300, 1e-12},
    /* cut off at 1: the error falls with the square of the step */
    {&mad_world_heavy, {"law=pareto(2.5)", NULL}, EXP, 0, 12, 20000, 1e-6},
    {&mad_world_heavy, {"law=pareto(4)", "dim=2", NULL}, EXP, 0, 8, 1000, 1e-4},
};
enum { N_KNOWN = sizeof known / sizeof *known };

typedef struct scene {
    mad_ctx *ctx;
    mad_arena *mem;
    const mad_world *world;
} scene;

static scene open_scene(size_t n_threads, const mad_world_type *type, const char *const *pairs)
{
    scene s = {.ctx = mad_ctx_create(n_threads), .mem = mad_arena_create(1 << 20)};
    mad_values values;
    mad_world *world = NULL;
    assert_int_equal(
        mad_values_of(s.ctx, s.mem, type->params, mad_pairs_count(pairs), pairs, &values), MAD_OK);
    const mad_world_args args = {.values = &values, .seed = 5};
    assert_int_equal(type->create(s.ctx, &args, s.mem, &world), MAD_OK);
    assert_true(world->info.has_log_density);
    s.world = world;
    return s;
}

static void close_scene(scene s)
{
    mad_arena_destroy(s.mem);
    mad_ctx_destroy(s.ctx);
}

static mad_set take(scene s, size_t n)
{
    mad_set set;
    assert_int_equal(mad_set_take(s.ctx, s.mem, n, s.world->info.dim, 0, &set), MAD_OK);
    return set;
}

static mad_set draw(scene s, size_t n)
{
    mad_set set = take(s, n);
    assert_int_equal(s.world->type->draw(s.ctx, s.world, MAD_PART_TRAIN, draw_key, &set), MAD_OK);
    return set;
}

static double *log_density(scene s, const mad_set *rows)
{
    double *out = mad_arena_take(s.mem, rows->n_rows, sizeof *out);
    assert_non_null(out);
    assert_int_equal(s.world->type->log_density(s.ctx, s.world, rows, out), MAD_OK);
    return out;
}

/* ---- quadrature ------------------------------------------------------------------------------ */

/* Point i of an axis, and the length it stands for. */
static double point(const known_density *k, size_t i, double *length)
{
    const double step = (k->to - k->from) / (double)k->n;
    const double t = k->from + step * ((double)i + 0.5);
    switch (k->map) {
    case SINH:
        *length = step * cosh(t);
        return sinh(t);
    case EXP:
        *length = step * exp(t);
        return exp(t);
    case EVEN:
        break;
    }
    *length = step;
    return t;
}

static void integrate(const known_density *k, scene s, double *mass, double *entropy)
{
    const size_t dim = s.world->info.dim, n = dim == 1 ? k->n : k->n * k->n;
    mad_set grid = take(s, n);
    double *weight = mad_arena_take(s.mem, n, sizeof *weight);
    assert_true(dim <= 2 && weight != NULL);
    for (size_t i = 0; i < n; i++) {
        double wx = 1.0, wy = 1.0;
        grid.x[i * dim] = point(k, i % k->n, &wx);
        if (dim == 2) {
            grid.x[i * dim + 1] = point(k, i / k->n, &wy);
        }
        weight[i] = wx * wy;
    }
    const double *log_p = log_density(s, &grid);
    *mass = *entropy = 0.0;
    for (size_t i = 0; i < n; i++) {
        const double p = exp(log_p[i]);
        *mass += weight[i] * p;
        *entropy -= p > 0.0 ? weight[i] * p * log_p[i] : 0.0;
    }
}

/* Of the mean of -ln p over the rows. */
static double z_of(scene s, const mad_set *rows, double entropy)
{
    const double *log_p = log_density(s, rows);
    double sum = 0.0, sum_sq = 0.0;
    for (size_t i = 0; i < rows->n_rows; i++) {
        const double e = -log_p[i] - entropy;
        sum += e;
        sum_sq += e * e;
    }
    const double n = (double)rows->n_rows, mean = sum / n;
    return mean / sqrt((sum_sq / n - mean * mean) / n);
}

static void test_integrals(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_KNOWN; i++) {
        scene s = open_scene(2, known[i].type, known[i].pairs);
        double mass = 0.0, entropy = 0.0;
        integrate(&known[i], s, &mass, &entropy);
        mad_set rows = draw(s, N);
        const double z = z_of(s, &rows, entropy);
        if (!(fabs(mass - 1.0) <= known[i].tolerance) || !(fabs(z) < Z_LIMIT)) {
            fail_msg("density %zu (%s): mass 1 %+.3g, z = %g", i, s.world->type->name, mass - 1.0,
                     z);
        }
        for (size_t j = 0; j < N * rows.dim; j++) {
            rows.x[j] *= 1.1;
        }
        const double twin = z_of(s, &rows, entropy);
        if (fabs(twin) < Z_LIMIT) { /* NaN: impossible rows, seen too */
            fail_msg("density %zu (%s): stretched rows pass, z = %g", i, s.world->type->name, twin);
        }
        close_scene(s);
    }
}

/* ---- other formulas -------------------------------------------------------------------------- */

/* -1/2 (ln det C + d ln 2 pi + (x - m)^T C^-1 (x - m)) by the eigenvectors of the world's C. */
static void check_gaussian(const mad_world_type *type, const char *const *pairs)
{
    scene s = open_scene(2, type, pairs);
    const mad_world_info *info = &s.world->info;
    const size_t dim = info->dim;
    double *value = mad_arena_take(s.mem, dim, sizeof *value);
    double *vector = mad_arena_take(s.mem, dim * dim, sizeof *vector);
    assert_int_equal(mad_eigen_sym(s.ctx, dim, info->cov, value, vector), MAD_OK);
    const mad_set rows = draw(s, 300);
    const double *log_p = log_density(s, &rows);
    for (size_t i = 0; i < rows.n_rows; i++) {
        double expected = -0.5 * (double)dim * LOG_TWO_PI;
        for (size_t k = 0; k < dim; k++) {
            double along = 0.0;
            for (size_t j = 0; j < dim; j++) {
                along += vector[k * dim + j] * (rows.x[i * dim + j] - info->mean[j]);
            }
            expected -= 0.5 * (log(value[k]) + along * along / value[k]);
        }
        if (!(fabs(log_p[i] - expected) <= 1e-9 * fabs(expected) + 1e-9)) {
            fail_msg("%s, row %zu: %.15g, expected %.15g", type->name, i, log_p[i], expected);
        }
    }
    close_scene(s);
}

static void test_gaussians(void **state)
{
    (void)state;
    check_gaussian(&mad_world_gauss, (const char *const[]){"dim=7", "spectrum=1", NULL});
    check_gaussian(&mad_world_gauss,
                   (const char *const[]){"dim=20", "spectrum=3", "rotate=haar", "sd=0.2", NULL});
    check_gaussian(&mad_world_grf, (const char *const[]){"size=8", NULL});
    check_gaussian(&mad_world_grf, (const char *const[]){"size=5", "beta=6", "k0=0.3", NULL});
}

/* Rows at the end of the range: -inf at worst, never NaN or +inf. */
static void test_far_rows(void **state)
{
    (void)state;
    static const double far[] = {0.0, 1e8, -1e8, 1e150, -1e150, 1e300, -1e300};
    enum { N_FAR = sizeof far / sizeof *far };
    for (size_t i = 0; i < N_KNOWN; i++) {
        scene s = open_scene(1, known[i].type, known[i].pairs);
        mad_set rows = take(s, N_FAR);
        for (size_t j = 0; j < N_FAR * rows.dim; j++) {
            rows.x[j] = far[j / rows.dim];
        }
        const double *log_p = log_density(s, &rows);
        for (size_t j = 0; j < N_FAR; j++) {
            assert_true(log_p[j] < 100.0);
        }
        close_scene(s);
    }
}

/* Any number of threads, and rows alone or with others: the same bits. */
static void test_bits(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_KNOWN; i++) {
        scene first = open_scene(1, known[i].type, known[i].pairs);
        const mad_set rows = draw(first, N_FEW);
        const double *log_p = log_density(first, &rows);
        for (size_t n_threads = 2; n_threads <= 5; n_threads++) {
            scene s = open_scene(n_threads, known[i].type, known[i].pairs);
            const mad_set some = mad_set_rows(&rows, 0, n_threads == 3 ? 300 : N_FEW);
            assert_memory_equal(log_density(s, &some), log_p, some.n_rows * sizeof *log_p);
            close_scene(s);
        }
        close_scene(first);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_integrals),
        cmocka_unit_test(test_gaussians),
        cmocka_unit_test(test_far_rows),
        cmocka_unit_test(test_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

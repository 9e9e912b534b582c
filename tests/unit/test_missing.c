/* What n real rows miss: modes of grid, categories of zipf, against the coupon collector's expectations.
 *
 * Means over REPEATS draws of N rows are rejected beyond |z| = 4.89 (central limit, two-sided 1e-6).
 * Sabotaged twins: the expectations for 1.2 N rows must be rejected. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sim/cli/lists.h"
#include "tests/support/metric_case.h"
#include "tests/support/values.h"

enum { K = 25, N = 100, REPEATS = 2000 };

#define Z_LIMIT 4.89

typedef struct scene {
    metric_case *c;
    const mad_world *world;
} scene;

static scene open_scene(const mad_world_type *type, size_t n_pairs, const char *const *pairs)
{
    scene s = {.c = mad_case_create(1, 0, NULL)};
    mad_values values;
    mad_world *world = NULL;
    assert_non_null(s.c);
    assert_int_equal(mad_values_of(s.c->ctx, s.c->mem, type->params, n_pairs, pairs, &values),
                     MAD_OK);
    const mad_world_args args = {.values = &values, .seed = 5};
    assert_int_equal(type->create(s.c->ctx, &args, s.c->mem, &world), MAD_OK);
    assert_true(mad_case_sets(s.c, N, N, world->info.dim));
    s.c->world = world->info;
    s.world = world;
    return s;
}

/* z of the mean of an output over fresh rows. */
static double z_of(scene s, const mad_metric_type *type, const char *output, double expected)
{
    const size_t k = mad_case_output(type, output);
    double sum = 0.0, sum_sq = 0.0;
    for (size_t i = 0; i < REPEATS; i++) {
        const mad_key key = {.seed = 80, .replicate = i, .purpose = MAD_RNG_TEST};
        assert_int_equal(s.world->type->draw(s.c->ctx, s.world, MAD_PART_TRAIN, key, &s.c->fake),
                         MAD_OK);
        assert_int_equal(mad_case_eval(s.c, type), MAD_OK);
        sum += s.c->out[k] - expected;
        sum_sq += (s.c->out[k] - expected) * (s.c->out[k] - expected);
    }
    const double mean = sum / REPEATS;
    return mean / sqrt((sum_sq / REPEATS - mean * mean) / REPEATS);
}

/* sum_k w_k^a (1 - w_k)^n */
static double missing(const double *w, double a, double n)
{
    double sum = 0.0;
    for (size_t k = 0; k < K; k++) {
        sum += pow(w[k], a) * pow(1.0 - w[k], n);
    }
    return sum;
}

static void check(scene s, const mad_metric_type *type, const char *output, double expected,
                  double twin)
{
    const double z = z_of(s, type, output, expected), twin_z = z_of(s, type, output, twin);
    if (!(fabs(z) < Z_LIMIT && fabs(twin_z) > Z_LIMIT)) {
        fail_msg("%s of %s: z = %g, twin %g", output, s.world->type->name, z, twin_z);
    }
}

static double expected_modes(const char *weights, size_t n)
{
    const char *const pairs[] = {weights};
    scene s = open_scene(&mad_world_grid, 1, pairs);
    assert_true(mad_case_sets(s.c, 1, n, 2));
    assert_int_equal(mad_case_eval(s.c, &mad_metric_bridges), MAD_OK);
    const double value = s.c->out[mad_case_output(&mad_metric_bridges, "modes_missed_expected")];
    mad_case_destroy(s.c);
    return value;
}

/* By numpy: ((1 - w) ** n).sum() */
static void test_expected_modes(void **state)
{
    (void)state;
    assert_true(fabs(expected_modes("weights=uniform", 100) - 0.4217579839712397) < 1e-12);
    assert_true(fabs(expected_modes("weights=zipf(1)", 100) - 3.5878105176083563) < 1e-12);
    assert_true(fabs(expected_modes("weights=zipf(1)", 1000) - 6.739643290545515e-05) < 1e-15);
}

static void test_modes(void **state)
{
    static const char *const pairs[] = {"weights=zipf(1)"};
    (void)state;
    scene s = open_scene(&mad_world_grid, 1, pairs);
    const double *w = s.world->info.mode_p;
    check(s, &mad_metric_bridges, "modes_missed", missing(w, 0.0, N), missing(w, 0.0, 1.2 * N));
    mad_case_destroy(s.c);
}

static void test_categories(void **state)
{
    static const char *const pairs[] = {"categories=25", "exponent=1"};
    (void)state;
    scene s = open_scene(&mad_world_zipf, 2, pairs);
    const double *w = s.world->info.category_p;
    s.c->fake_p = w;
    check(s, &mad_metric_category_rows, "categories_seen", K - missing(w, 0.0, N),
          K - missing(w, 0.0, 1.2 * N));
    check(s, &mad_metric_category_rows, "missing_mass", missing(w, 1.0, N),
          missing(w, 1.0, 1.2 * N));
    mad_case_destroy(s.c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_expected_modes),
        cmocka_unit_test(test_modes),
        cmocka_unit_test(test_categories),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The world heavy and the measure heavy_tails: laws of the rows, and the Hill index on 1e5 of them.
 *
 * Limits: |z| = 4.89 (two-sided 1e-6) for the Hill index, sqrt(n) D = 2.7 (1e-6) for
 * Kolmogorov-Smirnov. The Hill index of a t law over its top 1 % is not nu: conditional mean and sd of
 * ln(|t| / q) beyond the quantile q by scipy's quad. Sabotaged twins, of another index, must fail. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "sim/cli/lists.h"
#include "sim/num/stats.h"
#include "tests/support/metric_case.h"
#include "tests/support/values.h"

enum { N = 100000, N_TOP = N / 100 };

#define Z_LIMIT  4.89
#define KS_LIMIT 2.7

/* Rows of one column, drawn as both sides. */
static metric_case *open_case(const char *law)
{
    metric_case *c = mad_case_create(2, 0, NULL);
    mad_values values;
    mad_world *world = NULL;
    char pair[32];
    snprintf(pair, sizeof pair, "law=%s", law);
    const char *const pairs[] = {pair};
    const mad_key key = {.seed = 79, .purpose = MAD_RNG_REAL};
    assert_non_null(c);
    assert_int_equal(mad_values_of(c->ctx, c->mem, mad_world_heavy.params, 1, pairs, &values),
                     MAD_OK);
    const mad_world_args args = {.values = &values, .seed = 5};
    assert_int_equal(mad_world_heavy.create(c->ctx, &args, c->mem, &world), MAD_OK);
    assert_true(mad_case_sets(c, N, N, 1));
    c->world = world->info;
    assert_int_equal(mad_world_heavy.draw(c->ctx, world, MAD_PART_TRAIN, key, &c->fake), MAD_OK);
    assert_int_equal(mad_world_heavy.draw(c->ctx, world, MAD_PART_REFERENCE,
                                          mad_key_for(key, MAD_RNG_REFERENCE), &c->real),
                     MAD_OK);
    return c;
}

static double value(const metric_case *c, const char *name)
{
    return c->out[mad_case_output(&mad_metric_heavy_tails, name)];
}

/* ---- the measure on the world ---------------------------------------------------------------- */

typedef struct known_hill {
    const char *law, *twin;
    double index, sd; /* of 1 / H, H the mean of N_TOP log ratios */
    double ratio;     /* q(0.999) / q(0.99) of |x| */
} known_hill;

static const known_hill known[] = {
    /* alpha and alpha / sqrt(k), but for the k / (k - 1) of the mean; 10^(1/alpha) */
    {"pareto(2.5)", "pareto(3)", 2.5 * N_TOP / (N_TOP - 1.0), 0.07906, 2.51188643},
    {"pareto(3)", "pareto(3.6)", 3.0 * N_TOP / (N_TOP - 1.0), 0.09487, 2.15443469},
    {"pareto(5)", "pareto(6)", 5.0 * N_TOP / (N_TOP - 1.0), 0.15811, 1.58489319},
    {"student(2.5)", "student(3)", 2.44929, 0.07675, 0},
    {"student(3)", "student(3.6)", 2.88175, 0.08967, 0},
    {"student(5)", "student(7)", 4.25846, 0.12854, 0},
};

static double hill_z(const known_hill *k, const char *law)
{
    metric_case *c = open_case(law);
    assert_int_equal(mad_case_eval(c, &mad_metric_heavy_tails), MAD_OK);
    const double index = value(c, "hill_index");
    print_message("%s: Hill index %.3f, expected %.3f for %s\n", law, index, k->index, k->law);
    mad_case_destroy(c);
    return (index - k->index) / k->sd;
}

static void test_hill(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        assert_true(fabs(hill_z(&known[i], known[i].law)) < Z_LIMIT);
        assert_true(fabs(hill_z(&known[i], known[i].twin)) > Z_LIMIT);
    }
}

/* Fresh against fresh. The share beyond the real quantile has variance 2 p (1 - p) / n: both sides
 * are of n rows; log quantiles of a Pareto law have sd sqrt((1 - p) / p / n) / alpha. */
static void test_null(void **state)
{
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        metric_case *c = open_case(known[i].law);
        assert_int_equal(mad_case_eval(c, &mad_metric_heavy_tails), MAD_OK);
        const double sd = sqrt(2.0 * 0.01 * 0.99 / N), log_sd = sqrt(999.0 / N) / 2.5;
        assert_true(fabs(value(c, "exceedance_q99") - 0.01) < Z_LIMIT * sd);
        assert_true(fabs(log(value(c, "tail_quantile_ratio") / known[i].ratio)) < Z_LIMIT * log_sd);
        assert_true(fabs(value(c, "iqr_ratio") - 1.0) < 0.05);
        for (size_t j = 0; j < N; j++) {
            c->fake.x[j] = fmin(c->fake.x[j], 2.0); /* the tail is lost, the middle is not */
        }
        assert_int_equal(mad_case_eval(c, &mad_metric_heavy_tails), MAD_OK);
        assert_true(isnan(value(c, "hill_index")) && value(c, "exceedance_q99") == 0.0);
        assert_true(value(c, "tail_quantile_ratio") == 1.0);
        mad_case_destroy(c);
    }
}

/* ---- laws of the rows ------------------------------------------------------------------------ */

typedef double (*cdf)(double index, double x);

static double pareto(double index, double x)
{
    return -expm1(-index * log(x));
}

static double lognormal(double index, double x)
{
    return mad_normal_cdf(log(x) / index);
}

/* Bailey's closed form: F = 1/2 + (theta + sin theta cos theta) / pi, tan theta = t / sqrt(3). */
static double student3(double index, double x)
{
    (void)index;
    const double theta = atan(x / sqrt(3.0));
    return 0.5 + (theta + sin(theta) * cos(theta)) / acos(-1.0);
}

/* sqrt(n) sup |F_n - F| of the column. */
static double distance(const char *law, cdf f, double index)
{
    metric_case *c = open_case(law);
    double worst = 0.0;
    mad_sort(N, c->fake.x);
    for (size_t i = 0; i < N; i++) {
        const double p = f(index, c->fake.x[i]);
        worst = fmax(worst, fmax(p - (double)i / N, (double)(i + 1) / N - p));
    }
    mad_case_destroy(c);
    return sqrt(N) * worst;
}

static void test_laws(void **state)
{
    (void)state;
    assert_true(distance("pareto(0.5)", pareto, 0.5) < KS_LIMIT);
    assert_true(distance("pareto(4)", pareto, 4) < KS_LIMIT);
    assert_true(distance("lognormal(0.5)", lognormal, 0.5) < KS_LIMIT);
    assert_true(distance("lognormal(2)", lognormal, 2) < KS_LIMIT);
    assert_true(distance("student(3)", student3, 3) < KS_LIMIT);
    assert_true(distance("pareto(4)", pareto, 4.2) > KS_LIMIT);
    assert_true(distance("lognormal(2)", lognormal, 2.1) > KS_LIMIT);
    assert_true(distance("student(4)", student3, 3) > KS_LIMIT);
}

/* Moments that exist, by scipy's t, pareto and lognorm; the others are not known. */
static void test_moments(void **state)
{
    static const struct {
        const char *law;
        double mean, variance;
    } moments[] = {{"student(5)", 0, 5.0 / 3.0},
                   {"student(2)", (double)NAN, (double)NAN},
                   {"pareto(5)", 1.25, 0.10416666666666667},
                   {"pareto(2)", (double)NAN, (double)NAN},
                   {"lognormal(0.5)", 1.1331484530668263, 0.3646958540123867},
                   {"lognormal(30)", (double)NAN, (double)NAN}};
    (void)state;
    for (size_t i = 0; i < sizeof moments / sizeof *moments; i++) {
        metric_case *c = open_case(moments[i].law);
        if (isnan(moments[i].mean)) {
            assert_true(c->world.mean == NULL && c->world.cov == NULL);
        } else {
            assert_true(fabs(c->world.mean[0] - moments[i].mean) < 1e-14);
            assert_true(fabs(c->world.cov[0] - moments[i].variance) < 1e-14);
        }
        mad_case_destroy(c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hill),
        cmocka_unit_test(test_null),
        cmocka_unit_test(test_laws),
        cmocka_unit_test(test_moments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* tests/unit/test_exact_fits.c: fits of Gaussian, categories, kernel density and linear model against
 * answers by hand. Sampled rows: rejected beyond |z| = 4.89 (two-sided 1e-6). */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "sim/cli/lists.h"
#include "tests/support/model_case.h"
#include "tests/support/rows.h"

enum { N = MAD_MODEL_CASE_ROWS };

/* numpy.mean, numpy.var(ddof), numpy.cov of small sets whose moments are exact in binary. */
static void test_gauss_values(void **state)
{
    mad_ctx *ctx = *state;
    double line[] = {1, 2, 4, 9}, plane[] = {1, 0, 2, 4, 4, 2, 9, 6};
    const mad_set small = {.n_rows = 4, .dim = 1, .x = line};
    const mad_set wide = {.n_rows = 4, .dim = 2, .x = plane};
    static const mad_known_model unbiased = {&mad_model_gauss, {NULL}, &mad_world_gauss, {NULL}};
    static const mad_known_model ml = {
        &mad_model_gauss, {"ddof=ml", NULL}, &mad_world_gauss, {NULL}};
    static const mad_known_model ml2 = {
        &mad_model_gauss, {"ddof=ml", NULL}, &mad_world_gauss, {"dim=2", NULL}};
    mad_model_case *a = mad_model_case_create(ctx, &unbiased), *b = mad_model_case_create(ctx, &ml),
                   *c = mad_model_case_create(ctx, &ml2);
    assert_int_equal(mad_model_case_fit(ctx, a, &small, 0), MAD_OK);
    assert_int_equal(mad_model_case_fit(ctx, b, &small, 0), MAD_OK);
    assert_int_equal(mad_model_case_fit(ctx, c, &wide, 0), MAD_OK);
    assert_true(mad_model_case_law(ctx, a).mean[0] == 4.0 &&
                mad_model_case_law(ctx, a).cov[0] == 38.0 / 3.0);
    assert_true(mad_model_case_law(ctx, b).mean[0] == 4.0 &&
                mad_model_case_law(ctx, b).cov[0] == 9.5);
    const mad_moments law = mad_model_case_law(ctx, c);
    assert_true(law.mean[0] == 4.0 && law.mean[1] == 3.0);
    assert_true(law.cov[0] == 9.5 && law.cov[1] == 5.5 && law.cov[2] == 5.5 && law.cov[3] == 5.0);
    mad_set one = mad_set_rows(&small, 2, 1);
    assert_int_equal(mad_model_case_fit(ctx, a, &one, 0), MAD_E_RANGE);
    assert_non_null(strstr(ctx->message, "at least 2 rows, not 1"));
    mad_ctx_clear(ctx);
    assert_int_equal(mad_model_case_fit(ctx, b, &one, 0), MAD_OK); /* a point is a legal ML fit */
    assert_true(mad_model_case_law(ctx, b).mean[0] == 4.0 &&
                mad_model_case_law(ctx, b).cov[0] == 0.0);
    const mad_set still = mad_model_case_sample(ctx, b, 3, 0);
    assert_true(still.x[0] == 4.0 && still.x[2] == 4.0);
    line[1] = (double)NAN;
    assert_int_equal(mad_model_case_fit(ctx, a, &small, 0), MAD_E_NONFINITE);
    mad_ctx_clear(ctx);
    mad_arena_destroy(a->mem);
    mad_arena_destroy(b->mem);
    mad_arena_destroy(c->mem);
}

/* Many rows and a far mean against long double sums: the lanes lose nothing. */
static void test_gauss_line(void **state)
{
    mad_ctx *ctx = *state;
    static const mad_known_model known = {
        &mad_model_gauss, {NULL}, &mad_world_gauss, {"sd=3", NULL}};
    mad_model_case *r = mad_model_case_create(ctx, &known);
    for (size_t n = 2; n <= 4097; n = 2 * n + 1) {
        mad_set train = mad_model_case_real(ctx, r, n);
        long double sum = 0, square = 0;
        for (size_t i = 0; i < n; i++) {
            train.x[i] += 1e6;
            sum += (long double)train.x[i];
        }
        const long double mean = sum / (long double)n;
        for (size_t i = 0; i < n; i++) {
            const long double off = (long double)train.x[i] - mean;
            square += off * off;
        }
        assert_int_equal(mad_model_case_fit(ctx, r, &train, 0), MAD_OK);
        const mad_moments law = mad_model_case_law(ctx, r);
        assert_true(fabs(law.mean[0] / (double)mean - 1) < 1e-15);
        assert_true(fabs(law.cov[0] / (double)(square / (long double)(n - 1)) - 1) < 1e-14);
    }
    mad_arena_destroy(r->mem);
}

static void test_categorical(void **state)
{
    mad_ctx *ctx = *state;
    static const mad_known_model known = {
        &mad_model_categorical, {NULL}, &mad_world_zipf, {"categories=4", NULL}};
    mad_model_case *r = mad_model_case_create(ctx, &known);
    double x[] = {0, 2, 2, 2, 3, 3, 0, 2}, p[4];
    const mad_set train = {.n_rows = 8, .dim = 1, .x = x};
    assert_int_equal(mad_model_case_fit(ctx, r, &train, 0), MAD_OK);
    assert_int_equal(r->model->type->probabilities(ctx, r->model, p), MAD_OK);
    assert_true(p[0] == 0.25 && p[1] == 0 && p[2] == 0.5 && p[3] == 0.25);
    const mad_set drawn = mad_model_case_sample(ctx, r, N, 0);
    double count[4] = {0};
    for (size_t i = 0; i < N; i++) {
        count[(size_t)drawn.x[i]]++;
    }
    assert_true(count[1] == 0); /* an extinct category stays extinct */
    assert_true(fabs(count[0] - 0.25 * N) / sqrt(0.1875 * N) < MAD_TEST_Z);
    assert_true(fabs(count[2] - 0.5 * N) / sqrt(0.25 * N) < MAD_TEST_Z);
    assert_true(fabs(count[2] - 0.51 * N) / sqrt(0.2499 * N) > MAD_TEST_Z); /* the twin */
    x[3] = 4;
    assert_int_equal(mad_model_case_fit(ctx, r, &train, 0), MAD_E_RANGE);
    assert_non_null(strstr(ctx->message, "row 3: category 4 is not in 0..3"));
    mad_ctx_clear(ctx);
    mad_arena_destroy(r->mem);
}

/* Silverman's factor by hand: n = 4, d = 1: sd (4 / 12)^(1/5); the law's variance is the ML one
 * plus h^2. */
static void test_kde(void **state)
{
    mad_ctx *ctx = *state;
    static const mad_known_model rule = {&mad_model_kde, {NULL}, &mad_world_gauss, {NULL}};
    static const mad_known_model fixed = {
        &mad_model_kde, {"bandwidth=0.5", NULL}, &mad_world_gauss, {NULL}};
    mad_model_case *a = mad_model_case_create(ctx, &rule), *b = mad_model_case_create(ctx, &fixed);
    double x[] = {1, 2, 4, 9};
    const mad_set train = {.n_rows = 4, .dim = 1, .x = x};
    const double h = sqrt(38.0 / 3) * pow(1.0 / 3, 0.2);
    assert_int_equal(mad_model_case_fit(ctx, a, &train, 0), MAD_OK);
    assert_int_equal(mad_model_case_fit(ctx, b, &train, 0), MAD_OK);
    assert_true(mad_model_case_law(ctx, a).mean[0] == 4);
    assert_true(fabs(mad_model_case_law(ctx, a).cov[0] - (9.5 + h * h)) < 1e-13);
    assert_true(fabs(mad_model_case_law(ctx, b).cov[0] - 9.75) < 1e-13);
    const mad_set one = mad_set_rows(&train, 0, 1);
    assert_int_equal(mad_model_case_fit(ctx, a, &one, 0), MAD_E_RANGE);
    mad_ctx_clear(ctx);
    mad_arena_destroy(a->mem);
    mad_arena_destroy(b->mem);
}

static void test_linear(void **state)
{
    mad_ctx *ctx = *state;
    static const mad_known_model known = {&mad_model_linear,
                                          {"design=reused", NULL},
                                          &mad_world_regression,
                                          {"features=2", "noise=0.25", "norm=3", NULL}};
    mad_model_case *r = mad_model_case_create(ctx, &known);
    double rows[] = {1, 0, 3, 0, 2, -4, 1, 1, 1};
    const mad_set exact = {.n_rows = 3, .dim = 3, .x = rows};
    const mad_set short_set = mad_set_rows(&exact, 2, 1);
    mad_fields state_of;
    r->model->type->fields(r->model, &state_of);
    const double *w = state_of.field[0].data;
    assert_int_equal(mad_model_case_fit(ctx, r, &exact, 0), MAD_OK); /* y = 3 x0 - 2 x1 */
    assert_true(fabs(w[0] - 3) < 1e-14 && fabs(w[1] + 2) < 1e-14);
    const mad_moments law = mad_model_case_law(ctx, r);
    assert_true(fabs(law.cov[8] - (13 + 0.0625)) < 1e-13); /* noise as in the world */
    assert_true(law.cov[0] == 1 && law.cov[1] == 0 && law.cov[2] == w[0] && law.cov[7] == w[1]);
    const mad_set drawn =
        mad_model_case_sample(ctx, r, 300, 0); /* design rows in turn, new noise */
    double sum_sq = 0;
    for (size_t i = 0; i < 300; i++) {
        const double *x = drawn.x + 3 * i, *from = rows + 3 * (i % 3);
        assert_true(x[0] == from[0] && x[1] == from[1]);
        sum_sq += pow((x[2] - w[0] * x[0] - w[1] * x[1]) / 0.25, 2);
    }
    assert_true(fabs(sum_sq - 300) / sqrt(600.0) < MAD_TEST_Z);
    assert_int_equal(mad_model_case_fit(ctx, r, &short_set, 0),
                     MAD_OK); /* minimum norm: x y / |x|^2 */
    assert_true(fabs(w[0] - 0.5) < 1e-14 && fabs(w[1] - 0.5) < 1e-14);
    mad_arena_destroy(r->mem);
}

/* A later generation keeps the design of generation 1. */
static void test_linear_design(void **state)
{
    mad_ctx *ctx = *state;
    static const mad_known_model known = {
        &mad_model_linear, {"design=reused", NULL}, &mad_world_regression, {"features=3", NULL}};
    mad_model_case *r = mad_model_case_create(ctx, &known);
    const mad_set first = mad_model_case_real(ctx, r, 40);
    assert_int_equal(mad_model_case_fit(ctx, r, &first, 0), MAD_OK);
    mad_set second = mad_model_case_take(ctx, r, 80);
    for (size_t i = 0; i < 80 * second.dim; i++) {
        second.x[i] = (double)i;
    }
    const mad_fit_args later = {.key = {.seed = 12, .generation = 2, .purpose = MAD_RNG_FIT},
                                .samples_seen = &r->samples_seen,
                                .flops = &r->flops};
    assert_int_equal(r->model->type->fit(ctx, r->model, &second, &later), MAD_OK);
    const mad_set drawn = mad_model_case_sample(ctx, r, 80, 0);
    for (size_t i = 0; i < 80; i++) {
        assert_memory_equal(drawn.x + i * 4, first.x + i % 40 * 4, 3 * sizeof(double));
    }
    mad_arena_destroy(r->mem);
}

int main(void)
{
    mad_ctx *ctx = mad_ctx_create(2);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(test_gauss_values, ctx),
        cmocka_unit_test_prestate(test_gauss_line, ctx),
        cmocka_unit_test_prestate(test_categorical, ctx),
        cmocka_unit_test_prestate(test_kde, ctx),
        cmocka_unit_test_prestate(test_linear, ctx),
        cmocka_unit_test_prestate(test_linear_design, ctx),
    };
    const int n_failed = cmocka_run_group_tests(tests, NULL, NULL);
    mad_ctx_destroy(ctx);
    return n_failed;
}

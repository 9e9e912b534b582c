/* Statistics: known answers, identities, errors, the same bits for any thread count. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sim/base/par.h"
#include "sim/base/rng.h"
#include "sim/num/stats.h"

static const mad_key test_key = {.seed = 4711, .purpose = MAD_RNG_TEST};

static double *normals(size_t n, uint64_t item)
{
    double *x = malloc((n + 1) * sizeof *x);
    mad_rng rng = mad_rng_open(test_key, item);
    mad_rng_normals(&rng, n, x);
    return x;
}

static void test_sums(void **state)
{
    (void)state;
    enum { N = 100003 };
    double *x = malloc(N * sizeof *x);
    for (size_t i = 0; i < N; i++) {
        x[i] = (double)(i + 1);
    }
    assert_true(mad_sum(0, x) == 0.0);
    assert_true(mad_sum(N, x) == 0.5 * N * (N + 1.0));
    assert_true(mad_mean(N, x) == 0.5 * (N + 1.0));
    assert_true(fabs(mad_variance(N, x, 0) / (((double)N * N - 1.0) / 12.0) - 1.0) < 1e-14);
    assert_true(fabs(mad_variance(N, x, 1) / ((double)N * (N + 1.0) / 12.0) - 1.0) < 1e-14);
    assert_true(isnan(mad_mean(0, x)) && isnan(mad_variance(1, x, 1)) &&
                isnan(mad_variance(0, x, 0)));
    assert_true(mad_variance(1, x, 0) == 0.0);
    for (size_t i = 0; i < N; i++) { /* 0.1 added up one by one is off by 1e-8; halves are not */
        x[i] = 0.1;
    }
    assert_true(fabs(mad_sum(N, x) - 0.1 * N) < 4e-12);
    for (size_t i = 0; i < N; i++) { /* a far mean: the one-pass formula would lose everything */
        x[i] = 1e9 + (double)(i % 2);
    }
    assert_true(fabs(mad_variance(N - 1, x, 0) - 0.25) < 1e-12);
    free(x);
}

static void test_mean_cov(void **state)
{
    mad_ctx *ctx = *state;
    static const size_t shapes[][2] = {{2, 1}, {5, 3}, {256, 2}, {257, 2}, {3000, 1}, {700, 30}};
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
        const size_t n = shapes[s][0], dim = shapes[s][1];
        double *x = normals(n * dim, 1 + s), *w = normals(n, 50 + s);
        double *mean = malloc(dim * sizeof *mean), *cov = malloc(dim * dim * sizeof *cov);
        for (size_t i = 0; i < n * dim; i++) {
            x[i] += 100.0;
        }
        for (size_t i = 0; i < n; i++) {
            w[i] = exp(w[i]);
        }
        for (int weighted = 0; weighted < 2; weighted++) {
            double total = 0.0, squares = 0.0;
            for (size_t i = 0; i < n; i++) {
                const double wi = weighted ? w[i] : 1.0;
                total += wi;
                squares += wi * wi;
            }
            for (int ddof = 0; ddof < 2; ddof++) {
                assert_int_equal(mad_mean_cov(ctx, n, dim, x, weighted ? w : NULL, ddof, mean, cov),
                                 MAD_OK);
                for (size_t j = 0; j < dim * dim; j++) {
                    const size_t a = j / dim, b = j % dim;
                    double ma = 0.0, mb = 0.0, sum = 0.0;
                    for (size_t i = 0; i < n; i++) {
                        const double wi = weighted ? w[i] : 1.0;
                        ma += wi * x[i * dim + a] / total;
                        mb += wi * x[i * dim + b] / total;
                    }
                    for (size_t i = 0; i < n; i++) {
                        const double wi = weighted ? w[i] : 1.0;
                        sum += wi * (x[i * dim + a] - ma) * (x[i * dim + b] - mb);
                    }
                    sum /= total - ddof * squares / total;
                    assert_true(fabs(mean[a] - ma) < 1e-10);
                    assert_true(fabs(cov[j] - sum) < 1e-10 * (1.0 + fabs(sum)));
                }
            }
        }
        free(x), free(w), free(mean), free(cov);
    }
    double x[2] = {3.0, 4.0}, mean[2], cov[4];
    assert_int_equal(mad_mean_cov(ctx, 1, 2, x, NULL, 0, mean, cov), MAD_OK);
    assert_true(mean[0] == 3.0 && mean[1] == 4.0 && cov[0] == 0.0 && cov[1] == 0.0);
    assert_int_equal(mad_mean_cov(ctx, 1, 2, x, NULL, 1, mean, cov), MAD_E_RANGE);
    assert_string_equal(ctx->message, "covariance of 1 rows: needs at least 2");
    mad_ctx_clear(ctx);
    assert_int_equal(mad_mean_cov(ctx, 0, 2, x, NULL, 0, mean, cov), MAD_E_RANGE);
    mad_ctx_clear(ctx);
}

static void test_threads(void **state)
{
    (void)state;
    static const size_t counts[] = {1, 2, 3, 5};
    enum { N = 70001, DIM = 3 };
    double *x = normals(N * DIM, 9);
    double first[DIM + DIM * DIM];
    for (size_t t = 0; t < 4; t++) {
        mad_ctx *ctx = mad_ctx_create(counts[t]);
        double got[DIM + DIM * DIM];
        assert_int_equal(mad_mean_cov(ctx, N, DIM, x, NULL, 1, got, got + DIM), MAD_OK);
        if (t == 0) {
            memcpy(first, got, sizeof got);
        }
        assert_memory_equal(first, got, sizeof got);
        mad_ctx_destroy(ctx);
    }
    free(x);
}

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Orders that break naive quicksorts, and random ones with many ties. */
static void test_sort(void **state)
{
    (void)state;
    for (size_t n = 0; n < 3000; n = n < 70 ? n + 1 : n * 3 / 2) {
        for (int kind = 0; kind < 6; kind++) {
            double *x = normals(n, n), *y = malloc((n + 1) * sizeof *y);
            for (size_t i = 0; i < n; i++) {
                const double up = (double)i, tent = (double)(i < n / 2 ? i : n - i);
                const double choices[6] = {x[i], up, -up, tent, 1.0, floor(x[i])};
                x[i] = choices[kind];
            }
            memcpy(y, x, n * sizeof *y);
            qsort(y, n, sizeof *y, ascending);
            mad_sort(n, x);
            for (size_t i = 0; i < n; i++) {
                assert_true(x[i] == y[i]);
            }
            free(x), free(y);
        }
    }
    double odd[5] = {(double)NAN, 2.0, (double)NAN, (double)-INFINITY, (double)INFINITY};
    mad_sort(5, odd);
    assert_true(isinf(odd[0]) && odd[0] < 0.0 && odd[1] == 2.0 && isinf(odd[2]) && odd[2] > 0.0);
    assert_true(isnan(odd[3]) && isnan(odd[4]));
}

static void test_quantile(void **state)
{
    (void)state;
    const double x[4] = {1.0, 2.0, 4.0, 8.0}, inf[2] = {0.0, (double)INFINITY};
    assert_true(mad_quantile_sorted(4, x, 0.0) == 1.0 && mad_quantile_sorted(4, x, 1.0) == 8.0);
    assert_true(mad_quantile_sorted(4, x, 0.5) == 3.0);
    assert_true(fabs(mad_quantile_sorted(4, x, 0.9) - 6.8) < 1e-14);
    assert_true(mad_quantile_sorted(1, x, 0.3) == 1.0);
    assert_true(mad_quantile_sorted(2, inf, 0.0) == 0.0); /* no 0 * inf */
}

static void test_special(void **state)
{
    (void)state;
    const double euler = 0.57721566490153286061, pi = 3.14159265358979323846;
    assert_true(fabs(mad_digamma(1.0) + euler) < 1e-14);
    assert_true(fabs(mad_digamma(0.5) + euler + 2.0 * log(2.0)) < 1e-14);
    assert_true(fabs(mad_trigamma(1.0) - pi * pi / 6.0) < 1e-14);
    assert_true(fabs(mad_normal_quantile(0.5)) < 1e-15);
    assert_true(fabs(mad_normal_quantile(0.975) - 1.959963984540054) < 1e-13);
    assert_true(fabs(mad_student_t_critical(1, 0.5) - 1.0) < 1e-10); /* Cauchy: tan(pi/4) */
    assert_true(fabs(mad_student_t_critical(2, 0.5) - sqrt(2.0 / 3.0)) < 1e-10);
    assert_true(fabs(mad_log_c4(2.0) - 0.5 * log(2.0 / pi)) < 1e-15);
    assert_true(fabs(mad_log_c4(3.0) - log(sqrt(pi) / 2.0)) < 1e-15);
    for (double n = 2.0; n < 1e9; n *= 1.37) { /* c4(n) c4(n + 1) = sqrt((n - 1) / n) */
        const double exact = 0.5 * log1p(-1.0 / n);
        assert_true(fabs(mad_log_c4(n) + mad_log_c4(n + 1.0) - exact) < 4e-15);
        assert_true(fabs(mad_log_c4(n) / exact - 0.5) < 0.2);
    }
    for (double x = 1e-3; x < 1e6; x *= 1.7) { /* psi(x + 1) = psi(x) + 1/x, and its derivative */
        assert_true(fabs(mad_digamma(x + 1.0) - mad_digamma(x) - 1.0 / x) <
                    1e-13 * (1.0 + 1.0 / x));
        assert_true(fabs(mad_trigamma(x + 1.0) / (mad_trigamma(x) - 1.0 / (x * x)) - 1.0) <
                    1e-12 * (1.0 + 1.0 / (x * x)) * (1.0 + x));
    }
}

static void test_hash(void **state)
{
    (void)state;
    /* published FNV-1a 64 test vectors */
    assert_true(mad_fnv1a("", 0, MAD_FNV1A_START) == 0xcbf29ce484222325ull);
    assert_true(mad_fnv1a("a", 1, MAD_FNV1A_START) == 0xaf63dc4c8601ec8cull);
    assert_true(mad_fnv1a("foobar", 6, MAD_FNV1A_START) == 0x85944171f73967e8ull);
    assert_true(mad_fnv1a("bar", 3, mad_fnv1a("foo", 3, MAD_FNV1A_START)) == 0x85944171f73967e8ull);
}

static int setup(void **state)
{
    *state = mad_ctx_create(2);
    return *state == NULL;
}

static int teardown(void **state)
{
    mad_ctx_destroy(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sums),     cmocka_unit_test(test_mean_cov),
        cmocka_unit_test(test_threads),  cmocka_unit_test(test_sort),
        cmocka_unit_test(test_quantile), cmocka_unit_test(test_special),
        cmocka_unit_test(test_hash),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}

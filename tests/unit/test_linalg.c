/* Linear algebra: known answers, every documented error, the same bits for any thread count. */
#include <math.h>
#include <omp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sim/base/par.h"
#include "sim/base/rng.h"
#include "sim/num/linalg.h"
#include "sim/num/stats.h"

static const mad_key test_key = {.seed = 20240, .purpose = MAD_RNG_TEST};

static double *normals(size_t n, uint64_t item)
{
    double *x = malloc((n + 1) * sizeof *x);
    mad_rng rng = mad_rng_open(test_key, item);
    mad_rng_normals(&rng, n, x);
    return x;
}

static double max_abs_diff(size_t n, const double *a, const double *b)
{
    double worst = 0.0;
    for (size_t i = 0; i < n; i++) {
        worst = fmax(worst, fabs(a[i] - b[i]));
    }
    return worst;
}

/* Every function against plain loops in the shapes below: 1, below and above the small-size path.
 */
static const size_t dims[] = {1, 2, 3, 8, 9, 17, 64, 130};
enum { N_DIMS = sizeof dims / sizeof *dims };

static void test_products(void **state)
{
    (void)state;
    for (size_t s = 0; s < N_DIMS; s++) {
        const size_t n = dims[s], m = 2 * n + 3;
        double *a = normals(m * n, 1), *b = normals(n * n, 2), *bt = malloc(n * n * sizeof *bt);
        double *c = normals(m * n, 3), *d = normals(m * n, 3), *e = malloc(m * n * sizeof *e);
        for (size_t i = 0; i < m; i++) {
            for (size_t j = 0; j < n; j++) {
                double sum = 0.0;
                for (size_t k = 0; k < n; k++) {
                    sum += a[i * n + k] * b[k * n + j];
                    bt[j * n + k] = b[k * n + j];
                }
                e[i * n + j] = 0.5 * sum - 2.0 * c[i * n + j];
            }
        }
        mad_gemm(m, n, n, 0.5, a, b, -2.0, c);
        mad_gemm_nt(m, n, n, 0.5, a, bt, -2.0, d);
        assert_true(max_abs_diff(m * n, c, e) < 1e-12 * (double)n);
        assert_true(max_abs_diff(m * n, d, e) < 1e-12 * (double)n);

        double *gram = malloc(n * n * sizeof *gram), *twice = malloc(n * n * sizeof *twice);
        double *plain = malloc(n * n * sizeof *plain);
        for (size_t i = 0; i < n * n; i++) {
            plain[i] = 0.0;
            for (size_t k = 0; k < m; k++) {
                plain[i] += a[k * n + i / n] * a[k * n + i % n];
            }
        }
        mad_gram(m, n, a, gram);
        assert_true(max_abs_diff(n * n, gram, plain) < 1e-12 * (double)m);
        memcpy(twice, gram, n * n * sizeof *twice);
        mad_gram_add(m, n, a, twice);
        for (size_t i = 0; i < n * n; i++) {
            assert_true(fabs(twice[i] - 2.0 * plain[i]) < 1e-12 * (double)m);
            assert_true(gram[i] == gram[i % n * n + i / n]);
        }

        /* x l^T with the lower half of b; the upper half must not be read */
        for (size_t i = 0; i < m; i++) {
            for (size_t j = 0; j < n; j++) {
                e[i * n + j] = 0.0;
                for (size_t k = 0; k <= j; k++) {
                    e[i * n + j] += b[j * n + k] * a[i * n + k];
                }
            }
        }
        for (size_t i = 0; i < n; i++) {
            for (size_t j = i + 1; j < n; j++) {
                b[i * n + j] = (double)NAN;
            }
        }
        mad_rows_times_lower(m, n, b, a);
        assert_true(max_abs_diff(m * n, a, e) < 1e-12 * (double)n);
        mad_rows_times_lower(0, n, b, a);
        free(a), free(b), free(bt), free(c), free(d), free(e), free(gram), free(twice), free(plain);
    }
}

static void test_cholesky(void **state)
{
    mad_ctx *ctx = *state;
    for (size_t s = 0; s < N_DIMS; s++) {
        /* full rank from 2n rows, then rank n/2 from n/2 rows */
        for (int deficient = 0; deficient < 2; deficient++) {
            const size_t n = dims[s], m = deficient ? n / 2 : 2 * n;
            double *x = normals(m * n, 4), *a = malloc(n * n * sizeof *a);
            double *l = malloc(n * n * sizeof *l), *back = malloc(n * n * sizeof *back);
            mad_gram(m, n, x, a);
            assert_int_equal(mad_cholesky_semi(ctx, n, a, l), MAD_OK);
            mad_gemm_nt(n, n, n, 1.0, l, l, 0.0, back);
            double scale = 0.0;
            for (size_t i = 0; i < n; i++) {
                scale = fmax(scale, a[i * n + i]);
                for (size_t j = i + 1; j < n; j++) {
                    assert_true(l[i * n + j] == 0.0);
                }
            }
            assert_true(max_abs_diff(n * n, a, back) <= 1e-6 * (deficient ? scale : 1e-6 * scale));
            assert_int_equal(mad_cholesky_semi(ctx, n, a, a), MAD_OK); /* in place */
            assert_memory_equal(a, l, n * n * sizeof *a);
            free(x), free(a), free(l), free(back);
        }
    }
    const double by_hand[9] = {4, 12, -16, 12, 37, -43, -16, -43, 98};
    const double answer[9] = {2, 0, 0, 6, 1, 0, -8, 5, 3};
    double l[9], bad[4] = {1, 0, 0, (double)NAN};
    assert_int_equal(mad_cholesky_semi(ctx, 3, by_hand, l), MAD_OK);
    assert_memory_equal(l, answer, sizeof l);
    assert_int_equal(mad_cholesky_semi(ctx, 2, bad, l), MAD_E_NONFINITE);
    mad_ctx_clear(ctx);
}

static void test_eigen(void **state)
{
    mad_ctx *ctx = *state;
    for (size_t s = 0; s < N_DIMS; s++) {
        const size_t n = dims[s];
        double *x = normals(2 * n * n, 5), *a = malloc(n * n * sizeof *a);
        double *v = malloc(n * n * sizeof *v), *va = malloc(n * n * sizeof *va);
        double *back = malloc(n * n * sizeof *back);
        double *values = malloc(n * sizeof *values), *only = malloc(n * sizeof *only);
        mad_gram(2 * n, n, x, a);
        assert_int_equal(mad_eigen_sym(ctx, n, a, values, v), MAD_OK);
        assert_int_equal(mad_eigen_sym(ctx, n, a, only, NULL), MAD_OK);
        mad_gemm_nt(n, n, n, 1.0, v, v, 0.0, back); /* orthonormal rows */
        for (size_t i = 0; i < n * n; i++) {
            assert_true(fabs(back[i] - (i % n == i / n ? 1.0 : 0.0)) < 1e-12);
        }
        mad_gemm(n, n, n, 1.0, v, a, 0.0, va); /* row i of v a = values[i] row i of v */
        for (size_t i = 0; i < n; i++) {
            assert_true(i == 0 || values[i - 1] <= values[i]);
            assert_true(fabs(values[i] - only[i]) < 1e-12 * values[n - 1]);
            for (size_t j = 0; j < n; j++) {
                assert_true(fabs(va[i * n + j] - values[i] * v[i * n + j]) < 1e-12 * values[n - 1]);
            }
        }
        assert_int_equal(mad_eigen_sym(ctx, n, a, only, a), MAD_OK); /* in place */
        assert_memory_equal(a, v, n * n * sizeof *a);
        free(x), free(a), free(v), free(va), free(back), free(values), free(only);
    }
    const double bad[4] = {1, (double)INFINITY, (double)INFINITY, 1};
    double values[2];
    assert_int_equal(mad_eigen_sym(ctx, 2, bad, values, NULL), MAD_E_NONFINITE);
    mad_ctx_clear(ctx);
}

static void test_least_squares(void **state)
{
    mad_ctx *ctx = *state;
    /* y = 2 x1 - x2 exactly; then the same column twice: minimum norm shares the weight */
    const double x[8] = {1, 0, 0, 1, 1, 1, 2, -1}, y[4] = {2, -1, 1, 5};
    const double twin[8] = {1, 1, 2, 2, 3, 3, 4, 4}, z[4] = {2, 4, 6, 8};
    const double wide[3] = {1, 2, 2}, one[1] = {9}; /* 1 row, 3 unknowns: w = x y / |x|^2 */
    double w[3];
    assert_int_equal(mad_least_squares(ctx, 4, 2, x, y, w), MAD_OK);
    assert_true(fabs(w[0] - 2.0) < 1e-13 && fabs(w[1] + 1.0) < 1e-13);
    assert_int_equal(mad_least_squares(ctx, 4, 2, twin, z, w), MAD_OK);
    assert_true(fabs(w[0] - 1.0) < 1e-13 && fabs(w[1] - 1.0) < 1e-13);
    assert_int_equal(mad_least_squares(ctx, 1, 3, wide, one, w), MAD_OK);
    assert_true(fabs(w[0] - 1.0) < 1e-13 && fabs(w[1] - 2.0) < 1e-13 && fabs(w[2] - 2.0) < 1e-13);
    const double bad[4] = {1, (double)NAN, 1, 1};
    assert_int_equal(mad_least_squares(ctx, 4, 2, x, bad, w), MAD_E_NONFINITE);
    mad_ctx_clear(ctx);
}

static void test_log_det(void **state)
{
    mad_ctx *ctx = *state;
    const double full[4] = {2, 1, 1, 2}, flat[4] = {1, 1, 1, 1}, zero[4] = {0};
    const double edge[4] = {1, 0, 0, 1e-12}, above[4] = {1, 0, 0, 1.1e-12};
    double value = 0.0;
    assert_int_equal(mad_log_det_sym(ctx, 2, full, &value), MAD_OK);
    assert_true(fabs(value - log(3.0)) < 1e-15);
    assert_int_equal(mad_log_det_sym(ctx, 2, flat, &value), MAD_OK);
    assert_true(value == -(double)INFINITY);
    assert_int_equal(mad_log_det_sym(ctx, 2, zero, &value), MAD_OK);
    assert_true(value == -(double)INFINITY);
    assert_int_equal(mad_log_det_sym(ctx, 2, edge, &value), MAD_OK);
    assert_true(value == -(double)INFINITY);
    assert_int_equal(mad_log_det_sym(ctx, 2, above, &value), MAD_OK);
    assert_true(fabs(value - log(1.1e-12)) < 1e-12);
    assert_int_equal(mad_log_det_sym(ctx, 1, zero, &value), MAD_OK);
    assert_true(value == -(double)INFINITY);

    enum { N = 40 }; /* where the Cholesky factor is tried first */
    static const double least[] = {0.9e-12, 1.1e-12, 1e-6, 0.5};
    for (size_t k = 0; k < sizeof least / sizeof *least; k++) {
        double *q = normals(N * N, 6), *scaled = malloc(N * N * sizeof *scaled);
        double *a = malloc(N * N * sizeof *a), *haar = malloc(N * N * sizeof *haar);
        assert_int_equal(mad_haar(ctx, N, q, haar), MAD_OK);
        for (size_t i = 0; i < N * N; i++) { /* eigenvalues 1, ..., 1, least */
            scaled[i] = haar[i] * (i % N == 0 ? least[k] : 1.0);
        }
        mad_gemm_nt(N, N, N, 1.0, scaled, haar, 0.0, a);
        for (size_t i = 0; i < N; i++) { /* symmetric to the last bit */
            for (size_t j = 0; j < i; j++) {
                a[i * N + j] = a[j * N + i];
            }
        }
        assert_int_equal(mad_log_det_sym(ctx, N, a, &value), MAD_OK);
        assert_true(k == 0 ? value == -(double)INFINITY
                           : fabs(value - log(least[k])) < 1e-15 * N / least[k]);
        free(q), free(scaled), free(a), free(haar);
    }
}

static void test_bures(void **state)
{
    mad_ctx *ctx = *state;
    /* Commuting covariances: |dmu|^2 + sum (sd1 - sd2)^2. */
    const double mean1[2] = {1, 2}, mean2[2] = {1, -1};
    const double cov1[4] = {4, 0, 0, 9}, cov2[4] = {1, 0, 0, 0}; /* the second one is flat */
    double value = 0.0;
    assert_int_equal(mad_bures_sq(ctx, 2, mean1, cov1, mean2, cov2, &value), MAD_OK);
    assert_true(fabs(value - (9.0 + 1.0 + 9.0)) < 1e-13);
    assert_int_equal(mad_bures_sq(ctx, 2, mean2, cov2, mean1, cov1, &value), MAD_OK);
    assert_true(fabs(value - (9.0 + 1.0 + 9.0)) < 1e-13);
    assert_int_equal(mad_bures_sq(ctx, 1, mean1, cov1, mean2, cov2, &value), MAD_OK);
    assert_true(fabs(value - 1.0) < 1e-14);
    /* A law on a subspace (whole numbers: exactly flat) from either side. Roots of eigenvalues that
     * are 0 to rounding only would make the sides differ by 1e-8. */
    double unit[64] = {0}, rows[4 * 8], flat[64], other = 0.0;
    const double zero[8] = {0};
    mad_rng rng = mad_rng_open((mad_key){.seed = 11, .purpose = MAD_RNG_TEST}, 0);
    for (size_t i = 0; i < 4 * 8; i++) {
        rows[i] = (double)mad_rng_below(&rng, 100);
    }
    mad_gram(4, 8, rows, flat);
    double traces = 8.0;
    for (size_t i = 0; i < 8; i++) {
        unit[9 * i] = 1.0;
        traces += flat[9 * i];
    }
    assert_int_equal(mad_bures_sq(ctx, 8, zero, unit, zero, flat, &value), MAD_OK);
    assert_int_equal(mad_bures_sq(ctx, 8, zero, flat, zero, unit, &other), MAD_OK);
    assert_true(fabs(value - other) < 1e-11 * traces);
    for (size_t s = 0; s < N_DIMS; s++) { /* a law against itself is 0, never negative */
        const size_t n = dims[s];
        double *x = normals(3 * n * n, 6), *a = malloc(n * n * sizeof *a);
        mad_gram(3 * n, n, x, a);
        assert_int_equal(mad_bures_sq(ctx, n, x, a, x, a, &value), MAD_OK);
        assert_true(value >= 0.0 && value < 1e-11 * (double)(n * n));
        free(x), free(a);
    }
    /* At either end of the range: sum (sd1 - sd2)^2 of commuting covariances again. */
    static const double ends[] = {1e-320, 1e-300, 1e300, 1e306};
    for (size_t i = 0; i < 4; i++) {
        for (size_t j = 0; j < 4; j++) {
            const double a = ends[i], b = ends[j];
            const double wide[4] = {4 * a, 0, 0, 9 * a}, narrow[4] = {b, 0, 0, 4 * b};
            const double flat2[4] = {b, 0, 0, 0};
            const double want = pow(2 * sqrt(a) - sqrt(b), 2) + pow(3 * sqrt(a) - 2 * sqrt(b), 2);
            const double want2 = pow(2 * sqrt(a) - sqrt(b), 2) + 9 * a;
            assert_int_equal(mad_bures_sq(ctx, 2, zero, wide, zero, narrow, &value), MAD_OK);
            assert_true(fabs(value - want) <= 1e-13 * (13 * a + 5 * b) + 1e-322);
            assert_int_equal(mad_bures_sq(ctx, 2, zero, wide, zero, flat2, &value), MAD_OK);
            assert_true(fabs(value - want2) <= 1e-13 * (13 * a + b) + 1e-322);
        }
    }
    const double bad[4] = {1, 0, 0, (double)NAN};
    assert_int_equal(mad_bures_sq(ctx, 2, mean1, bad, mean2, cov2, &value), MAD_E_NONFINITE);
    mad_ctx_clear(ctx);
    assert_int_equal(mad_bures_sq(ctx, 2, mean1, cov1, mean2, bad, &value), MAD_E_NONFINITE);
    mad_ctx_clear(ctx);
}

/* a = g g^T/m + ..., positive definite; b = a^2 commutes with it. */
static void test_spectral(void **state)
{
    (void)state;
    mad_ctx *ctx = mad_ctx_create(1);
    for (size_t s = 0; s < N_DIMS; s++) {
        const size_t n = dims[s], m = 2 * n + 3;
        double *g = normals(m * n, 31), *a = malloc(n * n * sizeof *a);
        double *b = malloc(n * n * sizeof *b), *c = malloc(n * n * sizeof *c);
        double *d = malloc(n * n * sizeof *d);
        mad_gram(m, n, g, a);
        for (size_t i = 0; i < n * n; i++) {
            a[i] /= (double)m;
        }
        assert_int_equal(mad_sym_power(ctx, n, a, 0.5, b), MAD_OK);
        mad_gemm(n, n, n, 1.0, b, b, 0.0, c);
        assert_true(max_abs_diff(n * n, a, c) < 1e-12);
        assert_int_equal(mad_sym_power(ctx, n, a, -0.5, c), MAD_OK);
        mad_gemm(n, n, n, 1.0, b, c, 0.0, d);
        for (size_t i = 0; i < n; i++) {
            d[i * n + i] -= 1.0;
        }
        memset(c, 0, n * n * sizeof *c);
        assert_true(max_abs_diff(n * n, c, d) < 1e-9);
        /* b = a^2: a^(1 + w) a^(-2 w) = a^(1 - w); w = 0.5 gives the root, w = 0 a itself */
        mad_gemm(n, n, n, 1.0, a, a, 0.0, b);
        assert_int_equal(mad_log_extrapolate(ctx, n, a, b, 0.5, c), MAD_OK);
        assert_int_equal(mad_sym_power(ctx, n, a, 0.5, d), MAD_OK);
        assert_true(max_abs_diff(n * n, c, d) < 1e-9);
        assert_int_equal(mad_log_extrapolate(ctx, n, a, b, 0.0, a), MAD_OK);
        mad_gemm(n, n, n, 1.0, a, a, 0.0, c);
        assert_true(max_abs_diff(n * n, b, c) < 1e-9);
        free(g);
        free(a);
        free(b);
        free(c);
        free(d);
    }
    /* a flat matrix has roots, zero where it is flat, but no logarithm */
    const double flat[] = {4.0, 0.0, 0.0, 0.0}, full[] = {1.0, 0.5, 0.5, 1.0};
    double out[4];
    assert_int_equal(mad_sym_power(ctx, 2, flat, -0.5, out), MAD_OK);
    assert_true(out[0] == 0.5 && out[1] == 0.0 && out[3] == 0.0);
    assert_int_equal(mad_log_extrapolate(ctx, 2, flat, full, 1.0, out), MAD_E_RANGE);
    mad_ctx_clear(ctx);
    assert_int_equal(mad_log_extrapolate(ctx, 2, full, flat, 1.0, out), MAD_E_RANGE);
    mad_ctx_destroy(ctx);
}

static void test_haar(void **state)
{
    mad_ctx *ctx = *state;
    for (size_t s = 0; s < N_DIMS; s++) {
        const size_t n = dims[s];
        double *x = normals(n * n, 7), *keep = normals(n * n, 7);
        double *q = malloc(n * n * sizeof *q), *r = malloc(n * n * sizeof *r);
        assert_int_equal(mad_haar(ctx, n, x, q), MAD_OK);
        assert_memory_equal(x, keep, n * n * sizeof *x);
        mad_gemm_nt(n, n, n, 1.0, q, q, 0.0, r);
        for (size_t i = 0; i < n * n; i++) {
            assert_true(fabs(r[i] - (i % n == i / n ? 1.0 : 0.0)) < 1e-12);
        }
        /* x q^T is lower triangular with a positive diagonal: the one such factor there is */
        mad_gemm_nt(n, n, n, 1.0, x, q, 0.0, r);
        for (size_t i = 0; i < n; i++) {
            assert_true(r[i * n + i] > 0.0);
            for (size_t j = i + 1; j < n; j++) {
                assert_true(fabs(r[i * n + j]) < 1e-11);
            }
        }
        free(x), free(keep), free(q), free(r);
    }
}

/* E q = 0 for every entry under the Haar law; without the sign rule LAPACK's q_11 has one sign.
 * n = 2000 rotations of R^3, entries have variance 1/3: |z| < 4.89, false alarm 1e-6 per entry. */
static double haar_mean_z(mad_ctx *ctx, size_t i_entry, int sabotage)
{
    enum { N = 2000 };
    double value[N];
    for (size_t r = 0; r < N; r++) {
        double x[9], q[9];
        mad_rng rng = mad_rng_open(test_key, 1000 + r);
        mad_rng_normals(&rng, 9, x);
        assert_int_equal(mad_haar(ctx, 3, x, q), MAD_OK);
        value[r] = sabotage ? -fabs(q[i_entry]) : q[i_entry];
    }
    return mad_mean(N, value) / sqrt(1.0 / 3.0 / N);
}

static void test_haar_law(void **state)
{
    mad_ctx *ctx = *state;
    for (size_t i = 0; i < 9; i++) {
        assert_true(fabs(haar_mean_z(ctx, i, 0)) < 4.89);
    }
    assert_true(fabs(haar_mean_z(ctx, 0, 1)) > 4.89);
}

/* One hash over the results of every BLAS-backed function in shapes where OpenBLAS would thread. */
static uint64_t all_results(mad_ctx *ctx)
{
    const size_t n = 97, m = 801;
    double *x = normals(m * n, 8), *y = normals(m, 9), *weight = malloc(m * sizeof *weight);
    double *a = malloc(n * n * sizeof *a), *b = malloc(n * n * sizeof *b);
    double *c = malloc(m * n * sizeof *c), *values = malloc(n * sizeof *values), scalar = 0.0;
    uint64_t hash = MAD_FNV1A_START;
    for (size_t i = 0; i < m; i++) {
        weight[i] = 1.0 + 0.5 * sin((double)i);
    }
#define HASH(n_doubles, p) (hash = mad_fnv1a(p, (n_doubles) * sizeof(double), hash))
    mad_gram(m, n, x, a);
    HASH(n * n, a);
    mad_gemm(m, n, n, 1.0, x, a, 0.0, c);
    HASH(m * n, c);
    mad_gemm_nt(n, n, n, 1.0, a, a, 0.0, b);
    HASH(n * n, b);
    assert_int_equal(mad_cholesky_semi(ctx, n, a, b), MAD_OK);
    HASH(n * n, b);
    mad_rows_times_lower(m, n, b, c);
    HASH(m * n, c);
    assert_int_equal(mad_eigen_sym(ctx, n, a, values, b), MAD_OK);
    HASH(n, values);
    HASH(n * n, b);
    assert_int_equal(mad_eigen_sym(ctx, n, a, values, NULL), MAD_OK);
    HASH(n, values);
    assert_int_equal(mad_least_squares(ctx, m, n, x, y, values), MAD_OK);
    HASH(n, values);
    assert_int_equal(mad_haar(ctx, n, x, b), MAD_OK);
    HASH(n * n, b);
    assert_int_equal(mad_mean_cov(ctx, m, n, x, NULL, 1, values, b), MAD_OK);
    HASH(n, values);
    HASH(n * n, b);
    assert_int_equal(mad_bures_sq(ctx, n, x, a, y, b, &scalar), MAD_OK);
    HASH(1, &scalar);
    assert_int_equal(mad_log_det_sym(ctx, n, b, &scalar), MAD_OK);
    HASH(1, &scalar);
    assert_int_equal(mad_mean_cov(ctx, m, n, x, weight, 0, values, b), MAD_OK);
    HASH(n * n, b);
#undef HASH
    free(x), free(y), free(weight), free(a), free(b), free(c), free(values);
    return hash;
}

static mad_status one_item(mad_ctx *ctx, void *arg, size_t i_item)
{
    ((uint64_t *)arg)[i_item] = all_results(ctx);
    return MAD_OK;
}

static void test_threads(void **state)
{
    (void)state;
    static const size_t counts[] = {1, 2, 3, 5};
    uint64_t first = 0;
    for (size_t t = 0; t < 4; t++) {
        mad_ctx *ctx = mad_ctx_create(counts[t]);
        const uint64_t hash = all_results(ctx);
        first = t == 0 ? hash : first;
        assert_true(hash == first);
        assert_int_equal(omp_get_max_threads(), (int)counts[t]); /* as it was */
        uint64_t inside[4] = {0};
        assert_int_equal(mad_par_for(ctx, 4, one_item, inside), MAD_OK);
        for (size_t i = 0; i < 4; i++) {
            assert_true(inside[i] == first);
        }
        mad_ctx_destroy(ctx);
    }
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
        cmocka_unit_test(test_products), cmocka_unit_test(test_cholesky),
        cmocka_unit_test(test_eigen),    cmocka_unit_test(test_least_squares),
        cmocka_unit_test(test_log_det),  cmocka_unit_test(test_bures),
        cmocka_unit_test(test_haar),     cmocka_unit_test(test_haar_law),
        cmocka_unit_test(test_threads),  cmocka_unit_test(test_spectral),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}

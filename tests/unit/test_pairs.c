/* Pairs of rows: every instruction set, sums and median against plain loops, the published Vendi
 * score, transport by hand, degenerate data, and the laws of the unbiased estimates. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "analysis/metrics/bandwidth.h"
#include "analysis/metrics/quantiles.h"
#include "analysis/metrics/transport.h"
#include "analysis/metrics/vendi.h"
#include "sim/cli/lists.h"
#include "sim/num/linalg.h"
#include "sim/num/stats.h"
#include "tests/support/metric_case.h"

static const mad_metric_type *const types[] = {
    &mad_metric_kid,    &mad_metric_mmd, &mad_metric_energy,       &mad_metric_axis,
    &mad_metric_sliced, &mad_metric_emd, &mad_metric_vendi_cosine, &mad_metric_vendi_rbf,
};
enum { N_TYPES = sizeof types / sizeof *types };

#define NO_PAIRS 0, NULL

static metric_case *create(size_t n_pairs, const char *const *pairs, size_t n, size_t m, size_t dim)
{
    metric_case *c = mad_case_create(2, n_pairs, pairs);
    assert_non_null(c);
    assert_true(mad_case_sets(c, n, m, dim));
    return c;
}

static void fill_normals(mad_set *set, uint64_t item)
{
    mad_rng rng = mad_rng_open((mad_key){.seed = 47, .purpose = MAD_RNG_TEST}, item);
    mad_rng_normals(&rng, set->n_rows * set->dim, set->x);
}

/* ---- kernels ---------------------------------------------------------------------------------- */

static double plain_kernel(const mad_kernel *kernel, size_t dim, const double *x, const double *y)
{
    double square = 0.0, dot = 0.0;
    for (size_t k = 0; k < dim; k++) {
        square += (x[k] - y[k]) * (x[k] - y[k]);
        dot += x[k] * y[k];
    }
    switch (kernel->kind) {
    case MAD_PAIR_DISTANCE_SQ:
        return square;
    case MAD_PAIR_DISTANCE:
        return sqrt(square);
    case MAD_PAIR_GAUSS:
        return exp(-square / kernel->scale);
    case MAD_PAIR_CUBIC:
        return pow(dot / kernel->scale + 1.0, 3.0);
    }
    abort();
}

static const mad_kernel kernels[] = {{MAD_PAIR_DISTANCE_SQ, 0.0},
                                     {MAD_PAIR_DISTANCE, 0.0},
                                     {MAD_PAIR_GAUSS, 3.0},
                                     {MAD_PAIR_CUBIC, 5.0}};

/* One tile of every code; rounding: 5 terms of at most `size`, each within an eps. */
static void test_codes(void **state)
{
    (void)state;
    enum { DIM = 5, T = MAD_PAIR_TILE };
    const mad_pair_code *codes[MAD_MAX_PAIR_CODES + 1];
    metric_case *c = create(NO_PAIRS, T, T, DIM);
    mad_pack a, b;
    fill_normals(&c->real, 1);
    fill_normals(&c->fake, 2);
    assert_int_equal(mad_pack_take(c->ctx, c->mem, &c->real, &a), MAD_OK);
    assert_int_equal(mad_pack_take(c->ctx, c->mem, &c->fake, &b), MAD_OK);
    mad_pair_codes(codes);
    for (size_t i = 0; codes[i] != NULL; i++) {
        for (size_t k = 0; k < sizeof kernels / sizeof *kernels; k++) {
            _Alignas(64) double value[T * MAD_PAIR_ROWS] = {0};
            (kernels[k].kind == MAD_PAIR_CUBIC ? codes[i]->add_products
                                               : codes[i]->add_squares)(DIM, a.x, b.x, value);
            codes[i]->finish(&kernels[k], T * MAD_PAIR_ROWS, value);
            for (size_t r = 0; r < T * T; r++) {
                const double want = plain_kernel(&kernels[k], DIM, c->real.x + r / T * DIM,
                                                 c->fake.x + r % T * DIM);
                assert_true(fabs(value[r / T * MAD_PAIR_ROWS + r % T] - want) <
                            1e-14 * (1.0 + fabs(want)));
            }
        }
    }
    mad_case_destroy(c);
}

/* exp over its whole range in every code: 3e-16 relative, 0 below the smallest normal number. */
static void test_exp(void **state)
{
    (void)state;
    enum { N = 4096 };
    static _Alignas(64) double value[N];
    const mad_pair_code *codes[MAD_MAX_PAIR_CODES + 1];
    const mad_kernel unit = {.kind = MAD_PAIR_GAUSS, .scale = 1.0};
    mad_pair_codes(codes);
    for (size_t i = 0; codes[i] != NULL; i++) {
        for (size_t j = 0; j < N; j++) {
            value[j] = j < 2048 ? (double)j * 0.37 : ldexp(1.0 + (double)j / N, (int)(j % 64) - 60);
        }
        value[5] = (double)NAN;
        value[6] = (double)INFINITY;
        codes[i]->finish(&unit, N, value);
        assert_true(isnan(value[5]) && value[6] == 0.0 && value[0] == 1.0);
        for (size_t j = 7; j < N; j++) {
            const double x =
                j < 2048 ? (double)j * 0.37 : ldexp(1.0 + (double)j / N, (int)(j % 64) - 60);
            const double want = exp(-x);
            assert_true(x > 708.0 ? value[j] == 0.0 : fabs(value[j] - want) <= 3.5e-16 * want);
        }
    }
}

static void test_sums(void **state)
{
    (void)state;
    static const size_t sizes[][3] = {
        {1, 1, 1}, {2, 3, 4}, {64, 65, 2}, {130, 63, 9}, {20, 70, 600}};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        metric_case *c = create(NO_PAIRS, sizes[s][0], sizes[s][1], sizes[s][2]);
        const size_t n = c->real.n_rows, m = c->fake.n_rows, dim = c->real.dim;
        fill_normals(&c->real, 3 + s);
        fill_normals(&c->fake, 13 + s);
        for (size_t k = 0; k < sizeof kernels / sizeof *kernels; k++) {
            double within = 0.0, cross = 0.0, size = 0.0, got = 0.0;
            mad_pair_sums sums;
            for (size_t i = 0; i < n; i++) {
                for (size_t j = i + 1; j < n; j++) {
                    within +=
                        plain_kernel(&kernels[k], dim, c->real.x + i * dim, c->real.x + j * dim);
                }
                for (size_t j = 0; j < m; j++) {
                    const double v =
                        plain_kernel(&kernels[k], dim, c->real.x + i * dim, c->fake.x + j * dim);
                    cross += v;
                    size += fabs(v);
                }
            }
            assert_int_equal(mad_pair_sum_within(c->ctx, &kernels[k], &c->real, &got), MAD_OK);
            assert_true(fabs(got - within) <= 1e-12 * (fabs(within) + size));
            assert_int_equal(
                mad_pair_sums_take(c->ctx, &kernels[k], &c->real, got, &c->fake, &sums), MAD_OK);
            assert_true(sums.real == got && fabs(sums.cross - cross) <= 1e-12 * size);
        }
        mad_case_destroy(c);
    }
}

static void test_median(void **state)
{
    (void)state;
    for (uint64_t key = 0; key < 100; key++) {
        const size_t n = 2 + key * 7 % 90, dim = 1 + key % 4;
        metric_case *c = create(NO_PAIRS, n, 1, dim);
        fill_normals(&c->real, 100 + key);
        for (size_t i = 0; i < n * dim && key % 3 == 0; i++) { /* ties */
            c->real.x[i] = round(c->real.x[i]);
        }
        double *all = mad_arena_take(c->mem, n * n, sizeof *all), got = 0.0;
        const mad_kernel distance = {.kind = MAD_PAIR_DISTANCE};
        size_t n_pairs = 0;
        assert_non_null(all);
        for (size_t i = 0; i < n; i++) {
            for (size_t j = i + 1; j < n; j++) {
                all[n_pairs++] =
                    plain_kernel(&distance, dim, c->real.x + i * dim, c->real.x + j * dim);
            }
        }
        mad_sort(n_pairs, all);
        assert_int_equal(mad_median_distance(c->ctx, &c->real, &got), MAD_OK);
        const double want = 0.5 * (all[(n_pairs - 1) / 2] + all[n_pairs / 2]);
        assert_true(fabs(got - want) <= 1e-15 * want);
        mad_case_destroy(c);
    }
}

/* ---- Vendi ------------------------------------------------------------------------------------ */

/* The reference implementation's own example: three pairs of equal numbers, 10 apart. It prints
 * 2.9999, its digits cut: numpy gives 2.99999999588. */
static void test_vendi(void **state)
{
    (void)state;
    enum { N = 6 };
    static const double x[N] = {0, 0, 10, 10, 20, 20};
    double k[N * N], p[N];
    mad_ctx *ctx = mad_ctx_create(1);
    assert_non_null(ctx);
    for (size_t i = 0; i < N * N; i++) {
        k[i] = exp(-fabs(x[i / N] - x[i % N])) / N;
    }
    assert_int_equal(mad_eigen_sym(ctx, N, k, p, NULL), MAD_OK);
    assert_true(floor(1e4 * mad_vendi_score(N, p, 1.0)) == 29999.0);
    assert_true(fabs(mad_vendi_score(N, p, 1.0) - 2.9999999958777) < 1e-12);
    mad_ctx_destroy(ctx);
    static const double third[] = {1.0 / 3, 1.0 / 3, 1.0 / 3, 1e-13, -1e-17}, skew[] = {0.75, 0.25};
    static const double orders[] = {0.5, 1.0, 2.0, (double)INFINITY};
    for (size_t i = 0; i < 4; i++) {
        assert_true(fabs(mad_vendi_score(5, third, orders[i]) - 3.0) < 1e-12);
    }
    const double root = sqrt(0.75) + 0.5;
    assert_true(fabs(mad_vendi_score(2, skew, 0.5) - root * root) < 1e-14);
    assert_true(fabs(mad_vendi_score(2, skew, 2.0) - 1.6) < 1e-14);
    assert_true(fabs(mad_vendi_score(2, skew, (double)INFINITY) - 4.0 / 3) < 1e-14);
    assert_true(isnan(mad_vendi_score(1, (double[]){0.0}, 1.0)));
    assert_true(isnan(mad_vendi_score(2, (double[]){0.5, (double)NAN}, 2.0)));

    metric_case *c = create(NO_PAIRS, 3, 4, 2); /* rows along the axes, one of length 0 */
    memcpy(c->fake.x, (double[]){1, 0, 0, 3, 0, 0, -2, 0}, 8 * sizeof(double));
    /* cosines 1, -1 and 0: eigenvalues 2/3 and 1/3 */
    assert_true(fabs(mad_case_value(c, &mad_metric_vendi_cosine, "vendi_cosine_q2") - 1.8) < 1e-14);
    mad_case_destroy(c);
}

/* ---- transport -------------------------------------------------------------------------------- */

static void test_transport(void **state)
{
    (void)state;
    mad_ctx *ctx = mad_ctx_create(1);
    double work[16], value = 0.0;
    assert_non_null(ctx);
    /* greedy takes the 1 first and pays for it */
    assert_int_equal(mad_transport(ctx, 2, 2, (double[]){1, 2, 3, 100}, &value), MAD_OK);
    assert_true(value == 2.5);
    /* 2 rows to 3 columns: units of 1/6; the middle column takes one of each */
    assert_int_equal(mad_transport(ctx, 2, 3, (double[]){0, 4, 9, 9, 4, 0}, &value), MAD_OK);
    assert_true(fabs(value - 4.0 / 3) < 1e-15);
    assert_int_equal(mad_transport(ctx, 1, 3, (double[]){1, 2, 6}, &value), MAD_OK);
    assert_true(fabs(value - 3.0) < 1e-15);
    assert_int_equal(mad_transport(ctx, 1, 2, (double[]){1, (double)INFINITY}, &value), MAD_OK);
    assert_true(isnan(value));
    /* 0, 3 against 0, 1, 2: pieces of 1/3, 1/6, 1/6, 1/3 of 0, 1, 4, 1 */
    assert_true(fabs(mad_w2_sq_sorted(2, (double[]){0, 3}, 3, (double[]){0, 1, 2}, work) -
                     7.0 / 6) < 1e-15);
    mad_ctx_destroy(ctx);
}

/* At least the sum over the axes and the mean over directions: a coupling of rows couples their
 * projections, not in the best way. Permuting rows changes nothing but rounding. */
static void test_transport_bounds(void **state)
{
    (void)state;
    enum { DIM = 3 };
    for (uint64_t key = 0; key < 100; key++) {
        const size_t n = 1 + key % 37, m = 1 + key * 5 % 23;
        metric_case *c = create(NO_PAIRS, n, m, DIM), *d = create(NO_PAIRS, n, m, DIM);
        fill_normals(&c->real, 300 + key);
        fill_normals(&c->fake, 500 + key);
        for (size_t i = 0; i < n; i++) {
            memcpy(d->real.x + i * DIM, c->real.x + (n - 1 - i) * DIM, DIM * sizeof(double));
        }
        memcpy(d->fake.x, c->fake.x, m * DIM * sizeof(double));
        const double whole = mad_case_value(c, &mad_metric_emd, "emd_w2_sq");
        assert_true(whole >=
                    DIM * mad_case_value(c, &mad_metric_axis, "axis_w2_sq") * (1.0 - 1e-12));
        assert_true(whole >= mad_case_value(c, &mad_metric_sliced, "sliced_w2_sq"));
        assert_true(fabs(mad_case_value(d, &mad_metric_emd, "emd_w2_sq") - whole) <= 1e-12 * whole);
        mad_case_destroy(c), mad_case_destroy(d);
    }
}

/* Given directions replace the random ones, at length 1. */
static void test_directions(void **state)
{
    (void)state;
    metric_case *c = create(NO_PAIRS, 2, 1, 2);
    memcpy(c->real.x, (double[]){3, 1, 3, -1}, 4 * sizeof(double));
    c->directions = (double[]){0, 5, -2, 0};
    c->n_directions = 2;
    assert_true(fabs(mad_case_value(c, &mad_metric_sliced, "sliced_w2_sq") - 5.0) < 1e-15);
    mad_case_destroy(c);
}

/* ---- degenerate data, threads ----------------------------------------------------------------- */

static void test_degenerate(void **state)
{
    (void)state;
    enum { POINT_BOTH, POINT_FAKE, DUPLICATES, FLAT, HUGE_ROWS, TINY_ROWS, N_KINDS };
    static const size_t rows[][2] = {{1, 1}, {1, 3}, {2, 1}, {2, 2}, {3, 5}, {40, 33}, {65, 130}};
    static const size_t dims[] = {1, 2, 50};
    for (size_t kind = 0; kind < N_KINDS; kind++) {
        for (size_t s = 0; s < sizeof rows / sizeof *rows * 3; s++) {
            const size_t n = rows[s / 3][0], m = rows[s / 3][1], dim = dims[s % 3];
            metric_case *c = create(NO_PAIRS, n, m, dim);
            fill_normals(&c->real, s);
            fill_normals(&c->fake, 100 + s);
            const double scale = kind == HUGE_ROWS ? 1e200 : kind == TINY_ROWS ? 1e-300 : 1.0;
            for (size_t i = 0; i < n * dim; i++) {
                c->real.x[i] = kind == POINT_BOTH ? 3.0 : scale * c->real.x[i];
            }
            for (size_t i = 0; i < m * dim; i++) {
                double *x = &c->fake.x[i];
                *x = kind == POINT_BOTH || kind == POINT_FAKE ? 3.0 : scale * *x;
                *x = kind == DUPLICATES ? c->fake.x[i / (2 * dim) * (2 * dim) + i % dim] : *x;
                *x = kind == FLAT && i % dim > 0 ? 0.0 : *x;
            }
            for (size_t t = 0; t < N_TYPES; t++) {
                assert_int_equal(mad_case_eval(c, types[t]), MAD_OK);
                for (size_t i = 0; types[t]->outputs[i].name != NULL; i++) {
                    const int enough = n >= types[t]->min_rows(&c->values, dim, i, MAD_SIDE_REAL) &&
                                       m >= types[t]->min_rows(&c->values, dim, i, MAD_SIDE_FAKE);
                    assert_true(!isnan(c->out[i]) || !enough ||
                                types[t]->outputs[i].undefined != NULL);
                    assert_true(kind == HUGE_ROWS || !isinf(c->out[i]));
                }
            }
            if (kind == POINT_BOTH) {
                assert_true(mad_case_value(c, &mad_metric_energy, "energy_v") == 0.0);
                assert_true(mad_case_value(c, &mad_metric_emd, "emd_w2_sq") == 0.0);
                assert_true(fabs(mad_case_value(c, &mad_metric_vendi_cosine, "vendi_cosine_q1") -
                                 1.0) < 1e-12);
                assert_true(isnan(mad_case_value(c, &mad_metric_mmd, "mmd2_rbf_unbiased")));
            }
            mad_case_destroy(c);
        }
    }
}

/* ---- laws -------------------------------------------------------------------------------------- */

enum { REPLICATES = 400, LAW_ROWS = 30 };

/* z of the mean of an output over replicates of two sets of one law, against 0. bias: added to each
 * value, what a biased estimate would have. */
static double z_of_zero(const mad_metric_type *type, const char *name, double bias)
{
    static double x[REPLICATES];
    metric_case *c = mad_case_create(1, 1, (const char *const[]){"kernel_sigma=1"});
    assert_non_null(c);
    assert_true(mad_case_sets(c, LAW_ROWS, LAW_ROWS + 11, 2));
    for (size_t r = 0; r < REPLICATES; r++) {
        fill_normals(&c->real, 20000 + r);
        fill_normals(&c->fake, 30000 + r);
        x[r] = mad_case_value(c, type, name) + bias;
    }
    mad_case_destroy(c);
    return mad_mean(REPLICATES, x) / sqrt(mad_variance(REPLICATES, x, 1) / REPLICATES);
}

/* Unbiased: 0 for equal laws. |z| < 4.89: false alarm about 1e-6 each. Twin: pairs of a row with
 * itself kept, which adds E k(x, x)/n - E k(x, x')/n per side: Gauss (1 - 1/3)(1/n + 1/m) with s = 1
 * in the plane; the biased energy distance itself. */
static void test_unbiased(void **state)
{
    (void)state;
    const double per_row = 1.0 / LAW_ROWS + 1.0 / (LAW_ROWS + 11);
    assert_true(fabs(z_of_zero(&mad_metric_mmd, "mmd2_rbf_unbiased", 0.0)) < 4.89);
    assert_true(z_of_zero(&mad_metric_mmd, "mmd2_rbf_unbiased", 2.0 / 3 * per_row) > 4.89);
    assert_true(fabs(z_of_zero(&mad_metric_energy, "energy_u", 0.0)) < 4.89);
    assert_true(z_of_zero(&mad_metric_energy, "energy_v", 0.0) > 4.89);
    assert_true(fabs(z_of_zero(&mad_metric_kid, "kid_unbiased", 0.0)) < 4.89);
    /* E (|x|^2/2 + 1)^3 - E (x.x'/2 + 1)^3 = 16 - 1.75 + ... > 10 for N(0, I_2) */
    assert_true(z_of_zero(&mad_metric_kid, "kid_unbiased", 10.0 * per_row) > 4.89);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_codes),
        cmocka_unit_test(test_exp),
        cmocka_unit_test(test_sums),
        cmocka_unit_test(test_median),
        cmocka_unit_test(test_vendi),
        cmocka_unit_test(test_transport),
        cmocka_unit_test(test_transport_bounds),
        cmocka_unit_test(test_directions),
        cmocka_unit_test(test_degenerate),
        cmocka_unit_test(test_unbiased),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

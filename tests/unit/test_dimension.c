/* Shape, tails, dimension and entropy of rows: values known by hand or in closed form.
 *
 * Each z compares the mean over independent repetitions with a closed form, its standard error is
 * that of the repetitions. |z| < 4.89: false alarm about 1e-6. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sim/cli/lists.h"
#include "sim/num/stats.h"
#include "tests/support/metric_case.h"

static const double pi = 3.14159265358979323846;

static metric_case *create(size_t n_pairs, const char *const *pairs, size_t n, size_t dim)
{
    metric_case *c = mad_case_create(1, n_pairs, pairs);
    assert_non_null(c);
    assert_true(mad_case_sets(c, n, n, dim));
    return c;
}

static void assert_near(double got, double expected)
{
    if (!(fabs(got - expected) <= 1e-12 * fabs(expected))) {
        fail_msg("%.17g, expected %.17g", got, expected);
    }
}

static void fill_normals(mad_set *set, uint64_t item)
{
    mad_rng rng = mad_rng_open((mad_key){.seed = 32, .purpose = MAD_RNG_TEST}, item);
    mad_rng_normals(&rng, set->n_rows * set->dim, set->x);
}

static double z_of(size_t n, const double *x, double expected)
{
    return (mad_mean(n, x) - expected) / sqrt(mad_variance(n, x, 1) / (double)n);
}

/* ---- by hand ---------------------------------------------------------------------------------- */

/* Covariance diag(4, 1, 1/4) * 2/3: shares 16/21, 4/21, 1/21. */
static void test_shape(void **state)
{
    (void)state;
    metric_case *c = create(0, NULL, 6, 3);
    for (size_t j = 0; j < 3; j++) {
        c->fake.x[2 * j * 3 + j] = ldexp(2.0, -(int)j);
        c->fake.x[(2 * j + 1) * 3 + j] = -ldexp(2.0, -(int)j);
        c->real.x[j] = 1.0;
    }
    const double p[] = {16.0 / 21, 4.0 / 21, 1.0 / 21};
    const double entropy = -p[0] * log(p[0]) - p[1] * log(p[1]) - p[2] * log(p[2]);
    assert_near(mad_case_value(c, &mad_metric_shape, "effective_rank"), exp(entropy));
    assert_near(mad_case_value(c, &mad_metric_shape, "participation_ratio"), 441.0 / 273.0);
    /* y = 0, -ln 4, -2 ln 4 at x = 0, ln 2, ln 3 */
    const double x[] = {0.0, log(2.0), log(3.0)}, mean = (x[1] + x[2]) / 3.0;
    double xy = 0.0, xx = 0.0;
    for (size_t i = 0; i < 3; i++) {
        xy -= (x[i] - mean) * (double)i * log(4.0);
        xx += (x[i] - mean) * (x[i] - mean);
    }
    assert_near(mad_case_value(c, &mad_metric_shape, "spectral_slope"), xy / xx);
    /* one of six real rows at (1, 1, 1): 3 * 1/6 */
    assert_near(mad_case_value(c, &mad_metric_moments, "trace_ratio"), 2.0 / 5.0 * 5.25 / 0.5);
    for (size_t i = 0; i < 18; i++) {
        c->fake.x[i] = 0.1; /* a point, but for rounding */
    }
    assert_true(isnan(mad_case_value(c, &mad_metric_shape, "effective_rank")));
    assert_true(isnan(mad_case_value(c, &mad_metric_shape, "participation_ratio")));
    assert_true(isnan(mad_case_value(c, &mad_metric_shape, "spectral_slope")));
    assert_true(mad_case_value(c, &mad_metric_moments, "trace_ratio") < 1e-30);
    mad_case_destroy(c);
}

/* Real rows -2..2: mean 0, variance 5/2; distances |x| / sqrt(5/2), their median that of 1. */
static void test_tails(void **state)
{
    (void)state;
    metric_case *c = create(1, (const char *const[]){"tail_quantile=0.5"}, 5, 1);
    memcpy(c->real.x, (double[]){-2, -1, 0, 1, 2}, 5 * sizeof(double));
    memcpy(c->fake.x, (double[]){-1, 1, 1.07, 1.06, 9}, 5 * sizeof(double));
    assert_near(mad_case_value(c, &mad_metric_tails, "tail_mass_emp_q"),
                3.0 / 5.0); /* 1 is on it */
    /* the median of |N(0, 1)| is 0.67449, times sd: 1.06646 */
    assert_near(mad_case_value(c, &mad_metric_tails, "tail_mass_chi2_q"), 2.0 / 5.0);
    memcpy(c->real.x, (double[]){3, 3, 3, 3, 3}, 5 * sizeof(double));
    assert_true(isnan(mad_case_value(c, &mad_metric_tails, "tail_mass_emp_q")));
    mad_case_destroy(c);
}

/* Rows 0, 1, 3, 7 once more each: r1 = 1, 1, 2, 4 and r2 = 3, 2, 3, 6. */
static void test_dimension(void **state)
{
    (void)state;
    metric_case *c = create(2, (const char *const[]){"dimension_k=3", "entropy_k=2"}, 8, 1);
    memcpy(c->fake.x, (double[]){7, 0, 1, 3, 3, 1, 0, 7}, 8 * sizeof(double));
    const double sum = log(3.0) + log(2.0) + 2.0 * log(1.5);
    assert_near(mad_case_value(c, &mad_metric_dimension, "twonn_mle"), 4.0 / sum);
    /* ascending: ln 1.5, ln 1.5, ln 2; the largest is dropped */
    const double x[] = {log(1.5), log(1.5), log(2.0)}, y[] = {0.0, log(4.0 / 3.0), log(2.0)};
    assert_near(mad_case_value(c, &mad_metric_dimension, "twonn_fit"),
                (x[1] * y[1] + x[2] * y[2]) / (x[0] * x[0] + x[1] * x[1] + x[2] * x[2]));
    /* r3 = 7, 6, 4, 7 */
    const double each = log(7.0 / 1 * 7.0 / 3) + log(6.0 / 1 * 6.0 / 2) + log(4.0 / 2 * 4.0 / 3) +
                        log(7.0 / 4 * 7.0 / 6);
    assert_near(mad_case_value(c, &mad_metric_dimension, "mle_inverse_mean"), 4.0 / (each / 2.0));
    /* with both copies the second nearest other is at 1, 1, 2, 4 */
    const double entropy = mad_digamma(8) - mad_digamma(2) + log(2.0) + log(8.0) / 4.0;
    assert_near(mad_case_value(c, &mad_metric_entropy, "knn_entropy"), entropy);
    c->fake.x[3] = 7.0; /* three times */
    assert_true(mad_case_value(c, &mad_metric_entropy, "knn_entropy") == -(double)INFINITY);
    mad_case_destroy(c);
}

/* With two neighbours the inverse mean is the maximum likelihood of TwoNN. */
static void test_two_neighbours(void **state)
{
    (void)state;
    metric_case *c = create(1, (const char *const[]){"dimension_k=2"}, 500, 6);
    fill_normals(&c->fake, 1);
    assert_near(mad_case_value(c, &mad_metric_dimension, "mle_inverse_mean"),
                mad_case_value(c, &mad_metric_dimension, "twonn_mle"));
    mad_case_destroy(c);
}

/* ---- closed forms ----------------------------------------------------------------------------- */

/* Uniform on the unit sphere in 3 dimensions, and noise of this sd on top. */
static void fill_sphere(mad_set *set, uint64_t item, double noise)
{
    const size_t n = set->n_rows;
    mad_rng rng = mad_rng_open((mad_key){.seed = 33, .purpose = MAD_RNG_TEST}, item);
    mad_rng_normals(&rng, 3 * n, set->x);
    for (size_t i = 0; i < n; i++) {
        double *x = set->x + 3 * i, z[3];
        const double length = sqrt(x[0] * x[0] + x[1] * x[1] + x[2] * x[2]);
        mad_rng_normals(&rng, 3, z);
        for (size_t j = 0; j < 3; j++) {
            x[j] = x[j] / length + noise * z[j];
        }
    }
}

typedef struct sphere_z {
    double mle, inverse_mean, fit;
} sphere_z;

/* z of 1/d by both likelihoods, and of d by the fit. */
static sphere_z measure_spheres(double noise)
{
    enum { R = 100, N = 1000 };
    static double mle[R], inverse_mean[R], fit[R];
    metric_case *c = create(0, NULL, N, 3);
    for (size_t r = 0; r < R; r++) {
        fill_sphere(&c->fake, r, noise);
        assert_int_equal(mad_case_eval(c, &mad_metric_dimension), MAD_OK);
        mle[r] = 1.0 / c->out[mad_case_output(&mad_metric_dimension, "twonn_mle")];
        inverse_mean[r] = 1.0 / c->out[mad_case_output(&mad_metric_dimension, "mle_inverse_mean")];
        fit[r] = c->out[mad_case_output(&mad_metric_dimension, "twonn_fit")];
    }
    mad_case_destroy(c);
    return (sphere_z){z_of(R, mle, 0.5), z_of(R, inverse_mean, 0.5), z_of(R, fit, 2.0)};
}

/* A cap of chord r has the area pi r^2 exactly (Archimedes), so that (r_j/r_k)^2 of the j-th and
 * k-th nearest of n - 1 uniform rows are order statistics of k - 1 uniform numbers: 1/d = 1/2 is
 * the mean of ln(r2/r1) and of sum_j<k ln(r_k/r_j)/(k - 1) for any n. The fit is right to leading
 * order (its bias was 0.3 % at n = 1000: less than 1 standard error here).
 * Twin: noise as wide as neighbours are apart makes a volume of the surface. */
static void test_sphere(void **state)
{
    (void)state;
    const sphere_z sound = measure_spheres(0.0), twin = measure_spheres(0.05);
    assert_true(fabs(sound.mle) < 4.89);
    assert_true(fabs(sound.inverse_mean) < 4.89);
    assert_true(fabs(sound.fit) < 4.89);
    assert_true(fabs(twin.mle) > 4.89);
    assert_true(fabs(twin.inverse_mean) > 4.89);
    assert_true(fabs(twin.fit) > 4.89);
}

/* Uniform in a cube inside a space of twice as many dimensions. The rows near its surface lack
 * neighbours: estimates are low by a share that grows with d, at n = 2000 and d = 5 by 6 % (TwoNN)
 * and 9 % (k = 10); their standard deviation is at most 3.6 %. They must lie within 20 %, at least
 * 5 standard deviations away: false alarm below 1e-6. Twin: uniform in the other half, too. */
static void test_cubes(void **state)
{
    (void)state;
    enum { N = 2000 };
    static const char *const names[] = {"twonn_fit", "twonn_mle", "mle_inverse_mean"};
    for (size_t d = 1; d <= 5; d++) {
        for (size_t is_twin = 0; is_twin < 2; is_twin++) {
            metric_case *c = create(0, NULL, N, 2 * d);
            mad_rng rng = mad_rng_open((mad_key){.seed = 34, .purpose = MAD_RNG_TEST}, d);
            for (size_t i = 0; i < N * 2 * d; i++) {
                c->fake.x[i] = i % (2 * d) < d || is_twin ? mad_rng_uniform(&rng) : 0.5;
            }
            for (size_t k = 0; k < 3; k++) {
                const double off =
                    mad_case_value(c, &mad_metric_dimension, names[k]) / (double)d - 1.0;
                assert_true((fabs(off) < 0.2) == !is_twin);
            }
            mad_case_destroy(c);
        }
    }
}

/* z of the entropy of N(0, I), whose value is d/2 ln(2 pi e), off by `error`. */
static double entropy_z(const char *k, size_t dim, double error)
{
    enum { R = 100, N = 2000 };
    static double value[R];
    metric_case *c = create(1, &k, N, dim);
    for (size_t r = 0; r < R; r++) {
        fill_normals(&c->fake, 100 + r);
        value[r] = mad_case_value(c, &mad_metric_entropy, "knn_entropy") + error;
    }
    mad_case_destroy(c);
    return z_of(R, value, 0.5 * (double)dim * log(2.0 * pi * exp(1.0)));
}

/* The bias at n = 2000 is below 0.4 (d = 1, k = 3) and 0.8 (d = 2, k = 1) standard errors.
 * Twins: ln k for psi(k); the ball's volume of d + 1 dimensions. */
static void test_entropy(void **state)
{
    (void)state;
    assert_true(fabs(entropy_z("entropy_k=3", 1, 0.0)) < 4.89);
    assert_true(fabs(entropy_z("entropy_k=1", 2, 0.0)) < 4.89);
    assert_true(fabs(entropy_z("entropy_k=3", 1, mad_digamma(3) - log(3.0))) > 4.89);
    assert_true(fabs(entropy_z("entropy_k=1", 2, log(4.0 / 3.0))) > 4.89);
}

/* Tail masses of an honest model: 1 - q to leading order, the next is below 1.5 standard errors; twice the variance: P(chi^2_d > c/2). */
static void test_tail_law(void **state)
{
    (void)state;
    enum { R = 200, N = 2000, DIM = 2 };
    static double emp[R], chi2[R], wide[R];
    metric_case *c = create(0, NULL, N, DIM);
    for (size_t r = 0; r < R; r++) {
        fill_normals(&c->real, 1000 + r);
        fill_normals(&c->fake, 2000 + r);
        emp[r] = mad_case_value(c, &mad_metric_tails, "tail_mass_emp_q");
        chi2[r] = mad_case_value(c, &mad_metric_tails, "tail_mass_chi2_q");
        for (size_t i = 0; i < N * DIM; i++) {
            c->fake.x[i] *= sqrt(2.0);
        }
        wide[r] = mad_case_value(c, &mad_metric_tails, "tail_mass_chi2_q");
    }
    mad_case_destroy(c);
    assert_true(fabs(z_of(R, emp, 0.05)) < 4.89);
    assert_true(fabs(z_of(R, chi2, 0.05)) < 4.89);
    assert_true(fabs(z_of(R, wide, sqrt(0.05))) < 4.89); /* exp(-c/4), c = -2 ln 0.05 */
    assert_true(fabs(z_of(R, wide, 0.05)) > 4.89);       /* twin */
}

/* ---- invariance ------------------------------------------------------------------------------- */

/* The order of rows changes no bit of what neighbours say, repeated rows none of the dimension. */
static void test_order(void **state)
{
    (void)state;
    enum { N = 90, DIM = 3 };
    static const char *const names[] = {"twonn_fit", "twonn_mle", "mle_inverse_mean"};
    for (uint64_t key = 0; key < 50; key++) {
        metric_case *c = create(0, NULL, N, DIM), *d = create(0, NULL, 2 * N, DIM);
        fill_normals(&c->fake, 3000 + key);
        for (size_t i = 0; i < 2 * N; i++) {
            memcpy(d->fake.x + i * DIM, c->fake.x + (i * 7 + 3) % N * DIM, DIM * sizeof(double));
        }
        for (size_t k = 0; k < 3; k++) {
            assert_true(mad_case_value(c, &mad_metric_dimension, names[k]) ==
                        mad_case_value(d, &mad_metric_dimension, names[k]));
        }
        mad_case_destroy(c), mad_case_destroy(d);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shape),     cmocka_unit_test(test_tails),
        cmocka_unit_test(test_dimension), cmocka_unit_test(test_two_neighbours),
        cmocka_unit_test(test_sphere),    cmocka_unit_test(test_cubes),
        cmocka_unit_test(test_entropy),   cmocka_unit_test(test_tail_law),
        cmocka_unit_test(test_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

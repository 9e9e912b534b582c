/* tests/unit/test_theory.c: one Gaussian fit, and the second-moment recursion against independent
 * formulas. Marks such as F3 are those of the method notes. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "analysis/theory/gauss.h"
#include "analysis/theory/second_moments.h"
#include "tests/support/theory_case.h"

#define PI 3.14159265358979323846

/* drift and spread of a loop given as text. */
static void walk(mad_theory_case *f, const char *text, size_t n_generations, mad_second_rule rule)
{
    mad_values values;
    const mad_loop *loop = mad_theory_loop_of(f, text, n_generations, &values);

    assert_true(mad_second_moments_walkable(loop, n_generations));
    if (mad_second_moments(f->ctx, loop, n_generations, &rule, f->drift, f->spread) != MAD_OK) {
        fail_msg("'%s': %s", text, f->ctx->message);
    }
}

/* ---- one Gaussian fit ----------------------------------------------------------------------- */

static void test_fit_factors(void **state)
{
    static const struct {
        size_t n;
        double c4, delta, psi1;
    } table[] = {
        {2, 0.79788456, -1.27036285, 4.93480220},
        {5, 0.93998560, -0.270362845, 0.644934067},
        {10, 0.97265927, -0.115206470, 0.248725103},
        {20, 0.98693427, -0.0535539222, 0.110997288},
        {50, 0.99491130, -0.0205469712, 0.0416606422},
        {100, 0.99747798, -0.0101350188, 0.0204074550},
        {1000, 0.99974978, -0.00100133500, 0.00200400735},
        {10000, 0.99997500, -0.000100013335, 0.000200040007},
    };

    (void)state;
    for (size_t i = 0; i < N_SIZES(table); i++) {
        size_t n = table[i].n;

        ASSERT_NEAR(exp(mad_gauss_log_sd_step(n, 1)), table[i].c4, 5e-9);
        ASSERT_NEAR(mad_gauss_log_det_step(n, 1, 1), table[i].delta, 6e-9 * fabs(table[i].delta));
        ASSERT_NEAR(mad_gauss_log_det_var(n, 1), table[i].psi1, 6e-9 * table[i].psi1);
        ASSERT_NEAR(mad_gauss_log_det_step(n, 1, 0), table[i].delta + log(1.0 - 1.0 / (double)n),
                    1e-8);
    }
    ASSERT_NEAR(mad_gauss_log_det_step(50, 2, 1), -0.062144, 5e-7);
    ASSERT_NEAR(mad_gauss_log_det_step(100, 10, 1), -0.576115, 5e-7);
    ASSERT_NEAR(mad_gauss_log_det_step(1000, 10, 1), -0.055247, 5e-7);
    ASSERT_NEAR(mad_gauss_log_det_step(1000, 100, 1), -5.233629, 5e-7);
}

static void test_spread_cost(void **state)
{
    mad_theory_case *f = *state;
    double cov[16] = {0}, cost;

    for (size_t j = 0; j < 4; j++) {
        cov[j * 5] = 1.0;
    }
    assert_int_equal(mad_gauss_spread_cost(f->ctx, 4, cov, &cost), MAD_OK);
    ASSERT_NEAR(cost + 4.0, 4.0 * 9.0 / 4.0, 1e-12); /* d (d + 5)/4 with the mean's d */
    cov[5] = 4.0;                                    /* eigenvalues 1, 4, 1, 1 */
    assert_int_equal(mad_gauss_spread_cost(f->ctx, 4, cov, &cost), MAD_OK);
    ASSERT_NEAR(cost, 0.5 * 7.0 + 3.0 * 4.0 / 5.0 + 3.0 / 2.0, 1e-12);
}

/* ---- the recursion -------------------------------------------------------------------------- */

/* G1, G3: fully synthetic. */
static void test_replace(void **state)
{
    mad_theory_case *f = *state;

    walk(f, "n_initial=10 n_synthetic=10 real=none", 40,
         (mad_second_rule){.trace0 = 2.0, .ddof = 1, .lam = 0.9});
    for (size_t t = 1; t <= 40; t++) {
        double lam_t = pow(0.9, (double)t);

        ASSERT_NEAR(f->spread[t - 1], 2.0 * lam_t / 0.9, 1e-13);
        ASSERT_NEAR(f->drift[t - 1], 0.2 * (1.0 + (0.9 - lam_t) / 0.1), 1e-13);
    }
    walk(f, "n_initial=10 n_synthetic=10 real=none", 40,
         (mad_second_rule){.trace0 = 1.0, .lam = 1.0});
    for (size_t t = 1; t <= 40; t++) {
        ASSERT_NEAR(f->spread[t - 1], pow(0.9, (double)t), 1e-13);
        ASSERT_NEAR(f->drift[t - 1], 1.0 - pow(0.9, (double)t), 1e-13);
    }
    walk(f, "n_initial=10 n_synthetic=[20,40] real=none", 3,
         (mad_second_rule){.trace0 = 1.0, .ddof = 1, .lam = 1.0});
    ASSERT_NEAR(f->drift[2], 1.0 / 10 + 1.0 / 20 + 1.0 / 40, 1e-15);
}

/* F2, F3: fresh data; the printed digits of the four checked cells. */
static void test_fresh(void **state)
{
    static const struct {
        double n_real, n_synthetic, lam, spread, drift;
    } cells[] = {
        {20, 80, 1.0, 1.0229, 0.02829},
        {50, 50, 1.0, 1.00676, 0.013378},
        {20, 80, 0.8, 0.56254, 0.015556},
        {200, 300, 0.9, 0.87099, 0.0027198},
    };
    mad_theory_case *f = *state;

    for (size_t i = 0; i < N_SIZES(cells); i++) {
        double n = cells[i].n_real + cells[i].n_synthetic, q = cells[i].n_synthetic / n;
        double p = 1.0 - q, lam = cells[i].lam, k = 1.0 + q / ((n - 1.0) * (1.0 + q));
        double s = 1.0, v = 1.0 / 70.0;
        char text[96];

        snprintf(text, sizeof text, "n_initial=70 n_real=%g n_synthetic=%g", cells[i].n_real,
                 cells[i].n_synthetic);
        walk(f, text, 400, (mad_second_rule){.trace0 = 1.0, .ddof = 1, .lam = lam});
        for (size_t t = 1; t <= 400; t++) {
            double mixed = p + q * lam * s;

            ASSERT_NEAR(f->spread[t - 1], s, 1e-13);
            ASSERT_NEAR(f->drift[t - 1], v, 1e-13);
            s = mixed + n * p * q / (n - 1.0) * v;
            v = q * q * v + mixed / n;
        }
        ASSERT_NEAR(f->spread[399], k * p / (1.0 - k * q * lam), 1e-12);
        ASSERT_NEAR(f->drift[399], 1.0 / (n * (1.0 + q) * (1.0 - k * q * lam)), 1e-12);
        ASSERT_NEAR(f->spread[399], cells[i].spread, 6e-5);
        ASSERT_NEAR(f->drift[399], cells[i].drift, 6e-6);
    }
}

/* F5: memory of K models; F8: weights; leading order, so in the limit of many rows. */
static void test_memory_and_weight(void **state)
{
    static const double n_models[] = {1, 2, 3, 10, 50};
    static const double printed[] = {1.909, 2.667, 3.308, 6.000, 9.33};
    static const double ratio[] = {1, 4, 10};
    mad_theory_case *f = *state;
    char text[128];

    for (size_t i = 0; i < N_SIZES(n_models); i++) {
        double q = 10.0 / 11.0, p = 1.0 - q, n_e, k = n_models[i];

        snprintf(text, sizeof text, "n_initial=1e6 n_real=1e6 n_synthetic=1e7 age=uniform(%g)", k);
        walk(f, text, 3000, (mad_second_rule){.trace0 = 1.0, .ddof = 1, .lam = 1.0});
        n_e = 1.0 / (1e6 * f->drift[2999]);
        ASSERT_NEAR(n_e, (k + q) / (k * p + q), 2e-5);
        ASSERT_NEAR(n_e, printed[i], 5e-3);
    }
    for (size_t i = 0; i < N_SIZES(ratio); i++) {
        double k = ratio[i], w = (sqrt(1.0 + 4.0 * k) - 1.0) / (2.0 * k);

        snprintf(text, sizeof text, "n_initial=1e6 n_real=1e6 n_synthetic=%g real_weight=%.17g",
                 1e6 * k, w);
        walk(f, text, 300, (mad_second_rule){.trace0 = 1.0, .ddof = 1, .lam = 1.0});
        ASSERT_NEAR(1.0 / (1e6 * f->drift[299]), 1.0 / w, 2e-5);
    }
}

/* X1: augmentation with a fixed real set. */
static void test_augmentation(void **state)
{
    static const double lams[] = {1.0, 0.8}, mc_v[] = {0.0469, 0.0407}, mc_s[] = {0.986, 0.6693};
    mad_theory_case *f = *state;

    for (size_t i = 0; i < 2; i++) {
        double n_r = 30.0, n = 100.0, q = 0.7, lam = lams[i];
        double s =
            (n_r - 1.0) / (n - 1.0) / (1.0 - q * lam - q * q * lam / ((n - 1.0) * (1.0 + q)));

        walk(f, "n_initial=30 n_real=30 n_synthetic=70 real=fixed", 300,
             (mad_second_rule){.trace0 = 1.0, .ddof = 1, .lam = lam});
        ASSERT_NEAR(f->spread[299], s, 1e-12);
        ASSERT_NEAR(f->drift[299], 1.0 / n_r + q * lam * s / (n_r * (1.0 + q)), 1e-12);
        ASSERT_NEAR(f->drift[299], mc_v[i], 2e-4);
        ASSERT_NEAR(f->spread[299], mc_s[i], 3e-3);
    }
}

/* A2: accumulate, ML; A3: accumulate and subsample; A4: window. */
static void test_accumulate(void **state)
{
    static const size_t at[] = {1, 2, 3, 5, 10, 20, 30};
    static const double printed[] = {1, 1.75, 2.083, 2.391, 2.649, 2.788, 2.836};
    mad_theory_case *f = *state;
    double product = 1.0, sum = 0.0;
    double ones[400];
    mad_second_rule frozen = {.trace0 = 1.0, .row_variance = ones, .carry = 1.0};

    for (size_t i = 0; i < 400; i++) {
        ones[i] = 1.0; /* known variance: only the mean is fitted */
    }

    walk(f, "n_initial=5 n_real=5 n_synthetic=5 real=fixed retain=accumulate", 40,
         (mad_second_rule){.trace0 = 1.0, .lam = 1.0});
    for (size_t i = 1; i <= 40; i++) {
        product *= 1.0 - 1.0 / (5.0 * (double)(i * i));
        ASSERT_NEAR(f->spread[i - 1], product, 1e-13);
        ASSERT_NEAR(f->drift[i - 1], 1.0 - product, 1e-13);
    }
    ASSERT_NEAR(product, 0.7055, 5e-5);
    walk(f, "n_initial=10 n_real=10 n_synthetic=10 real=fixed retain=accumulate", 1000,
         (mad_second_rule){.trace0 = 1.0, .lam = 1.0});
    ASSERT_NEAR(f->spread[999], sin(PI / sqrt(10.0)) / (PI / sqrt(10.0)), 1e-4);
    ASSERT_NEAR(sin(PI / sqrt(10.0)) / (PI / sqrt(10.0)), 0.843435857, 1e-9);
    walk(f, "n_initial=1e6 n_real=1e6 n_synthetic=1e6 real=fixed retain=accumulate budget=1e6", 30,
         frozen);
    for (size_t i = 0; i < N_SIZES(at); i++) {
        double t = (double)at[i];

        sum = 2.0 - 1.0 / t;
        for (size_t k = 1; k < at[i]; k++) {
            sum += (2.0 - 1.0 / (double)k) / (double)((k + 1) * (k + 1));
        }
        ASSERT_NEAR(1e6 * f->drift[at[i] - 1], sum, 1e-5);
        ASSERT_NEAR(sum, printed[i], 6e-4);
    }
    for (size_t window = 1; window <= 8; window *= 2) {
        char text[96];
        double w = (double)window;

        snprintf(text, sizeof text, "n_initial=1e6 n_synthetic=1e6 real=none retain=window(%g)", w);
        walk(f, text, 400, frozen);
        ASSERT_NEAR(1e6 * (f->drift[399] - f->drift[398]), 4.0 / ((w + 1.0) * (w + 1.0)), 1e-5);
    }
}

/* C1, C4 as one-hot rows; K1 and Silverman's rule. */
static void test_one_hot_and_kernel(void **state)
{
    mad_theory_case *f = *state;
    double fixation, v = 1.0, product = 1.0;
    mad_second_rule one_hot = {.trace0 = 0.9, .lam = 1.0};

    walk(f, "n_initial=50 n_synthetic=50 real=none", 30, one_hot);
    ASSERT_NEAR(f->spread[9], 0.9 * pow(0.98, 10.0), 1e-14);
    ASSERT_NEAR(f->spread[9], 0.7354, 5e-5);
    ASSERT_NEAR(f->spread[29], 0.4909, 5e-5);
    walk(f, "n_initial=100 n_real=20 n_synthetic=80", 200, one_hot);
    fixation = 0.01 / (1.0 - 80.0 * 79.0 / 1e4);
    ASSERT_NEAR(1.0 - f->spread[199] / 0.9, fixation, 1e-13);
    ASSERT_NEAR(fixation, 0.02717, 5e-6);
    walk(f, "n_initial=6 n_real=6 n_synthetic=6 real=fixed retain=accumulate", 20, one_hot);
    for (size_t i = 1; i <= 20; i++) {
        product *= 1.0 - 1.0 / (6.0 * (double)(i * i));
    }
    ASSERT_NEAR(f->spread[19] / 0.9, product, 1e-13);
    ASSERT_NEAR(product, 0.7536, 5e-5);

    walk(f, "n_initial=50 n_synthetic=50 real=none", 400,
         (mad_second_rule){.trace0 = 1.0, .lam = 1.0, .add = 0.09});
    for (size_t t = 1; t <= 400; t++) {
        v = 0.98 * (v + (t > 1 ? 0.09 : 0.0)); /* K1; the first rows are real, without kernel */
        ASSERT_NEAR(f->spread[t - 1], v + 0.09, 1e-12);
    }
    ASSERT_NEAR(v, 4.41, 2e-3);
    walk(f, "n_initial=50 n_synthetic=50 real=none", 5,
         (mad_second_rule){.trace0 = 1.0, .lam = 1.0, .silverman_dim = 1});
    ASSERT_NEAR(f->spread[4] / f->spread[3], 0.98 + pow(4.0 / 150.0, 0.4), 1e-13);
}

/* G5: V_t + S_t = T_0 for ML moments without bias, whatever the policy. 144 of them. */
static void test_conservation(void **state)
{
    static const char *const reals[] = {"none", "archive", "fresh", "fresh_accumulate"};
    static const char *const ages[] = {"last", "uniform(3)", "geometric(0.6)", "all"};
    static const char *const retains[] = {"replace", "window(3)", "accumulate"};
    static const char *const fits[] = {"", "budget=5", "real_weight=0.3"};
    mad_theory_case *f = *state;

    for (size_t i = 0; i < 4 * 4 * 3 * 3; i++) {
        const char *real = reals[i % 4], *fit = fits[i / 48];
        char text[192];

        if (i % 4 == 0 && i / 48 == 2) {
            continue; /* no real rows to weight */
        }
        snprintf(text, sizeof text,
                 "n_initial=12 n_real=[5,7,3] n_synthetic=[6,4,8] real=%s age=%s retain=%s %s",
                 real, ages[i / 4 % 4], retains[i / 16 % 3], fit);
        walk(f, text, 14, (mad_second_rule){.trace0 = 3.0, .lam = 1.0});
        for (size_t t = 0; t < 14; t++) {
            ASSERT_NEAR(f->drift[t] + f->spread[t], 3.0, 1e-13);
            assert_true(f->spread[t] > 0.0 && f->drift[t] > 0.0);
        }
    }
}

/* Two prefixes of the one real draw share the rows they share. */
static void test_prefixes(void **state)
{
    mad_theory_case *f = *state;

    /* nothing but the first n_real of the 10 initial rows: V = T_0/n_real */
    walk(f, "n_initial=10 n_real=[4,7,20] n_synthetic=0 real=archive", 4,
         (mad_second_rule){.trace0 = 1.0, .lam = 1.0});
    ASSERT_NEAR(f->drift[0], 1.0 / 10, 1e-15);
    ASSERT_NEAR(f->drift[1], 1.0 / 4, 1e-15);
    ASSERT_NEAR(f->drift[2], 1.0 / 7, 1e-15);
    ASSERT_NEAR(f->drift[3], 1.0 / 20, 1e-15);
    /* t = 2: half R (first 5 of 10), half rows of model 1, which saw all 10:
     * M = (V_R + V_S + 2 C)/4, V_R = 1/5, C = E <R_5, mu_1> = 1/10, V_S = 1/10 + 1/5 S_1 */
    walk(f, "n_initial=10 n_real=5 n_synthetic=5 real=fixed", 2,
         (mad_second_rule){.trace0 = 1.0, .lam = 1.0});
    ASSERT_NEAR(f->drift[1], 0.25 * (1.0 / 5 + 1.0 / 10 + 0.9 / 5 + 2.0 / 10), 1e-15);
}

static void test_limits(void **state)
{
    mad_theory_case *f = *state;
    mad_values values;
    mad_second_rule rule = {.trace0 = 1.0, .ddof = 1, .lam = 1.0};
    const mad_loop *loop;

    walk(f, "n_initial=100 n_real=20 n_synthetic=80", 10000, rule);
    assert_true(isfinite(f->spread[9999]));
    walk(f, "n_initial=100 n_synthetic=100 real=none", 10000, rule);
    ASSERT_NEAR(f->drift[9999], 100.0, 1e-8);
    loop = mad_theory_loop_of(f, "n_initial=9 n_synthetic=9 real=none retain=accumulate", 2000,
                              &values);
    assert_false(mad_second_moments_walkable(loop, 2000));
    assert_int_equal(mad_second_moments(f->ctx, loop, 2000, &rule, f->drift, f->spread),
                     MAD_E_UNSUPPORTED);
    mad_ctx_clear(f->ctx);
    loop = mad_theory_loop_of(f, "n_initial=9 n_synthetic=9 real=none age=all", 2000, &values);
    assert_false(mad_second_moments_walkable(loop, 2000));
    /* one row has no unbiased variance */
    walk(f, "n_initial=1 n_synthetic=1 real=none", 3, rule);
    assert_true(isnan(f->spread[0]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fit_factors),
        cmocka_unit_test(test_spread_cost),
        cmocka_unit_test(test_replace),
        cmocka_unit_test(test_fresh),
        cmocka_unit_test(test_memory_and_weight),
        cmocka_unit_test(test_augmentation),
        cmocka_unit_test(test_accumulate),
        cmocka_unit_test(test_one_hot_and_kernel),
        cmocka_unit_test(test_conservation),
        cmocka_unit_test(test_prefixes),
        cmocka_unit_test(test_limits),
    };

    return cmocka_run_group_tests(tests, mad_theory_set_up, mad_theory_tear_down);
}

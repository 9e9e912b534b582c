/* tests/stat/test_loop_laws.c: what real rows are worth in a loop, against closed forms, each with a
 * sabotaged twin.
 *
 * Null law: every z is asymptotically N(0, 1) over the replicates a case states. A check fails at
 * |z| >= 4 (two-sided false-alarm rate 6.3e-5; 22 checks, so 0.14 % for a new seed; the seed is
 * fixed). A twin has one key changed, is judged by the HONEST closed form and must fail at least
 * one check of its case. Marks such as F7 are those of the method notes.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "sim/cli/lists.h"
#include "sim/num/stats.h"
#include "tests/stat/laws.h"
#include "tests/stat/sabotage.h"

#define LINE            "{kind: gauss, dim: 1}"
#define ZIPF            "{kind: zipf, categories: 10, exponent: 1}"
#define UNBIASED        "{kind: gauss, ddof: unbiased}"
#define ML              "{kind: gauss, ddof: ml}"
#define DISCRETE        "{kind: categorical}"
#define NONE            "{kind: none}"
#define SHRINK(lam)     "{kind: shrink, strength: " #lam "}"
#define FRESH(n0, r, s) "{family: fresh, n_initial: " #n0 ", n_real: " #r ", n_synthetic: " #s "}"
#define WEIGHTED(s, w)                                                                             \
    "{family: fresh, n_initial: 100, n_real: 100, n_synthetic: " #s ", real_weight: " #w "}"
#define FIXED "{family: synthetic_augmentation, n_initial: 30, n_real: 30, n_synthetic: 70}"
#define KEEP                                                                                       \
    "{family: custom, real: fixed, retain: accumulate, n_initial: 20, n_real: 20, n_synthetic: "   \
    "20}"

#define VALUE(t, name, x)                                                                          \
    {                                                                                              \
        t, name, LAW_VALUE, x                                                                      \
    }

#define PI 3.14159265358979323846

static void judge(void **state, law_case c)
{
    law_assert(*state, &c, law_registry(LAW_HONEST));
}

/* ---- F7: how many synthetic rows a biased sampler may add --------------------------------------
 */

/* F4 in one dimension, leading order in 1/n: 0.1 % off at n_r = 1000, 0.2 standard errors below. */
static double limit_w2(double n_real, double n_synthetic, double lam)
{
    const double n = n_real + n_synthetic, q = n_synthetic / n, p = 1.0 - q;
    const double s = p / (1.0 - q * lam), v = 1.0 / (n * (1.0 + q) * (1.0 - q * lam));
    const double f = 2.0 * (p + q * lam * lam * s * s) / (n * (1.0 - q * q * lam * lam));
    return pow(1.0 - sqrt(s), 2.0) + v + f / (4.0 * pow(s, 1.5));
}

/* E W2^2 of one fit of n rows, exact. */
static double single_w2(double n)
{
    return 1.0 / n + 2.0 - 2.0 * exp(mad_log_c4(n));
}

/* n_s at which the loop is worth its n_real rows: 1.5/n_real in either. */
static double boundary(double n_real, double lam)
{
    double low = 1.0, high = 1e6;
    while (high - low > 1e-6) {
        const double middle = 0.5 * (low + high);
        if (limit_w2(n_real, middle, lam) <= 1.5 / n_real) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}

static void useful_synthetic_rows_have_a_bound(void **state)
{
    const double limit = (4.0 * 1.15 + 2.0 * (0.5 + 1.5 * 0.85 - 0.85 * 0.85)) / (0.15 * 0.15);
    law_case c = {"F7 at n_s* the loop is worth its fresh rows; n_s* of n_r -> inf",
                  20000,
                  8,
                  {LINE, UNBIASED, FRESH(1000, 1000, 224), SHRINK(0.85)},
                  NULL,
                  {.loop = FRESH(1000, 1000, 298)},
                  {VALUE(8, "frechet", single_w2(1000))}};
    assert_true(fabs(limit - 298.0) < 0.5);
    assert_true(fabs(boundary(1e9, 0.85) - limit) < 0.01);
    assert_true(fabs(boundary(1000, 0.85) - 224.0) < 0.5);
    judge(state, c);
    c.name = "F7 the same; a stronger bias";
    c.twin = (law_setting){.bias = SHRINK(0.8)};
    judge(state, c);
    c.name = "F7 at half of n_s* it is worth more; as many as n_s*";
    c.honest.loop = FRESH(1000, 1000, 112);
    c.twin = (law_setting){.loop = FRESH(1000, 1000, 224)};
    c.checks[0].expected = limit_w2(1000, 112, 0.85);
    assert_true(c.checks[0].expected < 0.95 * single_w2(1000));
    judge(state, c);
}

/* ---- F8: the loss weight of fresh rows ---------------------------------------------------------
 */

static double weighted_limit(double w, double n_real, double n_synthetic)
{
    return (w * w / n_real + (1.0 - w) * (1.0 - w) / n_synthetic) / (w * (2.0 - w));
}

static double best_weight(double k)
{
    return (sqrt(1.0 + 4.0 * k) - 1.0) / (2.0 * k);
}

/* w* = (sqrt(1 + 4k) - 1)/(2k) is the least of all weights and gains 1/w*. */
static void the_best_weight_is_a_minimum(void **state)
{
    static const double ks[] = {1, 4, 10}, printed[] = {0.618034, 0.39039, 0.27016};
    static const double gain[] = {1.618, 2.5616, 3.7016};
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        const double k = ks[i], best = best_weight(k), least = weighted_limit(best, 1, k);
        assert_true(fabs(best - printed[i]) < 6e-6);
        assert_true(fabs(1.0 / least - gain[i]) < 6e-5 + 4e-4 * (i == 0));
        assert_true(fabs(least - best) < 1e-14);
        for (double w = 0.001; w < 1.0; w += 0.001) {
            assert_true(weighted_limit(w, 1, k) >= least);
        }
        /* rows that weigh the same */
        assert_true(fabs(weighted_limit(1.0 / (1.0 + k), 1, k) - (1.0 + k) / (1.0 + 2.0 * k)) <
                    1e-14);
    }
}

/* S is 1 to 0.2 %, its share of V below 0.1 %: a tenth of a standard error. */
static void weights_set_the_error_of_the_mean(void **state)
{
    law_case c = {"F8 k = 4, w* = .39039; rows that weigh the same",
                  20000,
                  16,
                  {LINE, UNBIASED, WEIGHTED(400, 0.3903882), NONE},
                  NULL,
                  {.loop = WEIGHTED(400, proportional)},
                  {VALUE(16, "mean_error_sq", weighted_limit(0.3903882, 100, 400))}};
    judge(state, c);
    c.name = "F8 k = 4, w = .7; w = .6";
    c.honest.loop = WEIGHTED(400, 0.7);
    c.twin.loop = WEIGHTED(400, 0.6);
    c.checks[0].expected = weighted_limit(0.7, 100, 400);
    judge(state, c);
    c.name = "F8 k = 1, w* = .61803, gain 1.618; proportional, 1.5";
    c.honest.loop = WEIGHTED(100, 0.6180340);
    c.twin.loop = WEIGHTED(100, proportional);
    c.checks[0].expected = 1.0 / 161.8034;
    judge(state, c);
}

/* ---- D1: fresh rows refresh the chi-square divergence ------------------------------------------
 */

enum { N_CATEGORIES = 5, N_ROWS = 40 };

/* Both sides of chi^2(a P + (1 - a) G || P) = (1 - a)^2 chi^2(G || P) by the program's measure, whose
 * mean over rows in the proportions of P is exact. */
static void mixing_shrinks_the_divergence(void **state)
{
    static const size_t n_of[N_CATEGORIES] = {16, 10, 7, 5, 2};
    static const double g[N_CATEGORIES] = {0.5, 0.1, 0.25, 0.02, 0.13};
    const double share = 0.3;
    double p[N_ROWS], bare[N_ROWS], mixed[N_ROWS], exact = 0.0;
    double of_bare[2], of_mixed[2], of_wrong[2];
    mad_set rows = {.n_rows = N_ROWS, .dim = 1};
    mad_metric_in in = {.real = &rows, .real_log_p = p, .real_share = share};

    for (size_t i = 0, row = 0; i < N_CATEGORIES; i++) {
        const double world = (double)n_of[i] / N_ROWS;
        exact += pow(g[i] - world, 2.0) / world;
        for (size_t k = 0; k < n_of[i]; k++, row++) {
            p[row] = log(world);
            bare[row] = log(g[i]);
            mixed[row] = log(share * world + (1.0 - share) * g[i]);
        }
    }
    in.log_density = bare;
    assert_int_equal(mad_metric_chi2.eval(*state, &in, of_bare), MAD_OK);
    in.log_density = mixed;
    in.log_density_before = bare;
    assert_int_equal(mad_metric_chi2.eval(*state, &in, of_mixed), MAD_OK);
    in.real_share = 0.35;
    assert_int_equal(mad_metric_chi2.eval(*state, &in, of_wrong), MAD_OK);
    assert_true(fabs(of_bare[0] - exact) < 1e-12);
    assert_true(fabs(of_mixed[0] - pow(1.0 - share, 2.0) * exact) < 1e-12);
    assert_true(fabs(of_mixed[1]) < 1e-12); /* the law of the training rows itself: nothing new */
    assert_true(of_wrong[1] > 1e-4);
}

/* r rows of P and k of G leave frequencies whose chi^2 is, in expectation,
 *   (k/n)^2 chi^2(G || P) + [r (K - 1) + k (K - 1 - chi^2(G || P))]/n^2, as E sum G_i/P_i = K. */
static double refreshed(double n_initial, double r, double k, double n_categories, size_t t)
{
    const double n = r + k, q = k / n;
    double d = (n_categories - 1.0) / n_initial;
    for (size_t g = 2; g <= t; g++) {
        d = (q * q - q / n) * d + (n_categories - 1.0) / n;
    }
    return d;
}

#define REFRESHED(t) VALUE(t, "chi2_categories", refreshed(10, 160, 240, 10, t))

static void divergences_are_forgotten(void **state)
{
    const law_case c = {"D1 chi^2 on categories, a = .4; a = .425",
                        8000,
                        20,
                        {ZIPF, DISCRETE, FRESH(10, 160, 240), NONE},
                        NULL,
                        {.loop = FRESH(10, 170, 230)},
                        {REFRESHED(1), REFRESHED(2), REFRESHED(3), REFRESHED(5), REFRESHED(20)}};
    const double memory = 1.0 / (1.0 - 0.36), level = refreshed(10, 160, 240, 10, 200);
    /* sum of (1 - a)^(2m) e^2, e^2 = (K - 1)/n, to 1/n of it */
    assert_true(fabs(level - memory * 9.0 / 400.0) < 0.01 * level);
    judge(state, c);
}

/* ---- X2: a fixed real set, efficient models and others -----------------------------------------
 *
 * All generations kept, n rows each: mu_t = mu_(t-1) + e/t, so
 *   V_t = V_(t-1) + r/(n t^2),  C_t = C_(t-1) + (r - C_(t-1))/t - r/(n t^2),
 * C_t the variance of the training rows and r = lam (C_(t-1) + h^2) that of the rows sampled. An
 * efficient model has lam = 1, h = 0: V stays below pi^2/6 /n and C above sin(x)/x, x = pi/sqrt(n).
 * A biased one loses all variance as t^(lam - 1), one that widens gains h^2 ln t. Bias alone is not
 * enough: with a fixed SHARE of real rows (X1) it stops at a floor. */

typedef struct kept {
    double v, s;
} kept;

static kept pooled(double n, double lam, double h, size_t t)
{
    double v = 1.0 / n, c = 1.0 - 1.0 / n;
    for (size_t g = 2; g <= t; g++) {
        const double r = lam * (c + h * h), i = (double)g;
        v += r / (n * i * i);
        c += (r - c) / i - r / (n * i * i);
    }
    return (kept){v, c + h * h};
}

#define KEPT(lam, h)                                                                               \
    VALUE(10, "trace", pooled(20, lam, h, 10).s), VALUE(40, "trace", pooled(20, lam, h, 40).s),    \
        VALUE(40, "mean_error_sq", pooled(20, lam, h, 40).v)

static void only_inefficient_models_degrade_without_bound(void **state)
{
    const double x = PI / sqrt(20.0), late = pooled(20, 1, 0, 1000000).s;
    const law_case cases[] = {
        {"X2 efficient: bounded; lam = .95",
         4000,
         40,
         {LINE, ML, KEEP, NONE},
         NULL,
         {.bias = SHRINK(0.95)},
         {KEPT(1, 0)}},
        {"X2 biased: variance falls as t^(lam - 1); no bias",
         4000,
         40,
         {LINE, ML, KEEP, SHRINK(0.8)},
         NULL,
         {.bias = NONE},
         {KEPT(0.8, 0)}},
        {"X2 widening: variance grows as h^2 ln t; h = 0",
         4000,
         40,
         {LINE, "{kind: kde, bandwidth: 0.5}", KEEP, NONE},
         NULL,
         {.model = "{kind: kde, bandwidth: 0}"},
         {KEPT(1, 0.5)}},
    };
    assert_true(fabs(late - sin(x) / x) < 1e-4 && pooled(20, 1, 0, 1000000).v < PI * PI / 120.0);
    assert_true(fabs(pooled(20, 0.8, 0, 1000000).s / pooled(20, 0.8, 0, 1000).s -
                     pow(1000.0, -0.2)) < 1e-3);
    assert_true(fabs(pooled(20, 1, 0.5, 1000000).s - pooled(20, 1, 0.5, 1000).s -
                     0.25 * log(1000.0)) < 1e-2);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        judge(state, cases[i]);
    }
}

static void a_fixed_share_stops_a_biased_loop(void **state)
{
    const double q = 0.7, lam = 0.8, s = 29.0 / 99.0 / (1 - q * lam - q * q * lam / (99 * (1 + q)));
    const law_case c = {"X1 X2 biased, fixed share: a floor; lam = 1",
                        8000,
                        40,
                        {LINE, UNBIASED, FIXED, SHRINK(0.8)},
                        NULL,
                        {.bias = NONE},
                        {VALUE(20, "trace", s), VALUE(40, "trace", s),
                         VALUE(40, "mean_error_sq", 1.0 / 30 + q * lam * s / (30 * (1 + q)))}};
    assert_true(fabs(s - 0.6693) < 5e-5);
    judge(state, c);
}

static int set_up(void **state)
{
    *state = mad_ctx_create(2);
    return *state == NULL;
}

static int tear_down(void **state)
{
    mad_ctx_destroy(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(useful_synthetic_rows_have_a_bound),
        cmocka_unit_test(the_best_weight_is_a_minimum),
        cmocka_unit_test(weights_set_the_error_of_the_mean),
        cmocka_unit_test(mixing_shrinks_the_divergence),
        cmocka_unit_test(divergences_are_forgotten),
        cmocka_unit_test(only_inefficient_models_degrade_without_bound),
        cmocka_unit_test(a_fixed_share_stops_a_biased_loop),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}

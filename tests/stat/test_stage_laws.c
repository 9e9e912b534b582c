/* tests/stat/test_stage_laws.c: correction, post-processing and channels against their closed forms,
 * each with a sabotaged twin.
 *
 * Null law: every z is asymptotically N(0, 1) over the replicates a case states. A check fails at
 * |z| >= 4 (two-sided false-alarm rate 6.3e-5; about 50 checks, so 0.3 % for a new seed; the seed is
 * fixed). A twin has one thing wrong, is judged by the HONEST closed form and must fail at least one
 * check of its case. Marks such as F10 are those of the method notes.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "sim/num/stats.h"
#include "tests/stat/laws.h"
#include "tests/stat/sabotage.h"

#define LINE            "{kind: gauss, dim: 1}"
#define WIDE            "{kind: gauss, dim: 64, spectrum: 0}"
#define RING            "{kind: ring}"
#define GAUSS           "{kind: gauss, ddof: unbiased}"
#define FLOW            "{kind: exact, sampler: {kind: heun, steps: 100}}"
#define CLASSES         "{kind: exact, sampler: {kind: heun, steps: 10}}"
#define FEATURES        "{kind: regression, features: 5, noise: 1}"
#define LINEAR          "{kind: linear}"
#define NONE            "{kind: none}"
#define SHRINK          "{kind: shrink, strength: 0.6}"
#define RELABELS        "{family: custom, real: fresh, n_initial: 20, n_real: 20, n_synthetic: 0}"
#define FRESH(n0, r, s) "{family: fresh, n_initial: " #n0 ", n_real: " #r ", n_synthetic: " #s "}"
#define REPLACE(n)      "{family: fully_synthetic, n_initial: " #n ", n_synthetic: " #n "}"

#define VALUE(t, name, x)                                                                          \
    {                                                                                              \
        t, name, LAW_VALUE, x                                                                      \
    }
#define SPREAD(t, name, x)                                                                         \
    {                                                                                              \
        t, name, LAW_SPREAD, x                                                                     \
    }

static void judge(void **state, law_case c, law_sabotage sabotage)
{
    c.twin_registry = law_registry(sabotage);
    law_assert(*state, &c, law_registry(LAW_HONEST));
}

/* ---- pooled Gaussian samples: F11 --------------------------------------------------------------
 *
 * A training set of r real rows of N(0, 1) and k rows of the model N(m, s): with n = r + k
 *   E m'^2 = k^2/n^2 E m^2 + (r + k E s)/n^2,
 *   E s'   = (r + k E s)/n + k r/(n (n - 1)) E m^2  (unbiased variance),
 * in expectation over the law of (r, k). */

/* Means over (r, k) that the recursions need. */
typedef struct mix {
    double kk, r_nn, k_nn; /* of k^2/n^2, r/n^2, k/n^2 */
    double r_n, k_n;       /* of r/n, k/n */
    double between;        /* of k r/(n (n - 1)) */
} mix;

static double binomial(size_t n, size_t i, double p)
{
    const double log_c =
        lgamma((double)n + 1.0) - lgamma((double)i + 1.0) - lgamma((double)(n - i) + 1.0);
    return p == 0.0 || p == 1.0 ? (double)(i == (p == 0.0 ? 0 : n))
                                : exp(log_c + (double)i * log(p) + (double)(n - i) * log1p(-p));
}

static void add_mix(mix *m, double weight, double r, double k)
{
    const double n = r + k;
    m->kk += weight * k * k / (n * n);
    m->r_nn += weight * r / (n * n);
    m->k_nn += weight * k / (n * n);
    m->r_n += weight * r / n;
    m->k_n += weight * k / n;
    m->between += weight * k * r / (n * (n - 1.0));
}

static mix leaky(size_t n_real, size_t n_synthetic, double eps)
{
    mix m = {0};
    for (size_t i = 0; i <= n_real; i++) {
        add_mix(&m, binomial(n_real, i, eps), (double)(n_real - i), (double)(n_synthetic + i));
    }
    return m;
}

static mix detected(size_t n_real, size_t n_synthetic, double tpr, double fpr)
{
    mix m = {0};
    for (size_t r = 0; r <= n_real; r++) {
        for (size_t k = r > 1 ? 0 : 2; k <= n_synthetic; k++) {
            add_mix(&m, binomial(n_real, r, 1.0 - fpr) * binomial(n_synthetic, k, 1.0 - tpr),
                    (double)r, (double)k);
        }
    }
    return m;
}

/* Mean square error of the mean, mean variance and mean depth in generation t. */
typedef struct moments {
    double v, s, depth;
} moments;

static moments pooled(mix m, size_t n_initial, size_t t)
{
    moments now = {1.0 / (double)n_initial, 1.0, 0.0};
    for (size_t g = 2; g <= t; g++) {
        now = (moments){m.kk * now.v + m.r_nn + m.k_nn * now.s,
                        m.r_n + m.k_n * now.s + m.between * now.v, m.k_n * (1.0 + now.depth)};
    }
    return now;
}

#define POOLED(t, m, n0)                                                                           \
    VALUE(t, "mean_error_sq", pooled(m, n0, t).v), VALUE(t, "trace", pooled(m, n0, t).s),          \
        VALUE(t, "lineage/mean_depth", pooled(m, n0, t).depth)

static void leak_lowers_the_real_share(void **state)
{
    const mix m = leaky(16, 24, 0.5);
    const law_case c = {"F11 leak: p_eff = p (1 - eps)",
                        8000,
                        12,
                        {LINE, GAUSS, FRESH(30, 16, 24), NONE ", channel: {kind: leak, eps: 0.5}"},
                        NULL,
                        {.bias = NONE ", channel: {kind: leak, eps: 0.3}"},
                        {POOLED(3, m, 30), POOLED(12, m, 30)}};
    assert_true(fabs(m.r_n - 0.4 * 0.5) < 1e-12);
    judge(state, c, LAW_HONEST);
}

static void detector_raises_the_real_share(void **state)
{
    const mix m = detected(16, 24, 0.75, 0.25);
    const double kept = 0.4 * 0.75 + 0.6 * 0.25;
    law_case c = {
        "F11 detector: p_eff",
        8000,
        12,
        {LINE, GAUSS, FRESH(30, 16, 24), NONE ", channel: {kind: detector, tpr: 0.75, fpr: 0.25}"},
        NULL,
        {.bias = NONE ", channel: {kind: detector, tpr: 0.6, fpr: 0.25}"},
        {POOLED(3, m, 30), POOLED(12, m, 30)}};
    /* the share of a large sample, exact up to 1/n */
    assert_true(fabs(m.r_n - 0.4 * 0.75 / kept) < 0.01);
    judge(state, c, LAW_HONEST);
    c = (law_case){"detector: what it reports",
                   2000,
                   3,
                   c.honest,
                   NULL,
                   c.twin,
                   {VALUE(2, "channel/tpr", 0.75), VALUE(2, "channel/fpr", 0.25),
                    VALUE(2, "channel/kept", kept), VALUE(3, "channel/kept", kept)}};
    judge(state, c, LAW_HONEST);
}

/* ---- correction: F10 ---------------------------------------------------------------------------
 *
 * m_t = a_t m* + noise of variance v_t, m* = m_1 of variance 1/n_0. With c the expected variance
 * (s + gamma) / (1 + gamma) and x = (m_t + e_s + gamma m*) / (1 + gamma) + e the mean of corrected
 * rows, the rest as for pooled samples. */

typedef struct corrected {
    double a, v, s;
} corrected;

static corrected correct(double gamma, double n_initial, double r, double k, size_t t)
{
    const double n = r + k, f = 1.0 / (1.0 + gamma), q = k / n;
    corrected now = {1.0, 0.0, 1.0};
    for (size_t g = 2; g <= t; g++) {
        const double c = f * (now.s + gamma), a = f * (now.a + gamma);
        const double noise = f * f * (now.v + now.s / k) + c * (1.0 - f * f) / k;
        const double between = 1.0 / r + a * a / n_initial + noise;
        now = (corrected){q * a, q * q * noise + r / (n * n),
                          (r - 1.0 + (k - 1.0) * c + r * k / n * between) / (n - 1.0)};
    }
    return now;
}

#define CORRECTED(t)                                                                               \
    VALUE(t, "mean_error_sq", at##t.a *at##t.a / 100.0 + at##t.v), VALUE(t, "trace", at##t.s)

static void correction_shortens_the_memory(void **state)
{
    const corrected at2 = correct(1.0, 100.0, 20.0, 80.0, 2);
    const corrected at4 = correct(1.0, 100.0, 20.0, 80.0, 4);
    const corrected at12 = correct(1.0, 100.0, 20.0, 80.0, 12);
    const law_case c = {
        "F10 statistics: q -> q / (1 + gamma), innovation kept",
        4000,
        12,
        {LINE, GAUSS, FRESH(100, 20, 80), NONE ", correct: {kind: statistics, gamma: 1}"},
        NULL,
        {0},
        {CORRECTED(2), CORRECTED(4), CORRECTED(12)}};
    /* V_inf = (1/n) / (1 - (q / (1 + gamma))^2) = .011905, to 1/n of it */
    assert_true(fabs(at12.v - 0.011905) < 0.011905 * 0.01);
    assert_true(fabs(at12.v - 0.01 / (1.0 - 0.16)) < 0.011905 * 0.01);
    judge(state, c, LAW_SHRUNK_ERROR);
}

/* ---- labels: B-L -------------------------------------------------------------------------------
 */

/* s^2 d / (T - d - 1), d = 5, s = 1 */
static double risk(double n_rows)
{
    return 5.0 / (n_rows - 6.0);
}

static void models_label_their_successors_data(void **state)
{
    const law_case chain = {"L1 fresh inputs, labels of the previous model",
                            8000,
                            6,
                            {FEATURES, LINEAR, RELABELS, NONE ", channel: {kind: label}"},
                            NULL,
                            {.bias = NONE ", channel: {kind: label, share: 0.9}"},
                            {VALUE(1, "excess_risk", risk(20)),
                             VALUE(2, "excess_risk", 2 * risk(20)),
                             VALUE(6, "excess_risk", 6 * risk(20))}};
    const law_case pool = {
        "L2 pooled inputs, all labelled anew: sum s^2 d / (i T - d - 1)",
        8000,
        4,
        {FEATURES, LINEAR,
         "{family: custom, real: fresh_accumulate, n_initial: 20, n_real: 20, n_synthetic: 0}",
         NONE ", channel: {kind: label}"},
        NULL,
        {.bias = NONE ", channel: {kind: label, how: best}"},
        {VALUE(2, "excess_risk", risk(20) + risk(40)),
         VALUE(4, "excess_risk", risk(20) + risk(40) + risk(60) + risk(80))}};
    judge(state, chain, LAW_HONEST);
    judge(state, pool, LAW_HONEST);
}

/* w -> (1 - p2) w* + p2 w_1 over many rows: floor p2^2 |w_1 - w*|^2; beside it, to order 1/T, the noise
 * and the random count of labels of either kind, p2 (1 - p2) (d + 2) / T |w_1 - w*|^2. */
static void mixed_labels_leave_a_floor(void **state)
{
    const double p2 = 0.5, n = 1000.0, first = risk(20);
    const double floor_ = p2 * p2 * first + p2 * (1 - p2) * 7.0 / n * first + risk(n);
    const law_case c = {
        "L5 half the labels of a bad model",
        4000,
        2,
        {FEATURES, LINEAR,
         "{family: custom, real: fresh, n_initial: 20, n_real: 1000, n_synthetic: 0}",
         NONE ", channel: {kind: label, share: 0.5}"},
        NULL,
        {.bias = NONE ", channel: {kind: label, share: 0.6}"},
        {VALUE(2, "excess_risk", floor_), VALUE(2, "channel/relabelled", p2)}};
    judge(state, c, LAW_HONEST);
}

static void annotators_err(void **state)
{
    const law_case responses = {
        "label_noise: (s^2 + sd^2) d / (T - d - 1)",
        8000,
        2,
        {FEATURES, LINEAR, RELABELS, NONE ", channel: {kind: label_noise, sd: 1}"},
        NULL,
        {.bias = NONE ", channel: {kind: label_noise, sd: 0.8}"},
        {VALUE(1, "excess_risk", risk(20)), VALUE(2, "excess_risk", 2 * risk(20))}};
    const law_case classes = {
        "label_noise: share of flips",
        200,
        2,
        {RING, CLASSES, FRESH(100, 50, 50), NONE ", channel: {kind: label_noise, eps: 0.1}"},
        NULL,
        {.bias = NONE ", channel: {kind: label_noise, eps: 0.13}"},
        {VALUE(2, "channel/flips", 0.1)}};
    judge(state, responses, LAW_HONEST);
    judge(state, classes, LAW_HONEST);
}

/* ---- emitted rows ------------------------------------------------------------------------------
 */

/* Sheppard; what step 1 leaves out at sd 1 is below 1e-6 on average at n = 50. */
static void rounding_adds_variance(void **state)
{
    const law_case c = {"quantise: step^2 / 12",
                        8000,
                        3,
                        {LINE, GAUSS, REPLACE(50), NONE ", channel: {kind: quantise, step: 1}"},
                        NULL,
                        {.bias = NONE ", channel: {kind: quantise, step: 0.7}"},
                        {VALUE(2, "trace", 1 + 1.0 / 12), VALUE(3, "trace", 1 + 2.0 / 12)}};
    judge(state, c, LAW_HONEST);
}

/* Mean of z at height b in 64 columns of sd 1: noncentral t with 62 degrees of freedom. */
static double mean_z(double b)
{
    return b * 8.0 * sqrt(31.0) * exp(lgamma(30.5) - lgamma(31.0));
}

/* Height in the model of generation t: b_t = (1 - phi) (b_(t-1) + a), of marked rows a_t = b_t + a. */
static double height(double phi, double a, size_t t)
{
    return t <= 1 ? 0.0 : (1.0 - phi) * (height(phi, a, t - 1) + a);
}

/* Series of generation t speak of the rows that t - 1 left. */
#define MARKED(t)                                                                                  \
    VALUE(t, "channel/z", mean_z(height(0.5, 0.1, t - 1) + 0.1)),                                  \
        VALUE(t, "channel/radioactivity", mean_z(height(0.5, 0.1, t - 1)))

static void marks_are_found_and_inherited(void **state)
{
    const law_case c = {
        "watermark: z, radioactivity, a_t = (1 - phi) a_(t-1) + a",
        100,
        6,
        {WIDE, GAUSS, FRESH(2000, 1000, 1000), NONE ", channel: {kind: watermark, amplitude: 0.1}"},
        NULL,
        {.loop = FRESH(2000, 1100, 900)},
        {MARKED(2), MARKED(3), MARKED(6)}};
    judge(state, c, LAW_HONEST);
}

/* ---- negative extrapolation: D4, D5 ------------------------------------------------------------
 *
 * ln v = (1 + w) ln A - w ln B with A of n_r rows and B of n_s own ones, whose variance is lam A:
 *   E ln v = c(n_r - 1) - w (ln lam + c(n_s - 1)), c(nu) = psi(nu / 2) - ln(nu / 2),
 *   var = psi1((n_r - 1) / 2) + w^2 psi1((n_s - 1) / 2) ~ 2/n_r + 2 w^2/n_s. */

static double log_mean(double nu)
{
    return mad_digamma(nu / 2.0) - log(nu / 2.0);
}

static void extrapolation_undoes_a_shrinking_sampler(void **state)
{
    const double mean = log_mean(29) - log(0.6) - log_mean(59);
    const double spread = mad_trigamma(29.0 / 2.0) + mad_trigamma(59.0 / 2.0);
    law_case c = {"D5 neon: w = 1 undoes lam = 0.6",
                  6000,
                  2,
                  {LINE, GAUSS, REPLACE(30), SHRINK ", post: {kind: neon, w: 1, n: 60}"},
                  NULL,
                  {.bias = SHRINK ", post: {kind: neon, w: 0.8, n: 60}"},
                  {VALUE(1, "log_det", mean), SPREAD(1, "log_det", spread)}};
    judge(state, c, LAW_HONEST);
    c.name = "D4 sims on normal laws: the same";
    c.honest.bias = SHRINK ", post: {kind: sims, w: 1, n: 60}";
    c.twin = (law_setting){.bias = NONE ", post: {kind: sims, w: 1, n: 60}"};
    judge(state, c, LAW_HONEST);
}

/* The flow of the guided score: sampled rows have A (A / B)^w, seen in 64 rows. */
static void guided_flow_leaves_the_extrapolated_variance(void **state)
{
    const double w = 2.0;
    const double mean = log_mean(9) * (1.0 - w) + log_mean(63);
    const double spread = mad_trigamma(4.5) * (1.0 + w * w) + mad_trigamma(63.0 / 2.0);
    const law_case c = {"D4 sims on an exact denoiser",
                        3000,
                        1,
                        {LINE, FLOW, REPLACE(10), NONE ", post: {kind: sims, w: 2, n: 10}"},
                        NULL,
                        {.bias = NONE ", post: {kind: sims, w: 1, n: 10}"},
                        {VALUE(1, "log_det", mean), SPREAD(1, "log_det", spread)}};
    judge(state, c, LAW_HONEST);
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
        cmocka_unit_test(leak_lowers_the_real_share),
        cmocka_unit_test(detector_raises_the_real_share),
        cmocka_unit_test(correction_shortens_the_memory),
        cmocka_unit_test(models_label_their_successors_data),
        cmocka_unit_test(mixed_labels_leave_a_floor),
        cmocka_unit_test(annotators_err),
        cmocka_unit_test(rounding_adds_variance),
        cmocka_unit_test(marks_are_found_and_inherited),
        cmocka_unit_test(extrapolation_undoes_a_shrinking_sampler),
        cmocka_unit_test(guided_flow_leaves_the_extrapolated_variance),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}

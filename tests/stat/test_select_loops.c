/* tests/stat/test_select_loops.c: loops that select, generation by generation, against their exact
 * recursions of large n, each with a sabotaged twin.
 *
 * Null law: z of the mean over 100 replicates, asymptotically N(0, 1). A check fails at |z| >= 5
 * (two-sided 5.7e-7; 16 checks: 1e-5 for a new seed). With 20000 rows and more the recursions of
 * finite n differ by less than a fifth of a standard error. A twin has one key changed, is judged by the
 * HONEST recursion and must fail a check.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "sim/num/stats.h"
#include "tests/stat/laws.h"
#include "tests/stat/sabotage.h"

#define Z_LIMIT      5.0
#define N_REPLICATES 100

#define LINE     "{kind: gauss, dim: 1}"
#define GAUSS    "{kind: gauss, ddof: unbiased}"
#define COIN     "{kind: zipf, categories: 2, exponent: 3.169925001442312}" /* p = (.9, .1) */
#define DISCRETE "{kind: categorical}"
#define SELECT   "{kind: none}, select: "
#define REPLACE  "{family: fully_synthetic, n_initial: 20000, n_synthetic: 20000}"
#define FRESH    "{family: fresh, n_initial: 20000, n_real: 10000, n_synthetic: 10000}"
#define RARE     "reward: {kind: table, target: [0, 1]}"

#define V(t, metric, value)                                                                        \
    {                                                                                              \
        t, metric, LAW_VALUE, value                                                                \
    }

/* ---- recursions ---------------------------------------------------------------------------- */

static double sigmoid(double x)
{
    return 1.0 / (1.0 + exp(-x));
}

/* S2: p' = p + p (1 - p) (2 sigm(1) - 1) (1 - 2 flip), from 0.1 over n steps. */
static double by_pairs(size_t n, double flip)
{
    double p = 0.1;
    for (size_t t = 0; t < n; t++) {
        p += p * (1.0 - p) * (2.0 * sigmoid(1.0) - 1.0) * (1.0 - 2.0 * flip);
    }
    return p;
}

/* S1: log-odds grow by 1 a generation. */
static double by_weights(size_t n)
{
    return sigmoid(log(1.0 / 9.0) + (double)n);
}

static double heterozygosity(double p)
{
    return 2.0 * p * (1.0 - p);
}

typedef struct normal_law {
    double mean, var;
} normal_law;

/* S7: half fresh N(0, 1), half the share 0.3 of N(mean, var) that a judge of accuracy 0.6 keeps. */
static normal_law breed(size_t n)
{
    const double z = mad_normal_quantile(0.7), rho = 0.6;
    const double i = exp(-0.5 * z * z) / sqrt(2.0 * acos(-1.0)) / 0.3;
    normal_law law = {0.0, 1.0};
    for (size_t t = 0; t < n; t++) {
        const double up = law.mean + rho * i * sqrt(law.var);
        const double var = law.var * (1.0 - rho * rho * i * (i - z));
        law = (normal_law){0.5 * up, 0.5 + 0.5 * var + 0.25 * up * up};
    }
    return law;
}

/* ---- judging ------------------------------------------------------------------------------- */

static void judge(law_case c)
{
    mad_ctx *ctx = mad_ctx_create(2);
    double honest[LAW_CHECKS], twin[LAW_CHECKS];
    size_t n_wrong = 0;
    c.n_replicates = N_REPLICATES;
    if (law_judge(ctx, &c, law_registry(LAW_HONEST), honest, twin) != MAD_OK) {
        fail_msg("%s: %s", c.name, ctx->message);
    }
    for (size_t k = 0; k < law_n_checks(&c); k++) {
        printf("%-28s t %2zu %-15s z %5.2f, twin %.1f\n", c.name, c.checks[k].generation,
               c.checks[k].metric, honest[k], twin[k]);
        if (!(fabs(honest[k]) < Z_LIMIT)) {
            fail_msg("%s: z = %.1f", c.name, honest[k]);
        }
        n_wrong += !(fabs(twin[k]) < Z_LIMIT);
    }
    if (n_wrong == 0) {
        fail_msg("%s: the sabotaged twin passes", c.name);
    }
    mad_ctx_destroy(ctx);
}

/* Ten steps from .1 end at .92208. */
static void pairs_of_two_types(void **state)
{
    (void)state;
    assert_true(fabs(by_pairs(10, 0.0) - 0.92208) < 1e-5);
    judge((law_case){.name = "S2 pairs",
                     .n_generations = 11,
                     .honest = {COIN, DISCRETE, REPLACE, SELECT "{kind: bradley_terry, " RARE "}"},
                     .twin = {.bias = SELECT "{kind: bradley_terry, temperature: 1.1, " RARE "}"},
                     .checks = {V(2, "heterozygosity", heterozygosity(by_pairs(1, 0.0))),
                                V(6, "heterozygosity", heterozygosity(by_pairs(5, 0.0))),
                                V(11, "heterozygosity", heterozygosity(by_pairs(10, 0.0)))}});
    judge((law_case){
        .name = "S2 labels turned round",
        .n_generations = 9,
        .honest = {COIN, DISCRETE, REPLACE, SELECT "{kind: human_noise, flip: 0.2, " RARE "}"},
        .twin = {.bias = SELECT "{kind: human_noise, flip: 0.25, " RARE "}"},
        .checks = {V(2, "heterozygosity", heterozygosity(by_pairs(1, 0.2))),
                   V(9, "heterozygosity", heterozygosity(by_pairs(8, 0.2)))}});
}

static void weights_of_two_types(void **state)
{
    (void)state;
    judge(
        (law_case){.name = "S1 log-odds",
                   .n_generations = 5,
                   .honest = {COIN, DISCRETE, REPLACE, SELECT "{kind: reward_weighted, " RARE "}"},
                   .twin = {.bias = SELECT "{kind: reward_weighted, temperature: 1.1, " RARE "}"},
                   .checks = {V(2, "heterozygosity", heterozygosity(by_weights(1))),
                              V(3, "heterozygosity", heterozygosity(by_weights(2))),
                              V(5, "heterozygosity", heterozygosity(by_weights(4)))}});
}

/* Linear b x: the mean moves by b a generation, the variance stays; quadratic: precisions add up. */
static void weights_of_normals(void **state)
{
    (void)state;
    judge((law_case){
        .name = "S1 linear",
        .n_generations = 5,
        .honest = {LINE, GAUSS, REPLACE, SELECT "{kind: reward_weighted, reward: {target: 0.5}}"},
        .twin = {.bias = SELECT "{kind: reward_weighted, reward: {target: 0.52}}"},
        .checks = {V(2, "mean_first", 0.5), V(5, "mean_first", 2.0), V(5, "trace", 1.0)}});
    judge((law_case){.name = "S1 quadratic",
                     .n_generations = 5,
                     .honest = {LINE, GAUSS, REPLACE,
                                SELECT
                                "{kind: reward_weighted, reward: {kind: quadratic, target: 0}}"},
                     .twin = {.bias = SELECT "{kind: reward_weighted, reward: {kind: quadratic, "
                                             "target: 0, tau: 1.1}}"},
                     .checks = {V(2, "trace", 1.0 / 2.0), V(5, "trace", 1.0 / 5.0)}});
}

/* mu = (q / p) rho i s where real data and selection balance, here with p = q. */
static void breeding_against_fresh_data(void **state)
{
    (void)state;
    const normal_law first = breed(1), last = breed(15);
    const normal_law further = breed(200);
    assert_true(fabs(further.mean - 0.695385 * sqrt(further.var)) < 1e-5);
    judge((law_case){
        .name = "S7 breeder",
        .n_generations = 16,
        .honest = {LINE, GAUSS, FRESH, SELECT "{kind: topfrac, share: 0.3, accuracy: 0.6}"},
        .twin = {.bias = SELECT "{kind: topfrac, share: 0.3, accuracy: 0.62}"},
        .checks = {V(2, "mean_first", first.mean), V(2, "trace", first.var),
                   V(16, "mean_first", last.mean), V(16, "trace", last.var)}});
}

/* Variance of N(0, var) between -1 and 1. */
static double banded(double var)
{
    const double c = 1.0 / sqrt(var);
    const double density = exp(-0.5 * c * c) / sqrt(2.0 * acos(-1.0));
    return var * (1.0 - 2.0 * c * density / erf(c / sqrt(2.0)));
}

/* Kept is what is near a plane: the law of the rows is cut on both sides. */
static void rows_near_a_plane(void **state)
{
    (void)state;
    assert_true(fabs(banded(1.0) - 0.29112509) < 1e-8);
    judge((law_case){
        .name = "plane",
        .n_generations = 3,
        .honest = {LINE, GAUSS, REPLACE,
                   SELECT "{kind: verifier, phi: 1, psi: 0, threshold: -1, reward: {kind: plane}}"},
        .twin = {.bias = SELECT "{kind: verifier, phi: 1, psi: 0, threshold: -1.05, reward: {kind: "
                                "plane}}"},
        .checks = {V(2, "mean_first", 0.0), V(2, "trace", banded(1.0)),
                   V(3, "trace", banded(banded(1.0)))}});
}

/* The same budget without judgement: nothing moves. The twin judges. */
static void chance_moves_nothing(void **state)
{
    (void)state;
    judge((law_case){
        .name = "chance",
        .n_generations = 6,
        .honest = {LINE, GAUSS, REPLACE, SELECT "{kind: random, candidates: 2}"},
        .twin = {.bias = SELECT "{kind: topfrac, share: 0.5, accuracy: 0.02}"},
        .checks = {V(2, "mean_first", 0.0), V(6, "mean_first", 0.0), V(6, "trace", 1.0)}});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pairs_of_two_types), cmocka_unit_test(weights_of_two_types),
        cmocka_unit_test(weights_of_normals), cmocka_unit_test(breeding_against_fresh_data),
        cmocka_unit_test(rows_near_a_plane),  cmocka_unit_test(chance_moves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

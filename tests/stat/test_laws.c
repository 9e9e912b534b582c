/* tests/stat/test_laws.c: the simulator against its closed forms, each with a sabotaged twin.
 *
 * Null law: every z is asymptotically N(0, 1) over the replicates a case states (2000 to 12000).
 * A check fails at |z| >= 4 (two-sided false-alarm rate 6.3e-5; about 110 checks, so 0.7 % for a
 * new seed; the seed is fixed). A twin has one thing wrong, is judged by the HONEST closed form and
 * must fail at least one check of its case. Generations stay below about n/2 where a law is
 * heavy-tailed (E sigma_t^2 is carried by rare paths later). Marks such as F3 are those of the
 * method notes.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/stat/laws.h"
#include "tests/stat/sabotage.h"

#define LINE     "{kind: gauss, dim: 1}"
#define SPACE    "{kind: gauss, dim: 3, spectrum: 1}"
#define GRID     "{kind: grid, side: 3}"
#define UNBIASED "{kind: gauss, ddof: unbiased}"
#define ML       "{kind: gauss, ddof: ml}"
#define NONE     "{kind: none}"
#define SHRINK   "{kind: shrink, strength: 0.8}"
#define COLD     "{kind: temperature, strength: 0.8}"
#define DICE     "{kind: zipf, categories: 10, exponent: 0}"
#define DISCRETE "{kind: categorical}"
#define FEATURES "{kind: regression, features: 5, noise: 1}"

#define REPLACE(n)  "{family: fully_synthetic, n_initial: " #n ", n_synthetic: " #n "}"
#define FRESH(r, s) "{family: fresh, n_initial: 30, n_real: " #r ", n_synthetic: " #s "}"
#define FIXED(r, s)                                                                                \
    "{family: synthetic_augmentation, n_initial: " #r ", n_real: " #r ", n_synthetic: " #s "}"
#define KEEP(n, more)                                                                              \
    "{family: custom, real: fixed, retain: accumulate, n_initial: " #n ", n_real: " #n             \
    ", n_synthetic: " #n more "}"
#define MEMORY(k)                                                                                  \
    "{family: fresh, n_initial: 120, n_real: 20, n_synthetic: 200, age: uniform(" #k ")}"
#define MIXED(knobs) "{family: custom, n_initial: 12, n_real: 8, n_synthetic: 12, " knobs "}"

#define M(t, metric)                                                                               \
    {                                                                                              \
        t, metric, LAW_MEAN, 0                                                                     \
    }
#define VAR(t)                                                                                     \
    {                                                                                              \
        t, "log_det", LAW_VARIANCE, 0                                                              \
    }
#define MOMENTS(t) M(t, "trace"), M(t, "mean_error_sq")
#define CONSERVED(t)                                                                               \
    {                                                                                              \
        t, "trace", LAW_CONSERVED, 0                                                               \
    }
#define SLOPE(t, c)                                                                                \
    {                                                                                              \
        t, "mean_first", LAW_SLOPE, c                                                              \
    }

typedef struct row {
    law_case c;
    law_sabotage sabotage;
} row;

/* ---- B-G: Gaussian, fully synthetic ------------------------------------------------------------
 */

static const row gauss_rows[] = {
    {{"G1 G3 lam, ddof swapped",
      8000,
      8,
      {SPACE, UNBIASED, REPLACE(20), SHRINK},
      NULL,
      {.model = ML},
      {MOMENTS(1), MOMENTS(2), MOMENTS(8)}},
     LAW_HONEST},
    {{"G1 G3 lam, bias one generation early",
      8000,
      8,
      {SPACE, UNBIASED, REPLACE(20), SHRINK},
      NULL,
      {0},
      {MOMENTS(1), MOMENTS(2), MOMENTS(8)}},
     LAW_EARLY_BIAS},
    {{"G1 G3 temperature of the noise, another strength",
      8000,
      8,
      {SPACE, UNBIASED, REPLACE(20), COLD},
      NULL,
      {.bias = "{kind: temperature, strength: 0.85}"},
      {MOMENTS(1), MOMENTS(2), MOMENTS(8)}},
     LAW_HONEST},
    {{"G3 ML mean, ddof swapped",
      8000,
      8,
      {LINE, ML, REPLACE(10), NONE},
      NULL,
      {.model = UNBIASED},
      {MOMENTS(1), MOMENTS(4), MOMENTS(8)}},
     LAW_HONEST},
    {{"G3 streams without generation",
      4000,
      8,
      {LINE, UNBIASED, REPLACE(20), NONE},
      NULL,
      {0},
      {MOMENTS(2), MOMENTS(8)}},
     LAW_SAME_GENERATION},
    {{"G2 log variance, ddof swapped",
      4000,
      40,
      {LINE, UNBIASED, REPLACE(10), NONE},
      NULL,
      {.model = ML},
      {M(1, "log_det"), M(40, "log_det"), VAR(1), VAR(40)}},
     LAW_HONEST},
    {{"G2 log variance, bias one generation early",
      4000,
      20,
      {LINE, UNBIASED, REPLACE(20), SHRINK},
      NULL,
      {0},
      {M(1, "log_det"), M(20, "log_det"), VAR(20)}},
     LAW_EARLY_BIAS},
    /* one raw state under neighbouring increments: means stay right, their spread does not */
    {{"G2 variance of the log, streams by bare item",
      4000,
      20,
      {LINE, UNBIASED, REPLACE(20), NONE},
      NULL,
      {0},
      {M(20, "log_det"), VAR(20)}},
     LAW_BARE_STREAMS},
    {{"G4 W2^2 in 1-D, ddof swapped",
      8000,
      10,
      {LINE, UNBIASED, REPLACE(10), SHRINK},
      NULL,
      {.model = ML},
      {M(1, "frechet"), M(3, "frechet"), M(10, "frechet")}},
     LAW_HONEST},
    {{"G8 log det, d = 3, n = 12",
      4000,
      10,
      {SPACE, UNBIASED, REPLACE(12), NONE},
      NULL,
      {.loop = REPLACE(13)},
      {M(1, "log_det"), M(10, "log_det"), VAR(10)}},
     LAW_HONEST},
    {{"G8 log det, lam, bias one generation early",
      2000,
      6,
      {SPACE, UNBIASED, REPLACE(12), SHRINK},
      NULL,
      {0},
      {M(1, "log_det"), M(2, "log_det"), M(6, "log_det")}},
     LAW_EARLY_BIAS},
};

/* ---- G5 and the recursion: every data policy ---------------------------------------------------
 */

/* Conservation V + S = T_0 with ML moments: the twin divides by n - 1. */
#define CONSERVE(name, world, knobs)                                                               \
    {                                                                                              \
        {"G5 " name,                                                                               \
         6000,                                                                                     \
         6,                                                                                        \
         {world, ML, MIXED(knobs), NONE},                                                          \
         NULL,                                                                                     \
         {.model = UNBIASED},                                                                      \
         {CONSERVED(1), CONSERVED(2), CONSERVED(3), CONSERVED(6)}},                                \
            LAW_HONEST                                                                             \
    }

static const row conservation_rows[] = {
    CONSERVE("replace", SPACE, "real: none"),
    CONSERVE("window", SPACE, "real: none, retain: window(3)"),
    CONSERVE("accumulate", SPACE, "real: fixed, retain: accumulate"),
    CONSERVE("accumulate without real", SPACE, "real: none, retain: accumulate"),
    CONSERVE("budget", SPACE, "real: fixed, retain: accumulate, budget: 10"),
    CONSERVE("fixed", SPACE, "real: fixed"),
    CONSERVE("fresh", SPACE, "real: fresh"),
    CONSERVE("fresh_accumulate", SPACE, "real: fresh_accumulate"),
    CONSERVE("age uniform", SPACE, "real: fresh, age: uniform(3)"),
    CONSERVE("age geometric", SPACE, "real: none, age: geometric(0.5)"),
    CONSERVE("age all", SPACE, "real: fixed, age: all"),
    CONSERVE("real_weight", SPACE, "real: fresh, real_weight: 0.6"),
    CONSERVE("fresh on a mixture of 9", GRID, "real: fresh"),
};

/* Conservation cannot see one valid policy run in place of another; S and V alone can. */
#define POLICY(name, knobs, wrong)                                                                 \
    {                                                                                              \
        {"policy " name,                                                                           \
         8000,                                                                                     \
         6,                                                                                        \
         {LINE, ML, MIXED(knobs), SHRINK},                                                         \
         NULL,                                                                                     \
         {.loop = MIXED(wrong)},                                                                   \
         {MOMENTS(2), MOMENTS(3), MOMENTS(6)}},                                                    \
            LAW_HONEST                                                                             \
    }

static const row policy_rows[] = {
    POLICY("replace", "real: none", "real: none, retain: window(2)"),
    POLICY("window", "real: none, retain: window(2)", "real: none, retain: window(3)"),
    POLICY("accumulate", "real: fixed, retain: accumulate", "real: fixed, retain: window(3)"),
    POLICY("budget", "real: fixed, retain: accumulate, budget: 10",
           "real: fixed, retain: accumulate, budget: 12"),
    POLICY("fixed", "real: fixed", "real: fresh"),
    POLICY("fresh", "real: fresh", "real: fixed"),
    POLICY("fresh_accumulate", "real: fresh_accumulate", "real: fresh, retain: accumulate"),
    POLICY("age uniform", "real: none, age: uniform(3)", "real: none, age: uniform(2)"),
    POLICY("age geometric", "real: none, age: geometric(0.5)", "real: none, age: geometric(0.3)"),
    POLICY("age all", "real: none, age: all", "real: none, age: uniform(3)"),
    POLICY("age and window", "real: fresh, age: uniform(2), retain: window(3)",
           "real: fresh, age: uniform(3), retain: window(2)"),
    POLICY("real_weight", "real: fresh, real_weight: 0.6", "real: fresh, real_weight: 0.5"),
};

/* ---- B-F, B-X: fresh and fixed real data -------------------------------------------------------
 */

static const row real_rows[] = {
    {{"F2 F3 fresh 8 + 12, one fresh row fewer",
      12000,
      12,
      {LINE, UNBIASED, FRESH(8, 12), NONE},
      NULL,
      {.loop = FRESH(7, 12)},
      {MOMENTS(2), MOMENTS(12)}},
     LAW_HONEST},
    {{"F2 F3 fresh 20 + 80, lam, bias one generation early",
      2000,
      25,
      {LINE, UNBIASED, FRESH(20, 80), SHRINK},
      NULL,
      {0},
      {MOMENTS(2), MOMENTS(25)}},
     LAW_EARLY_BIAS},
    {{"F1 lag-1 autocorrelation q = 0.8",
      4000,
      12,
      {LINE, UNBIASED, FRESH(10, 40), NONE},
      NULL,
      {.loop = FRESH(15, 35)},
      {SLOPE(2, 0.8), SLOPE(6, 0.8), SLOPE(12, 0.8)}},
     LAW_HONEST},
    {{"F5 K = 1",
      3000,
      30,
      {LINE, UNBIASED, MEMORY(1), NONE},
      NULL,
      {.loop = MEMORY(2)},
      {MOMENTS(5), MOMENTS(30)}},
     LAW_HONEST},
    {{"F5 K = 2",
      3000,
      30,
      {LINE, UNBIASED, MEMORY(2), NONE},
      NULL,
      {.loop = MEMORY(3)},
      {MOMENTS(5), MOMENTS(30)}},
     LAW_HONEST},
    {{"F5 K = 3",
      3000,
      30,
      {LINE, UNBIASED, MEMORY(3), NONE},
      NULL,
      {.loop = MEMORY(2)},
      {MOMENTS(5), MOMENTS(30)}},
     LAW_HONEST},
    {{"F5 K = 10",
      3000,
      60,
      {LINE, UNBIASED, MEMORY(10), NONE},
      NULL,
      {.loop = MEMORY(5)},
      {MOMENTS(5), MOMENTS(60)}},
     LAW_HONEST},
    {{"X1 fixed 30 + 70",
      4000,
      20,
      {LINE, UNBIASED, FIXED(30, 70), NONE},
      NULL,
      {.loop = FRESH(30, 70)},
      {MOMENTS(2), MOMENTS(20)}},
     LAW_HONEST},
    {{"X1 fixed 30 + 70, lam, bias one generation early",
      2000,
      20,
      {LINE, UNBIASED, FIXED(30, 70), SHRINK},
      NULL,
      {0},
      {MOMENTS(2), MOMENTS(20)}},
     LAW_EARLY_BIAS},
};

/* ---- B-A: accumulate, subsample, window --------------------------------------------------------
 */

static const row accumulate_rows[] = {
    {{"A2 accumulate n = 5, ddof swapped",
      8000,
      20,
      {LINE, ML, KEEP(5, ""), NONE},
      NULL,
      {.model = UNBIASED},
      {MOMENTS(2), MOMENTS(5), MOMENTS(20)}},
     LAW_HONEST},
    {{"A3 accumulate, fit on 20",
      8000,
      12,
      {LINE, ML, KEEP(20, ", budget: 20"), NONE},
      NULL,
      {.loop = KEEP(20, ", budget: 24")},
      {MOMENTS(2), MOMENTS(5), MOMENTS(12)}},
     LAW_HONEST},
    {{"A4 window of 2",
      8000,
      12,
      {LINE, ML, "{family: custom, real: none, retain: window(2), n_initial: 20, n_synthetic: 20}",
       NONE},
      NULL,
      {.loop = "{family: custom, real: none, retain: window(3), n_initial: 20, n_synthetic: 20}"},
      {MOMENTS(3), MOMENTS(12)}},
     LAW_HONEST},
};

/* ---- B-C: categories ---------------------------------------------------------------------------
 */

static const row category_rows[] = {
    {{"C1 C3 n = 50, wrong n",
      8000,
      20,
      {DICE, DISCRETE, REPLACE(50), NONE},
      NULL,
      {.loop = REPLACE(46)},
      {M(1, "modes_covered"), M(5, "modes_covered"), M(20, "modes_covered"), M(1, "heterozygosity"),
       M(20, "heterozygosity")}},
     LAW_HONEST},
    {{"C4 fresh 20 + 80, a fifth of the fresh rows gone",
      4000,
      15,
      {DICE, DISCRETE, FRESH(20, 80), NONE},
      NULL,
      {.loop = FRESH(16, 84)},
      {M(2, "heterozygosity"), M(15, "heterozygosity")}},
     LAW_HONEST},
    {{"C4 accumulate n = 6",
      8000,
      10,
      {DICE, DISCRETE, KEEP(6, ""), NONE},
      NULL,
      {.loop = KEEP(6, ", budget: 6")},
      {M(2, "heterozygosity"), M(10, "heterozygosity")}},
     LAW_HONEST},
};

/* ---- B-K, B-L: kernel density, least squares ---------------------------------------------------
 */

static const row kernel_rows[] = {
    {{"K1 h = 0.3, h^2 dropped",
      4000,
      10,
      {LINE, "{kind: kde, bandwidth: 0.3}", REPLACE(50), NONE},
      NULL,
      {.model = "{kind: kde, bandwidth: 0}"},
      {MOMENTS(1), MOMENTS(10)}},
     LAW_HONEST},
    {{"K1 Silverman in 3-D, fixed width instead",
      2000,
      6,
      {SPACE, "{kind: kde, bandwidth: silverman}", FRESH(15, 25), NONE},
      NULL,
      {.model = "{kind: kde, bandwidth: 0.4}"},
      {MOMENTS(1), MOMENTS(6)}},
     LAW_HONEST},
};

#define NEW_DESIGN  "{kind: linear, design: fresh}"
#define SAME_DESIGN "{kind: linear, design: reused}"

static const row regression_rows[] = {
    {{"L1 replace, new designs",
      8000,
      8,
      {FEATURES, NEW_DESIGN, REPLACE(20), NONE},
      NULL,
      {.loop = REPLACE(22)},
      {M(1, "excess_risk"), M(8, "excess_risk")}},
     LAW_HONEST},
    {{"L1 replace, same design",
      8000,
      8,
      {FEATURES, SAME_DESIGN, REPLACE(20), NONE},
      NULL,
      {.loop = REPLACE(22)},
      {M(1, "excess_risk"), M(8, "excess_risk")}},
     LAW_HONEST},
    {{"L2 accumulate, same design; design swapped",
      12000,
      6,
      {FEATURES, SAME_DESIGN, KEEP(14, ""), NONE},
      NULL,
      {.model = NEW_DESIGN},
      {M(2, "excess_risk"), M(6, "excess_risk")}},
     LAW_HONEST},
    {{"L2 accumulate, new designs; design swapped",
      12000,
      6,
      {FEATURES, NEW_DESIGN, KEEP(14, ""), NONE},
      NULL,
      {.model = SAME_DESIGN},
      {M(2, "excess_risk"), M(6, "excess_risk")}},
     LAW_HONEST},
    {{"L4 minimum norm, d = 12, T = 8",
      2000,
      4,
      {"{kind: regression, features: 12, noise: 0}", NEW_DESIGN, REPLACE(8), NONE},
      NULL,
      {.loop = REPLACE(9)},
      {M(1, "excess_risk"), M(2, "excess_risk"), M(4, "excess_risk")}},
     LAW_HONEST},
};

static void check_rows(void **state, size_t n_rows, const row *rows)
{
    mad_ctx *ctx = *state;
    int failed = 0;

    for (size_t i = 0; i < n_rows; i++) {
        law_case c = rows[i].c;
        double honest[LAW_CHECKS], twin[LAW_CHECKS], worst = 0.0, worst_twin = 0.0;

        c.twin_registry = law_registry(rows[i].sabotage);
        mad_ctx_clear(ctx);
        if (law_judge(ctx, &c, law_registry(LAW_HONEST), honest, twin) != MAD_OK) {
            fail_msg("%s: %s", c.name, ctx->message);
        }
        for (size_t k = 0; k < law_n_checks(&c); k++) {
            worst = isnan(honest[k]) ? (double)INFINITY : fmax(worst, fabs(honest[k]));
            worst_twin = fmax(worst_twin, fabs(twin[k]));
        }
        failed += worst >= LAW_Z_LIMIT || worst_twin < LAW_Z_LIMIT;
        print_message("%s %-52s R = %-5zu  |z| <= %4.2f, twin %6.1f\n",
                      worst >= LAW_Z_LIMIT       ? "WRONG"
                      : worst_twin < LAW_Z_LIMIT ? "BLIND"
                                                 : "     ",
                      c.name, c.n_replicates, worst, worst_twin);
    }
    assert_int_equal(failed, 0);
}

#define TEST_OF(name)                                                                              \
    static void test_##name(void **state)                                                          \
    {                                                                                              \
        check_rows(state, sizeof name##_rows / sizeof name##_rows[0], name##_rows);                \
    }

TEST_OF(gauss)
TEST_OF(conservation)
TEST_OF(policy)
TEST_OF(real)
TEST_OF(accumulate)
TEST_OF(category)
TEST_OF(kernel)
TEST_OF(regression)

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
        cmocka_unit_test(test_gauss),      cmocka_unit_test(test_conservation),
        cmocka_unit_test(test_policy),     cmocka_unit_test(test_real),
        cmocka_unit_test(test_accumulate), cmocka_unit_test(test_category),
        cmocka_unit_test(test_kernel),     cmocka_unit_test(test_regression),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}

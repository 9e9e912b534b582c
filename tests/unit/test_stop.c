/* tests/unit/test_stop.c: one look of a stopping rule, by hand. */
#include <math.h>
#include <string.h>

#include "sim/engine/stop.h"
#include "sim/num/stats.h"
#include "tests/support/fixture.h"

#define NONE ((double)NAN)

static mad_stop_rule rule_of(size_t n_replicates, size_t n_generations)
{
    return (mad_stop_rule){.metric = "recall",
                           .below = NONE,
                           .above = NONE,
                           .plateau = NONE,
                           .window = 1,
                           .alpha = 0.05,
                           .samples = NONE,
                           .n_replicates = n_replicates,
                           .n_models = 1,
                           .n_generations = n_generations,
                           .every = 1};
}

static mad_stop_verdict look(const mad_stop_rule *rule, const double *value, size_t generation)
{
    mad_stop_verdict verdict;
    must(mad_stop_look(ctx, rule, value, NULL, generation, &verdict));
    assert_int_equal(verdict.generation, generation);
    return verdict;
}

static void tests_are_counted(void **state)
{
    (void)state;
    mad_stop_rule rule = rule_of(3, 10);
    assert_int_equal(mad_stop_n_tests(&rule), 0);
    rule.below = 0.0;
    assert_int_equal(mad_stop_n_tests(&rule), 10);
    rule.every = 4; /* 4, 8, 10 */
    assert_int_equal(mad_stop_n_tests(&rule), 3);
    rule.above = 1.0;
    assert_int_equal(mad_stop_n_tests(&rule), 6);
    rule.plateau = 0.1;
    rule.window = 4; /* 8, 10 */
    assert_int_equal(mad_stop_n_tests(&rule), 8);
    rule.window = 9;
    assert_int_equal(mad_stop_n_tests(&rule), 7);
    rule.every = 5; /* 5, 10 */
    assert_int_equal(mad_stop_n_tests(&rule), 5);
}

static void thresholds(void **state)
{
    (void)state;
    /* mean 2, sd 1, 3 replicates: t = (2 - c) sqrt 3; one look of one test, df 2: 2.92 */
    const double value[] = {1.0, 2.0, 3.0};
    mad_stop_rule rule = rule_of(3, 1);
    rule.below = 4.0;
    mad_stop_verdict v = look(&rule, value, 1);
    assert_int_equal(v.reason, MAD_STOP_BELOW);
    assert_near(v.mean, 2.0, 1e-15);
    assert_near(v.statistic, 2.0 * sqrt(3.0), 1e-12);
    assert_near(v.critical, 2.9199855803537, 1e-7); /* qt(0.95, 2) */
    rule.below = 3.5;                               /* t = 2.598 */
    assert_int_equal(look(&rule, value, 1).reason, MAD_STOP_GENERATIONS);
    rule.below = NONE;
    rule.above = 0.0;
    assert_int_equal(look(&rule, value, 1).reason, MAD_STOP_ABOVE);
    rule.below = -1.0; /* two tests: qt(0.975, 2) = 4.30 */
    assert_int_equal(look(&rule, value, 1).reason, MAD_STOP_GENERATIONS);
}

static void plateaus(void **state)
{
    (void)state;
    /* [3][4]: from the first generation on, moves of mean 0, 2, 0 and sd 0.1 */
    const double value[] = {5.0, 5.0, 7.0, 5.0, 6.0, 6.1, 8.1, 6.1, 8.0, 7.9, 9.9, 7.9};
    mad_stop_rule rule = rule_of(3, 4);
    rule.plateau = 0.6;
    rule.window = 3; /* margin 1.8: what ends where it began has left it on its way */
    assert_int_equal(look(&rule, value, 4).reason, MAD_STOP_GENERATIONS);
    rule.plateau = 0.8; /* margin 2.4; least t = (2.4 - 2) / (0.1 / sqrt 3) */
    mad_stop_verdict v = look(&rule, value, 4);
    assert_int_equal(v.reason, MAD_STOP_PLATEAU);
    assert_near(v.statistic, 4.0 * sqrt(3.0), 1e-9);
    rule.n_generations = 4;
    assert_int_equal(look(&rule, value, 3).reason, MAD_STOP_NOT); /* no window yet */
}

static void degenerate(void **state)
{
    (void)state;
    double value[] = {0.0, 0.0, 0.0, 0.0}; /* [4][1] */
    mad_stop_rule rule = rule_of(4, 1);
    rule.below = 0.1;
    assert_int_equal(look(&rule, value, 1).reason, MAD_STOP_BELOW); /* no spread: sure */
    rule.below = 0.0;
    assert_int_equal(look(&rule, value, 1).reason, MAD_STOP_GENERATIONS);
    rule.below = 0.1;
    value[2] = NONE;
    assert_int_equal(look(&rule, value, 1).reason, MAD_STOP_GENERATIONS);
    value[2] = -(double)INFINITY;
    assert_int_equal(look(&rule, value, 1).reason, MAD_STOP_GENERATIONS);
    /* two groups of two interacting loops: units 0 and 0, though no two rows are alike */
    const double paired[] = {-1.0, 1.0, 2.0, -2.0};
    rule.n_models = 2;
    assert_int_equal(look(&rule, paired, 1).reason, MAD_STOP_BELOW);
}

static void budgets(void **state)
{
    (void)state;
    const double samples[] = {100.0, 50.0, 50.0, 100.0, 50.0, 50.0}; /* [2][3] */
    mad_stop_verdict v;
    mad_stop_rule rule = rule_of(2, 3);
    rule.metric = NULL;
    rule.samples = 300.0;
    must(mad_stop_look(ctx, &rule, NULL, samples, 1, &v));
    assert_int_equal(v.reason, MAD_STOP_NOT);
    must(mad_stop_look(ctx, &rule, NULL, samples, 2, &v));
    assert_int_equal(v.reason, MAD_STOP_SAMPLES);
    assert_near(v.statistic, 300.0, 0.0);
    rule.samples = 401.0;
    must(mad_stop_look(ctx, &rule, NULL, samples, 3, &v));
    assert_int_equal(v.reason, MAD_STOP_GENERATIONS);
}

static void attributes(void **state)
{
    (void)state;
    size_t n;
    const mad_attribute *a;
    mad_stop_rule rule = rule_of(2, 3);
    mad_stop_verdict v = {.reason = MAD_STOP_NOT, .generation = 2};
    must(mad_stop_attributes(ctx, mem, &rule, &v, &n, &a));
    assert_int_equal(n, 0);
    v.reason = MAD_STOP_GENERATIONS;
    must(mad_stop_attributes(ctx, mem, &rule, &v, &n, &a));
    assert_string_equal(mad_attribute_text(n, a, "stop_reason"), "generations");
    assert_string_equal(mad_attribute_text(n, a, "stop_message"), "no rule held in 2 generations");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tests_are_counted), cmocka_unit_test(thresholds),
        cmocka_unit_test(plateaus),          cmocka_unit_test(degenerate),
        cmocka_unit_test(budgets),           cmocka_unit_test(attributes)};
    return cmocka_run_group_tests(tests, setup, teardown);
}

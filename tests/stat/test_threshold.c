/* tests/stat/test_threshold.c: the interval of a crossing covers it.
 *
 * Margins of replicates scatter about a rising curve whose root is known; N_TRIALS searches each. Null
 * law: an interval of confidence 0.95 misses in at most 5 %, so more than 46 misses of 500 have a
 * probability below 5e-5 (binomial; the Bonferroni bound makes it far less). The sabotaged twin takes
 * the mean of its replicates for the truth (their scatter is taken out) and must miss more often.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "analysis/policy/threshold.h"
#include "sim/base/rng.h"
#include "sim/num/stats.h"

enum { N_TRIALS = 500, MAX_MISSES = 46, N_REPLICATES = 8 };

typedef enum scatter { NORMAL, SKEWED, NONE } scatter;

typedef struct world {
    mad_rng rng;
    double root, slope, curvature;
    scatter scatter;
    int is_sabotaged, is_two_sided;
    size_t n_drawn;
    double value[2][N_REPLICATES];
} world;

static mad_status draw(mad_ctx *ctx, void *arg, size_t size, size_t n, mad_margins *out)
{
    world *w = arg;
    const double x = (double)size - w->root;
    const double mean = x * (w->slope + w->curvature * fabs(x));
    (void)ctx;
    (void)n;
    for (size_t k = 0; k < 2; k++) {
        mad_rng_normals(&w->rng, N_REPLICATES, w->value[k]);
        for (size_t r = 0; r < N_REPLICATES; r++) {
            double *z = &w->value[k][r];
            *z = w->scatter == SKEWED ? exp(0.5 * *z) - exp(0.125) : w->scatter == NONE ? 0.0 : *z;
            *z += mean + (k == 1 ? 3.0 : 0.0);
        }
        if (w->is_sabotaged) {
            const double centre = mad_mean(N_REPLICATES, w->value[k]);
            for (size_t r = 0; r < N_REPLICATES; r++) {
                w->value[k][r] = centre;
            }
        }
    }
    w->n_drawn++;
    *out = (mad_margins){N_REPLICATES, w->is_two_sided ? 2 : 1, {w->value[0], w->value[1]}};
    return MAD_OK;
}

static size_t count_misses(mad_ctx *ctx, world w, double *mean_width)
{
    size_t n_misses = 0;
    *mean_width = 0.0;
    for (size_t i = 0; i < N_TRIALS; i++) {
        mad_threshold found;
        const mad_threshold_plan plan = {1, 400, 4, 0.95, 4, &w, draw, NULL};
        w.rng = mad_rng_open((mad_key){.seed = 7, .purpose = MAD_RNG_TEST}, i);
        w.n_drawn = 0;
        assert_int_equal(mad_threshold_find(ctx, &plan, &found), MAD_OK);
        const double least = ceil(w.root);
        n_misses += (double)found.low > least || (!found.is_open && (double)found.high < least);
        *mean_width += (double)(found.high - found.low) / N_TRIALS;
        assert_true(found.n_points <= 1 + 2 * 7);
    }
    return n_misses;
}

static const world worlds[] = {
    {.root = 150.3, .slope = 0.02},
    {.root = 3.0, .slope = 0.02},
    {.root = 390.5, .slope = 0.01},
    {.root = 150.3, .slope = 0.001, .curvature = 0.0003}, /* flat where it crosses */
    {.root = 77.7, .slope = 0.02, .scatter = SKEWED},
    {.root = 150.3, .slope = 0.02, .is_two_sided = 1},
};

static void test_coverage(void **state)
{
    mad_ctx *ctx = *state;
    for (size_t i = 0; i < sizeof worlds / sizeof *worlds; i++) {
        double width, unused;
        world sabotaged = worlds[i];
        const size_t n_misses = count_misses(ctx, worlds[i], &width);
        sabotaged.is_sabotaged = 1;
        const size_t n_wrong = count_misses(ctx, sabotaged, &unused);
        print_message("root %g: %zu of %d missed, width %.0f; without scatter %zu\n",
                      worlds[i].root, n_misses, N_TRIALS, width, n_wrong);
        assert_true(n_misses <= MAX_MISSES);
        assert_true(n_wrong > MAX_MISSES);
    }
}

/* Without noise the interval is one step wide; beyond the range it is open. */
static void test_exact(void **state)
{
    mad_ctx *ctx = *state;
    mad_threshold found;
    world w = {.slope = 1.0, .scatter = NONE};
    for (double root = 0.0; root < 110.0; root += 3.7) {
        const mad_threshold_plan plan = {1, 100, 3, 0.95, 1, &w, draw, NULL};
        w.root = root;
        assert_int_equal(mad_threshold_find(ctx, &plan, &found), MAD_OK);
        assert_int_equal(found.is_open, root > 100.0);
        assert_true((double)found.low <= fmax(ceil(root), 1.0) || found.is_open);
        assert_true((double)found.high >= ceil(root) || found.is_open);
        assert_true(found.high - found.low <= 2 || found.is_open);
        assert_true(root < 1.0 || root > 100.0 || fabs(found.estimate - root) < 1e-9);
        for (size_t i = 1; i < found.n_points; i++) {
            assert_true(found.point[i - 1].size < found.point[i].size);
        }
    }
    assert_int_equal(found.low, 101);
}

static void test_not_a_number(void **state)
{
    mad_ctx *ctx = *state;
    mad_threshold found;
    world w = {.root = (double)NAN, .slope = 1.0};
    const mad_threshold_plan plan = {1, 100, 3, 0.95, 1, &w, draw, NULL};
    assert_int_equal(mad_threshold_find(ctx, &plan, &found), MAD_E_NONFINITE);
    mad_ctx_clear(ctx);
}

static int set_up(void **state)
{
    *state = mad_ctx_create(1);
    return *state == NULL;
}

static int tear_down(void **state)
{
    mad_ctx_destroy(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_coverage),
                                       cmocka_unit_test(test_exact),
                                       cmocka_unit_test(test_not_a_number)};

    return cmocka_run_group_tests(tests, set_up, tear_down);
}

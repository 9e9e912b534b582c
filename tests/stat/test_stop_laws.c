/* tests/stat/test_stop_laws.c: how often a stopping rule ends a run whose statement is false.
 *
 * Null laws: R normal replicates of G generations, at the boundary of the null in every generation: the
 * mean is the threshold, or drifts by exactly the margin. Looks are independent, or all but one (a random
 * walk). Over N_RUNS runs the number that a rule of alpha ends is at most Binomial(N_RUNS, alpha); a check
 * fails above its mean + 4.89 sd, the one-sided 5e-7 point (7 checks: 4e-6 for a new seed). The twin spends
 * the whole of alpha at every look, and must fail.
 */
#include <math.h>
#include <stdio.h>

#include "sim/base/rng.h"
#include "sim/engine/stop.h"
#include "tests/support/fixture.h"

enum { R = 6, G = 40, WINDOW = 4, N_RUNS = 4000 };
static const double ALPHA = 0.05, POINT = 4.89;

typedef struct law {
    const char *name;
    double drift, step_sd, noise_sd; /* value(t) = drift t + step_sd random walk + noise_sd noise */
    double below, above, plateau;
} law;

#define NONE ((double)NAN)
static const law nulls[] = {
    {"below, noise", 0.0, 0.0, 1.0, 0.0, NONE, NONE},
    {"below, walk", 0.0, 1.0, 0.0, 0.0, NONE, NONE},
    {"above, noise", 0.0, 0.0, 1.0, NONE, 0.0, NONE},
    {"above, walk", 0.0, 1.0, 0.1, NONE, 0.0, NONE},
    {"plateau, noise", 0.5, 0.0, 0.2, NONE, NONE, 0.5},
    {"plateau, walk", -0.5, 0.1, 0.0, NONE, NONE, 0.5},
    {"below and plateau", 0.1, 0.05, 0.05, 0.1, NONE, 0.1},
};

static void draw(const law *l, uint32_t i_run, double *value)
{
    double z[2 * G];
    for (uint32_t r = 0; r < R; r++) {
        const mad_key key = {
            .seed = 4711, .replicate = r, .generation = i_run, .purpose = MAD_RNG_TEST};
        mad_rng rng = mad_rng_open(key, (uint64_t)(l - nulls));
        double walk = 0.0;
        mad_rng_normals(&rng, (size_t)2 * G, z);
        for (size_t t = 0; t < G; t++) {
            walk += l->step_sd * z[2 * t];
            value[r * G + t] = l->drift * (double)(t + 1) + walk + l->noise_sd * z[2 * t + 1];
        }
    }
}

/* Runs that end before their last generation or in it by a test, each look at alpha / n or, `twin`, at alpha. */
static size_t count_ended(const law *l, int twin)
{
    double value[R * G];
    size_t n_ended = 0;
    mad_stop_rule rule = {.metric = "m",
                          .below = l->below,
                          .above = l->above,
                          .plateau = l->plateau,
                          .window = WINDOW,
                          .alpha = ALPHA,
                          .samples = NONE,
                          .n_replicates = R,
                          .n_models = 1,
                          .n_generations = G,
                          .every = 1};
    rule.alpha *= twin ? (double)mad_stop_n_tests(&rule) : 1.0;
    for (uint32_t i = 0; i < N_RUNS; i++) {
        mad_stop_verdict verdict = {.reason = MAD_STOP_NOT};
        draw(l, i, value);
        for (size_t t = 1; t <= G && verdict.reason == MAD_STOP_NOT; t++) {
            must(mad_stop_look(ctx, &rule, value, NULL, t, &verdict));
        }
        n_ended += verdict.reason != MAD_STOP_GENERATIONS;
    }
    return n_ended;
}

static void false_stops_stay_below_alpha(void **state)
{
    (void)state;
    const double limit = N_RUNS * ALPHA + POINT * sqrt(N_RUNS * ALPHA * (1.0 - ALPHA));
    for (size_t i = 0; i < sizeof nulls / sizeof *nulls; i++) {
        const size_t n = count_ended(&nulls[i], 0), n_twin = count_ended(&nulls[i], 1);
        print_message("%s: %.4f of the runs end, every look at alpha: %.4f (limit %.4f)\n",
                      nulls[i].name, (double)n / N_RUNS, (double)n_twin / N_RUNS, limit / N_RUNS);
        assert_true((double)n <= limit);
        assert_true((double)n_twin > limit);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(false_stops_stay_below_alpha)};
    return cmocka_run_group_tests(tests, setup, teardown);
}

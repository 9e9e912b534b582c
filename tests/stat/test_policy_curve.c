/* tests/stat/test_policy_curve.c: does the interval of the least lever cover, and is what is shown true?
 *
 * Synthetic replicates of known damage curves, linear between six values of the lever; what the points of a
 * replicate share (common random numbers) makes most of the noise.
 *   interval: 95 % ones cover the true crossing in 93 to 97 % of 8000: with exactly 95 % that is 8 sd
 *             either way, and of a true coverage of 94 or 96 % still 3.7 sd (1 in 5e3 a design). Twin: the
 *             same numbers with the replicates of every point in another order, which breaks what they
 *             share.
 *   shown:    the lever that is shown to hold is too small in 5 % at most: seen in 6.2 % of 8000 or less
 *             (4.9 sd: 5e-7); of exponential noise, where it is more, 10 %. Twin: the crossing of the mean curve itself.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "analysis/policy/policy_invert.h"
#include "sim/base/par.h"
#include "sim/base/rng.h"
#include "tests/support/fixture.h"

enum { REPEATS = 8000, N_POINTS = 6, MAX_UNITS = 16 };

static const double lever[N_POINTS] = {0.0, 0.1, 0.2, 0.3, 0.5, 0.8};
static const double truth[N_POINTS] = {0.5, 0.3, 0.18, 0.1, 0.05, 0.03};

typedef struct design {
    const char *name;
    size_t n_units;
    double shared, own; /* sd of what the points of a replicate share, and of the rest */
    double level, crossing, confidence;
    int is_most, is_skewed; /* exponential noise, shared */
} design;

/* Crossings by hand: 0.3 - (l - 0.1) 1.2 = 0.24 at 0.15; 0.18 - (l - 0.2) 0.8 = 0.14 at 0.25. */
static const design designs[] = {
    {"16 replicates, shared", 16, 0.06, 0.01, 0.24, 0.15, 0.95, 0, 0},
    {"8 replicates, shared", 8, 0.03, 0.01, 0.14, 0.25, 0.95, 0, 0},
    {"4 replicates, Student", 4, 0.02, 0.005, 0.14, 0.25, 0.95, 0, 0},
    {"16 replicates, the largest lever", 16, 0.03, 0.01, 0.14, -0.25, 0.95, 1, 0},
    {"16 replicates, exponential", 16, 0.03, 0.005, 0.14, 0.25, 0.95, 0, 1},
};

typedef struct job {
    const design *d;
    int is_shuffled;
    mad_policy_answer *out; /* [REPEATS] */
} job;

/* [n_units][N_POINTS] of repetition `item`. */
static void draw_damage(const job *j, uint64_t item, double *damage)
{
    const design *d = j->d;
    mad_rng rng = mad_rng_open((mad_key){.seed = 47, .purpose = MAD_RNG_TEST}, item);
    double z[N_POINTS + 1];
    for (size_t u = 0; u < d->n_units; u++) {
        mad_rng_normals(&rng, N_POINTS + 1, z);
        z[N_POINTS] = d->is_skewed ? -log(1.0 - mad_rng_uniform(&rng)) - 1.0 : z[N_POINTS];
        for (size_t k = 0; k < N_POINTS; k++) {
            const size_t to = j->is_shuffled ? (u + k) % d->n_units : u;
            const size_t at = d->is_most ? N_POINTS - 1 - k : k;
            damage[to * N_POINTS + at] = truth[k] + d->shared * z[N_POINTS] + d->own * z[k];
        }
    }
}

static mad_status repeat(mad_ctx *c, void *arg, size_t i)
{
    const job *j = arg;
    double damage[MAX_UNITS * N_POINTS], at[N_POINTS];
    draw_damage(j, i, damage);
    for (size_t k = 0; k < N_POINTS; k++) {
        at[k] = j->d->is_most ? -lever[N_POINTS - 1 - k] : lever[k];
    }
    const mad_policy_sample sample = {N_POINTS, j->d->n_units, at, damage};
    const mad_policy_question question = {
        .level = j->d->level, .confidence = j->d->confidence, .is_most = j->d->is_most};
    return mad_policy_invert(c, &sample, &question, &j->out[i]);
}

static double covered(const design *d, size_t n_repeats, const mad_policy_answer *a)
{
    size_t n = 0;
    for (size_t i = 0; i < n_repeats; i++) {
        n += a[i].interval.low <= d->crossing && d->crossing <= a[i].interval.high;
    }
    return (double)n / (double)n_repeats;
}

/* Share in which a lever (`safe`, or for the twin the estimate) promises too much. */
static double promised(const design *d, const mad_policy_answer *a, int is_twin)
{
    size_t n = 0;
    for (size_t i = 0; i < REPEATS; i++) {
        const double x = is_twin ? a[i].lever : a[i].safe;
        n += d->is_most ? x > d->crossing : x < d->crossing;
    }
    return (double)n / REPEATS;
}

static void test_coverage(void **state)
{
    (void)state;
    static mad_policy_answer answer[REPEATS], broken[REPEATS];
    for (size_t i = 0; i < sizeof designs / sizeof *designs; i++) {
        const design *d = &designs[i];
        job j = {d, 0, answer}, twin = {d, 1, broken};
        must(mad_par_for(ctx, REPEATS, repeat, &j));
        must(mad_par_for(ctx, REPEATS, repeat, &twin));
        const double share = covered(d, REPEATS, answer), of_twin = covered(d, REPEATS, broken);
        const double wrong = promised(d, answer, 0), naive = promised(d, answer, 1);
        printf("%s: covered %.4f, twin %.4f; promised too much %.4f, twin %.4f\n", d->name, share,
               of_twin, wrong, naive);
        assert_true(share >= 0.93 && share <= 0.97);
        assert_false(of_twin >= 0.93 && of_twin <= 0.97);
        const double most = d->is_skewed ? 0.10 : 0.062;
        assert_true(wrong <= most);
        assert_false(naive <= most);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_coverage)};
    return cmocka_run_group_tests(tests, setup, teardown);
}

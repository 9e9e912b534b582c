/* tests/stat/test_fits.c: do the intervals of fits cover, is the right law chosen, does the test for a
 * turn keep its level?
 *
 * Synthetic replicates of known curves, many runs of each design.
 *   intervals: 95 % ones cover in 93 to 97 % of 3000. With exactly 95 % that is 5.0 sd either way,
 *              one false alarm in 2e6. Twins: half the width; the standard error of R G residuals
 *              taken as independent, although noise is correlated or every replicate has a rate of
 *              its own.
 *   choice:    right in at least 90 % of 1000; with 94 %, the least of the four measured, that is
 *              5.3 sd. Twin: the smallest sum of squares, whatever the number of parameters.
 *   turns:     false alarms in at most 5 %: seen in 8.3 % of 1000 or less (4.8 sd: 1e-6). Twin:
 *              Student's 5 % points at the best split. The interval covers in at least 93 %; twin:
 *              the lowest generation of the mean curve alone.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "analysis/fit/fits.h"
#include "sim/base/par.h"
#include "sim/base/rng.h"
#include "sim/num/stats.h"
#include "tests/support/fixture.h"

enum { REPEATS = 3000, FEWER = 1000, MAX_REPLICATES = 20, MAX_GENERATIONS = 40 };

/* y = curve + noise of sd `sd` with lag-1 correlation rho; rate b exp(spread z), z ~ N(0, 1). */
typedef struct design {
    const char *name;
    mad_law law;
    double c, a, b, bend; /* bend: + bend max(0, t - n_generations/2) */
    double spread, sd, rho;
    size_t n_replicates, n_generations;
} design;

static double curve_at(const design *d, double b, size_t t)
{
    const double past = (double)t - 0.5 * (double)d->n_generations;
    return d->c + d->a * mad_law_shape(d->law, b, (double)t) + d->bend * fmax(0.0, past);
}

static void draw_values(const design *d, uint64_t item, double *value)
{
    mad_rng rng = mad_rng_open((mad_key){.seed = 31, .purpose = MAD_RNG_TEST}, item);
    double z[MAX_GENERATIONS + 1];
    for (size_t r = 0; r < d->n_replicates; r++) {
        mad_rng_normals(&rng, d->n_generations + 1, z);
        const double b = d->b * exp(d->spread * z[d->n_generations]);
        double noise = 0.0;
        for (size_t t = 0; t < d->n_generations; t++) {
            noise = t == 0 ? z[0] : d->rho * noise + sqrt(1.0 - d->rho * d->rho) * z[t];
            value[r * d->n_generations + t] = curve_at(d, b, t) + d->sd * noise;
        }
    }
}

/* Fit to the true mean curve: over the rates by the trapezoidal rule in z. */
static mad_law_fit true_fit(const design *d)
{
    double mean[MAX_GENERATIONS] = {0.0};
    double total = 0.0;
    mad_law_fit fit;
    for (int i = -800; i <= 800; i++) {
        const double z = 0.01 * i, weight = exp(-0.5 * z * z);
        total += weight;
        for (size_t t = 0; t < d->n_generations; t++) {
            mean[t] += weight * curve_at(d, d->b * exp(d->spread * z), t);
        }
    }
    for (size_t t = 0; t < d->n_generations; t++) {
        mean[t] /= total;
    }
    must(mad_law_fit_curve(ctx, d->law, d->n_generations, mean, &fit));
    return fit;
}

/* What one repetition leaves. */
typedef struct outcome {
    mad_law_fit fit;
    mad_law_intervals interval;
    mad_law best, least; /* least: of the sum of squares */
    mad_turn turn;
    double naive_half; /* half-width of ln b from R G independent residuals */
    int naive_valley;
} outcome;

typedef struct job {
    const design *d;
    outcome *out;
} job;

/* Twin: linearised standard error of ln b, residuals as R G independent points. */
static double naive_half(const design *d, const mad_law_fit *fit, const double *value)
{
    const size_t n_gen = d->n_generations, n = n_gen * d->n_replicates;
    double rss = 0.0, square[3] = {0.0}, f_mean = 0.0, g_mean = 0.0;
    for (size_t t = 0; t < n_gen; t++) {
        const double f = mad_law_shape(d->law, fit->b, (double)t);
        f_mean += f / (double)n_gen;
        g_mean += f * mad_law_time(d->law, (double)t) / (double)n_gen;
        for (size_t r = 0; r < d->n_replicates; r++) {
            const double rest = value[r * n_gen + t] - fit->c - fit->a * f;
            rss += rest * rest;
        }
    }
    for (size_t t = 0; t < n_gen; t++) {
        const double f = mad_law_shape(d->law, fit->b, (double)t) - f_mean;
        const double g = (f + f_mean) * mad_law_time(d->law, (double)t) - g_mean;
        square[0] += f * f;
        square[1] += f * g;
        square[2] += g * g;
    }
    const double left = (square[2] - square[1] * square[1] / square[0]) * (double)d->n_replicates;
    return 1.96 * sqrt(rss / (double)(n - 3) / left) / (fabs(fit->a) * fit->b);
}

/* t of the slopes of the replicates over generations begin..end-1. */
static double slope_t(const design *d, size_t begin, size_t end, const double *value)
{
    double slope[MAX_REPLICATES], square = 0.0;
    const double mean = 0.5 * (double)(begin + end - 1);
    for (size_t r = 0; r < d->n_replicates; r++) {
        slope[r] = square = 0.0;
        for (size_t t = begin; t < end; t++) {
            slope[r] += ((double)t - mean) * value[r * d->n_generations + t];
            square += ((double)t - mean) * ((double)t - mean);
        }
        slope[r] /= square;
    }
    return mad_studentised(d->n_replicates, 1, slope);
}

/* Twin: a split at which both slopes pass Student's 5 % point. */
static int naive_valley(const design *d, const double *value)
{
    const double t_0 = mad_student_t_critical((double)d->n_replicates - 1.0, 0.1);
    for (size_t t = 1; t + 1 < d->n_generations; t++) {
        if (slope_t(d, 0, t + 1, value) < -t_0 && slope_t(d, t, d->n_generations, value) > t_0) {
            return 1;
        }
    }
    return 0;
}

/* Twin: AICc less what it adds for the parameters. */
static mad_law least_squares(const design *d, const mad_fits *fits)
{
    const double n = (double)d->n_generations;
    double least = (double)INFINITY;
    mad_law best = MAD_N_LAWS;
    for (mad_law law = MAD_LAW_EXPONENTIAL; law < MAD_N_LAWS; law++) {
        const double k = (double)mad_law_n_terms(law) + 1.0;
        const double rest = fits->fit[law].aicc - 2.0 * k - 2.0 * k * (k + 1.0) / (n - k - 1.0);
        best = rest < least ? law : best;
        least = fmin(least, rest);
    }
    return best;
}

static mad_status repeat(mad_ctx *worker, void *arg, size_t i)
{
    const job *j = arg;
    const design *d = j->d;
    const mad_arena_mark mark = mad_arena_get_mark(worker->scratch);
    double value[MAX_REPLICATES * MAX_GENERATIONS];
    mad_fits fits;
    mad_status st = MAD_OK;

    draw_values(d, i, value);
    MAD_TRY(
        mad_fits_reserve(worker, worker->scratch, d->n_replicates, &mad_default_fractions, &fits));
    MAD_TRY(mad_fits_take(worker, d->n_generations, d->n_generations, value, &fits));
    j->out[i] = (outcome){.fit = fits.fit[d->law],
                          .interval = fits.interval[d->law],
                          .best = fits.best,
                          .least = least_squares(d, &fits),
                          .turn = fits.turn,
                          .naive_half = naive_half(d, &fits.fit[d->law], value),
                          .naive_valley = naive_valley(d, value)};
out:
    mad_arena_release(worker->scratch, mark);
    return st;
}

static const outcome *run(const design *d, size_t n_repeats)
{
    static outcome out[REPEATS];
    job j = {d, out};
    must(mad_par_for(ctx, n_repeats, repeat, &j));
    return out;
}

static double share(size_t n, size_t n_repeats)
{
    return (double)n / (double)n_repeats;
}

static void check(const char *name, const char *what, int ok, double measured)
{
    if (!ok) {
        fail_msg("%s: %s: %.4f", name, what, measured);
    }
}

/* ---- intervals ------------------------------------------------------------------------------- */

static int covers(mad_interval interval, double x)
{
    return interval.low <= x && x <= interval.high;
}

static int is_right(double coverage)
{
    return coverage >= 0.93 && coverage <= 0.97;
}

static void check_coverage(const design *d)
{
    const mad_law_fit truth = true_fit(d);
    const outcome *o = run(d, REPEATS);
    size_t n_rate = 0, n_half_life = 0, n_zero = 0, n_narrow = 0, n_naive = 0;
    for (size_t i = 0; i < REPEATS; i++) {
        const mad_law_intervals *in = &o[i].interval;
        const double b = o[i].fit.b;
        const mad_interval narrow = {0.5 * (in->rate.low + b), 0.5 * (in->rate.high + b)};
        n_rate += covers(in->rate, truth.b);
        n_half_life += covers(in->half_life, truth.half_life);
        n_zero += covers(in->half_life_zero, truth.half_life_zero);
        n_narrow += covers(narrow, truth.b);
        n_naive += fabs(log(b / truth.b)) <= o[i].naive_half;
    }
    printf(
        "%-12s rate %.4f in %.3f, half-life to c in %.3f, to 0 %.3f in %.3f; half the width %.3f, "
        "R G points %.3f\n",
        d->name, truth.b, share(n_rate, REPEATS), share(n_half_life, REPEATS), truth.half_life_zero,
        share(n_zero, REPEATS), share(n_narrow, REPEATS), share(n_naive, REPEATS));
    check(d->name, "rate", is_right(share(n_rate, REPEATS)), share(n_rate, REPEATS));
    check(d->name, "half-life to c", is_right(share(n_half_life, REPEATS)),
          share(n_half_life, REPEATS));
    check(d->name, "half-life to 0", is_right(share(n_zero, REPEATS)), share(n_zero, REPEATS));
    check(d->name, "twin of half the width", !is_right(share(n_narrow, REPEATS)),
          share(n_narrow, REPEATS));
    check(d->name, "twin of R G points", !is_right(share(n_naive, REPEATS)),
          share(n_naive, REPEATS));
}

static void test_coverage(void **state)
{
    static const design designs[] = {
        {"AR(1) noise", MAD_LAW_EXPONENTIAL, 0.1, 0.9, 0.2, 0.0, 0.0, 0.05, 0.6, 10, 20},
        {"own rates", MAD_LAW_EXPONENTIAL, 0.1, 0.9, 0.2, 0.0, 0.2, 0.02, 0.0, 10, 20},
        {"power law", MAD_LAW_POWER, 0.1, 0.9, 1.0, 0.0, 0.0, 0.03, 0.6, 10, 20},
        {"4 replicates", MAD_LAW_EXPONENTIAL, 0.1, 0.9, 0.2, 0.0, 0.2, 0.02, 0.6, 4, 20},
    };
    (void)state;
    for (size_t k = 0; k < sizeof designs / sizeof *designs; k++) {
        check_coverage(&designs[k]);
    }
}

/* ---- the choice ------------------------------------------------------------------------------ */

static void test_choice(void **state)
{
    static const design designs[] = {
        {"exponential", MAD_LAW_EXPONENTIAL, 0.1, 0.9, 0.2, 0.0, 0.0, 0.05, 0.0, 10, 20},
        {"power", MAD_LAW_POWER, 0.1, 0.9, 1.0, 0.0, 0.0, 0.05, 0.0, 10, 20},
        {"linear", MAD_LAW_LINEAR, 1.0, -0.02, 0.0, 0.0, 0.0, 0.05, 0.0, 10, 20},
        {"plateau", MAD_LAW_PLATEAU, 1.0, 0.0, 0.0, 0.0, 0.0, 0.05, 0.0, 10, 20},
    };
    size_t n_twin = 0;
    (void)state;
    for (size_t k = 0; k < sizeof designs / sizeof *designs; k++) {
        const design *d = &designs[k];
        const outcome *o = run(d, FEWER);
        size_t n = 0;
        for (size_t i = 0; i < FEWER; i++) {
            n += o[i].best == d->law;
            n_twin += o[i].least == d->law;
        }
        printf("%-12s chosen in %.3f\n", d->name, share(n, FEWER));
        check(d->name, "chosen", share(n, FEWER) >= 0.9, share(n, FEWER));
    }
    printf("the smallest sum of squares is right in %.3f\n", share(n_twin, FEWER) / 4.0);
    check("all", "twin without penalty", share(n_twin, FEWER) / 4.0 < 0.9,
          share(n_twin, FEWER) / 4.0);
}

/* ---- turns ----------------------------------------------------------------------------------- */

static void check_level(const design *d, int with_twin)
{
    const outcome *o = run(d, FEWER);
    size_t n = 0, n_naive = 0;
    for (size_t i = 0; i < FEWER; i++) {
        n += o[i].turn.kind != MAD_TURN_NONE;
        n_naive += o[i].naive_valley != 0;
    }
    printf("%-12s turns in %.4f, by Student's points in %.4f\n", d->name, share(n, FEWER),
           share(n_naive, FEWER));
    check(d->name, "false alarms", share(n, FEWER) <= 0.083, share(n, FEWER));
    check(d->name, "twin", !with_twin || share(n_naive, FEWER) > 0.083, share(n_naive, FEWER));
}

static void check_power(const design *d)
{
    const outcome *o = run(d, FEWER);
    size_t n = 0, n_covered = 0, n_narrow = 0, lowest = 0;
    for (size_t t = 0; t < d->n_generations; t++) {
        lowest = curve_at(d, d->b, t) < curve_at(d, d->b, lowest) ? t : lowest;
    }
    const double at = (double)(lowest + 1);
    for (size_t i = 0; i < FEWER; i++) {
        const mad_turn *turn = &o[i].turn;
        n += turn->kind == MAD_TURN_VALLEY;
        n_covered += covers(turn->interval, at);
        n_narrow += turn->generation == at;
    }
    printf("%-12s valley in %.4f, its generation %g covered in %.4f, met in %.4f\n", d->name,
           share(n, FEWER), at, share(n_covered, FEWER), share(n_narrow, FEWER));
    check(d->name, "found", share(n, FEWER) >= 0.9, share(n, FEWER));
    check(d->name, "covered", share(n_covered, FEWER) >= 0.93 * share(n, FEWER),
          share(n_covered, FEWER));
    check(d->name, "twin", share(n_narrow, FEWER) < 0.93, share(n_narrow, FEWER));
}

static void test_turns(void **state)
{
    static const design monotone[] = {
        {"decay", MAD_LAW_EXPONENTIAL, 0.1, 0.9, 1.0, 0.0, 0.0, 0.05, 0.0, 10, 20},
        {"random walk", MAD_LAW_PLATEAU, 1.0, 0.0, 0.0, 0.0, 0.0, 0.05, 0.99, 10, 20},
        {"decay, 4", MAD_LAW_EXPONENTIAL, 0.1, 0.9, 1.0, 0.0, 0.0, 0.05, 0.6, 4, 20},
    };
    static const design valley = {
        "valley", MAD_LAW_EXPONENTIAL, 0.1, 0.9, 0.3, 0.018, 0.0, 0.05, 0.0, 10, 20};
    (void)state;
    for (size_t k = 0; k < sizeof monotone / sizeof *monotone; k++) {
        check_level(&monotone[k], k == 0);
    }
    check_power(&valley);
}

/* ---- threads --------------------------------------------------------------------------------- */

static void test_threads(void **state)
{
    static const design d = {"valley", MAD_LAW_EXPONENTIAL, 0.1, 0.9, 0.3, 0.03, 0.0, 0.05, 0.6, 10,
                             20};
    double value[MAX_REPLICATES * MAX_GENERATIONS];
    mad_fits first = {0}, fits;
    (void)state;
    draw_values(&d, 0, value);
    for (size_t n_threads = 1; n_threads <= 5; n_threads++) {
        mad_ctx *other = mad_ctx_create(n_threads);
        assert_non_null(other);
        must(mad_fits_reserve(other, mem, d.n_replicates, &mad_default_fractions, &fits));
        must(mad_fits_take(other, d.n_generations, d.n_generations, value, &fits));
        mad_ctx_destroy(other);
        first = n_threads == 1 ? fits : first;
        assert_memory_equal(fits.fit, first.fit, sizeof fits.fit);
        assert_memory_equal(fits.interval, first.interval, sizeof fits.interval);
        assert_memory_equal(&fits.turn.interval, &first.turn.interval, sizeof fits.turn.interval);
        assert_true(fits.turn.p == first.turn.p && fits.turn.kind == MAD_TURN_VALLEY);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_coverage),
        cmocka_unit_test(test_choice),
        cmocka_unit_test(test_turns),
        cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}

/* analysis/policy/calibrate.c: see the header. */
#include "analysis/policy/calibrate.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "analysis/policy/bound.h"
#include "analysis/policy/calibration.h"
#include "sim/cli/print_json.h"
#include "sim/num/stats.h"
#include "sim/store/json.h"

enum { CURVE = MAD_CALIBRATION_CURVE, LOOPS = MAD_CALIBRATION_LOOPS };

#define FACTOR 1.5 /* a prediction holds within it */

static const double no_shift[LOOPS] = {0.0, 0.0};

/* A number with an interval of 95 %, by the jackknife over replicates. */
typedef struct estimate {
    double value, low, high;
} estimate;

typedef struct calibrated {
    mad_trials *trials;
    const mad_calibrate_ask *ask;
    mad_arena *mem;
    mad_measured measured;
    mad_calibration fit;
    estimate bound;
    int is_checked;
    int verdict; /* of the check: 1 held, -1 did not, 0 the interval says neither */
    size_t check_generations;
    const double *check; /* [n_replicates]: distances of the check */
    estimate gain;       /* n_e/n_r of the check */
    double least, most;  /* predicted n_e/n_r at FACTOR times the bound and at its FACTOR-th part */
} calibrated;

/* ---- runs ---------------------------------------------------------------------------------- */

static mad_status require(mad_ctx *ctx, const mad_config *c, const char *key, const char *wanted)
{
    const mad_value *value = mad_get(&c->loop, key);
    if (strcmp(value->text, wanted) != 0) {
        return mad_fail(ctx, MAD_E_CONFIG, "admissible: --calibrate takes loop.%s: %s, got '%s'",
                        key, wanted, value->text);
    }
    return MAD_OK;
}

/* The formulas' loop: new real rows and those of the last model, all weighing the same. */
static mad_status check_loop(mad_ctx *ctx, const mad_config *c)
{
    mad_status st = MAD_OK;
    const int is_fresh = strcmp(c->loop_type->name, "fresh") == 0 ||
                         (strcmp(c->loop_type->name, "custom") == 0 &&
                          (strcmp(mad_get_text(&c->loop, "real"), "auto") == 0 ||
                           strcmp(mad_get_text(&c->loop, "real"), "fresh") == 0));
    if (!is_fresh || c->channel_type != NULL) {
        return mad_fail(
            ctx, MAD_E_CONFIG,
            "admissible: --calibrate takes a loop of fresh real rows (loop.family: fresh) "
            "without a channel");
    }
    MAD_TRY(require(ctx, c, "age", "last"));
    MAD_TRY(require(ctx, c, "retain", "replace"));
    MAD_TRY(require(ctx, c, "budget", "all"));
    MAD_TRY(require(ctx, c, "real_weight", "proportional"));
    if (mad_get_size(&c->root, "generations") < 4) {
        st = mad_fail(ctx, MAD_E_CONFIG, "generations: --calibrate takes 4 or more");
    }
out:
    return st;
}

/* Squared distances of generations first.. of a run, averaged, by replicate. */
static mad_status run_mean(calibrated *c, const mad_trial_keys *keys, size_t first,
                           const double **out)
{
    const int is_root = strcmp(c->trials->metric, "gaussian_w2") == 0;
    mad_trial run;
    double *mean;
    mad_status st = MAD_OK;
    MAD_TRY(mad_trial_run(c->trials, c->mem, keys, &run));
    if (strcmp(run.direction, "lower") != 0) {
        return mad_fail(c->trials->app->ctx, MAD_E_CONFIG,
                        "admissible: '%s' is no distance; --calibrate takes one that falls as 1/n "
                        "(frechet)",
                        c->trials->metric);
    }
    mean = mad_arena_take(c->mem, run.n_replicates, sizeof *mean);
    if (mean == NULL) {
        return mad_fail_memory(c->trials->app->ctx, "distances");
    }
    for (size_t r = 0; r < run.n_replicates; r++) {
        for (size_t t = first; t <= run.n_generations; t++) {
            const double d = run.value[r * run.n_generations + t - 1];
            mean[r] += (is_root ? d * d : d) / (double)(run.n_generations + 1 - first);
        }
    }
    *out = mean;
    c->measured.trace = run.real_trace;
out:
    return st;
}

static mad_status run_loop(calibrated *c, size_t n_synthetic, size_t n_generations,
                           const double **out)
{
    mad_trial_keys keys = {0};
    mad_trial_set(&keys, "loop.n_synthetic", n_synthetic);
    mad_trial_set(&keys, "generations", n_generations);
    fprintf(stderr, "n_synthetic %zu, %zu generations\n", n_synthetic, n_generations);
    return run_mean(c, &keys, n_generations / 2 + 1, out);
}

static mad_status take_measured(calibrated *c)
{
    mad_measured *m = &c->measured;
    mad_config config;
    mad_status st = MAD_OK;
    MAD_TRY(mad_trials_config(c->trials, c->mem, &config));
    MAD_TRY(check_loop(c->trials->app->ctx, &config));
    m->n_replicates = mad_get_size(&config.root, "replicates");
    m->n_generations = mad_get_size(&config.root, "generations");
    m->first_late = m->n_generations / 2 + 1;
    m->n_real = mad_get(&config.loop, "n_real")->schedule.a;
    m->n_initial = (double)mad_get_size(&config.loop, "n_initial");
    m->target = c->ask->target;
    const char *metric = c->trials->metric;
    c->trials->with_trace = strcmp(metric, "frechet") == 0 || strcmp(metric, "gaussian_w2") == 0;
    for (size_t i = 0; i < CURVE; i++) {
        mad_trial_keys keys = {0};
        m->rows[i] = floor(m->n_real * pow(2.0, (double)i - 1.0));
        mad_trial_set(&keys, "loop.n_initial", (size_t)m->rows[i]);
        mad_trial_set(&keys, "generations", 1);
        fprintf(stderr, "generation 1 of %.0f rows\n", m->rows[i]);
        MAD_TRY(run_mean(c, &keys, 1, &m->curve[i]));
    }
    for (size_t i = 0; i < LOOPS; i++) {
        m->n_synthetic[i] = mad_get(&config.loop, "n_synthetic")->schedule.a * (i == 0 ? 1.0 : 4.0);
        MAD_TRY(run_loop(c, (size_t)m->n_synthetic[i], m->n_generations, &m->loop[i]));
    }
out:
    return st;
}

/* ---- numbers ------------------------------------------------------------------------------- */

/* Half the 95 % interval of ln x, of its values without one replicate each (jackknife). */
static double half_of(size_t n, const double *log_x)
{
    const double count = (double)n;
    const double error = (count - 1.0) * sqrt(mad_variance(n, log_x, 1.0) / count);
    return error * mad_student_t_critical(count - 1.0, 0.05);
}

/* The fit, and the fits with all n_e/n_r moved to either end of their intervals: where bias is within
 * the noise, the upper end is unbounded. The curve's misfit counts as an error. */
static mad_status take_bound(calibrated *c)
{
    mad_ctx *ctx = c->trials->app->ctx;
    const size_t n = c->measured.n_replicates;
    double *log_x = mad_arena_take(c->mem, LOOPS * n, sizeof *log_x);
    double up[LOOPS], down[LOOPS];
    mad_calibration other;
    mad_status st = MAD_OK;
    if (log_x == NULL) {
        return mad_fail_memory(ctx, "a calibration");
    }
    MAD_TRY(mad_calibrate(ctx, &c->measured, SIZE_MAX, no_shift, &c->fit));
    if (isnan(c->fit.n_synthetic)) {
        return mad_fail(
            ctx, MAD_E_FAILED,
            "admissible: the fitted loop (d_eff %.3g, lam_eff %.4g) reaches n_e/n_r %g at "
            "no n_synthetic",
            c->fit.dim, c->fit.lam, c->ask->target);
    }
    for (size_t r = 0; r < n; r++) {
        MAD_TRY(mad_calibrate(ctx, &c->measured, r, no_shift, &other));
        for (size_t i = 0; i < LOOPS; i++) {
            log_x[i * n + r] = log(other.gain[i]);
        }
    }
    for (size_t i = 0; i < LOOPS; i++) {
        up[i] = hypot(half_of(n, log_x + i * n), c->fit.misfit);
        down[i] = -up[i];
    }
    c->bound.value = c->fit.n_synthetic;
    MAD_TRY(mad_calibrate(ctx, &c->measured, SIZE_MAX, down, &other));
    c->bound.low = fmin(other.n_synthetic, c->bound.value);
    MAD_TRY(mad_calibrate(ctx, &c->measured, SIZE_MAX, up, &other));
    c->bound.high = fmax(other.n_synthetic, c->bound.value);
out:
    return st;
}

/* A longer run at the predicted size. */
static mad_status take_check(calibrated *c)
{
    mad_ctx *ctx = c->trials->app->ctx;
    const mad_measured *m = &c->measured;
    const double size = c->fit.n_synthetic;
    const double most = c->ask->most > 0 ? (double)c->ask->most : 64.0 * m->n_real;
    double *log_x = mad_arena_take(c->mem, m->n_replicates, sizeof *log_x);
    mad_status st = MAD_OK;
    if (log_x == NULL) {
        return mad_fail_memory(ctx, "a check");
    }
    if (!(size >= 1.0 && size <= most)) {
        return MAD_OK;
    }
    c->check_generations = 2 * m->n_generations;
    MAD_TRY(run_loop(c, (size_t)size, c->check_generations, &c->check));
    for (size_t r = 0; r < m->n_replicates; r++) {
        mad_calibration other;
        MAD_TRY(mad_calibrate(ctx, m, r, no_shift, &other));
        log_x[r] = log(mad_calibration_gain(&other, m->n_real,
                                            mad_mean_without(m->n_replicates, c->check, r)));
    }
    const double half = hypot(half_of(m->n_replicates, log_x), c->fit.misfit);
    c->gain.value = mad_calibration_gain(&c->fit, m->n_real,
                                         mad_mean_without(m->n_replicates, c->check, SIZE_MAX));
    c->gain.low = c->gain.value * exp(-half);
    c->gain.high = c->gain.value * exp(half);
    MAD_TRY(mad_calibration_predict(ctx, &c->fit, m->n_real, FACTOR * size, &c->least));
    MAD_TRY(mad_calibration_predict(ctx, &c->fit, m->n_real, size / FACTOR, &c->most));
    c->is_checked = 1;
    if (c->gain.low >= c->least && c->gain.high <= c->most) {
        c->verdict = 1;
    } else if (c->gain.high < c->least || c->gain.low > c->most) {
        c->verdict = -1;
    }
out:
    return st;
}

/* ---- what is printed ----------------------------------------------------------------------- */

static const char *verdict_text(int verdict)
{
    return verdict > 0   ? "held"
           : verdict < 0 ? "did not hold"
                         : "open (more replicates would tell):";
}

static void print_text(const calibrated *c)
{
    const mad_measured *m = &c->measured;
    const mad_calibration *fit = &c->fit;
    char text[3][32];
    printf("largest admissible n_synthetic  %s  (95 %%: %s to %s)\n",
           mad_size_text(c->bound.value, text[0]), mad_size_text(c->bound.low, text[1]),
           mad_size_text(c->bound.high, text[2]));
    printf("  for n_e/n_r >= %g with n_real %.0f, by %s\n  d_eff %.4g, lam_eff %.6g (of %s)\n",
           c->ask->target, m->n_real, c->trials->metric, fit->dim, fit->lam,
           fit->is_own ? "every fit" : "synthetic rows");
    printf("\none fit on n rows: %.5g + %.5g/n (to %.2g %%)\n", fit->floor, fit->amplitude,
           100.0 * fit->misfit);
    for (size_t i = 0; i < CURVE; i++) {
        printf("  n %-10.0f %.5g\n", m->rows[i],
               mad_mean_without(m->n_replicates, m->curve[i], SIZE_MAX));
    }
    printf("loops of %zu generations: n_e/n_r measured, fitted\n", m->n_generations);
    for (size_t i = 0; i < LOOPS; i++) {
        printf("  n_synthetic %-10.0f %.4g  %.4g\n", m->n_synthetic[i], fit->gain[i],
               fit->fitted[i]);
    }
    if (c->is_checked) {
        printf("check: n_synthetic %.0f, %zu generations: n_e/n_r %.4g (95 %%: %.4g to %.4g)\n"
               "  %s within a factor %g (n_e/n_r %.4g to %.4g)\n",
               fit->n_synthetic, c->check_generations, c->gain.value, c->gain.low, c->gain.high,
               verdict_text(c->verdict), FACTOR, c->least, c->most);
    } else {
        printf("check: not run (see --most)\n");
    }
    printf("\n%zu runs, %zu generations trained\n", c->trials->n_runs, c->trials->n_generations);
}

static json_t *json_estimate(const estimate *e)
{
    return json_pack("{s:o, s:o, s:o}", "value", mad_json_number(e->value), "low",
                     mad_json_number(e->low), "high", mad_json_number(e->high));
}

static json_t *json_rows(size_t n, const char *key, const double *x, const char *name,
                         const double *y)
{
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++) {
        (void)json_array_append_new(
            list, json_pack("{s:o, s:o}", key, mad_json_number(x[i]), name, mad_json_number(y[i])));
    }
    return list;
}

static mad_status print_json(const calibrated *c)
{
    const mad_measured *m = &c->measured;
    double curve[CURVE];
    for (size_t i = 0; i < CURVE; i++) {
        curve[i] = mad_mean_without(m->n_replicates, m->curve[i], SIZE_MAX);
    }
    json_t *root = json_pack(
        "{s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:I, s:I}", "question",
        "calibrated", "metric", c->trials->metric, "n_real", mad_json_number(m->n_real), "target",
        mad_json_number(c->ask->target), "n_synthetic", json_estimate(&c->bound), "d_eff",
        mad_json_number(c->fit.dim), "lam_eff", mad_json_number(c->fit.lam), "lam_eff_of",
        c->fit.is_own ? "every fit" : "synthetic rows", "floor", mad_json_number(c->fit.floor),
        "amplitude", mad_json_number(c->fit.amplitude), "misfit", mad_json_number(c->fit.misfit),
        "curve", json_rows(CURVE, "n", m->rows, "distance", curve), "loops",
        json_rows(LOOPS, "n_synthetic", m->n_synthetic, "gain", c->fit.gain), "runs",
        (json_int_t)c->trials->n_runs, "generations_trained", (json_int_t)c->trials->n_generations);
    json_t *check =
        c->is_checked ? json_pack("{s:I, s:o, s:o, s:o, s:o}", "generations",
                                  (json_int_t)c->check_generations, "gain", json_estimate(&c->gain),
                                  "gain_least", mad_json_number(c->least), "gain_most",
                                  mad_json_number(c->most), "held",
                                  c->verdict == 0 ? json_null() : json_boolean(c->verdict > 0))
                      : json_null();
    (void)json_object_set_new(root, "check", check);
    return mad_print_json(c->trials->app->ctx, root);
}

mad_status mad_calibrate_answer(mad_trials *trials, const mad_calibrate_ask *ask, int as_json)
{
    mad_ctx *ctx = trials->app->ctx;
    calibrated c = {.trials = trials, .ask = ask, .mem = mad_arena_create(1 << 16)};
    mad_status st = MAD_OK;
    if (c.mem == NULL) {
        return mad_fail_memory(ctx, "a calibration");
    }
    MAD_TRY(take_measured(&c));
    MAD_TRY(take_bound(&c));
    MAD_TRY(take_check(&c));
    if (as_json) {
        MAD_TRY(print_json(&c));
    } else {
        print_text(&c);
    }
    if (c.verdict < 0) {
        st = mad_fail(ctx, MAD_E_FAILED, "admissible: the prediction did not hold");
    }
out:
    mad_arena_destroy(c.mem);
    return st;
}

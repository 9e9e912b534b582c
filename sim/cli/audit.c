/* sim/cli/audit.c: `madloop audit`: what must be known of a run before it is begun. */
#include <jansson.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "sim/cli/app.h"
#include "sim/cli/bias_audit.h"
#include "sim/cli/cost.h"
#include "sim/cli/print_json.h"
#include "sim/cli/verbs.h"
#include "sim/num/stats.h"

enum { MAX_WARNINGS = 8, WARNING_BYTES = 512 };

typedef struct report {
    mad_app *app;
    mad_experiment *experiment;
    double setup_s;
    mad_forecast forecast;
    mad_bias_audit bias;
    size_t n_warnings;
    char warning[MAX_WARNINGS][WARNING_BYTES];
} report;

/* ---- floors ---------------------------------------------------------------------------------- */

/* The next floor from *i on, or NULL. */
static const mad_vector *next_floor(const mad_run_layout *layout, size_t *i)
{
    for (; *i < layout->n_vectors; (*i)++) {
        if (strcmp(layout->vectors[*i].group, "floor") == 0) {
            return &layout->vectors[(*i)++];
        }
    }
    return NULL;
}

static double spread(size_t n, const double *x)
{
    return n > 1 ? sqrt(mad_variance(n, x, 1.0)) : (double)NAN;
}

/* ---- warnings -------------------------------------------------------------------------------- */

static void warn_of_sampler(report *r)
{
    const mad_bias_row *worst = r->bias.worst;
    const size_t n = mad_experiment_setting(r->experiment)->n_generations;
    if (worst == NULL) {
        return;
    }
    char *text = r->warning[r->n_warnings++];
    const int n_text = snprintf(
        text, WARNING_BYTES,
        "the sampler alone %s variance: |log lam_eff| over %zu generation%s is %.3g at variance "
        "%.3g (%s), above %g: it would pass for %s",
        worst->first < 1.0 ? "removes" : "adds", n, n == 1 ? "" : "s", worst->total,
        worst->variance, worst->of, MAD_AUDIT_LIMIT,
        worst->first < 1.0 ? "a collapse" : "a loss of quality");
    if (r->bias.advice[0] != '\0') {
        snprintf(text + n_text, WARNING_BYTES - (size_t)n_text,
                 "; nearest setting within it: %s (lam_eff %.5f)", r->bias.advice, r->bias.advised);
    } else {
        snprintf(text + n_text, WARNING_BYTES - (size_t)n_text, "; no setting within it was found");
    }
}

/* ---- text ------------------------------------------------------------------------------------ */

static void print_sampler(const report *r)
{
    const mad_setting *setting = mad_experiment_setting(r->experiment);
    int is_steady = 1;
    printf(
        "sampler: lam_eff(v) = variance of the samples / v with the exact denoiser of N(0, v)\n");
    if (r->bias.n_rows == 0) {
        printf("  model '%s' draws from its own law: lam_eff = 1\n", setting->model->name);
        return;
    }
    for (size_t i = 0; i < r->bias.n_rows; i++) {
        is_steady &= r->bias.row[i].first == r->bias.row[i].last;
    }
    printf("  %10s  %9s%s  %15s\n", "variance", "lam_eff", is_steady ? "" : "  (at last)",
           "after the run *");
    for (size_t i = 0; i < r->bias.n_rows; i++) {
        const mad_bias_row *row = &r->bias.row[i];
        printf("  %10.4g  %9.5f", row->variance, row->first);
        if (!is_steady) {
            printf("  %9.5f", row->last);
        }
        printf("  %15.4g%s%s\n", row->after, row->of[0] != '\0' ? "  " : "", row->of);
    }
    printf("  variance 1 = the mean over the coordinates of the real data\n"
           "  * v <- v lam_eff(v) over %zu generations: a loop without real data or other bias\n",
           setting->n_generations);
}

static void print_guidance(const report *r)
{
    const mad_bias_audit *bias = &r->bias;
    const mad_guide_audit *g = &bias->guide;
    if (!g->is_on) {
        return;
    }
    printf("\nguidance: of the real variance a share A/B = %.4g lies within the classes\n",
           bias->within_share);
    for (size_t i = 0; i < 2; i++) {
        if (i == 0 || g->w[i] != g->w[0]) {
            printf(
                "  %s: w = %.4g multiplies variance by (A/B)^w = %.4g a generation; the MAD paper "
                "labels it lambda = 1/(1 + w) = %.4g\n",
                i == 0 ? "generation 1" : "last generation", g->w[i], g->gain[i], g->mad[i]);
        }
    }
    printf("  (A/B)^w is exact for Gaussian classes and the probability-flow ODE\n");
}

static void print_text(const report *r)
{
    const mad_setting *setting = mad_experiment_setting(r->experiment);
    const mad_run_layout *layout = mad_experiment_layout(r->experiment);
    printf("%s: world %s, model %s, loop %s, bias %s, %zu generations, %zu replicate%s\n\n",
           setting->name, setting->world->type->name, setting->model->name,
           setting->loop->type->name, setting->bias != NULL ? setting->bias->name : "none",
           setting->n_generations, setting->n_replicates, setting->n_replicates == 1 ? "" : "s");
    print_sampler(r);
    print_guidance(r);
    printf("\nfloors: the measures real against real, mean and sd over %zu replicate%s\n",
           r->forecast.n_floors, r->forecast.n_floors == 1 ? "" : "s");
    size_t i = 0;
    for (const mad_vector *floor; (floor = next_floor(layout, &i)) != NULL;) {
        printf("  %-20s %12.5g", floor->name, mad_mean(r->forecast.n_floors, floor->value));
        if (r->forecast.n_floors > 1) {
            printf("  +- %.2g", spread(r->forecast.n_floors, floor->value));
        }
        printf("\n");
    }
    printf("\ncost\n");
    mad_cost_print("  ", r->app, r->experiment, r->setup_s, &r->forecast);
    for (size_t k = 0; k < r->n_warnings; k++) {
        printf("\nwarning: %s\n", r->warning[k]);
    }
}

/* ---- json ------------------------------------------------------------------------------------ */

static json_t *json_number(double x)
{
    return isfinite(x) ? json_real(x) : json_null();
}

static json_t *json_sampler(const mad_bias_audit *bias)
{
    json_t *rows = json_array();
    for (size_t i = 0; i < bias->n_rows; i++) {
        const mad_bias_row *row = &bias->row[i];
        (void)json_array_append_new(
            rows, json_pack("{s:f, s:s, s:b, s:o, s:o, s:o, s:o}", "variance", row->variance, "of",
                            row->of, "is_data", row->is_data, "lam_eff", json_number(row->first),
                            "lam_eff_last", json_number(row->last), "variance_after",
                            json_number(row->after), "log_drift", json_number(row->total)));
    }
    json_t *advice = json_null();
    if (bias->advice[0] != '\0') {
        json_decref(advice);
        advice =
            json_pack("{s:s, s:o}", "setting", bias->advice, "lam_eff", json_number(bias->advised));
    }
    return json_pack("{s:o, s:f, s:o}", "rows", rows, "limit", MAD_AUDIT_LIMIT, "advice", advice);
}

static json_t *json_guidance(const mad_guide_audit *g)
{
    return g->is_on ? json_pack("{s:f, s:f, s:f, s:f, s:f, s:f}", "w", g->w[0], "gain", g->gain[0],
                                "mad_lambda", g->mad[0], "w_last", g->w[1], "gain_last", g->gain[1],
                                "mad_lambda_last", g->mad[1])
                    : json_null();
}

static json_t *json_floors(const report *r)
{
    json_t *list = json_array();
    size_t i = 0;
    const size_t n = r->forecast.n_floors;
    for (const mad_vector *floor;
         (floor = next_floor(mad_experiment_layout(r->experiment), &i)) != NULL;) {
        (void)json_array_append_new(list, json_pack("{s:s, s:I, s:o, s:o}", "metric", floor->name,
                                                    "n", (json_int_t)n, "mean",
                                                    json_number(mad_mean(n, floor->value)), "sd",
                                                    json_number(spread(n, floor->value))));
    }
    return list;
}

static mad_status print_json(const report *r)
{
    const mad_setting *setting = mad_experiment_setting(r->experiment);
    json_t *warnings = json_array();
    for (size_t k = 0; k < r->n_warnings; k++) {
        (void)json_array_append_new(warnings, json_string(r->warning[k]));
    }
    json_t *root = json_pack("{s:s, s:I, s:I, s:o, s:o, s:o, s:o, s:o, s:o}", "name", setting->name,
                             "generations", (json_int_t)setting->n_generations, "replicates",
                             (json_int_t)setting->n_replicates, "sampler",
                             r->bias.n_rows > 0 ? json_sampler(&r->bias) : json_null(),
                             "within_share", json_number(r->bias.within_share), "guidance",
                             json_guidance(&r->bias.guide), "floors", json_floors(r), "cost",
                             mad_cost_json(r->app, r->setup_s, &r->forecast), "warnings", warnings);
    return mad_print_json(r->app->ctx, root);
}

/* ---- the verb -------------------------------------------------------------------------------- */

static mad_status audit(mad_app *app, mad_arena *mem, const mad_arguments *args, double seconds,
                        report *r)
{
    mad_status st = MAD_OK;
    const double start_s = mad_cost_now_s();
    mad_config *config = mad_arena_take(mem, 1, sizeof *config);
    if (config == NULL) {
        return mad_fail_memory(app->ctx, "a configuration");
    }
    r->app = app;
    MAD_TRY(mad_load_config(app, mem, args->text[0], args->n - 1, args->text + 1, 0, config));
    MAD_TRY(mad_experiment_create(app->ctx, mem, config, app->registry, &r->experiment));
    r->setup_s = mad_cost_now_s() - start_s;
    /* first: what an audit needs beyond a run must not count as the run's memory */
    MAD_TRY(mad_cost_probe(app, mem, r->experiment, seconds, &r->forecast));
    MAD_TRY(mad_bias_audit_make(app->ctx, r->experiment, &r->bias));
    warn_of_sampler(r);
out:
    return st;
}

static mad_status audit_verb(mad_app *app, int argc, char **argv)
{
    mad_status st = MAD_OK;
    int as_json = 0, strict = 0;
    size_t n_threads = 0;
    double seconds = MAD_PROBE_SECONDS;
    const mad_option options[] = {
        MAD_PROBE_OPTION(seconds),
        {"json", 0, NULL, "print JSON", .flag = &as_json},
        {"strict", 0, NULL, "exit with 1 when there is a warning", .flag = &strict},
        {"threads", 't', "N", "threads the run will use (default: all processors)",
         .count = &n_threads, .min = 1, .max = 4096},
        {.name = NULL}};
    const mad_usage usage = {
        options, 1, SIZE_MAX,
        "The cost is measured in the code of a run, on its sizes: parts of a generation or, where "
        "they are cheap, whole ones, in a folder below $TMPDIR that is removed. Of a configuration "
        "that sweeps, the first point is taken."};
    mad_arguments args;
    mad_arena *mem = mad_arena_create(1 << 16);
    report *r = mem != NULL ? mad_arena_take(mem, 1, sizeof *r) : NULL;
    if (r == NULL) {
        st = mad_fail_memory(app->ctx, "an audit");
        goto out;
    }
    MAD_TRY(mad_options_parse(app, &mad_command_audit, argc, argv, &usage, &args));
    if (args.shown_help) {
        goto out;
    }
    MAD_TRY(mad_app_set_threads(app, n_threads));
    MAD_TRY(audit(app, mem, &args, seconds, r));
    if (as_json) {
        MAD_TRY(print_json(r));
    } else {
        print_text(r);
    }
    if (strict && r->n_warnings > 0) {
        st = mad_fail(app->ctx, MAD_E_FAILED, "audit: %zu warning%s", r->n_warnings,
                      r->n_warnings == 1 ? "" : "s");
    }
out:
    mad_arena_destroy(mem);
    return st;
}

const mad_command mad_command_audit = {
    .name = "audit",
    .arguments = "CONFIG [key=value ...]",
    .doc = "Before a run: the sampler's own bias, the floors of the measures, time and memory",
    .run = audit_verb,
};

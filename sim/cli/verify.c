/* sim/cli/verify.c: `madloop verify`: small loops in memory against their closed forms.
 *
 * Null law of every line: the mean over replicates is asymptotically normal about the closed form,
 * so z = (measured - expected) / standard error is N(0, 1); a right program fails a line with
 * probability 6.3e-5 (|z| >= 4, two-sided). The seed is fixed unless --seed is given.
 */
#include "sim/cli/verbs.h"

#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "sim/cli/app.h"
#include "sim/cli/oracles.h"
#include "sim/cli/print_json.h"
#include "sim/engine/engine.h"
#include "sim/num/stats.h"

#define Z_LIMIT 4.0

typedef struct outcome {
    double measured, expected, z;
} outcome;

/* What the commit callback fills: values over replicates of every check. */
typedef struct collector {
    const mad_oracle *oracle;
    const mad_run_layout *layout;
    double *value[MAD_ORACLE_CHECKS]; /* [n_replicates] */
} collector;

static size_t n_checks(const mad_oracle *o)
{
    size_t n = 0;

    while (n < MAD_ORACLE_CHECKS && o->checks[n].metric != NULL) {
        n++;
    }
    return n;
}

static size_t series_of(const mad_run_layout *layout, const char *metric)
{
    for (size_t i = 0; i < layout->n_series; i++) {
        if (strcmp(layout->series[i].group, "metrics") == 0 &&
            strcmp(layout->series[i].name, metric) == 0) {
            return i;
        }
    }
    mad_assert_failed("a measure the configuration asked for", __FILE__, __LINE__);
}

static void collect(void *arg, size_t begin, size_t n_gens, const double *const *data)
{
    collector *c = arg;

    for (size_t k = 0; k < n_checks(c->oracle); k++) {
        const mad_oracle_check *wanted = &c->oracle->checks[k];
        size_t t = wanted->generation;

        if (t < begin || t >= begin + n_gens) {
            continue;
        }
        for (size_t r = 0; r < c->oracle->n_replicates; r++) {
            size_t cell = r * n_gens + t - begin;

            c->value[k][r] = data[series_of(c->layout, wanted->metric)][cell];
            if (wanted->kind == MAD_ORACLE_CONSERVED) {
                c->value[k][r] += data[series_of(c->layout, "mean_error_sq")][cell];
            }
        }
    }
}

static mad_status expected_mean(mad_app *app, const mad_setting *setting, const mad_oracle_check *k,
                                double *out)
{
    mad_arena_mark mark = mad_arena_get_mark(app->ctx->scratch);
    double *curve = mad_arena_take(app->ctx->scratch, setting->n_generations, sizeof *curve);
    mad_status st = MAD_OK;

    if (curve == NULL) {
        return mad_fail_memory(app->ctx, "a theory curve");
    }
    *out = (double)NAN;
    for (const mad_theory_type *const *law = app->registry->theories; *law != NULL; law++) {
        if (strcmp((*law)->metric, k->metric) == 0 && (*law)->exact && (*law)->applies(setting)) {
            MAD_TRY((*law)->curve(app->ctx, setting, curve));
            *out = curve[k->generation - 1];
            break;
        }
    }
out:
    mad_arena_release(app->ctx->scratch, mark);
    return st;
}

/* Var ln det Sigma_t = t sum_{j=1..d} psi1((n - j)/2): fully synthetic with constant n. */
static double expected_variance(const mad_setting *setting, size_t generation)
{
    double n = (double)setting->loop->type->n_synthetic(setting->loop, 1), sum = 0.0;

    for (size_t j = 1; j <= setting->world->info.dim; j++) {
        sum += mad_trigamma((n - (double)j) / 2.0);
    }
    return (double)generation * sum;
}

static mad_status judge(mad_app *app, const mad_setting *setting, const mad_oracle *o,
                        const mad_oracle_check *k, const double *x, outcome *out)
{
    const mad_world_info *info = &setting->world->info;
    double n = (double)o->n_replicates, mean = mad_mean(o->n_replicates, x);
    double var = mad_variance(o->n_replicates, x, 1.0), fourth = 0.0;

    switch (k->kind) {
    case MAD_ORACLE_MEAN:
        out->measured = mean;
        out->z = sqrt(var / n);
        if (expected_mean(app, setting, k, &out->expected) != MAD_OK) {
            return app->ctx->status;
        }
        break;
    case MAD_ORACLE_VARIANCE:
        for (size_t r = 0; r < o->n_replicates; r++) {
            fourth += pow(x[r] - mean, 4.0) / n;
        }
        out->measured = var;
        out->expected = expected_variance(setting, k->generation);
        out->z = sqrt((fourth - var * var) / n);
        break;
    case MAD_ORACLE_CONSERVED:
        out->measured = mean;
        out->z = sqrt(var / n);
        out->expected = 0.0;
        for (size_t j = 0; j < info->dim; j++) {
            out->expected += info->cov[j * info->dim + j];
        }
        break;
    }
    out->z = (out->measured - out->expected) / out->z;
    return MAD_OK;
}

static const char *config_text(mad_arena *mem, const mad_oracle *o, uint64_t seed)
{
    char text[1024], metrics[256] = "mean_error_sq";

    if (strstr(o->world, "zipf") != NULL) {
        metrics[0] = '\0';
    }
    for (size_t k = 0; k < n_checks(o); k++) {
        if (strstr(metrics, o->checks[k].metric) == NULL) {
            size_t used = strlen(metrics);

            snprintf(metrics + used, sizeof metrics - used, "%s%s", used > 0 ? ", " : "",
                     o->checks[k].metric);
        }
    }
    snprintf(text, sizeof text,
             "{seed: %" PRIu64 ", replicates: %zu, generations: %zu, world: %s, model: %s, "
             "loop: %s, bias: %s, measure: {n: 64, metrics: [%s]}, checkpoint: {every: %zu}}",
             seed, o->n_replicates, o->n_generations, o->world, o->model, o->loop, o->bias, metrics,
             o->n_generations);
    return mad_arena_text(mem, text);
}

static mad_status run_oracle(mad_app *app, const mad_oracle *o, uint64_t seed, outcome *out)
{
    mad_status st = MAD_OK;
    mad_arena *mem = mad_arena_create(1 << 16);
    const char *text = mem != NULL ? config_text(mem, o, seed) : NULL;
    mad_config config;
    mad_experiment *experiment = NULL;
    collector c = {.oracle = o};
    const mad_run_options options = {.first_generation = 1, .arg = &c, .commit = collect};

    if (text == NULL) {
        st = mad_fail_memory(app->ctx, "an oracle");
        goto out;
    }
    MAD_TRY(mad_config_load(app->ctx, mem, o->law, text, 0, NULL, app->registry, &config));
    MAD_TRY(mad_experiment_create(app->ctx, mem, &config, app->registry, &experiment));
    c.layout = mad_experiment_layout(experiment);
    for (size_t k = 0; k < n_checks(o); k++) {
        c.value[k] = mad_arena_take(mem, o->n_replicates, sizeof *c.value[k]);
        if (c.value[k] == NULL) {
            st = mad_fail_memory(app->ctx, "an oracle");
            goto out;
        }
    }
    MAD_TRY(mad_engine_run(app->ctx, experiment, &options));
    for (size_t k = 0; k < n_checks(o); k++) {
        MAD_TRY(
            judge(app, mad_experiment_setting(experiment), o, &o->checks[k], c.value[k], &out[k]));
    }
out:
    mad_arena_destroy(mem);
    return st;
}

static json_t *number(double x)
{
    return isfinite(x) ? json_real(x) : json_null();
}

static mad_status report(mad_ctx *ctx, const mad_oracle *o, const outcome *found, json_t *list,
                         size_t *n_bad, size_t *n_all)
{
    for (size_t k = 0; k < n_checks(o); k++) {
        char text[64];
        const mad_oracle_check *c = &o->checks[k];
        int good = fabs(found[k].z) < Z_LIMIT; /* NaN is no pass */

        snprintf(text, sizeof text, "%s%s%s", c->kind == MAD_ORACLE_VARIANCE ? "Var " : "",
                 c->metric, c->kind == MAD_ORACLE_CONSERVED ? " + mean_error_sq" : "");
        *n_bad += !good;
        *n_all += 1;
        if (list == NULL) {
            printf("%-6s %-33s %4zu  %-22s %11.6g %11.6g %6.2f  %s\n", o->law, o->setting,
                   c->generation, text, found[k].measured, found[k].expected, found[k].z,
                   good ? "ok" : "FAILED");
        } else if (json_array_append_new(
                       list,
                       json_pack("{s:s, s:s, s:I, s:s, s:o, s:o, s:o, s:I, s:b}", "law", o->law,
                                 "setting", o->setting, "generation", (json_int_t)c->generation,
                                 "quantity", text, "measured", number(found[k].measured),
                                 "expected", number(found[k].expected), "z", number(found[k].z),
                                 "replicates", (json_int_t)o->n_replicates, "ok", good)) != 0) {
            return mad_fail_memory(ctx, "JSON");
        }
    }
    return MAD_OK;
}

static mad_status verify_verb(mad_app *app, int argc, char **argv)
{
    mad_status st = MAD_OK;
    int as_json = 0;
    size_t n_threads = 0, seed = 1, n_bad = 0, n_all = 0;
    const mad_option options[] = {
        {"json", 0, NULL, "print JSON", .flag = &as_json},
        {"seed", 0, "N", "root of the random numbers (default 1)", .count = &seed, .max = 1e15},
        {"threads", 't', "N", "threads to use (default: all processors)", .count = &n_threads,
         .min = 1, .max = 4096},
        {.name = NULL}};
    const mad_usage usage = {options, 0, 0,
                             "A line fails at |z| >= 4; a right program does that once in 16000 "
                             "lines."};
    mad_arguments args;
    json_t *list = NULL;

    MAD_TRY(mad_options_parse(app, &mad_command_verify, argc, argv, &usage, &args));
    if (args.shown_help) {
        goto out;
    }
    MAD_TRY(mad_app_set_threads(app, n_threads));
    mad_app_catch_signals(app);
    list = as_json ? json_array() : NULL;
    if (list == NULL) {
        printf("%-6s %-33s %4s  %-22s %11s %11s %6s  %s\n", "law", "setting", "gen", "quantity",
               "measured", "expected", "z", "verdict");
    }
    for (size_t i = 0; i < mad_n_oracles; i++) {
        outcome found[MAD_ORACLE_CHECKS] = {0};

        MAD_TRY(run_oracle(app, &mad_oracles[i], seed, found));
        MAD_TRY(report(app->ctx, &mad_oracles[i], found, list, &n_bad, &n_all));
    }
    if (list != NULL) {
        MAD_TRY(mad_print_json(app->ctx, json_incref(list)));
    } else {
        printf("%zu of %zu closed forms met (|z| < %g)\n", n_all - n_bad, n_all, Z_LIMIT);
    }
    if (n_bad > 0) {
        st = mad_fail(app->ctx, MAD_E_FAILED, "%zu of %zu closed forms not met", n_bad, n_all);
    }
out:
    json_decref(list);
    return st;
}

const mad_command mad_command_verify = {
    .name = "verify",
    .arguments = "",
    .doc = "Compare small loops with their closed forms, below a minute",
    .run = verify_verb,
};

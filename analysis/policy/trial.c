/* analysis/policy/trial.c: see the header. */
#include "analysis/policy/trial.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "sim/cli/execute.h"
#include "sim/engine/engine.h"
#include "sim/num/stats.h"

/* What the commit callback fills. */
typedef struct collector {
    size_t i_series, n_replicates, n_generations;
    double *value;
} collector;

void mad_trial_set(mad_trial_keys *keys, const char *key, size_t value)
{
    MAD_ASSERT(keys->n < MAD_TRIAL_MAX_KEYS);
    (void)snprintf(keys->text[keys->n++], sizeof keys->text[0], "%s=%zu", key, value);
}

static void collect(void *arg, size_t begin, size_t n_gens, const double *const *data)
{
    collector *c = arg;
    for (size_t r = 0; r < c->n_replicates; r++) {
        memcpy(c->value + r * c->n_generations + begin - 1, data[c->i_series] + r * n_gens,
               n_gens * sizeof *c->value);
    }
}

mad_status mad_trials_config(const mad_trials *trials, mad_arena *mem, mad_config *out)
{
    static const char *const sizes[] = {"n_real", "n_synthetic"};
    mad_ctx *ctx = trials->app->ctx;
    mad_status st = MAD_OK;
    MAD_TRY(mad_load_config(trials->app, mem, trials->config, trials->n_overrides,
                            trials->overrides, 0, out));
    for (size_t i = 0; i < 2; i++) {
        const mad_value *value = mad_get(&out->loop, sizes[i]);
        if (value->schedule.kind != MAD_SCHEDULE_CONSTANT || !(value->schedule.a >= 1.0)) {
            return mad_fail(ctx, MAD_E_CONFIG,
                            "admissible: loop.%s must be one number from 1 to be varied, got '%s'",
                            sizes[i], value->text);
        }
    }
    if (mad_get_size(&out->root, "models") > 1) {
        return mad_fail(ctx, MAD_E_CONFIG,
                        "admissible: models: loops that feed each other are no replicates");
    }
    if (mad_get_size(&out->root, "replicates") < 2) {
        return mad_fail(ctx, MAD_E_CONFIG, "admissible: replicates: an interval takes 2 or more");
    }
out:
    return st;
}

static mad_status find_series(mad_ctx *ctx, const mad_run_layout *layout, const char *metric,
                              size_t *out)
{
    for (size_t i = 0; i < layout->n_series; i++) {
        const mad_series *s = &layout->series[i];
        if (strcmp(s->group, "metrics") == 0 && strcmp(s->name, metric) == 0) {
            *out = i;
            return MAD_OK;
        }
    }
    return mad_fail(ctx, MAD_E_CONFIG, "admissible: '%s' is no measure of this configuration",
                    metric);
}

/* Mean over replicates of `trace`, real rows against real rows. */
static double real_trace_of(const mad_run_layout *layout)
{
    for (size_t i = 0; i < layout->n_vectors; i++) {
        const mad_vector *v = &layout->vectors[i];
        if (strcmp(v->group, "floor") == 0 && strcmp(v->name, "trace") == 0) {
            return mad_mean(v->n_rows, v->value);
        }
    }
    return (double)NAN;
}

mad_status mad_trial_run(mad_trials *trials, mad_arena *mem, const mad_trial_keys *keys,
                         mad_trial *out)
{
    mad_ctx *ctx = trials->app->ctx;
    char metrics[128], every[] = "checkpoint.every=1000000"; /* nothing is written */
    mad_config config;
    mad_experiment *experiment = NULL;
    collector c;
    const mad_run_options options = {
        .first_generation = 1, .model_cache = trials->model_cache, .arg = &c, .commit = collect};
    const size_t n = trials->n_overrides + keys->n + 2;
    char **all = mad_arena_take(mem, n, sizeof *all);
    mad_status st = MAD_OK;

    if (all == NULL) {
        return mad_fail_memory(ctx, "a run");
    }
    for (size_t i = 0; i < trials->n_overrides; i++) {
        all[i] = trials->overrides[i];
    }
    for (size_t i = 0; i < keys->n; i++) {
        all[trials->n_overrides + i] = mad_arena_text(mem, keys->text[i]);
    }
    (void)snprintf(metrics, sizeof metrics, "measure.metrics=[%s%s]", trials->metric,
                   trials->with_trace ? ", trace" : "");
    all[n - 2] = metrics;
    all[n - 1] = every;
    MAD_TRY(mad_load_config(trials->app, mem, trials->config, n, all, 0, &config));
    MAD_TRY(mad_experiment_create(ctx, mem, &config, trials->app->registry, &experiment));
    const mad_run_layout *layout = mad_experiment_layout(experiment);
    c = (collector){.n_replicates = layout->n_replicates, .n_generations = layout->n_generations};
    MAD_TRY(find_series(ctx, layout, trials->metric, &c.i_series));
    c.value = mad_arena_take(mem, c.n_replicates * c.n_generations, sizeof *c.value);
    if (c.value == NULL) {
        st = mad_fail_memory(ctx, "a run");
        goto out;
    }
    MAD_TRY(mad_engine_run(ctx, experiment, &options));
    trials->n_runs++;
    trials->n_generations += c.n_replicates * c.n_generations;
    const mad_series *s = &layout->series[c.i_series];
    *out = (mad_trial){c.n_replicates, c.n_generations, c.value,
                       mad_attribute_text(s->n_attributes, s->attributes, "direction"),
                       trials->with_trace ? real_trace_of(layout) : (double)NAN};
out:
    return st;
}

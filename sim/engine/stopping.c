/* sim/engine/stopping.c: the block `stop` of a run: its rule, what it has seen, its looks. */
#include <math.h>
#include <string.h>

#include "sim/engine/internal.h"

static double number_or_nan(const mad_values *stop, const char *key)
{
    const mad_value *value = mad_get(stop, key);
    return value->choice == 0 ? (double)NAN : value->number; /* choice 0 is "none" */
}

static mad_status find_metric(mad_ctx *ctx, mad_experiment *e, const char *metric)
{
    for (size_t i = 0; i < e->layout.n_series; i++) {
        if (strcmp(e->series[i].group, "metrics") == 0 && strcmp(e->series[i].name, metric) == 0) {
            e->stop_series = i;
            return MAD_OK;
        }
    }
    return mad_fail(ctx, MAD_E_CONFIG,
                    "%s: stop.metric: '%s' is not measured in this run: name it in "
                    "measure.metrics",
                    e->config->stop_place, metric);
}

mad_status mad_stopping_create(mad_ctx *ctx, mad_experiment *e)
{
    const mad_values *stop = &e->config->stop;
    if (stop->n_values == 0) {
        return MAD_OK;
    }
    const char *metric = mad_get_text(stop, "metric");
    e->may_stop = 1;
    e->stop_rule = (mad_stop_rule){.metric = strcmp(metric, "none") == 0 ? NULL : metric,
                                   .below = number_or_nan(stop, "below"),
                                   .above = number_or_nan(stop, "above"),
                                   .plateau = number_or_nan(stop, "plateau"),
                                   .window = mad_get_size(stop, "window"),
                                   .alpha = mad_get_real(stop, "alpha"),
                                   .samples = number_or_nan(stop, "samples"),
                                   .n_replicates = e->setting.n_replicates,
                                   .n_models = e->setting.n_models,
                                   .n_generations = e->setting.n_generations,
                                   .every = e->every};
    return e->stop_rule.metric != NULL ? find_metric(ctx, e, metric) : MAD_OK;
}

/* Columns begin.. of a run's history [R][G] from data [R][n_gens]. */
static void keep(const engine *g, size_t begin, size_t n_gens, size_t n_columns, const double *data,
                 double *history)
{
    const size_t n_generations = g->e->setting.n_generations;
    for (size_t r = 0; r < g->e->setting.n_replicates; r++) {
        memcpy(history + r * n_generations + begin - 1, data + r * n_columns,
               n_gens * sizeof *history);
    }
}

/* What a run that goes on has committed of one series. */
static mad_status restore(mad_ctx *ctx, engine *g, size_t i_series, double *history)
{
    mad_status st = MAD_OK;
    mad_run run;
    const mad_series *want = &g->e->series[i_series];
    mad_arena *mem = mad_arena_create(1 << 16);
    if (mem == NULL) {
        return mad_fail_memory(ctx, "a run file");
    }
    MAD_TRY(mad_run_read_part(ctx, mem, g->options->dir, want->group, &run));
    const mad_run_series *series = mad_run_find(&run, want->group, want->name);
    if (series == NULL || run.n_replicates != g->e->setting.n_replicates ||
        run.n_generations != g->e->setting.n_generations) {
        st = mad_fail(ctx, MAD_E_DATA, "%s/run.h5: %s/%s is missing or of another run",
                      g->options->dir, want->group, want->name);
        goto out;
    }
    keep(g, 1, g->options->first_generation - 1, run.n_generations, series->value, history);
out:
    mad_arena_destroy(mem);
    return st;
}

static mad_status open_history(mad_ctx *ctx, engine *g, size_t i_series, double **out)
{
    const mad_setting *s = &g->e->setting;
    size_t n;
    *out = mad_size_mul(s->n_replicates, s->n_generations, &n) == MAD_OK
               ? mad_arena_take(g->mem, n, sizeof **out)
               : NULL;
    if (*out == NULL) {
        return mad_fail_memory(ctx, "what a stopping rule looks at");
    }
    return g->options->first_generation > 1 ? restore(ctx, g, i_series, *out) : MAD_OK;
}

mad_status mad_stopping_open(mad_ctx *ctx, engine *g)
{
    mad_status st = MAD_OK;
    const mad_stop_rule *rule = &g->e->stop_rule;
    if (!g->e->may_stop) {
        return MAD_OK;
    }
    if (rule->metric != NULL) {
        MAD_TRY(open_history(ctx, g, g->e->stop_series, &g->watched));
    }
    if (!isnan(rule->samples)) {
        MAD_TRY(open_history(ctx, g, g->e->own.samples_seen, &g->seen));
    }
out:
    return st;
}

mad_status mad_stopping_look(mad_ctx *ctx, engine *g, size_t n_gens)
{
    const mad_experiment *e = g->e;
    const size_t last = g->generation;
    if (!e->may_stop) {
        return MAD_OK;
    }
    if (g->watched != NULL) {
        keep(g, g->begin, n_gens, n_gens, g->data[e->stop_series], g->watched);
    }
    if (g->seen != NULL) {
        keep(g, g->begin, n_gens, n_gens, g->data[e->own.samples_seen], g->seen);
    }
    if (last % e->every != 0 && last != e->setting.n_generations) {
        return MAD_OK;
    }
    return mad_stop_look(ctx, &e->stop_rule, g->watched, g->seen, last, &g->verdict);
}

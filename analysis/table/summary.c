/* analysis/table/summary.c: definitions in the header. */
#include "analysis/table/summary.h"

#include <math.h>
#include <string.h>

const char *mad_trend_text(mad_trend trend)
{
    switch (trend) {
    case MAD_TREND_UNKNOWN:
        return "-";
    case MAD_TREND_FALLS:
        return "falls";
    case MAD_TREND_RISES:
        return "rises";
    case MAD_TREND_HOLDS:
        return "holds";
    }
    return "-";
}

double mad_half_life(size_t n_generations, const mad_estimate *mean)
{
    double start = n_generations > 0 ? mean[0].mean : (double)NAN;
    double before = start;
    size_t i_before = 0;

    if (!isfinite(start) || start <= 0.0) {
        return (double)NAN;
    }
    for (size_t g = 1; g < n_generations; g++) {
        double now = mean[g].mean;
        if (isnan(now)) {
            continue;
        }
        if (now < 0.5 * start) {
            double share = isfinite(now) ? (before - 0.5 * start) / (before - now) : 0.0;
            return 1.0 + (double)i_before + share * (double)(g - i_before);
        }
        before = now;
        i_before = g;
    }
    return (double)NAN;
}

static mad_trend trend_of(const mad_estimate *change)
{
    if (change->n < 2 || isnan(change->mean)) {
        return MAD_TREND_UNKNOWN;
    }
    if (isinf(change->mean)) {
        return change->mean < 0.0 ? MAD_TREND_FALLS : MAD_TREND_RISES;
    }
    if (change->mean + change->half < 0.0) {
        return MAD_TREND_FALLS;
    }
    return change->mean - change->half > 0.0 ? MAD_TREND_RISES : MAD_TREND_HOLDS;
}

static const char *text_or_empty(const mad_run_series *series, const char *name)
{
    const char *text = mad_attribute_text(series->n_attributes, series->attributes, name);
    return text != NULL ? text : "";
}

mad_status mad_summarise(mad_ctx *ctx, const mad_run *run, const mad_run_series *metric,
                         mad_summary *out)
{
    mad_status st = MAD_OK;
    size_t n_rep = run->n_replicates;
    size_t n_gen = run->n_generations;
    size_t last = run->n_done;
    mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    mad_estimate *curve = mad_arena_take_raw(ctx->scratch, n_gen, sizeof *curve);
    double *difference = mad_arena_take_raw(ctx->scratch, n_rep, sizeof *difference);
    double *work = mad_arena_take_raw(ctx->scratch, n_rep, sizeof *work);
    const int is_measure = strcmp(metric->group, "metrics") == 0; /* only they have companions */
    const mad_run_series *floor = is_measure ? mad_run_find(run, "floor", metric->name) : NULL;
    const mad_run_series *theory = is_measure ? mad_run_find(run, "theory", metric->name) : NULL;
    const mad_estimate none = {.n = 0, .mean = (double)NAN, .half = (double)NAN};

    if (curve == NULL || difference == NULL || work == NULL) {
        st = mad_fail_memory(ctx, "table");
        goto out;
    }
    *out = (mad_summary){.name = metric->name,
                         .long_name = text_or_empty(metric, "long_name"),
                         .units = text_or_empty(metric, "units"),
                         .direction = text_or_empty(metric, "direction"),
                         .last = last,
                         .first = none,
                         .final = none,
                         .change = none,
                         .floor = none,
                         .theory = (double)NAN,
                         .half_life = (double)NAN};
    if (floor != NULL) {
        out->floor = mad_estimate_mean(n_rep, 1, floor->value, work);
    }
    if (last == 0) {
        goto out;
    }
    MAD_TRY(mad_estimate_curve(ctx, n_rep, n_gen, 1, metric->value, curve));
    for (size_t r = 0; r < n_rep; r++) {
        difference[r] = metric->value[r * n_gen + last - 1] - metric->value[r * n_gen];
    }
    out->first = curve[0];
    out->final = curve[last - 1];
    out->half_life = mad_half_life(last, curve);
    out->theory = theory != NULL ? theory->value[last - 1] : (double)NAN;
    if (last > 1) {
        out->change = mad_estimate_mean(n_rep, 1, difference, work);
        out->trend = trend_of(&out->change);
    }
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

/* analysis/plot/curves.c: series of all runs, aggregated, with the axes that show them. */
#include "analysis/plot/curves.h"

#include <math.h>
#include <string.h>

/* Measures that live between 0 and 1 share one axis, so that figures compare. */
static const char *const unit_interval[] = {
    "precision", "recall", "coverage", "hq_ratio", "class_entropy_normalised", "real_share"};

static const char *text_or(const mad_run_series *series, const char *name, const char *otherwise)
{
    const char *text = mad_attribute_text(series->n_attributes, series->attributes, name);
    return text != NULL && text[0] != '\0' ? text : otherwise;
}

mad_range mad_generation_range(size_t n_generations)
{
    double n = (double)n_generations;
    double pad = n_generations < 2 ? 0.5 : fmax(0.1, 0.025 * (n - 1.0));
    return (mad_range){1.0 - pad, fmax(n, 1.0) + pad, 0};
}

static mad_range value_range(const mad_curve_set *set)
{
    mad_extent extent = MAD_EXTENT_NONE;
    int is_inside = 1;

    for (size_t r = 0; r < set->n_runs; r++) {
        const mad_curve *curve = &set->curves[r];
        mad_extent_add(&extent, curve->floor.mean);
        mad_extent_add_soft(&extent, curve->floor.mean - curve->floor.half);
        mad_extent_add_soft(&extent, curve->floor.mean + curve->floor.half);
        for (size_t g = 0; g < curve->n_gens; g++) {
            const mad_estimate *e = &curve->mean[g];
            mad_extent_add(&extent, e->mean);
            mad_extent_add(&extent, curve->theory != NULL ? curve->theory[g] : e->mean);
            mad_extent_add_soft(&extent, e->mean - e->half);
            mad_extent_add_soft(&extent, e->mean + e->half);
        }
    }
    is_inside = extent.core_min >= 0.0 && extent.core_max <= 1.0;
    for (size_t i = 0; i < sizeof unit_interval / sizeof *unit_interval && is_inside; i++) {
        if (strcmp(set->name, unit_interval[i]) == 0) {
            return (mad_range){0.0, 1.02, 0};
        }
    }
    return mad_extent_range(&extent);
}

static mad_status read_curve(mad_ctx *ctx, mad_arena *mem, const mad_run *run,
                             const mad_run_series *series, mad_curve *out)
{
    mad_status st = MAD_OK;
    const mad_run_series *theory = mad_run_find(run, "theory", series->name);
    const mad_run_series *floor = mad_run_find(run, "floor", series->name);
    mad_estimate *mean = mad_arena_take(mem, run->n_generations, sizeof *mean);
    double *work = mad_arena_take(mem, run->n_replicates, sizeof *work);

    if (mean == NULL || work == NULL) {
        return mad_fail_memory(ctx, "curves");
    }
    MAD_TRY(mad_estimate_curve(ctx, run->n_replicates, run->n_generations, 1, series->value, mean));
    out->n_gens = run->n_done;
    out->mean = mean;
    if (strcmp(series->group, "metrics") == 0) {
        out->theory = theory != NULL ? theory->value : NULL;
        if (floor != NULL) {
            out->floor = mad_estimate_mean(run->n_replicates, 1, floor->value, work);
        }
    }
out:
    return st;
}

mad_status mad_curve_set_read(mad_ctx *ctx, mad_arena *mem, const mad_runs *runs, const char *group,
                              const char *name, mad_curve_set *out)
{
    mad_status st = MAD_OK;
    size_t n_longest = 1;

    *out = (mad_curve_set){
        .name = name, .long_name = name, .units = "1", .direction = "", .n_runs = runs->n_runs};
    out->curves = mad_arena_take(mem, runs->n_runs, sizeof *out->curves);
    if (out->curves == NULL) {
        return mad_fail_memory(ctx, "curves");
    }
    for (size_t r = 0; r < runs->n_runs; r++) {
        const mad_run *run = &runs->runs[r].run;
        const mad_run_series *series = mad_run_find(run, group, name);
        out->curves[r].floor = (mad_estimate){.n = 0, .mean = (double)NAN, .half = (double)NAN};
        if (series == NULL || series->rank != 2) {
            continue;
        }
        out->long_name = text_or(series, "long_name", name);
        out->units = text_or(series, "units", "1");
        out->direction = text_or(series, "direction", "");
        MAD_TRY(read_curve(ctx, mem, run, series, &out->curves[r]));
        n_longest = run->n_done > n_longest ? run->n_done : n_longest;
    }
    out->x = mad_generation_range(n_longest);
    out->y = value_range(out);
out:
    return st;
}

/* sim/cli/plan.c: see the header. */
#include "sim/cli/plan.h"

#include <string.h>

static mad_status plan_series(mad_arena *mem, const char *group, const char *name, size_t rank,
                              const double *value, mad_run_series *out)
{
    *out = (mad_run_series){.group = mad_arena_text(mem, group),
                            .name = mad_arena_text(mem, name),
                            .rank = rank,
                            .value = value};
    return out->group != NULL && out->name != NULL ? MAD_OK : MAD_E_MEMORY;
}

mad_status mad_plan_run(mad_ctx *ctx, mad_arena *mem, const mad_experiment *experiment,
                        mad_run *out)
{
    mad_status st = MAD_OK;
    const mad_run_layout *layout = mad_experiment_layout(experiment);
    const size_t n_loops = mad_experiment_setting(experiment)->n_models;
    *out = (mad_run){.n_replicates = layout->n_replicates / n_loops,
                     .n_generations = layout->n_generations};
    mad_run_series *series =
        mad_arena_take(mem, layout->n_series + layout->n_vectors, sizeof *series);
    double *value = mad_arena_take(mem, out->n_replicates * out->n_generations, sizeof *value);
    MAD_TRY(series != NULL && value != NULL ? MAD_OK : MAD_E_MEMORY);
    for (size_t i = 0; i < layout->n_series; i++) {
        const mad_series *s = &layout->series[i];
        MAD_TRY(plan_series(mem, s->group, s->name, s->width == 1 ? 2 : 3, value,
                            &series[out->n_series++]));
    }
    for (size_t i = 0; i < layout->n_vectors; i++) {
        const mad_vector *v = &layout->vectors[i];
        const int is_known = strcmp(v->group, "theory") == 0;
        MAD_TRY(plan_series(mem, v->group, v->name, 1, is_known ? v->value : value,
                            &series[out->n_series++]));
    }
    out->series = series;
out:
    return st == MAD_OK ? st : mad_fail_memory(ctx, "a run");
}

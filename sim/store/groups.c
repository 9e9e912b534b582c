/* sim/store/groups.c: interacting loops as one replicate. */
#include <string.h>

#include "sim/store/runfile.h"

static size_t loops_of(const mad_run *run)
{
    for (size_t i = 0; i < run->n_attributes; i++) {
        if (strcmp(run->attributes[i].name, "models") == 0 && run->attributes[i].text == NULL) {
            return (size_t)run->attributes[i].number;
        }
    }
    return 1;
}

/* [n_groups * n_loops][n_values] becomes [n_groups][n_values]. */
static double *means(mad_arena *mem, size_t n_groups, size_t n_loops, size_t n_values,
                     const double *value)
{
    double *out = mad_arena_take(mem, n_groups * n_values, sizeof *out);
    for (size_t i = 0; out != NULL && i < n_groups * n_loops; i++) {
        for (size_t k = 0; k < n_values; k++) {
            out[i / n_loops * n_values + k] += value[i * n_values + k] / (double)n_loops;
        }
    }
    return out;
}

mad_status mad_run_join_loops(mad_ctx *ctx, mad_arena *mem, mad_run *run)
{
    const size_t n_loops = loops_of(run), n_groups = run->n_replicates / n_loops;
    if (n_loops == 1) {
        return MAD_OK;
    }
    mad_run_series *series = mad_arena_take(mem, run->n_series, sizeof *series);
    if (series == NULL) {
        return mad_fail_memory(ctx, "the loops of a run");
    }
    for (size_t i = 0; i < run->n_series; i++) {
        mad_run_series *s = &series[i];
        *s = run->series[i];
        const int hangs_on_loop = strcmp(s->group, "theory") != 0 && strcmp(s->group, "audit") != 0;
        size_t n_values = 1;
        for (size_t k = 1; k < s->rank; k++) {
            n_values *= s->shape[k];
        }
        if (!hangs_on_loop || s->shape[0] != run->n_replicates) {
            continue;
        }
        s->value = means(mem, n_groups, n_loops, n_values, s->value);
        s->shape[0] = n_groups;
        if (s->value == NULL) {
            return mad_fail_memory(ctx, "the loops of a run");
        }
    }
    run->series = series;
    run->n_replicates = n_groups;
    return MAD_OK;
}

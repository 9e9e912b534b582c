/* analysis/expect/closed_form.c: the closed forms of a run in place of what it measured. */
#include <string.h>

#include "analysis/expect/expect.h"

mad_status mad_expect_closed_form(mad_ctx *ctx, mad_arena *mem, const mad_run *run, mad_run *out)
{
    mad_run_series *series = mad_arena_take(mem, 2 * run->n_series, sizeof *series);
    if (series == NULL) {
        return mad_fail_memory(ctx, "closed forms");
    }
    *out = (mad_run){.n_replicates = 1,
                     .n_generations = run->n_generations,
                     .n_done = run->n_generations,
                     .series = series};
    for (size_t i = 0; i < run->n_series; i++) {
        const mad_run_series *from = &run->series[i];
        if (strcmp(from->group, "theory") == 0 && from->rank == 1) {
            series[out->n_series++] = *from;
            series[out->n_series++] = (mad_run_series){.group = "metrics",
                                                       .name = from->name,
                                                       .rank = 2,
                                                       .shape = {1, run->n_generations},
                                                       .value = from->value};
        }
    }
    return MAD_OK;
}

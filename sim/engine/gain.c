/* sim/engine/gain.c: lam_eff: how the sampler alone changes the variance of Gaussian data. */
#include "sim/engine/internal.h"

#include <string.h>

/* Of broad, ordinary and nearly lost directions: 1 is the mean variance of the real data. */
static const double grid[] = {4, 2, 1, 0.5, 0.25, 0.1, 0.04, 0.02, 0.01, 0.004, 0.001};
static const size_t n_grid = sizeof grid / sizeof *grid;

mad_status mad_gain_curve(mad_ctx *ctx, const mad_experiment *e, const mad_model *model,
                          mad_arena *mem, gain_curve *out)
{
    mad_status st = MAD_OK;
    *out = (gain_curve){0};
    if (e->setting.model->gain == NULL) {
        return MAD_OK;
    }
    double *values = mad_arena_take(mem, 3 * n_grid, sizeof *values);
    if (values == NULL) {
        return mad_fail_memory(ctx, "the gain of the sampler");
    }
    *out = (gain_curve){
        .n = n_grid, .variance = values, .first = values + n_grid, .last = values + 2 * n_grid};
    memcpy(out->variance, grid, sizeof grid);
    MAD_TRY(e->setting.model->gain(ctx, model, 1, n_grid, out->variance, out->first));
    MAD_TRY(e->setting.model->gain(ctx, model, e->setting.n_generations, n_grid, out->variance,
                                   out->last));
    size_t n_equal = 0;
    while (n_equal < n_grid && out->first[n_equal] == out->last[n_equal]) {
        n_equal++;
    }
    if (n_equal == n_grid) {
        out->last = NULL; /* no schedule changes the sampler */
    }
out:
    return st;
}

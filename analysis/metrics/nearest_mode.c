/* analysis/metrics/nearest_mode.c: see the header. */
#include "analysis/metrics/nearest_mode.h"

#include "analysis/metrics/neighbours.h"

mad_status mad_nearest_modes(mad_ctx *ctx, const mad_world_info *world, const mad_set *rows,
                             size_t *nearest, double *square)
{
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    const mad_set centres = {
        .n_rows = world->n_modes, .dim = rows->dim, .x = (double *)world->mode_centre};
    mad_status st = MAD_OK;
    mad_nearest *found = mad_arena_take_raw(ctx->scratch, rows->n_rows, sizeof *found);
    if (found == NULL) {
        st = mad_fail_memory(ctx, "the nearest modes");
        goto out;
    }
    MAD_TRY(mad_nearest_rows(ctx, rows, &centres, 0, found));
    for (size_t i = 0; i < rows->n_rows; i++) {
        nearest[i] = found[i].row == SIZE_MAX ? 0 : found[i].row;
        square[i] = found[i].first;
    }
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

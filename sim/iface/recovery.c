/* sim/iface/recovery.c: room for what rows are made of. */
#include "sim/iface/world.h"

mad_status mad_recovery_take(mad_ctx *ctx, mad_arena *mem, const mad_world_info *info,
                             size_t n_rows, mad_recovery *out)
{
    size_t n_factors = 0, n_tracks = 0;
    mad_status st = mad_size_mul(n_rows, info->n_factors, &n_factors);
    if (st == MAD_OK) {
        st = mad_size_mul(n_rows, info->n_frames, &n_tracks);
    }
    if (st != MAD_OK) {
        return mad_fail(ctx, st, "%zu rows of %zu factors and %zu frames are too many", n_rows,
                        info->n_factors, info->n_frames);
    }
    const int has_labels = info->n_classes > 0, has_rare = info->rare_p > 0.0;
    *out = (mad_recovery){
        .n_rows = n_rows,
        .factor = mad_arena_take(mem, n_factors, sizeof *out->factor),
        .residual = mad_arena_take(mem, n_rows, sizeof *out->residual),
        .label = has_labels ? mad_arena_take(mem, n_rows, sizeof *out->label) : NULL,
        .valid = mad_arena_take(mem, n_rows, sizeof *out->valid),
        .rare = has_rare ? mad_arena_take(mem, n_rows, sizeof *out->rare) : NULL,
        .track = n_tracks > 0 ? mad_arena_take(mem, n_tracks, sizeof *out->track) : NULL,
    };
    if (out->factor == NULL || out->residual == NULL || out->valid == NULL ||
        (has_labels && out->label == NULL) || (has_rare && out->rare == NULL) ||
        (n_tracks > 0 && out->track == NULL)) {
        return mad_fail_memory(ctx, "what rows are made of");
    }
    return MAD_OK;
}

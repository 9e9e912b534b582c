/* sim/iface/recovery.c: room for what rows are made of. */
#include "sim/iface/world.h"

mad_status mad_recovery_take(mad_ctx *ctx, mad_arena *mem, const mad_world_info *info,
                             size_t n_rows, mad_recovery *out)
{
    const size_t n_places = info->scene != NULL ? info->scene->n_places : 0;
    const size_t per_row[3] = {info->n_factors, info->n_frames, n_places};
    size_t n[3] = {0};
    for (size_t i = 0; i < 3; i++) {
        const mad_status st = mad_size_mul(n_rows, per_row[i], &n[i]);
        if (st != MAD_OK) {
            return mad_fail(ctx, st, "%zu rows of %zu factors, frames or places are too many",
                            n_rows, per_row[i]);
        }
    }
    const int has_labels = info->n_classes > 0, has_rare = info->rare_p > 0.0;
    *out = (mad_recovery){
        .n_rows = n_rows,
        .factor = mad_arena_take(mem, n[0], sizeof *out->factor),
        .residual = mad_arena_take(mem, n_rows, sizeof *out->residual),
        .label = has_labels ? mad_arena_take(mem, n_rows, sizeof *out->label) : NULL,
        .valid = mad_arena_take(mem, n_rows, sizeof *out->valid),
        .rare = has_rare ? mad_arena_take(mem, n_rows, sizeof *out->rare) : NULL,
        .track = n[1] > 0 ? mad_arena_take(mem, n[1], sizeof *out->track) : NULL,
        .object = n[2] > 0 ? mad_arena_take(mem, n[2], sizeof *out->object) : NULL,
    };
    if (out->factor == NULL || out->residual == NULL || out->valid == NULL ||
        (has_labels && out->label == NULL) || (has_rare && out->rare == NULL) ||
        (n[1] > 0 && out->track == NULL) || (n[2] > 0 && out->object == NULL)) {
        return mad_fail_memory(ctx, "what rows are made of");
    }
    return MAD_OK;
}

/* models/diffusion/sampling_tilt.c: the settings of rows that are drawn with a bias. */
#include "models/diffusion/sampling_internal.h"

static void guide(mad_sampling *s, mad_guide_kind kind, size_t generation)
{
    const mad_tilt *tilt = &s->tilt;
    s->guide =
        (mad_guidance){.kind = kind,
                       .low = mad_schedule_at(&tilt->low, generation, tilt->n_generations),
                       .high = mad_schedule_at(&tilt->high, generation, tilt->n_generations)};
    s->strength =
        (mad_schedule){.kind = MAD_SCHEDULE_CONSTANT, .a = mad_tilt_strength(tilt, generation)};
    s->form = MAD_STRENGTH_W;
}

static void apply_tilt(mad_sampling *s, size_t generation)
{
    switch (s->tilt.kind) {
    case MAD_TILT_NONE:
        break;
    case MAD_TILT_GUIDANCE:
        guide(s, MAD_GUIDE_CFG, generation);
        break;
    case MAD_TILT_AUTOGUIDANCE:
        guide(s, MAD_GUIDE_AUTO, generation);
        break;
    case MAD_TILT_TRUNCATION:
    case MAD_TILT_TEMPERATURE:
        s->noise_tilt = mad_tilt_noise(&s->tilt, generation);
        break;
    case MAD_TILT_STEPS:
        s->options.n_steps = (size_t)mad_tilt_strength(&s->tilt, generation);
        break;
    }
}

mad_status mad_sampling_tilted(mad_ctx *ctx, const mad_sampling *sampling, size_t generation,
                               mad_arena *mem, const mad_sampling **out)
{
    mad_sampling *tilted = mad_arena_take_raw(mem, 1, sizeof *tilted);
    if (tilted == NULL) {
        return mad_fail_memory(ctx, "the sampler's settings");
    }
    *tilted = *sampling;
    apply_tilt(tilted, generation);
    *out = tilted;
    return MAD_OK;
}

static mad_status check_guidance(mad_ctx *ctx, const mad_sampling_args *args, const mad_sampling *s)
{
    const int is_cfg = s->tilt.kind == MAD_TILT_GUIDANCE;
    const char *const kind = is_cfg ? "guidance" : "autoguidance";
    if (s->guide.kind != MAD_GUIDE_NONE) {
        return mad_fail(ctx, MAD_E_CONFIG,
                        "bias.kind: %s and model.guide.kind: %s both guide the rows: give one of "
                        "them",
                        kind, mad_get_text(args->values, "guide.kind"));
    }
    if (is_cfg && args->world->n_classes == 0) {
        return mad_fail(ctx, MAD_E_UNSUPPORTED,
                        "bias.kind: guidance needs a world (world.kind) with classes");
    }
    return MAD_OK;
}

static mad_status check_steps(mad_ctx *ctx, const mad_sampling *s)
{
    const size_t n_levels = s->noise.n_steps;
    if (s->calibrates) {
        return mad_fail(ctx, MAD_E_CONFIG,
                        "bias.kind: steps and model.sampler.calibrate: yes undo each other: give "
                        "one of them");
    }
    for (size_t g = 1; g <= s->n_generations && s->options.grid == MAD_GRID_SCHEDULE; g++) {
        const double n = mad_tilt_strength(&s->tilt, g);
        if (n > (double)n_levels) {
            return mad_fail(ctx, MAD_E_CONFIG,
                            "bias.strength asks for %.0f steps (bias.kind: steps), but "
                            "model.schedule.steps has only %zu",
                            n, n_levels);
        }
    }
    return MAD_OK;
}

static mad_status check_kind(mad_ctx *ctx, const mad_sampling_args *args, const mad_sampling *s)
{
    switch (s->tilt.kind) {
    case MAD_TILT_GUIDANCE:
    case MAD_TILT_AUTOGUIDANCE:
        return check_guidance(ctx, args, s);
    case MAD_TILT_STEPS:
        return check_steps(ctx, s);
    case MAD_TILT_NONE:
    case MAD_TILT_TRUNCATION:
    case MAD_TILT_TEMPERATURE:
        break;
    }
    return MAD_OK;
}

mad_status mad_sampling_check_tilt(mad_ctx *ctx, const mad_sampling_args *args, mad_arena *mem,
                                   mad_sampling *s)
{
    mad_status st = MAD_OK;
    const int is_constant = s->tilt.strength.kind == MAD_SCHEDULE_CONSTANT &&
                            s->tilt.low.kind == MAD_SCHEDULE_CONSTANT &&
                            s->tilt.high.kind == MAD_SCHEDULE_CONSTANT;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    MAD_TRY(check_kind(ctx, args, s));
    s->n_tilted_counts = is_constant ? s->n_counts : s->n_generations;
    s->n_tilted = mad_arena_take(mem, s->n_tilted_counts, sizeof *s->n_tilted);
    if (s->n_tilted == NULL) {
        st = mad_fail_memory(ctx, "the sampler's costs");
        goto out;
    }
    for (size_t g = 1; g <= s->n_tilted_counts; g++) {
        const mad_sampling *tilted;
        mad_ladder ladder;
        MAD_TRY(mad_sampling_tilted(ctx, s, g, ctx->scratch, &tilted));
        MAD_TRY(mad_sampling_ladder(ctx, tilted, g, ctx->scratch, &ladder));
        s->n_tilted[g - 1] = mad_sampling_count(&ladder, mad_sampling_guidance(tilted, NULL, g));
        mad_arena_release(ctx->scratch, mark);
    }
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

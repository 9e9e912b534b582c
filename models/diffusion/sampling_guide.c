/* models/diffusion/sampling_guide.c: the keys of guidance, read and checked. */
#include "models/diffusion/sampling_internal.h"

static const char *const forms[] = {"guide.w", "guide.scale", "guide.mad"};

static mad_status read_strength(mad_ctx *ctx, const mad_values *values, mad_sampling *s)
{
    mad_status st = MAD_OK;
    size_t n_changed = 0;
    s->form = MAD_STRENGTH_W;
    for (int i = 0; i < 3; i++) {
        int is_changed = 0;
        MAD_TRY(mad_value_is_changed(ctx, mad_get(values, forms[i]), &is_changed));
        n_changed += (size_t)is_changed;
        s->form = is_changed ? (mad_strength_form)i : s->form;
    }
    if (n_changed > 1) {
        st = mad_fail(ctx, MAD_E_CONFIG,
                      "model.guide.w, model.guide.scale and model.guide.mad are one strength: give "
                      "one of them");
        goto out;
    }
    s->strength = mad_get(values, forms[s->form])->schedule;
out:
    return st;
}

/* One number stands for all columns. */
static mad_status read_target(mad_ctx *ctx, const mad_sampling_args *args, mad_arena *mem,
                              mad_sampling *s)
{
    const mad_value *value = mad_get(args->values, "guide.target");
    const size_t dim = args->world->dim;
    if (args->world->kind != MAD_WORLD_CONTINUOUS) {
        return mad_fail(ctx, MAD_E_UNSUPPORTED,
                        "model.guide.kind: reward needs a world of plain rows");
    }
    if (value->n_list != 1 && value->n_list != dim) {
        return mad_fail(
            ctx, MAD_E_CONFIG,
            "model.guide.target has %zu numbers: give one, or one for each of %zu columns",
            value->n_list, dim);
    }
    double *target = mad_arena_take(mem, dim, sizeof *target);
    if (target == NULL) {
        return mad_fail_memory(ctx, "the target of a reward");
    }
    for (size_t j = 0; j < dim; j++) {
        target[j] = value->reals[value->n_list == 1 ? 0 : j];
    }
    s->guide.target = target;
    return MAD_OK;
}

mad_status mad_sampling_read_guide(mad_ctx *ctx, const mad_sampling_args *args, mad_arena *mem,
                                   mad_sampling *s)
{
    mad_status st = MAD_OK;
    const mad_values *values = args->values;
    s->guide = (mad_guidance){
        .kind = (mad_guide_kind)mad_get_choice(values, "guide.kind"),
        .low = mad_get_real(values, "guide.low"),
        .high = mad_get_real(values, "guide.high"),
        .reward = (mad_reward_kind)mad_get_choice(values, "guide.reward"),
        .tau = mad_get_real(values, "guide.tau"),
    };
    if (s->guide.kind == MAD_GUIDE_CFG && args->world->n_classes == 0) {
        return mad_fail(
            ctx, MAD_E_UNSUPPORTED,
            "model.guide.kind: cfg needs a world with classes: without labels there is only "
            "the unconditional model");
    }
    if (!(s->guide.low < s->guide.high)) {
        return mad_fail(ctx, MAD_E_CONFIG,
                        "model.guide.low is %g, must be below model.guide.high = %g", s->guide.low,
                        s->guide.high);
    }
    MAD_TRY(read_strength(ctx, values, s));
    if (s->guide.kind == MAD_GUIDE_REWARD) {
        MAD_TRY(read_target(ctx, args, mem, s));
    }
out:
    return st;
}

mad_status mad_sampling_take_scores(mad_ctx *ctx, const mad_extrapolation *extrapolation,
                                    mad_sampling *s)
{
    if (extrapolation == NULL || extrapolation->kind != MAD_EXTRAPOLATE_SCORES) {
        return MAD_OK;
    }
    if (s->guide.kind != MAD_GUIDE_NONE) {
        return mad_fail(ctx, MAD_E_CONFIG,
                        "model.guide.kind must be none: scores that are extrapolated are guidance");
    }
    s->guide.kind = MAD_GUIDE_NEGATIVE;
    s->strength = extrapolation->w;
    s->form = MAD_STRENGTH_W;
    return MAD_OK;
}

mad_guide_needs mad_sampling_needs(const mad_sampling *s)
{
    const mad_tilt_kind tilt = s->tilt.kind;
    return (mad_guide_needs){
        .null_class = s->guide.kind == MAD_GUIDE_CFG || tilt == MAD_TILT_GUIDANCE,
        .worse = s->guide.kind == MAD_GUIDE_AUTO || tilt == MAD_TILT_AUTOGUIDANCE,
        .own = s->guide.kind == MAD_GUIDE_NEGATIVE};
}

mad_guidance mad_sampling_guidance(const mad_sampling *s, const mad_source *source,
                                   size_t generation)
{
    mad_guidance guide = s->guide;
    const double x = mad_schedule_at(&s->strength, generation, s->n_generations);
    guide.w = s->form == MAD_STRENGTH_W       ? x
              : s->form == MAD_STRENGTH_SCALE ? x - 1.0
                                              : 1.0 / x - 1.0;
    if (source != NULL) {
        guide.centre = source->centre;
        guide.scale = source->scale;
    }
    return guide;
}

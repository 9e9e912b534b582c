/* loops/post/sims.c: negative guidance by a copy that was tuned on the model's own samples:
 *   score = (1 + w) score of the model - w score of the copy,  D = D_model + w (D_model - D_copy).
 * Between normal laws of variances A (model) and B (copy) the flow of that score leaves A (A / B)^w:
 * w = 1 undoes a sampler that multiplies variances by lam. */
#include <string.h>

#include "loops/post/own.h"

static mad_extrapolation ask(const mad_values *values)
{
    return mad_post_extrapolation(values, MAD_EXTRAPOLATE_SCORES);
}

/* One sampler has one guidance. */
static mad_status check(mad_ctx *ctx, const mad_setting *s)
{
    const mad_value *guide = mad_post_model_key(s, "guide.kind");
    if (guide != NULL && strcmp(guide->text, "none") != 0) {
        return mad_fail(ctx, MAD_E_CONFIG,
                        "post.kind: sims guides the sampler, and so does model.guide.kind: %s: "
                        "give one of them",
                        guide->text);
    }
    if (s->bias != NULL && s->bias->apply == NULL) {
        const mad_tilt_kind tilt = s->bias->tilt(s->bias_values).kind;
        if (tilt == MAD_TILT_GUIDANCE || tilt == MAD_TILT_AUTOGUIDANCE) {
            return mad_fail(ctx, MAD_E_CONFIG,
                            "post.kind: sims guides the sampler, and so does bias.kind: %s: give "
                            "one of them",
                            s->bias->name);
        }
    }
    return mad_post_check_steps(ctx, s);
}

const mad_post_type mad_post_sims = {
    .name = "sims",
    .doc = "negative guidance: samples are led away from a copy tuned on the model's own samples",
    .ref = "Alemohammad et al. 2024, arXiv:2408.16333 (SIMS)",
    .params = mad_post_params,
    .check = check,
    .ask = ask,
};

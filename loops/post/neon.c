/* loops/post/neon.c: parameters are led away from those that a short tuning on own samples leads to:
 *   theta <- (1 + w) theta - w theta_tuned.
 * Where the parameter is a log variance, and a copy of own samples has lam times the variance:
 *   ln v = ln v_model - w ln lam: better iff lam < 1 (mode-seeking samplers), worse iff lam > 1. */
#include <string.h>

#include "loops/post/own.h"

static mad_extrapolation ask(const mad_values *values)
{
    return mad_post_extrapolation(values, MAD_EXTRAPOLATE_WEIGHTS);
}

/* Guidance against another model keeps that one as it was before its model moved. */
static mad_status check(mad_ctx *ctx, const mad_setting *s)
{
    const mad_value *guide = mad_post_model_key(s, "guide.kind");
    if (guide != NULL &&
        (strcmp(guide->text, "auto") == 0 || strcmp(guide->text, "negative") == 0)) {
        return mad_fail(ctx, MAD_E_CONFIG,
                        "post.kind: neon moves the model alone, not the other one that "
                        "model.guide.kind: %s compares it with",
                        guide->text);
    }
    return mad_post_check_steps(ctx, s);
}

const mad_post_type mad_post_neon = {
    .name = "neon",
    .doc = "negative extrapolation of the parameters, away from a copy tuned on own samples",
    .ref = "Alemohammad, Wang & Baraniuk 2025, arXiv:2510.03597 (Neon)",
    .params = mad_post_params,
    .check = check,
    .ask = ask,
};

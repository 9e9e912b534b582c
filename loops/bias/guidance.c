/* loops/bias/guidance.c: classifier-free guidance: rows are drawn with D + w (D - D without class). */
#include "loops/bias/guide.h"

static const mad_param params[] = {MAD_GUIDE_BIAS_PARAMS};

static mad_status check(mad_ctx *ctx, const mad_setting *setting)
{
    if (setting->world->info.n_classes == 0) {
        return mad_fail(
            ctx, MAD_E_UNSUPPORTED,
            "bias.kind: guidance needs a world with classes; '%s' (world.kind) has none",
            setting->world->type->name);
    }
    return mad_guide_bias_check(ctx, setting);
}

static mad_tilt tilt(const mad_values *values)
{
    return mad_guide_bias_tilt(values, MAD_TILT_GUIDANCE);
}

const mad_bias_type mad_bias_guidance = {
    .name = "guidance",
    .doc = "synthetic rows are drawn with classifier-free guidance",
    .ref = "Ho & Salimans 2021 (arXiv:2207.12598); as a bias: Alemohammad et al. 2023 "
           "(arXiv:2307.01850); interval: Kynkaanniemi et al. 2024 (arXiv:2404.07724)",
    .params = params,
    .worlds = 1u << MAD_WORLD_CONTINUOUS,
    .is_identity = mad_guide_bias_is_identity,
    .check = check,
    .tilt = tilt,
    .nominal = mad_guide_bias_nominal,
};

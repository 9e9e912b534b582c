/* loops/bias/autoguidance.c: guidance away from a worse model of the same rows, D + w (D - D_worse). */
#include "loops/bias/guide.h"

static const mad_param params[] = {MAD_GUIDE_BIAS_PARAMS};

static mad_tilt tilt(const mad_values *values)
{
    return mad_guide_bias_tilt(values, MAD_TILT_AUTOGUIDANCE);
}

const mad_bias_type mad_bias_autoguidance = {
    .name = "autoguidance",
    .doc = "synthetic rows are drawn with guidance away from a worse model (model.guide.worse)",
    .ref = "Karras et al. 2024 (arXiv:2406.02507)",
    .params = params,
    .worlds = 1u << MAD_WORLD_CONTINUOUS | 1u << MAD_WORLD_CATEGORICAL,
    .is_identity = mad_guide_bias_is_identity,
    .check = mad_guide_bias_check,
    .tilt = tilt,
    .nominal = mad_guide_bias_nominal,
};

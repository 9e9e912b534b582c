/* loops/bias/steps.c: synthetic rows are drawn with fewer (or more) steps of the model's sampler. */
#include "sim/iface/setting.h"

static const mad_param params[] = {
    {.name = "strength",
     .kind = MAD_PARAM_SCHEDULE,
     .fallback = "10",
     .min = 1,
     .max = 100000,
     .unit = "steps",
     .doc = "steps of the sampler, rounded; the model's own sampler.steps = no bias"},
    {.name = NULL},
};

static int is_identity(const mad_values *values)
{
    (void)values; /* the model knows; its own steps give the same bits */
    return 0;
}

static mad_tilt tilt(const mad_values *values)
{
    return (mad_tilt){.kind = MAD_TILT_STEPS, .strength = mad_get(values, "strength")->schedule};
}

const mad_bias_type mad_bias_steps = {
    .name = "steps",
    .doc = "synthetic rows are drawn with another number of sampler steps",
    .ref = "Karras et al. 2022 (arXiv:2206.00364), section 3: truncation errors of few steps",
    .params = params,
    .worlds = 1u << MAD_WORLD_CONTINUOUS | 1u << MAD_WORLD_CATEGORICAL,
    .is_identity = is_identity,
    .tilt = tilt,
};

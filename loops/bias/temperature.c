/* loops/bias/temperature.c: the normal noise that rows are made of has variance tau, or categories
 * come with p^(1/tau) / Z: their log-odds are divided by tau. */
#include "sim/iface/setting.h"

static const mad_param params[] = {
    {.name = "strength",
     .kind = MAD_PARAM_SCHEDULE,
     .fallback = "1",
     .min = 1e-3,
     .max = 1000,
     .doc = "tau: below 1 rows are more alike, above 1 less; 1 = no bias"},
    {.name = NULL},
};

static int is_identity(const mad_values *values)
{
    return mad_schedule_is(&mad_get(values, "strength")->schedule, 1.0);
}

static mad_tilt tilt(const mad_values *values)
{
    return (mad_tilt){.kind = MAD_TILT_TEMPERATURE,
                      .strength = mad_get(values, "strength")->schedule};
}

const mad_bias_type mad_bias_temperature = {
    .name = "temperature",
    .doc = "synthetic rows are drawn at another temperature: noise of variance tau, p^(1/tau)",
    .ref = "Marchi et al. 2024 (arXiv:2404.02325), categories; Alemohammad et al. 2023 "
           "(arXiv:2307.01850), normalizing flow: latent N(0, lam I)",
    .params = params,
    .worlds = 1u << MAD_WORLD_CONTINUOUS | 1u << MAD_WORLD_CATEGORICAL,
    .is_identity = is_identity,
    .tilt = tilt,
};

/* loops/bias/truncation.c: the normal noise that rows are made of is redrawn where |z| > c. Of a
 * normal law the covariance is multiplied by 1 - 2 c phi(c) / (2 Phi(c) - 1). */
#include "sim/iface/setting.h"

static const mad_param params[] = {
    {.name = "strength",
     .kind = MAD_PARAM_SCHEDULE,
     .fallback = "2",
     .min = 0.01,
     .max = 100,
     .unit = "sd",
     .doc = "c: noise beyond it is drawn again, number by number; large = hardly a bias"},
    {.name = NULL},
};

static int is_identity(const mad_values *values)
{
    (void)values; /* noise has no largest number */
    return 0;
}

static mad_tilt tilt(const mad_values *values)
{
    return (mad_tilt){.kind = MAD_TILT_TRUNCATION,
                      .strength = mad_get(values, "strength")->schedule};
}

const mad_bias_type mad_bias_truncation = {
    .name = "truncation",
    .doc = "synthetic rows are made of truncated normal noise",
    .ref = "Brock et al. 2019 (arXiv:1809.11096), the truncation trick; Johnson, Kotz & "
           "Balakrishnan 1994, section 13.10.1",
    .params = params,
    .worlds = 1u << MAD_WORLD_CONTINUOUS | 1u << MAD_WORLD_CATEGORICAL,
    .is_identity = is_identity,
    .tilt = tilt,
};

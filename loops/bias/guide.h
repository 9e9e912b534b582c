/* loops/bias/guide.h: what the biases guidance and autoguidance share: their strength and interval. */
#ifndef MAD_LOOPS_BIAS_GUIDE_H
#define MAD_LOOPS_BIAS_GUIDE_H

#include "sim/iface/setting.h"

#define MAD_GUIDE_BIAS_PARAMS                                                                      \
    {.name = "strength",                                                                           \
     .kind = MAD_PARAM_SCHEDULE,                                                                   \
     .fallback = "1",                                                                              \
     .min = 1e-3,                                                                                  \
     .max = 1,                                                                                     \
     .doc = "lam = 1 / (1 + w) as the MAD paper labels guidance; 1 = no bias. Not a variance"},    \
        {.name = "w",                                                                              \
         .kind = MAD_PARAM_SCHEDULE,                                                               \
         .fallback = "0",                                                                          \
         .min = 0,                                                                                 \
         .max = 1000,                                                                              \
         .doc = "in its place: w of D + w (D - D_reference); 0 = no bias"},                        \
        {.name = "low",                                                                            \
         .kind = MAD_PARAM_SCHEDULE,                                                               \
         .fallback = "0",                                                                          \
         .min = 0,                                                                                 \
         .max = 1e9,                                                                               \
         .doc = "guidance acts above this noise level"},                                           \
        {.name = "high",                                                                           \
         .kind = MAD_PARAM_SCHEDULE,                                                               \
         .fallback = "1e9",                                                                        \
         .min = 0,                                                                                 \
         .max = 1e9,                                                                               \
         .doc = "and up to this one"},                                                             \
    {                                                                                              \
        .name = NULL                                                                               \
    }

int mad_guide_bias_is_identity(const mad_values *values);

/** errors  MAD_E_CONFIG: strength and w are both given; an empty interval */
MAD_MUST_CHECK mad_status mad_guide_bias_check(mad_ctx *ctx, const mad_setting *setting);

mad_tilt mad_guide_bias_tilt(const mad_values *values, mad_tilt_kind kind);

/** lam, whichever of the two keys was given. */
double mad_guide_bias_nominal(const mad_values *values, size_t generation, size_t n_generations);

#endif

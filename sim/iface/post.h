/* sim/iface/post.h: post-processing of a fitted model by its own samples. */
#ifndef MAD_IFACE_POST_H
#define MAD_IFACE_POST_H

#include "sim/iface/model.h"

struct mad_setting;

typedef struct mad_post_type {
    const char *name, *doc, *ref;
    const mad_param *params;
    /** Optional. MAD_E_CONFIG, MAD_E_UNSUPPORTED: values that contradict each other or the setting. */
    MAD_MUST_CHECK mad_status (*check)(mad_ctx *ctx, const struct mad_setting *setting);
    /** What the model is asked for (mad_model_type.extrapolate). NULL: models stay as fitted. */
    mad_extrapolation (*ask)(const mad_values *values);
} mad_post_type;

#endif

/* loops/post/own.h: what both ways of leading a model away from its own samples share. */
#ifndef MAD_LOOPS_POST_OWN_H
#define MAD_LOOPS_POST_OWN_H

#include "sim/iface/setting.h"

extern const mad_param mad_post_params[];

/** What the keys ask a model for. */
mad_extrapolation mad_post_extrapolation(const mad_values *values, mad_extrapolation_kind kind);

/** The value of a model's key, NULL where the model has no such key. */
const mad_value *mad_post_model_key(const mad_setting *setting, const char *name);

/** MAD_E_CONFIG: post.steps is set for a model that takes none. */
MAD_MUST_CHECK mad_status mad_post_check_steps(mad_ctx *ctx, const mad_setting *setting);

#endif

/* sim/iface/bias.h: sampling bias: how the rows that a loop reuses differ from the model's own law.
 *
 * A bias acts in one of two ways: it changes rows after they were drawn (apply), or it asks the model
 * to draw otherwise (tilt). Rows that are only measured, and real rows, never see it.
 */
#ifndef MAD_IFACE_BIAS_H
#define MAD_IFACE_BIAS_H

#include "sim/iface/model.h"

struct mad_setting;

typedef struct mad_bias_in {
    const mad_values *values;
    size_t generation, n_generations; /* that trains on the rows; where schedules end */
    const mad_moments *law; /* of that model, with needs_moments, and with takes_moments where the
                               model offers them; else NULL */
} mad_bias_in;

typedef struct mad_bias_type {
    const char *name, *doc, *ref;
    const mad_param *params; /* every kind but `none` has "strength" */
    unsigned worlds;         /* bit set of 1u << mad_world_kind */
    int needs_moments;       /* 1: only for models that offer moments() */
    int takes_moments;       /* 1: they are handed over where there are any */
    /** 1 when these values leave rows untouched (the engine then skips the bias: bit-exact). */
    int (*is_identity)(const mad_values *values);
    /** Optional. MAD_E_CONFIG, MAD_E_UNSUPPORTED: values that contradict each other or the setting. */
    MAD_MUST_CHECK mad_status (*check)(mad_ctx *ctx, const struct mad_setting *setting);
    /** Change rows of one model in place; NULL: the bias is a tilt. */
    MAD_MUST_CHECK mad_status (*apply)(mad_ctx *ctx, const mad_bias_in *in, mad_set *rows);
    /** Beside apply == NULL: what the model is asked for (mad_model_type.sample_tilted), but for its
     *  n_generations, which the engine fills in. */
    mad_tilt (*tilt)(const mad_values *values);
    /** Optional: the nominal strength, where it is not what the key `strength` says. */
    double (*nominal)(const mad_values *values, size_t generation, size_t n_generations);
} mad_bias_type;

#endif

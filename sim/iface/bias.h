/* sim/iface/bias.h: sampling bias: what is done to synthetic rows before they are reused. */
#ifndef MAD_IFACE_BIAS_H
#define MAD_IFACE_BIAS_H

#include "sim/iface/model.h"

typedef struct mad_bias_type {
    const char *name, *doc, *ref;
    const mad_param *params; /* every kind but `none` has "strength" */
    unsigned worlds;         /* bit set of 1u << mad_world_kind */
    int needs_moments;       /* 1: only for models that offer moments() */
    /** 1 when these values leave rows untouched (the engine then skips apply: bit-exact). */
    int (*is_identity)(const mad_values *values);
    /** Change synthetic rows in place; `law` are the moments of the model they came from. Never
     *  called on real rows, nor on rows that are only measured. */
    MAD_MUST_CHECK mad_status (*apply)(mad_ctx *ctx, const mad_values *values,
                                       const mad_moments *law, mad_set *rows);
} mad_bias_type;

#endif

/* sim/iface/channel.h: what lies between the rows that models leave and the next training set. */
#ifndef MAD_IFACE_CHANNEL_H
#define MAD_IFACE_CHANNEL_H

#include "sim/iface/model.h"

struct mad_setting;

typedef struct mad_channel_in {
    const struct mad_setting *setting; /* world and values of the plug-in (channel_values) */
    size_t generation;                 /* that is to be fitted on the rows, from 2 */
    mad_model *model;                  /* the newest one, of the generation before */
    mad_key key; /* purpose MAD_RNG_CHANNEL; items below 2^32: emit; from 2^32: receive */
} mad_channel_in;

/* A training set on its way. */
typedef struct mad_received {
    mad_set *rows; /* may be changed in place */
    unsigned char
        *is_real; /* [n_rows] true origin; a row that is replaced by one of in->model: 0 */
    unsigned char *is_kept; /* [n_rows] preset to 1; 0: the row never arrives */
} mad_received;

typedef struct mad_channel_type {
    const char *name, *doc, *ref;
    const mad_param *params;
    unsigned worlds;           /* bit set of 1u << mad_world_kind */
    const mad_report *reports; /* of each training set, /channel/NAME; may be NULL */
    /** Optional. MAD_E_CONFIG, MAD_E_UNSUPPORTED: values that contradict each other or the setting. */
    MAD_MUST_CHECK mad_status (*check)(mad_ctx *ctx, const struct mad_setting *setting);
    /** Optional: 1 when these values ask the model for log densities. */
    int (*asks_density)(const struct mad_setting *setting);
    /** Optional: change the synthetic rows that a generation leaves. */
    MAD_MUST_CHECK mad_status (*emit)(mad_ctx *ctx, const mad_channel_in *in, mad_set *rows,
                                      double *report);
    /** Optional: change, replace or drop rows of a training set, before its budget. */
    MAD_MUST_CHECK mad_status (*receive)(mad_ctx *ctx, const mad_channel_in *in, mad_received *rows,
                                         double *report);
} mad_channel_type;

#endif

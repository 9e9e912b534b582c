/* sim/iface/correct.h: correction: rows are pulled towards real data before they are reused. */
#ifndef MAD_IFACE_CORRECT_H
#define MAD_IFACE_CORRECT_H

#include "sim/iface/model.h"

struct mad_setting;

typedef struct mad_correct_in {
    const struct mad_setting *setting; /* world and values of the plug-in (correct_values) */
    size_t generation;                 /* that trains on the rows: where schedules are read */
    const mad_set *real;               /* the rows generation 1 was fitted on */
    mad_key key;                       /* purpose MAD_RNG_CORRECT */
} mad_correct_in;

typedef struct mad_correct_type {
    const char *name, *doc, *ref;
    const mad_param *params;
    unsigned worlds;           /* bit set of 1u << mad_world_kind */
    const mad_report *reports; /* /correct/NAME; may be NULL */
    /** Optional. MAD_E_CONFIG, MAD_E_UNSUPPORTED: values that contradict each other or the setting. */
    MAD_MUST_CHECK mad_status (*check)(mad_ctx *ctx, const struct mad_setting *setting);
    /** Change the rows that a generation leaves, in place; report: preset to NaN. NULL: nothing is
     *  corrected. */
    MAD_MUST_CHECK mad_status (*apply)(mad_ctx *ctx, const mad_correct_in *in, mad_set *rows,
                                       double *report);
} mad_correct_type;

#endif

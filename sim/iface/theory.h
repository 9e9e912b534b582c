/* sim/iface/theory.h: closed forms: the expected trajectory of one measure. */
#ifndef MAD_IFACE_THEORY_H
#define MAD_IFACE_THEORY_H

#include "sim/iface/setting.h"

typedef struct mad_theory_type {
    const char *name;                          /* short id, for example "gauss-log-det" */
    const char *metric;                        /* the output it predicts, for example "log_det" */
    const char *statement, *assumptions, *ref; /* the formula in one line; when it holds; source */
    int exact;                                 /* 1: exact for finite n; 0: leading order */
    /** 1 when every assumption holds for this setting. */
    int (*applies)(const mad_setting *setting);
    /**
     * value[g - 1] = expectation over replicates of the measure in generation g, of the MODEL's law
     * (no sampling noise of the measuring set).
     * shape   value: [n_generations]
     */
    MAD_MUST_CHECK mad_status (*curve)(mad_ctx *ctx, const mad_setting *setting, double *value);
} mad_theory_type;

#endif

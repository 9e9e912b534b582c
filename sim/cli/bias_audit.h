/* sim/cli/bias_audit.h: what sampler and guidance do to variance by themselves, before a run. */
#ifndef MAD_CLI_BIAS_AUDIT_H
#define MAD_CLI_BIAS_AUDIT_H

#include "sim/engine/engine.h"

/* |log lam_eff| times generations above this would pass for a collapse or an explosion. */
#define MAD_AUDIT_LIMIT 0.1

/* One data variance. */
typedef struct mad_bias_row {
    const char *of;  /* what has this variance; "" for a mere grid point */
    int is_data;     /* 1: a variance of the real data, which warnings look at */
    double variance; /* 1 = the mean variance of the real data */
    double first;    /* lam_eff in generation 1 */
    double last;     /* and in the last one */
    double after;    /* variance after all generations of v <- v lam_eff(v) */
    double total;    /* sum over the generations of |log lam_eff(variance)| */
} mad_bias_row;

/* Classifier-free guidance at the strengths of generation 1 and of the last one. */
typedef struct mad_guide_audit {
    int is_on;
    double w[2];    /* D + w (D - D_unconditional) */
    double gain[2]; /* (within / total variance)^w: the closed form for Gaussians */
    double mad[2];  /* 1 / (1 + w): lambda in the MAD paper */
} mad_guide_audit;

enum { MAD_BIAS_ROWS = 16, MAD_ADVICE_BYTES = 256 };

typedef struct mad_bias_audit {
    size_t n_rows; /* 0: the model has no sampler of its own */
    mad_bias_row row[MAD_BIAS_ROWS];
    const mad_bias_row *worst;     /* of the real data's; NULL: all within the limit */
    char advice[MAD_ADVICE_BYTES]; /* overrides that bring it within; "": none is known */
    double advised;                /* lam_eff they give */
    double within_share; /* variance within classes / total variance of the real data; NaN: no
                            classes */
    mad_guide_audit guide;
} mad_bias_audit;

/**
 * Look at the real training rows of generation 1 and at the sampler of a blank model.
 * errors  those of drawing and of gain(); MAD_E_MEMORY
 */
MAD_MUST_CHECK mad_status mad_bias_audit_make(mad_ctx *ctx, const mad_experiment *experiment,
                                              mad_bias_audit *out);

#endif

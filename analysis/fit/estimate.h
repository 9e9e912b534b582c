/* analysis/fit/estimate.h: means over replicates, with intervals. */
#ifndef MAD_FIT_ESTIMATE_H
#define MAD_FIT_ESTIMATE_H

#include "sim/base/ctx.h"

/* Mean over the replicates that were measured (NaN = not measured), with the half-width of its
 * 95 % Student-t interval. */
typedef struct mad_estimate {
    size_t n;    /* replicates that count */
    double mean; /* NaN when n == 0; infinite when a replicate is */
    double half; /* NaN when n < 2 or the mean is infinite */
} mad_estimate;

/** Estimate from x[0], x[stride], ... x[(n-1) stride]; `work` is scratch [n]. */
mad_estimate mad_estimate_mean(size_t n, size_t stride, const double *x, double *work);

/**
 * Means per generation of a series [R][G] (or one column of [R][G][S]: give value + s, stride S).
 * shape   value: [n_replicates][n_generations * width]; out: [n_generations]
 * errors  MAD_E_MEMORY
 */
MAD_MUST_CHECK mad_status mad_estimate_curve(mad_ctx *ctx, size_t n_replicates,
                                             size_t n_generations, size_t width,
                                             const double *value, mad_estimate *out);

#endif

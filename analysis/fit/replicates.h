/* analysis/fit/replicates.h: replicates of one curve, and how far a mean over them may be off.
 *
 * Everything inferred here is the mean over replicates of one number each (a contrast of its curve),
 * divided by its standard error: whatever the correlation between the generations of a curve, only
 * replicates are taken as independent. */
#ifndef MAD_FIT_REPLICATES_H
#define MAD_FIT_REPLICATES_H

#include "sim/base/ctx.h"

/* The generations at which the mean over the replicates is finite. */
typedef struct mad_replicates {
    size_t n_replicates, stride;
    const double *value; /* [n_replicates][stride], borrowed */
    size_t n_points;
    size_t *gen;    /* [n_points] from 0: t of the laws */
    double *mean;   /* [n_points] over the replicates measured there */
    size_t *n_used; /* [n_points] how many these are */
} mad_replicates;

/**
 * shape   value: [n_replicates][stride], of which n_generations count; NaN = not measured
 * errors  MAD_E_MEMORY
 * memory  of ctx->scratch: mark before, release after
 */
MAD_MUST_CHECK mad_status mad_replicates_take(mad_ctx *ctx, size_t n_replicates, size_t stride,
                                              size_t n_generations, const double *value,
                                              mad_replicates *out);

/**
 * sum_i weight[i] y_ri of every replicate r. What a replicate lacks is taken from the mean, and what
 * others have counts for more, so that mean and standard error over replicates are those of the
 * contrast of the mean curve (to first order in the missing share).
 * shape   weight: [n_points]; out[r * out_stride], r < n_replicates
 */
void mad_replicates_contrast(const mad_replicates *sample, const double *weight, size_t out_stride,
                             double *out);

/** Mean over its standard error of v[0], v[stride] ...; 0/0 is 0. Fewer than two: NaN. */
double mad_studentised(size_t n, size_t stride, const double *v);

enum {
    MAD_N_DRAWS = 999,    /* of a bootstrap */
    MAD_MIN_BOOTSTRAP = 6 /* replicates: fewer have too few different draws (126 for 5), and take
                               Student's t in place of the bootstrap */
};

/**
 * Studentised bootstrap: (mean* - mean)/se* of n_replicates numbers drawn with replacement, whole
 * replicates at a time: a draw takes the same ones for all columns.
 *
 * Why not percentiles: of 10 normal numbers they cover the mean in 0.91 in place of 0.95, BCa in
 * 0.91, this in 0.955; of 10 exponential ones 0.86, 0.87 and 0.93 (Student's t: 0.90).
 *
 * ref     Efron & Tibshirani 1993, An Introduction to the Bootstrap, 12.5
 * shape   v: [n_replicates][n_columns]; t: [MAD_N_DRAWS][n_columns]
 * errors  MAD_E_MEMORY
 * threads same bits for any number: draw i has the stream (0, 0, 0, MEASURE, i)
 */
MAD_MUST_CHECK mad_status mad_studentised_draws(mad_ctx *ctx, size_t n_replicates, size_t n_columns,
                                                const double *v, double *t);

typedef struct mad_interval {
    double low, high;
} mad_interval;

/**
 * Between what the studentised mean of v lies in 95 %: the 25th and 975th of 999 draws, or with few
 * replicates the quantiles of Student's t; NaN with fewer than two.
 * shape   v: [n_replicates]
 * errors  MAD_E_MEMORY
 */
MAD_MUST_CHECK mad_status mad_studentised_limits(mad_ctx *ctx, size_t n_replicates, const double *v,
                                                 mad_interval *out);

#endif

/* analysis/metrics/shared.h: what several groups of this folder need. */
#ifndef MAD_ANALYSIS_METRICS_SHARED_H
#define MAD_ANALYSIS_METRICS_SHARED_H

#include "sim/iface/metric.h"

/** A key that counts neighbours; its largest value is the same everywhere. */
#define MAD_NEIGHBOURS_PARAM(key, count, least, text)                                              \
    {                                                                                              \
        .name = (key), .kind = MAD_PARAM_INT, .fallback = (count), .min = (least), .max = 10000,   \
        .doc = (text)                                                                              \
    }

/** Why a measure of distances is not defined. */
#define MAD_SQUARES_OVERFLOW "where squared distances overflow"

/** min_rows of measures that any row at all defines. */
size_t mad_rows_one(const mad_values *values, size_t dim, size_t i_output, mad_side side);

/** min_rows of measures of a ddof = 1 covariance. */
size_t mad_rows_two(const mad_values *values, size_t dim, size_t i_output, mad_side side);

/** - sum p ln p over p != 0, in nats. p: [n], need not be normalised exactly. */
double mad_entropy(size_t n, const double *p);

/** sum p ln(p / q) over p != 0, in nats; +INFINITY when some p > 0 has q = 0. p, q: [n]. */
double mad_kl(size_t n, const double *p, const double *q);

/**
 * Mann-Whitney U: the number of pairs with y > x, and half of those with y == x. Both are sorted.
 * shape  x: [n], y: [m], no NaN
 */
double mad_rank_u(size_t n, double *x, size_t m, double *y);

/**
 * sup (F - G) and sup (G - F), F and G the empirical distribution functions of x and y. The larger is
 * the distance of Kolmogorov and Smirnov, the sum that of Kuiper. Both are sorted.
 * shape  x: [n], y: [m], no NaN
 */
void mad_cdf_distances(size_t n, const double *x, size_t m, const double *y, double *above,
                       double *below);

/** Jensen-Shannon divergence (KL(p | m) + KL(q | m)) / 2, m = (p + q) / 2, in nats: 0..ln 2. */
double mad_jsd(size_t n, const double *p, const double *q);

/** Total variation distance sum |p - q| / 2: 0..1. */
double mad_total_variation(size_t n, const double *p, const double *q);

/** What Miller and Madow (1955) add to the entropy of n_rows rows: (occupied classes - 1) /
 *  (2 n_rows). share: [n] */
double mad_miller_madow(size_t n, const double *share, size_t n_rows);

/** Whether no coordinate varies by more than the rounding of its mean. */
int mad_is_point(const mad_moments *law);

/**
 * Rows times 2^-exponent, whose squares of distances neither overflow nor, unless rows are equal or
 * nearly so, underflow: the rows themselves where their largest number is in 2^-64..2^64, or else
 * new ones on ctx->scratch, with the largest in 1/2..1, or 0.
 * errors  MAD_E_MEMORY
 */
MAD_MUST_CHECK mad_status mad_set_to_unit(mad_ctx *ctx, const mad_set *set, mad_set *out,
                                          int *exponent);

#endif

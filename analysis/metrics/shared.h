/* analysis/metrics/shared.h: what several groups of this folder need. */
#ifndef MAD_ANALYSIS_METRICS_SHARED_H
#define MAD_ANALYSIS_METRICS_SHARED_H

#include "sim/iface/metric.h"

/** min_rows of measures that any row at all defines. */
size_t mad_rows_one(const mad_values *values, size_t dim, size_t i_output);

/** min_rows of measures of a ddof = 1 covariance. */
size_t mad_rows_two(const mad_values *values, size_t dim, size_t i_output);

/** - sum p ln p over p != 0, in nats. p: [n], need not be normalised exactly. */
double mad_entropy(size_t n, const double *p);

/** sum p ln(p / q) over p != 0, in nats; +INFINITY when some p > 0 has q = 0. p, q: [n]. */
double mad_kl(size_t n, const double *p, const double *q);

/**
 * Mann-Whitney U: the number of pairs with y > x, and half of those with y == x. Both are sorted.
 * shape  x: [n], y: [m], no NaN
 */
double mad_rank_u(size_t n, double *x, size_t m, double *y);

#endif

/* analysis/metrics/quantiles.h: optimal transport on a line. */
#ifndef MAD_ANALYSIS_METRICS_QUANTILES_H
#define MAD_ANALYSIS_METRICS_QUANTILES_H

#include <stddef.h>

/**
 * Squared 2-Wasserstein distance of two samples on a line, coupled quantile by quantile: exact for
 * unequal sizes, with break points i/n and j/m compared as whole numbers.
 *
 * shape   x: [n], y: [m], both sorted ascending; work: [n + m]; n, m >= 1
 * ref     Villani 2003, Topics in Optimal Transportation, Theorem 2.18
 */
double mad_w2_sq_sorted(size_t n, const double *x, size_t m, const double *y, double *work);

#endif

/* analysis/metrics/vendi.h: effective number of distinct rows, from the spectrum of a kernel. */
#ifndef MAD_ANALYSIS_METRICS_VENDI_H
#define MAD_ANALYSIS_METRICS_VENDI_H

#include <stddef.h>

/**
 * exp of the order-q Renyi entropy of p, the eigenvalues of K/n with K_ii = 1:
 *   (sum p^q)^(1/(1 - q)), q = 1: exp(-sum p ln p), q = INFINITY: 1 / max p.
 * p <= 1e-12 is rounding and does not count. NaN when nothing is left, or p holds NaN.
 *
 * ref     Friedman & Dieng 2023, arXiv:2210.02410; orders q: Pasarkar & Dieng 2023,
 *         arXiv:2310.12952
 * shape   p: [n]
 */
double mad_vendi_score(size_t n, const double *p, double q);

#endif

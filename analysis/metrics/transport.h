/* analysis/metrics/transport.h: optimal transport between two sets of points of equal weights. */
#ifndef MAD_ANALYSIS_METRICS_TRANSPORT_H
#define MAD_ANALYSIS_METRICS_TRANSPORT_H

#include "sim/base/ctx.h"

/**
 * The least mean cost of moving n points of weight 1/n onto m points of weight 1/m:
 *   min sum f_ij cost_ij,  sum_j f_ij = 1/n,  sum_i f_ij = 1/m,  f >= 0;
 * with n = m a minimal assignment. Shortest augmenting paths on reduced costs, flows in whole units
 * of 1/lcm(n, m): the plan is optimal up to the rounding of the costs' differences.
 *
 * ref     Jonker & Volgenant 1987, Computing 38:325; Edmonds & Karp 1972, J. ACM 19:248
 * shape   cost: [n][m], n, m >= 1
 * errors  MAD_E_MEMORY, MAD_E_INTERRUPTED; *out is NaN when a cost is not finite
 * memory  4 n m bytes on ctx->scratch, beside the costs; time O(n m (n + m)) as a rule
 */
MAD_MUST_CHECK mad_status mad_transport(mad_ctx *ctx, size_t n, size_t m, const double *cost,
                                        double *out);

#endif

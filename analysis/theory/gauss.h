/* analysis/theory/gauss.h: moments of one Gaussian fit, the factors of Gaussian chains.
 *
 * Sigma_hat of n rows of N(mu, Sigma) is Sigma^1/2 W Sigma^1/2 with W ~ Wishart_d(n - 1) over
 * n - ddof (ddof 1: unbiased, 0: maximum likelihood).
 */
#ifndef MAD_THEORY_GAUSS_H
#define MAD_THEORY_GAUSS_H

#include <stddef.h>

#include "sim/base/ctx.h"

/** E ln det Sigma_hat - ln det Sigma = sum_{j=1..d} psi((n - j)/2) + ln(2/(n - ddof)); n > d. */
double mad_gauss_log_det_step(size_t n_rows, size_t dim, int ddof);

/** Var ln det Sigma_hat = sum_{j=1..d} psi1((n - j)/2); n > d. */
double mad_gauss_log_det_var(size_t n_rows, size_t dim);

/** ln (E sd_hat / sd) in one dimension: ln c4(n), plus ln((n - 1)/n)/2 for ddof 0; n > 1. */
double mad_gauss_log_sd_step(size_t n_rows, int ddof);

/**
 * What covariance fluctuations cost in W2^2, to second order: for Sigma_hat = s Sigma + E with
 * E e_ij^2 = phi s_i s_j (1 + [i = j]) in the eigenbasis of Sigma, E W2^2(Sigma_hat, Sigma) is
 * (1 - sqrt s)^2 tr Sigma + phi s^-3/2 cost, cost = 0.5 [sum s_i + sum_{i != j} s_i s_j/(s_i +
 * s_j)]. One fit of n rows has phi = 1/n, and its mean adds tr Sigma / n: d (d + 5)/(4 n) in all
 * for the unit covariance.
 *
 * shape   cov: [dim][dim]
 * errors  MAD_E_MEMORY, MAD_E_NONFINITE
 */
MAD_MUST_CHECK mad_status mad_gauss_spread_cost(mad_ctx *ctx, size_t dim, const double *cov,
                                                double *out);

#endif

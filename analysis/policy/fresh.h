/* analysis/policy/fresh.h: where the fresh-data loop of Gaussian fits settles, and what it is worth.
 *
 * Every generation is fitted on n_r new real rows of N(0, I_d), which weigh w in all, and n_s rows of
 * the last K models (each equally often), which weigh g = 1 - w; w = p = n_r/n when every row weighs
 * the same. Model rows have the model's covariance times lam, and a model that of its fit times u = 1 -
 * fit_loss. Covariances are unbiased, gain = 1/(1 - c), c = w^2/n_r + g^2/n_s. At the fixed point of
 * the second moments (per coordinate)
 *   S = u gain (w + g (V + lam S) - V)                                                 E Sigma = S I
 *   V = w^2/n_r + g^2 [(V + lam S)/n_s + (1 - 1/n_s) B(g) V]                 E |mu - mu_0|^2 = d V
 *   phi = u^2 {w^2/n_r + g^2 lam^2 [(phi + S^2)/n_s + (1 - 1/n_s) B(u g lam) phi]}  that of Sigma
 *   B(a) = (1 + (K - 1) r)/K, r = a/(K - a (K - 1)):  means of K models, correlated by r
 * u = 1, K = 1, w = p: F3 and F4 of the method notes; lam = 1, K > 1: F5; lam = 1, K = 1, w free: F8.
 */
#ifndef MAD_POLICY_FRESH_H
#define MAD_POLICY_FRESH_H

#include "sim/base/ctx.h"

typedef struct mad_fresh {
    double n_real, n_synthetic; /* rows of a training set; n_real > 1, n_synthetic >= 0 */
    double weight;              /* w in (0, 1); without synthetic rows it is 1 */
    double lam;                 /* covariance factor of the sampling bias, (0, 1] */
    double memory;              /* K >= 1 */
    double dim;                 /* d >= 1, need not be whole */
    double fit_loss;            /* 1 - u in [0, 1): what every fit loses of the covariance */
} mad_fresh;

typedef struct mad_fresh_point {
    double spread, drift, phi; /* S, V, phi above */
    double gain;
} mad_fresh_point;

/** The fixed point; exact in S and V, leading order in phi. */
mad_fresh_point mad_fresh_settle(const mad_fresh *loop);

/** E W2^2 there to leading order in 1/n (F4); NaN where there is no expansion (gauss_error.h). */
double mad_fresh_level(const mad_fresh *loop);

/** The same of generations 1..n_generations on the way there, K = 1, the first fitted on n_initial real
 *  rows. shape  level: [n_generations] */
void mad_fresh_course(const mad_fresh *loop, double n_initial, size_t n_generations, double *level);

/** E W2^2 of one fit on n real rows, to leading order: d (1 - sqrt u)^2 + mad_fresh_amplitude/n. */
double mad_fresh_single(double dim, double fit_loss, double n_rows);

/** Its amplitude, d (d + 5)/4 without a loss. */
double mad_fresh_amplitude(double dim, double fit_loss);

/** F7: the largest n_s with n_e >= n_r as n_r -> infinity, lam < 1, w = p, K = 1. */
double mad_fresh_limit(double dim, double lam);

/** F8: the weight that minimises V without bias, (sqrt(1 + 4k) - 1)/(2k), k = n_s/n_r. */
double mad_fresh_golden(double n_real, double n_synthetic);

/**
 * E W2^2 at the fixed point for any ratio d/n, K = 1: d E (1 - sqrt y)^2 + d V, y an eigenvalue of the
 * settled covariance. Its law is that of free probability (spectrum.c); fit_loss must be 0.
 *
 * errors  MAD_E_NONFINITE, MAD_E_MEMORY
 */
MAD_MUST_CHECK mad_status mad_fresh_level_wide(mad_ctx *ctx, const mad_fresh *loop, double *out);

#endif

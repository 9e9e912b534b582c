/* analysis/theory/second_moments.h: exact second moments of any data policy.
 *
 * For a model whose law has the mean and covariance of its training rows, the expectations
 *   V_t = E |mu_t - mu_0|^2   and   S_t = E tr Sigma_t
 * obey a finite linear recursion whatever the policy, because every training mean is a weighted sum
 * of block means. Centre at mu_0 and keep the Gram matrix E <a, b> of all live block means and
 * model means. With r_b = E |x|^2 of one row of block b, shares f_b of the blocks, N rows:
 *
 *   real block          r = T_0                         E |mean|^2 = T_0 / n
 *   synthetic block g   r = sum_tau p(tau) r_tau        E |mean|^2 = r/n + (1 - 1/n) sum p p' <mu, mu'>
 *                       r_tau = V_tau + lam S_tau       E <mean, e> = sum p(tau) E <mu_tau, e>
 *   training set        A = sum f_b r_b                 M = sum f_b f_c E <b, c>
 *   budget B of N       M <- A/B + (1 - 1/B) (N M - A)/(N - 1)      (pairs without replacement)
 *   fit                 V_t = M                         S_t = gain (A - M) + add
 *
 *   gain = 1 for maximum likelihood, 1 / (1 - c) for unbiased covariances, with c the sum of the
 *   squared row weights (1/N when all rows weigh the same; 1/B under a budget).
 * Special cases: G1, G3, G5, F2, X1, A1-A4, K1 of the method notes; with one-hot rows also C1, C4.
 * No law is assumed for the real rows beyond mean, covariance and independence.
 */
#ifndef MAD_THEORY_SECOND_MOMENTS_H
#define MAD_THEORY_SECOND_MOMENTS_H

#include "sim/iface/loop.h"

typedef struct mad_second_rule {
    double trace0;        /* T_0: trace of the world's covariance */
    int ddof;             /* 0: maximum likelihood, 1: unbiased */
    double lam;           /* covariance factor of the sampling bias; 1 = none */
    double add;           /* trace added to every fit: dim h^2 of a kernel density */
    size_t silverman_dim; /* > 0: kernel density in so many dimensions with Silverman's bandwidth,
                             gain = 1 + (4 c / (dim + 2))^(2 / (dim + 4)) / (1 - c); else gain 1 */
    /* A linearised statistic in place of the mean (its leading-order fluctuation about its own
     * expectation): real rows have variance trace0, rows of the model of generation t have
     * row_variance[t - 1], and their expectation carries `carry` times the model's error.
     * NULL: the mean itself, whose rows have variance lam S_t and carry the whole error. */
    const double *row_variance; /* [n_generations] */
    double carry;
} mad_second_rule;

/** 1 when the recursion holds for this loop (no budget together with a real_weight) and can walk it
 *  at moderate cost: at most 1024 blocks and models alive, and n_generations live^2 <= 2e9. */
int mad_second_moments_walkable(const mad_loop *loop, size_t n_generations);

/**
 * V_t and S_t of generations 1..n_generations.
 *
 * shape    drift (V), spread (S): [n_generations]; spread NaN where the unbiased covariance of the
 *          training set does not exist, and without meaning for a linearised statistic
 * errors   MAD_E_UNSUPPORTED: not walkable, or a fresh real draw used late or in two sizes;
 *          MAD_E_MEMORY and those of plan()
 */
MAD_MUST_CHECK mad_status mad_second_moments(mad_ctx *ctx, const mad_loop *loop,
                                             size_t n_generations, const mad_second_rule *rule,
                                             double *drift, double *spread);

#endif

/* models/em.h: expectation-maximisation for Gaussian mixtures with full covariances.
 *
 * ref  Dempster, Laird & Rubin 1977; the log density of component j at x is
 *        log_peak_j - |L_j^-1 (x - mean_j)|^2 / 2,  L_j L_j^T = cov_j
 *        log_peak_j = ln w_j - (d/2) ln 2 pi - sum_a ln (L_j)_aa
 */
#ifndef MAD_MODELS_EM_H
#define MAD_MODELS_EM_H

#include "sim/base/rng.h"
#include "sim/iface/set.h"

typedef struct mad_mixture {
    size_t n_components, dim;
    double *weight;   /* [n_components], sum 1 */
    double *mean;     /* [n_components][dim] */
    double *cov;      /* [n_components][dim][dim] */
    double *lower;    /* [n_components][dim][dim] derived: Cholesky factors of cov */
    double *log_peak; /* [n_components] derived */
} mad_mixture;

/**
 * ln p(x) = ln sum_j exp(share[j]); share[j]: ln of what component j is of it.
 *
 * shape   x: [dim]; z: [dim] scratch; share: [n_components]
 * returns NaN where a component has no density (a singular covariance)
 */
double mad_mixture_log_p(const mad_mixture *mixture, const double *x, double *z, double *share);

/**
 * The same for all rows.
 * shape   log_density: [n_rows]
 * errors  MAD_E_MEMORY
 * threads over row chunks, same bits for any number
 */
MAD_MUST_CHECK mad_status mad_mixture_log_density(mad_ctx *ctx, const mad_mixture *mixture,
                                                  const mad_set *rows, double *log_density);

/* What a fit keeps beside the mixture itself. */
typedef struct mad_em {
    mad_mixture *mixture;
    const mad_set *train;
    double total;    /* sum of the row weights */
    double spread;   /* mean variance of a coordinate of the training rows */
    double floor;    /* ridge x spread: smaller Cholesky pivots make a component singular */
    size_t n_passes; /* expectation steps so far */
    double *share;   /* [n_components][n_rows] responsibilities times row weights */
} mad_em;

/** Carve the arrays of a mixture. MAD_E_MEMORY, MAD_E_RANGE. */
MAD_MUST_CHECK mad_status mad_mixture_take(mad_ctx *ctx, mad_arena *mem, size_t n_components,
                                           size_t dim, mad_mixture *out);

/** lower and log_peak from weight and cov; components singular by `floor` (see mad_em_maximise) are
 *  mended first. Floor 0 leaves every covariance as it is: singular ones can be sampled. */
MAD_MUST_CHECK mad_status mad_mixture_derive(mad_ctx *ctx, double floor, mad_mixture *mixture);

/**
 * k-means++ centres (the best of 2 + ln k candidates each), ten Lloyd steps, then shares of 1 and
 * 0: one maximisation turns them into the first mixture. Weights, means and covariances are set so
 * that components without rows stay harmless.
 * ref     Arthur & Vassilvitskii 2007
 * errors  MAD_E_MEMORY
 */
MAD_MUST_CHECK mad_status mad_em_start(mad_ctx *ctx, mad_em *em, mad_rng *rng);

/**
 * Expectation: fill `share`; *log_likelihood = weighted mean over rows of ln p(x).
 * errors   MAD_E_MEMORY, MAD_E_NONFINITE
 * threads  over row chunks, same bits for any number
 */
MAD_MUST_CHECK mad_status mad_em_expect(mad_ctx *ctx, mad_em *em, double *log_likelihood);

/**
 * Maximisation: weights, means, covariances from `share`, and what is derived. A component whose
 * smallest Cholesky pivot is below `floor` gets `floor` added to its diagonal; one without rows
 * keeps mean and covariance and has weight 0.
 * errors   MAD_E_MEMORY, MAD_E_NONFINITE
 * threads  over components, same bits for any number
 */
MAD_MUST_CHECK mad_status mad_em_maximise(mad_ctx *ctx, mad_em *em);

typedef struct mad_em_options {
    size_t n_iterations, n_restarts;
    double tolerance; /* nats per row: a smaller gain in a step ends a start */
    double ridge;     /* share of the rows' mean variance, see mad_em_maximise */
} mad_em_options;

/**
 * A whole fit: the best of n_restarts k-means++ starts, the i-th from stream item i of key; or, with
 * warm_steps > 0, exactly so many steps on from the mixture. Rows that are all one point give
 * components that all sit on it, and no steps.
 *
 * shape   loss out: [steps + 1], steps = warm_steps or n_iterations: minus the mean log-likelihood
 *         after 0, 1, ... steps of the start that won; n_loss out: how many; n_passes out: all
 *         expectation steps
 * errors  MAD_E_RANGE: fewer rows than components; MAD_E_MEMORY, MAD_E_NONFINITE,
 *         MAD_E_INTERRUPTED
 */
MAD_MUST_CHECK mad_status mad_em_fit(mad_ctx *ctx, const mad_em_options *options, size_t warm_steps,
                                     const mad_set *train, mad_key key, mad_mixture *mixture,
                                     double *loss, size_t *n_loss, size_t *n_passes);

#endif

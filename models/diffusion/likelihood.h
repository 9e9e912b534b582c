/* models/diffusion/likelihood.h: log densities by the probability-flow ODE.
 *
 *   dx/dsigma = v = (x - D(x; sigma)) / sigma, run upwards from sigma_min to sigma_max:
 *   ln p(x_0) = ln N(x_T; 0, sigma_max^2 I) + integral of div v dsigma,
 *   div v = (dim - tr dD/dx) / sigma,
 * by Heun's rule in x and the trapezoidal rule in div v, on levels uniform in ln sigma.
 * The row itself stands at sigma_min: what is found is the density of the model at that level.
 * ref  Song et al. 2021 (arXiv:2011.13456), appendix D.2; Hutchinson 1989
 */
#ifndef MAD_MODELS_DIFFUSION_LIKELIHOOD_H
#define MAD_MODELS_DIFFUSION_LIKELIHOOD_H

#include "models/diffusion/denoiser.h"
#include "sim/base/ctx.h"
#include "sim/base/rng.h"

/* Up to so many dimensions the trace runs along every axis; beyond, along random signs. */
#define MAD_EXACT_TRACE_DIM ((size_t)4)

typedef struct mad_likelihood {
    double sigma_min, sigma_max;
    size_t n_steps;
    size_t n_probes; /* Rademacher vectors per row, the same ones along the whole flow */
    int richardson;  /* (4 L_2n - L_n) / 3: cancels the error of order 2, three times the cost */
} mad_likelihood;

/**
 * trace[r] = tr dD/dx at x[r], by central differences along the axes (probe = NULL), or the mean of
 * z^T (dD/dx) z over n_probes vectors.
 *
 * shape   x: [n_rows][dim]; probe: [n_probes][n_rows][dim]; trace: [n_rows];
 *         work: [4][n_rows][dim]; twice: [2 n_rows] labels, or NULL when label is
 */
void mad_denoiser_trace(const mad_denoiser *denoiser, double sigma, size_t n_rows,
                        const int32_t *label, const double *x, size_t n_probes, const double *probe,
                        double *trace, double *work, int32_t *twice);

/**
 * Natural log density of rows in the denoiser's units.
 *
 * shape   x: [n_rows][dim]; label: [n_rows] or NULL; log_density: [n_rows]
 * errors  MAD_E_MEMORY; MAD_E_NONFINITE: the denoiser has left the finite numbers
 * threads one; rows do not see each other, but for the order in which probes are drawn
 */
MAD_MUST_CHECK mad_status mad_flow_log_density(mad_ctx *ctx, const mad_likelihood *options,
                                               const mad_denoiser *denoiser, mad_rng *rng,
                                               size_t n_rows, const int32_t *label, const double *x,
                                               double *log_density);

#endif

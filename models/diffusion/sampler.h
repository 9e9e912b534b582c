/* models/diffusion/sampler.h: from noise to data with any denoiser: ancestral, DDIM, Heun.
 *
 * Every sampler walks down a ladder of noise levels in variance-exploding coordinates, from
 * start_sd * N(0, I) to sigma = 0, and knows nothing of networks.
 */
#ifndef MAD_MODELS_DIFFUSION_SAMPLER_H
#define MAD_MODELS_DIFFUSION_SAMPLER_H

#include "models/diffusion/noise.h"
#include "sim/base/rng.h"

/**
 * d = D(x; sigma, label) for every row.
 *
 * shape   x, d: [n_rows][dim]; label: [n_rows] or NULL
 * threads called by several threads at once, each with its own `self`
 */
typedef void (*mad_denoise_fn)(void *self, double sigma, size_t n_rows, const int32_t *label,
                               const float *x, float *d);

typedef enum mad_sampler_kind {
    MAD_SAMPLER_ANCESTRAL, /* Ho et al. 2020, Alg. 2; skipped steps: Nichol & Dhariwal 2021 */
    MAD_SAMPLER_DDIM,      /* Song et al. 2021, eta = 0: Euler steps of the flow in sigma */
    MAD_SAMPLER_HEUN       /* Karras et al. 2022, Alg. 1: second order, 2 n - 1 evaluations */
} mad_sampler_kind;

typedef enum mad_sigma2 { MAD_SIGMA2_BETA, MAD_SIGMA2_BETA_TILDE } mad_sigma2;

typedef struct mad_sampler_options {
    mad_sampler_kind kind;
    size_t n_steps;
    mad_sigma2 sigma2;                /* ancestral: variance of the noise put back */
    double sigma_min, sigma_max, rho; /* Heun's grid */
} mad_sampler_options;

/* One step: x' = d + keep (x - d) + noise z, z ~ N(0, I). Heun replaces d by a mean of two. */
typedef struct mad_rung {
    double sigma, sigma_next;
    double keep, noise;
} mad_rung;

typedef struct mad_ladder {
    mad_sampler_kind kind;
    size_t n_steps;
    double start_sd;
    mad_rung *rung; /* [n_steps] */
} mad_ladder;

/**
 * Ancestral and DDIM take n_steps of the schedule's levels, t = round(linspace(0, T, n + 1)).
 * Heun's levels: sigma_i = (sigma_max^(1/rho) + i/(n-1) (sigma_min^(1/rho) -
 * sigma_max^(1/rho)))^rho, i = 0..n-1, then 0 (Karras et al. 2022, Eq. 5).
 *
 * errors  MAD_E_CONFIG: more steps than the schedule has, a grid that does not fall; MAD_E_MEMORY
 */
MAD_MUST_CHECK mad_status mad_ladder_create(mad_ctx *ctx, const mad_sampler_options *options,
                                            const mad_noise_schedule *schedule, mad_arena *mem,
                                            mad_ladder *out);

/** Denoiser calls per row. */
size_t mad_ladder_evaluations(const mad_ladder *ladder);

/**
 * Draw the start from rng, walk down, leave the samples in x.
 *
 * shape   x: [n_rows][dim] out; work: [3][n_rows][dim]; label: [n_rows] or NULL
 */
void mad_ladder_walk(const mad_ladder *ladder, mad_denoise_fn denoise, void *self, mad_rng *rng,
                     size_t n_rows, size_t dim, const int32_t *label, float *x, float *work);

#endif

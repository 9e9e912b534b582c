/* models/diffusion/noise.h: noise schedules, as levels of one denoiser
 * D(x; sigma) ~ E[x0 | x0 + sigma n = x] in variance-exploding (VE) coordinates.
 *
 * A DDPM state x_t = sqrt(abar) x0 + sqrt(1 - abar) eps is x = x_t / sqrt(abar) at
 * sigma = sqrt((1 - abar) / abar).
 */
#ifndef MAD_MODELS_DIFFUSION_NOISE_H
#define MAD_MODELS_DIFFUSION_NOISE_H

#include "sim/base/ctx.h"

/* abar_t = prod_{s <= t} (1 - beta_s), t = 0..n_steps; abar_0 = 1. */
typedef struct mad_noise_schedule {
    size_t n_steps;
    double *abar; /* [n_steps + 1] */
} mad_noise_schedule;

/**
 * Linear schedule: beta_t from beta_min to beta_max, t = 1..n_steps. With `rescale` all betas are
 * multiplied by 1000 / n_steps, which keeps abar_T about the same for any n_steps.
 *
 * ref     Ho et al. 2020 (beta 1e-4 to 0.02, 1000 steps)
 * errors  MAD_E_CONFIG: a beta outside (0, 1); MAD_E_MEMORY
 */
MAD_MUST_CHECK mad_status mad_noise_schedule_create(mad_ctx *ctx, size_t n_steps, double beta_min,
                                                    double beta_max, int rescale, mad_arena *mem,
                                                    mad_noise_schedule *out);

/** VE noise level of step t: sqrt((1 - abar_t) / abar_t). */
double mad_noise_sigma(const mad_noise_schedule *schedule, size_t t);

#endif

/* models/diffusion/noise.h: noise schedules and the two parameterisations, as adapters of one
 * denoiser D(x; sigma) ~ E[x0 | x0 + sigma n = x] in variance-exploding (VE) coordinates.
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

typedef enum mad_parameterization {
    MAD_PREDICT_EDM, /* Karras et al. 2022: the network predicts the unit-variance target F* */
    MAD_PREDICT_EPS  /* Ho et al. 2020: the network predicts the noise eps */
} mad_parameterization;

typedef struct mad_precondition {
    mad_parameterization kind;
    double sigma_data;                    /* sd of the clean data, EDM only */
    double log_sigma_low, log_sigma_high; /* the network sees ln sigma held in this range: what
                                             training covers */
} mad_precondition;

/* D(x; sigma) = c_skip x + c_out F(c_in x; c_noise); F is trained with unit weight on the target
 * from_x0 x0 + from_eps eps, x = x0 + sigma eps. */
typedef struct mad_coefficients {
    double c_in, c_skip, c_out, c_noise;
    double from_x0, from_eps;
} mad_coefficients;

/** EDM: Karras et al. 2022, Table 1, with F* = (x0 - c_skip x) / c_out written without
 *  cancellation. eps: c_skip 1, c_out -sigma, c_in = 1 / sqrt(1 + sigma^2) (the DDPM state). */
mad_coefficients mad_coefficients_at(const mad_precondition *p, double log_sigma);

/* Training noise levels of EDM: ln sigma ~ N(ln sigma_data + MAD_EDM_SHIFT, MAD_EDM_SD^2), which is
 * N(-1.2, 1.2^2) at sigma_data = 0.5. */
#define MAD_EDM_SHIFT (-0.507)
#define MAD_EDM_SD    1.2

#endif

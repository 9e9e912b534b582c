/* models/diffusion/noise.h: noise schedules, as levels of one denoiser
 * D(x; sigma) ~ E[x0 | x0 + sigma n = x] in variance-exploding (VE) coordinates.
 *
 * A variance-preserving state x_t = sqrt(abar) x0 + sqrt(1 - abar) eps is x = x_t / sqrt(abar) at
 * sigma = sqrt((1 - abar) / abar): see adapters.h.
 */
#ifndef MAD_MODELS_DIFFUSION_NOISE_H
#define MAD_MODELS_DIFFUSION_NOISE_H

#include "sim/base/ctx.h"

typedef enum mad_betas_kind {
    MAD_BETAS_LINEAR, /* beta_t linear in t (Ho et al. 2020) */
    MAD_BETAS_LDM,    /* sqrt(beta_t) linear in t (Rombach et al. 2022) */
    MAD_BETAS_COSINE, /* abar a squared cosine, beta at most 0.999 (Nichol & Dhariwal 2021) */
    MAD_BETAS_VP,     /* VP-SDE, beta(t) linear on t in [0, 1] (Song et al. 2021) */
    MAD_BETAS_OU      /* dX = -X dt + sqrt(2) dW on t in [0, horizon]: abar = exp(-2 t) */
} mad_betas_kind;

typedef struct mad_noise_options {
    mad_betas_kind kind;
    size_t n_steps;
    double beta_min, beta_max; /* first and last beta; cosine and ou have none */
    int rescale;               /* linear, ldm: betas times 1000 / n_steps */
    double horizon;            /* ou */
} mad_noise_options;

/* Levels t = 0..n_steps; level 0 is clean: abar 1, sigma 0. */
typedef struct mad_noise_schedule {
    mad_betas_kind kind;
    size_t n_steps;
    double *abar;  /* [n_steps + 1] */
    double *sigma; /* [n_steps + 1] VE noise level sqrt((1 - abar) / abar) */
} mad_noise_schedule;

/**
 * The table of a schedule. VP and OU are continuous: level t stands at time t / n_steps, or
 * t horizon / n_steps.
 *
 * errors  MAD_E_CONFIG: a beta outside (0, 1), betas that fall; MAD_E_MEMORY
 */
MAD_MUST_CHECK mad_status mad_noise_schedule_create(mad_ctx *ctx, const mad_noise_options *options,
                                                    mad_arena *mem, mad_noise_schedule *out);

/** VE noise level of step t. */
double mad_noise_sigma(const mad_noise_schedule *schedule, size_t t);

/** VP-SDE: sigma(t) = sqrt(exp(beta_d t^2 / 2 + beta_min t) - 1), beta_d = beta_max - beta_min,
 *  and its inverse (Karras et al. 2022, Table 1). */
double mad_vp_sigma(double beta_min, double beta_max, double time);
double mad_vp_time(double beta_min, double beta_max, double sigma);

/** OU process: sigma(t) = sqrt(exp(2 t) - 1), and its inverse. */
double mad_ou_sigma(double time);
double mad_ou_time(double sigma);

#endif

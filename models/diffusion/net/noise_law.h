/* models/diffusion/net/noise_law.h: which noise levels training meets, and how much each counts. */
#ifndef MAD_MODELS_DIFFUSION_NET_NOISE_LAW_H
#define MAD_MODELS_DIFFUSION_NET_NOISE_LAW_H

#include "models/diffusion/net/precondition.h"
#include "models/diffusion/noise.h"
#include "sim/base/rng.h"

/* Law of sigma in training, and their names in the same order. */
#define MAD_NOISE_LAWS "lognormal|schedule|vp|flow|logit_normal|ou|ou_geometric|loguniform"
typedef enum mad_noise_law_kind {
    MAD_NOISE_LOGNORMAL,    /* ln(sigma / sigma_data) ~ N(mean, sd^2) (Karras et al. 2022) */
    MAD_NOISE_SCHEDULE,     /* t uniform on the steps 1..T of the schedule (Ho et al. 2020) */
    MAD_NOISE_VP,           /* t uniform on [low, high]: ln(1 + sigma^2) = 19.9 t^2 / 2 + 0.1 t, the
                            VP-SDE with beta from 0.1 to 20 (Song et al. 2021) */
    MAD_NOISE_FLOW,         /* t uniform on [low, high], sigma = t / (1 - t) (Liu et al. 2022) */
    MAD_NOISE_LOGIT_NORMAL, /* logit(t) = ln sigma ~ N(mean, sd^2) (Esser et al. 2024) */
    MAD_NOISE_OU,           /* t uniform on [low, high], sigma^2 = exp(2 t) - 1: the process
                               dx = -x dt + sqrt(2) dw up to the horizon `high` */
    MAD_NOISE_OU_GEOMETRIC, /* the same process, ln t uniform */
    MAD_NOISE_LOGUNIFORM /* ln sigma uniform on [ln low, ln high]: the VE-SDE (Song et al. 2021) */
} mad_noise_law_kind;

typedef struct mad_noise_law {
    mad_noise_law_kind kind;
    double mean, sd;                    /* normal laws */
    double low, high;                   /* bounds of t or sigma */
    const mad_noise_schedule *schedule; /* borrowed; of MAD_NOISE_SCHEDULE, set by the caller */
} mad_noise_law;

/** The published law, and of any law the published numbers (noise.* = auto). */
mad_noise_law_kind mad_noise_law_default(mad_parameterization kind);
mad_noise_law mad_noise_law_published(mad_noise_law_kind kind);

/** Normal laws have no ends; the others do. */
int mad_noise_law_is_normal(mad_noise_law_kind kind);

typedef struct mad_level {
    double log_sigma;
    double slope; /* d ln sigma / du where u is uniform on (0, 1); 0 for normal laws */
    size_t step;  /* 1..T for MAD_NOISE_SCHEDULE, else 0 */
} mad_level;

/**
 * The level at u: a standard normal number for normal laws, else uniform on [0, 1).
 *
 * units  sigma in units of the standardised data; sigma_data scales MAD_NOISE_LOGNORMAL only
 */
mad_level mad_noise_law_at(const mad_noise_law *law, double sigma_data, double u);

/** u of n rows, each an independent draw. */
void mad_noise_law_draw(const mad_noise_law *law, mad_rng *rng, size_t n, double *u);

/** The range of ln sigma that training covers: the law's ends, and where it has none the quantiles
 *  of four standard deviations (all but 3.2e-5 of the mass on either side). */
void mad_noise_law_range(const mad_noise_law *law, double sigma_data, double *low, double *high);

/* Weight of a row's loss; in this order in the key `loss`. */
typedef enum mad_loss_weight {
    MAD_WEIGHT_SIMPLE, /* 1 on |F - F*|^2 */
    MAD_WEIGHT_EDM,    /* (sigma^2 + s^2) / (sigma s)^2 on |D - x0|^2, s = sigma_data */
    MAD_WEIGHT_VLB,    /* beta^2 / (2 sigma_t^2 alpha (1 - abar)), sigma_t^2 = beta, on the noise:
                          the variational bound in nats per step (Ho et al. 2020, Eq. 12) */
    MAD_WEIGHT_LIKELIHOOD /* g(t)^2 on the score (Song et al. 2021b), scaled so that the mean over
                             the law is 1 on the noise: every ln sigma then counts alike */
} mad_loss_weight;

/** Factor of |F - F*|^2 at a level; c = mad_coefficients_at(level.log_sigma). */
double mad_loss_weight_at(mad_loss_weight weight, const mad_noise_law *law, double sigma_data,
                          const mad_level *level, const mad_coefficients *c);

/**
 * errors  MAD_E_CONFIG naming the key: `loss: vlb` without the law `schedule`; `loss: likelihood`
 *         with a law whose ln sigma has no ends, where the weights have no finite mean; ends that
 *         do not rise
 */
MAD_MUST_CHECK mad_status mad_noise_law_check(mad_ctx *ctx, const mad_noise_law *law,
                                              mad_loss_weight weight);

#endif

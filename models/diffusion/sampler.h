/* models/diffusion/sampler.h: from noise to data with any denoiser.
 *
 * Every sampler walks down a ladder of noise levels in variance-exploding coordinates, from
 * start_sd * N(0, I) to sigma = 0 or to an early stop, and knows nothing of networks.
 */
#ifndef MAD_MODELS_DIFFUSION_SAMPLER_H
#define MAD_MODELS_DIFFUSION_SAMPLER_H

#include "models/diffusion/denoiser.h"
#include "models/diffusion/noise.h"
#include "sim/base/rng.h"
#include "sim/iface/tilt.h"

typedef enum mad_sampler_kind {
    MAD_SAMPLER_ANCESTRAL,    /* Ho et al. 2020, Alg. 2; skipped steps: Nichol & Dhariwal 2021 */
    MAD_SAMPLER_DDIM,         /* Song et al. 2021, Eq. 12 */
    MAD_SAMPLER_EULER,        /* of the probability-flow ODE dx/dsigma = (x - D) / sigma */
    MAD_SAMPLER_HEUN,         /* Karras et al. 2022, Alg. 2 and 3: churn, alpha */
    MAD_SAMPLER_DPMPP_2M,     /* Lu et al. 2022 (arXiv:2211.01095), Alg. 2 */
    MAD_SAMPLER_AB2,          /* exponential Adams-Bashforth of order 2 */
    MAD_SAMPLER_ABM2,         /* the same, corrected by Adams-Moulton of order 2 */
    MAD_SAMPLER_ABM3,         /* ... of order 3 */
    MAD_SAMPLER_VE_ANCESTRAL, /* exact posterior of a point; ancestral with beta_tilde */
    MAD_SAMPLER_PC,           /* Song et al. 2021 (arXiv:2011.13456), Alg. 2: Langevin corrector */
    MAD_SAMPLER_OU,           /* Euler-Maruyama of the reverse Ornstein-Uhlenbeck process */
    MAD_SAMPLER_RK4           /* classical Runge-Kutta on the ODE: a reference */
} mad_sampler_kind;

typedef enum mad_grid_kind {
    MAD_GRID_EDM,         /* sigma^(1/rho) uniform (Karras et al. 2022, Eq. 5) */
    MAD_GRID_LOG,         /* ln sigma uniform */
    MAD_GRID_LINEAR,      /* sigma uniform */
    MAD_GRID_COSINE,      /* arctan sigma uniform: the cosine schedule's time */
    MAD_GRID_VP,          /* time of the VP-SDE uniform */
    MAD_GRID_SCHEDULE,    /* levels of the discrete schedule */
    MAD_GRID_OU,          /* time of the OU process uniform */
    MAD_GRID_OU_GEOMETRIC /* its logarithm uniform */
} mad_grid_kind;

/* Which levels of T a walk of n steps takes on MAD_GRID_SCHEDULE, i = n..1 (Lin et al. 2024). */
typedef enum mad_spacing {
    MAD_SPACING_TRAILING, /* round(i T / n) */
    MAD_SPACING_LEADING,  /* 1 + (i - 1) floor(T / n): the highest levels are left out */
    MAD_SPACING_LINSPACE  /* round(1 + (i - 1) (T - 1) / (n - 1)) */
} mad_spacing;

typedef enum mad_sigma2 { MAD_SIGMA2_BETA, MAD_SIGMA2_BETA_TILDE } mad_sigma2;

typedef struct mad_sampler_options {
    mad_sampler_kind kind;
    mad_grid_kind grid;
    mad_spacing spacing; /* grid schedule */
    size_t n_steps;
    double sigma_min, sigma_max, rho; /* ends of edm, log, linear, cosine, vp; ou_geometric: min */
    double vp_beta_min, vp_beta_max;  /* grid vp */
    double horizon;                   /* grids ou, ou_geometric */
    mad_sigma2 sigma2;                /* ancestral: variance of the noise put back */
    double eta;                       /* ddim: 0 deterministic, 1 the posterior's noise */
    double churn, churn_min, churn_max, churn_noise; /* heun: S_churn, S_min, S_max, S_noise */
    double alpha;                                    /* heun: where the second slope is taken */
    double snr;                                      /* pc: r */
    size_t n_corrections;                            /* pc: Langevin steps per level */
    int noise;                                       /* ou: the SDE, not its flow */
} mad_sampler_options;

/* Where the walk ends. sigma = 0: at clean data. */
typedef struct mad_stop {
    double sigma;
    int shrinks; /* 1: the state of the OU process is left, exp(-t) x; 0: the VE state x */
    int tweedie; /* 1: one more evaluation at the stop, D is left */
} mad_stop;

/* One step: x' = from_x x + from_d D + noise z, z ~ N(0, I). */
typedef struct mad_rung {
    double from_x, from_d, noise;
} mad_rung;

typedef struct mad_ladder {
    mad_sampler_options options;
    mad_stop stop;
    size_t n_steps;
    double start_sd;
    mad_noise_tilt noise; /* drawn in a walk; laws and gains are those of plain noise */
    double *sigma;        /* [n_steps + 1], falling */
    mad_rung *rung;       /* [n_steps] of the samplers that are one line a step; else NULL */
} mad_ladder;

/**
 * The levels of `grid` for n_steps steps: the grid's own n levels, then 0; with a stop n + 1 levels
 * from the highest to the stop. On MAD_GRID_SCHEDULE a stop replaces the levels at and below it.
 *
 * shape   sigma: [options->n_steps + 1]; n_steps out: steps used
 * errors  MAD_E_CONFIG: more steps than the schedule has, a grid that does not fall, a stop above
 *         the first level
 */
MAD_MUST_CHECK mad_status mad_grid_levels(mad_ctx *ctx, const mad_sampler_options *options,
                                          const mad_noise_schedule *schedule, double stop_sigma,
                                          double *sigma, size_t *n_steps);

/** errors  those of mad_grid_levels, MAD_E_MEMORY */
MAD_MUST_CHECK mad_status mad_ladder_create(mad_ctx *ctx, const mad_sampler_options *options,
                                            const mad_noise_schedule *schedule, mad_stop stop,
                                            mad_arena *mem, mad_ladder *out);

/* Row buffers a walk works in. */
#define MAD_WALK_BUFFERS ((size_t)6)

/**
 * Draw the start from rng, walk down, leave the samples in x.
 *
 * shape    x: [n_rows][dim] out; work: [MAD_WALK_BUFFERS][n_rows][dim]; label: [n_rows] or NULL
 * threads  rows do not see each other, but for MAD_SAMPLER_PC, whose step size is a mean over them
 */
void mad_ladder_walk(const mad_ladder *ladder, const mad_denoiser *denoiser, mad_rng *rng,
                     size_t n_rows, const int32_t *label, double *x, double *work);

/** Factor of the data in the rows left: exp(-t) where the state of the OU process is left, else 1.
 */
double mad_ladder_shrink(const mad_ladder *ladder);

/* The law of one coordinate, as far as a linear walk knows it. */
typedef struct mad_line {
    double mean, variance;
} mad_line;

/**
 * The law of a sampled coordinate when D is exact for N(data): the walk itself, on the mean without
 * noise and on the standard deviation with noises added in quadrature. Exact, for all steps are
 * linear in x then; of PC in the limit of many rows, where its step size is a constant.
 */
mad_line mad_ladder_line(const mad_ladder *ladder, mad_line data);

/** lam_eff(variance): variance left / variance of the data. */
double mad_ladder_gain(const mad_ladder *ladder, double variance);

#endif

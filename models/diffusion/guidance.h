/* models/diffusion/guidance.h: guidance as a denoiser around denoisers.
 *
 * With D the model's own and D_ref a reference, at levels low < sigma <= high:
 *   D_w = D + w (D - D_ref)
 * where D_ref is the unconditional denoiser (classifier-free guidance), a worse model of the same
 * data (autoguidance), or the model tuned on its own samples (negative guidance). Conventions:
 *   w (Ho & Salimans 2021),  scale g = 1 + w,  and the label lam = 1 / (1 + w) of the MAD paper,
 *   which is NOT the contraction: see mad_guided_gain.
 * Reward guidance, for a reward r on clean rows:  D_r = D + sigma^2 grad_x r(D(x)) / tau.
 * ref  Ho & Salimans 2021 (arXiv:2207.12598); Karras et al. 2024 (arXiv:2406.02507); Alemohammad et
 *      al. 2024 (arXiv:2408.16333); Kynkaanniemi et al. 2024 (arXiv:2404.07724) for the interval
 */
#ifndef MAD_MODELS_DIFFUSION_GUIDANCE_H
#define MAD_MODELS_DIFFUSION_GUIDANCE_H

#include "models/diffusion/denoiser.h"
#include "sim/base/ctx.h"

typedef enum mad_guide_kind {
    MAD_GUIDE_NONE,
    MAD_GUIDE_CFG,      /* against the unconditional denoiser */
    MAD_GUIDE_AUTO,     /* against a worse model */
    MAD_GUIDE_NEGATIVE, /* against the model tuned on its own samples */
    MAD_GUIDE_REWARD
} mad_guide_kind;

typedef enum mad_reward_kind {
    MAD_REWARD_LINEAR,   /* r(x) = <target, x> */
    MAD_REWARD_QUADRATIC /* r(x) = -|x - target|^2 / 2 */
} mad_reward_kind;

typedef struct mad_guidance {
    mad_guide_kind kind;
    double w;
    double low, high; /* of sigma */
    mad_reward_kind reward;
    double tau;
    const double *target; /* [dim] world units */
    const double *centre; /* [dim], and */
    double scale;         /* of the standardisation: rewards are read in world units */
} mad_guidance;

/** 1 when the guided denoiser differs from the base at this level. */
int mad_guidance_acts(const mad_guidance *guidance, double sigma);

/** Evaluations of one row of the guided denoiser per evaluation of the base: 1, 2 or 3. */
double mad_guidance_cost(const mad_guidance *guidance, double sigma);

/**
 * The guided denoiser for at most max_rows rows a call, on scratch; base and auxiliary are copied.
 * Conditional and unconditional rows go through the base in one call of twice the rows. The
 * gradient of a reward goes through D by central differences along grad r(D): exact denoisers have
 * a symmetric Jacobian.
 *
 * errors  MAD_E_MEMORY
 */
MAD_MUST_CHECK mad_status mad_guidance_open(mad_ctx *ctx, const mad_guidance *guidance,
                                            const mad_denoiser *base, const mad_denoiser *auxiliary,
                                            size_t max_rows, mad_arena *scratch, mad_denoiser *out);

/**
 * Variance gain of guidance alone between normal laws, in the limit of an exact flow from pure
 * noise: with variance A and reference B the sampled law has variance A (A / B)^w, not that of the
 * tilted density p_A^(1 + w) / p_B^w.
 */
double mad_guided_gain(double variance, double reference, double w);

#endif

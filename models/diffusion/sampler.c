/* models/diffusion/sampler.c: the ladder of a sampler. */
#include "models/diffusion/sampler.h"

#include <math.h>

/* Variance of the posterior of a point at level s' given its state at level s. */
static double posterior_variance(double s, double s_next)
{
    return s_next * s_next * (1.0 - s_next / s * (s_next / s));
}

/* Ho et al. 2020 in VE coordinates, from abar = 1 / (1 + s^2) to abar':
 *   x' = x + beta / (1 - abar) (D - x) + sqrt(sigma2 / abar') z,  beta = 1 - abar / abar',
 * where beta / (1 - abar) = 1 - s'^2 / s^2 and sigma2 / abar' is (s^2 - s'^2)(1 + s'^2)/(1 + s^2)
 * for sigma2 = beta, the posterior's variance for beta_tilde. */
static mad_rung ancestral_rung(double s, double s_next, mad_sigma2 sigma2)
{
    const double keep = s_next / s * (s_next / s);
    const double beta = (s * s - s_next * s_next) / (1.0 + s * s);
    const double variance =
        sigma2 == MAD_SIGMA2_BETA ? beta * (1.0 + s_next * s_next) : posterior_variance(s, s_next);
    return (mad_rung){keep, 1.0 - keep, sqrt(variance)};
}

/* x' = D + sqrt(s'^2 - n^2) (x - D) / s + n z, n^2 = eta^2 times the posterior's variance. */
static mad_rung ddim_rung(double s, double s_next, double eta)
{
    const double variance = eta * eta * posterior_variance(s, s_next);
    const double keep = sqrt(s_next * s_next - variance) / s;
    return (mad_rung){keep, 1.0 - keep, sqrt(variance)};
}

/* Reverse diffusion of the VE-SDE: x' = x + (s^2 - s'^2) score + sqrt(s^2 - s'^2) z. */
static mad_rung reverse_diffusion_rung(double s, double s_next)
{
    const double keep = s_next / s * (s_next / s);
    return (mad_rung){keep, 1.0 - keep, sqrt(s * s - s_next * s_next)};
}

/* Forward dX = -X dt + sqrt(2) dW. Backward over h = t - t', in X = exp(-t) x:
 *   X' = X + h (X + 2 score) + sqrt(2 h) z,  or  X' = X + h (X + score)  without noise,
 * score = (exp(-t) D - X) / (1 - exp(-2 t)), and 1 - exp(-2 t) = s^2 / (1 + s^2). */
static mad_rung ou_rung(double s, double s_next, int noise)
{
    const double h = mad_ou_time(s) - mad_ou_time(s_next), shrink = exp(-h);
    const double pull = shrink * (noise ? 2.0 : 1.0) * h * (1.0 + s * s) / (s * s);
    return (mad_rung){shrink * (1.0 + h) - pull, pull,
                      noise ? sqrt(2.0 * h * (1.0 + s_next * s_next)) : 0.0};
}

/* The last step into sigma = 0 returns D: no noise is put on the data. */
static mad_rung rung_of(const mad_sampler_options *o, double s, double s_next)
{
    if (s_next == 0.0) {
        return (mad_rung){0.0, 1.0, 0.0};
    }
    switch (o->kind) {
    case MAD_SAMPLER_ANCESTRAL:
        return ancestral_rung(s, s_next, o->sigma2);
    case MAD_SAMPLER_VE_ANCESTRAL:
        return ancestral_rung(s, s_next, MAD_SIGMA2_BETA_TILDE);
    case MAD_SAMPLER_DDIM:
        return ddim_rung(s, s_next, o->eta);
    case MAD_SAMPLER_PC:
        return reverse_diffusion_rung(s, s_next);
    case MAD_SAMPLER_OU:
        return ou_rung(s, s_next, o->noise);
    case MAD_SAMPLER_EULER:
    case MAD_SAMPLER_HEUN:
    case MAD_SAMPLER_DPMPP_2M:
    case MAD_SAMPLER_AB2:
    case MAD_SAMPLER_ABM2:
    case MAD_SAMPLER_ABM3:
    case MAD_SAMPLER_RK4:
        break;
    }
    return ddim_rung(s, s_next, 0.0); /* x' = D + s'/s (x - D), the Euler step */
}

mad_status mad_ladder_create(mad_ctx *ctx, const mad_sampler_options *options,
                             const mad_noise_schedule *schedule, mad_stop stop, mad_arena *mem,
                             mad_ladder *out)
{
    mad_status st = MAD_OK;
    mad_ladder ladder = {.options = *options, .stop = stop, .noise = mad_noise_plain};
    const int from_vp = options->grid == MAD_GRID_SCHEDULE || options->grid == MAD_GRID_OU ||
                        options->grid == MAD_GRID_OU_GEOMETRIC;

    ladder.sigma = mad_arena_take(mem, options->n_steps + 1, sizeof *ladder.sigma);
    ladder.rung = mad_arena_take(mem, options->n_steps, sizeof *ladder.rung);
    if (ladder.sigma == NULL || ladder.rung == NULL) {
        return mad_fail_memory(ctx, "the sampler's noise levels");
    }
    MAD_TRY(mad_grid_levels(ctx, options, schedule, stop.sigma, ladder.sigma, &ladder.n_steps));
    for (size_t i = 0; i < ladder.n_steps; i++) {
        ladder.rung[i] = rung_of(options, ladder.sigma[i], ladder.sigma[i + 1]);
    }
    /* a VP process ends at x_T ~ N(0, I), where x = x_T sqrt(1 + sigma^2) */
    ladder.start_sd = from_vp ? hypot(1.0, ladder.sigma[0]) : ladder.sigma[0];
    *out = ladder;
out:
    return st;
}

double mad_ladder_shrink(const mad_ladder *ladder)
{
    const mad_stop stop = ladder->stop;
    return stop.shrinks && !stop.tweedie ? 1.0 / hypot(1.0, stop.sigma) : 1.0;
}

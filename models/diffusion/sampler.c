/* models/diffusion/sampler.c: ladders of noise levels and the walk down them. */
#include "models/diffusion/sampler.h"

#include <math.h>

/* In VE coordinates the posterior step of Ho et al. 2020 from abar to abar' is
 *   x' = x + beta / (1 - abar) (d - x) + sqrt(sigma2 / abar') z,  beta = 1 - abar / abar',
 * where sigma2 is beta or beta (1 - abar') / (1 - abar); the last step (abar' = 1) returns d. */
static mad_rung ancestral_rung(double abar, double abar_next, mad_sigma2 sigma2)
{
    const double beta = 1.0 - abar / abar_next;
    double variance = beta / abar_next;
    if (sigma2 == MAD_SIGMA2_BETA_TILDE) {
        variance *= (1.0 - abar_next) / (1.0 - abar);
    }
    const int is_last = abar_next == 1.0;
    return (mad_rung){.keep = is_last ? 0.0 : 1.0 - beta / (1.0 - abar),
                      .noise = is_last ? 0.0 : sqrt(variance)};
}

static mad_status schedule_rungs(mad_ctx *ctx, const mad_sampler_options *options,
                                 const mad_noise_schedule *schedule, mad_ladder *ladder)
{
    const size_t n = options->n_steps, n_levels = schedule->n_steps;
    if (n > n_levels) {
        return mad_fail(ctx, MAD_E_CONFIG,
                        "sampler.steps is %zu, but the schedule has only %zu steps", n, n_levels);
    }
    ladder->start_sd = sqrt(1.0 / schedule->abar[n_levels]); /* x_T ~ N(0, I) */
    for (size_t i = 0; i < n; i++) {
        const size_t t = (2 * (n - i) * n_levels + n) / (2 * n); /* rounded half up */
        const size_t t_next = (2 * (n - i - 1) * n_levels + n) / (2 * n);
        mad_rung rung = {0};
        if (options->kind == MAD_SAMPLER_ANCESTRAL) {
            rung = ancestral_rung(schedule->abar[t], schedule->abar[t_next], options->sigma2);
        }
        rung.sigma = mad_noise_sigma(schedule, t);
        rung.sigma_next = mad_noise_sigma(schedule, t_next);
        if (options->kind == MAD_SAMPLER_DDIM) {
            rung.keep = rung.sigma_next / rung.sigma;
        }
        ladder->rung[i] = rung;
    }
    return MAD_OK;
}

static mad_status heun_rungs(mad_ctx *ctx, const mad_sampler_options *options, mad_ladder *ladder)
{
    const size_t n = options->n_steps;
    if (!(options->sigma_min < options->sigma_max)) {
        return mad_fail(ctx, MAD_E_CONFIG,
                        "sampler.sigma_min is %g, must be below sampler.sigma_max = %g",
                        options->sigma_min, options->sigma_max);
    }
    const double high = pow(options->sigma_max, 1.0 / options->rho);
    const double low = pow(options->sigma_min, 1.0 / options->rho);
    double sigma = options->sigma_max;
    ladder->start_sd = sigma;
    for (size_t i = 0; i < n; i++) {
        const double share = n > 1 ? (double)(i + 1) / (double)(n - 1) : 1.0;
        const double next = i + 1 < n ? pow(high + share * (low - high), options->rho) : 0.0;
        ladder->rung[i] = (mad_rung){.sigma = sigma, .sigma_next = next, .keep = next / sigma};
        sigma = next;
    }
    return MAD_OK;
}

mad_status mad_ladder_create(mad_ctx *ctx, const mad_sampler_options *options,
                             const mad_noise_schedule *schedule, mad_arena *mem, mad_ladder *out)
{
    mad_status st = MAD_OK;
    mad_ladder ladder = {.kind = options->kind, .n_steps = options->n_steps};

    ladder.rung = mad_arena_take(mem, ladder.n_steps, sizeof *ladder.rung);
    if (ladder.rung == NULL) {
        return mad_fail_memory(ctx, "the sampler's noise levels");
    }
    switch (options->kind) {
    case MAD_SAMPLER_ANCESTRAL:
    case MAD_SAMPLER_DDIM:
        MAD_TRY(schedule_rungs(ctx, options, schedule, &ladder));
        break;
    case MAD_SAMPLER_HEUN:
        MAD_TRY(heun_rungs(ctx, options, &ladder));
        break;
    }
    *out = ladder;
out:
    return st;
}

size_t mad_ladder_evaluations(const mad_ladder *ladder)
{
    return ladder->kind == MAD_SAMPLER_HEUN ? 2 * ladder->n_steps - 1 : ladder->n_steps;
}

void mad_ladder_walk(const mad_ladder *ladder, mad_denoise_fn denoise, void *self, mad_rng *rng,
                     size_t n_rows, size_t dim, const int32_t *label, float *x, float *work)
{
    const size_t n = n_rows * dim;
    float *const d = work, *const z = work + n, *const ahead = work + 2 * n;

    mad_rng_normals_f32(rng, n, x);
    for (size_t i = 0; i < n; i++) {
        x[i] *= (float)ladder->start_sd;
    }
    for (size_t step = 0; step < ladder->n_steps; step++) {
        const mad_rung rung = ladder->rung[step];
        const float keep = (float)rung.keep, noise = (float)rung.noise;
        denoise(self, rung.sigma, n_rows, label, x, d);
        if (ladder->kind == MAD_SAMPLER_HEUN && rung.sigma_next > 0.0) {
            /* x' = x + (s' - s) (v + v') / 2 with v = (x - d) / s, v' = (ahead - d') / s', where
             * ahead = x + (s' - s) v is the Euler step */
            const float half = 0.5f * (float)(rung.sigma_next - rung.sigma);
            const float per = (float)(1.0 / rung.sigma), per_next = (float)(1.0 / rung.sigma_next);
            for (size_t i = 0; i < n; i++) {
                ahead[i] = d[i] + keep * (x[i] - d[i]);
            }
            denoise(self, rung.sigma_next, n_rows, label, ahead, z);
            for (size_t i = 0; i < n; i++) {
                x[i] += half * (per * (x[i] - d[i]) + per_next * (ahead[i] - z[i]));
            }
            continue;
        }
        for (size_t i = 0; i < n; i++) {
            x[i] = d[i] + keep * (x[i] - d[i]);
        }
        if (noise > 0.0f) {
            mad_rng_normals_f32(rng, n, z);
            for (size_t i = 0; i < n; i++) {
                x[i] += noise * z[i];
            }
        }
    }
}

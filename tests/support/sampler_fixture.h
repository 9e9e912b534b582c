/* tests/support/sampler_fixture.h: fixture.h with noise schedules, ladders of levels and the exact
 * denoiser of a Gaussian. State is static: include it once, in the file with the tests. */
#ifndef MAD_TESTS_SUPPORT_SAMPLER_FIXTURE_H
#define MAD_TESTS_SUPPORT_SAMPLER_FIXTURE_H

#include "models/diffusion/sampler.h"
#include "tests/support/fixture.h"

static inline mad_noise_schedule schedule_of(mad_noise_options options)
{
    mad_noise_schedule s;
    if (mad_noise_schedule_create(ctx, &options, mem, &s) != MAD_OK) {
        fail_msg("%s", ctx->message);
    }
    return s;
}

static inline mad_noise_options linear(size_t n_steps, int rescale)
{
    return (mad_noise_options){.kind = MAD_BETAS_LINEAR,
                               .n_steps = n_steps,
                               .beta_min = 1e-4,
                               .beta_max = 0.02,
                               .rescale = rescale};
}

/* EDM's defaults with 18 Heun steps. */
static const mad_sampler_options edm = {.kind = MAD_SAMPLER_HEUN,
                                        .grid = MAD_GRID_EDM,
                                        .n_steps = 18,
                                        .sigma_min = 0.002,
                                        .sigma_max = 80.0,
                                        .rho = 7.0,
                                        .alpha = 1.0,
                                        .vp_beta_min = 0.1,
                                        .vp_beta_max = 20.0,
                                        .horizon = 4.0,
                                        .noise = 1};

static inline mad_ladder ladder_on(mad_sampler_options options, mad_noise_options noise,
                                   mad_stop stop)
{
    const mad_noise_schedule schedule = schedule_of(noise);
    mad_ladder ladder;
    if (mad_ladder_create(ctx, &options, &schedule, stop, mem, &ladder) != MAD_OK) {
        fail_msg("%s", ctx->message);
    }
    return ladder;
}

static inline mad_ladder edm_ladder(mad_sampler_kind kind, size_t n)
{
    mad_sampler_options options = edm;
    options.kind = kind;
    options.n_steps = n;
    return ladder_on(options, linear(2, 0), (mad_stop){0});
}

static inline mad_ladder schedule_ladder(mad_sampler_kind kind, mad_sigma2 sigma2, size_t n,
                                         mad_noise_options noise)
{
    mad_sampler_options options = edm;
    options.kind = kind;
    options.grid = MAD_GRID_SCHEDULE;
    options.sigma2 = sigma2;
    options.n_steps = n;
    return ladder_on(options, noise, (mad_stop){0});
}

/* The denoiser of N(0, s^2), self = &s. */
static inline void exact_gauss(void *self, double sigma, size_t n_rows, const int32_t *label,
                               const double *x, double *d)
{
    (void)label;
    const double s = *(const double *)self;
    for (size_t i = 0; i < n_rows; i++) {
        d[i] = s * s / (s * s + sigma * sigma) * x[i];
    }
}

#endif

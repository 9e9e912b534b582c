/* models/diffusion/noise.c: noise schedules. */
#include "models/diffusion/noise.h"

#include <math.h>

#define COSINE_OFFSET 0.008 /* Nichol & Dhariwal 2021, Eq. 17: beta is not too small near t = 0 */
#define COSINE_BETA   0.999 /* and not 1 near t = T */

static const double pi = 3.14159265358979323846;

static double beta_of(const mad_noise_options *o, size_t t)
{
    const double share = o->n_steps > 1 ? (double)(t - 1) / (double)(o->n_steps - 1) : 0.0;
    const double factor = o->rescale ? 1000.0 / (double)o->n_steps : 1.0;
    if (o->kind == MAD_BETAS_LDM) {
        const double low = sqrt(o->beta_min), root = low + share * (sqrt(o->beta_max) - low);
        return factor * root * root;
    }
    return factor * (o->beta_min + (o->beta_max - o->beta_min) * share);
}

static mad_status fill_betas(mad_ctx *ctx, const mad_noise_options *o, double *abar)
{
    for (size_t t = 1; t <= o->n_steps; t++) {
        const double beta = beta_of(o, t);
        if (!(beta > 0.0 && beta < 1.0)) {
            return mad_fail(
                ctx, MAD_E_CONFIG,
                "model.schedule: beta of step %zu of %zu is %g%s, must lie between 0 and 1", t,
                o->n_steps, beta, o->rescale ? " after rescaling by 1000 / steps" : "");
        }
        abar[t] = abar[t - 1] * (1.0 - beta);
    }
    return MAD_OK;
}

static double cosine_abar(double share)
{
    const double c = cos((share + COSINE_OFFSET) / (1.0 + COSINE_OFFSET) * 0.5 * pi);
    return c * c;
}

static void fill_cosine(size_t n_steps, double *abar)
{
    for (size_t t = 1; t <= n_steps; t++) {
        const double before = cosine_abar((double)(t - 1) / (double)n_steps);
        const double now = cosine_abar((double)t / (double)n_steps);
        abar[t] = abar[t - 1] * (1.0 - fmin(1.0 - now / before, COSINE_BETA));
    }
}

mad_status mad_noise_schedule_create(mad_ctx *ctx, const mad_noise_options *o, mad_arena *mem,
                                     mad_noise_schedule *out)
{
    mad_status st = MAD_OK;
    const size_t n = o->n_steps;
    mad_noise_schedule s = {.kind = o->kind, .n_steps = n};

    s.abar = mad_arena_take(mem, n + 1, sizeof *s.abar);
    s.sigma = mad_arena_take(mem, n + 1, sizeof *s.sigma);
    if (s.abar == NULL || s.sigma == NULL) {
        return mad_fail_memory(ctx, "the noise schedule");
    }
    if (o->kind != MAD_BETAS_COSINE && o->kind != MAD_BETAS_OU && o->beta_min > o->beta_max) {
        return mad_fail(
            ctx, MAD_E_CONFIG,
            "model.schedule.beta_min is %g, must not be above model.schedule.beta_max = %g",
            o->beta_min, o->beta_max);
    }
    s.abar[0] = 1.0;
    switch (o->kind) {
    case MAD_BETAS_LINEAR:
    case MAD_BETAS_LDM:
        MAD_TRY(fill_betas(ctx, o, s.abar));
        break;
    case MAD_BETAS_COSINE:
        fill_cosine(n, s.abar);
        break;
    case MAD_BETAS_VP:
    case MAD_BETAS_OU:
        break;
    }
    for (size_t t = 1; t <= n; t++) {
        const double share = (double)t / (double)n;
        if (o->kind == MAD_BETAS_VP || o->kind == MAD_BETAS_OU) {
            s.sigma[t] = o->kind == MAD_BETAS_OU ? mad_ou_sigma(share * o->horizon)
                                                 : mad_vp_sigma(o->beta_min, o->beta_max, share);
            s.abar[t] = 1.0 / (1.0 + s.sigma[t] * s.sigma[t]);
        } else {
            s.sigma[t] = sqrt((1.0 - s.abar[t]) / s.abar[t]);
        }
    }
    *out = s;
out:
    return st;
}

double mad_noise_sigma(const mad_noise_schedule *schedule, size_t t)
{
    return schedule->sigma[t];
}

double mad_vp_sigma(double beta_min, double beta_max, double time)
{
    return sqrt(expm1(time * (beta_min + 0.5 * (beta_max - beta_min) * time)));
}

/* The root of beta_d t^2 / 2 + beta_min t = B, B = ln(1 + sigma^2), without cancellation. */
double mad_vp_time(double beta_min, double beta_max, double sigma)
{
    const double b = log1p(sigma * sigma);
    return 2.0 * b / (beta_min + sqrt(beta_min * beta_min + 2.0 * (beta_max - beta_min) * b));
}

double mad_ou_sigma(double time)
{
    return sqrt(expm1(2.0 * time));
}

double mad_ou_time(double sigma)
{
    return 0.5 * log1p(sigma * sigma);
}

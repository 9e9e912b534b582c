/* models/diffusion/net/noise_law.c: laws of the training noise, one formula of ln sigma each. */
#include "models/diffusion/net/noise_law.h"

#include <math.h>

#define VP_BETA_MIN  0.1
#define VP_BETA_SPAN 19.9

/* EDM's N(-1.2, 1.2^2) for data of sd 0.5; the band moves with the data. */
#define EDM_MEAN (-0.507)
#define EDM_SD   1.2

/* Standard deviations covered on either side, and the mass beyond one of them. */
#define COVERED_SD 4.0
#define BEYOND     3.167124183311998e-5

mad_noise_law_kind mad_noise_law_default(mad_parameterization kind)
{
    switch (kind) {
    case MAD_PREDICT_EDM:
        return MAD_NOISE_LOGNORMAL;
    case MAD_PREDICT_SCORE:
        return MAD_NOISE_LOGUNIFORM;
    case MAD_PREDICT_FLOW:
        return MAD_NOISE_FLOW;
    case MAD_PREDICT_EPS:
    case MAD_PREDICT_X0:
    case MAD_PREDICT_V:
        break;
    }
    return MAD_NOISE_SCHEDULE;
}

mad_noise_law mad_noise_law_published(mad_noise_law_kind kind)
{
    mad_noise_law law = {.kind = kind};
    switch (kind) {
    case MAD_NOISE_LOGNORMAL:
        law.mean = EDM_MEAN;
        law.sd = EDM_SD;
        break;
    case MAD_NOISE_SCHEDULE:
        break;
    case MAD_NOISE_VP:
        law.low = 1e-5;
        law.high = 1.0;
        break;
    case MAD_NOISE_FLOW:
        law.low = 0.0;
        law.high = 1.0;
        break;
    case MAD_NOISE_LOGIT_NORMAL:
        law.mean = 0.0;
        law.sd = 1.0;
        break;
    case MAD_NOISE_OU:
    case MAD_NOISE_OU_GEOMETRIC: /* high: schedule.horizon, by default */
        law.low = 1e-3;
        law.high = 4.0;
        break;
    case MAD_NOISE_LOGUNIFORM:
        law.low = 0.02;
        law.high = 100.0;
        break;
    }
    return law;
}

int mad_noise_law_is_normal(mad_noise_law_kind kind)
{
    return kind == MAD_NOISE_LOGNORMAL || kind == MAD_NOISE_LOGIT_NORMAL;
}

/* 1 + sigma^2 = exp(b): ln sigma, and d ln sigma / db = exp(b) / (2 (exp(b) - 1)). */
static mad_level from_exponent(double b, double db_du)
{
    return (mad_level){.log_sigma = 0.5 * log(expm1(b)), .slope = -0.5 * db_du / expm1(-b)};
}

static mad_level of_schedule(const mad_noise_schedule *schedule, double u)
{
    const size_t n = schedule->n_steps, t = 1 + (size_t)(u * (double)n);
    const double beta = 1.0 - schedule->abar[t] / schedule->abar[t - 1];
    return (mad_level){.log_sigma = log(mad_noise_sigma(schedule, t)),
                       .slope = 0.5 * (double)n * beta / (1.0 - schedule->abar[t]),
                       .step = t};
}

mad_level mad_noise_law_at(const mad_noise_law *law, double sigma_data, double u)
{
    const double span = law->high - law->low, t = law->low + span * u;
    switch (law->kind) {
    case MAD_NOISE_LOGNORMAL:
        return (mad_level){.log_sigma = log(sigma_data) + law->mean + law->sd * u};
    case MAD_NOISE_LOGIT_NORMAL:
        return (mad_level){.log_sigma = law->mean + law->sd * u};
    case MAD_NOISE_SCHEDULE:
        return of_schedule(law->schedule, u);
    case MAD_NOISE_VP:
        return from_exponent(t * (0.5 * VP_BETA_SPAN * t + VP_BETA_MIN),
                             span * (VP_BETA_SPAN * t + VP_BETA_MIN));
    case MAD_NOISE_FLOW: /* d logit(t) / dt = 1 / (t (1 - t)) */
        return (mad_level){.log_sigma = log(t) - log1p(-t), .slope = span / (t * (1.0 - t))};
    case MAD_NOISE_OU:
        return from_exponent(2.0 * t, 2.0 * span);
    case MAD_NOISE_OU_GEOMETRIC: {
        const double log_span = log(law->high / law->low);
        const double s = law->low * exp(log_span * u);
        return from_exponent(2.0 * s, 2.0 * s * log_span);
    }
    case MAD_NOISE_LOGUNIFORM: {
        const double log_span = log(law->high / law->low);
        return (mad_level){.log_sigma = log(law->low) + log_span * u, .slope = log_span};
    }
    }
    return (mad_level){0};
}

void mad_noise_law_draw(const mad_noise_law *law, mad_rng *rng, size_t n, double *u)
{
    if (mad_noise_law_is_normal(law->kind)) {
        mad_rng_normals(rng, n, u);
        return;
    }
    for (size_t r = 0; r < n; r++) {
        u[r] = fmax(mad_rng_uniform(rng), 0x1p-54); /* t = 0 has no ln sigma */
    }
}

void mad_noise_law_range(const mad_noise_law *law, double sigma_data, double *low, double *high)
{
    double u_low = 0.0, u_high = 1.0;
    if (mad_noise_law_is_normal(law->kind)) {
        u_low = -COVERED_SD;
        u_high = COVERED_SD;
    } else if (law->kind == MAD_NOISE_SCHEDULE) {
        u_high = 1.0 - 0x1p-53;
    } else if (law->kind == MAD_NOISE_FLOW) {
        u_low = law->low > 0.0 ? 0.0 : BEYOND;
        u_high = law->high < 1.0 ? 1.0 : 1.0 - BEYOND;
    }
    *low = mad_noise_law_at(law, sigma_data, u_low).log_sigma;
    *high = mad_noise_law_at(law, sigma_data, u_high).log_sigma;
}

double mad_loss_weight_at(mad_loss_weight weight, const mad_noise_law *law, double sigma_data,
                          const mad_level *level, const mad_coefficients *c)
{
    const double on_noise = c->eps_per_out * c->eps_per_out; /* |eps miss|^2 per |F miss|^2 */
    switch (weight) {
    case MAD_WEIGHT_SIMPLE:
        return 1.0;
    case MAD_WEIGHT_EDM: {
        const double ratio = exp(level->log_sigma) / sigma_data;
        return (1.0 + ratio * ratio) * on_noise;
    }
    case MAD_WEIGHT_VLB: {
        const double abar = law->schedule->abar[level->step];
        const double alpha = abar / law->schedule->abar[level->step - 1];
        return 0.5 * (1.0 - alpha) / (alpha * (1.0 - abar)) * on_noise;
    }
    case MAD_WEIGHT_LIKELIHOOD: {
        double low, high;
        mad_noise_law_range(law, sigma_data, &low, &high);
        return level->slope / (high - low) * on_noise;
    }
    }
    return 1.0;
}

/* Ends of t or sigma where the law's formulas hold. */
static mad_status check_ends(mad_ctx *ctx, const mad_noise_law *law)
{
    const int is_flow = law->kind == MAD_NOISE_FLOW;
    const double top = is_flow || law->kind == MAD_NOISE_VP ? 1.0 : 1e6;
    if (mad_noise_law_is_normal(law->kind) || law->kind == MAD_NOISE_SCHEDULE) {
        return MAD_OK;
    }
    if (!(law->low < law->high) || law->high > top || (!is_flow && !(law->low > 0.0))) {
        return mad_fail(
            ctx, MAD_E_CONFIG,
            "model.noise.min = %g and model.noise.max = %g: must satisfy 0 %s min < max <= %g with "
            "this model.noise.kind",
            law->low, law->high, is_flow ? "<=" : "<", top);
    }
    return MAD_OK;
}

mad_status mad_noise_law_check(mad_ctx *ctx, const mad_noise_law *law, mad_loss_weight weight)
{
    const int is_whole_flow = law->kind == MAD_NOISE_FLOW && (law->low <= 0.0 || law->high >= 1.0);
    if (weight == MAD_WEIGHT_VLB && law->kind != MAD_NOISE_SCHEDULE) {
        return mad_fail(
            ctx, MAD_E_CONFIG,
            "model.loss: vlb needs the steps of a schedule: set model.noise.kind to schedule");
    }
    if (weight == MAD_WEIGHT_LIKELIHOOD && (mad_noise_law_is_normal(law->kind) || is_whole_flow)) {
        return mad_fail(
            ctx, MAD_E_CONFIG,
            "model.loss: likelihood needs noise levels between two ends: set model.noise.kind to "
            "schedule, vp, ou, ou_geometric or loguniform");
    }
    return check_ends(ctx, law);
}

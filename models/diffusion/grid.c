/* models/diffusion/grid.c: grids of noise levels. */
#include <math.h>

#include "models/diffusion/sampler.h"

/* The level of step i = n..1. Rounding is half up. */
static size_t level_at(mad_spacing spacing, size_t i, size_t n, size_t n_levels)
{
    switch (spacing) {
    case MAD_SPACING_TRAILING:
        return (2 * i * n_levels + n) / (2 * n);
    case MAD_SPACING_LEADING:
        return 1 + (i - 1) * (n_levels / n);
    case MAD_SPACING_LINSPACE:
        break;
    }
    const size_t n_spaces = n > 1 ? n - 1 : 1, at = n > 1 ? i - 1 : 1;
    return 1 + (2 * at * (n_levels - 1) + n_spaces) / (2 * n_spaces);
}

static mad_status schedule_levels(mad_ctx *ctx, const mad_sampler_options *o,
                                  const mad_noise_schedule *schedule, double stop, double *sigma,
                                  size_t *n_steps)
{
    const size_t n = o->n_steps, n_levels = schedule->n_steps;
    size_t n_kept = 0;
    if (n > n_levels) {
        return mad_fail(ctx, MAD_E_CONFIG,
                        "model.sampler.steps is %zu, but the schedule has only %zu steps", n,
                        n_levels);
    }
    for (size_t i = 0; i < n; i++) {
        const size_t t = level_at(o->spacing, n - i, n, n_levels);
        if (schedule->sigma[t] > stop) {
            sigma[n_kept++] = schedule->sigma[t];
        }
    }
    sigma[n_kept] = stop;
    *n_steps = n_kept;
    return MAD_OK;
}

/* Where a grid is uniform: its own time, as a function of sigma and back. */
static double time_of(const mad_sampler_options *o, double sigma)
{
    switch (o->grid) {
    case MAD_GRID_EDM:
        return pow(sigma, 1.0 / o->rho);
    case MAD_GRID_LOG:
        return log(sigma);
    case MAD_GRID_COSINE:
        return atan(sigma);
    case MAD_GRID_VP:
        return mad_vp_time(o->vp_beta_min, o->vp_beta_max, sigma);
    case MAD_GRID_OU:
        return mad_ou_time(sigma);
    case MAD_GRID_OU_GEOMETRIC:
        return log(mad_ou_time(sigma));
    case MAD_GRID_LINEAR:
    case MAD_GRID_SCHEDULE:
        break;
    }
    return sigma;
}

static double sigma_of(const mad_sampler_options *o, double time)
{
    switch (o->grid) {
    case MAD_GRID_EDM:
        return pow(time, o->rho);
    case MAD_GRID_LOG:
        return exp(time);
    case MAD_GRID_COSINE:
        return tan(time);
    case MAD_GRID_VP:
        return mad_vp_sigma(o->vp_beta_min, o->vp_beta_max, time);
    case MAD_GRID_OU:
        return mad_ou_sigma(time);
    case MAD_GRID_OU_GEOMETRIC:
        return mad_ou_sigma(exp(time));
    case MAD_GRID_LINEAR:
    case MAD_GRID_SCHEDULE:
        break;
    }
    return time;
}

mad_status mad_grid_levels(mad_ctx *ctx, const mad_sampler_options *o,
                           const mad_noise_schedule *schedule, double stop, double *sigma,
                           size_t *n_steps)
{
    const size_t n = o->n_steps;
    const int is_ou = o->grid == MAD_GRID_OU || o->grid == MAD_GRID_OU_GEOMETRIC;
    const double high = o->grid == MAD_GRID_SCHEDULE
                            ? schedule->sigma[level_at(o->spacing, n, n, schedule->n_steps)]
                        : is_ou ? mad_ou_sigma(o->horizon)
                                : o->sigma_max;
    /* n levels and then 0, or n + 1 down to the stop; the OU grid alone reaches 0 by itself */
    const int is_closed = stop > 0.0 || o->grid == MAD_GRID_OU;
    const double low = is_closed ? stop : o->sigma_min;

    if (!(stop < high)) {
        return mad_fail(ctx, MAD_E_CONFIG,
                        "model.sampler.stop_time or stop_sigma: the early stop at noise level %g "
                        "is not below the first level, %g (%s)",
                        stop, high,
                        o->grid == MAD_GRID_SCHEDULE ? "model.schedule"
                        : is_ou                      ? "model.schedule.horizon"
                                                     : "model.sampler.sigma_max");
    }
    if (o->grid == MAD_GRID_SCHEDULE) {
        return schedule_levels(ctx, o, schedule, stop, sigma, n_steps);
    }
    if (!(low < high)) {
        return mad_fail(ctx, MAD_E_CONFIG,
                        "model.sampler.sigma_min is %g, must be below the highest level, %g", low,
                        high);
    }
    const size_t n_spaces = is_closed ? n : n - 1;
    const double top = time_of(o, high), bottom = time_of(o, low);
    sigma[0] = high;
    for (size_t i = 1; i < n; i++) {
        sigma[i] = sigma_of(o, top + (double)i / (double)n_spaces * (bottom - top));
    }
    sigma[n] = stop;
    *n_steps = n;
    return MAD_OK;
}

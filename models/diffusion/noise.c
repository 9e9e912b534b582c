/* models/diffusion/noise.c: noise schedules. */
#include "models/diffusion/noise.h"

#include <math.h>

mad_status mad_noise_schedule_create(mad_ctx *ctx, size_t n_steps, double beta_min, double beta_max,
                                     int rescale, mad_arena *mem, mad_noise_schedule *out)
{
    const double factor = rescale ? 1000.0 / (double)n_steps : 1.0;
    const double span = n_steps > 1 ? (double)(n_steps - 1) : 1.0;
    double *abar = mad_arena_take(mem, n_steps + 1, sizeof *abar);
    if (abar == NULL) {
        return mad_fail_memory(ctx, "the noise schedule");
    }
    abar[0] = 1.0;
    for (size_t t = 1; t <= n_steps; t++) {
        const double beta = factor * (beta_min + (beta_max - beta_min) * (double)(t - 1) / span);
        if (!(beta > 0.0 && beta < 1.0)) {
            return mad_fail(ctx, MAD_E_CONFIG,
                            "schedule: beta of step %zu of %zu is %g%s, must lie between 0 and 1",
                            t, n_steps, beta, rescale ? " after rescaling by 1000 / steps" : "");
        }
        abar[t] = abar[t - 1] * (1.0 - beta);
    }
    *out = (mad_noise_schedule){.n_steps = n_steps, .abar = abar};
    return MAD_OK;
}

double mad_noise_sigma(const mad_noise_schedule *schedule, size_t t)
{
    return sqrt((1.0 - schedule->abar[t]) / schedule->abar[t]);
}

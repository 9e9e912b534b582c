/* analysis/policy/policy_life.c: see the header. */
#include "analysis/policy/policy_life.h"

#include <math.h>

static const mad_fractions half = {1, {0.5}};

mad_status mad_policy_life_take(mad_ctx *ctx, mad_arena *mem, size_t n_units, size_t horizon,
                                const double *value, mad_policy_life *out)
{
    mad_status st = MAD_OK;
    const double nan = (double)NAN;
    mad_fits fits;
    MAD_TRY(mad_fits_reserve(ctx, mem, n_units, &half, &fits));
    MAD_TRY(mad_fits_take(ctx, horizon, horizon, value, &fits));
    *out = (mad_policy_life){.law = fits.best,
                             .fitted = nan,
                             .fitted_interval = {nan, nan},
                             .median = fits.survival[0].median,
                             .median_interval = {fits.survival[0].low, fits.survival[0].high}};
    if (fits.best != MAD_N_LAWS) {
        out->fitted = fits.fit[fits.best].half_life_zero;
        out->fitted_interval = fits.interval[fits.best].half_life_zero;
    }
out:
    return st;
}

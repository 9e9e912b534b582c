/* analysis/fit/fits.c: see the header. */
#include "analysis/fit/fits.h"

#include <math.h>

const mad_fractions mad_default_fractions = {5, {0.9, 0.75, 0.5, 0.25, 0.1}};

mad_status mad_fits_reserve(mad_ctx *ctx, mad_arena *mem, size_t n_replicates,
                            const mad_fractions *fractions, mad_fits *out)
{
    const size_t n = fractions->n * n_replicates;
    mad_survival_step *step = mad_arena_take(mem, n, sizeof *step);
    *out = (mad_fits){.n_replicates = n_replicates, .best = MAD_N_LAWS, .fractions = *fractions};
    out->crossing = mad_arena_take(mem, n, sizeof *out->crossing);
    if (step == NULL || out->crossing == NULL) {
        return mad_fail_memory(ctx, "fits");
    }
    for (size_t k = 0; k < fractions->n; k++) {
        out->survival[k].step = step + k * n_replicates;
    }
    return MAD_OK;
}

static mad_status fit_laws(mad_ctx *ctx, const mad_replicates *sample, size_t n_generations,
                           mad_fits *out)
{
    mad_status st = MAD_OK;
    double *mean = mad_arena_take_raw(ctx->scratch, n_generations, sizeof *mean);
    if (mean == NULL) {
        return mad_fail_memory(ctx, "fits");
    }
    for (size_t g = 0; g < n_generations; g++) {
        mean[g] = (double)NAN;
    }
    for (size_t i = 0; i < sample->n_points; i++) {
        mean[sample->gen[i]] = sample->mean[i];
    }
    for (mad_law law = MAD_LAW_EXPONENTIAL; law < MAD_N_LAWS; law++) {
        MAD_TRY(mad_law_fit_curve(ctx, law, n_generations, mean, &out->fit[law]));
        MAD_TRY(mad_law_intervals_take(ctx, sample, law, &out->fit[law], &out->interval[law]));
    }
    out->best = mad_law_choose(out->fit);
out:
    return st;
}

mad_status mad_fits_take(mad_ctx *ctx, size_t stride, size_t n_generations, const double *value,
                         mad_fits *out)
{
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    const size_t n = out->n_replicates;
    mad_replicates sample;
    mad_status st = MAD_OK;

    MAD_TRY(mad_replicates_take(ctx, n, stride, n_generations, value, &sample));
    out->n_points = sample.n_points;
    MAD_TRY(fit_laws(ctx, &sample, n_generations, out));
    MAD_TRY(mad_turn_find(ctx, &sample, &out->turn));
    for (size_t k = 0; k < out->fractions.n; k++) {
        mad_crossing *crossing = out->crossing + k * n;
        for (size_t r = 0; r < n; r++) {
            crossing[r] =
                mad_crossing_find(n_generations, value + r * stride, out->fractions.at[k]);
        }
        out->survival[k] = mad_survival_curve(n, crossing, out->survival[k].step);
    }
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

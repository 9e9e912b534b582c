/* models/diffusion/gain.c: lam_eff, what a sampler does to a variance with an exact denoiser. */
#include <math.h>

#include "models/diffusion/sampling_internal.h"

#define N_CLIPPED ((size_t)16384) /* Monte Carlo rows behind the effect of sampler.clip */

/* D of N(0, variance), held in low..high. */
typedef struct clipped_line {
    double variance, low, high;
} clipped_line;

static void denoise_clipped_line(void *self, double sigma, size_t n_rows, const int32_t *label,
                                 const double *x, double *d)
{
    (void)label;
    const clipped_line *c = self;
    const double k = c->variance / (c->variance + sigma * sigma);
    for (size_t i = 0; i < n_rows; i++) {
        d[i] = fmin(fmax(k * x[i], c->low), c->high);
    }
}

static double sampled_variance(const mad_ladder *ladder, clipped_line line, double *x, double *work)
{
    const mad_denoiser denoiser = {.dim = 1, .self = &line, .denoise = denoise_clipped_line};
    mad_rng rng = mad_rng_open((mad_key){.purpose = MAD_RNG_MEASURE}, 0);
    double sum_sq = 0.0;
    mad_ladder_walk(ladder, &denoiser, &rng, N_CLIPPED, NULL, x, work);
    for (size_t i = 0; i < N_CLIPPED; i++) {
        sum_sq += x[i] * x[i];
    }
    return sum_sq / (double)N_CLIPPED;
}

/* What clipping adds to the variance, in a column of average centre; the same noise with and
 * without, so that little is left to chance where clipping is rare. */
static mad_status clip_effect(mad_ctx *ctx, const mad_ladder *ladder, const mad_source *source,
                              double variance, double *out)
{
    mad_status st = MAD_OK;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    double *x = mad_arena_take_raw(ctx->scratch, N_CLIPPED, sizeof *x);
    double *work = mad_arena_take_raw(ctx->scratch, MAD_WALK_BUFFERS * N_CLIPPED, sizeof *work);
    double centre = 0.0;

    if (x == NULL || work == NULL) {
        st = mad_fail_memory(ctx, "the rows of a sampler's gain");
        goto out;
    }
    for (size_t j = 0; j < source->dim; j++) {
        centre += source->centre[j] / (double)source->dim;
    }
    const clipped_line free_line = {variance, -HUGE_VAL, HUGE_VAL};
    const clipped_line clipped = {variance, (source->range_low - centre) / source->scale,
                                  (source->range_high - centre) / source->scale};
    *out =
        sampled_variance(ladder, clipped, x, work) - sampled_variance(ladder, free_line, x, work);
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

double mad_sampling_stretch(const mad_sampling *sampling, const mad_ladder *ladder,
                            const mad_source *source)
{
    return sampling->calibrates && source->variance > 0.0
               ? 1.0 / sqrt(mad_ladder_gain(ladder, source->variance))
               : 1.0;
}

mad_status mad_sampling_gain(mad_ctx *ctx, const mad_sampling *sampling, const mad_source *source,
                             size_t generation, size_t n, const double *variance, double *gain)
{
    mad_status st = MAD_OK;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    mad_ladder ladder;

    MAD_TRY(mad_sampling_ladder(ctx, sampling, generation, ctx->scratch, &ladder));
    for (size_t i = 0; i < n; i++) {
        double out = mad_ladder_gain(&ladder, variance[i]) * variance[i];
        if (sampling->clips && source != NULL) {
            double effect = 0.0;
            MAD_TRY(clip_effect(ctx, &ladder, source, variance[i], &effect));
            out += effect;
        }
        const double own = source != NULL ? source->variance : variance[i];
        if (sampling->calibrates && own > 0.0) {
            out /= mad_ladder_gain(&ladder, own);
        }
        gain[i] = out / variance[i];
    }
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

int mad_sampling_gain_needs_rows(const mad_sampling *sampling)
{
    return sampling->clips || sampling->calibrates;
}

/* Variance of a column of all rows: within classes plus between their means. */
static double total_variance(const mad_source *source)
{
    double total = 0.0, between = 0.0;
    for (size_t k = 0; k < source->n_classes; k++) {
        total += source->class_p[k];
    }
    for (size_t j = 0; j < source->dim && total > 0.0; j++) {
        double mean = 0.0, square = 0.0;
        for (size_t k = 0; k < source->n_classes; k++) {
            const double m = source->class_mean[k * source->dim + j];
            mean += source->class_p[k] / total * m;
            square += source->class_p[k] / total * m * m;
        }
        between += (square - mean * mean) / (double)source->dim;
    }
    return source->variance + between;
}

/* NaN where a normal law says nothing. */
static double guide_gain(const mad_sampling *sampling, const mad_source *source, size_t generation)
{
    const mad_guidance g = mad_sampling_guidance(sampling, source, generation);
    switch (g.kind) {
    case MAD_GUIDE_CFG:
        return mad_guided_gain(source->variance, total_variance(source), g.w);
    case MAD_GUIDE_AUTO:
    case MAD_GUIDE_NEGATIVE:
        return source->auxiliary_variance > 0.0
                   ? mad_guided_gain(source->variance, source->auxiliary_variance, g.w)
                   : (double)NAN;
    case MAD_GUIDE_NONE:
        return 1.0;
    case MAD_GUIDE_REWARD:
        break;
    }
    return (double)NAN;
}

mad_status mad_sampling_report(mad_ctx *ctx, const mad_sampling *sampling, const mad_source *source,
                               size_t generation, double *report)
{
    report[1] = source->variance;
    if (!(source->variance > 0.0)) {
        report[0] = report[2] = (double)NAN; /* a single point has no variance to change */
        return MAD_OK;
    }
    report[2] = guide_gain(sampling, source, generation);
    return mad_sampling_gain(ctx, sampling, source, generation, 1, &source->variance, report);
}

mad_status mad_sampling_line(mad_ctx *ctx, const mad_sampling *sampling, const mad_source *source,
                             size_t generation, size_t n, const double *mean,
                             const double *variance, double *out_mean, double *out_variance)
{
    mad_status st = MAD_OK;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    mad_ladder ladder;

    MAD_TRY(mad_sampling_ladder(ctx, sampling, generation, ctx->scratch, &ladder));
    const double stretch = mad_sampling_stretch(sampling, &ladder, source);
    for (size_t i = 0; i < n; i++) {
        const mad_line line = mad_ladder_line(&ladder, (mad_line){mean[i], variance[i]});
        const double m = mad_ladder_shrink(&ladder) * mean[i];
        out_mean[i] = m + stretch * (line.mean - m);
        out_variance[i] = stretch * stretch * line.variance;
    }
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

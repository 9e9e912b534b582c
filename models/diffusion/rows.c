/* models/diffusion/rows.c: rows drawn with any sampler, chunk by chunk. */
#include <math.h>
#include <string.h>

#include "models/diffusion/sampling_internal.h"
#include "sim/base/par.h"

typedef struct rows_job {
    const mad_sampling *sampling;
    const mad_source *source;
    const mad_ladder *ladder;
    mad_guidance guidance;
    mad_key key;
    uint64_t first_item;
    const double *class_cum; /* [n_classes] */
    double stretch;          /* about the class means, of sampler.calibrate */
    mad_set *out;
} rows_job;

/* sampler.clip: D held in the range of the data. */
typedef struct clip {
    mad_denoiser inner;
    const mad_source *source;
} clip;

static void denoise_clipped(void *self, double sigma, size_t n_rows, const int32_t *label,
                            const double *x, double *d)
{
    const clip *c = self;
    const mad_source *s = c->source;
    c->inner.denoise(c->inner.self, sigma, n_rows, label, x, d);
    for (size_t r = 0; r < n_rows; r++) {
        for (size_t j = 0; j < s->dim; j++) {
            const double low = (s->range_low - s->centre[j]) / s->scale;
            const double high = (s->range_high - s->centre[j]) / s->scale;
            d[r * s->dim + j] = fmin(fmax(d[r * s->dim + j], low), high);
        }
    }
}

/* x' = m + stretch (x - m), m the class mean as the sampler leaves it. */
static void calibrate(const rows_job *job, size_t n_rows, const int32_t *label, double *x)
{
    const mad_source *s = job->source;
    const double shrink = mad_ladder_shrink(job->ladder);
    for (size_t r = 0; r < n_rows; r++) {
        const double *mean = s->class_mean + (label == NULL ? 0 : (size_t)label[r] * s->dim);
        for (size_t j = 0; j < s->dim; j++) {
            const double m = shrink * mean[j];
            x[r * s->dim + j] = m + job->stretch * (x[r * s->dim + j] - m);
        }
    }
}

/* Back to world units; a row that is not finite is an error, not data. */
static mad_status store(mad_ctx *ctx, const mad_source *s, size_t n_rows, const double *x,
                        double *out)
{
    for (size_t i = 0; i < n_rows * s->dim; i++) {
        if (!isfinite(x[i])) {
            return mad_fail(ctx, MAD_E_NONFINITE,
                            "the sampler left the finite numbers: the denoiser has diverged");
        }
        out[i] = s->centre[i % s->dim] + s->scale * x[i];
    }
    return MAD_OK;
}

static mad_status draw_chunk(mad_ctx *ctx, void *arg, size_t i_chunk)
{
    mad_status st = MAD_OK;
    const rows_job *job = arg;
    const mad_source *s = job->source;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    const size_t begin = mad_chunk_begin(i_chunk);
    const size_t n = mad_chunk_rows(job->out->n_rows, i_chunk);
    /* PC's step size is a mean over rows: a last chunk of few is walked whole */
    const size_t n_walked = job->ladder->options.kind == MAD_SAMPLER_PC ? MAD_CHUNK : n;
    mad_rng rng = mad_rng_open(job->key, job->first_item + i_chunk);
    double *x = mad_arena_take_raw(ctx->scratch, n_walked * s->dim, sizeof *x);
    double *work =
        mad_arena_take_raw(ctx->scratch, MAD_WALK_BUFFERS * n_walked * s->dim, sizeof *work);
    int32_t *label = mad_arena_take_raw(ctx->scratch, n_walked, sizeof *label);
    mad_denoiser base = {0}, auxiliary = {0};

    if (x == NULL || work == NULL || label == NULL) {
        st = mad_fail_memory(ctx, "a block of samples");
        goto out;
    }
    for (size_t r = 0; r < n_walked && s->n_classes > 0; r++) {
        label[r] = job->out->is_label_given && r < n
                       ? job->out->label[begin + r]
                       : (int32_t)mad_rng_index(&rng, s->n_classes, job->class_cum);
    }
    if (s->n_classes == 0) {
        label = NULL;
    } else if (job->out->label != NULL) {
        memcpy(job->out->label + begin, label, n * sizeof *label);
    }
    MAD_TRY(s->open(ctx, s->self, ctx->scratch, &base, &auxiliary));
    if (job->guidance.kind != MAD_GUIDE_NONE) {
        MAD_TRY(mad_guidance_open(ctx, &job->guidance, &base, &auxiliary, n_walked, ctx->scratch,
                                  &base));
    }
    clip clipped = {.inner = base, .source = s};
    if (job->sampling->clips) {
        base = (mad_denoiser){.dim = s->dim, .self = &clipped, .denoise = denoise_clipped};
    }
    mad_ladder_walk(job->ladder, &base, &rng, n_walked, label, x, work);
    if (job->sampling->calibrates) {
        calibrate(job, n, label, x);
    }
    MAD_TRY(store(ctx, s, n, x, job->out->x + begin * s->dim));
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

/* A class that no training row was of has no denoiser. */
static mad_status check_given(mad_ctx *ctx, const mad_source *source, const mad_set *out)
{
    for (size_t r = 0; r < out->n_rows && out->is_label_given; r++) {
        if (!(source->class_p[out->label[r]] > 0.0)) {
            return mad_fail(ctx, MAD_E_FAILED,
                            "class %d has died out: the model was fitted without a row of it",
                            (int)out->label[r]);
        }
    }
    return MAD_OK;
}

static mad_status draw_rows(mad_ctx *ctx, const mad_sampling *sampling, const mad_source *source,
                            const mad_guidance *guidance, mad_key key, uint64_t first_item,
                            mad_set *out)
{
    mad_status st = MAD_OK;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    double *cum = mad_arena_take(ctx->scratch, source->n_classes + 1, sizeof *cum);
    mad_ladder ladder;
    rows_job job = {.sampling = sampling,
                    .source = source,
                    .ladder = &ladder,
                    .guidance = *guidance,
                    .key = key,
                    .first_item = first_item,
                    .class_cum = cum,
                    .out = out};
    double total = 0.0;

    if (cum == NULL) {
        st = mad_fail_memory(ctx, "the class frequencies");
        goto out;
    }
    MAD_TRY(check_given(ctx, source, out));
    for (size_t k = 0; k < source->n_classes; k++) {
        total += source->class_p[k];
        cum[k] = total;
    }
    MAD_TRY(mad_sampling_ladder(ctx, sampling, key.generation, ctx->scratch, &ladder));
    job.stretch = mad_sampling_stretch(sampling, &ladder, source);
    MAD_TRY(mad_par_for(ctx, mad_n_chunks(out->n_rows), draw_chunk, &job));
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

mad_status mad_sampling_rows(mad_ctx *ctx, const mad_sampling *sampling, const mad_source *source,
                             mad_key key, uint64_t first_item, mad_set *out)
{
    const mad_guidance guidance = mad_sampling_guidance(sampling, source, key.generation);
    return draw_rows(ctx, sampling, source, &guidance, key, first_item, out);
}

mad_status mad_sampling_own_rows(mad_ctx *ctx, const mad_sampling *sampling,
                                 const mad_source *source, mad_key key, uint64_t first_item,
                                 mad_set *out)
{
    return draw_rows(ctx, sampling, source, &(mad_guidance){.kind = MAD_GUIDE_NONE}, key,
                     first_item, out);
}

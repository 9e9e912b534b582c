/* analysis/metrics/power.c: which scales of a picture lose variance. */
#include <math.h>
#include <string.h>

#include "analysis/metrics/shared.h"
#include "sim/base/par.h"
#include "sim/num/dft.h"

enum { N_BANDS = 6 };

/* Of all power: less is the rounding of the transform. */
#define NO_POWER 1e-20

#define BAND(i, name_text, range_text)                                                             \
    [i] = {.name = "power_ratio_" name_text,                                                       \
           .long_name = "power of waves of " range_text " per picture over that of real rows",     \
           .units = "1",                                                                           \
           .direction = "target",                                                                  \
           .definition = "sum over channels and waves with " range_text                            \
                         " of the variance of the Fourier coefficient / that of the reference "    \
                         "rows; |k| = sqrt(kx^2 + ky^2), waves per picture",                       \
           .reference = "docs/measures.md",                                                        \
           .undefined = "where rows are no pictures, none so large, or real ones have no such "    \
                        "power"}

static const mad_metric_output outputs[] = {
    BAND(0, "0", "|k| < 1"),
    BAND(1, "1", "1 <= |k| < 2"),
    BAND(2, "2", "2 <= |k| < 4"),
    BAND(3, "4", "4 <= |k| < 8"),
    BAND(4, "8", "8 <= |k| < 16"),
    BAND(5, "16", "16 <= |k|"),
    {.name = NULL},
};

static size_t band_of(double k)
{
    size_t band = 0;
    while (band + 1 < N_BANDS && k >= ldexp(1.0, (int)band)) {
        band++;
    }
    return band;
}

static int fits(const mad_world_info *world, size_t i_output)
{
    const double y = floor(0.5 * (double)world->height), x = floor(0.5 * (double)world->width);
    return world->height > 0 && band_of(hypot(x, y)) >= i_output;
}

/* Power per band, in units of the square of `scale`: numbers of any size have one. */
typedef struct power {
    double band[N_BANDS], scale;
} power;

typedef struct power_job {
    const mad_world_info *world;
    const mad_set *set;
    double scale;
    double *mean; /* [dim] */
    size_t *band; /* [height width] of every wave */
    double *sum;  /* [n_chunks][N_BANDS] */
    mad_dft2 dft;
} power_job;

/* Exact where all rows are equal. */
static void take_mean(power_job *job)
{
    const size_t n = job->set->n_rows, dim = job->set->dim;
    const double *x = job->set->x;
    for (size_t i = 1; i < n; i++) {
        for (size_t j = 0; j < dim; j++) {
            job->mean[j] += (x[i * dim + j] - x[j]) / (double)n;
        }
    }
    for (size_t j = 0; j < dim; j++) {
        job->mean[j] += x[j];
    }
    for (size_t i = 0; i < n * dim; i++) {
        job->scale = fmax(job->scale, fabs(x[i] - job->mean[i % dim]));
    }
}

/* The variance of a coefficient is that of the transform of x - mean. */
static mad_status add_power(mad_ctx *ctx, void *arg, size_t i_chunk)
{
    const power_job *job = arg;
    const size_t channels = job->world->channels, dim = job->set->dim, n = dim / channels;
    const size_t begin = mad_chunk_begin(i_chunk);
    const size_t end = begin + mad_chunk_rows(job->set->n_rows, i_chunk);
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    double *x = mad_arena_take_raw(ctx->scratch, dim + 4 * n, sizeof *x);
    double *sum = job->sum + i_chunk * N_BANDS;
    if (x == NULL) {
        return mad_fail_memory(ctx, "a Fourier transform");
    }
    double *re = x + dim, *im = re + n, *work = im + n;
    for (size_t i = begin; i < end; i++) {
        for (size_t j = 0; j < dim; j++) {
            x[j] = (job->set->x[i * dim + j] - job->mean[j]) / job->scale;
        }
        for (size_t c = 0; c < channels; c++) {
            mad_dft2_apply(&job->dft, x + c, channels, re, im, work);
            for (size_t k = 0; k < n; k++) {
                sum[job->band[k]] += re[k] * re[k] + im[k] * im[k];
            }
        }
    }
    mad_arena_release(ctx->scratch, mark);
    return MAD_OK;
}

static mad_status plan(mad_ctx *ctx, power_job *job)
{
    const mad_world_info *w = job->world;
    const size_t n = w->height * w->width;
    job->mean = mad_arena_take(ctx->scratch, job->set->dim, sizeof *job->mean);
    job->band = mad_arena_take_raw(ctx->scratch, n, sizeof *job->band);
    job->sum =
        mad_arena_take(ctx->scratch, mad_n_chunks(job->set->n_rows) * N_BANDS, sizeof *job->sum);
    if (job->mean == NULL || job->band == NULL || job->sum == NULL) {
        return mad_fail_memory(ctx, "the power of pictures");
    }
    for (size_t k = 0; k < n; k++) {
        job->band[k] = band_of(hypot((double)mad_dft_waves(w->height, k / w->width),
                                     (double)mad_dft_waves(w->width, k % w->width)));
    }
    return mad_dft2_create(ctx, ctx->scratch, w->height, w->width, &job->dft);
}

/* ddof 1. */
static mad_status power_of(mad_ctx *ctx, const mad_world_info *world, const mad_set *set,
                           power *out)
{
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    const size_t n_chunks = mad_n_chunks(set->n_rows);
    mad_status st = MAD_OK;
    power_job job = {.world = world, .set = set};
    MAD_TRY(plan(ctx, &job));
    take_mean(&job);
    memset(out, 0, sizeof *out);
    if (job.scale > 0.0) {
        MAD_TRY(mad_par_for(ctx, n_chunks, add_power, &job));
    }
    out->scale = job.scale;
    for (size_t i = 0; i < n_chunks; i++) {
        for (size_t b = 0; b < N_BANDS; b++) {
            out->band[b] += job.sum[i * N_BANDS + b] / ((double)set->n_rows - 1.0);
        }
    }
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

static mad_status prepare(mad_ctx *ctx, const mad_metric_in *in, mad_arena *mem, const void **out)
{
    power *real = mad_arena_take(mem, 1, sizeof *real);
    if (real == NULL) {
        return mad_fail_memory(ctx, "the power of pictures");
    }
    *out = real;
    return in->world->height > 0 ? power_of(ctx, in->world, in->real, real) : MAD_OK;
}

static mad_status eval(mad_ctx *ctx, const mad_metric_in *in, double *values)
{
    const power *real = in->prepared;
    power fake = {0};
    double total = 0.0;
    mad_status st = MAD_OK;
    if (in->world->height > 0) {
        MAD_TRY(power_of(ctx, in->world, in->fake, &fake));
    }
    for (size_t b = 0; b < N_BANDS; b++) {
        total += real->band[b];
    }
    const double scale = fake.scale / real->scale;
    for (size_t b = 0; b < N_BANDS; b++) {
        const int is_there = real->band[b] > NO_POWER * total;
        values[b] = is_there ? fake.band[b] / real->band[b] * scale * scale : (double)NAN;
    }
out:
    return st;
}

const mad_metric_type mad_metric_power = {
    .name = "power",
    .doc = "variance of pictures by scale, octave by octave, over that of real rows",
    .needs = MAD_NEEDS_SAMPLES | MAD_BY_NAME,
    .worlds = 1u << MAD_WORLD_CONTINUOUS,
    .outputs = outputs,
    .min_rows = mad_rows_two,
    .fits = fits,
    .prepare = prepare,
    .eval = eval,
};

/* models/diffusion/density.c: log densities and denoising losses of rows under a diffusion model, in
 * world units. */
#include <math.h>
#include <string.h>

#include "models/diffusion/sampling_internal.h"
#include "sim/base/par.h"

typedef struct density_job {
    const mad_likelihood *likelihood;
    const mad_source *source;
    mad_key key;
    const mad_set *rows;
    double *log_density;
} density_job;

/* ln sum_k p_k p(x | k), where the denoiser knows no unconditional answer. */
static mad_status sum_classes(mad_ctx *ctx, const density_job *job, const mad_denoiser *base,
                              mad_rng *rng, size_t n, const double *x, double *out)
{
    mad_status st = MAD_OK;
    const mad_source *s = job->source;
    int32_t *label = mad_arena_take_raw(ctx->scratch, n, sizeof *label);
    double *one = mad_arena_take_raw(ctx->scratch, n, sizeof *one);
    double total = 0.0;

    if (label == NULL || one == NULL) {
        return mad_fail_memory(ctx, "the densities of the classes");
    }
    for (size_t k = 0; k < s->n_classes; k++) {
        total += s->class_p[k];
    }
    for (size_t r = 0; r < n; r++) {
        out[r] = -HUGE_VAL;
    }
    for (size_t k = 0; k < s->n_classes; k++) {
        if (!(s->class_p[k] > 0.0)) {
            continue;
        }
        for (size_t r = 0; r < n; r++) {
            label[r] = (int32_t)k;
        }
        MAD_TRY(mad_flow_log_density(ctx, job->likelihood, base, rng, n, label, x, one));
        for (size_t r = 0; r < n; r++) {
            const double a = log(s->class_p[k] / total) + one[r], high = fmax(a, out[r]);
            out[r] = high + log(exp(a - high) + exp(out[r] - high));
        }
    }
out:
    return st;
}

/* n rows from `begin`, standardised; NULL when memory is short. */
static double *standard_rows(mad_ctx *ctx, const mad_source *s, const mad_set *rows, size_t begin,
                             size_t n)
{
    const size_t dim = s->dim;
    double *x = mad_arena_take_raw(ctx->scratch, n * dim, sizeof *x);
    for (size_t i = 0; i < n * dim && x != NULL; i++) {
        x[i] = (rows->x[begin * dim + i] - s->centre[i % dim]) / s->scale;
    }
    return x;
}

static mad_status check_classes(mad_ctx *ctx, const mad_source *source, const mad_set *rows)
{
    for (size_t r = 0; r < rows->n_rows && rows->label != NULL && source->n_classes > 0; r++) {
        if (rows->label[r] < 0 || (size_t)rows->label[r] >= source->n_classes) {
            return mad_fail(ctx, MAD_E_RANGE, "row %zu has class %d, classes are 0..%zu", r,
                            (int)rows->label[r], source->n_classes - 1);
        }
        if (!(source->class_p[rows->label[r]] > 0.0)) {
            return mad_fail(ctx, MAD_E_RANGE, "row %zu is of class %d, which has died out", r,
                            (int)rows->label[r]);
        }
    }
    return MAD_OK;
}

static mad_status density_chunk(mad_ctx *ctx, void *arg, size_t i_chunk)
{
    mad_status st = MAD_OK;
    const density_job *job = arg;
    const mad_source *s = job->source;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    const size_t begin = mad_chunk_begin(i_chunk), dim = s->dim;
    const size_t n = mad_chunk_rows(job->rows->n_rows, i_chunk);
    const int32_t *label = job->rows->label == NULL ? NULL : job->rows->label + begin;
    double *const out = job->log_density + begin;
    mad_rng rng = mad_rng_open(job->key, i_chunk);
    const double *x = standard_rows(ctx, s, job->rows, begin, n);
    mad_denoiser base = {0}, auxiliary = {0};

    if (x == NULL) {
        st = mad_fail_memory(ctx, "a block of rows");
        goto out;
    }
    MAD_TRY(s->open(ctx, s->self, ctx->scratch, &base, &auxiliary));
    if (label == NULL && s->n_classes > 0 && s->is_conditional_only) {
        MAD_TRY(sum_classes(ctx, job, &base, &rng, n, x, out));
    } else {
        MAD_TRY(mad_flow_log_density(ctx, job->likelihood, &base, &rng, n,
                                     s->n_classes > 0 ? label : NULL, x, out));
    }
    for (size_t r = 0; r < n; r++) {
        out[r] -= (double)dim * log(s->scale);
    }
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

mad_status mad_sampling_log_density(mad_ctx *ctx, const mad_sampling *sampling,
                                    const mad_source *source, mad_key key, const mad_set *rows,
                                    double *log_density)
{
    density_job job = {.likelihood = &sampling->likelihood,
                       .source = source,
                       .key = key,
                       .rows = rows,
                       .log_density = log_density};
    const mad_status st = check_classes(ctx, source, rows);
    return st == MAD_OK ? mad_par_for(ctx, mad_n_chunks(rows->n_rows), density_chunk, &job) : st;
}

/* ---- denoising loss ------------------------------------------------------------------------ */

/* Levels uniform in ln sigma, in standardised units. */
enum { N_LEVELS = 16 };
static const double level_low = 0.05, level_high = 5.0;

typedef struct loss_job {
    const mad_source *source;
    const mad_set *rows;
    const double *noise; /* [N_LEVELS][dim], the same for every row: only rows differ */
    double *loss;
} loss_job;

/* Adds |D(x + sign sigma n) - x|^2 / sigma^2 / (2 N_LEVELS dim); state, d: [n][dim]. */
static void add_level(const mad_denoiser *base, size_t level, double sign, size_t n,
                      const int32_t *label, const double *x, const double *noise, double *state,
                      double *d, double *loss)
{
    const size_t dim = base->dim;
    const double at = (double)level / (N_LEVELS - 1);
    const double sigma = level_low * pow(level_high / level_low, at);
    for (size_t i = 0; i < n * dim; i++) {
        state[i] = x[i] + sign * sigma * noise[level * dim + i % dim];
    }
    base->denoise(base->self, sigma, n, label, state, d);
    for (size_t i = 0; i < n * dim; i++) {
        const double error = (d[i] - x[i]) / sigma;
        loss[i / dim] += error * error / (2.0 * N_LEVELS * (double)dim);
    }
}

/* noise[N_LEVELS][dim]: of mean square 1 at every level. */
static void draw_noise(mad_rng *rng, size_t dim, double *noise)
{
    mad_rng_normals(rng, N_LEVELS * dim, noise);
    for (double *n = noise; n < noise + N_LEVELS * dim; n += dim) {
        double square = 0.0;
        for (size_t j = 0; j < dim; j++) {
            square += n[j] * n[j] / (double)dim;
        }
        for (size_t j = 0; j < dim; j++) {
            n[j] /= sqrt(square);
        }
    }
}

static mad_status loss_chunk(mad_ctx *ctx, void *arg, size_t i_chunk)
{
    mad_status st = MAD_OK;
    const loss_job *job = arg;
    const mad_source *s = job->source;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    const size_t begin = mad_chunk_begin(i_chunk);
    const size_t n = mad_chunk_rows(job->rows->n_rows, i_chunk);
    const int32_t *label =
        job->rows->label == NULL || s->n_classes == 0 ? NULL : job->rows->label + begin;
    double *const out = job->loss + begin;
    const double *x = standard_rows(ctx, s, job->rows, begin, n);
    double *work = mad_arena_take_raw(ctx->scratch, 2 * n * s->dim, sizeof *work);
    mad_denoiser base = {0}, auxiliary = {0};

    if (x == NULL || work == NULL) {
        st = mad_fail_memory(ctx, "a block of rows");
        goto out;
    }
    MAD_TRY(s->open(ctx, s->self, ctx->scratch, &base, &auxiliary));
    memset(out, 0, n * sizeof *out);
    for (size_t level = 0; level < N_LEVELS; level++) {
        for (int sign = -1; sign <= 1; sign += 2) {
            add_level(&base, level, sign, n, label, x, job->noise, work, work + n * s->dim, out);
        }
    }
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

mad_status mad_sampling_loss(mad_ctx *ctx, const mad_source *source, mad_key key,
                             const mad_set *rows, double *loss)
{
    mad_status st = MAD_OK;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    mad_rng rng = mad_rng_open(key, 0);
    double *noise = mad_arena_take_raw(ctx->scratch, N_LEVELS * source->dim, sizeof *noise);
    loss_job job = {source, rows, noise, loss};
    if (noise == NULL) {
        return mad_fail_memory(ctx, "the noise of a loss");
    }
    if (rows->label == NULL && source->n_classes > 0 && source->is_conditional_only) {
        st = mad_fail(ctx, MAD_E_UNSUPPORTED, "a model of classes has no loss of rows without");
        goto out;
    }
    MAD_TRY(check_classes(ctx, source, rows));
    draw_noise(&rng, source->dim, noise);
    MAD_TRY(mad_par_for(ctx, mad_n_chunks(rows->n_rows), loss_chunk, &job));
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

/* loops/select/spacing.c: distances by brute force, in chunks. */
#include "loops/select/spacing.h"

#include <math.h>

#include "sim/base/par.h"
#include "sim/num/stats.h"

static double distance_sq(size_t dim, const double *a, const double *b)
{
    double sum = 0.0;
    for (size_t j = 0; j < dim; j++) {
        sum += (a[j] - b[j]) * (a[j] - b[j]);
    }
    return sum;
}

mad_status mad_spacing_start(mad_ctx *ctx, const mad_set *rows, mad_spacing *out)
{
    *out = (mad_spacing){
        .rows = rows,
        .near_sq = mad_arena_take_raw(ctx->scratch, rows->n_rows, sizeof *out->near_sq),
        .far = mad_arena_take_raw(ctx->scratch, mad_n_chunks(rows->n_rows), sizeof *out->far)};
    if (out->near_sq == NULL || out->far == NULL) {
        return mad_fail_memory(ctx, "the distances of candidates");
    }
    for (size_t i = 0; i < rows->n_rows; i++) {
        out->near_sq[i] = HUGE_VAL;
    }
    return MAD_OK;
}

typedef struct add_job {
    mad_spacing *spacing;
    const double *x;
} add_job;

static mad_status add_chunk(mad_ctx *ctx, void *arg, size_t i_chunk)
{
    (void)ctx;
    const add_job *job = arg;
    mad_spacing *s = job->spacing;
    const size_t dim = s->rows->dim, begin = mad_chunk_begin(i_chunk);
    const size_t end = begin + mad_chunk_rows(s->rows->n_rows, i_chunk);
    size_t far = begin;
    for (size_t i = begin; i < end; i++) {
        s->near_sq[i] = fmin(s->near_sq[i], distance_sq(dim, s->rows->x + i * dim, job->x));
        far = s->near_sq[i] > s->near_sq[far] ? i : far;
    }
    s->far[i_chunk] = far;
    return MAD_OK;
}

mad_status mad_spacing_add(mad_ctx *ctx, mad_spacing *spacing, size_t i, size_t *far)
{
    const size_t n_chunks = mad_n_chunks(spacing->rows->n_rows);
    add_job job = {spacing, spacing->rows->x + i * spacing->rows->dim};
    mad_status st = MAD_OK;
    MAD_TRY(mad_par_for(ctx, n_chunks, add_chunk, &job));
    *far = spacing->far[0];
    for (size_t k = 1; k < n_chunks; k++) {
        const size_t other = spacing->far[k];
        *far = spacing->near_sq[other] > spacing->near_sq[*far] ? other : *far;
    }
out:
    return st;
}

typedef struct entropy_job {
    const mad_set *rows;
    double *log_sq; /* [n_rows] ln of the squared distance to the nearest other row */
} entropy_job;

static mad_status entropy_chunk(mad_ctx *ctx, void *arg, size_t i_chunk)
{
    (void)ctx;
    const entropy_job *job = arg;
    const size_t dim = job->rows->dim, n = job->rows->n_rows, begin = mad_chunk_begin(i_chunk);
    const size_t end = begin + mad_chunk_rows(n, i_chunk);
    for (size_t i = begin; i < end; i++) {
        const double *x = job->rows->x;
        double near_sq = HUGE_VAL;
        for (size_t k = 0; k < n; k++) {
            near_sq = k == i ? near_sq : fmin(near_sq, distance_sq(dim, x + i * dim, x + k * dim));
        }
        job->log_sq[i] = log(near_sq);
    }
    return MAD_OK;
}

mad_status mad_spacing_entropy(mad_ctx *ctx, const mad_set *rows, double *out)
{
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    const double n = (double)rows->n_rows, half_dim = 0.5 * (double)rows->dim;
    int sign = 0;
    mad_status st = MAD_OK;
    entropy_job job = {rows, mad_arena_take_raw(ctx->scratch, rows->n_rows, sizeof *job.log_sq)};
    if (job.log_sq == NULL) {
        return mad_fail_memory(ctx, "the distances of rows");
    }
    *out = (double)NAN;
    if (rows->n_rows > 1) {
        MAD_TRY(mad_par_for(ctx, mad_n_chunks(rows->n_rows), entropy_chunk, &job));
        /* ln V_d = (d/2) ln pi - ln Gamma(d/2 + 1) */
        *out = mad_digamma(n) - mad_digamma(1.0) + half_dim * 1.14472988584940017414 -
               lgamma_r(half_dim + 1.0, &sign) + half_dim * mad_sum(rows->n_rows, job.log_sq) / n;
    }
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

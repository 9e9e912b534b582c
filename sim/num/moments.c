/* sim/num/moments.c: mean and covariance of rows, the same bits for any number of threads. */
#include <math.h>
#include <string.h>

#include "sim/base/par.h"
#include "sim/num/linalg.h"
#include "sim/num/stats.h"

/* Chunks are shared out over slots; a slot holds one partial sum. How many there are depends on
 * the problem only, and is bounded so that wide rows do not cost n/256 whole matrices. */
enum { MIN_SLOTS = 4, MAX_SLOTS = 64, SLOT_DOUBLES = 1 << 23 };

typedef struct mean_cov_job {
    size_t n_rows, dim, n_slots;
    const double *x, *weight, *mean;
    double *partial; /* [n_slots][dim] or [n_slots][dim][dim] */
} mean_cov_job;

static size_t slot_count(size_t n_rows, size_t dim)
{
    const size_t n_chunks = mad_n_chunks(n_rows);
    size_t n_slots = (size_t)SLOT_DOUBLES / dim / dim;
    n_slots = n_slots < MIN_SLOTS ? MIN_SLOTS : n_slots;
    n_slots = n_slots > MAX_SLOTS ? MAX_SLOTS : n_slots;
    return n_slots < n_chunks ? n_slots : n_chunks;
}

static size_t slot_begin(const mean_cov_job *job, size_t i_slot)
{
    return mad_n_chunks(job->n_rows) * i_slot / job->n_slots;
}

static mad_status add_means(mad_ctx *ctx, void *arg, size_t i_slot)
{
    const mean_cov_job *job = arg;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    const size_t dim = job->dim;
    double *sum = job->partial + i_slot * dim;
    double *chunk_sum = mad_arena_take_raw(ctx->scratch, dim, sizeof *chunk_sum);
    if (chunk_sum == NULL) {
        return mad_fail_memory(ctx, "a mean");
    }
    memset(sum, 0, dim * sizeof *sum);
    for (size_t c = slot_begin(job, i_slot); c < slot_begin(job, i_slot + 1); c++) {
        const size_t begin = mad_chunk_begin(c), end = begin + mad_chunk_rows(job->n_rows, c);
        memset(chunk_sum, 0, dim * sizeof *chunk_sum);
        if (dim == 1 && job->weight == NULL) {
            sum[0] += mad_sum(end - begin, job->x + begin); /* lanes instead of one long chain */
            continue;
        }
        for (size_t i = begin; i < end; i++) {
            const double w = job->weight != NULL ? job->weight[i] : 1.0;
            for (size_t j = 0; j < dim; j++) {
                chunk_sum[j] += w * job->x[i * dim + j];
            }
        }
        for (size_t j = 0; j < dim; j++) {
            sum[j] += chunk_sum[j];
        }
    }
    mad_arena_release(ctx->scratch, mark);
    return MAD_OK;
}

static mad_status add_products(mad_ctx *ctx, void *arg, size_t i_slot)
{
    const mean_cov_job *job = arg;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    const size_t dim = job->dim;
    double *sum = job->partial + i_slot * dim * dim;
    double *centred = mad_arena_take_raw(ctx->scratch, MAD_CHUNK * dim, sizeof *centred);
    if (centred == NULL) {
        return mad_fail_memory(ctx, "a covariance");
    }
    memset(sum, 0, dim * dim * sizeof *sum);
    for (size_t c = slot_begin(job, i_slot); c < slot_begin(job, i_slot + 1); c++) {
        const size_t begin = mad_chunk_begin(c), n = mad_chunk_rows(job->n_rows, c);
        for (size_t i = 0; i < n; i++) {
            const double *row = job->x + (begin + i) * dim;
            const double root_w = job->weight != NULL ? sqrt(job->weight[begin + i]) : 1.0;
            for (size_t j = 0; j < dim; j++) {
                centred[i * dim + j] = root_w * (row[j] - job->mean[j]);
            }
        }
        mad_gram_add(n, dim, centred, sum);
    }
    mad_arena_release(ctx->scratch, mark);
    return MAD_OK;
}

/* Slots in index order, divided once. */
static void add_slots(size_t n_slots, size_t n, const double *partial, double divisor, double *out)
{
    for (size_t j = 0; j < n; j++) {
        double sum = 0.0;
        for (size_t s = 0; s < n_slots; s++) {
            sum += partial[s * n + j];
        }
        out[j] = sum / divisor;
    }
}

/* Sum of weights, and what a sum of squared deviations is divided by. */
static mad_status divisors(mad_ctx *ctx, size_t n_rows, const double *weight, int ddof,
                           double *total, double *freedom)
{
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    *total = (double)n_rows;
    *freedom = (double)n_rows - ddof;
    if (weight != NULL) {
        double *square = mad_arena_take_raw(ctx->scratch, n_rows, sizeof *square);
        if (square == NULL) {
            return mad_fail_memory(ctx, "a weighted covariance");
        }
        for (size_t i = 0; i < n_rows; i++) {
            square[i] = weight[i] * weight[i];
        }
        *total = mad_sum(n_rows, weight);
        *freedom = *total - ddof * mad_sum(n_rows, square) / *total;
    }
    mad_arena_release(ctx->scratch, mark);
    return MAD_OK;
}

mad_status mad_mean_cov(mad_ctx *ctx, size_t n_rows, size_t dim, const double *x,
                        const double *weight, int ddof, double *mean, double *cov)
{
    MAD_ASSERT(ddof == 0 || ddof == 1);
    if (n_rows <= (size_t)ddof) {
        return mad_fail(ctx, MAD_E_RANGE, "covariance of %zu rows: needs at least %d", n_rows,
                        ddof + 1);
    }
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    mad_status st = MAD_OK;
    double total = 0.0, freedom = 0.0;
    mean_cov_job job = {.n_rows = n_rows, .dim = dim, .x = x, .weight = weight, .mean = mean};
    job.n_slots = slot_count(n_rows, dim);
    MAD_TRY(divisors(ctx, n_rows, weight, ddof, &total, &freedom));
    job.partial = mad_arena_take_raw(ctx->scratch, job.n_slots * dim * dim, sizeof *job.partial);
    if (job.partial == NULL) {
        st = mad_fail_memory(ctx, "a covariance");
        goto out;
    }
    MAD_TRY(mad_par_for(ctx, job.n_slots, add_means, &job));
    add_slots(job.n_slots, dim, job.partial, total, mean);
    for (size_t j = 0; j < dim; j++) {
        mean[j] = mad_is_constant(n_rows, x + j, dim) ? x[j] : mean[j];
    }
    MAD_TRY(mad_par_for(ctx, job.n_slots, add_products, &job));
    add_slots(job.n_slots, dim * dim, job.partial, freedom, cov);
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

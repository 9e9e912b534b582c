/* analysis/metrics/bandwidth.c: the median of all distances without storing them: a sample of them
 * brackets it, one pass counts them in narrow bins, a second collects those of the bin it is in. */
#include "analysis/metrics/bandwidth.h"

#include <math.h>
#include <stdatomic.h>
#include <string.h>

#include "sim/base/par.h"
#include "sim/num/stats.h"

enum {
    N_BINS = 1 << 14,
    N_SAMPLE = 256,       /* rows: their pairs know the ranks of all to some per cent */
    MAX_COLLECT = 1 << 16 /* distances */
};
#define SAMPLE_LOW  0.3 /* ranks of the sample that bracket the median, most likely */
#define SAMPLE_HIGH 0.7

static const mad_kernel distance_sq = {.kind = MAD_PAIR_DISTANCE_SQ};

/* Numbers >= 0 have the order of their bits read as whole numbers. */
static uint64_t key_of(double x)
{
    uint64_t key;
    memcpy(&key, &x, sizeof key);
    return key;
}

/* The squared distances whose keys lie in low..high, in bins of 2^shift keys. All that threads add
 * up are counts: it does not matter which comes first. */
typedef struct select_job {
    const mad_pack *rows;
    uint64_t low, high;
    unsigned shift;
    _Atomic uint64_t n_below;  /* keys below low */
    _Atomic uint64_t *count;   /* [N_BINS] */
    _Atomic size_t n_kept;     /* of those in low..high, as far as there is room */
    double *kept;              /* [MAX_COLLECT] */
    _Atomic uint64_t next_key; /* the smallest above high */
} select_job;

typedef struct block_counts {
    const select_job *job;
    uint64_t n_below;
    uint32_t *count; /* [N_BINS] */
} block_counts;

static void count_run(void *arg, size_t i, size_t j, size_t n, const double *square)
{
    (void)i;
    (void)j;
    block_counts *block = arg;
    const select_job *job = block->job;
    for (size_t c = 0; c < n; c++) {
        const uint64_t key = key_of(square[c]);
        block->n_below += key < job->low;
        if (key >= job->low && key <= job->high) {
            block->count[(key - job->low) >> job->shift]++;
        }
    }
}

static mad_status count_block(mad_ctx *ctx, void *arg, size_t i_block)
{
    select_job *job = arg;
    mad_status st = MAD_OK;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    block_counts block = {.job = job};
    MAD_TRY(mad_ctx_poll(ctx));
    block.count = mad_arena_take(ctx->scratch, N_BINS, sizeof *block.count);
    if (block.count == NULL) {
        st = mad_fail_memory(ctx, "counts of distances");
        goto out;
    }
    mad_pair_scan(&distance_sq, job->rows, job->rows, i_block, count_run, &block);
    atomic_fetch_add_explicit(&job->n_below, block.n_below, memory_order_relaxed);
    for (size_t b = 0; b < N_BINS; b++) {
        if (block.count[b] > 0) {
            atomic_fetch_add_explicit(&job->count[b], block.count[b], memory_order_relaxed);
        }
    }
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

static void lower_to(_Atomic uint64_t *least, uint64_t key)
{
    uint64_t now = atomic_load_explicit(least, memory_order_relaxed);
    while (key < now && !atomic_compare_exchange_weak_explicit(
                            least, &now, key, memory_order_relaxed, memory_order_relaxed)) {
    }
}

static void collect_run(void *arg, size_t i, size_t j, size_t n, const double *square)
{
    (void)i;
    (void)j;
    select_job *job = arg;
    for (size_t c = 0; c < n; c++) {
        const uint64_t key = key_of(square[c]);
        if (key > job->high) {
            lower_to(&job->next_key, key);
        } else if (key >= job->low && job->low < job->high) {
            job->kept[atomic_fetch_add_explicit(&job->n_kept, 1, memory_order_relaxed)] = square[c];
        }
    }
}

static mad_status collect_block(mad_ctx *ctx, void *arg, size_t i_block)
{
    select_job *job = arg;
    const mad_status st = mad_ctx_poll(ctx);
    if (st == MAD_OK) {
        mad_pair_scan(&distance_sq, job->rows, job->rows, i_block, collect_run, job);
    }
    return st;
}

static void keep_run(void *arg, size_t i, size_t j, size_t n, const double *square)
{
    (void)i;
    (void)j;
    select_job *job = arg;
    const size_t at = atomic_fetch_add(&job->n_kept, n);
    memcpy(job->kept + at, square, n * sizeof *square);
}

/* A first low..high from rows that stand at even distances in the set. */
static mad_status guess_bracket(mad_ctx *ctx, const mad_set *set, select_job *job)
{
    _Static_assert(N_SAMPLE * (N_SAMPLE - 1) / 2 <= MAX_COLLECT, "room for all pairs");
    mad_status st = MAD_OK;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    const size_t n = set->n_rows < N_SAMPLE ? set->n_rows : N_SAMPLE;
    mad_set sample;
    mad_pack rows;
    MAD_TRY(mad_set_take(ctx, ctx->scratch, n, set->dim, 0, &sample));
    for (size_t i = 0; i < n; i++) {
        const mad_set row = mad_set_rows(set, i * set->n_rows / n, 1);
        memcpy(sample.x + i * set->dim, row.x, set->dim * sizeof *row.x);
    }
    MAD_TRY(mad_pack_take(ctx, ctx->scratch, &sample, &rows));
    for (size_t b = 0; b < mad_pair_blocks(n); b++) {
        mad_pair_scan(&distance_sq, &rows, &rows, b, keep_run, job);
    }
    mad_sort(job->n_kept, job->kept);
    job->low = key_of(job->kept[(size_t)(SAMPLE_LOW * (double)(job->n_kept - 1))]);
    job->high = key_of(
        job->kept[(size_t)(SAMPLE_HIGH * (double)(job->n_kept - 1)) + 1 - (job->n_kept == 1)]);
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

/* Count the keys of low..high; then low..high is the bin of that rank (from 0), of *n_inside keys,
 * *n_before are below it. With the rank outside of low..high that becomes all there is. */
static mad_status narrow(mad_ctx *ctx, select_job *job, uint64_t rank, uint64_t *n_before,
                         uint64_t *n_inside)
{
    mad_status st = MAD_OK;
    uint64_t before = 0, n = 0;
    size_t bin = 0;
    job->shift = 0;
    while ((job->high - job->low) >> job->shift >= N_BINS) {
        job->shift++;
    }
    atomic_store(&job->n_below, 0);
    for (size_t b = 0; b < N_BINS; b++) {
        atomic_store_explicit(&job->count[b], 0, memory_order_relaxed);
    }
    MAD_TRY(mad_par_for(ctx, mad_pair_blocks(job->rows->n_rows), count_block, job));
    before = atomic_load(&job->n_below);
    for (; before <= rank && bin < N_BINS; bin++, before += n) {
        n = atomic_load_explicit(&job->count[bin], memory_order_relaxed);
        if (rank < before + n) {
            const uint64_t first = job->low + ((uint64_t)bin << job->shift);
            const uint64_t last = first + (((uint64_t)1 << job->shift) - 1);
            job->low = first;
            job->high = last < job->high ? last : job->high;
            *n_before = before;
            *n_inside = n;
            goto out;
        }
    }
    job->low = 0;
    job->high = UINT64_MAX;
    *n_inside = UINT64_MAX;
out:
    return st;
}

/* The squared distance of this rank (from 0) among those not below low. */
static double of_rank(const select_job *job, uint64_t rank, uint64_t n_inside)
{
    const uint64_t key = rank < n_inside ? job->low : atomic_load(&job->next_key);
    double square;
    if (rank < n_inside && job->low < job->high) {
        return job->kept[rank];
    }
    memcpy(&square, &key, sizeof square);
    return square;
}

static mad_status select_median(mad_ctx *ctx, select_job *job, double *out)
{
    mad_status st = MAD_OK;
    const uint64_t n = job->rows->n_rows, n_pairs = n * (n - 1) / 2, rank = (n_pairs - 1) / 2;
    uint64_t n_before = 0, n_inside = 0;
    do {
        MAD_TRY(narrow(ctx, job, rank, &n_before, &n_inside));
    } while (n_inside > MAX_COLLECT && job->low < job->high);
    atomic_store(&job->n_kept, 0);
    atomic_store(&job->next_key, UINT64_MAX);
    MAD_TRY(mad_par_for(ctx, mad_pair_blocks(job->rows->n_rows), collect_block, job));
    mad_sort(job->n_kept, job->kept);
    *out = 0.5 * (sqrt(of_rank(job, rank - n_before, n_inside)) +
                  sqrt(of_rank(job, n_pairs / 2 - n_before, n_inside)));
out:
    return st;
}

mad_status mad_median_distance(mad_ctx *ctx, const mad_set *set, double *out)
{
    MAD_ASSERT(set->n_rows >= 2);
    mad_status st = MAD_OK;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    mad_pack rows;
    select_job job = {.rows = &rows};
    job.count = mad_arena_take_raw(ctx->scratch, N_BINS, sizeof *job.count);
    job.kept = mad_arena_take_raw(ctx->scratch, MAX_COLLECT, sizeof *job.kept);
    if (job.count == NULL || job.kept == NULL) {
        st = mad_fail_memory(ctx, "the median distance");
        goto out;
    }
    MAD_TRY(mad_pack_take(ctx, ctx->scratch, set, &rows));
    MAD_TRY(guess_bracket(ctx, set, &job));
    MAD_TRY(select_median(ctx, &job, out));
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

mad_status mad_rbf_take(mad_ctx *ctx, const mad_metric_in *in, mad_rbf *out)
{
    mad_status st = MAD_OK;
    double sigma = mad_get_real(in->values, "kernel_sigma");
    if (sigma == 0.0) {
        sigma = (double)NAN;
        if (in->real->n_rows >= 2) {
            MAD_TRY(mad_median_distance(ctx, in->real, &sigma));
        }
    }
    const double scale = 2.0 * sigma * sigma;
    *out = (mad_rbf){.sigma = sigma,
                     .is_defined = isfinite(scale) && scale > 0.0,
                     .kernel = {.kind = MAD_PAIR_GAUSS, .scale = scale}};
out:
    return st;
}

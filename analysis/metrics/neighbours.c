/* analysis/metrics/neighbours.c: the k-th nearest row of a set, the nearest one of another. */
#include "analysis/metrics/neighbours.h"

#include <math.h>
#include <stdatomic.h>

#include "sim/base/par.h"
#include "sim/num/stats.h"

/* Threads meet every pair of rows once and offer it to both. What is offered is kept with the bounds
 * of its distance; distances themselves are computed at the end, of the few that are left. The k
 * smallest of a set of numbers do not depend on the order in which they come. */
typedef struct candidate {
    double low, high; /* of the squared distance; equal: that is it */
    size_t row;
} candidate;

typedef struct knn_job {
    const mad_cloud *cloud;
    size_t k, room;           /* room > k: of candidates for a row */
    candidate *candidate;     /* [n_rows][room] */
    size_t *n_candidates;     /* [n_rows] */
    _Atomic double *farthest; /* [n_rows] the k-th nearest is no farther: a squared distance */
    mad_reach *reach;         /* [n_rows] */
    atomic_flag *lock;        /* [n_rows] of the four above */
    double *square;           /* [n_rows][k] the result */
} knn_job;

static void exchange(candidate *a, candidate *b)
{
    const candidate held = *a;
    *a = *b;
    *b = held;
}

/* Afterwards none before place k is higher, and none behind it lower, than the one there. */
static void put_kth_in_place(candidate *of, size_t n, size_t k)
{
    for (size_t first = 0, last = n - 1; first < last;) {
        const double pivot = of[first + (last - first) / 2].high;
        size_t i = first, j = last;
        for (;; i++, j--) {
            for (; of[i].high < pivot; i++) {
            }
            for (; pivot < of[j].high; j--) {
            }
            if (i >= j) {
                break;
            }
            exchange(&of[i], &of[j]);
        }
        first = k > j ? j + 1 : first;
        last = k > j ? last : j;
    }
}

/* Drops who cannot be among the k nearest. Returns how many are left, k at least. */
static size_t keep_near(candidate *of, size_t n, size_t k)
{
    put_kth_in_place(of, n, k - 1);
    size_t n_left = k;
    for (size_t c = k; c < n; c++) {
        if (of[c].low <= of[k - 1].high) {
            of[n_left++] = of[c];
        }
    }
    return n_left;
}

static void measure(const mad_set *set, size_t i, size_t n, candidate *of)
{
    for (size_t c = 0; c < n; c++) {
        if (of[c].low < of[c].high) {
            of[c].low = of[c].high =
                mad_distance_sq(set->dim, set->x + i * set->dim, set->x + of[c].row * set->dim);
        }
    }
}

/* Bounds that do not tell candidates apart (ties, rows without an image) give way to distances. */
static void make_room(const knn_job *job, size_t i)
{
    candidate *of = job->candidate + i * job->room;
    size_t n = keep_near(of, job->room, job->k);
    if (n > (job->k + job->room) / 2) {
        measure(job->cloud->set, i, n, of);
        put_kth_in_place(of, n, job->k - 1);
        n = job->k;
    }
    const double farthest = of[job->k - 1].high;
    const double reach = sqrt(farthest) / job->cloud->step + job->cloud->miss[i];
    job->n_candidates[i] = n;
    atomic_store_explicit(&job->farthest[i], farthest, memory_order_relaxed);
    atomic_store_explicit(&job->reach[i], reach, memory_order_relaxed);
}

static void offer(const knn_job *job, size_t i, size_t row, mad_bounds bounds)
{
    /* An outdated value can only be too large. */
    if (bounds.low > atomic_load_explicit(&job->farthest[i], memory_order_relaxed)) {
        return;
    }
    while (atomic_flag_test_and_set_explicit(&job->lock[i], memory_order_acquire)) {
    }
    job->candidate[i * job->room + job->n_candidates[i]++] =
        (candidate){bounds.low, bounds.high, row};
    if (job->n_candidates[i] == job->room) {
        make_room(job, i);
    }
    atomic_flag_clear_explicit(&job->lock[i], memory_order_release);
}

static void compare(void *arg, size_t i, size_t j, int32_t square)
{
    const knn_job *job = arg;
    if (j > i) { /* else itself, or met from the other side */
        const mad_bounds bounds = mad_screen_bounds(job->cloud, i, job->cloud, j, square);
        offer(job, i, j, bounds);
        offer(job, j, i, bounds);
    }
}

static mad_status search_block(mad_ctx *ctx, void *arg, size_t i_block)
{
    (void)ctx;
    knn_job *job = arg;
    const mad_scan scan = {job->cloud, job->cloud, job->reach, job->reach, compare, job};
    mad_scan_block(&scan, i_block, mad_first_tile(i_block));
    return MAD_OK;
}

static mad_status finish_chunk(mad_ctx *ctx, void *arg, size_t i_chunk)
{
    (void)ctx;
    const knn_job *job = arg;
    const mad_set *set = job->cloud->set;
    const size_t begin = mad_chunk_begin(i_chunk);
    for (size_t i = begin; i < begin + mad_chunk_rows(set->n_rows, i_chunk); i++) {
        candidate *of = job->candidate + i * job->room;
        const size_t n = keep_near(of, job->n_candidates[i], job->k);
        measure(set, i, n, of);
        put_kth_in_place(of, n, job->k - 1);
        for (size_t c = 0; c < job->k; c++) {
            job->square[i * job->k + c] = of[c].high;
        }
    }
    return MAD_OK;
}

/* square: [n_rows][k], the last one of a row its largest. */
static mad_status search(mad_ctx *ctx, const mad_cloud *cloud, size_t k, double *square)
{
    mad_status st = MAD_OK;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    const size_t n = cloud->set->n_rows;
    MAD_ASSERT(k >= 1 && k < n);
    knn_job job = {.cloud = cloud, .k = k, .room = 2 * k + 8, .square = square};
    job.candidate = mad_arena_take_raw(ctx->scratch, n * job.room, sizeof *job.candidate);
    job.n_candidates = mad_arena_take(ctx->scratch, n, sizeof *job.n_candidates);
    job.farthest = mad_arena_take_raw(ctx->scratch, n, sizeof *job.farthest);
    job.reach = mad_arena_take_raw(ctx->scratch, n, sizeof *job.reach);
    job.lock = mad_arena_take_raw(ctx->scratch, n, sizeof *job.lock);
    if (job.candidate == NULL || job.n_candidates == NULL || job.farthest == NULL ||
        job.reach == NULL || job.lock == NULL) {
        st = mad_fail_memory(ctx, "the nearest neighbours");
        goto out;
    }
    for (size_t i = 0; i < n; i++) {
        atomic_init(&job.farthest[i], (double)INFINITY);
        atomic_init(&job.reach[i], (double)INFINITY);
        atomic_flag_clear(&job.lock[i]);
    }
    MAD_TRY(mad_par_for(ctx, mad_n_blocks(cloud), search_block, &job));
    MAD_TRY(mad_par_for(ctx, mad_n_chunks(n), finish_chunk, &job));
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

mad_status mad_knn_radius_sq(mad_ctx *ctx, const mad_cloud *cloud, size_t k, double *radius_sq)
{
    mad_status st = MAD_OK;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    const size_t n = cloud->set->n_rows;
    double *square = mad_arena_take_raw(ctx->scratch, n * k, sizeof *square);
    if (square == NULL) {
        st = mad_fail_memory(ctx, "the nearest neighbours");
        goto out;
    }
    MAD_TRY(search(ctx, cloud, k, square));
    for (size_t i = 0; i < n; i++) {
        radius_sq[i] = square[i * k + k - 1];
    }
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

mad_status mad_knn_squares(mad_ctx *ctx, const mad_cloud *cloud, size_t k, double *square)
{
    mad_status st = MAD_OK;
    MAD_TRY(search(ctx, cloud, k, square));
    for (size_t i = 0; i < cloud->set->n_rows; i++) {
        mad_sort(k, square + i * k);
    }
out:
    return st;
}

/* ---- the nearest of another set -------------------------------------------------------------- */

/* A block of rows of `from` belongs to one thread; what is far from them all is never looked at. */
typedef struct nearest_job {
    mad_cloud from, to;
    int wants_second;
    mad_reach *reach;   /* [from n_rows] */
    mad_reach *nothing; /* [to n_rows] 0 */
    mad_nearest *found; /* [from n_rows] so far */
} nearest_job;

static void take_nearer(void *arg, size_t i, size_t j, int32_t square)
{
    const nearest_job *job = arg;
    const mad_set *from = job->from.set, *to = job->to.set;
    const size_t dim = from->dim;
    mad_nearest *found = &job->found[i];
    const double *farthest = job->wants_second ? &found->second : &found->first;
    if (mad_screen_bounds(&job->from, i, &job->to, j, square).low > *farthest) {
        return;
    }
    const double exact = mad_distance_sq(dim, from->x + i * dim, to->x + j * dim);
    if (exact < found->first || (exact == found->first && j < found->row && isfinite(exact))) {
        found->second = found->first;
        found->first = exact;
        found->row = j;
    } else if (exact < found->second) {
        found->second = exact;
    }
    atomic_store_explicit(&job->reach[i], sqrt(*farthest) / job->from.step + job->from.miss[i],
                          memory_order_relaxed);
}

static mad_status nearest_block(mad_ctx *ctx, void *arg, size_t i_block)
{
    nearest_job *job = arg;
    const mad_scan scan = {&job->from, &job->to, job->reach, job->nothing, take_nearer, job};
    mad_status st = MAD_OK;
    MAD_TRY(mad_ctx_poll(ctx));
    mad_scan_block(&scan, i_block, 0);
out:
    return st;
}

mad_status mad_nearest_rows(mad_ctx *ctx, const mad_set *from, const mad_set *to, int wants_second,
                            mad_nearest *out)
{
    mad_status st = MAD_OK;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    nearest_job job = {.wants_second = wants_second, .found = out};
    MAD_ASSERT(to->n_rows > 0);
    job.reach = mad_arena_take_raw(ctx->scratch, from->n_rows, sizeof *job.reach);
    job.nothing = mad_arena_take_raw(ctx->scratch, to->n_rows, sizeof *job.nothing);
    if (job.reach == NULL || job.nothing == NULL) {
        st = mad_fail_memory(ctx, "the nearest rows");
        goto out;
    }
    MAD_TRY(mad_clouds_take(ctx, ctx->scratch, from, to, &job.from, &job.to));
    for (size_t i = 0; i < from->n_rows; i++) {
        out[i] = (mad_nearest){SIZE_MAX, (double)INFINITY, (double)INFINITY};
        atomic_init(&job.reach[i], (double)INFINITY);
    }
    for (size_t j = 0; j < to->n_rows; j++) {
        atomic_init(&job.nothing[j], 0.0);
    }
    MAD_TRY(mad_par_for(ctx, mad_n_blocks(&job.from), nearest_block, &job));
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

mad_status mad_nearest_sq(mad_ctx *ctx, const mad_set *from, const mad_set *to, double *square)
{
    mad_status st = MAD_OK;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    mad_nearest *found = mad_arena_take_raw(ctx->scratch, from->n_rows, sizeof *found);
    if (found == NULL) {
        st = mad_fail_memory(ctx, "the nearest rows");
        goto out;
    }
    MAD_TRY(mad_nearest_rows(ctx, from, to, 0, found));
    for (size_t i = 0; i < from->n_rows; i++) {
        square[i] = found[i].first;
    }
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

/* analysis/metrics/neighbours.c: the k-th nearest row of a set, the nearest one of another. */
#include "analysis/metrics/neighbours.h"

#include <math.h>
#include <stdatomic.h>

#include "sim/base/par.h"
#include "sim/num/stats.h"

/* Threads meet every pair of rows once and offer its distance to both. The k smallest of a set of
 * numbers do not depend on the order in which they come, and a distance that is left out because
 * of an outdated reach, which can only be too long, is none of them. */
typedef struct knn_job {
    const mad_cloud *cloud;
    size_t k;
    double *nearest;          /* [n_rows][k] squared distances so far, heaps: the largest first */
    _Atomic double *farthest; /* [n_rows] the first of them */
    mad_reach *reach;         /* [n_rows] */
    atomic_flag *lock;        /* [n_rows] of the three above */
} knn_job;

static int is_nearer(const knn_job *job, size_t i, double square)
{
    return square < atomic_load_explicit(&job->farthest[i], memory_order_relaxed);
}

/* `square` takes the place of the largest. */
static void replace_first(size_t k, double *heap, double square)
{
    size_t at = 0;
    for (size_t child = 1; child < k; child = 2 * at + 1) {
        child += child + 1 < k && heap[child + 1] > heap[child];
        if (!(heap[child] > square)) {
            break;
        }
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = square;
}

static void offer(const knn_job *job, size_t i, double square)
{
    const size_t k = job->k;
    double *nearest = job->nearest + i * k;
    if (!is_nearer(job, i, square)) {
        return;
    }
    while (atomic_flag_test_and_set_explicit(&job->lock[i], memory_order_acquire)) {
    }
    if (square < nearest[0]) {
        replace_first(k, nearest, square);
        const double reach = sqrt(nearest[0]) / job->cloud->step + job->cloud->miss[i];
        atomic_store_explicit(&job->farthest[i], nearest[0], memory_order_relaxed);
        atomic_store_explicit(&job->reach[i], reach, memory_order_relaxed);
    }
    atomic_flag_clear_explicit(&job->lock[i], memory_order_release);
}

static void compare(void *arg, size_t i, size_t j, int32_t square)
{
    const knn_job *job = arg;
    const mad_cloud *cloud = job->cloud;
    const size_t dim = cloud->set->dim;
    if (j <= i) { /* itself, or met from the other side */
        return;
    }
    const double low = mad_screen_bounds(cloud, i, cloud, j, square).low;
    if (is_nearer(job, i, low) || is_nearer(job, j, low)) {
        const double exact = mad_distance_sq(dim, cloud->set->x + i * dim, cloud->set->x + j * dim);
        offer(job, i, exact);
        offer(job, j, exact);
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

/* nearest: [n_rows][k] heaps of the k smallest. */
static mad_status search(mad_ctx *ctx, const mad_cloud *cloud, size_t k, double *nearest)
{
    mad_status st = MAD_OK;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    const size_t n = cloud->set->n_rows;
    MAD_ASSERT(k >= 1 && k < n);
    knn_job job = {.cloud = cloud,
                   .k = k,
                   .nearest = nearest,
                   .farthest = mad_arena_take_raw(ctx->scratch, n, sizeof *job.farthest),
                   .reach = mad_arena_take_raw(ctx->scratch, n, sizeof *job.reach),
                   .lock = mad_arena_take_raw(ctx->scratch, n, sizeof *job.lock)};
    if (job.farthest == NULL || job.reach == NULL || job.lock == NULL) {
        st = mad_fail_memory(ctx, "the nearest neighbours");
        goto out;
    }
    for (size_t i = 0; i < n * k; i++) {
        nearest[i] = (double)INFINITY;
    }
    for (size_t i = 0; i < n; i++) {
        atomic_init(&job.farthest[i], (double)INFINITY);
        atomic_init(&job.reach[i], (double)INFINITY);
        atomic_flag_clear(&job.lock[i]);
    }
    MAD_TRY(mad_par_for(ctx, mad_n_blocks(cloud), search_block, &job));
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

mad_status mad_knn_radius_sq(mad_ctx *ctx, const mad_cloud *cloud, size_t k, double *radius_sq)
{
    mad_status st = MAD_OK;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    const size_t n = cloud->set->n_rows;
    double *nearest = mad_arena_take_raw(ctx->scratch, n * k, sizeof *nearest);
    if (nearest == NULL) {
        st = mad_fail_memory(ctx, "the nearest neighbours");
        goto out;
    }
    MAD_TRY(search(ctx, cloud, k, nearest));
    for (size_t i = 0; i < n; i++) {
        radius_sq[i] = nearest[i * k];
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

/* Without wants_second only `first` is sure, and more rows are passed over. */
static mad_status find_nearest(mad_ctx *ctx, const mad_set *from, const mad_set *to,
                               int wants_second, mad_nearest *out)
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

mad_status mad_nearest_two(mad_ctx *ctx, const mad_set *from, const mad_set *to, mad_nearest *out)
{
    return find_nearest(ctx, from, to, 1, out);
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
    MAD_TRY(find_nearest(ctx, from, to, 0, found));
    for (size_t i = 0; i < from->n_rows; i++) {
        square[i] = found[i].first;
    }
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

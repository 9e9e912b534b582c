/* analysis/metrics/c2st_knn.c: how well the nearest other rows tell real rows from the model's. */
#include <math.h>
#include <stdatomic.h>
#include <string.h>

#include "analysis/metrics/neighbours.h"
#include "analysis/metrics/shared.h"
#include "sim/base/par.h"
#include "sim/num/stats.h"

static const mad_param params[] = {
    MAD_NEIGHBOURS_PARAM("c2st_k", "5", 1, "nearest rows that vote (c2st_knn_accuracy)"),
    {.name = NULL},
};

static const mad_metric_output outputs[] = {
    {.name = "c2st_knn_accuracy",
     .long_name = "accuracy of nearest neighbours in telling real from model rows",
     .units = "1",
     .direction = "target",
     .estimator = "leave-one-out",
     .definition =
         "share of all rows whose side most of their c2st_k nearest other rows of either "
         "side are of (leave one out); rows at the distance of the last of them share its "
         "votes, a draw counts 1/2; 1/2 for equal laws and sizes, below: copies",
     .reference = "Lopez-Paz & Oquab 2017, arXiv:1610.06545",
     .undefined = MAD_SQUARES_OVERFLOW},
    {.name = NULL},
};

/* Of one row: others nearer than its k-th neighbour, and as far as it, [0] real and [1] model.
 * Counts: it does not matter which thread comes first. */
typedef struct votes {
    _Atomic uint32_t nearer[2], level[2];
} votes;

typedef struct vote_job {
    mad_cloud pool; /* real rows, then the model's */
    size_t n_real;
    const double *radius_sq; /* [n_rows] */
    mad_reach *reach;        /* [n_rows] */
    votes *votes;            /* [n_rows] */
} vote_job;

/* What row i makes of a row of the side `other` at the squared distance. */
static void vote(const vote_job *job, size_t i, size_t other, double square)
{
    const size_t side = other >= job->n_real;
    votes *v = &job->votes[i];
    if (square < job->radius_sq[i]) {
        atomic_fetch_add_explicit(&v->nearer[side], 1, memory_order_relaxed);
    } else if (square == job->radius_sq[i]) {
        atomic_fetch_add_explicit(&v->level[side], 1, memory_order_relaxed);
    }
}

static void count_votes(void *arg, size_t i, size_t j, int32_t square)
{
    const vote_job *job = arg;
    const mad_set *set = job->pool.set;
    const size_t dim = set->dim;
    if (j <= i) { /* itself, or met from the other side */
        return;
    }
    const double low = mad_screen_bounds(&job->pool, i, &job->pool, j, square).low;
    if (low <= job->radius_sq[i] || low <= job->radius_sq[j]) {
        const double exact = mad_distance_sq(dim, set->x + i * dim, set->x + j * dim);
        vote(job, i, j, exact);
        vote(job, j, i, exact);
    }
}

static mad_status count_block(mad_ctx *ctx, void *arg, size_t i_block)
{
    vote_job *job = arg;
    const mad_scan scan = {&job->pool, &job->pool, job->reach, job->reach, count_votes, job};
    mad_status st = MAD_OK;
    MAD_TRY(mad_ctx_poll(ctx));
    mad_scan_block(&scan, i_block, mad_first_tile(i_block));
out:
    return st;
}

static mad_status pool(mad_ctx *ctx, const mad_metric_in *in, mad_set *out)
{
    const size_t n = in->real->n_rows, m = in->fake->n_rows, dim = in->real->dim;
    mad_status st = MAD_OK;
    MAD_TRY(mad_set_take(ctx, ctx->scratch, n + m, dim, 0, out));
    memcpy(out->x, in->real->x, n * dim * sizeof *out->x);
    memcpy(out->x + n * dim, in->fake->x, m * dim * sizeof *out->x);
out:
    return st;
}

/* 1, 1/2 (a draw) or 0: what the votes make of a row of the given side. In whole numbers: the level
 * rows share the places that the nearer ones leave. */
static double verdict(const votes *v, size_t k, size_t side)
{
    const uint64_t n_level = (uint64_t)v->level[0] + v->level[1];
    const uint64_t n_left = k - v->nearer[0] - v->nearer[1];
    const uint64_t own = 2 * (v->nearer[side] * n_level + n_left * v->level[side]);
    return own > k * n_level ? 1.0 : own == k * n_level ? 0.5 : 0.0;
}

static double accuracy(const vote_job *job, size_t k, double *right)
{
    const size_t n_rows = job->pool.set->n_rows;
    for (size_t i = 0; i < n_rows; i++) {
        if (isinf(job->radius_sq[i])) {
            return (double)NAN;
        }
        right[i] = verdict(&job->votes[i], k, i >= job->n_real);
    }
    return mad_mean(n_rows, right);
}

static mad_status eval(mad_ctx *ctx, const mad_metric_in *in, double *values)
{
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    const size_t k = mad_get_size(in->values, "c2st_k"), n = in->real->n_rows + in->fake->n_rows;
    vote_job job = {.n_real = in->real->n_rows};
    mad_set rows;
    mad_cloud same;
    mad_status st = MAD_OK;
    double *radius_sq = mad_arena_take_raw(ctx->scratch, n, sizeof *radius_sq);
    double *right = mad_arena_take_raw(ctx->scratch, n, sizeof *right);
    job.reach = mad_arena_take_raw(ctx->scratch, n, sizeof *job.reach);
    job.votes = mad_arena_take(ctx->scratch, n, sizeof *job.votes);
    if (radius_sq == NULL || right == NULL || job.reach == NULL || job.votes == NULL) {
        st = mad_fail_memory(ctx, "votes of neighbours");
        goto out;
    }
    values[0] = (double)NAN;
    if (k >= n) {
        goto out;
    }
    MAD_TRY(pool(ctx, in, &rows));
    MAD_TRY(mad_clouds_take(ctx, ctx->scratch, &rows, &rows, &job.pool, &same));
    MAD_TRY(mad_knn_radius_sq(ctx, &job.pool, k, radius_sq));
    job.radius_sq = radius_sq;
    for (size_t i = 0; i < n; i++) {
        const double beyond = nextafter(radius_sq[i], (double)INFINITY);
        atomic_init(&job.reach[i], sqrt(beyond) / job.pool.step + job.pool.miss[i]);
    }
    MAD_TRY(mad_par_for(ctx, mad_n_blocks(&job.pool), count_block, &job));
    values[0] = accuracy(&job, k, right);
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

/* Together more than k. */
static size_t min_rows(const mad_values *values, size_t dim, size_t i_output, mad_side side)
{
    (void)dim;
    (void)i_output;
    (void)side;
    return (mad_get_size(values, "c2st_k") + 2) / 2;
}

const mad_metric_type mad_metric_c2st_knn = {
    .name = "c2st_knn",
    .doc = "how well nearest neighbours tell real rows from the model's",
    .params = params,
    .needs = MAD_NEEDS_SAMPLES | MAD_BY_NAME,
    .worlds = 1u << MAD_WORLD_CONTINUOUS | 1u << MAD_WORLD_REGRESSION,
    .outputs = outputs,
    .min_rows = min_rows,
    .eval = eval,
};

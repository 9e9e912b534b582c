/* analysis/metrics/axis.c: 2-Wasserstein distance along the coordinate axes. */
#include "analysis/metrics/quantiles.h"
#include "analysis/metrics/shared.h"
#include "sim/base/par.h"
#include "sim/num/stats.h"

static const mad_metric_output outputs[] = {
    {.name = "axis_w2_sq",
     .long_name = "2-Wasserstein distance along the axes, squared",
     .units = "data units^2",
     .direction = "lower",
     .definition = "mean over coordinates of the squared 1-D 2-Wasserstein distance of that "
                   "coordinate, exact quantile coupling also for unequal sizes; in one dimension "
                   "the squared 2-Wasserstein distance itself",
     .reference = "Villani 2003, Topics in Optimal Transportation, Theorem 2.18"},
    {.name = NULL},
};

typedef struct axis_job {
    const mad_set *real, *fake;
    double *square; /* [dim] */
} axis_job;

static void take_column(const mad_set *set, size_t k, double *out)
{
    for (size_t i = 0; i < set->n_rows; i++) {
        out[i] = set->x[i * set->dim + k];
    }
    mad_sort(set->n_rows, out);
}

static mad_status eval_axis(mad_ctx *ctx, void *arg, size_t k)
{
    const axis_job *job = arg;
    const size_t n = job->real->n_rows, m = job->fake->n_rows;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    double *x = mad_arena_take_raw(ctx->scratch, n, sizeof *x);
    double *y = mad_arena_take_raw(ctx->scratch, m, sizeof *y);
    double *work = mad_arena_take_raw(ctx->scratch, n + m, sizeof *work);
    if (x == NULL || y == NULL || work == NULL) {
        return mad_fail_memory(ctx, "a coordinate");
    }
    take_column(job->real, k, x);
    take_column(job->fake, k, y);
    job->square[k] = mad_w2_sq_sorted(n, x, m, y, work);
    mad_arena_release(ctx->scratch, mark);
    return MAD_OK;
}

static mad_status eval(mad_ctx *ctx, const mad_metric_in *in, double *values)
{
    mad_status st = MAD_OK;
    const size_t dim = in->real->dim;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    axis_job job = {.real = in->real, .fake = in->fake};
    job.square = mad_arena_take_raw(ctx->scratch, dim, sizeof *job.square);
    if (job.square == NULL) {
        st = mad_fail_memory(ctx, "the Wasserstein distances of the axes");
        goto out;
    }
    MAD_TRY(mad_par_for(ctx, dim, eval_axis, &job));
    values[0] = mad_mean(dim, job.square);
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

const mad_metric_type mad_metric_axis = {
    .name = "axis",
    .doc = "2-Wasserstein distance between real and model samples along the coordinate axes",
    .needs = MAD_NEEDS_SAMPLES | MAD_BY_NAME,
    .worlds = 1u << MAD_WORLD_CONTINUOUS | 1u << MAD_WORLD_REGRESSION,
    .outputs = outputs,
    .min_rows = mad_rows_one,
    .eval = eval,
};

/* analysis/metrics/sliced.c: sliced 2-Wasserstein distance over seeded or given directions. */
#include <math.h>

#include <string.h>

#include "analysis/metrics/quantiles.h"
#include "analysis/metrics/shared.h"
#include "sim/base/par.h"
#include "sim/iface/metric.h"
#include "sim/num/linalg.h"
#include "sim/num/stats.h"

enum { SLICED_SQ, SLICED };
enum { BATCH = 8 }; /* directions projected together: a constant, so that bits are too */

static const mad_param params[] = {
    {.name = "directions",
     .kind = MAD_PARAM_INT,
     .fallback = "128",
     .min = 1,
     .max = 100000,
     .doc = "number of projection directions of the sliced Wasserstein distance"},
    {.name = NULL},
};

static const mad_metric_output outputs[] = {
    [SLICED_SQ] =
        {.name = "sliced_w2_sq",
         .long_name = "sliced 2-Wasserstein distance, squared",
         .units = "data units^2",
         .direction = "lower",
         .definition =
             "mean over unit directions (normalised Gaussians, the same in "
             "every generation, or those given) of the squared 1-D 2-Wasserstein distance",
         .reference = "Bonneel et al. 2015, J. Math. Imaging Vis. 51:22"},
    [SLICED] = {.name = "sliced_w2",
                .long_name = "sliced 2-Wasserstein distance",
                .units = "data units",
                .direction = "lower",
                .definition = "square root of sliced_w2_sq (root of the mean)",
                .reference = "Bonneel et al. 2015, J. Math. Imaging Vis. 51:22"},
    {.name = NULL},
};

typedef struct sliced_job {
    const mad_metric_in *in;
    size_t n_directions;
    double *square; /* [n_directions] */
} sliced_job;

/* Direction i is the given row i, or the Gaussian vector of stream item i; of length 1. */
static void fill_directions(const mad_metric_in *in, size_t begin, size_t n, double *direction)
{
    const size_t dim = in->real->dim;
    for (size_t i = 0; i < n; i++) {
        double *row = direction + i * dim, square = 0.0;
        if (in->directions != NULL) {
            memcpy(row, in->directions + (begin + i) * dim, dim * sizeof *row);
        } else {
            mad_rng rng = mad_rng_open(in->key, begin + i);
            mad_rng_normals(&rng, dim, row);
        }
        for (size_t j = 0; j < dim; j++) {
            square += row[j] * row[j];
        }
        for (size_t j = 0; j < dim; j++) {
            row[j] /= sqrt(square);
        }
    }
}

static mad_status eval_batch(mad_ctx *ctx, void *arg, size_t i_batch)
{
    const sliced_job *job = arg;
    const mad_set *real = job->in->real, *fake = job->in->fake;
    const size_t n_real = real->n_rows, n_fake = fake->n_rows, dim = real->dim;
    const size_t begin = i_batch * BATCH;
    const size_t n = job->n_directions - begin < BATCH ? job->n_directions - begin : BATCH;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    double *direction = mad_arena_take_raw(ctx->scratch, BATCH * dim, sizeof *direction);
    double *a = mad_arena_take_raw(ctx->scratch, BATCH * n_real, sizeof *a);
    double *b = mad_arena_take_raw(ctx->scratch, BATCH * n_fake, sizeof *b);
    double *work = mad_arena_take_raw(ctx->scratch, n_real + n_fake, sizeof *work);
    if (direction == NULL || a == NULL || b == NULL || work == NULL) {
        return mad_fail_memory(ctx, "projections");
    }
    fill_directions(job->in, begin, n, direction);
    mad_gemm_nt(n, n_real, dim, 1.0, direction, real->x, 0.0, a);
    mad_gemm_nt(n, n_fake, dim, 1.0, direction, fake->x, 0.0, b);
    for (size_t i = 0; i < n; i++) {
        double *x = a + i * n_real, *y = b + i * n_fake;
        mad_sort(n_real, x);
        mad_sort(n_fake, y);
        job->square[begin + i] = mad_w2_sq_sorted(n_real, x, n_fake, y, work);
    }
    mad_arena_release(ctx->scratch, mark);
    return MAD_OK;
}

static mad_status eval(mad_ctx *ctx, const mad_metric_in *in, double *values)
{
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    mad_status st = MAD_OK;
    sliced_job job = {.in = in,
                      .n_directions = in->directions != NULL
                                          ? in->n_directions
                                          : mad_get_size(in->values, "directions")};
    job.square = mad_arena_take_raw(ctx->scratch, job.n_directions, sizeof *job.square);
    if (job.square == NULL) {
        st = mad_fail_memory(ctx, "the sliced Wasserstein distance");
        goto out;
    }
    MAD_TRY(mad_par_for(ctx, (job.n_directions + BATCH - 1) / BATCH, eval_batch, &job));
    values[SLICED_SQ] = mad_mean(job.n_directions, job.square);
    values[SLICED] = sqrt(values[SLICED_SQ]);
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

const mad_metric_type mad_metric_sliced = {
    .name = "sliced",
    .doc = "sliced 2-Wasserstein distance between real and model samples",
    .params = params,
    .needs = MAD_NEEDS_SAMPLES,
    .worlds = 1u << MAD_WORLD_CONTINUOUS | 1u << MAD_WORLD_REGRESSION,
    .outputs = outputs,
    .min_rows = mad_rows_one,
    .eval = eval,
};

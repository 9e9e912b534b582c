/* analysis/metrics/emd.c: the 2-Wasserstein distance of two samples by the best of all couplings. */
#include <math.h>

#include "analysis/metrics/pairs.h"
#include "analysis/metrics/shared.h"
#include "analysis/metrics/transport.h"
#include "sim/base/par.h"

static const mad_param params[] = {
    {.name = "emd_rows",
     .kind = MAD_PARAM_INT,
     .fallback = "2000",
     .min = 1,
     .max = 20000,
     .unit = "rows",
     .doc = "emd_w2_sq is not taken with more rows on a side: time grows with their third power, "
            "memory with 12 bytes a pair"},
    {.name = NULL},
};

static const mad_metric_output outputs[] = {
    {.name = "emd_w2_sq",
     .long_name = "2-Wasserstein distance of the samples, squared",
     .units = "data units^2",
     .direction = "lower",
     .definition = "least mean squared Euclidean distance over all couplings of the real and the "
                   "model rows (n = m: over all assignments), exact",
     .reference = "Jonker & Volgenant 1987, Computing 38:325; Rubner et al. 2000, Int. J. Comput. "
                  "Vis. 40:99",
     .undefined = "with more rows than measure.emd_rows on a side, or " MAD_SQUARES_OVERFLOW},
    {.name = NULL},
};

typedef struct cost_job {
    const mad_pack *real, *fake;
    double *cost; /* [n_real][n_fake] */
} cost_job;

static void store_run(void *arg, size_t i, size_t j, size_t n, const double *square)
{
    const cost_job *job = arg;
    double *to = job->cost + i * job->fake->n_rows + j;
    for (size_t c = 0; c < n; c++) {
        to[c] = square[c];
    }
}

static mad_status cost_block(mad_ctx *ctx, void *arg, size_t i_block)
{
    static const mad_kernel distance_sq = {.kind = MAD_PAIR_DISTANCE_SQ};
    const cost_job *job = arg;
    const mad_status st = mad_ctx_poll(ctx);
    if (st == MAD_OK) {
        mad_pair_scan(&distance_sq, job->real, job->fake, i_block, store_run, arg);
    }
    return st;
}

static mad_status eval(mad_ctx *ctx, const mad_metric_in *in, double *values)
{
    mad_status st = MAD_OK;
    const size_t n = in->real->n_rows, m = in->fake->n_rows;
    const size_t most = mad_get_size(in->values, "emd_rows");
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    mad_pack real, fake;
    cost_job job = {.real = &real, .fake = &fake};
    values[0] = (double)NAN;
    if (n > most || m > most) {
        goto out;
    }
    MAD_TRY(mad_pack_take(ctx, ctx->scratch, in->real, &real));
    MAD_TRY(mad_pack_take(ctx, ctx->scratch, in->fake, &fake));
    job.cost = mad_arena_take_raw(ctx->scratch, n * m, sizeof *job.cost);
    if (job.cost == NULL) {
        st = mad_fail_memory(ctx, "the squared distances of all pairs");
        goto out;
    }
    MAD_TRY(mad_par_for(ctx, mad_pair_blocks(n), cost_block, &job));
    MAD_TRY(mad_transport(ctx, n, m, job.cost, values));
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

const mad_metric_type mad_metric_emd = {
    .name = "emd",
    .doc = "exact 2-Wasserstein distance between real and model samples",
    .params = params,
    .needs = MAD_NEEDS_SAMPLES | MAD_BY_NAME,
    .worlds = 1u << MAD_WORLD_CONTINUOUS | 1u << MAD_WORLD_REGRESSION,
    .outputs = outputs,
    .min_rows = mad_rows_one,
    .eval = eval,
};

/* analysis/metrics/frechet_rows.c: the Frechet distance with covariances that divide by n. */
#include "analysis/metrics/shared.h"
#include "sim/num/linalg.h"
#include "sim/num/stats.h"

static const mad_metric_output outputs[] = {
    {.name = "frechet_ddof0",
     .long_name = "Frechet distance (squared form) with covariances of ddof = 0",
     .units = "data units^2",
     .direction = "lower",
     .estimator = "plug-in, covariances with ddof = 0",
     .definition = "as frechet, but covariances of the rows divided by n, not by n - 1; always of "
                   "rows, never of exact laws",
     .reference = "Heusel et al. 2017, arXiv:1706.08500; Dowson & Landau 1982"},
    {.name = NULL},
};

static mad_status law_of(mad_ctx *ctx, mad_arena *mem, const mad_set *set, mad_moments *out)
{
    const size_t dim = set->dim;
    out->dim = dim;
    out->mean = mad_arena_take_raw(mem, dim, sizeof *out->mean);
    out->cov = mad_arena_take_raw(mem, dim * dim, sizeof *out->cov);
    if (out->mean == NULL || out->cov == NULL) {
        return mad_fail_memory(ctx, "mean and covariance");
    }
    return mad_mean_cov(ctx, set->n_rows, dim, set->x, NULL, 0, out->mean, out->cov);
}

typedef struct real_side {
    mad_moments law;
    const mad_bures_factor *factor;
} real_side;

static mad_status prepare(mad_ctx *ctx, const mad_metric_in *in, mad_arena *mem, const void **out)
{
    mad_status st = MAD_OK;
    real_side *side = mad_arena_take(mem, 1, sizeof *side);
    if (side == NULL) {
        return mad_fail_memory(ctx, "the Frechet distance");
    }
    MAD_TRY(law_of(ctx, mem, in->real, &side->law));
    MAD_TRY(mad_bures_factorise(ctx, mem, side->law.dim, side->law.cov, &side->factor));
    *out = side;
out:
    return st;
}

static mad_status eval(mad_ctx *ctx, const mad_metric_in *in, double *values)
{
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    const real_side *side = in->prepared;
    mad_status st = MAD_OK;
    mad_moments fake;
    MAD_TRY(law_of(ctx, ctx->scratch, in->fake, &fake));
    MAD_TRY(mad_bures_sq_from(ctx, fake.dim, side->law.mean, side->law.cov, side->factor, fake.mean,
                              fake.cov, values));
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

const mad_metric_type mad_metric_frechet_rows = {
    .name = "frechet_rows",
    .doc = "the Frechet distance as codes that divide by n have it",
    .needs = MAD_NEEDS_SAMPLES | MAD_BY_NAME,
    .worlds = 1u << MAD_WORLD_CONTINUOUS | 1u << MAD_WORLD_REGRESSION,
    .outputs = outputs,
    .min_rows = mad_rows_one,
    .prepare = prepare,
    .eval = eval,
};

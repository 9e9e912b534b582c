/* analysis/metrics/frechet.c: Frechet distance of the Gaussians with the two laws' moments. */
#include <math.h>

#include "analysis/metrics/shared.h"
#include "sim/iface/metric.h"
#include "sim/num/linalg.h"

enum { FRECHET, GAUSSIAN_W2 };

static const mad_metric_output outputs[] = {
    [FRECHET] = {.name = "frechet",
                 .long_name = "Frechet distance (squared form)",
                 .units = "data units^2",
                 .direction = "lower",
                 .definition = "|dmu|^2 + tr(S1 + S2) - 2 tr (S1^1/2 S2 S1^1/2)^1/2, covariances "
                               "with ddof = 1 where they are of samples, no ridge",
                 .reference = "Heusel et al. 2017, arXiv:1706.08500; Dowson & Landau 1982"},
    [GAUSSIAN_W2] = {.name = "gaussian_w2",
                     .long_name = "2-Wasserstein distance of the Gaussians with these moments",
                     .units = "data units",
                     .direction = "lower",
                     .definition = "square root of frechet",
                     .reference = "Dowson & Landau 1982, J. Multivar. Anal. 12:450"},
    {.name = NULL},
};

/* *out: the factor of the real covariance. */
static mad_status prepare(mad_ctx *ctx, const mad_metric_in *in, mad_arena *mem, const void **out)
{
    mad_status st = MAD_OK;
    const mad_bures_factor *factor = NULL;
    MAD_TRY(mad_bures_factorise(ctx, mem, in->real_law->dim, in->real_law->cov, &factor));
    *out = factor;
out:
    return st;
}

static mad_status eval(mad_ctx *ctx, const mad_metric_in *in, double *values)
{
    const mad_moments *real = in->real_law, *fake = in->fake_law;
    double square = 0.0;
    const mad_status st = mad_bures_sq_from(ctx, fake->dim, real->mean, real->cov, in->prepared,
                                            fake->mean, fake->cov, &square);
    values[FRECHET] = square;
    values[GAUSSIAN_W2] = sqrt(square);
    return st;
}

const mad_metric_type mad_metric_frechet = {
    .name = "frechet",
    .doc = "Frechet distance between real data and model, and its square root",
    .needs = MAD_NEEDS_LAW,
    .worlds = 1u << MAD_WORLD_CONTINUOUS | 1u << MAD_WORLD_REGRESSION,
    .outputs = outputs,
    .min_rows = mad_rows_two,
    .prepare = prepare,
    .eval = eval,
};

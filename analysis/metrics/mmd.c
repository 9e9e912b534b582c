/* analysis/metrics/mmd.c: squared maximum mean discrepancy with the Gaussian kernel. */
#include <math.h>

#include "analysis/metrics/bandwidth.h"
#include "analysis/metrics/shared.h"

static const mad_param params[] = {MAD_KERNEL_SIGMA_PARAM, {.name = NULL}};

static const mad_metric_output outputs[] = {
    {.name = "mmd2_rbf_unbiased",
     .long_name = "maximum mean discrepancy, squared, Gaussian kernel",
     .units = "1",
     .direction = "lower",
     .estimator = "U-statistic",
     .definition = "unbiased squared MMD with k(x, y) = exp(-|x - y|^2/(2 s^2)), s = "
                   "measure.kernel_sigma, or with 0 the median distance over the pairs "
                   "i < j of the real rows, the same in every generation; expected value "
                   "for equal laws: 0, may be negative",
     .reference = "Gretton et al. 2012, J. Mach. Learn. Res. 13:723",
     .undefined = MAD_NO_KERNEL},
    {.name = NULL},
};

typedef struct real_side {
    mad_rbf rbf;
    double sum; /* of the kernel over pairs of real rows */
} real_side;

static mad_status prepare(mad_ctx *ctx, const mad_metric_in *in, mad_arena *mem, const void **out)
{
    mad_status st = MAD_OK;
    real_side *side = mad_arena_take(mem, 1, sizeof *side);
    if (side == NULL) {
        return mad_fail_memory(ctx, "the kernel of a measure");
    }
    MAD_TRY(mad_rbf_take(ctx, in, &side->rbf));
    if (side->rbf.is_defined) {
        MAD_TRY(mad_pair_sum_within(ctx, &side->rbf.kernel, in->real, &side->sum));
    }
    *out = side;
out:
    return st;
}

static mad_status eval(mad_ctx *ctx, const mad_metric_in *in, double *values)
{
    mad_status st = MAD_OK;
    const real_side *side = in->prepared;
    mad_pair_sums sums;
    values[0] = (double)NAN;
    if (side->rbf.is_defined) {
        MAD_TRY(mad_pair_sums_take(ctx, &side->rbf.kernel, in->real, side->sum, in->fake, &sums));
        values[0] = mad_mmd2_unbiased(&sums);
    }
out:
    return st;
}

const mad_metric_type mad_metric_mmd = {
    .name = "mmd",
    .doc = "maximum mean discrepancy between real and model samples with the Gaussian kernel",
    .params = params,
    .needs = MAD_NEEDS_SAMPLES | MAD_BY_NAME,
    .worlds = 1u << MAD_WORLD_CONTINUOUS | 1u << MAD_WORLD_REGRESSION,
    .outputs = outputs,
    .beside = MAD_KERNEL_WIDTH,
    .min_rows = mad_rows_two,
    .prepare = prepare,
    .eval = eval,
};

/* analysis/metrics/kid.c: kernel distance with the cubic kernel, on raw coordinates. */
#include "analysis/metrics/pairs.h"
#include "analysis/metrics/shared.h"

static const mad_metric_output outputs[] = {
    {.name = "kid_unbiased",
     .long_name = "kernel distance (KID), squared MMD of the cubic kernel",
     .units = "1",
     .direction = "lower",
     .estimator = "U-statistic",
     .definition = "unbiased squared MMD with k(x, y) = (x.y/d + 1)^3, all rows, pairs of a row "
                   "with itself left out; expected value for equal laws: 0, may be negative",
     .reference = "Binkowski et al. 2018, arXiv:1801.01401",
     .undefined = "where the cubic kernel overflows (coordinates of some 1e50 and above)"},
    {.name = NULL},
};

static mad_kernel cubic(const mad_metric_in *in)
{
    return (mad_kernel){.kind = MAD_PAIR_CUBIC, .scale = (double)in->real->dim};
}

/* *out: the real rows' own sum. */
static mad_status prepare(mad_ctx *ctx, const mad_metric_in *in, mad_arena *mem, const void **out)
{
    const mad_kernel kernel = cubic(in);
    double *sum = mad_arena_take(mem, 1, sizeof *sum);
    *out = sum;
    return sum != NULL ? mad_pair_sum_within(ctx, &kernel, in->real, sum)
                       : mad_fail_memory(ctx, "the kernel distance");
}

static mad_status eval(mad_ctx *ctx, const mad_metric_in *in, double *values)
{
    mad_status st = MAD_OK;
    const mad_kernel kernel = cubic(in);
    const double *real_sum = in->prepared;
    mad_pair_sums sums;
    MAD_TRY(mad_pair_sums_take(ctx, &kernel, in->real, *real_sum, in->fake, &sums));
    values[0] = mad_mmd2_unbiased(&sums);
out:
    return st;
}

const mad_metric_type mad_metric_kid = {
    .name = "kid",
    .doc = "kernel distance between real and model samples with the cubic kernel",
    .needs = MAD_NEEDS_SAMPLES | MAD_BY_NAME,
    .worlds = 1u << MAD_WORLD_CONTINUOUS | 1u << MAD_WORLD_REGRESSION,
    .outputs = outputs,
    .min_rows = mad_rows_two,
    .prepare = prepare,
    .eval = eval,
};

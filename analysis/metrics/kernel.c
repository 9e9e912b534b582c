/* analysis/metrics/kernel.c: the width of the Gaussian kernel that other measures use. */
#include <math.h>

#include "analysis/metrics/bandwidth.h"
#include "analysis/metrics/shared.h"

static const mad_param params[] = {MAD_KERNEL_SIGMA_PARAM, {.name = NULL}};

static const mad_metric_output outputs[] = {
    {.name = MAD_KERNEL_WIDTH,
     .long_name = "width s of the Gaussian kernel of mmd2_rbf_unbiased and vendi_rbf",
     .units = "data units",
     .direction = "target",
     .definition =
         "measure.kernel_sigma, or with 0 the median distance over the pairs i < j of the "
         "real rows; taken whenever a measure with this kernel is",
     .reference = "Gretton et al. 2012, J. Mach. Learn. Res. 13:723",
     .undefined = "where there is one real row only, or distances overflow"},
    {.name = NULL},
};

static mad_status prepare(mad_ctx *ctx, const mad_metric_in *in, mad_arena *mem, const void **out)
{
    mad_rbf *rbf = mad_arena_take(mem, 1, sizeof *rbf);
    *out = rbf;
    return rbf == NULL ? mad_fail_memory(ctx, "the kernel of a measure")
                       : mad_rbf_take(ctx, in, rbf);
}

static mad_status eval(mad_ctx *ctx, const mad_metric_in *in, double *values)
{
    const mad_rbf *rbf = in->prepared;
    (void)ctx;
    values[0] = isfinite(rbf->sigma) ? rbf->sigma : (double)NAN;
    return MAD_OK;
}

const mad_metric_type mad_metric_kernel = {
    .name = "kernel",
    .doc = "width of the Gaussian kernel",
    .params = params,
    .needs = MAD_NEEDS_SAMPLES | MAD_BY_NAME,
    .worlds = 1u << MAD_WORLD_CONTINUOUS | 1u << MAD_WORLD_REGRESSION,
    .outputs = outputs,
    .min_rows = mad_rows_two,
    .prepare = prepare,
    .eval = eval,
};

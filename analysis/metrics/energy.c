/* analysis/metrics/energy.c: energy distance: squared MMD of the kernel -|x - y|. */
#include <math.h>

#include "analysis/metrics/pairs.h"
#include "analysis/metrics/shared.h"

enum { ENERGY_V, ENERGY_U };

static const mad_metric_output outputs[] = {
    [ENERGY_V] = {.name = "energy_v",
                  .long_name = "energy distance, pairs of a row with itself kept",
                  .units = "data units",
                  .direction = "lower",
                  .estimator = "V-statistic",
                  .definition = "2 E|x - y| - E|x - x'| - E|y - y'| over all pairs, a row with "
                                "itself included (V-statistic, biased upwards); never negative, no "
                                "root taken",
                  .reference = "Szekely & Rizzo 2013, J. Stat. Plan. Inference 143:1249",
                  .undefined = "where distances overflow"},
    [ENERGY_U] = {.name = "energy_u",
                  .long_name = "energy distance, unbiased",
                  .units = "data units",
                  .direction = "lower",
                  .estimator = "U-statistic",
                  .definition = "as energy_v without the pairs of a row with itself (U-statistic); "
                                "expected value for equal laws: 0, may be negative",
                  .reference = "Szekely & Rizzo 2013, J. Stat. Plan. Inference 143:1249",
                  .undefined = "where distances overflow"},
    {.name = NULL},
};

static const mad_kernel distance = {.kind = MAD_PAIR_DISTANCE};

/* min_rows: a single row has no pair with another. */
static size_t min_rows(const mad_values *values, size_t dim, size_t i_output, mad_side side)
{
    return i_output == ENERGY_V ? mad_rows_one(values, dim, i_output, side)
                                : mad_rows_two(values, dim, i_output, side);
}

/* *out: the real rows' own sum. */
static mad_status prepare(mad_ctx *ctx, const mad_metric_in *in, mad_arena *mem, const void **out)
{
    double *sum = mad_arena_take(mem, 1, sizeof *sum);
    *out = sum;
    return sum != NULL ? mad_pair_sum_within(ctx, &distance, in->real, sum)
                       : mad_fail_memory(ctx, "the energy distance");
}

static mad_status eval(mad_ctx *ctx, const mad_metric_in *in, double *values)
{
    mad_status st = MAD_OK;
    const double n = (double)in->real->n_rows, m = (double)in->fake->n_rows;
    const double *real_sum = in->prepared;
    mad_pair_sums sums;
    MAD_TRY(mad_pair_sums_take(ctx, &distance, in->real, *real_sum, in->fake, &sums));
    const double v = 2.0 * (sums.cross / (n * m) - sums.real / (n * n) - sums.fake / (m * m));
    values[ENERGY_V] = isfinite(v) ? fmax(v, 0.0) : (double)NAN; /* >= 0 but for rounding */
    values[ENERGY_U] = -mad_mmd2_unbiased(&sums);
out:
    return st;
}

const mad_metric_type mad_metric_energy = {
    .name = "energy",
    .doc = "energy distance between real and model samples",
    .needs = MAD_NEEDS_SAMPLES | MAD_BY_NAME,
    .worlds = 1u << MAD_WORLD_CONTINUOUS | 1u << MAD_WORLD_REGRESSION,
    .outputs = outputs,
    .min_rows = min_rows,
    .prepare = prepare,
    .eval = eval,
};

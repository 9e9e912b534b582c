/* analysis/metrics/heavy_tails.c: how heavy the tails are. Everything is of the norms r = |x| of rows. */
#include <math.h>

#include "analysis/metrics/shared.h"
#include "sim/num/stats.h"

enum { HILL, QUANTILE_RATIO, IQR_RATIO, EXCEEDANCE, N_OUTPUTS };

enum { TOP = 100 }; /* one row in TOP is of the tail */

static const mad_metric_output outputs[] = {
    [HILL] = {.name = "hill_index",
              .long_name = "tail index of the norms of the model's rows",
              .units = "1",
              .direction = "target",
              .definition = "k / sum_{i <= k} ln(r_(i) / r_(k+1)), r_(1) >= r_(2) >= ... norms of "
                            "rows, k = n / 100 rounded down",
              .reference = "Hill 1975, Ann. Stat. 3:1163",
              .undefined = "where the k + 1 largest norms are one number, or one is 0"},
    [QUANTILE_RATIO] = {.name = "tail_quantile_ratio",
                        .long_name = "norms: quantile 0.999 over quantile 0.99",
                        .units = "1",
                        .direction = "target",
                        .definition = "q(0.999) / q(0.99) of the norms of the model's rows, linear "
                                      "interpolation",
                        .reference = "Hyndman & Fan 1996, type 7",
                        .undefined = "where the quantile 0.99 is 0"},
    [IQR_RATIO] = {.name = "iqr_ratio",
                   .long_name = "interquartile range of the norms over that of real rows",
                   .units = "1",
                   .direction = "target",
                   .definition = "(q(0.75) - q(0.25)) of the norms / that of the reference rows: a "
                                 "scale that tails do not touch",
                   .reference = "Hyndman & Fan 1996, type 7",
                   .undefined = "where that of real rows is 0"},
    [EXCEEDANCE] = {.name = "exceedance_q99",
                    .long_name = "share of rows beyond the real 99 % norm",
                    .units = "1",
                    .direction = "target",
                    .definition = "share of the model's rows with a norm strictly above q(0.99) of "
                                  "the norms of the reference rows",
                    .reference = "docs/measures.md"},
    {.name = NULL},
};

static size_t min_rows(const mad_values *values, size_t dim, size_t i_output, mad_side side)
{
    (void)values;
    (void)dim;
    return i_output == HILL && side == MAD_SIDE_FAKE ? TOP : 1;
}

/* sqrt(sum x^2) without overflow. */
static double norm(size_t dim, const double *x)
{
    double widest = 0.0, sum = 0.0;
    for (size_t j = 0; j < dim; j++) {
        widest = fmax(widest, fabs(x[j]));
    }
    for (size_t j = 0; j < dim && widest > 0.0; j++) {
        sum += (x[j] / widest) * (x[j] / widest);
    }
    return widest * sqrt(sum);
}

static double *sorted_norms(mad_ctx *ctx, const mad_set *set)
{
    double *r = mad_arena_take_raw(ctx->scratch, set->n_rows, sizeof *r);
    for (size_t i = 0; r != NULL && i < set->n_rows; i++) {
        r[i] = norm(set->dim, set->x + i * set->dim);
    }
    if (r != NULL) {
        mad_sort(set->n_rows, r);
    }
    return r;
}

static double hill(size_t n, const double *r)
{
    const size_t k = n / TOP;
    double sum = 0.0;
    if (k == 0 || r[n - k - 1] <= 0.0) {
        return (double)NAN;
    }
    for (size_t i = n - k; i < n; i++) {
        sum += log(r[i]) - log(r[n - k - 1]);
    }
    return sum > 0.0 ? (double)k / sum : (double)NAN;
}

static double iqr(size_t n, const double *r)
{
    return mad_quantile_sorted(n, r, 0.75) - mad_quantile_sorted(n, r, 0.25);
}

static mad_status eval(mad_ctx *ctx, const mad_metric_in *in, double *values)
{
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    const size_t n = in->fake->n_rows, m = in->real->n_rows;
    mad_status st = MAD_OK;
    const double *fake = sorted_norms(ctx, in->fake), *real = sorted_norms(ctx, in->real);
    if (fake == NULL || real == NULL) {
        st = mad_fail_memory(ctx, "the norms of rows");
        goto out;
    }
    const double low = mad_quantile_sorted(n, fake, 0.99), real_iqr = iqr(m, real);
    const double limit = mad_quantile_sorted(m, real, 0.99);
    double n_far = 0.0;
    for (size_t i = 0; i < n; i++) {
        n_far += fake[i] > limit;
    }
    values[HILL] = hill(n, fake);
    values[QUANTILE_RATIO] = low > 0.0 ? mad_quantile_sorted(n, fake, 0.999) / low : (double)NAN;
    values[IQR_RATIO] = real_iqr > 0.0 ? iqr(n, fake) / real_iqr : (double)NAN;
    values[EXCEEDANCE] = n_far / (double)n;
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

const mad_metric_type mad_metric_heavy_tails = {
    .name = "heavy_tails",
    .doc = "tail index, extreme quantiles and exceedances of the norms of rows",
    .needs = MAD_ANY_SCALE | MAD_NEEDS_SAMPLES | MAD_BY_NAME,
    .worlds = 1u << MAD_WORLD_CONTINUOUS,
    .outputs = outputs,
    .min_rows = min_rows,
    .eval = eval,
};

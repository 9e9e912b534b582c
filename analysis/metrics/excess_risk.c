/* analysis/metrics/excess_risk.c: what the regression that the model's law implies costs on real
 * data. */
#include "analysis/metrics/shared.h"
#include "sim/iface/metric.h"
#include "sim/num/linalg.h"

enum { EXCESS_RISK };

static const mad_metric_output outputs[] = {
    [EXCESS_RISK] = {.name = "excess_risk",
                     .long_name = "excess prediction risk of the model's regression",
                     .units = "response units^2",
                     .direction = "lower",
                     .definition = "(w - w*)^T Sxx (w - w*), w and w* = minimum-norm slopes "
                                   "Sxx^-1 Sxy of the model's and the real covariance, Sxx of "
                                   "the real features",
                     .reference = "Dohmatob et al. 2024, arXiv:2402.07712"},
    {.name = NULL},
};

/* w = Sxx^+ Sxy; the last column is the response. sxx: [n][n], sxy, w: [n], n = dim - 1. */
static mad_status slopes(mad_ctx *ctx, const mad_moments *law, double *sxx, double *sxy, double *w)
{
    const size_t n = law->dim - 1;
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < n; j++) {
            sxx[i * n + j] = law->cov[i * law->dim + j];
        }
        sxy[i] = law->cov[i * law->dim + n];
    }
    return mad_least_squares(ctx, n, n, sxx, sxy, w);
}

static mad_status eval(mad_ctx *ctx, const mad_metric_in *in, double *values)
{
    const size_t n = in->real_law->dim - 1;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    mad_status st = MAD_OK;
    double *sxx = mad_arena_take_raw(ctx->scratch, n * n, sizeof *sxx);
    double *sxy = mad_arena_take_raw(ctx->scratch, n, sizeof *sxy);
    double *w = mad_arena_take_raw(ctx->scratch, n, sizeof *w);
    double *best = mad_arena_take_raw(ctx->scratch, n, sizeof *best);
    if (sxx == NULL || sxy == NULL || w == NULL || best == NULL) {
        st = mad_fail_memory(ctx, "the excess risk");
        goto out;
    }
    MAD_TRY(slopes(ctx, in->fake_law, sxx, sxy, w));
    MAD_TRY(slopes(ctx, in->real_law, sxx, sxy, best)); /* last: leaves the real Sxx behind */
    double risk = 0.0;
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < n; j++) {
            risk += (w[i] - best[i]) * sxx[i * n + j] * (w[j] - best[j]);
        }
    }
    values[EXCESS_RISK] = risk < 0.0 ? 0.0 : risk; /* NaN stays */
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

const mad_metric_type mad_metric_excess_risk = {
    .name = "excess_risk",
    .doc = "excess risk of the linear regression implied by the model's law",
    .needs = MAD_NEEDS_LAW,
    .worlds = 1u << MAD_WORLD_REGRESSION,
    .outputs = outputs,
    .min_rows = mad_rows_two,
    .eval = eval,
};

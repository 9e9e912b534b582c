/* analysis/metrics/chi2.c: chi-square divergences between laws that follow each other in a loop. */
#include <math.h>

#include "analysis/metrics/shared.h"
#include "sim/num/stats.h"

enum { TO_REAL, INNOVATION };

#define UNDEFINED "in the floor: real rows have no q; where a model has no density"

static const mad_metric_output outputs[] = {
    [TO_REAL] = {.name = "chi2_to_real",
                 .long_name = "chi-square divergence of the model from the world",
                 .units = "1",
                 .direction = "lower",
                 .estimator = "mean over the reference rows",
                 .definition = "E_P[(q/P - 1)^2], q = the model's density, P = the world's",
                 .reference = "Khelifa, Turner & Venkataramanan 2026, arXiv:2602.16601 (D_i)",
                 .undefined = UNDEFINED},
    [INNOVATION] = {.name = "chi2_innovation",
                    .long_name = "chi-square divergence of the model from the law of its training "
                                 "rows",
                    .units = "1",
                    .direction = "lower",
                    .estimator = "mean over the reference rows",
                    .definition = "E_P[(q/P - s)^2/s], s = a + (1 - a) q'/P, a = real share of the "
                                  "training set, q' = the density of the model before: a P + (1 - "
                                  "a) q' is the law of the training rows where the newest model "
                                  "is sampled as it is; generation 1: s = 1",
                    .reference = "Khelifa, Turner & Venkataramanan 2026, arXiv:2602.16601 (I_i)",
                    .undefined = UNDEFINED "; no real rows, and q' = 0 at one"},
    {.name = NULL},
};

static mad_status eval(mad_ctx *ctx, const mad_metric_in *in, double *values)
{
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    const size_t n = in->real->n_rows;
    const double *now = in->log_density, *before = in->log_density_before;
    mad_status st = MAD_OK;
    double *to_real = mad_arena_take_raw(ctx->scratch, n, sizeof *to_real);
    double *innovation = mad_arena_take_raw(ctx->scratch, n, sizeof *innovation);
    values[TO_REAL] = values[INNOVATION] = (double)NAN;
    if (to_real == NULL || innovation == NULL) {
        st = mad_fail_memory(ctx, "ratios of densities");
        goto out;
    }
    if (now == NULL) {
        goto out;
    }
    for (size_t i = 0; i < n; i++) {
        const double ratio = exp(now[i] - in->real_log_p[i]), share = in->real_share;
        const double s =
            before == NULL ? 1.0 : share + (1.0 - share) * exp(before[i] - in->real_log_p[i]);
        to_real[i] = (ratio - 1.0) * (ratio - 1.0);
        innovation[i] = (ratio - s) * (ratio - s) / s;
    }
    values[TO_REAL] = mad_mean(n, to_real);
    values[INNOVATION] = mad_mean(n, innovation);
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

const mad_metric_type mad_metric_chi2 = {
    .name = "chi2",
    .doc = "chi-square divergences from the world and from the law of the training rows",
    .needs = MAD_NEEDS_SAMPLES | MAD_NEEDS_DENSITY | MAD_NEEDS_DENSITY_BEFORE |
             MAD_NEEDS_WORLD_DENSITY | MAD_BY_NAME,
    .worlds = 1u << MAD_WORLD_CONTINUOUS,
    .outputs = outputs,
    .min_rows = mad_rows_one,
    .eval = eval,
};

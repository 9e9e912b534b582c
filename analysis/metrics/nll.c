/* analysis/metrics/nll.c: how probable the model's rows are in the world. */
#include <math.h>

#include "analysis/metrics/shared.h"

enum { NLL_EXCESS, IMPOSSIBLE };

static const mad_metric_output outputs[] = {
    [NLL_EXCESS] = {.name = "nll_excess",
                    .long_name = "mean negative log density of the model's rows, less that of "
                                 "real ones",
                    .units = "nats per row",
                    .direction = "target",
                    .definition = "mean of -ln p over the model's rows with p > 0, less the mean "
                                  "over the reference rows, p = the world's density; below 0: "
                                  "rows crowd where p is high",
                    .reference = "E[-ln p] = entropy + KL divergence, Cover & Thomas 2006, ch. 8",
                    .undefined = "where p = 0 at every row"},
    [IMPOSSIBLE] = {.name = "impossible_share",
                    .long_name = "share of rows that the world cannot draw",
                    .units = "1",
                    .direction = "lower",
                    .definition = "share of the model's rows with p = 0",
                    .reference = "docs/measures.md"},
    {.name = NULL},
};

/* Mean of -ln p over p > 0; NaN where there is none. n_possible: how many there are. */
static double mean_nll(size_t n, const double *log_p, double *n_possible)
{
    double sum = 0.0;
    *n_possible = 0.0;
    for (size_t i = 0; i < n; i++) {
        if (isfinite(log_p[i])) {
            sum -= log_p[i];
            *n_possible += 1.0;
        }
    }
    return *n_possible > 0.0 ? sum / *n_possible : (double)NAN;
}

static mad_status eval(mad_ctx *ctx, const mad_metric_in *in, double *values)
{
    (void)ctx;
    double n_real = 0.0, n_fake = 0.0;
    const double real = mean_nll(in->real->n_rows, in->real_log_p, &n_real);
    const double fake = mean_nll(in->fake->n_rows, in->fake_log_p, &n_fake);
    values[NLL_EXCESS] = fake - real;
    values[IMPOSSIBLE] = ((double)in->fake->n_rows - n_fake) / (double)in->fake->n_rows;
    return MAD_OK;
}

const mad_metric_type mad_metric_nll = {
    .name = "nll",
    .doc = "log density of the model's rows in the world, for worlds that know theirs",
    .needs = MAD_NEEDS_SAMPLES | MAD_NEEDS_WORLD_DENSITY,
    .worlds = 1u << MAD_WORLD_CONTINUOUS,
    .outputs = outputs,
    .min_rows = mad_rows_one,
    .eval = eval,
};

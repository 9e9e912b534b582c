/* analysis/metrics/likelihood.c: how probable held-out real rows are to the model. */
#include <math.h>

#include "analysis/metrics/shared.h"

enum { LOG_LIKELIHOOD };

static const mad_metric_output outputs[] = {
    [LOG_LIKELIHOOD] = {.name = "log_likelihood",
                        .long_name = "mean log density of held-out real rows under the model",
                        .units = "nats per row",
                        .direction = "higher",
                        .definition = "mean of ln q(x) over the reference rows x, given their "
                                      "classes where there are any",
                        .reference = "Song et al. 2021, arXiv:2011.13456, Eq. 39",
                        .undefined =
                            "in the floor: real rows have no q; where the model has no density (a "
                            "singular covariance, kernels of width 0)"},
    {.name = NULL},
};

static mad_status eval(mad_ctx *ctx, const mad_metric_in *in, double *values)
{
    (void)ctx;
    double sum = in->log_density == NULL ? (double)NAN : 0.0;
    for (size_t i = 0; in->log_density != NULL && i < in->real->n_rows; i++) {
        sum += in->log_density[i];
    }
    values[LOG_LIKELIHOOD] = sum / (double)in->real->n_rows;
    return MAD_OK;
}

const mad_metric_type mad_metric_likelihood = {
    .name = "likelihood",
    .doc = "log density of held-out real rows, for models that offer one",
    .needs = MAD_NEEDS_SAMPLES | MAD_NEEDS_DENSITY | MAD_BY_NAME,
    .worlds = 1u << MAD_WORLD_CONTINUOUS,
    .outputs = outputs,
    .min_rows = mad_rows_one,
    .eval = eval,
};

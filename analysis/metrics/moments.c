/* analysis/metrics/moments.c: where the model's law sits and how wide it is. */
#include <math.h>

#include "analysis/metrics/shared.h"
#include "sim/iface/metric.h"
#include "sim/num/linalg.h"

enum { MEAN_ERROR, MEAN_ERROR_SQ, TRACE, LOG_DET, TRACE_RATIO };

static const mad_metric_output outputs[] = {
    [MEAN_ERROR] = {.name = "mean_error",
                    .long_name = "distance of the means",
                    .units = "data units",
                    .direction = "lower",
                    .definition = "Euclidean norm of (mean of the model - mean of the real data)",
                    .reference = "Shumailov et al. 2024, Nature 631:755"},
    [MEAN_ERROR_SQ] = {.name = "mean_error_sq",
                       .long_name = "squared distance of the means",
                       .units = "data units^2",
                       .direction = "lower",
                       .definition =
                           "squared Euclidean norm of (mean of the model - mean of the real data)",
                       .reference = "Shumailov et al. 2024, Nature 631:755"},
    [TRACE] = {.name = "trace",
               .long_name = "total variance of the model",
               .units = "data units^2",
               .direction = "target",
               .definition = "trace of the model's covariance (of samples: ddof = 1)",
               .reference = "Alemohammad et al. 2024, arXiv:2307.01850"},
    [LOG_DET] = {.name = "log_det",
                 .long_name = "log-determinant of the model's covariance",
                 .units = "1",
                 .direction = "target",
                 .definition = "ln det of the model's covariance (of samples: ddof = 1); -inf when "
                               "its smallest eigenvalue is at or below 1e-12 of the largest",
                 .reference = "Wilks 1932, Biometrika 24:471 (generalised variance)"},
    [TRACE_RATIO] = {.name = "trace_ratio",
                     .long_name = "total variance of the model over that of the real data",
                     .units = "1",
                     .direction = "target",
                     .definition = "trace of the model's covariance / trace of the real one (of "
                                   "samples: ddof = 1)",
                     .reference = "Alemohammad et al. 2024, arXiv:2307.01850",
                     .undefined = "where the real data are a single point"},
    {.name = NULL},
};

static mad_status eval(mad_ctx *ctx, const mad_metric_in *in, double *values)
{
    const size_t dim = in->fake_law->dim;
    double square = 0.0, trace = 0.0, real_trace = 0.0;
    for (size_t j = 0; j < dim; j++) {
        const double shift = in->fake_law->mean[j] - in->real_law->mean[j];
        square += shift * shift;
        trace += in->fake_law->cov[j * dim + j];
        real_trace += in->real_law->cov[j * dim + j];
    }
    values[MEAN_ERROR] = sqrt(square);
    values[MEAN_ERROR_SQ] = square;
    values[TRACE] = trace;
    values[TRACE_RATIO] = mad_is_point(in->real_law) ? (double)NAN : trace / real_trace;
    return mad_log_det_sym(ctx, dim, in->fake_law->cov, &values[LOG_DET]);
}

const mad_metric_type mad_metric_moments = {
    .name = "moments",
    .doc = "distance of the means, trace and log-determinant of the model's covariance",
    .needs = MAD_NEEDS_LAW,
    .worlds = 1u << MAD_WORLD_CONTINUOUS | 1u << MAD_WORLD_REGRESSION,
    .outputs = outputs,
    .min_rows = mad_rows_two,
    .eval = eval,
};

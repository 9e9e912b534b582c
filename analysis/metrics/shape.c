/* analysis/metrics/shape.c: over how many directions the model's variance is spread. */
#include <math.h>

#include "analysis/metrics/shared.h"
#include "sim/iface/metric.h"
#include "sim/num/linalg.h"

enum { EFFECTIVE_RANK, PARTICIPATION, SLOPE };

static const char a_point[] = "where the model is a single point, to the precision of its mean";

static const mad_metric_output outputs[] = {
    [EFFECTIVE_RANK] = {.name = "effective_rank",
                        .long_name = "effective rank of the model's covariance",
                        .units = "1",
                        .direction = "target",
                        .definition = "exp(- sum p ln p), p = eigenvalues of the model's "
                                      "covariance over their sum, negative ones as 0",
                        .reference = "Roy & Vetterli 2007, EUSIPCO p. 606",
                        .undefined = a_point},
    [PARTICIPATION] = {.name = "participation_ratio",
                       .long_name = "participation ratio of the model's covariance",
                       .units = "1",
                       .direction = "target",
                       .definition = "(sum of the eigenvalues)^2 / sum of their squares, of the "
                                     "model's covariance",
                       .reference = "Gao et al. 2017, bioRxiv 214262",
                       .undefined = a_point},
    [SLOPE] = {.name = "spectral_slope",
               .long_name = "slope of the model's log spectrum",
               .units = "1",
               .direction = "target",
               .definition = "least-squares slope of ln lambda_i on ln i over the descending "
                             "eigenvalues of the model's covariance above 1e-12 of the largest",
               .reference = "Stringer et al. 2019, Nature 571:361",
               .undefined = "where fewer than two eigenvalues are above 1e-12 of the largest"},
    {.name = NULL},
};

/* Of ln(value[n - i] / largest) on ln i, i = 1.. ; value ascends. */
static double slope(size_t n, const double *value)
{
    const double largest = value[n - 1];
    double mean_x = 0.0, mean_y = 0.0, xy = 0.0, xx = 0.0;
    size_t n_used = 0;
    while (n_used < n && value[n - 1 - n_used] > 1e-12 * largest) {
        n_used++;
        mean_x += log((double)n_used);
        mean_y += log(value[n - n_used] / largest);
    }
    if (n_used < 2) {
        return (double)NAN;
    }
    mean_x /= (double)n_used;
    mean_y /= (double)n_used;
    for (size_t i = 1; i <= n_used; i++) {
        const double x = log((double)i) - mean_x;
        xy += x * (log(value[n - i] / largest) - mean_y);
        xx += x * x;
    }
    return xy / xx;
}

/* Eigenvalues as shares of the largest: neither sum nor squares overflow. */
static void spread(size_t n, double *value, double *out)
{
    const double largest = value[n - 1];
    double sum = 0.0, squares = 0.0;
    for (size_t i = 0; i < n; i++) {
        value[i] = fmax(value[i], 0.0) / largest;
        sum += value[i];
        squares += value[i] * value[i];
    }
    out[PARTICIPATION] = sum * sum / squares;
    for (size_t i = 0; i < n; i++) {
        value[i] /= sum;
    }
    out[EFFECTIVE_RANK] = exp(mad_entropy(n, value));
}

static mad_status eval(mad_ctx *ctx, const mad_metric_in *in, double *values)
{
    const size_t dim = in->fake_law->dim;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    mad_status st = MAD_OK;
    double *value = mad_arena_take_raw(ctx->scratch, dim, sizeof *value);
    if (value == NULL) {
        return mad_fail_memory(ctx, "the spectrum");
    }
    MAD_TRY(mad_eigen_sym(ctx, dim, in->fake_law->cov, value, NULL));
    values[EFFECTIVE_RANK] = values[PARTICIPATION] = values[SLOPE] = (double)NAN;
    if (!mad_is_point(in->fake_law)) {
        values[SLOPE] = slope(dim, value);
        spread(dim, value, values);
    }
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

/* In one dimension there is no line through the spectrum. */
static int fits(const mad_world_info *world, size_t i_output)
{
    return i_output != SLOPE || world->dim > 1;
}

const mad_metric_type mad_metric_shape = {
    .name = "shape",
    .doc = "effective rank, participation ratio and spectral slope of the model's covariance",
    .needs = MAD_NEEDS_LAW,
    .worlds = 1u << MAD_WORLD_CONTINUOUS | 1u << MAD_WORLD_REGRESSION,
    .outputs = outputs,
    .min_rows = mad_rows_two,
    .fits = fits,
    .eval = eval,
};

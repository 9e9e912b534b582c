/* analysis/metrics/entropy.c: how far rows spread, as the entropy of their density. */
#include <math.h>

#include "analysis/metrics/neighbours.h"
#include "analysis/metrics/shared.h"
#include "sim/num/stats.h"

static const mad_param params[] = {
    MAD_NEIGHBOURS_PARAM("entropy_k", "3", 1, "neighbour whose distance knn_entropy looks at"),
    {.name = NULL},
};

#define SOURCE                                                                                     \
    "Kozachenko & Leonenko 1987, Probl. Inf. Transm. 23:95; Kraskov et al. 2004, Phys. Rev. E "    \
    "69:066138, Eq. 20"

static const mad_metric_output outputs[] = {
    {.name = "knn_entropy",
     .long_name = "differential entropy of the model's rows",
     .units = "nats",
     .direction = "target",
     .estimator = "Kozachenko-Leonenko",
     .definition = "psi(n) - psi(k) + ln V_d + (d/n) sum ln r_k, r_k: distance of each of the n "
                   "model rows to its k-th nearest other, k = entropy_k, V_d: volume of the unit "
                   "ball, psi: digamma; -inf where a row stands more than k times",
     .reference = SOURCE},
    {.name = NULL},
};

static const mad_metric_output training_outputs[] = {
    {.name = "training_entropy",
     .long_name = "differential entropy of the training rows",
     .units = "nats",
     .direction = "target",
     .estimator = "Kozachenko-Leonenko",
     .definition = "as knn_entropy, of the rows that the model was fitted on",
     .reference = SOURCE "; of training sets in a loop: Shi et al. 2025, arXiv:2509.16499",
     .undefined = "with no more than entropy_k training rows"},
    {.name = NULL},
};

static size_t min_rows(const mad_values *values, size_t dim, size_t i_output, mad_side side)
{
    (void)dim;
    (void)i_output;
    return side == MAD_SIDE_REAL ? 1 : mad_get_size(values, "entropy_k") + 1;
}

static double log_unit_ball(double dim)
{
    int sign;
    return 0.5 * dim * log(acos(-1.0)) - lgamma_r(0.5 * dim + 1.0, &sign);
}

/* NaN for no more than k rows. */
static mad_status entropy_of(mad_ctx *ctx, const mad_set *set, size_t k, double *entropy)
{
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    const size_t n = set->n_rows;
    const double dim = (double)set->dim;
    mad_set rows;
    mad_cloud cloud, same;
    int exponent = 0;
    mad_status st = MAD_OK;
    double *radius = mad_arena_take_raw(ctx->scratch, n, sizeof *radius);
    *entropy = (double)NAN;
    if (radius == NULL) {
        st = mad_fail_memory(ctx, "distances to neighbours");
        goto out;
    }
    if (n <= k) {
        goto out;
    }
    MAD_TRY(mad_set_to_unit(ctx, set, &rows, &exponent));
    MAD_TRY(mad_clouds_take(ctx, ctx->scratch, &rows, &rows, &cloud, &same));
    MAD_TRY(mad_knn_radius_sq(ctx, &cloud, k, radius));
    for (size_t i = 0; i < n; i++) {
        radius[i] = 0.5 * log(radius[i]);
    }
    *entropy = mad_digamma((double)n) - mad_digamma((double)k) + log_unit_ball(dim) +
               dim * (mad_mean(n, radius) + exponent * log(2.0));
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

static mad_status eval(mad_ctx *ctx, const mad_metric_in *in, double *values)
{
    return entropy_of(ctx, in->fake, mad_get_size(in->values, "entropy_k"), values);
}

static mad_status eval_training(mad_ctx *ctx, const mad_metric_in *in, double *values)
{
    return entropy_of(ctx, in->train, mad_get_size(in->values, "entropy_k"), values);
}

const mad_metric_type mad_metric_entropy = {
    .name = "entropy",
    .doc = "differential entropy of the model's rows by nearest neighbours",
    .params = params,
    .needs = MAD_ANY_SCALE | MAD_NEEDS_SAMPLES | MAD_BY_NAME,
    .worlds = 1u << MAD_WORLD_CONTINUOUS | 1u << MAD_WORLD_REGRESSION,
    .outputs = outputs,
    .min_rows = min_rows,
    .eval = eval,
};

const mad_metric_type mad_metric_training_entropy = {
    .name = "training_entropy",
    .doc = "differential entropy of the training rows by nearest neighbours",
    .params = params,
    .needs = MAD_ANY_SCALE | MAD_NEEDS_SAMPLES | MAD_NEEDS_TRAIN | MAD_BY_NAME,
    .worlds = 1u << MAD_WORLD_CONTINUOUS | 1u << MAD_WORLD_REGRESSION,
    .outputs = training_outputs,
    .min_rows = mad_rows_one,
    .eval = eval_training,
};

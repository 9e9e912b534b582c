/* analysis/metrics/entropy.c: how far the model's rows spread, as the entropy of their density. */
#include <math.h>

#include "analysis/metrics/neighbours.h"
#include "analysis/metrics/shared.h"
#include "sim/num/stats.h"

static const mad_param params[] = {
    MAD_NEIGHBOURS_PARAM("entropy_k", "3", 1, "neighbour whose distance knn_entropy looks at"),
    {.name = NULL},
};

static const mad_metric_output outputs[] = {
    {.name = "knn_entropy",
     .long_name = "differential entropy of the model's rows",
     .units = "nats",
     .direction = "target",
     .estimator = "Kozachenko-Leonenko",
     .definition = "psi(n) - psi(k) + ln V_d + (d/n) sum ln r_k, r_k: distance of each of the n "
                   "model rows to its k-th nearest other, k = entropy_k, V_d: volume of the unit "
                   "ball, psi: digamma; -inf where a row stands more than k times",
     .reference = "Kozachenko & Leonenko 1987, Probl. Inf. Transm. 23:95; Kraskov et al. 2004, "
                  "Phys. Rev. E 69:066138, Eq. 20"},
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

static mad_status eval(mad_ctx *ctx, const mad_metric_in *in, double *values)
{
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    const size_t n = in->fake->n_rows, k = mad_get_size(in->values, "entropy_k");
    const double dim = (double)in->fake->dim;
    mad_set rows;
    mad_cloud cloud, same;
    int exponent = 0;
    mad_status st = MAD_OK;
    double *radius = mad_arena_take_raw(ctx->scratch, n, sizeof *radius);
    values[0] = (double)NAN;
    if (radius == NULL) {
        st = mad_fail_memory(ctx, "distances to neighbours");
        goto out;
    }
    if (n <= k) {
        goto out;
    }
    MAD_TRY(mad_set_to_unit(ctx, in->fake, &rows, &exponent));
    MAD_TRY(mad_clouds_take(ctx, ctx->scratch, &rows, &rows, &cloud, &same));
    MAD_TRY(mad_knn_radius_sq(ctx, &cloud, k, radius));
    for (size_t i = 0; i < n; i++) {
        radius[i] = 0.5 * log(radius[i]);
    }
    values[0] = mad_digamma((double)n) - mad_digamma((double)k) + log_unit_ball(dim) +
                dim * (mad_mean(n, radius) + exponent * log(2.0));
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
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

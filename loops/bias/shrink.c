/* loops/bias/shrink.c: x <- mu + sqrt(strength) (x - mu) with mu the mean of the model that drew x:
 * rows of N(mu, Sigma) become rows of N(mu, strength Sigma). */
#include <math.h>

#include "sim/iface/bias.h"

static const mad_param params[] = {
    {.name = "strength",
     .kind = MAD_PARAM_SCHEDULE,
     .fallback = "1",
     .min = 1e-6,
     .max = 1,
     .doc = "factor on the covariance of synthetic rows; 1 = no bias"},
    {.name = NULL},
};

static int is_identity(const mad_values *values)
{
    return mad_schedule_is(&mad_get(values, "strength")->schedule, 1.0);
}

static mad_status apply(mad_ctx *ctx, const mad_bias_in *in, mad_set *rows)
{
    (void)ctx;
    const mad_moments *law = in->law;
    const double strength = mad_get_at(in->values, "strength", in->generation, in->n_generations);
    MAD_ASSERT(law->dim == rows->dim);
    if (strength == 1.0) {
        return MAD_OK; /* mu + (x - mu) would round */
    }
    const double factor = sqrt(strength);
    for (size_t i = 0; i < rows->n_rows; i++) {
        double *x = rows->x + i * rows->dim;
        for (size_t j = 0; j < rows->dim; j++) {
            x[j] = law->mean[j] + factor * (x[j] - law->mean[j]);
        }
    }
    return MAD_OK;
}

const mad_bias_type mad_bias_shrink = {
    .name = "shrink",
    .doc = "synthetic rows are pulled towards the model's mean: their covariance times strength",
    .ref = "Alemohammad et al. 2023, arXiv:2307.01850, Eq. 1",
    .params = params,
    .worlds = 1u << MAD_WORLD_CONTINUOUS,
    .needs_moments = 1,
    .is_identity = is_identity,
    .apply = apply,
};

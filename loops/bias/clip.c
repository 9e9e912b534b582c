/* loops/bias/clip.c: every coordinate is held in m - c s .. m + c s, with mean m and sd s of the model
 * that drew the rows where it knows its moments, else of the rows themselves. Of a normal law the
 * variance of a coordinate is multiplied by 2 Phi(c) - 1 - 2 c phi(c) + 2 c^2 (1 - Phi(c)). */
#include <math.h>

#include "sim/iface/setting.h"

static const mad_param params[] = {
    {.name = "strength",
     .kind = MAD_PARAM_SCHEDULE,
     .fallback = "3",
     .min = 0.01,
     .max = 100,
     .unit = "sd",
     .doc = "c: coordinates are held within c sd of the mean; large = hardly a bias"},
    {.name = NULL},
};

static int is_identity(const mad_values *values)
{
    (void)values; /* rows have no largest number */
    return 0;
}

/* Mean and sd (divisor n) of a column of the rows. */
static void column_moments(const mad_set *rows, size_t j, double *mean, double *sd)
{
    double square = 0.0;
    *mean = 0.0;
    for (size_t i = 0; i < rows->n_rows; i++) {
        const double x = rows->x[i * rows->dim + j], step = x - *mean;
        *mean += step / (double)(i + 1);
        square += step * (x - *mean);
    }
    *sd = sqrt(square / (double)rows->n_rows);
}

static mad_status apply(mad_ctx *ctx, const mad_bias_in *in, mad_set *rows)
{
    (void)ctx;
    const size_t dim = rows->dim;
    const double c = mad_get_at(in->values, "strength", in->generation, in->n_generations);
    for (size_t j = 0; j < dim; j++) {
        double mean, sd;
        if (in->law != NULL) {
            mean = in->law->mean[j];
            sd = sqrt(in->law->cov[j * dim + j]);
        } else {
            column_moments(rows, j, &mean, &sd);
        }
        for (size_t i = 0; i < rows->n_rows; i++) {
            double *x = &rows->x[i * dim + j];
            *x = fmin(fmax(*x, mean - c * sd), mean + c * sd);
        }
    }
    return MAD_OK;
}

const mad_bias_type mad_bias_clip = {
    .name = "clip",
    .doc = "coordinates of synthetic rows are held within strength sd of the model's mean",
    .ref = "censored normal law: Johnson, Kotz & Balakrishnan 1994, section 13.10",
    .params = params,
    .worlds = 1u << MAD_WORLD_CONTINUOUS,
    .takes_moments = 1,
    .is_identity = is_identity,
    .apply = apply,
};

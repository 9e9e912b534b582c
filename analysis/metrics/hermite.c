/* analysis/metrics/hermite.c: Hermite moments: what a diffusion of the rows damps, order by order. */
#include <math.h>

#include "analysis/metrics/shared.h"
#include "sim/base/par.h"
#include "sim/num/stats.h"

enum { HERMITE_2, HERMITE_3, HERMITE_4, N_ORDERS };

static const char flat[] = "where a coordinate has no variance in the real law";
static const char source[] = "Szego 1939, Orthogonal Polynomials, 5.5 (weight exp(-x^2/2)); OU "
                             "semigroup: Bakry, Gentil & Ledoux 2014, 2.7.1";

static const mad_metric_output outputs[] = {
    [HERMITE_2] =
        {.name = "hermite_2",
         .long_name = "second Hermite moment of the model's rows",
         .units = "1",
         .direction = "target",
         .definition =
             "mean over coordinates and the model's rows of z^2 - 1, z = (x - m)/s, m and s "
             "the coordinate's mean and standard deviation in the world where it "
             "knows them, else of the reference rows (ddof = 1)",
         .reference = source,
         .undefined = flat},
    [HERMITE_3] = {.name = "hermite_3",
                   .long_name = "third Hermite moment of the model's rows",
                   .units = "1",
                   .direction = "target",
                   .definition = "the same of z^3 - 3 z, not divided by 3!",
                   .reference = source,
                   .undefined = flat},
    [HERMITE_4] = {.name = "hermite_4",
                   .long_name = "fourth Hermite moment of the model's rows",
                   .units = "1",
                   .direction = "target",
                   .definition = "the same of z^4 - 6 z^2 + 3, not divided by 4!",
                   .reference = source,
                   .undefined = flat},
    {.name = NULL},
};

typedef struct hermite_job {
    const mad_world_info *world;
    const mad_set *real, *fake;
    double *moment; /* [N_ORDERS][dim] */
} hermite_job;

static void take_column(const mad_set *set, size_t k, double *out)
{
    for (size_t i = 0; i < set->n_rows; i++) {
        out[i] = set->x[i * set->dim + k];
    }
}

/* Of coordinate k of the real law; x: [real->n_rows] to work in. */
static void real_scale(const hermite_job *job, size_t k, double *x, double *centre, double *sd)
{
    const size_t n = job->real->n_rows, dim = job->real->dim;
    if (job->world->mean != NULL && job->world->cov != NULL) {
        *centre = job->world->mean[k];
        *sd = sqrt(job->world->cov[k * dim + k]);
        return;
    }
    take_column(job->real, k, x);
    *centre = mad_mean(n, x);
    *sd = sqrt(mad_variance(n, x, 1.0));
}

/* He_k, with leading coefficient 1. */
static double polynomial(size_t order, double z)
{
    const double s = z * z;
    return order == HERMITE_2 ? s - 1.0 : order == HERMITE_3 ? z * (s - 3.0) : s * (s - 6.0) + 3.0;
}

static mad_status eval_axis(mad_ctx *ctx, void *arg, size_t k)
{
    const hermite_job *job = arg;
    const size_t n = job->real->n_rows, m = job->fake->n_rows, dim = job->real->dim;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    double centre, sd;
    double *x = mad_arena_take_raw(ctx->scratch, n > m ? n : m, sizeof *x);
    double *h = mad_arena_take_raw(ctx->scratch, m, sizeof *h);
    if (x == NULL || h == NULL) {
        return mad_fail_memory(ctx, "a coordinate");
    }
    real_scale(job, k, x, &centre, &sd);
    take_column(job->fake, k, x);
    for (size_t order = 0; order < N_ORDERS; order++) {
        for (size_t i = 0; i < m; i++) {
            h[i] = sd > 0.0 ? polynomial(order, (x[i] - centre) / sd) : (double)NAN;
        }
        job->moment[order * dim + k] = mad_mean(m, h);
    }
    mad_arena_release(ctx->scratch, mark);
    return MAD_OK;
}

static mad_status eval(mad_ctx *ctx, const mad_metric_in *in, double *values)
{
    mad_status st = MAD_OK;
    const size_t dim = in->real->dim;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    hermite_job job = {.world = in->world, .real = in->real, .fake = in->fake};
    job.moment = mad_arena_take_raw(ctx->scratch, N_ORDERS * dim, sizeof *job.moment);
    if (job.moment == NULL) {
        st = mad_fail_memory(ctx, "Hermite moments");
        goto out;
    }
    MAD_TRY(mad_par_for(ctx, dim, eval_axis, &job));
    for (size_t order = 0; order < N_ORDERS; order++) {
        values[order] = mad_mean(dim, job.moment + order * dim);
    }
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

const mad_metric_type mad_metric_hermite = {
    .name = "hermite",
    .doc = "second, third and fourth Hermite moment of the model's rows, in units of the real ones",
    .needs = MAD_NEEDS_SAMPLES | MAD_BY_NAME,
    .worlds = 1u << MAD_WORLD_CONTINUOUS | 1u << MAD_WORLD_REGRESSION,
    .outputs = outputs,
    .min_rows = mad_rows_two,
    .eval = eval,
};

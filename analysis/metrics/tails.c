/* analysis/metrics/tails.c: how much of the model lies in the outskirts of the real data. */
#include <math.h>
#include <string.h>

#include "analysis/metrics/shared.h"
#include "sim/base/par.h"
#include "sim/iface/metric.h"
#include "sim/num/linalg.h"
#include "sim/num/stats.h"

enum { EMPIRICAL, CHI_SQUARE };
enum { LANES = 8 }; /* rows whitened side by side */

static const char singular[] = "where the real rows' covariance is singular: a constant column, "
                               "or smallest eigenvalue of the correlations at or below 1e-12 of "
                               "the largest";

static const mad_param params[] = {
    {.name = "tail_quantile",
     .kind = MAD_PARAM_REAL,
     .fallback = "0.95",
     .min = 1e-6,
     .max = 1.0 - 1e-6,
     .doc = "quantile of the real data's Mahalanobis distance beyond which its tail begins "
            "(tail_mass_emp_q, tail_mass_chi2_q)"},
    {.name = NULL},
};

static const mad_metric_output outputs[] = {
    [EMPIRICAL] = {.name = "tail_mass_emp_q",
                   .long_name = "share of model rows in the tail of the real rows",
                   .units = "1",
                   .direction = "target",
                   .definition =
                       "share of model rows whose Mahalanobis distance (mean and ddof = 1 "
                       "covariance of the real rows) is strictly above the tail_quantile of the "
                       "real rows' own distances (linear interpolation)",
                   .reference = "Mahalanobis 1936; Hyndman & Fan 1996, type 7",
                   .undefined = singular},
    [CHI_SQUARE] = {.name = "tail_mass_chi2_q",
                    .long_name = "share of model rows beyond the chi-square radius",
                    .units = "1",
                    .direction = "target",
                    .definition =
                        "share of model rows whose squared Mahalanobis distance (mean and ddof = 1 "
                        "covariance of the real rows) is strictly above the tail_quantile of "
                        "chi-square with as many degrees of freedom as columns",
                    .reference = "Mahalanobis 1936, Proc. Natl. Inst. Sci. India 2:49",
                    .undefined = singular},
    {.name = NULL},
};

/* The real side. A row's distance is |L^-1 ((x - mean) / sd)|, L L^T = the correlations: the same
 * number as with the covariance, and no matter how differently the columns are scaled. */
typedef struct tails {
    int is_singular;
    double *mean, *sd; /* [dim] */
    double *factor;    /* [dim][dim] L */
    double limit[2];   /* distances at which the tails begin */
} tails;

typedef struct distances_job {
    const tails *real;
    const mad_set *set;
    double *distance; /* [n_rows] */
} distances_job;

/* L z = x forwards, for LANES rows: z[i] = (x_i - sum_k<i L_ik z_k) / L_ii. The order of a row's
 * sums does not hang on its lane: equal rows are equally far. */
static void whiten(const tails *t, const mad_set *set, size_t first, double (*z)[LANES],
                   double *distance)
{
    const size_t dim = set->dim, left = set->n_rows - first;
    const size_t n = left < LANES ? left : LANES;
    double square[LANES] = {0};
    for (size_t i = 0; i < dim; i++) {
        const double *l = t->factor + i * dim;
        double sum[LANES] = {0};
        for (size_t r = 0; r < n; r++) {
            sum[r] = (set->x[(first + r) * dim + i] - t->mean[i]) / t->sd[i];
        }
        for (size_t k = 0; k < i; k++) {
            for (size_t r = 0; r < LANES; r++) {
                sum[r] -= l[k] * z[k][r];
            }
        }
        for (size_t r = 0; r < LANES; r++) {
            z[i][r] = sum[r] / l[i];
            square[r] += z[i][r] * z[i][r];
        }
    }
    for (size_t r = 0; r < n; r++) {
        distance[first + r] = sqrt(square[r]);
    }
}

static mad_status measure_chunk(mad_ctx *ctx, void *arg, size_t i_chunk)
{
    const distances_job *job = arg;
    const size_t begin = mad_chunk_begin(i_chunk);
    const size_t end = begin + mad_chunk_rows(job->set->n_rows, i_chunk);
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    double(*z)[LANES] = mad_arena_take_raw(ctx->scratch, job->set->dim, sizeof *z);
    if (z == NULL) {
        return mad_fail_memory(ctx, "Mahalanobis distances");
    }
    for (size_t i = begin; i < end; i += LANES) {
        whiten(job->real, job->set, i, z, job->distance);
    }
    mad_arena_release(ctx->scratch, mark);
    return MAD_OK;
}

/* Of every row of `set`; on ctx->scratch. */
static mad_status distances(mad_ctx *ctx, const tails *t, const mad_set *set, double **out)
{
    distances_job job = {t, set, mad_arena_take_raw(ctx->scratch, set->n_rows, sizeof(double))};
    *out = job.distance;
    return job.distance != NULL ? mad_par_for(ctx, mad_n_chunks(set->n_rows), measure_chunk, &job)
                                : mad_fail_memory(ctx, "Mahalanobis distances");
}

/* cov -> the factor of the correlations, in place, unless they are singular. */
static mad_status factorise(mad_ctx *ctx, size_t dim, tails *t)
{
    mad_status st = MAD_OK;
    double *value = mad_arena_take_raw(ctx->scratch, dim, sizeof *value);
    if (value == NULL) {
        return mad_fail_memory(ctx, "the spectrum of the correlations");
    }
    for (size_t i = 0; i < dim; i++) {
        t->sd[i] = sqrt(t->factor[i * dim + i]);
        t->is_singular |= t->sd[i] == 0.0;
    }
    if (t->is_singular) {
        return MAD_OK;
    }
    for (size_t i = 0; i < dim; i++) {
        for (size_t j = 0; j < dim; j++) {
            t->factor[i * dim + j] = i == j ? 1.0 : t->factor[i * dim + j] / t->sd[i] / t->sd[j];
        }
    }
    MAD_TRY(mad_eigen_sym(ctx, dim, t->factor, value, NULL));
    t->is_singular = value[0] <= 1e-12 * value[dim - 1];
    if (!t->is_singular) {
        MAD_TRY(mad_cholesky_semi(ctx, dim, t->factor, t->factor));
    }
out:
    return st;
}

static mad_status prepare(mad_ctx *ctx, const mad_metric_in *in, mad_arena *mem, const void **out)
{
    const size_t dim = in->real->dim, n = in->real->n_rows;
    const double q = mad_get_real(in->values, "tail_quantile");
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    mad_status st = MAD_OK;
    tails *t = mad_arena_take(mem, 1, sizeof *t);
    double *own = NULL, *mean = mad_arena_take_raw(mem, dim, sizeof *mean);
    double *sd = mad_arena_take_raw(mem, dim, sizeof *sd);
    double *factor = mad_arena_take_raw(mem, dim * dim, sizeof *factor);
    if (t == NULL || mean == NULL || sd == NULL || factor == NULL) {
        return mad_fail_memory(ctx, "the real side of the tails");
    }
    *t = (tails){.mean = mean, .sd = sd, .factor = factor};
    *out = t;
    t->is_singular = n < 2;
    if (t->is_singular) {
        return MAD_OK;
    }
    MAD_TRY(mad_mean_cov(ctx, n, dim, in->real->x, NULL, 1, mean, factor));
    MAD_TRY(factorise(ctx, dim, t));
    if (!t->is_singular) {
        MAD_TRY(distances(ctx, t, in->real, &own));
        mad_sort(n, own);
        t->limit[EMPIRICAL] = mad_quantile_sorted(n, own, q);
        t->limit[CHI_SQUARE] = sqrt(mad_chi_square_quantile((double)dim, q));
    }
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

static size_t min_rows(const mad_values *values, size_t dim, size_t i_output, mad_side side)
{
    (void)values;
    (void)i_output;
    return side == MAD_SIDE_REAL ? dim + 1 : 1;
}

static mad_status eval(mad_ctx *ctx, const mad_metric_in *in, double *values)
{
    const tails *t = in->prepared;
    const size_t n = in->fake->n_rows;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    double *distance = NULL;
    mad_status st = MAD_OK;
    values[EMPIRICAL] = values[CHI_SQUARE] = (double)NAN;
    if (t->is_singular) {
        goto out;
    }
    MAD_TRY(distances(ctx, t, in->fake, &distance));
    for (size_t k = EMPIRICAL; k <= CHI_SQUARE; k++) {
        size_t n_beyond = 0;
        for (size_t i = 0; i < n; i++) {
            n_beyond += distance[i] > t->limit[k];
        }
        values[k] = (double)n_beyond / (double)n;
    }
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

const mad_metric_type mad_metric_tails = {
    .name = "tails",
    .doc = "share of model rows in the outskirts of the real data",
    .params = params,
    .needs = MAD_NEEDS_SAMPLES,
    .worlds = 1u << MAD_WORLD_CONTINUOUS | 1u << MAD_WORLD_REGRESSION,
    .outputs = outputs,
    .min_rows = min_rows,
    .prepare = prepare,
    .eval = eval,
};

/* models/em.c: the two steps of EM; every sum over rows runs in row order in one owner. */
#include "models/em.h"

#include <math.h>
#include <string.h>

#include "sim/base/par.h"
#include "sim/num/linalg.h"
#include "sim/num/stats.h"

#define LOG_TWO_PI 1.83787706640934548356

/* Below this share of the total weight a component has no rows left. */
#define NO_ROWS 1e-14

mad_status mad_mixture_take(mad_ctx *ctx, mad_arena *mem, size_t n_components, size_t dim,
                            mad_mixture *out)
{
    size_t n_cov;
    if (mad_size_mul(n_components, dim * dim, &n_cov) != MAD_OK) {
        return mad_fail(ctx, MAD_E_RANGE, "%zu components in %zu dimensions are too large",
                        n_components, dim);
    }
    *out = (mad_mixture){
        .n_components = n_components,
        .dim = dim,
        .weight = mad_arena_take(mem, n_components, sizeof(double)),
        .mean = mad_arena_take(mem, n_components * dim, sizeof(double)),
        .cov = mad_arena_take(mem, n_cov, sizeof(double)),
        .lower = mad_arena_take(mem, n_cov, sizeof(double)),
        .log_peak = mad_arena_take(mem, n_components, sizeof(double)),
    };
    if (out->weight == NULL || out->mean == NULL || out->cov == NULL || out->lower == NULL ||
        out->log_peak == NULL) {
        return mad_fail_memory(ctx, "the components of a mixture");
    }
    return MAD_OK;
}

static void set_log_peak(mad_mixture *mixture, size_t j)
{
    const size_t dim = mixture->dim;
    const double *lower = mixture->lower + j * dim * dim;
    double log_det = 0; /* of the factor */
    for (size_t a = 0; a < dim; a++) {
        log_det += log(lower[a * dim + a]);
    }
    mixture->log_peak[j] = log(mixture->weight[j]) - 0.5 * (double)dim * LOG_TWO_PI - log_det;
}

/* Factor of cov; when a pivot is below the floor, of cov + floor I. */
static mad_status factor_cov(mad_ctx *ctx, size_t dim, double floor, double *cov, double *lower)
{
    mad_status st = mad_cholesky_semi(ctx, dim, cov, lower);
    double pivot = HUGE_VAL;
    for (size_t a = 0; st == MAD_OK && a < dim; a++) {
        pivot = fmin(pivot, lower[a * dim + a] * lower[a * dim + a]);
    }
    if (st != MAD_OK || pivot >= floor) {
        return st;
    }
    for (size_t a = 0; a < dim; a++) {
        cov[a * dim + a] += floor;
    }
    return mad_cholesky_semi(ctx, dim, cov, lower);
}

mad_status mad_mixture_derive(mad_ctx *ctx, double floor, mad_mixture *mixture)
{
    const size_t dim = mixture->dim, size = dim * dim;
    for (size_t j = 0; j < mixture->n_components; j++) {
        const mad_status st =
            factor_cov(ctx, dim, floor, mixture->cov + j * size, mixture->lower + j * size);
        if (st != MAD_OK) {
            return st;
        }
        set_log_peak(mixture, j);
    }
    return MAD_OK;
}

/* |L^-1 (x - mean)|^2 by forward substitution; z[dim] is scratch. */
static double distance_sq(size_t dim, const double *lower, const double *mean, const double *x,
                          double *z)
{
    double sum = 0;
    for (size_t a = 0; a < dim; a++) {
        double value = x[a] - mean[a];
        for (size_t b = 0; b < a; b++) {
            value -= lower[a * dim + b] * z[b];
        }
        z[a] = value / lower[a * dim + a];
        sum += z[a] * z[a];
    }
    return sum;
}

/* m + ln sum_j exp(l_j - m), l_j the log densities and m the largest. */
double mad_mixture_log_p(const mad_mixture *mixture, const double *x, double *z, double *share)
{
    const size_t dim = mixture->dim;
    double largest = -HUGE_VAL, total = 0;
    for (size_t j = 0; j < mixture->n_components; j++) {
        share[j] = -HUGE_VAL; /* a component of weight 0 */
        if (mixture->weight[j] > 0) {
            share[j] = mixture->log_peak[j] - 0.5 * distance_sq(dim, mixture->lower + j * dim * dim,
                                                                mixture->mean + j * dim, x, z);
        }
        largest = fmax(largest, share[j]);
    }
    for (size_t j = 0; j < mixture->n_components; j++) {
        total += largest == -HUGE_VAL ? 1 : exp(share[j] - largest);
    }
    return largest + log(total);
}

typedef struct density_job {
    const mad_mixture *mixture;
    const mad_set *rows;
    double *log_density;
} density_job;

static mad_status density_chunk(mad_ctx *ctx, void *arg, size_t i_chunk)
{
    const density_job *job = arg;
    const size_t dim = job->mixture->dim, begin = mad_chunk_begin(i_chunk);
    const size_t end = begin + mad_chunk_rows(job->rows->n_rows, i_chunk);
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    double *z = mad_arena_take_raw(ctx->scratch, dim, sizeof *z);
    double *share = mad_arena_take_raw(ctx->scratch, job->mixture->n_components, sizeof *share);
    if (z == NULL || share == NULL) {
        return mad_fail_memory(ctx, "a row of scratch");
    }
    for (size_t i = begin; i < end; i++) {
        job->log_density[i] = mad_mixture_log_p(job->mixture, job->rows->x + i * dim, z, share);
    }
    mad_arena_release(ctx->scratch, mark);
    return MAD_OK;
}

mad_status mad_mixture_log_density(mad_ctx *ctx, const mad_mixture *mixture, const mad_set *rows,
                                   double *log_density)
{
    density_job job = {mixture, rows, log_density};
    return mad_par_for(ctx, mad_n_chunks(rows->n_rows), density_chunk, &job);
}

typedef struct expect_job {
    mad_em *em;
    double *partial; /* [n_chunks] weighted sums of ln p */
} expect_job;

static mad_status expect_chunk(mad_ctx *ctx, void *arg, size_t i_chunk)
{
    const expect_job *job = arg;
    const mad_mixture *mixture = job->em->mixture;
    const mad_set *train = job->em->train;
    const size_t dim = mixture->dim, n = train->n_rows, n_components = mixture->n_components;
    const size_t begin = mad_chunk_begin(i_chunk), end = begin + mad_chunk_rows(n, i_chunk);
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    double *z = mad_arena_take_raw(ctx->scratch, dim, sizeof *z);
    double *share = mad_arena_take_raw(ctx->scratch, n_components, sizeof *share);
    if (z == NULL || share == NULL) {
        return mad_fail_memory(ctx, "a row of scratch");
    }
    double sum = 0;
    for (size_t i = begin; i < end; i++) {
        const double weight = train->weight == NULL ? 1 : train->weight[i];
        const double log_p = mad_mixture_log_p(mixture, train->x + i * dim, z, share);
        for (size_t j = 0; j < n_components; j++) {
            job->em->share[j * n + i] = weight * exp(share[j] - log_p);
        }
        sum += weight * log_p;
    }
    job->partial[i_chunk] = sum;
    mad_arena_release(ctx->scratch, mark);
    return MAD_OK;
}

mad_status mad_em_expect(mad_ctx *ctx, mad_em *em, double *log_likelihood)
{
    const size_t n_chunks = mad_n_chunks(em->train->n_rows);
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    expect_job job = {em, mad_arena_take_raw(ctx->scratch, n_chunks, sizeof(double))};
    mad_status st = MAD_OK;
    if (job.partial == NULL) {
        st = mad_fail_memory(ctx, "the sums of an expectation step");
        goto out;
    }
    MAD_TRY(mad_par_for(ctx, n_chunks, expect_chunk, &job));
    em->n_passes++;
    *log_likelihood = mad_sum(n_chunks, job.partial) / em->total;
    if (!isfinite(*log_likelihood)) {
        st = mad_fail(ctx, MAD_E_NONFINITE, "model mixture: the log-likelihood is %g",
                      *log_likelihood);
    }
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

/* Weighted covariance about `mean`, two passes: a difference of moments would lose the variance of
 * narrow components far from the origin. */
static void component_cov(const mad_set *train, const double *share, double total,
                          const double *mean, double *dx, double *cov)
{
    const size_t dim = train->dim;
    memset(cov, 0, dim * dim * sizeof *cov);
    for (size_t i = 0; i < train->n_rows; i++) {
        for (size_t a = 0; a < dim; a++) {
            dx[a] = train->x[i * dim + a] - mean[a];
        }
        for (size_t a = 0; a < dim; a++) {
            const double scaled = share[i] * dx[a];
            for (size_t b = 0; b <= a; b++) {
                cov[a * dim + b] += scaled * dx[b];
            }
        }
    }
    for (size_t a = 0; a < dim; a++) {
        for (size_t b = 0; b <= a; b++) {
            cov[a * dim + b] /= total;
            cov[b * dim + a] = cov[a * dim + b];
        }
    }
}

static mad_status maximise_one(mad_ctx *ctx, void *arg, size_t j)
{
    mad_em *em = arg;
    mad_mixture *mixture = em->mixture;
    const mad_set *train = em->train;
    const size_t dim = mixture->dim, n = train->n_rows;
    const double *share = em->share + j * n;
    double *mean = mixture->mean + j * dim, *cov = mixture->cov + j * dim * dim;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    mad_status st = MAD_OK;
    double *dx = mad_arena_take_raw(ctx->scratch, dim, sizeof *dx);
    if (dx == NULL) {
        return mad_fail_memory(ctx, "a row of scratch");
    }
    const double total = mad_sum(n, share);
    if (total <= NO_ROWS * em->total) {
        mixture->weight[j] = 0;
        goto out;
    }
    mixture->weight[j] = total / em->total;
    memset(mean, 0, dim * sizeof *mean);
    for (size_t i = 0; i < n; i++) {
        for (size_t a = 0; a < dim; a++) {
            mean[a] += share[i] * train->x[i * dim + a];
        }
    }
    for (size_t a = 0; a < dim; a++) {
        mean[a] /= total;
    }
    component_cov(train, share, total, mean, dx, cov);
    MAD_TRY(factor_cov(ctx, dim, em->floor, cov, mixture->lower + j * dim * dim));
    set_log_peak(mixture, j);
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

mad_status mad_em_maximise(mad_ctx *ctx, mad_em *em)
{
    return mad_par_for(ctx, em->mixture->n_components, maximise_one, em);
}

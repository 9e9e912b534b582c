/* models/diffusion/exact/laws.c: the laws behind the denoiser, from standardised rows. */
#include <math.h>
#include <string.h>

#include "models/diffusion/exact/exact.h"
#include "sim/num/stats.h"

/* Posteriors of training rows are taken here and not at 0, where a point has no density. */
#define LITTLE_NOISE 1e-8

static double weight_of(const mad_set *rows, size_t r)
{
    return rows->weight == NULL ? 1.0 : rows->weight[r];
}

/* Covariance in the law's shape. */
static void store_cov(const mad_law *law, size_t j, const double *cov)
{
    const size_t dim = law->dim;
    double trace = 0.0;
    for (size_t a = 0; a < dim; a++) {
        trace += cov[a * dim + a];
    }
    switch (law->shape) {
    case MAD_SHAPE_FULL:
        memcpy(law->cov + j * dim * dim, cov, dim * dim * sizeof *cov);
        break;
    case MAD_SHAPE_DIAGONAL:
        for (size_t a = 0; a < dim; a++) {
            law->cov[j * dim + a] = cov[a * dim + a];
        }
        break;
    case MAD_SHAPE_SPHERICAL:
        law->cov[j] = trace / (double)dim;
        break;
    }
}

/* Component j = moments of the rows of group j; a group of one row is a point, an empty one keeps
 * its place with weight 0. */
static mad_status fit_groups(mad_ctx *ctx, const mad_exact *self, const mad_set *rows,
                             size_t n_groups, const int32_t *group, mad_law *law)
{
    mad_status st = MAD_OK;
    const size_t dim = law->dim;
    double *cov = mad_arena_take_raw(ctx->scratch, dim * dim, sizeof *cov);
    double *x = mad_arena_take_raw(ctx->scratch, rows->n_rows * dim, sizeof *x);
    double *weight = mad_arena_take_raw(ctx->scratch, rows->n_rows, sizeof *weight);

    if (cov == NULL || x == NULL || weight == NULL) {
        return mad_fail_memory(ctx, "the rows of a class");
    }
    *law->n = (int64_t)n_groups;
    for (size_t j = 0; j < n_groups; j++) {
        size_t n = 0;
        for (size_t r = 0; r < rows->n_rows; r++) {
            if (group == NULL || (size_t)group[r] == j) {
                weight[n] = weight_of(rows, r);
                memcpy(x + n++ * dim, rows->x + r * dim, dim * sizeof *x);
            }
        }
        if (n > 0) {
            const int ddof = n > 1 ? self->ddof : 0;
            MAD_TRY(mad_mean_cov(ctx, n, dim, x, rows->weight == NULL ? NULL : weight, ddof,
                                 law->mean + j * dim, cov));
            store_cov(law, j, cov);
        }
    }
out:
    return st;
}

/* Weights by class and over all, from the share of row r in component j. */
static void add_share(const mad_law *law, const mad_set *rows, size_t r, size_t j, double share)
{
    const double w = weight_of(rows, r) * share;
    law->weight[law->n_classes * law->n_max + j] += w;
    if (law->n_classes > 0) {
        law->weight[(size_t)rows->label[r] * law->n_max + j] += w;
    }
}

static void normalise_weights(const mad_law *law)
{
    for (size_t k = 0; k <= law->n_classes; k++) {
        double *weight = law->weight + k * law->n_max, total = 0.0;
        for (size_t j = 0; j < (size_t)*law->n; j++) {
            total += weight[j];
        }
        for (size_t j = 0; j < (size_t)*law->n && total > 0.0; j++) {
            weight[j] /= total;
        }
    }
}

static mad_status fit_gauss(mad_ctx *ctx, const mad_exact *self, const mad_set *rows, mad_law *law)
{
    mad_status st = MAD_OK;
    const size_t n_groups = law->n_classes > 0 ? law->n_classes : 1;
    MAD_TRY(fit_groups(ctx, self, rows, n_groups, law->n_classes > 0 ? rows->label : NULL, law));
    for (size_t r = 0; r < rows->n_rows; r++) {
        add_share(law, rows, r, law->n_classes > 0 ? (size_t)rows->label[r] : 0, 1.0);
    }
out:
    return st;
}

/* Every row to the world's nearest mode. */
static mad_status fit_modes(mad_ctx *ctx, const mad_exact *self, const mad_set *rows, mad_law *law)
{
    mad_status st = MAD_OK;
    const mad_standard *s = &self->standard;
    const size_t dim = law->dim;
    int32_t *group = mad_arena_take_raw(ctx->scratch, rows->n_rows, sizeof *group);

    if (group == NULL) {
        return mad_fail_memory(ctx, "the modes of the rows");
    }
    for (size_t r = 0; r < rows->n_rows; r++) {
        double nearest = HUGE_VAL;
        for (size_t j = 0; j < law->n_max; j++) {
            double sum = 0.0;
            for (size_t a = 0; a < dim; a++) {
                const double m = (self->mode_centre[j * dim + a] - s->centre[a]) / s->scale[0];
                const double d = rows->x[r * dim + a] - m;
                sum += d * d;
            }
            if (sum < nearest) {
                nearest = sum;
                group[r] = (int32_t)j;
            }
        }
        add_share(law, rows, r, (size_t)group[r], 1.0);
    }
    MAD_TRY(fit_groups(ctx, self, rows, law->n_max, group, law));
out:
    return st;
}

/* Weights of a class: the mean posterior of its rows. */
static mad_status share_classes(mad_ctx *ctx, const mad_set *rows, mad_law *law)
{
    mad_status st = MAD_OK;
    const size_t n = (size_t)*law->n;
    double *r_post = mad_arena_take_raw(ctx->scratch, n, sizeof *r_post);
    mad_denoiser denoiser;

    if (r_post == NULL) {
        return mad_fail_memory(ctx, "the posterior of a row");
    }
    MAD_TRY(mad_law_derive(ctx, law));
    MAD_TRY(mad_law_open(ctx, law, ctx->scratch, &denoiser));
    memset(law->weight, 0, (law->n_classes + 1) * law->n_max * sizeof *law->weight);
    for (size_t r = 0; r < rows->n_rows; r++) {
        (void)mad_law_posterior(&denoiser, LITTLE_NOISE, MAD_NO_CLASS, rows->x + r * law->dim,
                                r_post);
        for (size_t j = 0; j < n; j++) {
            add_share(law, rows, r, j, r_post[j]);
        }
    }
out:
    return st;
}

static mad_status fit_em(mad_ctx *ctx, const mad_exact *self, const mad_set *rows, mad_key key,
                         mad_law *law)
{
    mad_status st = MAD_OK;
    const size_t k = law->n_max, dim = law->dim;
    size_t n_loss = 0, n_passes = 0;
    double *loss = mad_arena_take_raw(ctx->scratch, self->em.n_iterations + 1, sizeof *loss);
    mad_mixture mixture;

    if (loss == NULL) {
        return mad_fail_memory(ctx, "the losses of a mixture fit");
    }
    MAD_TRY(mad_mixture_take(ctx, ctx->scratch, k, dim, &mixture));
    MAD_TRY(mad_em_fit(ctx, &self->em, 0, rows, key, &mixture, loss, &n_loss, &n_passes));
    *law->n = (int64_t)k;
    memcpy(law->mean, mixture.mean, k * dim * sizeof *law->mean);
    memcpy(law->cov, mixture.cov, k * dim * dim * sizeof *law->cov);
    memcpy(law->weight + law->n_classes * k, mixture.weight, k * sizeof *law->weight);
    if (law->n_classes > 0) {
        MAD_TRY(share_classes(ctx, rows, law));
    }
out:
    return st;
}

/* The rows themselves, with kernels of variance width^2: the memorising optimum at width 0. */
static void fit_points(const mad_exact *self, const mad_set *rows, mad_law *law)
{
    *law->n = (int64_t)rows->n_rows;
    memcpy(law->mean, rows->x, rows->n_rows * law->dim * sizeof *law->mean);
    for (size_t r = 0; r < rows->n_rows; r++) {
        law->cov[r] = self->width * self->width;
        add_share(law, rows, r, r, 1.0);
    }
}

mad_status mad_exact_fit_law(mad_ctx *ctx, const mad_exact *self, const mad_set *rows, mad_key key,
                             mad_law *law)
{
    mad_status st = MAD_OK;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    MAD_ASSERT(self->kind == MAD_EXACT_GAUSS || self->kind == MAD_EXACT_MIXTURE ||
               rows->n_rows <= law->n_max);
    memset(law->weight, 0, (law->n_classes + 1) * law->n_max * sizeof *law->weight);
    switch (self->kind) {
    case MAD_EXACT_GAUSS:
        MAD_TRY(fit_gauss(ctx, self, rows, law));
        break;
    case MAD_EXACT_MIXTURE:
        MAD_TRY(self->mode_centre != NULL ? fit_modes(ctx, self, rows, law)
                                          : fit_em(ctx, self, rows, key, law));
        break;
    case MAD_EXACT_EMPIRICAL:
    case MAD_EXACT_CATEGORICAL:
        fit_points(self, rows, law);
        break;
    }
    normalise_weights(law);
    MAD_TRY(mad_law_derive(ctx, law));
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

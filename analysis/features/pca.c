/* analysis/features/pca.c: principal components of the real rows. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/base/par.h"
#include "sim/iface/feature.h"
#include "sim/num/linalg.h"
#include "sim/num/stats.h"

typedef struct pca {
    mad_feature base;
    double *mean;  /* [dim_in] */
    double *basis; /* [dim][dim_in] orthonormal rows, largest variance first */
} pca;

static mad_status create(mad_ctx *ctx, const mad_feature_args *args, mad_arena *mem,
                         mad_feature **out)
{
    const size_t dim_in = args->world->dim;
    char *end = NULL;
    const unsigned long n = strtoul(args->argument, &end, 10);
    if (args->argument[0] < '0' || args->argument[0] > '9' || *end != '\0' || n == 0 ||
        n > dim_in) {
        return mad_fail(ctx, MAD_E_CONFIG, "features '%s': expected pca:N with N from 1 to %zu",
                        args->text, dim_in);
    }
    pca *self = mad_arena_take(mem, 1, sizeof *self);
    if (self == NULL) {
        return mad_fail_memory(ctx, "principal components");
    }
    self->base.dim = n;
    self->mean = mad_arena_take(mem, dim_in, sizeof *self->mean);
    self->basis = mad_arena_take(mem, n * dim_in, sizeof *self->basis);
    *out = &self->base;
    return self->mean != NULL && self->basis != NULL ? MAD_OK
                                                     : mad_fail_memory(ctx, "principal components");
}

static mad_status fit(mad_ctx *ctx, mad_feature *feature, const mad_set *real)
{
    pca *self = (pca *)feature;
    const size_t dim_in = feature->dim_in, dim = feature->dim;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    mad_status st = MAD_OK;
    if (real->n_rows <= dim) {
        return mad_fail(ctx, MAD_E_RANGE, "features '%s' need more than %zu real rows, got %zu",
                        feature->text, dim, real->n_rows);
    }
    double *cov = mad_arena_take_raw(ctx->scratch, dim_in * dim_in, sizeof *cov);
    double *variance = mad_arena_take_raw(ctx->scratch, dim_in, sizeof *variance);
    if (cov == NULL || variance == NULL) {
        st = mad_fail_memory(ctx, "principal components");
        goto out;
    }
    MAD_TRY(mad_mean_cov(ctx, real->n_rows, dim_in, real->x, NULL, 1, self->mean, cov));
    MAD_TRY(mad_eigen_sym(ctx, dim_in, cov, variance, cov));
    for (size_t i = 0; i < dim; i++) {
        memcpy(self->basis + i * dim_in, cov + (dim_in - 1 - i) * dim_in, dim_in * sizeof *cov);
    }
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

typedef struct map_job {
    const pca *self;
    const mad_set *rows;
    double *out;
} map_job;

/* Always MAD_CHUNK rows but for the last, so that bits hang on the place of a row only. */
static mad_status map_chunk(mad_ctx *ctx, void *arg, size_t i_chunk)
{
    const map_job *job = arg;
    const pca *self = job->self;
    const size_t dim_in = self->base.dim_in, dim = self->base.dim, at = i_chunk * MAD_CHUNK;
    const size_t left = job->rows->n_rows - at, n = left < MAD_CHUNK ? left : MAD_CHUNK;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    double *centred = mad_arena_take_raw(ctx->scratch, n * dim_in, sizeof *centred);
    if (centred == NULL) {
        return mad_fail_memory(ctx, "principal components");
    }
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < dim_in; j++) {
            centred[i * dim_in + j] = job->rows->x[(at + i) * dim_in + j] - self->mean[j];
        }
    }
    mad_gemm_nt(n, dim, dim_in, 1.0, centred, self->basis, 0.0, job->out + at * dim);
    mad_arena_release(ctx->scratch, mark);
    return MAD_OK;
}

static mad_status map(mad_ctx *ctx, const mad_feature *feature, const mad_set *rows, double *out)
{
    map_job job = {(const pca *)feature, rows, out};
    return mad_par_for(ctx, (rows->n_rows + MAD_CHUNK - 1) / MAD_CHUNK, map_chunk, &job);
}

const mad_feature_type mad_feature_pca = {
    .name = "pca",
    .doc = "the N directions of largest variance of the real rows",
    .ref = "Pearson 1901, Philos. Mag. 2:559",
    .argument = "N",
    .create = create,
    .fit = fit,
    .map = map,
};

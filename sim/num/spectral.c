/* sim/num/spectral.c: functions of symmetric matrices, by their eigenvalues. */
#include <math.h>

#include "sim/num/linalg.h"

#define SINGULAR 1e-12 /* of the largest eigenvalue */

/* out = sum_k f_k v_k v_k^T, v_k the rows of `vectors`. */
static mad_status recompose(mad_ctx *ctx, size_t dim, const double *f, const double *vectors,
                            double *out)
{
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    double *turned = mad_arena_take_raw(ctx->scratch, dim * dim, sizeof *turned);
    double *scaled = mad_arena_take_raw(ctx->scratch, dim * dim, sizeof *scaled);
    if (turned == NULL || scaled == NULL) {
        return mad_fail_memory(ctx, "a function of a matrix");
    }
    for (size_t i = 0; i < dim; i++) {
        for (size_t k = 0; k < dim; k++) {
            turned[i * dim + k] = vectors[k * dim + i];
            scaled[i * dim + k] = f[k] * vectors[k * dim + i];
        }
    }
    mad_gemm_nt(dim, dim, dim, 1.0, scaled, turned, 0.0, out);
    mad_arena_release(ctx->scratch, mark);
    return MAD_OK;
}

static mad_status take(mad_ctx *ctx, size_t dim, double **values, double **vectors)
{
    *values = mad_arena_take_raw(ctx->scratch, dim, sizeof **values);
    *vectors = mad_arena_take_raw(ctx->scratch, dim * dim, sizeof **vectors);
    return *values != NULL && *vectors != NULL ? MAD_OK
                                               : mad_fail_memory(ctx, "a function of a matrix");
}

mad_status mad_sym_power(mad_ctx *ctx, size_t dim, const double *a, double power, double *out)
{
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    double *values, *vectors;
    mad_status st = MAD_OK;
    MAD_TRY(take(ctx, dim, &values, &vectors));
    MAD_TRY(mad_eigen_sym(ctx, dim, a, values, vectors));
    const double least = SINGULAR * values[dim - 1];
    for (size_t k = 0; k < dim; k++) {
        values[k] = values[k] > least ? pow(values[k], power) : 0.0;
    }
    MAD_TRY(recompose(ctx, dim, values, vectors, out));
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

/* ln a into out */
static mad_status sym_log(mad_ctx *ctx, size_t dim, const double *a, double *out)
{
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    double *values, *vectors;
    mad_status st = MAD_OK;
    MAD_TRY(take(ctx, dim, &values, &vectors));
    MAD_TRY(mad_eigen_sym(ctx, dim, a, values, vectors));
    if (!(values[0] > SINGULAR * values[dim - 1])) {
        st =
            mad_fail(ctx, MAD_E_RANGE,
                     "a covariance of %zu dimensions is singular (eigenvalues %g to %g) and has no "
                     "logarithm",
                     dim, values[0], values[dim - 1]);
        goto out;
    }
    for (size_t k = 0; k < dim; k++) {
        values[k] = log(values[k]);
    }
    MAD_TRY(recompose(ctx, dim, values, vectors, out));
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

mad_status mad_log_extrapolate(mad_ctx *ctx, size_t dim, const double *a, const double *b, double w,
                               double *out)
{
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    double *values, *vectors;
    mad_status st = MAD_OK;
    MAD_TRY(take(ctx, dim, &values, &vectors));
    MAD_TRY(sym_log(ctx, dim, b, vectors));
    MAD_TRY(sym_log(ctx, dim, a, out));
    for (size_t i = 0; i < dim * dim; i++) {
        out[i] += w * (out[i] - vectors[i]);
    }
    MAD_TRY(mad_eigen_sym(ctx, dim, out, values, vectors));
    for (size_t k = 0; k < dim; k++) {
        values[k] = exp(values[k]);
    }
    MAD_TRY(recompose(ctx, dim, values, vectors, out));
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

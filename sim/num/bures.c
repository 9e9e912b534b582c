/* sim/num/bures.c: Bures-Wasserstein (Frechet) distance of two Gaussians.
 *
 * With S1 = F F^T and S2 = G G^T the trace of (S1^1/2 S2 S1^1/2)^1/2 is the sum of the singular
 * values of F^T G, for any factors. F, G = permutation x lower triangle (pivoted Cholesky, which
 * also finds the rank of a flat law). Both are scaled by powers of 4: their products stay within the
 * range of a double wherever they themselves do. Column-major, as LAPACK wants it. */
#include <cblas.h>
#include <float.h>
#include <lapacke.h>
#include <math.h>
#include <string.h>

#include "sim/num/linalg.h"
#include "sim/num/serial.h"

struct mad_bures_factor {
    int half;        /* the matrix is 4^-half a: the diagonal is about 1 */
    double *lower;   /* [dim][dim] 4^-half a[row[i]][row[j]] = (lower lower^T)[i][j] */
    lapack_int *row; /* [dim] from 0 */
    lapack_int rank; /* columns from here on are 0 */
};

typedef mad_bures_factor factor;

/* The power of 4 of the largest number on the diagonal, as far as 4^-half is finite. */
static int half_exponent(size_t dim, const double *a)
{
    double largest = 0.0;
    int exponent;
    for (size_t i = 0; i < dim; i++) {
        largest = fmax(largest, a[i * dim + i]);
    }
    (void)frexp(largest, &exponent);
    return exponent > -1000 ? exponent / 2 : -500;
}

static mad_status factorise(mad_ctx *ctx, mad_arena *mem, size_t dim, const double *a, factor *out)
{
    const int n = mad_blas_int(dim);
    out->lower = mad_arena_take_raw(mem, dim * dim, sizeof *out->lower);
    out->row = mad_arena_take_raw(mem, dim, sizeof *out->row);
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    double *work = mad_arena_take_raw(ctx->scratch, 2 * dim, sizeof *work);
    if (work == NULL || out->lower == NULL || out->row == NULL) {
        return mad_fail_memory(ctx, "a Frechet distance");
    }
    out->half = half_exponent(dim, a);
    const double unit = ldexp(1.0, -2 * out->half);
    for (size_t i = 0; i < dim * dim; i++) {
        out->lower[i] = unit * a[i];
    }
    const int n_before = mad_blas_enter();
    const lapack_int info = LAPACKE_dpstrf_work(LAPACK_COL_MAJOR, 'L', n, out->lower, n, out->row,
                                                &out->rank, -1.0, work);
    mad_blas_leave(n_before);
    MAD_ASSERT(info >= 0); /* 1 = not of full rank */
    mad_arena_release(ctx->scratch, mark);
    for (size_t j = 0; j < dim; j++) {
        const size_t n_zero = j < (size_t)out->rank ? j : dim;
        memset(out->lower + j * dim, 0, n_zero * sizeof *out->lower);
        out->row[j]--;
    }
    return MAD_OK;
}

/* product <- lower^T product */
static void times_lower(size_t dim, const factor *f, double *product)
{
    const int n = mad_blas_int(dim), n_before = mad_blas_enter();
    cblas_dtrmm(CblasColMajor, CblasLeft, CblasLower, CblasTrans, CblasNonUnit, n, n, 1.0, f->lower,
                n, product, n);
    mad_blas_leave(n_before);
}

/* The singular values as roots of the eigenvalues of F^T S2 F, and a bound of their error in all:
 * an eigenvalue is known to dim eps of the largest, and the small ones lose it under the root. */
static mad_status by_eigenvalues(mad_ctx *ctx, size_t dim, const factor *f, const double *cov2,
                                 double *sum, double *error)
{
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    const int n = mad_blas_int(dim), half = half_exponent(dim, cov2);
    const double unit = ldexp(1.0, -2 * half);
    mad_status st = MAD_OK;
    double *inner = mad_arena_take_raw(ctx->scratch, dim * dim, sizeof *inner);
    double *values = mad_arena_take_raw(ctx->scratch, dim, sizeof *values);
    if (inner == NULL || values == NULL) {
        st = mad_fail_memory(ctx, "a Frechet distance");
        goto out;
    }
    for (size_t j = 0; j < dim; j++) {
        for (size_t i = 0; i < dim; i++) {
            inner[j * dim + i] = unit * cov2[(size_t)f->row[j] * dim + (size_t)f->row[i]];
        }
    }
    times_lower(dim, f, inner);
    const int n_before = mad_blas_enter();
    cblas_dtrmm(CblasColMajor, CblasRight, CblasLower, CblasNoTrans, CblasNonUnit, n, n, 1.0,
                f->lower, n, inner, n);
    mad_blas_leave(n_before);
    MAD_TRY(mad_eigen_sym(ctx, dim, inner, values, NULL));
    *sum = *error = 0.0;
    for (size_t i = 0; i < dim; i++) {
        const double root = sqrt(fmax(values[i], 0.0));
        *sum += root;
        *error += 0.5 * (double)dim * DBL_EPSILON * values[dim - 1] / root; /* INF or NaN at 0 */
    }
    *sum = ldexp(*sum, f->half + half);
    *error = ldexp(*error, f->half + half);
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

/* The singular values themselves, each known to eps of the largest: twice the work. */
static mad_status by_singular_values(mad_ctx *ctx, size_t dim, const factor *f, const factor *g,
                                     double *sum)
{
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    const int n = mad_blas_int(dim);
    const size_t n_work = 128 * dim; /* twice the rows, in blocks of 64 columns */
    mad_status st = MAD_OK;
    double *inner = mad_arena_take_raw(ctx->scratch, dim * dim, sizeof *inner);
    double *vector = mad_arena_take_raw(ctx->scratch, 4 * dim, sizeof *vector);
    double *work = mad_arena_take_raw(ctx->scratch, n_work, sizeof *work);
    size_t *place = mad_arena_take_raw(ctx->scratch, dim, sizeof *place);
    if (inner == NULL || vector == NULL || work == NULL || place == NULL) {
        st = mad_fail_memory(ctx, "a Frechet distance");
        goto out;
    }
    for (size_t i = 0; i < dim; i++) {
        place[g->row[i]] = i;
    }
    for (size_t j = 0; j < dim; j++) {
        for (size_t i = 0; i < dim; i++) {
            inner[j * dim + i] = g->lower[j * dim + place[f->row[i]]];
        }
    }
    times_lower(dim, f, inner);
    double *diagonal = vector, *beside = vector + dim, *q = vector + 2 * dim, *p = q + dim;
    const int n_before = mad_blas_enter();
    lapack_int info = LAPACKE_dgebrd_work(LAPACK_COL_MAJOR, n, n, inner, n, diagonal, beside, q, p,
                                          work, mad_blas_int(n_work));
    if (info == 0) {
        info = LAPACKE_dbdsqr_work(LAPACK_COL_MAJOR, 'U', n, 0, 0, 0, diagonal, beside, NULL, 1,
                                   NULL, 1, NULL, 1, work);
    }
    mad_blas_leave(n_before);
    if (info != 0) {
        st = mad_fail(ctx, MAD_E_NONFINITE,
                      "singular values of a %zu x %zu matrix did not converge (info %d)", dim, dim,
                      (int)info);
        goto out;
    }
    *sum = 0.0;
    for (size_t i = 0; i < dim; i++) {
        *sum += diagonal[i];
    }
    *sum = ldexp(*sum, f->half + g->half);
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

mad_status mad_bures_factorise(mad_ctx *ctx, mad_arena *mem, size_t dim, const double *cov1,
                               const mad_bures_factor **out)
{
    mad_status st = MAD_OK;
    factor *f = NULL;
    MAD_TRY(mad_check_finite_matrix(ctx, "Frechet distance, first covariance", dim, dim, cov1));
    f = mad_arena_take(mem, 1, sizeof *f);
    if (f == NULL) {
        st = mad_fail_memory(ctx, "a Frechet distance");
        goto out;
    }
    MAD_TRY(factorise(ctx, mem, dim, cov1, f));
    *out = f;
out:
    return st;
}

mad_status mad_bures_sq_from(mad_ctx *ctx, size_t dim, const double *mean1, const double *cov1,
                             const mad_bures_factor *factor1, const double *mean2,
                             const double *cov2, double *out)
{
    const double safe = 1e-11; /* of the traces */
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    const int is_full = factor1->rank == mad_blas_int(dim);
    mad_status st = MAD_OK;
    factor g = {0};
    double shift_sq = 0.0, traces = 0.0, sum = 0.0, error = 0.0;
    MAD_TRY(mad_check_finite_matrix(ctx, "Frechet distance, second covariance", dim, dim, cov2));
    for (size_t i = 0; i < dim; i++) {
        const double shift = mean1[i] - mean2[i];
        shift_sq += shift * shift;
        traces += cov1[i * dim + i] + cov2[i * dim + i];
    }
    if (is_full) {
        MAD_TRY(by_eigenvalues(ctx, dim, factor1, cov2, &sum, &error));
    }
    if (!is_full || !(error <= safe * traces)) {
        MAD_TRY(factorise(ctx, ctx->scratch, dim, cov2, &g));
        MAD_TRY(by_singular_values(ctx, dim, factor1, &g, &sum));
    }
    const double distance = shift_sq + (traces - 2.0 * sum);
    if (!isfinite(distance)) {
        st = mad_fail(ctx, MAD_E_NONFINITE, "Frechet distance is %g", distance);
        goto out;
    }
    *out = fmax(distance, 0.0);
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

mad_status mad_bures_sq(mad_ctx *ctx, size_t dim, const double *mean1, const double *cov1,
                        const double *mean2, const double *cov2, double *out)
{
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    const mad_bures_factor *factor1 = NULL;
    mad_status st = MAD_OK;
    MAD_TRY(mad_bures_factorise(ctx, ctx->scratch, dim, cov1, &factor1));
    MAD_TRY(mad_bures_sq_from(ctx, dim, mean1, cov1, factor1, mean2, cov2, out));
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

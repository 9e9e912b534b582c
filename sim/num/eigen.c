/* sim/num/eigen.c: what LAPACK does: symmetric eigenproblems, least squares, QR; and their uses.
 *
 * LAPACK is column-major. A symmetric matrix is its own transpose, so it goes in as it is, and the
 * eigenvectors come back in columns there = rows here. The _work entry points take their workspace
 * from the caller: nothing is allocated behind the arena's back. */
#include <float.h>
#include <lapacke.h>
#include <math.h>
#include <string.h>

#include "sim/num/linalg.h"
#include "sim/num/serial.h"

mad_status mad_check_finite_matrix(mad_ctx *ctx, const char *what, size_t n_rows, size_t n_cols,
                                   const double *a)
{
    for (size_t i = 0; i < n_rows * n_cols; i++) {
        if (!isfinite(a[i])) { /* LAPACK may loop for ever on NaN */
            return mad_fail(ctx, MAD_E_NONFINITE, "%s: entry (%zu, %zu) of the matrix is %g", what,
                            i / n_cols, i % n_cols, a[i]);
        }
    }
    return MAD_OK;
}

mad_status mad_eigen_sym(mad_ctx *ctx, size_t dim, const double *a, double *values, double *vectors)
{
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    mad_status st = MAD_OK;
    MAD_TRY(mad_check_finite_matrix(ctx, "eigenvalues", dim, dim, a));
    if (dim == 1) {
        values[0] = a[0];
        if (vectors != NULL) {
            vectors[0] = 1.0;
        }
        goto out;
    }
    /* Workspace of dsyevd as its documentation states it: no query, no block-size dependence. */
    const size_t n_work = vectors != NULL ? 1 + 6 * dim + 2 * dim * dim : 1 + 34 * dim;
    const size_t n_iwork = vectors != NULL ? 3 + 5 * dim : 1;
    double *work = mad_arena_take_raw(ctx->scratch, n_work, sizeof *work);
    lapack_int *iwork = mad_arena_take_raw(ctx->scratch, n_iwork, sizeof *iwork);
    double *copy = vectors;
    if (copy == NULL) {
        copy = mad_arena_take_raw(ctx->scratch, dim * dim, sizeof *copy);
    }
    if (work == NULL || iwork == NULL || copy == NULL) {
        st = mad_fail_memory(ctx, "an eigen-decomposition");
        goto out;
    }
    if (copy != a) {
        memcpy(copy, a, dim * dim * sizeof *copy);
    }
    const int n_before = mad_blas_enter();
    const lapack_int info = LAPACKE_dsyevd_work(
        LAPACK_COL_MAJOR, vectors != NULL ? 'V' : 'N', 'L', mad_blas_int(dim), copy,
        mad_blas_int(dim), values, work, mad_blas_int(n_work), iwork, mad_blas_int(n_iwork));
    mad_blas_leave(n_before);
    if (info != 0) {
        st = mad_fail(ctx, MAD_E_NONFINITE,
                      "eigenvalues of a %zu x %zu matrix did not converge (info %d)", dim, dim,
                      (int)info);
    }
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

/* Solve with given workspace; with n_work == -1 only ask how much is needed. */
static lapack_int gelsd(size_t n_rows, size_t dim, double *xt, double *rhs, double *singular,
                        double *work, lapack_int n_work, lapack_int *iwork)
{
    const size_t longest = n_rows > dim ? n_rows : dim;
    lapack_int rank = 0;
    const int n_before = mad_blas_enter();
    const lapack_int info = LAPACKE_dgelsd_work(
        LAPACK_COL_MAJOR, mad_blas_int(n_rows), mad_blas_int(dim), 1, xt, mad_blas_int(n_rows), rhs,
        mad_blas_int(longest), singular, (double)longest * DBL_EPSILON, &rank, work, n_work, iwork);
    mad_blas_leave(n_before);
    return info;
}

mad_status mad_least_squares(mad_ctx *ctx, size_t n_rows, size_t dim, const double *x,
                             const double *y, double *w)
{
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    const size_t longest = n_rows > dim ? n_rows : dim;
    double work_size = 0.0;
    lapack_int iwork_size = 0, info = 0;
    mad_status st = MAD_OK;
    MAD_TRY(mad_check_finite_matrix(ctx, "least squares, design", n_rows, dim, x));
    MAD_TRY(mad_check_finite_matrix(ctx, "least squares, response", n_rows, 1, y));
    double *xt = mad_arena_take_raw(ctx->scratch, n_rows * dim, sizeof *xt);
    double *rhs = mad_arena_take(ctx->scratch, longest, sizeof *rhs);
    double *singular = mad_arena_take_raw(ctx->scratch, longest, sizeof *singular);
    if (xt == NULL || rhs == NULL || singular == NULL) {
        st = mad_fail_memory(ctx, "a least-squares problem");
        goto out;
    }
    for (size_t i = 0; i < n_rows; i++) {
        for (size_t j = 0; j < dim; j++) {
            xt[j * n_rows + i] = x[i * dim + j];
        }
    }
    memcpy(rhs, y, n_rows * sizeof *rhs);
    info = gelsd(n_rows, dim, xt, rhs, singular, &work_size, -1, &iwork_size);
    MAD_ASSERT(info == 0);
    double *work = mad_arena_take_raw(ctx->scratch, (size_t)work_size, sizeof *work);
    lapack_int *iwork = mad_arena_take_raw(ctx->scratch, (size_t)iwork_size, sizeof *iwork);
    if (work == NULL || iwork == NULL) {
        st = mad_fail_memory(ctx, "a least-squares problem");
        goto out;
    }
    info = gelsd(n_rows, dim, xt, rhs, singular, work, (lapack_int)work_size, iwork);
    if (info != 0) {
        st = mad_fail(ctx, MAD_E_NONFINITE, "least squares did not converge (info %d)", (int)info);
        goto out;
    }
    memcpy(w, rhs, dim * sizeof *w);
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

/* By the Cholesky factor, where it shows that no eigenvalue is small: the least one is at least
 * 1 / tr(a^-1) = 1 / |l^-1|^2, the largest at most tr(a). Returns 0 where it does not. */
static int log_det_definite(size_t dim, double rank_tol, double *a, double *out)
{
    double trace = 0.0, inverse_trace = 0.0, sum = 0.0;
    for (size_t i = 0; i < dim; i++) {
        trace += a[i * dim + i];
    }
    if (!mad_factor_definite(dim, a)) {
        return 0;
    }
    for (size_t i = 0; i < dim; i++) {
        sum += 2.0 * log(a[i * dim + i]);
    }
    const int n_before = mad_blas_enter();
    const lapack_int info =
        LAPACKE_dtrtri_work(LAPACK_COL_MAJOR, 'U', 'N', mad_blas_int(dim), a, mad_blas_int(dim));
    mad_blas_leave(n_before);
    for (size_t i = 0; i < dim; i++) {
        for (size_t j = 0; j <= i; j++) {
            inverse_trace += a[i * dim + j] * a[i * dim + j];
        }
    }
    *out = sum;
    return info == 0 && trace * inverse_trace < 0.5 / rank_tol; /* half: room for rounding */
}

mad_status mad_log_det_sym(mad_ctx *ctx, size_t dim, const double *a, double *out)
{
    const double rank_tol = 1e-12;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    mad_status st = MAD_OK;
    double sum = 0.0, *values = NULL, *copy = NULL;
    MAD_TRY(mad_check_finite_matrix(ctx, "a determinant", dim, dim, a));
    values = mad_arena_take_raw(ctx->scratch, dim, sizeof *values);
    copy = mad_arena_take_raw(ctx->scratch, dim * dim, sizeof *copy);
    if (values == NULL || copy == NULL) {
        st = mad_fail_memory(ctx, "a determinant");
        goto out;
    }
    memcpy(copy, a, dim * dim * sizeof *copy);
    if (dim >= MAD_BLOCKED_DIM && log_det_definite(dim, rank_tol, copy, out)) {
        goto out;
    }
    MAD_TRY(mad_eigen_sym(ctx, dim, a, values, NULL));
    if (values[0] <= rank_tol * values[dim - 1] || values[0] <= 0.0) {
        sum = -(double)INFINITY;
    } else {
        for (size_t i = 0; i < dim; i++) {
            sum += log(values[i]);
        }
    }
    *out = sum;
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

mad_status mad_haar(mad_ctx *ctx, size_t dim, const double *normals, double *q)
{
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    const int n = mad_blas_int(dim);
    const size_t n_work = 64 * dim; /* room for blocks of 64 columns */
    mad_status st = MAD_OK;
    MAD_TRY(mad_check_finite_matrix(ctx, "random rotation", dim, dim, normals));
    double *tau = mad_arena_take_raw(ctx->scratch, dim, sizeof *tau);
    double *sign = mad_arena_take_raw(ctx->scratch, dim, sizeof *sign);
    double *work = mad_arena_take_raw(ctx->scratch, n_work, sizeof *work);
    if (tau == NULL || sign == NULL || work == NULL) {
        st = mad_fail_memory(ctx, "a random rotation");
        goto out;
    }
    memcpy(q, normals, dim * dim * sizeof *q);
    const int n_before = mad_blas_enter();
    lapack_int info =
        LAPACKE_dgeqrf_work(LAPACK_COL_MAJOR, n, n, q, n, tau, work, mad_blas_int(n_work));
    for (size_t i = 0; i < dim; i++) {
        sign[i] = q[i * dim + i] < 0.0 ? -1.0 : 1.0;
    }
    if (info == 0) {
        info =
            LAPACKE_dorgqr_work(LAPACK_COL_MAJOR, n, n, n, q, n, tau, work, mad_blas_int(n_work));
    }
    mad_blas_leave(n_before);
    MAD_ASSERT(info == 0);
    /* Q is Haar-distributed only when the diagonal of R is made positive (Mezzadri 2007). */
    for (size_t i = 0; i < dim; i++) {
        for (size_t j = 0; j < dim; j++) {
            q[i * dim + j] *= sign[i];
        }
    }
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

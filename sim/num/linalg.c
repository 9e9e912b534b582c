/* sim/num/linalg.c: products and the Cholesky factor. */
#include "sim/num/linalg.h"

#include <cblas.h>
#include <lapacke.h>
#include <math.h>
#include <string.h>

#include "sim/num/serial.h"

enum { N_LANES = 8 };

void mad_gemm(size_t m, size_t n, size_t k, double alpha, const double *a, const double *b,
              double beta, double *c)
{
    const int lda = mad_blas_int(k > 0 ? k : 1), ldb = mad_blas_int(n > 0 ? n : 1);
    const int n_before = mad_blas_enter();
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, mad_blas_int(m), mad_blas_int(n),
                mad_blas_int(k), alpha, a, lda, b, ldb, beta, c, ldb);
    mad_blas_leave(n_before);
}

void mad_gemm_nt(size_t m, size_t n, size_t k, double alpha, const double *a, const double *b,
                 double beta, double *c)
{
    const int lda = mad_blas_int(k > 0 ? k : 1), ldc = mad_blas_int(n > 0 ? n : 1);
    const int n_before = mad_blas_enter();
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, mad_blas_int(m), mad_blas_int(n),
                mad_blas_int(k), alpha, a, lda, b, lda, beta, c, ldc);
    mad_blas_leave(n_before);
}

/* sum_k x_k y_k in fixed lanes, so that the order does not hang on the vectoriser. */
static double dot(size_t n, const double *x, const double *y)
{
    double lane[N_LANES] = {0};
    size_t k = 0;
    for (; k + N_LANES <= n; k += N_LANES) {
        for (size_t j = 0; j < N_LANES; j++) {
            lane[j] += x[k + j] * y[k + j];
        }
    }
    for (size_t j = 0; k < n; k++, j++) {
        lane[j] += x[k] * y[k];
    }
    return ((lane[0] + lane[4]) + (lane[1] + lane[5])) +
           ((lane[2] + lane[6]) + (lane[3] + lane[7]));
}

void mad_gram_add(size_t m, size_t n, const double *a, double *c)
{
    if (n == 1) {
        c[0] += dot(m, a, a);
    } else if (m > 0) {
        const int n_before = mad_blas_enter();
        cblas_dsyrk(CblasRowMajor, CblasUpper, CblasTrans, mad_blas_int(n), mad_blas_int(m), 1.0, a,
                    mad_blas_int(n), 1.0, c, mad_blas_int(n));
        mad_blas_leave(n_before);
    }
    for (size_t j = 0; j < n; j++) {
        for (size_t k = j + 1; k < n; k++) {
            c[k * n + j] = c[j * n + k];
        }
    }
}

void mad_gram(size_t m, size_t n, const double *a, double *c)
{
    memset(c, 0, n * n * sizeof *c);
    mad_gram_add(m, n, a, c);
}

void mad_rows_times_lower(size_t n_rows, size_t dim, const double *l, double *x)
{
    if (dim == 1) { /* a BLAS call costs more than the work */
        for (size_t i = 0; i < n_rows; i++) {
            x[i] *= l[0];
        }
    } else if (n_rows > 0) {
        const int n_before = mad_blas_enter();
        cblas_dtrmm(CblasRowMajor, CblasRight, CblasLower, CblasTrans, CblasNonUnit,
                    mad_blas_int(n_rows), mad_blas_int(dim), 1.0, l, mad_blas_int(dim), x,
                    mad_blas_int(dim));
        mad_blas_leave(n_before);
    }
}

int mad_factor_definite(size_t dim, double *a)
{
    /* The lower half of rows is the upper half of LAPACK's columns: a = u^T u there. */
    const int n_before = mad_blas_enter();
    const lapack_int info =
        LAPACKE_dpotrf_work(LAPACK_COL_MAJOR, 'U', mad_blas_int(dim), a, mad_blas_int(dim));
    mad_blas_leave(n_before);
    return info == 0;
}

/* The rank-revealing way, row by row (Cholesky-Banachiewicz):
 * l_ij = (a_ij - sum_k<j l_ik l_jk) / l_jj. Row i of `a` is read before row i of `l` is written,
 * entry by entry: l may be a. */
static void factor_semi(size_t dim, const double *a, double least, double *l)
{
    for (size_t i = 0; i < dim; i++) {
        double *row = l + i * dim;
        for (size_t j = 0; j < i; j++) {
            const double pivot = l[j * dim + j];
            const double left = a[i * dim + j] - dot(j, row, l + j * dim);
            row[j] = pivot > 0.0 ? left / pivot : 0.0;
        }
        const double left = a[i * dim + i] - dot(i, row, row);
        row[i] = left > least ? sqrt(left) : 0.0;
    }
}

mad_status mad_cholesky_semi(mad_ctx *ctx, size_t dim, const double *a, double *l)
{
    const double rank_tol = 1e-14;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    mad_status st = MAD_OK;
    double largest = 0.0;
    double *blocked = NULL;
    MAD_TRY(mad_check_finite_matrix(ctx, "Cholesky factor", dim, dim, a));
    blocked = mad_arena_take_raw(ctx->scratch, dim * dim, sizeof *blocked);
    if (blocked == NULL) {
        st = mad_fail_memory(ctx, "a Cholesky factor");
        goto out;
    }
    memcpy(blocked, a, dim * dim * sizeof *blocked);
    int is_definite = dim >= MAD_BLOCKED_DIM && mad_factor_definite(dim, blocked);
    for (size_t i = 0; i < dim; i++) {
        largest = fmax(largest, a[i * dim + i]);
    }
    for (size_t i = 0; i < dim; i++) {
        const double pivot = blocked[i * dim + i];
        is_definite = is_definite && pivot * pivot > rank_tol * largest;
    }
    if (is_definite) {
        memcpy(l, blocked, dim * dim * sizeof *l);
    } else {
        factor_semi(dim, a, rank_tol * largest, l);
    }
    for (size_t i = 0; i < dim; i++) { /* last: with l == a the upper half was still input */
        for (size_t j = i + 1; j < dim; j++) {
            l[i * dim + j] = 0.0;
        }
    }
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

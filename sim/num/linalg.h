/* sim/num/linalg.h: dense linear algebra in double over CBLAS and LAPACKE.
 *
 * The only place that calls them. Every call runs BLAS on one thread whatever thread calls it, so
 * results do not depend on the number of threads (OpenBLAS partitions by thread count).
 * The bits of a row of a product may depend on how many rows are multiplied together (BLAS cuts
 * them into blocks): where they must not, as in a world's draw, always multiply MAD_CHUNK rows.
 * Matrices are row-major; symmetric ones are stored whole. Scratch comes from ctx->scratch.
 */
#ifndef MAD_NUM_LINALG_H
#define MAD_NUM_LINALG_H

#include <stddef.h>

#include "sim/base/ctx.h"

/** c[m][n] = alpha * a[m][k] b[k][n] + beta * c. */
void mad_gemm(size_t m, size_t n, size_t k, double alpha, const double *a, const double *b,
              double beta, double *c);

/** c[m][n] = alpha * a[m][k] b[n][k]^T + beta * c. */
void mad_gemm_nt(size_t m, size_t n, size_t k, double alpha, const double *a, const double *b,
                 double beta, double *c);

/** c[n][n] = a[m][n]^T a[m][n], both halves filled. */
void mad_gram(size_t m, size_t n, const double *a, double *c);

/** c[n][n] += a[m][n]^T a[m][n]; c symmetric before and after. */
void mad_gram_add(size_t m, size_t n, const double *a, double *c);

/** x[n_rows][dim] <- x l^T with l lower triangular [dim][dim]: turns N(0, I) rows into N(0, l l^T).
 */
void mad_rows_times_lower(size_t n_rows, size_t dim, const double *l, double *x);

/**
 * Lower Cholesky factor of a symmetric positive SEMI-definite matrix: l l^T = a.
 * A pivot at or below 1e-14 of the largest diagonal entry gives a zero column (rank-deficient
 * covariances are legal: n <= d, or a collapsed cloud).
 *
 * shape   a, l: [dim][dim]; l may be a; the upper half of l is zeroed
 * errors  MAD_E_NONFINITE: a holds NaN or Inf; MAD_E_MEMORY
 */
MAD_MUST_CHECK mad_status mad_cholesky_semi(mad_ctx *ctx, size_t dim, const double *a, double *l);

/**
 * Eigenvalues (ascending) and, if vectors is not NULL, orthonormal eigenvectors in its ROWS.
 *
 * shape   a, vectors: [dim][dim]; values: [dim]; vectors may be a
 * errors  MAD_E_NONFINITE: a holds NaN or Inf, or no convergence; MAD_E_MEMORY
 */
MAD_MUST_CHECK mad_status mad_eigen_sym(mad_ctx *ctx, size_t dim, const double *a, double *values,
                                        double *vectors);

/**
 * Least squares min |x w - y|^2 + the minimum-norm solution when rank-deficient (SVD, gelsd).
 *
 * shape   x: [n_rows][dim]; y: [n_rows]; w: [dim]
 * errors  MAD_E_NONFINITE, MAD_E_MEMORY
 */
MAD_MUST_CHECK mad_status mad_least_squares(mad_ctx *ctx, size_t n_rows, size_t dim,
                                            const double *x, const double *y, double *w);

/**
 * ln det of a symmetric positive semi-definite matrix; -INFINITY when its smallest eigenvalue is at
 * or below 1e-12 of the largest (measures.md: no ridge).
 *
 * errors  MAD_E_NONFINITE: a holds NaN or Inf, or no convergence; MAD_E_MEMORY
 */
MAD_MUST_CHECK mad_status mad_log_det_sym(mad_ctx *ctx, size_t dim, const double *a, double *out);

/**
 * A power of a symmetric positive semi-definite matrix. Eigenvalues at or below 1e-12 of the largest
 * count as 0 and stay 0, for negative powers too.
 *
 * shape   a, out: [dim][dim]; out may be a
 * errors  MAD_E_NONFINITE: a holds NaN or Inf, or no convergence; MAD_E_MEMORY
 */
MAD_MUST_CHECK mad_status mad_sym_power(mad_ctx *ctx, size_t dim, const double *a, double power,
                                        double *out);

/**
 * exp((1 + w) ln a - w ln b) of symmetric positive definite matrices: a^(1 + w) b^(-w) where they
 * commute, and symmetric positive definite where not.
 *
 * shape   a, b, out: [dim][dim]; out may be a or b
 * errors  MAD_E_RANGE: a or b is singular: its smallest eigenvalue is at or below 1e-12 of the
 *         largest; MAD_E_NONFINITE; MAD_E_MEMORY
 * ref     Arsigny et al. 2007, the log-Euclidean mean
 */
MAD_MUST_CHECK mad_status mad_log_extrapolate(mad_ctx *ctx, size_t dim, const double *a,
                                              const double *b, double w, double *out);

/**
 * Squared Bures-Wasserstein distance of two Gaussians,
 *   |mu1 - mu2|^2 + tr(S1 + S2) - 2 tr (S1^1/2 S2 S1^1/2)^1/2,
 * by factors of both covariances (no ridge, flat ones too), result clipped at 0. The last term is
 * known to 1e-11 of the traces at worst, however badly the covariances are conditioned.
 * errors  MAD_E_NONFINITE: a covariance holds NaN or Inf, or products overflow; MAD_E_MEMORY
 * ref     Dowson & Landau 1982; Heusel et al. 2017 (the Frechet distance of FID, squared form)
 */
MAD_MUST_CHECK mad_status mad_bures_sq(mad_ctx *ctx, size_t dim, const double *mean1,
                                       const double *cov1, const double *mean2, const double *cov2,
                                       double *out);

/* What mad_bures_sq takes of the first covariance, for many second ones. */
typedef struct mad_bures_factor mad_bures_factor;

/** errors  MAD_E_NONFINITE: cov1 holds NaN or Inf; MAD_E_MEMORY */
MAD_MUST_CHECK mad_status mad_bures_factorise(mad_ctx *ctx, mad_arena *mem, size_t dim,
                                              const double *cov1, const mad_bures_factor **out);

/** mad_bures_sq with cov1 factorised before: the same bits. */
MAD_MUST_CHECK mad_status mad_bures_sq_from(mad_ctx *ctx, size_t dim, const double *mean1,
                                            const double *cov1, const mad_bures_factor *factor1,
                                            const double *mean2, const double *cov2, double *out);

/** A seeded Haar-distributed rotation from dim*dim standard normals: q[dim][dim], normals kept. */
MAD_MUST_CHECK mad_status mad_haar(mad_ctx *ctx, size_t dim, const double *normals, double *q);

#endif

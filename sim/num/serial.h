/* sim/num/serial.h: what the files of this folder share: BLAS on one thread, sizes for LAPACK. */
#ifndef MAD_NUM_SERIAL_H
#define MAD_NUM_SERIAL_H

#include <limits.h>
#include <omp.h>
#include <stddef.h>

#include "sim/base/ctx.h"

/* OpenBLAS asks omp_get_max_threads() at every call and cuts the work accordingly, which changes
 * the last bits. Lowering that maximum is local to the calling task, costs nanoseconds, and BLAS
 * then stays serial inside and outside parallel regions alike. openblas_set_num_threads would
 * change the whole program. */
static inline int mad_blas_enter(void)
{
    const int n_before = omp_get_max_threads();
    omp_set_num_threads(1);
    return n_before;
}

static inline void mad_blas_leave(int n_before)
{
    omp_set_num_threads(n_before);
}

/* Sizes are int in BLAS. */
static inline int mad_blas_int(size_t n)
{
    MAD_ASSERT(n <= INT_MAX);
    return (int)n;
}

/** MAD_E_NONFINITE naming the first entry that is NaN or Inf: LAPACK may loop for ever on it. */
MAD_MUST_CHECK mad_status mad_check_finite_matrix(mad_ctx *ctx, const char *what, size_t n_rows,
                                                  size_t n_cols, const double *a);

enum { MAD_BLOCKED_DIM = 16 }; /* from here on LAPACK's Cholesky factor is faster than loops */

/** In place: the lower factor of a positive definite matrix, l l^T = a; only that half is touched.
 *  0 when a pivot is not positive. */
int mad_factor_definite(size_t dim, double *a);

#endif

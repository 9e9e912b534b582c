/* analysis/metrics/distance.c: squared distance of two rows, the same bits on every processor:
 * sums run in fixed lanes, whatever register holds them, and no product is fused with its sum. */
#include "analysis/metrics/neighbours.h"

enum { LANES = 8 };

typedef double lanes __attribute__((vector_size(LANES * 8)));
typedef double lanes_at __attribute__((vector_size(LANES * 8), aligned(8), may_alias));

static inline __attribute__((always_inline)) double sum_squares(size_t dim, const double *x,
                                                                const double *y)
{
    lanes sum = {0};
    size_t j = 0;
    for (; j + LANES <= dim; j += LANES) {
        const lanes d = *(const lanes_at *)(x + j) - *(const lanes_at *)(y + j);
        sum += d * d;
    }
    for (size_t l = 0; j < dim; j++, l++) {
        sum[l] += (x[j] - y[j]) * (x[j] - y[j]);
    }
    return ((sum[0] + sum[4]) + (sum[1] + sum[5])) + ((sum[2] + sum[6]) + (sum[3] + sum[7]));
}

#if defined(__x86_64__)

__attribute__((target("avx512f"))) static double sum_avx512(size_t dim, const double *x,
                                                            const double *y)
{
    return sum_squares(dim, x, y);
}

__attribute__((target("avx2"))) static double sum_avx2(size_t dim, const double *x, const double *y)
{
    return sum_squares(dim, x, y);
}

double mad_distance_sq(size_t dim, const double *x, const double *y)
{
    if (__builtin_cpu_supports("avx512f")) {
        return sum_avx512(dim, x, y);
    }
    return __builtin_cpu_supports("avx2") ? sum_avx2(dim, x, y) : sum_squares(dim, x, y);
}

#else

double mad_distance_sq(size_t dim, const double *x, const double *y)
{
    return sum_squares(dim, x, y);
}

#endif

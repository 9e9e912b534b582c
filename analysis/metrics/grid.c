/* analysis/metrics/grid.c: see the header. */
#include "analysis/metrics/grid.h"

#include <math.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

/* The miss is computed in double: relative errors below 1e-12 from up to 1e4 coordinates. */
#define SLACK 1e-9

#define ROUND 0x1.8p52 /* x + ROUND - ROUND: the nearest whole number, |x| below 2^51 */

static mad_on_grid row_of(double square, double miss_sq)
{
    return (mad_on_grid){(int32_t)square, sqrt(miss_sq) * (1.0 + SLACK) + SLACK};
}

static mad_on_grid put_plain(size_t dim, const double *x, const double *centre, double step,
                             double largest, int16_t *q)
{
    const double per_step = 1.0 / step;
    double square = 0.0, miss_sq = 0.0;
    for (size_t j = 0; j < dim; j++) {
        const double exact = (x[j] - centre[j]) * per_step;
        const double near = exact + ROUND - ROUND;
        const double whole = near > largest ? largest : near < -largest ? -largest : near;
        q[j] = (int16_t)whole;
        square += whole * whole;
        miss_sq += (exact - whole) * (exact - whole);
    }
    return row_of(square, miss_sq);
}

#if defined(__x86_64__)

__attribute__((target("avx512f"))) static mad_on_grid put_avx512(size_t dim, const double *x,
                                                                 const double *centre, double step,
                                                                 double largest, int16_t *q)
{
    enum { LANES = 8 };
    const __m512d per_step = _mm512_set1_pd(1.0 / step), round = _mm512_set1_pd(ROUND);
    const __m512d top = _mm512_set1_pd(largest), bottom = _mm512_set1_pd(-largest);
    __m512d square = _mm512_setzero_pd(), miss_sq = _mm512_setzero_pd();
    for (size_t j = 0; j < dim; j += LANES) {
        const size_t left = dim - j;
        const __mmask8 here = (__mmask8)(left < LANES ? (1u << left) - 1u : 0xffu);
        const __m512d apart = _mm512_sub_pd(_mm512_maskz_loadu_pd(here, x + j),
                                            _mm512_maskz_loadu_pd(here, centre + j));
        const __m512d exact = _mm512_mul_pd(apart, per_step);
        const __m512d near = _mm512_sub_pd(_mm512_add_pd(exact, round), round);
        const __m512d whole = _mm512_max_pd(_mm512_min_pd(near, top), bottom);
        const __m512d off = _mm512_sub_pd(exact, whole);
        _mm512_mask_cvtepi32_storeu_epi16(q + j, here,
                                          _mm512_castsi256_si512(_mm512_cvttpd_epi32(whole)));
        square = _mm512_add_pd(square, _mm512_mul_pd(whole, whole));
        miss_sq = _mm512_add_pd(miss_sq, _mm512_mul_pd(off, off));
    }
    return row_of(_mm512_reduce_add_pd(square), _mm512_reduce_add_pd(miss_sq));
}

#endif

mad_on_grid mad_put_on_grid(size_t dim, const double *x, const double *centre, double step,
                            double largest, int16_t *q)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f")) {
        return put_avx512(dim, x, centre, step, largest, q);
    }
#endif
    return put_plain(dim, x, centre, step, largest, q);
}

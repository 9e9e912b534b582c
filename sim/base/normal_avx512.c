/* sim/base/normal_avx512.c: Box-Muller, eight pairs at a time. Compiled for AVX-512 only. */
#include "sim/base/normal.h"

#include <immintrin.h>
#include <sleef.h>

void mad_box_muller_avx512(size_t n_blocks, const uint64_t *word, double *out)
{
    const __m512d scale = _mm512_set1_pd(0x1p-53), one = _mm512_set1_pd(1.0);
    for (size_t b = 0; b < n_blocks; b++, word += MAD_NORMAL_BLOCK, out += MAD_NORMAL_BLOCK) {
        const __m512i first = _mm512_srli_epi64(_mm512_loadu_si512(word), 11);
        const __m512i second = _mm512_srli_epi64(_mm512_loadu_si512(word + MAD_HALF_BLOCK), 11);
        const __m512d u = _mm512_sub_pd(one, _mm512_mul_pd(_mm512_cvtepu64_pd(first), scale));
        const __m512d v = _mm512_mul_pd(_mm512_cvtepu64_pd(second), scale);
        const __m512d log_u = Sleef_finz_logd8_u35avx512f(u);
        const __m512d radius = _mm512_sqrt_pd(_mm512_mul_pd(_mm512_set1_pd(-2.0), log_u));
        const Sleef___m512d_2 circle = Sleef_finz_sincospid8_u35avx512f(_mm512_add_pd(v, v));
        _mm512_storeu_pd(out, _mm512_mul_pd(radius, circle.y));
        _mm512_storeu_pd(out + MAD_HALF_BLOCK, _mm512_mul_pd(radius, circle.x));
    }
}

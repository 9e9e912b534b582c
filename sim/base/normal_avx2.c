/* sim/base/normal_avx2.c: Box-Muller, four pairs at a time. Compiled for AVX2 and FMA only. */
#include "sim/base/normal.h"

#include <immintrin.h>
#include <sleef.h>

/* The top 53 bits as a double in [0, 1): high and low half through the exponent trick, exact. */
static __m256d to_unit(__m256i word)
{
    const __m256i bits = _mm256_srli_epi64(word, 11);
    const __m256i low = _mm256_or_si256(_mm256_and_si256(bits, _mm256_set1_epi64x(0xffffffff)),
                                        _mm256_set1_epi64x(0x4330000000000000)); /* 2^52 + low */
    const __m256i high = _mm256_or_si256(
        _mm256_srli_epi64(bits, 32), _mm256_set1_epi64x(0x4530000000000000)); /* 2^84 + high 2^32 */
    const __m256d high_part =
        _mm256_sub_pd(_mm256_castsi256_pd(high), _mm256_set1_pd(0x1p84 + 0x1p52));
    const __m256d value = _mm256_add_pd(high_part, _mm256_castsi256_pd(low));
    return _mm256_mul_pd(value, _mm256_set1_pd(0x1p-53));
}

void mad_box_muller_avx2(size_t n_blocks, const uint64_t *word, double *out)
{
    for (size_t q = 0; q < 2 * n_blocks; q++) { /* half of the pairs of a block at a time */
        const size_t at = (q / 2) * MAD_NORMAL_BLOCK + (q % 2) * 4;
        const __m256i first = _mm256_loadu_si256((const __m256i *)(const void *)(word + at));
        const __m256i second =
            _mm256_loadu_si256((const __m256i *)(const void *)(word + at + MAD_HALF_BLOCK));
        const __m256d u = _mm256_sub_pd(_mm256_set1_pd(1.0), to_unit(first));
        const __m256d v = to_unit(second);
        const __m256d log_u = Sleef_finz_logd4_u35avx2(u);
        const __m256d radius = _mm256_sqrt_pd(_mm256_mul_pd(_mm256_set1_pd(-2.0), log_u));
        const Sleef___m256d_2 circle = Sleef_finz_sincospid4_u35avx2(_mm256_add_pd(v, v));
        _mm256_storeu_pd(out + at, _mm256_mul_pd(radius, circle.y));
        _mm256_storeu_pd(out + at + MAD_HALF_BLOCK, _mm256_mul_pd(radius, circle.x));
    }
}

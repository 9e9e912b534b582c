/* sim/base/rng_avx512.c: eight consecutive words at a time. Compiled for AVX-512 only.
 *
 * The generator steps s' = a s + c mod 2^128, so j steps at once are s -> a^j s + (1 + a + ... +
 * a^(j-1)) c. Lane j starts j steps ahead, and every lane goes on by eight. */
#include <immintrin.h>
#include <string.h>

#include "sim/base/normal.h"

enum { LANES = 8 };

/* 128-bit numbers, low and high halves apart. */
typedef struct wide {
    __m512i low, high;
} wide;

/* a^j and 1 + a + ... + a^(j-1) mod 2^128 for lanes j = 0..7 and for j = 8 */
static const uint64_t power_low[LANES + 1] = {0x1,
                                              0xda942042e4dd58b5,
                                              0xfa3202b8af3eeff9,
                                              0xbdfbbe1277f2430d,
                                              0x6f73f57f8b8ee031,
                                              0x5df711cbf7625aa5,
                                              0x5f49d96cec23cea9,
                                              0x361051b93040357d,
                                              0x26fab1d0b0b1c961};
static const uint64_t power_high[LANES + 1] = {0x0,
                                               0x0,
                                               0xbaa09ca73f3265b4,
                                               0xdb76c43996e558d0,
                                               0x5b3942a42b92b969,
                                               0x79cb010efaeb6973,
                                               0x78e38078337a3c91,
                                               0xfee638626ce28238,
                                               0x3b4f2ed0402963a5};
static const uint64_t series_low[LANES + 1] = {0x0,
                                               0x1,
                                               0xda942042e4dd58b6,
                                               0xd4c622fb941c48af,
                                               0x92c1e10e0c0e8bbc,
                                               0x235d68d979d6bed,
                                               0x602ce8598effc692,
                                               0xbf76c1c67b23953b,
                                               0xf587137fab63cab8};
static const uint64_t series_high[LANES + 1] = {0x0,
                                                0x0,
                                                0x0,
                                                0xbaa09ca73f3265b5,
                                                0x961760e0d617be86,
                                                0xf150a38501aa77f0,
                                                0x6b1ba493fc95e163,
                                                0xe3ff250c30101df4,
                                                0xe2e55d6e9cf2a02c};

static inline wide splat(uint64_t low, uint64_t high)
{
    return (wide){_mm512_set1_epi64((int64_t)low), _mm512_set1_epi64((int64_t)high)};
}

/* x y mod 2^128: the full product of the low halves by 32-bit parts, and the mixed products. */
static inline wide product(wide x, wide y)
{
    const __m512i x_upper = _mm512_srli_epi64(x.low, 32), y_upper = _mm512_srli_epi64(y.low, 32);
    const __m512i carry = _mm512_srli_epi64(_mm512_mul_epu32(x.low, y.low), 32);
    const __m512i middle = _mm512_add_epi64(_mm512_mul_epu32(x.low, y_upper), carry);
    const __m512i lower = _mm512_and_si512(middle, _mm512_set1_epi64(0xffffffff));
    const __m512i other = _mm512_add_epi64(_mm512_mul_epu32(x_upper, y.low), lower);
    const __m512i mixed =
        _mm512_add_epi64(_mm512_mullo_epi64(x.low, y.high), _mm512_mullo_epi64(x.high, y.low));
    __m512i high = _mm512_add_epi64(_mm512_mul_epu32(x_upper, y_upper), mixed);
    high = _mm512_add_epi64(high, _mm512_srli_epi64(middle, 32));
    high = _mm512_add_epi64(high, _mm512_srli_epi64(other, 32));
    return (wide){_mm512_mullo_epi64(x.low, y.low), high};
}

static inline wide sum(wide x, wide y)
{
    const __m512i low = _mm512_add_epi64(x.low, y.low), high = _mm512_add_epi64(x.high, y.high);
    const __mmask8 carries = _mm512_cmplt_epu64_mask(low, y.low);
    return (wide){low, _mm512_mask_sub_epi64(high, carries, high, _mm512_set1_epi64(-1))};
}

/* The output function of mad_rng_next. */
static inline __m512i output(wide state)
{
    const __m512i low = _mm512_or_si512(state.low, _mm512_set1_epi64(1));
    __m512i high = _mm512_xor_si512(state.high, _mm512_srli_epi64(state.high, 32));
    high = _mm512_mullo_epi64(high, _mm512_set1_epi64((int64_t)power_low[1]));
    high = _mm512_xor_si512(high, _mm512_srli_epi64(high, 48));
    return _mm512_mullo_epi64(high, low);
}

void mad_rng_fill_avx512(mad_rng *rng, size_t n, uint64_t *out)
{
    const wide power = {_mm512_loadu_si512(power_low), _mm512_loadu_si512(power_high)};
    const wide series = {_mm512_loadu_si512(series_low), _mm512_loadu_si512(series_high)};
    const wide start = splat((uint64_t)rng->state, (uint64_t)(rng->state >> 64));
    const wide increment = splat((uint64_t)rng->inc, (uint64_t)(rng->inc >> 64));
    const wide power_8 = splat(power_low[LANES], power_high[LANES]);
    const wide add_8 = product(increment, splat(series_low[LANES], series_high[LANES]));
    wide state = sum(product(start, power), product(increment, series));
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        _mm512_storeu_si512(out + i, output(state));
        state = sum(product(state, power_8), add_8);
    }
    const size_t n_left = n - i;
    const __mmask8 left = (__mmask8)((1u << n_left) - 1);
    _mm512_mask_storeu_epi64(out + i, left, output(state));
    uint64_t low[LANES], high[LANES];
    _mm512_storeu_si512(low, state.low);
    _mm512_storeu_si512(high, state.high);
    rng->state = (mad_u128)high[n_left] << 64 | low[n_left];
}

/* sim/base/normal_avx512.c: words and Box-Muller, eight at a time. Compiled for AVX-512 only. */
#include <immintrin.h>

#define LANES                 8
#define BOX_MULLER            mad_box_muller_avx512
#define MULTIPLY_ADD(a, b, c) _mm512_fmadd_pd(a, b, c)
#define ROOT(x)               _mm512_sqrt_pd(x)
#define LOOK_UP(table, i)                                                                          \
    _mm512_permutex2var_pd(_mm512_load_pd(table), (__m512i)(i), _mm512_load_pd((table) + 8))
#include "sim/base/normal_vec.h"

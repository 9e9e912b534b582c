/* sim/base/normal_avx2.c: Box-Muller, four pairs at a time. Compiled for AVX2 and FMA only. */
#include <immintrin.h>

#define LANES                 4
#define BOX_MULLER            mad_box_muller_avx2
#define MULTIPLY_ADD(a, b, c) _mm256_fmadd_pd(a, b, c)
#define ROOT(x)               _mm256_sqrt_pd(x)
#define LOOK_UP(table, i)     _mm256_i64gather_pd(table, (__m256i)((i)&15), 8)
#include "sim/base/normal_vec.h"

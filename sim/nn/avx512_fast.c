/* sim/nn/avx512_fast.c: the kernels for AVX-512: 32 registers of 16 floats. */
#include <immintrin.h>

#define LANES            16
#define TILE_ROWS        8  /* where the distance of rows is known at run time only */
#define TILE_M           14 /* elsewhere */
#define MAD_LOWER_OF     _mm512_min_ps
#define MAD_HIGHER_OF    _mm512_max_ps
#define MAD_RECIPROCAL   _mm512_rcp14_ps
#define MAD_KERNELS      mad_kernels_avx512
#define MAD_KERNELS_NAME "avx512"
#define MAD_MAPS         mad_maps_avx512
#include "sim/nn/fast.h"
#include "sim/nn/fast_maps.h"

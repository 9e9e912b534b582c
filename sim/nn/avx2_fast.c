/* sim/nn/avx2_fast.c: the kernels for AVX2 and FMA: 16 registers of 8 floats. */
#include <immintrin.h>

#define LANES            8
#define TILE_ROWS        6 /* where the distance of rows is known at run time only */
#define TILE_M           6 /* elsewhere */
#define MAD_LOWER_OF     _mm256_min_ps
#define MAD_HIGHER_OF    _mm256_max_ps
#define MAD_KERNELS      mad_kernels_avx2
#define MAD_KERNELS_NAME "avx2"
#define MAD_MAPS         mad_maps_avx2
#include "sim/nn/fast.h"
#include "sim/nn/fast_maps.h"

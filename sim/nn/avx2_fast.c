/* sim/nn/avx2_fast.c: the kernels for AVX2 and FMA: 16 registers of 8 floats. */
#define LANES            8
#define TILE_ROWS        6
#define MAD_KERNELS      mad_kernels_avx2
#define MAD_KERNELS_NAME "avx2"
#include "sim/nn/fast.h"

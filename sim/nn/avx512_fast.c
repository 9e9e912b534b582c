/* sim/nn/avx512_fast.c: the kernels for AVX-512: 32 registers of 16 floats. */
#define LANES            16
#define TILE_ROWS        8
#define MAD_KERNELS      mad_kernels_avx512
#define MAD_KERNELS_NAME "avx512"
#include "sim/nn/fast.h"

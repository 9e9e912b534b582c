/* sim/nn/plain_fast.c: the kernels for the compiler's baseline (SSE2 on x86-64). */
#define LANES            4
#define TILE_ROWS        6
#define MAD_KERNELS      mad_kernels_plain
#define MAD_KERNELS_NAME "plain"
#include "sim/nn/fast.h"

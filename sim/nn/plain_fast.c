/* sim/nn/plain_fast.c: the kernels for the compiler's baseline (SSE2 on x86-64). */
#define LANES            4
#define TILE_ROWS        6 /* where the distance of rows is known at run time only */
#define TILE_M           6 /* elsewhere */
#define MAD_KERNELS      mad_kernels_plain
#define MAD_KERNELS_NAME "plain"
#define MAD_MAPS         mad_maps_plain
#include "sim/nn/fast.h"
#include "sim/nn/fast_maps.h"

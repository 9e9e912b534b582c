/* analysis/metrics/pair_avx512_fast.c: pairs of rows for AVX-512: 32 registers of 8 doubles. */
#define LANES         8
#define TILE_ROWS     8
#define MAD_PAIR_CODE mad_pair_avx512
#include "analysis/metrics/pair_code.h"

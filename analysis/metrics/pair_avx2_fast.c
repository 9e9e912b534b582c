/* analysis/metrics/pair_avx2_fast.c: pairs of rows for AVX2: 16 registers of 4 doubles. */
#define LANES         4
#define TILE_ROWS     4
#define MAD_PAIR_CODE mad_pair_avx2
#include "analysis/metrics/pair_code.h"

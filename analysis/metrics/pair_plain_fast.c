/* analysis/metrics/pair_plain_fast.c: pairs of rows for any processor with GNU vectors. */
#define LANES         2
#define TILE_ROWS     2
#define MAD_PAIR_CODE mad_pair_plain
#include "analysis/metrics/pair_code.h"

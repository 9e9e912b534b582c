/* sim/store/levels.h: columns of words become ranks. */
#ifndef MAD_STORE_LEVELS_H
#define MAD_STORE_LEVELS_H

#include "sim/iface/world.h"
#include "sim/store/fields.h"

/**
 * The distinct words of a column, ascending by bytes, doubled quotes undone.
 *
 * shape   cell: [n], borrowed;  rank: [n], the place of each cell's word among them
 * errors  MAD_E_MEMORY
 */
MAD_MUST_CHECK mad_status mad_levels_rank(mad_ctx *ctx, mad_arena *mem, size_t n,
                                          const mad_span *cell, double *rank,
                                          mad_table_column *out);

#endif

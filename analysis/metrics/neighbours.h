/* analysis/metrics/neighbours.h: exact squared Euclidean distances, tile by tile.
 *
 * Distances are sums of explicit differences in double: the Gram formula |x|^2 + |y|^2 - 2 x.y
 * flips ties and gives negative squares. d(x, y) and d(y, x) have the same bits.
 */
#ifndef MAD_ANALYSIS_METRICS_NEIGHBOURS_H
#define MAD_ANALYSIS_METRICS_NEIGHBOURS_H

#include "sim/base/ctx.h"
#include "sim/iface/set.h"

enum {
    MAD_TILE_ROWS = 4, /* rows and columns of one tile of distances */
    MAD_TILE_COLS = 8,
    MAD_BLOCK_ROWS = 64 /* rows one parallel item works on */
};

/* Rows of a set, 8 at a time side by side: value j of row 8 t + c stands at [t][j][c]. Missing rows
 * of the last tile are infinitely far away from everything. */
typedef struct mad_packed {
    size_t n_rows, dim, n_tiles;
    double *x; /* [n_tiles][dim][MAD_TILE_COLS] */
} mad_packed;

/** Pack into mem. MAD_E_MEMORY. */
MAD_MUST_CHECK mad_status mad_pack_rows(mad_ctx *ctx, mad_arena *mem, const mad_set *set,
                                        mad_packed *out);

/** What is done with a tile: square[r][c] = squared distance of row first_row + r (r < n_rows) and
 *  column first_col + c; columns past the last row of the packed set are +INFINITY. */
typedef void (*mad_tile_fn)(void *arg, size_t first_row, size_t n_rows, size_t first_col,
                            const double square[MAD_TILE_ROWS][MAD_TILE_COLS]);

/** All distances between the rows begin..end-1 of x[][dim] and the packed rows, one tile at a time.
 *  Serial; meant for one block of rows. */
void mad_each_tile(const double *x, size_t begin, size_t end, const mad_packed *packed,
                   mad_tile_fn fn, void *arg);

/**
 * Squared distance from each row to its k-th nearest OTHER row of the same set.
 *
 * shape   radius_sq: [set->n_rows]; needs k < n_rows
 * threads parallel over blocks of rows, same bits for any number
 */
MAD_MUST_CHECK mad_status mad_knn_radius_sq(mad_ctx *ctx, const mad_set *set,
                                            const mad_packed *packed, size_t k, double *radius_sq);

#endif

/* analysis/metrics/screen.h: whole-number images of rows, which bound their distances.
 *
 * A row x has the image q: 16-bit integers with x = centre + step (q + r). The squared distance of
 * two images is an exact integer, the same on every machine, and costs a fraction of one in double;
 * by the triangle inequality the rows themselves are no nearer and no farther than
 *   step (|q - q'| - |r| - |r'|)  and  step (|q - q'| + |r| + |r'|).
 * Whoever needs the distances of near rows only computes those alone, and exactly.
 */
#ifndef MAD_ANALYSIS_METRICS_SCREEN_H
#define MAD_ANALYSIS_METRICS_SCREEN_H

#include "sim/base/ctx.h"
#include "sim/iface/set.h"

enum {
    MAD_SCREEN_ROWS = 8,  /* rows and columns of one tile of distances */
    MAD_SCREEN_COLS = 32, /* rows of a set that stand side by side */
};

typedef struct mad_coarse mad_coarse; /* coarse.h */

/* The images of a set. Past the last row stand zeros. */
typedef struct mad_cloud {
    const mad_set *set;
    size_t n_pairs; /* of coordinates, the last one padded with 0 */
    size_t n_tiles; /* of MAD_SCREEN_COLS rows */
    double step;
    int16_t *image;     /* [n_tiles][n_pairs][MAD_SCREEN_COLS][2] q */
    int32_t *square;    /* [n_tiles][MAD_SCREEN_COLS] |q|^2 */
    double *miss;       /* [n_tiles][MAD_SCREEN_COLS] |r|, rounded up; INFINITY = no bound */
    double *tile_miss;  /* [n_tiles] the largest of a tile */
    mad_coarse *coarse; /* NULL: none */
} mad_cloud;

/* Squared distances of images, and which of them are below the cut of their row or column. */
typedef struct mad_tile {
    int32_t square[MAD_SCREEN_ROWS][MAD_SCREEN_COLS];
    uint32_t near[MAD_SCREEN_ROWS]; /* bit c: square[r][c] < row_cut[r] or < col_cut[c] */
} mad_tile;

/**
 * Images of two sets on one grid, its centre and step from the mean and the spread of some rows of
 * a. The images of one set given twice are the same ones.
 *
 * errors  MAD_E_MEMORY
 */
MAD_MUST_CHECK mad_status mad_clouds_take(mad_ctx *ctx, mad_arena *mem, const mad_set *a,
                                          const mad_set *b, mad_cloud *out_a, mad_cloud *out_b);

/** The tile of rows `first_row`.. (a multiple of MAD_SCREEN_ROWS) of a and of tile `i_tile` of b. */
typedef void mad_screen_fn(const mad_cloud *a, size_t first_row, const mad_cloud *b, size_t i_tile,
                           const int32_t row_cut[MAD_SCREEN_ROWS],
                           const int32_t col_cut[MAD_SCREEN_COLS], mad_tile *out);

/** The fastest of mad_screens that this processor has. */
mad_screen_fn *mad_screen_choose(void);

/* Every way that this processor has, the portable one first, then NULL. */
enum { MAD_MAX_SCREENS = 3 };
void mad_screens(mad_screen_fn *out[MAD_MAX_SCREENS + 1]);

/** A cut above the squared distance of all images whose rows may be nearer than `reach` steps,
 *  the misses of both rows included in reach. */
int32_t mad_screen_cut(double reach);

/* Bounds of a squared distance of rows. */
typedef struct mad_bounds {
    double low, high;
} mad_bounds;

/** Of the rows i of a and j of b whose images are so far apart. */
mad_bounds mad_screen_bounds(const mad_cloud *a, size_t i, const mad_cloud *b, size_t j,
                             int32_t square);

/* How far from a row, in steps and with its own miss, others matter. May shrink during a scan. */
typedef _Atomic double mad_reach;

/* All pairs of a row i of a and a row j of b of which one may be within the other's reach. */
typedef struct mad_scan {
    const mad_cloud *a, *b;
    const mad_reach *a_reach, *b_reach; /* [n_rows] */
    void (*fn)(void *arg, size_t i, size_t j, int32_t square);
    void *arg;
} mad_scan;

enum { MAD_BLOCK_ROWS = 64 }; /* whole tiles */

size_t mad_n_blocks(const mad_cloud *cloud);

/** The first tile of the rows of a block: a set against itself is met from there, every pair once
 *  (those of the block twice). */
size_t mad_first_tile(size_t i_block);

/** The pairs of rows of block i_block of a with rows of b in tiles first_tile.. Serial. */
void mad_scan_block(const mad_scan *scan, size_t i_block, size_t first_tile);

#endif

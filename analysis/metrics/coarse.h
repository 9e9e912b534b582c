/* analysis/metrics/coarse.h: images of rows in 8 bits, a sieve before those of screen.h.
 *
 * Where the processor multiplies bytes, squared distances of these images cost half as much. They
 * bound the distances of rows in the same way, less closely: what they cannot tell apart is looked
 * at again in 16 bits, row by row. Without such a processor there are none.
 */
#ifndef MAD_ANALYSIS_METRICS_COARSE_H
#define MAD_ANALYSIS_METRICS_COARSE_H

#include "analysis/metrics/screen.h"

/* The coarse images of a set; zeros past the last row and the last coordinate. */
struct mad_coarse {
    size_t n_quads;        /* of coordinates */
    size_t n_wide;         /* numbers of a row of `wide`, a multiple of MAD_COARSE_WIDE */
    double step, per_fine; /* a fine step in coarse ones */
    int8_t *image;         /* [n_tiles][n_quads][MAD_SCREEN_COLS][4] q */
    int32_t *square;       /* [n_tiles][MAD_SCREEN_COLS] |q|^2 */
    int32_t *sum;          /* [n_tiles][MAD_SCREEN_COLS] sum of q */
    double *miss;          /* [n_tiles][MAD_SCREEN_COLS] |r|, rounded up */
    double *tile_miss;     /* [n_tiles] the largest of a tile */
    int16_t *wide;         /* [n_rows][n_wide] the 16-bit image, row by row */
};

enum { MAD_COARSE_WIDE = 32 };

/* The inner loops for one instruction set. */
typedef struct mad_coarse_code {
    /** near[r] bit c: the squared distance of coarse images is below row_cut[r] or col_cut[c]. */
    void (*near)(const mad_cloud *a, size_t first_row, const mad_cloud *b, size_t i_tile,
                 const int32_t row_cut[MAD_SCREEN_ROWS], const int32_t col_cut[MAD_SCREEN_COLS],
                 uint32_t near[MAD_SCREEN_ROWS]);
    /** The squared distance of the 16-bit images of two rows: what mad_screen_fn gives. */
    int32_t (*square)(const mad_cloud *a, size_t i, const mad_cloud *b, size_t j);
} mad_coarse_code;

extern const mad_coarse_code mad_coarse_plain;

/** NULL on a processor that does not multiply bytes. */
const mad_coarse_code *mad_coarse_choose(void);

/**
 * Give a cloud its coarse image about a centre. Coordinates farther from it than `farthest`, which
 * is above 0, are cut off: their rows have a larger miss.
 *
 * shape   centre: [dim]
 * errors  MAD_E_MEMORY
 */
MAD_MUST_CHECK mad_status mad_coarse_take(mad_ctx *ctx, mad_arena *mem, const double *centre,
                                          double farthest, mad_cloud *cloud);

/** The reach of a row in coarse steps, its coarse miss included, from that in fine ones. */
double mad_coarse_reach(const mad_cloud *cloud, size_t i, double reach);

#endif

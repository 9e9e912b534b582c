/* analysis/plot/sweep_map.h: heat maps of a finished sweep: an expression over two of its keys. */
#ifndef MAD_PLOT_SWEEP_MAP_H
#define MAD_PLOT_SWEEP_MAP_H

#include "analysis/plot/plot.h"

#define MAD_SWEEP_CONTOURS 4

typedef struct mad_sweep_map {
    const char *expression; /* of expect.h: "recall@last", "mean(frechet, 40, last) - frechet@1" */
    const char *x, *y;      /* keys; NULL: the first that are numbers, but for the seed */
    size_t n_contours;
    double contour[MAD_SWEEP_CONTOURS]; /* where lines of equal value are drawn */
} mad_sweep_map;

/**
 * Write the scripts and data of map.*, or of map-1.*, map-2.*, ... where a third key divides the runs:
 * the mean of the expression over the runs of each cell (that is: over seeds), and its contours beside
 * those of its closed form, where every measure in it has one and all lines together are at most 4. The
 * neutral colour is that of the contour in the middle of the list.
 *
 * errors  MAD_E_USAGE: no two keys that are numbers; more maps than MAD_MAX_FIGURES; an expression that
 *         cannot be read;  MAD_E_CONFIG: a measure that a run does not have;  MAD_E_IO, MAD_E_MEMORY
 */
MAD_MUST_CHECK mad_status mad_sweep_maps_write(mad_ctx *ctx, mad_arena *mem, const mad_runs *runs,
                                               const char *dir, const mad_sweep_map *map,
                                               mad_figures *out);

#endif

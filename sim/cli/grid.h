/* sim/cli/grid.h: the points of a sweep: a file, words that all share, and the keys that are swept. */
#ifndef MAD_CLI_GRID_H
#define MAD_CLI_GRID_H

#include "sim/cli/options.h"
#include "sim/config/config.h"

enum { MAD_GRID_POINTS = 1000000 }; /* more take a word from the user */

typedef struct mad_sweep_grid {
    mad_config config; /* of the file and the shared words: the first point */
    const char *path;
    size_t n_overrides;
    char **overrides;
    int smoke;
    size_t n_axes;
    const mad_axis *axes;
    size_t n_points; /* product over the axes, the last one fastest */
} mad_sweep_grid;

/**
 * The grid of CONFIG's `sweep:` block and of arguments key=a,b, which replace the block's axes of
 * the same key. Arguments key=value with one value are shared by all points.
 *
 * args     as a verb got them: CONFIG, then words
 * errors   those of mad_config_load; MAD_E_RANGE: more than max_points
 * memory   from mem; args are borrowed
 */
MAD_MUST_CHECK mad_status mad_sweep_grid_read(mad_app *app, mad_arena *mem,
                                              const mad_arguments *args, int smoke,
                                              size_t max_points, mad_sweep_grid *out);

/** The configuration of point i, in mem. errors  those of mad_config_load */
MAD_MUST_CHECK mad_status mad_sweep_grid_point(mad_app *app, mad_arena *mem,
                                               const mad_sweep_grid *grid, size_t i_point,
                                               mad_config *out);

#endif

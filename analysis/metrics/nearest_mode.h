/* analysis/metrics/nearest_mode.h: the mode that a row belongs to. */
#ifndef MAD_ANALYSIS_METRICS_NEAREST_MODE_H
#define MAD_ANALYSIS_METRICS_NEAREST_MODE_H

#include "sim/iface/world.h"

/**
 * The nearest centre of every row, the first one of equals, and the squared distance to it.
 *
 * shape    nearest, square: [rows->n_rows]
 * errors   MAD_E_MEMORY
 * threads  parallel over rows, same bits for any number
 */
MAD_MUST_CHECK mad_status mad_nearest_modes(mad_ctx *ctx, const mad_world_info *world,
                                            const mad_set *rows, size_t *nearest, double *square);

#endif

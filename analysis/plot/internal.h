/* analysis/plot/internal.h: the figures that are no curves against generation. */
#ifndef MAD_PLOT_INTERNAL_H
#define MAD_PLOT_INTERNAL_H

#include "analysis/plot/plot.h"

/* Each writes its figure when the runs have the data: *done says whether. */

/** Path of (recall, precision) over the generations, in the plane. */
MAD_MUST_CHECK mad_status mad_plane_figure(mad_ctx *ctx, mad_arena *mem, const mad_runs *runs,
                                           const char *dir, int *done);

/** Samples of chosen generations: pictures, or points of the plane over the real ones. */
MAD_MUST_CHECK mad_status mad_samples_figure(mad_ctx *ctx, mad_arena *mem, const mad_runs *runs,
                                             const char *dir, int *done);

/** Training loss within each generation's fit. */
MAD_MUST_CHECK mad_status mad_loss_figure(mad_ctx *ctx, mad_arena *mem, const mad_runs *runs,
                                          const char *dir, int *done);

#endif

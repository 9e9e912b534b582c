/* analysis/plot/level_curves.h: curves with intervals, where they pass a level, and at what cost. */
#ifndef MAD_PLOT_LEVEL_CURVES_H
#define MAD_PLOT_LEVEL_CURVES_H

#include "analysis/fit/estimate.h"
#include "sim/base/ctx.h"

typedef struct mad_level_curve {
    const char *label; /* of the legend */
    size_t n;
    const double *x;         /* [n] ascending */
    const double *cost;      /* [n]; NaN = not known */
    const mad_estimate *y;   /* [n] */
    double cross, low, high; /* where it passes the level, with its interval; infinite ends lie
                                beyond the axis; NaN: it does not, or is not asked */
} mad_level_curve;

typedef struct mad_level_figure {
    const char *name; /* of the figure */
    const char *title, *x_label, *cost_label, *y_label;
    const char *level_text; /* of the legend */
    double level;           /* NaN: none */
    size_t n_curves;
    const mad_level_curve *curve;
} mad_level_figure;

/**
 * Write NAME.gp and NAME.tsv into an existing folder: y over x with 95 % bands, the level, crossings
 * with their intervals on it; beside it y over the cost.
 * errors  MAD_E_IO
 */
MAD_MUST_CHECK mad_status mad_level_figure_write(mad_ctx *ctx, const char *dir,
                                                 const mad_level_figure *figure);

#endif

/* analysis/plot/phase_map.h: a value over two keys as a heat map, with boundaries. */
#ifndef MAD_PLOT_PHASE_MAP_H
#define MAD_PLOT_PHASE_MAP_H

#include "sim/base/ctx.h"

/* One key: the cells of a row or column have equal widths, whatever its values. */
typedef struct mad_phase_axis {
    const char *label;
    size_t n;
    const char *const *text; /* [n] values as written beside the tics */
} mad_phase_axis;

/* A line of equal value through the map, between the centres of cells. */
typedef struct mad_phase_contour {
    const char *text;    /* of the legend */
    const double *value; /* [x.n][y.n] what is to be equal; NaN = not known */
    double level;
} mad_phase_contour;

/* A boundary, one point a column, in cells from 0: 3.5 runs between cells 3 and 4. NaN: none there. */
typedef struct mad_phase_line {
    const char *text;         /* of the legend */
    const double *y;          /* [x.n] */
    const double *low, *high; /* [x.n] the ends of its interval; NULL: none is drawn */
} mad_phase_line;

typedef struct mad_phase_map {
    const char *name; /* of the figure */
    const char *title, *value_label;
    mad_phase_axis x, y;
    const double *value; /* [x.n][y.n]; NaN = not known, left blank */
    double centre; /* value of the neutral colour: what the boundary is about; the strongest colours
                      stand for the 85 % quantile of the distance from it, and all beyond; NaN: the
                      colours run from the least to the largest */
    size_t n_contours, n_lines; /* at most 4 together; contours come first in the legend */
    const mad_phase_contour *contour;
    const mad_phase_line *line;
} mad_phase_map;

/** Write NAME.gp and NAME.tsv into an existing folder. errors  MAD_E_IO, MAD_E_MEMORY */
MAD_MUST_CHECK mad_status mad_phase_map_write(mad_ctx *ctx, const char *dir,
                                              const mad_phase_map *map);

#endif

/* analysis/plot/figure.h: one figure in the making: NAME.gp and NAME.tsv, then pictures of it.
 *
 * All lengths are in hundredths of an inch, from the lower left corner. The script lays every panel
 * and legend at fixed places, so that nothing depends on what a gnuplot version thinks fits. */
#ifndef MAD_PLOT_FIGURE_H
#define MAD_PLOT_FIGURE_H

#include <stdio.h>

#include "analysis/plot/range.h"
#include "sim/base/ctx.h"

#define MAD_FIGURE_NAME 128 /* bytes of a figure's name */

typedef struct mad_figure {
    mad_ctx *ctx;
    const char *dir;            /* borrowed */
    char name[MAD_FIGURE_NAME]; /* file name without extension: letters, digits, - _ . */
    FILE *gp, *tsv;
    size_t n_blocks; /* of the TSV: what gnuplot calls index */
    double width, height;
} mad_figure;

/** Width and height of a line of text, for layout (an estimate on the safe side). */
#define MAD_LINE_HEIGHT   12.0
#define MAD_X_LABEL_BELOW 28.0 /* of the box: where the x label's middle line runs */
double mad_text_width(const char *text);

/** Text that fits a width, cut in the middle where needed: both ends of a label tell most. */
void mad_text_fit(const char *text, double width, size_t n_bytes, char *out);

/**
 * Start DIR/NAME.gp and DIR/NAME.tsv (existing ones are replaced). Characters of `name` that a file
 * name should not have become '_'. Follow with mad_figure_close, whatever happens.
 * errors  MAD_E_IO
 */
MAD_MUST_CHECK mad_status mad_figure_open(mad_ctx *ctx, const char *dir, const char *name,
                                          const char *what, double width, double height,
                                          mad_figure *out);

/** Finish and close both files. Returns st, or MAD_E_IO when st was MAD_OK and writing failed. */
MAD_MUST_CHECK mad_status mad_figure_close(mad_figure *figure, mad_status st);

/** Start a block of the TSV: a comment, a line of column names. Returns its index. */
size_t mad_figure_block(mad_figure *figure, const char *comment, const char *columns);
void mad_figure_row(mad_figure *figure, size_t n, const double *value);

/** Write text as gnuplot string: 'it''s', control characters as spaces. */
void mad_figure_quote(FILE *gp, const char *text);

/** Write gnuplot's list of tics at whole numbers, about n_tics of them: "(1, 5, 10)". */
void mad_figure_counts(FILE *gp, double last, double n_tics);

/* A rectangle with axes. */
typedef struct mad_panel {
    double left, right, bottom, top; /* the axes' box */
    const char *title;             /* above the box, from its left edge, cut to fit; NULL = none */
    const char *x_label, *y_label; /* NULL = none */
    double y_label_left;           /* of the box: where the middle line of the y label runs */
    mad_range x, y;
    int x_is_count; /* 1: tics at whole numbers from 1 */
    int hide_tics;  /* 1: no tics, a thin frame */
} mad_panel;

/** Set up the axes; the caller writes the plot command. */
void mad_panel_begin(mad_figure *figure, const mad_panel *panel);

/* What one entry of a legend shows beside its text. */
typedef struct mad_legend_entry {
    const char *text;
    char colour[8]; /* "#0072B2" */
    int mark;       /* gnuplot point type, 0 = none */
    int dash;       /* gnuplot dash type, 0 = no line */
    int has_band;
} mad_legend_entry;

#define MAD_MAX_LEGEND 160

typedef struct mad_legend {
    size_t n;
    mad_legend_entry entry[MAD_MAX_LEGEND];
} mad_legend;

/** Append (silently dropped beyond MAD_MAX_LEGEND). */
void mad_legend_add(mad_legend *legend, mad_legend_entry entry);

/** Height of a legend laid out over a width. */
double mad_legend_height(const mad_legend *legend, double width);

/** Draw with the next plot command, from the top left corner down. */
void mad_legend_draw(mad_figure *figure, const mad_legend *legend, double left, double top,
                     double width);

/** Remove labels, lines and frames drawn so far from the plots to come. */
void mad_figure_unset_marks(mad_figure *figure);

/* Colour and mark of run i of n: Okabe-Ito without black (theory) and yellow (too faint); more runs
 * than that are steps of a ladder and take its shades (viridis). */
typedef struct mad_style {
    char colour[8];
    int mark;
} mad_style;
mad_style mad_style_of(size_t i, size_t n);

/**
 * Draw NAME.FORMAT with gnuplot as a separate process in the figure's folder.
 * errors  MAD_E_IO: gnuplot is not installed, or refuses; the message says what to do
 */
MAD_MUST_CHECK mad_status mad_gnuplot_draw(mad_ctx *ctx, const char *dir, const char *name,
                                           const char *format);

#endif

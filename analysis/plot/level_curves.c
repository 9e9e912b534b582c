/* analysis/plot/level_curves.c: see the header. */
#include "analysis/plot/level_curves.h"

#include <math.h>
#include <string.h>

#include "analysis/plot/figure.h"

static const double LEFT = 60.0, WIDTH = 205.0, GAP = 34.0, RIGHT = 14.0;
static const double TOP = 24.0, HEIGHT = 165.0, BOTTOM = 44.0;
static const double Y_LABEL = 46.0; /* left of the box */
static const double PAD = 0.04;     /* of the span of an axis from left to right */

static mad_range span_of(const mad_level_figure *l, int is_cost)
{
    double low = (double)INFINITY, high = -(double)INFINITY;
    for (size_t c = 0; c < l->n_curves; c++) {
        const mad_level_curve *curve = &l->curve[c];
        for (size_t i = 0; i < curve->n; i++) {
            const double x = is_cost ? curve->cost[i] : curve->x[i];
            low = isfinite(x) ? fmin(low, x) : low;
            high = isfinite(x) ? fmax(high, x) : high;
        }
    }
    if (!(low <= high)) {
        return (mad_range){0.0, 1.0, 0};
    }
    const double pad = low < high ? PAD * (high - low) : fmax(0.5, 0.1 * fabs(low));
    return (mad_range){low - pad, high + pad, 0};
}

static mad_range height_of(const mad_level_figure *l)
{
    mad_extent extent = MAD_EXTENT_NONE;
    mad_extent_add(&extent, l->level);
    for (size_t c = 0; c < l->n_curves; c++) {
        for (size_t i = 0; i < l->curve[c].n; i++) {
            const mad_estimate *y = &l->curve[c].y[i];
            mad_extent_add(&extent, y->mean);
            mad_extent_add_soft(&extent, y->mean - y->half);
            mad_extent_add_soft(&extent, y->mean + y->half);
        }
    }
    return mad_extent_range(&extent);
}

/* Columns of a curve's block: x, cost, mean, low, high. */
static size_t write_block(mad_figure *f, const mad_level_curve *curve)
{
    const size_t block = mad_figure_block(f, curve->label, "x\tcost\tmean\tlow\thigh");
    for (size_t i = 0; i < curve->n; i++) {
        const mad_estimate *y = &curve->y[i];
        mad_figure_row(f, 5,
                       (const double[5]){curve->x[i], curve->cost[i], y->mean, y->mean - y->half,
                                         y->mean + y->half});
    }
    return block;
}

static size_t write_crossings(mad_figure *f, const mad_level_figure *l)
{
    const size_t block =
        mad_figure_block(f, "where the curves pass the level", "x\tlevel\tlow\thigh");
    const mad_range x = span_of(l, 0);
    for (size_t c = 0; c < l->n_curves; c++) {
        const mad_level_curve *curve = &l->curve[c];
        mad_figure_row(f, 4,
                       (const double[4]){isfinite(curve->cross) ? curve->cross : (double)NAN,
                                         l->level, fmax(curve->low, x.min),
                                         fmin(curve->high, x.max)});
    }
    return block;
}

static void draw_panel(mad_figure *f, const mad_level_figure *l, size_t first, size_t crossings,
                       int is_cost)
{
    const int column = is_cost ? 2 : 1;
    int n = 0;
    if (!isnan(l->level)) {
        (void)fprintf(f->gp, "plot %.10g with lines lw 1 dt 2 lc rgb '#404040'", l->level);
        n++;
    }
    for (size_t c = 0; c < l->n_curves && !is_cost; c++) {
        (void)fprintf(f->gp,
                      "%sdata index %zu using 1:4:5 with filledcurves fs transparent solid 0.18 "
                      "noborder lc rgb '%s'",
                      n++ == 0 ? "plot " : ", \\\n     ", first + c,
                      mad_style_of(c, l->n_curves).colour);
    }
    for (size_t c = 0; c < l->n_curves; c++) {
        const mad_style style = mad_style_of(c, l->n_curves);
        if (is_cost) {
            (void)fprintf(f->gp,
                          "%sdata index %zu using 2:3:4:5 with yerrorbars pt 0 lw 1 lc rgb '%s'",
                          n++ == 0 ? "plot " : ", \\\n     ", first + c, style.colour);
        }
        (void)fprintf(f->gp, "%sdata index %zu using %d:3 with lines lw 1.5 lc rgb '%s'",
                      n++ == 0 ? "plot " : ", \\\n     ", first + c, column, style.colour);
        (void)fprintf(f->gp,
                      ", \\\n     data index %zu using %d:3 with points pt %d ps 0.5 lc rgb '%s'",
                      first + c, column, style.mark, style.colour);
    }
    for (size_t c = 0; c < l->n_curves && !is_cost && !isnan(l->level); c++) {
        (void)fprintf(f->gp,
                      ", \\\n     data index %zu every ::%zu::%zu using 1:2:3:4 with xerrorbars pt "
                      "6 ps 0.8 lw 2.2 lc rgb '%s'",
                      crossings, c, c, mad_style_of(c, l->n_curves).colour);
    }
    (void)fputs("\n", f->gp);
}

static void fill_legend(mad_legend *legend, const mad_level_figure *l)
{
    for (size_t c = 0; c < l->n_curves; c++) {
        const mad_style style = mad_style_of(c, l->n_curves);
        mad_legend_entry entry = {
            .text = l->curve[c].label, .mark = style.mark, .dash = 1, .has_band = 1};
        memcpy(entry.colour, style.colour, sizeof entry.colour);
        mad_legend_add(legend, entry);
    }
    if (!isnan(l->level)) {
        mad_legend_add(legend, (mad_legend_entry){l->level_text, "#404040", 0, 2, 0});
    }
}

mad_status mad_level_figure_write(mad_ctx *ctx, const char *dir, const mad_level_figure *l)
{
    mad_status st = MAD_OK;
    mad_figure f = {0};
    mad_legend legend = {.n = 0};
    size_t first = 0, crossings = 0;
    const double width = LEFT + 2.0 * WIDTH + GAP + RIGHT;
    const mad_range y = height_of(l);
    fill_legend(&legend, l);
    const double legend_height = mad_legend_height(&legend, width - 24.0) + 6.0;
    MAD_TRY(mad_figure_open(ctx, dir, l->name, l->title, width,
                            TOP + HEIGHT + BOTTOM + legend_height, &f));
    for (size_t c = 0; c < l->n_curves; c++) {
        const size_t block = write_block(&f, &l->curve[c]);
        first = c == 0 ? block : first;
    }
    crossings = write_crossings(&f, l);
    for (int is_cost = 0; is_cost <= 1; is_cost++) {
        const double left = LEFT + (is_cost ? WIDTH + GAP : 0.0);
        mad_panel_begin(&f, &(mad_panel){.left = left,
                                         .right = left + WIDTH,
                                         .top = f.height - TOP,
                                         .bottom = f.height - TOP - HEIGHT,
                                         .title = is_cost ? "against the cost" : l->title,
                                         .x_label = is_cost ? l->cost_label : l->x_label,
                                         .y_label = is_cost ? NULL : l->y_label,
                                         .y_label_left = Y_LABEL,
                                         .x = span_of(l, is_cost),
                                         .y = y});
        if (!is_cost) {
            mad_legend_draw(&f, &legend, 14.0, legend_height - 2.0, width - 24.0);
        }
        draw_panel(&f, l, first, crossings, is_cost);
        mad_figure_unset_marks(&f);
    }
out:
    return mad_figure_close(&f, st);
}

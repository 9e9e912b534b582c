/* analysis/plot/plane.c: precision against recall: where a loop drifts, generation by generation.
 */
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "analysis/plot/curves.h"
#include "analysis/plot/internal.h"

static const double WIDTH = 350.0;
static const double PANEL_WIDTH = 284.0, PANEL_HEIGHT = 210.0;
static const double LEFT = 52.0, TOP = 8.0, BOTTOM = 36.0;
enum { MAX_ARROWS = 6 };
static const double LEAST_SPAN = 0.7;  /* axes start here at the latest */
static const double LEAST_STEP = 0.06; /* of the axis: shorter steps get no arrow */

typedef struct plane {
    mad_curve_set recall, precision;
    mad_range x, y;
} plane;

static size_t n_gens(const plane *p, size_t i_run)
{
    size_t a = p->recall.curves[i_run].n_gens;
    size_t b = p->precision.curves[i_run].n_gens;
    return a < b ? a : b;
}

/* Up to 1 (or the largest value), down to a tenth below the smallest. */
static mad_range find_range(const mad_curve_set *set)
{
    mad_extent extent = MAD_EXTENT_NONE;
    for (size_t r = 0; r < set->n_runs; r++) {
        mad_extent_add(&extent, set->curves[r].floor.mean);
        for (size_t g = 0; g < set->curves[r].n_gens; g++) {
            mad_extent_add(&extent, set->curves[r].mean[g].mean);
        }
    }
    double low = isfinite(extent.core_min) ? floor((extent.core_min - 0.05) * 10.0) / 10.0 : 0.0;
    low = fmin(fmax(low, 0.0), LEAST_SPAN);
    double high = fmax(1.0, extent.core_max);
    return (mad_range){low, high + 0.02 * (high - low), 0};
}

static size_t write_path(mad_figure *f, const plane *p, const mad_run_entry *run, size_t i_run)
{
    char comment[1024];
    (void)snprintf(comment, sizeof comment, "%s (%s)", run->label, run->dir);
    size_t block = mad_figure_block(f, comment,
                                    "generation\trecall\trecall_ci_low\trecall_ci_high\tprecision\t"
                                    "precision_ci_low\tprecision_ci_high");
    for (size_t g = 0; g < n_gens(p, i_run); g++) {
        const mad_estimate *x = &p->recall.curves[i_run].mean[g];
        const mad_estimate *y = &p->precision.curves[i_run].mean[g];
        const double row[7] = {(double)(g + 1),   x->mean, x->mean - x->half,
                               x->mean + x->half, y->mean, y->mean - y->half,
                               y->mean + y->half};
        mad_figure_row(f, 7, row);
    }
    return block;
}

/* A few arrows along the path, at equal numbers of generations, where a step is long enough.
 * No arrow, no block: gnuplot would not count an empty one. Returns the block, or SIZE_MAX. */
static size_t write_arrows(mad_figure *f, const plane *p, size_t i_run)
{
    const mad_estimate *x = p->recall.curves[i_run].mean;
    const mad_estimate *y = p->precision.curves[i_run].mean;
    size_t n = n_gens(p, i_run);
    size_t stride = n / MAX_ARROWS + 1;
    size_t block = SIZE_MAX;

    for (size_t g = 0; g + 1 < n; g += stride) {
        double dx = x[g + 1].mean - x[g].mean;
        double dy = y[g + 1].mean - y[g].mean;
        if (hypot(dx / (p->x.max - p->x.min), dy / (p->y.max - p->y.min)) >= LEAST_STEP) {
            const double row[4] = {x[g].mean, y[g].mean, 0.6 * dx, 0.6 * dy};
            if (block == SIZE_MAX) {
                block = mad_figure_block(f, "arrows of the path above",
                                         "recall\tprecision\tstep_recall\tstep_precision");
            }
            mad_figure_row(f, 4, row);
        }
    }
    return block;
}

static void draw_run(mad_figure *f, const plane *p, const mad_runs *runs, size_t i_run,
                     int *is_open)
{
    mad_style style = mad_style_of(i_run, runs->n_runs);
    const char *next = ", \\\n     ";
    size_t n = n_gens(p, i_run);

    if (n == 0) {
        return;
    }
    size_t block = write_path(f, p, &runs->runs[i_run], i_run);
    size_t arrows = write_arrows(f, p, i_run);
    (void)fprintf(f->gp,
                  "%sdata index %zu using 2:5 with linespoints pt 7 ps 0.22 lw 1.3 lc rgb '%s'",
                  *is_open ? next : "plot ", block, style.colour);
    *is_open = 1;
    if (arrows != SIZE_MAX) {
        (void)fprintf(f->gp,
                      "%sdata index %zu using 1:2:3:4 with vectors head filled size screen "
                      "0.018,18 fixed lw 1.3 lc rgb '%s'",
                      next, arrows, style.colour);
    }
    (void)fprintf(
        f->gp,
        "%sdata index %zu every ::0::0 using 2:5:3:4:6:7 with xyerrorbars pt 6 ps 0.9 lw 0.9 "
        "lc rgb '%s'",
        next, block, style.colour);
    if (n > 1) {
        (void)fprintf(
            f->gp,
            "%sdata index %zu every ::%zu::%zu using 2:5:3:4:6:7 with xyerrorbars pt %d ps "
            "0.8 lw 0.9 lc rgb '%s'",
            next, block, n - 1, n - 1, style.mark, style.colour);
    }
}

static int has_floor(const plane *p, size_t i_run)
{
    return isfinite(p->recall.curves[i_run].floor.mean) &&
           isfinite(p->precision.curves[i_run].floor.mean);
}

/* Real against real: what a perfect model would reach. */
static void draw_floor(mad_figure *f, const plane *p, size_t i_run, int *is_open)
{
    if (!has_floor(p, i_run)) {
        return;
    }
    const double row[2] = {p->recall.curves[i_run].floor.mean,
                           p->precision.curves[i_run].floor.mean};
    size_t block = mad_figure_block(f, "floor: real against real", "recall\tprecision");
    mad_figure_row(f, 2, row);
    (void)fprintf(f->gp, "%sdata index %zu using 1:2 with points pt 3 ps 0.9 lw 1 lc rgb '#707070'",
                  *is_open ? ", \\\n     " : "plot ", block);
    *is_open = 1;
}

static void fill_legend(mad_legend *legend, const mad_runs *runs, const plane *p)
{
    int any_floor = 0;
    for (size_t r = 0; r < runs->n_runs; r++) {
        mad_style style = mad_style_of(r, runs->n_runs);
        mad_legend_entry entry = {.text = runs->runs[r].label, .mark = style.mark, .dash = 1};
        memcpy(entry.colour, style.colour, sizeof entry.colour);
        mad_legend_add(legend, entry);
        any_floor |= has_floor(p, r);
    }
    mad_legend_add(legend, (mad_legend_entry){"generation 1 (filled: last)", "#404040", 6, 0, 0});
    if (any_floor) {
        mad_legend_add(legend, (mad_legend_entry){"floor: real against real", "#707070", 3, 0, 0});
    }
}

static mad_status draw(mad_ctx *ctx, const mad_runs *runs, const char *dir, const plane *p)
{
    mad_status st = MAD_OK;
    mad_figure f = {0};
    mad_legend legend = {.n = 0};
    int is_open = 0;

    fill_legend(&legend, runs, p);
    const double legend_height = mad_legend_height(&legend, WIDTH - 24.0) + 6.0;
    MAD_TRY(mad_figure_open(ctx, dir, "precision-recall",
                            "precision against recall over the generations", WIDTH,
                            TOP + PANEL_HEIGHT + BOTTOM + legend_height, &f));
    mad_panel_begin(&f, &(mad_panel){.left = LEFT,
                                     .right = LEFT + PANEL_WIDTH,
                                     .top = f.height - TOP,
                                     .bottom = f.height - TOP - PANEL_HEIGHT,
                                     .x_label = "recall (diversity)",
                                     .y_label = "precision (quality)",
                                     .y_label_left = 42.0,
                                     .x = p->x,
                                     .y = p->y});
    mad_legend_draw(&f, &legend, 16.0, legend_height - 2.0, WIDTH - 24.0);
    for (size_t r = 0; r < runs->n_runs; r++) {
        draw_run(&f, p, runs, r, &is_open);
    }
    for (size_t r = 0; r < runs->n_runs; r++) {
        draw_floor(&f, p, r, &is_open);
    }
    (void)fputs(is_open ? "\n" : "plot NaN\n", f.gp);
out:
    return mad_figure_close(&f, st);
}

mad_status mad_plane_figure(mad_ctx *ctx, mad_arena *mem, const mad_runs *runs, const char *dir,
                            int *done)
{
    mad_status st = MAD_OK;
    plane p;

    *done = 0;
    MAD_TRY(mad_curve_set_read(ctx, mem, runs, "metrics", "recall", &p.recall));
    MAD_TRY(mad_curve_set_read(ctx, mem, runs, "metrics", "precision", &p.precision));
    for (size_t r = 0; r < runs->n_runs; r++) {
        *done |= n_gens(&p, r) > 0;
    }
    if (*done) {
        p.x = find_range(&p.recall);
        p.y = find_range(&p.precision);
        MAD_TRY(draw(ctx, runs, dir, &p));
    }
out:
    return st;
}

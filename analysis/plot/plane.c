/* analysis/plot/plane.c: precision against recall: where a loop drifts, generation by generation.
 */
#include <math.h>
#include <string.h>

#include "analysis/plot/curves.h"
#include "analysis/plot/internal.h"

static const double WIDTH = 350.0;
static const double SIDE = 230.0; /* of the square panel */
static const double LEFT = 52.0, TOP = 8.0, BOTTOM = 36.0;
enum { MAX_ARROWS = 6 };
static const double LEAST_STEP = 0.04; /* of the axis: shorter steps get no arrow */

typedef struct plane {
    mad_curve_set recall, precision;
    double low, high; /* of both axes */
} plane;

static size_t n_gens(const plane *p, size_t i_run)
{
    size_t a = p->recall.curves[i_run].n_gens;
    size_t b = p->precision.curves[i_run].n_gens;
    return a < b ? a : b;
}

/* Both axes alike, up to 1 (or the largest value), down to a tenth below the smallest. */
static void find_range(plane *p)
{
    mad_extent extent = MAD_EXTENT_NONE;
    for (size_t r = 0; r < p->recall.n_runs; r++) {
        const mad_curve *curves[2] = {&p->recall.curves[r], &p->precision.curves[r]};
        for (size_t k = 0; k < 2; k++) {
            mad_extent_add(&extent, curves[k]->floor.mean);
            for (size_t g = 0; g < curves[k]->n_gens; g++) {
                mad_extent_add(&extent, curves[k]->mean[g].mean);
            }
        }
    }
    p->low = isfinite(extent.core_min) ? floor((extent.core_min - 0.05) * 10.0) / 10.0 : 0.0;
    p->low = fmin(fmax(p->low, 0.0), 0.9);
    p->high = fmax(1.0, extent.core_max);
    p->high += 0.02 * (p->high - p->low);
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

/* A few arrows along the path, at equal numbers of generations, where a step is long enough. */
static size_t write_arrows(mad_figure *f, const plane *p, size_t i_run, size_t *n_arrows)
{
    const mad_estimate *x = p->recall.curves[i_run].mean;
    const mad_estimate *y = p->precision.curves[i_run].mean;
    size_t n = n_gens(p, i_run);
    size_t stride = n / MAX_ARROWS + 1;
    size_t block = mad_figure_block(f, "arrows of the path above",
                                    "recall\tprecision\tstep_recall\tstep_precision");
    *n_arrows = 0;
    for (size_t g = 0; g + 1 < n; g += stride) {
        double dx = x[g + 1].mean - x[g].mean;
        double dy = y[g + 1].mean - y[g].mean;
        if (hypot(dx, dy) >= LEAST_STEP * (p->high - p->low)) {
            const double row[4] = {x[g].mean, y[g].mean, 0.6 * dx, 0.6 * dy};
            mad_figure_row(f, 4, row);
            (*n_arrows)++;
        }
    }
    return block;
}

static void draw_run(mad_figure *f, const plane *p, const mad_runs *runs, size_t i_run,
                     int *is_open)
{
    mad_style style = mad_style_of(i_run, runs->n_runs);
    const char *next = ", \\\n     ";
    size_t n_arrows;
    size_t n = n_gens(p, i_run);

    if (n == 0) {
        return;
    }
    size_t block = write_path(f, p, &runs->runs[i_run], i_run);
    size_t arrows = write_arrows(f, p, i_run, &n_arrows);
    (void)fprintf(f->gp,
                  "%sdata index %zu using 2:5 with linespoints pt 7 ps 0.22 lw 1.3 lc rgb '%s'",
                  *is_open ? next : "plot ", block, style.colour);
    *is_open = 1;
    if (n_arrows > 0) {
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

/* Real against real: what a perfect model would reach; runs that share it get one star. */
static int draw_floor(mad_figure *f, const plane *p, int *is_open)
{
    size_t n = 0;
    size_t block = mad_figure_block(f, "floor: real against real, each run", "recall\tprecision");
    for (size_t r = 0; r < p->recall.n_runs; r++) {
        const double row[2] = {p->recall.curves[r].floor.mean, p->precision.curves[r].floor.mean};
        if (isfinite(row[0]) && isfinite(row[1])) {
            mad_figure_row(f, 2, row);
            n++;
        }
    }
    if (n > 0) {
        (void)fprintf(f->gp,
                      "%sdata index %zu using 1:2 with points pt 3 ps 0.9 lw 1 lc rgb '#707070'",
                      *is_open ? ", \\\n     " : "plot ", block);
        *is_open = 1;
    }
    return n > 0;
}

static void fill_legend(mad_legend *legend, const mad_runs *runs, const plane *p)
{
    int has_floor = 0;
    for (size_t r = 0; r < runs->n_runs; r++) {
        mad_style style = mad_style_of(r, runs->n_runs);
        mad_legend_entry entry = {.text = runs->runs[r].label, .mark = style.mark, .dash = 1};
        memcpy(entry.colour, style.colour, sizeof entry.colour);
        mad_legend_add(legend, entry);
        has_floor |=
            isfinite(p->recall.curves[r].floor.mean) && isfinite(p->precision.curves[r].floor.mean);
    }
    mad_legend_add(legend, (mad_legend_entry){"generation 1 (filled: last)", "#404040", 6, 0, 0});
    if (has_floor) {
        mad_legend_add(legend, (mad_legend_entry){"floor: real against real", "#707070", 3, 0, 0});
    }
}

static mad_status draw(mad_ctx *ctx, const mad_runs *runs, const char *dir, const plane *p)
{
    mad_status st = MAD_OK;
    mad_figure f = {0};
    mad_legend legend = {.n = 0};
    int is_open = 0;
    const mad_range range = {p->low, p->high, 0};

    fill_legend(&legend, runs, p);
    const double legend_height = mad_legend_height(&legend, WIDTH - 24.0) + 6.0;
    MAD_TRY(mad_figure_open(ctx, dir, "precision-recall",
                            "precision against recall over the generations", WIDTH,
                            TOP + SIDE + BOTTOM + legend_height, &f));
    mad_panel_begin(&f, &(mad_panel){.left = LEFT,
                                     .right = LEFT + SIDE,
                                     .top = f.height - TOP,
                                     .bottom = f.height - TOP - SIDE,
                                     .x_label = "recall (diversity)",
                                     .y_label = "precision (quality)",
                                     .x = range,
                                     .y = range});
    mad_legend_draw(&f, &legend, 16.0, legend_height - 2.0, WIDTH - 24.0);
    for (size_t r = 0; r < runs->n_runs; r++) {
        draw_run(&f, p, runs, r, &is_open);
    }
    (void)draw_floor(&f, p, &is_open);
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
        find_range(&p);
        MAD_TRY(draw(ctx, runs, dir, &p));
    }
out:
    return st;
}

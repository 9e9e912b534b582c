/* analysis/plot/half_lives.c: half-lives of the main measures as bars with 95 % intervals. */
#include <math.h>
#include <string.h>

#include "analysis/plot/figure.h"
#include "analysis/plot/fit_set.h"

enum { N_KINDS = 2 };
static const double LEFT_MOST = 150.0; /* for the names of the measures */
static const double PANEL_WIDTH = 170.0, GAP = 16.0, RIGHT = 12.0, TOP = 22.0, BOTTOM = 40.0;
static const double BAR = 7.0, BETWEEN = 7.0; /* height of a bar, room between measures */
static const double REACH = 2.0;              /* lengths of the longest run that are shown */
static const double EDGE = 1.0 - 1e-9;        /* of the axis, whose end is written with 10 digits */

static double value_of(const mad_fits *f, int kind)
{
    return f->best == MAD_N_LAWS ? (double)NAN
           : kind == 0           ? f->fit[f->best].half_life
                                 : f->fit[f->best].half_life_zero;
}

static mad_interval interval_of(const mad_fits *f, int kind)
{
    const mad_law_intervals *in = &f->interval[f->best];
    return kind == 0 ? in->half_life : in->half_life_zero;
}

static int has_half_life(const mad_fit_row *row)
{
    return row->series != NULL &&
           (isfinite(value_of(&row->fits, 0)) || isfinite(value_of(&row->fits, 1)));
}

/* A measure is shown when a run has a finite half-life of either kind. */
static int is_shown(const mad_fit_set *set)
{
    for (size_t r = 0; r < set->n_runs; r++) {
        if (has_half_life(&set->row[r])) {
            return 1;
        }
    }
    return 0;
}

/* Up to the largest value and end of an interval, but not beyond REACH. */
static double find_end(size_t n_shown, const mad_fit_set *const *shown)
{
    double end = 0.0, longest = 1.0;
    for (size_t i = 0; i < n_shown; i++) {
        for (size_t r = 0; r < shown[i]->n_runs; r++) {
            const mad_fit_row *row = &shown[i]->row[r];
            if (!has_half_life(row)) {
                continue;
            }
            longest = fmax(longest, (double)row->run->run.n_done);
            for (int kind = 0; kind < N_KINDS; kind++) {
                const double x = value_of(&row->fits, kind);
                const double high = interval_of(&row->fits, kind).high;
                end = isfinite(x) ? fmax(end, x) : end;
                end = isfinite(high) ? fmax(end, high) : end;
            }
        }
    }
    return 1.05 * fmin(end, REACH * longest);
}

static double shown_end(double x, double end)
{
    return isnan(x) ? x : fmin(x, EDGE * end);
}

/* All bars of one run in one panel; y is the middle of a bar, measures from the top down. */
static void draw_run(mad_figure *f, size_t n_shown, const mad_fit_set *const *shown, size_t i_run,
                     int kind, double end, size_t *n_elements)
{
    char comment[1024];
    const size_t n_runs = shown[0]->n_runs;
    const mad_style style = mad_style_of(i_run, n_runs);
    const double height = BAR * (double)n_runs + BETWEEN;
    const mad_run_entry *run = NULL;

    for (size_t i = 0; i < n_shown; i++) {
        run = shown[i]->row[i_run].series != NULL ? shown[i]->row[i_run].run : run;
    }
    if (run == NULL) {
        return;
    }
    (void)snprintf(comment, sizeof comment, "half-life to %s of %s (%s)",
                   kind == 0 ? "the plateau" : "0", run->label, run->dir);
    const size_t block = mad_figure_block(
        f, comment, "y\thalf_life\tlow\thigh\tbar_end\tlow_shown\thigh_shown\toff_axis\tmeasure");
    for (size_t i = 0; i < n_shown; i++) {
        const mad_fit_row *row = &shown[i]->row[i_run];
        const double nan = (double)NAN;
        const int has = row->series != NULL && row->fits.best != MAD_N_LAWS;
        const double x = has ? value_of(&row->fits, kind) : nan;
        const mad_interval in = has ? interval_of(&row->fits, kind) : (mad_interval){nan, nan};
        const double y = -height * (double)i - 0.5 * BETWEEN - BAR * ((double)i_run + 0.5);
        const double line[9] = {y,
                                x,
                                in.low,
                                in.high,
                                isfinite(x) ? shown_end(x, end) : nan,
                                isfinite(x) ? shown_end(in.low, end) : nan,
                                isfinite(x) ? shown_end(in.high, end) : nan,
                                fmax(x, in.high) > end ? EDGE * end : nan,
                                (double)i};
        mad_figure_row(f, 9, line);
    }
    (void)fprintf(f->gp,
                  "%sdata index %zu using (0):1:(0):5:($1-%.2f):($1+%.2f) with boxxyerror fs "
                  "transparent solid 0.45 noborder lc rgb '%s', \\\n"
                  "     data index %zu using 5:1:6:7 with xerrorbars pt 0 lw 1.1 lc rgb '%s', \\\n"
                  "     data index %zu using 8:1 with points pt 10 ps 0.7 lw 1 lc rgb '%s'",
                  (*n_elements)++ == 0 ? "plot " : ", \\\n     ", block, 0.4 * BAR, 0.4 * BAR,
                  style.colour, block, style.colour, block, style.colour);
}

/* Names of the measures for numbers on the y axis of the first panel. */
static void write_names(mad_figure *f, size_t n_shown, const mad_fit_set *const *shown, double room,
                        int with_text)
{
    char name[512];
    const double height = BAR * (double)shown[0]->n_runs + BETWEEN;
    (void)fputs("set ytics scale 0 (", f->gp);
    for (size_t i = 0; i < n_shown; i++) {
        mad_text_fit(shown[i]->name, room, sizeof name, name);
        (void)fputs(i > 0 ? ", " : "", f->gp);
        mad_figure_quote(f->gp, with_text ? name : "");
        (void)fprintf(f->gp, " %.2f", -height * ((double)i + 0.5));
    }
    (void)fputs(")\n", f->gp);
}

static void fill_legend(mad_legend *legend, const mad_runs *runs, int is_off)
{
    for (size_t r = 0; r < runs->n_runs; r++) {
        mad_legend_entry entry = {.text = runs->n_runs == 1 ? "half-life, 95 % interval"
                                                            : runs->runs[r].label,
                                  .dash = 1,
                                  .has_band = 1};
        const mad_style style = mad_style_of(r, runs->n_runs);
        memcpy(entry.colour, style.colour, sizeof entry.colour);
        mad_legend_add(legend, entry);
    }
    if (is_off) {
        mad_legend_add(legend,
                       (mad_legend_entry){"beyond the axis, or never", "#404040", 10, 0, 0});
    }
}

static int is_off(const mad_fits *f, int kind, double end)
{
    return f->best != MAD_N_LAWS && fmax(value_of(f, kind), interval_of(f, kind).high) > end;
}

static int is_any_off(size_t n_shown, const mad_fit_set *const *shown, double end)
{
    for (size_t i = 0; i < n_shown; i++) {
        for (size_t r = 0; r < shown[i]->n_runs; r++) {
            const mad_fit_row *row = &shown[i]->row[r];
            if (row->series != NULL && (is_off(&row->fits, 0, end) || is_off(&row->fits, 1, end))) {
                return 1;
            }
        }
    }
    return 0;
}

static mad_status draw(mad_ctx *ctx, const mad_runs *runs, const char *dir, size_t n_shown,
                       const mad_fit_set *const *shown)
{
    static const char *const title[N_KINDS] = {"Half-life to the plateau", "Half-life to 0"};
    mad_status st = MAD_OK;
    mad_figure f = {0};
    mad_legend legend = {.n = 0};
    const double end = find_end(n_shown, shown);
    const double span = (BAR * (double)runs->n_runs + BETWEEN) * (double)n_shown;
    double left = 30.0;

    for (size_t i = 0; i < n_shown; i++) {
        left = fmax(left, fmin(LEFT_MOST, mad_text_width(shown[i]->name) + 12.0));
    }
    const double width = left + N_KINDS * PANEL_WIDTH + GAP + RIGHT;
    fill_legend(&legend, runs, is_any_off(n_shown, shown, end));
    const double legend_height = mad_legend_height(&legend, width - 16.0) + 6.0;
    MAD_TRY(mad_figure_open(ctx, dir, "half-lives", "half-lives of the main measures", width,
                            TOP + span + BOTTOM + legend_height, &f));
    for (int kind = 0; kind < N_KINDS; kind++) {
        const double at = left + kind * (PANEL_WIDTH + GAP);
        size_t n_elements = 0;
        mad_panel_begin(&f, &(mad_panel){.left = at,
                                         .right = at + PANEL_WIDTH,
                                         .top = f.height - TOP,
                                         .bottom = f.height - TOP - span,
                                         .title = title[kind],
                                         .x_label = "generations",
                                         .x = {0.0, end, 0},
                                         .y = {-span, 0.0, 0}});
        write_names(&f, n_shown, shown, left - 12.0, kind == 0);
        if (kind == 0) {
            mad_legend_draw(&f, &legend, 8.0, legend_height - 2.0, width - 16.0);
        }
        for (size_t r = 0; r < runs->n_runs; r++) {
            draw_run(&f, n_shown, shown, r, kind, end, &n_elements);
        }
        (void)fputs("\n", f.gp);
        mad_figure_unset_marks(&f);
    }
out:
    return mad_figure_close(&f, st);
}

mad_status mad_half_lives_figure(mad_ctx *ctx, const mad_runs *runs, const char *dir, size_t n_sets,
                                 const mad_fit_set *sets, int *done)
{
    static const mad_fit_figure figure = {is_shown, draw};
    return mad_fit_sets_draw(ctx, &figure, runs, dir, n_sets, sets, done);
}

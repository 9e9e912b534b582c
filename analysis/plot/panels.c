/* analysis/plot/panels.c: panels of curves with intervals, floor and theory, and their legend. */
#include <math.h>
#include <string.h>

#include "analysis/plot/curves.h"

static const double LEFT = 42.0;  /* room for the tics of y */
static const double RIGHT = 10.0; /* right of a panel */
static const double TITLE = 22.0; /* above a panel */
static const double TICS = 19.0;  /* below a panel */
static const double X_LABEL = 17.0;
static const double EDGE = 8.0;             /* beside the legend */
static const double FLOOR_TOLERANCE = 1e-9; /* relative: floors of runs with the same real rows */

static const char theory_colour[] = "#000000";
static const char floor_colour[] = "#707070";
static const char band_style[] = "fs transparent solid 0.22 noborder";
static const char faint_band_style[] = "fs transparent solid 0.10 noborder"; /* many runs overlap */
enum { MANY_RUNS = 7 };

/* "plot " before the first element, a comma before the others. */
static void next_element(mad_figure *f, size_t *n)
{
    (void)fputs((*n)++ == 0 ? "plot " : ", \\\n     ", f->gp);
}

/* ---- floor ---------------------------------------------------------------------------------- */

typedef struct floors {
    size_t n;      /* runs that have one */
    int is_common; /* all the same */
    mad_estimate first;
    double min, max;
} floors;

static floors find_floors(const mad_curve_set *set)
{
    floors f = {.is_common = 1, .min = HUGE_VAL, .max = -HUGE_VAL};
    for (size_t r = 0; r < set->n_runs; r++) {
        const mad_estimate *e = &set->curves[r].floor;
        if (e->n == 0 || !isfinite(e->mean)) {
            continue;
        }
        if (f.n++ == 0) {
            f.first = *e;
        }
        f.min = fmin(f.min, e->mean);
        f.max = fmax(f.max, e->mean);
    }
    f.is_common = f.max - f.min <= FLOOR_TOLERANCE * fmax(fabs(f.min), fabs(f.max));
    return f;
}

static void draw_floor(mad_figure *f, const mad_curve_set *set, size_t *n)
{
    const floors floor = find_floors(set);
    char comment[256];
    const double x[2] = {set->x.min, set->x.max};

    if (floor.n == 0) {
        return;
    }
    (void)snprintf(comment, sizeof comment, "floor of %s (%s)", set->name,
                   floor.is_common ? "mean and 95 % interval" : "smallest and largest of the runs");
    size_t block = mad_figure_block(f, comment, "x\tmean\tlow\thigh");
    for (size_t i = 0; i < 2; i++) {
        double half = isnan(floor.first.half) ? 0.0 : floor.first.half;
        const double common[4] = {x[i], floor.first.mean, floor.first.mean - half,
                                  floor.first.mean + half};
        const double spread[4] = {x[i], (double)NAN, floor.min, floor.max};
        mad_figure_row(f, 4, floor.is_common ? common : spread);
    }
    next_element(f, n);
    (void)fprintf(f->gp,
                  "data index %zu using 1:(clip($3)):(clip($4)) with filledcurves %s lc rgb '%s'",
                  block, band_style, floor_colour);
    for (int column = floor.is_common ? 2 : 3; column <= (floor.is_common ? 2 : 4); column++) {
        next_element(f, n);
        (void)fprintf(f->gp, "data index %zu using 1:%d with lines dt 2 lw 1.2 lc rgb '%s'", block,
                      column, floor_colour);
    }
}

/* ---- runs ----------------------------------------------------------------------------------- */

static int has_band(const mad_curve *curve)
{
    for (size_t g = 0; g < curve->n_gens; g++) {
        if (curve->mean[g].half > 0.0) {
            return 1;
        }
    }
    return 0;
}

static int is_off_axis(const mad_curve *curve)
{
    for (size_t g = 0; g < curve->n_gens; g++) {
        if (isinf(curve->mean[g].mean)) {
            return 1;
        }
    }
    return 0;
}

static size_t write_run(mad_figure *f, const mad_curve_set *set, const mad_curve *curve,
                        const mad_run_entry *run)
{
    char comment[1024];
    (void)snprintf(comment, sizeof comment, "%s of %s (%s), %zu replicates", set->name, run->label,
                   run->dir, run->run.n_replicates);
    size_t block = mad_figure_block(
        f, comment, "generation\tmean\tci_low\tci_high\tn_replicates\ttheory\toff_axis");
    for (size_t g = 0; g < curve->n_gens; g++) {
        const mad_estimate *e = &curve->mean[g];
        double edge = e->mean > 0.0 ? set->y.max : set->y.min;
        const double row[7] = {(double)(g + 1),
                               e->mean,
                               e->mean - e->half,
                               e->mean + e->half,
                               (double)e->n,
                               curve->theory != NULL ? curve->theory[g] : (double)NAN,
                               isinf(e->mean) ? edge : (double)NAN};
        mad_figure_row(f, 7, row);
    }
    return block;
}

static int is_one_generation(const mad_curve_set *set)
{
    return set->x.max < 2.0;
}

/* Runs with a single generation stand beside one another, with bars for bands. */
static double dodge(const mad_curve_set *set, size_t i_run)
{
    double n = (double)set->n_runs;
    return !is_one_generation(set) ? 0.0 : (((double)i_run + 0.5) / n - 0.5) * fmin(0.8, 0.2 * n);
}

static void draw_band(mad_figure *f, const mad_curve_set *set, size_t i_run, size_t block,
                      size_t *n)
{
    const mad_curve *curve = &set->curves[i_run];
    mad_style style = mad_style_of(i_run, set->n_runs);

    if (!has_band(curve)) {
        return;
    }
    next_element(f, n);
    if (curve->n_gens < 2) {
        (void)fprintf(f->gp,
                      "data index %zu using ($1+%.4f):2:(clip($3)):(clip($4)) with yerrorbars pt 0 "
                      "lw 1.2 lc rgb '%s'",
                      block, dodge(set, i_run), style.colour);
        return;
    }
    (void)fprintf(f->gp,
                  "data index %zu using 1:(clip($3)):(clip($4)) with filledcurves %s lc rgb '%s'",
                  block, set->n_runs < MANY_RUNS ? band_style : faint_band_style, style.colour);
}

static void draw_line(mad_figure *f, const mad_curve_set *set, size_t i_run, size_t block,
                      size_t *n)
{
    const mad_curve *curve = &set->curves[i_run];
    mad_style style = mad_style_of(i_run, set->n_runs);
    size_t step = curve->n_gens <= 20 ? 1 : curve->n_gens / 12 + 1;

    next_element(f, n);
    (void)fprintf(f->gp,
                  "data index %zu using ($1+%.4f):2 with linespoints pt %d ps 0.5 pi %zu lw 1.5 "
                  "lc rgb '%s'",
                  block, dodge(set, i_run), style.mark, step, style.colour);
    if (is_off_axis(curve)) {
        next_element(f, n);
        (void)fprintf(f->gp, "data index %zu using 1:7 with points pt 10 ps 0.7 lw 1 lc rgb '%s'",
                      block, style.colour);
    }
}

/* 1 when an earlier run of the set has the same theory. */
static int is_theory_drawn(const mad_curve_set *set, size_t i_run)
{
    const mad_curve *curve = &set->curves[i_run];
    for (size_t r = 0; r < i_run; r++) {
        const mad_curve *other = &set->curves[r];
        if (other->theory != NULL && other->n_gens >= curve->n_gens &&
            memcmp(other->theory, curve->theory, curve->n_gens * sizeof *curve->theory) == 0) {
            return 1;
        }
    }
    return 0;
}

static void draw_theory(mad_figure *f, const mad_curve_set *set, size_t i_run, size_t block,
                        size_t *n)
{
    const mad_curve *curve = &set->curves[i_run];
    if (curve->theory == NULL || is_theory_drawn(set, i_run)) {
        return;
    }
    next_element(f, n);
    (void)fprintf(
        f->gp, "data index %zu using ($1+%.4f):6 with %s lc rgb '%s'", block, dodge(set, i_run),
        curve->n_gens < 2 ? "points pt 2 ps 0.8 lw 1.2" : "lines dt 2 lw 1.3", theory_colour);
}

/* All elements of one panel, from the back to the front. */
static void draw_set(mad_figure *f, const mad_curve_set *set, const mad_runs *runs)
{
    size_t n = 0;
    size_t block[MAD_MAX_LEGEND];
    size_t n_runs = set->n_runs < MAD_MAX_LEGEND ? set->n_runs : MAD_MAX_LEGEND;

    (void)fprintf(f->gp, "clip(y) = y < %.10g ? %.10g : (y > %.10g ? %.10g : y)\n", set->y.min,
                  set->y.min, set->y.max, set->y.max);
    draw_floor(f, set, &n);
    for (size_t r = 0; r < n_runs; r++) {
        if (set->curves[r].n_gens > 0) {
            block[r] = write_run(f, set, &set->curves[r], &runs->runs[r]);
            draw_band(f, set, r, block[r], &n);
        }
    }
    for (size_t r = 0; r < n_runs; r++) {
        if (set->curves[r].n_gens > 0) {
            draw_line(f, set, r, block[r], &n);
        }
    }
    for (size_t r = 0; r < n_runs; r++) {
        if (set->curves[r].n_gens > 0) {
            draw_theory(f, set, r, block[r], &n);
        }
    }
    (void)fputs(n > 0 ? "\n" : "plot NaN\n", f->gp);
}

/* ---- legend --------------------------------------------------------------------------------- */

/* What the panels show, asked over all of them. */
typedef struct shown {
    int band, theory, floor, common_floor, off_axis, one_generation;
} shown;

static shown look(size_t n_sets, const mad_curve_set *sets)
{
    shown s = {.common_floor = 1};
    for (size_t i = 0; i < n_sets; i++) {
        const floors floor = find_floors(&sets[i]);
        s.floor |= floor.n > 0;
        s.one_generation |= is_one_generation(&sets[i]);
        s.common_floor &= floor.n == 0 || floor.is_common;
        for (size_t r = 0; r < sets[i].n_runs; r++) {
            s.band |= has_band(&sets[i].curves[r]);
            s.theory |= sets[i].curves[r].theory != NULL && sets[i].curves[r].n_gens > 0;
            s.off_axis |= is_off_axis(&sets[i].curves[r]);
        }
    }
    return s;
}

/* `alone` names the only run when there is no other to tell it from. */
static void fill_legend(mad_legend *legend, const mad_runs *runs, shown s, const char *alone)
{
    for (size_t r = 0; r < runs->n_runs; r++) {
        mad_style style = mad_style_of(r, runs->n_runs);
        mad_legend_entry entry = {.text = runs->n_runs == 1 ? alone : runs->runs[r].label,
                                  .mark = style.mark,
                                  .dash = 1,
                                  .has_band = runs->n_runs == 1 && s.band};
        memcpy(entry.colour, style.colour, sizeof entry.colour);
        mad_legend_add(legend, entry);
    }
    if (runs->n_runs > 1 && s.band) {
        mad_legend_add(legend, (mad_legend_entry){"95 % interval of the mean", "#0072B2", 0, 0, 1});
    }
    if (s.theory) {
        mad_legend_add(legend, (mad_legend_entry){"theory", "#000000", s.one_generation ? 2 : 0,
                                                  s.one_generation ? 0 : 2, 0});
    }
    if (s.floor) {
        mad_legend_add(legend, (mad_legend_entry){s.common_floor ? "floor: real against real"
                                                                 : "floors: real against real",
                                                  "#707070", 0, 2, 1});
    }
    if (s.off_axis) {
        mad_legend_add(legend, (mad_legend_entry){"infinite: off the axis", "#404040", 10, 0, 0});
    }
}

/* "Recall (higher is better)", as much of it as fits. */
static void fill_title(const mad_curve_set *set, double width, size_t n_bytes, char *title)
{
    int has_units = strcmp(set->units, "1") != 0 && set->units[0] != '\0';
    int has_direction =
        strcmp(set->direction, "higher") == 0 || strcmp(set->direction, "lower") == 0;

    for (int attempt = 0; attempt < 4; attempt++) {
        const char *name = attempt < 2 ? set->long_name : set->name;
        int with_direction = has_direction && attempt % 2 == 0;
        (void)snprintf(title, n_bytes, "%s%s%s%s%s%s%s", name, has_units ? " [" : "",
                       has_units ? set->units : "", has_units ? "]" : "",
                       with_direction ? " (" : "", with_direction ? set->direction : "",
                       with_direction ? " is better)" : "");
        if (mad_text_width(title) <= width) {
            return;
        }
    }
}

mad_status mad_curves_figure(mad_ctx *ctx, const char *dir, const char *name, const char *what,
                             const mad_runs *runs, size_t n_sets, const mad_curve_set *sets,
                             size_t n_columns)
{
    mad_status st = MAD_OK;
    mad_figure f = {0};
    mad_legend legend = {.n = 0};
    char alone[64];
    char title[512];
    const double panel_width = n_columns == 1 ? 300.0 : 180.0;
    const double panel_height = n_columns == 1 ? 165.0 : 105.0;
    const double cell_width = LEFT + panel_width + RIGHT;
    const double cell_height = TITLE + panel_height + TICS;
    const size_t n_rows = (n_sets + n_columns - 1) / n_columns;
    const double width = cell_width * (double)n_columns;
    const size_t n_replicates = runs->runs[0].run.n_replicates;

    const shown s = look(n_sets, sets);
    (void)snprintf(alone, sizeof alone,
                   n_replicates > 1 ? "mean of %zu replicates%s" : "%zu replicate%s", n_replicates,
                   s.band ? ", 95 % interval" : "");
    fill_legend(&legend, runs, s, alone);
    const double legend_height = mad_legend_height(&legend, width - 2.0 * EDGE) + 6.0;
    const double height = cell_height * (double)n_rows + X_LABEL + legend_height;

    MAD_TRY(mad_figure_open(ctx, dir, name, what, width, height, &f));
    for (size_t i = 0; i < n_sets; i++) {
        double left = cell_width * (double)(i % n_columns) + LEFT;
        size_t i_row = i / n_columns;
        double top = height - cell_height * (double)i_row - TITLE;
        fill_title(&sets[i], panel_width + RIGHT, sizeof title, title);
        mad_panel_begin(&f, &(mad_panel){.left = left,
                                         .right = left + panel_width,
                                         .top = top,
                                         .bottom = top - panel_height,
                                         .title = title,
                                         .x_label = i + n_columns >= n_sets ? "generation" : NULL,
                                         .x = sets[i].x,
                                         .y = sets[i].y,
                                         .x_is_count = 1});
        if (i == 0) {
            mad_legend_draw(&f, &legend, EDGE, legend_height - 2.0, width - 2.0 * EDGE);
        }
        draw_set(&f, &sets[i], runs);
        mad_figure_unset_marks(&f);
    }
out:
    return mad_figure_close(&f, st);
}

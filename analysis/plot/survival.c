/* analysis/plot/survival.c: the share of replicates that are not yet below half of their start. */
#include <math.h>
#include <string.h>

#include "analysis/plot/curves.h"
#include "analysis/plot/fit_set.h"

static const double LEFT = 42.0, RIGHT = 10.0, TITLE = 22.0, TICS = 19.0, X_LABEL = 17.0;
static const double EDGE = 8.0; /* beside the legend */

/* Some replicate of some run crossed, and a run has several replicates. */
static int is_shown(const mad_fit_set *set)
{
    for (size_t r = 0; r < set->n_runs; r++) {
        const mad_fit_row *row = &set->row[r];
        if (row->series != NULL && row->fits.n_replicates > 1 &&
            row->fits.survival[0].n_crossed > 0) {
            return 1;
        }
    }
    return 0;
}

static int is_drawn(const mad_fit_row *row)
{
    return row->series != NULL && row->fits.survival[0].n > 0;
}

/* Both ends of every step, from generation 1 to the last. */
static size_t write_run(mad_figure *f, const mad_fit_set *set, const mad_fit_row *row)
{
    char comment[1024];
    const mad_survival *s = &row->fits.survival[0];
    double now[3] = {1.0, (double)NAN, (double)NAN};
    (void)snprintf(comment, sizeof comment, "%s of %s (%s): share of %zu replicates not below half",
                   set->name, row->run->label, row->run->dir, s->n);
    const size_t block = mad_figure_block(f, comment, "generation\tsurvival\tlow\thigh");
    mad_figure_row(f, 4, (const double[4]){1.0, now[0], now[1], now[2]});
    for (size_t i = 0; i < s->n_steps; i++) {
        const mad_survival_step *step = &s->step[i];
        const double at = (double)step->generation;
        mad_figure_row(f, 4, (const double[4]){at, now[0], now[1], now[2]});
        now[0] = step->survival;
        now[1] = step->low;
        now[2] = step->high;
        mad_figure_row(f, 4, (const double[4]){at, now[0], now[1], now[2]});
    }
    const double last = (double)row->run->run.n_done;
    mad_figure_row(f, 4, (const double[4]){last, now[0], now[1], now[2]});
    return block;
}

static void draw_set(mad_figure *f, const mad_fit_set *set)
{
    size_t block[MAD_MAX_LEGEND];
    const size_t n_runs = set->n_runs < MAD_MAX_LEGEND ? set->n_runs : MAD_MAX_LEGEND;
    size_t n = 0;
    for (size_t r = 0; r < n_runs; r++) {
        if (is_drawn(&set->row[r])) {
            block[r] = write_run(f, set, &set->row[r]);
            (void)fprintf(f->gp,
                          "%sdata index %zu using 1:3:4 with filledcurves fs transparent solid %s "
                          "noborder lc rgb '%s'",
                          n++ == 0 ? "plot " : ", \\\n     ", block[r],
                          n_runs < 7 ? "0.22" : "0.10", mad_style_of(r, set->n_runs).colour);
        }
    }
    for (size_t r = 0; r < n_runs; r++) {
        if (is_drawn(&set->row[r])) {
            (void)fprintf(f->gp,
                          ", \\\n     data index %zu using 1:2 with lines lw 1.5 lc rgb '%s'",
                          block[r], mad_style_of(r, set->n_runs).colour);
        }
    }
    (void)fputc('\n', f->gp);
}

static void fill_legend(mad_legend *legend, const mad_runs *runs)
{
    for (size_t r = 0; r < runs->n_runs; r++) {
        mad_legend_entry entry = {.text = runs->n_runs == 1 ? "share of replicates, 95 % interval"
                                                            : runs->runs[r].label,
                                  .dash = 1,
                                  .has_band = runs->n_runs == 1};
        const mad_style style = mad_style_of(r, runs->n_runs);
        memcpy(entry.colour, style.colour, sizeof entry.colour);
        mad_legend_add(legend, entry);
    }
    if (runs->n_runs > 1) {
        mad_legend_add(legend, (mad_legend_entry){"95 % interval", "#0072B2", 0, 0, 1});
    }
}

static mad_status draw(mad_ctx *ctx, const mad_runs *runs, const char *dir, size_t n_shown,
                       const mad_fit_set *const *shown)
{
    mad_status st = MAD_OK;
    mad_figure f = {0};
    mad_legend legend = {.n = 0};
    size_t n_longest = 1;
    char title[512];
    const size_t n_columns = n_shown == 1 ? 1 : n_shown == 2 || n_shown == 4 ? 2 : 3;
    const size_t n_rows = (n_shown + n_columns - 1) / n_columns;
    const double panel_width = n_columns == 1 ? 300.0 : 180.0;
    const double panel_height = n_columns == 1 ? 165.0 : 105.0;
    const double cell_width = LEFT + panel_width + RIGHT;
    const double cell_height = TITLE + panel_height + TICS;
    const double width = cell_width * (double)n_columns;

    for (size_t r = 0; r < runs->n_runs; r++) {
        n_longest = runs->runs[r].run.n_done > n_longest ? runs->runs[r].run.n_done : n_longest;
    }
    fill_legend(&legend, runs);
    const double legend_height = mad_legend_height(&legend, width - 2.0 * EDGE) + 6.0;
    const double height = cell_height * (double)n_rows + X_LABEL + legend_height;
    MAD_TRY(mad_figure_open(ctx, dir, "survival", "share of replicates not yet below half", width,
                            height, &f));
    for (size_t i = 0; i < n_shown; i++) {
        const double left = cell_width * (double)(i % n_columns) + LEFT;
        const size_t i_row = i / n_columns;
        const double top = height - cell_height * (double)i_row - TITLE;
        (void)snprintf(title, sizeof title, "%s: share not yet below half", shown[i]->long_name);
        if (mad_text_width(title) > panel_width + RIGHT) {
            (void)snprintf(title, sizeof title, "%s: not yet below half", shown[i]->name);
        }
        mad_panel_begin(&f, &(mad_panel){.left = left,
                                         .right = left + panel_width,
                                         .top = top,
                                         .bottom = top - panel_height,
                                         .title = title,
                                         .x_label = i + n_columns >= n_shown ? "generation" : NULL,
                                         .x = mad_generation_range(n_longest),
                                         .y = {0.0, 1.02, 0},
                                         .x_is_count = 1});
        if (i == 0) {
            mad_legend_draw(&f, &legend, EDGE, legend_height - 2.0, width - 2.0 * EDGE);
        }
        draw_set(&f, shown[i]);
        mad_figure_unset_marks(&f);
    }
out:
    return mad_figure_close(&f, st);
}

mad_status mad_survival_figure(mad_ctx *ctx, const mad_runs *runs, const char *dir, size_t n_sets,
                               const mad_fit_set *sets, int *done)
{
    static const mad_fit_figure figure = {is_shown, draw};
    return mad_fit_sets_draw(ctx, &figure, runs, dir, n_sets, sets, done);
}

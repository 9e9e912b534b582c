/* analysis/plot/samples.c: which generations to show, and points of the plane over the real ones.
 */
#include "analysis/plot/samples.h"

#include <math.h>
#include <string.h>

#include "analysis/plot/internal.h"

enum { MAX_GEN_FILES = 10000, MAX_POINTS = 300 };

static const double LABEL = 16.0; /* left of a row: the run's name, upright */
static const double PANEL = 112.0, GAP = 8.0, TITLE = 16.0, FOOT = 4.0;

static size_t run_size(const mad_run *run, const char *name)
{
    for (size_t i = 0; i < run->n_attributes; i++) {
        if (strcmp(run->attributes[i].name, name) == 0 && run->attributes[i].text == NULL) {
            return (size_t)run->attributes[i].number;
        }
    }
    return 0;
}

/* Grey pictures have their shape recorded beside the run; colour ones are drawn as points. */
static void find_shape(const mad_run_entry *entry, mad_sheet_run *run)
{
    const size_t height = run_size(&entry->run, "height"), width = run_size(&entry->run, "width");
    if (height * width == run->preview[0].dim && height > 0) {
        run->height = height;
        run->width = width;
    }
}

/* Up to `max` of n items at equal distances, first and last included. */
static size_t spread(size_t n, size_t max, size_t *pick)
{
    size_t n_pick = n < max ? n : max;
    for (size_t i = 0; i < n_pick; i++) {
        pick[i] = n_pick < 2 ? n - 1 : (i * (n - 1) + (n_pick - 1) / 2) / (n_pick - 1);
    }
    return n_pick;
}

static mad_status read_run(mad_ctx *ctx, mad_arena *mem, const mad_run_entry *entry, size_t max,
                           mad_sheet_run *out)
{
    mad_status st = MAD_OK;
    size_t pick[MAD_SHEET_GENERATIONS];
    size_t n_files = 0;
    const char *preview = mad_pair_value(entry->n_pairs, entry->pairs, "measure.preview");
    mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    size_t *files = mad_arena_take_raw(ctx->scratch, MAX_GEN_FILES, sizeof *files);

    *out = (mad_sheet_run){.entry = entry};
    if (files == NULL) {
        return mad_fail_memory(ctx, "samples");
    }
    if (entry->run.n_done == 0 || (preview != NULL && strcmp(preview, "0") == 0)) {
        goto out; /* none were stored */
    }
    MAD_TRY(mad_gen_list(ctx, entry->dir, entry->run.n_done, MAX_GEN_FILES, files, &n_files));
    size_t n_pick = spread(n_files, max, pick);
    for (size_t i = 0; i < n_pick; i++) {
        out->generation[i] = files[pick[i]];
        MAD_TRY(mad_preview_read(ctx, mem, entry->dir, out->generation[i], &out->preview[i]));
    }
    out->n_gens = n_pick;
    if (n_pick > 0) {
        find_shape(entry, out);
    }
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

/* ---- points --------------------------------------------------------------------------------- */

/* One square window for all panels: the real rows, with room around them. */
static void find_window(size_t n_runs, const mad_sheet_run *runs, mad_range range[2])
{
    double low[2] = {HUGE_VAL, HUGE_VAL};
    double high[2] = {-HUGE_VAL, -HUGE_VAL};
    double span = 0.0;

    for (size_t r = 0; r < n_runs; r++) {
        for (size_t g = 0; g < runs[r].n_gens; g++) {
            const mad_preview *p = &runs[r].preview[g];
            const double *x = p->real != NULL ? p->real : p->x;
            for (size_t i = 0; i < p->n_rows; i++) {
                for (size_t c = 0; c < 2; c++) {
                    double value = x[i * p->dim + c];
                    low[c] = isfinite(value) ? fmin(low[c], value) : low[c];
                    high[c] = isfinite(value) ? fmax(high[c], value) : high[c];
                }
            }
        }
    }
    for (size_t c = 0; c < 2; c++) {
        span = fmax(span, high[c] - low[c]);
    }
    span = span > 0.0 && isfinite(span) ? 1.2 * span : 1.0;
    for (size_t c = 0; c < 2; c++) {
        double middle = isfinite(low[c]) ? 0.5 * (low[c] + high[c]) : 0.0;
        range[c] = (mad_range){middle - 0.5 * span, middle + 0.5 * span, 0};
    }
}

static size_t write_points(mad_figure *f, const char *comment, const mad_preview *p,
                           const double *x)
{
    size_t block = mad_figure_block(f, comment, "x1\tx2");
    size_t n = p->n_rows < MAX_POINTS ? p->n_rows : MAX_POINTS;
    for (size_t i = 0; i < n; i++) {
        const double row[2] = {x[i * p->dim], x[i * p->dim + 1]};
        mad_figure_row(f, 2, row);
    }
    return block;
}

static void draw_points(mad_figure *f, const mad_sheet_run *run, size_t i_gen, const char *colour)
{
    const mad_preview *p = &run->preview[i_gen];
    char comment[1024];
    size_t generation = run->generation[i_gen];

    (void)fputs("plot ", f->gp);
    if (p->real != NULL) {
        (void)snprintf(comment, sizeof comment, "real rows, generation %zu of %s (%s), replicate 0",
                       generation, run->entry->label, run->entry->dir);
        (void)fprintf(f->gp, "data index %zu using 1:2 with points pt 7 ps 0.2 lc rgb '#B4B4B4', ",
                      write_points(f, comment, p, p->real));
    }
    (void)snprintf(comment, sizeof comment, "samples, generation %zu of %s (%s), replicate 0",
                   generation, run->entry->label, run->entry->dir);
    (void)fprintf(f->gp, "data index %zu using 1:2 with points pt 7 ps 0.2 lc rgb '%s'\n",
                  write_points(f, comment, p, p->x), colour);
}

static mad_status draw_scatter(mad_ctx *ctx, const char *dir, size_t n_runs,
                               const mad_sheet_run *runs)
{
    mad_status st = MAD_OK;
    mad_figure f = {0};
    mad_range range[2];
    mad_legend legend = {.n = 0};
    char title[64];
    char samples[64];
    size_t n_columns = 1;
    const size_t dim = runs[0].preview[0].dim;

    for (size_t r = 0; r < n_runs; r++) {
        n_columns = runs[r].n_gens > n_columns ? runs[r].n_gens : n_columns;
    }
    find_window(n_runs, runs, range);
    (void)snprintf(samples, sizeof samples,
                   dim > 2 ? "samples%s; 2 of %zu coordinates" : "samples%s",
                   n_runs > 1 ? " (colour: run)" : "", dim);
    mad_legend_add(&legend, (mad_legend_entry){"real", "#909090", 7, 0, 0});
    mad_legend_add(&legend, (mad_legend_entry){samples, "#0072B2", 7, 0, 0});
    const double row = TITLE + PANEL + FOOT;
    const double width = LABEL + (double)n_columns * (PANEL + GAP);
    const double foot = mad_legend_height(&legend, width) + 4.0;
    const double height = row * (double)n_runs + foot;
    MAD_TRY(mad_figure_open(ctx, dir, "samples", "samples of chosen generations over real rows",
                            width, height, &f));
    for (size_t r = 0; r < n_runs; r++) {
        mad_style style = mad_style_of(r, n_runs);
        for (size_t g = 0; g < runs[r].n_gens; g++) {
            char label[256];
            double left = LABEL + (double)g * (PANEL + GAP);
            double top = height - row * (double)r - TITLE;
            mad_text_fit(runs[r].entry->label, PANEL + TITLE, sizeof label, label);
            (void)snprintf(title, sizeof title, "generation %zu", runs[r].generation[g]);
            mad_panel_begin(&f, &(mad_panel){.left = left,
                                             .right = left + PANEL,
                                             .top = top,
                                             .bottom = top - PANEL,
                                             .title = title,
                                             .y_label = g == 0 && n_runs > 1 ? label : NULL,
                                             .y_label_left = 8.0,
                                             .x = range[0],
                                             .y = range[1],
                                             .hide_tics = 1});
            if (r == 0 && g == 0) {
                mad_legend_draw(&f, &legend, LABEL, foot - 2.0, width - LABEL);
            }
            draw_points(&f, &runs[r], g, style.colour);
            mad_figure_unset_marks(&f);
        }
    }
out:
    return mad_figure_close(&f, st);
}

/* ---- which ---------------------------------------------------------------------------------- */

mad_status mad_samples_figure(mad_ctx *ctx, mad_arena *mem, const mad_runs *runs, const char *dir,
                              int *done)
{
    mad_status st = MAD_OK;
    mad_sheet_run *points = mad_arena_take(mem, runs->n_runs, sizeof *points);
    mad_sheet_run *pictures = mad_arena_take(mem, runs->n_runs, sizeof *pictures);
    size_t n_points = 0;
    size_t n_pictures = 0;

    *done = 0;
    if (points == NULL || pictures == NULL) {
        return mad_fail_memory(ctx, "samples");
    }
    for (size_t r = 0; r < runs->n_runs; r++) {
        mad_sheet_run run;
        MAD_TRY(read_run(ctx, mem, &runs->runs[r], MAD_SHEET_GENERATIONS, &run));
        if (run.n_gens > 0 && run.height > 0) {
            pictures[n_pictures++] = run;
        } else if (run.n_gens > 0 && run.preview[0].dim >= 2) {
            points[n_points++] = run;
        }
    }
    if (n_pictures > 0) {
        MAD_TRY(mad_sheet_draw(ctx, mem, dir, n_pictures, pictures));
    } else if (n_points > 0) {
        MAD_TRY(draw_scatter(ctx, dir, n_points, points));
    }
    *done = n_pictures + n_points > 0;
out:
    return st;
}

/* analysis/plot/loss.c: training loss within each fit, one panel a run, generations by colour. */
#include <math.h>

#include "analysis/plot/curves.h"
#include "analysis/plot/internal.h"

static const double LEFT = 44.0, RIGHT = 10.0, TITLE = 18.0, TICS = 36.0;
static const double PANEL_HEIGHT = 110.0, BAR = 34.0; /* BAR: room for the colour bar below */
enum { MAX_CURVES = 24, MAX_COLUMNS = 3 };

static const mad_run_series *loss_of(const mad_run_entry *entry)
{
    const mad_run_series *series = mad_run_find(&entry->run, "loss", "train");
    return series != NULL && series->rank == 3 && series->shape[2] > 0 && entry->run.n_done > 0
               ? series
               : NULL;
}

/* Mean over the replicates at each part of each generation's fit: mean[g * width + s]. */
static mad_status read_means(mad_ctx *ctx, mad_arena *mem, const mad_run *run,
                             const mad_run_series *series, double **out, mad_extent *extent)
{
    size_t width = series->shape[2];
    size_t n = run->n_done * width;
    double *mean = mad_arena_take(mem, n, sizeof *mean);
    double *work = mad_arena_take(mem, run->n_replicates, sizeof *work);

    if (mean == NULL || work == NULL) {
        return mad_fail_memory(ctx, "loss curves");
    }
    for (size_t i = 0; i < n; i++) {
        mean[i] = mad_estimate_mean(run->n_replicates, run->n_generations * width,
                                    series->value + i, work)
                      .mean;
        mad_extent_add(extent, mean[i]);
    }
    *out = mean;
    return MAD_OK;
}

static void draw_run(mad_figure *f, const mad_run_entry *entry, size_t width, const double *mean,
                     size_t *n_elements)
{
    char comment[1024];
    const mad_run *run = &entry->run;
    size_t stride = (run->n_done + MAX_CURVES - 1) / MAX_CURVES;

    (void)snprintf(comment, sizeof comment, "training loss of %s (%s), mean over replicates",
                   entry->label, entry->dir);
    for (size_t g = 0; g < run->n_done; g += stride) {
        size_t block = mad_figure_block(f, comment, "progress\tloss\tgeneration");
        for (size_t s = 0; s < width; s++) {
            const double row[3] = {((double)s + 0.5) / (double)width, mean[g * width + s],
                                   (double)(g + 1)};
            mad_figure_row(f, 3, row);
        }
        (void)fprintf(f->gp, "%sdata index %zu using 1:2:3 with %s lw 1.1 lc palette",
                      (*n_elements)++ == 0 ? "plot " : ", \\\n     ", block,
                      width == 1 ? "points pt 7 ps 0.5" : "lines");
    }
    (void)fputc('\n', f->gp);
}

/* The colour bar says which generation; it is drawn with the last panel. */
static void write_palette(mad_figure *f, size_t n_generations)
{
    (void)fputs("set palette defined (", f->gp);
    for (size_t i = 0; i <= 8; i++) {
        mad_style style = mad_style_of(i, 9);
        (void)fprintf(f->gp, "%s%zu '%s'", i > 0 ? ", " : "", i, style.colour);
    }
    double last = n_generations > 1 ? (double)n_generations : 2.0;
    (void)fprintf(f->gp, ")\nset cbrange [1:%.0f]\nunset colorbox\n", last);
    (void)fputs("set cbtics ", f->gp);
    mad_figure_counts(f->gp, last, 5.0);
    (void)fputs(" scale 0.4 offset 0,0.6\n", f->gp);
}

static void write_bar(mad_figure *f, double left, double width)
{
    (void)fprintf(f->gp,
                  "set colorbox horizontal user origin screen %.5f,%.5f size screen %.5f,%.5f "
                  "noborder\nset label 'generation' at screen %.5f,%.5f left\n",
                  left / f->width, 20.0 / f->height, width / f->width, 6.0 / f->height,
                  (left + width + 10.0) / f->width, 23.0 / f->height);
}

static mad_status draw(mad_ctx *ctx, const char *dir, size_t n_shown,
                       const mad_run_entry *const *shown, double *const *mean,
                       const mad_range *range)
{
    mad_status st = MAD_OK;
    mad_figure f = {0};
    size_t n_last = 1;
    const size_t n_columns = n_shown < MAX_COLUMNS ? n_shown : MAX_COLUMNS;
    const size_t n_rows = (n_shown + n_columns - 1) / n_columns;
    const double panel_width = n_columns == 1 ? 296.0 : 180.0;
    const double cell_width = LEFT + panel_width + RIGHT;
    const double cell_height = TITLE + PANEL_HEIGHT + TICS;
    const double height = cell_height * (double)n_rows + BAR;

    for (size_t i = 0; i < n_shown; i++) {
        n_last = shown[i]->run.n_done > n_last ? shown[i]->run.n_done : n_last;
    }
    MAD_TRY(mad_figure_open(ctx, dir, "loss", "training loss within each generation",
                            cell_width * (double)n_columns, height, &f));
    write_palette(&f, n_last);
    for (size_t i = 0; i < n_shown; i++) {
        double left = cell_width * (double)(i % n_columns) + LEFT;
        size_t i_row = i / n_columns;
        double top = height - cell_height * (double)i_row - TITLE;
        char title[256];
        size_t n_elements = 0;
        (void)snprintf(title, sizeof title, "%s%s", n_shown == 1 ? "Training loss" : "",
                       n_shown == 1 ? "" : shown[i]->label);
        mad_panel_begin(&f, &(mad_panel){.left = left,
                                         .right = left + panel_width,
                                         .top = top,
                                         .bottom = top - PANEL_HEIGHT,
                                         .title = title,
                                         .x_label = "share of the fit",
                                         .y_label = i % n_columns == 0 ? "loss" : NULL,
                                         .y_label_left = 36.0,
                                         .x = {0.0, 1.0, 0},
                                         .y = *range});
        if (i + 1 == n_shown) {
            write_bar(&f, LEFT, 120.0);
        }
        draw_run(&f, shown[i], loss_of(shown[i])->shape[2], mean[i], &n_elements);
        mad_figure_unset_marks(&f);
    }
out:
    return mad_figure_close(&f, st);
}

mad_status mad_loss_figure(mad_ctx *ctx, mad_arena *mem, const mad_runs *runs, const char *dir,
                           int *done)
{
    mad_status st = MAD_OK;
    size_t n_shown = 0;
    mad_extent extent = MAD_EXTENT_NONE;
    const mad_run_entry **shown = mad_arena_take(mem, runs->n_runs, sizeof(const mad_run_entry *));
    double **mean = mad_arena_take(mem, runs->n_runs, sizeof(double *));

    *done = 0;
    if (shown == NULL || mean == NULL) {
        return mad_fail_memory(ctx, "loss curves");
    }
    for (size_t r = 0; r < runs->n_runs; r++) {
        const mad_run_entry *entry = &runs->runs[r];
        const mad_run_series *series = loss_of(entry);
        if (series != NULL) {
            shown[n_shown] = entry;
            MAD_TRY(read_means(ctx, mem, &entry->run, series, &mean[n_shown++], &extent));
        }
    }
    if (n_shown > 0 && extent.core_min <= extent.core_max) {
        const mad_range range = mad_extent_range(&extent);
        MAD_TRY(draw(ctx, dir, n_shown, shown, mean, &range));
        *done = 1;
    }
out:
    return st;
}

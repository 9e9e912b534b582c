/* analysis/plot/sheet.c: sheets of sample pictures, drawn from one matrix of grey values a run. */
#include <math.h>
#include <string.h>

#include "analysis/plot/samples.h"

/* SHARP: viewers smooth small pictures; dots of at least so many to a tile's side stay square. */
enum { TILES = 10, MAX_COLUMNS = 3, EDGE = 1 /* pixels between tiles */, SHARP = 28 };

static const double LABEL = 26.0, GAP = 10.0, TITLE = 18.0, FOOT = 4.0;

typedef struct sheet {
    size_t n_tiles, n_rows; /* rows of tiles: real, then generations */
    size_t height, width;   /* of the matrix, in pixels */
    size_t repeat;          /* dots per pixel, in both directions */
    double *pixel;          /* [height][width], 0 black .. 1 white */
    double low, high;       /* values of black and white */
} sheet;

/* Black and white are the extremes of the real pictures: what lies outside is clipped. */
static void find_scale(const mad_sheet_run *run, sheet *s)
{
    const mad_preview *p = &run->preview[0];
    const double *x = p->real != NULL ? p->real : p->x;
    s->low = HUGE_VAL;
    s->high = -HUGE_VAL;
    for (size_t i = 0; i < p->n_rows * p->dim; i++) {
        s->low = isfinite(x[i]) ? fmin(s->low, x[i]) : s->low;
        s->high = isfinite(x[i]) ? fmax(s->high, x[i]) : s->high;
    }
    if (!(s->high > s->low)) {
        s->low = isfinite(s->low) ? s->low : 0.0;
        s->high = s->low + 1.0;
    }
}

static void put_tile(sheet *s, const mad_sheet_run *run, const double *x, size_t i_row,
                     size_t i_tile)
{
    for (size_t i = 0; i < run->height; i++) {
        double *out =
            s->pixel + (i_row * (run->height + EDGE) + i) * s->width + i_tile * (run->width + EDGE);
        for (size_t j = 0; j < run->width; j++) {
            double grey = (x[i * run->width + j] - s->low) / (s->high - s->low);
            out[j] = isnan(grey) ? 0.5 : fmin(fmax(grey, 0.0), 1.0);
        }
    }
}

/* Which preview row stands in column i: one of class i where rows are labelled, each used once. */
static void order_rows(const mad_preview *p, size_t n_tiles, size_t *row)
{
    int64_t n_classes = 0;
    for (size_t i = 0; p->label != NULL && i < p->n_rows; i++) {
        n_classes = p->label[i] >= n_classes ? p->label[i] + 1 : n_classes;
    }
    for (size_t t = 0; t < n_tiles; t++) {
        size_t found = SIZE_MAX;
        size_t spare = SIZE_MAX;
        for (size_t i = 0; i < p->n_rows && found == SIZE_MAX; i++) {
            int is_used = 0;
            for (size_t k = 0; k < t; k++) {
                is_used |= row[k] == i;
            }
            if (is_used) {
                continue;
            }
            spare = spare == SIZE_MAX ? i : spare;
            if (n_classes > 0 && p->label[i] == (int64_t)t % n_classes) {
                found = i;
            }
        }
        row[t] = found != SIZE_MAX ? found : spare;
    }
}

static mad_status fill_sheet(mad_ctx *ctx, mad_arena *mem, const mad_sheet_run *run, sheet *s)
{
    size_t row[TILES];
    const mad_preview *first = &run->preview[0];

    *s = (sheet){.n_tiles = first->n_rows < TILES ? first->n_rows : TILES,
                 .n_rows = run->n_gens + 1};
    s->repeat = (SHARP + run->width - 1) / run->width;
    s->height = s->n_rows * (run->height + EDGE) - EDGE;
    s->width = s->n_tiles * (run->width + EDGE) - EDGE;
    s->pixel = mad_arena_take(mem, s->height * s->width, sizeof *s->pixel);
    if (s->pixel == NULL) {
        return mad_fail_memory(ctx, "sample sheet");
    }
    for (size_t i = 0; i < s->height * s->width; i++) {
        s->pixel[i] = 1.0; /* white between the tiles */
    }
    find_scale(run, s);
    for (size_t t = 0; first->real != NULL && t < s->n_tiles; t++) {
        put_tile(s, run, first->real + t * first->dim, 0, t);
    }
    for (size_t g = 0; g < run->n_gens; g++) {
        const mad_preview *p = &run->preview[g];
        size_t n_tiles = p->n_rows < s->n_tiles ? p->n_rows : s->n_tiles;
        order_rows(p, n_tiles, row);
        for (size_t t = 0; t < n_tiles; t++) {
            put_tile(s, run, p->x + row[t] * p->dim, g + 1, t);
        }
    }
    return MAD_OK;
}

static void draw_sheet(mad_figure *f, const mad_sheet_run *run, const sheet *s)
{
    char comment[1024];
    double scale = (double)s->repeat;
    double pitch = scale * (double)(run->height + EDGE);
    double middle = 0.5 * (scale * (double)run->height - 1.0);

    (void)snprintf(comment, sizeof comment,
                   "pictures of %s (%s), replicate 0: grey values, top row first, every pixel "
                   "%zu times in both directions",
                   run->entry->label, run->entry->dir, s->repeat);
    size_t block = mad_figure_block(f, comment, "matrix of pixels");
    for (size_t i = 0; i < s->height * s->repeat; i++) {
        const double *row = s->pixel + i / s->repeat * s->width;
        for (size_t j = 0; j < s->width * s->repeat; j++) {
            (void)fprintf(f->tsv, "%s%.3g", j > 0 ? "\t" : "", row[j / s->repeat]);
        }
        (void)fputc('\n', f->tsv);
    }
    (void)fprintf(f->gp, "set ytics scale 0 textcolor rgb '#000000' ('real' %.2f", middle);
    for (size_t g = 0; g < run->n_gens; g++) {
        (void)fprintf(f->gp, ", '%zu' %.2f", run->generation[g], middle + pitch * (double)(g + 1));
    }
    (void)fprintf(f->gp,
                  ")\nunset border\nunset colorbox\nset palette gray\nset cbrange [0:1]\n"
                  "plot data index %zu matrix with image\n",
                  block);
}

/* Height of a panel of a given width: pixels are square. */
static double panel_height(const sheet *s, double width)
{
    return width * (double)s->height / (double)s->width;
}

mad_status mad_sheet_draw(mad_ctx *ctx, mad_arena *mem, const char *dir, size_t n_runs,
                          const mad_sheet_run *runs)
{
    mad_status st = MAD_OK;
    mad_figure f = {0};
    sheet *sheets = mad_arena_take(mem, n_runs, sizeof *sheets);
    const size_t n_columns = n_runs < MAX_COLUMNS ? n_runs : MAX_COLUMNS;
    const size_t n_rows = (n_runs + n_columns - 1) / n_columns;
    const double panel_width = n_columns == 1 ? 310.0 : 205.0;
    const double cell_width = LABEL + panel_width + GAP;
    double tallest = 0.0;

    if (sheets == NULL) {
        return mad_fail_memory(ctx, "sample sheet");
    }
    for (size_t r = 0; r < n_runs; r++) {
        MAD_TRY(fill_sheet(ctx, mem, &runs[r], &sheets[r]));
        tallest = fmax(tallest, panel_height(&sheets[r], panel_width));
    }
    const double cell_height = TITLE + tallest + FOOT;
    const double height = cell_height * (double)n_rows;
    MAD_TRY(mad_figure_open(ctx, dir, "samples", "real pictures, and samples of chosen generations",
                            cell_width * (double)n_columns, height, &f));
    for (size_t r = 0; r < n_runs; r++) {
        double left = cell_width * (double)(r % n_columns) + LABEL;
        size_t i_row = r / n_columns;
        double top = height - cell_height * (double)i_row - TITLE;
        mad_panel_begin(
            &f, &(mad_panel){.left = left,
                             .right = left + panel_width,
                             .top = top,
                             .bottom = top - panel_height(&sheets[r], panel_width),
                             .title = n_runs == 1 ? "Samples by generation" : runs[r].entry->label,
                             .x = {-0.5, (double)(sheets[r].width * sheets[r].repeat) - 0.5, 0},
                             .y = {(double)(sheets[r].height * sheets[r].repeat) - 0.5, -0.5, 0},
                             .hide_tics = 1});
        draw_sheet(&f, &runs[r], &sheets[r]);
    }
out:
    return mad_figure_close(&f, st);
}

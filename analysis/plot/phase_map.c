/* analysis/plot/phase_map.c: see the header. */
#include "analysis/plot/phase_map.h"

#include <math.h>
#include <stdio.h>

#include "analysis/plot/figure.h"
#include "sim/num/stats.h"

#define LEFT   96.0
#define RIGHT  110.0 /* the colour box and its label */
#define TOP    34.0
#define BOTTOM 46.0
#define SIDE   340.0 /* of the map */

static const char *const line_colours[] = {"#000000", "#CC79A7", "#009E73", "#0072B2"};
enum { MAX_LINES = sizeof line_colours / sizeof *line_colours };

/* The values that are known; equal ends are set apart. */
static void find_values(const mad_phase_map *map, double *low, double *high)
{
    *low = (double)INFINITY;
    *high = -(double)INFINITY;
    for (size_t i = 0; i < map->x.n * map->y.n; i++) {
        if (isfinite(map->value[i])) {
            *low = fmin(*low, map->value[i]);
            *high = fmax(*high, map->value[i]);
        }
    }
    if (!(*low < *high)) {
        *low = isfinite(*low) ? *low - 0.5 : 0.0;
        *high = *low + 1.0;
    }
}

/* One far cell must not take the colour from all others. */
static mad_status find_reach(mad_ctx *ctx, const mad_phase_map *map, double *reach)
{
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    double *distance = mad_arena_take(ctx->scratch, map->x.n * map->y.n, sizeof *distance);
    size_t n = 0;
    if (distance == NULL) {
        return mad_fail_memory(ctx, "a figure");
    }
    for (size_t i = 0; i < map->x.n * map->y.n; i++) {
        if (isfinite(map->value[i])) {
            distance[n++] = fabs(map->value[i] - map->centre);
        }
    }
    mad_sort(n, distance);
    *reach = n > 0 ? fmax(mad_quantile_sorted(n, distance, 0.85), 1e-12) : 1.0;
    mad_arena_release(ctx->scratch, mark);
    return MAD_OK;
}

/* From teal through white at the centre to orange; without a centre from dark to light blue. Both
 * grow or fall in lightness, so that they survive colour blindness and a grey printer. */
static void write_colours(const mad_figure *f, const mad_phase_map *map, double reach)
{
    double low, high;
    find_values(map, &low, &high);
    if (isfinite(map->centre)) {
        low = map->centre - reach;
        high = map->centre + reach;
        (void)fputs("set palette defined (0 '#0A5F75', 0.25 '#56A3B4', 0.5 '#F7F7F7', "
                    "0.75 '#F0A660', 1 '#A6480A')\n",
                    f->gp);
    } else {
        (void)fputs("set palette defined (0 '#08306B', 0.5 '#4F9BCB', 1 '#F2F7FC')\n", f->gp);
    }
    (void)fprintf(f->gp, "set cbrange [%.10g:%.10g]\n", low, high);
    (void)fprintf(f->gp,
                  "set colorbox user origin screen %.5f,%.5f size screen %.5f,%.5f front\n"
                  "set cbtics nomirror scale 0.4 format '%%g'\nset cblabel ",
                  (LEFT + SIDE + 14.0) / f->width, (f->height - TOP - SIDE) / f->height,
                  12.0 / f->width, SIDE / f->height);
    mad_figure_quote(f->gp, map->value_label);
    (void)fputs(" offset 0.6,0\n", f->gp);
}

/* As many of the values as have room. */
static void write_tics(const mad_figure *f, char axis, const mad_phase_axis *of, double room)
{
    double widest = 0.0;
    for (size_t i = 0; i < of->n; i++) {
        widest = fmax(widest, axis == 'x' ? mad_text_width(of->text[i]) + 8.0 : MAD_LINE_HEIGHT);
    }
    const double per_cell = room / (double)of->n;
    const size_t step = per_cell >= widest ? 1 : (size_t)ceil(widest / per_cell);
    (void)fprintf(f->gp, "set %ctics (", axis);
    for (size_t i = 0; i < of->n; i += step) {
        (void)fputs(i > 0 ? ", " : "", f->gp);
        mad_figure_quote(f->gp, of->text[i]);
        (void)fprintf(f->gp, " %zu", i);
    }
    (void)fputs(")\n", f->gp);
}

static void write_cells(mad_figure *f, const mad_phase_map *map)
{
    const size_t block = mad_figure_block(f, map->value_label, "x cell\ty cell\tvalue");
    for (size_t x = 0; x < map->x.n; x++) {
        for (size_t y = 0; y < map->y.n; y++) {
            const double row[] = {(double)x, (double)y, map->value[x * map->y.n + y]};
            if (isfinite(row[2])) {
                mad_figure_row(f, 3, row);
            }
        }
    }
    (void)fprintf(f->gp,
                  "plot data index %zu using 1:2:($1-0.5):($1+0.5):($2-0.5):($2+0.5):3 "
                  "with boxxyerror fs solid 1.0 border lc rgb '#D0D0D0' lw 0.3 fc palette",
                  block);
}

static void write_line(mad_figure *f, const mad_phase_map *map, size_t i)
{
    const mad_phase_line *line = &map->line[i];
    const size_t i_line = map->n_contours + i;
    const int has_ends = line->low != NULL && line->high != NULL;
    const size_t block = mad_figure_block(f, line->text, "x cell\ty\tlow\thigh");
    for (size_t x = 0; x < map->x.n; x++) {
        const double row[] = {(double)x, line->y[x], has_ends ? line->low[x] : (double)NAN,
                              has_ends ? line->high[x] : (double)NAN};
        mad_figure_row(f, 4, row);
    }
    (void)fprintf(f->gp, ", \\\n     data index %zu using 1:2 with lines lw 2 dt %zu lc rgb '%s'",
                  block, i_line + 1, line_colours[i_line]);
    if (has_ends) {
        (void)fprintf(f->gp,
                      ", \\\n     data index %zu using 1:2:3:4 with yerrorbars pt 7 ps 0.5 lw 1.2 "
                      "lc rgb '%s'",
                      block, line_colours[i_line]);
    }
}

/* ---- contours: marching squares between the centres of four cells ---- */

typedef struct corner {
    double x, y, value; /* less the level */
} corner;

/* Where the edge between two corners is crossed; 0: it is not. */
static int cross(const corner *a, const corner *b, double *point)
{
    if ((a->value < 0.0) == (b->value < 0.0)) {
        return 0;
    }
    const double share = a->value / (a->value - b->value);
    point[0] = a->x + share * (b->x - a->x);
    point[1] = a->y + share * (b->y - a->y);
    return 1;
}

/* At most two pieces; at a saddle either way of joining is as good. */
static void write_square(mad_figure *f, const corner c[4])
{
    double point[4][2];
    size_t n = 0;
    for (size_t i = 0; i < 4; i++) {
        n += (size_t)cross(&c[i], &c[(i + 1) % 4], point[n]);
    }
    for (size_t i = 0; i + 1 < n; i += 2) {
        mad_figure_row(f, 2, point[i]);
        mad_figure_row(f, 2, point[i + 1]);
        (void)fputc('\n', f->tsv); /* a piece of its own */
    }
}

static void write_contour(mad_figure *f, const mad_phase_map *map, size_t i_line)
{
    const mad_phase_contour *contour = &map->contour[i_line];
    const size_t n_y = map->y.n;
    const size_t block = mad_figure_block(f, contour->text, "x cell\ty cell");
    const double none[] = {(double)NAN, (double)NAN};
    mad_figure_row(f, 2, none); /* a block is never empty */
    (void)fputc('\n', f->tsv);
    for (size_t x = 0; x + 1 < map->x.n; x++) {
        for (size_t y = 0; y + 1 < n_y; y++) {
            const size_t at[4] = {x * n_y + y, (x + 1) * n_y + y, (x + 1) * n_y + y + 1,
                                  x * n_y + y + 1};
            corner c[4];
            int is_known = 1;
            for (size_t i = 0; i < 4; i++) {
                c[i] = (corner){(double)(at[i] / n_y), (double)(at[i] % n_y),
                                contour->value[at[i]] - contour->level};
                is_known &= isfinite(c[i].value) != 0;
            }
            if (is_known) {
                write_square(f, c);
            }
        }
    }
    (void)fprintf(f->gp, ", \\\n     data index %zu using 1:2 with lines lw 2 dt %zu lc rgb '%s'",
                  block, i_line + 1, line_colours[i_line]);
}

/* ---- the whole ---- */

static void add_legend(mad_legend *legend, const char *text, size_t i_line, int mark)
{
    mad_legend_entry entry = {.text = text, .dash = (int)i_line + 1, .mark = mark};
    (void)snprintf(entry.colour, sizeof entry.colour, "%s", line_colours[i_line]);
    mad_legend_add(legend, entry);
}

static void fill_legend(mad_legend *legend, const mad_phase_map *map)
{
    for (size_t i = 0; i < map->n_contours; i++) {
        add_legend(legend, map->contour[i].text, i, 0);
    }
    for (size_t i = 0; i < map->n_lines; i++) {
        add_legend(legend, map->line[i].text, map->n_contours + i,
                   map->line[i].low != NULL ? 7 : 0);
    }
}

mad_status mad_phase_map_write(mad_ctx *ctx, const char *dir, const mad_phase_map *map)
{
    mad_status st = MAD_OK;
    mad_figure f = {0};
    mad_legend legend = {.n = 0};
    double reach = 1.0;
    const double width = LEFT + SIDE + RIGHT;
    MAD_ASSERT(map->n_contours + map->n_lines <= MAX_LINES);
    MAD_TRY(find_reach(ctx, map, &reach));
    fill_legend(&legend, map);
    const double legend_height = mad_legend_height(&legend, width - 24.0) + 6.0;
    MAD_TRY(mad_figure_open(ctx, dir, map->name, map->title, width,
                            TOP + SIDE + BOTTOM + legend_height, &f));
    mad_panel_begin(&f, &(mad_panel){.left = LEFT,
                                     .right = LEFT + SIDE,
                                     .top = f.height - TOP,
                                     .bottom = f.height - TOP - SIDE,
                                     .title = map->title,
                                     .x_label = map->x.label,
                                     .y_label = map->y.label,
                                     .y_label_left = 70.0,
                                     .x = {.min = -0.5, .max = (double)map->x.n - 0.5},
                                     .y = {.min = -0.5, .max = (double)map->y.n - 0.5}});
    write_tics(&f, 'x', &map->x, SIDE);
    write_tics(&f, 'y', &map->y, SIDE);
    write_colours(&f, map, reach);
    if (legend.n > 0) {
        mad_legend_draw(&f, &legend, 16.0, legend_height - 2.0, width - 24.0);
    }
    write_cells(&f, map);
    for (size_t i = 0; i < map->n_contours; i++) {
        write_contour(&f, map, i);
    }
    for (size_t i = 0; i < map->n_lines; i++) {
        write_line(&f, map, i);
    }
    (void)fputs("\n", f.gp);
out:
    return mad_figure_close(&f, st);
}

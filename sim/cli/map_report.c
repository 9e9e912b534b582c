/* sim/cli/map_report.c: a traced map as text, JSON and a figure. */
#include "sim/cli/map_report.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>

#include "analysis/plot/figure.h"
#include "analysis/plot/phase_map.h"
#include "sim/cli/folder.h"
#include "sim/cli/path.h"
#include "sim/iface/text.h"
#include "sim/store/json.h"

/* A row of the map along y in the order of its values. */
typedef struct boundary {
    double low, high, crossing; /* values of y; NaN where the boundary lies beyond the map */
    double low_at, high_at, at; /* the same in points; -0.5 and n - 0.5 are beyond the map */
    double closed_form;         /* crossing of the closed form; NaN = none */
} boundary;

/* Between two values of y; on a logarithmic scale where the axis is closer to that. */
static double value_at(const mad_axis *axis, double at)
{
    const double n = (double)axis->n_texts;
    double first = (double)NAN, second = (double)NAN, last = (double)NAN, before = (double)NAN,
           a = (double)NAN, b = (double)NAN;
    if (!(at >= 0.0 && at <= n - 1.0)) {
        return (double)NAN;
    }
    const size_t i = (size_t)floor(at), j = i + 1 < axis->n_texts ? i + 1 : i;
    (void)mad_number_parse(axis->texts[0], &first);
    (void)mad_number_parse(axis->texts[1], &second);
    (void)mad_number_parse(axis->texts[axis->n_texts - 2], &before);
    (void)mad_number_parse(axis->texts[axis->n_texts - 1], &last);
    (void)mad_number_parse(axis->texts[i], &a);
    (void)mad_number_parse(axis->texts[j], &b);
    const double share = at - (double)i;
    const int is_log = first > 0.0 && last - before > 1.5 * (second - first);
    return is_log ? exp((1.0 - share) * log(a) + share * log(b)) : (1.0 - share) * a + share * b;
}

static boundary boundary_of(const mad_map_question *q, const mad_map *map, size_t i_x)
{
    const mad_ray_bracket *b = &map->bracket[i_x];
    const double last = (double)map->n_y - 1.0;
    const double inside = (double)b->inside, outside = (double)b->outside;
    boundary out;
    if (map->is_reversed) { /* from the upper end */
        out.low_at = last - outside;
        out.high_at = last - inside;
        out.at = last - b->crossing;
    } else {
        out.low_at = inside;
        out.high_at = outside;
        out.at = b->crossing;
    }
    out.closed_form = value_at(&q->y, map->closed_form[i_x]);
    out.low = value_at(&q->y, out.low_at);
    out.high = value_at(&q->y, out.high_at);
    out.crossing = value_at(&q->y, out.at);
    out.low_at = fmax(out.low_at, -0.5);
    out.high_at = fmin(out.high_at, last + 0.5);
    return out;
}

static size_t count_cells(const mad_map *map)
{
    size_t n = 0;
    for (size_t i = 0; i < map->n_x * map->n_y; i++) {
        n += map->cell[i].n_looks > 0;
    }
    return n;
}

static void print_number(double x)
{
    if (isnan(x)) {
        printf(" %12s", "-");
    } else {
        printf(" %12.6g", x);
    }
}

void mad_map_print(const mad_map_question *q, const mad_map *map)
{
    printf("boundary of %s\n%s between values of %s, by rays along it:\n", q->text, q->y.key,
           q->y.key);
    printf("%-16s %12s %12s %12s %12s\n", q->x.key, "from", "to", "crossing", "closed form");
    for (size_t x = 0; x < map->n_x; x++) {
        const boundary b = boundary_of(q, map, x);
        printf("%-16s", q->x.texts[x]);
        print_number(b.low);
        print_number(b.high);
        print_number(b.crossing);
        print_number(b.closed_form);
        printf("%s\n",
               map->bracket[x].is_consistent ? "" : "  not one boundary: holds again behind it");
    }
    const size_t n_grid = map->n_x * map->n_y;
    printf("%zu runs at %zu of %zu points: %.1f %% of the full grid's runs\n", map->n_runs,
           count_cells(map), n_grid, 100.0 * (double)map->n_runs / (double)n_grid);
}

static const char *state_word(mad_probe_state state)
{
    static const char *const words[] = {[MAD_PROBE_UNKNOWN] = "unknown",
                                        [MAD_PROBE_INSIDE] = "holds",
                                        [MAD_PROBE_OUTSIDE] = "fails",
                                        [MAD_PROBE_OPEN] = "open"};
    return words[state];
}

static json_t *cells_json(const mad_map_question *q, const mad_map *map)
{
    json_t *list = json_array();
    for (size_t i = 0; i < map->n_x * map->n_y; i++) {
        const mad_map_cell *cell = &map->cell[i];
        if (cell->n_looks > 0) {
            (void)json_array_append_new(
                list, json_pack("{s:s, s:s, s:s, s:I, s:o, s:o, s:o}", "x",
                                q->x.texts[i / map->n_y], "y", q->y.texts[i % map->n_y], "state",
                                state_word(cell->state), "runs", (json_int_t)cell->n_looks, "left",
                                mad_json_number(cell->left), "right", mad_json_number(cell->right),
                                "std_error", mad_json_number(cell->std_error)));
        }
    }
    return list;
}

json_t *mad_map_json(const mad_map_question *q, const mad_map *map)
{
    json_t *rays = json_array();
    for (size_t x = 0; x < map->n_x; x++) {
        const boundary b = boundary_of(q, map, x);
        (void)json_array_append_new(rays, json_pack("{s:s, s:o, s:o, s:o, s:o, s:b}", "x",
                                                    q->x.texts[x], "from", mad_json_number(b.low),
                                                    "to", mad_json_number(b.high), "crossing",
                                                    mad_json_number(b.crossing), "closed_form",
                                                    mad_json_number(b.closed_form), "consistent",
                                                    map->bracket[x].is_consistent));
    }
    return json_pack("{s:o, s:s, s:s, s:f, s:I, s:I, s:I, s:o, s:o}", "criterion",
                     mad_json_text(q->text), "x", q->x.key, "y", q->y.key, "alpha", q->alpha,
                     "runs", (json_int_t)map->n_runs, "points", (json_int_t)count_cells(map),
                     "grid", (json_int_t)(map->n_x * map->n_y), "boundary", rays, "cells",
                     cells_json(q, map));
}

mad_status mad_map_draw(mad_ctx *ctx, mad_arena *mem, const mad_map_question *q, const mad_map *map)
{
    mad_status st = MAD_OK;
    char dir[PATH_MAX];
    int has_closed_form = 0, is_ratio = 1;
    const size_t n = map->n_x * map->n_y;
    double *value = mad_arena_take(mem, n, sizeof *value);
    double *at = mad_arena_take(mem, 4 * map->n_x, sizeof *at);
    if (value == NULL || at == NULL || !mad_path_join(dir, q->dir, "figures")) {
        return mad_fail_memory(ctx, "a figure");
    }
    for (size_t i = 0; i < n; i++) {
        value[i] = map->cell[i].n_looks > 0 ? mad_map_distance(&map->cell[i]) : (double)NAN;
        is_ratio &= map->cell[i].n_looks == 0 || map->cell[i].left > 0.0;
    }
    for (size_t x = 0; x < map->n_x; x++) {
        const boundary b = boundary_of(q, map, x);
        const int is_on_map = !isnan(b.crossing);
        at[x] = is_on_map ? b.at : (double)NAN;
        at[map->n_x + x] = is_on_map ? b.low_at : (double)NAN;
        at[2 * map->n_x + x] = is_on_map ? b.high_at : (double)NAN;
        at[3 * map->n_x + x] = map->closed_form[x];
        has_closed_form |= !isnan(map->closed_form[x]);
    }
    const mad_phase_line line[] = {
        {.text = q->text, .y = at, .low = at + map->n_x, .high = at + 2 * map->n_x},
        {.text = "closed form", .y = at + 3 * map->n_x}};
    const mad_phase_map figure = {
        .name = "map",
        .title = "Points that were run (blank: not needed), and the boundary",
        .value_label = is_ratio ? "ln(left side / right side)" : "left side - right side",
        .x = {q->x.key, q->x.n_texts, q->x.texts},
        .y = {q->y.key, q->y.n_texts, q->y.texts},
        .value = value,
        .centre = 0.0,
        .n_lines = has_closed_form ? 2 : 1,
        .line = line};
    MAD_TRY(mad_folder_make(ctx, dir));
    MAD_TRY(mad_phase_map_write(ctx, dir, &figure));
    st = mad_gnuplot_draw(ctx, dir, "map", "svg");
    if (st != MAD_OK) { /* the numbers are there all the same */
        fprintf(stderr, "madloop: %s\n", ctx->message);
        mad_ctx_clear(ctx);
        st = MAD_OK;
    } else {
        fprintf(stderr, "%s/map.svg\n", dir);
    }
out:
    return st;
}

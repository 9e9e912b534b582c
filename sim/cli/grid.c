/* sim/cli/grid.c: see the header. */
#include "sim/cli/grid.h"

#include <stdio.h>
#include <string.h>

#include "sim/cli/execute.h"

/* "loop.n_real=1,2,3" names more than one value, "loop.n_real=1" is a plain override. */
static mad_status split_arguments(mad_ctx *ctx, mad_arena *mem, const mad_arguments *args,
                                  size_t *n_overrides, char **overrides, size_t *n_axes,
                                  mad_axis *axes)
{
    mad_status st = MAD_OK;
    *n_overrides = *n_axes = 0;
    for (size_t i = 1; i < args->n; i++) {
        mad_axis axis;
        MAD_TRY(mad_axis_parse(ctx, mem, args->text[i], &axis));
        for (size_t k = 0; k < *n_axes; k++) {
            if (strcmp(axes[k].key, axis.key) == 0) {
                return mad_fail(ctx, MAD_E_USAGE, "the grid names '%s' twice", axis.key);
            }
        }
        if (axis.n_texts == 1 && strchr(axis.texts[0], '[') == NULL) {
            overrides[(*n_overrides)++] = args->text[i];
        } else {
            axes[(*n_axes)++] = axis;
        }
    }
out:
    return st;
}

/* The grid of the command line replaces the axes of the file that have the same key. */
static size_t merge_axes(const mad_config *config, size_t n_given, const mad_axis *given,
                         mad_axis *out)
{
    size_t n = 0;
    for (size_t i = 0; i < config->n_axes; i++) {
        int replaced = 0;
        for (size_t k = 0; k < n_given; k++) {
            replaced |= strcmp(given[k].key, config->axes[i].key) == 0;
        }
        if (!replaced) {
            out[n++] = config->axes[i];
        }
    }
    for (size_t k = 0; k < n_given; k++) {
        out[n++] = given[k];
    }
    return n;
}

mad_status mad_sweep_grid_read(mad_app *app, mad_arena *mem, const mad_arguments *args, int smoke,
                               size_t max_points, mad_sweep_grid *out)
{
    mad_ctx *ctx = app->ctx;
    mad_status st = MAD_OK;
    size_t n_given;
    mad_sweep_grid g = {.path = args->text[0], .smoke = smoke, .n_points = 1};
    mad_axis *given = mad_arena_take(mem, args->n, sizeof *given);
    g.overrides = mad_arena_take(mem, args->n, sizeof *g.overrides);
    if (g.overrides == NULL || given == NULL) {
        return mad_fail_memory(ctx, "a sweep");
    }
    MAD_TRY(split_arguments(ctx, mem, args, &g.n_overrides, g.overrides, &n_given, given));
    MAD_TRY(mad_load_config(app, mem, g.path, g.n_overrides, g.overrides, smoke, &g.config));
    mad_axis *axes = mad_arena_take(mem, g.config.n_axes + n_given, sizeof *axes);
    if (axes == NULL) {
        return mad_fail_memory(ctx, "a sweep");
    }
    g.n_axes = merge_axes(&g.config, n_given, given, axes);
    g.axes = axes;
    for (size_t a = 0; a < g.n_axes; a++) {
        if (mad_size_mul(g.n_points, axes[a].n_texts, &g.n_points) != MAD_OK ||
            g.n_points > max_points) {
            return mad_fail(ctx, MAD_E_RANGE, "the grid has more than %zu points%s", max_points,
                            max_points == MAD_GRID_POINTS ? "; --yes runs it all the same" : "");
        }
    }
    *out = g;
out:
    return st;
}

/* Point i of the grid as overrides "key=value". */
static mad_status point_overrides(mad_ctx *ctx, mad_arena *mem, const mad_sweep_grid *g,
                                  size_t i_point, char **out)
{
    for (size_t a = g->n_axes; a-- > 0;) {
        const mad_axis *axis = &g->axes[a];
        const char *value = axis->texts[i_point % axis->n_texts];
        i_point /= axis->n_texts;
        const size_t n = strlen(axis->key) + strlen(value) + 2;
        out[a] = mad_arena_take(mem, n, 1);
        if (out[a] == NULL) {
            return mad_fail_memory(ctx, "a sweep");
        }
        snprintf(out[a], n, "%s=%s", axis->key, value);
    }
    return MAD_OK;
}

mad_status mad_sweep_grid_point(mad_app *app, mad_arena *mem, const mad_sweep_grid *grid,
                                size_t i_point, mad_config *out)
{
    mad_status st = MAD_OK;
    const size_t n_words = grid->n_overrides + grid->n_axes;
    char **all = mad_arena_take(mem, n_words, sizeof *all);
    if (all == NULL) {
        return mad_fail_memory(app->ctx, "a sweep");
    }
    memcpy(all, grid->overrides, grid->n_overrides * sizeof *all);
    MAD_TRY(point_overrides(app->ctx, mem, grid, i_point, all + grid->n_overrides));
    MAD_TRY(mad_load_config(app, mem, grid->path, n_words, all, grid->smoke, out));
out:
    return st;
}

/* sim/cli/sweep.c: `madloop sweep`: a grid of runs, one after the other, skipping what is done. */
#include "sim/cli/verbs.h"

#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "sim/cli/app.h"
#include "sim/cli/execute.h"

enum { MAX_POINTS = 1000000 };

/* ---- all runs of a folder ------------------------------------------------------------------ */

static mad_status summarise_failures(mad_ctx *ctx, const char *dir, size_t n_failed, size_t n_runs)
{
    if (n_failed == 0) {
        return MAD_OK;
    }
    return mad_fail(ctx, MAD_E_FAILED,
                    "%zu of %zu runs failed (named above); try again with: "
                    "madloop resume %s",
                    n_failed, n_runs, dir);
}

mad_status mad_execute_all(mad_app *app, mad_arena *mem, const char *dir,
                           const mad_execute_options *options)
{
    mad_status st = MAD_OK;
    size_t n_runs = 0, n_failed = 0;
    const char **runs = NULL;
    MAD_TRY(mad_folder_list(app->ctx, mem, dir, &n_runs, &runs));
    if (n_runs == 0) {
        return mad_fail(app->ctx, MAD_E_IO, "%s holds no run (no config.yaml in it or one below)",
                        dir);
    }
    for (size_t i = 0; i < n_runs; i++) {
        st = mad_execute(app, runs[i], options);
        if (st == MAD_E_INTERRUPTED) {
            return st;
        }
        if (st != MAD_OK) { /* the others still run */
            fprintf(stderr, "madloop: %s: %s\n", runs[i], app->ctx->message);
            mad_ctx_clear(app->ctx);
            n_failed++;
            st = MAD_OK;
        } else {
            printf("%s\n", runs[i]);
            fflush(stdout);
        }
    }
    MAD_TRY(summarise_failures(app->ctx, dir, n_failed, n_runs));
out:
    return st;
}

/* ---- the grid ------------------------------------------------------------------------------ */

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

typedef struct grid {
    size_t n_axes;
    const mad_axis *axes;
    size_t n_points;
} grid;

/* Point i of the grid, last axis fastest, as overrides "key=value". */
static mad_status point_overrides(mad_ctx *ctx, mad_arena *mem, const grid *g, size_t i_point,
                                  char **out)
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

/* Every point gets its folder before the first one runs: `status` and `resume` see the whole. */
static mad_status create_point(mad_app *app, mad_arena *mem, const char *path, const char *dir,
                               size_t n_overrides, char **overrides, int smoke)
{
    mad_ctx *ctx = app->ctx;
    mad_status st = MAD_OK;
    mad_config config;
    mad_folder look;
    MAD_TRY(mad_load_config(app, mem, path, n_overrides, overrides, smoke, &config));
    const char *folder = mad_folder_name(mem, dir, &config);
    if (folder == NULL) {
        return mad_fail_memory(ctx, "a sweep");
    }
    MAD_TRY(mad_folder_look(ctx, folder, &look));
    if (look.state == MAD_FOLDER_NONE) {
        MAD_TRY(mad_folder_create(ctx, folder, &config));
    }
out:
    return st;
}

static mad_status create_points(mad_app *app, mad_arena *mem, const char *path, const char *dir,
                                const grid *g, size_t n_overrides, char **overrides, int smoke)
{
    mad_status st = MAD_OK;
    char **all = mad_arena_take(mem, n_overrides + g->n_axes, sizeof *all);
    mad_arena *point = mad_arena_create(1 << 16);
    if (all == NULL || point == NULL) {
        st = mad_fail_memory(app->ctx, "a sweep");
        goto out;
    }
    memcpy(all, overrides, n_overrides * sizeof *all);
    for (size_t i = 0; i < g->n_points; i++) {
        const mad_arena_mark mark = mad_arena_get_mark(point);
        MAD_TRY(point_overrides(app->ctx, point, g, i, all + n_overrides));
        MAD_TRY(create_point(app, point, path, dir, n_overrides + g->n_axes, all, smoke));
        mad_arena_release(point, mark);
    }
out:
    mad_arena_destroy(point);
    return st;
}

/* ---- verb ---------------------------------------------------------------------------------- */

mad_status mad_sweep(mad_app *app, mad_arena *mem, const mad_arguments *args, const char *dir,
                     int smoke, const mad_execute_options *execute)
{
    mad_ctx *ctx = app->ctx;
    mad_status st = MAD_OK;
    mad_config config;
    size_t n_overrides, n_given;
    char **overrides = mad_arena_take(mem, args->n, sizeof *overrides);
    mad_axis *given = mad_arena_take(mem, args->n, sizeof *given);
    if (overrides == NULL || given == NULL) {
        return mad_fail_memory(ctx, "a sweep");
    }
    MAD_TRY(split_arguments(ctx, mem, args, &n_overrides, overrides, &n_given, given));
    MAD_TRY(mad_load_config(app, mem, args->text[0], n_overrides, overrides, smoke, &config));
    mad_axis *axes = mad_arena_take(mem, config.n_axes + n_given, sizeof *axes);
    if (axes == NULL) {
        return mad_fail_memory(ctx, "a sweep");
    }
    grid g = {.n_axes = merge_axes(&config, n_given, given, axes), .axes = axes, .n_points = 1};
    for (size_t a = 0; a < g.n_axes; a++) {
        if (mad_size_mul(g.n_points, axes[a].n_texts, &g.n_points) != MAD_OK ||
            g.n_points > MAX_POINTS) {
            return mad_fail(ctx, MAD_E_RANGE, "the grid has more than %d points", MAX_POINTS);
        }
    }
    char folder[PATH_MAX];
    snprintf(folder, sizeof folder, "%s%s", dir != NULL ? dir : "runs/",
             dir != NULL ? "" : mad_get_text(&config.root, "name"));
    MAD_TRY(mad_folder_make(ctx, folder));
    MAD_TRY(create_points(app, mem, args->text[0], folder, &g, n_overrides, overrides, smoke));
    MAD_TRY(mad_execute_all(app, mem, folder, execute));
out:
    return st;
}

static mad_status sweep_verb(mad_app *app, int argc, char **argv)
{
    mad_status st = MAD_OK;
    mad_execute_options execute = {0};
    const char *dir = NULL;
    int smoke = 0;
    const mad_option options[] = {
        {"out", 'o', "DIR", "folder of the sweep (default runs/NAME)", .text = &dir},
        {"smoke", 0, NULL, "run tiny versions", .flag = &smoke},
        MAD_EXECUTE_OPTIONS(execute),
        {NULL}};
    const mad_usage usage = {options, 1, SIZE_MAX,
                             "The grid is that of the file's `sweep:` block and of arguments such "
                             "as loop.n_real=0,500,1000 bias.strength=range(0.5,1,0.1) "
                             "loop.n_synthetic=log(10,1000,5) seed=0-9."};
    mad_arguments args;
    mad_arena *mem = mad_arena_create(1 << 16);
    if (mem == NULL) {
        return mad_fail_memory(app->ctx, "a sweep");
    }
    MAD_TRY(mad_options_parse(app, &mad_command_sweep, argc, argv, &usage, &args));
    if (args.shown_help) {
        goto out;
    }
    MAD_TRY(mad_app_set_threads(app, execute.n_threads));
    MAD_TRY(mad_sweep(app, mem, &args, dir, smoke, &execute));
out:
    mad_arena_destroy(mem);
    return st;
}

const mad_command mad_command_sweep = {
    .name = "sweep",
    .arguments = "CONFIG [key=a,b ...] [key=value ...]",
    .doc = "Run a grid of experiments, skipping what is done",
    .run = sweep_verb,
};

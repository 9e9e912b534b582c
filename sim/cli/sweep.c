/* sim/cli/sweep.c: `madloop sweep`: a grid of runs, one after the other, skipping what is done. */
#include "sim/cli/verbs.h"

#include <limits.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "sim/cli/app.h"
#include "sim/cli/cost.h"
#include "sim/cli/execute.h"
#include "sim/engine/engine.h"

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

/* The runs of a sweep in `dir`; the first failures do not keep the others from running. */
static mad_status execute_runs(mad_app *app, const char *dir, size_t n_runs,
                               const char *const *runs, const mad_execute_options *options)
{
    size_t n_failed = 0;
    mad_execute_options left = *options; /* --max-hours is for the whole sweep */
    const double t_start = mad_cost_now_s();
    for (size_t i = 0; i < n_runs; i++) {
        if (options->max_hours > 0.0) {
            left.max_hours = fmax(options->max_hours - (mad_cost_now_s() - t_start) / 3600.0, 1e-9);
        }
        const mad_status st = mad_execute(app, runs[i], dir, &left);
        if (st == MAD_E_INTERRUPTED) {
            return st;
        }
        if (st != MAD_OK) {
            fprintf(stderr, "madloop: %s: %s\n", runs[i], app->ctx->message);
            mad_ctx_clear(app->ctx);
            n_failed++;
        } else {
            printf("%s\n", runs[i]);
            fflush(stdout);
        }
    }
    return summarise_failures(app->ctx, dir, n_failed, n_runs);
}

mad_status mad_execute_all(mad_app *app, mad_arena *mem, const char *dir,
                           const mad_execute_options *options)
{
    mad_status st = MAD_OK;
    size_t n_runs = 0;
    const char **runs = NULL;
    MAD_TRY(mad_folder_list(app->ctx, mem, dir, &n_runs, &runs));
    if (n_runs == 0) {
        return mad_fail(app->ctx, MAD_E_IO, "%s holds no run (neither itself nor one level below)",
                        dir);
    }
    MAD_TRY(execute_runs(app, dir, n_runs, runs, options));
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

/* What a point is made of: the file and the words that all points share. */
typedef struct recipe {
    const char *path;
    size_t n_overrides;
    char **overrides;
    int smoke;
} recipe;

/* The configuration of point i, in mem. */
static mad_status load_point(mad_app *app, mad_arena *mem, const recipe *from, const grid *g,
                             size_t i_point, mad_config *out)
{
    mad_status st = MAD_OK;
    char **all = mad_arena_take(mem, from->n_overrides + g->n_axes, sizeof *all);
    if (all == NULL) {
        return mad_fail_memory(app->ctx, "a sweep");
    }
    memcpy(all, from->overrides, from->n_overrides * sizeof *all);
    MAD_TRY(point_overrides(app->ctx, mem, g, i_point, all + from->n_overrides));
    MAD_TRY(mad_load_config(app, mem, from->path, from->n_overrides + g->n_axes, all, from->smoke,
                            out));
out:
    return st;
}

/* Every configuration, and the first experiment with its data file: what is wrong with the sweep
 * as a whole must leave no folder. */
static mad_status check_points(mad_app *app, const recipe *from, const grid *g)
{
    mad_status st = MAD_OK;
    mad_config config;
    mad_experiment *experiment;
    mad_arena *point = mad_arena_create(1 << 16);
    if (point == NULL) {
        return mad_fail_memory(app->ctx, "a sweep");
    }
    for (size_t i = 0; i < g->n_points; i++) {
        const mad_arena_mark mark = mad_arena_get_mark(point);
        MAD_TRY(load_point(app, point, from, g, i, &config));
        if (i == 0) {
            MAD_TRY(mad_experiment_create(app->ctx, point, &config, app->registry, &experiment));
        }
        mad_arena_release(point, mark);
    }
out:
    mad_arena_destroy(point);
    return st;
}

/* Every point gets its folder before the first one runs: `status` and `resume` see the whole. */
static mad_status create_point(mad_app *app, const char *folder, const mad_config *config)
{
    mad_status st = MAD_OK;
    mad_folder look;
    MAD_TRY(mad_folder_look(app->ctx, folder, &look));
    if (look.state == MAD_FOLDER_NONE) {
        MAD_TRY(mad_folder_create(app->ctx, folder, config, 0));
    }
out:
    return st;
}

/* runs[n_points]: the folders, from mem. */
static mad_status create_points(mad_app *app, mad_arena *mem, const recipe *from, const char *dir,
                                const grid *g, const char **runs)
{
    mad_status st = MAD_OK;
    mad_config config;
    mad_arena *point = mad_arena_create(1 << 16);
    if (point == NULL) {
        return mad_fail_memory(app->ctx, "a sweep");
    }
    for (size_t i = 0; i < g->n_points; i++) {
        const mad_arena_mark mark = mad_arena_get_mark(point);
        MAD_TRY(load_point(app, point, from, g, i, &config));
        runs[i] = mad_folder_name(mem, dir, &config);
        if (runs[i] == NULL) {
            st = mad_fail_memory(app->ctx, "a sweep");
            goto out;
        }
        MAD_TRY(create_point(app, runs[i], &config));
        mad_arena_release(point, mark);
    }
out:
    mad_arena_destroy(point);
    return st;
}

/* A sweep beside the files of a single run would hide it from every other verb. */
static mad_status refuse_run_folder(mad_ctx *ctx, const char *dir)
{
    mad_folder look;
    const mad_status st = mad_folder_look(ctx, dir, &look);
    if (st == MAD_OK && look.state != MAD_FOLDER_NONE) {
        return mad_fail(ctx, MAD_E_EXISTS,
                        "%s holds a single run: name another folder for the sweep with -o", dir);
    }
    return st;
}

/* ---- verb ---------------------------------------------------------------------------------- */

/* runs/NAME */
static const char *sweep_folder(mad_arena *mem, const mad_config *config)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "runs/%s", mad_get_text(&config->root, "name"));
    return mad_arena_text(mem, path);
}

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
    const recipe from = {args->text[0], n_overrides, overrides, smoke};
    const char **runs = mad_arena_take(mem, g.n_points, sizeof *runs);
    const char *folder = dir != NULL ? dir : sweep_folder(mem, &config);
    if (runs == NULL || folder == NULL) {
        return mad_fail_memory(ctx, "a sweep");
    }
    MAD_TRY(refuse_run_folder(ctx, folder));
    MAD_TRY(check_points(app, &from, &g));
    MAD_TRY(mad_folder_make(ctx, folder));
    MAD_TRY(create_points(app, mem, &from, folder, &g, runs));
    MAD_TRY(execute_runs(app, folder, g.n_points, runs, execute));
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
        {.name = NULL}};
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

/* sim/cli/sweep.c: `madloop sweep`: a grid of runs on all processors, skipping what is done. */
#include "sim/cli/sweep.h"

#include <limits.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sim/cli/app.h"
#include "sim/cli/collect.h"
#include "sim/cli/grid.h"
#include "sim/cli/manifest.h"
#include "sim/cli/mpi.h"
#include "sim/cli/path.h"
#include "sim/cli/pool.h"
#include "sim/cli/verbs.h"
#include "sim/engine/engine.h"

enum { MANY_RUNS = 16 };

/* ---- runs that are there ------------------------------------------------------------------- */

/* Runs at a time that end the work soonest, by how much a run gains from a second thread: few large
 * runs go one after the other on all threads, many go side by side on one thread each. What cannot be
 * read is left for the run itself to say. */
static size_t choose_jobs(mad_app *app, mad_arena *mem, size_t n, const char *const *runs)
{
    const size_t n_threads = app->n_threads;
    double gain = 0.9, least = (double)INFINITY;
    size_t n_left = n, best = 1;
    mad_folder look;
    mad_config config;
    if (n >= MANY_RUNS * n_threads) {
        return n_threads;
    }
    for (size_t i = 0; i < n; i++) {
        n_left -=
            mad_folder_look(app->ctx, runs[i], &look) == MAD_OK && look.state == MAD_FOLDER_DONE;
        if (i == 0 &&
            mad_folder_config(app->ctx, mem, runs[i], 0, NULL, app->registry, &config) == MAD_OK) {
            gain = (config.model_type->flags & MAD_MODEL_THREADED) != 0 ? 0.9 : 0.5;
        }
        mad_ctx_clear(app->ctx);
    }
    for (size_t n_jobs = 1; n_jobs <= n_threads && n_jobs <= n_left; n_jobs++) {
        const double n_rounds = ceil((double)n_left / (double)n_jobs);
        const double seconds = n_rounds / (1.0 + gain * (double)(n_threads / n_jobs - 1));
        if (seconds <= least) {
            least = seconds;
            best = n_jobs;
        }
    }
    return best;
}

/* Runs below `dir`, then its sweep file. */
static mad_status execute_runs(mad_app *app, mad_arena *mem, const char *dir, size_t n,
                               const char *const *runs, const mad_sweep_options *options)
{
    mad_status st = MAD_OK;
    mad_pool_run *run = mad_arena_take(mem, n, sizeof *run);
    mad_pool_options pool = {.n_jobs = options->n_jobs, .whole = dir, .execute = options->execute};
    if (run == NULL) {
        return mad_fail_memory(app->ctx, "a sweep");
    }
    for (size_t i = 0; i < n; i++) {
        run[i].dir = runs[i];
    }
    if (pool.n_jobs == 0 && mad_mpi_size() == 1) {
        pool.n_jobs = choose_jobs(app, mem, n, runs);
    }
    st = mad_pool_execute(app, mem, n, run, &pool);
    if ((st == MAD_OK || st == MAD_E_FAILED) && mad_manifest_is_there(dir)) {
        mad_ctx *own = mad_ctx_create(app->n_threads); /* the message of a failed run stays */
        const mad_status collected = own != NULL ? mad_collect(own, dir) : MAD_E_MEMORY;
        if (collected != MAD_OK && st == MAD_OK) {
            st = mad_fail(app->ctx, collected, "%s", own != NULL ? own->message : "no memory");
        } else if (collected != MAD_OK) {
            fprintf(stderr, "madloop: %s\n", own != NULL ? own->message : "no memory");
        }
        mad_ctx_destroy(own);
    }
    return st;
}

/* DIR/NAME for every name, in mem; NULL when memory is short, or a name too long. */
static const char **paths_below(mad_arena *mem, const char *dir, size_t n, const char *const *name)
{
    const char **path = mad_arena_take(mem, n, sizeof *path);
    for (size_t i = 0; path != NULL && i < n; i++) {
        char text[PATH_MAX];
        path[i] = mad_path_join(text, dir, name[i]) ? mad_arena_text(mem, text) : NULL;
        if (path[i] == NULL) {
            return NULL;
        }
    }
    return path;
}

/* The process that made the folders was killed at it. */
static mad_status refuse_missing(mad_ctx *ctx, mad_arena *mem, const char *dir, size_t n,
                                 const char *const *runs)
{
    size_t n_missing = 0;
    const mad_arena_mark mark = mad_arena_get_mark(mem);
    for (size_t i = 0; i < n; i++) {
        n_missing += !mad_folder_is_run(mem, runs[i]);
        mad_arena_release(mem, mark);
    }
    return n_missing == 0
               ? MAD_OK
               : mad_fail(
                     ctx, MAD_E_DATA,
                     "%s: %zu of %zu runs have no folder yet: `madloop sweep` was killed while "
                     "it made them; give that command again, it goes on with what is there",
                     dir, n_missing, n);
}

mad_status mad_sweep_runs(mad_ctx *ctx, mad_arena *mem, const char *dir, size_t *n,
                          const char ***runs)
{
    mad_status st = MAD_OK;
    mad_manifest manifest;
    if (!mad_manifest_is_there(dir)) {
        return mad_folder_list(ctx, mem, dir, n, runs);
    }
    MAD_TRY(mad_manifest_read(ctx, mem, dir, &manifest));
    *n = manifest.n_runs;
    *runs = paths_below(mem, dir, *n, manifest.run);
    st = *runs != NULL ? MAD_OK : mad_fail_memory(ctx, "the list of runs");
out:
    return st;
}

mad_status mad_sweep_resume(mad_app *app, mad_arena *mem, const char *dir,
                            const mad_sweep_options *options)
{
    mad_status st = MAD_OK;
    size_t n_runs = 0;
    const char **runs = NULL;
    MAD_TRY(mad_sweep_runs(app->ctx, mem, dir, &n_runs, &runs));
    if (n_runs == 0) {
        return mad_fail(app->ctx, MAD_E_IO, "%s holds no run (neither itself nor one level below)",
                        dir);
    }
    MAD_TRY(refuse_missing(app->ctx, mem, dir, n_runs, runs));
    MAD_TRY(execute_runs(app, mem, dir, n_runs, runs, options));
out:
    return st;
}

/* ---- the grid ------------------------------------------------------------------------------ */

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* Every configuration, and the first experiment with its data file: what is wrong with the sweep
 * as a whole must leave no folder. out->run[i]: the folder of point i. */
static mad_status check_points(mad_app *app, mad_arena *mem, const mad_sweep_grid *g,
                               const char *dir, mad_manifest *out)
{
    mad_status st = MAD_OK;
    mad_config config;
    mad_experiment *experiment;
    mad_arena *point = mad_arena_create(1 << 16);
    out->n_keys = g->n_axes;
    out->key = mad_arena_take(mem, g->n_axes, sizeof *out->key);
    out->n_runs = g->n_points;
    out->run = mad_arena_take(mem, g->n_points, sizeof *out->run);
    if (point == NULL || out->key == NULL || out->run == NULL) {
        st = mad_fail_memory(app->ctx, "a sweep");
        goto out;
    }
    for (size_t a = 0; a < g->n_axes; a++) {
        out->key[a] = g->axes[a].key;
    }
    for (size_t i = 0; i < g->n_points; i++) {
        const mad_arena_mark mark = mad_arena_get_mark(point);
        MAD_TRY(mad_sweep_grid_point(app, point, g, i, &config));
        if (i == 0) {
            MAD_TRY(mad_experiment_create(app->ctx, point, &config, app->registry, &experiment));
        }
        const char *path = mad_folder_name(point, dir, &config);
        out->run[i] = path != NULL ? mad_arena_text(mem, mad_path_name(path)) : NULL;
        if (out->run[i] == NULL) {
            st = mad_fail_memory(app->ctx, "a sweep");
            goto out;
        }
        const size_t n_loops = mad_get_size(&config.root, "models");
        out->n_replicates =
            larger(out->n_replicates, mad_get_size(&config.root, "replicates") * n_loops);
        out->n_generations = larger(out->n_generations, mad_get_size(&config.root, "generations"));
        mad_arena_release(point, mark);
    }
out:
    mad_arena_destroy(point);
    return st;
}

/* Every point gets its folder before the first one runs: `status` and `resume` see the whole. Two
 * sweeps may do so at once. */
static mad_status create_points(mad_app *app, const mad_sweep_grid *g, const char *dir,
                                const char *const *runs)
{
    mad_status st = MAD_OK;
    mad_config config;
    int is_new = 0;
    mad_arena *point = mad_arena_create(1 << 16);
    if (point == NULL) {
        return mad_fail_memory(app->ctx, "a sweep");
    }
    for (size_t i = 0; i < g->n_points; i++) {
        const mad_arena_mark mark = mad_arena_get_mark(point);
        if (mad_folder_is_run(point, runs[i])) {
            continue;
        }
        is_new = 1;
        MAD_TRY(mad_sweep_grid_point(app, point, g, i, &config));
        MAD_TRY(mad_folder_ensure(app->ctx, runs[i], &config));
        mad_arena_release(point, mark);
    }
    if (is_new) {
        mad_folder_sync(dir);
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

/* ---- a part of it -------------------------------------------------------------------------- */

/* "2/8": the second of eight parts. */
static mad_status parse_shard(mad_ctx *ctx, const char *text, size_t *i, size_t *n)
{
    int end = 0;
    long part = 0, parts = 1;
    *i = 0;
    *n = 1;
    if (text == NULL) {
        return MAD_OK;
    }
    if (sscanf(text, "%ld/%ld%n", &part, &parts, &end) != 2 || text[end] != '\0' || part < 1 ||
        parts < part || parts > MAD_GRID_POINTS) {
        return mad_fail(ctx, MAD_E_USAGE,
                        "--shard '%s': expected I/N with 1 <= I <= N, for example 2/8", text);
    }
    *i = (size_t)part - 1;
    *n = (size_t)parts;
    return MAD_OK;
}

/* Every n-th folder from the i-th on, each once: --smoke may make points equal. */
static mad_status select_runs(mad_ctx *ctx, mad_arena *mem, size_t i_shard, size_t n_shards,
                              size_t *n_runs, const char ***run)
{
    mad_status st = MAD_OK;
    size_t n = 0, n_selected = 0;
    const char **once = NULL;
    MAD_TRY(mad_manifest_unite(ctx, mem, *n_runs, *run, &n, &once));
    for (size_t i = i_shard; i < n; i += n_shards) {
        once[n_selected++] = once[i];
    }
    *n_runs = n_selected;
    *run = once;
out:
    return st;
}

static void print_word(const char *lead, const char *path)
{
    char word[4 * PATH_MAX];
    mad_shell_word(path, sizeof word, word);
    printf("%s%s", lead, word);
}

/* One command a line, for any scheduler. */
static mad_status print_list(mad_ctx *ctx, const char *dir, size_t n, const char *const *run,
                             const mad_execute_options *execute)
{
    char program[PATH_MAX] = "", whole[PATH_MAX], path[PATH_MAX];
    if (readlink("/proc/self/exe", program, sizeof program - 1) <= 0 ||
        realpath(dir, whole) == NULL) {
        return mad_fail(ctx, MAD_E_IO, "%s: no name for other programs", dir);
    }
    for (size_t i = 0; i < n; i++) {
        if (!mad_path_join(path, whole, mad_path_name(run[i]))) {
            return mad_fail(ctx, MAD_E_IO, "%s: the name is too long", run[i]);
        }
        print_word("", program);
        print_word(" resume --progress none ", path);
        if (execute->n_threads > 0) {
            printf(" --threads %zu", execute->n_threads);
        }
        if (execute->max_hours > 0.0) {
            printf(" --max-hours %.9g", execute->max_hours);
        }
        if (execute->model_cache != NULL) {
            print_word(" --model-cache ", execute->model_cache);
        }
        printf("\n");
    }
    return MAD_OK;
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
                     const mad_sweep_options *options)
{
    mad_ctx *ctx = app->ctx;
    mad_status st = MAD_OK;
    mad_sweep_grid g;
    mad_manifest manifest = {.n_keys = 0};
    size_t i_shard, n_shards;
    MAD_TRY(parse_shard(ctx, options->shard, &i_shard, &n_shards));
    if (dir != NULL && strchr(dir, '\n') != NULL) {
        return mad_fail(ctx, MAD_E_USAGE, "the name of the folder has a line end in it");
    }
    MAD_TRY(mad_sweep_grid_read(app, mem, args, options->smoke,
                                options->is_sure ? SIZE_MAX : MAD_GRID_POINTS, &g));
    const char *folder = dir != NULL ? dir : sweep_folder(mem, &g.config);
    if (folder == NULL) {
        return mad_fail_memory(ctx, "a sweep");
    }
    MAD_TRY(refuse_run_folder(ctx, folder));
    MAD_TRY(check_points(app, mem, &g, folder, &manifest));
    const char **runs = paths_below(mem, folder, manifest.n_runs, manifest.run);
    if (runs == NULL) {
        return mad_fail_memory(ctx, "a sweep");
    }
    MAD_TRY(mad_folder_make(ctx, folder));
    MAD_TRY(mad_manifest_extend(ctx, mem, folder, &manifest));
    MAD_TRY(create_points(app, &g, folder, runs));
    size_t n = manifest.n_runs;
    MAD_TRY(select_runs(ctx, mem, i_shard, n_shards, &n, &runs));
    if (options->is_list) {
        MAD_TRY(print_list(ctx, folder, n, runs, &options->execute));
    } else {
        MAD_TRY(execute_runs(app, mem, folder, n, runs, options));
    }
out:
    return st;
}

static mad_status sweep_verb(mad_app *app, int argc, char **argv)
{
    mad_status st = MAD_OK;
    mad_sweep_options o = {.n_jobs = 0};
    const char *dir = NULL;
    const mad_option options[] = {
        {"out", 'o', "DIR", "folder of the sweep (default runs/NAME)", .text = &dir},
        MAD_JOBS_OPTION(o.n_jobs),
        {"shard", 0, "I/N", "run only the I-th of N parts of the grid", .text = &o.shard},
        {"list", 0, NULL, "make the folders and print one command a line, for any scheduler",
         .flag = &o.is_list},
        {"smoke", 0, NULL, "run tiny versions", .flag = &o.smoke},
        {"yes", 0, NULL, "run grids of more than a million points too", .flag = &o.is_sure},
        MAD_EXECUTE_OPTIONS(o.execute),
        {.name = NULL}};
    const mad_usage usage = {options, 1, SIZE_MAX,
                             "The grid is that of the file's `sweep:` block and of arguments such "
                             "as loop.n_real=0,500,1000 bias.strength=range(0.5,1,0.1) "
                             "loop.n_synthetic=log(10,1000,5) seed=0-9. What is done is skipped, "
                             "what failed is tried again. See docs/sweeps.md."};
    mad_arguments args;
    mad_arena *mem = mad_arena_create(1 << 16);
    if (mem == NULL) {
        return mad_fail_memory(app->ctx, "a sweep");
    }
    MAD_TRY(mad_options_parse(app, &mad_command_sweep, argc, argv, &usage, &args));
    if (args.shown_help) {
        goto out;
    }
    MAD_TRY(mad_app_set_threads(app, o.execute.n_threads));
    if (mad_mpi_rank() > 0) {
        mad_mpi_serve(app, o.execute.model_cache);
    } else {
        MAD_TRY(mad_sweep(app, mem, &args, dir, &o));
    }
out:
    mad_mpi_leave();
    mad_arena_destroy(mem);
    return st;
}

const mad_command mad_command_sweep = {
    .name = "sweep",
    .arguments = "CONFIG [key=a,b ...] [key=value ...]",
    .doc = "Run a grid of experiments on all processors, skipping what is done",
    .run = sweep_verb,
};

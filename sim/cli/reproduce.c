/* sim/cli/reproduce.c: `madloop reproduce`: which published results are run, and the verdict. */
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sim/cli/app.h"
#include "sim/cli/cost.h"
#include "sim/cli/reproduce_report.h"
#include "sim/cli/verbs.h"

/* What was asked for. */
typedef struct request {
    int is_list, is_all, as_json;
    int goes_on; /* one that fails does not end the others */
    const char *budget;
    double budget_s; /* infinite without one */
    mad_reproduce_options options;
} request;

/* ---- which papers ---- */

/* No paper of the folder has this name: tells the nearest. */
static mad_status refuse_name(mad_app *app, mad_arena *mem, const char *folder, const char *name)
{
    mad_status st = MAD_OK;
    size_t n = 0;
    mad_paper *all = NULL;
    MAD_TRY(mad_papers_load(app, mem, folder, &n, &all));
    const char **names = mad_arena_take(mem, n, sizeof *names);
    MAD_TRY(names != NULL ? MAD_OK : mad_fail_memory(app->ctx, "the papers"));
    for (size_t k = 0; k < n; k++) {
        names[k] = all[k].name;
    }
    const char *near = mad_nearest(name, n, names);
    st = mad_fail(app->ctx, MAD_E_USAGE, "reproduce: no '%s' in %s%s%s%s", name, folder,
                  near != NULL ? " (did you mean '" : "", near != NULL ? near : "",
                  near != NULL ? "'?)" : "");
out:
    return st;
}

/* A name with a '/' or ".yaml" is a file; else it is one of the folder. */
static mad_status load_named(mad_app *app, mad_arena *mem, const char *name, mad_paper *out)
{
    mad_status st = MAD_OK;
    const char *folder = NULL;
    char path[PATH_MAX];
    if (strchr(name, '/') != NULL || strstr(name, ".yaml") != NULL) {
        return mad_paper_load(app, mem, name, out);
    }
    MAD_TRY(mad_papers_folder(app->ctx, mem, &folder));
    if (snprintf(path, sizeof path, "%s/%s.yaml", folder, name) < (int)sizeof path &&
        access(path, R_OK) == 0) {
        return mad_paper_load(app, mem, path, out);
    }
    st = refuse_name(app, mem, folder, name);
out:
    return st;
}

static mad_status check_request(mad_ctx *ctx, const request *ask, const mad_arguments *args)
{
    if (ask->is_all && args->n > 0) {
        return mad_fail(ctx, MAD_E_USAGE, "reproduce: --all takes no names, got '%s'",
                        args->text[0]);
    }
    if (ask->budget != NULL && !ask->is_all) {
        return mad_fail(ctx, MAD_E_USAGE, "reproduce: --budget goes with --all");
    }
    if (args->n == 0 && !ask->is_all && !ask->is_list) {
        return mad_fail(ctx, MAD_E_USAGE, "reproduce: name a result, or give --all or --list");
    }
    return MAD_OK;
}

/* Those that are named, or all of the folder. */
static mad_status load_papers(mad_app *app, mad_arena *mem, const mad_arguments *args, size_t *n,
                              mad_paper **out)
{
    mad_status st = MAD_OK;
    const char *folder = NULL;
    if (args->n == 0) {
        MAD_TRY(mad_papers_folder(app->ctx, mem, &folder));
        return mad_papers_load(app, mem, folder, n, out);
    }
    *n = args->n;
    *out = mad_arena_take(mem, args->n, sizeof **out);
    if (*out == NULL) {
        return mad_fail_memory(app->ctx, "the papers");
    }
    for (size_t i = 0; i < args->n; i++) {
        MAD_TRY(load_named(app, mem, args->text[i], &(*out)[i]));
    }
out:
    return st;
}

/* ---- what is done with them ---- */

static mad_status check_errors(mad_ctx *ctx, size_t n, const mad_reproduced *results)
{
    size_t n_errors = 0;
    for (size_t i = 0; i < n; i++) {
        n_errors += results[i].status != MAD_OK;
    }
    return n_errors == 0
               ? MAD_OK
               : mad_fail(ctx, MAD_E_CONFIG, "%zu of %zu results cannot be run", n_errors, n);
}

static mad_status list_papers(mad_app *app, const request *ask, size_t n, const mad_paper *papers,
                              const mad_reproduced *results)
{
    mad_status st = MAD_OK;
    if (ask->as_json) {
        MAD_TRY(mad_reproduce_print_json(app->ctx, n, results));
    } else {
        mad_reproduce_print_list(n, papers);
    }
    MAD_TRY(check_errors(app->ctx, n, results));
out:
    return st;
}

static int by_seconds(const void *a, const void *b)
{
    const mad_paper *p = a, *q = b;
    const double x = isnan(p->seconds) ? (double)INFINITY : p->seconds;
    const double y = isnan(q->seconds) ? (double)INFINITY : q->seconds;
    return (x > y) - (x < y);
}

/* One of several: what goes wrong with it is kept with its result, unless the user stopped it. */
static mad_status run_one(mad_app *app, mad_arena *mem, const request *ask, mad_reproduced *result)
{
    const mad_paper *paper = result->paper;
    const mad_arena_mark mark = mad_arena_get_mark(app->ctx->scratch);
    if (result->status != MAD_OK) {
        return MAD_OK;
    }
    const mad_status st = mad_reproduce_paper(app, mem, paper, &ask->options, result);
    if (st == MAD_OK) {
        return MAD_OK;
    }
    mad_arena_release(app->ctx->scratch, mark);
    *result = (mad_reproduced){
        .paper = paper, .status = st, .message = mad_arena_text(mem, app->ctx->message)};
    if (result->message == NULL || st == MAD_E_INTERRUPTED || !ask->goes_on) {
        return st;
    }
    mad_ctx_clear(app->ctx);
    return MAD_OK;
}

static mad_status run_within_budget(mad_app *app, mad_arena *mem, const request *ask, size_t n,
                                    const mad_paper *papers, mad_reproduced *results)
{
    mad_status st = MAD_OK;
    const double start_s = mad_cost_now_s();
    for (size_t i = 0; i < n; i++) {
        const double left_s = ask->budget_s - (mad_cost_now_s() - start_s);
        if (left_s <= 0.0 || papers[i].seconds > left_s) {
            if (!ask->as_json) {
                printf("%s: not run, %.0f s are left of the budget\n", papers[i].name,
                       fmax(left_s, 0.0));
            }
            continue;
        }
        MAD_TRY(run_one(app, mem, ask, &results[i]));
        if (!ask->as_json) {
            mad_reproduce_print(&results[i]);
        }
    }
out:
    return st;
}

/* The last line, and a status that scripts see. */
static mad_status sum_up(mad_ctx *ctx, const request *ask, size_t n, const mad_reproduced *results)
{
    mad_status st = MAD_OK;
    size_t count[3] = {0}, n_left_out = 0, n_run = 0, n_errors = 0;
    for (size_t i = 0; i < n; i++) {
        n_errors += results[i].status != MAD_OK;
        n_left_out += !results[i].is_run && results[i].status == MAD_OK;
        if (results[i].judged != NULL) {
            count[results[i].verdict]++;
            n_run++;
        }
    }
    if (!ask->as_json && !ask->options.smoke && n > 1) {
        printf("%zu PASS, %zu FAIL, %zu INCONCLUSIVE, %zu ERROR, %zu not run\n",
               count[MAD_JUDGED_PASS], count[MAD_JUDGED_FAIL], count[MAD_JUDGED_INCONCLUSIVE],
               n_errors, n_left_out);
    }
    MAD_TRY(check_errors(ctx, n, results));
    st = count[MAD_JUDGED_PASS] == n_run
             ? MAD_OK
             : mad_fail(ctx, MAD_E_FAILED, "%zu of %zu results did not pass",
                        n_run - count[MAD_JUDGED_PASS], n_run);
out:
    return st;
}

static mad_status run_papers(mad_app *app, mad_arena *mem, const request *ask, size_t n,
                             const mad_paper *papers, mad_reproduced *results)
{
    mad_status st = MAD_OK;
    const mad_status ran = run_within_budget(app, mem, ask, n, papers, results);
    if (ask->as_json && (ran == MAD_OK || ran == MAD_E_INTERRUPTED)) {
        MAD_TRY(mad_reproduce_print_json(app->ctx, n, results));
    }
    MAD_TRY(ran);
    MAD_TRY(sum_up(app->ctx, ask, n, results));
out:
    return st;
}

/* ---- the verb ---- */

/* "90", "90s", "30m", "2h" */
static mad_status read_budget(mad_ctx *ctx, request *ask)
{
    char *end = NULL;
    ask->budget_s = (double)INFINITY;
    if (ask->budget == NULL) {
        return MAD_OK;
    }
    const double number = strtod(ask->budget, &end);
    const double unit = strcmp(end, "h") == 0                   ? 3600.0
                        : strcmp(end, "m") == 0                 ? 60.0
                        : *end == '\0' || strcmp(end, "s") == 0 ? 1.0
                                                                : (double)NAN;
    ask->budget_s = number * unit;
    if (end == ask->budget || !(ask->budget_s > 0.0) || isinf(ask->budget_s)) {
        return mad_fail(ctx, MAD_E_USAGE,
                        "reproduce: option '--budget' expects a time such as 90s, 30m or 2h, got "
                        "'%s'",
                        ask->budget);
    }
    return MAD_OK;
}

/* The papers that are asked for, listed or run. */
static mad_status answer(mad_app *app, mad_arena *mem, request *ask, const mad_arguments *args)
{
    mad_status st = MAD_OK;
    size_t n = 0;
    mad_paper *papers = NULL;
    MAD_TRY(load_papers(app, mem, args, &n, &papers));
    mad_reproduced *results = mad_arena_take(mem, n, sizeof *results);
    MAD_TRY(results != NULL ? MAD_OK : mad_fail_memory(app->ctx, "the papers"));
    if (args->n == 0 && !ask->is_list) {
        qsort(papers, n, sizeof *papers, by_seconds);
    }
    for (size_t i = 0; i < n; i++) {
        results[i] = (mad_reproduced){
            .paper = &papers[i], .status = papers[i].status, .message = papers[i].message};
    }
    if (ask->is_list) {
        return list_papers(app, ask, n, papers, results);
    }
    ask->goes_on = ask->is_all || n > 1;
    MAD_TRY(run_papers(app, mem, ask, n, papers, results));
out:
    return st;
}

static mad_status reproduce_verb(mad_app *app, int argc, char **argv)
{
    mad_status st = MAD_OK;
    request ask = {.options.dir = "reproduced"};
    char model_cache[PATH_MAX];
    mad_arguments args;
    const mad_option options[] = {
        {"list", 0, NULL, "what there is, its source and the seconds it took on 2 cores",
         .flag = &ask.is_list},
        {"all", 0, NULL, "everything, quick ones first", .flag = &ask.is_all},
        {"budget", 0, "TIME", "with --all: as many as fit into 90s, 30m or 2h",
         .text = &ask.budget},
        {"out", 'o', "DIR", "folder of the runs (default reproduced); finished ones are kept",
         .text = &ask.options.dir},
        {"smoke", 0, NULL, "run tiny versions, which are not judged", .flag = &ask.options.smoke},
        {"json", 0, NULL, "print JSON", .flag = &ask.as_json},
        MAD_EXECUTE_OPTIONS(ask.options.execute),
        {.name = NULL}};
    const mad_usage usage = {options, 0, SIZE_MAX,
                             "NAME is a file of configs/papers without .yaml, or any file with "
                             "blocks `arms` and `expect`: see docs/reproduce.md."};
    mad_arena *mem = mad_arena_create(1 << 16);
    if (mem == NULL) {
        return mad_fail_memory(app->ctx, "the papers");
    }
    MAD_TRY(mad_options_parse(app, &mad_command_reproduce, argc, argv, &usage, &args));
    if (args.shown_help) {
        goto out;
    }
    MAD_TRY(read_budget(app->ctx, &ask));
    if (ask.options.execute.model_cache == NULL) {
        (void)snprintf(model_cache, sizeof model_cache, "%s/model-cache", ask.options.dir);
        ask.options.execute.model_cache = model_cache;
    }
    MAD_TRY(mad_app_set_threads(app, ask.options.execute.n_threads));
    MAD_TRY(check_request(app->ctx, &ask, &args));
    MAD_TRY(answer(app, mem, &ask, &args));
out:
    mad_arena_destroy(mem);
    return st;
}

const mad_command mad_command_reproduce = {
    .name = "reproduce",
    .arguments = "[NAME ...]",
    .doc = "Run published results and judge them by their pass criteria",
    .run = reproduce_verb,
};

/* sim/cli/reproduce.c: `madloop reproduce`: published results run and judged by their criteria. */
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "analysis/expect/profile.h"
#include "sim/cli/app.h"
#include "sim/cli/cost.h"
#include "sim/cli/papers.h"
#include "sim/cli/verbs.h"
#include "sim/store/json.h"

/* What was asked for. */
typedef struct request {
    int is_list, is_all, as_json, smoke;
    const char *budget;
    double budget_s; /* infinite without one */
    const char *dir;
    mad_execute_options execute;
} request;

/* What came out of one paper. */
typedef struct outcome {
    const mad_paper *paper;
    mad_judgement *judged; /* [n_criteria] */
    mad_judged verdict;    /* the worst of them */
    double seconds;
    int is_run; /* 0: left out by the budget */
} outcome;

/* ---- running ------------------------------------------------------------------------------- */

static mad_status run_arm(mad_app *app, mad_arena *mem, const mad_paper *paper, size_t i_arm,
                          const request *ask, const char **folder)
{
    mad_status st = MAD_OK;
    mad_config config;
    mad_folder look;
    char parent[PATH_MAX];
    (void)snprintf(parent, sizeof parent, "%s/%s", ask->dir, paper->name);
    MAD_TRY(mad_paper_arm(app, mem, paper, i_arm, ask->smoke, &config));
    MAD_TRY(mad_folder_make(app->ctx, parent));
    *folder = mad_folder_name(mem, parent, &config);
    if (*folder == NULL) {
        return mad_fail_memory(app->ctx, "an arm");
    }
    MAD_TRY(mad_folder_look(app->ctx, *folder, &look));
    if (look.state == MAD_FOLDER_NONE) {
        MAD_TRY(mad_execute_new(app, mem, *folder, &config, 0, &ask->execute));
    } else {
        MAD_TRY(mad_execute(app, *folder, *folder, &ask->execute));
    }
out:
    return st;
}

/* Verdicts of the arms' runs, when a criterion speaks of them. */
static mad_status add_profiles(mad_app *app, mad_arena *mem, const mad_paper *paper,
                               mad_expect_arm *arms)
{
    mad_status st = MAD_OK;
    int is_asked = 0;
    for (size_t i = 0; i < paper->n_criteria; i++) {
        is_asked |= strstr(paper->config.expect.note[i].texts[0], "profile.") != NULL;
    }
    if (!is_asked) {
        return MAD_OK;
    }
    const mad_run **runs = mad_arena_take(mem, paper->n_arms, sizeof *runs);
    mad_profile *profiles = mad_arena_take(mem, paper->n_arms, sizeof *profiles);
    if (runs == NULL || profiles == NULL) {
        return mad_fail_memory(app->ctx, paper->name);
    }
    for (size_t i = 0; i < paper->n_arms; i++) {
        runs[i] = arms[i].run;
        arms[i].profile = &profiles[i];
    }
    MAD_TRY(
        mad_profile_make(app->ctx, mem, paper->n_arms, runs, &mad_thresholds_default, profiles));
out:
    return st;
}

static mad_judged worse(mad_judged a, mad_judged b)
{
    return a == MAD_JUDGED_FAIL || b == MAD_JUDGED_PASS ? a : b;
}

static mad_status judge(mad_app *app, mad_arena *mem, const mad_paper *paper,
                        const char *const *folders, outcome *out)
{
    mad_status st = MAD_OK;
    mad_expect_arm *arms = mad_arena_take(mem, paper->n_arms, sizeof *arms);
    out->judged = mad_arena_take(mem, paper->n_criteria, sizeof *out->judged);
    if (arms == NULL || out->judged == NULL) {
        return mad_fail_memory(app->ctx, paper->name);
    }
    for (size_t i = 0; i < paper->n_arms; i++) {
        mad_run *run = mad_arena_take(mem, 1, sizeof *run);
        MAD_TRY(run != NULL ? MAD_OK : mad_fail_memory(app->ctx, paper->name));
        MAD_TRY(mad_run_read(app->ctx, mem, folders[i], run));
        MAD_TRY(mad_run_join_loops(app->ctx, mem, run));
        arms[i] = (mad_expect_arm){.name = paper->arm[i], .run = run};
    }
    MAD_TRY(add_profiles(app, mem, paper, arms));
    out->verdict = MAD_JUDGED_PASS;
    for (size_t i = 0; i < paper->n_criteria; i++) {
        const mad_note *note = &paper->config.expect.note[i];
        st = mad_criterion_judge(app->ctx, paper->criterion[i], arms, &out->judged[i]);
        if (st != MAD_OK) {
            st = mad_fail_while(app->ctx, st, "%s: expect.%s", note->place, note->name);
            goto out;
        }
        out->verdict = worse(out->judged[i].verdict, out->verdict);
    }
out:
    return st;
}

/* Runs every arm of a paper and judges it; what is read for that is not kept. */
static mad_status reproduce(mad_app *app, mad_arena *mem, const mad_paper *paper,
                            const request *ask, outcome *out)
{
    mad_status st = MAD_OK;
    const double start_s = mad_cost_now_s();
    const char **folders = mad_arena_take(mem, paper->n_arms, sizeof *folders);
    if (folders == NULL) {
        return mad_fail_memory(app->ctx, paper->name);
    }
    *out = (outcome){.paper = paper, .is_run = 1};
    for (size_t i = 0; i < paper->n_arms; i++) {
        MAD_TRY(run_arm(app, mem, paper, i, ask, &folders[i]));
    }
    if (!ask->smoke) {
        MAD_TRY(judge(app, mem, paper, folders, out));
    }
    out->seconds = mad_cost_now_s() - start_s;
out:
    return st;
}

/* ---- what is printed ----------------------------------------------------------------------- */

static void print_criterion(const mad_note *note, const mad_judgement *j)
{
    char at[48] = "";
    if (j->generation > 0) {
        (void)snprintf(at, sizeof at, " (generation %zu)", j->generation);
    }
    printf("  %-12s %-24s %s\n", mad_judged_word(j->verdict), note->name, note->texts[0]);
    printf("  %-12s measured %.6g, expected %.6g, difference %.3g +- %.2g%s%s%s\n", "", j->measured,
           j->expected, j->measured - j->expected, j->std_error, at, j->why[0] != '\0' ? ": " : "",
           j->why);
}

static void print_outcome(const outcome *o)
{
    const mad_paper *p = o->paper;
    printf("%s: %s\n", p->name, p->source);
    if (p->shape[0] != '\0') {
        printf("  %s\n", p->shape);
    }
    for (size_t i = 0; o->judged != NULL && i < p->n_criteria; i++) {
        print_criterion(&p->config.expect.note[i], &o->judged[i]);
    }
    if (o->judged != NULL && o->verdict != MAD_JUDGED_PASS && p->found[0] != '\0') {
        printf("  found: %s\n", p->found);
    }
    printf("%s: %s, %zu run%s, %.1f s\n\n", p->name,
           o->judged != NULL ? mad_judged_word(o->verdict) : "ran", p->n_arms,
           p->n_arms == 1 ? "" : "s", o->seconds);
    fflush(stdout);
}

static json_t *json_notes(const mad_paper *p)
{
    json_t *out = json_object();
    for (size_t i = 0; i < p->config.paper.n; i++) {
        const mad_note *note = &p->config.paper.note[i];
        (void)mad_json_put(out, note->name, mad_json_text(note->texts[0]));
    }
    return out;
}

static json_t *json_criterion(const mad_note *note, const mad_judgement *j)
{
    json_t *out = json_pack("{s:o, s:o}", "name", mad_json_text(note->name), "criterion",
                            mad_json_text(note->texts[0]));
    if (j != NULL) {
        json_t *judged = json_pack(
            "{s:s, s:I, s:o, s:o, s:o, s:o, s:o}", "verdict", mad_judged_word(j->verdict),
            "generation", (json_int_t)j->generation, "measured", mad_json_number(j->measured),
            "expected", mad_json_number(j->expected), "std_error", mad_json_number(j->std_error),
            "score", mad_json_number(j->score), "why", mad_json_text(j->why));
        (void)json_object_update(out, judged);
        json_decref(judged);
    }
    return out;
}

static json_t *json_outcome(const outcome *o)
{
    json_t *criteria = json_array();
    for (size_t i = 0; i < o->paper->n_criteria; i++) {
        (void)json_array_append_new(criteria,
                                    json_criterion(&o->paper->config.expect.note[i],
                                                   o->judged != NULL ? &o->judged[i] : NULL));
    }
    return json_pack("{s:o, s:o, s:s, s:f, s:o}", "name", mad_json_text(o->paper->name), "paper",
                     json_notes(o->paper), "verdict",
                     !o->is_run          ? "not run"
                     : o->judged == NULL ? "ran"
                                         : mad_judged_word(o->verdict),
                     "seconds", o->seconds, "criteria", criteria);
}

static mad_status print_json(mad_ctx *ctx, size_t n, const outcome *outcomes)
{
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++) {
        (void)json_array_append_new(list, json_outcome(&outcomes[i]));
    }
    char *text = json_dumps(list, JSON_INDENT(2));
    json_decref(list);
    if (text == NULL) {
        return mad_fail_memory(ctx, "JSON");
    }
    printf("%s\n", text);
    free(text);
    return MAD_OK;
}

static void print_list(size_t n, const mad_paper *papers)
{
    printf("%-4s %-28s %9s  %s\n", "row", "name", "seconds", "source");
    for (size_t i = 0; i < n; i++) {
        const mad_paper *p = &papers[i];
        char row[16] = "", seconds[16] = "";
        if (!isnan(p->row)) {
            (void)snprintf(row, sizeof row, "%g", p->row);
        }
        if (!isnan(p->seconds)) {
            (void)snprintf(seconds, sizeof seconds, "%.3g", p->seconds);
        }
        printf("%-4s %-28s %9s  %s%s%s\n", row, p->name, seconds, p->loop,
               p->loop[0] != '\0' ? ": " : "", p->source);
    }
}

/* ---- verb ---------------------------------------------------------------------------------- */

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

/* A name with a '/' or ".yaml" is a file; else it is one of the folder. */
static mad_status load_named(mad_app *app, mad_arena *mem, const char *name, mad_paper *out)
{
    mad_status st = MAD_OK;
    const char *folder = NULL;
    char path[PATH_MAX];
    size_t n = 0;
    mad_paper *all = NULL;
    if (strchr(name, '/') != NULL || strstr(name, ".yaml") != NULL) {
        return mad_paper_load(app, mem, name, out);
    }
    MAD_TRY(mad_papers_folder(app->ctx, mem, &folder));
    if (snprintf(path, sizeof path, "%s/%s.yaml", folder, name) < (int)sizeof path &&
        access(path, R_OK) == 0) {
        return mad_paper_load(app, mem, path, out);
    }
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

/* Those that are named, or all of the folder. */
static mad_status choose(mad_app *app, mad_arena *mem, const request *ask,
                         const mad_arguments *args, size_t *n, mad_paper **out)
{
    mad_status st = MAD_OK;
    const char *folder = NULL;
    if (ask->is_all && args->n > 0) {
        return mad_fail(app->ctx, MAD_E_USAGE, "reproduce: --all takes no names, got '%s'",
                        args->text[0]);
    }
    if (ask->budget != NULL && !ask->is_all) {
        return mad_fail(app->ctx, MAD_E_USAGE, "reproduce: --budget goes with --all");
    }
    if (args->n == 0 && !ask->is_all && !ask->is_list) {
        return mad_fail(app->ctx, MAD_E_USAGE, "reproduce: name a result, or give --all or --list");
    }
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

static int by_seconds(const void *a, const void *b)
{
    const mad_paper *p = a, *q = b;
    const double x = isnan(p->seconds) ? (double)INFINITY : p->seconds;
    const double y = isnan(q->seconds) ? (double)INFINITY : q->seconds;
    return (x > y) - (x < y);
}

static mad_status run_all(mad_app *app, mad_arena *mem, const request *ask, size_t n,
                          const mad_paper *papers, outcome *outcomes)
{
    mad_status st = MAD_OK;
    const double start_s = mad_cost_now_s();
    for (size_t i = 0; i < n; i++) {
        const double left_s = ask->budget_s - (mad_cost_now_s() - start_s);
        outcomes[i] = (outcome){.paper = &papers[i]};
        if (left_s <= 0.0 || papers[i].seconds > left_s) {
            if (!ask->as_json) {
                printf("%s: not run, %.0f s are left of the budget\n", papers[i].name,
                       fmax(left_s, 0.0));
            }
            continue;
        }
        MAD_TRY(reproduce(app, mem, &papers[i], ask, &outcomes[i]));
        if (!ask->as_json) {
            print_outcome(&outcomes[i]);
        }
    }
out:
    return st;
}

/* The last line, and a status that scripts see. */
static mad_status sum_up(mad_ctx *ctx, const request *ask, size_t n, const outcome *outcomes)
{
    size_t count[3] = {0}, n_left_out = 0, n_run = 0;
    for (size_t i = 0; i < n; i++) {
        n_left_out += !outcomes[i].is_run;
        if (outcomes[i].judged != NULL) {
            count[outcomes[i].verdict]++;
            n_run++;
        }
    }
    if (!ask->as_json && !ask->smoke && n > 1) {
        printf("%zu PASS, %zu FAIL, %zu INCONCLUSIVE, %zu not run\n", count[MAD_JUDGED_PASS],
               count[MAD_JUDGED_FAIL], count[MAD_JUDGED_INCONCLUSIVE], n_left_out);
    }
    return count[MAD_JUDGED_PASS] == n_run
               ? MAD_OK
               : mad_fail(ctx, MAD_E_FAILED, "%zu of %zu results did not pass",
                          n_run - count[MAD_JUDGED_PASS], n_run);
}

static mad_status reproduce_verb(mad_app *app, int argc, char **argv)
{
    mad_status st = MAD_OK;
    request ask = {.dir = "reproduced"};
    char model_cache[PATH_MAX];
    size_t n = 0;
    mad_paper *papers = NULL;
    mad_arguments args;
    const mad_option options[] = {
        {"list", 0, NULL, "what there is, its source and the seconds it took on 2 cores",
         .flag = &ask.is_list},
        {"all", 0, NULL, "everything, quick ones first", .flag = &ask.is_all},
        {"budget", 0, "TIME", "with --all: as many as fit into 90s, 30m or 2h",
         .text = &ask.budget},
        {"out", 'o', "DIR", "folder of the runs (default reproduced); finished ones are kept",
         .text = &ask.dir},
        {"smoke", 0, NULL, "run tiny versions, which are not judged", .flag = &ask.smoke},
        {"json", 0, NULL, "print JSON", .flag = &ask.as_json},
        MAD_EXECUTE_OPTIONS(ask.execute),
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
    if (ask.execute.model_cache == NULL) {
        (void)snprintf(model_cache, sizeof model_cache, "%s/model-cache", ask.dir);
        ask.execute.model_cache = model_cache;
    }
    MAD_TRY(mad_app_set_threads(app, ask.execute.n_threads));
    MAD_TRY(choose(app, mem, &ask, &args, &n, &papers));
    outcome *outcomes = mad_arena_take(mem, n, sizeof *outcomes);
    MAD_TRY(outcomes != NULL ? MAD_OK : mad_fail_memory(app->ctx, "the papers"));
    if (ask.is_list) {
        for (size_t i = 0; i < n; i++) {
            outcomes[i] = (outcome){.paper = &papers[i]};
        }
        if (ask.as_json) {
            st = print_json(app->ctx, n, outcomes);
        } else {
            print_list(n, papers);
        }
        goto out;
    }
    if (args.n == 0) {
        qsort(papers, n, sizeof *papers, by_seconds);
    }
    MAD_TRY(run_all(app, mem, &ask, n, papers, outcomes));
    if (ask.as_json) {
        MAD_TRY(print_json(app->ctx, n, outcomes));
    }
    MAD_TRY(sum_up(app->ctx, &ask, n, outcomes));
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

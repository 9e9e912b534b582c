/* sim/cli/map.c: `madloop map`: the boundary of a criterion in a plane of two keys. */
#include "sim/cli/map.h"

#include <limits.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "sim/cli/app.h"
#include "sim/cli/map_report.h"
#include "sim/cli/path.h"
#include "sim/cli/plan.h"
#include "sim/cli/print_json.h"
#include "sim/cli/verbs.h"
#include "sim/iface/text.h"

/* ---- what is asked ------------------------------------------------------------------------- */

/* "x=KEY=VALUES": numbers that ascend. */
static mad_status read_axis(mad_ctx *ctx, mad_arena *mem, const char *word, mad_axis *out)
{
    mad_status st = MAD_OK;
    double before = -(double)INFINITY, now;
    MAD_TRY(mad_axis_parse(ctx, mem, word + 2, out));
    for (size_t i = 0; i < out->n_texts; i++) {
        if (!mad_number_parse(out->texts[i], &now)) {
            return mad_fail(ctx, MAD_E_USAGE, "map: '%s': '%s' is no number: a map takes numbers",
                            word, out->texts[i]);
        }
        if (!(now > before)) {
            return mad_fail(ctx, MAD_E_USAGE, "map: '%s': values must ascend, %s does not", word,
                            out->texts[i]);
        }
        before = now;
    }
    if (out->n_texts < 2) {
        st = mad_fail(ctx, MAD_E_USAGE, "map: '%s': at least two values make an axis", word);
    }
out:
    return st;
}

static mad_status read_words(mad_ctx *ctx, mad_arena *mem, const mad_arguments *args,
                             mad_map_question *q)
{
    mad_status st = MAD_OK;
    q->path = args->text[0];
    q->overrides = mad_arena_take(mem, args->n, sizeof *q->overrides);
    if (q->overrides == NULL) {
        return mad_fail_memory(ctx, "a map");
    }
    for (size_t i = 1; i < args->n; i++) {
        const char *word = args->text[i];
        if (strncmp(word, "x=", 2) == 0) {
            MAD_TRY(read_axis(ctx, mem, word, &q->x));
        } else if (strncmp(word, "y=", 2) == 0) {
            MAD_TRY(read_axis(ctx, mem, word, &q->y));
        } else {
            q->overrides[q->n_overrides++] = args->text[i];
        }
    }
    if (q->x.n_texts == 0 || q->y.n_texts == 0) {
        return mad_fail(ctx, MAD_E_USAGE,
                        "map: expected x=KEY=VALUES and y=KEY=VALUES, for example "
                        "x=bias.strength=range(0.5,1,0.1) y=loop.n_synthetic=logint(10,10000,8)");
    }
    if (strcmp(q->x.key, "seed") == 0 || strcmp(q->y.key, "seed") == 0) {
        return mad_fail(ctx, MAD_E_USAGE, "map: looks at a point have seeds of their own");
    }
    if (strcmp(q->x.key, q->y.key) == 0) {
        return mad_fail(ctx, MAD_E_USAGE, "map: x and y are the same key '%s'", q->x.key);
    }
out:
    return st;
}

static mad_status read_criterion(mad_ctx *ctx, mad_arena *mem, mad_map_question *q)
{
    static const char *const alone[] = {""};
    if (q->text == NULL) {
        return mad_fail(ctx, MAD_E_USAGE,
                        "map: expected --boundary, for example --boundary 'recall@last > 0.5'");
    }
    const char *less = strchr(q->text, '<'), *more = strchr(q->text, '>');
    if ((less == NULL) == (more == NULL) || strncmp(q->text, "each", 4) == 0) {
        return mad_fail(ctx, MAD_E_USAGE,
                        "map: --boundary '%s': expected an expression, < or >, and another",
                        q->text);
    }
    q->holds_below = less != NULL;
    return mad_criterion_parse(ctx, mem, q->text, 1, alone, &q->criterion);
}

/* What is wrong with the configuration or the criterion costs no run. */
static mad_status check(mad_app *app, mad_arena *mem, mad_map_question *q, const char *dir)
{
    mad_status st = MAD_OK;
    char path[PATH_MAX];
    mad_config config;
    mad_experiment *experiment = NULL;
    mad_run run;
    char **word = mad_arena_take(mem, q->n_overrides + 2, sizeof *word);
    if (word == NULL) {
        return mad_fail_memory(app->ctx, "a map");
    }
    memcpy(word, q->overrides, q->n_overrides * sizeof *word);
    const mad_axis *const axis[] = {&q->x, &q->y};
    for (size_t i = 0; i < 2; i++) {
        const size_t n = strlen(axis[i]->key) + strlen(axis[i]->texts[0]) + 2;
        word[q->n_overrides + i] = mad_arena_take(mem, n, 1);
        if (word[q->n_overrides + i] == NULL) {
            return mad_fail_memory(app->ctx, "a map");
        }
        (void)snprintf(word[q->n_overrides + i], n, "%s=%s", axis[i]->key, axis[i]->texts[0]);
    }
    MAD_TRY(mad_load_config(app, mem, q->path, q->n_overrides + 2, word, q->smoke, &config));
    if (config.n_axes > 0) {
        return mad_fail(app->ctx, MAD_E_USAGE,
                        "map: the file sweeps '%s' too: give it a value, as in %s=%s",
                        config.axes[0].key, config.axes[0].key, config.axes[0].texts[0]);
    }
    MAD_TRY(mad_experiment_create(app->ctx, mem, &config, app->registry, &experiment));
    MAD_TRY(mad_plan_run(app->ctx, mem, experiment, &run));
    const mad_expect_arm arm = {.name = "", .run = &run};
    MAD_TRY(mad_criterion_check(app->ctx, q->criterion, &arm));
    if (run.n_replicates < 2) {
        return mad_fail(app->ctx, MAD_E_UNSUPPORTED,
                        "map: at least 2 replicates tell what is noise");
    }
    (void)snprintf(path, sizeof path, "runs/%s-map", mad_get_text(&config.root, "name"));
    q->dir = dir != NULL ? dir : mad_arena_text(mem, path);
    if (q->dir == NULL) {
        st = mad_fail_memory(app->ctx, "a map");
    }
out:
    return st;
}

/* ---- verb ---------------------------------------------------------------------------------- */

static mad_status map_verb(mad_app *app, int argc, char **argv)
{
    mad_status st = MAD_OK;
    mad_map_question q = {.alpha = 0.05, .max_looks = 3};
    mad_sweep_options o = {.n_jobs = 0};
    const char *dir = NULL;
    int as_json = 0;
    mad_map map;
    const mad_option options[] = {
        {"boundary", 'b', "CRITERION", "what holds on one side: 'recall@last > 0.5'",
         .text = &q.text},
        {"alpha", 0, "P", "chance of a wrong decision at a point (default 0.05)", .real = &q.alpha,
         .min = 1e-9, .max = 0.5},
        {"looks", 0, "N", "runs at a point at most, each with the next seed (default 3)",
         .count = &q.max_looks, .min = 1, .max = 1000},
        {"out", 'o', "DIR", "folder of the runs (default runs/NAME-map)", .text = &dir},
        {"smoke", 0, NULL, "run tiny versions", .flag = &q.smoke},
        {"json", 0, NULL, "print JSON", .flag = &as_json},
        MAD_JOBS_OPTION(o.n_jobs),
        MAD_EXECUTE_OPTIONS(o.execute),
        {.name = NULL}};
    const mad_usage usage = {
        options, 1, SIZE_MAX,
        "x=KEY=VALUES and y=KEY=VALUES span the plane; the criterion is one of "
        "`expect:` (docs/reproduce.md). It is held to cease once along y. What "
        "was run before is not run again. See docs/sweeps.md."};
    mad_arguments args;
    mad_arena *mem = mad_arena_create(1 << 16);
    if (mem == NULL) {
        return mad_fail_memory(app->ctx, "a map");
    }
    MAD_TRY(mad_options_parse(app, &mad_command_map, argc, argv, &usage, &args));
    if (args.shown_help) {
        goto out;
    }
    MAD_TRY(mad_app_set_threads(app, o.execute.n_threads));
    MAD_TRY(read_words(app->ctx, mem, &args, &q));
    MAD_TRY(read_criterion(app->ctx, mem, &q));
    MAD_TRY(check(app, mem, &q, dir));
    MAD_TRY(mad_map_trace(app, mem, &q, &o, &map));
    MAD_TRY(mad_map_closed_form(app, &q, &map));
    if (as_json) {
        MAD_TRY(mad_print_json(app->ctx, mad_map_json(&q, &map)));
    } else {
        mad_map_print(&q, &map);
    }
    MAD_TRY(mad_map_draw(app->ctx, mem, &q, &map));
    if (map.n_failed > 0) {
        st = mad_fail(app->ctx, MAD_E_FAILED, "%zu of %zu runs failed (named above)", map.n_failed,
                      map.n_runs);
    }
out:
    mad_arena_destroy(mem);
    return st;
}

const mad_command mad_command_map = {
    .name = "map",
    .arguments = "CONFIG x=KEY=VALUES y=KEY=VALUES --boundary CRITERION [key=value ...]",
    .doc = "Trace where a criterion ceases to hold in a plane of two keys, in few runs",
    .run = map_verb,
};

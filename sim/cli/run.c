/* sim/cli/run.c: `madloop run` and `madloop resume`. */
#include "sim/cli/verbs.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "sim/cli/app.h"
#include "sim/cli/execute.h"
#include "sim/engine/engine.h"

/* ---- dry run ------------------------------------------------------------------------------- */

typedef struct cost {
    const mad_run_layout *layout;
    double seconds; /* last generation seen, one replicate */
} cost;

static void add_cost(void *arg, size_t begin, size_t n_gens, const double *const *data)
{
    cost *c = arg;
    (void)begin;
    c->seconds = 0.0;
    for (size_t i = 0; i < c->layout->n_series; i++) {
        const mad_series *series = &c->layout->series[i];
        const size_t n = strlen(series->name);
        if (strcmp(series->group, "cost") == 0 && n > 2 &&
            strcmp(series->name + n - 2, "_s") == 0) {
            c->seconds += data[i][n_gens - 1];
        }
    }
}

static double result_bytes(const mad_run_layout *layout)
{
    const double bytes_of_a_dataset = 2500.0; /* header, attributes, scales */
    double n_cells = 0.0;
    for (size_t i = 0; i < layout->n_series; i++) {
        n_cells += (double)layout->series[i].width;
    }
    return n_cells * (double)layout->n_replicates * (double)layout->n_generations * sizeof(double) +
           bytes_of_a_dataset * (double)(layout->n_series + layout->n_vectors);
}

static mad_status training_rows(mad_ctx *ctx, const mad_setting *setting, size_t generation,
                                double *out)
{
    mad_status st = MAD_OK;
    mad_plan plan;
    double n_rows = 0.0;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    MAD_TRY(setting->loop->type->plan(ctx, setting->loop, generation, ctx->scratch, &plan));
    for (size_t i = 0; i < plan.n_blocks; i++) {
        n_rows += (double)plan.blocks[i].n_rows;
    }
    *out = plan.budget > 0 ? fmin(n_rows, (double)plan.budget) : n_rows;
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

/* What the probe's last generation took, for all generations: in proportion to their rows. */
static mad_status scale_cost(mad_ctx *ctx, const mad_setting *setting, size_t n_probe,
                             double *seconds)
{
    mad_status st = MAD_OK;
    double n_all = 0.0, n_probed = 1.0;
    for (size_t t = 1; t <= setting->n_generations; t++) {
        double n_rows = 0.0;
        MAD_TRY(training_rows(ctx, setting, t, &n_rows));
        n_all += n_rows;
        n_probed = t == n_probe ? n_rows : n_probed;
    }
    *seconds *= n_all / n_probed * (double)setting->n_replicates;
out:
    return st;
}

/* Runs up to two generations of one replicate in memory and scales what they took. */
static mad_status dry_run(mad_app *app, mad_arena *mem, const char *path, size_t n_overrides,
                          char **overrides, int smoke)
{
    mad_ctx *ctx = app->ctx;
    mad_status st = MAD_OK;
    mad_config config, probe_config;
    mad_experiment *experiment = NULL, *probe = NULL;
    char **more = mad_arena_take(mem, n_overrides + 2, sizeof *more);
    MAD_TRY(mad_load_config(app, mem, path, n_overrides, overrides, smoke, &config));
    MAD_TRY(mad_experiment_create(ctx, mem, &config, app->registry, &experiment));
    if (more == NULL) {
        return mad_fail_memory(ctx, "overrides");
    }
    const mad_setting *setting = mad_experiment_setting(experiment);
    const size_t n_probe = setting->n_generations < 2 ? 1 : 2;
    memcpy(more, overrides, n_overrides * sizeof *more);
    more[n_overrides] = mad_arena_text(mem, "replicates=1");
    more[n_overrides + 1] = mad_arena_text(mem, n_probe == 1 ? "generations=1" : "generations=2");
    MAD_TRY(mad_load_config(app, mem, path, n_overrides + 2, more, smoke, &probe_config));
    MAD_TRY(mad_experiment_create(ctx, mem, &probe_config, app->registry, &probe));
    cost c = {.layout = mad_experiment_layout(probe)};
    const mad_run_options options = {.first_generation = 1, .arg = &c, .commit = add_cost};
    MAD_TRY(mad_engine_run(ctx, probe, &options));
    double seconds = c.seconds;
    MAD_TRY(scale_cost(ctx, setting, n_probe, &seconds));
    printf("%s", config.resolved);
    printf("# estimate from generation %zu of one replicate, which took %.3g s, in proportion to "
           "the training rows: %.3g s of work for all, shared by %zu threads where it can be; "
           "run.h5 about %.3g MB\n",
           n_probe, c.seconds, seconds, ctx->n_workers,
           result_bytes(mad_experiment_layout(experiment)) / 1e6);
    if (config.n_axes > 0) {
        printf("# this is one point of a sweep over %s\n", config.axes[0].key);
    }
out:
    return st;
}

/* ---- run ----------------------------------------------------------------------------------- */

static mad_status run_verb(mad_app *app, int argc, char **argv)
{
    mad_status st = MAD_OK;
    mad_execute_options execute = {0};
    const char *dir = NULL;
    int dry = 0, smoke = 0, force = 0;
    const mad_option options[] = {
        {"out", 'o', "DIR", "folder of the run (default runs/NAME-HASH)", .text = &dir},
        {"dry-run", 0, NULL, "print the resolved configuration and a cost estimate", .flag = &dry},
        {"smoke", 0, NULL, "run a tiny version", .flag = &smoke},
        {"force", 0, NULL, "replace what an earlier run left in the folder", .flag = &force},
        MAD_EXECUTE_OPTIONS(execute),
        {.name = NULL}};
    const mad_usage usage = {options, 1, SIZE_MAX,
                             "A file with a `sweep:` block runs as `madloop sweep` runs it."};
    mad_arguments args;
    mad_config config;
    mad_arena *mem = mad_arena_create(1 << 16);
    if (mem == NULL) {
        return mad_fail_memory(app->ctx, "a run");
    }
    MAD_TRY(mad_options_parse(app, &mad_command_run, argc, argv, &usage, &args));
    if (args.shown_help) {
        goto out;
    }
    MAD_TRY(mad_app_set_threads(app, execute.n_threads));
    MAD_TRY(mad_load_config(app, mem, args.text[0], args.n - 1, args.text + 1, smoke, &config));
    if (dry) {
        MAD_TRY(dry_run(app, mem, args.text[0], args.n - 1, args.text + 1, smoke));
        goto out;
    }
    if (config.n_axes > 0 && force) {
        st = mad_fail(app->ctx, MAD_E_USAGE,
                      "--force replaces one run, but this configuration sweeps '%s'; a sweep skips "
                      "what is done",
                      config.axes[0].key);
        goto out;
    }
    if (config.n_axes > 0) {
        MAD_TRY(mad_sweep(app, mem, &args, dir, smoke, &execute));
        goto out;
    }
    if (dir == NULL) {
        dir = mad_folder_name(mem, "runs", &config);
    }
    if (dir == NULL) {
        st = mad_fail_memory(app->ctx, "a run");
        goto out;
    }
    MAD_TRY(mad_execute_new(app, mem, dir, &config, force, &execute));
    printf("%s\n", dir);
out:
    mad_arena_destroy(mem);
    return st;
}

const mad_command mad_command_run = {
    .name = "run",
    .arguments = "CONFIG [key=value ...]",
    .doc = "Run one experiment: all replicates, all generations",
    .run = run_verb,
};

/* ---- resume -------------------------------------------------------------------------------- */

static mad_status resume_verb(mad_app *app, int argc, char **argv)
{
    mad_status st = MAD_OK;
    mad_execute_options execute = {0};
    const mad_option options[] = {MAD_EXECUTE_OPTIONS(execute), {.name = NULL}};
    const mad_usage usage = {options, 1, 1, NULL};
    mad_arguments args;
    mad_folder look;
    mad_arena *mem = mad_arena_create(1 << 16);
    if (mem == NULL) {
        return mad_fail_memory(app->ctx, "a run");
    }
    MAD_TRY(mad_options_parse(app, &mad_command_resume, argc, argv, &usage, &args));
    if (args.shown_help) {
        goto out;
    }
    MAD_TRY(mad_app_set_threads(app, execute.n_threads));
    MAD_TRY(mad_folder_look(app->ctx, args.text[0], &look));
    if (look.state != MAD_FOLDER_NONE) {
        MAD_TRY(mad_execute(app, args.text[0], args.text[0], &execute));
        printf("%s\n", args.text[0]);
    } else {
        MAD_TRY(mad_execute_all(app, mem, args.text[0], &execute));
    }
out:
    mad_arena_destroy(mem);
    return st;
}

const mad_command mad_command_resume = {
    .name = "resume",
    .arguments = "DIR",
    .doc = "Go on where a run or sweep stopped; the result is that of an undisturbed run",
    .run = resume_verb,
};

/* sim/cli/run.c: `madloop run` and `madloop resume`. */
#include "sim/cli/verbs.h"

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
    double n_cells = 0.0;
    for (size_t i = 0; i < layout->n_series; i++) {
        n_cells += (double)layout->series[i].width;
    }
    return n_cells * (double)layout->n_replicates * (double)layout->n_generations * sizeof(double);
}

/* Runs two generations of one replicate in memory and scales what they took. */
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
    memcpy(more, overrides, n_overrides * sizeof *more);
    more[n_overrides] = mad_arena_text(mem, "replicates=1");
    more[n_overrides + 1] = mad_arena_text(mem, "generations=2");
    MAD_TRY(mad_load_config(app, mem, path, n_overrides + 2, more, smoke, &probe_config));
    MAD_TRY(mad_experiment_create(ctx, mem, &probe_config, app->registry, &probe));
    cost c = {.layout = mad_experiment_layout(probe)};
    const mad_run_options options = {.first_generation = 1, .arg = &c, .commit = add_cost};
    MAD_TRY(mad_engine_run(ctx, probe, &options));
    const mad_run_layout *layout = mad_experiment_layout(experiment);
    const double n_steps = (double)layout->n_replicates * (double)layout->n_generations;
    printf("%s", config.resolved);
    printf("# estimate from generation 2 of one replicate: %.3g s for each of %.0f x %.0f, at most "
           "%.3g s in all with %zu threads; run.h5 about %.3g MB\n",
           c.seconds, (double)layout->n_replicates, (double)layout->n_generations,
           c.seconds * n_steps, ctx->n_workers, result_bytes(layout) / 1e6);
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

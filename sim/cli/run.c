/* sim/cli/run.c: `madloop run` and `madloop resume`. */
#include "sim/cli/verbs.h"

#include <stdint.h>
#include <stdio.h>

#include "sim/cli/app.h"
#include "sim/cli/cost.h"
#include "sim/cli/sweep.h"
#include "sim/engine/engine.h"

/* ---- dry run ------------------------------------------------------------------------------- */

static mad_status dry_run(mad_app *app, mad_arena *mem, const mad_config *config, double start_s)
{
    mad_status st = MAD_OK;
    mad_experiment *experiment = NULL;
    mad_forecast forecast;
    MAD_TRY(mad_experiment_create(app->ctx, mem, config, app->registry, &experiment));
    const double setup_s = mad_cost_now_s() - start_s;
    MAD_TRY(mad_cost_probe(app, mem, experiment, MAD_PROBE_SECONDS, &forecast));
    printf("%s", config->resolved);
    mad_cost_print("# ", app, experiment, setup_s, &forecast);
    if (config->n_axes > 0) {
        printf("# this is one point of a sweep over %s\n", config->axes[0].key);
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
    const double start_s = mad_cost_now_s();
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
        MAD_TRY(dry_run(app, mem, &config, start_s));
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
        const mad_sweep_options all = {.smoke = smoke, .execute = execute};
        MAD_TRY(mad_sweep(app, mem, &args, dir, &all));
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
    mad_sweep_options o = {.n_jobs = 0};
    const mad_option options[] = {
        MAD_JOBS_OPTION(o.n_jobs), MAD_EXECUTE_OPTIONS(o.execute), {.name = NULL}};
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
    MAD_TRY(mad_app_set_threads(app, o.execute.n_threads));
    MAD_TRY(mad_folder_look(app->ctx, args.text[0], &look));
    if (look.state != MAD_FOLDER_NONE) {
        MAD_TRY(mad_execute(app, args.text[0], args.text[0], &o.execute));
        printf("%s\n", args.text[0]);
    } else {
        MAD_TRY(mad_sweep_resume(app, mem, args.text[0], &o));
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

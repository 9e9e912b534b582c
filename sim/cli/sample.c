/* sim/cli/sample.c: `madloop sample`: rows drawn from the model of a stored generation. */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/cli/app.h"
#include "sim/cli/picture_files.h"
#include "sim/cli/sheet.h"
#include "sim/cli/verbs.h"
#include "sim/engine/engine.h"
#include "sim/store/rows.h"

enum { LARGEST_CLASS = 65535 };

/* What may change between a run and what is drawn from it: none of it touches the weights. */
static const char *const free_keys[] = {"model.sampler", "model.guide", "model.schedule",
                                        "model.labels"};
#define FREE_KEYS "model.sampler.*, model.guide.*, model.schedule.*, model.labels"

typedef struct options {
    const char *path, *label;
    size_t generation, replicate, n_rows, n_threads;
    size_t seed; /* SIZE_MAX: the run's */
    int force;
} options;

/* Where the rows go. */
typedef struct output {
    int is_sheet, is_folder, has_labels_file;
    mad_rows_format format;
    mad_publish data, labels;
    const char *labels_path;
} output;

static mad_status parse_label(mad_ctx *ctx, const char *text, int32_t *out)
{
    char *end = NULL;
    *out = MAD_CLASS_BY_MODEL;
    if (text == NULL) {
        return MAD_OK;
    }
    if (strcmp(text, "all") == 0) {
        *out = MAD_CLASS_EVERY;
        return MAD_OK;
    }
    const long number = strtol(text, &end, 10);
    if (end == text || *end != '\0' || number < 0 || number > LARGEST_CLASS) {
        return mad_fail(ctx, MAD_E_USAGE,
                        "sample: option '--class' expects a class from 0 on or all, got '%s'",
                        text);
    }
    *out = (int32_t)number;
    return MAD_OK;
}

/* ---- the configuration ----------------------------------------------------------------------- */

/* The configuration the run began with, and no other. */
static mad_status check_run(mad_ctx *ctx, mad_arena *mem, const char *dir, const mad_config *config)
{
    mad_status st = MAD_OK;
    mad_run run;
    char hash[17];
    MAD_TRY(mad_run_read_part(ctx, mem, dir, "", &run));
    const char *then = mad_attribute_text(run.n_attributes, run.attributes, "config_hash");
    snprintf(hash, sizeof hash, "%016" PRIx64, config->hash);
    if (then == NULL || strcmp(then, hash) != 0) {
        st = mad_fail(ctx, MAD_E_CONFIG,
                      "%s: config.yaml is not what this run began with (config_hash %s, then %s)",
                      dir, hash, then != NULL ? then : "none");
    }
out:
    return st;
}

static int is_free(const char *override)
{
    for (size_t i = 0; i < sizeof free_keys / sizeof *free_keys; i++) {
        const size_t n = strlen(free_keys[i]);
        if (strncmp(override, free_keys[i], n) == 0 && (override[n] == '.' || override[n] == '=')) {
            return 1;
        }
    }
    return 0;
}

/* A key that is not free, with what it would do to the model where that can be said. */
static mad_status refuse_key(mad_app *app, mad_arena *mem, const mad_config *config,
                             const mad_experiment *changed, const char *override)
{
    mad_status st = MAD_OK;
    mad_experiment *stored = NULL;
    MAD_TRY(mad_experiment_create(app->ctx, mem, config, app->registry, &stored));
    const size_t now = mad_experiment_state_count(changed);
    const size_t then = mad_experiment_state_count(stored);
    if (now != then) {
        return mad_fail(app->ctx, MAD_E_CONFIG,
                        "override '%s': the run left a checkpoint of another architecture: its "
                        "model has %zu numbers, this one would have %zu",
                        override, then, now);
    }
    st = mad_fail(app->ctx, MAD_E_CONFIG,
                  "override '%s': a stored model is drawn from as it was trained; keys that may "
                  "change: " FREE_KEYS,
                  override);
out:
    return st;
}

static mad_status make_experiment(mad_app *app, mad_arena *mem, const char *dir, size_t n_overrides,
                                  const char *const *overrides, mad_experiment **out)
{
    mad_ctx *ctx = app->ctx;
    mad_status st = MAD_OK;
    mad_config *config = mad_arena_take(mem, 2, sizeof *config);
    if (config == NULL) {
        return mad_fail_memory(ctx, "a configuration");
    }
    MAD_TRY(mad_folder_config(ctx, mem, dir, 0, NULL, app->registry, &config[0]));
    MAD_TRY(check_run(ctx, mem, dir, &config[0]));
    MAD_TRY(mad_folder_config(ctx, mem, dir, n_overrides, overrides, app->registry, &config[1]));
    MAD_TRY(mad_experiment_create(ctx, mem, &config[1], app->registry, out));
    for (size_t i = 0; i < n_overrides; i++) {
        if (!is_free(overrides[i])) {
            MAD_TRY(refuse_key(app, mem, &config[0], *out, overrides[i]));
        }
    }
out:
    return st;
}

/* ---- the file -------------------------------------------------------------------------------- */

static mad_status claim_output(mad_ctx *ctx, mad_arena *mem, const options *o,
                               const mad_experiment *experiment, output *out)
{
    mad_status st = MAD_OK;
    const char *dot = strrchr(o->path, '.');
    const mad_world_info *world = &mad_experiment_setting(experiment)->world->info;
    const size_t n = strlen(o->path);
    if (n > 1 && o->path[n - 1] == '/') {
        out->is_folder = 1;
        MAD_TRY(mad_sheet_check(ctx, world));
        return mad_picture_files_claim(ctx, mem, o->path, &out->data);
    }
    out->is_sheet = dot != NULL && strcmp(dot, ".png") == 0;
    if (!out->is_sheet && !mad_rows_format_of(o->path, &out->format)) {
        return mad_fail(ctx, MAD_E_USAGE,
                        "sample: the name of '%s' must end with one of " MAD_ROWS_FORMATS
                        ", .png, or with / for a folder of pictures",
                        o->path);
    }
    MAD_TRY(mad_publish_claim(ctx, o->path, o->force, &out->data));
    if (out->is_sheet) {
        MAD_TRY(mad_sheet_check(ctx, world));
    } else if (mad_experiment_has_labels(experiment)) {
        out->labels_path = mad_rows_labels_path(mem, o->path, out->format);
        out->has_labels_file = out->labels_path != NULL;
    }
    if (out->has_labels_file) {
        MAD_TRY(mad_publish_claim(ctx, out->labels_path, o->force, &out->labels));
    }
out:
    return st;
}

static mad_status write_output(mad_ctx *ctx, const mad_experiment *experiment, const mad_set *rows,
                               const output *out)
{
    mad_status st = MAD_OK;
    const mad_world_info *world = &mad_experiment_setting(experiment)->world->info;
    if (out->is_folder) {
        return mad_picture_files_write(ctx, world, rows, &out->data);
    }
    if (out->is_sheet) {
        MAD_TRY(mad_sheet_write(ctx, world, rows, &out->data));
    } else {
        MAD_TRY(mad_rows_write(ctx, out->format, &out->data, &out->labels, rows));
    }
    if (out->has_labels_file) { /* first: rows that are there have their labels beside them */
        MAD_TRY(mad_publish_commit(ctx, &out->labels));
    }
    MAD_TRY(mad_publish_commit(ctx, &out->data));
out:
    if (st != MAD_OK) {
        mad_publish_abandon(&out->data);
        if (out->has_labels_file) {
            mad_publish_abandon(&out->labels);
        }
    }
    return st;
}

/* ---- the verb -------------------------------------------------------------------------------- */

static mad_status sample(mad_app *app, mad_arena *mem, const options *o, const mad_arguments *args)
{
    mad_ctx *ctx = app->ctx;
    mad_status st = MAD_OK;
    const char *dir = args->text[0];
    mad_experiment *experiment = NULL;
    output *out = mad_arena_take(mem, 1, sizeof *out);
    mad_set rows;
    mad_folder look;
    if (out == NULL) {
        return mad_fail_memory(ctx, "an output file");
    }
    mad_stored_request request = {
        .dir = dir, .generation = o->generation, .replicate = o->replicate};
    MAD_TRY(parse_label(ctx, o->label, &request.label));
    MAD_TRY(make_experiment(app, mem, dir, args->n - 1, (const char *const *)args->text + 1,
                            &experiment));
    const mad_setting *setting = mad_experiment_setting(experiment);
    request.seed = o->seed == SIZE_MAX ? setting->seed : o->seed;
    MAD_TRY(mad_folder_look(ctx, dir, &look));
    request.generation = o->generation > 0 ? o->generation : look.n_done;
    MAD_TRY(claim_output(ctx, mem, o, experiment, out));
    MAD_TRY(mad_check_memory(
        ctx, "the rows", (double)o->n_rows * (double)setting->world->info.dim * sizeof(double)));
    MAD_TRY(mad_set_take(ctx, mem, o->n_rows, setting->world->info.dim,
                         mad_experiment_has_labels(experiment), &rows));
    MAD_TRY(mad_stored_sample(ctx, experiment, &request, &rows));
    MAD_TRY(write_output(ctx, experiment, &rows, out));
    printf("%s\n", o->path);
    if (out->has_labels_file) {
        printf("%s\n", out->labels_path);
    }
out:
    return st;
}

static mad_status sample_verb(mad_app *app, int argc, char **argv)
{
    mad_status st = MAD_OK;
    options o = {.seed = SIZE_MAX};
    const mad_option table[] = {
        {"generation", 'g', "G", "the generation whose model is drawn from (default: the newest)",
         .count = &o.generation, .min = 1, .max = 1e6},
        {"rows", 'n', "N", "rows to draw", .count = &o.n_rows, .min = 1, .max = 1e9},
        {"out", 'o', "FILE",
         "where to; the ending says how: " MAD_ROWS_FORMATS ", .png, / (a folder of pictures)",
         .text = &o.path},
        {"replicate", 'r', "R", "the replicate, from 0 (default 0)", .count = &o.replicate,
         .min = 0, .max = 1e6},
        {"class", 0, "K|all", "rows of one class, or equally many of all", .text = &o.label},
        {"seed", 0, "S", "of the draws (default: the run's, whose first rows are the preview)",
         .count = &o.seed, .min = 0, .max = 9007199254740992.0},
        {"threads", 't', "N", "threads to use (default: all processors)", .count = &o.n_threads,
         .min = 1, .max = 4096},
        {"force", 0, NULL, "replace the file", .flag = &o.force},
        {.name = NULL}};
    const mad_usage usage = {
        table, 1, SIZE_MAX,
        "Rows are the model's own, before any bias of the loop; classes, unless --class is given, "
        "come as often as the model learnt them. Labels go into the last column (.csv), the array "
        "label beside x (.npz) or to FILE-labels beside FILE. A .png is a sheet of pictures, one "
        "row a class; FOLDER/ gets a .png a row, in a folder a class. key=value may "
        "change " FREE_KEYS ". Generations whose model a run keeps: all with checkpoint.every: 1, "
        "else the last of each commit and those that later training sets are drawn from."};
    mad_arguments args;
    mad_arena *mem = mad_arena_create(1 << 16);
    if (mem == NULL) {
        return mad_fail_memory(app->ctx, "a sample");
    }
    MAD_TRY(mad_options_parse(app, &mad_command_sample, argc, argv, &usage, &args));
    if (args.shown_help) {
        goto out;
    }
    if (o.n_rows == 0 || o.path == NULL) {
        st = mad_fail(app->ctx, MAD_E_USAGE, "sample: how many rows and where to: %s is missing",
                      o.n_rows == 0 ? "-n N" : "-o FILE");
        goto out;
    }
    MAD_TRY(mad_app_set_threads(app, o.n_threads));
    MAD_TRY(sample(app, mem, &o, &args));
out:
    mad_arena_destroy(mem);
    return st;
}

const mad_command mad_command_sample = {
    .name = "sample",
    .arguments = "DIR -n N -o FILE [key=value ...]",
    .doc = "Draw from the model of a stored generation",
    .run = sample_verb,
};

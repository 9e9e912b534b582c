/* sim/cli/status.c: `madloop status`: what is done, running, waiting or failed. */
#include "sim/cli/verbs.h"

#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "sim/cli/folder.h"
#include "sim/cli/options.h"
#include "sim/cli/print_json.h"
#include "sim/cli/sweep.h"

/* 1 when the last event of DIR/log.jsonl is `event`. */
static int log_ends_with(const char *dir, const char *event)
{
    char path[PATH_MAX], line[8192], last[8192] = "";
    snprintf(path, sizeof path, "%s/log.jsonl", dir);
    FILE *file = fopen(path, "r");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        memcpy(last, line, strlen(line) + 1);
    }
    if (file != NULL) {
        (void)fclose(file);
    }
    json_t *object = json_loads(last, 0, NULL);
    const char *word = json_string_value(json_object_get(object, "event"));
    const int same = word != NULL && strcmp(word, event) == 0;
    json_decref(object);
    return same;
}

typedef enum run_state { DONE, RUNNING, FAILED, STOPPED, WAITING, DAMAGED, N_STATES } run_state;

static const char *const state_words[N_STATES] = {"done",    "running", "failed",
                                                  "stopped", "waiting", "damaged"};

static run_state state_of(const char *dir, const mad_folder *look)
{
    if (look->state == MAD_FOLDER_DONE) {
        return DONE;
    }
    if (look->is_locked) {
        return RUNNING;
    }
    if (log_ends_with(dir, "failed")) {
        return FAILED;
    }
    return look->state == MAD_FOLDER_PARTIAL ? STOPPED : WAITING;
}

static mad_status look_at(mad_app *app, mad_arena *mem, const char *dir, mad_folder *look)
{
    mad_status st = MAD_OK;
    mad_config config;
    MAD_TRY(mad_folder_look(app->ctx, dir, look));
    if (look->state == MAD_FOLDER_PENDING) {
        MAD_TRY(mad_folder_config(app->ctx, mem, dir, 0, NULL, app->registry, &config));
        look->n_generations = mad_get_size(&config.root, "generations");
    }
out:
    return st;
}

static mad_status show_line(mad_ctx *ctx, const char *dir, const char *state,
                            const mad_folder *look, json_t *list)
{
    if (list == NULL) {
        printf("%-8s %6zu/%-6zu %s%s%s%s\n", state, look->n_done, look->n_generations, dir,
               look->stop_reason[0] != '\0' ? " (stop: " : "", look->stop_reason,
               look->stop_reason[0] != '\0' ? ")" : "");
        return MAD_OK;
    }
    json_t *row =
        json_pack("{s:s, s:s, s:I, s:I}", "dir", dir, "state", state, "n_done",
                  (json_int_t)look->n_done, "generations", (json_int_t)look->n_generations);
    if (look->stop_reason[0] != '\0') {
        (void)json_object_set_new(row, "stop_reason", json_string(look->stop_reason));
        (void)json_object_set_new(row, "stop_message", json_string(look->stop_message));
    }
    return json_array_append_new(list, row) == 0
               ? MAD_OK
               : mad_fail(ctx, MAD_E_IO, "%s: JSON cannot hold this name", dir);
}

/* A run that cannot be read is shown too: it must not hide the others. */
static mad_status show_run(mad_app *app, mad_arena *mem, const char *dir, json_t *list,
                           size_t n_in[N_STATES])
{
    mad_folder look = {.state = MAD_FOLDER_NONE};
    const mad_status st = look_at(app, mem, dir, &look);
    const run_state is = st == MAD_OK ? state_of(dir, &look) : DAMAGED;
    n_in[is]++;
    const mad_status shown = show_line(app->ctx, dir, state_words[is], &look, list);
    return shown == MAD_OK ? st : shown;
}

/* "18 runs: 15 done, 3 failed"; the rows of stdout are the runs alone. */
static void show_sum(size_t n_runs, const size_t n_in[N_STATES])
{
    const char *lead = ": ";
    fprintf(stderr, "%zu runs", n_runs);
    for (size_t i = 0; i < N_STATES; i++) {
        if (n_in[i] > 0) {
            fprintf(stderr, "%s%zu %s", lead, n_in[i], state_words[i]);
            lead = ", ";
        }
    }
    fprintf(stderr, "\n");
}

static mad_status show_all(mad_app *app, mad_arena *mem, const char *dir, json_t *list)
{
    mad_status st = MAD_OK;
    mad_folder look;
    size_t n_runs = 0;
    size_t n_in[N_STATES] = {0};
    const char **runs = NULL;
    MAD_TRY(mad_folder_look(app->ctx, dir, &look));
    if (look.state != MAD_FOLDER_NONE) {
        return show_run(app, mem, dir, list, n_in);
    }
    MAD_TRY(mad_sweep_runs(app->ctx, mem, dir, &n_runs, &runs));
    if (n_runs == 0) {
        return mad_fail(app->ctx, MAD_E_IO, "%s holds no run", dir);
    }
    for (size_t i = 0; i < n_runs; i++) {
        const mad_status shown = show_run(app, mem, runs[i], list, n_in);
        st = st == MAD_OK ? shown : st;
    }
    if (list == NULL && st == MAD_OK) {
        show_sum(n_runs, n_in);
    }
out:
    return st;
}

static mad_status status_verb(mad_app *app, int argc, char **argv)
{
    mad_status st = MAD_OK;
    int as_json = 0;
    const mad_option options[] = {{"json", 0, NULL, "print JSON", .flag = &as_json},
                                  {.name = NULL}};
    const mad_usage usage = {options, 1, 1, NULL};
    mad_arguments args;
    mad_arena *mem = mad_arena_create(1 << 16);
    if (mem == NULL) {
        return mad_fail_memory(app->ctx, "the status");
    }
    MAD_TRY(mad_options_parse(app, &mad_command_status, argc, argv, &usage, &args));
    if (args.shown_help) {
        goto out;
    }
    json_t *list = as_json ? json_array() : NULL;
    st = show_all(app, mem, args.text[0], list);
    if (list != NULL) {
        const mad_status printed = mad_print_json(app->ctx, list);
        st = st == MAD_OK ? printed : st;
    }
out:
    mad_arena_destroy(mem);
    return st;
}

const mad_command mad_command_status = {
    .name = "status",
    .arguments = "DIR",
    .doc = "Say what is done, running, stopped, waiting or failed",
    .run = status_verb,
};

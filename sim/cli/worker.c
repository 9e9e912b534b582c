/* sim/cli/worker.c: `madloop worker`: run folder after folder as another program asks for them. */
#include "sim/cli/worker.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include "sim/cli/app.h"
#include "sim/cli/claim.h"
#include "sim/cli/verbs.h"

/* ---- lines --------------------------------------------------------------------------------- */

mad_status mad_task_print(mad_ctx *ctx, const mad_task *task, char line[MAD_WORKER_BYTES])
{
    const int n = snprintf(line, MAD_WORKER_BYTES, "%zu %.9g %s", task->n_threads, task->max_hours,
                           task->dir);
    if (n < 0 || n >= MAD_WORKER_BYTES - 1 || strchr(task->dir, '\n') != NULL) {
        return mad_fail(ctx, MAD_E_IO, "%s: a worker cannot be given this name", task->dir);
    }
    return MAD_OK;
}

static int task_parse(const char *line, mad_task *out)
{
    char *end = NULL;
    out->n_threads = strtoul(line, &end, 10);
    if (line[0] < '0' || line[0] > '9' || *end != ' ' || out->n_threads > 4096) {
        return 0;
    }
    const char *hours = end + 1;
    out->max_hours = strtod(hours, &end);
    if (end == hours || !(out->max_hours >= 0.0) || *end != ' ' || end[1] == '\0') {
        return 0;
    }
    out->dir = end + 1;
    return 1;
}

int mad_answer_parse(const char *line, mad_answer *out)
{
    unsigned code = 0;
    int n_read = 0;
    *out = (mad_answer){.kind = MAD_ANSWER_DONE, .message = ""};
    if (strcmp(line, "done") == 0) {
        return 1;
    }
    if (strcmp(line, "already") == 0) {
        out->kind = MAD_ANSWER_ALREADY;
        return 1;
    }
    if (strcmp(line, "busy") == 0) {
        out->kind = MAD_ANSWER_BUSY;
        return 1;
    }
    if (sscanf(line, "generation %zu %zu", &out->generation, &out->n_generations) == 2) {
        out->kind = MAD_ANSWER_GENERATION;
        return 1;
    }
    if (sscanf(line, "failed %u %n", &code, &n_read) == 1 && n_read > 0) {
        out->kind = MAD_ANSWER_FAILED;
        out->status = (mad_status)code;
        out->message = line + n_read;
        return 1;
    }
    return 0;
}

/* ---- one run ------------------------------------------------------------------------------- */

typedef struct listener {
    void (*say)(void *arg, const char *line);
    void *arg;
} listener;

static void tell_generation(void *arg, const mad_progress *progress)
{
    const listener *to = arg;
    char line[64];
    if (progress->replicate == progress->n_replicates) {
        (void)snprintf(line, sizeof line, "generation %zu %zu", progress->generation,
                       progress->n_generations);
        to->say(to->arg, line);
    }
}

static void tell_failure(const listener *to, mad_status st, const char *message)
{
    char line[MAD_MESSAGE_BYTES + 32];
    (void)snprintf(line, sizeof line, "failed %u %s", (unsigned)st, message);
    to->say(to->arg, line);
}

static void run_task(mad_app *app, const mad_task *task, const char *model_cache, listener *to)
{
    mad_folder look = {.state = MAD_FOLDER_NONE};
    const mad_execute_options options = {.n_threads = task->n_threads,
                                         .max_hours = task->max_hours,
                                         .model_cache = model_cache,
                                         .watch = tell_generation,
                                         .watch_arg = to};
    mad_status st = mad_app_set_threads(app, task->n_threads);
    if (st == MAD_OK) {
        st = mad_folder_look(app->ctx, task->dir, &look);
    }
    if (st == MAD_OK && look.state == MAD_FOLDER_DONE) {
        to->say(to->arg, "already");
        return;
    }
    if (st == MAD_OK) {
        st = mad_execute(app, task->dir, task->dir, &options);
    }
    if (st == MAD_OK) {
        to->say(to->arg, "done");
    } else if (st == MAD_E_EXISTS) { /* of mad_claim_take alone */
        to->say(to->arg, "busy");
    } else {
        tell_failure(to, st, app->ctx->message);
    }
    mad_ctx_clear(app->ctx);
}

void mad_worker_serve(mad_app *app, const char *line, const char *model_cache,
                      void (*say)(void *arg, const char *line), void *arg)
{
    mad_task task;
    listener to = {say, arg};
    if (task_parse(line, &task)) {
        run_task(app, &task, model_cache, &to);
    } else {
        tell_failure(&to, MAD_E_USAGE, "expected \"THREADS HOURS DIR\"");
    }
}

/* ---- verb ---------------------------------------------------------------------------------- */

static void print_answer(void *arg, const char *line)
{
    FILE *out = arg;
    fprintf(out, "%s\n", line);
    (void)fflush(out);
}

static mad_status worker_verb(mad_app *app, int argc, char **argv)
{
    mad_status st = MAD_OK;
    const char *model_cache = NULL;
    char line[MAD_WORKER_BYTES];
    const mad_option options[] = {MAD_MODEL_CACHE_OPTION(model_cache), {.name = NULL}};
    const mad_usage usage = {
        options, 0, 0,
        "Reads lines \"THREADS HOURS DIR\" (0: all threads, no limit) and answers "
        "each with lines \"generation G N\" and one of \"done\", \"already\", "
        "\"busy\", \"failed STATUS MESSAGE\". `madloop sweep -j N` starts N "
        "of these."};
    mad_arguments args;
    MAD_TRY(mad_options_parse(app, &mad_command_worker, argc, argv, &usage, &args));
    if (args.shown_help) {
        goto out;
    }
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM); /* who asks is gone: save, end */
    while (fgets(line, sizeof line, stdin) != NULL && mad_ctx_poll(app->ctx) == MAD_OK) {
        line[strcspn(line, "\n")] = '\0';
        mad_worker_serve(app, line, model_cache, print_answer, stdout);
    }
    mad_ctx_clear(app->ctx);
out:
    return st;
}

const mad_command mad_command_worker = {
    .name = "worker",
    .arguments = "",
    .doc = "Run folders as another program asks for them on standard input",
    .run = worker_verb,
};

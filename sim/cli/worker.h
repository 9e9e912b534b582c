/* sim/cli/worker.h: runs on demand: what a worker of a sweep is told, and what it answers. */
#ifndef MAD_CLI_WORKER_H
#define MAD_CLI_WORKER_H

#include "sim/cli/execute.h"

/* Longest line either way, with its end; also the longest message that is not cut. */
enum { MAD_WORKER_BYTES = 8192 };

/* What to run: "THREADS HOURS DIR"; threads 0: all of the worker's, hours 0: no limit. */
typedef struct mad_task {
    size_t n_threads;
    double max_hours;
    const char *dir;
} mad_task;

/* One answer: any number of "generation G N", then one of the others. */
typedef enum mad_answer_kind {
    MAD_ANSWER_GENERATION, /* "generation G N" */
    MAD_ANSWER_DONE,       /* "done" */
    MAD_ANSWER_ALREADY,    /* "already": it was done before */
    MAD_ANSWER_BUSY,       /* "busy": another process runs it */
    MAD_ANSWER_FAILED      /* "failed STATUS MESSAGE" */
} mad_answer_kind;

typedef struct mad_answer {
    mad_answer_kind kind;
    size_t generation, n_generations;
    mad_status status;
    const char *message; /* into the line; "" unless it failed */
} mad_answer;

/** The line of a task, without its end. MAD_E_IO: the name does not fit, or has a line end. */
MAD_MUST_CHECK mad_status mad_task_print(mad_ctx *ctx, const mad_task *task,
                                         char line[MAD_WORKER_BYTES]);

/** Read an answer; 0: it is none. The line is borrowed. */
int mad_answer_parse(const char *line, mad_answer *out);

/** Run what a line asks for; `say` gets every answer, without its end. */
void mad_worker_serve(mad_app *app, const char *line, const char *model_cache,
                      void (*say)(void *arg, const char *line), void *arg);

#endif

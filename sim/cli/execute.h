/* sim/cli/execute.h: one run in its folder, as `run`, `resume` and `sweep` do it. */
#ifndef MAD_CLI_EXECUTE_H
#define MAD_CLI_EXECUTE_H

#include "sim/cli/folder.h"
#include "sim/cli/options.h"
#include "sim/cli/progress.h"

/* The options that running verbs share; defaults by initialiser {0}. */
typedef struct mad_execute_options {
    size_t n_threads;                                       /* 0 = all processors */
    size_t progress;                                        /* mad_progress_style */
    double max_hours;                                       /* 0 = no limit */
    const char *model_cache;                                /* as in mad_run_options */
    void (*watch)(void *arg, const mad_progress *progress); /* in place of what `progress` shows, */
    void *watch_arg;                                        /* where it is not NULL */
} mad_execute_options;

/** Row of an option table. */
#define MAD_MODEL_CACHE_OPTION(dir)                                                                \
    {                                                                                              \
        "model-cache", 0, "DIR",                                                                   \
            "trained models of generation 1 that runs share; changes no number", .text = &(dir)    \
    }

/** Their rows of an option table (4 rows, not terminated). */
#define MAD_EXECUTE_OPTIONS(o)                                                                     \
    {"threads",                                                                                    \
     't',                                                                                          \
     "N",                                                                                          \
     "threads to use (default: all processors)",                                                   \
     .count = &(o).n_threads,                                                                      \
     .min = 1,                                                                                     \
     .max = 4096},                                                                                 \
        MAD_MODEL_CACHE_OPTION((o).model_cache),                                                   \
        {"max-hours",                                                                              \
         0,                                                                                        \
         "H",                                                                                      \
         "stop, with everything saved, after so many hours",                                       \
         .real = &(o).max_hours,                                                                   \
         .min = 1e-6,                                                                              \
         .max = 1e6},                                                                              \
    {                                                                                              \
        "progress", 0, "STYLE", "auto, bar, line, json or none", .count = &(o).progress,           \
                                                                 .choices = MAD_PROGRESS_CHOICES   \
    }

/**
 * Run what is left of the run in `dir` (its config.yaml is there): lock, experiment, generations,
 * log. A finished run is left alone. `whole` is the folder that `madloop resume` is to be given
 * when it stops: dir, or that of the sweep it belongs to.
 * errors  those of the engine; MAD_E_INTERRUPTED with the command that goes on
 */
MAD_MUST_CHECK mad_status mad_execute(mad_app *app, const char *dir, const char *whole,
                                      const mad_execute_options *options);

/**
 * Run a configuration in the new folder `dir`, or with `replace` in place of a run that is there.
 * What is wrong with the configuration or its data is found before the folder is touched.
 * errors  those of mad_experiment_create, mad_folder_create, mad_execute
 */
MAD_MUST_CHECK mad_status mad_execute_new(mad_app *app, mad_arena *mem, const char *dir,
                                          const mad_config *config, int replace,
                                          const mad_execute_options *options);

/** Overrides that make a tiny version of a configuration: strings "key=value" in mem. */
MAD_MUST_CHECK mad_status mad_smoke_overrides(mad_ctx *ctx, mad_arena *mem,
                                              const mad_config *config, size_t *n,
                                              const char ***out);

/** Load a configuration or, if wanted, its tiny version; keys that an override gives are no longer
 *  swept. Texts are borrowed from argv. */
MAD_MUST_CHECK mad_status mad_load_config(mad_app *app, mad_arena *mem, const char *path,
                                          size_t n_overrides, char **overrides, int smoke,
                                          mad_config *out);

#endif

/* sim/cli/sweep.h: a grid of runs below a folder, as `sweep`, `run` and `resume` work on it. */
#ifndef MAD_CLI_SWEEP_H
#define MAD_CLI_SWEEP_H

#include "sim/cli/execute.h"

/* Defaults by initialiser {0}. */
typedef struct mad_sweep_options {
    size_t n_jobs;     /* runs at a time; 0 = what ends soonest */
    const char *shard; /* "I/N"; NULL: all of it */
    int is_list;       /* print the commands, run nothing */
    int smoke;         /* tiny versions */
    int is_sure;       /* any number of points */
    mad_execute_options execute;
} mad_sweep_options;

/** Row of an option table. */
#define MAD_JOBS_OPTION(n)                                                                         \
    {                                                                                              \
        "jobs", 'j', "N", "runs at a time, which share the threads (default: what ends soonest)",  \
            .count = &(n), .min = 1, .max = 1000                                                   \
    }

/**
 * Run the grid of the file's `sweep:` block and of the arguments below `dir` (NULL: runs/NAME), and
 * write its sweep.csv and sweep.h5.
 * args    as the verb got them: CONFIG, then key=value or key=a,b
 * errors  those of mad_config_load, mad_experiment_create, mad_pool_execute, mad_collect
 */
MAD_MUST_CHECK mad_status mad_sweep(mad_app *app, mad_arena *mem, const mad_arguments *args,
                                    const char *dir, const mad_sweep_options *options);

/** The runs below `dir`: those of its sweep.json, in their order and whether they have a folder yet or
 *  not, or else the folders that are there.
 *  errors  those of mad_manifest_read, mad_folder_list */
MAD_MUST_CHECK mad_status mad_sweep_runs(mad_ctx *ctx, mad_arena *mem, const char *dir, size_t *n,
                                         const char ***runs);

/** Run what is left of every run below `dir`, that of a sweep or any other with runs in it.
 *  errors  MAD_E_IO: no runs; MAD_E_DATA: a sweep whose folders were not all made; as mad_sweep */
MAD_MUST_CHECK mad_status mad_sweep_resume(mad_app *app, mad_arena *mem, const char *dir,
                                           const mad_sweep_options *options);

#endif

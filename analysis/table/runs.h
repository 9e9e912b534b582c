/* analysis/table/runs.h: the runs a user names on the command line, read and labelled. */
#ifndef MAD_TABLE_RUNS_H
#define MAD_TABLE_RUNS_H

#include "analysis/table/pairs.h"
#include "sim/store/runfile.h"

typedef struct mad_run_entry {
    const char *dir;   /* folder that holds run.h5 */
    const char *label; /* what tells it from the others: "fresh", "n_real=500 seed=2" */
    mad_run run;
    size_t n_pairs;
    const mad_pair *pairs; /* its configuration, flat */
    size_t i_path;         /* which argument it came from */
} mad_run_entry;

typedef struct mad_runs {
    size_t n_runs;
    mad_run_entry *runs;
    size_t n_keys;           /* configuration keys that tell the runs apart, fewest that do; */
    const char *const *keys; /* 0 when there is one run, or configurations are equal */
} mad_runs;

/**
 * Read the runs below each path: a run folder (it holds run.h5) or a sweep folder (its sub-folders
 * do). Order: as given; inside a sweep folder by the values of the keys that differ.
 *
 * A key enters `keys` only if it separates runs the keys before it leave together, in the order of
 * the document but name and seed last: knobs that follow from loop.family do not clutter labels.
 * Runs whose configurations are equal are told apart by folder.
 *
 * errors  MAD_E_IO: no run there;  MAD_E_DATA: damaged run file;  MAD_E_MEMORY
 * memory  everything from mem
 */
MAD_MUST_CHECK mad_status mad_runs_load(mad_ctx *ctx, mad_arena *mem, size_t n_paths,
                                        char *const *paths, mad_runs *out);

/** Most metrics first: names of all /GROUP series over the runs, each once, in `main` order (the
 *  measures a reader looks for first), then as stored. names: [max]; returns how many. */
size_t mad_runs_names(const mad_runs *runs, const char *group, size_t max, const char **names);

#endif

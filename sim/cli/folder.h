/* sim/cli/folder.h: a run's folder: config.yaml, run.h5, gen-NNNN.h5, log.jsonl. */
#ifndef MAD_CLI_FOLDER_H
#define MAD_CLI_FOLDER_H

#include "sim/config/config.h"

typedef enum mad_folder_state {
    MAD_FOLDER_NONE,    /* no run here */
    MAD_FOLDER_PENDING, /* configured, nothing committed */
    MAD_FOLDER_PARTIAL, /* some generations committed */
    MAD_FOLDER_DONE
} mad_folder_state;

typedef struct mad_folder {
    mad_folder_state state;
    size_t n_done, n_generations; /* as the configuration has them */
    char stop_reason[32];         /* the word of a stop rule that has ended the run, "" without */
    char stop_message[512];
    int is_locked; /* a process is writing it */
} mad_folder;

/** PARENT/NAME-HASH8 of a configuration, in mem. */
const char *mad_folder_name(mad_arena *mem, const char *parent, const mad_config *config);

/** 1 when a run was configured here: a config.yaml that somebody else wrote does not count. Scratch
 *  from mem. */
int mad_folder_is_run(mad_arena *mem, const char *dir);

/** 1 when it holds a run.h5. */
int mad_folder_has_results(const char *dir);

/** mkdir -p. errors  MAD_E_IO with the path that failed */
MAD_MUST_CHECK mad_status mad_folder_make(mad_ctx *ctx, const char *dir);

/**
 * Create `dir` and write config.yaml into it. A folder that is there must be empty or, with
 * `replace`, hold a run, whose files (and no others) are removed.
 * errors  MAD_E_EXISTS: there is something else, or a process is writing the run;  MAD_E_USAGE: an
 *         empty name;  MAD_E_IO
 */
MAD_MUST_CHECK mad_status mad_folder_create(mad_ctx *ctx, const char *dir, const mad_config *config,
                                            int replace);

/** As mad_folder_create for one of many, unless it is there; other processes may be at the same. What
 *  it writes is safe from a power failure after mad_folder_sync of the folder above. */
MAD_MUST_CHECK mad_status mad_folder_ensure(mad_ctx *ctx, const char *dir,
                                            const mad_config *config);

/** Whatever was written to the file system of `dir` is on the disk when this returns. */
void mad_folder_sync(const char *dir);

/** errors  MAD_E_DATA: run.h5 damaged; a folder without a run is no error (MAD_FOLDER_NONE) */
MAD_MUST_CHECK mad_status mad_folder_look(mad_ctx *ctx, const char *dir, mad_folder *out);

/** Load the config.yaml of a run folder, with overrides "a.b=c".
 *  errors  MAD_E_IO: no run folder; MAD_E_CONFIG */
MAD_MUST_CHECK mad_status mad_folder_config(mad_ctx *ctx, mad_arena *mem, const char *dir,
                                            size_t n_overrides, const char *const *overrides,
                                            const mad_registry *registry, mad_config *out);

/** A new empty folder for files that nobody keeps, below $TMPDIR or /tmp; NULL: there is no place
 *  for one. */
const char *mad_folder_scratch(mad_arena *mem);

/** Remove it with its files; NULL-safe. What cannot be removed stays. */
void mad_folder_discard(const char *dir);

/** The sub-folders of `dir` that are run folders, sorted by name. */
MAD_MUST_CHECK mad_status mad_folder_list(mad_ctx *ctx, mad_arena *mem, const char *dir, size_t *n,
                                          const char ***out);

#endif

/* sim/cli/manifest.h: sweep.json: what is swept in a folder, and its runs in the order of the grid. */
#ifndef MAD_CLI_MANIFEST_H
#define MAD_CLI_MANIFEST_H

#include "sim/base/ctx.h"

#define MAD_MANIFEST_NAME "sweep.json"

typedef struct mad_manifest {
    size_t n_keys;
    const char **key;                   /* swept configuration keys, the first slowest */
    size_t n_replicates, n_generations; /* the most that a run has */
    size_t n_runs;
    const char **run; /* folder names below that of the sweep, each once */
} mad_manifest;

/** 1 when DIR holds a sweep.json. */
int mad_manifest_is_there(const char *dir);

/** errors  MAD_E_IO: cannot be read;  MAD_E_DATA: damaged, or of another version;  MAD_E_MEMORY */
MAD_MUST_CHECK mad_status mad_manifest_read(mad_ctx *ctx, mad_arena *mem, const char *dir,
                                            mad_manifest *out);

/** The texts of `b` that are not among those of `a` yet, put behind them, each once. MAD_E_MEMORY. */
MAD_MUST_CHECK mad_status mad_manifest_unite(mad_ctx *ctx, mad_arena *mem, size_t n_b,
                                             const char *const *b, size_t *n_a, const char ***a);

/**
 * Add what a sweep brings to what DIR/sweep.json holds: keys and runs that are new go to the end. The
 * file is replaced as a whole, or left alone where there is nothing new. Two processes that do so at
 * once wait for each other.
 * errors  those of mad_manifest_read, mad_claim_take, mad_publish_commit
 */
MAD_MUST_CHECK mad_status mad_manifest_extend(mad_ctx *ctx, mad_arena *mem, const char *dir,
                                              const mad_manifest *with);

#endif

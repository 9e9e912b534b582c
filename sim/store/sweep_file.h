/* sim/store/sweep_file.h: sweep.h5: every metric of every run of a sweep as [point][R][G]. */
#ifndef MAD_STORE_SWEEP_FILE_H
#define MAD_STORE_SWEEP_FILE_H

#include "sim/store/runfile.h"

/* The groups of a run that go into it, as mad_run_read_part names them. */
#define MAD_SWEEP_GROUPS "metrics floor theory lineage"

/* A swept key: its value in every point, as text; "" = that point has no such key. */
typedef struct mad_sweep_key {
    const char *key;
    const char *const *text; /* [n_points] */
} mad_sweep_key;

typedef struct mad_sweep_layout {
    size_t n_points, n_replicates, n_generations; /* the most that a run has */
} mad_sweep_layout;

/* A file that is being written. */
typedef struct mad_sweep_file mad_sweep_file;

/**
 * Create `path` (a stale one is removed) with the scales /point, /replicate and /generation.
 * errors  MAD_E_IO, MAD_E_RANGE: too large for one array, MAD_E_MEMORY
 * memory  from mem, until the file is closed
 */
MAD_MUST_CHECK mad_status mad_sweep_file_create(mad_ctx *ctx, mad_arena *mem, const char *path,
                                                const mad_sweep_layout *layout,
                                                mad_sweep_file **out);

/** 1 when every series of the run has its place already: its attributes are not needed. */
int mad_sweep_file_knows(const mad_sweep_file *file, const mad_run *run);

/**
 * Write what a run holds of MAD_SWEEP_GROUPS as point i: /metrics and /lineage [point][R][G], /floor
 * [point][R], /theory [point][G], NaN where a run has no such number. Series with more dimensions
 * (curves) are left to the run's own file.
 * errors  MAD_E_IO; MAD_E_DATA: the run is larger than the layout
 */
MAD_MUST_CHECK mad_status mad_sweep_file_put(mad_ctx *ctx, mad_sweep_file *file, size_t i_point,
                                             const mad_run *run);

/**
 * Write the coordinates of the points, /KEY [point] as numbers where all of them are (NaN = none) and
 * else as texts, /run [point] and /n_done [point]; they are linked into /metrics, whose datasets name
 * them in the attribute `coordinates`, as the CF conventions have it. Comes last.
 * shape   key: [n_keys]; run, n_done: [n_points]
 * errors  MAD_E_IO
 */
MAD_MUST_CHECK mad_status mad_sweep_file_points(mad_ctx *ctx, mad_sweep_file *file, size_t n_keys,
                                                const mad_sweep_key *key, const char *const *run,
                                                const size_t *n_done);

/** Close. NULL-safe. Returns st, or the failure to close when st was MAD_OK. */
mad_status mad_sweep_file_close(mad_ctx *ctx, mad_status st, mad_sweep_file *file);

#endif

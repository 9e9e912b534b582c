/* sim/store/runfile.h: run.h5 and gen-NNNN.h5: what a run leaves (product contract, "madloop-1").
 */
#ifndef MAD_STORE_RUNFILE_H
#define MAD_STORE_RUNFILE_H

#include "sim/iface/model.h"

/* name = value pairs written as attributes: text when `text`, else a double. */
typedef struct mad_attribute {
    const char *name, *text;
    double number;
} mad_attribute;

/* One dataset /GROUP/NAME: float64 [n_replicates][n_generations] (width 1) or [R][G][width]. */
typedef struct mad_series {
    const char *group, *name; /* "metrics", "recall" */
    size_t width;
    size_t n_attributes;
    const mad_attribute *attributes; /* units, long_name, definition, k, ... */
} mad_series;

/* A dataset written once: float64 [n_rows] (floor: [R]; theory: [G]). */
typedef struct mad_vector {
    const char *group, *name;
    size_t n_rows;
    const double *value;
    size_t n_attributes;
    const mad_attribute *attributes;
} mad_vector;

typedef struct mad_run_layout {
    size_t n_replicates, n_generations;
    size_t n_attributes; /* of "/": config, config_hash, seed, ... */
    const mad_attribute *attributes;
    size_t n_series;
    const mad_series *series;
    size_t n_vectors;
    const mad_vector *vectors;
} mad_run_layout;

/**
 * Write DIR/run.h5 with every dataset (series filled with NaN) and n_done = 0. DIR must exist.
 * errors  MAD_E_IO with the path;  nothing is left behind
 */
MAD_MUST_CHECK mad_status mad_run_create(mad_ctx *ctx, const char *dir,
                                         const mad_run_layout *layout);

/**
 * Publish generations begin..begin+n_gens-1 (from 1): run.h5 is copied, the columns written, n_done
 * set to begin+n_gens-1, closed, fsynced, renamed, the folder fsynced.
 *
 * shape   data[i_series]: [n_replicates][n_gens][width]
 */
MAD_MUST_CHECK mad_status mad_run_commit(mad_ctx *ctx, const char *dir,
                                         const mad_run_layout *layout, size_t begin, size_t n_gens,
                                         const double *const *data);

/* One dataset of a gen file: array [n_replicates][count] of a field's kind. */
typedef struct mad_gen_array {
    const char *path; /* "model/0007/mean", "samples", "labels" */
    mad_field_kind kind;
    size_t rank;
    size_t shape[4];
    const void *data;
} mad_gen_array;

/** Write DIR/gen-NNNN.h5 under a temporary name, fsync, rename. */
MAD_MUST_CHECK mad_status mad_gen_write(mad_ctx *ctx, const char *dir, size_t generation,
                                        size_t n_arrays, const mad_gen_array *arrays);

/** Read one dataset of gen-NNNN.h5 into data (its size must be the given one: MAD_E_DATA). */
MAD_MUST_CHECK mad_status mad_gen_read(mad_ctx *ctx, const char *dir, size_t generation,
                                       const mad_gen_array *want, void *data);

/* Everything read back. Arrays live in the arena given to mad_run_read. */
typedef struct mad_run_series {
    const char *group, *name;
    size_t rank, shape[3];
    const double *value;
    size_t n_attributes;
    const mad_attribute *attributes;
} mad_run_series;

typedef struct mad_run {
    size_t n_replicates, n_generations, n_done;
    size_t n_attributes;
    const mad_attribute *attributes;
    size_t n_series; /* all of /metrics /floor /theory /lineage /cost /loss */
    const mad_run_series *series;
} mad_run;

/** errors  MAD_E_IO: no such file;  MAD_E_DATA: not a madloop-1 run file, or damaged */
MAD_MUST_CHECK mad_status mad_run_read(mad_ctx *ctx, mad_arena *mem, const char *dir, mad_run *out);

/** The series /group/name, or NULL. */
const mad_run_series *mad_run_find(const mad_run *run, const char *group, const char *name);

/** The text of an attribute, or NULL. */
const char *mad_attribute_text(size_t n, const mad_attribute *attributes, const char *name);

/* The sample preview of one generation file. */
typedef struct mad_preview {
    size_t n_replicates, n_rows, dim;
    const double *x;      /* [n_replicates][n_rows][dim] */
    const int64_t *label; /* [n_replicates][n_rows] or NULL */
    const double *real;   /* [n_replicates][n_rows][dim] real rows, for comparison */
} mad_preview;

/** errors  MAD_E_IO: that generation has no file */
MAD_MUST_CHECK mad_status mad_preview_read(mad_ctx *ctx, mad_arena *mem, const char *dir,
                                           size_t generation, mad_preview *out);

/** Newest generation with a gen file at or below `at_most`, listing *n of them in out[max]. */
MAD_MUST_CHECK mad_status mad_gen_list(mad_ctx *ctx, const char *dir, size_t at_most, size_t max,
                                       size_t *out, size_t *n);

#endif

/* sim/store/runfile.h: run.h5 and gen-NNNN.h5: what a run leaves (product contract, "madloop-1").
 */
#ifndef MAD_STORE_RUNFILE_H
#define MAD_STORE_RUNFILE_H

#include "sim/iface/model.h"

/* Values one series may have at most (16 GiB of them). */
#define MAD_RUN_MAX_VALUES ((size_t)1 << 31)

/* name = value pairs written as attributes: text (UTF-8) when `text`, else a double. */
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

/* A dataset written once: float64 [n_rows]; group "floor": n_rows = R, group "theory": n_rows = G;
 * group "audit": a curve over the points of "audit/variance"; group "data": rows of the data file
 * (for people: mad_run_read leaves them out). */
typedef struct mad_vector {
    const char *group, *name;
    size_t n_rows;
    const double *value;
    size_t n_attributes;
    const mad_attribute *attributes;
} mad_vector;

typedef struct mad_run_layout {
    size_t n_replicates, n_generations;
    size_t n_attributes; /* of "/": config, config_hash, seed, ...; the store adds conventions,
                            n_done and, at commits, those of mad_run_root itself */
    const mad_attribute *attributes;
    size_t n_series;
    const mad_series *series;
    size_t n_vectors;
    const mad_vector *vectors;
} mad_run_layout;

/** 1 for the groups a run file may hold: metrics floor theory lineage cost loss model audit bias
 *  select correct channel. */
int mad_run_has_group(const char *name);

/** MAD_E_RANGE: a series above MAD_RUN_MAX_VALUES, or too many replicates or generations. */
MAD_MUST_CHECK mad_status mad_run_check(mad_ctx *ctx, const mad_run_layout *layout);

/**
 * Write DIR/run.h5 with every dataset (series filled with NaN) and n_done = 0. DIR must exist; a
 * run.h5 in it is replaced.
 * errors  MAD_E_IO with the path; MAD_E_RANGE: a series above MAD_RUN_MAX_VALUES; nothing is left
 *         behind
 */
MAD_MUST_CHECK mad_status mad_run_create(mad_ctx *ctx, const char *dir,
                                         const mad_run_layout *layout);

/* What a commit writes at "/" beside n_done. */
typedef struct mad_run_root {
    size_t peak_bytes;   /* largest resident set of the process so far; 0: left alone */
    size_t n_attributes; /* why the run ends with this commit: stop_reason, stop_generation, ... */
    const mad_attribute *attributes;
} mad_run_root;

/**
 * Publish generations begin..begin+n_gens-1 (from 1): run.h5 is copied, the columns written, n_done
 * set to begin+n_gens-1, closed, fsynced, renamed, the folder fsynced. Generations that are done
 * may be committed again.
 *
 * shape   data[i_series]: [n_replicates][n_gens][width]
 * errors  MAD_E_IO, MAD_E_DATA (run.h5 damaged, or not of this layout, or begin > n_done + 1):
 *         run.h5 stays as it was
 */
MAD_MUST_CHECK mad_status mad_run_commit(mad_ctx *ctx, const char *dir,
                                         const mad_run_layout *layout, size_t begin, size_t n_gens,
                                         const double *const *data, const mad_run_root *root);

/* One dataset of a gen file. The preview is stored as "samples" float64 [R][n][dim], "labels" int64
 * [R][n] where there are labels, and "real" float64 [R][n][dim] (see mad_preview_read). */
typedef struct mad_gen_array {
    const char *path; /* "model/0007/mean", "samples", "labels", "real" */
    mad_field_kind kind;
    size_t rank; /* 1..4 */
    size_t shape[4];
    const void *data;
} mad_gen_array;

/** Write DIR/gen-NNNN.h5 under a temporary name, fsync, rename; config_hash is the run's attribute
 *  of that name. MAD_E_IO: nothing is left. */
MAD_MUST_CHECK mad_status mad_gen_write(mad_ctx *ctx, const char *dir, size_t generation,
                                        const char *config_hash, size_t n_arrays,
                                        const mad_gen_array *arrays);

/** MAD_E_DATA: gen-NNNN.h5 was written by a run of another configuration. */
MAD_MUST_CHECK mad_status mad_gen_check_run(mad_ctx *ctx, const char *dir, size_t generation,
                                            const char *config_hash);

/** Remove DIR/gen-NNNN.h5; none there is no error. */
MAD_MUST_CHECK mad_status mad_gen_remove(mad_ctx *ctx, const char *dir, size_t generation);

/**
 * Read one dataset of gen-NNNN.h5 into data.
 * errors  MAD_E_IO: no such file;  MAD_E_DATA: damaged, or kind, rank or shape differ from `want`
 */
MAD_MUST_CHECK mad_status mad_gen_read(mad_ctx *ctx, const char *dir, size_t generation,
                                       const mad_gen_array *want, void *data);

/* Everything read back. Arrays live in the arena given to mad_run_read. Attributes: scalar texts
 * and numbers (a number has text == NULL). */
typedef struct mad_run_series {
    const char *group, *name;
    size_t rank, shape[3];
    const double *value;
    size_t n_attributes;
    const mad_attribute *attributes;
} mad_run_series;

typedef struct mad_run {
    size_t n_replicates;
    size_t n_generations; /* columns of the series. A run that its stop rule ended early has no more
                             than were done */
    size_t n_planned;     /* generations of the configuration, and columns of the file */
    size_t n_done;
    size_t n_attributes;
    const mad_attribute *attributes;
    size_t n_series; /* of all groups (mad_run_has_group), by name in each */
    const mad_run_series *series;
} mad_run;

/** 1: nothing is left to be done: n_done is n_generations, and n_planned too where no stop rule ended
 *  the run. */
int mad_run_is_done(const mad_run *run);

/** errors  MAD_E_IO: no such file;  MAD_E_DATA: not a madloop-1 run file, or damaged */
MAD_MUST_CHECK mad_status mad_run_read(mad_ctx *ctx, mad_arena *mem, const char *dir, mad_run *out);

/** As mad_run_read, but of the series only those of some groups ("lineage", "metrics floor"), or
 *  with "" none: for a look at a long run. */
MAD_MUST_CHECK mad_status mad_run_read_part(mad_ctx *ctx, mad_arena *mem, const char *dir,
                                            const char *groups, mad_run *out);

/** As mad_run_read_part without the attributes of series: for a look at many runs of one kind. */
MAD_MUST_CHECK mad_status mad_run_read_values(mad_ctx *ctx, mad_arena *mem, const char *dir,
                                              const char *groups, mad_run *out);

/** Interacting loops (attribute models) become one replicate each group, of their mean: they are not
 *  independent, and an error bar takes groups as its unit. Nothing where there is one loop.
 *  MAD_E_MEMORY. */
MAD_MUST_CHECK mad_status mad_run_join_loops(mad_ctx *ctx, mad_arena *mem, mad_run *run);

/** The series /group/name, or NULL. */
const mad_run_series *mad_run_find(const mad_run *run, const char *group, const char *name);

/** The text of an attribute, or NULL. */
const char *mad_attribute_text(size_t n, const mad_attribute *attributes, const char *name);

/* The sample preview of one generation file. */
typedef struct mad_preview {
    size_t n_replicates, n_rows, dim;
    const double *x;      /* [n_replicates][n_rows][dim] */
    const int64_t *label; /* [n_replicates][n_rows] or NULL */
    const double *real;   /* [n_replicates][n_rows][dim] real rows to compare with, or NULL */
} mad_preview;

/** errors  MAD_E_IO: that generation has no file;  MAD_E_DATA: damaged, or without a preview */
MAD_MUST_CHECK mad_status mad_preview_read(mad_ctx *ctx, mad_arena *mem, const char *dir,
                                           size_t generation, mad_preview *out);

/** Last dimension of a dataset of gen-NNNN.h5, for example of "model/0007/mean"; 0: there is none.
 *  errors  as mad_gen_read */
MAD_MUST_CHECK mad_status mad_gen_width(mad_ctx *ctx, const char *dir, size_t generation,
                                        const char *path, size_t *out);

/** The generations whose models gen-NNNN.h5 holds, ascending, in out[*n]; of more than max (>= 1)
 *  the newest. errors  as mad_gen_read */
MAD_MUST_CHECK mad_status mad_gen_models(mad_ctx *ctx, const char *dir, size_t generation,
                                         size_t max, size_t *out, size_t *n);

/**
 * List the generations at or below `at_most` that have a gen file, ascending, in out[*n]. When
 * there are more than max (>= 1), the newest max are listed: max = 1 gives the newest alone.
 * errors  MAD_E_IO: DIR cannot be listed
 */
MAD_MUST_CHECK mad_status mad_gen_list(mad_ctx *ctx, const char *dir, size_t at_most, size_t max,
                                       size_t *out, size_t *n);

#endif

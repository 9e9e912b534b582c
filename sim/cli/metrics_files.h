/* sim/cli/metrics_files.h: the data files of `madloop metrics` as two sides to compare. */
#ifndef MAD_CLI_METRICS_FILES_H
#define MAD_CLI_METRICS_FILES_H

#include "sim/engine/compare.h"
#include "sim/store/datafile.h"

/* File names as given; NULL = none. */
typedef struct mad_metrics_files {
    const char *real, *fake, *train, *test;
    const char *labels;            /* "REAL,FAKE" or one word for both */
    const char *centres, *weights; /* of modes */
    double sigma;                  /* sd of one coordinate inside a mode; 0 = not given */
    const char *directions;        /* of projections, a row each; or their number */
    int drops_bad_rows;            /* of all files of rows */
    mad_header header;             /* of all files of rows */
    size_t n_dropped[2];           /* out: of the real and the fake file */
} mad_metrics_files;

/**
 * Read them all. Classes and columns of words are numbered as the real side has them; modes get the weights given, or
 * equal ones.
 *
 * errors  MAD_E_USAGE: modes half given, test without train; MAD_E_DATA: columns, classes or weights do not fit;
 *         MAD_E_IO; MAD_E_MEMORY
 */
MAD_MUST_CHECK mad_status mad_metrics_read(mad_ctx *ctx, mad_arena *mem, mad_metrics_files *files,
                                           mad_pair *out);

/** 1 when the text stands for a file of directions, not for their number. */
int mad_metrics_is_file(const char *directions);

/**
 * Directions of projections in the space in which rows are compared (`dim` columns).
 *
 * errors  MAD_E_DATA: other columns, or a direction of zeros; MAD_E_IO; MAD_E_MEMORY
 * shape   out: [n_out][dim]
 */
MAD_MUST_CHECK mad_status mad_metrics_read_directions(mad_ctx *ctx, mad_arena *mem,
                                                      const char *path, size_t dim, size_t *n_out,
                                                      const double **out);

#endif

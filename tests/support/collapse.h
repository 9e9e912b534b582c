/* tests/support/collapse.h: rows of a model that has lost something known, to be measured. */
#ifndef MAD_TESTS_SUPPORT_COLLAPSE_H
#define MAD_TESTS_SUPPORT_COLLAPSE_H

#include "tests/support/known_law.h"

typedef enum mad_collapse_kind {
    MAD_COLLAPSE_VARIANCE, /* each number keeps 1 - s of its variance about its mean: factors, where
                              rows have them; the response of a regression; else coordinates */
    MAD_COLLAPSE_TAIL,     /* the share s of largest reach is missing */
    MAD_COLLAPSE_MEMORY,   /* the share s of the rows are training rows */
    MAD_COLLAPSE_MODES,    /* the last s groups are missing */
    MAD_COLLAPSE_CLASSES,  /* the last half of the groups is drawn 1 - s times as often, and so are
                              rows with a rare feature */
    MAD_COLLAPSE_BLUR,     /* pixels take the share s from the mean of those left and right */
    MAD_N_COLLAPSES
} mad_collapse_kind;

/* Severities from mild to strong; 0 is none: fresh rows against fresh rows. */
typedef struct mad_collapse {
    const char *name, *doc;
    double scale; /* severity in the unit of the name = scale times the number */
    size_t n_severities;
    double severity[8];
} mad_collapse;

extern const mad_collapse mad_collapses[MAD_N_COLLAPSES];

/** How many severities the law can have: of n modes at most n - 1 are lost. */
size_t mad_collapse_n_severities(const mad_known_law *law, mad_collapse_kind kind);

size_t mad_collapse_n_outputs(const mad_metric_type *type);

/**
 * The first of the laws that can collapse so, suits the measure, gives the output a meaning, and has
 * rows enough for it; n_laws: none. Blurred are the measures of pictures alone.
 */
size_t mad_collapse_choose(size_t n_laws, const mad_known_law *laws, mad_collapse_kind kind,
                           const mad_metric_type *type, size_t i_output, const mad_values *values,
                           size_t n_rows);

/* So many repetitions of one measure: n_rows on every side (real, fake, training), drawn anew. */
typedef struct mad_collapse_run {
    const mad_known_law *law;
    const mad_values *values;
    const mad_metric_type *type;
    mad_collapse_kind kind;
    double severity;
    size_t n_rows;
    size_t n; /* repetitions first .. first + n - 1 */
    uint64_t first;
    double *value; /* [n][n_outputs] */
} mad_collapse_run;

/** threads  parallel over repetitions, same bits for any number */
MAD_MUST_CHECK mad_status mad_collapse_repeat(mad_ctx *ctx, const mad_collapse_run *run);

#endif

/* tests/support/collapse.h: rows of a model that has lost something known, to be measured. */
#ifndef MAD_TESTS_SUPPORT_COLLAPSE_H
#define MAD_TESTS_SUPPORT_COLLAPSE_H

#include "sim/engine/compare.h"

typedef enum mad_collapse_kind {
    MAD_COLLAPSE_VARIANCE, /* N(0, I_8) against N(0, (1 - s) I_8) */
    MAD_COLLAPSE_TAIL,     /* N(0, I_8): the share s of largest norm is missing */
    MAD_COLLAPSE_MEMORY,   /* N(0, I_8): the share s of the rows are training rows */
    MAD_COLLAPSE_MODES,    /* 25 modes on a 5x5 grid: 25 s of them are missing */
    MAD_COLLAPSE_CLASSES,  /* the same: the first 12 have weight 1 - s */
    MAD_N_COLLAPSES
} mad_collapse_kind;

/* Severities from mild to strong; 0 is none: fresh rows against fresh rows. */
typedef struct mad_collapse {
    const char *name, *unit; /* "%" of the severity, or "modes" */
    double scale;            /* severity in that unit = scale times the number */
    size_t n_severities;
    double severity[10];
} mad_collapse;

extern const mad_collapse mad_collapses[MAD_N_COLLAPSES];

/**
 * Repetition `i` of a collapse: n rows on every side (real, fake, training), all drawn anew.
 * Classes are the modes. MAD_E_MEMORY.
 */
MAD_MUST_CHECK mad_status mad_collapse_draw(mad_ctx *ctx, mad_arena *mem, mad_collapse_kind kind,
                                            double severity, uint64_t i, size_t n,
                                            const mad_values *values, mad_comparison *out);

/* So many repetitions of one measure. */
typedef struct mad_collapse_run {
    const mad_values *values;
    const mad_metric_type *type;
    mad_collapse_kind kind;
    double severity;
    size_t n_rows;
    size_t n; /* repetitions first .. first + n - 1 */
    uint64_t first;
    double *value; /* [n][n_outputs] */
} mad_collapse_run;

size_t mad_collapse_n_outputs(const mad_metric_type *type);

/** Whether the rows of a collapse have what the measure needs. MAD_E_MEMORY. */
MAD_MUST_CHECK mad_status mad_collapse_suits(mad_ctx *ctx, mad_collapse_kind kind,
                                             const mad_metric_type *type, int *out);

/** Whether one of its outputs has a meaning there, and n_rows are enough for it. MAD_E_MEMORY. */
MAD_MUST_CHECK mad_status mad_collapse_fits(mad_ctx *ctx, mad_collapse_kind kind,
                                            const mad_metric_type *type, const mad_values *values,
                                            size_t n_rows, size_t i_output, int *out);

/** threads  parallel over repetitions, same bits for any number */
MAD_MUST_CHECK mad_status mad_collapse_repeat(mad_ctx *ctx, const mad_collapse_run *run);

#endif

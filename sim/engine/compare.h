/* sim/engine/compare.h: the measures on two sets of rows, whoever made them. */
#ifndef MAD_ENGINE_COMPARE_H
#define MAD_ENGINE_COMPARE_H

#include "sim/engine/features.h"

/* Rows of the two sides, and what else is known of them. */
typedef struct mad_pair {
    mad_world_info world; /* continuous; classes and modes where they are known */
    mad_set real, fake;   /* labels on both sides or on none */
    mad_set train;        /* what the model was trained on; no rows: not known */
    mad_set test; /* real rows for measures of memorisation in place of `real`; no rows: real */
    mad_set test_fake; /* in a floor: what stands for the model beside `test` */
} mad_pair;

typedef struct mad_comparison {
    const mad_values *values; /* the `measure` section */
    mad_key key;              /* of random directions */
    size_t n_directions;
    const double *directions; /* [n_directions][dim] in place of random ones, in the space of the
                                 features; NULL: random */
    mad_pair raw;             /* rows as they are */
    mad_pair mapped;          /* the same in the space of the features */
    mad_moments real_law, fake_law; /* of the mapped rows; dim 0: not taken */
} mad_comparison;

/**
 * Fill `mapped` from `raw`: fit the feature on the real rows and map them all.
 *
 * feature  NULL: rows are compared as they are
 * errors   those of the feature; MAD_E_MEMORY
 */
MAD_MUST_CHECK mad_status mad_comparison_map(mad_ctx *ctx, mad_feature *feature, mad_arena *mem,
                                             mad_comparison *comparison);

/* Numbers of rows. */
typedef struct mad_rows_of {
    size_t n;
    const size_t *row; /* [n] */
} mad_rows_of;

/**
 * Part of the rows of a comparison that was mapped, without its laws: those that are numbered;
 * train stays whole.
 */
typedef struct mad_part {
    mad_rows_of real, fake;
    mad_rows_of test, test_fake; /* n 0 in both: test stays whole */
    int is_floor;                /* 1: fake numbers real rows, which stand in the model's place */
} mad_part;
MAD_MUST_CHECK mad_status mad_comparison_part(mad_ctx *ctx, const mad_comparison *whole,
                                              const mad_part *part, mad_arena *mem,
                                              mad_comparison *out);

/* One output. */
typedef struct mad_verdict {
    const mad_metric_type *type;
    const mad_metric_output *output;
    double value;    /* NaN: see why */
    const char *why; /* it was not taken, or is not defined; NULL: it has a value */
    int is_missing;  /* 1: not taken, for what the files lack */
} mad_verdict;

/** What two files cannot give the measure: NULL, or the reason in words. */
const char *mad_comparison_lacks(const mad_comparison *comparison, const mad_metric_type *type);

/** Whether the output means something for such rows; where not, its `undefined` says why. */
int mad_comparison_fits(const mad_comparison *comparison, const mad_metric_type *type,
                        const mad_metric_output *output);

/**
 * Every output of one measure (laws are taken when first needed, and kept in mem), `out` in the
 * order of its outputs. An output with fewer rows than it needs is NaN and says so; so are all of a
 * measure whose needs are not met, or whose numbers are not finite on the way.
 *
 * errors  those of eval but MAD_E_NONFINITE
 * threads parallel inside, same bits for any number
 */
MAD_MUST_CHECK mad_status mad_compare(mad_ctx *ctx, mad_comparison *comparison,
                                      const mad_metric_type *type, mad_arena *mem,
                                      mad_verdict *out);

#endif

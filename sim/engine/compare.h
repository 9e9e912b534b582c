/* sim/engine/compare.h: the measures on two sets of rows, whoever made them. */
#ifndef MAD_ENGINE_COMPARE_H
#define MAD_ENGINE_COMPARE_H

#include "sim/iface/registry.h"

typedef struct mad_comparison {
    const mad_world_info *world; /* continuous; classes and modes where they are known */
    const mad_values *values;    /* the `measure` section */
    const mad_set *real, *fake;  /* labels on both sides or on none */
    const mad_set *train;        /* what the model was trained on; NULL = not known */
    const mad_set
        *test;   /* real rows for measures of memorisation in place of `real`; NULL = real */
    mad_key key; /* of random directions */
} mad_comparison;

/* One output. */
typedef struct mad_verdict {
    const mad_metric_type *type;
    const mad_metric_output *output;
    double value;    /* NaN: see why */
    const char *why; /* it was not taken, or is not defined; NULL: it has a value */
} mad_verdict;

/** What two files cannot give the measure: NULL, or the reason in words. */
const char *mad_comparison_lacks(const mad_comparison *comparison, const mad_metric_type *type);

/**
 * Every output of one measure, `out` in the order of its outputs. An output with fewer rows than it
 * needs is NaN and says so; so are all of a measure whose needs are not met.
 *
 * errors  those of eval
 * threads parallel inside, same bits for any number
 */
MAD_MUST_CHECK mad_status mad_compare(mad_ctx *ctx, const mad_comparison *comparison,
                                      const mad_metric_type *type, mad_arena *mem,
                                      mad_verdict *out);

#endif

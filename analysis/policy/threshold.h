/* analysis/policy/threshold.h: the least size whose mean margin is not negative, from noisy replicates.
 *
 * E margin rises with the size; n* is the least size with E margin >= 0. At each size looked at, new
 * replicates are drawn until a one-sided t test says "holds" or "fails" or the looks are used up
 * (open). The interval runs from behind the largest size that fails to the smallest that holds; it
 * misses n* only when some size was judged on the wrong side. At most
 *   M = 1 + 2 ceil(log2(sizes + 1))
 * sizes are looked at by the three bisections (where both verdicts meet; below what holds; above what
 * fails), each size can be wrong on one side only, and each look of L spends alpha/(M L): by
 * Bonferroni the interval covers n* with probability >= 1 - alpha, whichever sizes the verdicts lead
 * to and however the curve lies, as far as t tests hold (margins near normal).
 */
#ifndef MAD_POLICY_THRESHOLD_H
#define MAD_POLICY_THRESHOLD_H

#include <stddef.h>

#include "sim/base/ctx.h"

enum { MAD_CROSSING_MAX_POINTS = 128 };

/* Margins of independent replicates at one size. A size holds when every side does. */
typedef struct mad_margins {
    size_t n_replicates, n_sides; /* sides 1 or 2 */
    const double *value[2];       /* [n_replicates] each */
} mad_margins;

typedef struct mad_threshold_plan {
    size_t least, most, step; /* sizes least, least + step, ..., and most */
    double confidence;
    size_t n_looks; /* >= 1; look 0 is drawn once, look j >= 1 as often as all before it together */
    void *arg;
    /** New replicates: `draw` counts the calls at this size from 0, independent of each other; calls
     *  of the same number at two sizes may share random numbers. */
    mad_status (*draw)(mad_ctx *ctx, void *arg, size_t size, size_t draw, mad_margins *out);
    /** Told of every verdict; NULL: nobody. */
    void (*tell)(void *arg, size_t size, size_t n_replicates, int verdict);
} mad_threshold_plan;

typedef struct mad_threshold_point {
    size_t size, n_replicates;
    double mean, error; /* margin of the worse side, and its standard error */
    int verdict;        /* 1 holds, -1 fails, 0 open */
} mad_threshold_point;

typedef struct mad_threshold {
    size_t low, high; /* n* lies in low..high */
    int is_open;      /* 1: no size up to `most` was found to hold; high has no meaning */
    double estimate;  /* where the monotone fit of the means crosses 0; NaN: it does not */
    size_t n_points;
    mad_threshold_point point[MAD_CROSSING_MAX_POINTS]; /* by size */
} mad_threshold;

/** errors  MAD_E_NONFINITE: a margin is NaN; those of draw() */
MAD_MUST_CHECK mad_status mad_threshold_find(mad_ctx *ctx, const mad_threshold_plan *plan,
                                             mad_threshold *out);

#endif

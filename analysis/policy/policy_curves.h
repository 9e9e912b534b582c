/* analysis/policy/policy_curves.h: damage and cost of the runs of a sweep along a lever. */
#ifndef MAD_POLICY_CURVES_H
#define MAD_POLICY_CURVES_H

#include "analysis/fit/estimate.h"
#include "analysis/policy/policy_invert.h"
#include "analysis/policy/policy_life.h"
#include "analysis/policy/policy_measure.h"

/* What is asked of a sweep. */
typedef struct mad_policy_request {
    const char *lever;  /* a swept key, or an expression; NULL: the first swept key of numbers */
    const char *damage; /* as mad_policy_measure_choose */
    const char *cost;   /* an expression; NULL: real rows in the training set of a generation */
    size_t horizon;     /* 0: the last generation of the shortest run */
} mad_policy_request;

/* All runs that differ in the seed alone; means over their replicates, 95 % intervals. */
typedef struct mad_policy_point {
    const char *text; /* value of the key, as written */
    mad_estimate lever, damage, cost;
    mad_policy_life life; /* where the damage is a half-life */
} mad_policy_point;

/* Runs that differ in the lever's key and the seed alone. */
typedef struct mad_policy_curve {
    const char *label; /* "loop.real=fixed"; "" where there is one curve */
    size_t n_points;
    const mad_policy_point *point; /* [n_points], the lever ascends */
    mad_policy_sample sample;
} mad_policy_curve;

typedef struct mad_policy_curves {
    size_t horizon;
    const char *key;   /* swept, whose values are the points of a curve */
    const char *lever; /* what it is drawn against: the key, or an expression */
    const char *cost;
    const char *cost_words; /* "real rows a generation" */
    mad_policy_measure measure;
    size_t n_seeds, n_replicates; /* of a run: the most */
    const char **seed;            /* [n_seeds] */
    size_t n_curves;
    mad_policy_curve *curve;
    size_t n_missing; /* replicates of some point whose damage is not finite or not done yet */
} mad_policy_curves;

/**
 * Read a sweep folder as curves. The keys that are swept are those of sweep.json, or, where the folder
 * has none, those that tell its runs apart.
 *
 * A lever that is an expression is read in every replicate and averaged over those of a point; its
 * own standard error is not carried further.
 *
 * errors  MAD_E_USAGE: no key to serve as lever, one value, a horizon beyond the runs, two runs at one
 *         point; those of mad_runs_load, mad_policy_measure_choose, mad_policy_evaluate
 * memory  from mem
 */
MAD_MUST_CHECK mad_status mad_policy_curves_read(mad_ctx *ctx, mad_arena *mem, char *dir,
                                                 const mad_policy_request *request,
                                                 mad_policy_curves *out);

/** The cost on the curve at a lever, linear between its points; NaN outside. */
double mad_policy_cost_at(const mad_policy_curve *curve, double lever);

#endif

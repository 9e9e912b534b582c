/* analysis/policy/policy_measure.h: what a policy is judged by: damage, in words and in numbers. */
#ifndef MAD_POLICY_MEASURE_H
#define MAD_POLICY_MEASURE_H

#include "analysis/table/runs.h"

typedef enum mad_policy_damage {
    MAD_POLICY_LOSS,      /* 1 - M@horizon/M@1 of a measure M of diversity */
    MAD_POLICY_DISTANCE,  /* M@horizon of a distance */
    MAD_POLICY_HALF_LIFE, /* generations until M is below half of its first value, counted up to the
                             horizon: the mean is the restricted mean survival time */
    MAD_POLICY_EXPRESSION
} mad_policy_damage;

typedef struct mad_policy_measure {
    mad_policy_damage kind;
    const char *metric;     /* M; NULL: of an expression */
    const char *expression; /* NULL: of a half-life */
    const char *words;      /* "loss of recall by generation 20": in sentences */
    const char *label;      /* the same, for an axis */
    int is_floor;           /* 1: more is better */
} mad_policy_measure;

/**
 * Read --damage. NULL stands for loss. `loss`, `distance` and `half-life` take the first measure of
 * their list that all runs have; `loss(NAME)` and so on name it.
 * errors  MAD_E_USAGE: no such measure in the runs;  MAD_E_MEMORY
 * memory  from mem
 */
MAD_MUST_CHECK mad_status mad_policy_measure_choose(mad_ctx *ctx, mad_arena *mem,
                                                    const mad_runs *runs, const char *asked,
                                                    size_t horizon, mad_policy_measure *out);

/** The damage of every replicate: out [run->run.n_replicates]. errors  as mad_policy_evaluate */
MAD_MUST_CHECK mad_status mad_policy_measure_take(mad_ctx *ctx, mad_arena *mem,
                                                  const mad_policy_measure *measure,
                                                  const mad_run_entry *run, size_t horizon,
                                                  double *out);

#endif

/* analysis/policy/empirical.h: `madloop admissible CONFIG --metric M`: the least fresh share, by runs.
 */
#ifndef MAD_POLICY_EMPIRICAL_H
#define MAD_POLICY_EMPIRICAL_H

#include "analysis/policy/trial.h"
#include "sim/cli/options.h"

typedef enum mad_kept { MAD_KEEP_TOTAL, MAD_KEEP_SYNTHETIC } mad_kept;

typedef struct mad_empirical_ask {
    double within;     /* fraction of the value at generation 1 */
    double confidence; /* of the interval */
    size_t generation; /* 0: the last of the configuration */
    size_t kept;       /* mad_kept: n_real + n_synthetic, or n_synthetic */
    size_t most;       /* largest n_real looked at; 0: total - 1, or 4 (n_real + n_synthetic) */
    size_t step;       /* rows between the sizes looked at; 0: a hundredth of `most` */
    size_t looks;      /* doublings of the replicates at one size, plus one */
} mad_empirical_ask;

/** Their rows of an option table (7 rows, not terminated). */
#define MAD_EMPIRICAL_OPTIONS(o)                                                                   \
    {"within",                                                                                     \
     0,                                                                                            \
     "X",                                                                                          \
     "by how much of its value at generation 1 it may get worse (default 0.1)",                    \
     .real = &(o).within,                                                                          \
     .min = 0,                                                                                     \
     .max = 1e6},                                                                                  \
        {"generation",                                                                             \
         'g',                                                                                      \
         "G",                                                                                      \
         "at which generation (default: the last)",                                                \
         .count = &(o).generation,                                                                 \
         .min = 2,                                                                                 \
         .max = 1e6},                                                                              \
        {"confidence",                                                                             \
         0,                                                                                        \
         "C",                                                                                      \
         "of the interval (default 0.95)",                                                         \
         .real = &(o).confidence,                                                                  \
         .min = 0.5,                                                                               \
         .max = 0.9999},                                                                           \
        {"keep",                                                                                   \
         0,                                                                                        \
         "WHAT",                                                                                   \
         "constant while n_real is varied: total (default) or synthetic",                          \
         .count = &(o).kept,                                                                       \
         .choices = "total|synthetic"},                                                            \
        {"most",                                                                                   \
         0,                                                                                        \
         "N",                                                                                      \
         "largest n_real looked at (default: total - 1, or 4 times the total)",                    \
         .count = &(o).most,                                                                       \
         .min = 2,                                                                                 \
         .max = 1e9},                                                                              \
        {"step",                                                                                   \
         0,                                                                                        \
         "N",                                                                                      \
         "n_real is looked at in such steps (default: a hundredth of the largest)",                \
         .count = &(o).step,                                                                       \
         .min = 1,                                                                                 \
         .max = 1e9},                                                                              \
    {                                                                                              \
        "looks", 0, "N", "times the replicates at an n_real may double, plus one (default 4)",     \
            .count = &(o).looks, .min = 1, .max = 16                                               \
    }

/**
 * The least n_real with which the mean of the measure is, at that generation, no worse than `within`
 * beside its mean at generation 1 (for measures with a target: no further away), as an interval.
 * errors  MAD_E_CONFIG, MAD_E_USAGE; MAD_E_FAILED: no size up to `most` holds, said after the answer;
 *         those of the runs
 */
MAD_MUST_CHECK mad_status mad_empirical_answer(mad_trials *trials, const mad_empirical_ask *ask,
                                               int as_json);

#endif

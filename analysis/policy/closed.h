/* analysis/policy/closed.h: `madloop admissible` without a configuration: closed forms alone. */
#ifndef MAD_POLICY_CLOSED_H
#define MAD_POLICY_CLOSED_H

#include "sim/cli/options.h"

/* What the command line gave; NaN or NULL: not given. */
typedef struct mad_closed_ask {
    double n_real, n_synthetic, n_effective, share, target;
    double dim, bias, memory, leak, tpr, fpr;
    const char *real_weight; /* a number, "golden" or "proportional" */
} mad_closed_ask;

/* Nothing given: no bias, K = 1, target 1. */
extern const mad_closed_ask mad_closed_nothing;

/** Their rows of an option table (12 rows, not terminated). */
#define MAD_CLOSED_OPTIONS(o)                                                                      \
    {                                                                                              \
        "n-real", 0,          "N", "fresh real rows a generation", .real = &(o).n_real,            \
        .min = 2, .max = 1e12},                                                                    \
        {"dim", 0, "D", "dimensions", .real = &(o).dim, .min = 1, .max = 1e6},                     \
        {"bias",                                                                                   \
         0,                                                                                        \
         "LAM",                                                                                    \
         "covariance factor of synthetic rows (default 1: none)",                                  \
         .real = &(o).bias,                                                                        \
         .min = 1e-3,                                                                              \
         .max = 1},                                                                                \
        {"memory",                                                                                 \
         0,                                                                                        \
         "K",                                                                                      \
         "synthetic rows come from the last K models (default 1)",                                 \
         .real = &(o).memory,                                                                      \
         .min = 1,                                                                                 \
         .max = 1e6},                                                                              \
        {"real-weight", 0, "W", "total weight of the real rows: a number, golden or proportional", \
         .text = &(o).real_weight},                                                                \
        {"target",    0,         "R", "wanted n_e/n_r (default 1)", .real = &(o).target,           \
         .min = 1e-3, .max = 1e6},                                                                 \
        {"n-effective",                                                                            \
         0,                                                                                        \
         "N",                                                                                      \
         "wanted n_e: asks for the least n_real",                                                  \
         .real = &(o).n_effective,                                                                 \
         .min = 2,                                                                                 \
         .max = 1e12},                                                                             \
        {"n-synthetic", 0,          "N", "synthetic rows a generation", .real = &(o).n_synthetic,  \
         .min = 0,      .max = 1e12},                                                              \
        {"share",                                                                                  \
         0,                                                                                        \
         "P",                                                                                      \
         "n_real/(n_real + n_synthetic), with --n-effective",                                      \
         .real = &(o).share,                                                                       \
         .min = 1e-9,                                                                              \
         .max = 1},                                                                                \
        {"leak",                                                                                   \
         0,                                                                                        \
         "EPS",                                                                                    \
         "share of the real rows that the newest model made (default 0)",                          \
         .real = &(o).leak,                                                                        \
         .min = 0,                                                                                 \
         .max = 0.999},                                                                            \
        {"tpr",                                                                                    \
         0,                                                                                        \
         "X",                                                                                      \
         "a detector drops this share of the synthetic rows (default 0)",                          \
         .real = &(o).tpr,                                                                         \
         .min = 0,                                                                                 \
         .max = 1},                                                                                \
    {                                                                                              \
        "fpr", 0, "X", "and this share of the real rows (default 0)", .real = &(o).fpr, .min = 0,  \
                                                                      .max = 0.999                 \
    }

/** 1 when an option was given that closed forms alone look at. */
int mad_closed_is_asked(const mad_closed_ask *ask);

/**
 * Answer on stdout: with n_real the largest admissible n_synthetic; with n_effective the least
 * n_real; with n_real and n_synthetic what they are worth.
 * errors  MAD_E_USAGE: something is missing, contradicts, or no formula covers it; MAD_E_FAILED: no
 *         size reaches the target (said with the best there is)
 */
MAD_MUST_CHECK mad_status mad_closed_answer(mad_app *app, const mad_closed_ask *ask, int as_json);

#endif

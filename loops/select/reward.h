/* loops/select/reward.h: what curators like: one number per row, from its columns, from what its
 * world reads back, or from a list.
 *
 *   linear            r = sum_j a_j x_j
 *   quadratic         r = -sum_j (x_j - a_j)^2 / (2 tau^2)
 *   plane             r = -|sum_j a_j x_j|, not divided by |a|: of regression rows (x, y) and
 *                     a = (c, -1) the distance of the response from c.x
 *   factor_linear     r = a z,   z = (factor - mean) / sd under the law of the world
 *   factor_quadratic  r = -(z - a)^2 / (2 tau^2); of angles by the shorter way round
 *   validity          r = 1 where the world could have drawn the row, else 0
 *   density           r = ln p(row) under the world
 *   table             r = a_k of category or class k
 * with a = reward.target. Several users have targets of their own, one behind the other, and every
 * choice is made by one user drawn by reward.users.
 * ref  Ferbach et al. 2024 (arXiv:2407.09499); Zhao, Fu & Pham 2025 (arXiv:2511.09002): several
 *      users; Yi et al. 2025 (arXiv:2510.16657): a verifier of regression rows
 */
#ifndef MAD_LOOPS_SELECT_REWARD_H
#define MAD_LOOPS_SELECT_REWARD_H

#include "sim/iface/setting.h"

/* Rows of a plug-in's parameter table. */
#define MAD_REWARD_PARAMS                                                                          \
    {.name = "reward.kind",                                                                        \
     .kind = MAD_PARAM_CHOICE,                                                                     \
     .fallback = "linear",                                                                         \
     .choices = "linear|quadratic|plane|factor_linear|factor_quadratic|validity|density|table|"    \
                "file",                                                                            \
     .doc = "what a row is worth: by its columns, by a factor its world reads back, 1 where the "  \
            "world finds it valid, its log density in the world, a number per class, or as a "     \
            "file says of rows like it"},                                                          \
        {.name = "reward.file",                                                                    \
         .kind = MAD_PARAM_PATH,                                                                   \
         .fallback = "",                                                                           \
         .doc = "data file of rows, each its columns and then a reward for every user; a row is "  \
                "worth what the nearest of them is"},                                              \
        {.name = "reward.target",                                                                  \
         .kind = MAD_PARAM_REALS,                                                                  \
         .fallback = "1",                                                                          \
         .min = -1e6,                                                                              \
         .max = 1e6,                                                                               \
         .doc = "linear, plane: coefficients; quadratic: the best point; columns beyond the list " \
                "do not count; table: a reward per category or class; users one behind the "       \
                "other"},                                                                          \
        {.name = "reward.tau",                                                                     \
         .kind = MAD_PARAM_SCHEDULE,                                                               \
         .fallback = "1",                                                                          \
         .min = 1e-6,                                                                              \
         .max = 1e6,                                                                               \
         .doc = "width of quadratic rewards: -distance^2 / (2 tau^2)"},                            \
        {.name = "reward.factor",                                                                  \
         .kind = MAD_PARAM_TEXT,                                                                   \
         .fallback = "1",                                                                          \
         .doc = "the factor that is judged: its name or its number from 1"},                       \
    {                                                                                              \
        .name = "reward.users", .kind = MAD_PARAM_REALS, .fallback = "1", .min = 1e-6, .max = 1e6, \
        .doc = "shares of users with a target each; every choice is made by one of them"           \
    }

typedef enum mad_reward_kind {
    MAD_REWARD_LINEAR,
    MAD_REWARD_QUADRATIC,
    MAD_REWARD_PLANE,
    MAD_REWARD_FACTOR_LINEAR,
    MAD_REWARD_FACTOR_QUADRATIC,
    MAD_REWARD_VALIDITY,
    MAD_REWARD_DENSITY,
    MAD_REWARD_TABLE,
    MAD_REWARD_FILE
} mad_reward_kind;

typedef struct mad_reward {
    mad_reward_kind kind;
    const mad_world *world;
    size_t n_users, n_target; /* n_target: numbers of one user */
    const double *share;      /* [n_users] > 0, of any sum */
    const double *target;     /* [n_users][n_target] */
    double tau;
    size_t i_factor;       /* of factor_linear and factor_quadratic */
    const mad_table *file; /* rows of the world's columns, then n_users rewards; of file */
} mad_reward;

/**
 * Read the reward of a setting's selection of rows that `generation` trains on; borrows its values.
 *
 * errors  MAD_E_CONFIG: a key that is set without effect, a number of targets that fits neither users
 *         nor world, a linear reward of an angle; MAD_E_UNSUPPORTED: the world does not read rows
 *         back, knows no density, has no classes, or the model does not learn them
 */
MAD_MUST_CHECK mad_status mad_reward_open(mad_ctx *ctx, const mad_setting *setting,
                                          size_t generation, mad_reward *out);

/** Draw the users of choices 0..n-1 by their shares; nothing is drawn where there is one. */
MAD_MUST_CHECK mad_status mad_reward_users(mad_ctx *ctx, const mad_reward *reward, mad_rng *rng,
                                           size_t n, size_t *user);

/**
 * What rows are worth to those who judge them.
 *
 * shape    user: [n_rows]; out: [n_rows]
 * errors   MAD_E_MEMORY; those of the world's recover and log_density
 * threads  same bits for any number
 */
MAD_MUST_CHECK mad_status mad_reward_score(mad_ctx *ctx, const mad_reward *reward,
                                           const mad_set *rows, const size_t *user, double *out);

#endif

/* loops/select/choice.h: what every selection does: order candidates by chance, ask what they are
 * worth, take the best, say what was taken. Scratch comes from ctx->scratch and is left there: a
 * `choose` marks and releases it.
 */
#ifndef MAD_LOOPS_SELECT_CHOICE_H
#define MAD_LOOPS_SELECT_CHOICE_H

#include "loops/select/reward.h"

/* Candidates drawn for every row that is wanted. */
#define MAD_CANDIDATES_PARAM(fallback_text, doc_text)                                              \
    {                                                                                              \
        .name = "candidates", .kind = MAD_PARAM_SCHEDULE, .fallback = (fallback_text), .min = 1,   \
        .max = 1024, .unit = "rows", .doc = (doc_text)                                             \
    }

/** n_candidates of selections with that parameter. */
size_t mad_choice_candidates(const mad_setting *setting, size_t generation, size_t n_wanted);

/* The share of the candidates that is kept; n_candidates of selections with it: n_wanted / share,
 * rounded up. */
#define MAD_SHARE_PARAM                                                                            \
    {                                                                                              \
        .name = "share", .kind = MAD_PARAM_SCHEDULE, .fallback = "0.5", .min = 0.001, .max = 1,    \
        .doc = "share of the candidates that is kept"                                              \
    }
size_t mad_choice_share(const mad_setting *setting, size_t generation, size_t n_wanted);

/** The value of a selection's schedule for the rows of a batch. */
double mad_choice_get(const mad_select_in *in, const char *name);

/* Reports of what candidates and picked rows are worth: the first two of a list. */
#define MAD_REWARD_REPORTS                                                                         \
    {"reward_candidates", "1", "mean reward of the candidates"},                                   \
    {                                                                                              \
        "reward_kept", "1", "mean reward of the candidates that were kept"                         \
    }

typedef enum mad_choice_stream {
    MAD_CHOICE_ORDER,
    MAD_CHOICE_USERS,
    MAD_CHOICE_CHANCE
} mad_choice_stream;

/** The stream of one use in this batch: the upper half of the batch's items; a model that is asked
 *  about rows has the lower. */
mad_rng mad_choice_open(const mad_select_in *in, mad_choice_stream use);

/** A random order of all candidates: [n_candidates]. MAD_E_MEMORY. */
MAD_MUST_CHECK mad_status mad_choice_shuffle(mad_ctx *ctx, const mad_select_in *in, size_t **order);

/**
 * Rewards of all candidates.
 *
 * shape   choice: [n_candidates] which choice a candidate takes part in, below n_candidates: all
 *         of one choice are judged by the same user; NULL: each by a user of its own
 * errors  MAD_E_MEMORY; those of mad_reward_open and mad_reward_score
 */
MAD_MUST_CHECK mad_status mad_choice_rewards(mad_ctx *ctx, const mad_select_in *in,
                                             const size_t *choice, double **reward);

/** Pick the n_wanted candidates of greatest score, among equal ones by chance. NaN is least.
 *  MAD_E_MEMORY. */
MAD_MUST_CHECK mad_status mad_choice_best(mad_ctx *ctx, const mad_select_in *in,
                                          const double *score, mad_selection *out);

/** Pick where taken is 1, at most n_wanted of them; taken: [n_candidates]. */
void mad_choice_take(const mad_select_in *in, const unsigned char *taken, mad_selection *out);

/**
 * report[i] = mean of value over all candidates so far, report[i + 1] = over the picked ones; earlier
 * batches included.
 */
MAD_MUST_CHECK mad_status mad_choice_report(mad_ctx *ctx, const mad_select_in *in,
                                            const double *value, size_t i, mad_selection *out);

/** check() of selections whose only keys that can contradict are those of the reward. */
MAD_MUST_CHECK mad_status mad_choice_check_reward(mad_ctx *ctx, const mad_setting *setting);

#endif

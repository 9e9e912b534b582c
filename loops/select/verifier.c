/* loops/select/verifier.c: a verifier keeps good rows with probability phi, bad ones with psi.
 *
 *   kept rows are good with p phi / (p phi + (1 - p) psi), p the share of good candidates
 *
 * ref  Feng et al. 2024 (arXiv:2406.07515)
 */
#include <math.h>

#include "loops/select/choice.h"
#include "sim/num/stats.h"

static const mad_param params[] = {
    {.name = "phi",
     .kind = MAD_PARAM_SCHEDULE,
     .fallback = "0.9",
     .min = 0,
     .max = 1,
     .doc = "probability that a good row is kept"},
    {.name = "psi",
     .kind = MAD_PARAM_SCHEDULE,
     .fallback = "0.1",
     .min = 0,
     .max = 1,
     .doc = "probability that a bad row is kept"},
    {.name = "threshold",
     .kind = MAD_PARAM_SCHEDULE,
     .fallback = "0",
     .min = -1e9,
     .max = 1e9,
     .doc = "a row is good where its reward is above this; 0 suits reward.kind: validity"},
    MAD_CANDIDATES_PARAM(
        "4",
        "candidates drawn at once for every row that is still missing; more where few are good"),
    MAD_REWARD_PARAMS,
    {.name = NULL},
};

static const mad_report reports[] = {
    MAD_REWARD_REPORTS,
    {"good_candidates", "1", "share of the candidates that are good"},
    {"good_kept", "1", "share of the kept rows that are good"},
    {.name = NULL}};

/* Rewards lie within (-HUGE_VAL, most], of validity from 0. */
static mad_status check_threshold(mad_ctx *ctx, const mad_setting *s)
{
    const mad_reward_kind kind = (mad_reward_kind)mad_get_choice(s->select_values, "reward.kind");
    const double most = kind == MAD_REWARD_VALIDITY ? 1.0 : 0.0;
    const double least = kind == MAD_REWARD_VALIDITY ? 0.0 : -HUGE_VAL;
    const char *name = mad_get_text(s->select_values, "reward.kind");
    if (kind != MAD_REWARD_VALIDITY && kind != MAD_REWARD_QUADRATIC && kind != MAD_REWARD_PLANE &&
        kind != MAD_REWARD_FACTOR_QUADRATIC) {
        return MAD_OK;
    }
    for (size_t t = 2; t <= s->n_generations; t++) {
        const double threshold = mad_get_at(s->select_values, "threshold", t, s->n_generations);
        if (threshold >= least && threshold < most) {
            return MAD_OK;
        }
    }
    return s->n_generations == 1
               ? MAD_OK
               : mad_fail(ctx, MAD_E_CONFIG,
                          "select.threshold is %s, but has no effect: a reward of "
                          "select.reward.kind: %s %s",
                          mad_get_text(s->select_values, "threshold"), name,
                          kind == MAD_REWARD_VALIDITY ? "is 0 or 1" : "is never above 0");
}

static mad_status check(mad_ctx *ctx, const mad_setting *setting)
{
    const mad_values *values = setting->select_values;
    const size_t n_gens = setting->n_generations;
    for (size_t t = 2; t <= n_gens || t == 2; t++) {
        if (mad_get_at(values, "phi", t, n_gens) + mad_get_at(values, "psi", t, n_gens) == 0.0) {
            return mad_fail(
                ctx, MAD_E_CONFIG,
                "select.phi and select.psi are both 0 in generation %zu: no row is kept", t);
        }
    }
    const mad_status st = mad_choice_check_reward(ctx, setting);
    return st == MAD_OK ? check_threshold(ctx, setting) : st;
}

/* Candidates in random order until enough are kept. */
static void keep(const mad_select_in *in, const double *good, const size_t *order,
                 unsigned char *taken)
{
    const double phi = mad_choice_get(in, "phi"), psi = mad_choice_get(in, "psi");
    mad_rng rng = mad_choice_open(in, MAD_CHOICE_CHANCE);
    size_t n_taken = 0;
    for (size_t k = 0; k < in->candidates->n_rows && n_taken < in->n_wanted; k++) {
        const size_t i = order[k];
        taken[i] = mad_rng_uniform(&rng) < (good[i] > 0.0 ? phi : psi);
        n_taken += taken[i];
    }
}

static mad_status choose(mad_ctx *ctx, const mad_select_in *in, mad_selection *out)
{
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    const double threshold = mad_choice_get(in, "threshold");
    const size_t n = in->candidates->n_rows;
    size_t *order = NULL;
    double *reward = NULL;
    mad_status st = MAD_OK;
    unsigned char *taken = mad_arena_take(ctx->scratch, n, sizeof *taken);
    double *good = mad_arena_take_raw(ctx->scratch, n, sizeof *good);
    if (taken == NULL || good == NULL) {
        return mad_fail_memory(ctx, "the verdicts on candidates");
    }
    MAD_TRY(mad_choice_shuffle(ctx, in, &order));
    MAD_TRY(mad_choice_rewards(ctx, in, NULL, &reward));
    for (size_t i = 0; i < n; i++) {
        good[i] = reward[i] > threshold;
    }
    keep(in, good, order, taken);
    mad_choice_take(in, taken, out);
    MAD_TRY(mad_choice_report(ctx, in, reward, 0, out));
    MAD_TRY(mad_choice_report(ctx, in, good, 2, out));
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

const mad_select_type mad_select_verifier = {
    .name = "verifier",
    .doc = "good rows are kept with probability phi, bad ones with psi, until there are enough",
    .ref = "Feng et al. 2024 (arXiv:2406.07515)",
    .params = params,
    .worlds = ~0u,
    .reports = reports,
    .check = check,
    .n_candidates = mad_choice_candidates,
    .choose = choose,
};

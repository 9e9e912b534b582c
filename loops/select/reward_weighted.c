/* loops/select/reward_weighted.c: every row is kept and counts by what it is worth.
 *
 *   w_i = exp(r_i / T) / mean_j exp(r_j / T):   the fitted law is that of p e^(r/T) / Z
 *
 * differs from the formula: a weight below 1e-300 is 1e-300, as fits take positive ones.
 * ref  Peters & Schaal 2007 (reward-weighted regression)
 */
#include <math.h>

#include "loops/select/choice.h"
#include "sim/num/stats.h"

static const mad_param params[] = {
    {.name = "temperature",
     .kind = MAD_PARAM_SCHEDULE,
     .fallback = "1",
     .min = 1e-6,
     .max = 1e6,
     .doc = "T in the weight exp(r / T)"},
    MAD_REWARD_PARAMS,
    {.name = NULL},
};

static const mad_report reports[] = {
    {"reward_candidates", "1", "mean reward of the candidates"},
    {"reward_kept", "1", "mean reward of the candidates by their weights"},
    {"effective_share", "1", "(sum of weights)^2 / (n sum of squared weights)"},
    {.name = NULL}};

static size_t n_candidates(const mad_setting *setting, size_t generation, size_t n_wanted)
{
    (void)setting;
    (void)generation;
    return n_wanted;
}

/* weight[n] of mean 1; work[n] is scratch. */
static void set_weights(double temperature, size_t n, const double *reward, double *work,
                        mad_selection *out)
{
    double best = reward[0], by_weight, squares;
    for (size_t i = 1; i < n; i++) {
        best = fmax(best, reward[i]);
    }
    for (size_t i = 0; i < n; i++) {
        out->weight[i] = exp((reward[i] - best) / temperature);
    }
    const double mean = mad_mean(n, out->weight);
    for (size_t i = 0; i < n; i++) {
        out->weight[i] = fmax(out->weight[i] / mean, 1e-300);
        work[i] = out->weight[i] * reward[i];
    }
    by_weight = mad_mean(n, work);
    for (size_t i = 0; i < n; i++) {
        work[i] = out->weight[i] * out->weight[i];
    }
    squares = mad_mean(n, work);
    out->report[0] = mad_mean(n, reward);
    out->report[1] = by_weight;
    out->report[2] = 1.0 / squares;
}

static mad_status choose(mad_ctx *ctx, const mad_select_in *in, mad_selection *out)
{
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    const double temperature = mad_choice_get(in, "temperature");
    const size_t n = in->candidates->n_rows;
    double *reward = NULL;
    mad_status st = MAD_OK;
    double *work = mad_arena_take_raw(ctx->scratch, n, sizeof *work);
    if (work == NULL) {
        return mad_fail_memory(ctx, "the weights of candidates");
    }
    MAD_TRY(mad_choice_rewards(ctx, in, NULL, &reward));
    for (size_t i = 0; i < n; i++) {
        out->pick[i] = i;
    }
    out->n = n;
    set_weights(temperature, n, reward, work, out);
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

const mad_select_type mad_select_reward_weighted = {
    .name = "reward_weighted",
    .doc = "every row is kept and weighs exp(reward / T) in the fit",
    .ref = "Peters & Schaal 2007; Ferbach et al. 2024 (arXiv:2407.09499)",
    .params = params,
    .worlds = ~0u,
    .weighs = 1,
    .reports = reports,
    .check = mad_choice_check_reward,
    .n_candidates = n_candidates,
    .choose = choose,
};

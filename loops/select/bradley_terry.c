/* loops/select/bradley_terry.c: users publish the candidate they like best of a few.
 *
 *   P(i of K) = exp(r_i / T) / sum_j exp(r_j / T)
 *
 * so the law of published rows is p(x) E[K e^r(x) / (e^r(x) + sum_2..K e^r_j)], and p e^r / Z for
 * large K. Whose answers are noisy takes the other one of a pair with probability `flip`.
 * ref  Bradley & Terry 1952; Ferbach et al. 2024 (arXiv:2407.09499)
 */
#include <math.h>

#include "loops/select/choice.h"

#define TEMPERATURE                                                                                \
    {                                                                                              \
        .name = "temperature", .kind = MAD_PARAM_SCHEDULE, .fallback = "1", .min = 0, .max = 1e6,  \
        .doc = "T in P(i) ~ exp(r_i / T); 0 = the best of the candidates"                          \
    }

static const mad_param best_of_params[] = {
    MAD_CANDIDATES_PARAM("2", "candidates that one is chosen from"),
    TEMPERATURE,
    MAD_REWARD_PARAMS,
    {.name = NULL},
};

static const mad_param pair_params[] = {
    {.name = "flip",
     .kind = MAD_PARAM_SCHEDULE,
     .fallback = "0.1",
     .min = 0,
     .max = 1,
     .doc = "probability that the label of a pair is turned round"},
    TEMPERATURE,
    MAD_REWARD_PARAMS,
    {.name = NULL},
};

static const mad_report reports[] = {MAD_REWARD_REPORTS, {.name = NULL}};

/* Which of K candidates one user takes. cum: [K] scratch. */
static size_t favourite(mad_rng *rng, double temperature, size_t k, const size_t *group,
                        const double *reward, double *cum)
{
    size_t best = 0;
    for (size_t j = 1; j < k; j++) {
        best = reward[group[j]] > reward[group[best]] ? j : best;
    }
    if (!(temperature > 0.0)) {
        return best; /* the first of equals: the group is in random order */
    }
    for (size_t j = 0; j < k; j++) {
        const double odds = exp((reward[group[j]] - reward[group[best]]) / temperature);
        cum[j] = odds + (j > 0 ? cum[j - 1] : 0.0);
    }
    return mad_rng_index(rng, k, cum);
}

/* Choice c is made among the candidates order[c K] .. order[c K + K - 1]. */
static mad_status choose_among(mad_ctx *ctx, const mad_select_in *in, size_t k, double flip,
                               mad_selection *out)
{
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    const double temperature = mad_choice_get(in, "temperature");
    const size_t n = in->candidates->n_rows;
    mad_rng rng = mad_choice_open(in, MAD_CHOICE_CHANCE);
    size_t *order = NULL;
    double *reward = NULL;
    mad_status st = MAD_OK;
    size_t *choice = mad_arena_take_raw(ctx->scratch, n, sizeof *choice);
    double *cum = mad_arena_take_raw(ctx->scratch, k, sizeof *cum);
    unsigned char *taken = mad_arena_take(ctx->scratch, n, sizeof *taken);
    if (choice == NULL || cum == NULL || taken == NULL) {
        return mad_fail_memory(ctx, "the choices of users");
    }
    MAD_TRY(mad_choice_shuffle(ctx, in, &order));
    for (size_t i = 0; i < n; i++) {
        choice[order[i]] = i / k;
    }
    MAD_TRY(mad_choice_rewards(ctx, in, choice, &reward));
    for (size_t c = 0; c < in->n_wanted; c++) {
        const size_t *group = order + c * k;
        size_t j = favourite(&rng, temperature, k, group, reward, cum);
        if (flip > 0.0 && mad_rng_uniform(&rng) < flip) {
            j = 1 - j;
        }
        taken[group[j]] = 1;
    }
    mad_choice_take(in, taken, out);
    MAD_TRY(mad_choice_report(ctx, in, reward, 0, out));
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

static mad_status choose_best_of(mad_ctx *ctx, const mad_select_in *in, mad_selection *out)
{
    return choose_among(ctx, in, mad_choice_candidates(in->setting, in->generation, 1), 0.0, out);
}

static size_t two_each(const mad_setting *setting, size_t generation, size_t n_wanted)
{
    (void)setting;
    (void)generation;
    return 2 * n_wanted;
}

static mad_status choose_of_pair(mad_ctx *ctx, const mad_select_in *in, mad_selection *out)
{
    return choose_among(ctx, in, 2, mad_choice_get(in, "flip"), out);
}

const mad_select_type mad_select_bradley_terry = {
    .name = "bradley_terry",
    .doc = "one of K candidates is kept, with probability proportional to exp(reward / T)",
    .ref = "Ferbach et al. 2024 (arXiv:2407.09499)",
    .params = best_of_params,
    .worlds = ~0u,
    .reports = reports,
    .check = mad_choice_check_reward,
    .n_candidates = mad_choice_candidates,
    .choose = choose_best_of,
};

const mad_select_type mad_select_human_noise = {
    .name = "human_noise",
    .doc = "of each pair of candidates the preferred one is kept, and some labels are turned round",
    .ref = "Bradley & Terry 1952; Ferbach et al. 2024 (arXiv:2407.09499)",
    .params = pair_params,
    .worlds = ~0u,
    .reports = reports,
    .check = mad_choice_check_reward,
    .n_candidates = two_each,
    .choose = choose_of_pair,
};

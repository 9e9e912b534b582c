/* loops/select/topfrac.c: the best share of the candidates, as a judge of some accuracy sees them.
 *
 *   score = r + sd(r) sqrt(1 / rho^2 - 1) z,   z ~ N(0, 1):   correlation rho with the reward r
 *
 * Of N(mu, s^2) with r = x the kept share f has mean mu + rho i s and variance
 * s^2 (1 - rho^2 i (i - z_f)), z_f the normal quantile of 1 - f, i = phi(z_f) / f: the breeder's
 * equation.
 * ref  Falconer & Mackay 1996, chapter 11
 */
#include <math.h>

#include "loops/select/choice.h"
#include "sim/num/stats.h"

static const mad_param params[] = {
    MAD_SHARE_PARAM,
    {.name = "accuracy",
     .kind = MAD_PARAM_SCHEDULE,
     .fallback = "1",
     .min = 0,
     .max = 1,
     .doc = "correlation of what the judge sees with the reward; 0 = chance"},
    MAD_REWARD_PARAMS,
    {.name = NULL},
};

static const mad_report reports[] = {MAD_REWARD_REPORTS, {.name = NULL}};

/* rho (r - mean) / sd + sqrt(1 - rho^2) z: the score above, standardised. */
static mad_status blur(mad_ctx *ctx, const mad_select_in *in, double accuracy, const double *reward,
                       double **out)
{
    const size_t n = in->candidates->n_rows;
    const double mean = mad_mean(n, reward), sd = sqrt(mad_variance(n, reward, 0.0));
    mad_rng rng = mad_choice_open(in, MAD_CHOICE_CHANCE);
    double *score = mad_arena_take_raw(ctx->scratch, n, sizeof *score);
    if (score == NULL) {
        return mad_fail_memory(ctx, "the scores of candidates");
    }
    mad_rng_normals(&rng, n, score);
    for (size_t i = 0; i < n; i++) {
        const double seen = sd > 0.0 ? (reward[i] - mean) / sd : 0.0;
        score[i] = accuracy * seen + sqrt(1.0 - accuracy * accuracy) * score[i];
    }
    *out = score;
    return MAD_OK;
}

static mad_status choose(mad_ctx *ctx, const mad_select_in *in, mad_selection *out)
{
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    const double accuracy = mad_choice_get(in, "accuracy");
    double *reward = NULL, *score = NULL;
    mad_status st = MAD_OK;
    MAD_TRY(mad_choice_rewards(ctx, in, NULL, &reward));
    score = reward;
    if (accuracy < 1.0) {
        MAD_TRY(blur(ctx, in, accuracy, reward, &score));
    }
    MAD_TRY(mad_choice_best(ctx, in, score, out));
    MAD_TRY(mad_choice_report(ctx, in, reward, 0, out));
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

const mad_select_type mad_select_topfrac = {
    .name = "topfrac",
    .doc = "the share of the candidates with the greatest reward, as an inaccurate judge sees it",
    .ref = "Falconer & Mackay 1996, chapter 11 (breeder's equation)",
    .params = params,
    .worlds = ~0u,
    .reports = reports,
    .check = mad_choice_check_reward,
    .n_candidates = mad_choice_share,
    .choose = choose,
};

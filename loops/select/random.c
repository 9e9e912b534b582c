/* loops/select/random.c: chance: as many candidates as another selection, and no judgement. */
#include <math.h>

#include "loops/select/choice.h"

static const mad_param params[] = {
    MAD_CANDIDATES_PARAM("2", "candidates drawn for every row that is kept"),
    {.name = "share",
     .kind = MAD_PARAM_SCHEDULE,
     .fallback = "none",
     .min = 1e-3,
     .max = 1,
     .choices = "none|#",
     .doc = "instead: share of the candidates that is kept, as of topfrac and rank"},
    MAD_REWARD_PARAMS,
    {.name = NULL},
};

static const mad_report reports[] = {MAD_REWARD_REPORTS, {.name = NULL}};

static int has_share(const mad_setting *setting)
{
    return !isnan(mad_get(setting->select_values, "share")->schedule.a);
}

static size_t n_candidates(const mad_setting *setting, size_t generation, size_t n_wanted)
{
    return has_share(setting) ? mad_choice_share(setting, generation, n_wanted)
                              : mad_choice_candidates(setting, generation, n_wanted);
}

static mad_status check(mad_ctx *ctx, const mad_setting *setting)
{
    const mad_value *candidates = mad_get(setting->select_values, "candidates");
    mad_status st = MAD_OK;
    int is_changed = 0;
    MAD_TRY(mad_value_is_changed(ctx, candidates, &is_changed));
    if (is_changed && has_share(setting)) {
        return mad_fail(ctx, MAD_E_CONFIG,
                        "select.share and select.candidates both say how many are drawn; give one");
    }
    MAD_TRY(mad_choice_check_reward(ctx, setting));
out:
    return st;
}

static mad_status choose(mad_ctx *ctx, const mad_select_in *in, mad_selection *out)
{
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    const size_t n = in->candidates->n_rows;
    size_t *order = NULL;
    double *reward = NULL;
    mad_status st = MAD_OK;
    unsigned char *taken = mad_arena_take(ctx->scratch, n, sizeof *taken);
    if (taken == NULL) {
        return mad_fail_memory(ctx, "the order of candidates");
    }
    MAD_TRY(mad_choice_shuffle(ctx, in, &order));
    for (size_t k = 0; k < in->n_wanted; k++) {
        taken[order[k]] = 1;
    }
    mad_choice_take(in, taken, out);
    MAD_TRY(mad_choice_rewards(ctx, in, NULL, &reward));
    MAD_TRY(mad_choice_report(ctx, in, reward, 0, out));
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

const mad_select_type mad_select_random = {
    .name = "random",
    .doc = "candidates are kept by chance: the same budget as another selection, without judgement",
    .ref = "the control of every selection",
    .params = params,
    .worlds = ~0u,
    .reports = reports,
    .check = check,
    .n_candidates = n_candidates,
    .choose = choose,
};

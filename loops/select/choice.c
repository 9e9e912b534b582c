/* loops/select/choice.c: the parts that selections share. */
#include "loops/select/choice.h"

#include <math.h>
#include <string.h>

#include "sim/num/stats.h"

#define OWN_ITEMS ((uint64_t)1 << 31) /* above those of a model that is asked about rows */

size_t mad_choice_candidates(const mad_setting *setting, size_t generation, size_t n_wanted)
{
    return n_wanted *
           mad_get_count(setting->select_values, "candidates", generation, setting->n_generations);
}

size_t mad_choice_share(const mad_setting *setting, size_t generation, size_t n_wanted)
{
    return (size_t)ceil((double)n_wanted / mad_get_at(setting->select_values, "share", generation,
                                                      setting->n_generations));
}

double mad_choice_get(const mad_select_in *in, const char *name)
{
    return mad_get_at(in->setting->select_values, name, in->generation, in->setting->n_generations);
}

mad_rng mad_choice_open(const mad_select_in *in, mad_choice_stream use)
{
    return mad_rng_open(in->key, (in->batch << 32) + OWN_ITEMS + (uint64_t)use);
}

mad_status mad_choice_shuffle(mad_ctx *ctx, const mad_select_in *in, size_t **order)
{
    const size_t n = in->candidates->n_rows;
    mad_rng rng = mad_choice_open(in, MAD_CHOICE_ORDER);
    size_t *work = mad_arena_take_raw(ctx->scratch, n, sizeof *work);
    *order = mad_arena_take_raw(ctx->scratch, n, sizeof **order);
    if (*order == NULL || work == NULL) {
        return mad_fail_memory(ctx, "the order of candidates");
    }
    mad_rng_choose(&rng, n, n, *order, work);
    return MAD_OK;
}

mad_status mad_choice_rewards(mad_ctx *ctx, const mad_select_in *in, const size_t *choice,
                              double **reward)
{
    const size_t n = in->candidates->n_rows;
    mad_rng rng = mad_choice_open(in, MAD_CHOICE_USERS);
    mad_reward law;
    mad_status st = MAD_OK;
    size_t *user_of_choice = mad_arena_take_raw(ctx->scratch, n, sizeof *user_of_choice);
    size_t *user = mad_arena_take_raw(ctx->scratch, n, sizeof *user);
    *reward = mad_arena_take_raw(ctx->scratch, n, sizeof **reward);
    if (*reward == NULL || user == NULL || user_of_choice == NULL) {
        return mad_fail_memory(ctx, "the rewards of candidates");
    }
    MAD_TRY(mad_reward_open(ctx, in->setting, in->generation, &law));
    MAD_TRY(mad_reward_users(ctx, &law, &rng, n, user_of_choice));
    for (size_t i = 0; i < n; i++) {
        user[i] = user_of_choice[choice != NULL ? choice[i] : i];
    }
    MAD_TRY(mad_reward_score(ctx, &law, in->candidates, user, *reward));
out:
    return st;
}

mad_status mad_choice_best(mad_ctx *ctx, const mad_select_in *in, const double *score,
                           mad_selection *out)
{
    const size_t n = in->candidates->n_rows;
    size_t *order = NULL, n_taken = 0;
    mad_status st = MAD_OK;
    double *sorted = mad_arena_take_raw(ctx->scratch, n, sizeof *sorted);
    unsigned char *taken = mad_arena_take(ctx->scratch, n, sizeof *taken);
    if (sorted == NULL || taken == NULL) {
        return mad_fail_memory(ctx, "the order of candidates");
    }
    MAD_TRY(mad_choice_shuffle(ctx, in, &order));
    for (size_t i = 0; i < n; i++) {
        sorted[i] = isnan(score[i]) ? HUGE_VAL : -score[i];
    }
    mad_sort(n, sorted);
    const double last = -sorted[in->n_wanted - 1];
    for (size_t i = 0; i < n; i++) {
        taken[i] = score[i] > last;
        n_taken += taken[i];
    }
    for (size_t k = 0; k < n && n_taken < in->n_wanted; k++) {
        if (!taken[order[k]] && !(score[order[k]] < last)) {
            taken[order[k]] = 1;
            n_taken++;
        }
    }
    mad_choice_take(in, taken, out);
out:
    return st;
}

void mad_choice_take(const mad_select_in *in, const unsigned char *taken, mad_selection *out)
{
    out->n = 0;
    for (size_t i = 0; i < in->candidates->n_rows && out->n < in->n_wanted; i++) {
        if (taken[i]) {
            out->pick[out->n++] = i;
        }
    }
}

/* The mean of n_before values and n more. */
static double join_means(double mean, size_t n_before, double sum, size_t n)
{
    const double before = n_before > 0 ? mean * (double)n_before : 0.0;
    return (before + sum) / (double)(n_before + n);
}

mad_status mad_choice_report(mad_ctx *ctx, const mad_select_in *in, const double *value, size_t i,
                             mad_selection *out)
{
    const size_t n = in->candidates->n_rows;
    double *kept = mad_arena_take_raw(ctx->scratch, out->n, sizeof *kept);
    if (kept == NULL) {
        return mad_fail_memory(ctx, "the reports of a selection");
    }
    for (size_t k = 0; k < out->n; k++) {
        kept[k] = value[out->pick[k]];
    }
    out->report[i] = join_means(out->report[i], in->n_drawn, mad_sum(n, value), n);
    out->report[i + 1] = join_means(out->report[i + 1], in->n_kept, mad_sum(out->n, kept), out->n);
    return MAD_OK;
}

mad_status mad_choice_check_reward(mad_ctx *ctx, const mad_setting *setting)
{
    mad_reward unused;
    return mad_reward_open(ctx, setting, 2, &unused);
}

/* models/diffusion/sampling_use.c: which keys have an effect on which sampler. */
#include "models/diffusion/sampling_internal.h"

static int is_zero(const mad_schedule *schedule)
{
    if (schedule->kind == MAD_SCHEDULE_LIST) {
        for (size_t i = 0; i < schedule->n_list; i++) {
            if (schedule->list[i] != 0.0) {
                return 0;
            }
        }
        return 1;
    }
    return schedule->a == 0.0 && (schedule->kind != MAD_SCHEDULE_LINEAR || schedule->b == 0.0);
}

/* schedule.steps is not among them: smoke runs lower it, whatever the sampler. */
void mad_sampling_use(const mad_sampling *s, mad_key_use use[MAD_N_SAMPLING_KEYS])
{
    const mad_sampler_kind kind = s->options.kind;
    const mad_grid_kind grid = s->options.grid;
    const int is_heun = kind == MAD_SAMPLER_HEUN, is_pc = kind == MAD_SAMPLER_PC;
    const int is_ou = grid == MAD_GRID_OU || grid == MAD_GRID_OU_GEOMETRIC;
    const int has_ends = !is_ou && grid != MAD_GRID_SCHEDULE;
    const int has_table = grid == MAD_GRID_SCHEDULE || s->trains_on_schedule;
    const int has_betas =
        (has_table && s->noise.kind != MAD_BETAS_COSINE && s->noise.kind != MAD_BETAS_OU) ||
        (grid == MAD_GRID_VP && s->noise.kind == MAD_BETAS_VP);
    const int stops = !is_zero(&s->stop_sigma) || !is_zero(&s->stop_time);
    const mad_guide_kind guide = s->guide.kind;
    const int guides = guide != MAD_GUIDE_NONE, is_reward = guide == MAD_GUIDE_REWARD;
    const int churns = is_heun && s->options.churn > 0.0;
    const mad_key_use list[MAD_N_SAMPLING_KEYS] = {
        {"schedule.kind", has_table || grid == MAD_GRID_VP},
        {"schedule.beta_min", has_betas},
        {"schedule.beta_max", has_betas},
        {"schedule.rescale", has_betas && s->noise.kind != MAD_BETAS_VP},
        {"schedule.horizon", is_ou || (has_table && s->noise.kind == MAD_BETAS_OU)},
        {"sampler.spacing", grid == MAD_GRID_SCHEDULE},
        {"sampler.sigma_min", has_ends || grid == MAD_GRID_OU_GEOMETRIC},
        {"sampler.sigma_max", has_ends},
        {"sampler.rho", grid == MAD_GRID_EDM},
        {"sampler.sigma2", kind == MAD_SAMPLER_ANCESTRAL},
        {"sampler.eta", kind == MAD_SAMPLER_DDIM},
        {"sampler.churn", is_heun},
        {"sampler.churn_min", churns},
        {"sampler.churn_max", churns},
        {"sampler.churn_noise", churns},
        {"sampler.alpha", is_heun},
        {"sampler.snr", is_pc},
        {"sampler.corrections", is_pc},
        {"sampler.noise", kind == MAD_SAMPLER_OU},
        {"sampler.final", stops},
        {"guide.w", guides && !is_reward},
        {"guide.scale", guides && !is_reward},
        {"guide.mad", guides && !is_reward},
        {"guide.low", guides},
        {"guide.high", guides},
        {"guide.reward", is_reward},
        {"guide.target", is_reward},
        {"guide.tau", is_reward},
    };
    for (size_t i = 0; i < MAD_N_SAMPLING_KEYS; i++) {
        use[i] = list[i];
    }
}

/* A setting that would change nothing is more likely a mistake than a wish: it is refused. */
mad_status mad_sampling_check_keys(mad_ctx *ctx, const mad_values *values, mad_sampling *s)
{
    mad_status st = MAD_OK;
    mad_key_use use[MAD_N_SAMPLING_KEYS];
    mad_sampling_use(s, use);
    for (size_t i = 0; i < MAD_N_SAMPLING_KEYS; i++) {
        const mad_value *value = mad_get(values, use[i].key);
        MAD_TRY(mad_value_is_changed(ctx, value, &s->is_changed[i]));
        s->fallback[i] = value->param->fallback;
        if (s->is_changed[i] && !use[i].is_used) {
            st = mad_fail(ctx, MAD_E_CONFIG,
                          "%s is set, but has no effect with sampler.kind: %s and guide.kind: %s",
                          use[i].key, mad_get_text(values, "sampler.kind"),
                          mad_get_text(values, "guide.kind"));
            goto out;
        }
    }
out:
    return st;
}

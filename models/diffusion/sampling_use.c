/* models/diffusion/sampling_use.c: which keys have an effect on which sampler. */
#include "models/diffusion/sampling_internal.h"

/* 1 when every number the schedule is written with is 0 (is_positive 0) or above 0. */
static int is_all(const mad_schedule *schedule, int is_positive)
{
    if (schedule->kind == MAD_SCHEDULE_LIST) {
        for (size_t i = 0; i < schedule->n_list; i++) {
            if ((schedule->list[i] > 0.0) != is_positive) {
                return 0;
            }
        }
        return 1;
    }
    return (schedule->a > 0.0) == is_positive &&
           ((schedule->kind != MAD_SCHEDULE_LINEAR && schedule->kind != MAD_SCHEDULE_LOGISTIC) ||
            (schedule->b > 0.0) == is_positive);
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
    const int stops = !is_all(&s->stop_sigma, 0) || !is_all(&s->stop_time, 0);
    const int always_stops = is_all(&s->stop_sigma, 1) || is_all(&s->stop_time, 1);
    const mad_guide_kind guide = s->guide.kind;
    const int guides = guide != MAD_GUIDE_NONE, is_reward = guide == MAD_GUIDE_REWARD;
    const int has_strength = guides && !is_reward;
    const int churns = is_heun && s->options.churn > 0.0;
    static const char betas[] = "a walk or a training on schedule.kind: linear, ldm or vp";
    static const char churn[] = "sampler.kind: heun and sampler.churn above 0";
    static const char strength[] = "guide.kind: cfg, auto or negative";
    static const char interval[] = "guide.kind: cfg, auto, negative or reward";
    static const char reward[] = "guide.kind: reward";
    const mad_key_use list[MAD_N_SAMPLING_KEYS] = {
        {"schedule.kind", has_table || grid == MAD_GRID_VP,
         "sampler.grid: schedule or vp, or noise.kind: schedule"},
        {"schedule.beta_min", has_betas, betas},
        {"schedule.beta_max", has_betas, betas},
        {"schedule.rescale", has_betas && s->noise.kind != MAD_BETAS_VP,
         "a walk or a training on schedule.kind: linear or ldm"},
        {"schedule.horizon",
         is_ou || s->trains_to_horizon || (has_table && s->noise.kind == MAD_BETAS_OU),
         "sampler.grid or noise.kind: ou or ou_geometric (without noise.max), or a walk on "
         "schedule.kind: ou"},
        {"sampler.spacing", grid == MAD_GRID_SCHEDULE, "sampler.grid: schedule"},
        {"sampler.sigma_min", (has_ends || grid == MAD_GRID_OU_GEOMETRIC) && !always_stops,
         "sampler.grid: edm, log, linear, cosine, vp or ou_geometric, and a generation without "
         "early stop"},
        {"sampler.sigma_max", has_ends, "sampler.grid: edm, log, linear, cosine or vp"},
        {"sampler.rho", grid == MAD_GRID_EDM, "sampler.grid: edm"},
        {"sampler.sigma2", kind == MAD_SAMPLER_ANCESTRAL, "sampler.kind: ancestral"},
        {"sampler.eta", kind == MAD_SAMPLER_DDIM, "sampler.kind: ddim"},
        {"sampler.churn", is_heun, "sampler.kind: heun"},
        {"sampler.churn_min", churns, churn},
        {"sampler.churn_max", churns, churn},
        {"sampler.churn_noise", churns, churn},
        {"sampler.alpha", is_heun, "sampler.kind: heun"},
        {"sampler.snr", is_pc, "sampler.kind: pc"},
        {"sampler.corrections", is_pc, "sampler.kind: pc"},
        {"sampler.noise", kind == MAD_SAMPLER_OU, "sampler.kind: ou"},
        {"sampler.final", stops, "sampler.stop_sigma or sampler.stop_time above 0"},
        {"guide.w", has_strength, strength},
        {"guide.scale", has_strength, strength},
        {"guide.mad", has_strength, strength},
        {"guide.low", guides, interval},
        {"guide.high", guides, interval},
        {"guide.reward", is_reward, reward},
        {"guide.target", is_reward, reward},
        {"guide.tau", is_reward, reward},
    };
    for (size_t i = 0; i < MAD_N_SAMPLING_KEYS; i++) {
        use[i] = list[i];
    }
}

mad_status mad_sampling_check_keys(mad_ctx *ctx, const mad_values *values, mad_sampling *s)
{
    mad_status st = MAD_OK;
    mad_key_use use[MAD_N_SAMPLING_KEYS];
    mad_sampling_use(s, use);
    for (size_t i = 0; i < MAD_N_SAMPLING_KEYS; i++) {
        const mad_value *value = mad_get(values, use[i].key);
        MAD_TRY(mad_value_is_changed(ctx, value, &s->is_changed[i]));
        s->fallback[i] = value->param->fallback;
    }
    MAD_TRY(mad_refuse_unused(ctx, "model", values, MAD_N_SAMPLING_KEYS, use));
out:
    return st;
}

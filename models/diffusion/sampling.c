/* models/diffusion/sampling.c: the keys of schedules and samplers, read and checked. */
#include <math.h>
#include <string.h>

#include "models/diffusion/sampling_internal.h"

static double or_auto(const mad_values *values, const char *key, double fallback)
{
    const mad_value *value = mad_get(values, key);
    return value->choice == 0 ? fallback : value->number;
}

static void read_noise(const mad_values *values, mad_sampling *s)
{
    const mad_betas_kind kind = (mad_betas_kind)mad_get_choice(values, "schedule.kind");
    const int is_vp = kind == MAD_BETAS_VP, is_ldm = kind == MAD_BETAS_LDM;
    s->noise = (mad_noise_options){
        .kind = kind,
        .n_steps = mad_get_size(values, "schedule.steps"),
        .beta_min = or_auto(values, "schedule.beta_min",
                            is_vp    ? 0.1
                            : is_ldm ? 8.5e-4
                                     : 1e-4),
        .beta_max = or_auto(values, "schedule.beta_max",
                            is_vp    ? 20.0
                            : is_ldm ? 0.012
                                     : 0.02),
        .rescale = mad_get_choice(values, "schedule.rescale") == 0,
        .horizon = mad_get_real(values, "schedule.horizon"),
    };
}

static mad_status read_sampler(mad_ctx *ctx, const mad_values *values, mad_sampling *s)
{
    const mad_value *steps = mad_get(values, "sampler.steps");
    const int is_vp = s->noise.kind == MAD_BETAS_VP;
    if (steps->number != floor(steps->number)) {
        return mad_fail(ctx, MAD_E_CONFIG, "model.sampler.steps must be a whole number, got %g",
                        steps->number);
    }
    s->n_steps_asked = (size_t)steps->number;
    s->grid_asked = (int)mad_get_choice(values, "sampler.grid") - 1;
    s->options = (mad_sampler_options){
        .kind = (mad_sampler_kind)mad_get_choice(values, "sampler.kind"),
        .spacing = (mad_spacing)mad_get_choice(values, "sampler.spacing"),
        .sigma_min = mad_get_real(values, "sampler.sigma_min"),
        .sigma_max = mad_get_real(values, "sampler.sigma_max"),
        .rho = mad_get_real(values, "sampler.rho"),
        .vp_beta_min = is_vp ? s->noise.beta_min : 0.1,
        .vp_beta_max = is_vp ? s->noise.beta_max : 20.0,
        .horizon = s->noise.horizon,
        .sigma2 = (mad_sigma2)mad_get_choice(values, "sampler.sigma2"),
        .eta = mad_get_real(values, "sampler.eta"),
        .churn = mad_get_real(values, "sampler.churn"),
        .churn_min = mad_get_real(values, "sampler.churn_min"),
        .churn_max = mad_get_real(values, "sampler.churn_max"),
        .churn_noise = mad_get_real(values, "sampler.churn_noise"),
        .alpha = mad_get_real(values, "sampler.alpha"),
        .snr = mad_get_real(values, "sampler.snr"),
        .n_corrections = mad_get_size(values, "sampler.corrections"),
        .noise = mad_get_choice(values, "sampler.noise") == 0,
    };
    s->stop_sigma = mad_get(values, "sampler.stop_sigma")->schedule;
    s->stop_time = mad_get(values, "sampler.stop_time")->schedule;
    s->tweedie = mad_get_choice(values, "sampler.final") == 1;
    s->clips = mad_get_choice(values, "sampler.clip") == 1;
    s->calibrates = mad_get_choice(values, "sampler.calibrate") == 1;
    mad_sampling_resolve(s);
    return MAD_OK;
}

static mad_grid_kind auto_grid(mad_sampler_kind kind)
{
    switch (kind) {
    case MAD_SAMPLER_ANCESTRAL:
    case MAD_SAMPLER_DDIM:
        return MAD_GRID_SCHEDULE;
    case MAD_SAMPLER_OU:
        return MAD_GRID_OU;
    case MAD_SAMPLER_VE_ANCESTRAL:
    case MAD_SAMPLER_PC:
        return MAD_GRID_LOG;
    case MAD_SAMPLER_EULER:
    case MAD_SAMPLER_HEUN:
    case MAD_SAMPLER_DPMPP_2M:
    case MAD_SAMPLER_AB2:
    case MAD_SAMPLER_ABM2:
    case MAD_SAMPLER_ABM3:
    case MAD_SAMPLER_RK4:
        break;
    }
    return MAD_GRID_EDM;
}

static size_t auto_steps(mad_sampler_kind kind)
{
    switch (kind) {
    case MAD_SAMPLER_DDIM:
    case MAD_SAMPLER_EULER:
        return 50;
    case MAD_SAMPLER_HEUN:
        return 18;
    case MAD_SAMPLER_DPMPP_2M:
    case MAD_SAMPLER_AB2:
    case MAD_SAMPLER_ABM2:
    case MAD_SAMPLER_ABM3:
        return 20;
    case MAD_SAMPLER_RK4:
        return 100;
    case MAD_SAMPLER_ANCESTRAL:
    case MAD_SAMPLER_VE_ANCESTRAL:
    case MAD_SAMPLER_PC:
    case MAD_SAMPLER_OU:
        break;
    }
    return 1000;
}

void mad_sampling_resolve(mad_sampling *s)
{
    const mad_sampler_kind kind = s->options.kind;
    s->options.grid = s->grid_asked >= 0 ? (mad_grid_kind)s->grid_asked : auto_grid(kind);
    s->options.n_steps = s->n_steps_asked;
    if (s->n_steps_asked == 0) {
        const size_t n = auto_steps(kind), n_levels = s->noise.n_steps;
        const int is_table = s->options.grid == MAD_GRID_SCHEDULE;
        s->options.n_steps = is_table && (n > n_levels || n == 1000) ? n_levels : n;
    }
}

/* ---- the whole ---- */

mad_status mad_sampling_ladder(mad_ctx *ctx, const mad_sampling *s, size_t generation,
                               mad_arena *mem, mad_ladder *out)
{
    const double sigma = mad_schedule_at(&s->stop_sigma, generation, s->n_generations);
    const double time = mad_schedule_at(&s->stop_time, generation, s->n_generations);
    if (sigma > 0.0 && time > 0.0) {
        return mad_fail(
            ctx, MAD_E_CONFIG,
            "model.sampler.stop_sigma and model.sampler.stop_time are both set: give one");
    }
    const mad_stop stop = {.sigma = time > 0.0 ? mad_ou_sigma(time) : sigma,
                           .shrinks = time > 0.0,
                           .tweedie = s->tweedie};
    const mad_status st = mad_ladder_create(ctx, &s->options, &s->schedule, stop, mem, out);
    out->noise = s->noise_tilt;
    return st;
}

static int is_constant(const mad_schedule *schedule)
{
    return schedule->kind == MAD_SCHEDULE_CONSTANT;
}

size_t mad_sampling_n_ladders(const mad_sampling *s)
{
    return is_constant(&s->stop_sigma) && is_constant(&s->stop_time) ? 1 : s->n_generations;
}

typedef struct counter {
    mad_guidance guidance;
    double n;
} counter;

static void count(void *self, double sigma, size_t n_rows, const int32_t *label, const double *x,
                  double *d)
{
    (void)label;
    counter *c = self;
    c->n += mad_guidance_cost(&c->guidance, sigma);
    memcpy(d, x, n_rows * sizeof *d);
}

double mad_sampling_count(const mad_ladder *ladder, mad_guidance guidance)
{
    counter c = {.guidance = guidance};
    const mad_denoiser denoiser = {.dim = 1, .self = &c, .denoise = count};
    mad_rng rng = mad_rng_open((mad_key){.purpose = MAD_RNG_MEASURE}, 0);
    double x, work[MAD_WALK_BUFFERS];
    mad_ladder_walk(ladder, &denoiser, &rng, 1, NULL, &x, work);
    return c.n;
}

/* Every generation's ladder can be built, and tells what a row costs. */
static mad_status count_ladders(mad_ctx *ctx, mad_sampling *s, mad_arena *mem)
{
    mad_status st = MAD_OK;
    s->n_counts = is_constant(&s->strength) ? mad_sampling_n_ladders(s) : s->n_generations;
    s->n_evaluations = mad_arena_take(mem, s->n_counts, sizeof *s->n_evaluations);
    s->n_unguided = mad_arena_take(mem, s->n_counts, sizeof *s->n_unguided);
    if (s->n_evaluations == NULL || s->n_unguided == NULL) {
        return mad_fail_memory(ctx, "the sampler's costs");
    }
    for (size_t g = 1; g <= s->n_counts && st == MAD_OK; g++) {
        const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
        mad_ladder ladder;
        st = mad_sampling_ladder(ctx, s, g, ctx->scratch, &ladder);
        if (st == MAD_OK) {
            s->n_unguided[g - 1] = mad_sampling_count(&ladder, (mad_guidance){0});
            s->n_evaluations[g - 1] =
                mad_sampling_count(&ladder, mad_sampling_guidance(s, NULL, g));
        }
        mad_arena_release(ctx->scratch, mark);
    }
    return st;
}

static mad_status check_likelihood(mad_ctx *ctx, const mad_sampling_args *args)
{
    static const char asked[] = "a measure, selection or channel that asks for log densities";
    const int is_asked = !args->without_density;
    const mad_key_use use[] = {{"likelihood.steps", is_asked, asked},
                               {"likelihood.sigma_min", is_asked, asked},
                               {"likelihood.sigma_max", is_asked, asked},
                               {"likelihood.probes", is_asked, asked},
                               {"likelihood.richardson", is_asked, asked},
                               {"likelihood.probes", args->world->dim > MAD_EXACT_TRACE_DIM,
                                "rows of more than 4 columns"}};
    return mad_refuse_unused(ctx, "model", args->values, sizeof use / sizeof *use, use);
}

mad_status mad_sampling_create(mad_ctx *ctx, const mad_sampling_args *args, mad_arena *mem,
                               mad_sampling **out)
{
    mad_status st = MAD_OK;
    mad_sampling *s = mad_arena_take(mem, 1, sizeof *s);

    if (s == NULL) {
        return mad_fail_memory(ctx, "the sampler's settings");
    }
    s->dim = args->world->dim;
    s->n_generations = args->n_generations;
    s->tilt = args->tilt;
    s->noise_tilt = mad_noise_plain;
    s->trains_on_schedule = args->trains_on_schedule;
    s->trains_to_horizon = args->trains_to_horizon;
    read_noise(args->values, s);
    MAD_TRY(read_sampler(ctx, args->values, s));
    MAD_TRY(mad_sampling_read_guide(ctx, args, mem, s));
    s->likelihood =
        (mad_likelihood){.sigma_min = mad_get_real(args->values, "likelihood.sigma_min"),
                         .sigma_max = mad_get_real(args->values, "likelihood.sigma_max"),
                         .n_steps = mad_get_size(args->values, "likelihood.steps"),
                         .n_probes = mad_get_size(args->values, "likelihood.probes"),
                         .richardson = mad_get_choice(args->values, "likelihood.richardson") == 1};
    if (!(s->likelihood.sigma_min < s->likelihood.sigma_max)) {
        st = mad_fail(
            ctx, MAD_E_CONFIG,
            "model.likelihood.sigma_min is %g, must be below model.likelihood.sigma_max = %g",
            s->likelihood.sigma_min, s->likelihood.sigma_max);
        goto out;
    }
    MAD_TRY(mad_sampling_check_keys(ctx, args->values, s));
    MAD_TRY(check_likelihood(ctx, args));
    MAD_TRY(mad_sampling_take_scores(ctx, args->extrapolation, s));
    if (s->options.churn_min > s->options.churn_max) {
        st = mad_fail(
            ctx, MAD_E_CONFIG,
            "model.sampler.churn_min is %g, must not be above model.sampler.churn_max = %g",
            s->options.churn_min, s->options.churn_max);
        goto out;
    }
    MAD_TRY(mad_noise_schedule_create(ctx, &s->noise, mem, &s->schedule));
    MAD_TRY(count_ladders(ctx, s, mem));
    MAD_TRY(mad_sampling_check_tilt(ctx, args, mem, s));
    *out = s;
out:
    return st;
}

const mad_noise_schedule *mad_sampling_schedule(const mad_sampling *sampling)
{
    return &sampling->schedule;
}

static size_t count_index(size_t n_counts, size_t generation)
{
    return generation <= n_counts ? generation - 1 : n_counts - 1;
}

double mad_sampling_evaluations(const mad_sampling *sampling, size_t generation)
{
    return sampling->n_evaluations[count_index(sampling->n_counts, generation)];
}

double mad_sampling_own_evaluations(const mad_sampling *sampling, size_t generation)
{
    return sampling->n_unguided[count_index(sampling->n_counts, generation)];
}

double mad_sampling_tilted_evaluations(const mad_sampling *sampling, size_t generation)
{
    return sampling->n_tilted[count_index(sampling->n_tilted_counts, generation)];
}

int mad_sampling_is_linear(const mad_values *values)
{
    return mad_get_choice(values, "sampler.kind") != MAD_SAMPLER_PC &&
           mad_get_choice(values, "sampler.clip") == 0 &&
           mad_get_choice(values, "guide.kind") == MAD_GUIDE_NONE;
}

/* models/diffusion/diffusion.c: diffusion model with a multilayer perceptron: keys, memory, state.
 */
#include "models/diffusion/diffusion.h"

#include <math.h>

#include "sim/iface/model.h"

extern const mad_model_type mad_model_diffusion;

enum { STEPS_AUTO, STEPS_GIVEN };

/* Training of EDM covers this many standard deviations of ln sigma on either side. */
#define COVERED_SD 4.0

#define INT(key, def, low, high, text)                                                             \
    {                                                                                              \
        .name = (key), .kind = MAD_PARAM_INT, .fallback = (def), .min = (low), .max = (high),      \
        .doc = (text)                                                                              \
    }
#define REAL(key, def, low, high, text)                                                            \
    {                                                                                              \
        .name = (key), .kind = MAD_PARAM_REAL, .fallback = (def), .min = (low), .max = (high),     \
        .doc = (text)                                                                              \
    }
#define CHOICE(key, def, words, text)                                                              \
    {                                                                                              \
        .name = (key), .kind = MAD_PARAM_CHOICE, .fallback = (def), .choices = (words),            \
        .doc = (text)                                                                              \
    }

static const mad_param params[] = {
    CHOICE("parameterization", "edm", "edm|ddpm",
           "what the network learns: EDM's unit-variance target, or DDPM's noise eps"),
    CHOICE("labels", "empirical", "empirical|balanced",
           "classes of samples: by the training set's frequencies, which drift over generations, "
           "or uniform"),
    INT("net.width", "128", 8, 2048, "units of a hidden layer"),
    INT("net.depth", "3", 1, 16, "hidden layers"),
    INT("net.embedding", "32", 2, 256, "sines and cosines of the noise level; even"),
    INT("train.steps", "2000", 1, 1e7, "optimiser steps of a fit from scratch"),
    INT("train.batch", "512", 1, 65536, "rows per step, drawn with replacement"),
    REAL("train.lr", "5e-3", 1e-8, 1, "learning rate of Adam after the warm-up"),
    INT("train.warmup", "100", 0, 1e6, "steps of linear warm-up"),
    CHOICE("train.decay", "cosine", "constant|cosine", "learning rate after the warm-up"),
    REAL("train.beta1", "0.9", 0, 0.9999, "decay of Adam's first moment"),
    REAL("train.beta2", "0.999", 0, 0.99999, "decay of Adam's second moment"),
    REAL("train.eps", "1e-8", 1e-12, 1, "Adam's epsilon"),
    REAL("train.clip", "1", 0, 1e9, "largest gradient norm; 0 = no limit"),
    {.name = "train.ema",
     .kind = MAD_PARAM_FORM,
     .fallback = "power(6.94)",
     .min = 0,
     .max = 1000,
     .choices = "power(gamma)|constant(decay)",
     .doc = "parameter average that samples: decay (1 - 1/n)^(gamma + 1), 6.94 = a window of 10 % "
            "of the run; or min(decay, (1 + n)/(10 + n))"},
    INT("schedule.steps", "1000", 2, 100000, "noise levels T of the linear DDPM schedule"),
    REAL("schedule.beta_min", "1e-4", 1e-8, 0.9, "beta of the first level at T = 1000"),
    REAL("schedule.beta_max", "0.02", 1e-8, 0.9, "beta of the last level at T = 1000"),
    CHOICE("schedule.rescale", "yes", "yes|no",
           "multiply betas by 1000 / T, so that the last level is pure noise for any T"),
    CHOICE("sampler.kind", "ancestral", "ancestral|ddim|heun",
           "ancestral DDPM, DDIM with eta 0, or Heun on EDM's grid"),
    {.name = "sampler.steps",
     .kind = MAD_PARAM_FORM,
     .fallback = "auto",
     .min = 1,
     .max = 100000,
     .choices = "auto|#",
     .doc = "noise levels walked: auto = all of schedule.steps (ancestral), 50 (ddim), 18 (heun)"},
    CHOICE("sampler.sigma2", "beta", "beta|beta_tilde",
           "ancestral: variance of the noise put back; beta_tilde shrinks the data a little"),
    REAL("sampler.sigma_min", "0.002", 1e-6, 1, "heun: lowest level, in units of the data's sd"),
    REAL("sampler.sigma_max", "80", 1, 1e6, "heun: highest level, in units of the data's sd"),
    REAL("sampler.rho", "7", 1, 100, "heun: curvature of the grid"),
    {.name = NULL},
};

static mad_status read_training(mad_ctx *ctx, const mad_values *values, mad_diffusion *self)
{
    const mad_value *ema = mad_get(values, "train.ema");
    self->n_steps = mad_get_size(values, "train.steps");
    self->n_batch = mad_get_size(values, "train.batch");
    self->options = (mad_train_options){
        .rate = mad_get_real(values, "train.lr"),
        .n_warmup = mad_get_size(values, "train.warmup"),
        .decay = (mad_rate_decay)mad_get_choice(values, "train.decay"),
        .beta1 = mad_get_real(values, "train.beta1"),
        .beta2 = mad_get_real(values, "train.beta2"),
        .eps = mad_get_real(values, "train.eps"),
        .clip = mad_get_real(values, "train.clip"),
        .ema = (mad_ema_kind)ema->choice,
        .ema_value = ema->number,
    };
    if (self->options.ema == MAD_EMA_CONSTANT && !(ema->number < 1.0)) {
        return mad_fail(ctx, MAD_E_CONFIG,
                        "train.ema: the decay of constant(decay) must be below 1, got %g",
                        ema->number);
    }
    return MAD_OK;
}

static mad_status read_sampler(mad_ctx *ctx, const mad_values *values, mad_arena *mem,
                               mad_diffusion *self)
{
    const mad_value *steps = mad_get(values, "sampler.steps");
    mad_sampler_options options = {
        .kind = (mad_sampler_kind)mad_get_choice(values, "sampler.kind"),
        .sigma2 = (mad_sigma2)mad_get_choice(values, "sampler.sigma2"),
        .sigma_min = mad_get_real(values, "sampler.sigma_min"),
        .sigma_max = mad_get_real(values, "sampler.sigma_max"),
        .rho = mad_get_real(values, "sampler.rho"),
    };
    if (steps->choice == STEPS_GIVEN) {
        if (steps->number != floor(steps->number)) {
            return mad_fail(ctx, MAD_E_CONFIG, "sampler.steps must be a whole number, got %g",
                            steps->number);
        }
        options.n_steps = (size_t)steps->number;
    } else {
        switch (options.kind) {
        case MAD_SAMPLER_ANCESTRAL:
            options.n_steps = self->schedule.n_steps;
            break;
        case MAD_SAMPLER_DDIM:
            options.n_steps = self->schedule.n_steps < 50 ? self->schedule.n_steps : 50;
            break;
        case MAD_SAMPLER_HEUN:
            options.n_steps = 18;
            break;
        }
    }
    return mad_ladder_create(ctx, &options, &self->schedule, mem, &self->ladder);
}

static mad_status read_noise(mad_ctx *ctx, const mad_values *values, mad_arena *mem,
                             mad_diffusion *self)
{
    mad_status st = MAD_OK;
    const double beta_min = mad_get_real(values, "schedule.beta_min");
    const double beta_max = mad_get_real(values, "schedule.beta_max");
    const size_t n_levels = mad_get_size(values, "schedule.steps");
    const int rescale = mad_get_choice(values, "schedule.rescale") == 0;

    if (beta_min > beta_max) {
        return mad_fail(ctx, MAD_E_CONFIG,
                        "schedule.beta_min is %g, must not be above schedule.beta_max = %g",
                        beta_min, beta_max);
    }
    MAD_TRY(mad_noise_schedule_create(ctx, n_levels, beta_min, beta_max, rescale, mem,
                                      &self->schedule));
    self->precondition.kind = (mad_parameterization)mad_get_choice(values, "parameterization");
    self->precondition.sigma_data = 1.0; /* rows are standardised */
    if (self->precondition.kind == MAD_PREDICT_EDM) {
        self->precondition.log_sigma_low = MAD_EDM_SHIFT - COVERED_SD * MAD_EDM_SD;
        self->precondition.log_sigma_high = MAD_EDM_SHIFT + COVERED_SD * MAD_EDM_SD;
    } else {
        self->precondition.log_sigma_low = log(mad_noise_sigma(&self->schedule, 1));
        self->precondition.log_sigma_high = log(mad_noise_sigma(&self->schedule, n_levels));
    }
out:
    return st;
}

static mad_status take_memory(mad_ctx *ctx, size_t max_train_rows, mad_arena *mem,
                              mad_diffusion *self)
{
    mad_status st = MAD_OK;
    const size_t n = self->net->n_params;
    size_t n_row_floats = 0;

    MAD_TRY(mad_size_mul(max_train_rows, self->dim, &n_row_floats));
    self->theta = mad_arena_take(mem, n, sizeof *self->theta);
    self->average = mad_arena_take(mem, n, sizeof *self->average);
    self->centre = mad_arena_take(mem, self->dim, sizeof *self->centre);
    self->scale = mad_arena_take(mem, 1, sizeof *self->scale);
    self->class_p = mad_arena_take(mem, self->n_classes, sizeof *self->class_p);
    self->packed = mad_arena_take(mem, self->net->n_packed, sizeof *self->packed);
    self->rows = mad_arena_take(mem, n_row_floats, sizeof *self->rows);
    if (self->theta == NULL || self->average == NULL || self->centre == NULL ||
        self->scale == NULL || self->class_p == NULL || self->packed == NULL ||
        self->rows == NULL) {
        st = mad_fail_memory(ctx, "the diffusion model");
        goto out;
    }
    MAD_TRY(mad_train_create(ctx, self->net, mem, &self->train));
out:
    return st;
}

static mad_status create(mad_ctx *ctx, const mad_model_args *args, mad_arena *mem, mad_model **out)
{
    mad_status st = MAD_OK;
    const mad_values *values = args->values;
    const mad_kernels *kernels = NULL;
    mad_diffusion *self = mad_arena_take(mem, 1, sizeof *self);

    if (self == NULL) {
        return mad_fail_memory(ctx, "the diffusion model");
    }
    self->base.type = &mad_model_diffusion;
    self->dim = args->world->dim;
    self->n_classes = args->world->n_classes;
    self->balanced = mad_get_choice(values, "labels") == 1;
    MAD_TRY(read_training(ctx, values, self));
    MAD_TRY(read_noise(ctx, values, mem, self));
    MAD_TRY(read_sampler(ctx, values, mem, self));
    MAD_TRY(mad_kernels_choose(ctx, &kernels));
    const mad_mlp_options shape = {.dim = self->dim,
                                   .n_classes = self->n_classes,
                                   .width = mad_get_size(values, "net.width"),
                                   .depth = mad_get_size(values, "net.depth"),
                                   .n_embed = mad_get_size(values, "net.embedding"),
                                   .embedding = MAD_EMBED_SINUSOIDAL};
    MAD_TRY(mad_mlp_create(ctx, kernels, &shape, mem, &self->net));
    MAD_TRY(take_memory(ctx, args->max_train_rows, mem, self));
    *out = &self->base;
out:
    return st;
}

/* The optimiser's moments are no state: every fit, warm or not, starts with fresh ones. */
static void fields(mad_model *model, mad_fields *out)
{
    mad_diffusion *self = (mad_diffusion *)model;
    const size_t n = self->net->n_params;
    size_t i = 0;
    out->field[i++] = (mad_field){"parameters", MAD_FIELD_F32, n, self->theta};
    out->field[i++] = (mad_field){"average", MAD_FIELD_F32, n, self->average};
    out->field[i++] = (mad_field){"centre", MAD_FIELD_F64, self->dim, self->centre};
    out->field[i++] = (mad_field){"scale", MAD_FIELD_F64, 1, self->scale};
    if (self->n_classes > 0) {
        out->field[i++] =
            (mad_field){"class_probability", MAD_FIELD_F64, self->n_classes, self->class_p};
    }
    out->n_fields = i;
}

const mad_model_type mad_model_diffusion = {
    .name = "diffusion",
    .doc = "diffusion model with a multilayer perceptron, class-conditional where rows have labels",
    .ref = "Ho et al. 2020 (DDPM); Song et al. 2021 (DDIM); Karras et al. 2022 (EDM)",
    .params = params,
    .flags = MAD_MODEL_THREADED | MAD_MODEL_LABELS | MAD_MODEL_WARM | MAD_MODEL_LOSS,
    .worlds = 1u << MAD_WORLD_CONTINUOUS,
    .create = create,
    .fit = mad_diffusion_fit,
    .sample = mad_diffusion_sample,
    .fields = fields,
};

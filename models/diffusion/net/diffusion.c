/* models/diffusion/net/diffusion.c: diffusion model with a multilayer perceptron: keys, memory, state.
 */
#include "models/diffusion/net/diffusion.h"

#include <math.h>

#include "models/diffusion/sampling_keys.h"

extern const mad_model_type mad_model_diffusion;

enum { NUMBER_AUTO, NUMBER_GIVEN }; /* "auto|#" */

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
#define NUMBER_OR_AUTO(key, low, high, text)                                                       \
    {                                                                                              \
        .name = (key), .kind = MAD_PARAM_FORM, .fallback = "auto", .min = (low), .max = (high),    \
        .choices = "auto|#", .doc = (text)                                                         \
    }
#define CHOICE(key, def, words, text)                                                              \
    {                                                                                              \
        .name = (key), .kind = MAD_PARAM_CHOICE, .fallback = (def), .choices = (words),            \
        .doc = (text)                                                                              \
    }

static const mad_param params[] = {
    CHOICE("parameterization", "edm", "edm|eps|x0|v|score|flow",
           "what the network learns: EDM's unit-variance target, the noise (DDPM), the clean row, "
           "v = alpha eps - s x0, sigma times the score (VE), eps - x0 (flow matching)"),
    CHOICE("noise.kind", "auto", "auto|" MAD_NOISE_LAWS,
           "law of the noise levels in training; auto: lognormal (edm), schedule (eps, x0, v), "
           "loguniform (score), flow (flow)"),
    NUMBER_OR_AUTO("noise.mean", -50, 50,
                   "lognormal: mean of ln(sigma / sigma_data), auto -0.507, which is EDM's -1.2 at "
                   "sigma_data 0.5; logit_normal: mean of logit(t) = ln(sigma), auto 0"),
    NUMBER_OR_AUTO("noise.sd", 1e-6, 10, "its standard deviation; auto: 1.2, logit_normal 1"),
    NUMBER_OR_AUTO("noise.min", 0, 1e6,
                   "lowest time (vp, auto 1e-5; flow, 0; ou, ou_geometric, 1e-3) or sigma "
                   "(loguniform, 0.02)"),
    NUMBER_OR_AUTO("noise.max", 0, 1e6,
                   "highest time (vp, flow, auto 1; ou, ou_geometric, 5: the horizon) or sigma "
                   "(loguniform, 100)"),
    CHOICE("loss", "simple", "simple|edm|vlb|likelihood",
           "weight of a noise level: 1 on the network's target; EDM's on x0; the variational "
           "bound's on the noise; g^2 on the score"),
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
    MAD_SAMPLING_PARAMS,
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

/* A number of the law that the user set, or the published one. Set where the law has no such number
 * it is refused: it would do nothing. */
static mad_status read_law_number(mad_ctx *ctx, const mad_values *values, const char *key, int used,
                                  double *inout)
{
    const mad_value *value = mad_get(values, key);
    if (value->choice == NUMBER_AUTO) {
        return MAD_OK;
    }
    if (!used) {
        return mad_fail(ctx, MAD_E_CONFIG, "%s does nothing with this noise.kind: it takes %s", key,
                        "noise.mean and noise.sd with lognormal and logit_normal, noise.min and "
                        "noise.max with vp, flow, ou, ou_geometric and loguniform");
    }
    *inout = value->number;
    return MAD_OK;
}

static mad_status read_objective(mad_ctx *ctx, const mad_model_args *args, mad_arena *mem,
                                 mad_diffusion *self)
{
    mad_status st = MAD_OK;
    const mad_values *values = args->values;
    mad_objective *o = &self->objective;
    const size_t choice = mad_get_choice(values, "noise.kind");
    const mad_parameterization kind =
        (mad_parameterization)mad_get_choice(values, "parameterization");
    const mad_noise_law_kind law =
        choice == 0 ? mad_noise_law_default(kind) : (mad_noise_law_kind)(choice - 1);
    const int is_normal = mad_noise_law_is_normal(law);
    const int has_ends = !is_normal && law != MAD_NOISE_SCHEDULE;
    const mad_sampling_args sampling = {.values = values,
                                        .world = args->world,
                                        .n_generations = args->n_generations,
                                        .trains_on_schedule = law == MAD_NOISE_SCHEDULE};

    MAD_TRY(mad_sampling_create(ctx, &sampling, mem, &self->sampling));
    o->precondition.kind = kind;
    o->weight = (mad_loss_weight)mad_get_choice(values, "loss");
    o->law = mad_noise_law_published(law, mad_sampling_schedule(self->sampling));
    MAD_TRY(read_law_number(ctx, values, "noise.mean", is_normal, &o->law.mean));
    MAD_TRY(read_law_number(ctx, values, "noise.sd", is_normal, &o->law.sd));
    MAD_TRY(read_law_number(ctx, values, "noise.min", has_ends, &o->law.low));
    MAD_TRY(read_law_number(ctx, values, "noise.max", has_ends, &o->law.high));
    MAD_TRY(mad_noise_law_check(ctx, &o->law, o->weight));
    mad_objective_centre(o, 1.0); /* rows are standardised */
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
    MAD_TRY(mad_standard_take(ctx, self->dim, self->n_classes, mem, &self->standard));
    self->packed = mad_arena_take(mem, self->net->n_packed, sizeof *self->packed);
    self->rows = mad_arena_take(mem, n_row_floats, sizeof *self->rows);
    if (self->theta == NULL || self->average == NULL || self->packed == NULL ||
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
    MAD_TRY(read_objective(ctx, args, mem, self));
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
    out->n_fields = i;
    mad_standard_fields(&self->standard, out);
}

static mad_status gain(mad_ctx *ctx, const mad_model *model, size_t generation, size_t n,
                       const double *variance, double *out)
{
    const mad_diffusion *self = (const mad_diffusion *)model;
    const int is_fitted = self->standard.scale[0] > 0.0;
    const mad_source source = mad_standard_source(&self->standard);
    return mad_sampling_gain(ctx, self->sampling, is_fitted ? &source : NULL, generation, n,
                             variance, out);
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
    .gain = gain,
};

/* models/diffusion/net/diffusion.c: the trained diffusion model: memory, state, cost. */
#include "models/diffusion/net/diffusion.h"

#include <math.h>
#include <string.h>

extern const mad_model_type mad_model_diffusion;

static mad_status take_auxiliary(mad_ctx *ctx, size_t max_train_rows, mad_arena *mem,
                                 mad_diffusion *self)
{
    mad_status st = MAD_OK;
    const size_t n = self->net->n_params;
    const int moves = self->extrapolation.kind == MAD_EXTRAPOLATE_WEIGHTS;
    const int tunes = self->needs.own || moves;
    self->tuned = mad_arena_take(mem, tunes ? n : 0, sizeof *self->tuned);
    self->tuned_average = mad_arena_take(mem, moves ? n : 0, sizeof *self->tuned_average);
    if (self->tuned == NULL || self->tuned_average == NULL) {
        st = mad_fail_memory(ctx, "the model tuned on own rows");
        goto out;
    }
    if (!self->needs.worse && !self->needs.own) {
        goto out;
    }
    self->auxiliary = mad_arena_take(mem, n, sizeof *self->auxiliary);
    self->packed_auxiliary = mad_arena_take(mem, self->net->n_packed, sizeof(float));
    if (self->auxiliary == NULL || self->packed_auxiliary == NULL) {
        st = mad_fail_memory(ctx, "guidance's other model");
        goto out;
    }
    if (self->needs.own) {
        self->tuned_average = self->auxiliary;
    }
    if (self->needs.own && self->extrapolation.kind == MAD_EXTRAPOLATE_NONE) {
        const size_t n_own = mad_diffusion_own_rows(self, 1, max_train_rows);
        MAD_TRY(mad_set_take(ctx, mem, n_own, self->dim, self->n_classes > 0, &self->own));
    }
out:
    return st;
}

static mad_status take_memory(mad_ctx *ctx, const mad_world_info *world, size_t max_train_rows,
                              mad_arena *mem, mad_diffusion *self)
{
    mad_status st = MAD_OK;
    const size_t n = self->net->n_params;
    const int tunes = self->needs.own || self->extrapolation.kind != MAD_EXTRAPOLATE_NONE;
    const size_t n_own = !tunes ? 0
                         : self->extrapolation.kind == MAD_EXTRAPOLATE_NONE
                             ? self->settings.n_own
                             : mad_schedule_most(&self->extrapolation.n_rows, self->n_generations);
    size_t n_row_floats = 0;

    MAD_TRY(
        mad_size_mul(n_own > max_train_rows ? n_own : max_train_rows, self->dim, &n_row_floats));
    self->theta = mad_arena_take(mem, n, sizeof *self->theta);
    self->average = mad_arena_take(mem, n, sizeof *self->average);
    self->built = mad_arena_take(mem, 1, sizeof *self->built);
    self->sigma_data = mad_arena_take(mem, 1, sizeof *self->sigma_data);
    self->packed = mad_arena_take(mem, self->net->n_packed, sizeof *self->packed);
    self->rows = mad_arena_take(mem, n_row_floats, sizeof *self->rows);
    if (self->theta == NULL || self->average == NULL || self->built == NULL ||
        self->sigma_data == NULL || self->packed == NULL || self->rows == NULL) {
        st = mad_fail_memory(ctx, "the diffusion model");
        goto out;
    }
    MAD_TRY(mad_standard_take(ctx, self->dim, self->n_classes, mem, &self->standard));
    self->standard.one_centre = world->height > 0;
    MAD_TRY(take_auxiliary(ctx, max_train_rows, mem, self));
    MAD_TRY(mad_train_create(ctx, self->net, mem, &self->train));
out:
    return st;
}

/* What guidance asks of the training, and keys of one guidance set with another: they would do
 * nothing. */
static mad_status check_guidance(mad_ctx *ctx, const mad_values *values, const mad_diffusion *self)
{
    mad_status st = MAD_OK;
    const int is_negative = self->needs.own && self->extrapolation.kind == MAD_EXTRAPOLATE_NONE;
    const mad_key_use use[] = {
        {"guide.worse", self->needs.worse, "guide.kind: auto or bias.kind: autoguidance"},
        {"guide.tune_steps", is_negative, "guide.kind: negative"},
        {"guide.own", is_negative, "guide.kind: negative"},
    };
    MAD_TRY(mad_refuse_unused(ctx, "model", values, sizeof use / sizeof *use, use));
    if (self->needs.null_class && self->settings.label_dropout == 0.0) {
        st = mad_fail(
            ctx, MAD_E_CONFIG,
            "model.guide.kind: cfg and bias.kind: guidance need the denoiser without class, "
            "which model.train.label_dropout: 0 does not train");
    }
out:
    return st;
}

/* FNV-1a of a number. */
static uint64_t mix(uint64_t hash, uint64_t number)
{
    for (int i = 0; i < 8; i++) {
        hash = (hash ^ (number >> (8 * i) & 0xff)) * 0x100000001b3ull;
    }
    return hash;
}

/* Padded blocks of two networks may be equally long, and the same parameters mean something else
 * under another parameterization: a checkpoint says which ones it was written for. */
static int64_t net_fingerprint(const mad_net *net, const mad_values *values)
{
    uint64_t hash = mix(0xcbf29ce484222325ull, mad_get_choice(values, "net.kind"));
    mad_tensor t;
    hash = mix(hash, mad_get_choice(values, "parameterization"));
    hash = mix(hash, mad_get_size(values, "net.groups"));
    for (size_t i = 0; net->type->tensor(net, i, &t); i++) {
        hash = mix(hash, t.offset);
        for (size_t k = 0; k < t.rank; k++) {
            hash = mix(hash, t.shape[k]);
        }
    }
    return (int64_t)(hash >> 1);
}

static mad_status create(mad_ctx *ctx, const mad_model_args *args, mad_arena *mem, mad_model **out)
{
    mad_status st = MAD_OK;
    const mad_values *values = args->values;
    mad_diffusion *self = mad_arena_take(mem, 1, sizeof *self);

    if (self == NULL) {
        return mad_fail_memory(ctx, "the diffusion model");
    }
    self->base.type = &mad_model_diffusion;
    self->dim = args->world->dim;
    self->n_classes = args->world->n_classes;
    MAD_TRY(mad_fit_settings_read(ctx, values, args->world, &self->settings));
    MAD_TRY(mad_objective_read(ctx, values, &self->objective));
    self->extrapolation = args->extrapolation;
    self->n_generations = args->n_generations;
    const mad_sampling_args sampling = {.values = values,
                                        .extrapolation = &args->extrapolation,
                                        .without_density = args->without_density,
                                        .world = args->world,
                                        .n_generations = args->n_generations,
                                        .tilt = args->tilt,
                                        .trains_on_schedule =
                                            self->objective.law.kind == MAD_NOISE_SCHEDULE,
                                        .trains_to_horizon = mad_objective_has_horizon(values)};
    MAD_TRY(mad_sampling_create(ctx, &sampling, mem, &self->sampling));
    self->needs = mad_sampling_needs(self->sampling);
    MAD_TRY(check_guidance(ctx, values, self));
    self->objective.law.schedule = mad_sampling_schedule(self->sampling);
    mad_objective_centre(&self->objective, 1.0);
    MAD_TRY(mad_net_read(ctx, values, args->world, mem, &self->net));
    MAD_TRY(take_memory(ctx, args->world, args->max_train_rows, mem, self));
    self->fingerprint = self->built[0] = net_fingerprint(self->net, values);
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
    if (self->auxiliary != NULL) {
        out->field[i++] = (mad_field){"auxiliary", MAD_FIELD_F32, n, self->auxiliary};
    }
    out->field[i++] = (mad_field){"architecture", MAD_FIELD_I64, 1, self->built};
    out->field[i++] = (mad_field){"sigma_data", MAD_FIELD_F64, 1, self->sigma_data};
    out->n_fields = i;
    mad_standard_fields(&self->standard, out);
}

static mad_status loaded(mad_ctx *ctx, mad_model *model)
{
    mad_status st = MAD_OK;
    mad_diffusion *self = (mad_diffusion *)model;
    const size_t n = self->net->n_params;
    if (self->built[0] != self->fingerprint) {
        st = mad_fail(ctx, MAD_E_DATA,
                      "a checkpoint of another architecture: its network or parameterization "
                      "(fingerprint %llx) is not this configuration's (%llx)",
                      (unsigned long long)self->built[0], (unsigned long long)self->fingerprint);
        goto out;
    }
    MAD_TRY(mad_standard_check(ctx, &self->standard));
    MAD_TRY(mad_check_parameters(ctx, "parameter", n, self->theta));
    MAD_TRY(mad_check_parameters(ctx, "averaged parameter", n, self->average));
    if (self->auxiliary != NULL) {
        MAD_TRY(mad_check_parameters(ctx, "auxiliary parameter", n, self->auxiliary));
    }
    if (!(self->sigma_data[0] > 0.0) || !isfinite(self->sigma_data[0])) {
        st = mad_fail(ctx, MAD_E_NONFINITE, "the loaded model's sigma_data is %g, must be above 0",
                      self->sigma_data[0]);
        goto out;
    }
    mad_objective_centre(&self->objective, self->sigma_data[0]);
out:
    return st;
}

static void cost(const mad_model *model, mad_fit_size fit, mad_model_cost *out)
{
    const mad_diffusion *self = (const mad_diffusion *)model;
    const size_t n_steps =
        fit.warm_steps > 0 ? fit.warm_steps : mad_diffusion_steps(self, fit.n_train);
    *out = (mad_model_cost){
        .fit_steps = (double)n_steps,
        .row_evaluations = mad_sampling_evaluations(self->sampling, fit.generation),
        .tilted_evaluations = mad_sampling_tilted_evaluations(self->sampling, fit.generation),
        .parameters = (double)self->net->n_weights,
    };
    out->row_flops = mad_diffusion_eval_flops(self) * out->row_evaluations;
    const int is_extrapolated = self->extrapolation.kind != MAD_EXTRAPOLATE_NONE;
    if (self->needs.own || is_extrapolated) {
        out->own_steps = (double)mad_diffusion_tune_steps(self, fit.generation);
        out->own_rows = (double)mad_diffusion_own_rows(self, fit.generation, fit.n_train);
        out->own_evaluations = is_extrapolated
                                   ? mad_sampling_evaluations(self->sampling, fit.generation)
                                   : mad_sampling_own_evaluations(self->sampling, fit.generation);
    }
    out->fit_flops = mad_diffusion_step_flops(self) * (out->fit_steps + out->own_steps) +
                     mad_diffusion_eval_flops(self) * out->own_evaluations * out->own_rows;
}

static mad_status gain(mad_ctx *ctx, const mad_model *model, size_t generation, size_t n,
                       const double *variance, double *out)
{
    const mad_diffusion *self = (const mad_diffusion *)model;
    const mad_source source = mad_standard_source(&self->standard);
    return mad_sampling_gain(ctx, self->sampling, mad_source_if_known(&source), generation, n,
                             variance, out);
}

static int gain_needs_rows(const mad_model *model)
{
    return mad_sampling_gain_needs_rows(((const mad_diffusion *)model)->sampling);
}

static mad_status observe(mad_ctx *ctx, mad_model *model, const mad_set *train)
{
    return mad_standard_fit(ctx, &((mad_diffusion *)model)->standard, train);
}

static mad_status advise(mad_ctx *ctx, const mad_model *model, double variance, double limit,
                         size_t n_bytes, char *text, double *out)
{
    const mad_diffusion *self = (const mad_diffusion *)model;
    const mad_source source = mad_standard_source(&self->standard);
    return mad_sampling_advise(ctx, self->sampling, mad_source_if_known(&source), variance, limit,
                               n_bytes, text, out);
}

static void class_p(const mad_model *model, double *p)
{
    const mad_diffusion *self = (const mad_diffusion *)model;
    mad_standard_class_p(&self->standard, self->settings.balanced, p);
}

static mad_status log_density(mad_ctx *ctx, mad_model *model, mad_key key, const mad_set *rows,
                              double *out)
{
    mad_diffusion *self = (mad_diffusion *)model;
    const mad_source source = mad_diffusion_source(self);
    return mad_sampling_log_density(ctx, self->sampling, &source, key, rows, out);
}

static mad_status loss(mad_ctx *ctx, mad_model *model, mad_key key, const mad_set *rows,
                       double *out)
{
    const mad_source source = mad_diffusion_source((mad_diffusion *)model);
    return mad_sampling_loss(ctx, &source, key, rows, out);
}

const mad_model_type mad_model_diffusion = {
    .name = "diffusion",
    .doc = "trained diffusion model: multilayer perceptron or U-Net, class-conditional where rows "
           "have labels",
    .ref = "Ho et al. 2020 (DDPM); Song et al. 2021 (DDIM, score SDE); Karras et al. 2022 (EDM)",
    .params = mad_diffusion_params,
    .flags = MAD_MODEL_THREADED | MAD_MODEL_LABELS | MAD_MODEL_WARM | MAD_MODEL_LOSS |
             MAD_MODEL_STEPS | MAD_MODEL_GIVEN,
    .worlds = 1u << MAD_WORLD_CONTINUOUS,
    .create = create,
    .fit = mad_diffusion_fit,
    .sample = mad_diffusion_sample,
    .tilts = MAD_SAMPLING_TILTS,
    .sample_tilted = mad_diffusion_sample_tilted,
    .extrapolations = 1u << MAD_EXTRAPOLATE_SCORES | 1u << MAD_EXTRAPOLATE_WEIGHTS,
    .extrapolate = mad_diffusion_extrapolate,
    .fields = fields,
    .loaded = loaded,
    .reports = mad_diffusion_reports,
    .class_p = class_p,
    .cost = cost,
    .gain = gain,
    .gain_needs_rows = gain_needs_rows,
    .observe = observe,
    .advise = advise,
    .log_density = log_density,
    .loss = loss,
};

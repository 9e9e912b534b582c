/* models/flow/flow.c: a normalising flow of affine couplings: keys, memory, state, cost. */
#include "models/flow/flow.h"

#include <math.h>

#include "sim/num/stats.h"

extern const mad_model_type mad_model_flow;

static const mad_param params[] = {
    MAD_INT("layers", "8", 1, 64, "affine coupling layers"),
    MAD_REAL("bound", "2", 0.01, 8, "largest |s| of a layer, which multiplies by exp(s)"),
    MAD_INT("net.width", "64", 8, 2048, "units of a hidden layer of each layer's perceptron"),
    MAD_INT("net.depth", "2", 1, 16, "its hidden layers"),
    MAD_OPTIMISER_PARAMS("256", "5e-3"),
    {.name = NULL},
};

static mad_status take_memory(mad_ctx *ctx, size_t max_train_rows, mad_arena *mem, mad_flow *self)
{
    mad_status st = MAD_OK;
    const size_t n = self->net->n_params;
    size_t n_row_floats = 0;
    MAD_TRY(mad_size_mul(max_train_rows, self->dim, &n_row_floats));
    self->theta = mad_arena_take(mem, n, sizeof *self->theta);
    self->average = mad_arena_take(mem, n, sizeof *self->average);
    self->built = mad_arena_take(mem, 1, sizeof *self->built);
    self->centre = mad_arena_take(mem, self->dim, sizeof *self->centre);
    self->scale = mad_arena_take(mem, self->dim, sizeof *self->scale);
    self->packed = mad_arena_take(mem, self->net->n_packed, sizeof *self->packed);
    self->rows = mad_arena_take(mem, n_row_floats, sizeof *self->rows);
    if (self->theta == NULL || self->average == NULL || self->built == NULL ||
        self->centre == NULL || self->scale == NULL || self->packed == NULL || self->rows == NULL) {
        st = mad_fail_memory(ctx, "the flow");
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
    const mad_couplings_options shape = {.dim = args->world->dim,
                                         .n_layers = mad_get_size(values, "layers"),
                                         .width = mad_get_size(values, "net.width"),
                                         .depth = mad_get_size(values, "net.depth"),
                                         .bound = mad_get_real(values, "bound")};
    const double says[] = {(double)shape.dim, (double)shape.n_layers, (double)shape.width,
                           (double)shape.depth, shape.bound};
    const mad_kernels *kernels = NULL;
    mad_flow *self = mad_arena_take(mem, 1, sizeof *self);
    if (self == NULL) {
        return mad_fail_memory(ctx, "the flow");
    }
    self->base.type = &mad_model_flow;
    self->dim = shape.dim;
    self->tilt = args->tilt;
    MAD_TRY(mad_optimiser_read(ctx, values, 256, 5e-3, &self->settings));
    MAD_TRY(mad_kernels_choose(ctx, &kernels));
    MAD_TRY(mad_couplings_create(ctx, kernels, &shape, mem, &self->net));
    MAD_TRY(take_memory(ctx, args->max_train_rows, mem, self));
    self->fingerprint = (int64_t)(mad_fnv1a(says, sizeof says, MAD_FNV1A_START) >> 1);
    self->built[0] = self->fingerprint;
    *out = &self->base;
out:
    return st;
}

/* The optimiser's moments are no state: every fit, warm or not, starts with fresh ones. */
static void fields(mad_model *model, mad_fields *out)
{
    mad_flow *self = (mad_flow *)model;
    const size_t n = self->net->n_params;
    *out = (mad_fields){
        .n_fields = 5,
        .field = {{"parameters", MAD_FIELD_F32, n, self->theta},
                  {"average", MAD_FIELD_F32, n, self->average},
                  {"architecture", MAD_FIELD_I64, 1, self->built},
                  {"centre", MAD_FIELD_F64, self->dim, self->centre},
                  {"scale", MAD_FIELD_F64, self->dim, self->scale}},
    };
}

static mad_status loaded(mad_ctx *ctx, mad_model *model)
{
    mad_status st = MAD_OK;
    const mad_flow *self = (const mad_flow *)model;
    if (self->built[0] != self->fingerprint) {
        st = mad_fail(ctx, MAD_E_DATA,
                      "a checkpoint of another architecture: its couplings (fingerprint %llx) are "
                      "not this configuration's (%llx)",
                      (unsigned long long)self->built[0], (unsigned long long)self->fingerprint);
        goto out;
    }
    MAD_TRY(mad_check_parameters(ctx, "parameter", self->net->n_params, self->theta));
    MAD_TRY(mad_check_parameters(ctx, "averaged parameter", self->net->n_params, self->average));
    for (size_t j = 0; j < self->dim; j++) {
        if (!isfinite(self->centre[j]) || !(self->scale[j] > 0.0) || !isfinite(self->scale[j])) {
            st = mad_fail(ctx, MAD_E_DATA,
                          "the loaded model's column %zu has centre %g and scale %g: not what a "
                          "fit leaves",
                          j, self->centre[j], self->scale[j]);
            goto out;
        }
    }
out:
    return st;
}

size_t mad_flow_steps(const mad_flow *self, size_t warm_steps, size_t n_rows)
{
    return warm_steps > 0
               ? warm_steps
               : mad_budget_steps(&self->settings.budget, n_rows, self->settings.n_batch);
}

double mad_flow_row_flops(const mad_flow *self)
{
    return 2.0 * self->net->macs; /* a multiply-add is two operations */
}

/* Forward, and two products of its size backward. */
double mad_flow_step_flops(const mad_flow *self)
{
    return 3.0 * mad_flow_row_flops(self) * (double)self->settings.n_batch;
}

double mad_flow_log_scale(const mad_flow *self)
{
    double sum = 0.0;
    for (size_t j = 0; j < self->dim; j++) {
        sum += log(self->scale[j]);
    }
    return sum;
}

static void cost(const mad_model *model, mad_fit_size fit, mad_model_cost *out)
{
    const mad_flow *self = (const mad_flow *)model;
    const double n_steps = (double)mad_flow_steps(self, fit.warm_steps, fit.n_train);
    *out = (mad_model_cost){.fit_steps = n_steps,
                            .fit_flops = n_steps * mad_flow_step_flops(self),
                            .row_flops = mad_flow_row_flops(self),
                            .row_evaluations = 1.0,
                            .parameters = (double)self->net->n_weights};
}

const mad_model_type mad_model_flow = {
    .name = "flow",
    .doc = "normalising flow: affine coupling layers, fitted by maximum likelihood",
    .ref = "Dinh, Sohl-Dickstein & Bengio 2017 (arXiv:1605.08803), RealNVP; in a loop: Alemohammad "
           "et al. 2023 (arXiv:2307.01850)",
    .params = params,
    .flags = MAD_MODEL_THREADED | MAD_MODEL_WARM | MAD_MODEL_LOSS | MAD_MODEL_STEPS,
    .worlds = 1u << MAD_WORLD_CONTINUOUS,
    .create = create,
    .fit = mad_flow_fit,
    .sample = mad_flow_sample,
    .tilts = 1u << MAD_TILT_TRUNCATION | 1u << MAD_TILT_TEMPERATURE,
    .sample_tilted = mad_flow_sample_tilted,
    .fields = fields,
    .loaded = loaded,
    .cost = cost,
    .log_density = mad_flow_density,
};

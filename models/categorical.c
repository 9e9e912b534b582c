/* models/categorical.c: one probability per category, fitted by its frequency. */
#include <math.h>
#include <string.h>

#include "models/categorical.h"
#include "sim/iface/draw.h"

extern const mad_model_type mad_model_categorical;

typedef struct categorical_model {
    mad_model base;
    size_t n_categories;
    double *p;   /* [n_categories] */
    double *cum; /* [n_categories] derived: running sums of p */
    mad_tilt tilt;
} categorical_model;

typedef struct draw_job {
    size_t n_categories;
    const double *cum;
} draw_job;

static const mad_param params[] = {{.name = NULL}};

static mad_status create(mad_ctx *ctx, const mad_model_args *args, mad_arena *mem, mad_model **out)
{
    categorical_model *self = mad_arena_take(mem, 1, sizeof *self);
    if (self == NULL) {
        return mad_fail_memory(ctx, "the categorical model");
    }
    const size_t n = args->world->n_categories;
    self->base.type = &mad_model_categorical;
    self->n_categories = n;
    self->tilt = args->tilt;
    self->p = mad_arena_take(mem, n, sizeof *self->p);
    self->cum = mad_arena_take(mem, n, sizeof *self->cum);
    if (self->p == NULL || self->cum == NULL) {
        return mad_fail_memory(ctx, "the probabilities of the categorical model");
    }
    *out = &self->base;
    return MAD_OK;
}

static mad_status loaded(mad_ctx *ctx, mad_model *model)
{
    (void)ctx;
    categorical_model *self = (categorical_model *)model;
    double sum = 0;
    for (size_t k = 0; k < self->n_categories; k++) {
        sum += self->p[k];
        self->cum[k] = sum;
    }
    return MAD_OK;
}

/* Maximum likelihood: p_k = total weight of category k / total weight. */
static mad_status fit(mad_ctx *ctx, mad_model *model, const mad_set *train,
                      const mad_fit_args *args)
{
    (void)args;
    categorical_model *self = (categorical_model *)model;
    if (train->n_rows == 0) {
        return mad_fail(ctx, MAD_E_RANGE, "model categorical needs at least 1 row, not 0");
    }
    memset(self->p, 0, self->n_categories * sizeof *self->p);
    double total = 0;
    for (size_t i = 0; i < train->n_rows; i++) {
        const double x = train->x[i];
        if (!(x >= 0 && x < (double)self->n_categories)) {
            return mad_fail(ctx, MAD_E_RANGE, "row %zu: category %g is not in 0..%zu", i, x,
                            self->n_categories - 1);
        }
        const double weight = train->weight == NULL ? 1 : train->weight[i];
        self->p[(size_t)x] += weight;
        total += weight;
    }
    for (size_t k = 0; k < self->n_categories; k++) {
        self->p[k] /= total;
    }
    return loaded(ctx, model);
}

static mad_status draw_chunk(mad_ctx *ctx, const void *arg, mad_rng *rng, size_t begin,
                             mad_set *rows)
{
    (void)ctx;
    (void)begin;
    const draw_job *job = arg;
    for (size_t i = 0; i < rows->n_rows; i++) {
        rows->x[i] = (double)mad_rng_index(rng, job->n_categories, job->cum);
    }
    return MAD_OK;
}

static mad_status sample(mad_ctx *ctx, mad_model *model, mad_key key, uint64_t first_item,
                         mad_set *out)
{
    const categorical_model *self = (const categorical_model *)model;
    const draw_job job = {self->n_categories, self->cum};
    return mad_draw_chunks(ctx, key, first_item, draw_chunk, &job, out);
}

/* Relative to the largest, so that no power over- or underflows to 0 / 0. */
void mad_categorical_temper(size_t n, const double *p, double tau, double *out)
{
    double largest = 0.0, total = 0.0;
    if (tau == 1.0) {
        memcpy(out, p, n * sizeof *out); /* powers would round */
        return;
    }
    for (size_t k = 0; k < n; k++) {
        largest = fmax(largest, p[k]);
    }
    for (size_t k = 0; k < n; k++) {
        out[k] = pow(p[k] / largest, 1.0 / tau);
        total += out[k];
    }
    for (size_t k = 0; k < n; k++) {
        out[k] /= total;
    }
}

static mad_status sample_tilted(mad_ctx *ctx, mad_model *model, mad_key key, uint64_t first_item,
                                size_t generation, mad_set *out)
{
    const categorical_model *self = (const categorical_model *)model;
    const size_t n = self->n_categories;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    double *cum = mad_arena_take_raw(ctx->scratch, n, sizeof *cum);
    if (cum == NULL) {
        return mad_fail_memory(ctx, "tempered probabilities");
    }
    mad_categorical_temper(n, self->p, mad_tilt_strength(&self->tilt, generation), cum);
    for (size_t k = 1; k < n; k++) {
        cum[k] += cum[k - 1];
    }
    const draw_job job = {n, cum};
    const mad_status st = mad_draw_chunks(ctx, key, first_item, draw_chunk, &job, out);
    mad_arena_release(ctx->scratch, mark);
    return st;
}

static void fields(mad_model *model, mad_fields *out)
{
    categorical_model *self = (categorical_model *)model;
    *out = (mad_fields){
        .n_fields = 1,
        .field = {{"p", MAD_FIELD_F64, self->n_categories, self->p}},
    };
}

static mad_status probabilities(mad_ctx *ctx, mad_model *model, double *p)
{
    (void)ctx;
    const categorical_model *self = (const categorical_model *)model;
    memcpy(p, self->p, self->n_categories * sizeof *p);
    return MAD_OK;
}

static mad_status tilted_probabilities(mad_ctx *ctx, mad_model *model, size_t generation, double *p)
{
    (void)ctx;
    const categorical_model *self = (const categorical_model *)model;
    mad_categorical_temper(self->n_categories, self->p, mad_tilt_strength(&self->tilt, generation),
                           p);
    return MAD_OK;
}

const mad_model_type mad_model_categorical = {
    .name = "categorical",
    .doc = "category probabilities, fitted by their frequencies",
    .ref = "the Wright-Fisher model: Shumailov et al. 2023, arXiv:2305.17493",
    .params = params,
    .worlds = 1u << MAD_WORLD_CATEGORICAL,
    .create = create,
    .fit = fit,
    .sample = sample,
    .tilts = 1u << MAD_TILT_TEMPERATURE,
    .sample_tilted = sample_tilted,
    .fields = fields,
    .loaded = loaded,
    .probabilities = probabilities,
    .tilted_probabilities = tilted_probabilities,
};

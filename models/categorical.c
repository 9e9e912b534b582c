/* models/categorical.c: one probability per category, fitted by its frequency. */
#include <math.h>
#include <string.h>

#include "sim/iface/draw.h"
#include "sim/iface/model.h"

extern const mad_model_type mad_model_categorical;

typedef struct categorical_model {
    mad_model base;
    size_t n_categories;
    double *p;   /* [n_categories] */
    double *cum; /* [n_categories] derived: running sums of p */
} categorical_model;

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
    const categorical_model *self = arg;
    for (size_t i = 0; i < rows->n_rows; i++) {
        rows->x[i] = (double)mad_rng_index(rng, self->n_categories, self->cum);
    }
    return MAD_OK;
}

static mad_status sample(mad_ctx *ctx, mad_model *model, mad_key key, uint64_t first_item,
                         mad_set *out)
{
    return mad_draw_chunks(ctx, key, first_item, draw_chunk, model, out);
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

const mad_model_type mad_model_categorical = {
    .name = "categorical",
    .doc = "category probabilities, fitted by their frequencies",
    .ref = "the Wright-Fisher model: Shumailov et al. 2023, arXiv:2305.17493",
    .params = params,
    .worlds = 1u << MAD_WORLD_CATEGORICAL,
    .create = create,
    .fit = fit,
    .sample = sample,
    .fields = fields,
    .loaded = loaded,
    .probabilities = probabilities,
};

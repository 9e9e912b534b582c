/* models/linear.c: least-squares regression; synthetic rows are (x, w.x + noise e). */
#include <math.h>
#include <string.h>

#include "sim/iface/draw.h"
#include "sim/iface/model.h"
#include "sim/num/linalg.h"

extern const mad_model_type mad_model_linear;

enum { DESIGN_FRESH, DESIGN_REUSED };

typedef struct linear_model {
    mad_model base;
    size_t n_features;
    double noise; /* the world's label noise, which generators know */
    double *w;    /* [n_features] */
    size_t max_design;
    double *design;    /* [max_design][n_features] rows of generation 1; NULL: fresh designs */
    int64_t *n_design; /* rows used of it */
} linear_model;

static const mad_param params[] = {
    {.name = "design",
     .kind = MAD_PARAM_CHOICE,
     .fallback = "fresh",
     .choices = "fresh|reused",
     .doc =
         "features of synthetic rows: new ones from N(0, I), or the rows of generation 1 in turn"},
    {.name = NULL},
};

/* The world's law gives its label noise: cov_yy - |cov_xy|^2 for features N(0, I). */
static double label_noise(const mad_world_info *world)
{
    const size_t dim = world->dim, n = dim - 1;
    double var = world->cov[dim * dim - 1];
    for (size_t j = 0; j < n; j++) {
        var -= world->cov[n * dim + j] * world->cov[n * dim + j];
    }
    return sqrt(fmax(var, 0));
}

static mad_status create(mad_ctx *ctx, const mad_model_args *args, mad_arena *mem, mad_model **out)
{
    if (args->world->cov == NULL) {
        return mad_fail(ctx, MAD_E_UNSUPPORTED,
                        "model linear needs a world that knows its covariance (the label noise)");
    }
    linear_model *self = mad_arena_take(mem, 1, sizeof *self);
    if (self == NULL) {
        return mad_fail_memory(ctx, "the linear model");
    }
    self->base.type = &mad_model_linear;
    self->n_features = args->world->dim - 1;
    self->noise = label_noise(args->world);
    self->w = mad_arena_take(mem, self->n_features, sizeof *self->w);
    if (self->w == NULL) {
        return mad_fail_memory(ctx, "the weights of the linear model");
    }
    if (mad_get_choice(args->values, "design") == DESIGN_REUSED) {
        size_t n_values;
        if (mad_size_mul(args->max_first_rows, self->n_features, &n_values) != MAD_OK) {
            return mad_fail(ctx, MAD_E_RANGE, "a design of %zu rows x %zu features is too large",
                            args->max_first_rows, self->n_features);
        }
        self->max_design = args->max_first_rows;
        self->design = mad_arena_take(mem, n_values, sizeof *self->design);
        self->n_design = mad_arena_take(mem, 1, sizeof *self->n_design);
        if (self->design == NULL || self->n_design == NULL) {
            return mad_fail_memory(ctx, "the design of the linear model");
        }
    }
    *out = &self->base;
    return MAD_OK;
}

static void keep_design(linear_model *self, const mad_set *train)
{
    MAD_ASSERT(train->n_rows <= self->max_design);
    for (size_t i = 0; i < train->n_rows; i++) {
        memcpy(self->design + i * self->n_features, train->x + i * train->dim,
               self->n_features * sizeof *self->design);
    }
    *self->n_design = (int64_t)train->n_rows;
}

/* min sum_i weight_i (w.x_i - y_i)^2: rows are scaled by the root of their weight. */
static mad_status fit(mad_ctx *ctx, mad_model *model, const mad_set *train,
                      const mad_fit_args *args)
{
    linear_model *self = (linear_model *)model;
    const size_t n = train->n_rows, n_features = self->n_features;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    mad_status st = MAD_OK;
    if (n == 0) {
        return mad_fail(ctx, MAD_E_RANGE, "model linear needs at least 1 row, not 0");
    }
    double *x = mad_arena_take_raw(ctx->scratch, n * n_features, sizeof *x);
    double *y = mad_arena_take_raw(ctx->scratch, n, sizeof *y);
    if (x == NULL || y == NULL) {
        st = mad_fail_memory(ctx, "the design of a regression");
        goto out;
    }
    for (size_t i = 0; i < n; i++) {
        const double scale = train->weight == NULL ? 1 : sqrt(train->weight[i]);
        const double *row = train->x + i * train->dim;
        for (size_t j = 0; j < n_features; j++) {
            x[i * n_features + j] = scale * row[j];
        }
        y[i] = scale * row[n_features];
    }
    MAD_TRY(mad_least_squares(ctx, n, n_features, x, y, self->w));
    if (self->design != NULL && args->key.generation == 1) {
        keep_design(self, train);
    }
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

static double response_at(const linear_model *self, const double *x)
{
    double y = 0;
    for (size_t j = 0; j < self->n_features; j++) {
        y += self->w[j] * x[j];
    }
    return y;
}

static mad_status draw_fresh(mad_ctx *ctx, const void *arg, mad_rng *rng, size_t begin,
                             mad_set *rows)
{
    (void)ctx;
    (void)begin;
    const linear_model *self = arg;
    mad_rng_normals(rng, rows->n_rows * rows->dim, rows->x);
    for (size_t i = 0; i < rows->n_rows; i++) {
        double *x = rows->x + i * rows->dim;
        x[self->n_features] = response_at(self, x) + self->noise * x[self->n_features];
    }
    return MAD_OK;
}

static mad_status draw_reused(mad_ctx *ctx, const void *arg, mad_rng *rng, size_t begin,
                              mad_set *rows)
{
    (void)ctx;
    const linear_model *self = arg;
    const size_t n_features = self->n_features, n_design = (size_t)*self->n_design;
    double e[MAD_CHUNK];
    mad_rng_normals(rng, rows->n_rows, e);
    for (size_t i = 0; i < rows->n_rows; i++) {
        double *x = rows->x + i * rows->dim;
        memcpy(x, self->design + (begin + i) % n_design * n_features, n_features * sizeof *x);
        x[n_features] = response_at(self, x) + self->noise * e[i];
    }
    return MAD_OK;
}

static mad_status sample(mad_ctx *ctx, mad_model *model, mad_key key, uint64_t first_item,
                         mad_set *out)
{
    const linear_model *self = (const linear_model *)model;
    const mad_draw_fn fn = self->design == NULL ? draw_fresh : draw_reused;
    return mad_draw_chunks(ctx, key, first_item, fn, model, out);
}

static mad_status predict(mad_ctx *ctx, mad_model *model, const mad_set *rows, double *response,
                          double *sd)
{
    (void)ctx;
    const linear_model *self = (const linear_model *)model;
    for (size_t i = 0; i < rows->n_rows; i++) {
        response[i] = response_at(self, rows->x + i * rows->dim);
    }
    *sd = self->noise;
    return MAD_OK;
}

static void fields(mad_model *model, mad_fields *out)
{
    linear_model *self = (linear_model *)model;
    *out = (mad_fields){
        .n_fields = 1,
        .field = {{"w", MAD_FIELD_F64, self->n_features, self->w}},
    };
    if (self->design != NULL) {
        out->n_fields = 3;
        out->field[1] =
            (mad_field){"design", MAD_FIELD_F64, self->max_design * self->n_features, self->design};
        out->field[2] = (mad_field){"n_design", MAD_FIELD_I64, 1, self->n_design};
    }
}

/* A count from a file is a length here. */
static mad_status loaded(mad_ctx *ctx, mad_model *model)
{
    const linear_model *self = (const linear_model *)model;
    if (self->design != NULL &&
        (*self->n_design < 1 || (uint64_t)*self->n_design > self->max_design)) {
        return mad_fail(ctx, MAD_E_DATA, "a regression reuses %lld rows, must be 1 to %zu",
                        (long long)*self->n_design, self->max_design);
    }
    return MAD_OK;
}

/* The law of (x, y) for features from N(0, I), for reused designs too: risks are taken over new
 * features. cov = [I w; w^T |w|^2 + noise^2]. */
static mad_status moments(mad_ctx *ctx, mad_model *model, mad_moments *out)
{
    (void)ctx;
    const linear_model *self = (const linear_model *)model;
    const size_t n = self->n_features, dim = n + 1;
    out->dim = dim;
    memset(out->mean, 0, dim * sizeof *out->mean);
    memset(out->cov, 0, dim * dim * sizeof *out->cov);
    for (size_t j = 0; j < n; j++) {
        out->cov[j * dim + j] = 1;
        out->cov[j * dim + n] = out->cov[n * dim + j] = self->w[j];
    }
    out->cov[dim * dim - 1] = response_at(self, self->w) + self->noise * self->noise;
    return MAD_OK;
}

const mad_model_type mad_model_linear = {
    .name = "linear",
    .doc = "linear regression by least squares (minimum norm when there are too few rows)",
    .ref = "Gerstgrasser et al. 2024, arXiv:2404.01413; Dohmatob et al. 2024, arXiv:2402.07712",
    .params = params,
    .worlds = 1u << MAD_WORLD_REGRESSION,
    .create = create,
    .fit = fit,
    .sample = sample,
    .fields = fields,
    .loaded = loaded,
    .moments = moments,
    .predict = predict,
};

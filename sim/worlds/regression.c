/* sim/worlds/regression.c: rows (x, y) with x ~ N(0, I_d) and y = w.x + noise e, w hidden. */
#include <math.h>

#include "sim/iface/world.h"
#include "sim/worlds/chunks.h"

extern const mad_world_type mad_world_regression;

typedef struct regression_world {
    mad_world base;
    const double *w; /* [dim - 1] */
    double noise;
} regression_world;

static const mad_param params[] = {
    {.name = "features",
     .kind = MAD_PARAM_INT,
     .fallback = "10",
     .min = 1,
     .max = 1023,
     .doc = "number of features d; a row has d + 1 columns, the last is the response"},
    {.name = "noise",
     .kind = MAD_PARAM_REAL,
     .fallback = "1",
     .min = 0,
     .max = 1e6,
     .unit = "response units",
     .doc = "standard deviation of the label noise"},
    {.name = "norm",
     .kind = MAD_PARAM_REAL,
     .fallback = "1",
     .min = 0,
     .max = 1e6,
     .doc = "Euclidean norm of the hidden weight vector (its direction is seeded)"},
    {.name = NULL},
};

static void hidden_weights(uint64_t seed, size_t n, double norm, double *w)
{
    mad_rng rng = mad_rng_open((mad_key){.seed = seed, .purpose = MAD_RNG_WORLD}, 0);
    mad_rng_normals(&rng, n, w);
    double square = 0;
    for (size_t j = 0; j < n; j++) {
        square += w[j] * w[j];
    }
    for (size_t j = 0; j < n; j++) {
        w[j] *= norm / sqrt(square);
    }
}

static mad_status create(mad_ctx *ctx, const mad_world_args *args, mad_arena *mem, mad_world **out)
{
    const size_t n = mad_get_size(args->values, "features"), dim = n + 1;
    regression_world *self = mad_arena_take(mem, 1, sizeof *self);
    double *w = mad_arena_take(mem, n, sizeof *w);
    double *mean = mad_arena_take(mem, dim, sizeof *mean);
    double *cov = mad_arena_take(mem, dim * dim, sizeof *cov);
    if (self == NULL || w == NULL || mean == NULL || cov == NULL) {
        return mad_fail_memory(ctx, "the world");
    }
    self->noise = mad_get_real(args->values, "noise");
    self->w = w;
    hidden_weights(args->seed, n, mad_get_real(args->values, "norm"), w);
    /* cov = [I w; w^T |w|^2 + noise^2] */
    cov[dim * dim - 1] = self->noise * self->noise;
    for (size_t j = 0; j < n; j++) {
        cov[j * dim + j] = 1;
        cov[j * dim + n] = cov[n * dim + j] = w[j];
        cov[dim * dim - 1] += w[j] * w[j];
    }
    self->base.type = &mad_world_regression;
    self->base.info =
        (mad_world_info){.kind = MAD_WORLD_REGRESSION, .dim = dim, .mean = mean, .cov = cov};
    *out = &self->base;
    return MAD_OK;
}

static mad_status draw_chunk(mad_ctx *ctx, const void *arg, mad_rng *rng, size_t begin,
                             mad_set *rows)
{
    (void)ctx;
    (void)begin;
    const regression_world *self = arg;
    const size_t dim = rows->dim;
    mad_rng_normals(rng, rows->n_rows * dim, rows->x);
    for (size_t i = 0; i < rows->n_rows; i++) {
        double *x = rows->x + i * dim;
        double y = self->noise * x[dim - 1];
        for (size_t j = 0; j < dim - 1; j++) {
            y += self->w[j] * x[j];
        }
        x[dim - 1] = y;
    }
    return MAD_OK;
}

const mad_world_type mad_world_regression = {
    .name = "regression",
    .doc = "linear regression data on normal features with a hidden weight vector",
    .ref = "Gerstgrasser et al. 2024, arXiv:2404.01413",
    .params = params,
    .create = create,
    .draw = mad_world_draw_chunks,
    .draw_chunk = draw_chunk,
};

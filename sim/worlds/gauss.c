/* sim/worlds/gauss.c: N(0, Q^T diag(s_i^2) Q) with s_i^2 = sd^2 i^-a and Q the identity or Haar. */
#include <math.h>
#include <string.h>

#include "sim/iface/world.h"
#include "sim/num/linalg.h"
#include "sim/worlds/chunks.h"

extern const mad_world_type mad_world_gauss;

enum { ROTATE_NONE, ROTATE_HAAR };

#define LOG_TWO_PI 1.83787706640934548356

typedef struct gauss_world {
    mad_world base;
    const double *axis_sd; /* [dim] */
    const double *map;     /* [dim][dim] diag(s) Q: x = z map; NULL when Q does not matter */
    int is_isotropic;
} gauss_world;

static const mad_param params[] = {
    {.name = "dim",
     .kind = MAD_PARAM_INT,
     .fallback = "1",
     .min = 1,
     .max = 1024,
     .doc = "number of coordinates"},
    {.name = "spectrum",
     .kind = MAD_PARAM_REAL,
     .fallback = "0",
     .min = 0,
     .max = 10,
     .doc = "exponent a of the variances sd^2 i^-a; 0 = isotropic"},
    {.name = "rotate",
     .kind = MAD_PARAM_CHOICE,
     .fallback = "none",
     .choices = "none|haar",
     .doc = "turn the axes by a seeded Haar rotation"},
    {.name = "sd",
     .kind = MAD_PARAM_REAL,
     .fallback = "1",
     .min = 1e-100,
     .max = 1e100,
     .unit = "data units",
     .doc = "standard deviation of the first axis"},
    {.name = NULL},
};

static mad_status make_map(mad_ctx *ctx, const mad_world_args *args, mad_arena *mem, size_t dim,
                           const double *axis_sd, double **out)
{
    double *q = mad_arena_take_raw(mem, dim * dim, sizeof *q);
    double *normals = mad_arena_take_raw(mem, dim * dim, sizeof *normals);
    if (q == NULL || normals == NULL) {
        return mad_fail_memory(ctx, "the rotation of the world");
    }
    mad_rng rng = mad_rng_open((mad_key){.seed = args->seed, .purpose = MAD_RNG_WORLD}, 0);
    mad_rng_normals(&rng, dim * dim, normals);
    const mad_status st = mad_haar(ctx, dim, normals, q);
    if (st != MAD_OK) {
        return st;
    }
    for (size_t i = 0; i < dim; i++) {
        for (size_t j = 0; j < dim; j++) {
            q[i * dim + j] *= axis_sd[i];
        }
    }
    *out = q;
    return MAD_OK;
}

static mad_status create(mad_ctx *ctx, const mad_world_args *args, mad_arena *mem, mad_world **out)
{
    const size_t dim = mad_get_size(args->values, "dim");
    const double exponent = mad_get_real(args->values, "spectrum");
    const double sd = mad_get_real(args->values, "sd");
    gauss_world *self = mad_arena_take(mem, 1, sizeof *self);
    double *axis_sd = mad_arena_take(mem, dim, sizeof *axis_sd);
    double *mean = mad_arena_take(mem, dim, sizeof *mean);
    double *cov = mad_arena_take(mem, dim * dim, sizeof *cov);
    if (self == NULL || axis_sd == NULL || mean == NULL || cov == NULL) {
        return mad_fail_memory(ctx, "the moments of the world");
    }
    for (size_t i = 0; i < dim; i++) {
        axis_sd[i] = sd * pow((double)(i + 1), -0.5 * exponent);
    }
    self->is_isotropic = dim == 1 || exponent == 0;
    if (!self->is_isotropic && mad_get_choice(args->values, "rotate") == ROTATE_HAAR) {
        double *map = NULL;
        const mad_status st = make_map(ctx, args, mem, dim, axis_sd, &map);
        if (st != MAD_OK) {
            return st;
        }
        mad_gram(dim, dim, map, cov);
        self->map = map;
    } else {
        for (size_t i = 0; i < dim; i++) {
            cov[i * dim + i] = axis_sd[i] * axis_sd[i];
        }
    }
    self->axis_sd = axis_sd;
    self->base.type = &mad_world_gauss;
    self->base.info = (mad_world_info){
        .kind = MAD_WORLD_CONTINUOUS,
        .dim = dim,
        .mean = mean,
        .cov = cov,
        .has_log_density = 1,
    };
    *out = &self->base;
    return MAD_OK;
}

/* BLAS may sum in another order for another number of rows: a chunk is always mapped whole, so that
 * its first rows do not depend on how many are asked for. */
static mad_status draw_mapped(mad_ctx *ctx, const gauss_world *self, mad_rng *rng, mad_set *rows)
{
    const size_t dim = rows->dim, n_values = MAD_CHUNK * dim;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    double *z = mad_arena_take_raw(ctx->scratch, n_values, sizeof *z);
    double *x = mad_arena_take_raw(ctx->scratch, n_values, sizeof *x);
    if (z == NULL || x == NULL) {
        mad_arena_release(ctx->scratch, mark);
        return mad_fail_memory(ctx, "a chunk of rows");
    }
    mad_rng_normals(rng, n_values, z);
    mad_gemm(MAD_CHUNK, dim, dim, 1, z, self->map, 0, x);
    memcpy(rows->x, x, rows->n_rows * dim * sizeof *x);
    mad_arena_release(ctx->scratch, mark);
    return MAD_OK;
}

static mad_status draw_chunk(mad_ctx *ctx, const void *arg, mad_rng *rng, size_t begin,
                             mad_set *rows)
{
    (void)begin;
    const gauss_world *self = arg;
    const size_t dim = rows->dim, n_values = rows->n_rows * dim;
    if (self->map != NULL) {
        return draw_mapped(ctx, self, rng, rows);
    }
    mad_rng_normals(rng, n_values, rows->x);
    if (self->is_isotropic) {
        const double sd = self->axis_sd[0];
        for (size_t i = 0; i < n_values; i++) {
            rows->x[i] *= sd;
        }
        return MAD_OK;
    }
    for (size_t i = 0; i < rows->n_rows; i++) {
        for (size_t j = 0; j < dim; j++) {
            rows->x[i * dim + j] *= self->axis_sd[j];
        }
    }
    return MAD_OK;
}

/* A row in its own axes, where coordinate j has variance s_j^2: Q x = (map x) / s. A chunk is always
 * mapped whole, as in draw_mapped. */
static mad_status density_chunk(mad_ctx *ctx, const mad_world *world, const mad_set *rows,
                                double *out)
{
    const gauss_world *self = (const gauss_world *)world;
    const size_t dim = rows->dim, n_values = MAD_CHUNK * dim;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    double *x = mad_arena_take(ctx->scratch, n_values, sizeof *x);
    double *z = mad_arena_take_raw(ctx->scratch, n_values, sizeof *z);
    if (x == NULL || z == NULL) {
        mad_arena_release(ctx->scratch, mark);
        return mad_fail_memory(ctx, "a chunk of rows");
    }
    memcpy(x, rows->x, rows->n_rows * dim * sizeof *x);
    if (self->map != NULL) {
        mad_gemm_nt(MAD_CHUNK, dim, dim, 1, x, self->map, 0, z);
    }
    for (size_t i = 0; i < rows->n_rows; i++) {
        double sum = 0.0;
        for (size_t j = 0; j < dim; j++) {
            const double s = self->axis_sd[j], at = x[i * dim + j];
            const double u = self->map != NULL ? z[i * dim + j] / s / s : at / s;
            sum += u * u + 2 * log(s) + LOG_TWO_PI;
        }
        out[i] = -0.5 * sum;
    }
    mad_arena_release(ctx->scratch, mark);
    return MAD_OK;
}

const mad_world_type mad_world_gauss = {
    .name = "gauss",
    .doc = "normal rows with a power-law spectrum: every closed form is known",
    .ref = "N(0, Q^T diag(sd^2 i^-a) Q)",
    .params = params,
    .create = create,
    .draw = mad_world_draw_chunks,
    .draw_chunk = draw_chunk,
    .log_density = mad_world_density_chunks,
    .density_chunk = density_chunk,
};

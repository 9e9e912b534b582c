/* sim/worlds/modes.c: mixtures of equal round Gaussians: `ring` in the plane, `grid` also on a line. */
#include <math.h>

#include "sim/iface/world.h"
#include "sim/worlds/chunks.h"
#include "sim/worlds/weights.h"

extern const mad_world_type mad_world_ring, mad_world_grid;

enum { WEIGHTS_UNIFORM, WEIGHTS_ZIPF };
enum { LABELS_MODES, LABELS_NONE };

#define PI 3.14159265358979323846

typedef struct modes_world {
    mad_world base;
    double *centre; /* [n_modes][dim] */
    double *p, *cum;
} modes_world;

#define WEIGHTS_PARAM                                                                              \
    {                                                                                              \
        .name = "weights", .kind = MAD_PARAM_FORM, .fallback = "uniform", .min = 0, .max = 10,     \
        .choices = "uniform|zipf(a)", .doc = "weights of the modes; zipf: the i-th is i^-a"        \
    }
#define LABELS_PARAM                                                                               \
    {                                                                                              \
        .name = "labels", .kind = MAD_PARAM_CHOICE, .fallback = "modes", .choices = "modes|none",  \
        .doc = "label every row with the mode it came from, or not at all"                         \
    }
#define SD_PARAM(value)                                                                            \
    {                                                                                              \
        .name = "sd", .kind = MAD_PARAM_REAL, .fallback = (value), .min = 1e-6, .max = 1e6,        \
        .unit = "data units", .doc = "standard deviation of one coordinate inside a mode"          \
    }

static const mad_param ring_params[] = {
    {.name = "modes",
     .kind = MAD_PARAM_INT,
     .fallback = "8",
     .min = 1,
     .max = 1000,
     .doc = "number of modes on the circle"},
    {.name = "radius",
     .kind = MAD_PARAM_REAL,
     .fallback = "1",
     .min = 1e-6,
     .max = 1e6,
     .unit = "data units",
     .doc = "radius of the circle"},
    SD_PARAM("0.1"),
    WEIGHTS_PARAM,
    LABELS_PARAM,
    {.name = NULL},
};

static const mad_param grid_params[] = {
    {.name = "side",
     .kind = MAD_PARAM_INT,
     .fallback = "5",
     .min = 1,
     .max = 32,
     .doc = "modes per side: side^dim in all"},
    {.name = "dim",
     .kind = MAD_PARAM_INT,
     .fallback = "2",
     .min = 1,
     .max = 2,
     .doc = "number of coordinates: a line or a square of modes"},
    {.name = "extent",
     .kind = MAD_PARAM_REAL,
     .fallback = "2",
     .min = 1e-6,
     .max = 1e6,
     .unit = "data units",
     .doc = "the outer modes sit at +-extent"},
    SD_PARAM("0.05"),
    WEIGHTS_PARAM,
    LABELS_PARAM,
    {.name = NULL},
};

/* NULL when memory is short, reported in ctx. */
static modes_world *take(mad_ctx *ctx, mad_arena *mem, size_t dim, size_t n_modes)
{
    modes_world *self = mad_arena_take(mem, 1, sizeof *self);
    if (self == NULL) {
        (void)mad_fail_memory(ctx, "the world");
        return NULL;
    }
    self->centre = mad_arena_take(mem, n_modes * dim, sizeof *self->centre);
    self->p = mad_arena_take(mem, n_modes, sizeof *self->p);
    self->cum = mad_arena_take(mem, n_modes, sizeof *self->cum);
    if (self->centre == NULL || self->p == NULL || self->cum == NULL) {
        (void)mad_fail_memory(ctx, "the modes of the world");
        return NULL;
    }
    self->base.info.dim = dim;
    self->base.info.n_modes = n_modes;
    return self;
}

/* Weights, moments and the rest of the info, once the centres stand.
 * mean = sum w c;  cov = sum w (c - mean)(c - mean)^T + sd^2 I. */
static mad_status finish(mad_ctx *ctx, const mad_world_args *args, mad_arena *mem,
                         const mad_world_type *type, modes_world *self)
{
    const mad_value *weights = mad_get(args->values, "weights");
    const double sd = mad_get_real(args->values, "sd");
    const int is_labelled = mad_get_choice(args->values, "labels") == LABELS_MODES;
    const size_t dim = self->base.info.dim, n_modes = self->base.info.n_modes;
    double *mean = mad_arena_take(mem, dim, sizeof *mean);
    double *cov = mad_arena_take(mem, dim * dim, sizeof *cov);
    if (mean == NULL || cov == NULL) {
        return mad_fail_memory(ctx, "the moments of the world");
    }
    mad_zipf_weights(n_modes, weights->choice == WEIGHTS_ZIPF ? weights->number : 0, self->p,
                     self->cum);
    for (size_t k = 0; k < n_modes; k++) {
        for (size_t j = 0; j < dim; j++) {
            mean[j] += self->p[k] * self->centre[dim * k + j];
        }
    }
    for (size_t i = 0; i < dim; i++) {
        for (size_t j = 0; j < dim; j++) {
            double *c = &cov[dim * i + j];
            for (size_t k = 0; k < n_modes; k++) {
                const double *centre = self->centre + dim * k;
                *c += self->p[k] * (centre[i] - mean[i]) * (centre[j] - mean[j]);
            }
            *c += i == j ? sd * sd : 0.0;
        }
    }
    self->base.type = type;
    self->base.info = (mad_world_info){
        .kind = MAD_WORLD_CONTINUOUS,
        .dim = dim,
        .n_classes = is_labelled ? n_modes : 0,
        .class_p = is_labelled ? self->p : NULL,
        .mean = mean,
        .cov = cov,
        .n_modes = n_modes,
        .mode_centre = self->centre,
        .mode_p = self->p,
        .mode_sd = sd,
        .has_log_density = 1,
    };
    return MAD_OK;
}

static mad_status create_ring(mad_ctx *ctx, const mad_world_args *args, mad_arena *mem,
                              mad_world **out)
{
    const size_t n_modes = mad_get_size(args->values, "modes");
    const double radius = mad_get_real(args->values, "radius");
    modes_world *self = take(ctx, mem, 2, n_modes);
    if (self == NULL) {
        return MAD_E_MEMORY;
    }
    for (size_t k = 0; k < n_modes; k++) {
        const double angle = 2 * PI * (double)k / (double)n_modes;
        self->centre[2 * k] = radius * cos(angle);
        self->centre[2 * k + 1] = radius * sin(angle);
    }
    *out = &self->base;
    return finish(ctx, args, mem, &mad_world_ring, self);
}

static mad_status create_grid(mad_ctx *ctx, const mad_world_args *args, mad_arena *mem,
                              mad_world **out)
{
    const size_t side = mad_get_size(args->values, "side");
    const double extent = mad_get_real(args->values, "extent");
    const size_t dim = mad_get_size(args->values, "dim"), n_modes = dim == 1 ? side : side * side;
    MAD_ASSERT(side >= 1);
    modes_world *self = take(ctx, mem, dim, n_modes);
    if (self == NULL) {
        return MAD_E_MEMORY;
    }
    const double step = side > 1 ? 2 * extent / (double)(side - 1) : 0;
    const double first = side > 1 ? -extent : 0;
    for (size_t k = 0; k < n_modes; k++) { /* row by row, from the lower left */
        const size_t at[] = {k % side, k / side};
        for (size_t j = 0; j < dim; j++) {
            self->centre[dim * k + j] = first + step * (double)at[j];
        }
    }
    *out = &self->base;
    return finish(ctx, args, mem, &mad_world_grid, self);
}

/* The modes of a WHOLE chunk are drawn before the first normal, however few rows are asked for:
 * otherwise the first rows would depend on that number. */
static mad_status draw_chunk(mad_ctx *ctx, const void *arg, mad_rng *rng, size_t begin,
                             mad_set *rows)
{
    (void)ctx;
    (void)begin;
    const modes_world *self = arg;
    const mad_world_info *info = &self->base.info;
    size_t mode[MAD_CHUNK];
    for (size_t i = 0; i < MAD_CHUNK; i++) {
        mode[i] = mad_rng_index(rng, info->n_modes, self->cum);
    }
    mad_rng_normals(rng, rows->n_rows * info->dim, rows->x);
    for (size_t i = 0; i < rows->n_rows; i++) {
        const double *centre = self->centre + info->dim * mode[i];
        double *x = rows->x + info->dim * i;
        for (size_t j = 0; j < info->dim; j++) {
            x[j] = centre[j] + info->mode_sd * x[j];
        }
        if (rows->label != NULL) {
            rows->label[i] = (int32_t)mode[i];
        }
    }
    return MAD_OK;
}

/* ln sum_k w_k N(x; c_k, sd^2 I): the largest term comes out of the sum, so that far rows do not
 * underflow. */
static double log_density_at(const mad_world_info *info, const double *x)
{
    double largest = -(double)INFINITY, sum = 0.0;
    for (size_t k = 0; k < info->n_modes; k++) {
        double square = 0.0;
        for (size_t j = 0; j < info->dim; j++) {
            const double d = (x[j] - info->mode_centre[info->dim * k + j]) / info->mode_sd;
            square += d * d;
        }
        const double term = log(info->mode_p[k]) - 0.5 * square;
        if (term > largest) {
            sum = sum * exp(largest - term) + 1.0;
            largest = term;
        } else if (term > -(double)INFINITY) {
            sum += exp(term - largest);
        }
    }
    return largest + log(sum) -
           0.5 * (double)info->dim * log(2 * PI * info->mode_sd * info->mode_sd);
}

static mad_status density_chunk(mad_ctx *ctx, const mad_world *world, const mad_set *rows,
                                double *out)
{
    (void)ctx;
    for (size_t i = 0; i < rows->n_rows; i++) {
        out[i] = log_density_at(&world->info, rows->x + rows->dim * i);
    }
    return MAD_OK;
}

const mad_world_type mad_world_ring = {
    .name = "ring",
    .doc = "round Gaussians on a circle",
    .ref = "centres radius (cos 2 pi k / K, sin 2 pi k / K)",
    .params = ring_params,
    .create = create_ring,
    .draw = mad_world_draw_chunks,
    .draw_chunk = draw_chunk,
    .log_density = mad_world_density_chunks,
    .density_chunk = density_chunk,
};

const mad_world_type mad_world_grid = {
    .name = "grid",
    .doc = "round Gaussians on a square grid or a line",
    .ref = "the 25-mode mixture of Alemohammad et al. 2023, arXiv:2307.01850, Fig. 14",
    .params = grid_params,
    .create = create_grid,
    .draw = mad_world_draw_chunks,
    .draw_chunk = draw_chunk,
    .log_density = mad_world_density_chunks,
    .density_chunk = density_chunk,
};

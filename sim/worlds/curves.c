/* sim/worlds/curves.c: noisy planar curves: `swiss` (a spiral) and `moons` (two half circles). */
#include <math.h>

#include "sim/iface/draw.h"
#include "sim/iface/world.h"

extern const mad_world_type mad_world_swiss, mad_world_moons;

#define DIM ((size_t)2)
#define PI  3.14159265358979323846

typedef struct curve_world {
    mad_world base;
    double noise;
} curve_world;

#define NOISE_PARAM(value)                                                                         \
    {                                                                                              \
        .name = "noise", .kind = MAD_PARAM_REAL, .fallback = (value), .min = 0, .max = 10,         \
        .unit = "data units", .doc = "standard deviation of the normal noise on each coordinate"   \
    }

static const mad_param swiss_params[] = {NOISE_PARAM("0.05"), {.name = NULL}};
static const mad_param moons_params[] = {NOISE_PARAM("0.1"), {.name = NULL}};

static mad_status create(mad_ctx *ctx, const mad_world_args *args, mad_arena *mem,
                         const mad_world_type *type, size_t n_classes, const double mean[2],
                         const double cov[3], mad_world **out)
{
    curve_world *self = mad_arena_take(mem, 1, sizeof *self);
    double *m = mad_arena_take(mem, DIM, sizeof *m);
    double *c = mad_arena_take(mem, DIM * DIM, sizeof *c);
    if (self == NULL || m == NULL || c == NULL) {
        return mad_fail_memory(ctx, "the world");
    }
    self->noise = mad_get_real(args->values, "noise");
    m[0] = mean[0];
    m[1] = mean[1];
    c[0] = cov[0] + self->noise * self->noise;
    c[1] = c[2] = cov[1];
    c[3] = cov[2] + self->noise * self->noise;
    self->base.type = type;
    self->base.info = (mad_world_info){
        .kind = MAD_WORLD_CONTINUOUS, .dim = DIM, .n_classes = n_classes, .mean = m, .cov = c};
    *out = &self->base;
    return MAD_OK;
}

/* (u cos u, u sin u)/10 with u uniform on [3 pi/2, 9 pi/2]. By parts: E u cos u = 2,
 * E u sin u = 2/(3 pi), E u^2 cos^2 u = 39 pi^2/8 - 1/4, E u^2 sin^2 u = 39 pi^2/8 + 1/4,
 * E u^2 sin u cos u = 3 pi/2. */
static mad_status create_swiss(mad_ctx *ctx, const mad_world_args *args, mad_arena *mem,
                               mad_world **out)
{
    const double mx = 2, my = 2 / (3 * PI), square = 39 * PI * PI / 8;
    const double mean[2] = {mx / 10, my / 10};
    const double cov[3] = {(square - 0.25 - mx * mx) / 100, (1.5 * PI - mx * my) / 100,
                           (square + 0.25 - my * my) / 100};
    return create(ctx, args, mem, &mad_world_swiss, 0, mean, cov, out);
}

/* Class 0: (cos t, sin t); class 1: (1 - cos t, 1/2 - sin t); t uniform on [0, pi], classes even.
 * E cos = 0, E sin = 2/pi, E cos^2 = E sin^2 = 1/2, E sin cos = 0. */
static mad_status create_moons(mad_ctx *ctx, const mad_world_args *args, mad_arena *mem,
                               mad_world **out)
{
    const double mean[2] = {0.5, 0.25};
    const double cov[3] = {0.75, 0.125 - 1 / PI, 0.5625 - 1 / PI};
    return create(ctx, args, mem, &mad_world_moons, 2, mean, cov, out);
}

/* As in modes.c the uniforms of a whole chunk come before the first normal. */
static mad_status draw_swiss(mad_ctx *ctx, const void *arg, mad_rng *rng, size_t begin,
                             mad_set *rows)
{
    (void)ctx;
    (void)begin;
    const curve_world *self = arg;
    double place[MAD_CHUNK];
    for (size_t i = 0; i < MAD_CHUNK; i++) {
        place[i] = mad_rng_uniform(rng);
    }
    mad_rng_normals(rng, rows->n_rows * DIM, rows->x);
    for (size_t i = 0; i < rows->n_rows; i++) {
        const double u = PI * (1.5 + 3 * place[i]);
        double *x = rows->x + DIM * i;
        x[0] = u * cos(u) / 10 + self->noise * x[0];
        x[1] = u * sin(u) / 10 + self->noise * x[1];
    }
    return MAD_OK;
}

static mad_status draw_moons(mad_ctx *ctx, const void *arg, mad_rng *rng, size_t begin,
                             mad_set *rows)
{
    (void)ctx;
    (void)begin;
    const curve_world *self = arg;
    double place[MAD_CHUNK];
    for (size_t i = 0; i < MAD_CHUNK; i++) {
        place[i] = 2 * mad_rng_uniform(rng); /* whole part: the moon; rest: place along it */
    }
    mad_rng_normals(rng, rows->n_rows * DIM, rows->x);
    for (size_t i = 0; i < rows->n_rows; i++) {
        const int is_lower = place[i] >= 1;
        const double t = PI * (place[i] - is_lower);
        double *x = rows->x + DIM * i;
        x[0] = (is_lower ? 1 - cos(t) : cos(t)) + self->noise * x[0];
        x[1] = (is_lower ? 0.5 - sin(t) : sin(t)) + self->noise * x[1];
        if (rows->label != NULL) {
            rows->label[i] = is_lower;
        }
    }
    return MAD_OK;
}

static mad_status draw(mad_ctx *ctx, const mad_world *world, mad_world_part part, mad_key key,
                       mad_set *out)
{
    (void)part;
    const mad_draw_fn fn = world->type == &mad_world_swiss ? draw_swiss : draw_moons;
    return mad_draw_chunks(ctx, key, 0, fn, world, out);
}

const mad_world_type mad_world_swiss = {
    .name = "swiss",
    .doc = "a noisy spiral in the plane",
    .ref = "(u cos u, u sin u)/10, u uniform on [3 pi/2, 9 pi/2]",
    .params = swiss_params,
    .create = create_swiss,
    .draw = draw,
};

const mad_world_type mad_world_moons = {
    .name = "moons",
    .doc = "two interleaved noisy half circles, labelled",
    .ref = "(cos t, sin t) and (1 - cos t, 1/2 - sin t), t uniform on [0, pi]",
    .params = moons_params,
    .create = create_moons,
    .draw = draw,
};

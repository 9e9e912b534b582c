/* sim/worlds/bounce.c: films of a disc between four walls, every number of which is known. */
#include "sim/worlds/bounce.h"

#include <math.h>

#include "sim/worlds/chunks.h"
#include "sim/worlds/oracle.h"
#include "sim/worlds/shapes.h"

extern const mad_world_type mad_world_bounce;

#define PI 3.14159265358979323846

/* of a frame's side */
#define RADIUS_LOW  (3.0 / 32)
#define RADIUS_HIGH (5.0 / 32)
#define SPEED_LOW   (0.5 / 32)
#define SPEED_HIGH  (2.5 / 32)

static const mad_param params[] = {
    {.name = "size",
     .kind = MAD_PARAM_INT,
     .fallback = "16",
     .min = 8,
     .max = MAD_BOUNCE_MAX_SIDE,
     .unit = "pixels",
     .doc = "side of a square frame; radius and speed grow with it"},
    {.name = "frames",
     .kind = MAD_PARAM_INT,
     .fallback = "16",
     .min = 8,
     .max = MAD_BOUNCE_MAX_FRAMES,
     .unit = "frames",
     .doc = "length of a film; frames lie one below the other in the picture of a row"},
    {.name = "noise",
     .kind = MAD_PARAM_REAL,
     .fallback = "0.05",
     .min = 0,
     .max = 0.2,
     .unit = "data units",
     .doc = "standard deviation of the normal noise on each pixel; black is -1, white 1"},
    {.name = NULL},
};

double mad_bounce_fold(double u, double free, double *turn)
{
    const double period = 2.0 * free, from = u - period * floor(u / period);
    *turn = from <= free ? 1.0 : -1.0;
    return from <= free ? from : period - from;
}

void mad_bounce_path(const mad_bounce_world *world, const double *factor, mad_track *track)
{
    const double r = factor[MAD_BOUNCE_RADIUS], free = (double)world->side - 2.0 * r;
    const double vx = factor[MAD_BOUNCE_SPEED] * cos(factor[MAD_BOUNCE_HEADING]);
    const double vy = factor[MAD_BOUNCE_SPEED] * sin(factor[MAD_BOUNCE_HEADING]);
    for (size_t i = 0; i < world->n_frames; i++) {
        const double t = (double)i;
        double turn_x = 1.0, turn_y = 1.0;
        track[i].law_x =
            r + mad_bounce_fold(factor[MAD_BOUNCE_START_X] - r + vx * t, free, &turn_x);
        track[i].law_y =
            r + mad_bounce_fold(factor[MAD_BOUNCE_START_Y] - r + vy * t, free, &turn_y);
        track[i].law_vx = turn_x * vx;
        track[i].law_vy = turn_y * vy;
    }
}

void mad_bounce_draw(const mad_bounce_world *world, double radius, double x, double y,
                     double *light)
{
    const size_t n = world->side;
    for (size_t row = 0; row < n; row++) {
        for (size_t column = 0; column < n; column++) {
            light[row * n + column] = mad_shape_light(
                MAD_SHAPE_DISC, 2.0 * radius, (double)column + 0.5 - x, (double)row + 0.5 - y);
        }
    }
}

static mad_factor uniform_factor(const char *name, const char *units, double low, double high)
{
    return (mad_factor){.name = name,
                        .units = units,
                        .mean = 0.5 * (low + high),
                        .sd = (high - low) / sqrt(12.0),
                        .low = low,
                        .high = high};
}

/* A start is uniform on [r, side - r] given r: its variance is E[(side - 2 r)^2] / 12. */
static mad_factor start_factor(const char *name, double side)
{
    const double low = RADIUS_LOW * side, high = RADIUS_HIGH * side;
    const double mean_free = side - (low + high), spread = (high - low) * (high - low) / 3.0;
    mad_factor f = uniform_factor(name, "pixels", low, side - low);
    f.sd = sqrt((mean_free * mean_free + spread) / 12.0);
    return f;
}

static void set_factors(mad_bounce_world *self)
{
    const double side = (double)self->side;
    mad_factor *f = self->factor;
    f[MAD_BOUNCE_START_X] = start_factor("start_x", side);
    f[MAD_BOUNCE_START_Y] = start_factor("start_y", side);
    f[MAD_BOUNCE_HEADING] = uniform_factor("heading", "rad", 0.0, 2.0 * PI);
    f[MAD_BOUNCE_HEADING].period = 2.0 * PI;
    f[MAD_BOUNCE_SPEED] =
        uniform_factor("speed", "pixels a frame", SPEED_LOW * side, SPEED_HIGH * side);
    f[MAD_BOUNCE_RADIUS] =
        uniform_factor("radius", "pixels", RADIUS_LOW * side, RADIUS_HIGH * side);
}

static mad_status create(mad_ctx *ctx, const mad_world_args *args, mad_arena *mem, mad_world **out)
{
    mad_bounce_world *self = mad_arena_take(mem, 1, sizeof *self);
    if (self == NULL) {
        return mad_fail_memory(ctx, "the world");
    }
    self->side = mad_get_size(args->values, "size");
    self->n_frames = mad_get_size(args->values, "frames");
    self->noise = mad_get_real(args->values, "noise");
    set_factors(self);
    self->base.type = &mad_world_bounce;
    self->base.info = (mad_world_info){
        .kind = MAD_WORLD_CONTINUOUS,
        .dim = self->n_frames * self->side * self->side,
        .height = self->n_frames * self->side,
        .width = self->side,
        .channels = 1,
        .n_frames = self->n_frames,
        .pixel_min = -1,
        .pixel_max = 1,
        .n_factors = MAD_BOUNCE_FACTORS,
        .factor = self->factor,
    };
    *out = &self->base;
    return MAD_OK;
}

/* The factors of the next film of a stream. */
static void next(const mad_bounce_world *self, mad_rng *rng, double factor[MAD_BOUNCE_FACTORS])
{
    for (size_t k = MAD_BOUNCE_HEADING; k < MAD_BOUNCE_FACTORS; k++) {
        const mad_factor *f = &self->factor[k];
        factor[k] = f->low + (f->high - f->low) * mad_rng_uniform(rng);
    }
    const double r = factor[MAD_BOUNCE_RADIUS], free = (double)self->side - 2.0 * r;
    factor[MAD_BOUNCE_START_X] = r + free * mad_rng_uniform(rng);
    factor[MAD_BOUNCE_START_Y] = r + free * mad_rng_uniform(rng);
}

static mad_status draw_chunk(mad_ctx *ctx, const void *arg, mad_rng *rng, size_t begin,
                             mad_set *rows)
{
    (void)ctx;
    (void)begin;
    const mad_bounce_world *self = arg;
    const size_t n_pixels = self->side * self->side;
    double factor[MAD_BOUNCE_FACTORS], light[MAD_BOUNCE_MAX_SIDE * MAD_BOUNCE_MAX_SIDE];
    mad_track track[MAD_BOUNCE_MAX_FRAMES];
    for (size_t i = 0; i < rows->n_rows; i++) {
        double *x = rows->x + i * rows->dim;
        next(self, rng, factor);
        mad_bounce_path(self, factor, track);
        mad_rng_normals(rng, rows->dim, x);
        for (size_t t = 0; t < self->n_frames; t++, x += n_pixels) {
            mad_bounce_draw(self, factor[MAD_BOUNCE_RADIUS], track[t].law_x, track[t].law_y, light);
            for (size_t j = 0; j < n_pixels; j++) {
                x[j] = 2.0 * light[j] - 1.0 + self->noise * x[j];
            }
        }
    }
    return MAD_OK;
}

static void next_truth(const mad_world *world, mad_rng *rng, size_t i, mad_recovery *out)
{
    const mad_bounce_world *self = (const mad_bounce_world *)world;
    double *factor = out->factor + i * MAD_BOUNCE_FACTORS;
    mad_track *track = out->track + i * self->n_frames;
    next(self, rng, factor);
    mad_bounce_path(self, factor, track);
    for (size_t t = 0; t < self->n_frames; t++) {
        track[t].x = track[t].law_x;
        track[t].y = track[t].law_y;
        track[t].misfit = 0.0;
    }
}

static mad_status draw_factors(mad_ctx *ctx, const mad_world *world, mad_world_part part,
                               mad_key key, mad_recovery *out)
{
    (void)part;
    return mad_oracle_truth(ctx, world, key, next_truth, out);
}

const mad_world_type mad_world_bounce = {
    .name = "bounce",
    .doc = "films of a disc between four walls, whose path is read back by an oracle",
    .ref = "a triangle wave along each axis; docs/worlds.md",
    .params = params,
    .create = create,
    .draw = mad_world_draw_chunks,
    .draw_chunk = draw_chunk,
    .recover = mad_bounce_recover,
    .draw_factors = draw_factors,
};

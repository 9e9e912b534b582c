/* sim/worlds/layout.c: pictures of a few shapes on a grid, every number of which is known. */
#include "sim/worlds/layout.h"

#include <math.h>
#include <string.h>

#include "sim/worlds/chunks.h"
#include "sim/worlds/oracle.h"
#include "sim/worlds/weights.h"

extern const mad_world_type mad_world_layout;

enum { WEIGHTS_UNIFORM, WEIGHTS_ZIPF };
enum { N_PLACES = MAD_LAYOUT_PLACES, N_DEPTHS = MAD_LAYOUT_DEPTHS };

/* of the picture's side */
#define SIZE_LOW  (4.0 / 32)
#define SIZE_HIGH (6.5 / 32)
#define JITTER    (1.0 / 32)

static const mad_param params[] = {
    {.name = "size",
     .kind = MAD_PARAM_INT,
     .fallback = "32",
     .min = 32, /* smaller pictures have no dark pixel between neighbours */
     .max = MAD_LAYOUT_MAX_SIDE,
     .unit = "pixels",
     .doc = "side of the square picture; objects grow with it"},
    {.name = "noise",
     .kind = MAD_PARAM_REAL,
     .fallback = "0.05",
     .min = 0,
     .max = 0.1,
     .unit = "data units",
     .doc = "standard deviation of the normal noise on each pixel; black is -1, white 1"},
    {.name = "weights",
     .kind = MAD_PARAM_FORM,
     .fallback = "uniform",
     .min = 0,
     .max = 10,
     .choices = "uniform|zipf(a)",
     .doc = "weights of discs, squares, triangles; zipf: the i-th, from 1, is i^-a"},
    {.name = "binding",
     .kind = MAD_PARAM_REAL,
     .fallback = "0",
     .min = 0,
     .max = 1,
     .doc = "share of objects whose kind is that of their row of the grid: discs on top, squares, "
            "triangles below"},
    {.name = NULL},
};

double mad_layout_level(int32_t depth)
{
    return 1.0 - 0.2 * (double)depth;
}

double mad_layout_light(const mad_object *object, size_t column, size_t row)
{
    const double x = (double)column + 0.5 - object->x, y = (double)row + 0.5 - object->y;
    return mad_layout_level(object->depth) *
           mad_shape_light((mad_shape)object->kind, object->size, x, y);
}

double mad_layout_middle(const mad_layout_world *world, size_t place, int is_x)
{
    const size_t cell = is_x ? place % MAD_LAYOUT_GRID : place / MAD_LAYOUT_GRID;
    return ((double)cell + 0.5) * (double)world->side / MAD_LAYOUT_GRID;
}

int32_t mad_layout_factors(const mad_layout_world *world, const mad_object *object, double *factor)
{
    double n = 0.0, sum[3] = {0};
    for (size_t k = 0; k < MAD_N_SHAPES; k++) {
        factor[k] = 0.0;
    }
    for (size_t p = 0; p < N_PLACES; p++) {
        if (object[p].kind >= 0) {
            double *count = &factor[object[p].kind];
            *count = fmin(*count + 1.0, MAD_LAYOUT_OBJECTS);
            sum[0] += object[p].size;
            sum[1] += object[p].x;
            sum[2] += object[p].y;
            n += 1.0;
        }
    }
    for (size_t k = 0; k < 3; k++) {
        const size_t at = MAD_LAYOUT_SIZE + k;
        factor[at] = n > 0.0 ? sum[k] / n : world->factor[at].mean;
    }
    return (int32_t)fmin(fmax(n, 1.0), MAD_LAYOUT_OBJECTS) - 1;
}

static mad_status create(mad_ctx *ctx, const mad_world_args *args, mad_arena *mem, mad_world **out)
{
    const mad_value *weights = mad_get(args->values, "weights");
    mad_layout_world *self = mad_arena_take(mem, 1, sizeof *self);
    if (self == NULL) {
        return mad_fail_memory(ctx, "the world");
    }
    self->side = mad_get_size(args->values, "size");
    self->noise = mad_get_real(args->values, "noise");
    self->binding = mad_get_real(args->values, "binding");
    self->smallest = SIZE_LOW * (double)self->side;
    self->largest = SIZE_HIGH * (double)self->side;
    self->jitter = JITTER * (double)self->side;
    mad_zipf_weights(MAD_N_SHAPES, weights->choice == WEIGHTS_ZIPF ? weights->number : 0,
                     self->kind_p, self->kind_cum);
    mad_layout_law(self);
    self->base.type = &mad_world_layout;
    self->base.info = (mad_world_info){
        .kind = MAD_WORLD_CONTINUOUS,
        .dim = self->side * self->side,
        .n_classes = MAD_LAYOUT_OBJECTS,
        .class_p = self->count_p,
        .height = self->side,
        .width = self->side,
        .channels = 1,
        .pixel_min = -1,
        .pixel_max = 1,
        .n_factors = MAD_LAYOUT_FACTORS,
        .factor = self->factor,
        .scene = &self->law,
    };
    *out = &self->base;
    return MAD_OK;
}

static double between(mad_rng *rng, double low, double high)
{
    return low + (high - low) * mad_rng_uniform(rng);
}

/* The objects of the next picture of a stream. */
static void next(const mad_layout_world *self, mad_rng *rng, mad_object object[N_PLACES])
{
    const size_t n = 1 + (size_t)mad_rng_below(rng, MAD_LAYOUT_OBJECTS);
    size_t place[MAD_LAYOUT_OBJECTS], depth[MAD_LAYOUT_OBJECTS], work[N_PLACES];
    mad_rng_choose(rng, N_PLACES, n, place, work);
    mad_rng_choose(rng, N_DEPTHS, n, depth, work);
    for (size_t p = 0; p < N_PLACES; p++) {
        object[p] = (mad_object){.kind = -1, .depth = -1};
    }
    for (size_t i = 0; i < n; i++) {
        const size_t p = place[i];
        const int is_bound = mad_rng_uniform(rng) < self->binding;
        const size_t kind = mad_rng_index(rng, MAD_N_SHAPES, self->kind_cum);
        object[p].kind = (int32_t)(is_bound ? p / MAD_LAYOUT_GRID : kind);
        object[p].depth = (int32_t)depth[i];
        object[p].size = between(rng, self->smallest, self->largest);
        object[p].x = mad_layout_middle(self, p, 1) + between(rng, -self->jitter, self->jitter);
        object[p].y = mad_layout_middle(self, p, 0) + between(rng, -self->jitter, self->jitter);
        object[p].iou = 1.0;
    }
}

void mad_layout_draw(const mad_layout_world *world, const mad_object *object, double *light)
{
    const size_t n = world->side;
    for (size_t j = 0; j < n * n; j++) {
        light[j] = 0.0;
    }
    for (size_t p = 0; p < N_PLACES; p++) {
        for (size_t j = 0; j < n * n && object[p].kind >= 0; j++) {
            light[j] += mad_layout_light(&object[p], j % n, j / n); /* objects do not touch */
        }
    }
}

static mad_status draw_chunk(mad_ctx *ctx, const void *arg, mad_rng *rng, size_t begin,
                             mad_set *rows)
{
    (void)ctx;
    (void)begin;
    const mad_layout_world *self = arg;
    mad_object object[N_PLACES];
    double factor[MAD_LAYOUT_FACTORS], light[MAD_LAYOUT_MAX_SIDE * MAD_LAYOUT_MAX_SIDE];
    for (size_t i = 0; i < rows->n_rows; i++) {
        double *x = rows->x + i * rows->dim;
        next(self, rng, object);
        mad_layout_draw(self, object, light);
        mad_rng_normals(rng, rows->dim, x);
        for (size_t j = 0; j < rows->dim; j++) {
            x[j] = 2.0 * light[j] - 1.0 + self->noise * x[j];
        }
        if (rows->label != NULL) {
            rows->label[i] = mad_layout_factors(self, object, factor);
        }
    }
    return MAD_OK;
}

static void next_truth(const mad_world *world, mad_rng *rng, size_t i, mad_recovery *out)
{
    const mad_layout_world *self = (const mad_layout_world *)world;
    mad_object *object = out->object + i * N_PLACES;
    next(self, rng, object);
    out->label[i] = mad_layout_factors(self, object, out->factor + i * MAD_LAYOUT_FACTORS);
}

static mad_status draw_factors(mad_ctx *ctx, const mad_world *world, mad_world_part part,
                               mad_key key, mad_recovery *out)
{
    (void)part;
    return mad_oracle_truth(ctx, world, key, next_truth, out);
}

const mad_world_type mad_world_layout = {
    .name = "layout",
    .doc = "pictures of one to four shapes on a grid, each of which is read back by an oracle",
    .ref = "places, kinds, depths and sizes of known law; docs/worlds.md",
    .params = params,
    .create = create,
    .draw = mad_world_draw_chunks,
    .draw_chunk = draw_chunk,
    .recover = mad_layout_recover,
    .draw_factors = draw_factors,
};

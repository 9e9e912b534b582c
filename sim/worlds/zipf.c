/* sim/worlds/zipf.c: K categories with weights (i + 1)^-a. */
#include "sim/iface/world.h"
#include "sim/worlds/chunks.h"
#include "sim/worlds/weights.h"

extern const mad_world_type mad_world_zipf;

typedef struct zipf_world {
    mad_world base;
    double *cum; /* [n_categories] */
} zipf_world;

static const mad_param params[] = {
    {.name = "categories",
     .kind = MAD_PARAM_INT,
     .fallback = "10",
     .min = 1,
     .max = 1000000,
     .doc = "number of categories"},
    {.name = "exponent",
     .kind = MAD_PARAM_REAL,
     .fallback = "1",
     .min = 0,
     .max = 10,
     .doc = "category i (from 1) has weight i^-exponent; 0 = uniform"},
    {.name = NULL},
};

static mad_status create(mad_ctx *ctx, const mad_world_args *args, mad_arena *mem, mad_world **out)
{
    const size_t n = mad_get_size(args->values, "categories");
    zipf_world *self = mad_arena_take(mem, 1, sizeof *self);
    double *p = mad_arena_take(mem, n, sizeof *p);
    double *cum = mad_arena_take(mem, n, sizeof *cum);
    if (self == NULL || p == NULL || cum == NULL) {
        return mad_fail_memory(ctx, "the categories of the world");
    }
    mad_zipf_weights(n, mad_get_real(args->values, "exponent"), p, cum);
    self->cum = cum;
    self->base.type = &mad_world_zipf;
    self->base.info = (mad_world_info){
        .kind = MAD_WORLD_CATEGORICAL, .dim = 1, .n_categories = n, .category_p = p};
    *out = &self->base;
    return MAD_OK;
}

static mad_status draw_chunk(mad_ctx *ctx, const void *arg, mad_rng *rng, size_t begin,
                             mad_set *rows)
{
    (void)ctx;
    (void)begin;
    const zipf_world *self = arg;
    for (size_t i = 0; i < rows->n_rows; i++) {
        rows->x[i] = (double)mad_rng_index(rng, self->base.info.n_categories, self->cum);
    }
    return MAD_OK;
}

const mad_world_type mad_world_zipf = {
    .name = "zipf",
    .doc = "categories with Zipf or uniform weights",
    .ref = "p_i proportional to i^-a",
    .params = params,
    .create = create,
    .draw = mad_world_draw_chunks,
    .draw_chunk = draw_chunk,
};

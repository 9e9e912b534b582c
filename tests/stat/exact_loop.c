/* tests/stat/exact_loop.c: loops of the model `exact`. */
#include "tests/stat/exact_loop.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sim/cli/lists.h"
#include "tests/support/values.h"

static void must(mad_ctx *ctx, mad_status st)
{
    if (st != MAD_OK) {
        fail_msg("%s", ctx->message);
    }
}

mad_model *mad_exact_loop_create(mad_ctx *ctx, mad_arena *mem, const mad_world_info *world,
                                 size_t n_rows, size_t n_pairs, const char *const *pairs)
{
    mad_values *values = mad_arena_take(mem, 1, sizeof *values);
    mad_model *model = NULL;
    must(ctx, mad_values_of(ctx, mem, mad_model_exact.params, n_pairs, pairs, values));
    const mad_model_args args = {.values = values,
                                 .world = world,
                                 .max_train_rows = n_rows,
                                 .max_sample_rows = n_rows,
                                 .n_generations = 20};
    must(ctx, mad_model_exact.create(ctx, &args, mem, &model));
    return model;
}

static mad_key key_of(uint64_t seed, uint32_t generation, mad_purpose purpose)
{
    return (mad_key){.seed = seed, .generation = generation, .purpose = purpose};
}

void mad_exact_loop_fit(mad_ctx *ctx, mad_model *model, uint64_t seed, uint32_t generation,
                        const mad_set *train)
{
    const mad_fit_args args = {.key = key_of(seed, generation, MAD_RNG_FIT)};
    must(ctx, mad_model_exact.fit(ctx, model, train, &args));
}

void mad_exact_loop_sample(mad_ctx *ctx, mad_model *model, uint64_t seed, uint32_t generation,
                           mad_set *out)
{
    must(ctx, mad_model_exact.sample(ctx, model, key_of(seed, generation, MAD_RNG_SAMPLE), 0, out));
}

double mad_exact_loop_ring(mad_ctx *ctx, uint64_t seed, size_t n_rows, size_t n_passes,
                           size_t n_pairs, const char *const *pairs)
{
    mad_arena *mem = mad_arena_create(1 << 20);
    const char *const no_labels = "labels=none";
    mad_values values;
    mad_world *world = NULL;
    mad_set rows;
    must(ctx, mad_values_of(ctx, mem, mad_world_ring.params, 1, &no_labels, &values));
    const mad_world_args args = {.values = &values, .seed = seed};
    must(ctx, mad_world_ring.create(ctx, &args, mem, &world));
    must(ctx, mad_set_take(ctx, mem, n_rows, 2, 0, &rows));
    must(ctx,
         mad_world_ring.draw(ctx, world, MAD_PART_TRAIN, key_of(seed, 1, MAD_RNG_REAL), &rows));
    mad_model *model = mad_exact_loop_create(ctx, mem, &world->info, n_rows, n_pairs, pairs);
    for (uint32_t g = 1; g <= n_passes; g++) {
        mad_exact_loop_fit(ctx, model, seed, g, &rows);
        mad_exact_loop_sample(ctx, model, seed, g, &rows);
    }
    mad_exact_loop_fit(ctx, model, seed, (uint32_t)n_passes + 1, &rows);
    const double variance = ((const mad_exact *)model)->standard.variance[0];
    mad_arena_destroy(mem);
    return variance;
}

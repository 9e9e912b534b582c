/* tests/support/exact_case.c: models of the family `exact`. */
#include "tests/support/exact_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support/values.h"

static const double modes[] = {2.0, 1.0, -2.0, 0.0}; /* of the two clusters */

static void must(const mad_ctx *ctx, mad_status st)
{
    if (st != MAD_OK) {
        fail_msg("%s", ctx->message);
    }
}

mad_world_info mad_exact_on_plane(size_t n_classes)
{
    return (mad_world_info){.kind = MAD_WORLD_CONTINUOUS,
                            .dim = 2,
                            .n_classes = n_classes,
                            .n_modes = 2,
                            .mode_centre = modes};
}

mad_world_info mad_exact_on_categories(size_t n)
{
    return (mad_world_info){.kind = MAD_WORLD_CATEGORICAL, .dim = 1, .n_categories = n};
}

mad_status mad_exact_case_make(mad_ctx *ctx, mad_arena *mem, mad_exact_case *out,
                               mad_world_info world, size_t n_pairs, const char *const *pairs)
{
    *out = (mad_exact_case){.world = world};
    const mad_status st =
        mad_values_of(ctx, mem, mad_model_exact.params, n_pairs, pairs, &out->values);
    if (st != MAD_OK) {
        return st;
    }
    mad_world_info *kept = mad_arena_take(mem, 1, sizeof *kept);
    *kept = world;
    const mad_model_args args = {.values = &out->values,
                                 .world = kept,
                                 .max_train_rows = MAD_EXACT_CASE_ROWS,
                                 .max_sample_rows = MAD_EXACT_CASE_ROWS,
                                 .n_generations = 5};
    return mad_model_exact.create(ctx, &args, mem, &out->model);
}

void mad_exact_case_draw(mad_ctx *ctx, mad_arena *mem, mad_exact_case *c)
{
    mad_set *train = &c->train;
    const size_t n_rows = MAD_EXACT_CASE_ROWS, dim = c->world.dim;
    must(ctx, mad_set_take(ctx, mem, n_rows, dim, c->world.n_classes > 0, train));
    mad_rng rng = mad_rng_open((mad_key){.seed = 11, .generation = 1, .purpose = MAD_RNG_TEST}, 7);
    mad_rng_normals(&rng, n_rows * dim, train->x);
    for (size_t r = 0; r < n_rows; r++) {
        const size_t k = r % 4 == 0;
        if (c->world.kind == MAD_WORLD_CATEGORICAL) {
            train->x[r] = (double)(r % 10 < 4 ? 0 : r % 10 < 9 ? 1 + r % 3 : 5);
            continue;
        }
        train->x[2 * r] = modes[2 * k] + 0.3 * train->x[2 * r];
        train->x[2 * r + 1] = modes[2 * k + 1] + 0.1 * train->x[2 * r + 1];
        if (c->world.n_classes > 0) {
            train->label[r] = (int32_t)k;
        }
    }
}

void mad_exact_case_fit(mad_ctx *ctx, mad_exact_case *c, uint32_t generation, double *report)
{
    const mad_fit_args args = {.key = {.seed = 5, .generation = generation, .purpose = MAD_RNG_FIT},
                               .report = report};
    must(ctx, mad_model_exact.fit(ctx, c->model, &c->train, &args));
}

mad_set mad_exact_case_rows(mad_ctx *ctx, mad_arena *mem, const mad_exact_case *c, size_t n_rows)
{
    mad_set out;
    const mad_key key = {.seed = 5, .generation = 1, .purpose = MAD_RNG_SAMPLE};
    must(ctx, mad_set_take(ctx, mem, n_rows, c->world.dim, c->world.n_classes > 0, &out));
    must(ctx, mad_model_exact.sample(ctx, c->model, key, 40, &out));
    return out;
}

const mad_exact *mad_exact_case_state(const mad_exact_case *c)
{
    return (const mad_exact *)c->model;
}

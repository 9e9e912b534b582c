/* tests/support/model_case.c */
#include "tests/support/model_case.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support/values.h"

mad_model_case *mad_model_case_create(mad_ctx *ctx, const mad_known_model *known)
{
    mad_arena *mem = mad_arena_create(1 << 20);
    mad_model_case *c = mad_arena_take(mem, 1, sizeof *c);
    mad_values *values = mad_arena_take(mem, 2, sizeof *values);
    mad_world *world = NULL;
    c->mem = mem;
    assert_int_equal(mad_values_of(ctx, mem, known->world->params,
                                   mad_pairs_count(known->world_pairs), known->world_pairs,
                                   &values[0]),
                     MAD_OK);
    const mad_world_args world_args = {.values = &values[0], .seed = 12};
    assert_int_equal(known->world->create(ctx, &world_args, mem, &world), MAD_OK);
    assert_int_equal(mad_values_of(ctx, mem, known->type->params, mad_pairs_count(known->pairs),
                                   known->pairs, &values[1]),
                     MAD_OK);
    const mad_model_args args = {.values = &values[1],
                                 .world = &world->info,
                                 .max_first_rows = 5000,
                                 .max_train_rows = 5000,
                                 .max_sample_rows = MAD_MODEL_CASE_ROWS};
    assert_int_equal(known->type->create(ctx, &args, mem, &c->model), MAD_OK);
    assert_ptr_equal(c->model->type, known->type);
    c->world = world;
    return c;
}

mad_set mad_model_case_take(mad_ctx *ctx, mad_model_case *c, size_t n)
{
    mad_set set;
    assert_int_equal(
        mad_set_take(ctx, c->mem, n, c->world->info.dim, c->world->info.n_classes > 0, &set),
        MAD_OK);
    return set;
}

mad_set mad_model_case_real(mad_ctx *ctx, mad_model_case *c, size_t n)
{
    const mad_key key = {.seed = 12, .generation = 1, .purpose = MAD_RNG_REAL};
    mad_set set = mad_model_case_take(ctx, c, n);
    assert_int_equal(c->world->type->draw(ctx, c->world, MAD_PART_TRAIN, key, &set), MAD_OK);
    return set;
}

mad_status mad_model_case_fit(mad_ctx *ctx, mad_model_case *c, const mad_set *train,
                              size_t warm_steps)
{
    for (size_t i = 0; i < MAD_MODEL_CASE_LOSS; i++) {
        c->loss[i] = (double)NAN;
    }
    const mad_fit_args args = {.key = {.seed = 12, .generation = 1, .purpose = MAD_RNG_FIT},
                               .warm_steps = warm_steps,
                               .n_loss = MAD_MODEL_CASE_LOSS,
                               .loss_curve = c->loss,
                               .samples_seen = &c->samples_seen,
                               .flops = &c->flops};
    return c->model->type->fit(ctx, c->model, train, &args);
}

mad_set mad_model_case_sample(mad_ctx *ctx, mad_model_case *c, size_t n, uint64_t first_item)
{
    const mad_key key = {.seed = 12, .generation = 1, .purpose = MAD_RNG_SAMPLE};
    mad_set set = mad_model_case_take(ctx, c, n);
    assert_int_equal(c->model->type->sample(ctx, c->model, key, first_item, &set), MAD_OK);
    return set;
}

mad_moments mad_model_case_law(mad_ctx *ctx, mad_model_case *c)
{
    const size_t dim = c->world->info.dim;
    mad_moments law = {.dim = dim,
                       .mean = mad_arena_take(c->mem, dim, sizeof(double)),
                       .cov = mad_arena_take(c->mem, dim * dim, sizeof(double))};
    assert_int_equal(c->model->type->moments(ctx, c->model, &law), MAD_OK);
    return law;
}

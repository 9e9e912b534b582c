/* tests/support/trained.c: small trained diffusion models. */
#include "tests/support/trained.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support/fields.h"
#include "tests/support/values.h"

enum { MAX_PAIRS = 32 };

static const char *const quick_mlp[] = {"net.width=32", "net.depth=2"};
static const char *const quick_unet[] = {"net.kind=unet", "net.base=16",      "net.mult=[1,2]",
                                         "net.groups=4",  "net.embedding=16", "net.hidden=16"};
static const char *const quick[] = {"train.steps=60", "train.batch=100", "sampler.kind=heun",
                                    "sampler.steps=6"};

mad_world_info mad_trained_world(size_t n_classes, size_t side)
{
    return (mad_world_info){.kind = MAD_WORLD_CONTINUOUS,
                            .dim = side > 0 ? side * side : 2,
                            .n_classes = n_classes,
                            .height = side,
                            .width = side,
                            .channels = side > 0};
}

static void draw(mad_trained *t, size_t n_rows)
{
    const size_t dim = t->world.dim, n_classes = t->world.n_classes;
    mad_rng rng = mad_rng_open((mad_key){.seed = 11, .purpose = MAD_RNG_TEST}, 7);
    assert_int_equal(mad_set_take(t->ctx, t->mem, n_rows, dim, n_classes > 0, &t->train), MAD_OK);
    mad_rng_normals(&rng, dim * n_rows, t->train.x);
    for (size_t r = 0; r < n_rows; r++) {
        double *x = t->train.x + dim * r;
        x[0] = 0.2 * x[0] + (r % 2 == 0 ? 3.0 : -1.0);
        if (n_classes > 0) {
            t->train.label[r] = (int32_t)(r % n_classes);
        }
    }
}

mad_status mad_trained_make(mad_ctx *ctx, mad_arena *mem, const mad_world_info *world,
                            size_t n_rows, size_t n_more, const char *const *more, mad_trained *out)
{
    const int is_unet = world->height > 0;
    const char *const *net = is_unet ? quick_unet : quick_mlp;
    const size_t n_net =
        is_unet ? sizeof quick_unet / sizeof *quick_unet : sizeof quick_mlp / sizeof *quick_mlp;
    const char *pairs[MAX_PAIRS];
    size_t n = 0;
    for (size_t i = 0; i < n_net; i++) {
        pairs[n++] = net[i];
    }
    for (size_t i = 0; i < sizeof quick / sizeof *quick; i++) {
        pairs[n++] = quick[i];
    }
    for (size_t i = 0; i < n_more; i++) {
        MAD_ASSERT(n < MAX_PAIRS);
        pairs[n++] = more[i];
    }
    *out = (mad_trained){.ctx = ctx, .mem = mem, .world = *world};
    mad_status st = mad_values_of(ctx, mem, mad_model_diffusion.params, n, pairs, &out->values);
    if (st != MAD_OK) {
        return st;
    }
    const mad_model_args args = {.values = &out->values,
                                 .world = &out->world,
                                 .max_train_rows = n_rows,
                                 .max_sample_rows = 2000,
                                 .n_generations = 2};
    st = mad_model_diffusion.create(ctx, &args, mem, &out->model);
    if (st == MAD_OK) {
        draw(out, n_rows);
    }
    return st;
}

mad_fit_args mad_trained_fit_args(uint32_t generation, size_t warm_steps)
{
    return (mad_fit_args){.key = {.seed = 5, .generation = generation, .purpose = MAD_RNG_FIT},
                          .warm_steps = warm_steps};
}

void mad_trained_fit(const mad_trained *t, uint32_t generation, size_t warm_steps)
{
    const mad_fit_args args = mad_trained_fit_args(generation, warm_steps);
    if (mad_model_diffusion.fit(t->ctx, t->model, &t->train, &args) != MAD_OK) {
        fail_msg("%s", t->ctx->message);
    }
}

mad_set mad_trained_sample(const mad_trained *t, size_t n_rows)
{
    mad_set out;
    const mad_key key = {.seed = 5, .generation = 1, .purpose = MAD_RNG_SAMPLE};
    assert_int_equal(
        mad_set_take(t->ctx, t->mem, n_rows, t->world.dim, t->world.n_classes > 0, &out), MAD_OK);
    if (mad_model_diffusion.sample(t->ctx, t->model, key, 40, &out) != MAD_OK) {
        fail_msg("%s", t->ctx->message);
    }
    return out;
}

mad_diffusion *mad_trained_state(const mad_trained *t)
{
    return (mad_diffusion *)t->model;
}

void mad_trained_copy(const mad_trained *from, const mad_trained *to)
{
    assert_int_equal(mad_test_copy_state(to->ctx, from->model, to->model), MAD_OK);
}

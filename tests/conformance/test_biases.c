/* tests/conformance/test_biases.c: what every bias must do with every model that offers it: the same
 * bits for any number of threads and whether or not it is measured; some strength is the identity;
 * guidance is the model's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "sim/cli/builtin.h"
#include "sim/cli/lists.h"
#include "tests/conformance/bench.h"
#include "tests/conformance/threads.h"

enum { N_TRAIN = 300, N_SAMPLE = 600, GENERATION = 2 };

/* A strength that acts, and one that leaves every row as it is: for noise and rows a limit that none
 * reaches, for steps the sampler's own number under quick values. Others: 0.5 and 1. */
static const struct {
    const char *name, *acts, *identity;
} strengths[] = {{"truncation", "1", "100"}, {"clip", "1", "100"}, {"steps", "5", "30"}};

static const char *strength_of(const mad_bias_type *bias, int is_identity)
{
    for (size_t k = 0; k < sizeof strengths / sizeof *strengths; k++) {
        if (strcmp(bias->name, strengths[k].name) == 0) {
            return is_identity ? strengths[k].identity : strengths[k].acts;
        }
    }
    return is_identity ? "1" : "0.5";
}

/* A fitted model, and a bias on it. */
typedef struct scene {
    bench b;
    const mad_bias_type *bias;
    mad_values values;
    mad_world_info rows; /* the world's, without labels where the model knows none */
    mad_model *model;
} scene;

static void set(bench b, mad_values *values, const char *name, const char *text)
{
    for (size_t i = 0; i < values->n_values; i++) {
        if (strcmp(values->value[i].param->name, name) == 0) {
            must(b,
                 mad_value_parse(b.ctx, b.mem, values->value[i].param, 1, &text, 0,
                                 &values->value[i]),
                 "value", name);
        }
    }
}

static mad_values bias_values(bench b, const mad_bias_type *bias, const char *strength)
{
    mad_values values = quick_values(b, bias->params);
    set(b, &values, "strength", strength);
    return values;
}

static int is_offered(const mad_bias_type *bias, const mad_values *values,
                      const mad_model_type *model)
{
    if (bias->apply != NULL) {
        return (model->worlds & bias->worlds) != 0 && (!bias->needs_moments || model->moments);
    }
    return (model->tilts & 1u << bias->tilt(values).kind) != 0;
}

/* The first procedural world for both, with classes where guidance asks for them. */
static mad_world *world_for(bench b, const mad_bias_type *bias, const mad_model_type *model)
{
    const int with_classes = strcmp(bias->name, "guidance") == 0;
    for (const mad_world_type *const *t = mad_builtin.worlds; *t != NULL; t++) {
        mad_world *world = is_procedural(*t) ? create_world(b, *t) : NULL;
        if (world != NULL && bias->worlds & model->worlds & 1u << world->info.kind &&
            (!with_classes || world->info.n_classes > 0)) {
            return world;
        }
    }
    fail_msg("no world for bias '%s' and model '%s'", bias->name, model->name);
    return NULL;
}

/* guide: NULL, or the guide.kind that the model has of its own, in place of the bias. */
static scene open_scene(size_t n_threads, const mad_bias_type *bias, const char *strength,
                        const mad_model_type *type, const char *guide)
{
    scene s = {.b = open_bench(n_threads), .bias = bias};
    const bench b = s.b;
    s.values = bias_values(b, bias, strength);
    const mad_world *world = world_for(b, bias, type);
    mad_values *values = mad_arena_take(b.mem, 1, sizeof *values);
    *values = quick_values(b, type->params);
    mad_model_args args = {.values = values,
                           .world = &world->info,
                           .max_train_rows = N_TRAIN,
                           .max_sample_rows = N_SAMPLE,
                           .n_generations = 3};
    if (guide != NULL) {
        set(b, values, "guide.kind", guide);
        set(b, values, "guide.mad", strength);
    } else if (bias->apply == NULL) {
        args.tilt = bias->tilt(&s.values);
        args.tilt.n_generations = 3;
    }
    must(b, type->create(b.ctx, &args, b.mem, &s.model), "create", type->name);
    s.rows = world->info;
    s.rows.n_classes = type->flags & MAD_MODEL_LABELS ? s.rows.n_classes : 0;
    mad_set train = take_set(b, &s.rows, N_TRAIN);
    must(b, world->type->draw(b.ctx, world, MAD_PART_TRAIN, key_for(MAD_RNG_REAL, 1), &train),
         "draw", world->type->name);
    double seen;
    const mad_fit_args fit = {.key = key_for(MAD_RNG_FIT, GENERATION), .samples_seen = &seen};
    must(b, type->fit(b.ctx, s.model, &train, &fit), "fit", type->name);
    return s;
}

static mad_set plain_rows(const scene *s)
{
    mad_set out = take_set(s->b, &s->rows, N_SAMPLE);
    must(s->b,
         s->model->type->sample(s->b.ctx, s->model, key_for(MAD_RNG_SAMPLE, GENERATION), 7, &out),
         "sample", s->model->type->name);
    return out;
}

static mad_set applied_rows(const scene *s)
{
    const bench b = s->b;
    const mad_model_type *type = s->model->type;
    mad_set out = plain_rows(s);
    mad_bias_in in = {.values = &s->values, .generation = GENERATION, .n_generations = 3};
    mad_moments law = {.dim = out.dim,
                       .mean = mad_arena_take(b.mem, out.dim, sizeof(double)),
                       .cov = mad_arena_take(b.mem, out.dim * out.dim, sizeof(double))};
    if (type->moments != NULL && (s->bias->needs_moments || s->bias->takes_moments)) {
        must(b, type->moments(b.ctx, s->model, &law), "moments", type->name);
        in.law = &law;
    }
    must(b, s->bias->apply(b.ctx, &in, &out), "apply", s->bias->name);
    return out;
}

static mad_set biased_rows(const scene *s)
{
    if (s->bias->apply != NULL) {
        return applied_rows(s);
    }
    mad_set out = take_set(s->b, &s->rows, N_SAMPLE);
    must(s->b,
         s->model->type->sample_tilted(s->b.ctx, s->model, key_for(MAD_RNG_SAMPLE, GENERATION), 7,
                                       GENERATION, &out),
         "sample_tilted", s->model->type->name);
    return out;
}

static void check_pair(const mad_bias_type *bias, const mad_model_type *model)
{
    scene first = open_scene(thread_counts[0], bias, strength_of(bias, 0), model, NULL);
    const mad_set rows = biased_rows(&first), twins = plain_rows(&first);
    if (same_bits(&rows, &twins)) {
        fail_msg("bias '%s' does nothing to model '%s'", bias->name, model->name);
    }
    for (size_t i = 1; i < N_THREAD_COUNTS; i++) {
        scene s = open_scene(thread_counts[i], bias, strength_of(bias, 0), model, NULL);
        const mad_set measured = plain_rows(&s), again = biased_rows(&s);
        if (!same_bits(&again, &rows) || !same_bits(&measured, &twins)) {
            fail_msg("bias '%s' on model '%s': %zu threads, or measuring first, change the rows",
                     bias->name, model->name, thread_counts[i]);
        }
        close_bench(s.b);
    }
    close_bench(first.b);
    scene none = open_scene(2, bias, strength_of(bias, 1), model, NULL);
    const mad_set unbiased = plain_rows(&none), same = biased_rows(&none);
    if (!same_bits(&unbiased, &same)) {
        fail_msg("bias '%s' of strength %s changes rows of model '%s'", bias->name,
                 strength_of(bias, 1), model->name);
    }
    close_bench(none.b);
}

static void biases_are_sound(void **state)
{
    (void)state;
    for (const mad_bias_type *const *t = mad_builtin.biases; *t != NULL; t++) {
        bench b = open_bench(1);
        const mad_values values = bias_values(b, *t, strength_of(*t, 0));
        size_t n_models = 0;
        for (const mad_model_type *const *m = mad_builtin.models; *m != NULL; m++) {
            if (is_offered(*t, &values, *m)) {
                check_pair(*t, *m);
                n_models++;
            }
        }
        print_message("%s: %zu models\n", (*t)->name, n_models);
        assert_true(n_models > 0);
        assert_false((*t)->is_identity(&values));
        close_bench(b);
    }
}

/* Guidance as a bias draws what a model with guidance of its own draws. */
static void guidance_is_that_of_the_model(void **state)
{
    (void)state;
    static const struct {
        const mad_bias_type *bias;
        const char *guide;
    } kinds[] = {{&mad_bias_guidance, "cfg"}, {&mad_bias_autoguidance, "auto"}};
    static const mad_model_type *const models[] = {&mad_model_exact, &mad_model_diffusion};
    for (size_t i = 0; i < 4; i++) {
        scene biased = open_scene(2, kinds[i % 2].bias, "0.5", models[i / 2], NULL);
        scene guided = open_scene(2, kinds[i % 2].bias, "0.5", models[i / 2], kinds[i % 2].guide);
        const mad_set a = biased_rows(&biased), b = plain_rows(&guided);
        assert_true(same_bits(&a, &b));
        close_bench(biased.b);
        close_bench(guided.b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(biases_are_sound),
                                       cmocka_unit_test(guidance_is_that_of_the_model)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

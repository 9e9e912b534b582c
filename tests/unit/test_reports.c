/* tests/unit/test_reports.c: what a model says of its fits and of its sampler stands in run.h5. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sim/cli/lists.h"
#include "sim/engine/engine.h"

/* ---- a model that talks ---------------------------------------------------------------------- */

static mad_model_type talker; /* gauss, and what is added below */

static const mad_report reports[] = {
    {.name = "generation", .units = "generations", .long_name = "the generation that was fitted"},
    {.name = "first_row", .units = "data units", .long_name = "the first training value"},
    {.name = "silent", .units = "1", .long_name = "never filled"},
    {.name = NULL}};

static mad_status fit(mad_ctx *ctx, mad_model *model, const mad_set *train,
                      const mad_fit_args *args)
{
    args->report[0] = args->key.generation;
    args->report[1] = train->x[0];
    return mad_model_gauss.fit(ctx, model, train, args);
}

/* A sampler whose bias grows with the generation. */
static mad_status gain(mad_ctx *ctx, const mad_model *model, size_t generation, size_t n,
                       const double *variance, double *out)
{
    (void)ctx;
    (void)model;
    for (size_t i = 0; i < n; i++) {
        out[i] = variance[i] / (variance[i] + 0.01 * (double)generation);
    }
    return MAD_OK;
}

static mad_status steady_gain(mad_ctx *ctx, const mad_model *model, size_t generation, size_t n,
                              const double *variance, double *out)
{
    (void)generation;
    return gain(ctx, model, 1, n, variance, out);
}

static const mad_world_type *const worlds[] = {&mad_world_gauss, NULL};
static const mad_model_type *const models[] = {&talker, NULL};
static const mad_loop_type *const loops[] = {&mad_loop_fully_synthetic, NULL};
static const mad_metric_type *const metrics[] = {&mad_metric_moments, NULL};
static const mad_theory_type *const theories[] = {NULL};
static const mad_registry registry = {
    .worlds = worlds, .models = models, .loops = loops, .metrics = metrics, .theories = theories};

enum { R = 3, G = 4 };

static const char config_text[] =
    "{seed: 5, replicates: 3, generations: 4, world: {kind: gauss, dim: 2}, model: {kind: gauss}, "
    "loop: {family: fully_synthetic, n_initial: 40, n_synthetic: 40}, "
    "measure: {n: 16, preview: 4, metrics: [trace]}, checkpoint: {every: 3}}";

typedef struct kept {
    char dir[64];
    mad_arena *mem;
    mad_run run;
} kept;

static kept run_it(size_t n_threads,
                   mad_status (*sampler_gain)(mad_ctx *, const mad_model *, size_t, size_t,
                                              const double *, double *))
{
    kept k = {.dir = "/tmp/madloop-reports-XXXXXX", .mem = mad_arena_create(1 << 16)};
    mad_ctx *ctx = mad_ctx_create(n_threads);
    mad_config config;
    mad_experiment *experiment = NULL;
    assert_non_null(mkdtemp(k.dir));
    talker = mad_model_gauss;
    talker.reports = reports;
    talker.fit = fit;
    talker.gain = sampler_gain;
    const mad_run_options options = {.dir = k.dir, .first_generation = 1};
    if (mad_config_load(ctx, k.mem, "reports", config_text, 0, NULL, &registry, &config) !=
            MAD_OK ||
        mad_experiment_create(ctx, k.mem, &config, &registry, &experiment) != MAD_OK ||
        mad_engine_run(ctx, experiment, &options) != MAD_OK ||
        mad_run_read(ctx, k.mem, k.dir, &k.run) != MAD_OK) {
        fail_msg("%s", ctx->message);
    }
    mad_ctx_destroy(ctx);
    return k;
}

static void drop(kept *k)
{
    char command[128];
    snprintf(command, sizeof command, "rm -r %s", k->dir);
    assert_int_equal(system(command), 0); /* NOLINT(cert-env33-c): a folder of its own */
    mad_arena_destroy(k->mem);
}

static const mad_run_series *find(const kept *k, const char *group, const char *name, size_t rank)
{
    const mad_run_series *series = mad_run_find(&k->run, group, name);
    assert_non_null(series);
    assert_int_equal(series->rank, rank);
    assert_true(series->n_attributes >= 2); /* long_name and units at least */
    return series;
}

static void reports_are_stored_for_every_fit(void **state)
{
    (void)state;
    kept one = run_it(1, NULL), three = run_it(3, NULL);
    const double *generation = find(&one, "model", "generation", 2)->value;
    const double *first = find(&one, "model", "first_row", 2)->value;
    const double *silent = find(&one, "model", "silent", 2)->value;
    for (size_t i = 0; i < (size_t)R * G; i++) {
        assert_true(generation[i] == 1.0 + (double)(i % G));
        assert_true(isfinite(first[i]));
        assert_true(isnan(silent[i])); /* preset, not left over */
        for (size_t k = 0; k < i; k++) {
            assert_true(first[i] != first[k]);
        }
    }
    assert_string_equal(mad_attribute_text(find(&one, "model", "first_row", 2)->n_attributes,
                                           find(&one, "model", "first_row", 2)->attributes,
                                           "long_name"),
                        "the first training value");
    assert_memory_equal(first, find(&three, "model", "first_row", 2)->value,
                        sizeof(double) * R * G);
    assert_null(mad_run_find(&one.run, "audit", "variance")); /* no sampler, no audit */
    drop(&one);
    drop(&three);
}

static void the_gain_of_the_sampler_is_stored(void **state)
{
    (void)state;
    kept k = run_it(2, gain);
    const mad_run_series *variance = find(&k, "audit", "variance", 1);
    const mad_run_series *first = find(&k, "audit", "lam_eff", 1);
    const mad_run_series *last = find(&k, "audit", "lam_eff_last", 1);
    size_t n_unit = 0;
    for (size_t i = 0; i < variance->shape[0]; i++) {
        const double v = variance->value[i];
        assert_true(first->value[i] == v / (v + 0.01));
        assert_true(last->value[i] == v / (v + 0.01 * G));
        n_unit += v == 1.0;
    }
    assert_int_equal(n_unit, 1);
    assert_non_null(mad_attribute_text(first->n_attributes, first->attributes, "definition"));
    assert_non_null(mad_attribute_text(first->n_attributes, first->attributes, "reference"));
    drop(&k);
    k = run_it(2, steady_gain);
    assert_non_null(mad_run_find(&k.run, "audit", "lam_eff"));
    assert_null(mad_run_find(&k.run, "audit", "lam_eff_last"));
    drop(&k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reports_are_stored_for_every_fit),
        cmocka_unit_test(the_gain_of_the_sampler_is_stored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

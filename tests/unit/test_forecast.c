/* tests/unit/test_forecast.c: forecasts of a model whose every part takes a known time: it sleeps,
 * so that other processes do not matter much. Where they do all the same, one of 5 attempts must
 * meet every number within 15 %. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sim/cli/lists.h"
#include "sim/engine/forecast.h"

/* ---- the sleeper ----------------------------------------------------------------------------- */

enum { N_STEPS = 2000, ROW_US = 200, STEP_US = 1000, N_OWN = 3000, ATTEMPTS = 5 };

static mad_model_type sleeper; /* gauss, and what is exchanged below */
static int diverges;           /* samples of an unfinished fit are not finite */
static int grows;              /* rows take longer with each generation, and fits draw some */

static void sleep_us(size_t us)
{
    const struct timespec t = {.tv_sec = (time_t)(us / 1000000),
                               .tv_nsec = (long)(us % 1000000) * 1000};
    nanosleep(&t, NULL);
}

static mad_status fit(mad_ctx *ctx, mad_model *model, const mad_set *train,
                      const mad_fit_args *args)
{
    const size_t n_all = args->warm_steps > 0 ? args->warm_steps : N_STEPS;
    sleep_us(STEP_US * (args->trial_steps > 0 ? args->trial_steps : n_all));
    return mad_model_gauss.fit(ctx, model, train, args);
}

static mad_status quick_fit(mad_ctx *ctx, mad_model *model, const mad_set *train,
                            const mad_fit_args *args)
{
    sleep_us(100 * train->n_rows);
    return mad_model_gauss.fit(ctx, model, train, args);
}

static mad_status sample(mad_ctx *ctx, mad_model *model, mad_key key, uint64_t first_item,
                         mad_set *out)
{
    sleep_us(ROW_US * out->n_rows * (grows ? 1 + key.generation : 2) / 2);
    return diverges ? mad_fail(ctx, MAD_E_NONFINITE, "far too few steps")
                    : mad_model_gauss.sample(ctx, model, key, first_item, out);
}

static void cost(const mad_model *model, mad_fit_size fit, mad_model_cost *out)
{
    (void)model;
    *out = (mad_model_cost){
        .fit_steps = fit.warm_steps > 0 ? (double)fit.warm_steps : N_STEPS,
        .own_rows = grows ? N_OWN : 0,
        .own_evaluations = 0.5,
        .row_flops = grows ? (double)fit.generation : 1.0,
        .row_evaluations = grows ? (double)fit.generation : 1.0,
        .parameters = 7,
    };
}

static const mad_world_type *const worlds[] = {&mad_world_gauss, NULL};
static const mad_model_type *const models[] = {&sleeper, NULL};
static const mad_loop_type *const loops[] = {&mad_loop_custom, &mad_loop_fully_synthetic, NULL};
static const mad_metric_type *const metrics[] = {&mad_metric_moments, NULL};
static const mad_theory_type *const theories[] = {NULL};
static const mad_registry registry = {
    .worlds = worlds, .models = models, .loops = loops, .metrics = metrics, .theories = theories};

static mad_forecast ask(const char *text, size_t n_threads, double seconds)
{
    mad_ctx *ctx = mad_ctx_create(n_threads);
    mad_arena *mem = mad_arena_create(1 << 16);
    mad_config config;
    mad_experiment *experiment = NULL;
    mad_forecast f = {0};
    if (mad_config_load(ctx, mem, "forecast", text, 0, NULL, &registry, &config) != MAD_OK ||
        mad_experiment_create(ctx, mem, &config, &registry, &experiment) != MAD_OK ||
        mad_forecast_make(ctx, experiment, seconds, NULL, &f) != MAD_OK) {
        fail_msg("%s", ctx->message);
    }
    mad_arena_destroy(mem);
    mad_ctx_destroy(ctx);
    return f;
}

/* 1 when all is near; what is not is printed. */
static int near(double got, double want, const char *what)
{
    const int is_near = fabs(got / want - 1.0) < 0.15;
    if (!is_near) {
        print_message("%s: %.4g, expected %.4g\n", what, got, want);
    }
    return is_near;
}

static void attempt(int (*check)(void))
{
    for (int i = 0; i < ATTEMPTS; i++) {
        if (check()) {
            return;
        }
    }
    fail_msg("not near in %d attempts", (int)ATTEMPTS);
}

/* ---- checks ---------------------------------------------------------------------------------- */

#define CONFIG(replicates, generations, n_synthetic, n, start)                                     \
    "{seed: 5, replicates: " #replicates ", generations: " #generations                            \
    ", world: {kind: gauss, dim: 2}, model: {kind: gauss}, loop: {family: custom, real: none, "    \
    "n_initial: 100, n_synthetic: " #n_synthetic ", start: " start "}, measure: {n: " #n           \
    ", preview: 0, metrics: [trace], moments: samples}}"

static void set_sleeper(unsigned flags, mad_status (*how)(mad_ctx *, mad_model *, const mad_set *,
                                                          const mad_fit_args *))
{
    sleeper = mad_model_gauss;
    sleeper.flags = flags;
    sleeper.fit = how;
    sleeper.sample = sample;
    sleeper.cost = cost;
}

/* 2 s a fit, 100 ms to measure, 200 ms for the next block: none of it is run to the end. */
static int parts(void)
{
    const mad_forecast f = ask(CONFIG(5, 4, 1000, 500, "scratch"), 2, 1.0);
    const double row_s = 1e-6 * ROW_US;
    assert_int_equal(f.n_generations_run, 0);
    assert_true(f.n_steps == N_STEPS && f.n_steps_probed < N_STEPS / 2.0);
    assert_true(f.cost.parameters == 7);
    return near(f.train_s, 1e-6 * STEP_US * N_STEPS, "train") &&
           near(f.measure_s, 500 * row_s, "measure") &&
           near(f.sample_s, 0.75 * 1000 * row_s, "sample") && /* generation 1 draws none */
           near(f.total_s, 3 * 4 * (f.train_s + f.sample_s + f.measure_s), "total"); /* 5 on 2 */
}

static void parts_make_a_whole(void **state)
{
    (void)state;
    set_sleeper(MAD_MODEL_STEPS | MAD_MODEL_WARM, fit);
    for (diverges = 0; diverges < 2; diverges++) {
        attempt(parts);
    }
    diverges = 0;
}

static int warm(void)
{
    const mad_forecast f = ask(CONFIG(1, 4, 1000, 500, "warm(200)"), 2, 1.0);
    return near(f.train_s, 1e-6 * STEP_US * (N_STEPS + 3 * 200) / 4.0, "train");
}

static void warm_starts_count_their_steps(void **state)
{
    (void)state;
    set_sleeper(MAD_MODEL_STEPS | MAD_MODEL_WARM, fit);
    attempt(warm);
}

/* The model says: t evaluations for a row of generation t, 1/2 for a row that a fit draws itself. A row
 * takes (1 + evaluations) / 2 of one of generation 1: two of them are timed. */
static int growing(void)
{
    const mad_forecast f = ask(CONFIG(1, 4, 1000, 500, "scratch"), 1, 1.0);
    const double row_s = 1e-6 * ROW_US;
    assert_int_equal(f.n_generations_run, 0);
    return near(f.train_s, 1e-6 * STEP_US * N_STEPS + 0.75 * N_OWN * row_s, "train") &&
           near(f.measure_s, (1 + 1.5 + 2 + 2.5) / 4 * 500 * row_s, "measure") &&
           near(f.sample_s, (1 + 1.5 + 2) / 4 * 1000 * row_s, "sample");
}

static void rows_cost_what_the_model_says(void **state)
{
    (void)state;
    set_sleeper(MAD_MODEL_STEPS | MAD_MODEL_WARM, fit);
    grows = 1;
    attempt(growing);
    grows = 0;
}

/* 10 ms the first fit, then 20 ms: the rows of the later generations are more. */
static int whole(void)
{
    const mad_forecast f = ask(CONFIG(4, 100, 200, 100, "scratch"), 4, 1.5);
    const mad_forecast all = ask(CONFIG(4, 5, 200, 100, "scratch"), 4, 3.0);
    assert_true(f.n_steps == 0 && f.n_floors == 4);
    return f.n_generations_run >= 3 && f.n_generations_run < 60 && all.n_generations_run == 5 &&
           near(f.train_s, 100e-6 * 200, "train") &&
           near(f.sample_s, 1e-6 * ROW_US * 200, "sample") &&
           near(f.measure_s, 1e-6 * ROW_US * 100, "measure") &&
           near(f.total_s, 100 * (f.train_s + f.sample_s + f.measure_s), "total") &&
           near(all.total_s, 5 * (all.train_s + all.sample_s + all.measure_s), "total of all");
}

static void cheap_generations_are_run(void **state)
{
    (void)state;
    set_sleeper(0, quick_fit);
    attempt(whole);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_make_a_whole),
        cmocka_unit_test(warm_starts_count_their_steps),
        cmocka_unit_test(rows_cost_what_the_model_says),
        cmocka_unit_test(cheap_generations_are_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

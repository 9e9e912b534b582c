/* tests/unit/test_trained_guidance.c: trained models behind every guidance: what they keep for it,
 * and what is refused.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/trained.h"

static mad_arena *mem;

static int setup(void **state)
{
    (void)state;
    mem = mad_arena_create(1 << 24);
    return mem == NULL;
}

static int teardown(void **state)
{
    (void)state;
    mad_arena_destroy(mem);
    return 0;
}

static mad_trained make(mad_ctx *ctx, size_t n_more, const char *const *more)
{
    const mad_world_info world = mad_trained_world(2, 0);
    mad_trained t;
    if (mad_trained_make(ctx, mem, &world, 300, n_more, more, &t) != MAD_OK) {
        fail_msg("%s", ctx->message);
    }
    return t;
}

static mad_set fit_and_sample(mad_ctx *ctx, size_t n_more, const char *const *more)
{
    const mad_trained t = make(ctx, n_more, more);
    mad_trained_fit(&t, 1, 0);
    return mad_trained_sample(&t, 400);
}

static int same(const mad_set *a, const mad_set *b)
{
    return memcmp(a->x, b->x, a->n_rows * a->dim * sizeof *a->x) == 0;
}

static const char *const kinds[][3] = {
    {"guide.kind=cfg", "guide.w=0.7", "guide.low=0.01"},
    {"guide.kind=auto", "guide.w=0.7", "guide.worse=0.5"},
    {"guide.kind=negative", "guide.w=0.7", "guide.tune_steps=20"},
    {"guide.kind=reward", "guide.target=2", "guide.reward=quadratic"}};

/* Each kind changes the rows, strength 0 changes none, threads are not seen, and a copy of the
 * state alone samples the same. */
static void test_kinds(void **state)
{
    (void)state;
    static const size_t threads[] = {1, 3};
    mad_ctx *ctx = mad_ctx_create(2);
    const mad_set plain = fit_and_sample(ctx, 0, NULL);
    const char *const none[] = {"guide.kind=cfg", "guide.w=0"};
    const mad_set zero = fit_and_sample(ctx, 2, none);
    assert_true(same(&plain, &zero));
    mad_ctx_destroy(ctx);
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        mad_set first = {0};
        for (size_t i = 0; i < 2; i++) {
            ctx = mad_ctx_create(threads[i]);
            const mad_trained t = make(ctx, 3, kinds[k]), copy = make(ctx, 3, kinds[k]);
            mad_trained_fit(&t, 1, 0);
            mad_trained_copy(&t, &copy);
            const mad_set a = mad_trained_sample(&t, 400), b = mad_trained_sample(&copy, 400);
            assert_true(same(&a, &b));
            assert_false(same(&a, &plain));
            first = i == 0 ? a : first;
            assert_true(same(&a, &first));
            mad_ctx_destroy(ctx);
        }
    }
}

/* The model of `t`, asked to be led away from its own rows by w, fitted and led. */
static mad_trained led_away(mad_trained t, mad_extrapolation_kind kind, double w, mad_set own)
{
    const mad_model_args args = {.values = &t.values,
                                 .world = &t.world,
                                 .max_train_rows = t.train.n_rows,
                                 .max_sample_rows = 2000,
                                 .n_generations = 2,
                                 .extrapolation = {.kind = kind,
                                                   .w = {.kind = MAD_SCHEDULE_CONSTANT, .a = w},
                                                   .n_rows = {.a = (double)own.n_rows},
                                                   .n_steps = {.a = 20.0}}};
    const mad_fit_args fit = mad_trained_fit_args(1, 0);
    if (mad_model_diffusion.create(t.ctx, &args, mem, &t.model) != MAD_OK) {
        fail_msg("%s", t.ctx->message);
    }
    mad_trained_fit(&t, 1, 0);
    if (own.n_rows > 0 && mad_model_diffusion.extrapolate(t.ctx, t.model, &own, &fit) != MAD_OK) {
        fail_msg("%s", t.ctx->message);
    }
    return t;
}

/* Scores: until own rows are given, and at w = 0, the model's own; on the rows that guide.kind negative
 * draws itself, that guidance bit for bit. Weights: (1 + w) theta - w theta_tuned. */
static void test_extrapolation(void **state)
{
    (void)state;
    const char *const negative[] = {"guide.kind=negative", "guide.w=0.7", "guide.tune_steps=20",
                                    "guide.own=256"};
    mad_ctx *ctx = mad_ctx_create(2);
    const mad_trained plain = make(ctx, 0, NULL), guided = make(ctx, 4, negative);
    mad_trained_fit(&plain, 1, 0);
    mad_trained_fit(&guided, 1, 0);
    const mad_set own = mad_trained_state(&guided)->own, none = {0};
    const mad_set before = mad_trained_sample(&plain, 400),
                  after = mad_trained_sample(&guided, 400);
    assert_int_equal(own.n_rows, 256);

    const mad_trained waits = led_away(plain, MAD_EXTRAPOLATE_SCORES, 0.7, none);
    const mad_set waiting = mad_trained_sample(&waits, 400);
    assert_true(same(&waiting, &before));
    const mad_trained still = led_away(plain, MAD_EXTRAPOLATE_SCORES, 0.0, own);
    const mad_set unmoved = mad_trained_sample(&still, 400);
    assert_true(same(&unmoved, &before));
    const mad_trained sims = led_away(plain, MAD_EXTRAPOLATE_SCORES, 0.7, own);
    const mad_set scores = mad_trained_sample(&sims, 400);
    assert_true(same(&scores, &after));

    const mad_trained neon = led_away(plain, MAD_EXTRAPOLATE_WEIGHTS, 0.7, own);
    const mad_diffusion *a = mad_trained_state(&plain), *b = mad_trained_state(&neon);
    const float *tuned = mad_trained_state(&sims)->auxiliary;
    size_t n_moved = 0;
    for (size_t i = 0; i < a->net->n_params; i++) {
        const double expected = 1.7 * (double)a->average[i] - 0.7 * (double)tuned[i];
        assert_true(fabs((double)b->average[i] - expected) < 1e-6);
        n_moved += b->average[i] != a->average[i];
    }
    assert_true(n_moved > a->net->n_weights / 2);
    mad_ctx_destroy(ctx);
}

/* ln p(x) is that of a density: its mean over the model's own samples is near minus their entropy,
 * here of two clusters of sd 0.2 and 1 in a plane, within what a small net is off. */
static void test_density(void **state)
{
    (void)state;
    static const char *const pairs[][3] = {
        {"train.steps=800", "train.label_dropout=0.2", "sampler.steps=12"},
        {"train.steps=800", "train.label_dropout=0", "sampler.steps=12"}};
    /* entropy of a cluster, and of the choice of one */
    const double entropy = log(2.0 * M_PI * M_E) + log(0.2) + log(2.0);
    for (size_t i = 0; i < 2; i++) {
        mad_ctx *ctx = mad_ctx_create(2);
        const mad_trained t = make(ctx, 3, pairs[i]);
        const mad_key key = {.seed = 3, .purpose = MAD_RNG_TEST};
        double log_p[300], mean = 0.0;
        mad_set bare = t.train;
        bare.label = NULL;
        mad_trained_fit(&t, 1, 0);
        assert_int_equal(mad_model_diffusion.log_density(ctx, t.model, key, &bare, log_p), MAD_OK);
        for (size_t r = 0; r < 300; r++) {
            mean += log_p[r] / 300.0;
        }
        print_message("mean log density %.3f, entropy %.3f\n", mean, entropy);
        assert_true(fabs(mean + entropy) < 0.4);
        mad_ctx_destroy(ctx);
    }
}

/* Reports: cfg compares within classes (noise of sd 0.2 and 1) with all rows (4 more on the first
 * axis), (A/B)^w; negative guidance with its own samples; autoguidance has no such number. */
static void test_reports(void **state)
{
    (void)state;
    mad_ctx *ctx = mad_ctx_create(2);
    for (size_t k = 0; k < 3; k++) {
        const mad_trained t = make(ctx, 3, kinds[k]);
        double report[8];
        mad_fit_args args = mad_trained_fit_args(1, 0);
        for (size_t i = 0; i < 8; i++) {
            report[i] = (double)NAN;
        }
        args.report = report;
        assert_int_equal(mad_model_diffusion.fit(ctx, t.model, &t.train, &args), MAD_OK);
        double lam = 0.0;
        for (size_t i = 0; mad_diffusion_reports[i].name != NULL; i++) {
            lam = strcmp(mad_diffusion_reports[i].name, "guide_lam") == 0 ? report[i] : lam;
        }
        const double own = mad_trained_state(&t)->own_variance;
        const double within = mad_trained_state(&t)->standard.variance[0];
        if (k == 0) {
            assert_true(fabs(lam - pow(1.04 / 5.04, 0.7)) < 0.05);
        } else if (k == 1) {
            assert_true(isnan(lam));
        } else {
            assert_true(own > 0.0 && fabs(lam - pow(within / own, 0.7)) < 1e-12);
        }
    }
    mad_ctx_destroy(ctx);
}

static void refuse(mad_ctx *ctx, const char *word, size_t n_more, const char *const *more)
{
    const mad_world_info world = mad_trained_world(2, 0);
    mad_trained t;
    assert_int_equal(mad_trained_make(ctx, mem, &world, 10, n_more, more, &t), MAD_E_CONFIG);
    if (strstr(ctx->message, word) == NULL) {
        fail_msg("'%s' does not name '%s'", ctx->message, word);
    }
    mad_ctx_clear(ctx);
}

static void test_refusals(void **state)
{
    (void)state;
    mad_ctx *ctx = mad_ctx_create(1);
    refuse(ctx, "train.label_dropout", 2,
           (const char *[]){"guide.kind=cfg", "train.label_dropout=0"});
    refuse(ctx, "guide.worse is set", 2, (const char *[]){"guide.kind=cfg", "guide.worse=0.4"});
    refuse(ctx, "guide.tune_steps is set", 1, (const char *[]){"guide.tune_steps=40"});
    mad_ctx_destroy(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds),    cmocka_unit_test(test_extrapolation),
        cmocka_unit_test(test_reports),  cmocka_unit_test(test_density),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}

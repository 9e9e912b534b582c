/* tests/unit/test_diffusion.c: the model's state, threads, scaling, weights, labels and refusals.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/fixture.h"
#include "tests/support/trained.h"

static const mad_key test_key = {.seed = 11, .purpose = MAD_RNG_TEST};

static mad_status make(mad_trained *t, size_t n_rows, size_t n_classes, size_t n_more,
                       const char *const *more)
{
    const mad_world_info world = mad_trained_world(n_classes, 0);
    return mad_trained_make(ctx, mem, &world, n_rows, n_more, more, t);
}

static void assert_same_rows(const mad_set *a, const mad_set *b)
{
    assert_memory_equal(a->x, b->x, a->n_rows * 2 * sizeof *a->x);
    if (a->label != NULL) {
        assert_memory_equal(a->label, b->label, a->n_rows * sizeof *a->label);
    }
}

/* Bits of loss curve and samples for 1, 2, 3 and 5 threads; both parameterisations, every sampler,
 * labels, weights, a batch that is no multiple of anything. */
static void test_threads(void **state)
{
    (void)state;
    static const char *const kinds[][3] = {
        {"parameterization=edm", "sampler.kind=ancestral", "train.batch=997"},
        {"parameterization=eps", "sampler.kind=ddim", "train.batch=7"},
        {"parameterization=edm", "sampler.kind=heun", "train.ema=constant(0.9)"}};
    static const size_t threads[] = {1, 2, 3, 5};
    for (size_t k = 0; k < 3; k++) {
        mad_set first = {0};
        double curve[4][3];
        for (size_t t = 0; t < 4; t++) {
            mad_ctx *const shared = ctx;
            mad_trained f;
            ctx = mad_ctx_create(threads[t]);
            assert_int_equal(make(&f, 300, 3, 3, kinds[k]), MAD_OK);
            f.train.weight = mad_arena_take(mem, 300, sizeof(double));
            for (size_t r = 0; r < 300; r++) {
                f.train.weight[r] = r % 2 == 0 ? 0.5 : 1.5;
            }
            mad_fit_args args = mad_trained_fit_args(1, 0);
            double seen = 0.0, flops = 0.0;
            args.n_loss = 3;
            args.loss_curve = curve[t];
            args.samples_seen = &seen;
            args.flops = &flops;
            assert_int_equal(mad_model_diffusion.fit(ctx, f.model, &f.train, &args), MAD_OK);
            assert_true(isfinite(curve[t][0]) && isfinite(curve[t][2]) && flops > 0.0);
            const mad_set rows = mad_trained_sample(&f, 700);
            if (t == 0) {
                first = rows;
            } else {
                assert_same_rows(&first, &rows);
                assert_memory_equal(curve[0], curve[t], sizeof curve[0]);
            }
            assert_true(seen ==
                        60.0 *
                            (double)((const mad_diffusion *)f.model)->settings.optimiser.n_batch);
            mad_ctx_destroy(ctx);
            ctx = shared;
        }
    }
}

/* State copied into a fresh model goes on bit for bit: from scratch and warm. */
static void test_state(void **state)
{
    (void)state;
    mad_trained a, b;
    assert_int_equal(make(&a, 300, 3, 0, NULL), MAD_OK);
    assert_int_equal(make(&b, 300, 3, 0, NULL), MAD_OK);
    mad_trained_fit(&a, 1, 0);
    const size_t n_bytes = mad_arena_bytes(mem);
    const mad_set scratch_before = mad_trained_sample(&a, 300);
    for (int warm = 0; warm < 2; warm++) {
        mad_trained_copy(&a, &b);
        mad_trained_fit(&a, 2, warm ? 20 : 0);
        mad_trained_fit(&b, 2, warm ? 20 : 0);
        const mad_set rows_a = mad_trained_sample(&a, 300), rows_b = mad_trained_sample(&b, 300);
        assert_same_rows(&rows_a, &rows_b);
        assert_memory_not_equal(rows_a.x, scratch_before.x, 300 * sizeof(double));
    }
    assert_int_equal(mad_arena_bytes(mem), n_bytes); /* samples fit in what was there */

    /* warm continues: a few warm steps stay near, the same few from scratch do not */
    mad_trained c;
    assert_int_equal(make(&c, 300, 3, 1, (const char *[]){"train.steps=5"}), MAD_OK);
    mad_trained_copy(&a, &c);
    const mad_diffusion *da = (const mad_diffusion *)a.model, *dc = (const mad_diffusion *)c.model;
    mad_trained_fit(&c, 3, 5);
    double moved = 0.0, size = 0.0;
    for (size_t i = 0; i < da->net->n_params; i++) {
        moved += fabs((double)dc->theta[i] - (double)da->theta[i]);
        size += fabs((double)da->theta[i]);
    }
    assert_true(moved > 0.0 && moved < 0.1 * size);
}

/* Scaling is frozen by the first fit; a collapsed or moved second set does not change it. */
static void test_frozen_scaling(void **state)
{
    (void)state;
    mad_trained f;
    assert_int_equal(make(&f, 300, 0, 0, NULL), MAD_OK);
    const mad_diffusion *self = (const mad_diffusion *)f.model;
    mad_trained_fit(&f, 1, 0);
    const double centre = self->standard.centre[0], scale = self->standard.scale[0];
    double sum = 0.0;
    for (size_t i = 0; i < 600; i++) {
        const double d = (f.train.x[i] - self->standard.centre[i % 2]) / scale;
        sum += d * d;
        f.train.x[i] = 1e-9 * f.train.x[i] + 7.0;
    }
    assert_near(sum / 600.0, 1.0, 1e-12); /* one scalar: pooled variance 1 */
    mad_trained_fit(&f, 2, 0);
    assert_true(self->standard.centre[0] == centre && self->standard.scale[0] == scale);
    for (size_t i = 0; i < 600; i++) { /* all rows equal, never fitted before: still defined */
        f.train.x[i] = 2.0;
    }
    memset(self->standard.scale, 0, sizeof *self->standard.scale);
    mad_trained_fit(&f, 1, 0);
    assert_true(self->standard.scale[0] == 1.0 && self->standard.centre[1] == 2.0);
}

/* Conditioning: rows lie where their label says; frequencies follow the weighted training set, or
 * are uniform. z at 1e-6. */
static void test_labels(void **state)
{
    (void)state;
    for (int balanced = 0; balanced < 2; balanced++) {
        mad_trained f;
        const char *more[] = {balanced ? "labels=balanced" : "labels=empirical", "train.steps=600",
                              "sampler.steps=12"};
        assert_int_equal(make(&f, 400, 2, 3, more), MAD_OK); /* label = cluster */
        f.train.weight = mad_arena_take(mem, 400, sizeof(double));
        for (size_t r = 0; r < 400; r++) {
            f.train.weight[r] = r % 2 == 0 ? 0.4 : 1.6;
        }
        mad_trained_fit(&f, 1, 0);
        assert_near(((const mad_diffusion *)f.model)->standard.class_p[1], 0.8, 1e-12);
        const mad_set rows = mad_trained_sample(&f, 2000);
        const double p = balanced ? 0.5 : 0.8;
        size_t n_1 = 0, n_right = 0;
        for (size_t r = 0; r < 2000; r++) {
            n_1 += rows.label[r] == 1;
            n_right += (rows.x[2 * r] < 1.0) == (rows.label[r] == 1);
        }
        assert_true(fabs((double)n_1 - 2000.0 * p) < 4.89 * sqrt(2000.0 * p * (1.0 - p)));
        assert_true(n_right > 1990);
    }
}

/* Weights act through the loss: 0.8 of the mass on one of two unlabelled clusters. A 600-step net
 * is trusted to 0.05; without the weights the share is 0.5. */
static void test_weights(void **state)
{
    (void)state;
    for (int weighted = 0; weighted < 2; weighted++) {
        mad_trained f;
        const char *more[] = {"train.steps=600", "sampler.steps=12"};
        assert_int_equal(make(&f, 400, 0, 2, more), MAD_OK);
        if (weighted) {
            f.train.weight = mad_arena_take(mem, 400, sizeof(double));
            for (size_t r = 0; r < 400; r++) {
                f.train.weight[r] = r % 2 == 0 ? 0.4 : 1.6;
            }
        }
        mad_trained_fit(&f, 1, 0);
        const mad_set rows = mad_trained_sample(&f, 2000);
        double share = 0.0;
        for (size_t r = 0; r < 2000; r++) {
            share += rows.x[2 * r] < 1.0 ? 1.0 / 2000.0 : 0.0;
        }
        assert_near(share, weighted ? 0.8 : 0.5, 0.05);
    }
}

static void refuse_all(size_t n_pairs, const char *const *pairs, const char *word)
{
    mad_trained f;
    assert_int_equal(make(&f, 10, 0, n_pairs, pairs), MAD_E_CONFIG);
    if (strstr(ctx->message, word) == NULL) {
        fail_msg("'%s' does not name '%s'", ctx->message, word);
    }
    mad_ctx_clear(ctx);
}

static void refuse(const char *pair, const char *word)
{
    refuse_all(2, (const char *[]){"sampler.kind=ancestral", pair}, word);
}

static void test_refusals(void **state)
{
    (void)state;
    refuse("net.embedding=7", "even");
    refuse("train.ema=constant(1)", "below 1");
    refuse("sampler.steps=2.5", "2.5");
    refuse("schedule.steps=5", "rescaling");
    refuse("schedule.beta_min=0.5", "beta_max");
    refuse("sampler.rho=5", "sampler.rho is set, but has no effect: it needs sampler.grid: edm");
    refuse("sampler.final=tweedie", "it needs sampler.stop_sigma or sampler.stop_time above 0");
    refuse("schedule.horizon=3", "it needs sampler.grid or noise.kind: ou");
    refuse("noise.min=0.1", "it needs noise.kind: vp");
    refuse("net.base=16", "it needs net.kind: unet");
    static const char *const churned[] = {"sampler.kind=heun", "sampler.churn_noise=1.1"};
    static const char *const stopped[] = {"sampler.kind=heun", "sampler.stop_sigma=0.1",
                                          "sampler.sigma_min=0.01"};
    static const char *const crossed[] = {"sampler.kind=heun", "sampler.churn=9",
                                          "sampler.churn_min=2", "sampler.churn_max=1"};
    refuse_all(2, churned, "it needs sampler.kind: heun and sampler.churn above 0");
    refuse_all(3, stopped, "sampler.sigma_min is set, but has no effect");
    refuse_all(4, crossed, "must not be above model.sampler.churn_max = 1");
    mad_trained f;
    assert_int_equal(
        make(&f, 10, 0, 4,
             (const char *[]){"noise.kind=ou", "schedule.horizon=3", "sampler.kind=heun",
                              "sampler.stop_sigma=linear(0,0.1)"}),
        MAD_OK);
    assert_int_equal(make(&f, 10, 0, 2, (const char *[]){"sampler.kind=ddim", "schedule.steps=30"}),
                     MAD_OK); /* 6 of 30 */
    assert_int_equal(
        make(&f, 10, 0, 2, (const char *[]){"sampler.kind=ddim", "sampler.steps=1001"}),
        MAD_E_CONFIG);
    mad_ctx_clear(ctx);

    const mad_fit_args args = mad_trained_fit_args(1, 0);
    assert_int_equal(make(&f, 10, 3, 0, NULL), MAD_OK);
    int32_t *const label = f.train.label;
    label[4] = 3;
    assert_int_equal(mad_model_diffusion.fit(ctx, f.model, &f.train, &args), MAD_E_RANGE);
    assert_non_null(strstr(ctx->message, "row 4"));
    mad_ctx_clear(ctx);
    f.train.label = NULL;
    assert_int_equal(mad_model_diffusion.fit(ctx, f.model, &f.train, &args), MAD_E_UNSUPPORTED);
    mad_ctx_clear(ctx);
    label[4] = 0;
    f.train.label = label;
    f.train.x[3] = (double)NAN;
    assert_int_equal(mad_model_diffusion.fit(ctx, f.model, &f.train, &args), MAD_E_NONFINITE);
    mad_ctx_clear(ctx);
    f.train.n_rows = 0;
    assert_int_equal(mad_model_diffusion.fit(ctx, f.model, &f.train, &args), MAD_E_RANGE);
    mad_ctx_clear(ctx);
}

/* A gradient beyond the floats is refused, and so is a broken network when it is sampled. */
static void test_divergence(void **state)
{
    (void)state;
    mad_trained f;
    const mad_fit_args args = mad_trained_fit_args(1, 0);
    assert_int_equal(make(&f, 100, 0, 0, NULL), MAD_OK);
    f.train.weight = mad_arena_take(mem, 100, sizeof(double));
    for (size_t r = 0; r < 100; r++) {
        f.train.weight[r] = 1e300;
    }
    assert_int_equal(mad_model_diffusion.fit(ctx, f.model, &f.train, &args), MAD_E_NONFINITE);
    assert_non_null(strstr(ctx->message, "diverged at step 1 of 60"));
    mad_ctx_clear(ctx);

    assert_int_equal(make(&f, 100, 0, 0, NULL), MAD_OK);
    mad_trained_fit(&f, 1, 0);
    ((mad_diffusion *)f.model)->average[0] = NAN;
    mad_set out;
    assert_int_equal(mad_set_take(ctx, mem, 10, 2, 0, &out), MAD_OK);
    assert_int_equal(mad_model_diffusion.sample(ctx, f.model, test_key, 0, &out), MAD_E_NONFINITE);
    mad_ctx_clear(ctx);
}

static void test_interrupt(void **state)
{
    (void)state;
    mad_trained f;
    const atomic_int stop = 1;
    const mad_fit_args args = mad_trained_fit_args(1, 0);
    assert_int_equal(make(&f, 100, 0, 0, NULL), MAD_OK);
    ctx->stop = &stop;
    assert_int_equal(mad_model_diffusion.fit(ctx, f.model, &f.train, &args), MAD_E_INTERRUPTED);
    ctx->stop = NULL;
    mad_ctx_clear(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_threads),        cmocka_unit_test(test_state),
        cmocka_unit_test(test_frozen_scaling), cmocka_unit_test(test_labels),
        cmocka_unit_test(test_weights),        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_divergence),     cmocka_unit_test(test_interrupt),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}

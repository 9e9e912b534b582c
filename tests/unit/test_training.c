/* tests/unit/test_training.c: lengths of a fit, sigma_data, label dropout, U-Nets, cost, reports,
 * loaded states, and what is refused.
 */
#include <stdio.h>
#include <string.h>

#include "tests/support/fixture.h"
#include "tests/support/trained.h"

static mad_trained make(size_t n_classes, size_t side, size_t n_rows, size_t n_more,
                        const char *const *more)
{
    const mad_world_info world = mad_trained_world(n_classes, side);
    mad_trained t;
    if (mad_trained_make(ctx, mem, &world, n_rows, n_more, more, &t) != MAD_OK) {
        fail_msg("%s", ctx->message);
    }
    return t;
}

/* ---- length ---- */

static void test_budgets(void **state)
{
    (void)state;
    const mad_budget steps = {MAD_BUDGET_STEPS, 7}, epochs = {MAD_BUDGET_EPOCHS, 2.5},
                     rows = {MAD_BUDGET_ROWS, 1001};
    assert_int_equal(mad_budget_steps(&steps, 1000, 64), 7);
    assert_int_equal(mad_budget_steps(&epochs, 1000, 64), 40); /* 2500 / 64, up */
    assert_int_equal(mad_budget_steps(&epochs, 1, 64), 1);
    assert_int_equal(mad_budget_steps(&rows, 1000, 100), 11);

    static const char *const texts[][2] = {{"train.steps=auto", "train.epochs=3"},
                                           {"train.steps=auto", "train.samples=950"}};
    for (int i = 0; i < 2; i++) {
        const mad_trained t = make(0, 0, 250, 2, texts[i]); /* batch 100 */
        double seen = 0.0;
        mad_fit_args args = mad_trained_fit_args(1, 0);
        args.samples_seen = &seen;
        assert_int_equal(mad_model_diffusion.fit(ctx, t.model, &t.train, &args), MAD_OK);
        assert_true(seen == (i == 0 ? 800.0 : 1000.0));
    }
}

/* trial_steps ends early on the schedule of the whole fit; what a whole fit reports stays NaN. */
static void test_trial(void **state)
{
    (void)state;
    const mad_trained t = make(0, 0, 250, 0, NULL), whole = make(0, 0, 250, 0, NULL);
    double seen = 0.0, flops = 0.0, curve[6], whole_curve[6], report[8];
    mad_fit_args args = mad_trained_fit_args(1, 0);
    for (int i = 0; i < 8; i++) {
        report[i] = (double)NAN;
    }
    args.n_loss = 6;
    args.loss_curve = whole_curve;
    assert_int_equal(mad_model_diffusion.fit(ctx, whole.model, &whole.train, &args), MAD_OK);
    args.trial_steps = 20;
    args.samples_seen = &seen;
    args.flops = &flops;
    args.loss_curve = curve;
    args.report = report;
    assert_int_equal(mad_model_diffusion.fit(ctx, t.model, &t.train, &args), MAD_OK);
    assert_true(seen == 2000.0 && flops == 20.0 * mad_diffusion_step_flops(mad_trained_state(&t)));
    assert_memory_equal(curve, whole_curve, 2 * sizeof *curve); /* 10 steps each */
    assert_true(isnan(report[0]));
}

static void test_cost(void **state)
{
    (void)state;
    const char *const more[] = {"train.steps=auto", "train.epochs=3"};
    const mad_trained t = make(0, 0, 250, 2, more);
    const mad_net *net = mad_trained_state(&t)->net;
    double flops = 0.0;
    mad_model_cost cost = {0};
    mad_fit_args args = mad_trained_fit_args(1, 0);
    args.flops = &flops;
    mad_model_diffusion.cost(t.model, (mad_fit_size){.generation = 1, .n_train = 250}, &cost);
    assert_true(cost.fit_steps == 8.0);
    assert_true(cost.row_evaluations == 11.0); /* Heun, 6 steps */
    assert_true(cost.row_flops == 22.0 * net->macs);
    assert_true(cost.parameters == (double)net->n_weights);
    assert_int_equal(mad_model_diffusion.fit(ctx, t.model, &t.train, &args), MAD_OK);
    assert_near(flops, cost.fit_flops, 1e-9 * flops);
}

/* ---- sigma_data and reports ---- */

static double report_named(const double *report, const char *name)
{
    for (size_t i = 0; mad_diffusion_reports[i].name != NULL; i++) {
        if (strcmp(mad_diffusion_reports[i].name, name) == 0) {
            return report[i];
        }
    }
    fail_msg("no report %s", name);
    return 0.0;
}

/* A second training set a quarter as wide: sigma_data follows only where it is asked to, and what
 * is trained and sampled follows it; the scaling stays frozen in both. */
static void test_sigma_data(void **state)
{
    (void)state;
    for (int follows = 0; follows < 2; follows++) {
        const char *more = follows ? "sigma_data=auto" : "sigma_data=fixed";
        mad_trained t = make(0, 0, 400, 1, &more);
        const mad_diffusion *self = mad_trained_state(&t);
        double report[8];
        mad_fit_args args = mad_trained_fit_args(2, 0);
        args.report = report;
        mad_trained_fit(&t, 1, 0);
        assert_near(self->sigma_data[0], 1.0, 1e-6); /* rows are floats */
        const double variance = self->standard.variance[0];
        for (size_t i = 0; i < 800; i++) {
            t.train.x[i] =
                self->standard.centre[i % 2] + 0.25 * (t.train.x[i] - self->standard.centre[i % 2]);
        }
        assert_int_equal(mad_model_diffusion.fit(ctx, t.model, &t.train, &args), MAD_OK);
        const double sigma_data = follows ? 0.25 : 1.0;
        assert_near(self->sigma_data[0], sigma_data, 1e-6);
        assert_near(self->objective.precondition.sigma_data, sigma_data, 1e-6);
        assert_near(self->objective.precondition.log_sigma_low, log(sigma_data) - 0.507 - 4.8,
                    1e-5);
        assert_near(report_named(report, "sigma_data"), sigma_data, 1e-6);
        assert_near(report_named(report, "variance"), variance / 16.0, 1e-9);
        assert_true(report_named(report, "train_loss_last") > 0.0);
        double gain = 0.0;
        const double v = self->standard.variance[0];
        assert_int_equal(mad_model_diffusion.gain(ctx, t.model, 2, 1, &v, &gain), MAD_OK);
        assert_true(report_named(report, "lam_eff") == gain && gain > 1.0); /* Heun spreads */
        mad_trained other = make(0, 0, 400, 1, &more);
        mad_trained_copy(&t, &other);
        const mad_set a = mad_trained_sample(&t, 50), b = mad_trained_sample(&other, 50);
        assert_memory_equal(a.x, b.x, 100 * sizeof *a.x);
    }
}

/* All rows equal: sigma_data stays above 0, nothing is NaN. */
static void test_point(void **state)
{
    (void)state;
    const char *const more[] = {"sigma_data=auto"};
    mad_trained t = make(0, 0, 100, 1, more);
    mad_trained_fit(&t, 1, 0);
    for (size_t i = 0; i < 200; i++) {
        t.train.x[i] = mad_trained_state(&t)->standard.centre[i % 2];
    }
    mad_trained_fit(&t, 2, 0);
    assert_true(mad_trained_state(&t)->sigma_data[0] > 0.0);
    const mad_set rows = mad_trained_sample(&t, 50);
    assert_true(isfinite(rows.x[0]) && isfinite(rows.x[99]));
}

/* ---- label dropout ---- */

/* At high noise and x = 0 D is the mean of the law: of the class where one is given, of all rows
 * without one. Classes sit at 3 and -1 with equal shares; a small net is trusted to 0.5. */
static void test_null_class(void **state)
{
    (void)state;
    const char *const more[] = {"train.steps=800", "train.label_dropout=0.3"};
    const mad_trained t = make(2, 0, 400, 2, more);
    mad_diffusion *self = mad_trained_state(&t);
    mad_trained_fit(&t, 1, 0);
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    const mad_source source = mad_diffusion_source(self);
    mad_denoiser d, auxiliary;
    assert_int_equal(source.open(ctx, source.self, ctx->scratch, &d, &auxiliary), MAD_OK);
    assert_null(auxiliary.denoise);
    const int32_t label[3] = {0, 1, MAD_NO_CLASS};
    double x[6] = {0}, out[6];
    d.denoise(d.self, 3.0, 3, label, x, out);
    const double centre = self->standard.centre[0], scale = self->standard.scale[0];
    assert_near(centre + scale * out[0], 3.0, 0.5);
    assert_near(centre + scale * out[2], -1.0, 0.5);
    assert_near(centre + scale * out[4], 1.0, 0.5);
    double none[6];
    d.denoise(d.self, 3.0, 3, NULL, x, none); /* no labels: no class for all */
    assert_true(none[0] == out[4] && none[2] == out[4]);
    d.denoise(d.self, 0.1, 3, label, x, none); /* another level, and back */
    d.denoise(d.self, 3.0, 3, label, x, none);
    assert_memory_equal(none, out, sizeof out);
    mad_arena_release(ctx->scratch, mark);
}

/* Dropped labels change the loss; everything else is drawn from other streams. */
static void test_dropout_share(void **state)
{
    (void)state;
    double curve[3][1];
    static const char *const texts[] = {"train.label_dropout=0", "train.label_dropout=0",
                                        "train.label_dropout=0.5"};
    for (int i = 0; i < 3; i++) {
        const char *const more[] = {texts[i], "train.steps=1", "train.lr=1e-8"};
        const mad_trained t = make(2, 0, 400, 3, more);
        mad_fit_args args = mad_trained_fit_args(1, 0);
        args.n_loss = 1;
        args.loss_curve = curve[i];
        assert_int_equal(mad_model_diffusion.fit(ctx, t.model, &t.train, &args), MAD_OK);
    }
    assert_true(curve[0][0] == curve[1][0] && curve[0][0] != curve[2][0]);
}

/* ---- U-Nets ---- */

/* Bits of loss, parameters and samples for 1, 2, 3 and 5 threads, several blocks a shard. */
static void test_unet_threads(void **state)
{
    (void)state;
    static const size_t threads[] = {1, 2, 3, 5};
    mad_set first = {0};
    double curve[4];
    const float *theta = NULL;
    for (size_t i = 0; i < 4; i++) {
        mad_ctx *const shared = ctx;
        ctx = mad_ctx_create(threads[i]);
        const char *const more[] = {"train.steps=6", "train.batch=70", "train.lr=auto"};
        const mad_trained t = make(3, 8, 60, 3, more);
        mad_fit_args args = mad_trained_fit_args(1, 0);
        args.n_loss = 1;
        args.loss_curve = &curve[i];
        if (mad_model_diffusion.fit(ctx, t.model, &t.train, &args) != MAD_OK) {
            fail_msg("%s", ctx->message);
        }
        const mad_set rows = mad_trained_sample(&t, 300);
        const mad_diffusion *self = mad_trained_state(&t);
        if (i == 0) {
            first = rows;
            theta = self->theta;
        } else {
            assert_true(curve[i] == curve[0]);
            assert_memory_equal(self->theta, theta, self->net->n_params * sizeof *theta);
            assert_memory_equal(rows.x, first.x, 300 * 64 * sizeof *rows.x);
            assert_memory_equal(rows.label, first.label, 300 * sizeof *rows.label);
        }
        mad_ctx_destroy(ctx);
        ctx = shared;
    }
}

/* One centre and one scale for all pixels: together they have mean 0 and variance 1. */
static void test_picture_scaling(void **state)
{
    (void)state;
    const mad_trained t = make(0, 8, 60, 1, (const char *[]){"train.steps=1"});
    const mad_standard *s = &mad_trained_state(&t)->standard;
    double sum = 0.0, sum_sq = 0.0;
    mad_trained_fit(&t, 1, 0);
    for (size_t i = 0; i < 60 * 64; i++) {
        const double x = (t.train.x[i] - s->centre[i % 64]) / s->scale[0];
        assert_true(s->centre[i % 64] == s->centre[0]);
        sum += x / (60.0 * 64.0);
        sum_sq += x * x / (60.0 * 64.0);
    }
    assert_near(sum, 0.0, 1e-12);
    assert_near(sum_sq, 1.0, 1e-12);
}

/* ---- refusals ---- */

static void refuse(size_t n_classes, size_t side, size_t n_more, const char *const *more,
                   const char *word)
{
    const mad_world_info world = mad_trained_world(n_classes, side);
    mad_trained t;
    const mad_status st = mad_trained_make(ctx, mem, &world, 20, n_more, more, &t);
    if (st != MAD_E_CONFIG && st != MAD_E_UNSUPPORTED) {
        fail_msg("%s: not refused", more[0]);
    }
    if (strstr(ctx->message, word) == NULL) {
        fail_msg("'%s' does not name '%s'", ctx->message, word);
    }
    mad_ctx_clear(ctx);
}

#define REFUSE(n_classes, side, word, ...)                                                         \
    refuse(n_classes, side, sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *),                \
           (const char *[]){__VA_ARGS__}, word)

static void test_refusals(void **state)
{
    (void)state;
    REFUSE(0, 0, "a whole number from 1", "train.steps=0");
    REFUSE(0, 0, "train.epochs", "train.epochs=3"); /* steps are set too */
    REFUSE(0, 0, "train.samples", "train.steps=auto", "train.epochs=3", "train.samples=10");
    REFUSE(0, 0, "gamma", "train.ema=power(1001)");
    REFUSE(0, 0, "halflife", "train.ema=halflife(0)");
    REFUSE(0, 0, "noise.mean", "noise.kind=flow", "noise.mean=1");
    REFUSE(0, 0, "noise.max", "noise.max=1");
    REFUSE(0, 0, "vlb", "loss=vlb");
    REFUSE(0, 0, "likelihood", "loss=likelihood");
    REFUSE(0, 0, "net.base", "net.base=16");
    REFUSE(0, 0, "vectors of 2 numbers", "net.kind=unet", "net.width=128", "net.depth=3");
    REFUSE(0, 8, "net.width", "net.width=64");
    REFUSE(0, 8, "net.mult", "net.mult=[1,1.5]");
    REFUSE(0, 8, "net.mult", "net.mult=[1,1,1,1,1,1]");
    REFUSE(0, 8, "net.attention", "net.attention=[2]"); /* levels 0 and 1 */
    REFUSE(0, 8, "net.attention", "net.attention=[top]");
    REFUSE(0, 8, "groups", "net.groups=6");         /* does not divide 16 */
    REFUSE(0, 2, "net.mult", "net.mult=[1,1,1,1]"); /* below 1 pixel */
    const mad_trained t = make(0, 8, 20, 1, (const char *[]){"net.attention=[0,lowest]"});
    assert_true(mad_trained_state(&t)->net->block_rows > 0);
}

/* A state with a parameter or a sigma_data that is no number is refused when it is loaded. */
static void test_loaded(void **state)
{
    (void)state;
    const mad_trained t = make(0, 0, 100, 0, NULL);
    mad_diffusion *self = mad_trained_state(&t);
    mad_trained_fit(&t, 1, 0);
    float *const where[] = {&self->theta[3], &self->average[7]};
    for (int i = 0; i < 2; i++) {
        const float kept = *where[i];
        *where[i] = i == 0 ? NAN : INFINITY;
        assert_int_equal(mad_model_diffusion.loaded(ctx, t.model), MAD_E_NONFINITE);
        assert_non_null(strstr(ctx->message, i == 0 ? "parameter 3" : "parameter 7"));
        mad_ctx_clear(ctx);
        *where[i] = kept;
    }
    self->sigma_data[0] = 0.0;
    assert_int_equal(mad_model_diffusion.loaded(ctx, t.model), MAD_E_NONFINITE);
    assert_non_null(strstr(ctx->message, "sigma_data"));
    mad_ctx_clear(ctx);
}

/* Blocks of 24 and 32 units are equally long, and so are those of two parameterizations. */
static void test_architecture(void **state)
{
    (void)state;
    static const char *const settings[][3] = {
        {"net.depth=1", "net.width=24", "parameterization=edm"},
        {"net.depth=1", "net.width=32", "parameterization=edm"},
        {"net.depth=1", "net.width=24", "parameterization=eps"}};
    const mad_trained from = make(0, 0, 100, 3, settings[0]);
    const mad_diffusion *stored = mad_trained_state(&from);
    for (int i = 0; i < 3; i++) {
        const mad_trained to = make(0, 0, 100, 3, settings[i]);
        mad_diffusion *self = mad_trained_state(&to);
        mad_trained_fit(&to, 1, 0);
        assert_int_equal(self->net->n_params, stored->net->n_params);
        *self->built = *stored->built;
        assert_int_equal(mad_model_diffusion.loaded(ctx, to.model), i == 0 ? MAD_OK : MAD_E_DATA);
        assert_true(i == 0 || strstr(ctx->message, "another architecture") != NULL);
        mad_ctx_clear(ctx);
    }
}

/* A learning rate that rises far too high ends the fit instead of running on: a good start, then
 * 2000 steps of warm-up on the way to 1. */
static void test_diverges(void **state)
{
    (void)state;
    static const char *const more[] = {"parameterization=eps", "train.steps=500", "train.lr=1",
                                       "train.clip=0", "train.warmup=2000"};
    const mad_trained good = make(0, 0, 100, 2, more), t = make(0, 0, 100, 5, more);
    const mad_fit_args args = mad_trained_fit_args(2, 2000);
    mad_trained_fit(&good, 1, 0);
    mad_trained_copy(&good, &t);
    assert_int_equal(mad_model_diffusion.fit(ctx, t.model, &t.train, &args), MAD_E_NONFINITE);
    assert_non_null(strstr(ctx->message, "learning rate"));
    mad_ctx_clear(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_budgets),
        cmocka_unit_test(test_trial),
        cmocka_unit_test(test_cost),
        cmocka_unit_test(test_sigma_data),
        cmocka_unit_test(test_point),
        cmocka_unit_test(test_null_class),
        cmocka_unit_test(test_dropout_share),
        cmocka_unit_test(test_unet_threads),
        cmocka_unit_test(test_picture_scaling),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_loaded),
        cmocka_unit_test(test_architecture),
        cmocka_unit_test(test_diverges),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}

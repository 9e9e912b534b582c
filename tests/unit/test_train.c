/* tests/unit/test_train.c: averages of the parameters (T1.16), learning rates, weight decay, the
 * watch for divergence. */
#include <string.h>

#include "sim/nn/train.h"
#include "sim/nn/watch.h"
#include "tests/support/fixture.h"

/* Average at step n of theta_k = slope k + offset, from 0. */
static double averaged(const mad_train_options *o, size_t n, double slope, double offset)
{
    double mean = 0.0;
    for (size_t k = 1; k <= n; k++) {
        const double decay = mad_train_ema_decay(o, k);
        mean = decay * mean + (1.0 - decay) * (slope * (double)k + offset);
    }
    return mean;
}

/* T1.16: a constant decay lags a ramp by decay / (1 - decay). */
static void test_constant_lags(void **state)
{
    (void)state;
    static const double decays[] = {0.5, 0.9, 0.99};
    for (int i = 0; i < 3; i++) {
        const mad_train_options o = {.ema = MAD_EMA_CONSTANT, .ema_value = decays[i]};
        const double lag = 20000.0 - averaged(&o, 20000, 1.0, 0.0);
        assert_near(lag, decays[i] / (1.0 - decays[i]), 1e-6);
    }
}

/* T1.16: the weights of the power form sum to 1 from the first step on (the average of a constant
 * is that constant), and its mean is n (gamma + 1) / (gamma + 2), up to O(1): the weight of step k
 * falls as (k / n)^gamma. The half-life forgets its start too. */
static void test_power_weights(void **state)
{
    (void)state;
    static const double gammas[] = {0.0, 6.94, 16.97};
    for (int i = 0; i < 3; i++) {
        const mad_train_options o = {.ema = MAD_EMA_POWER, .ema_value = gammas[i]};
        assert_near(averaged(&o, 1, 0.0, 1.0), 1.0, 1e-15);
        assert_near(averaged(&o, 1000, 0.0, 1.0), 1.0, 1e-12);
        const double share = (gammas[i] + 1.0) / (gammas[i] + 2.0);
        assert_near(averaged(&o, 10000, 1e-4, 0.0), share, 2e-3);
    }
    const mad_train_options half = {.ema = MAD_EMA_HALF_LIFE, .ema_value = 1e9, .n_batch = 64};
    assert_near(averaged(&half, 1000, 0.0, 1.0), 1.0, 1e-6);
}

/* Karras et al. 2022: after H rows a contribution has half its weight; while fewer than 20 H rows
 * were seen, the half-life is a twentieth of them. */
static void test_half_life(void **state)
{
    (void)state;
    const mad_train_options o = {.ema = MAD_EMA_HALF_LIFE, .ema_value = 6400.0, .n_batch = 64};
    double kept = 1.0;
    for (size_t step = 5000; step < 5100; step++) { /* 100 steps of 64 rows */
        kept *= mad_train_ema_decay(&o, step);
    }
    assert_near(kept, 0.5, 1e-12);
    assert_near(mad_train_ema_decay(&o, 1), pow(0.5, 20.0), 1e-18);
    assert_near(mad_train_ema_decay(&o, 200), pow(0.5, 0.1), 1e-12); /* H = 0.05 * 64 * 200 */
    assert_near(mad_train_ema_decay(&o, 2000), mad_train_ema_decay(&o, 9000), 1e-15);
}

static void test_linear_rate(void **state)
{
    (void)state;
    const mad_train_options o = {.rate = 2.0, .n_warmup = 10, .decay = MAD_DECAY_LINEAR};
    assert_near(mad_train_rate(&o, 5, 110), 1.0, 1e-12);
    assert_near(mad_train_rate(&o, 10, 110), 2.0, 1e-12);
    assert_near(mad_train_rate(&o, 60, 110), 1.0, 1e-12);
    assert_near(mad_train_rate(&o, 85, 110), 0.5, 1e-12);
    assert_near(mad_train_rate(&o, 110, 110), 0.0, 1e-12);
    assert_near(mad_train_rate(&o, 7, 7), 1.4, 1e-12); /* shorter than its warm-up */
}

/* AdamW on a gradient of 0: every parameter shrinks by rate * weight_decay, moments stay 0; the
 * same options without decay leave it. */
static void test_weight_decay(void **state)
{
    (void)state;
    const mad_mlp_options shape = {.dim = 2, .width = 32, .depth = 1, .n_embed = 4};
    const mad_kernels *kernels = mad_kernels_for(MAD_ISA_REFERENCE);
    mad_train_options o = {.rate = 0.1, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8};
    mad_net *net = NULL;
    mad_train train;
    assert_int_equal(mad_mlp_create(ctx, kernels, &shape, mem, &net), MAD_OK);
    assert_int_equal(mad_train_create(ctx, net, mem, &train), MAD_OK);
    float *theta = mad_arena_take(mem, net->n_params, sizeof *theta);
    float *mean = mad_arena_take(mem, net->n_params, sizeof *mean);
    float *packed = mad_arena_take(mem, net->n_packed, sizeof *packed);
    for (int decays = 0; decays < 2; decays++) {
        o.weight_decay = decays ? 0.5 : 0.0;
        mad_train_reset(&train);
        for (size_t i = 0; i < net->n_params; i++) {
            theta[i] = 2.0f;
        }
        assert_int_equal(mad_train_step(ctx, &train, &o, 1, 9, theta, mean, packed), MAD_OK);
        const mad_segment s = net->type->segment(net, 0);
        assert_near((double)theta[s.begin], decays ? 2.0 * 0.95 : 2.0, 1e-6);
    }
}

/* ---- the watch ---- */

static double ramp(double from, double to, size_t step, size_t begin, size_t end)
{
    const double t = step < begin ? 0.0
                     : step > end ? 1.0
                                  : (double)(step - begin) / (double)(end - begin);
    return from + (to - from) * t;
}

static void test_watch_keeps_quiet(void **state)
{
    (void)state;
    mad_watch watch = {0};
    for (size_t step = 1; step <= 2000; step++) { /* learnt, noisy by a factor of 3 */
        const double loss = ramp(1.0, 0.05, step, 0, 1000) * (step % 3 == 0 ? 3.0 : 0.5);
        assert_int_equal(mad_watch_step(ctx, &watch, step, 2000, 1e-3, loss, 1.0), MAD_OK);
    }
    watch = (mad_watch){0};
    for (size_t step = 1; step <= 2000; step++) { /* exact data: far above the best, still tiny */
        const double loss = step < 500 ? 1e-6 : 1e-2;
        assert_int_equal(mad_watch_step(ctx, &watch, step, 2000, 1e-3, loss, 1.0), MAD_OK);
    }
    watch = (mad_watch){0};
    for (size_t step = 1; step <= 2000; step++) { /* a spike that recovers */
        const double loss = step >= 500 && step < 530 ? 50.0 : 0.1;
        assert_int_equal(mad_watch_step(ctx, &watch, step, 2000, 1e-3, loss, 1.0), MAD_OK);
    }
}

static void test_watch_reports(void **state)
{
    (void)state;
    mad_watch watch = {0};
    size_t step = 1;
    mad_status st = MAD_OK;
    for (; st == MAD_OK && step <= 2000; step++) {
        st = mad_watch_step(ctx, &watch, step, 2000, 2.5e-3, step < 500 ? 0.05 : 3.0, 1.0);
    }
    assert_int_equal(st, MAD_E_NONFINITE);
    assert_true(step > 600 && step < 640); /* 100 steps after the average has risen */
    assert_non_null(strstr(ctx->message, "0.0025"));
    assert_non_null(strstr(ctx->message, "of 2000"));
    mad_ctx_clear(ctx);
    watch = (mad_watch){0};
    st = MAD_OK;
    for (step = 1; st == MAD_OK && step <= 2000; step++) { /* EDM: the floor is the power itself */
        st = mad_watch_step(ctx, &watch, step, 2000, 1e-3, step < 500 ? 1.0 : 1e6, 1.0);
    }
    assert_int_equal(st, MAD_E_NONFINITE);
    mad_ctx_clear(ctx);
    watch = (mad_watch){0};
    assert_int_equal(mad_watch_step(ctx, &watch, 7, 100, 1e-3, (double)NAN, 1.0), MAD_E_NONFINITE);
    assert_non_null(strstr(ctx->message, "step 7 of 100"));
    mad_ctx_clear(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_constant_lags), cmocka_unit_test(test_power_weights),
        cmocka_unit_test(test_half_life),     cmocka_unit_test(test_linear_rate),
        cmocka_unit_test(test_weight_decay),  cmocka_unit_test(test_watch_keeps_quiet),
        cmocka_unit_test(test_watch_reports),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}

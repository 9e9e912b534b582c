/* tests/unit/test_nn.c: back-propagation against central differences in double; layout, optimiser
 * and schedules by hand-computed values. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sim/nn/kernels.h"
#include "sim/nn/mlp.h"
#include "sim/nn/train.h"

static const mad_key key = {.seed = 7, .purpose = MAD_RNG_TEST};
static uint64_t next_item;

static float *floats(size_t n)
{
    float *x = aligned_alloc(64, (n * sizeof *x + 63) / 64 * 64);
    assert_non_null(x);
    return x;
}

static float *normals(size_t n)
{
    float *x = floats(n);
    mad_rng rng = mad_rng_open(key, next_item++);
    mad_rng_normals_f32(&rng, n, x);
    return x;
}

static void assert_near(double a, double b, double allowed)
{
    if (!(fabs(a - b) <= allowed)) {
        fail_msg("%.12g against %.12g, allowed %.3g", a, b, allowed);
    }
}

/* The net in double, from the layout documented in mlp.h; loss = sum of out * pull. */
static double loss_in_double(const mad_mlp *net, const double *theta, size_t n_rows,
                             const float *input, size_t ld_in, const float *pull)
{
    double loss = 0.0, y[2][64];
    const double *last = theta + (net->n_in + (net->depth - 1) * net->width) * net->ld;
    const double *biases = last + net->n_out * net->ld;
    for (size_t r = 0; r < n_rows; r++) {
        const double *w = theta;
        for (size_t i = 0; i < net->n_in; i++) {
            y[0][i] = (double)input[r * ld_in + i];
        }
        size_t n = net->n_in;
        for (size_t layer = 0; layer < net->depth; layer++) {
            for (size_t o = 0; o < net->width; o++) {
                double z = biases[layer * net->ld + o];
                for (size_t i = 0; i < n; i++) {
                    z += y[layer % 2][i] * w[i * net->ld + o];
                }
                y[(layer + 1) % 2][o] = z / (1.0 + exp(-z));
            }
            w += n * net->ld;
            n = net->width;
        }
        for (size_t o = 0; o < net->n_out; o++) {
            double z = biases[net->depth * net->ld + o];
            for (size_t i = 0; i < n; i++) {
                z += y[net->depth % 2][i] * last[o * net->ld + i];
            }
            loss += z * (double)pull[r * net->n_out + o];
        }
    }
    return loss;
}

/* 5 inputs, width 40 (padded to 64), 3 layers, 3 outputs. */
static void test_gradient(void **state)
{
    (void)state;
    enum { ROWS = 11, IN = 5, OUT = 3 };
    mad_ctx *ctx = mad_ctx_create(1);
    mad_arena *mem = mad_arena_create(1 << 20);
    for (int isa = MAD_ISA_REFERENCE; isa <= MAD_ISA_AVX512; isa++) {
        const mad_kernels *kernels = mad_kernels_for((mad_isa)isa);
        if (kernels == NULL) {
            continue;
        }
        const mad_mlp net = mad_mlp_plan(kernels, IN, OUT, 40, 3);
        float *theta = floats(net.n_params), *grad = floats(net.n_params);
        float *packed = floats(net.n_packed), *pull = normals(ROWS * OUT);
        double *wide = malloc(net.n_params * sizeof *wide);
        mad_mlp_work work;
        assert_int_equal(mad_mlp_work_take(ctx, &net, 1, mem, &work), MAD_OK);
        mad_mlp_init(&net, key, 1000, theta);
        mad_rng rng = mad_rng_open(key, 2000);
        for (size_t o = 0; o < 3 * net.ld; o++) { /* biases away from zero, pads not */
            if (o % net.ld < net.width) {
                theta[net.n_params - 32 - 3 * net.ld + o] = (float)mad_rng_uniform(&rng) - 0.5f;
            }
        }
        mad_mlp_pack_all(&net, theta, packed);
        for (size_t r = 0; r < ROWS; r++) {
            mad_rng_normals_f32(&rng, IN, work.input + r * work.ld_in);
        }
        mad_mlp_forward(&net, theta, packed, ROWS, &work);
        for (size_t i = 0; i < ROWS * OUT; i++) {
            work.out[i / OUT * work.ld_out + i % OUT] = pull[i];
        }
        memset(grad, 0, net.n_params * sizeof *grad);
        mad_mlp_backward(&net, theta, packed, ROWS, &work, grad);
        for (size_t i = 0; i < net.n_params; i++) {
            wide[i] = (double)theta[i];
        }
        size_t n_moving = 0;
        for (size_t i = 0; i < net.n_params; i++) {
            const double h = 1e-5, at = wide[i];
            wide[i] = at + h;
            const double up = loss_in_double(&net, wide, ROWS, work.input, work.ld_in, pull);
            wide[i] = at - h;
            const double down = loss_in_double(&net, wide, ROWS, work.input, work.ld_in, pull);
            wide[i] = at;
            const double slope = (up - down) / (2.0 * h);
            n_moving += slope != 0.0;
            if (fabs(slope - (double)grad[i]) > 3e-5 * (1.0 + fabs(slope))) {
                fail_msg("%s: parameter %zu: %.9g against %.9g", kernels->name, i, (double)grad[i],
                         slope);
            }
        }
        assert_int_equal(n_moving, net.n_weights + 3 * net.width + OUT);
        free(theta), free(grad), free(packed), free(pull), free(wide);
    }
    mad_arena_destroy(mem);
    mad_ctx_destroy(ctx);
}

/* Folding constant inputs into the first bias gives the outputs of the full forward pass. */
static void test_eval(void **state)
{
    (void)state;
    enum { ROWS = 64, IN = 37, USED = 5, OUT = 2 };
    mad_ctx *ctx = mad_ctx_create(1);
    mad_arena *mem = mad_arena_create(1 << 20);
    const mad_kernels *kernels = NULL;
    assert_int_equal(mad_kernels_choose(ctx, &kernels), MAD_OK);
    const mad_mlp net = mad_mlp_plan(kernels, IN, OUT, 128, 3);
    float *theta = floats(net.n_params), *packed = floats(net.n_packed);
    float *rest = normals(IN - USED);
    mad_mlp_work full, bare;
    assert_int_equal(mad_mlp_work_take(ctx, &net, 1, mem, &full), MAD_OK);
    assert_int_equal(mad_mlp_work_take(ctx, &net, 0, mem, &bare), MAD_OK);
    mad_mlp_init(&net, key, 3000, theta);
    mad_mlp_pack_all(&net, theta, packed);
    mad_rng rng = mad_rng_open(key, 4000);
    for (size_t r = 0; r < ROWS; r++) {
        mad_rng_normals_f32(&rng, USED, full.input + r * full.ld_in);
        memcpy(full.input + r * full.ld_in + USED, rest, (IN - USED) * sizeof *rest);
        memcpy(bare.input + r * bare.ld_in, full.input + r * full.ld_in, USED * sizeof *rest);
    }
    mad_mlp_forward(&net, theta, packed, ROWS, &full);
    mad_mlp_fold(&net, theta, USED, rest, &bare);
    mad_mlp_eval(&net, theta, packed, USED, ROWS, &bare);
    for (size_t r = 0; r < ROWS; r++) {
        for (size_t o = 0; o < OUT; o++) {
            assert_near((double)bare.out[r * bare.ld_out + o],
                        (double)full.out[r * full.ld_out + o], 2e-5);
        }
    }
    free(theta), free(packed), free(rest);
    mad_arena_destroy(mem);
    mad_ctx_destroy(ctx);
}

/* He: the variance of a hidden weight is 2 / n_in: z of the mean square, 1e-6 two-sided. */
static void test_init(void **state)
{
    (void)state;
    const mad_mlp net = mad_mlp_plan(mad_kernels_for(MAD_ISA_PLAIN), 34, 2, 200, 3);
    float *theta = floats(net.n_params);
    mad_mlp_init(&net, key, 5000, theta);
    double sum = 0.0;
    const size_t n = 200 * 200;
    for (size_t i = 0; i < 200; i++) {
        for (size_t o = 0; o < net.ld; o++) {
            const double w = (double)theta[(34 + i) * net.ld + o];
            sum += w * w;
            assert_true(o < 200 || w == 0.0);
        }
    }
    assert_true(fabs(sum / (double)n * 100.0 - 1.0) < 4.89 * sqrt(2.0 / (double)n));
    size_t covered = 0;
    for (size_t i = 0; i < net.n_segments; i++) {
        const mad_mlp_segment s = mad_mlp_segment_at(&net, i);
        assert_int_equal(s.begin, covered);
        assert_int_equal(s.begin % 16, 0);
        covered += s.count;
    }
    assert_int_equal(covered, net.n_params);
    free(theta);
}

/* T1.16 and the schedules of the learning rate. */
static void test_schedules(void **state)
{
    (void)state;
    mad_train_options o = {.rate = 2.0,
                           .n_warmup = 10,
                           .decay = MAD_DECAY_COSINE,
                           .ema = MAD_EMA_POWER,
                           .ema_value = 6.94};
    assert_near(mad_train_rate(&o, 1, 110), 0.2, 1e-12);
    assert_near(mad_train_rate(&o, 10, 110), 2.0, 1e-12);
    assert_near(mad_train_rate(&o, 60, 110), 1.0, 1e-12);
    assert_near(mad_train_rate(&o, 110, 110), 0.0, 1e-12);
    o.decay = MAD_DECAY_CONSTANT;
    assert_near(mad_train_rate(&o, 60, 110), 2.0, 1e-12);
    o.n_warmup = 0;
    assert_near(mad_train_rate(&o, 1, 110), 2.0, 1e-12);

    /* power form: weights of theta_1..theta_n sum to 1, relative width of the window 10 % */
    double sum = 0.0, first = 0.0, second = 0.0;
    const size_t n = 5000;
    for (size_t i = 1; i <= n; i++) {
        const double decay = mad_train_ema_decay(&o, i), x = (double)i / (double)n;
        sum = decay * sum + (1.0 - decay);
        first = decay * first + (1.0 - decay) * x;
        second = decay * second + (1.0 - decay) * x * x;
    }
    assert_near(sum, 1.0, 1e-12);
    assert_near(sqrt(second - first * first), 0.1, 1e-3);

    /* constant form: a ramp theta_n = n lags by beta / (1 - beta) */
    o.ema = MAD_EMA_CONSTANT;
    o.ema_value = 0.99;
    double mean = 0.0;
    for (size_t i = 1; i <= n; i++) {
        const double decay = mad_train_ema_decay(&o, i);
        mean = decay * mean + (1.0 - decay) * (double)i;
    }
    assert_near((double)n - mean, 99.0, 1e-6);
    assert_near(mad_train_ema_decay(&o, 1), 2.0 / 11.0, 1e-12);
}

/* One step by hand: Adam's first step moves every parameter by rate * sign(g), whatever clipping
 * did; not-a-number is refused before anything moves. */
static void test_step(void **state)
{
    (void)state;
    mad_ctx *ctx = mad_ctx_create(2);
    mad_arena *mem = mad_arena_create(1 << 20);
    const mad_mlp net = mad_mlp_plan(mad_kernels_for(MAD_ISA_PLAIN), 4, 2, 32, 2);
    float *theta = floats(net.n_params), *mean = floats(net.n_params);
    float *packed = floats(net.n_packed);
    memset(theta, 0, net.n_params * sizeof *theta);
    memset(mean, 0, net.n_params * sizeof *mean);
    mad_train train;
    const mad_train_options o = {.rate = 0.25,
                                 .decay = MAD_DECAY_CONSTANT,
                                 .beta1 = 0.9,
                                 .beta2 = 0.999,
                                 .eps = 1e-12,
                                 .clip = 1.0,
                                 .ema = MAD_EMA_POWER};
    assert_int_equal(mad_train_create(ctx, &net, mem, &train), MAD_OK);
    mad_train_reset(&train);
    train.slot[3] = 30.0f;
    train.slot[7 * net.n_params + 3] = 10.0f;
    train.slot[2 * net.n_params + 4] = -2.0f;
    assert_int_equal(mad_train_step(ctx, &train, &o, 1, 9, theta, mean, packed), MAD_OK);
    assert_near((double)theta[3], -0.25, 1e-6);
    assert_near((double)theta[4], 0.25, 1e-6);
    assert_true(theta[5] == 0.0f && mean[3] == theta[3]); /* power form: decay 0 at step 1 */
    assert_near((double)train.m[3], 4.0 / sqrt(1604.0), 1e-6);
    assert_true(packed[3] == theta[3]);
    assert_true(train.slot[3] == 0.0f && train.slot[7 * net.n_params + 3] == 0.0f);

    const float before = theta[3];
    train.slot[net.n_params + 100] = NAN;
    assert_int_equal(mad_train_step(ctx, &train, &o, 2, 9, theta, mean, packed), MAD_E_NONFINITE);
    assert_true(theta[3] == before);
    size_t n = 0;
    for (size_t i = 0; i < MAD_TRAIN_SHARDS; i++) {
        const size_t begin = mad_train_shard_begin(1001, i);
        assert_int_equal(begin, n);
        n = mad_train_shard_begin(1001, i + 1);
        assert_true(n - begin == 125 || n - begin == 126);
    }
    assert_int_equal(n, 1001);
    free(theta), free(mean), free(packed);
    mad_arena_destroy(mem);
    mad_ctx_destroy(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gradient),  cmocka_unit_test(test_eval), cmocka_unit_test(test_init),
        cmocka_unit_test(test_schedules), cmocka_unit_test(test_step),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

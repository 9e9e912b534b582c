/* tests/unit/test_nn.c: back-propagation against central differences in double; layout, optimiser
 * and schedules by hand-computed values. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/nn/kernels.h"
#include "sim/nn/net.h"
#include "sim/nn/train.h"
#include "tests/support/floats.h"
#include "tests/support/near.h"

static const mad_key key = {.seed = 7, .purpose = MAD_RNG_TEST};
static uint64_t next_item;

static float *normals(size_t n)
{
    return mad_test_draw_floats(mad_rng_open(key, next_item++), n);
}

static mad_net *create(mad_ctx *ctx, mad_arena *mem, const mad_kernels *kernels,
                       const mad_mlp_options *options)
{
    mad_net *net = NULL;
    if (mad_mlp_create(ctx, kernels, options, mem, &net) != MAD_OK) {
        fail_msg("%s", ctx->message);
    }
    return net;
}

static mad_tensor tensor(const mad_net *net, size_t i)
{
    mad_tensor t;
    assert_true(net->type->tensor(net, i, &t));
    return t;
}

/* silu or the identity of t.weight x + t.bias, layer as the tensor table lists them. */
static void affine(const mad_net *net, const double *theta, size_t layer, int act, const double *x,
                   double *y)
{
    const mad_tensor w = tensor(net, 2 * layer), b = tensor(net, 2 * layer + 1);
    for (size_t o = 0; o < w.shape[0]; o++) {
        double z = theta[b.offset + o];
        for (size_t i = 0; i < w.shape[1]; i++) {
            z += theta[w.offset + o * (size_t)w.stride[0] + i * (size_t)w.stride[1]] * x[i];
        }
        y[o] = act ? z / (1.0 + exp(-z)) : z;
    }
}

/* The net in double, from its tensor table; loss = sum of out * pull. */
static double loss_in_double(const mad_net *net, const mad_mlp_options *o, const double *theta,
                             size_t n_rows, const mad_net_work *work, const float *pull)
{
    const mad_tensor freq = tensor(net, 2 * o->depth + 2);
    const double n_in = (double)(o->dim + o->n_classes + o->n_embed);
    double loss = 0.0, y[2][64];
    for (size_t r = 0; r < n_rows; r++) {
        double *x = y[0];
        for (size_t i = 0; i < o->dim; i++) {
            *x++ = sqrt(n_in / (double)o->dim) * (double)work->x[r * o->dim + i];
        }
        for (size_t k = 0; k < o->n_classes; k++) {
            *x++ = (size_t)work->label[r] == k ? sqrt(n_in / 2.0) : 0.0;
        }
        for (size_t j = 0; j < o->n_embed / 2; j++, x++) {
            const double angle = (double)work->c_noise[r] * theta[freq.offset + j];
            x[0] = sqrt(n_in / (double)o->n_embed) * sin(angle);
            x[o->n_embed / 2] = sqrt(n_in / (double)o->n_embed) * cos(angle);
        }
        for (size_t layer = 0; layer <= o->depth; layer++) {
            affine(net, theta, layer, layer < o->depth, y[layer % 2], y[(layer + 1) % 2]);
        }
        for (size_t j = 0; j < o->dim; j++) {
            loss += y[(o->depth + 1) % 2][j] * (double)pull[r * o->dim + j];
        }
    }
    return loss;
}

static void fill_rows(const mad_net *net, uint64_t item, size_t n_rows, mad_net_work *work)
{
    mad_rng rng = mad_rng_open(key, item);
    mad_rng_normals_f32(&rng, n_rows * net->dim, work->x);
    mad_rng_normals_f32(&rng, n_rows, work->c_noise);
    for (size_t r = 0; r < n_rows; r++) { /* n_classes = no class */
        work->label[r] = (int32_t)mad_rng_below(&rng, net->n_classes + 1);
    }
}

/* Every trained parameter: 3 coordinates, 2 classes and none, width 40 (padded to 64), 3 layers. */
static void test_gradient(void **state)
{
    (void)state;
    enum { ROWS = 11 };
    static const mad_mlp_options options = {.dim = 3,
                                            .n_classes = 2,
                                            .width = 40,
                                            .depth = 3,
                                            .n_embed = 6,
                                            .embedding = MAD_EMBED_SINUSOIDAL};
    mad_ctx *ctx = mad_ctx_create(1);
    mad_arena *mem = mad_arena_create(1 << 20);
    for (int isa = MAD_ISA_REFERENCE; isa <= MAD_ISA_AVX512; isa++) {
        const mad_kernels *kernels = mad_kernels_for((mad_isa)isa);
        if (kernels == NULL) {
            continue;
        }
        const mad_net *net = create(ctx, mem, kernels, &options);
        float *theta = mad_test_floats(net->n_params), *grad = mad_test_floats(net->n_params);
        float *packed = mad_test_floats(net->n_packed), *pull = normals(ROWS * net->dim);
        double *wide = malloc(net->n_params * sizeof *wide);
        mad_net_work *work = NULL;
        assert_int_equal(net->type->work_take(ctx, net, 1, mem, &work), MAD_OK);
        net->type->init(net, key, 1000, theta);
        mad_rng rng = mad_rng_open(key, 2000);
        for (size_t layer = 0; layer < options.depth; layer++) { /* biases away from zero */
            const mad_tensor t = tensor(net, 2 * layer + 1);
            for (size_t o = 0; o < t.shape[0]; o++) {
                theta[t.offset + o] = (float)mad_rng_uniform(&rng) - 0.5f;
            }
        }
        mad_net_pack_all(net, theta, packed);
        fill_rows(net, 2001, ROWS, work);
        net->type->forward(net, theta, packed, ROWS, work);
        memcpy(work->out, pull, ROWS * net->dim * sizeof *pull);
        memset(grad, 0, net->n_params * sizeof *grad);
        net->type->backward(net, theta, packed, ROWS, work, grad);
        for (size_t i = 0; i < net->n_params; i++) {
            wide[i] = (double)theta[i];
        }
        const mad_tensor fixed = tensor(net, 2 * options.depth + 2);
        assert_int_equal(fixed.trained, 0);
        size_t n_moving = 0;
        for (size_t i = 0; i < net->n_params; i++) {
            const double h = 1e-5, at = wide[i];
            wide[i] = at + h;
            const double up = loss_in_double(net, &options, wide, ROWS, work, pull);
            wide[i] = at - h;
            const double down = loss_in_double(net, &options, wide, ROWS, work, pull);
            wide[i] = at;
            const double slope = i < fixed.offset ? (up - down) / (2.0 * h) : 0.0;
            n_moving += slope != 0.0;
            if (fabs(slope - (double)grad[i]) > 3e-5 * (1.0 + fabs(slope))) {
                fail_msg("%s: parameter %zu: %.9g against %.9g", kernels->name, i, (double)grad[i],
                         slope);
            }
        }
        assert_int_equal(n_moving, net->n_weights);
        free(theta), free(grad), free(packed), free(pull), free(wide);
    }
    mad_arena_destroy(mem);
    mad_ctx_destroy(ctx);
}

/* Evaluation at one noise level gives the outputs of the full forward pass, up to the order in which
 * the noise inputs enter the first sum; the input groups are of very different size. */
static void test_eval(void **state)
{
    (void)state;
    static const mad_mlp_options options = {.dim = 60,
                                            .n_classes = 5,
                                            .width = 128,
                                            .depth = 3,
                                            .n_embed = 8,
                                            .embedding = MAD_EMBED_FOURIER};
    mad_ctx *ctx = mad_ctx_create(1);
    mad_arena *mem = mad_arena_create(1 << 20);
    const mad_kernels *kernels = NULL;
    assert_int_equal(mad_kernels_choose(ctx, &kernels), MAD_OK);
    const mad_net *net = create(ctx, mem, kernels, &options);
    const size_t rows = net->block_rows;
    float *theta = mad_test_floats(net->n_params), *packed = mad_test_floats(net->n_packed);
    mad_net_work *full = NULL, *bare = NULL;
    assert_int_equal(net->type->work_take(ctx, net, 1, mem, &full), MAD_OK);
    assert_int_equal(net->type->work_take(ctx, net, 0, mem, &bare), MAD_OK);
    net->type->init(net, key, 3000, theta);
    mad_net_pack_all(net, theta, packed);
    fill_rows(net, 4000, rows, full);
    memcpy(bare->x, full->x, rows * net->dim * sizeof *full->x);
    memcpy(bare->label, full->label, rows * sizeof *full->label);
    for (size_t r = 0; r < rows; r++) {
        full->c_noise[r] = -0.7f;
    }
    net->type->forward(net, theta, packed, rows, full);
    net->type->level(net, theta, packed, -0.7f, bare);
    net->type->eval(net, theta, packed, rows, bare);
    for (size_t i = 0; i < rows * net->dim; i++) {
        assert_near((double)bare->out[i], (double)full->out[i], 2e-5);
    }
    free(theta), free(packed);
    mad_arena_destroy(mem);
    mad_ctx_destroy(ctx);
}

/* He: the variance of a hidden weight is 2 / n_in: z of the mean square, 1e-6 two-sided. Segments
 * cover the trained parameters in order; frequencies are geometric from 1 to 32, or normal of sd 16
 * (|z| of their mean square likewise). */
static void test_init(void **state)
{
    (void)state;
    mad_ctx *ctx = mad_ctx_create(1);
    mad_arena *mem = mad_arena_create(1 << 16);
    mad_mlp_options options = {
        .dim = 2, .width = 200, .depth = 3, .n_embed = 32, .embedding = MAD_EMBED_SINUSOIDAL};
    const mad_net *net = create(ctx, mem, mad_kernels_for(MAD_ISA_PLAIN), &options);
    float *theta = mad_test_floats(net->n_params);
    net->type->init(net, key, 5000, theta);
    double sum = 0.0;
    const size_t n = 200 * 200;
    const mad_tensor w = tensor(net, 2);
    assert_string_equal(w.name, "hidden.1.weight");
    for (size_t i = 0; i < 200; i++) {
        for (size_t o = 0; o < (size_t)w.stride[1]; o++) {
            const double x = (double)theta[w.offset + i * (size_t)w.stride[1] + o];
            sum += x * x;
            assert_true(o < 200 || x == 0.0);
        }
    }
    assert_true(fabs(sum / (double)n * 100.0 - 1.0) < 4.89 * sqrt(2.0 / (double)n));
    const mad_tensor freq = tensor(net, 8);
    assert_string_equal(freq.name, "frequencies");
    assert_near((double)theta[freq.offset], 1.0, 1e-6);
    assert_near((double)theta[freq.offset + 15], 32.0, 1e-5);
    mad_tensor none;
    assert_false(net->type->tensor(net, 9, &none));
    size_t covered = 0;
    for (size_t i = 0; i < net->n_segments; i++) {
        const mad_segment s = net->type->segment(net, i);
        assert_int_equal(s.begin, covered);
        assert_int_equal(s.begin % 16, 0);
        covered += s.count;
    }
    assert_int_equal(covered, freq.offset);
    free(theta);

    options.n_embed = 2000;
    options.embedding = MAD_EMBED_FOURIER;
    net = create(ctx, mem, mad_kernels_for(MAD_ISA_PLAIN), &options);
    theta = mad_test_floats(net->n_params);
    net->type->init(net, key, 6000, theta);
    sum = 0.0;
    for (size_t j = 0; j < 1000; j++) {
        const double f = (double)theta[tensor(net, 8).offset + j] / 16.0;
        sum += f * f;
    }
    assert_true(fabs(sum / 1000.0 - 1.0) < 4.89 * sqrt(2.0 / 1000.0));
    free(theta);
    mad_arena_destroy(mem);
    mad_ctx_destroy(ctx);
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
    const mad_mlp_options options = {.dim = 2, .width = 32, .depth = 2, .n_embed = 2};
    const mad_net *net = create(ctx, mem, mad_kernels_for(MAD_ISA_PLAIN), &options);
    float *theta = mad_test_floats(net->n_params), *mean = mad_test_floats(net->n_params);
    float *packed = mad_test_floats(net->n_packed);
    memset(theta, 0, net->n_params * sizeof *theta);
    memset(mean, 0, net->n_params * sizeof *mean);
    mad_train train;
    const mad_train_options o = {.rate = 0.25,
                                 .decay = MAD_DECAY_CONSTANT,
                                 .beta1 = 0.9,
                                 .beta2 = 0.999,
                                 .eps = 1e-12,
                                 .clip = 1.0,
                                 .ema = MAD_EMA_POWER};
    assert_int_equal(mad_train_create(ctx, net, mem, &train), MAD_OK);
    mad_train_reset(&train);
    train.slot[3] = 30.0f;
    train.slot[7 * net->n_params + 3] = 10.0f;
    train.slot[2 * net->n_params + 4] = -2.0f;
    assert_int_equal(mad_train_step(ctx, &train, &o, 1, 9, theta, mean, packed), MAD_OK);
    assert_near((double)theta[3], -0.25, 1e-6);
    assert_near((double)theta[4], 0.25, 1e-6);
    assert_true(theta[5] == 0.0f && mean[3] == theta[3]); /* power form: decay 0 at step 1 */
    assert_near((double)train.m[3], 4.0 / sqrt(1604.0), 1e-6);
    assert_true(packed[3] == theta[3]);
    assert_true(train.slot[3] == 0.0f && train.slot[7 * net->n_params + 3] == 0.0f);

    const float before = theta[3];
    train.slot[net->n_params + 100] = NAN;
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

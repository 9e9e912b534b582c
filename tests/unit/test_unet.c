/* tests/unit/test_unet.c: the U-Net against an oracle in double (tests/support/unet_double.h):
 * outputs, and the gradient of every parameter tensor by central differences; kernels against each
 * other; evaluation, grouping of rows, memory. */
#include <malloc.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/tensor.h"
#include "tests/support/unet_28.h"
#include "tests/support/unet_double.h"

static const mad_key key = {.seed = 3, .purpose = MAD_RNG_TEST};

typedef struct shape {
    const char *name;
    size_t n_rows;
    mad_unet_options o;
} shape;

static const shape shapes[] = {
    {"one level of 7x7, batch 1",
     1,
     {.height = 7,
      .width = 7,
      .channels = 1,
      .patch = 1,
      .base = 8,
      .n_levels = 1,
      .mult = {1},
      .n_blocks = 1,
      .groups = 4,
      .n_embed = 6,
      .n_hidden = 20}},
    {"base 24, 2 blocks, attention first",
     2,
     {.height = 4,
      .width = 6,
      .channels = 3,
      .n_classes = 3,
      .patch = 1,
      .base = 24,
      .n_levels = 2,
      .mult = {1, 2},
      .n_blocks = 2,
      .attention = {1, 0},
      .groups = 8,
      .n_embed = 10,
      .n_hidden = 40,
      .embedding = MAD_EMBED_FOURIER}},
    {"4 channels, patch 2",
     2,
     {.height = 8,
      .width = 16,
      .channels = 4,
      .n_classes = 2,
      .patch = 2,
      .base = 8,
      .n_levels = 3,
      .mult = {2, 1, 3},
      .n_blocks = 1,
      .attention = {0, 1, 1},
      .groups = 2,
      .n_embed = 8,
      .n_hidden = 33}},
    {"peer of 4x4, level of 1 pixel",
     4,
     {.height = 4,
      .width = 4,
      .channels = 1,
      .n_classes = 10,
      .patch = 1,
      .base = 16,
      .n_levels = 3,
      .mult = {1, 2, 2},
      .n_blocks = 1,
      .attention = {0, 0, 1},
      .groups = 8,
      .n_embed = 32,
      .n_hidden = 64}},
};
/* Rounding errors of float grow about like the square root of the number of operations in a chain of
 * some 30 layers; measured 1e-7 to 8e-7. */
#define LIMIT 1e-5

enum { N_SHAPES = sizeof shapes / sizeof *shapes };

typedef struct fixture {
    mad_ctx *ctx;
    mad_arena *mem;
    const mad_net *net;
    const mad_unet_options *o;
    size_t n_rows;
    float *theta, *packed, *grad, *x, *c_noise, *pull;
    int32_t *label;
} fixture;

static float *floats(const fixture *f, size_t n)
{
    float *x = mad_arena_take(f->mem, n, sizeof *x);
    assert_non_null(x);
    return x;
}

/* Random parameters, the last convolution's too, random rows; the last row has no class. */
static fixture make(const mad_kernels *kernels, const mad_unet_options *o, size_t n_rows)
{
    fixture f = {
        .ctx = mad_ctx_create(1), .mem = mad_arena_create(1 << 24), .o = o, .n_rows = n_rows};
    mad_net *net = NULL;
    if (mad_unet_create(f.ctx, kernels, o, f.mem, &net) != MAD_OK) {
        fail_msg("%s", f.ctx->message);
    }
    f.net = net;
    f.theta = floats(&f, net->n_params);
    f.packed = floats(&f, net->n_packed);
    f.grad = floats(&f, net->n_params);
    f.x = floats(&f, n_rows * net->dim);
    f.pull = floats(&f, n_rows * net->dim);
    f.c_noise = floats(&f, n_rows);
    f.label = mad_arena_take(f.mem, n_rows, sizeof *f.label);
    net->type->init(net, key, 100, f.theta);
    mad_rng rng = mad_rng_open(key, 99);
    mad_tensor t;
    for (size_t i = 0; net->type->tensor(net, i, &t); i++) {
        for (size_t j = 0; t.trained && j < mad_test_tensor_count(&t); j++) {
            f.theta[mad_test_tensor_at(&t, j)] += 0.2f * ((float)mad_rng_uniform(&rng) - 0.5f);
        }
    }
    mad_net_pack_all(net, f.theta, f.packed);
    mad_rng_normals_f32(&rng, n_rows * net->dim, f.x);
    mad_rng_normals_f32(&rng, n_rows * net->dim, f.pull);
    mad_rng_normals_f32(&rng, n_rows, f.c_noise);
    for (size_t r = 0; r < n_rows; r++) {
        f.label[r] = (int32_t)(r + 1 < n_rows ? r % (o->n_classes + 1) : o->n_classes);
    }
    return f;
}

static void drop(fixture *f)
{
    mad_arena_destroy(f->mem);
    mad_ctx_destroy(f->ctx);
}

static mad_net_work *take_work(const fixture *f, int for_training)
{
    mad_net_work *work = NULL;
    assert_int_equal(f->net->type->work_take(f->ctx, f->net, for_training, f->mem, &work), MAD_OK);
    return work;
}

static void fill(const fixture *f, size_t first, size_t n, mad_net_work *work)
{
    const size_t dim = f->net->dim;
    memcpy(work->x, f->x + first * dim, n * dim * sizeof *f->x);
    memcpy(work->c_noise, f->c_noise + first, n * sizeof *f->c_noise);
    memcpy(work->label, f->label + first, n * sizeof *f->label);
}

/* Forward and backward of rows first..first+n-1; out gets the outputs. */
static void pass(const fixture *f, size_t first, size_t n, mad_net_work *work, float *out)
{
    const mad_net *net = f->net;
    fill(f, first, n, work);
    net->type->forward(net, f->theta, f->packed, n, work);
    memcpy(out + first * net->dim, work->out, n * net->dim * sizeof *out);
    memcpy(work->out, f->pull + first * net->dim, n * net->dim * sizeof *out);
    net->type->backward(net, f->theta, f->packed, n, work, f->grad);
}

static double *widen(const fixture *f)
{
    double *wide = mad_arena_take(f->mem, f->net->n_params, sizeof *wide);
    for (size_t i = 0; i < f->net->n_params; i++) {
        wide[i] = (double)f->theta[i];
    }
    return wide;
}

static double loss_in_double(const fixture *f, const double *theta, double *out)
{
    double loss = 0.0;
    mad_unet_double(f->net, f->o, theta, f->n_rows, f->x, f->c_noise, f->label, out);
    for (size_t i = 0; i < f->n_rows * f->net->dim; i++) {
        loss += out[i] * (double)f->pull[i];
    }
    return loss;
}

static double norm_of(size_t n, const double *x)
{
    double sum = 0.0;
    for (size_t i = 0; i < n; i++) {
        sum += x[i] * x[i];
    }
    return sqrt(sum);
}

/* Direction i that moves every element of tensor t. */
static void draw_direction(const mad_tensor *t, size_t i, double *u)
{
    mad_rng rng = mad_rng_open(key, 1000 + i);
    mad_rng_normals(&rng, mad_test_tensor_count(t), u);
}

/* slope[i]: derivative of the loss along direction i, by central differences in double. */
static void slopes_in_double(const fixture *f, double *slope)
{
    const mad_net *net = f->net;
    const double h = 1e-5;
    double *wide = widen(f), *out = mad_arena_take(f->mem, f->n_rows * net->dim, sizeof *out);
    double *moved = mad_arena_take(f->mem, net->n_params, sizeof *moved);
    double *u = mad_arena_take(f->mem, net->n_params, sizeof *u);
    mad_tensor t;
    for (size_t i = 0; net->type->tensor(net, i, &t); i++) {
        draw_direction(&t, i, u);
        slope[i] = 0.0;
        for (int side = 1; side >= -1 && t.trained; side -= 2) {
            memcpy(moved, wide, net->n_params * sizeof *wide);
            for (size_t j = 0; j < mad_test_tensor_count(&t); j++) {
                moved[mad_test_tensor_at(&t, j)] += side * h * u[j];
            }
            slope[i] += side * loss_in_double(f, moved, out) / (2.0 * h);
        }
    }
}

/* Of each tensor, the gradient's component along its direction against the slope: a wrong element
 * shows whatever the others are. Unit of the error: the direction's norm times (the tensor's
 * gradient norm and a hundredth of the whole's, since some gradients are 0 in exact arithmetic: a
 * key's bias). Elements that no tensor names are pads: their gradient is 0 exactly. */
static double gradient_error(const fixture *f, const double *slope)
{
    const mad_net *net = f->net;
    double *u = mad_arena_take(f->mem, net->n_params, sizeof *u);
    unsigned char *named = mad_arena_take(f->mem, net->n_params, 1);
    double worst = 0.0, all = 0.0;
    mad_tensor t;
    for (size_t i = 0; i < net->n_params; i++) {
        all += (double)f->grad[i] * (double)f->grad[i];
    }
    for (size_t i = 0; net->type->tensor(net, i, &t); i++) {
        double along = 0.0, size = 0.0;
        draw_direction(&t, i, u);
        for (size_t j = 0; j < mad_test_tensor_count(&t); j++) {
            const double g = (double)f->grad[mad_test_tensor_at(&t, j)];
            assert_int_equal(named[mad_test_tensor_at(&t, j)], 0);
            named[mad_test_tensor_at(&t, j)] = 1;
            along += g * u[j];
            size += g * g;
        }
        assert_true(t.trained || size == 0.0);
        const double error = fabs(along - slope[i]) / ((sqrt(size) + 0.01 * sqrt(all)) *
                                                       norm_of(mad_test_tensor_count(&t), u));
        worst = fmax(worst, error);
    }
    for (size_t i = 0; i < net->n_params; i++) {
        assert_true(named[i] || f->grad[i] == 0.0f);
    }
    return worst;
}

static double output_error(const fixture *f, const float *out)
{
    const size_t n = f->n_rows * f->net->dim;
    double *exact = mad_arena_take(f->mem, n, sizeof *exact), miss = 0.0;
    (void)loss_in_double(f, widen(f), exact);
    for (size_t i = 0; i < n; i++) {
        miss = fmax(miss, fabs((double)out[i] - exact[i]));
    }
    return miss / (norm_of(n, exact) / sqrt((double)n));
}

/* Every kernel table; twins: the gradient without the last row, and one element of one tensor off by
 * a thousandth of the tensor's norm. */
static void test_gradient(void **state)
{
    (void)state;
    for (size_t s = 0; s < N_SHAPES; s++) {
        double *slope = calloc(512, sizeof *slope);
        for (int isa = MAD_ISA_REFERENCE; isa <= MAD_ISA_AVX512; isa++) {
            const mad_kernels *kernels = mad_kernels_for((mad_isa)isa);
            if (kernels == NULL) {
                continue;
            }
            fixture f = make(kernels, &shapes[s].o, shapes[s].n_rows);
            mad_net_work *work = take_work(&f, 1);
            float *out = floats(&f, f.n_rows * f.net->dim);
            if (isa == MAD_ISA_REFERENCE) {
                slopes_in_double(&f, slope);
            }
            pass(&f, 0, f.n_rows, work, out);
            const double miss = output_error(&f, out), worst = gradient_error(&f, slope);
            print_message("%s, %s: largest error of outputs %.1e rms, of gradients %.1e norm\n",
                          shapes[s].name, kernels->name, miss, worst);
            assert_true(miss < LIMIT && worst < LIMIT);
            mad_tensor t;
            assert_true(f.net->type->tensor(f.net, 3, &t));
            double size = 0.0;
            for (size_t j = 0; j < mad_test_tensor_count(&t); j++) {
                size += pow((double)f.grad[mad_test_tensor_at(&t, j)], 2.0);
            }
            f.grad[mad_test_tensor_at(&t, 1)] += 1e-3f * (float)sqrt(size);
            assert_true(gradient_error(&f, slope) > LIMIT);
            memset(f.grad, 0, f.net->n_params * sizeof *f.grad);
            pass(&f, 0, f.n_rows - 1, work, out);
            assert_true(gradient_error(&f, slope) > LIMIT);
            drop(&f);
        }
        free(slope);
    }
}

/* At 28x28 fine levels run in chunks smaller than the block. One row at a time gives the bits of the
 * whole block forward, and sums of gradients up to their order; evaluation at one level gives the
 * bits of forward. Nothing is allocated on the way. */
static void test_rows(void **state)
{
    (void)state;
    const mad_kernels *kernels = NULL;
    mad_ctx *ctx = mad_ctx_create(1);
    assert_int_equal(mad_kernels_choose(ctx, &kernels), MAD_OK);
    mad_ctx_destroy(ctx);
    fixture f = make(kernels, &mad_test_unet_28, 7);
    const mad_net *net = f.net;
    const size_t n = f.n_rows * net->dim;
    assert_true(net->block_rows >= f.n_rows);
    mad_net_work *work = take_work(&f, 1), *bare = take_work(&f, 0);
    float *whole = floats(&f, n), *single = floats(&f, n), *grad = floats(&f, net->n_params);
    for (size_t r = 0; r < f.n_rows; r++) {
        f.c_noise[r] = 0.4f;
    }
    const size_t n_bytes = mad_arena_bytes(f.mem), in_use = mallinfo2().uordblks;
    pass(&f, 0, f.n_rows, work, whole);
    memcpy(grad, f.grad, net->n_params * sizeof *grad);
    memset(f.grad, 0, net->n_params * sizeof *grad);
    for (size_t r = 0; r < f.n_rows; r++) {
        pass(&f, r, 1, work, single);
    }
    assert_memory_equal(single, whole, n * sizeof *whole);
    net->type->level(net, f.theta, f.packed, 0.4f, bare);
    fill(&f, 0, f.n_rows, bare);
    net->type->eval(net, f.theta, f.packed, f.n_rows, bare);
    assert_memory_equal(bare->out, whole, n * sizeof *whole);
    assert_int_equal(mad_arena_bytes(f.mem), n_bytes);
    assert_int_equal(mallinfo2().uordblks, in_use);
    double miss = 0.0, all = 0.0;
    for (size_t i = 0; i < net->n_params; i++) {
        miss += pow((double)grad[i] - (double)f.grad[i], 2.0);
        all += pow((double)grad[i], 2.0);
    }
    assert_true(sqrt(miss) < LIMIT * sqrt(all) && all > 0.0);
    drop(&f);
}

/* One weight that is not a number shows in every output, on every path. */
static void test_not_a_number(void **state)
{
    (void)state;
    for (int isa = MAD_ISA_REFERENCE; isa <= MAD_ISA_AVX512; isa++) {
        const mad_kernels *kernels = mad_kernels_for((mad_isa)isa);
        if (kernels == NULL) {
            continue;
        }
        fixture f = make(kernels, &shapes[1].o, 2);
        mad_net_work *work = take_work(&f, 1);
        float *out = floats(&f, 2 * f.net->dim);
        mad_tensor t;
        assert_true(f.net->type->tensor(f.net, 7, &t));
        f.theta[mad_test_tensor_at(&t, 0)] = NAN;
        mad_net_pack_all(f.net, f.theta, f.packed);
        pass(&f, 0, 2, work, out);
        for (size_t i = 0; i < 2 * f.net->dim; i++) {
            assert_true(isnan(out[i]));
        }
        drop(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gradient),
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_not_a_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

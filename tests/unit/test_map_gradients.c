/* tests/unit/test_map_gradients.c: every backward pass on feature maps is the derivative of its
 * forward pass. The reference kernels, with numbers stored as double, are compared with central
 * differences of L = sum_j weight_j out_j for every input in turn. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sim/base/rng.h"

typedef struct conv_add_f64 {
    const double *bias, *shift, *map;
} conv_add_f64;

#define MAD_REAL     double
#define MAD_CONV_ADD conv_add_f64
#include "sim/nn/maps_ref.h"

static const mad_key key = {.seed = 11, .purpose = MAD_RNG_TEST};
static uint64_t next_item;

static double *zeros(size_t n)
{
    double *x = calloc(n + 1, sizeof *x);
    assert_non_null(x);
    return x;
}

static double *normals(size_t n)
{
    double *x = zeros(n);
    mad_rng rng = mad_rng_open(key, next_item++);
    mad_rng_normals(&rng, n, x);
    return x;
}

static size_t n_floats(mad_maps shape)
{
    return (shape.n * shape.h * (shape.w + 1) + 1) * shape.c;
}

/* Buffer of maps; random numbers in the first n_channels of each real pixel, when `random`. */
static double *maps(mad_maps shape, size_t n_channels, int random)
{
    double *buffer = zeros(n_floats(shape)), *values = normals(n_floats(shape));
    for (size_t row = 0; random && row < shape.n * shape.h; row++) {
        for (size_t xx = 0; xx < shape.w; xx++) {
            const size_t at = shape.c + pixel(shape, 0, row, xx);
            memcpy(buffer + at, values + at, n_channels * sizeof *values);
        }
    }
    free(values);
    return buffer;
}

/* An operation under test: forward(self) fills out; weight is dL/dout. */
typedef struct operation {
    mad_conv conv;
    mad_maps shape;
    size_t n_channels, groups; /* of norm and attention; channels of windows and pool */
    size_t side;               /* of windows */
    int act;
    double *x, *w, *bias, *shift, *add; /* what forward reads; unused ones are NULL */
    double *out;
    size_t n_out;
    const double *weight;
    void (*forward)(struct operation *self);
} operation;

static double loss(operation *o)
{
    double sum = 0.0;
    o->forward(o);
    for (size_t j = 0; j < o->n_out; j++) {
        sum += o->weight[j] * o->out[j];
    }
    return sum;
}

/* Inputs of which the gradient is wrong. Zero inputs are pads and edges: their gradient is 0.
 * Error of a central difference: h^2 / 6 times the third derivative, and rounding 1e-16 L / h. */
static size_t n_wrong(operation *o, size_t n, double *input, const double *gradient)
{
    const double h = 1e-4;
    size_t wrong = 0;
    for (size_t i = 0; i < n; i++) {
        const double before = input[i];
        if (before == 0.0) {
            wrong += gradient[i] != 0.0;
            continue;
        }
        input[i] = before + h;
        const double above = loss(o);
        input[i] = before - h;
        const double below = loss(o);
        input[i] = before;
        const double slope = (above - below) / (2.0 * h);
        wrong += !(fabs(slope - gradient[i]) <= 1e-6 * (1.0 + fabs(slope)));
    }
    return wrong;
}

/* ---- convolution ---- */

static void forward_conv(operation *o)
{
    const mad_maps out = conv_output(&o->conv, o->shape.n);
    const conv_add_f64 add = {o->bias, o->shift, o->add + out.c};
    conv(&o->conv, o->shape.n, o->x + o->conv.c_in, o->w, add, NULL, o->out + out.c);
}

static void check_conv(mad_conv c, size_t n)
{
    const mad_maps in = conv_input(&c, n), out = conv_output(&c, n);
    const size_t n_w = c.taps * c.c_in * c.c_out;
    double *weight = maps(out, c.c_out, 1);
    operation o = {.conv = c,
                   .shape = in,
                   .x = maps(in, c.c_in, 1),
                   .w = normals(n_w),
                   .bias = normals(c.c_out),
                   .shift = normals(n * c.c_out),
                   .add = maps(out, c.c_out, 1),
                   .out = maps(out, c.c_out, 0),
                   .n_out = n_floats(out),
                   .weight = weight,
                   .forward = forward_conv};
    double *dx = maps(in, c.c_in, 0), *dw = zeros(n_w), *shift = zeros(n * c.c_out);
    double *bias = zeros(c.c_out);
    conv_back(&c, n, weight + c.c_out, o.w, NULL, NULL, dx + c.c_in);
    conv_back_weights(&c, n, o.x + c.c_in, weight + c.c_out, NULL, dw);
    sum_pixels(out, weight + c.c_out, shift);
    for (size_t i = 0; i < n * c.c_out; i++) {
        bias[i % c.c_out] += shift[i];
    }
    assert_int_equal(n_wrong(&o, n_floats(in), o.x, dx), 0);
    assert_int_equal(n_wrong(&o, n_w, o.w, dw), 0);
    assert_int_equal(n_wrong(&o, c.c_out, o.bias, bias), 0);
    assert_int_equal(n_wrong(&o, n * c.c_out, o.shift, shift), 0);
    assert_int_equal(n_wrong(&o, n_floats(out), o.add, weight), 0);
    /* sabotaged twins: the middle tap missing; the accumulated gradient not zeroed */
    double *w = zeros(n_w);
    memcpy(w, o.w, n_w * sizeof *w);
    memset(w + c.taps / 2 * c.c_in * c.c_out, 0, c.c_in * c.c_out * sizeof *w);
    conv_back(&c, n, weight + c.c_out, w, NULL, NULL, dx + c.c_in);
    assert_true(n_wrong(&o, n_floats(in), o.x, dx) > 0);
    conv_back_weights(&c, n, o.x + c.c_in, weight + c.c_out, NULL, dw);
    assert_true(n_wrong(&o, n_w, o.w, dw) > 0);
    /* add_to: the gradient that came another way */
    memcpy(dx, o.x, n_floats(in) * sizeof *dx);
    conv_back(&c, n, weight + c.c_out, o.w, dx + c.c_in, NULL, dx + c.c_in);
    for (size_t i = 0; i < n_floats(in); i++) {
        dx[i] -= o.x[i];
    }
    assert_int_equal(n_wrong(&o, n_floats(in), o.x, dx), 0);
    free(o.x), free(o.w), free(o.bias), free(o.shift), free(o.add), free(o.out);
    free(weight), free(dx), free(dw), free(shift), free(bias), free(w);
}

static void test_conv(void **state)
{
    (void)state;
    check_conv((mad_conv){5, 3, 9, 1, 2, 3}, 2);
    check_conv((mad_conv){1, 1, 9, 1, 3, 2}, 1);
    check_conv((mad_conv){4, 4, 9, 2, 2, 2}, 2);
    check_conv((mad_conv){5, 7, 9, 2, 2, 3}, 1);
    check_conv((mad_conv){3, 2, 1, 1, 3, 2}, 2);
}

/* ---- windows: with a 1x1 convolution behind or in front they are one of their side ---- */

static void forward_windows(operation *o)
{
    windows(o->shape, o->side, o->n_channels, o->x, o->out + o->shape.c);
}

static void forward_gather(operation *o)
{
    gather_windows(o->shape, o->side, o->n_channels, o->x + o->shape.c, o->bias, o->out);
}

static void check_windows(mad_maps shape, size_t side, size_t channels)
{
    const size_t n_dense = shape.n * shape.h * shape.w * channels;
    double *weight = maps(shape, side * side * channels, 1), *dense_weight = normals(n_dense);
    operation o = {.shape = shape,
                   .n_channels = channels,
                   .side = side,
                   .x = normals(n_dense),
                   .out = maps(shape, shape.c, 0),
                   .n_out = n_floats(shape),
                   .weight = weight,
                   .forward = forward_windows};
    operation gather = {.shape = shape,
                        .n_channels = channels,
                        .side = side,
                        .x = maps(shape, side * side * channels, 1),
                        .bias = normals(channels),
                        .out = zeros(n_dense),
                        .n_out = n_dense,
                        .weight = dense_weight,
                        .forward = forward_gather};
    double *dx = zeros(n_dense), *dmaps = maps(shape, shape.c, 0), *dbias = zeros(channels);
    gather_windows(shape, side, channels, weight + shape.c, NULL, dx);
    windows(shape, side, channels, dense_weight, dmaps + shape.c);
    for (size_t i = 0; i < n_dense; i++) {
        dbias[i % channels] += dense_weight[i];
    }
    assert_int_equal(n_wrong(&o, n_dense, o.x, dx), 0);
    assert_int_equal(n_wrong(&gather, n_floats(shape), gather.x, dmaps), 0);
    assert_int_equal(n_wrong(&gather, channels, gather.bias, dbias), 0);
    free(weight), free(dense_weight), free(o.x), free(o.out), free(gather.x), free(gather.bias);
    free(gather.out), free(dx), free(dmaps), free(dbias);
}

/* windows and a 1x1 convolution = the 3x3 convolution. */
static void check_windows_are_conv(size_t h, size_t w, size_t channels)
{
    const mad_conv big = {h, w, 9, 1, channels, 4};
    const mad_conv small = {h, w, 1, 1, 9 * channels, 4};
    const mad_maps in = {2, h, w, channels}, wide = {2, h, w, 9 * channels}, out = {2, h, w, 4};
    double *x = maps(in, channels, 1), *dense = zeros(2 * h * w * channels);
    double *theta = normals(9 * channels * 4), *wide_x = maps(wide, wide.c, 0);
    double *a = maps(out, 4, 0), *b = maps(out, 4, 0);
    const conv_add_f64 none = {NULL, NULL, NULL};
    for (size_t p = 0; p < 2 * h * w; p++) {
        memcpy(dense + p * channels, x + channels + pixel(in, 0, p / w, p % w),
               channels * sizeof *x);
    }
    conv(&big, 2, x + channels, theta, none, NULL, a + 4);
    windows(wide, 3, channels, dense, wide_x + wide.c);
    conv(&small, 2, wide_x + wide.c, theta, none, NULL, b + 4);
    for (size_t i = 0; i < n_floats(out); i++) {
        assert_true(fabs(a[i] - b[i]) <= 1e-12);
    }
    free(x), free(dense), free(theta), free(wide_x), free(a), free(b);
}

static void test_windows(void **state)
{
    (void)state;
    check_windows((mad_maps){2, 5, 3, 10}, 3, 1);
    check_windows((mad_maps){1, 1, 2, 18}, 3, 2);
    check_windows((mad_maps){2, 5, 3, 26}, 5, 1);
    check_windows((mad_maps){1, 2, 6, 50}, 5, 2);
    check_windows_are_conv(5, 3, 1);
    check_windows_are_conv(4, 2, 3);
}

/* ---- normalisation ---- */

static void forward_norm(operation *o)
{
    const size_t n_stat = o->shape.n * o->groups * 2;
    double *stat = zeros(n_stat);
    norm(o->shape, o->n_channels, o->groups, o->act, o->x + o->shape.c, o->w, o->bias, stat,
         o->out + o->shape.c);
    free(stat);
}

static void check_norm(mad_maps shape, size_t n_channels, size_t groups, int act)
{
    double *weight = maps(shape, n_channels, 1), *stat = zeros(shape.n * groups * 2);
    operation o = {.shape = shape,
                   .n_channels = n_channels,
                   .groups = groups,
                   .act = act,
                   .x = maps(shape, n_channels, 1),
                   .w = normals(shape.c),
                   .bias = normals(shape.c),
                   .out = maps(shape, shape.c, 0),
                   .n_out = n_floats(shape),
                   .weight = weight,
                   .forward = forward_norm};
    memset(o.w + n_channels, 0, (shape.c - n_channels) * sizeof *o.w);
    memset(o.bias + n_channels, 0, (shape.c - n_channels) * sizeof *o.bias);
    double *dx = maps(shape, shape.c, 0), *dgamma = zeros(shape.c), *dbeta = zeros(shape.c);
    norm(shape, n_channels, groups, act, o.x + shape.c, o.w, o.bias, stat, o.out + shape.c);
    norm_back(shape, n_channels, groups, act, o.x + shape.c, o.w, o.bias, stat, weight + shape.c,
              NULL, dgamma, dbeta, dx + shape.c);
    assert_int_equal(n_wrong(&o, n_floats(shape), o.x, dx), 0);
    assert_int_equal(n_wrong(&o, shape.c, o.w, dgamma), 0);
    assert_int_equal(n_wrong(&o, shape.c, o.bias, dbeta), 0);
    /* sabotaged twin: the mean's own gradient forgotten (dx = gamma dz / sd) */
    for (size_t i = 0; i < n_floats(shape) && !act; i++) {
        const size_t k = i % shape.c, image = i / (shape.h * (shape.w + 1) * shape.c);
        if (k < n_channels && image < shape.n) {
            dx[i] = weight[i] * o.w[k] * stat[(image * groups + k / (n_channels / groups)) * 2 + 1];
        }
    }
    assert_true(act || n_wrong(&o, n_floats(shape), o.x, dx) > 0);
    free(weight), free(stat), free(o.x), free(o.w), free(o.bias), free(o.out), free(dx);
    free(dgamma), free(dbeta);
}

static void test_norm(void **state)
{
    (void)state;
    for (int act = 0; act < 2; act++) {
        check_norm((mad_maps){2, 5, 3, 8}, 6, 2, act);
        check_norm((mad_maps){1, 2, 2, 12}, 12, 4, act);
        check_norm((mad_maps){2, 1, 1, 4}, 4, 1, act);
    }
}

/* ---- change of size ---- */

static void forward_grow(operation *o)
{
    grow(o->shape, o->x + o->shape.c, o->out + o->shape.c);
}

static void test_grow(void **state)
{
    (void)state;
    const mad_maps shape = {2, 3, 2, 4}, big = {2, 6, 4, 4};
    double *weight = maps(big, 4, 1), *dx = maps(shape, 4, 0);
    operation o = {.shape = shape,
                   .x = maps(shape, 4, 1),
                   .out = maps(big, 4, 0),
                   .n_out = n_floats(big),
                   .weight = weight,
                   .forward = forward_grow};
    grow_back(shape, weight + 4, dx + 4);
    assert_int_equal(n_wrong(&o, n_floats(shape), o.x, dx), 0);
    free(weight), free(dx), free(o.x), free(o.out);
}

/* ---- pooling ---- */

static void forward_pool(operation *o)
{
    pool(o->shape, o->n_channels, o->x + o->shape.c, o->out);
}

static void check_pool(mad_maps shape, size_t channels)
{
    const size_t n_out = shape.n * (shape.h / 2) * (shape.w / 2) * channels;
    double *weight = normals(n_out), *dx = maps(shape, shape.c, 0);
    operation o = {.shape = shape,
                   .n_channels = channels,
                   .x = maps(shape, channels, 1),
                   .out = zeros(n_out),
                   .n_out = n_out,
                   .weight = weight,
                   .forward = forward_pool};
    pool_back(shape, channels, o.x + shape.c, weight, dx + shape.c);
    assert_int_equal(n_wrong(&o, n_floats(shape), o.x, dx), 0);
    /* sabotaged twin: the gradient goes to all four */
    for (size_t i = 0; i < n_out; i++) {
        const size_t p = i / channels, w = shape.w / 2, y = p / w % (shape.h / 2) * 2;
        const size_t image = p / (w * (shape.h / 2));
        for (size_t j = 0; j < 4; j++) {
            dx[shape.c + pixel(shape, image, y + j / 2, p % w * 2 + j % 2) + i % channels] =
                weight[i];
        }
    }
    assert_true(n_wrong(&o, n_floats(shape), o.x, dx) > 0);
    free(weight), free(dx), free(o.x), free(o.out);
}

static void test_pool(void **state)
{
    (void)state;
    check_pool((mad_maps){2, 4, 6, 4}, 3);
    check_pool((mad_maps){3, 5, 7, 3}, 3);
}

/* ---- attention ---- */

static void forward_attention(operation *o)
{
    const size_t n_tokens = o->shape.h * o->shape.w;
    double *p = zeros(o->shape.n * n_tokens * padded(n_tokens));
    attention(o->shape, o->n_channels, o->x + 3 * o->shape.c, NULL, p, o->out + o->shape.c);
    free(p);
}

static void check_attention(mad_maps shape, size_t n_channels)
{
    const size_t n_tokens = shape.h * shape.w, n_p = shape.n * n_tokens * padded(n_tokens);
    const mad_maps wide = {shape.n, shape.h, shape.w, 3 * shape.c};
    double *weight = maps(shape, n_channels, 1), *dx = maps(wide, wide.c, 0), *p = zeros(n_p);
    operation o = {.shape = shape,
                   .n_channels = n_channels,
                   .x = maps(wide, wide.c, 1),
                   .out = maps(shape, shape.c, 0),
                   .n_out = n_floats(shape),
                   .weight = weight,
                   .forward = forward_attention};
    for (size_t i = 0; i < n_floats(wide); i++) {
        o.x[i] = i % shape.c < n_channels ? o.x[i] : 0.0;
    }
    attention(shape, n_channels, o.x + wide.c, NULL, p, o.out + shape.c);
    attention_back(shape, n_channels, o.x + wide.c, weight + shape.c, NULL, p, dx + wide.c);
    assert_int_equal(n_wrong(&o, n_floats(wide), o.x, dx), 0);
    free(weight), free(dx), free(p), free(o.x), free(o.out);
}

static void test_attention(void **state)
{
    (void)state;
    check_attention((mad_maps){2, 3, 2, 4}, 3);
    check_attention((mad_maps){1, 1, 1, 2}, 2);
    check_attention((mad_maps){1, 5, 4, 3}, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_conv), cmocka_unit_test(test_windows),
        cmocka_unit_test(test_norm), cmocka_unit_test(test_grow),
        cmocka_unit_test(test_pool), cmocka_unit_test(test_attention),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

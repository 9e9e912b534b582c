/* tests/unit/test_lenet.c: the classifier against a forward pass written from its equations in double,
 * on [c][h][w] maps with weights found by name; gradients against central differences of that. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sim/nn/lenet.h"
#include "tests/support/tensor.h"

enum { N_ROWS = 3 };

static const mad_key key = {.seed = 5, .purpose = MAD_RNG_TEST};

typedef struct subject {
    mad_ctx *ctx;
    mad_arena *mem;
    mad_lenet_options options;
    mad_net *net;
    mad_net_work *work;
    float *theta, *packed;
    double *theta64; /* what the double pass reads: may be moved */
    int32_t label[N_ROWS];
} subject;

static subject open_subject(const mad_kernels *kernels, mad_lenet_options options)
{
    subject s = {.ctx = mad_ctx_create(1), .mem = mad_arena_create(1 << 20), .options = options};
    assert_non_null(s.ctx);
    assert_int_equal(mad_lenet_create(s.ctx, kernels, &options, s.mem, &s.net), MAD_OK);
    s.theta = mad_arena_take(s.mem, s.net->n_params, sizeof *s.theta);
    s.theta64 = mad_arena_take(s.mem, s.net->n_params, sizeof *s.theta64);
    s.packed = mad_arena_take(s.mem, s.net->n_packed, sizeof *s.packed);
    s.net->type->init(s.net, key, 0, s.theta);
    mad_tensor t;
    mad_rng rng = mad_rng_open(key, 1000);
    for (size_t i = 1; s.net->type->tensor(s.net, i, &t); i += 2) { /* biases that are not zero */
        mad_rng_normals_f32(&rng, t.shape[0], s.theta + t.offset);
    }
    for (size_t i = 0; i < s.net->n_params; i++) {
        s.theta64[i] = (double)s.theta[i];
    }
    mad_net_pack_all(s.net, s.theta, s.packed);
    assert_int_equal(s.net->type->work_take(s.ctx, s.net, 1, s.mem, &s.work), MAD_OK);
    rng = mad_rng_open(key, 1001);
    mad_rng_normals_f32(&rng, N_ROWS * s.net->dim, s.work->x);
    for (size_t r = 0; r < N_ROWS; r++) {
        s.label[r] = (int32_t)mad_rng_below(&rng, options.n_classes);
    }
    return s;
}

static void close_subject(subject s)
{
    mad_arena_destroy(s.mem);
    mad_ctx_destroy(s.ctx);
}

/* ---- the same in double ---- */

static mad_tensor find(const subject *s, const char *name)
{
    mad_tensor t;
    for (size_t i = 0; s->net->type->tensor(s->net, i, &t); i++) {
        if (strcmp(t.name, name) == 0) {
            return t;
        }
    }
    fail_msg("no tensor %s", name);
    return t;
}

static double entry(const subject *s, const mad_tensor *t, size_t i, size_t j, size_t k, size_t l)
{
    return s
        ->theta64[(ptrdiff_t)t->offset + (ptrdiff_t)i * t->stride[0] + (ptrdiff_t)j * t->stride[1] +
                  (ptrdiff_t)k * t->stride[2] + (ptrdiff_t)l * t->stride[3]];
}

/* max(0, .) of the largest of four outputs of a 5x5 convolution. x: [c][h][w]; returns
 * [n_out][h / 2][w / 2] */
static double *conv_pool(const subject *s, const char *weight, const char *bias, size_t h, size_t w,
                         const double *x)
{
    const mad_tensor wt = find(s, weight), b = find(s, bias);
    double *y = calloc(wt.shape[0] * (h / 2) * (w / 2), sizeof *y);
    for (size_t o = 0; o < wt.shape[0]; o++) {
        for (size_t p = 0; p < (h / 2) * (w / 2) * 4; p++) {
            const size_t cell = p / 4, oy = cell / (w / 2) * 2 + p % 4 / 2;
            const size_t ox = cell % (w / 2) * 2 + p % 2;
            double sum = entry(s, &b, o, 0, 0, 0);
            for (size_t c = 0; c < wt.shape[1]; c++) {
                for (size_t tap = 0; tap < 25; tap++) {
                    const size_t iy = oy + tap / 5 - 2, ix = ox + tap % 5 - 2; /* -1 wraps */
                    sum += iy < h && ix < w
                               ? entry(s, &wt, o, c, tap / 5, tap % 5) * x[(c * h + iy) * w + ix]
                               : 0.0;
                }
            }
            double *to = &y[o * (h / 2) * (w / 2) + cell];
            *to = fmax(*to, sum);
        }
    }
    return y;
}

/* b + sum over all of x, which lies as the weight's dimensions 1..3 say. */
static void dense(const subject *s, const char *weight, const char *bias, int rectify,
                  const double *x, double *y)
{
    const mad_tensor w = find(s, weight), b = find(s, bias);
    const size_t n_k = w.rank == 4 ? w.shape[2] : 1, n_l = w.rank == 4 ? w.shape[3] : 1;
    for (size_t o = 0; o < w.shape[0]; o++) {
        y[o] = entry(s, &b, o, 0, 0, 0);
        for (size_t i = 0; i < w.shape[1] * n_k * n_l; i++) {
            y[o] += entry(s, &w, o, i / (n_k * n_l), i / n_l % n_k, i % n_l) * x[i];
        }
        y[o] = rectify ? fmax(y[o], 0.0) : y[o];
    }
}

static void forward64(const subject *s, size_t row, double *feature, double *logit)
{
    const mad_lenet_options *o = &s->options;
    const size_t n_pixels = o->height * o->width;
    double *x = calloc(s->net->dim, sizeof *x), hidden[120];
    for (size_t i = 0; i < s->net->dim; i++) {
        x[i % o->channels * n_pixels + i / o->channels] = (double)s->work->x[row * s->net->dim + i];
    }
    double *p1 = conv_pool(s, "conv1.weight", "conv1.bias", o->height, o->width, x);
    double *p2 = conv_pool(s, "conv2.weight", "conv2.bias", o->height / 2, o->width / 2, p1);
    dense(s, "dense1.weight", "dense1.bias", 1, p2, hidden);
    dense(s, "dense2.weight", "dense2.bias", 1, hidden, feature);
    dense(s, "dense3.weight", "dense3.bias", 0, feature, logit);
    free(x), free(p1), free(p2);
}

static double loss64(const subject *s)
{
    double loss = 0.0, feature[MAD_LENET_FEATURES], logit[64];
    for (size_t r = 0; r < N_ROWS; r++) {
        double sum = 0.0;
        forward64(s, r, feature, logit);
        for (size_t k = 0; k < s->options.n_classes; k++) {
            sum += exp(logit[k]);
        }
        loss += (log(sum) - logit[s->label[r]]) / N_ROWS;
    }
    return loss;
}

/* ---- tests ---- */

static const mad_lenet_options shapes[] = {
    {8, 8, 1, 10}, {9, 11, 3, 4}, {16, 12, 1, 33}, {13, 8, 4, 2}};
enum { N_SHAPES = sizeof shapes / sizeof *shapes };

static void each(void (*check)(subject *s))
{
    for (int isa = MAD_ISA_REFERENCE; isa <= MAD_ISA_AVX512; isa++) {
        const mad_kernels *kernels = mad_kernels_for((mad_isa)isa);
        for (size_t i = 0; kernels != NULL && i < N_SHAPES; i++) {
            subject s = open_subject(kernels, shapes[i]);
            check(&s);
            close_subject(s);
        }
    }
}

/* Sums of n terms in float: error of a layer below n 2^-24 of its size, five layers. */
static void check_forward(subject *s)
{
    const size_t n_classes = s->options.n_classes;
    s->net->type->forward(s->net, s->theta, s->packed, N_ROWS, s->work);
    for (size_t r = 0; r < N_ROWS; r++) {
        double feature[MAD_LENET_FEATURES], logit[64], size = 1.0;
        size_t n_alive = 0;
        forward64(s, r, feature, logit);
        for (size_t k = 0; k < MAD_LENET_FEATURES; k++) {
            size = fmax(size, feature[k]);
            n_alive += feature[k] > 0.0;
        }
        assert_true(n_alive > 10);
        for (size_t k = 0; k < MAD_LENET_FEATURES; k++) {
            assert_true(fabs((double)mad_lenet_features(s->work, r)[k] - feature[k]) < 1e-5 * size);
        }
        for (size_t k = 0; k < n_classes; k++) {
            assert_true(fabs((double)s->work->out[r * n_classes + k] - logit[k]) < 2e-5 * size);
        }
    }
}

static void test_forward(void **state)
{
    (void)state;
    each(check_forward);
}

/* A row's bits do not hang on the rows beside it. */
static void check_alone(subject *s)
{
    const size_t n_classes = s->options.n_classes, n = N_ROWS * n_classes;
    float *out = mad_arena_take(s->mem, n, sizeof *out);
    s->net->type->forward(s->net, s->theta, s->packed, N_ROWS, s->work);
    memcpy(out, s->work->out, n * sizeof *out);
    memcpy(s->work->x, s->work->x + (N_ROWS - 1) * s->net->dim, s->net->dim * sizeof *out);
    s->net->type->forward(s->net, s->theta, s->packed, 1, s->work);
    assert_memory_equal(out + n - n_classes, s->work->out, n_classes * sizeof *out);
}

static void test_alone(void **state)
{
    (void)state;
    each(check_alone);
}

static size_t n_beyond(size_t n, const size_t *at, const double *slope, const float *gradient)
{
    size_t wrong = 0;
    for (size_t i = 0; i < n; i++) {
        wrong += !(fabs((double)gradient[at[i]] - slope[i]) < 2e-5 * (1.0 + fabs(slope[i])));
    }
    return wrong;
}

/* Some elements of every tensor. A step of 1e-6 crosses a kink of the rectifiers or of the pooling
 * with a chance of about 1e-6 an element; rounding of a central difference is 1e-10. */
static void check_gradient(subject *s)
{
    enum { PER_TENSOR = 12, N = 10 * PER_TENSOR };
    const double h = 1e-6;
    double slope[N];
    size_t at[N], n_right = 0, n = 0;
    mad_rng rng = mad_rng_open(key, 1002);
    mad_tensor t;
    float *gradient = mad_arena_take(s->mem, s->net->n_params, sizeof *gradient);
    s->net->type->forward(s->net, s->theta, s->packed, N_ROWS, s->work);
    const double loss = mad_cross_entropy(N_ROWS, s->options.n_classes, s->label, 1.0 / N_ROWS,
                                          s->work->out, &n_right);
    assert_true(fabs(loss - loss64(s)) < 1e-5 * (1.0 + loss));
    s->net->type->backward(s->net, s->theta, s->packed, N_ROWS, s->work, gradient);
    for (size_t i = 0; s->net->type->tensor(s->net, i, &t); i++) {
        for (size_t j = 0; j < PER_TENSOR; j++, n++) {
            at[n] = t.offset;
            for (size_t k = 0; k < t.rank; k++) {
                at[n] += mad_rng_below(&rng, t.shape[k]) * (size_t)t.stride[k];
            }
            const double before = s->theta64[at[n]];
            s->theta64[at[n]] = before + h;
            const double above = loss64(s);
            s->theta64[at[n]] = before - h;
            slope[n] = (above - loss64(s)) / (2.0 * h);
            s->theta64[at[n]] = before;
        }
    }
    assert_int_equal(n, N);
    assert_int_equal(n_beyond(N, at, slope, gradient), 0);
    /* it is added: a second pass doubles it, which is the sabotaged twin */
    s->net->type->forward(s->net, s->theta, s->packed, N_ROWS, s->work);
    (void)mad_cross_entropy(N_ROWS, s->options.n_classes, s->label, 1.0 / N_ROWS, s->work->out,
                            &n_right);
    s->net->type->backward(s->net, s->theta, s->packed, N_ROWS, s->work, gradient);
    assert_true(n_beyond(N, at, slope, gradient) > N / 3);
    for (size_t i = 0; i < N; i++) {
        slope[i] *= 2.0;
    }
    assert_int_equal(n_beyond(N, at, slope, gradient), 0);
}

static void test_gradient(void **state)
{
    (void)state;
    each(check_gradient);
}

/* Pads are no parameters: they get no gradient. */
static void check_pads(subject *s)
{
    size_t n_right = 0, n_named = 0, n_moved = 0;
    mad_tensor t;
    float *gradient = mad_arena_take(s->mem, s->net->n_params, sizeof *gradient);
    s->net->type->forward(s->net, s->theta, s->packed, N_ROWS, s->work);
    (void)mad_cross_entropy(N_ROWS, s->options.n_classes, s->label, 1.0, s->work->out, &n_right);
    s->net->type->backward(s->net, s->theta, s->packed, N_ROWS, s->work, gradient);
    for (size_t i = 0; i < s->net->n_params; i++) {
        n_moved += gradient[i] != 0.0f;
    }
    for (size_t i = 0; s->net->type->tensor(s->net, i, &t); i++) {
        n_named += mad_test_tensor_count(&t);
        for (size_t j = 0; j < mad_test_tensor_count(&t); j++) {
            n_moved -= gradient[mad_test_tensor_at(&t, j)] != 0.0f;
        }
    }
    assert_int_equal(n_named, s->net->n_weights);
    assert_int_equal(n_moved, 0);
}

static void test_pads(void **state)
{
    (void)state;
    each(check_pads);
}

/* By hand: logits (0, ln 3): p = (1/4, 3/4). */
static void test_cross_entropy(void **state)
{
    (void)state;
    float logits[] = {0.0f, logf(3.0f), 1000.0f, 0.0f};
    const int32_t label[] = {0, 0};
    size_t n_right = 0;
    const double loss = mad_cross_entropy(2, 2, label, 0.5, logits, &n_right);
    assert_true(fabs(loss - 0.5 * log(4.0)) < 1e-7);
    assert_int_equal(n_right, 1);
    const double expected[] = {-0.375, 0.375, 0.0, 0.0};
    for (size_t i = 0; i < 4; i++) {
        assert_true(fabs((double)logits[i] - expected[i]) < 1e-7);
    }
}

static void test_refused(void **state)
{
    (void)state;
    const mad_lenet_options bad[] = {
        {7, 8, 1, 2}, {8, 65, 1, 2}, {8, 8, 5, 2}, {8, 8, 0, 2}, {8, 8, 1, 1}};
    mad_ctx *ctx = mad_ctx_create(1);
    mad_arena *mem = mad_arena_create(1 << 16);
    mad_net *net = NULL;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(mad_lenet_create(ctx, mad_kernels_for(MAD_ISA_PLAIN), &bad[i], mem, &net),
                         MAD_E_CONFIG);
        mad_ctx_clear(ctx);
    }
    mad_arena_destroy(mem);
    mad_ctx_destroy(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forward),       cmocka_unit_test(test_alone),
        cmocka_unit_test(test_gradient),      cmocka_unit_test(test_pads),
        cmocka_unit_test(test_cross_entropy), cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

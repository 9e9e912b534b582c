/* tests/unit/test_nn.c: kernels against the reference with proven bounds, back-propagation against
 * central differences in double, optimiser and layout by hand-computed values. */
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

#define UNIT 0x1p-24 /* half a unit in the last place of 1.0f */

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

static float *copy(size_t n, const float *x)
{
    float *y = floats(n);
    memcpy(y, x, n * sizeof *y);
    return y;
}

static double panel_at(mad_panels b, size_t k, size_t n)
{
    return (double)b.b[n / MAD_PANEL * b.b_panel + k * b.b_k + n % MAD_PANEL];
}

/* |a - b| within n rounding errors of the sum of absolute terms `size`. */
static void check(double a, double b, double n, double size, const char *what, size_t i)
{
    if (!(fabs(a - b) <= n * UNIT * size)) {
        fail_msg("%s[%zu]: %.9g against %.9g, allowed %.3g", what, i, a, b, n * UNIT * size);
    }
}

static void assert_near(double a, double b, double allowed)
{
    if (!(fabs(a - b) <= allowed)) {
        fail_msg("%.12g against %.12g, allowed %.3g", a, b, allowed);
    }
}

typedef struct shape {
    size_t n_rows, n_in, n_out;
} shape;

static const shape shapes[] = {{64, 34, 128}, {64, 128, 128}, {64, 256, 256}, {37, 66, 64},
                               {1, 2, 32},    {3, 5, 96},     {64, 1, 32},    {13, 106, 192}};
enum { N_SHAPES = sizeof shapes / sizeof *shapes };

static void check_forward(const mad_kernels *fast, const mad_kernels *ref, shape s)
{
    const size_t ld_x = (s.n_in + 31) / 32 * 32 + 16, ld_y = s.n_out + 16;
    float *x = normals(s.n_rows * ld_x), *w = normals(s.n_in * s.n_out), *bias = normals(s.n_out);
    float *y[2], *slope[2], *bare = floats(s.n_rows * ld_y);
    const mad_panels panels = {w, MAD_PANEL, s.n_in * MAD_PANEL};
    for (int i = 0; i < 2; i++) {
        const mad_kernels *k = i == 0 ? ref : fast;
        y[i] = floats(s.n_rows * ld_y);
        slope[i] = floats(s.n_rows * ld_y);
        k->affine_silu(s.n_rows, s.n_in, s.n_out, x, ld_x, panels, bias, y[i], slope[i], ld_y);
    }
    fast->affine_silu(s.n_rows, s.n_in, s.n_out, x, ld_x, panels, bias, bare, NULL, ld_y);
    for (size_t r = 0; r < s.n_rows; r++) {
        for (size_t o = 0; o < s.n_out; o++) {
            double size = fabs((double)bias[o]);
            for (size_t i = 0; i < s.n_in; i++) {
                size += fabs((double)x[r * ld_x + i] * panel_at(panels, i, o));
            }
            const size_t at = r * ld_y + o;
            /* |silu'| <= 1.1, |silu''| <= 0.5; 8 roundings more for the sigmoid itself */
            const double n = 1.1 * (double)(s.n_in + 1) + 8.0;
            check((double)y[1][at], (double)y[0][at], n, size, "silu", at);
            check((double)slope[1][at], (double)slope[0][at], n, 1.0 + size, "slope", at);
            assert_true(bare[at] == y[1][at]);
        }
    }
    free(x), free(w), free(bias), free(bare);
    free(y[0]), free(y[1]), free(slope[0]), free(slope[1]);
}

static void check_last(const mad_kernels *fast, const mad_kernels *ref, shape s, size_t n_few)
{
    const size_t n_in = s.n_out, ld_x = n_in + 16, ld_y = (n_few + 31) / 32 * 32;
    float *x = normals(s.n_rows * ld_x), *w = normals(n_few * n_in), *bias = normals(ld_y);
    float *a = floats(s.n_rows * ld_y), *b = floats(s.n_rows * ld_y);
    ref->affine_few(s.n_rows, n_in, n_few, x, ld_x, w, bias, a, ld_y);
    fast->affine_few(s.n_rows, n_in, n_few, x, ld_x, w, bias, b, ld_y);
    for (size_t r = 0; r < s.n_rows; r++) {
        for (size_t o = 0; o < n_few; o++) {
            double size = fabs((double)bias[o]);
            for (size_t i = 0; i < n_in; i++) {
                size += fabs((double)x[r * ld_x + i] * (double)w[o * n_in + i]);
            }
            check((double)b[r * ld_y + o], (double)a[r * ld_y + o], (double)(n_in + 2), size,
                  "last", r * ld_y + o);
        }
    }
    free(x), free(w), free(bias), free(a), free(b);
}

static void check_back(const mad_kernels *fast, const mad_kernels *ref, shape s)
{
    const size_t ld_k = (s.n_in + 31) / 32 * 32 + 16, ld_n = s.n_out + 16;
    float *dy = normals(s.n_rows * ld_k), *w = normals(s.n_in * s.n_out);
    float *slope = normals(s.n_rows * ld_n), *a = copy(s.n_rows * ld_n, slope);
    float *b = copy(s.n_rows * ld_n, slope);
    const mad_panels panels = {w, s.n_out, MAD_PANEL}; /* an unpacked matrix is one, too */
    ref->back_rows(s.n_rows, s.n_in, s.n_out, dy, ld_k, panels, a, ld_n);
    fast->back_rows(s.n_rows, s.n_in, s.n_out, dy, ld_k, panels, b, ld_n);
    for (size_t r = 0; r < s.n_rows; r++) {
        for (size_t n = 0; n < s.n_out; n++) {
            double size = 0.0;
            for (size_t k = 0; k < s.n_in; k++) {
                size += fabs((double)dy[r * ld_k + k] * panel_at(panels, k, n));
            }
            size *= fabs((double)slope[r * ld_n + n]);
            check((double)b[r * ld_n + n], (double)a[r * ld_n + n], (double)(s.n_in + 2), size,
                  "back_rows", r * ld_n + n);
        }
    }
    /* gradient of the weights: dy as input rows, slope as output gradient */
    float *c = normals(s.n_in * s.n_out), *c1 = copy(s.n_in * s.n_out, c);
    float *c2 = copy(s.n_in * s.n_out, c), *d = normals(s.n_out), *d1 = copy(s.n_out, d);
    ref->back_weights(s.n_rows, s.n_in, s.n_out, dy, ld_k, slope, ld_n, c1, s.n_out);
    fast->back_weights(s.n_rows, s.n_in, s.n_out, dy, ld_k, slope, ld_n, c2, s.n_out);
    ref->back_bias(s.n_rows, s.n_out, slope, ld_n, d1);
    fast->back_bias(s.n_rows, s.n_out, slope, ld_n, d);
    for (size_t n = 0; n < s.n_out; n++) {
        double size_d = fabs((double)d1[n]);
        for (size_t r = 0; r < s.n_rows; r++) {
            size_d += fabs((double)slope[r * ld_n + n]);
        }
        check((double)d[n], (double)d1[n], (double)(s.n_rows + 2), size_d, "back_bias", n);
        for (size_t m = 0; m < s.n_in; m++) {
            double size = fabs((double)c[m * s.n_out + n]);
            for (size_t r = 0; r < s.n_rows; r++) {
                size += fabs((double)dy[r * ld_k + m] * (double)slope[r * ld_n + n]);
            }
            check((double)c2[m * s.n_out + n], (double)c1[m * s.n_out + n], (double)(s.n_rows + 2),
                  size, "back_weights", m * s.n_out + n);
        }
    }
    free(dy), free(w), free(slope), free(a), free(b), free(c), free(c1), free(c2), free(d);
    free(d1);
}

static void check_waves(const mad_kernels *fast, const mad_kernels *ref)
{
    enum { N = 50, M = 21, LD = 64 };
    float *u = normals(N), *f = floats(32), *a = floats(N * LD), *b = floats(N * LD);
    for (size_t j = 0; j < M; j++) {
        f[j] = 200.0f * (float)j / M;
    }
    ref->waves(N, M, u, f, a, LD);
    fast->waves(N, M, u, f, b, LD);
    for (size_t r = 0; r < N; r++) {
        for (size_t j = 0; j < 2 * M; j++) {
            /* the angle u f is rounded to a float before the reduction */
            const double angle = fabs((double)u[r] * (double)f[j % M]);
            check((double)b[r * LD + j], (double)a[r * LD + j], 1.0, angle + 8.0, "waves",
                  r * LD + j);
        }
    }
    free(u), free(f), free(a), free(b);
}

static void check_parameters(const mad_kernels *fast, const mad_kernels *ref)
{
    enum { N = 480, SLOTS = 3 };
    float *slot = normals(SLOTS * N), *slot_2 = copy(SLOTS * N, slot);
    float *g = floats(N), *g_2 = floats(N), *m = normals(N), *v = normals(N);
    float *theta = normals(N), *mean = normals(N);
    const double norm = ref->gather(N, SLOTS, N, slot, g);
    const double norm_2 = fast->gather(N, SLOTS, N, slot_2, g_2);
    assert_near(norm_2 / norm, 1.0, 1e-5);
    for (size_t i = 0; i < N; i++) {
        check((double)g_2[i], (double)g[i], 8.0, 4.0, "gather", i);
        assert_true(slot[i + N] == 0.0f && slot_2[i + N] == 0.0f);
        v[i] = fabsf(v[i]);
    }
    float *m_2 = copy(N, m), *v_2 = copy(N, v), *theta_2 = copy(N, theta), *mean_2 = copy(N, mean);
    const mad_adam step = {.rate = 1e-2f,
                           .unbias_v = 3.0f,
                           .beta1 = 0.9f,
                           .beta2 = 0.999f,
                           .eps = 1e-3f,
                           .clip = 0.5f,
                           .ema = 0.1f};
    ref->adam(N, &step, g, m, v, theta, mean);
    fast->adam(N, &step, g, m_2, v_2, theta_2, mean_2);
    for (size_t i = 0; i < N; i++) {
        check((double)m_2[i], (double)m[i], 8.0, 4.0, "m", i);
        check((double)v_2[i], (double)v[i], 8.0, 4.0, "v", i);
        check((double)theta_2[i], (double)theta[i], 8.0, 4.0, "theta", i);
        check((double)mean_2[i], (double)mean[i], 8.0, 4.0, "mean", i);
    }
    free(slot), free(slot_2), free(g), free(g_2), free(m), free(v), free(theta), free(mean);
    free(m_2), free(v_2), free(theta_2), free(mean_2);
}

static void test_kernels(void **state)
{
    (void)state;
    const mad_kernels *ref = mad_kernels_for(MAD_ISA_REFERENCE);
    for (int isa = MAD_ISA_PLAIN; isa <= MAD_ISA_AVX512; isa++) {
        const mad_kernels *fast = mad_kernels_for((mad_isa)isa);
        if (fast == NULL) {
            print_message("instruction set %d: not on this processor\n", isa);
            continue;
        }
        for (size_t i = 0; i < N_SHAPES; i++) {
            check_forward(fast, ref, shapes[i]);
            check_last(fast, ref, shapes[i], i + 1);
            check_back(fast, ref, shapes[i]);
        }
        check_waves(fast, ref);
        check_parameters(fast, ref);
    }
}

/* silu far out, and not-a-number: must stay visible, must not overflow. */
static void test_extremes(void **state)
{
    (void)state;
    for (int isa = MAD_ISA_REFERENCE; isa <= MAD_ISA_AVX512; isa++) {
        const mad_kernels *k = mad_kernels_for((mad_isa)isa);
        if (k == NULL) {
            continue;
        }
        float *x = floats(16), *w = floats(32), *bias = floats(32), *y = floats(32);
        float *slope = floats(32);
        memset(w, 0, 32 * sizeof *w);
        memset(bias, 0, 32 * sizeof *bias);
        x[0] = 1.0f;
        w[0] = 1e30f, w[1] = -1e30f, w[2] = 200.0f, w[3] = -200.0f, w[4] = NAN, w[5] = INFINITY;
        k->affine_silu(1, 1, 32, x, 16, (mad_panels){w, 32, 32}, bias, y, slope, 32);
        assert_true(y[0] == 1e30f && slope[0] == 1.0f);
        assert_true(fabsf(y[1]) <= 1e-5f && y[2] == 200.0f && fabsf(y[3]) <= 1e-30f);
        assert_true(isnan(y[4]) && isnan(slope[4]) && !isfinite(y[5]));
        assert_true(y[6] == 0.0f && slope[6] == 0.5f);
        free(x), free(w), free(bias), free(y), free(slope);
    }
}

/* ---- back-propagation ---- */

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

static void test_choose(void **state)
{
    (void)state;
    mad_ctx *ctx = mad_ctx_create(1);
    const mad_kernels *kernels = NULL;
    assert_int_equal(setenv("MADLOOP_ISA", "plain", 1), 0);
    assert_int_equal(mad_kernels_choose(ctx, &kernels), MAD_OK);
    assert_string_equal(kernels->name, "plain");
    assert_int_equal(setenv("MADLOOP_ISA", "sse9", 1), 0);
    assert_int_equal(mad_kernels_choose(ctx, &kernels), MAD_E_USAGE);
    assert_non_null(strstr(ctx->message, "sse9"));
    assert_int_equal(unsetenv("MADLOOP_ISA"), 0);
    mad_ctx_destroy(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kernels),  cmocka_unit_test(test_extremes),
        cmocka_unit_test(test_gradient), cmocka_unit_test(test_eval),
        cmocka_unit_test(test_init),     cmocka_unit_test(test_schedules),
        cmocka_unit_test(test_step),     cmocka_unit_test(test_choose),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

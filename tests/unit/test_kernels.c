/* tests/unit/test_kernels.c: every instruction set against the reference, with proven bounds: a
 * dot product of length k is off by at most k 2^-24 sum |a| |b|. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/nn/kernels.h"
#include "tests/support/floats.h"
#include "tests/support/near.h"

#define UNIT 0x1p-24 /* half a unit in the last place of 1.0f */

static const mad_key key = {.seed = 7, .purpose = MAD_RNG_TEST};
static uint64_t next_item;

static float *normals(size_t n)
{
    return mad_test_draw_floats(mad_rng_open(key, next_item++), n);
}

static float *copy(size_t n, const float *x)
{
    float *y = mad_test_floats(n);
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
    float *y[2], *slope[2], *bare = mad_test_floats(s.n_rows * ld_y);
    const mad_panels panels = {w, MAD_PANEL, s.n_in * MAD_PANEL};
    for (int i = 0; i < 2; i++) {
        const mad_kernels *k = i == 0 ? ref : fast;
        y[i] = mad_test_floats(s.n_rows * ld_y);
        slope[i] = mad_test_floats(s.n_rows * ld_y);
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
    float *a = mad_test_floats(s.n_rows * ld_y), *b = mad_test_floats(s.n_rows * ld_y);
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
    float *u = normals(N), *f = mad_test_floats(32), *a = mad_test_floats(N * LD),
          *b = mad_test_floats(N * LD);
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
    float *g = mad_test_floats(N), *g_2 = mad_test_floats(N), *m = normals(N), *v = normals(N);
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
                           .ema = 0.1f,
                           .decay = 1e-2f};
    float *start = copy(N, theta);
    ref->adam(N, &step, g, m, v, theta, mean);
    fast->adam(N, &step, g, m_2, v_2, theta_2, mean_2);
    for (size_t i = 0; i < N; i++) {
        check((double)m_2[i], (double)m[i], 8.0, 4.0, "m", i);
        check((double)v_2[i], (double)v[i], 8.0, 4.0, "v", i);
        check((double)theta_2[i], (double)theta[i], 8.0, 4.0, "theta", i);
        check((double)mean_2[i], (double)mean[i], 8.0, 4.0, "mean", i);
        /* Loshchilov & Hutter 2019, algorithm 2, line 12 */
        const double step_size = 1e-2 * (double)m[i] / (sqrt(3.0 * (double)v[i]) + 1e-3);
        check((double)theta[i], 0.99 * (double)start[i] - step_size, 8.0, 4.0, "adamw", i);
    }
    free(slot), free(slot_2), free(g), free(g_2), free(m), free(v), free(theta), free(mean);
    free(m_2), free(v_2), free(theta_2), free(mean_2), free(start);
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
        float *x = mad_test_floats(16), *w = mad_test_floats(32), *bias = mad_test_floats(32),
              *y = mad_test_floats(32);
        float *slope = mad_test_floats(32);
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
        cmocka_unit_test(test_kernels),
        cmocka_unit_test(test_extremes),
        cmocka_unit_test(test_choose),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* tests/unit/test_map_attention.c: attention by every instruction set against the reference.
 * u = 2^-24; a sum of k products is off by at most k u times the sum of absolute products; the bounds
 * below carry that through each formula, to first order in u. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/map_case.h"

typedef struct attention_case {
    mad_maps shape, wide;
    size_t n_channels, n_tokens, ld;
    float *qkv, *dy;
    float *p; /* of the reference */
} attention_case;

static attention_case draw_attention(const mad_map_kernels *ref, mad_maps shape, size_t n_channels)
{
    attention_case v = {.shape = shape,
                        .wide = {shape.n, shape.h, shape.w, 3 * shape.c},
                        .n_channels = n_channels,
                        .n_tokens = shape.h * shape.w};
    v.ld = (v.n_tokens + MAD_LANE - 1) / MAD_LANE * MAD_LANE;
    v.qkv = mad_test_maps(v.wide, v.wide.c);
    v.dy = mad_test_maps(shape, n_channels);
    v.p = mad_test_floats(shape.n * v.n_tokens * v.ld);
    for (size_t i = 0; i < mad_maps_floats(v.wide); i++) {
        v.qkv[i] = i % shape.c < n_channels ? v.qkv[i] : 0.0f;
    }
    float *y = mad_test_maps_empty(shape);
    float *scratch = mad_test_floats(ref->attention_scratch(shape));
    ref->attention(shape, n_channels, v.qkv + v.wide.c, scratch, v.p, y + shape.c);
    free(y), free(scratch);
    return v;
}

typedef struct attention_results {
    float *p, *y, *dqkv;
} attention_results;

/* Both passes; the backward one from the reference's p. */
static attention_results compute_attention(const mad_map_kernels *k, const attention_case *v)
{
    const size_t n_p = v->shape.n * v->n_tokens * v->ld;
    attention_results r = {mad_test_floats(n_p), mad_test_maps_empty(v->shape),
                           mad_test_maps_empty(v->wide)};
    float *scratch = mad_test_floats(k->attention_scratch(v->shape)), *p = mad_test_floats(n_p);
    k->attention(v->shape, v->n_channels, v->qkv + v->wide.c, scratch, r.p, r.y + v->shape.c);
    memcpy(p, v->p, n_p * sizeof *p);
    k->attention_back(v->shape, v->n_channels, v->qkv + v->wide.c, v->dy + v->shape.c, scratch, p,
                      r.dqkv + v->wide.c);
    free(scratch), free(p);
    return r;
}

static size_t token(const attention_case *v, size_t i, size_t t, size_t part)
{
    return v->wide.c + mad_test_pixel(v->wide, i, t / v->shape.w, t % v->shape.w) +
           part * v->shape.c;
}

static size_t out_token(const attention_case *v, size_t i, size_t t)
{
    return v->shape.c + mad_test_pixel(v->shape, i, t / v->shape.w, t % v->shape.w);
}

/* sum |a| |b|, and the plain sum. */
static double dot(size_t n, const float *a, const float *b, double *plain)
{
    double size = 0.0;
    *plain = 0.0;
    for (size_t k = 0; k < n; k++) {
        *plain += (double)a[k] * (double)b[k];
        size += fabs((double)a[k] * (double)b[k]);
    }
    return size;
}

/* Errors of one column of p and of one token of y. */
static void bound_row(const attention_case *v, size_t i, size_t t, double *p_error, double *y_error)
{
    const size_t c = v->shape.c, n = v->n_tokens;
    const double scale = 1.0 / sqrt((double)v->n_channels);
    const float *p = v->p + i * n * v->ld + t;
    double worst = 0.0, highest = 0.0;
    for (size_t o = 0; o < n; o++) {
        double s;
        const double size = dot(c, v->qkv + token(v, i, t, 0), v->qkv + token(v, i, o, 1), &s);
        const double error = scale * (double)(c + 1) * MAD_UNIT * size;
        worst = error > worst ? error : worst;
        highest = fabs(scale * s) > highest ? fabs(scale * s) : highest;
    }
    /* both exponents of the quotient; the difference from the highest, scaled: 3 roundings */
    const double relative = 2.0 * (worst + 6.0 * MAD_UNIT * highest) + ((double)n + 10) * MAD_UNIT;
    for (size_t o = 0; o < n; o++) {
        p_error[o * v->ld] = relative * (double)p[o * v->ld] + 1e-36;
        for (size_t k = 0; k < c; k++) {
            const double value = fabs((double)v->qkv[token(v, i, o, 2) + k]);
            y_error[k] +=
                (p_error[o * v->ld] + (double)(n + 1) * MAD_UNIT * (double)p[o * v->ld]) * value;
        }
    }
}

/* Errors of the gradients through row t; size of ds beside its error. */
static void bound_back_row(const attention_case *v, size_t i, size_t t, double *bound)
{
    const size_t c = v->shape.c, n = v->n_tokens;
    const double scale = 1.0 / sqrt((double)v->n_channels), terms = (double)(n + 2) * MAD_UNIT;
    const float *p = v->p + i * n * v->ld + t, *dy = v->dy + out_token(v, i, t);
    double *dp = mad_test_doubles(n), *dp_error = mad_test_doubles(n), mean = 0.0, mean_error = 0.0;
    for (size_t o = 0; o < n; o++) {
        const double size = dot(c, dy, v->qkv + token(v, i, o, 2), &dp[o]);
        dp_error[o] = (double)(c + 1) * MAD_UNIT * size;
        mean += (double)p[o * v->ld] * dp[o];
        mean_error += (double)p[o * v->ld] * (dp_error[o] + terms * fabs(dp[o]));
    }
    for (size_t o = 0; o < n; o++) {
        const double factor = scale * (double)p[o * v->ld];
        const double ds = factor * fabs(dp[o] - mean);
        const double error = factor * (dp_error[o] + mean_error) +
                             4 * MAD_UNIT * factor * (fabs(dp[o]) + fabs(mean));
        for (size_t k = 0; k < c; k++) {
            const double q = fabs((double)v->qkv[token(v, i, t, 0) + k]);
            const double key = fabs((double)v->qkv[token(v, i, o, 1) + k]);
            bound[token(v, i, t, 0) + k] += (error + terms * ds) * key;
            bound[token(v, i, o, 1) + k] += (error + terms * ds) * q;
            bound[token(v, i, o, 2) + k] += terms * (double)p[o * v->ld] * fabs((double)dy[k]);
        }
    }
    free(dp), free(dp_error);
}

static void check_attention(const mad_map_kernels *ref, const mad_map_kernels *fast, mad_maps shape,
                            size_t n_channels)
{
    attention_case v = draw_attention(ref, shape, n_channels);
    const size_t n_p = shape.n * v.n_tokens * v.ld, n_y = mad_maps_floats(shape);
    const size_t n_wide = mad_maps_floats(v.wide);
    double *p_bound = mad_test_doubles(n_p), *y_bound = mad_test_doubles(n_y),
           *bound = mad_test_doubles(n_wide);
    for (size_t it = 0; it < shape.n * v.n_tokens; it++) {
        const size_t i = it / v.n_tokens, t = it % v.n_tokens;
        bound_row(&v, i, t, p_bound + i * v.n_tokens * v.ld + t, y_bound + out_token(&v, i, t));
        bound_back_row(&v, i, t, bound);
    }
    attention_results a = compute_attention(ref, &v), b = compute_attention(fast, &v);
    mad_test_maps_written(shape, n_channels, b.y, "attention");
    mad_test_maps_written(v.wide, v.wide.c, b.dqkv, "attention_back");
    mad_test_none_beyond(n_p, a.p, b.p, p_bound, "softmax");
    mad_test_none_beyond(n_y, a.y, b.y, y_bound, "attention");
    mad_test_none_beyond(n_wide, a.dqkv, b.dqkv, bound, "attention_back");
    /* sabotaged twin: one token sees zeros for another's value */
    memset(v.qkv + token(&v, 0, 0, 2), 0, shape.c * sizeof *v.qkv);
    attention_results twin = compute_attention(fast, &v);
    assert_true(mad_test_n_beyond(n_y, a.y, twin.y, 1.0 / MAD_UNIT, y_bound) > 0);
    if (v.n_tokens > 1) {
        const size_t n_beyond = mad_test_n_beyond(n_wide, a.dqkv, twin.dqkv, 1.0 / MAD_UNIT, bound);
        assert_true(n_beyond > 0);
    }
    free(p_bound), free(y_bound), free(bound), free(v.qkv), free(v.dy), free(v.p);
    free(a.p), free(a.y), free(a.dqkv), free(b.p), free(b.y), free(b.dqkv);
    free(twin.p), free(twin.y), free(twin.dqkv);
}

static void attentions(const mad_map_kernels *ref, const mad_map_kernels *fast)
{
    check_attention(ref, fast, (mad_maps){2, 7, 7, 64}, 64);
    check_attention(ref, fast, (mad_maps){1, 5, 3, 48}, 33);
    check_attention(ref, fast, (mad_maps){3, 1, 1, 16}, 10);
    check_attention(ref, fast, (mad_maps){1, 8, 4, 32}, 32);
    check_attention(ref, fast, (mad_maps){2, 4, 4, 16}, 16);
}

static void test_attention(void **state)
{
    (void)state;
    mad_test_each_isa(attentions);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_attention)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* tests/unit/test_map_layers.c: normalisation, attention and the small kernels of every instruction
 * set against the reference. u = 2^-24; a sum of k products is off by at most k u times the sum of
 * absolute products; the bounds below carry that through each formula, to first order in u, with
 * |silu'| <= 1.1, |silu''| <= 0.5 and 12 u for a sigmoid (exp, reciprocal and products). */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/map_case.h"

static double *doubles(size_t n)
{
    double *x = calloc(n + 1, sizeof *x);
    assert_non_null(x);
    return x;
}

static void none_beyond(size_t n, const float *a, const float *b, const double *allowed,
                        const char *what)
{
    const size_t n_beyond = mad_test_n_beyond(n, a, b, 1.0 / MAD_UNIT, allowed);
    if (n_beyond != 0) {
        fail_msg("%s: %zu of %zu beyond the bound", what, n_beyond, n);
    }
}

/* ---- normalisation ---- */

typedef struct norm_case {
    mad_maps shape;
    size_t n_channels, groups;
    int act;
    float *x, *gamma, *beta, *dy, *add_to, *dgamma, *dbeta;
} norm_case;

typedef struct norm_results {
    float *stat, *y, *dx, *dgamma, *dbeta;
} norm_results;

static norm_case draw_norm(mad_maps shape, size_t n_channels, size_t groups, int act)
{
    norm_case v = {.shape = shape, .n_channels = n_channels, .groups = groups, .act = act};
    const mad_maps one = {1, 1, 1, shape.c};
    v.x = mad_test_maps(shape, n_channels);
    v.dy = mad_test_maps(shape, n_channels);
    v.add_to = mad_test_maps(shape, n_channels);
    v.gamma = mad_test_maps(one, n_channels);
    v.beta = mad_test_maps(one, n_channels);
    v.dgamma = mad_test_maps(one, n_channels);
    v.dbeta = mad_test_maps(one, n_channels);
    for (size_t i = shape.c; i < mad_maps_floats(shape); i++) {
        v.x[i] += v.x[i] != 0.0f ? 3.0f : 0.0f; /* means that are not near zero */
    }
    return v;
}

static void free_norm(norm_case *v)
{
    free(v->x), free(v->gamma), free(v->beta), free(v->dy), free(v->add_to), free(v->dgamma);
    free(v->dbeta);
}

static norm_results compute_norm(const mad_map_kernels *k, const norm_case *v)
{
    const size_t c = v->shape.c, n_floats = mad_maps_floats(v->shape);
    norm_results r = {.stat = mad_test_floats(v->shape.n * v->groups * 2),
                      .y = mad_test_maps_empty(v->shape),
                      .dx = mad_test_maps_empty(v->shape),
                      .dgamma = mad_test_floats(c),
                      .dbeta = mad_test_floats(c)};
    float *dy = mad_test_floats(n_floats);
    memcpy(dy, v->dy, n_floats * sizeof *dy);
    memcpy(r.dgamma, v->dgamma + c, c * sizeof *dy);
    memcpy(r.dbeta, v->dbeta + c, c * sizeof *dy);
    k->norm(v->shape, v->n_channels, v->groups, v->act, v->x + c, v->gamma + c, v->beta + c, r.stat,
            r.y + c);
    k->norm_back(v->shape, v->n_channels, v->groups, v->act, v->x + c, v->gamma + c, v->beta + c,
                 r.stat, dy + c, v->add_to + c, r.dgamma, r.dbeta, r.dx + c);
    free(dy);
    return r;
}

static void free_norm_results(norm_results *r)
{
    free(r->stat), free(r->y), free(r->dx), free(r->dgamma), free(r->dbeta);
}

/* Largest errors allowed, laid out like the results. */
typedef struct norm_bounds {
    double *stat, *y, *dx, *dgamma, *dbeta;
} norm_bounds;

/* Value and largest error of x^, z and dz at one element. */
typedef struct element {
    double hat, hat_error, dz, dz_error, y_error;
} element;

static element element_of(const norm_case *v, const float *stat, size_t at, size_t k,
                          double mean_error, double sd_error)
{
    const double gamma = (double)v->gamma[v->shape.c + k], beta = (double)v->beta[v->shape.c + k];
    const double dy = (double)v->dy[at], over_sd = (double)stat[1];
    element e = {.hat = ((double)v->x[at] - (double)stat[0]) * over_sd};
    e.hat_error = mean_error * over_sd + (sd_error + 3 * MAD_UNIT) * fabs(e.hat);
    const double z = gamma * e.hat + beta, s = 1.0 / (1.0 + exp(-z));
    const double z_error = fabs(gamma) * (e.hat_error + 2 * MAD_UNIT * fabs(e.hat)) +
                           2 * MAD_UNIT * fabs(beta) + MAD_UNIT * fabs(z);
    e.dz = dy * (v->act ? s + z * s * (1.0 - s) : 1.0);
    e.dz_error = v->act ? fabs(dy) * (0.5 * z_error + 12 * MAD_UNIT * (1.0 + fabs(z))) : 0.0;
    e.y_error = v->act ? 1.1 * z_error + 12 * MAD_UNIT * fabs(z * s) + 1e-30 : z_error;
    return e;
}

/* One group of one map. */
static void bound_group(const norm_case *v, size_t i, size_t g, const float *stat, norm_bounds *b)
{
    const size_t n_per_group = v->n_channels / v->groups, c = v->shape.c;
    const size_t n_pixels = v->shape.h * v->shape.w, n_all = n_pixels * n_per_group;
    const double n = (double)n_all, terms = (double)n_pixels;
    element *e = calloc(n_all, sizeof *e);
    size_t *at = calloc(n_all, sizeof *at);
    double size = 0.0, sum = 0.0, sum_hat = 0.0, sum_error = 0.0, hat_error = 0.0;
    assert_true(e != NULL && at != NULL);
    for (size_t j = 0; j < n_all; j++) {
        const size_t p = j / n_per_group;
        at[j] = c + mad_test_pixel(v->shape, i, p / v->shape.w, p % v->shape.w) + g * n_per_group +
                j % n_per_group;
        size += fabs((double)v->x[at[j]]) / n;
    }
    const double mean_error = (terms + 3) * MAD_UNIT * size;
    const double sd_error = (0.5 * terms + 5) * MAD_UNIT; /* relative */
    b->stat[0] = mean_error;
    b->stat[1] = sd_error * (double)stat[1];
    for (size_t j = 0; j < n_all; j++) {
        const size_t k = g * n_per_group + j % n_per_group;
        const double gamma = fabs((double)v->gamma[c + k]);
        e[j] = element_of(v, stat, at[j], k, mean_error, sd_error);
        b->y[at[j]] = e[j].y_error;
        const double dz = fabs(e[j].dz), dz_hat = fabs(e[j].dz * e[j].hat);
        const double error = e[j].dz_error + (terms + 1) * MAD_UNIT * dz;
        const double error_hat =
            e[j].dz_error * fabs(e[j].hat) + dz * e[j].hat_error + (terms + 4) * MAD_UNIT * dz_hat;
        b->dbeta[k] += error;
        b->dgamma[k] += error_hat;
        sum += gamma * dz / n;
        sum_hat += gamma * dz_hat / n;
        sum_error += gamma * error / n;
        hat_error += gamma * error_hat / n;
    }
    for (size_t j = 0; j < n_all; j++) {
        const size_t k = g * n_per_group + j % n_per_group;
        const double gamma = fabs((double)v->gamma[c + k]), hat = fabs(e[j].hat);
        const double all = gamma * fabs(e[j].dz) + sum + hat * sum_hat;
        const double error = gamma * e[j].dz_error + sum_error + hat * hat_error +
                             e[j].hat_error * sum_hat + (sd_error + 8 * MAD_UNIT) * all;
        b->dx[at[j]] = (double)stat[1] * error + 2 * MAD_UNIT * fabs((double)v->add_to[at[j]]);
    }
    free(e), free(at);
}

static void check_norm(const mad_map_kernels *ref, const mad_map_kernels *fast, norm_case v)
{
    const size_t c = v.shape.c, n_floats = mad_maps_floats(v.shape), n_stat = v.groups * 2;
    norm_results r = compute_norm(ref, &v), f = compute_norm(fast, &v);
    norm_bounds b = {doubles(v.shape.n * n_stat), doubles(n_floats), doubles(n_floats), doubles(c),
                     doubles(c)};
    for (size_t k = 0; k < c; k++) {
        const double terms = (double)(v.shape.n + 2) * MAD_UNIT; /* images add up in float */
        b.dgamma[k] = terms * (fabs((double)v.dgamma[c + k]) + fabs((double)r.dgamma[k]) + 10.0);
        b.dbeta[k] = terms * (fabs((double)v.dbeta[c + k]) + fabs((double)r.dbeta[k]) + 10.0);
    }
    for (size_t i = 0; i < v.shape.n; i++) {
        for (size_t g = 0; g < v.groups; g++) {
            const size_t at = i * n_stat + 2 * g;
            norm_bounds here = b;
            here.stat += at;
            bound_group(&v, i, g, r.stat + at, &here);
        }
    }
    mad_test_maps_written(v.shape, v.n_channels, f.y, "norm");
    mad_test_maps_written(v.shape, v.n_channels, f.dx, "norm_back");
    none_beyond(v.shape.n * n_stat, r.stat, f.stat, b.stat, "stat");
    none_beyond(n_floats, r.y, f.y, b.y, "norm");
    none_beyond(n_floats, r.dx, f.dx, b.dx, "norm_back");
    none_beyond(c, r.dgamma, f.dgamma, b.dgamma, "dgamma");
    none_beyond(c, r.dbeta, f.dbeta, b.dbeta, "dbeta");
    /* sabotaged twin: the other activation */
    v.act = !v.act;
    norm_results twin = compute_norm(fast, &v);
    assert_true(mad_test_n_beyond(n_floats, r.y, twin.y, 1.0 / MAD_UNIT, b.y) > 0);
    assert_true(mad_test_n_beyond(n_floats, r.dx, twin.dx, 1.0 / MAD_UNIT, b.dx) > 0);
    free(b.stat), free(b.y), free(b.dx), free(b.dgamma), free(b.dbeta);
    free_norm_results(&r), free_norm_results(&f), free_norm_results(&twin);
    free_norm(&v);
}

/* In place, and one image at a time: the same bits. */
static void check_norm_alone(const mad_map_kernels *k, norm_case v)
{
    const size_t c = v.shape.c, map_floats = mad_maps_floats(v.shape) / v.shape.n / c * c;
    const mad_maps one = {1, v.shape.h, v.shape.w, c};
    norm_results all = compute_norm(k, &v);
    float *y = mad_test_maps_empty(v.shape);
    float *dgamma = mad_test_floats(c), *dbeta = mad_test_floats(c);
    memset(dgamma, 0, c * sizeof *dgamma);
    memset(dbeta, 0, c * sizeof *dbeta);
    for (size_t i = 0; i < v.shape.n; i++) {
        const size_t at = c + i * map_floats;
        float stat[2 * 16];
        k->norm(one, v.n_channels, v.groups, v.act, v.x + at, v.gamma + c, v.beta + c, stat,
                y + at);
        assert_memory_equal(stat, all.stat + i * 2 * v.groups, 2 * v.groups * sizeof *stat);
        k->norm_back(one, v.n_channels, v.groups, v.act, v.x + at, v.gamma + c, v.beta + c, stat,
                     v.dy + at, v.add_to + at, dgamma, dbeta, v.add_to + at);
    }
    for (size_t i = 0; i < mad_maps_floats(v.shape); i++) {
        assert_true(isnan(all.y[i]) ? isnan(y[i]) : y[i] == all.y[i]);
        assert_true(isnan(all.dx[i]) ? v.add_to[i] == 0.0f : v.add_to[i] == all.dx[i]);
    }
    free(y), free(dgamma), free(dbeta);
    free_norm_results(&all);
    free_norm(&v);
}

/* ---- attention ---- */

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
    double *dp = doubles(n), *dp_error = doubles(n), mean = 0.0, mean_error = 0.0;
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
    double *p_bound = doubles(n_p), *y_bound = doubles(n_y), *bound = doubles(n_wide);
    for (size_t it = 0; it < shape.n * v.n_tokens; it++) {
        const size_t i = it / v.n_tokens, t = it % v.n_tokens;
        bound_row(&v, i, t, p_bound + i * v.n_tokens * v.ld + t, y_bound + out_token(&v, i, t));
        bound_back_row(&v, i, t, bound);
    }
    attention_results a = compute_attention(ref, &v), b = compute_attention(fast, &v);
    mad_test_maps_written(shape, n_channels, b.y, "attention");
    mad_test_maps_written(v.wide, v.wide.c, b.dqkv, "attention_back");
    none_beyond(n_p, a.p, b.p, p_bound, "softmax");
    none_beyond(n_y, a.y, b.y, y_bound, "attention");
    none_beyond(n_wide, a.dqkv, b.dqkv, bound, "attention_back");
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

/* ---- the small ones ---- */

static void check_small(const mad_map_kernels *ref, const mad_map_kernels *fast, mad_maps shape,
                        size_t side, size_t channels)
{
    const size_t n_taps = side * side,
                 n_pooled = shape.n * (shape.h / 2) * (shape.w / 2) * channels;
    const mad_maps big = {shape.n, 2 * shape.h, 2 * shape.w, shape.c};
    const size_t n_dense = shape.n * shape.h * shape.w * channels, n = mad_maps_floats(shape);
    float *x = mad_test_maps(shape, shape.c), *bigger = mad_test_maps(big, shape.c);
    float *dense = mad_test_normals(n_dense), *bias = mad_test_normals(channels);
    float *sum[2], *wide[2], *gathered[2], *grown[2], *shrunk[2];
    float *pooled[2], *unpooled[2];
    for (int i = 0; i < 2; i++) {
        const mad_map_kernels *k = i == 0 ? ref : fast;
        sum[i] = mad_test_floats(shape.n * shape.c);
        wide[i] = mad_test_maps_empty(shape);
        gathered[i] = mad_test_floats(2 * n_dense);
        grown[i] = mad_test_maps_empty(big);
        shrunk[i] = mad_test_maps_empty(shape);
        pooled[i] = mad_test_floats(n_pooled + 1);
        unpooled[i] = mad_test_maps_empty(shape);
        k->sum_pixels(shape, x + shape.c, sum[i]);
        k->windows(shape, side, channels, dense, wide[i] + shape.c);
        k->gather_windows(shape, side, channels, x + shape.c, bias, gathered[i]);
        k->gather_windows(shape, side, channels, x + shape.c, NULL, gathered[i] + n_dense);
        k->grow(shape, x + shape.c, grown[i] + shape.c);
        k->grow_back(shape, bigger + shape.c, shrunk[i] + shape.c);
        k->pool(shape, channels, x + shape.c, pooled[i]);
        k->pool_back(shape, channels, x + shape.c, dense, unpooled[i] + shape.c);
    }
    mad_test_maps_written(shape, n_taps * channels, wide[1], "windows");
    mad_test_maps_written(shape, channels, unpooled[1], "pool_back");
    mad_test_maps_written(big, shape.c, grown[1], "grow");
    mad_test_maps_written(shape, shape.c, shrunk[1], "grow_back");
    assert_memory_equal(wide[0], wide[1], n * sizeof *x);
    assert_memory_equal(pooled[0], pooled[1], n_pooled * sizeof *x);
    assert_memory_equal(unpooled[0], unpooled[1], n * sizeof *x);
    assert_memory_equal(grown[0], grown[1], mad_maps_floats(big) * sizeof *x);
    double *allowed = doubles(n + 2 * n_dense);
    for (size_t i = 0; i < n + 2 * n_dense; i++) {
        const double n_terms = 1.0 + (double)n_taps;
        allowed[i] = n_terms * n_terms * 6.0 * MAD_UNIT; /* normal terms, none beyond 6 */
    }
    none_beyond(2 * n_dense, gathered[0], gathered[1], allowed, "gather_windows");
    none_beyond(n, shrunk[0], shrunk[1], allowed, "grow_back");
    for (size_t i = 0; i < shape.n * shape.c; i++) {
        const double n_pixels = (double)(shape.h * shape.w);
        allowed[i] = (n_pixels + 1.0) * n_pixels * 6.0 * MAD_UNIT;
    }
    none_beyond(shape.n * shape.c, sum[0], sum[1], allowed, "sum_pixels");
    for (int i = 0; i < 2; i++) {
        free(sum[i]), free(wide[i]), free(gathered[i]), free(grown[i]), free(shrunk[i]);
        free(pooled[i]), free(unpooled[i]);
    }
    free(x), free(bigger), free(dense), free(bias), free(allowed);
}

/* ---- */

static void each(void (*check)(const mad_map_kernels *ref, const mad_map_kernels *fast))
{
    for (int isa = MAD_ISA_PLAIN; isa <= MAD_ISA_AVX512; isa++) {
        const mad_kernels *fast = mad_kernels_for((mad_isa)isa);
        if (fast == NULL) {
            print_message("instruction set %d: not on this processor\n", isa);
            continue;
        }
        check(mad_kernels_for(MAD_ISA_REFERENCE)->maps, fast->maps);
    }
}

static void norms(const mad_map_kernels *ref, const mad_map_kernels *fast)
{
    for (int act = 0; act < 2; act++) {
        check_norm(ref, fast, draw_norm((mad_maps){2, 7, 7, 64}, 64, 8, act));
        check_norm(ref, fast, draw_norm((mad_maps){3, 5, 3, 48}, 40, 4, act));
        check_norm(ref, fast, draw_norm((mad_maps){1, 28, 28, 16}, 12, 4, act));
        check_norm(ref, fast, draw_norm((mad_maps){2, 2, 2, 32}, 30, 10, act));
        check_norm(ref, fast, draw_norm((mad_maps){1, 1, 1, 16}, 16, 1, act));
        check_norm_alone(fast, draw_norm((mad_maps){3, 5, 3, 48}, 40, 4, act));
        check_norm_alone(ref, draw_norm((mad_maps){2, 4, 4, 16}, 16, 2, act));
    }
}

static void attentions(const mad_map_kernels *ref, const mad_map_kernels *fast)
{
    check_attention(ref, fast, (mad_maps){2, 7, 7, 64}, 64);
    check_attention(ref, fast, (mad_maps){1, 5, 3, 48}, 33);
    check_attention(ref, fast, (mad_maps){3, 1, 1, 16}, 10);
    check_attention(ref, fast, (mad_maps){1, 8, 4, 32}, 32);
    check_attention(ref, fast, (mad_maps){2, 4, 4, 16}, 16);
}

static void small_ones(const mad_map_kernels *ref, const mad_map_kernels *fast)
{
    check_small(ref, fast, (mad_maps){2, 28, 28, 16}, 3, 1);
    check_small(ref, fast, (mad_maps){2, 5, 3, 32}, 3, 3);
    check_small(ref, fast, (mad_maps){3, 1, 1, 48}, 3, 4);
    check_small(ref, fast, (mad_maps){1, 1, 6, 16}, 3, 1);
    check_small(ref, fast, (mad_maps){2, 14, 14, 160}, 5, 6);
    check_small(ref, fast, (mad_maps){2, 4, 5, 32}, 5, 1);
    check_small(ref, fast, (mad_maps){1, 2, 1, 80}, 5, 3);
}

static void test_norm(void **state)
{
    (void)state;
    each(norms);
}

static void test_attention(void **state)
{
    (void)state;
    each(attentions);
}

static void test_small(void **state)
{
    (void)state;
    each(small_ones);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_norm),
        cmocka_unit_test(test_attention),
        cmocka_unit_test(test_small),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

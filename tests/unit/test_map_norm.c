/* tests/unit/test_map_norm.c: normalisation by every instruction set against the reference.
 * u = 2^-24; a sum of k terms is off by at most k u times the sum of absolute terms; the bounds below
 * carry that through each formula, to first order in u, with |silu'| <= 1.1, |silu''| <= 0.5 and 12 u
 * for a sigmoid (exp, reciprocal and products). */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/map_case.h"

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
    norm_bounds b = {mad_test_doubles(v.shape.n * n_stat), mad_test_doubles(n_floats),
                     mad_test_doubles(n_floats), mad_test_doubles(c), mad_test_doubles(c)};
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
    mad_test_none_beyond(v.shape.n * n_stat, r.stat, f.stat, b.stat, "stat");
    mad_test_none_beyond(n_floats, r.y, f.y, b.y, "norm");
    mad_test_none_beyond(n_floats, r.dx, f.dx, b.dx, "norm_back");
    mad_test_none_beyond(c, r.dgamma, f.dgamma, b.dgamma, "dgamma");
    mad_test_none_beyond(c, r.dbeta, f.dbeta, b.dbeta, "dbeta");
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

static void test_norm(void **state)
{
    (void)state;
    mad_test_each_isa(norms);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_norm)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

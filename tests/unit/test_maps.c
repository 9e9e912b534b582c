/* tests/unit/test_maps.c: convolutions of every instruction set against the reference, with proven
 * bounds.
 *
 * A sum of k products that is added to m further terms is off by at most (k + m) 2^-24 times the sum
 * of absolute terms. For Winograd's form of a convolution the same holds of the sum
 *   |A|^T [ sum over channels (|G| |w| |G|^T) (.) (|B|^T |x| |B|) ] |A|:
 * each factor passes two lines of a transform, of at most 4 roundings each (constants of G included),
 * the product two more, of at most 5, which adds 8 + 8 + 10 to k; and alike for its gradient.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/map_case.h"

enum { WINOGRAD_ROUNDINGS = 26 };

static mad_maps input_of(mad_conv c, size_t n)
{
    return (mad_maps){n, c.h, c.w, c.c_in};
}

static mad_maps output_of(mad_conv c, size_t n)
{
    return (mad_maps){n, (c.h + c.stride - 1) / c.stride, (c.w + c.stride - 1) / c.stride, c.c_out};
}

/* ---- sizes of absolute terms ---- */

/* Where tap `tap` of output (y, x) reads; 0 when outside. */
static int source(mad_conv c, size_t tap, size_t y, size_t x, size_t *from_y, size_t *from_x)
{
    const size_t pad = c.taps == 9 ? 1 : 0;
    *from_y = c.stride * y + (c.taps == 9 ? tap / 3 : 0) - pad;
    *from_x = c.stride * x + (c.taps == 9 ? tap % 3 : 0) - pad;
    return *from_y < c.h && *from_x < c.w;
}

typedef struct sizes {
    double *y, *dx, *dw; /* laid out like buffers of maps, and like the weights */
} sizes;

static void direct_sizes(mad_conv c, size_t n, const float *x, const float *w, const float *dy,
                         sizes *s)
{
    const mad_maps in = input_of(c, n), out = output_of(c, n);
    for (size_t p = 0; p < n * out.h * out.w; p++) {
        const size_t i = p / (out.h * out.w), oy = p / out.w % out.h, ox = p % out.w;
        for (size_t tap = 0; tap < c.taps; tap++) {
            size_t iy, ix;
            if (!source(c, tap, oy, ox, &iy, &ix)) {
                continue;
            }
            const size_t to = mad_test_pixel(out, i, oy, ox) + out.c;
            const size_t from = mad_test_pixel(in, i, iy, ix) + in.c;
            for (size_t k = 0; k < in.c; k++) {
                for (size_t o = 0; o < out.c; o++) {
                    const size_t at = (tap * in.c + k) * out.c + o;
                    const double ww = fabs((double)w[at]), xx = fabs((double)x[from + k]);
                    const double g = fabs((double)dy[to + o]);
                    s->y[to + o] += xx * ww;
                    s->dx[from + k] += g * ww;
                    s->dw[at] += xx * g;
                }
            }
        }
    }
}

/* |B|^T, |A|^T and |G| of F(4x4, 3x3) with the points 0, +-5/8, +-3/2, infinity. */
typedef struct transforms {
    double b[6][6], a[4][6], g[6][3];
} transforms;

static transforms absolute_transforms(void)
{
    const double p = 0.625, q = 1.5, pp = p * p, qq = q * q;
    const double over_0 = 1.0 / (pp * qq), over_p = 0.5 / (pp * (qq - pp));
    const double over_q = 0.5 / (qq * (qq - pp));
    return (transforms){
        .b = {{pp * qq, 0, pp + qq, 0, 1, 0},
              {0, p * qq, qq, p, 1, 0},
              {0, p * qq, qq, p, 1, 0},
              {0, q * pp, pp, q, 1, 0},
              {0, q * pp, pp, q, 1, 0},
              {0, pp * qq, 0, pp + qq, 0, 1}},
        .a = {{1, 1, 1, 1, 1, 0},
              {0, p, p, q, q, 0},
              {0, pp, pp, qq, qq, 0},
              {0, p * pp, p * pp, q * qq, q * qq, 1}},
        .g = {{over_0, 0, 0},
              {over_p, over_p * p, over_p * pp},
              {over_p, over_p * p, over_p * pp},
              {over_q, over_q * q, over_q * qq},
              {over_q, over_q * q, over_q * qq},
              {0, 0, 1}},
    };
}

/* out[r][s] = sum m(r, i) in[i][j] m(s, j), m of n_out x n_in; by columns of it when transposed. */
static void two_sided(size_t n_out, size_t n_in, const double *m, int transposed, const double *in,
                      double *out)
{
    for (size_t r = 0; r < n_out; r++) {
        for (size_t s = 0; s < n_out; s++) {
            double sum = 0.0;
            for (size_t ij = 0; ij < n_in * n_in; ij++) {
                const size_t i = ij / n_in, j = ij % n_in;
                const double left = transposed ? m[i * n_out + r] : m[r * n_in + i];
                const double right = transposed ? m[j * n_out + s] : m[s * n_in + j];
                sum += left * in[ij] * right;
            }
            out[r * n_out + s] = sum;
        }
    }
}

/* |x| of a square of side `side` from pixel (y0, x0) on; zero outside. */
static void square(mad_maps shape, const float *buffer, size_t i, size_t y0, size_t x0, size_t side,
                   size_t k, double *out)
{
    for (size_t j = 0; j < side * side; j++) {
        const size_t y = y0 + j / side, x = x0 + j % side; /* -1 wraps: outside */
        const int inside = y < shape.h && x < shape.w;
        out[j] = inside ? fabs((double)buffer[mad_test_pixel(shape, i, y, x) + shape.c + k]) : 0.0;
    }
}

/* Adds the 4x4 outputs of a tile, those inside. */
static void add_tile(mad_maps shape, size_t i, size_t ty, size_t tx, size_t k, const double *tile,
                     double *size)
{
    for (size_t j = 0; j < 16; j++) {
        const size_t y = 4 * ty + j / 4, x = 4 * tx + j % 4;
        if (y < shape.h && x < shape.w) {
            size[mad_test_pixel(shape, i, y, x) + shape.c + k] += tile[j];
        }
    }
}

/* Of a convolution of `from` by w(tap, k, o), or the transposed one by w(8 - tap, o, k). */
static void winograd_maps_size(mad_maps from, mad_maps to, int transposed, const float *x,
                               const float *w, double *size)
{
    const transforms t = absolute_transforms();
    const size_t n_y = (from.h + 3) / 4, n_x = (from.w + 3) / 4, n_tiles = from.n * n_y * n_x;
    double *v = mad_test_doubles(n_tiles * from.c * 36), *u = mad_test_doubles(36);
    for (size_t j = 0; j < n_tiles * from.c; j++) {
        const size_t tile = j / from.c, tx = tile % n_x, ty = tile / n_x % n_y;
        double in[36];
        square(from, x, tile / n_x / n_y, 4 * ty - 1, 4 * tx - 1, 6, j % from.c, in);
        two_sided(6, 6, t.b[0], 0, in, v + j * 36);
    }
    for (size_t ko = 0; ko < from.c * to.c; ko++) {
        const size_t k = ko / to.c, o = ko % to.c;
        double taps[9];
        for (size_t tap = 0; tap < 9; tap++) {
            taps[tap] = fabs((double)(transposed ? w[((8 - tap) * to.c + o) * from.c + k]
                                                 : w[(tap * from.c + k) * to.c + o]));
        }
        two_sided(6, 3, t.g[0], 0, taps, u);
        for (size_t tile = 0; tile < n_tiles; tile++) {
            double product[36], out[16];
            for (size_t e = 0; e < 36; e++) {
                product[e] = u[e] * v[(tile * from.c + k) * 36 + e];
            }
            two_sided(4, 6, t.a[0], 0, product, out);
            add_tile(to, tile / n_x / n_y, tile / n_x % n_y, tile % n_x, o, out, size);
        }
    }
    free(v), free(u);
}

static void winograd_weights_size(mad_conv c, size_t n, const float *x, const float *dy,
                                  double *size)
{
    const transforms t = absolute_transforms();
    const mad_maps in = input_of(c, n), out = output_of(c, n);
    const size_t n_y = (c.h + 3) / 4, n_x = (c.w + 3) / 4, n_tiles = n * n_y * n_x;
    for (size_t ko = 0; ko < in.c * out.c; ko++) {
        double sum[36] = {0}, taps[9];
        for (size_t tile = 0; tile < n_tiles; tile++) {
            const size_t tx = tile % n_x, ty = tile / n_x % n_y, i = tile / n_x / n_y;
            double patch[36], gradient[16], v[36], w[36];
            square(in, x, i, 4 * ty - 1, 4 * tx - 1, 6, ko / out.c, patch);
            square(out, dy, i, 4 * ty, 4 * tx, 4, ko % out.c, gradient);
            two_sided(6, 6, t.b[0], 0, patch, v);
            two_sided(6, 4, t.a[0], 1, gradient, w);
            for (size_t e = 0; e < 36; e++) {
                sum[e] += v[e] * w[e];
            }
        }
        two_sided(3, 6, t.g[0], 1, sum, taps);
        for (size_t tap = 0; tap < 9; tap++) {
            size[tap * in.c * out.c + ko] += taps[tap];
        }
    }
}

/* ---- one convolution ---- */

typedef struct results {
    float *packed, *scratch, *y, *dx, *dw;
} results;

typedef struct convolution {
    mad_conv c;
    size_t n, n_in, n_out; /* images, real channels */
    float *x, *w, *dy, *bias, *shift, *map, *add_to, *dw_before;
} convolution;

static void zero_pads(mad_conv c, size_t n_in, size_t n_out, float *w)
{
    for (size_t i = 0; i < c.taps * c.c_in * c.c_out; i++) {
        if (i / c.c_out % c.c_in >= n_in || i % c.c_out >= n_out) {
            w[i] = 0.0f;
        }
    }
}

static convolution draw(mad_conv c, size_t n, size_t n_in, size_t n_out)
{
    const size_t n_w = c.taps * c.c_in * c.c_out;
    convolution v = {.c = c, .n = n, .n_in = n_in, .n_out = n_out};
    v.x = mad_test_maps(input_of(c, n), n_in);
    v.w = mad_test_normals(n_w);
    v.dy = mad_test_maps(output_of(c, n), n_out);
    v.bias = mad_test_normals(c.c_out);
    v.shift = mad_test_normals(n * c.c_out);
    v.map = mad_test_maps(output_of(c, n), n_out);
    v.add_to = mad_test_maps(input_of(c, n), n_in);
    v.dw_before = mad_test_normals(n_w);
    zero_pads(c, n_in, n_out, v.w);
    zero_pads(c, n_in, n_out, v.dw_before);
    for (size_t i = 0; i < n * c.c_out; i++) {
        if (i % c.c_out >= n_out) {
            v.shift[i] = v.bias[i % c.c_out] = 0.0f;
        }
    }
    return v;
}

/* Forward with all additions, both backward passes, by the kernels k. */
static results compute(const mad_map_kernels *k, const convolution *v)
{
    const mad_conv c = v->c;
    const size_t n_w = c.taps * c.c_in * c.c_out;
    results r = {.packed = mad_test_floats(k->conv_packed(&c)),
                 .scratch = mad_test_floats(k->conv_scratch(&c, v->n)),
                 .y = mad_test_maps_empty(output_of(c, v->n)),
                 .dx = mad_test_maps_empty(input_of(c, v->n)),
                 .dw = mad_test_floats(n_w)};
    const mad_conv_add add = {v->bias, v->shift, v->map + c.c_out};
    memcpy(r.dw, v->dw_before, n_w * sizeof *r.dw);
    k->conv_pack(&c, v->w, r.packed);
    k->conv(&c, v->n, v->x + c.c_in, r.packed, add, r.scratch, r.y + c.c_out);
    k->conv_back(&c, v->n, v->dy + c.c_out, r.packed, v->add_to + c.c_in, r.scratch, r.dx + c.c_in);
    k->conv_back_weights(&c, v->n, v->x + c.c_in, v->dy + c.c_out, r.scratch, r.dw);
    return r;
}

static void free_results(results *r)
{
    free(r->packed), free(r->scratch), free(r->y), free(r->dx), free(r->dw);
}

static void free_convolution(convolution *v)
{
    free(v->x), free(v->w), free(v->dy), free(v->bias), free(v->shift), free(v->map);
    free(v->add_to), free(v->dw_before);
}

/* Winograd's form shows by its packed weights. */
static int transformed(const mad_map_kernels *k, mad_conv c)
{
    return k->conv_packed(&c) > 2 * c.taps * c.c_in * c.c_out;
}

static sizes sizes_of(const mad_map_kernels *k, const convolution *v)
{
    const mad_conv c = v->c;
    const mad_maps in = input_of(c, v->n), out = output_of(c, v->n);
    const size_t n_in = mad_maps_floats(in), n_out = mad_maps_floats(out);
    const size_t n_w = c.taps * c.c_in * c.c_out;
    sizes s = {mad_test_doubles(n_out), mad_test_doubles(n_in), mad_test_doubles(n_w)};
    if (transformed(k, c)) {
        winograd_maps_size(in, out, 0, v->x, v->w, s.y);
        winograd_maps_size(out, in, 1, v->dy, v->w, s.dx);
        winograd_weights_size(c, v->n, v->x, v->dy, s.dw);
    } else {
        direct_sizes(c, v->n, v->x, v->w, v->dy, &s);
    }
    for (size_t i = out.c; i < n_out; i++) {
        const size_t image = (i - out.c) / (out.h * (out.w + 1) * out.c);
        s.y[i] += fabs((double)v->bias[i % out.c]) + fabs((double)v->map[i]) +
                  fabs((double)v->shift[image * out.c + i % out.c]);
    }
    for (size_t i = 0; i < n_in; i++) {
        s.dx[i] += fabs((double)v->add_to[i]);
    }
    for (size_t i = 0; i < n_w; i++) {
        s.dw[i] += fabs((double)v->dw_before[i]);
    }
    return s;
}

/* Terms of the longest sum of each result, with what is added and the reference's own rounding. */
static double n_terms(const mad_map_kernels *k, mad_conv c, double n_direct, double n_transformed)
{
    return 4.0 + (transformed(k, c) ? n_transformed + WINOGRAD_ROUNDINGS : n_direct);
}

static void check_conv(const mad_map_kernels *ref, const mad_map_kernels *fast, mad_conv c,
                       size_t n, size_t n_in, size_t n_out)
{
    convolution v = draw(c, n, n_in, n_out);
    const mad_maps in = input_of(c, n), out = output_of(c, n);
    const size_t n_w = c.taps * c.c_in * c.c_out, n_tiles = n * ((c.h + 3) / 4) * ((c.w + 3) / 4);
    const double y_terms = n_terms(fast, c, (double)(c.taps * c.c_in), (double)c.c_in);
    const double x_terms = n_terms(fast, c, (double)(c.taps * c.c_out), (double)c.c_out);
    const double w_terms = n_terms(fast, c, (double)(n * out.h * out.w), (double)n_tiles);
    results a = compute(ref, &v), b = compute(fast, &v);
    sizes s = sizes_of(fast, &v);
    mad_test_maps_written(out, n_out, b.y, "y");
    mad_test_maps_written(in, n_in, b.dx, "dx");
    assert_int_equal(mad_test_n_beyond(mad_maps_floats(out), a.y, b.y, y_terms, s.y), 0);
    assert_int_equal(mad_test_n_beyond(mad_maps_floats(in), a.dx, b.dx, x_terms, s.dx), 0);
    assert_int_equal(mad_test_n_beyond(n_w, a.dw, b.dw, w_terms, s.dw), 0);

    /* sabotaged twins: without the middle tap the bound is broken */
    memset(v.w + c.taps / 2 * c.c_in * c.c_out, 0, c.c_in * c.c_out * sizeof *v.w);
    results twin = compute(fast, &v);
    assert_true(mad_test_n_beyond(mad_maps_floats(out), a.y, twin.y, y_terms, s.y) > 0);
    assert_true(mad_test_n_beyond(mad_maps_floats(in), a.dx, twin.dx, x_terms, s.dx) > 0);
    memset(v.dy + out.c, 0, out.c * sizeof *v.dy); /* or without the first pixel */
    results other = compute(fast, &v);
    assert_true(mad_test_n_beyond(n_w, a.dw, other.dw, w_terms, s.dw) > 0);
    free_results(&a), free_results(&b), free_results(&twin), free_results(&other);
    free(s.y), free(s.dx), free(s.dw);
    free_convolution(&v);
}

/* Sum of residual and result in place, nothing added, one image at a time: the same bits. */
static void check_in_place(const mad_map_kernels *k, mad_conv c, size_t n)
{
    convolution v = draw(c, n, c.c_in, c.c_out);
    const mad_maps in = input_of(c, 1), out = output_of(c, 1);
    const size_t x_map = mad_maps_floats(in) - in.c, y_map = mad_maps_floats(out) - out.c;
    results all = compute(k, &v);
    const mad_conv_add none = {NULL, NULL, NULL};
    float *bare = mad_test_maps_empty(output_of(c, n));
    k->conv(&c, n, v.x + c.c_in, all.packed, none, all.scratch, bare + c.c_out);
    mad_test_maps_written(output_of(c, n), c.c_out, bare, "bare y");
    for (size_t i = 0; i < n; i++) {
        float *y = v.map + out.c + i * y_map, *dx = v.add_to + in.c + i * x_map;
        const mad_conv_add add = {v.bias, v.shift + i * c.c_out, y};
        k->conv(&c, 1, v.x + in.c + i * x_map, all.packed, add, all.scratch, y);
        k->conv_back(&c, 1, v.dy + out.c + i * y_map, all.packed, dx, all.scratch, dx);
    }
    for (size_t i = 0; i < mad_maps_floats(output_of(c, n)); i++) {
        assert_true(isnan(all.y[i]) ? v.map[i] == 0.0f : v.map[i] == all.y[i]);
    }
    for (size_t i = 0; i < mad_maps_floats(input_of(c, n)); i++) {
        assert_true(isnan(all.dx[i]) ? v.add_to[i] == 0.0f : v.add_to[i] == all.dx[i]);
    }
    free(bare);
    free_results(&all);
    free_convolution(&v);
}

typedef struct shape {
    mad_conv conv;
    size_t n, n_in, n_out;
} shape;

static const shape shapes[] = {
    /* h, w, taps, stride, c_in, c_out */
    {{8, 8, 9, 1, 16, 32}, 2, 16, 32},   {{7, 7, 9, 1, 32, 16}, 3, 30, 9},
    {{5, 3, 9, 1, 16, 16}, 2, 5, 16},    {{1, 1, 9, 1, 16, 48}, 3, 16, 40},
    {{4, 9, 9, 1, 48, 16}, 1, 48, 16},   {{2, 2, 9, 1, 32, 32}, 2, 32, 32},
    {{14, 14, 9, 1, 16, 32}, 2, 16, 32}, {{28, 28, 9, 1, 16, 16}, 2, 16, 16},
    {{3, 37, 9, 1, 16, 16}, 1, 16, 16},  {{8, 8, 9, 2, 32, 48}, 2, 32, 33},
    {{7, 7, 9, 2, 16, 32}, 2, 16, 32},   {{5, 4, 9, 2, 32, 16}, 1, 20, 16},
    {{1, 2, 9, 2, 16, 16}, 2, 16, 16},   {{1, 1, 9, 2, 16, 16}, 2, 16, 16},
    {{7, 7, 1, 1, 48, 32}, 2, 47, 32},   {{1, 1, 1, 1, 16, 16}, 1, 3, 2},
    {{28, 5, 1, 1, 16, 64}, 1, 16, 64},
};
enum { N_SHAPES = sizeof shapes / sizeof *shapes };

static void convolutions(const mad_map_kernels *ref, const mad_map_kernels *fast)
{
    for (size_t i = 0; i < N_SHAPES; i++) {
        check_conv(ref, fast, shapes[i].conv, shapes[i].n, shapes[i].n_in, shapes[i].n_out);
    }
}

static void test_conv(void **state)
{
    (void)state;
    mad_test_each_isa(convolutions);
}

/* More tiles than one block holds, and every count of images: each image as if alone. */
static void test_alone(void **state)
{
    (void)state;
    for (int isa = MAD_ISA_REFERENCE; isa <= MAD_ISA_AVX512; isa++) {
        const mad_kernels *k = mad_kernels_for((mad_isa)isa);
        if (k == NULL) {
            continue;
        }
        for (size_t i = 0; i < N_SHAPES; i++) {
            check_in_place(k->maps, shapes[i].conv, 1 + i % 4);
        }
        check_in_place(k->maps, (mad_conv){7, 7, 9, 1, 16, 16}, isa == MAD_ISA_REFERENCE ? 2 : 23);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_conv),
        cmocka_unit_test(test_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

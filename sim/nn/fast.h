/* sim/nn/fast.h: the kernels of kernels.h in GNU vector code, included once per instruction set.
 *
 * The including file defines LANES (floats per register), TILE_ROWS (rows of the output tile held
 * in registers; its width is 2 registers), MAD_KERNELS and MAD_MAPS (names of the tables it makes)
 * and, where the processor has instructions for them, MAD_LOWER_OF, MAD_HIGHER_OF, MAD_RECIPROCAL.
 * x[r][i] input rows, w(i, o) weights, y[r][o] output, dy the gradient of y, as in kernels_ref.c;
 * all three big products are one: c(m, n) = sum_k a[m * a_m + k * a_k] b(k, n), and differ in what
 * is done with a finished tile.
 */
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "sim/nn/tables.h"

#define ALWAYS_INLINE static inline __attribute__((always_inline))
#ifdef __clang__
#define UNROLL _Pragma("unroll")
#else
#define UNROLL _Pragma("GCC unroll 32")
#endif

enum { TILE_VECS = 2, TILE_COLS = TILE_VECS * LANES };

typedef float vec __attribute__((vector_size(LANES * 4), may_alias));
typedef int32_t vec_int __attribute__((vector_size(LANES * 4), may_alias));
typedef double vec_double __attribute__((vector_size(LANES * 8)));

ALWAYS_INLINE vec splat(float x)
{
    return x - (vec){0};
}

/* a where a < b, else b: a NaN in b survives. */
ALWAYS_INLINE vec lower_of(vec a, vec b)
{
#ifdef MAD_LOWER_OF
    return MAD_LOWER_OF(a, b);
#else
    const vec_int take = a < b;
    return (vec)(((vec_int)a & take) | ((vec_int)b & ~take));
#endif
}

ALWAYS_INLINE vec higher_of(vec a, vec b)
{
#ifdef MAD_HIGHER_OF
    return MAD_HIGHER_OF(a, b);
#else
    const vec_int take = a > b;
    return (vec)(((vec_int)a & take) | ((vec_int)b & ~take));
#endif
}

/* Nearest whole number of |x| < 2^22: adding 1.5 2^23 pushes the fraction out of the mantissa. The
 * compiler may not cancel the two additions (no -ffast-math). */
#define ROUNDER 0x1.8p23f

/* exp(x), x held in [-87, 88]: 2^n e^r with n = round(x / ln 2), |r| <= ln 2 / 2, and e^r = 1 + r +
 * r^2 p(r), p minimax (3e-9). Relative error 2e-7. */
ALWAYS_INLINE vec exponential(vec x)
{
    x = higher_of(splat(-87.0f), lower_of(splat(88.0f), x));
    const vec shifted = x * 0x1.715476p0f + ROUNDER;
    const vec n = shifted - ROUNDER;
    vec r = x - n * 0x1.62e0p-1f;
    r = r - n * 0x1.0bfbe8p-15f;
    vec p = r * 0.00138145f + 0.00836878f;
    p = p * r + 0.04166839f;
    p = p * r + 0.1666652f;
    p = p * r + 0.49999993f;
    p = p * (r * r) + r + 1.0f;
    return (vec)((vec_int)p + ((vec_int)shifted << 23));
}

/* ---- the product ---- */

/* acc = rows of a times two registers of b, over all k. */
ALWAYS_INLINE void multiply(const size_t n_m, size_t n_k, const float *a, size_t a_m, size_t a_k,
                            const float *b, size_t b_k, vec acc[][TILE_VECS])
{
    UNROLL
    for (size_t m = 0; m < n_m; m++) {
        UNROLL
        for (size_t v = 0; v < TILE_VECS; v++) {
            acc[m][v] = (vec){0};
        }
    }
    for (size_t k = 0; k < n_k; k++) {
        const vec b0 = *(const vec *)(b + k * b_k), b1 = *(const vec *)(b + k * b_k + LANES);
        UNROLL
        for (size_t m = 0; m < n_m; m++) {
            const vec x = splat(a[m * a_m + k * a_k]);
            acc[m][0] += x * b0;
            acc[m][1] += x * b1;
        }
    }
}

/* What becomes of a finished tile. */
typedef enum finish { FINISH_SILU, FINISH_SCALE, FINISH_ADD } finish;

typedef struct product {
    size_t n_m, n_n, n_k;
    const float *a;
    size_t a_m, a_k;
    mad_panels b;
    const float *bias;
    float *c, *slope;
    size_t ld_c;
} product;

/* z lies in c: c <- silu(z), slope <- silu'(z) = s + silu(z) (1 - s), s the sigmoid. */
ALWAYS_INLINE void activate(const size_t n_m, float *c, float *slope, size_t ld_c)
{
    for (size_t m = 0; m < n_m; m++) {
        UNROLL
        for (size_t v = 0; v < TILE_VECS; v++) {
            vec *y = (vec *)(c + m * ld_c + v * LANES);
            const vec s = 1.0f / (1.0f + exponential(-*y));
            *y *= s;
            if (slope != NULL) {
                *(vec *)(slope + m * ld_c + v * LANES) = s + *y * (1.0f - s);
            }
        }
    }
}

ALWAYS_INLINE void do_tile(const finish kind, const size_t n_m, const product *p, size_t m0,
                           size_t n0)
{
    vec acc[TILE_ROWS][TILE_VECS];
    const float *b = p->b.b + n0 / MAD_PANEL * p->b.b_panel + n0 % MAD_PANEL;
    multiply(n_m, p->n_k, p->a + m0 * p->a_m, p->a_m, p->a_k, b, p->b.b_k, acc);
    float *c = p->c + m0 * p->ld_c + n0;
    UNROLL
    for (size_t m = 0; m < n_m; m++) {
        UNROLL
        for (size_t v = 0; v < TILE_VECS; v++) {
            vec *to = (vec *)(c + m * p->ld_c + v * LANES);
            if (kind == FINISH_SILU) {
                *to = acc[m][v] + *(const vec *)(p->bias + n0 + v * LANES);
            } else if (kind == FINISH_SCALE) {
                *to *= acc[m][v];
            } else {
                *to += acc[m][v];
            }
        }
    }
    if (kind == FINISH_SILU) {
        activate(n_m, c, p->slope == NULL ? NULL : p->slope + m0 * p->ld_c + n0, p->ld_c);
    }
}

/* Columns outside, so that one strip of b stays in the first-level cache for all rows. */
ALWAYS_INLINE void multiply_all(const finish kind, const product *p)
{
    for (size_t n0 = 0; n0 < p->n_n; n0 += TILE_COLS) {
        size_t m0 = 0;
        for (; m0 + TILE_ROWS <= p->n_m; m0 += TILE_ROWS) {
            do_tile(kind, TILE_ROWS, p, m0, n0);
        }
        for (; m0 + 2 <= p->n_m; m0 += 2) {
            do_tile(kind, 2, p, m0, n0);
        }
        if (m0 < p->n_m) {
            do_tile(kind, 1, p, m0, n0);
        }
    }
}

static void affine_silu(size_t n_rows, size_t n_in, size_t n_out, const float *x, size_t ld_x,
                        mad_panels w, const float *bias, float *y, float *slope, size_t ld_y)
{
    const product p = {.n_m = n_rows,
                       .n_n = n_out,
                       .n_k = n_in,
                       .a = x,
                       .a_m = ld_x,
                       .a_k = 1,
                       .b = w,
                       .bias = bias,
                       .c = y,
                       .slope = slope,
                       .ld_c = ld_y};
    multiply_all(FINISH_SILU, &p);
}

static void back_rows(size_t n_rows, size_t n_k, size_t n_n, const float *dy, size_t ld_dy,
                      mad_panels b, float *slope, size_t ld_n)
{
    const product p = {.n_m = n_rows,
                       .n_n = n_n,
                       .n_k = n_k,
                       .a = dy,
                       .a_m = ld_dy,
                       .a_k = 1,
                       .b = b,
                       .c = slope,
                       .ld_c = ld_n};
    multiply_all(FINISH_SCALE, &p);
}

static void back_weights(size_t n_rows, size_t n_m, size_t n_n, const float *a, size_t ld_a,
                         const float *b, size_t ld_b, float *c, size_t ld_c)
{
    const product p = {.n_m = n_m,
                       .n_n = n_n,
                       .n_k = n_rows,
                       .a = a,
                       .a_m = 1,
                       .a_k = ld_a,
                       .b = {.b = b, .b_k = ld_b, .b_panel = MAD_PANEL},
                       .c = c,
                       .ld_c = ld_c};
    multiply_all(FINISH_ADD, &p);
}

static void back_bias(size_t n_rows, size_t n_n, const float *b, size_t ld_b, float *c)
{
    for (size_t n = 0; n < n_n; n += TILE_COLS) {
        vec sum0 = {0}, sum1 = {0};
        for (size_t r = 0; r < n_rows; r++) {
            sum0 += *(const vec *)(b + r * ld_b + n);
            sum1 += *(const vec *)(b + r * ld_b + n + LANES);
        }
        *(vec *)(c + n) += sum0;
        *(vec *)(c + n + LANES) += sum1;
    }
}

/* ---- the last layer: few outputs, so lanes run over the inputs ---- */

ALWAYS_INLINE float sum_lanes(vec x)
{
    float lane[LANES];
    memcpy(lane, &x, sizeof lane);
    UNROLL
    for (size_t half = LANES / 2; half > 0; half /= 2) {
        UNROLL
        for (size_t i = 0; i < half; i++) {
            lane[i] += lane[i + half];
        }
    }
    return lane[0];
}

ALWAYS_INLINE void dot_tile(const size_t n_r, const size_t n_o, size_t n_in, const float *x,
                            size_t ld_x, const float *w, const float *bias, float *y, size_t ld_y)
{
    vec acc[4][4];
    UNROLL
    for (size_t i = 0; i < n_r * n_o; i++) {
        acc[i / n_o][i % n_o] = (vec){0};
    }
    for (size_t k = 0; k < n_in; k += LANES) {
        UNROLL
        for (size_t r = 0; r < n_r; r++) {
            const vec xr = *(const vec *)(x + r * ld_x + k);
            UNROLL
            for (size_t o = 0; o < n_o; o++) {
                acc[r][o] += xr * *(const vec *)(w + o * n_in + k);
            }
        }
    }
    UNROLL
    for (size_t i = 0; i < n_r * n_o; i++) {
        y[i / n_o * ld_y + i % n_o] = bias[i % n_o] + sum_lanes(acc[i / n_o][i % n_o]);
    }
}

ALWAYS_INLINE void dot_rows(const size_t n_r, size_t n_in, size_t n_out, const float *x,
                            size_t ld_x, const float *w, const float *bias, float *y, size_t ld_y)
{
    size_t o = 0;
    for (; o + 4 <= n_out; o += 4) {
        dot_tile(n_r, 4, n_in, x, ld_x, w + o * n_in, bias + o, y + o, ld_y);
    }
    for (; o + 2 <= n_out; o += 2) {
        dot_tile(n_r, 2, n_in, x, ld_x, w + o * n_in, bias + o, y + o, ld_y);
    }
    if (o < n_out) {
        dot_tile(n_r, 1, n_in, x, ld_x, w + o * n_in, bias + o, y + o, ld_y);
    }
}

static void affine_few(size_t n_rows, size_t n_in, size_t n_out, const float *x, size_t ld_x,
                       const float *w, const float *bias, float *y, size_t ld_y)
{
    size_t r = 0;
    for (; r + 4 <= n_rows; r += 4) {
        dot_rows(4, n_in, n_out, x + r * ld_x, ld_x, w, bias, y + r * ld_y, ld_y);
    }
    for (; r < n_rows; r++) {
        dot_rows(1, n_in, n_out, x + r * ld_x, ld_x, w, bias, y + r * ld_y, ld_y);
    }
}

/* ---- noise embedding ---- */

/* sin and cos of one register: n = round(x 2 / pi), r = x - n pi / 2 in three parts, |r| <= pi / 4,
 * minimax polynomials; n mod 4 swaps and signs them. */
ALWAYS_INLINE void sine_cosine(vec x, vec *sine, vec *cosine)
{
    const vec shifted = x * 0x1.45f306p-1f + ROUNDER;
    const vec n = shifted - ROUNDER;
    vec r = x - n * 0x1.92p0f;
    r = r - n * 0x1.fb4p-12f;
    r = r - n * 0x1.4442d2p-24f;
    const vec q = r * r;
    vec s = q * -0.00019495f + 0.00833197f;
    s = s * q + -0.16666651f;
    s = s * q * r + r;
    vec c = q * 2.44377282e-05f + -1.38873614e-03f;
    c = c * q + 4.16666467e-02f;
    c = c * q * q + (1.0f - 0.5f * q);
    const vec_int quarter = (vec_int)shifted;
    const vec_int odd = -(quarter & 1);
    const vec_int sine_bits = ((vec_int)c & odd) | ((vec_int)s & ~odd);
    const vec_int cosine_bits = ((vec_int)s & odd) | ((vec_int)c & ~odd);
    *sine = (vec)(sine_bits ^ ((quarter & 2) << 30));
    *cosine = (vec)(cosine_bits ^ (((quarter + 1) & 2) << 30));
}

static void waves(size_t n_rows, size_t n_freq, const float *u, const float *f, float *y,
                  size_t ld_y)
{
    for (size_t r = 0; r < n_rows; r++) {
        float *row = y + r * ld_y;
        for (size_t j = 0; j < n_freq; j += LANES) {
            const size_t n_bytes = (n_freq - j < LANES ? n_freq - j : LANES) * sizeof *y;
            vec angle = {0}, sine, cosine;
            memcpy(&angle, f + j, n_bytes);
            sine_cosine(angle * u[r], &sine, &cosine);
            memcpy(row + j, &sine, n_bytes);
            memcpy(row + n_freq + j, &cosine, n_bytes);
        }
    }
}

/* ---- parameters ---- */

static double gather(size_t n, size_t n_slots, size_t stride, float *slot, float *g)
{
    vec_double squares = {0};
    for (size_t i = 0; i < n; i += LANES) {
        vec sum = {0};
        for (size_t s = 0; s < n_slots; s++) {
            vec *from = (vec *)(slot + s * stride + i);
            sum += *from;
            *from = (vec){0};
        }
        *(vec *)(g + i) = sum;
        const vec_double wide = __builtin_convertvector(sum, vec_double);
        squares += wide * wide;
    }
    double norm_sq = 0.0;
    for (size_t lane = 0; lane < LANES; lane++) {
        norm_sq += squares[lane];
    }
    return norm_sq;
}

static void adam(size_t n, const mad_adam *step, const float *restrict g, float *restrict m,
                 float *restrict v, float *restrict theta, float *restrict mean)
{
    const mad_adam s = *step;
    for (size_t i = 0; i < n; i++) {
        const float gi = s.clip * g[i];
        m[i] = s.beta1 * m[i] + (1.0f - s.beta1) * gi;
        v[i] = s.beta2 * v[i] + (1.0f - s.beta2) * gi * gi;
        theta[i] -= s.decay * theta[i] + s.rate * m[i] / (sqrtf(v[i] * s.unbias_v) + s.eps);
        mean[i] += s.ema * (theta[i] - mean[i]);
    }
}

extern const mad_map_kernels MAD_MAPS;

const mad_kernels MAD_KERNELS = {
    .name = MAD_KERNELS_NAME,
    .affine_silu = affine_silu,
    .affine_few = affine_few,
    .back_rows = back_rows,
    .back_weights = back_weights,
    .back_bias = back_bias,
    .waves = waves,
    .gather = gather,
    .adam = adam,
    .maps = &MAD_MAPS,
};

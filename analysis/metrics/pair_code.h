/* analysis/metrics/pair_code.h: inner loops of pairs.h in GNU vector code, included once per
 * instruction set.
 *
 * The including file defines LANES (doubles per register), TILE_ROWS (rows of the tile held in
 * registers at once) and MAD_PAIR_CODE (name of the table it makes).
 */
#include <math.h>
#include <string.h>

#include "analysis/metrics/pair_isa.h"

#define ALWAYS_INLINE static inline __attribute__((always_inline))
#ifdef __clang__
#define UNROLL _Pragma("unroll")
#else
#define UNROLL _Pragma("GCC unroll 8")
#endif

enum { COLS = MAD_PAIR_TILE, VECS = COLS / LANES };

typedef double vec __attribute__((vector_size(LANES * 8), may_alias));
typedef int64_t vec_int __attribute__((vector_size(LANES * 8), may_alias));
typedef uint64_t vec_bits __attribute__((vector_size(LANES * 8), may_alias));

ALWAYS_INLINE void add_tile(int is_product, size_t n, const double *x, const double *y, double *out)
{
    vec sum[TILE_ROWS][VECS];
    UNROLL
    for (size_t r = 0; r < TILE_ROWS; r++) {
        UNROLL
        for (size_t v = 0; v < VECS; v++) {
            sum[r][v] = *(const vec *)(const void *)(out + r * MAD_PAIR_ROWS + v * LANES);
        }
    }
    for (size_t k = 0; k < n; k++, x += COLS, y += COLS) {
        UNROLL
        for (size_t r = 0; r < TILE_ROWS; r++) {
            const vec row = x[r] - (vec){0};
            UNROLL
            for (size_t v = 0; v < VECS; v++) {
                const vec col = *(const vec *)(const void *)(y + v * LANES);
                const vec d = row - col;
                sum[r][v] += is_product ? row * col : d * d;
            }
        }
    }
    UNROLL
    for (size_t r = 0; r < TILE_ROWS; r++) {
        UNROLL
        for (size_t v = 0; v < VECS; v++) {
            *(vec *)(void *)(out + r * MAD_PAIR_ROWS + v * LANES) = sum[r][v];
        }
    }
}

static void add_squares(size_t n, const double *x, const double *y, double *out)
{
    for (size_t r = 0; r < MAD_PAIR_TILE; r += TILE_ROWS) {
        add_tile(0, n, x + r, y, out + r * MAD_PAIR_ROWS);
    }
}

static void add_products(size_t n, const double *x, const double *y, double *out)
{
    for (size_t r = 0; r < MAD_PAIR_TILE; r += TILE_ROWS) {
        add_tile(1, n, x + r, y, out + r * MAD_PAIR_ROWS);
    }
}

/* Nearest whole number of |x| < 2^51: adding it pushes the fraction out of the mantissa. */
#define ROUNDER 0x1.8p52

/* exp(x) for x <= 0: 2^n e^r with n = round(x / ln 2) and |r| <= ln 2 / 2, e^r by its Taylor series
 * (next term below 1e-17). Relative error below 3e-16; 0 where exp is below the smallest normal
 * number. NaN stays. */
ALWAYS_INLINE vec exp_of(vec x)
{
    static const double inverse_factorial[] = {1.0 / 6227020800.0,
                                               1.0 / 479001600.0,
                                               1.0 / 39916800.0,
                                               1.0 / 3628800.0,
                                               1.0 / 362880.0,
                                               1.0 / 40320.0,
                                               1.0 / 5040.0,
                                               1.0 / 720.0,
                                               1.0 / 120.0,
                                               1.0 / 24.0,
                                               1.0 / 6.0,
                                               1.0 / 2.0,
                                               1.0,
                                               1.0};
    const vec lifted = x * M_LOG2E + ROUNDER, whole = lifted - ROUNDER;
    /* ln 2 in two parts, the first with 32 bits: n times it is exact */
    const vec r = (x - whole * 0x1.62e42feep-1) - whole * 0x1.a39ef35793c76p-33;
    vec p = inverse_factorial[0] - (vec){0};
    UNROLL
    for (size_t i = 1; i < sizeof inverse_factorial / sizeof *inverse_factorial; i++) {
        p = p * r + inverse_factorial[i];
    }
    const vec_bits exponent = (vec_bits)lifted << 52; /* the low bits of lifted are those of n */
    const vec_bits scaled = (vec_bits)p + exponent;
    const vec_int is_zero = x < -708.0;
    return (vec)(scaled & ~(vec_bits)is_zero);
}

static void finish(const mad_kernel *kernel, size_t n, double *values)
{
    const double scale = kernel->scale;
    vec *const v = (vec *)(void *)values;
    n /= LANES;
    switch (kernel->kind) {
    case MAD_PAIR_DISTANCE_SQ:
        break;
    case MAD_PAIR_DISTANCE:
        for (size_t i = 0; i < n * LANES; i++) {
            values[i] = sqrt(values[i]);
        }
        break;
    case MAD_PAIR_GAUSS:
        for (size_t i = 0; i < n; i++) {
            v[i] = exp_of(v[i] / -scale);
        }
        break;
    case MAD_PAIR_CUBIC:
        for (size_t i = 0; i < n; i++) {
            const vec base = v[i] / scale + 1.0;
            v[i] = base * base * base;
        }
        break;
    }
}

const mad_pair_code MAD_PAIR_CODE = {add_squares, add_products, finish};

/* sim/base/normal_vec.h: Box-Muller in GNU vector code, included once per instruction set.
 *
 * The including file defines LANES (doubles per register), BOX_MULLER (name of the function) and,
 * for its machine, MULTIPLY_ADD(a, b, c) = a b + c rounded once, ROOT(x), and LOOK_UP(table, i) =
 * table[i mod 16] per lane. Every step is rounded as IEEE 754 says: all machines give equal bits.
 *
 *   u = ((w >> 11) | 1) 2^-53,   v = (w mod 2^32) 2^-32,   (x, y) = sqrt(-2 ln u) (cos, sin)(2 pi v)
 */
#include <stdint.h>
#include <string.h>

#include "sim/base/normal.h"

typedef double reals __attribute__((vector_size(LANES * 8)));
typedef uint64_t words __attribute__((vector_size(LANES * 8)));

#define TABLE static const _Alignas(64) double

/* c_i = 1 / (1 + (i + 1/2) / 16) to 24 bits: m c_i is within 1/32 of 1 for m in [1 + i/16, 1 +
 * (i + 1)/16). The last one is 1/2: with it ln u has full relative precision near u = 1. */
TABLE centre_inverse[16] = {0x1.f07c2p-1,  0x1.d41d42p-1, 0x1.bacf92p-1, 0x1.a41a42p-1,
                            0x1.8f9c18p-1, 0x1.7d05f4p-1, 0x1.6c16c2p-1, 0x1.5c9882p-1,
                            0x1.4e5e0ap-1, 0x1.414142p-1, 0x1.3521dp-1,  0x1.29e412p-1,
                            0x1.1f7048p-1, 0x1.15b1e6p-1, 0x1.0c9714p-1, 0x1p-1};
/* ln c_i */
TABLE log_inverse[16] = {
    -0x1.f82990e783380p-6, -0x1.6f0d272e56b4dp-4, -0x1.29552c41ff52ep-3, -0x1.9525a80f456b8p-3,
    -0x1.fb918bd5e3e44p-3, -0x1.2e8e2bee11d31p-2, -0x1.5d1bda55809d0p-2, -0x1.89a33a8c14264p-2,
    -0x1.b44f791cc8f66p-2, -0x1.dd469dec1c4acp-2, -0x1.025529da5d100p-1, -0x1.154c3e3f4d5eep-1,
    -0x1.2795e0e89b11bp-1, -0x1.393e0d2562a1ap-1, -0x1.4a4f87bb03ec9p-1, -0x1.62e42fefa39efp-1};
/* sqrt(2) cos and sin of the middles of 16 sectors, 2 pi (i + 1/2) / 16 */
#define COS_1 0x1.63150b15e8536p+0
#define COS_3 0x1.2d062ef88e319p+0
#define COS_5 0x1.92469c0dcf32dp-1
#define COS_7 0x1.1a855dec071b5p-2
TABLE sector_cos[16] = {COS_1,  COS_3,  COS_5,  COS_7,  -COS_7, -COS_5, -COS_3, -COS_1,
                        -COS_1, -COS_3, -COS_5, -COS_7, COS_7,  COS_5,  COS_3,  COS_1};
TABLE sector_sin[16] = {COS_7,  COS_5,  COS_3,  COS_1,  COS_1,  COS_3,  COS_5,  COS_7,
                        -COS_7, -COS_5, -COS_3, -COS_1, -COS_1, -COS_3, -COS_5, -COS_7};

static inline reals splat(double x)
{
    return x - (reals){0};
}

/* -ln u = n ln 2 + ln c + (s + s^2 p(s)) with u = 2^-n m, 1 <= m < 2, and s = 1 - m c: s + s^2 p is
 * -ln(1 - s) for |s| <= 1/32, p minimax (2e-17). */
static inline reals minus_log(words w)
{
    const reals u = (reals)(w >> 12 | 0x3ff0000000000000) - (1.0 - 0x1p-53);
    const reals m = (reals)(((words)u & 0x000fffffffffffff) | 0x3ff0000000000000);
    const reals n = (0x1p52 + 1023.0) - (reals)((words)u >> 52 | 0x4330000000000000);
    const words i = (words)u >> 48;
    const reals s = MULTIPLY_ADD(-m, LOOK_UP(centre_inverse, i), splat(1.0));
    reals p = MULTIPLY_ADD(splat(0x1.00850833972afp-3), s, splat(0x1.25070b47218d1p-3));
    p = MULTIPLY_ADD(p, s, splat(0x1.555537933be72p-3));
    p = MULTIPLY_ADD(p, s, splat(0x1.999986fe17faep-3));
    p = MULTIPLY_ADD(p, s, splat(0x1.000000014c39fp-2));
    p = MULTIPLY_ADD(p, s, splat(0x1.55555555c7883p-2));
    p = MULTIPLY_ADD(p, s, splat(0x1.fffffffffff77p-2));
    return MULTIPLY_ADD(n, splat(0x1.62e42fefa39efp-1), LOOK_UP(log_inverse, i)) +
           MULTIPLY_ADD(s * s, p, s);
}

/* 2 pi v = the middle of a sector + pi x / 8, |x| <= 1/2; cos and sin(pi x / 8) minimax (5e-17). */
static inline void box_muller(words w, reals *first, reals *second)
{
    const reals radius = ROOT(minus_log(w)); /* without sqrt(2), which the sectors hold */
    const words sector = w >> 28;
    const reals x = (reals)((w << 24 & 0x000fffffff000000) | 0x3ff0000000000000) - 1.5;
    const reals t = x * x;
    reals c = MULTIPLY_ADD(splat(0x1.e170f5784e467p-27), t, splat(-0x1.55d3b9728f1efp-18));
    c = MULTIPLY_ADD(c, t, splat(0x1.03c1f0806b97dp-10));
    c = MULTIPLY_ADD(c, t, splat(-0x1.3bd3cc9be434ap-4));
    c = MULTIPLY_ADD(c, t, splat(1.0));
    reals s = MULTIPLY_ADD(splat(0x1.502cc362696c7p-31), t, splat(-0x1.32d2c4a6198abp-22));
    s = MULTIPLY_ADD(s, t, splat(0x1.466bc6769e1e0p-14));
    s = MULTIPLY_ADD(s, t, splat(-0x1.4abbce625bd96p-7));
    s = MULTIPLY_ADD(s, t, splat(0x1.921fb54442d18p-2)) * x;
    const reals cos_middle = radius * LOOK_UP(sector_cos, sector);
    const reals sin_middle = radius * LOOK_UP(sector_sin, sector);
    *first = MULTIPLY_ADD(cos_middle, c, -(sin_middle * s));
    *second = MULTIPLY_ADD(sin_middle, c, cos_middle * s);
}

void BOX_MULLER(size_t n_blocks, const uint64_t *word, double *out)
{
    for (size_t b = 0; b < n_blocks; b++, word += MAD_HALF_BLOCK, out += MAD_NORMAL_BLOCK) {
        for (size_t j = 0; j < MAD_HALF_BLOCK; j += LANES) {
            words w;
            reals first, second;
            memcpy(&w, word + j, sizeof w);
            box_muller(w, &first, &second);
            memcpy(out + j, &first, sizeof first);
            memcpy(out + MAD_HALF_BLOCK + j, &second, sizeof second);
        }
    }
}

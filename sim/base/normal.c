/* sim/base/normal.c: standard normals by Box & Muller 1958, dispatched at run time. */
#include "sim/base/normal.h"

#include <math.h>
#include <string.h>

enum { BLOCKS_AT_ONCE = 64 };

void mad_box_muller_plain(size_t n_blocks, const uint64_t *word, double *out)
{
    for (size_t b = 0; b < n_blocks; b++, word += MAD_HALF_BLOCK, out += MAD_NORMAL_BLOCK) {
        for (size_t j = 0; j < MAD_HALF_BLOCK; j++) {
            const double u = (double)(word[j] >> 11 | 1) * 0x1p-53; /* never 0 nor 1 */
            const double v = (double)(word[j] & 0xffffffff) * 0x1p-32;
            const double radius = sqrt(-2.0 * log(u));
            out[j] = radius * cos(2.0 * M_PI * v);
            out[MAD_HALF_BLOCK + j] = radius * sin(2.0 * M_PI * v);
        }
    }
}

static mad_box_muller_fn *choose(void)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq")) {
        return mad_box_muller_avx512;
    }
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
        return mad_box_muller_avx2;
    }
#endif
    return mad_box_muller_plain;
}

void mad_rng_normals(mad_rng *rng, size_t n, double *out)
{
    _Alignas(64) uint64_t word[BLOCKS_AT_ONCE * MAD_HALF_BLOCK];
    mad_box_muller_fn *const box_muller = choose();
    while (n > 0) {
        const size_t n_wanted = (n + MAD_NORMAL_BLOCK - 1) / MAD_NORMAL_BLOCK;
        const size_t n_blocks = n_wanted < BLOCKS_AT_ONCE ? n_wanted : BLOCKS_AT_ONCE;
        const size_t n_room = n_blocks * MAD_NORMAL_BLOCK, n_now = n < n_room ? n : n_room;
        const size_t n_whole = n_now / MAD_NORMAL_BLOCK, n_cut = n_now % MAD_NORMAL_BLOCK;
        mad_rng_fill(rng, n_blocks * MAD_HALF_BLOCK, word);
        box_muller(n_whole, word, out);
        if (n_cut > 0) {
            double last[MAD_NORMAL_BLOCK];
            box_muller(1, word + n_whole * MAD_HALF_BLOCK, last);
            memcpy(out + n_whole * MAD_NORMAL_BLOCK, last, n_cut * sizeof *out);
        }
        out += n_now;
        n -= n_now;
    }
}

void mad_rng_normals_f32(mad_rng *rng, size_t n, float *out)
{
    double part[BLOCKS_AT_ONCE * MAD_NORMAL_BLOCK];
    const size_t n_part = sizeof part / sizeof *part;
    for (size_t at = 0; at < n; at += n_part) {
        const size_t n_now = n - at < n_part ? n - at : n_part;
        mad_rng_normals(rng, n_now, part);
        for (size_t i = 0; i < n_now; i++) {
            out[at + i] = (float)part[i];
        }
    }
}

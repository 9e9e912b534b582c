/* sim/base/normal.c: standard normals by Box & Muller 1958, dispatched at run time. */
#include "sim/base/normal.h"

#include <math.h>
#include <string.h>

enum { BLOCKS_AT_ONCE = 16 };

void mad_box_muller_plain(size_t n_blocks, const uint64_t *word, double *out)
{
    for (size_t b = 0; b < n_blocks; b++, word += MAD_NORMAL_BLOCK, out += MAD_NORMAL_BLOCK) {
        for (size_t j = 0; j < MAD_HALF_BLOCK; j++) {
            const double u = 1.0 - (double)(word[j] >> 11) * 0x1p-53; /* (0, 1]: ln is finite */
            const double v = (double)(word[MAD_HALF_BLOCK + j] >> 11) * 0x1p-53;
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
    uint64_t word[BLOCKS_AT_ONCE * MAD_NORMAL_BLOCK];
    mad_box_muller_fn *const box_muller = choose();
    while (n >= MAD_NORMAL_BLOCK) {
        const size_t n_whole = n / MAD_NORMAL_BLOCK;
        const size_t n_blocks = n_whole < BLOCKS_AT_ONCE ? n_whole : BLOCKS_AT_ONCE;
        mad_rng_fill(rng, n_blocks * MAD_NORMAL_BLOCK, word);
        box_muller(n_blocks, word, out);
        out += n_blocks * MAD_NORMAL_BLOCK;
        n -= n_blocks * MAD_NORMAL_BLOCK;
    }
    if (n > 0) {
        double last[MAD_NORMAL_BLOCK];
        mad_rng_fill(rng, MAD_NORMAL_BLOCK, word);
        box_muller(1, word, last);
        memcpy(out, last, n * sizeof *out);
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

/* sim/base/normal.h: raw words in bulk and Box-Muller, one implementation per instruction set. */
#ifndef MAD_BASE_NORMAL_H
#define MAD_BASE_NORMAL_H

#include <stddef.h>
#include <stdint.h>

#include "sim/base/rng.h"

enum { MAD_HALF_BLOCK = MAD_NORMAL_BLOCK / 2 };

/** word[n_blocks][MAD_HALF_BLOCK] raw words -> out[n_blocks][MAD_NORMAL_BLOCK] normals. */
typedef void mad_box_muller_fn(size_t n_blocks, const uint64_t *word, double *out);

mad_box_muller_fn mad_box_muller_plain;
#if defined(__x86_64__)
mad_box_muller_fn mad_box_muller_avx2; /* the same bits as avx512 */
mad_box_muller_fn mad_box_muller_avx512;

/** mad_rng_fill, eight steps of the generator at a time. */
void mad_rng_fill_avx512(mad_rng *rng, size_t n, uint64_t *out);
#endif

#endif

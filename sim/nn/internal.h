/* sim/nn/internal.h: what the networks share. Private to sim/nn. */
#ifndef MAD_NN_INTERNAL_H
#define MAD_NN_INTERNAL_H

#include "sim/nn/net.h"

static inline size_t mad_round_up(size_t n, size_t to)
{
    return (n + to - 1) / to * to;
}

/** errors  MAD_E_CONFIG: n_embed is odd or zero */
MAD_MUST_CHECK mad_status mad_embed_check(mad_ctx *ctx, size_t n_embed);

/** Angular frequencies of c_noise. freq: [n_freq] */
void mad_embed_frequencies(mad_embedding kind, mad_rng rng, size_t n_freq, float *freq);

#endif

/* sim/nn/net.c: what networks share: packing as a whole, frequencies of the noise embedding. */
#include "sim/nn/net.h"

#include <math.h>

#include "sim/nn/internal.h"

/* Angular frequencies in units of c_noise = ln(sigma) / 4. */
#define LOWEST_FREQUENCY  1.0
#define HIGHEST_FREQUENCY 32.0
#define FOURIER_SD        16.0f

void mad_net_pack_all(const mad_net *net, const float *theta, float *packed)
{
    for (size_t i = 0; i < net->n_segments; i++) {
        net->type->pack(net, theta, i, packed);
    }
}

mad_status mad_embed_check(mad_ctx *ctx, size_t n_embed)
{
    if (n_embed == 0 || n_embed % 2 != 0) {
        return mad_fail(ctx, MAD_E_CONFIG,
                        "model.net.embedding must be even and at least 2, got %zu", n_embed);
    }
    return MAD_OK;
}

void mad_embed_frequencies(mad_embedding kind, mad_rng rng, size_t n_freq, float *freq)
{
    switch (kind) {
    case MAD_EMBED_SINUSOIDAL:
        for (size_t j = 0; j < n_freq; j++) {
            const double share = n_freq > 1 ? (double)j / (double)(n_freq - 1) : 0.0;
            freq[j] = (float)(LOWEST_FREQUENCY * pow(HIGHEST_FREQUENCY / LOWEST_FREQUENCY, share));
        }
        break;
    case MAD_EMBED_FOURIER:
        mad_rng_normals_f32(&rng, n_freq, freq);
        for (size_t j = 0; j < n_freq; j++) {
            freq[j] *= FOURIER_SD;
        }
        break;
    case MAD_EMBED_NONE:
        break;
    }
}

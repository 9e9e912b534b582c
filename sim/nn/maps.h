/* sim/nn/maps.h: the arithmetic of a convolutional network on feature maps.
 *
 * A stack of n maps [h][w][c] is float, channels innermost, c padded with zeros to a multiple of
 * MAD_LANE. One zero pixel stands before the first row and after every row, so that a 3x3 window
 * needs no test at the left and right edge:
 *   element (i, y, x, k) = map[((i h + y)(w + 1) + x) c + k],
 * where `map` points BEHIND the leading zero pixel of a buffer of mad_maps_floats() floats. Every
 * function writes real pixels only: edge pixels are zeroed once, when the buffer is carved.
 * A batch never mixes images: each is computed as if it were alone, whatever n is.
 */
#ifndef MAD_NN_MAPS_H
#define MAD_NN_MAPS_H

#include <stddef.h>

#define MAD_LANE         ((size_t)16)
#define MAD_MAX_CHANNELS ((size_t)1024) /* of maps that norm and norm_back are given */

typedef struct mad_maps {
    size_t n, h, w, c;
} mad_maps;

/** Floats of a buffer, edges included; the map pointer is buffer + c. */
size_t mad_maps_floats(mad_maps shape);

/* A convolution with zero padding: 3x3 (padding 1, stride 1 or 2) or 1x1 (stride 1). Output maps are
 * ceil(h / stride) x ceil(w / stride). Channels are padded ones. Weights in a parameter block are
 * w[tap][c_in][c_out], tap = 3 ky + kx: out(y, x) = sum w[3 ky + kx] in(stride y + ky - 1, ...). */
typedef struct mad_conv {
    size_t h, w; /* of the input */
    size_t taps; /* 9 or 1 */
    size_t stride;
    size_t c_in, c_out;
} mad_conv;

/* What is added to a finished output; NULL = nothing. */
typedef struct mad_conv_add {
    const float *bias;  /* [c_out] */
    const float *shift; /* [n][c_out] per image: embedding of noise level and class */
    const float *map;   /* like the output: a residual, or the output of another convolution; may BE
                           the output */
} mad_conv_add;

typedef struct mad_map_kernels {
    /* Layouts the convolution reads, forward and backward, from w of a parameter block. */
    size_t (*conv_packed)(const mad_conv *conv); /* floats */
    void (*conv_pack)(const mad_conv *conv, const float *w, float *packed);
    /* Floats of scratch that any of the three passes over n images needs. */
    size_t (*conv_scratch)(const mad_conv *conv, size_t n);

    /** y = conv(x) + add. */
    void (*conv)(const mad_conv *conv, size_t n, const float *x, const float *packed,
                 mad_conv_add add, float *scratch, float *y);
    /** dx = transposed convolution of dy, (+ add_to, which may be dx; NULL = nothing). */
    void (*conv_back)(const mad_conv *conv, size_t n, const float *dy, const float *packed,
                      const float *add_to, float *scratch, float *dx);
    /** dw[taps][c_in][c_out] += sum over pixels of x (at the tap) times dy (ACCUMULATES). */
    void (*conv_back_weights)(const mad_conv *conv, size_t n, const float *x, const float *dy,
                              float *scratch, float *dw);
    /** sum[i][k] = sum over the pixels of map i: gradient of bias and shift. */
    void (*sum_pixels)(mad_maps shape, const float *x, float *sum);

    /** Windows of side 3 or 5 of a dense picture: y(p)[tap channels + k] = x(p + tap)[k], zero
     *  outside, tap = side ky + kx; y has c >= side^2 channels channels. With a 1x1 convolution
     *  behind it: one of that side on few channels.
     *  shape  x: [n][h][w][channels] */
    void (*windows)(mad_maps shape, size_t side, size_t channels, const float *x, float *y);
    /** The transpose: y(p)[k] = bias[k] + sum_tap x(p - tap)[tap channels + k]. With the 1x1
     *  convolution in front: one of that side to few channels. bias may be NULL.
     *  shape  y: [n][h][w][channels] */
    void (*gather_windows)(mad_maps shape, size_t side, size_t channels, const float *x,
                           const float *bias, float *y);

    /** Rectifier and max-pooling: y(p)[k] = max(0, x(2 p + {0, 1}^2)[k]) of the first `channels`
     *  channels; the odd row and column of x are not read. (LeCun et al. 1998 average instead)
     *  shape  y: dense [n][h / 2][w / 2][channels] */
    void (*pool)(mad_maps shape, size_t channels, const float *x, float *y);
    /** dx of all of x: dy where x is the first largest of its four and above 0, else 0. */
    void (*pool_back)(mad_maps shape, size_t channels, const float *x, const float *dy, float *dx);

    /** GroupNorm over `groups` groups of the n_channels real channels (group size n_channels /
     *  groups, eps 1e-5), then y = silu(gamma x^ + beta), or without silu when act is 0.
     *  stat[n][groups][2] keeps mean and 1/sd. Pads of y stay zero. (Wu & He 2018) */
    void (*norm)(mad_maps shape, size_t n_channels, size_t groups, int act, const float *x,
                 const float *gamma, const float *beta, float *stat, float *y);
    /** dx = gradient of the input (+ add_to, which may be dx; NULL = nothing); ACCUMULATES into
     *  dgamma, dbeta. dy is overwritten; it may be dx. */
    void (*norm_back)(mad_maps shape, size_t n_channels, size_t groups, int act, const float *x,
                      const float *gamma, const float *beta, const float *stat, float *dy,
                      const float *add_to, float *dgamma, float *dbeta, float *dx);

    /** Nearest-neighbour upsampling by 2, and its transpose (sums of 2x2). shape is that of the
     *  small maps. */
    void (*grow)(mad_maps shape, const float *x, float *y);
    void (*grow_back)(mad_maps shape, const float *dy, float *dx);

    /** Self-attention with one head over the pixels of each map (Vaswani et al. 2017, Eq. 1):
     *  p = softmax(q k^T / sqrt(n_channels)), y = p v.
     *  shape  qkv: maps of 3 c channels, q k v in turn; p: [n][tokens][ld_p], transposed (a column is
     *         one token's softmax), ld_p = tokens rounded up to MAD_LANE; y: maps of c channels */
    void (*attention)(mad_maps shape, size_t n_channels, const float *qkv, float *scratch, float *p,
                      float *y);
    /** dqkv from dy; p is overwritten. */
    void (*attention_back)(mad_maps shape, size_t n_channels, const float *qkv, const float *dy,
                           float *scratch, float *p, float *dqkv);
    size_t (*attention_scratch)(mad_maps shape); /* floats, either pass */
} mad_map_kernels;

#endif

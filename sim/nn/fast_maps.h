/* sim/nn/fast_maps.h: the table of kernels on feature maps, and the small ones. Included last by the
 * file of an instruction set.
 */
#include "sim/nn/fast_tile.h"

#include "sim/nn/fast_attention.h"
#include "sim/nn/fast_conv.h"
#include "sim/nn/fast_norm.h"
#include "sim/nn/fast_winograd_tiles.h"

#include "sim/nn/fast_winograd.h"

/* ---- which form a convolution takes: a matter of its shape only ---- */

static size_t conv_packed(const mad_conv *conv)
{
    return is_winograd(conv) ? winograd_floats(conv) : direct_floats(conv);
}

static void conv_pack(const mad_conv *conv, const float *w, float *packed)
{
    if (is_winograd(conv)) {
        winograd_pack(conv, w, packed);
    } else {
        direct_pack(conv, w, packed);
    }
}

static size_t conv_scratch(const mad_conv *conv, size_t n)
{
    (void)n; /* a block of tiles at a time */
    return is_winograd(conv) ? winograd_scratch(conv) : 0;
}

static void conv(const mad_conv *conv, size_t n, const float *x, const float *packed,
                 mad_conv_add add, float *scratch, float *y)
{
    if (is_winograd(conv)) {
        winograd_run(conv, n, conv->c_in, conv->c_out, x, packed, add, scratch, y);
    } else {
        direct_conv(conv, n, x, packed, add, y);
    }
}

static void conv_back(const mad_conv *conv, size_t n, const float *dy, const float *packed,
                      const float *add_to, float *scratch, float *dx)
{
    if (is_winograd(conv)) {
        const mad_conv_add add = {.map = add_to};
        winograd_run(conv, n, conv->c_out, conv->c_in, dy,
                     packed + WINOGRAD_ELEMENTS * conv->c_in * conv->c_out, add, scratch, dx);
    } else {
        direct_back(conv, n, dy, packed, add_to, dx);
    }
}

static void conv_back_weights(const mad_conv *conv, size_t n, const float *x, const float *dy,
                              float *scratch, float *dw)
{
    if (is_winograd(conv)) {
        winograd_back_weights(conv, n, x, dy, scratch, dw);
    } else {
        direct_back_weights(conv, n, x, dy, dw);
    }
}

static void sum_pixels(mad_maps shape, const float *x, float *sum)
{
    for (size_t i = 0; i < shape.n; i++) {
        channel_sums(shape, x, NULL, sum);
        x += shape.h * (shape.w + 1) * shape.c;
        sum += shape.c;
    }
}

/* ---- few channels: the three taps of a row are one run of the dense picture ---- */

static void windows(mad_maps shape, size_t channels, const float *x, float *y)
{
    const size_t run = 3 * channels;
    for (size_t row = 0; row < shape.n * shape.h; row++) {
        for (size_t j = 0; j < shape.w; j++) {
            float *to = y + (row * (shape.w + 1) + j) * shape.c;
            memset(to, 0, shape.c * sizeof *to);
            const size_t left = j == 0 ? channels : 0; /* floats outside */
            const size_t right = j + 1 == shape.w ? channels : 0;
            for (size_t ky = 0; ky < 3; ky++) {
                if (row % shape.h + ky - 1 < shape.h) {
                    const float *from = x + ((row + ky - 1) * shape.w + j) * channels;
                    for (size_t k = left; k < run - right; k++) {
                        to[ky * run + k] = from[(ptrdiff_t)k - (ptrdiff_t)channels];
                    }
                }
            }
        }
    }
}

static void gather_windows(mad_maps shape, size_t channels, const float *x, const float *bias,
                           float *y)
{
    const size_t x_row = (shape.w + 1) * shape.c;
    for (size_t row = 0; row < shape.n * shape.h; row++) {
        const size_t first = row % shape.h == 0 ? 1 : 0; /* of the rows above, here and below */
        const size_t end = row % shape.h + 1 == shape.h ? 2 : 3;
        for (size_t j = 0; j < shape.w * channels; j++) {
            const size_t k = j % channels;
            float sum = bias == NULL ? 0.0f : bias[k];
            for (size_t r = first; r < end; r++) {
                /* pixel (r - 1, s - 1) from here is where this one is tap 3 (2 - r) + 2 - s */
                const float *from = x + (row + r - 1) * x_row + j / channels * shape.c + k;
                for (size_t s = 0; s < 3; s++) {
                    sum += from[(ptrdiff_t)(s * shape.c + (3 * (2 - r) + 2 - s) * channels) -
                                (ptrdiff_t)shape.c];
                }
            }
            y[row * shape.w * channels + j] = sum;
        }
    }
}

/* ---- change of size ---- */

static void grow(mad_maps shape, const float *x, float *y)
{
    const size_t y_row = (2 * shape.w + 1) * shape.c;
    for (size_t row = 0; row < shape.n * shape.h; row++) {
        for (size_t j = 0; j < shape.w; j++) {
            const float *from = x + (row * (shape.w + 1) + j) * shape.c;
            float *to = y + 2 * row * y_row + 2 * j * shape.c;
            for (size_t k = 0; k < shape.c; k += LANES) {
                const vec value = load(from, k);
                *at(to, k) = value;
                *at(to, k + shape.c) = value;
                *at(to, k + y_row) = value;
                *at(to, k + y_row + shape.c) = value;
            }
        }
    }
}

static void grow_back(mad_maps shape, const float *dy, float *dx)
{
    const size_t y_row = (2 * shape.w + 1) * shape.c;
    for (size_t row = 0; row < shape.n * shape.h; row++) {
        for (size_t j = 0; j < shape.w; j++) {
            const float *from = dy + 2 * row * y_row + 2 * j * shape.c;
            float *to = dx + (row * (shape.w + 1) + j) * shape.c;
            for (size_t k = 0; k < shape.c; k += LANES) {
                *at(to, k) = (load(from, k) + load(from, k + shape.c)) +
                             (load(from, k + y_row) + load(from, k + y_row + shape.c));
            }
        }
    }
}

const mad_map_kernels MAD_MAPS = {
    .conv_packed = conv_packed,
    .conv_pack = conv_pack,
    .conv_scratch = conv_scratch,
    .conv = conv,
    .conv_back = conv_back,
    .conv_back_weights = conv_back_weights,
    .sum_pixels = sum_pixels,
    .windows = windows,
    .gather_windows = gather_windows,
    .norm = norm,
    .norm_back = norm_back,
    .grow = grow,
    .grow_back = grow_back,
    .attention = attention,
    .attention_back = attention_back,
    .attention_scratch = attention_scratch,
};

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

/* ---- few channels: the taps of a row are one run of the dense picture ---- */

/* Of the pixels -reach .. reach around pixel i of n: the first that is inside, counted from -reach. */
ALWAYS_INLINE size_t first_inside(size_t reach, size_t i)
{
    return i < reach ? reach - i : 0;
}

ALWAYS_INLINE size_t end_inside(size_t reach, size_t i, size_t n)
{
    return i + reach < n ? 2 * reach + 1 : n - i + reach;
}

ALWAYS_INLINE void windows_of(const size_t side, const size_t channels, mad_maps shape,
                              const float *x, float *y)
{
    const size_t reach = side / 2, run = side * channels, x_row = shape.w * channels;
    for (size_t row = 0; row < shape.n * shape.h; row++) {
        const size_t first = first_inside(reach, row % shape.h);
        const size_t end = end_inside(reach, row % shape.h, shape.h);
        for (size_t j = 0; j < shape.w; j++) {
            float *to = y + (row * (shape.w + 1) + j) * shape.c;
            const float *corner = x + ((ptrdiff_t)(row * x_row + j * channels) -
                                       (ptrdiff_t)(reach * (x_row + channels)));
            const size_t left = first_inside(reach, j), right = end_inside(reach, j, shape.w);
            if (end - first == side && right - left == side) {
                UNROLL
                for (size_t ky = 0; ky < side; ky++) {
                    memcpy(to + ky * run, corner + ky * x_row, run * sizeof *to);
                }
                memset(to + side * run, 0, (shape.c - side * run) * sizeof *to);
                continue;
            }
            memset(to, 0, shape.c * sizeof *to);
            for (size_t ky = first; ky < end; ky++) {
                for (size_t k = left * channels; k < right * channels; k++) {
                    to[ky * run + k] = corner[ky * x_row + k];
                }
            }
        }
    }
}

/* Runs of known length are copied several times as fast: pictures, and what lenet.h has inside. */
static void windows(mad_maps shape, size_t side, size_t channels, const float *x, float *y)
{
    if (side == 3 && channels == 1) {
        windows_of(3, 1, shape, x, y);
    } else if (side == 3) {
        windows_of(3, channels, shape, x, y);
    } else if (channels == 1) {
        windows_of(5, 1, shape, x, y);
    } else if (channels == 6) {
        windows_of(5, 6, shape, x, y);
    } else {
        windows_of(5, channels, shape, x, y);
    }
}

ALWAYS_INLINE void gather_of(const size_t side, size_t channels, mad_maps shape, const float *x,
                             const float *bias, float *y)
{
    const size_t reach = side / 2, x_row = (shape.w + 1) * shape.c;
    for (size_t row = 0; row < shape.n * shape.h; row++) {
        const size_t first = first_inside(reach, row % shape.h);
        const size_t end = end_inside(reach, row % shape.h, shape.h);
        for (size_t j = 0; j < shape.w * channels; j++) {
            const size_t k = j % channels, p = j / channels;
            /* one zero pixel stands at either edge: enough for a reach of 1 */
            const size_t left = reach == 1 ? 0 : first_inside(reach, p);
            const size_t right = reach == 1 ? side : end_inside(reach, p, shape.w);
            float sum = bias == NULL ? 0.0f : bias[k];
            for (size_t r = first; r < end; r++) {
                /* this pixel is tap side (side - 1 - r) + side - 1 - s of pixel (r, s) from -reach */
                const float *from = x + (row + r - reach) * x_row + p * shape.c + k;
                for (size_t s = left; s < right; s++) {
                    const size_t tap = side * (side - 1 - r) + side - 1 - s;
                    sum += from[(ptrdiff_t)(s * shape.c + tap * channels) -
                                (ptrdiff_t)(reach * shape.c)];
                }
            }
            y[row * shape.w * channels + j] = sum;
        }
    }
}

/* The same sums in the same order, all channels of a pixel at a time; reads a register from each tap. */
ALWAYS_INLINE void gather_wide(const size_t side, size_t channels, mad_maps shape, const float *x,
                               const float *bias, float *y)
{
    const size_t reach = side / 2, x_row = (shape.w + 1) * shape.c;
    vec start = {0};
    if (bias != NULL) {
        memcpy(&start, bias, channels * sizeof *bias);
    }
    for (size_t row = 0; row < shape.n * shape.h; row++) {
        const size_t first = first_inside(reach, row % shape.h);
        const size_t end = end_inside(reach, row % shape.h, shape.h);
        for (size_t p = 0; p < shape.w; p++) {
            const size_t left = first_inside(reach, p), right = end_inside(reach, p, shape.w);
            vec sum = start;
            for (size_t r = first; r < end; r++) {
                const float *from = x + (row + r - reach) * x_row + p * shape.c;
                for (size_t s = left; s < right; s++) {
                    const size_t tap = side * (side - 1 - r) + side - 1 - s;
                    vec term;
                    memcpy(&term,
                           from + ((ptrdiff_t)(s * shape.c + tap * channels) -
                                   (ptrdiff_t)(reach * shape.c)),
                           sizeof term);
                    sum += term;
                }
            }
            memcpy(y, &sum, channels * sizeof *y);
            y += channels;
        }
    }
}

static void gather_windows(mad_maps shape, size_t side, size_t channels, const float *x,
                           const float *bias, float *y)
{
    const size_t last_tap = (side * side - 1) * channels;
    if (channels > 1 && channels <= LANES && last_tap + LANES <= shape.c) {
        if (side == 3) {
            gather_wide(3, channels, shape, x, bias, y);
        } else {
            gather_wide(5, channels, shape, x, bias, y);
        }
    } else if (side == 3) {
        gather_of(3, channels, shape, x, bias, y);
    } else {
        gather_of(5, channels, shape, x, bias, y);
    }
}

/* ---- pooling: four pixels at a time, a register of channels ---- */

/* Lanes of `mask` that hold x, else 0. */
ALWAYS_INLINE vec keep(vec_int mask, vec x)
{
    return (vec)((vec_int)x & mask);
}

static void pool(mad_maps shape, size_t channels, const float *x, float *y)
{
    const size_t x_row = (shape.w + 1) * shape.c;
    for (size_t row = 0; row < shape.n * (shape.h / 2); row++) {
        const size_t i = row / (shape.h / 2), above = i * shape.h + row % (shape.h / 2) * 2;
        for (size_t j = 0; j < shape.w / 2; j++) {
            const float *from = x + above * x_row + 2 * j * shape.c;
            for (size_t k = 0; k < channels; k += LANES) {
                const vec top = higher_of(load(from, k), load(from, k + shape.c));
                const vec low = higher_of(load(from, k + x_row), load(from, k + x_row + shape.c));
                const vec best = higher_of(splat(0.0f), higher_of(top, low));
                const size_t n = channels - k < LANES ? channels - k : LANES;
                memcpy(y, &best, n * sizeof *y);
                y += n;
            }
        }
    }
}

static void pool_back(mad_maps shape, size_t channels, const float *x, const float *dy, float *dx)
{
    const size_t x_row = (shape.w + 1) * shape.c;
    const size_t next[4] = {0, shape.c, x_row, x_row + shape.c};
    for (size_t row = 0; row < shape.n * shape.h; row++) {
        memset(dx + row * x_row, 0, shape.w * shape.c * sizeof *dx);
    }
    for (size_t row = 0; row < shape.n * (shape.h / 2); row++) {
        const size_t i = row / (shape.h / 2), above = i * shape.h + row % (shape.h / 2) * 2;
        for (size_t j = 0; j < shape.w / 2; j++) {
            const size_t at_first = above * x_row + 2 * j * shape.c;
            for (size_t k = 0; k < channels; k += LANES) {
                const size_t n = channels - k < LANES ? channels - k : LANES;
                const float *from = x + at_first + k;
                vec left = (vec){0}, best = splat(0.0f); /* what of dy is not yet given away */
                memcpy(&left, dy, n * sizeof *dy);
                dy += n;
                for (size_t q = 0; q < 4; q++) {
                    best = higher_of(best, load(from, next[q]));
                }
                vec_int open = best > 0.0f;
                for (size_t q = 0; q < 4; q++) {
                    const vec_int mine = open & (load(from, next[q]) == best);
                    *at(dx + at_first + k, next[q]) = keep(mine, left);
                    open &= ~mine;
                }
            }
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
    .pool = pool,
    .pool_back = pool_back,
    .norm = norm,
    .norm_back = norm_back,
    .grow = grow,
    .grow_back = grow_back,
    .attention = attention,
    .attention_back = attention_back,
    .attention_scratch = attention_scratch,
};

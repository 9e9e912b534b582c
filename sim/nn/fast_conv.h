/* sim/nn/fast_conv.h: convolutions as sums over windows, without a transform. Included after
 * fast_tile.h.
 *
 * The taps of one row of a window and their channels are one run in memory, 3 c_in floats, and so
 * are the packed weights that meet them: a tile sums up to 3 such runs; rows outside the map are
 * left out. The same holds for the transposed convolution: with stride 1 it is a convolution with
 * flipped weights, with stride 2 one for each parity of y and x, of 1, 2, 2 and 4 taps.
 *
 * Packed weights: for each panel of TILE_COLS outputs [tap][channel][TILE_COLS] (the last panel may
 * be narrower), first those of the convolution, then those of its transpose.
 */

static size_t direct_floats(const mad_conv *conv)
{
    return 2 * conv->taps * conv->c_in * conv->c_out;
}

/* Taps of the transpose that pixels of one parity (0, 1) meet along one axis, in memory order. */
static const size_t parity_taps[2] = {1, 2}, parity_tap[2][2] = {{1, 1}, {2, 0}};

/* First of the packed weights of the transpose for parity (y, x) when the stride is 2. */
static size_t parity_begin(const mad_conv *conv, size_t py, size_t px)
{
    static const size_t taps_before[2][2] = {{0, 1}, {3, 5}};
    return taps_before[py][px] * conv->c_in * conv->c_out;
}

/* The panels of some taps of the transpose: [tap][c_out][columns of c_in]. */
static void pack_transposed(const mad_conv *conv, const float *w, size_t n_taps, const size_t *taps,
                            float *packed)
{
    const size_t c_out = conv->c_out;
    for (size_t n0 = 0; n0 < conv->c_in; n0 += TILE_COLS) {
        const size_t width = tile_vecs(conv->c_in, n0) * LANES;
        for (size_t i = 0; i < n_taps; i++) {
            const float *from = w + (taps[i] * conv->c_in + n0) * c_out;
            for (size_t k = 0; k < width; k += LANES) {
                for (size_t o = 0; o < c_out; o += LANES) {
                    transpose_square(from + k * c_out + o, c_out, packed + o * width + k, width);
                }
            }
            packed += c_out * width;
        }
    }
}

static void direct_pack(const mad_conv *conv, const float *w, float *packed)
{
    const size_t n_rows = conv->taps * conv->c_in;
    for (size_t n0 = 0; n0 < conv->c_out; n0 += TILE_COLS) {
        const size_t width = tile_vecs(conv->c_out, n0) * LANES;
        for (size_t k = 0; k < n_rows; k++) {
            memcpy(packed, w + k * conv->c_out + n0, width * sizeof *w);
            packed += width;
        }
    }
    if (conv->stride == 1) {
        size_t taps[9];
        for (size_t i = 0; i < conv->taps; i++) {
            taps[i] = conv->taps - 1 - i;
        }
        pack_transposed(conv, w, conv->taps, taps, packed);
        return;
    }
    for (size_t py = 0; py < 2; py++) {
        for (size_t px = 0; px < 2; px++) {
            size_t taps[4], n_taps = 0;
            for (size_t i = 0; i < parity_taps[py]; i++) {
                for (size_t j = 0; j < parity_taps[px]; j++) {
                    taps[n_taps++] = 3 * parity_tap[py][i] + parity_tap[px][j];
                }
            }
            pack_transposed(conv, w, n_taps, taps, packed + parity_begin(conv, py, px));
        }
    }
}

/* A family of windows: output (y, x) of n_y x n_x reads rows y_step y + y_first + {0 .. n_ky - 1}
 * and, in each, n_kx pixels from x_step x + x_first on. */
typedef struct window {
    size_t n_ky, n_kx;
    size_t y_step, x_step;
    ptrdiff_t y_first, x_first;
    size_t n_y, n_x;
} window;

/* Where outputs go: pixel (y, x) of map i lies at y_first + ... of the output maps. */
typedef struct target {
    mad_maps shape;
    size_t y_first, x_first, step;
} target;

static void direct_run(const window *win, mad_maps from, const float *x, const float *panels,
                       const target *to, mad_conv_add add, float *y)
{
    const size_t n_k = win->n_kx * from.c, x_row = (from.w + 1) * from.c;
    const size_t y_row = (to->shape.w + 1) * to->shape.c;
    for (size_t n0 = 0; n0 < to->shape.c; n0 += TILE_COLS) {
        const size_t n_v = tile_vecs(to->shape.c, n0), width = n_v * LANES;
        const float *panel = panels + n0 * win->n_ky * n_k;
        for (size_t row = 0; row < from.n * win->n_y; row++) {
            const size_t i = row / win->n_y, oy = row % win->n_y;
            const ptrdiff_t first = (ptrdiff_t)(win->y_step * oy) + win->y_first;
            const size_t skip = first < 0 ? (size_t)-first : 0; /* rows above the map */
            const size_t begin = (size_t)(first + (ptrdiff_t)skip);
            const size_t n_rows = win->n_ky - skip;
            const size_t n_seg = begin + n_rows <= from.h ? n_rows : from.h - begin;
            const size_t out_y = i * to->shape.h + to->y_first + to->step * oy;
            const size_t at = out_y * y_row + to->x_first * to->shape.c + n0;
            const tile_sum sum = {.n_seg = n_seg,
                                  .n_k = n_k,
                                  .a = x + (i * from.h + begin) * x_row +
                                       win->x_first * (ptrdiff_t)from.c,
                                  .a_seg = x_row,
                                  .a_m = win->x_step * from.c,
                                  .a_k = 1,
                                  .b = panel + skip * n_k * width,
                                  .b_seg = n_k * width,
                                  .b_k = width};
            const tile_out out = {.c = y + at,
                                  .c_m = to->step * to->shape.c,
                                  .bias = add.bias == NULL ? NULL : add.bias + n0,
                                  .shift =
                                      add.shift == NULL ? NULL : add.shift + i * to->shape.c + n0,
                                  .map = add.map == NULL ? NULL : add.map + at};
            tile_rows(win->n_x, n_v, &sum, &out);
        }
    }
}

static mad_maps conv_output(const mad_conv *conv, size_t n)
{
    return (mad_maps){n, (conv->h + conv->stride - 1) / conv->stride,
                      (conv->w + conv->stride - 1) / conv->stride, conv->c_out};
}

static void direct_conv(const mad_conv *conv, size_t n, const float *x, const float *packed,
                        mad_conv_add add, float *y)
{
    const target to = {conv_output(conv, n), 0, 0, 1};
    const size_t side = conv->taps == 9 ? 3 : 1;
    const ptrdiff_t first = conv->taps == 9 ? -1 : 0;
    const window win = {side,  side,  conv->stride, conv->stride,
                        first, first, to.shape.h,   to.shape.w};
    direct_run(&win, (mad_maps){n, conv->h, conv->w, conv->c_in}, x, packed, &to, add, y);
}

static void direct_back(const mad_conv *conv, size_t n, const float *dy, const float *packed,
                        const float *add_to, float *dx)
{
    const mad_conv_add add = {.map = add_to};
    const mad_maps from = conv_output(conv, n);
    const size_t side = conv->taps == 9 ? 3 : 1;
    const ptrdiff_t first = conv->taps == 9 ? -1 : 0;
    packed += conv->taps * conv->c_in * conv->c_out;
    for (size_t parity = 0; parity < conv->stride * conv->stride; parity++) {
        const size_t py = parity / 2, px = parity % 2, step = conv->stride;
        const target to = {{n, conv->h, conv->w, conv->c_in}, py, px, step};
        window win = {side, side, 1, 1, first, first, conv->h, conv->w};
        if (step == 2) {
            win = (window){parity_taps[py],        parity_taps[px],       1, 1, 0, 0,
                           (conv->h + 1 - py) / 2, (conv->w + 1 - px) / 2};
        }
        if (win.n_x > 0) {
            direct_run(&win, from, dy, packed + (step == 2 ? parity_begin(conv, py, px) : 0), &to,
                       add, dx);
        }
    }
}

/* Gradients of weights take as many pixels at a time as keep x and a panel of dy in the first-level
 * cache for all taps and channels. */
enum { DIRECT_BLOCK_FLOATS = 6144 };

/* One tap: dw(k, o) += sum over n_rows rows of n_k pixels of x(p)[k] dy(p)[o]. */
static void direct_back_tap(const mad_conv *conv, size_t n_rows, size_t n_k, const float *x,
                            size_t x_row, const float *dy, size_t dy_row, float *dw)
{
    const size_t c_out = conv->c_out;
    for (size_t n0 = 0; n0 < c_out; n0 += TILE_COLS) {
        const tile_sum sum = {.n_seg = n_rows,
                              .n_k = n_k,
                              .a = x,
                              .a_seg = x_row,
                              .a_m = 1,
                              .a_k = conv->stride * conv->c_in,
                              .b = dy + n0,
                              .b_seg = dy_row,
                              .b_k = c_out};
        const tile_out to = {.c = dw + n0, .c_m = c_out, .map = dw + n0};
        tile_rows(conv->c_in, tile_vecs(c_out, n0), &sum, &to);
    }
}

/* 1x1: all maps are one run of pixels, edge pixels add 0. */
static void direct_back_point(const mad_conv *conv, size_t n, const float *x, const float *dy,
                              float *dw)
{
    const size_t n_pixels = n * conv->h * (conv->w + 1);
    const size_t n_block = 1 + DIRECT_BLOCK_FLOATS / (conv->c_in + TILE_COLS);
    for (size_t p = 0; p < n_pixels; p += n_block) {
        const size_t n_k = n_pixels - p < n_block ? n_pixels - p : n_block;
        direct_back_tap(conv, 1, n_k, x + p * conv->c_in, 0, dy + p * conv->c_out, 0, dw);
    }
}

static void direct_back_weights(const mad_conv *conv, size_t n, const float *x, const float *dy,
                                float *dw)
{
    if (conv->taps == 1) {
        direct_back_point(conv, n, x, dy, dw);
        return;
    }
    const mad_maps out = conv_output(conv, 1);
    const size_t x_row = (conv->w + 1) * conv->c_in, dy_row = (out.w + 1) * out.c;
    const size_t row_floats = conv->stride * x_row + (out.w + 1) * TILE_COLS;
    const size_t whole = 1 + out.h * row_floats / DIRECT_BLOCK_FLOATS;
    const size_t n_blocks = whole < out.h ? whole : out.h;
    for (size_t block = 0; block < n * n_blocks; block++) {
        const size_t i = block / n_blocks, j = block % n_blocks;
        for (size_t tap = 0; tap < 9; tap++) {
            const ptrdiff_t ky = (ptrdiff_t)tap / 3 - 1, kx = (ptrdiff_t)tap % 3 - 1;
            size_t begin = out.h * j / n_blocks, end = out.h * (j + 1) / n_blocks;
            begin += begin == 0 && ky < 0 ? 1 : 0; /* row -1 and row h hold zeros */
            end -= conv->stride * (end - 1) + (size_t)(ky + 1) > conv->h ? 1 : 0;
            if (begin < end) {
                const ptrdiff_t y = (ptrdiff_t)(i * conv->h + conv->stride * begin) + ky;
                direct_back_tap(conv, end - begin, out.w,
                                x + y * (ptrdiff_t)x_row + kx * (ptrdiff_t)conv->c_in,
                                conv->stride * x_row, dy + (i * out.h + begin) * dy_row, dy_row,
                                dw + tap * conv->c_in * conv->c_out);
            }
        }
    }
}

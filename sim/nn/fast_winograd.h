/* sim/nn/fast_winograd.h: 3x3 convolutions of stride 1 and their backward passes by Winograd's
 * transform: the products of all tiles and channels, one matrix product for each of 36 elements, and
 * the packed weights. Formula and layouts: fast_winograd_tiles.h, included before.
 */

/* ---- the products ---- */

/* M(tile, n) of one element: rows are 16 floats apart in V, known when compiling, so a tile may have
 * more of them than TILE_ROWS. */
ALWAYS_INLINE void element_tile(const size_t n_m, const size_t n_v, size_t c, const float *v,
                                const float *u, float *m)
{
    const tile_sum sum = {.n_seg = c / MAD_LANE,
                          .n_k = MAD_LANE,
                          .a = v,
                          .a_seg = V_BLOCK,
                          .a_m = MAD_LANE,
                          .a_k = 1,
                          .b = u,
                          .b_seg = MAD_LANE * n_v * LANES,
                          .b_k = n_v * LANES};
    vec acc[TILE_M][TILE_VECS];
    tile_add_up(n_m, n_v, &sum, acc);
    UNROLL
    for (size_t i = 0; i < n_m; i++) {
        UNROLL
        for (size_t j = 0; j < n_v; j++) {
            *at(m, i * TILE_COLS + j * LANES) = acc[i][j];
        }
    }
}

typedef void (*element_function)(size_t c, const float *v, const float *u, float *m);

#define ELEMENT_FUNCTIONS(n)                                                                       \
    static void element_##n##_1(size_t c, const float *v, const float *u, float *m)                \
    {                                                                                              \
        element_tile(n, 1, c, v, u, m);                                                            \
    }                                                                                              \
    static void element_##n##_2(size_t c, const float *v, const float *u, float *m)                \
    {                                                                                              \
        element_tile(n, 2, c, v, u, m);                                                            \
    }

ELEMENT_FUNCTIONS(1)
ELEMENT_FUNCTIONS(2)
ELEMENT_FUNCTIONS(3)
ELEMENT_FUNCTIONS(4)
ELEMENT_FUNCTIONS(5)
ELEMENT_FUNCTIONS(6)
#if TILE_M == 14
ELEMENT_FUNCTIONS(7)
ELEMENT_FUNCTIONS(8)
ELEMENT_FUNCTIONS(9)
ELEMENT_FUNCTIONS(10)
ELEMENT_FUNCTIONS(11)
ELEMENT_FUNCTIONS(12)
ELEMENT_FUNCTIONS(13)
ELEMENT_FUNCTIONS(14)
#endif

static const element_function element_functions[TILE_M][TILE_VECS] = {
    {element_1_1, element_1_2},   {element_2_1, element_2_2},   {element_3_1, element_3_2},
    {element_4_1, element_4_2},   {element_5_1, element_5_2},   {element_6_1, element_6_2},
#if TILE_M == 14
    {element_7_1, element_7_2},   {element_8_1, element_8_2},   {element_9_1, element_9_2},
    {element_10_1, element_10_2}, {element_11_1, element_11_2}, {element_12_1, element_12_2},
    {element_13_1, element_13_2}, {element_14_1, element_14_2},
#endif
};

/* M of all elements for one panel; n_tiles cut into pieces as equal as can be. */
static void winograd_product(size_t c, size_t n_tiles, size_t n_v, const float *v, const float *u,
                             float *m)
{
    for (size_t element = 0; element < WINOGRAD_ELEMENTS; element++) {
        size_t n_pieces = (n_tiles + TILE_M - 1) / TILE_M;
        for (size_t done = 0; done < n_tiles; n_pieces--) {
            const size_t n = (n_tiles - done + n_pieces - 1) / n_pieces;
            element_functions[n - 1][n_v - 1](c, v + done * MAD_LANE, u, m + done * TILE_COLS);
            done += n;
        }
        v += V_ELEMENT;
        u += c * n_v * LANES;
        m += W_ELEMENT;
    }
}

/* y = conv(x) + add with c_from channels in and c_to out; u: packed weights. */
static void winograd_run(const mad_conv *conv, size_t n, size_t c_from, size_t c_to, const float *x,
                         const float *u, mad_conv_add add, float *scratch, float *y)
{
    tiling t = tiling_of(conv, n, WINOGRAD_TILES / 2);
    float *v = scratch, *m = scratch + c_from / MAD_LANE * V_BLOCK;
    for (size_t begin = 0; begin < t.n_tiles; begin += t.n_block) {
        const size_t end = begin + t.n_block < t.n_tiles ? begin + t.n_block : t.n_tiles;
        t.shape.c = c_from;
        winograd_input(&t, begin, end, x, v);
        t.shape.c = c_to;
        for (size_t n0 = 0; n0 < c_to; n0 += TILE_COLS) {
            const size_t n_v = tile_vecs(c_to, n0);
            winograd_product(c_from, end - begin, n_v, v, u + WINOGRAD_ELEMENTS * n0 * c_from, m);
            winograd_output(&t, n0, n_v, begin, end, m, add, y);
        }
    }
}

/* du(k, n) (+)= sum over tiles v(tile, k) w(tile, n) for 16 channels k of one element. */
ALWAYS_INLINE void weight_tile(const size_t n_v, size_t n_tiles, const float *v, const float *w,
                               int first, float *du)
{
    for (size_t m0 = 0; m0 < MAD_LANE; m0 += WEIGHT_ROWS) {
        vec acc[WEIGHT_ROWS][TILE_VECS];
        UNROLL
        for (size_t i = 0; i < WEIGHT_ROWS * n_v; i++) {
            acc[i / n_v][i % n_v] = (vec){0};
            if (!first) {
                acc[i / n_v][i % n_v] = load(du, (m0 * n_v + i) * LANES);
            }
        }
        for (size_t t = 0; t < n_tiles; t++) {
            vec right[TILE_VECS];
            UNROLL
            for (size_t j = 0; j < n_v; j++) {
                right[j] = load(w, t * TILE_COLS + j * LANES);
            }
            UNROLL
            for (size_t m = 0; m < WEIGHT_ROWS; m++) {
                const vec left = splat(v[t * MAD_LANE + m0 + m]);
                UNROLL
                for (size_t j = 0; j < n_v; j++) {
                    acc[m][j] += left * right[j];
                }
            }
        }
        UNROLL
        for (size_t i = 0; i < WEIGHT_ROWS * n_v; i++) {
            *at(du, (m0 * n_v + i) * LANES) = acc[i / n_v][i % n_v];
        }
    }
}

/* dU (+)= sum over a block of tiles; `first` overwrites. */
static void winograd_product_weights(const mad_conv *conv, size_t n_tiles, const float *v,
                                     const float *w, int first, float *du)
{
    for (size_t element = 0; element < WINOGRAD_ELEMENTS; element++) {
        for (size_t n0 = 0; n0 < conv->c_out; n0 += TILE_COLS) {
            const size_t n_v = tile_vecs(conv->c_out, n0);
            const float *right = w + n0 / TILE_COLS * W_PANEL + element * W_ELEMENT;
            for (size_t k = 0; k < conv->c_in; k += MAD_LANE) {
                const float *left = v + k / MAD_LANE * V_BLOCK + element * V_ELEMENT;
                if (n_v == 1) {
                    weight_tile(1, n_tiles, left, right, first, du);
                } else {
                    weight_tile(TILE_VECS, n_tiles, left, right, first, du);
                }
                du += MAD_LANE * n_v * LANES;
            }
        }
    }
}

/* dw += G^T dU G. */
static void winograd_weights(const mad_conv *conv, const float *du, float *dw)
{
    for (size_t k0 = 0; k0 < conv->c_out; k0 += LANES) {
        const size_t n0 = k0 / TILE_COLS * TILE_COLS;
        const size_t width = tile_vecs(conv->c_out, n0) * LANES;
        for (size_t k = 0; k < conv->c_in; k++) {
            const float *from = du + n0 * conv->c_in + k * width + k0 - n0;
            vec column[3][6];
            UNROLL
            for (size_t q = 0; q < 6; q++) {
                vec in[6], out[3];
                UNROLL
                for (size_t r = 0; r < 6; r++) {
                    in[r] = load(from, (6 * r + q) * conv->c_in * conv->c_out);
                }
                weight_gradient_line(in, out);
                UNROLL
                for (size_t r = 0; r < 3; r++) {
                    column[r][q] = out[r];
                }
            }
            UNROLL
            for (size_t r = 0; r < 3; r++) {
                vec out[3];
                weight_gradient_line(column[r], out);
                UNROLL
                for (size_t q = 0; q < 3; q++) {
                    *at(dw, ((3 * r + q) * conv->c_in + k) * conv->c_out + k0) += out[q];
                }
            }
        }
    }
}

/* Floats of V and of W (or M) for c channels. */
static size_t v_floats(size_t c)
{
    return c / MAD_LANE * V_BLOCK;
}

static size_t w_floats(size_t c)
{
    return (c + TILE_COLS - 1) / TILE_COLS * W_PANEL;
}

static void winograd_back_weights(const mad_conv *conv, size_t n, const float *x, const float *dy,
                                  float *scratch, float *dw)
{
    tiling t = tiling_of(conv, n, WINOGRAD_TILES);
    float *v = scratch, *w = v + v_floats(conv->c_in), *du = w + w_floats(conv->c_out);
    for (size_t begin = 0; begin < t.n_tiles; begin += t.n_block) {
        const size_t end = begin + t.n_block < t.n_tiles ? begin + t.n_block : t.n_tiles;
        t.shape.c = conv->c_in;
        winograd_input(&t, begin, end, x, v);
        t.shape.c = conv->c_out;
        winograd_gradient(&t, begin, end, dy, w);
        winograd_product_weights(conv, end - begin, v, w, begin == 0, du);
    }
    winograd_weights(conv, du, dw);
}

/* The gradient of the weights needs most, unless c_out is far beyond c_in. */
static size_t winograd_scratch(const mad_conv *conv)
{
    const size_t weights =
        v_floats(conv->c_in) + w_floats(conv->c_out) + WINOGRAD_ELEMENTS * conv->c_in * conv->c_out;
    const size_t maps = v_floats(conv->c_in > conv->c_out ? conv->c_in : conv->c_out) + W_PANEL;
    return weights > maps ? weights : maps;
}

/* ---- packed weights ---- */

static size_t winograd_floats(const mad_conv *conv)
{
    return 2 * conv->c_in * conv->c_out * WINOGRAD_ELEMENTS;
}

/* U = G w G^T of one register of columns; u_element floats from one element to the next. */
ALWAYS_INLINE void pack_elements(const vec w[9], float *u, size_t u_element)
{
    vec column[6][3];
    UNROLL
    for (size_t q = 0; q < 3; q++) {
        const vec in[3] = {w[q], w[3 + q], w[6 + q]};
        vec out[6];
        weight_line(in, out);
        UNROLL
        for (size_t r = 0; r < 6; r++) {
            column[r][q] = out[r];
        }
    }
    UNROLL
    for (size_t r = 0; r < 6; r++) {
        vec out[6];
        weight_line(column[r], out);
        UNROLL
        for (size_t q = 0; q < 6; q++) {
            *at(u, (6 * r + q) * u_element) = out[q];
        }
    }
}

static void winograd_pack(const mad_conv *conv, const float *w, float *packed)
{
    const size_t c_in = conv->c_in, c_out = conv->c_out;
    for (size_t o = 0; o < c_out; o += LANES) {
        const size_t n0 = o / TILE_COLS * TILE_COLS, width = tile_vecs(c_out, n0) * LANES;
        for (size_t k = 0; k < c_in; k++) {
            vec taps[9];
            UNROLL
            for (size_t tap = 0; tap < 9; tap++) {
                taps[tap] = load(w, (tap * c_in + k) * c_out + o);
            }
            pack_elements(taps, packed + WINOGRAD_ELEMENTS * n0 * c_in + k * width + o - n0,
                          c_in * width);
        }
    }
    packed += WINOGRAD_ELEMENTS * c_in * c_out;
    for (size_t k = 0; k < c_in; k += LANES) {
        const size_t n0 = k / TILE_COLS * TILE_COLS, width = tile_vecs(c_in, n0) * LANES;
        float *to = packed + WINOGRAD_ELEMENTS * n0 * c_out + k - n0;
        for (size_t o = 0; o < c_out; o += LANES) {
            float square[9][LANES * LANES] __attribute__((aligned(64)));
            for (size_t tap = 0; tap < 9; tap++) {
                transpose_square(w + (tap * c_in + k) * c_out + o, c_out, square[8 - tap], LANES);
            }
            for (size_t j = 0; j < LANES; j++) {
                vec taps[9];
                UNROLL
                for (size_t tap = 0; tap < 9; tap++) {
                    taps[tap] = load(square[tap], j * LANES);
                }
                pack_elements(taps, to + (o + j) * width, c_out * width);
            }
        }
    }
}

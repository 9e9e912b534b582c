/* sim/nn/fast_winograd.h: 3x3 convolutions of stride 1 by the transform F(4x4, 3x3) of Winograd
 * (Lavin & Gray 2016, arXiv:1509.09308). Included after fast_conv.h.
 *
 *   y = A^T [ (G w G^T) (.) (B^T x B) ] A      for tiles of 4x4 outputs, 6x6 inputs x
 *   dw = G^T [ sum over tiles (B^T x B) (.) (A dy A^T) ] G
 * with 36 products per tile where 144 are needed directly. For each of the 36 elements the products
 * of all tiles and channels are one matrix product.
 *
 * Points of interpolation 0, +-5/8, +-3/2, infinity (differs from Lavin & Gray, who take 0, +-1, +-2:
 * these halve the rounding error, and all numbers of A and B are exact).
 *
 * Layouts, J the element, WINOGRAD_BLOCK tiles at a time:
 *   left factor  V[J][channel block of 16][tile][16]
 *   right factor U[panel][J][channel][TILE_COLS] (packed weights),  W[J][panel][tile][TILE_COLS]
 *   product      M[J][tile][TILE_COLS], dU[panel][J][channel][TILE_COLS]
 */

enum { WINOGRAD_ELEMENTS = 36, WINOGRAD_PAD = 16, WINOGRAD_RUN = 8 };

/* a, b: the points; powers as they occur. */
#define PA  0.625f
#define PB  1.5f
#define PA2 0.390625f
#define PB2 2.25f
#define PA3 0.244140625f
#define PB3 3.375f

/* A tile wastes nothing when 4 divides both sides. At least half of the direct products must be
 * saved, whatever the number of maps: results may not hang on it. */
static int is_winograd(const mad_conv *conv)
{
    const size_t n_tiles = (conv->h + 3) / 4 * ((conv->w + 3) / 4);
    return conv->taps == 9 && conv->stride == 1 &&
           2 * WINOGRAD_ELEMENTS * n_tiles <= 9 * conv->h * conv->w;
}

/* ---- transforms of one line: six numbers in, or out ---- */

/* B^T x */
ALWAYS_INLINE void input_line(const vec x[6], vec v[6])
{
    const vec even_a = x[4] - PB2 * x[2], odd_a = x[3] - PB2 * x[1];
    const vec even_b = x[4] - PA2 * x[2], odd_b = x[3] - PA2 * x[1];
    v[0] = x[4] - (PA2 + PB2) * x[2] + (PA2 * PB2) * x[0];
    v[1] = even_a + PA * odd_a;
    v[2] = even_a - PA * odd_a;
    v[3] = even_b + PB * odd_b;
    v[4] = even_b - PB * odd_b;
    v[5] = x[5] - (PA2 + PB2) * x[3] + (PA2 * PB2) * x[1];
}

/* A^T m */
ALWAYS_INLINE void output_line(const vec m[6], vec y[4])
{
    const vec sum_a = m[1] + m[2], sum_b = m[3] + m[4];
    const vec difference_a = m[1] - m[2], difference_b = m[3] - m[4];
    y[0] = m[0] + sum_a + sum_b;
    y[1] = PA * difference_a + PB * difference_b;
    y[2] = PA2 * sum_a + PB2 * sum_b;
    y[3] = PA3 * difference_a + PB3 * difference_b + m[5];
}

/* A y */
ALWAYS_INLINE void gradient_line(const vec y[4], vec w[6])
{
    const vec even_a = y[0] + PA2 * y[2], odd_a = y[1] + PA2 * y[3];
    const vec even_b = y[0] + PB2 * y[2], odd_b = y[1] + PB2 * y[3];
    w[0] = y[0];
    w[1] = even_a + PA * odd_a;
    w[2] = even_a - PA * odd_a;
    w[3] = even_b + PB * odd_b;
    w[4] = even_b - PB * odd_b;
    w[5] = y[3];
}

/* G: the rows are (1, p, p^2) over the product of the distances from p to the other points. */
#define G0 (1.0f / (PA2 * PB2))
#define GA (1.0f / (2.0f * PA2 * (PA2 - PB2)))
#define GB (1.0f / (2.0f * PB2 * (PB2 - PA2)))

/* G w */
ALWAYS_INLINE void weight_line(const vec w[3], vec u[6])
{
    u[0] = G0 * w[0];
    u[1] = GA * w[0] + (GA * PA2) * w[2] + (GA * PA) * w[1];
    u[2] = GA * w[0] + (GA * PA2) * w[2] - (GA * PA) * w[1];
    u[3] = GB * w[0] + (GB * PB2) * w[2] + (GB * PB) * w[1];
    u[4] = GB * w[0] + (GB * PB2) * w[2] - (GB * PB) * w[1];
    u[5] = w[2];
}

/* G^T u */
ALWAYS_INLINE void weight_gradient_line(const vec u[6], vec w[3])
{
    const vec sum_a = u[1] + u[2], sum_b = u[3] + u[4];
    w[0] = G0 * u[0] + GA * sum_a + GB * sum_b;
    w[1] = (GA * PA) * (u[1] - u[2]) + (GB * PB) * (u[3] - u[4]);
    w[2] = (GA * PA2) * sum_a + (GB * PB2) * sum_b + u[5];
}

/* ---- tiles ---- */

/* Tiles are counted through all maps: row by row, map by map. */
typedef struct tiling {
    mad_maps shape;
    size_t n_y, n_x; /* of one map */
    size_t n_tiles;  /* of all maps */
    size_t n_block;  /* most tiles of a block */
} tiling;

/* Fewer tiles of more channels at a time, so that a block stays in the second-level cache. */
static tiling tiling_of(const mad_conv *conv, size_t n)
{
    tiling t = {
        .shape = {n, conv->h, conv->w, 0}, .n_y = (conv->h + 3) / 4, .n_x = (conv->w + 3) / 4};
    t.n_tiles = n * t.n_y * t.n_x;
    const size_t most = 28;
    const size_t n_blocks = (t.n_tiles + most - 1) / most;
    t.n_block = (t.n_tiles + n_blocks - 1) / n_blocks;
    return t;
}

/* Floats from one element to the next: the pad spreads the 36 streams over the cache's sets. */
static size_t element_floats(size_t n_tiles, size_t c)
{
    return n_tiles * c + WINOGRAD_PAD;
}

/* Rows of a map as the tiles see them: outside the map a row of zeros, without width. */
typedef struct line {
    const float *at;
    size_t step;
} line;

static const float zero_pixel[MAD_LANE] __attribute__((aligned(64)));

ALWAYS_INLINE line map_row(mad_maps shape, const float *x, size_t i, size_t y, size_t k)
{
    if (y >= shape.h) {
        return (line){zero_pixel, 0};
    }
    return (line){x + (i * shape.h + y) * (shape.w + 1) * shape.c + k, shape.c};
}

/* B^T x B of `n` tiles side by side from tile (ty, tx) of map i on, channels k .. k + LANES - 1.
 * Neighbours share two columns: columns are transformed first, once. */
ALWAYS_INLINE void input_run(mad_maps shape, const float *x, size_t i, size_t ty, size_t tx,
                             size_t k, size_t n, float *v, size_t v_element)
{
    vec column[6][4 * WINOGRAD_RUN + 2];
    line row[6];
    UNROLL
    for (size_t r = 0; r < 6; r++) {
        row[r] = map_row(shape, x, i, 4 * ty + r - 1, k); /* row -1 wraps: outside */
    }
    const size_t n_columns = 4 * n + 2, inside = shape.w + 2 - 4 * tx; /* edge pixels included */
    for (size_t j = 0; j < n_columns; j++) {
        vec from[6], to[6] = {{0}};
        if (j < inside) {
            UNROLL
            for (size_t r = 0; r < 6; r++) {
                from[r] = load(row[r].at - row[r].step, (4 * tx + j) * row[r].step);
            }
            input_line(from, to);
        }
        UNROLL
        for (size_t r = 0; r < 6; r++) {
            column[r][j] = to[r];
        }
    }
    for (size_t t = 0; t < n; t++) {
        UNROLL
        for (size_t r = 0; r < 6; r++) {
            vec to[6];
            input_line(&column[r][4 * t], to);
            UNROLL
            for (size_t q = 0; q < 6; q++) {
                *at(v, (6 * r + q) * v_element + t * MAD_LANE) = to[q];
            }
        }
    }
}

/* V of tiles [begin, end) of all maps, c channels. */
static void winograd_input(const tiling *t, size_t c, size_t begin, size_t end, const float *x,
                           float *v)
{
    const mad_maps shape = {t->shape.n, t->shape.h, t->shape.w, c};
    const size_t n_tiles = end - begin, v_element = element_floats(n_tiles, c);
    for (size_t tile = begin; tile < end;) {
        const size_t tx = tile % t->n_x, row = tile / t->n_x;
        size_t n = t->n_x - tx < WINOGRAD_RUN ? t->n_x - tx : WINOGRAD_RUN;
        n = end - tile < n ? end - tile : n;
        for (size_t k = 0; k < c; k += LANES) {
            const size_t to = (k / MAD_LANE * n_tiles + tile - begin) * MAD_LANE + k % MAD_LANE;
            input_run(shape, x, row / t->n_y, row % t->n_y, tx, k, n, v + to, v_element);
        }
        tile += n;
    }
}

/* W = A dy A^T of tiles [begin, end), panels of TILE_COLS channels. */
static void winograd_gradient(const tiling *t, size_t c, size_t begin, size_t end, const float *dy,
                              float *w)
{
    const mad_maps shape = {t->shape.n, t->shape.h, t->shape.w, c};
    const size_t n_tiles = end - begin, w_element = element_floats(n_tiles, c);
    for (size_t tile = begin; tile < end; tile++) {
        const size_t tx = tile % t->n_x, ty = tile / t->n_x % t->n_y;
        const size_t i = tile / t->n_x / t->n_y;
        for (size_t k = 0; k < c; k += LANES) {
            const size_t n0 = k / TILE_COLS * TILE_COLS, width = tile_vecs(c, n0) * LANES;
            float *to = w + n0 * n_tiles + (tile - begin) * width + k - n0;
            vec column[6][4];
            UNROLL
            for (size_t j = 0; j < 4; j++) {
                vec from[4], out[6] = {{0}};
                if (4 * tx + j < shape.w) {
                    UNROLL
                    for (size_t r = 0; r < 4; r++) {
                        const line row = map_row(shape, dy, i, 4 * ty + r, k);
                        from[r] = load(row.at, (4 * tx + j) * row.step);
                    }
                    gradient_line(from, out);
                }
                UNROLL
                for (size_t r = 0; r < 6; r++) {
                    column[r][j] = out[r];
                }
            }
            UNROLL
            for (size_t r = 0; r < 6; r++) {
                vec out[6];
                gradient_line(column[r], out);
                UNROLL
                for (size_t q = 0; q < 6; q++) {
                    *at(to, (6 * r + q) * w_element) = out[q];
                }
            }
        }
    }
}

/* y = A^T M A + add of tiles [begin, end), panel of n_v registers from channel n0 on. */
static void winograd_output(const tiling *t, size_t c, size_t n0, size_t n_v, size_t begin,
                            size_t end, const float *m, mad_conv_add add, float *y)
{
    const mad_maps shape = {t->shape.n, t->shape.h, t->shape.w, c};
    const size_t m_element = element_floats(end - begin, TILE_COLS);
    for (size_t tile = begin; tile < end; tile++) {
        const size_t tx = tile % t->n_x, ty = tile / t->n_x % t->n_y;
        const size_t i = tile / t->n_x / t->n_y;
        const size_t n_rows = shape.h - 4 * ty, n_columns = shape.w - 4 * tx;
        for (size_t v = 0; v < n_v; v++) {
            const size_t k = n0 + v * LANES;
            const float *from = m + (tile - begin) * TILE_COLS + v * LANES;
            vec column[4][6];
            UNROLL
            for (size_t q = 0; q < 6; q++) {
                vec in[6], out[4];
                UNROLL
                for (size_t r = 0; r < 6; r++) {
                    in[r] = load(from, (6 * r + q) * m_element);
                }
                output_line(in, out);
                UNROLL
                for (size_t r = 0; r < 4; r++) {
                    column[r][q] = out[r];
                }
            }
            const vec base = plus(plus((vec){0}, add.bias, k), add.shift, i * c + k);
            const size_t first = ((i * shape.h + 4 * ty) * (shape.w + 1) + 4 * tx) * c + k;
            UNROLL
            for (size_t r = 0; r < 4; r++) {
                vec out[4];
                output_line(column[r], out);
                UNROLL
                for (size_t q = 0; q < 4; q++) {
                    if (r < n_rows && q < n_columns) {
                        const size_t to = first + (r * (shape.w + 1) + q) * c;
                        *at(y, to) = plus(out[q] + base, add.map, to);
                    }
                }
            }
        }
    }
}

/* ---- the products ---- */

/* M(tile, n) of one element: rows are 16 floats apart in V, known when compiling, so a tile may have
 * more of them than TILE_ROWS. */
ALWAYS_INLINE void element_tile(const size_t n_m, const size_t n_v, size_t c, size_t n_tiles,
                                const float *v, const float *u, float *m)
{
    const tile_sum sum = {.n_seg = c / MAD_LANE,
                          .n_k = MAD_LANE,
                          .a = v,
                          .a_seg = n_tiles * MAD_LANE,
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

typedef void (*element_function)(size_t c, size_t n_tiles, const float *v, const float *u,
                                 float *m);

#define ELEMENT_FUNCTIONS(n)                                                                       \
    static void element_##n##_1(size_t c, size_t n_tiles, const float *v, const float *u,          \
                                float *m)                                                          \
    {                                                                                              \
        element_tile(n, 1, c, n_tiles, v, u, m);                                                   \
    }                                                                                              \
    static void element_##n##_2(size_t c, size_t n_tiles, const float *v, const float *u,          \
                                float *m)                                                          \
    {                                                                                              \
        element_tile(n, 2, c, n_tiles, v, u, m);                                                   \
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
    const size_t v_element = element_floats(n_tiles, c);
    const size_t m_element = element_floats(n_tiles, TILE_COLS);
    for (size_t element = 0; element < WINOGRAD_ELEMENTS; element++) {
        size_t n_pieces = (n_tiles + TILE_M - 1) / TILE_M;
        for (size_t done = 0; done < n_tiles; n_pieces--) {
            const size_t n = (n_tiles - done + n_pieces - 1) / n_pieces;
            element_functions[n - 1][n_v - 1](c, n_tiles, v + done * MAD_LANE, u,
                                              m + done * TILE_COLS);
            done += n;
        }
        v += v_element;
        u += c * n_v * LANES;
        m += m_element;
    }
}

/* y = conv(x) + add with c_from channels in and c_to out; u: packed weights. */
static void winograd_run(const mad_conv *conv, size_t n, size_t c_from, size_t c_to, const float *x,
                         const float *u, mad_conv_add add, float *scratch, float *y)
{
    const tiling t = tiling_of(conv, n);
    float *v = scratch;
    float *m = scratch + WINOGRAD_ELEMENTS * element_floats(t.n_block, c_from);
    for (size_t begin = 0; begin < t.n_tiles; begin += t.n_block) {
        const size_t end = begin + t.n_block < t.n_tiles ? begin + t.n_block : t.n_tiles;
        winograd_input(&t, c_from, begin, end, x, v);
        for (size_t n0 = 0; n0 < c_to; n0 += TILE_COLS) {
            const size_t n_v = tile_vecs(c_to, n0);
            winograd_product(c_from, end - begin, n_v, v, u + WINOGRAD_ELEMENTS * n0 * c_from, m);
            winograd_output(&t, c_to, n0, n_v, begin, end, m, add, y);
        }
    }
}

/* dU[panel][J][channel][TILE_COLS] (+)= sum over tiles V W; `first` overwrites. */
static void winograd_product_weights(const mad_conv *conv, size_t n_tiles, const float *v,
                                     const float *w, int first, float *du)
{
    const size_t v_element = element_floats(n_tiles, conv->c_in);
    const size_t w_element = element_floats(n_tiles, conv->c_out);
    for (size_t n0 = 0; n0 < conv->c_out; n0 += TILE_COLS) {
        const size_t n_v = tile_vecs(conv->c_out, n0), width = n_v * LANES;
        for (size_t element = 0; element < WINOGRAD_ELEMENTS; element++) {
            for (size_t k = 0; k < conv->c_in; k += MAD_LANE) {
                const tile_sum sum = {.n_seg = 1,
                                      .n_k = n_tiles,
                                      .a = v + element * v_element + k * n_tiles,
                                      .a_m = 1,
                                      .a_k = MAD_LANE,
                                      .b = w + element * w_element + n0 * n_tiles,
                                      .b_k = width};
                const tile_out out = {.c = du, .c_m = width, .map = first ? NULL : du};
                tile_rows(MAD_LANE, n_v, &sum, &out);
                du += MAD_LANE * width;
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
            const float *from = du + WINOGRAD_ELEMENTS * n0 * conv->c_in + k * width + k0 - n0;
            vec column[3][6];
            UNROLL
            for (size_t q = 0; q < 6; q++) {
                vec in[6], out[3];
                UNROLL
                for (size_t r = 0; r < 6; r++) {
                    in[r] = load(from, (6 * r + q) * conv->c_in * width);
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

static void winograd_back_weights(const mad_conv *conv, size_t n, const float *x, const float *dy,
                                  float *scratch, float *dw)
{
    const tiling t = tiling_of(conv, n);
    float *v = scratch;
    float *w = v + WINOGRAD_ELEMENTS * element_floats(t.n_block, conv->c_in);
    float *du = w + WINOGRAD_ELEMENTS * element_floats(t.n_block, conv->c_out);
    for (size_t begin = 0; begin < t.n_tiles; begin += t.n_block) {
        const size_t end = begin + t.n_block < t.n_tiles ? begin + t.n_block : t.n_tiles;
        winograd_input(&t, conv->c_in, begin, end, x, v);
        winograd_gradient(&t, conv->c_out, begin, end, dy, w);
        winograd_product_weights(conv, end - begin, v, w, begin == 0, du);
    }
    winograd_weights(conv, du, dw);
}

static size_t winograd_scratch(const mad_conv *conv, size_t n)
{
    const size_t n_block = tiling_of(conv, n).n_block;
    const size_t n_m = n_block * TILE_COLS, n_du = conv->c_in * conv->c_out;
    return WINOGRAD_ELEMENTS * (element_floats(n_block, conv->c_in) +
                                element_floats(n_block, conv->c_out) + (n_m > n_du ? n_m : n_du));
}

/* ---- packed weights ---- */

static size_t winograd_floats(const mad_conv *conv)
{
    return 2 * WINOGRAD_ELEMENTS * conv->c_in * conv->c_out;
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
        for (size_t o = 0; o < c_out; o++) {
            vec taps[9];
            for (size_t tap = 0; tap < 9; tap++) {
                float lane[LANES];
                for (size_t j = 0; j < LANES; j++) {
                    lane[j] = w[(tap * c_in + k + j) * c_out + o];
                }
                memcpy(&taps[8 - tap], lane, sizeof lane);
            }
            pack_elements(taps, packed + WINOGRAD_ELEMENTS * n0 * c_out + o * width + k - n0,
                          c_out * width);
        }
    }
}

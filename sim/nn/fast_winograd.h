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
 * Layouts, J the element; a block of at most WINOGRAD_TILES tiles at a time. Distances between
 * elements are constants, so that the 36 streams of a transform need no 36 pointers, and odd multiples
 * of a cache line, so that they do not meet in the same sets:
 *   left factor  V[channel block of 16][J][tile][16]
 *   right factor U[panel][J][channel][TILE_COLS] (packed weights),  W[panel][J][tile][TILE_COLS]
 *   product      M[J][tile][TILE_COLS], dU[J][panel][channel][TILE_COLS]
 * A last panel of half the width keeps the distances of a full one in W and M.
 */

enum {
    WINOGRAD_ELEMENTS = 36,
    WINOGRAD_RUN = 8,    /* tiles side by side that are transformed together */
    WINOGRAD_TILES = 56, /* most of a block: V, W and dU of a few dozen channels fit in 1 MiB */
    V_ELEMENT = WINOGRAD_TILES * 16 + 16,
    W_ELEMENT = WINOGRAD_TILES * TILE_COLS + 16,
    V_BLOCK = WINOGRAD_ELEMENTS * V_ELEMENT,
    W_PANEL = WINOGRAD_ELEMENTS * W_ELEMENT,
    WEIGHT_ROWS = LANES == 16 ? 8 : 4
};

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
    mad_maps shape;  /* c: of the maps at hand */
    size_t n_y, n_x; /* tiles of one map */
    size_t n_tiles;  /* of all maps */
    size_t n_block;  /* most tiles of a block */
} tiling;

static tiling tiling_of(const mad_conv *conv, size_t n, size_t most)
{
    tiling t = {
        .shape = {n, conv->h, conv->w, 0}, .n_y = (conv->h + 3) / 4, .n_x = (conv->w + 3) / 4};
    t.n_tiles = n * t.n_y * t.n_x;
    const size_t n_blocks = (t.n_tiles + most - 1) / most; /* as equal as can be */
    t.n_block = (t.n_tiles + n_blocks - 1) / n_blocks;
    return t;
}

/* Where tile `tile` begins. */
typedef struct place {
    size_t i, y, x;
} place;

static place place_of(const tiling *t, size_t tile)
{
    const size_t row = tile / t->n_x;
    return (place){row / t->n_y, row % t->n_y * 4, tile % t->n_x * 4};
}

ALWAYS_INLINE size_t map_at(mad_maps shape, size_t i, size_t y, size_t x)
{
    return ((i * shape.h + y) * (shape.w + 1) + x) * shape.c;
}

/* B^T x of one column whose rows begin .. end - 1 of 6 lie inside the map. */
ALWAYS_INLINE void input_column(const size_t begin, const size_t end, const float *x, size_t row,
                                vec out[6])
{
    vec in[6];
    UNROLL
    for (size_t r = 0; r < 6; r++) {
        in[r] = (vec){0};
        if (r >= begin && r < end) {
            in[r] = load(x, r * row);
        }
    }
    input_line(in, out);
}

/* B^T x B of `n` tiles side by side, LANES channels; x is the first pixel of the first tile.
 * Neighbours share two columns, so columns are transformed first, once. */
static void input_run(mad_maps shape, place p, size_t n, const float *x, float *v)
{
    vec column[6][4 * WINOGRAD_RUN + 2];
    const size_t row = (shape.w + 1) * shape.c;
    const size_t above = p.y == 0 ? 1 : 0, below = p.y + 5 > shape.h ? p.y + 5 - shape.h : 0;
    const size_t n_columns = 4 * n + 2, inside = shape.w + 2 - p.x; /* edge pixels included */
    const float *from = x - row - shape.c;
    for (size_t j = 0; j < n_columns; j++) {
        vec out[6] = {{0}};
        switch (j < inside ? 5 * above + below : 10) { /* rows outside are known when compiling */
        case 0:
            input_column(0, 6, from, row, out);
            break;
        case 1:
            input_column(0, 5, from, row, out);
            break;
        case 2:
            input_column(0, 4, from, row, out);
            break;
        case 3:
            input_column(0, 3, from, row, out);
            break;
        case 4:
            input_column(0, 2, from, row, out);
            break;
        case 5:
            input_column(1, 6, from, row, out);
            break;
        case 6:
            input_column(1, 5, from, row, out);
            break;
        case 7:
            input_column(1, 4, from, row, out);
            break;
        case 8:
            input_column(1, 3, from, row, out);
            break;
        case 9:
            input_column(1, 2, from, row, out);
            break;
        default: /* beyond the edge pixel: zeros */
            break;
        }
        UNROLL
        for (size_t r = 0; r < 6; r++) {
            column[r][j] = out[r];
        }
        from += shape.c;
    }
    for (size_t t = 0; t < n; t++) {
        UNROLL
        for (size_t r = 0; r < 6; r++) {
            vec out[6];
            input_line(&column[r][4 * t], out);
            UNROLL
            for (size_t q = 0; q < 6; q++) {
                *at(v, (6 * r + q) * V_ELEMENT + t * MAD_LANE) = out[q];
            }
        }
    }
}

/* V of tiles [begin, end). */
static void winograd_input(const tiling *t, size_t begin, size_t end, const float *x, float *v)
{
    const mad_maps shape = t->shape;
    for (size_t tile = begin; tile < end;) {
        const place p = place_of(t, tile);
        size_t n = t->n_x - p.x / 4 < WINOGRAD_RUN ? t->n_x - p.x / 4 : WINOGRAD_RUN;
        n = end - tile < n ? end - tile : n;
        for (size_t k = 0; k < shape.c; k += LANES) {
            const float *from = x + map_at(shape, p.i, p.y, p.x) + k;
            float *to = v + k / MAD_LANE * V_BLOCK + (tile - begin) * MAD_LANE + k % MAD_LANE;
            input_run(shape, p, n, from, to);
        }
        tile += n;
    }
}

/* A dy A^T of one tile; pixels of dy lie `row` and `column` floats apart. */
ALWAYS_INLINE void gradient_tile(const float *dy, size_t row, size_t column, float *w)
{
    vec half[6][4];
    UNROLL
    for (size_t q = 0; q < 4; q++) {
        vec in[4], out[6];
        UNROLL
        for (size_t r = 0; r < 4; r++) {
            in[r] = load(dy, r * row + q * column);
        }
        gradient_line(in, out);
        UNROLL
        for (size_t r = 0; r < 6; r++) {
            half[r][q] = out[r];
        }
    }
    UNROLL
    for (size_t r = 0; r < 6; r++) {
        vec out[6];
        gradient_line(half[r], out);
        UNROLL
        for (size_t q = 0; q < 6; q++) {
            *at(w, (6 * r + q) * W_ELEMENT) = out[q];
        }
    }
}

/* W of tiles [begin, end). */
static void winograd_gradient(const tiling *t, size_t begin, size_t end, const float *dy, float *w)
{
    const mad_maps shape = t->shape;
    const size_t row = (shape.w + 1) * shape.c;
    for (size_t tile = begin; tile < end; tile++) {
        const place p = place_of(t, tile);
        const size_t n_y = shape.h - p.y, n_x = shape.w - p.x;
        for (size_t k = 0; k < shape.c; k += LANES) {
            const float *from = dy + map_at(shape, p.i, p.y, p.x) + k;
            float *to = w + k / TILE_COLS * W_PANEL + (tile - begin) * TILE_COLS + k % TILE_COLS;
            if (n_y >= 4 && n_x >= 4) {
                gradient_tile(from, row, shape.c, to);
                continue;
            }
            float inside[16 * LANES] __attribute__((aligned(64))) = {0};
            for (size_t j = 0; j < 16; j++) {
                if (j / 4 < n_y && j % 4 < n_x) {
                    *at(inside, j * LANES) = load(from, j / 4 * row + j % 4 * shape.c);
                }
            }
            gradient_tile(inside, 4 * LANES, LANES, to);
        }
    }
}

/* y = A^T M A + base + map of one tile; pixels lie `row` and `column` floats apart. */
ALWAYS_INLINE void output_tile(const float *m, vec base, const float *map, size_t row,
                               size_t column, float *y)
{
    vec half[4][6];
    UNROLL
    for (size_t q = 0; q < 6; q++) {
        vec in[6], out[4];
        UNROLL
        for (size_t r = 0; r < 6; r++) {
            in[r] = load(m, (6 * r + q) * W_ELEMENT);
        }
        output_line(in, out);
        UNROLL
        for (size_t r = 0; r < 4; r++) {
            half[r][q] = out[r];
        }
    }
    UNROLL
    for (size_t r = 0; r < 4; r++) {
        vec out[4];
        output_line(half[r], out);
        UNROLL
        for (size_t q = 0; q < 4; q++) {
            *at(y, r * row + q * column) = plus(out[q] + base, map, r * row + q * column);
        }
    }
}

/* y = A^T M A + add of tiles [begin, end), panel of n_v registers from channel n0 on. */
static void winograd_output(const tiling *t, size_t n0, size_t n_v, size_t begin, size_t end,
                            const float *m, mad_conv_add add, float *y)
{
    const mad_maps shape = t->shape;
    const size_t row = (shape.w + 1) * shape.c;
    for (size_t tile = begin; tile < end; tile++) {
        const place p = place_of(t, tile);
        const size_t n_y = shape.h - p.y, n_x = shape.w - p.x;
        for (size_t k = n0; k < n0 + n_v * LANES; k += LANES) {
            const size_t first = map_at(shape, p.i, p.y, p.x) + k;
            const vec base = plus(plus((vec){0}, add.bias, k), add.shift, p.i * shape.c + k);
            const float *from = m + (tile - begin) * TILE_COLS + k - n0;
            const float *map = add.map == NULL ? NULL : add.map + first;
            if (n_y >= 4 && n_x >= 4 && map == NULL) {
                output_tile(from, base, NULL, row, shape.c, y + first);
                continue;
            }
            if (n_y >= 4 && n_x >= 4) {
                output_tile(from, base, map, row, shape.c, y + first);
                continue;
            }
            float all[16 * LANES] __attribute__((aligned(64)));
            output_tile(from, base, NULL, 4 * LANES, LANES, all);
            for (size_t j = 0; j < 16; j++) {
                if (j / 4 < n_y && j % 4 < n_x) {
                    const size_t to = j / 4 * row + j % 4 * shape.c;
                    *at(y + first, to) = plus(load(all, j * LANES), map, to);
                }
            }
        }
    }
}

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

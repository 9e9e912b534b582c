/* sim/nn/fast_winograd_tiles.h: what the transform F(4x4, 3x3) of Winograd (Lavin & Gray 2016,
 * arXiv:1509.09308) does to tiles of 3x3 convolutions of stride 1. Included before fast_winograd.h,
 * which has the products and the convolutions.
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
           2 * n_tiles * WINOGRAD_ELEMENTS <= 9 * conv->h * conv->w;
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
            gradient_tile(inside, (size_t)4 * LANES, LANES, to);
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
            output_tile(from, base, NULL, (size_t)4 * LANES, LANES, all);
            for (size_t j = 0; j < 16; j++) {
                if (j / 4 < n_y && j % 4 < n_x) {
                    const size_t to = j / 4 * row + j % 4 * shape.c;
                    *at(y + first, to) = plus(load(all, j * LANES), map, to);
                }
            }
        }
    }
}

/* sim/nn/fast_tile.h: a small matrix product held in registers, for the kernels on feature maps.
 *
 * Included after fast.h by the file of an instruction set, which defines TILE_M: most rows of a
 * tile. A tile is m < n_m rows by n_v registers:
 *   c(m, n) = sum over s < n_seg, k < n_k of a[s a_seg + m a_m + k a_k] b[s b_seg + k b_k + n]
 * The sum over k runs in one order whatever n_m and n_v are, so results do not hang on how rows are
 * cut into tiles.
 */

ALWAYS_INLINE vec *at(float *x, size_t i)
{
    return (vec *)(x + i);
}

ALWAYS_INLINE vec load(const float *x, size_t i)
{
    return *(const vec *)(x + i);
}

/* x, or x + more[i] */
ALWAYS_INLINE vec plus(vec x, const float *more, size_t i)
{
    if (more != NULL) {
        x += load(more, i);
    }
    return x;
}

/* Lanes of a and b in turn: those of the lower halves, of the upper halves. */
#if LANES == 16
#define INTERLEAVE_LOW  0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23
#define INTERLEAVE_HIGH 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31
#elif LANES == 8
#define INTERLEAVE_LOW  0, 8, 1, 9, 2, 10, 3, 11
#define INTERLEAVE_HIGH 4, 12, 5, 13, 6, 14, 7, 15
#else
#define INTERLEAVE_LOW  0, 4, 1, 5
#define INTERLEAVE_HIGH 2, 6, 3, 7
#endif

/* y(j, i) = x(i, j) of a square of LANES: log2(LANES) perfect shuffles of its rows. */
ALWAYS_INLINE void transpose_square(const float *x, size_t ld_x, float *y, size_t ld_y)
{
    vec row[LANES], next[LANES];
    UNROLL
    for (size_t i = 0; i < LANES; i++) {
        row[i] = load(x, i * ld_x);
    }
    UNROLL
    for (size_t step = 1; step < LANES; step *= 2) {
        UNROLL
        for (size_t i = 0; i < LANES / 2; i++) {
            next[2 * i] = __builtin_shufflevector(row[i], row[i + LANES / 2], INTERLEAVE_LOW);
            next[2 * i + 1] = __builtin_shufflevector(row[i], row[i + LANES / 2], INTERLEAVE_HIGH);
        }
        UNROLL
        for (size_t i = 0; i < LANES; i++) {
            row[i] = next[i];
        }
    }
    UNROLL
    for (size_t i = 0; i < LANES; i++) {
        *at(y, i * ld_y) = row[i];
    }
}

typedef struct tile_sum {
    size_t n_seg, n_k;
    const float *a;
    size_t a_seg, a_m, a_k;
    const float *b;
    size_t b_seg, b_k;
} tile_sum;

/* c(m, n) = sum + bias[n] + shift[n] + map(m, n), each optional. */
typedef struct tile_out {
    float *c;
    size_t c_m;
    const float *bias, *shift;
    const float *map; /* laid out like c; may be c */
} tile_out;

ALWAYS_INLINE void tile_add_up(const size_t n_m, const size_t n_v, const tile_sum *s,
                               vec acc[][TILE_VECS])
{
    UNROLL
    for (size_t m = 0; m < n_m; m++) {
        UNROLL
        for (size_t v = 0; v < n_v; v++) {
            acc[m][v] = (vec){0};
        }
    }
    for (size_t seg = 0; seg < s->n_seg; seg++) {
        const float *a = s->a + seg * s->a_seg, *b = s->b + seg * s->b_seg;
        for (size_t k = 0; k < s->n_k; k++) {
            vec right[TILE_VECS];
            UNROLL
            for (size_t v = 0; v < n_v; v++) {
                right[v] = load(b, k * s->b_k + v * LANES);
            }
            UNROLL
            for (size_t m = 0; m < n_m; m++) {
                const vec left = splat(a[m * s->a_m + k * s->a_k]);
                UNROLL
                for (size_t v = 0; v < n_v; v++) {
                    acc[m][v] += left * right[v];
                }
            }
        }
    }
}

ALWAYS_INLINE void tile_run(const size_t n_m, const size_t n_v, const tile_sum *sum,
                            const tile_out *out)
{
    vec acc[TILE_M][TILE_VECS], add[TILE_VECS];
    const tile_sum s = *sum;
    const tile_out o = *out;
    tile_add_up(n_m, n_v, &s, acc);
    UNROLL
    for (size_t v = 0; v < n_v; v++) {
        add[v] = plus(plus((vec){0}, o.bias, v * LANES), o.shift, v * LANES);
    }
    UNROLL
    for (size_t m = 0; m < n_m; m++) {
        UNROLL
        for (size_t v = 0; v < n_v; v++) {
            const size_t i = m * o.c_m + v * LANES;
            *at(o.c, i) = plus(acc[m][v] + add[v], o.map, i);
        }
    }
}

/* One function for every number of rows up to TILE_ROWS (their distance is known at run time only:
 * a pointer for each). */
typedef void (*tile_function)(const tile_sum *sum, const tile_out *out);

#define TILE_FUNCTIONS(m)                                                                          \
    static void tile_##m##_1(const tile_sum *sum, const tile_out *out)                             \
    {                                                                                              \
        tile_run(m, 1, sum, out);                                                                  \
    }                                                                                              \
    static void tile_##m##_2(const tile_sum *sum, const tile_out *out)                             \
    {                                                                                              \
        tile_run(m, 2, sum, out);                                                                  \
    }

TILE_FUNCTIONS(1)
TILE_FUNCTIONS(2)
TILE_FUNCTIONS(3)
TILE_FUNCTIONS(4)
TILE_FUNCTIONS(5)
TILE_FUNCTIONS(6)
#if TILE_ROWS == 8
TILE_FUNCTIONS(7)
TILE_FUNCTIONS(8)
#endif

static const tile_function tile_functions[TILE_ROWS][TILE_VECS] = {
    {tile_1_1, tile_1_2}, {tile_2_1, tile_2_2}, {tile_3_1, tile_3_2},
    {tile_4_1, tile_4_2}, {tile_5_1, tile_5_2}, {tile_6_1, tile_6_2},
#if TILE_ROWS == 8
    {tile_7_1, tile_7_2}, {tile_8_1, tile_8_2},
#endif
};

/* Registers of the tile whose first column is n0 of n_n, a multiple of MAD_LANE. */
ALWAYS_INLINE size_t tile_vecs(size_t n_n, size_t n0)
{
    return n_n - n0 < TILE_COLS ? 1 : TILE_VECS;
}

/* n_m rows, cut into pieces as equal as can be. */
static void tile_rows(size_t n_m, size_t n_v, const tile_sum *sum, const tile_out *out)
{
    tile_sum s = *sum;
    tile_out o = *out;
    size_t n_pieces = (n_m + TILE_ROWS - 1) / TILE_ROWS;
    for (size_t left = n_m; left > 0; n_pieces--) {
        const size_t n = (left + n_pieces - 1) / n_pieces;
        tile_functions[n - 1][n_v - 1](&s, &o);
        s.a += n * s.a_m;
        o.c += n * o.c_m;
        o.map = o.map == NULL ? NULL : o.map + n * o.c_m;
        left -= n;
    }
}

/* analysis/metrics/coarse.c: see the header. */
#include "analysis/metrics/coarse.h"

#include <math.h>
#include <string.h>

#include "analysis/metrics/grid.h"
#include "sim/base/par.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

enum { ROWS = MAD_SCREEN_ROWS, COLS = MAD_SCREEN_COLS, QUAD = 4, LARGEST = 127 };

/* ---- images ----------------------------------------------------------------------------------- */

typedef struct coarse_job {
    const mad_cloud *cloud;
    const double *centre;
} coarse_job;

/* q: [n_quads * QUAD], zeros past the last coordinate. */
static void image_row(const coarse_job *job, size_t i, int16_t *q)
{
    const mad_cloud *cloud = job->cloud;
    mad_coarse *c = cloud->coarse;
    const size_t t = i / COLS, col = i % COLS, dim = cloud->set->dim;
    int8_t *image = c->image + (t * c->n_quads * COLS + col) * QUAD;
    const int16_t *fine = cloud->image + (t * cloud->n_pairs * COLS + col) * 2;
    const mad_on_grid row =
        mad_put_on_grid(dim, cloud->set->x + i * dim, job->centre, c->step, LARGEST, q);
    for (size_t j = 0; j < c->n_quads; j++, q += QUAD) {
        for (size_t l = 0; l < QUAD; l++) {
            image[j * COLS * QUAD + l] = (int8_t)q[l];
            c->sum[i] += q[l];
        }
    }
    for (size_t p = 0; p < cloud->n_pairs; p++) {
        memcpy(c->wide + i * c->n_wide + 2 * p, fine + p * COLS * 2, 2 * sizeof *fine);
    }
    c->square[i] = row.square;
    c->miss[i] = row.miss;
    c->tile_miss[t] = fmax(c->tile_miss[t], row.miss);
}

static mad_status image_tile(mad_ctx *ctx, void *arg, size_t i_tile)
{
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    const coarse_job *job = arg;
    const size_t begin = i_tile * COLS, n_rows = job->cloud->set->n_rows;
    int16_t *q = mad_arena_take(ctx->scratch, job->cloud->coarse->n_quads * QUAD, sizeof *q);
    if (q == NULL) {
        return mad_fail_memory(ctx, "the rows of a neighbour search");
    }
    for (size_t i = begin; i < begin + COLS && i < n_rows; i++) {
        image_row(job, i, q);
    }
    mad_arena_release(ctx->scratch, mark);
    return MAD_OK;
}

mad_status mad_coarse_take(mad_ctx *ctx, mad_arena *mem, const double *centre, double farthest,
                           mad_cloud *cloud)
{
    const size_t dim = cloud->set->dim, n_tiles = cloud->n_tiles;
    mad_coarse *c = mad_arena_take(mem, 1, sizeof *c);
    if (c == NULL) {
        return mad_fail_memory(ctx, "the rows of a neighbour search");
    }
    *c = (mad_coarse){.n_quads = (dim + QUAD - 1) / QUAD,
                      .n_wide = (dim + MAD_COARSE_WIDE - 1) / MAD_COARSE_WIDE * MAD_COARSE_WIDE,
                      .step = farthest / LARGEST};
    c->per_fine = cloud->step / c->step;
    c->image = mad_arena_take(mem, n_tiles * c->n_quads, (size_t)COLS * QUAD);
    c->square = mad_arena_take(mem, n_tiles, COLS * sizeof *c->square);
    c->sum = mad_arena_take(mem, n_tiles, COLS * sizeof *c->sum);
    c->miss = mad_arena_take(mem, n_tiles, COLS * sizeof *c->miss);
    c->tile_miss = mad_arena_take(mem, n_tiles, sizeof *c->tile_miss);
    c->wide = mad_arena_take(mem, cloud->set->n_rows * c->n_wide, sizeof *c->wide);
    if (c->image == NULL || c->square == NULL || c->sum == NULL || c->miss == NULL ||
        c->tile_miss == NULL || c->wide == NULL) {
        return mad_fail_memory(ctx, "the rows of a neighbour search");
    }
    cloud->coarse = c;
    coarse_job job = {cloud, centre};
    return mad_par_for(ctx, n_tiles, image_tile, &job);
}

double mad_coarse_reach(const mad_cloud *cloud, size_t i, double reach)
{
    return (reach - cloud->miss[i]) * cloud->coarse->per_fine + cloud->coarse->miss[i];
}

/* ---- distances -------------------------------------------------------------------------------- */

static const int8_t *rows_at(const mad_cloud *a, size_t first_row)
{
    return a->coarse->image +
           (first_row / COLS * a->coarse->n_quads * COLS + first_row % COLS) * QUAD;
}

static const int8_t *cols_at(const mad_cloud *b, size_t i_tile)
{
    return b->coarse->image + i_tile * b->coarse->n_quads * COLS * QUAD;
}

static void near_plain(const mad_cloud *a, size_t first_row, const mad_cloud *b, size_t i_tile,
                       const int32_t row_cut[ROWS], const int32_t col_cut[COLS],
                       uint32_t near[ROWS])
{
    for (size_t r = 0; r < ROWS; r++) {
        near[r] = 0;
        for (size_t c = 0; c < COLS; c++) {
            const int8_t *x = rows_at(a, first_row + r), *y = cols_at(b, i_tile) + c * QUAD;
            int32_t square = 0;
            for (size_t k = 0; k < a->coarse->n_quads;
                 k++, x += (size_t)COLS * QUAD, y += (size_t)COLS * QUAD) {
                for (size_t l = 0; l < QUAD; l++) {
                    square += (x[l] - y[l]) * (x[l] - y[l]);
                }
            }
            near[r] |= (uint32_t)(square < row_cut[r] || square < col_cut[c]) << c;
        }
    }
}

static int32_t square_plain(const mad_cloud *a, size_t i, const mad_cloud *b, size_t j)
{
    const size_t n = a->coarse->n_wide;
    const int16_t *x = a->coarse->wide + i * n, *y = b->coarse->wide + j * n;
    int32_t square = 0;
    for (size_t k = 0; k < n; k++) {
        square += (x[k] - y[k]) * (x[k] - y[k]);
    }
    return square;
}

const mad_coarse_code mad_coarse_plain = {near_plain, square_plain};

#if defined(__x86_64__)

/* The instruction multiplies bytes without a sign by bytes with one: columns are taken 128 higher,
 * sum (q' + 128) q = q.q' + 128 sum q. */
__attribute__((target("avx512f,avx512bw,avx512vnni"))) static void
near_vnni(const mad_cloud *a, size_t first_row, const mad_cloud *b, size_t i_tile,
          const int32_t row_cut[ROWS], const int32_t col_cut[COLS], uint32_t near[ROWS])
{
    enum { LANES = 16, N = COLS / LANES };
    const int32_t *x = (const int32_t *)(const void *)rows_at(a, first_row);
    const int8_t *y = cols_at(b, i_tile);
    const __m512i higher = _mm512_set1_epi8(-128);
    __m512i dot[ROWS][N] = {{{0}}};
    for (size_t k = 0; k < a->coarse->n_quads; k++, x += COLS, y += (size_t)COLS * QUAD) {
        const __m512i y0 = _mm512_xor_si512(_mm512_loadu_si512(y), higher);
        const __m512i y1 = _mm512_xor_si512(_mm512_loadu_si512(y + (size_t)LANES * QUAD), higher);
        for (size_t r = 0; r < ROWS; r++) {
            const __m512i quad = _mm512_set1_epi32(x[r]);
            dot[r][0] = _mm512_dpbusd_epi32(dot[r][0], y0, quad);
            dot[r][1] = _mm512_dpbusd_epi32(dot[r][1], y1, quad);
        }
    }
    for (size_t v = 0; v < N; v++) {
        const __m512i norm = _mm512_loadu_si512(b->coarse->square + i_tile * COLS + v * LANES);
        const __m512i col = _mm512_loadu_si512(col_cut + v * LANES);
        for (size_t r = 0; r < ROWS; r++) {
            const size_t i = first_row + r;
            const __m512i own = _mm512_set1_epi32(a->coarse->square[i] + 256 * a->coarse->sum[i]);
            const __m512i square =
                _mm512_sub_epi32(_mm512_add_epi32(own, norm), _mm512_slli_epi32(dot[r][v], 1));
            const __m512i cut = _mm512_max_epi32(_mm512_set1_epi32(row_cut[r]), col);
            const uint32_t below = _mm512_cmplt_epi32_mask(square, cut);
            near[r] = (v == 0 ? 0 : near[r]) | below << (v * LANES);
        }
    }
}

__attribute__((target("avx512f,avx512bw,avx512vnni"))) static int32_t
square_vnni(const mad_cloud *a, size_t i, const mad_cloud *b, size_t j)
{
    const size_t n = a->coarse->n_wide;
    const int16_t *x = a->coarse->wide + i * n, *y = b->coarse->wide + j * n;
    __m512i sum = _mm512_setzero_si512();
    for (size_t k = 0; k < n; k += MAD_COARSE_WIDE) {
        const __m512i d = _mm512_sub_epi16(_mm512_loadu_si512(x + k), _mm512_loadu_si512(y + k));
        sum = _mm512_dpwssd_epi32(sum, d, d);
    }
    return _mm512_reduce_add_epi32(sum);
}

static const mad_coarse_code vnni = {near_vnni, square_vnni};

#endif

const mad_coarse_code *mad_coarse_choose(void)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vnni")) {
        return &vnni;
    }
#endif
    return NULL;
}

/* analysis/metrics/screen_kernels.c: squared distances of images, |q|^2 + |q'|^2 - 2 q.q'. */
#include "analysis/metrics/screen.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

enum { ROWS = MAD_SCREEN_ROWS, COLS = MAD_SCREEN_COLS, NEXT_PAIR = 2 * COLS };

/* Images of the first of the tile's rows, and of its columns: pairs of one row stand 2 COLS apart.
 */
static const int16_t *rows_at(const mad_cloud *a, size_t first_row)
{
    return a->image + ((first_row / COLS) * a->n_pairs * COLS + first_row % COLS) * 2;
}

static const int16_t *cols_at(const mad_cloud *b, size_t i_tile)
{
    return b->image + i_tile * b->n_pairs * COLS * 2;
}

static void screen_plain(const mad_cloud *a, size_t first_row, const mad_cloud *b, size_t i_tile,
                         const int32_t row_cut[ROWS], const int32_t col_cut[COLS], mad_tile *out)
{
    const int16_t *x = rows_at(a, first_row), *y = cols_at(b, i_tile);
    int32_t dot[ROWS][COLS] = {{0}};
    for (size_t p = 0; p < a->n_pairs; p++, x += NEXT_PAIR, y += NEXT_PAIR) {
        for (size_t r = 0; r < ROWS; r++) {
            for (size_t c = 0; c < COLS; c++) {
                dot[r][c] += x[2 * r] * y[2 * c] + x[2 * r + 1] * y[2 * c + 1];
            }
        }
    }
    for (size_t r = 0; r < ROWS; r++) {
        out->near[r] = 0;
        for (size_t c = 0; c < COLS; c++) {
            const int32_t square =
                a->square[first_row + r] + b->square[i_tile * COLS + c] - 2 * dot[r][c];
            out->square[r][c] = square;
            out->near[r] |= (uint32_t)(square < row_cut[r] || square < col_cut[c]) << c;
        }
    }
}

#if defined(__x86_64__)

__attribute__((target("avx2"))) static void screen_avx2(const mad_cloud *a, size_t first_row,
                                                        const mad_cloud *b, size_t i_tile,
                                                        const int32_t row_cut[ROWS],
                                                        const int32_t col_cut[COLS], mad_tile *out)
{
    enum { LANES = 8, N = COLS / LANES, AT_ONCE = 2 };
    for (size_t r = 0; r < ROWS; r += AT_ONCE) {
        const int32_t *x = (const int32_t *)(const void *)rows_at(a, first_row + r);
        const __m256i *y = (const __m256i *)(const void *)cols_at(b, i_tile);
        __m256i dot[AT_ONCE][N] = {{{0}}};
        for (size_t p = 0; p < a->n_pairs; p++, x += COLS, y += N) {
            for (size_t q = 0; q < AT_ONCE; q++) {
                const __m256i pair = _mm256_set1_epi32(x[q]);
                for (size_t v = 0; v < N; v++) {
                    dot[q][v] = _mm256_add_epi32(dot[q][v], _mm256_madd_epi16(pair, y[v]));
                }
            }
        }
        for (size_t q = 0; q < AT_ONCE; q++) {
            const __m256i own = _mm256_set1_epi32(a->square[first_row + r + q]);
            const __m256i row = _mm256_set1_epi32(row_cut[r + q]);
            const int32_t *norm = b->square + i_tile * COLS;
            uint32_t near = 0;
            for (size_t v = 0; v < N; v++) {
                const __m256i both =
                    _mm256_add_epi32(own, _mm256_loadu_si256((const void *)(norm + v * LANES)));
                const __m256i col = _mm256_loadu_si256((const void *)(col_cut + v * LANES));
                const __m256i square = _mm256_sub_epi32(both, _mm256_slli_epi32(dot[q][v], 1));
                const __m256i below = _mm256_cmpgt_epi32(_mm256_max_epi32(row, col), square);
                _mm256_storeu_si256((void *)&out->square[r + q][v * LANES], square);
                near |= (uint32_t)_mm256_movemask_ps(_mm256_castsi256_ps(below)) << (v * LANES);
            }
            out->near[r + q] = near;
        }
    }
}

__attribute__((target("avx512f,avx512bw,avx512vnni"))) static void
screen_vnni(const mad_cloud *a, size_t first_row, const mad_cloud *b, size_t i_tile,
            const int32_t row_cut[ROWS], const int32_t col_cut[COLS], mad_tile *out)
{
    enum { LANES = 16, N = COLS / LANES };
    const int32_t *x = (const int32_t *)(const void *)rows_at(a, first_row);
    const int16_t *y = cols_at(b, i_tile);
    __m512i dot[ROWS][N] = {{{0}}};
    for (size_t p = 0; p < a->n_pairs; p++, x += COLS, y += NEXT_PAIR) {
        const __m512i y0 = _mm512_loadu_si512(y), y1 = _mm512_loadu_si512(y + COLS);
        for (size_t r = 0; r < ROWS; r++) {
            const __m512i pair = _mm512_set1_epi32(x[r]);
            dot[r][0] = _mm512_dpwssd_epi32(dot[r][0], pair, y0);
            dot[r][1] = _mm512_dpwssd_epi32(dot[r][1], pair, y1);
        }
    }
    for (size_t v = 0; v < N; v++) {
        const __m512i norm = _mm512_loadu_si512(b->square + i_tile * COLS + v * LANES);
        const __m512i col = _mm512_loadu_si512(col_cut + v * LANES);
        for (size_t r = 0; r < ROWS; r++) {
            const __m512i both =
                _mm512_add_epi32(_mm512_set1_epi32(a->square[first_row + r]), norm);
            const __m512i square = _mm512_sub_epi32(both, _mm512_slli_epi32(dot[r][v], 1));
            const __m512i cut = _mm512_max_epi32(_mm512_set1_epi32(row_cut[r]), col);
            const uint32_t below = _mm512_cmplt_epi32_mask(square, cut);
            _mm512_storeu_si512(&out->square[r][v * LANES], square);
            out->near[r] = (v == 0 ? 0 : out->near[r]) | below << (v * LANES);
        }
    }
}

#endif

void mad_screens(mad_screen_fn *out[MAD_MAX_SCREENS + 1])
{
    size_t n = 0;
    out[n++] = screen_plain;
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2")) {
        out[n++] = screen_avx2;
    }
    if (__builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vnni")) {
        out[n++] = screen_vnni;
    }
#endif
    out[n] = NULL;
}

mad_screen_fn *mad_screen_choose(void)
{
    mad_screen_fn *all[MAD_MAX_SCREENS + 1];
    size_t n = 0;
    for (mad_screens(all); all[n] != NULL; n++) {
    }
    return all[n - 1];
}

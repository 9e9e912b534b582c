/* analysis/metrics/neighbours.c: tiles of squared distances, and the k-th nearest from them. */
#include "analysis/metrics/neighbours.h"

#include <math.h>
#include <string.h>

#include "sim/base/par.h"

typedef double tile_row __attribute__((vector_size(MAD_TILE_COLS * sizeof(double))));

/* square[r][c] = sum_j (x[r][j] - y[j][c])^2, j ascending for every pair whatever the width of the
 * machine's vectors: the same bits on every instruction set (no fused multiply-add here). */
static inline __attribute__((always_inline)) void
tile_body(size_t dim, const double *const x[MAD_TILE_ROWS], const double *y,
          double square[MAD_TILE_ROWS][MAD_TILE_COLS])
{
    const double *x0 = x[0], *x1 = x[1], *x2 = x[2], *x3 = x[3];
    tile_row s0 = {0}, s1 = {0}, s2 = {0}, s3 = {0}, column, d;
    for (size_t j = 0; j < dim; j++) {
        memcpy(&column, y + j * MAD_TILE_COLS, sizeof column);
        d = x0[j] - column;
        s0 += d * d;
        d = x1[j] - column;
        s1 += d * d;
        d = x2[j] - column;
        s2 += d * d;
        d = x3[j] - column;
        s3 += d * d;
    }
    memcpy(square[0], &s0, sizeof s0);
    memcpy(square[1], &s1, sizeof s1);
    memcpy(square[2], &s2, sizeof s2);
    memcpy(square[3], &s3, sizeof s3);
}

typedef void tile_kernel(size_t dim, const double *const x[MAD_TILE_ROWS], const double *y,
                         double square[MAD_TILE_ROWS][MAD_TILE_COLS]);

static void tile_plain(size_t dim, const double *const x[MAD_TILE_ROWS], const double *y,
                       double square[MAD_TILE_ROWS][MAD_TILE_COLS])
{
    tile_body(dim, x, y, square);
}

#if defined(__x86_64__)
__attribute__((target("avx2"))) static void tile_avx2(size_t dim,
                                                      const double *const x[MAD_TILE_ROWS],
                                                      const double *y,
                                                      double square[MAD_TILE_ROWS][MAD_TILE_COLS])
{
    tile_body(dim, x, y, square);
}

__attribute__((target("avx512f"))) static void
tile_avx512(size_t dim, const double *const x[MAD_TILE_ROWS], const double *y,
            double square[MAD_TILE_ROWS][MAD_TILE_COLS])
{
    tile_body(dim, x, y, square);
}
#endif

static tile_kernel *choose(void)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f")) {
        return tile_avx512;
    }
    if (__builtin_cpu_supports("avx2")) {
        return tile_avx2;
    }
#endif
    return tile_plain;
}

mad_status mad_pack_rows(mad_ctx *ctx, mad_arena *mem, const mad_set *set, mad_packed *out)
{
    const size_t n_tiles = (set->n_rows + MAD_TILE_COLS - 1) / MAD_TILE_COLS, dim = set->dim;
    double *x = mad_arena_take_raw(mem, n_tiles * dim * MAD_TILE_COLS, sizeof *x);
    if (x == NULL) {
        return mad_fail_memory(ctx, "the rows of a neighbour search");
    }
    for (size_t t = 0; t < n_tiles; t++) {
        for (size_t c = 0; c < MAD_TILE_COLS; c++) {
            const size_t i = t * MAD_TILE_COLS + c;
            for (size_t j = 0; j < dim; j++) {
                x[(t * dim + j) * MAD_TILE_COLS + c] =
                    i < set->n_rows ? set->x[i * dim + j] : (double)INFINITY;
            }
        }
    }
    *out = (mad_packed){.n_rows = set->n_rows, .dim = dim, .n_tiles = n_tiles, .x = x};
    return MAD_OK;
}

void mad_each_tile(const double *x, size_t begin, size_t end, const mad_packed *packed,
                   mad_tile_fn fn, void *arg)
{
    const size_t dim = packed->dim;
    tile_kernel *const kernel = choose();
    double square[MAD_TILE_ROWS][MAD_TILE_COLS];
    for (size_t t = 0; t < packed->n_tiles; t++) { /* outside: the tile stays in the first cache */
        for (size_t i = begin; i < end; i += MAD_TILE_ROWS) {
            const double *row[MAD_TILE_ROWS];
            const size_t n = end - i < MAD_TILE_ROWS ? end - i : MAD_TILE_ROWS;
            for (size_t r = 0; r < MAD_TILE_ROWS; r++) {
                row[r] = x + (i + (r < n ? r : n - 1)) * dim;
            }
            kernel(dim, row, packed->x + t * dim * MAD_TILE_COLS, square);
            fn(arg, i, n, t * MAD_TILE_COLS, (const double(*)[MAD_TILE_COLS])square);
        }
    }
}

typedef struct knn_job {
    const mad_set *set;
    const mad_packed *packed;
    size_t k;
    double *radius_sq;
} knn_job;

typedef struct knn_block {
    size_t begin, k;
    double *nearest; /* [MAD_BLOCK_ROWS][k] ascending */
} knn_block;

static void insert(size_t k, double *nearest, double square)
{
    size_t at = k - 1;
    for (; at > 0 && nearest[at - 1] > square; at--) {
        nearest[at] = nearest[at - 1];
    }
    nearest[at] = square;
}

static void keep_nearest(void *arg, size_t first_row, size_t n_rows, size_t first_col,
                         const double square[MAD_TILE_ROWS][MAD_TILE_COLS])
{
    const knn_block *block = arg;
    const size_t k = block->k;
    for (size_t r = 0; r < n_rows; r++) {
        double *nearest = block->nearest + (first_row + r - block->begin) * k;
        for (size_t c = 0; c < MAD_TILE_COLS; c++) {
            if (square[r][c] < nearest[k - 1] && first_col + c != first_row + r) {
                insert(k, nearest, square[r][c]);
            }
        }
    }
}

static mad_status knn_rows(mad_ctx *ctx, void *arg, size_t i_block)
{
    const knn_job *job = arg;
    const size_t begin = i_block * MAD_BLOCK_ROWS, left = job->set->n_rows - begin;
    const size_t n = left < MAD_BLOCK_ROWS ? left : MAD_BLOCK_ROWS;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    knn_block block = {.begin = begin, .k = job->k};
    block.nearest = mad_arena_take_raw(ctx->scratch, n * job->k, sizeof *block.nearest);
    if (block.nearest == NULL) {
        return mad_fail_memory(ctx, "the nearest neighbours");
    }
    for (size_t i = 0; i < n * job->k; i++) {
        block.nearest[i] = (double)INFINITY;
    }
    mad_each_tile(job->set->x, begin, begin + n, job->packed, keep_nearest, &block);
    for (size_t r = 0; r < n; r++) {
        job->radius_sq[begin + r] = block.nearest[r * job->k + job->k - 1];
    }
    mad_arena_release(ctx->scratch, mark);
    return MAD_OK;
}

mad_status mad_knn_radius_sq(mad_ctx *ctx, const mad_set *set, const mad_packed *packed, size_t k,
                             double *radius_sq)
{
    MAD_ASSERT(k >= 1 && k < set->n_rows);
    knn_job job = {.set = set, .packed = packed, .k = k, .radius_sq = radius_sq};
    return mad_par_for(ctx, (set->n_rows + MAD_BLOCK_ROWS - 1) / MAD_BLOCK_ROWS, knn_rows, &job);
}

/* analysis/metrics/pairs.c: see the header. */
#include "analysis/metrics/pairs.h"

#include <math.h>
#include <string.h>

#include "analysis/metrics/pair_isa.h"
#include "sim/base/par.h"
#include "sim/num/stats.h"

enum { TILES = MAD_PAIR_ROWS / MAD_PAIR_TILE, SQUARE = MAD_PAIR_ROWS * MAD_PAIR_ROWS };
enum { N_COORDINATES = 256 }; /* taken together: those of two blocks fit the second cache */

void mad_pair_codes(const mad_pair_code *out[MAD_MAX_PAIR_CODES + 1])
{
    size_t n = 0;
    out[n++] = &mad_pair_plain;
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
        out[n++] = &mad_pair_avx2;
        if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq")) {
            out[n++] = &mad_pair_avx512;
        }
    }
#endif
    out[n] = NULL;
}

static const mad_pair_code *choose(void)
{
    const mad_pair_code *all[MAD_MAX_PAIR_CODES + 1];
    size_t n = 0;
    for (mad_pair_codes(all); all[n] != NULL; n++) {
    }
    return all[n - 1];
}

size_t mad_pair_blocks(size_t n_rows)
{
    return (n_rows + MAD_PAIR_ROWS - 1) / MAD_PAIR_ROWS;
}

static size_t rows_of_block(size_t n_rows, size_t i_block)
{
    const size_t left = n_rows - i_block * MAD_PAIR_ROWS;
    return left < MAD_PAIR_ROWS ? left : MAD_PAIR_ROWS;
}

mad_status mad_pack_take(mad_ctx *ctx, mad_arena *mem, const mad_set *set, mad_pack *out)
{
    mad_status st = MAD_OK;
    const size_t dim = set->dim;
    size_t n_numbers = 0;
    MAD_TRY(mad_size_mul(mad_pair_blocks(set->n_rows) * MAD_PAIR_ROWS, dim, &n_numbers));
    double *x = mad_arena_take(mem, n_numbers, sizeof *x);
    if (x == NULL) {
        st = mad_fail_memory(ctx, "the rows of a pairwise measure");
        goto out;
    }
    for (size_t i = 0; i < set->n_rows; i++) {
        double *tile = x + i / MAD_PAIR_TILE * MAD_PAIR_TILE * dim;
        for (size_t k = 0; k < dim; k++) {
            tile[k * MAD_PAIR_TILE + i % MAD_PAIR_TILE] = set->x[i * dim + k];
        }
    }
    *out = (mad_pack){.n_rows = set->n_rows, .dim = dim, .x = x};
out:
    return st;
}

/* value[r][c] = k of row r of block i of a and row c of block j of b. */
static void take_square(const mad_pair_code *code, const mad_kernel *kernel, const mad_pack *a,
                        size_t i, const mad_pack *b, size_t j, double *value)
{
    const size_t dim = a->dim, tile = MAD_PAIR_TILE * dim;
    const double *x = a->x + i * TILES * tile, *y = b->x + j * TILES * tile;
    memset(value, 0, SQUARE * sizeof *value);
    for (size_t k = 0; k < dim; k += N_COORDINATES) {
        const size_t n = dim - k < N_COORDINATES ? dim - k : N_COORDINATES;
        for (size_t c = 0; c < TILES; c++) {
            for (size_t r = 0; r < TILES; r++) {
                const double *row = x + r * tile + k * MAD_PAIR_TILE;
                const double *col = y + c * tile + k * MAD_PAIR_TILE;
                double *at = value + (r * MAD_PAIR_ROWS + c) * MAD_PAIR_TILE;
                if (kernel->kind == MAD_PAIR_CUBIC) {
                    code->add_products(n, row, col, at);
                } else {
                    code->add_squares(n, row, col, at);
                }
            }
        }
    }
    code->finish(kernel, SQUARE, value);
}

void mad_pair_scan(const mad_kernel *kernel, const mad_pack *a, const mad_pack *b, size_t i_block,
                   mad_pair_fn *fn, void *arg)
{
    _Alignas(64) double value[SQUARE];
    const mad_pair_code *const code = choose();
    const size_t n_rows = rows_of_block(a->n_rows, i_block), n_blocks = mad_pair_blocks(b->n_rows);
    for (size_t j = a == b ? i_block : 0; j < n_blocks; j++) {
        const size_t n_cols = rows_of_block(b->n_rows, j);
        take_square(code, kernel, a, i_block, b, j, value);
        for (size_t r = 0; r < n_rows; r++) {
            const size_t first = a == b && j == i_block ? r + 1 : 0;
            if (first < n_cols) {
                fn(arg, i_block * MAD_PAIR_ROWS + r, j * MAD_PAIR_ROWS + first, n_cols - first,
                   value + r * MAD_PAIR_ROWS + first);
            }
        }
    }
}

typedef struct sum_job {
    const mad_kernel *kernel;
    const mad_pack *a, *b;
    double *partial; /* [n_blocks of a] */
} sum_job;

typedef struct run_sums {
    size_t n;
    double *sum; /* one per run of values */
} run_sums;

static void add_run(void *arg, size_t i, size_t j, size_t n, const double *k)
{
    (void)i;
    (void)j;
    run_sums *runs = arg;
    runs->sum[runs->n++] = mad_sum(n, k);
}

static mad_status sum_block(mad_ctx *ctx, void *arg, size_t i_block)
{
    const sum_job *job = arg;
    mad_status st = MAD_OK;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    run_sums runs = {0};
    MAD_TRY(mad_ctx_poll(ctx));
    runs.sum = mad_arena_take_raw(ctx->scratch, mad_pair_blocks(job->b->n_rows) * MAD_PAIR_ROWS,
                                  sizeof *runs.sum);
    if (runs.sum == NULL) {
        st = mad_fail_memory(ctx, "sums over pairs");
        goto out;
    }
    mad_pair_scan(job->kernel, job->a, job->b, i_block, add_run, &runs);
    job->partial[i_block] = mad_sum(runs.n, runs.sum);
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

mad_status mad_pair_sum(mad_ctx *ctx, const mad_kernel *kernel, const mad_pack *a,
                        const mad_pack *b, double *out)
{
    MAD_ASSERT(a->dim == b->dim);
    mad_status st = MAD_OK;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    const size_t n_blocks = mad_pair_blocks(a->n_rows);
    sum_job job = {.kernel = kernel, .a = a, .b = b};
    job.partial = mad_arena_take_raw(ctx->scratch, n_blocks, sizeof *job.partial);
    if (job.partial == NULL) {
        st = mad_fail_memory(ctx, "sums over pairs");
        goto out;
    }
    MAD_TRY(mad_par_for(ctx, n_blocks, sum_block, &job));
    *out = mad_sum(n_blocks, job.partial);
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

mad_status mad_pair_sum_within(mad_ctx *ctx, const mad_kernel *kernel, const mad_set *set,
                               double *out)
{
    mad_status st = MAD_OK;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    mad_pack rows;
    MAD_TRY(mad_pack_take(ctx, ctx->scratch, set, &rows));
    MAD_TRY(mad_pair_sum(ctx, kernel, &rows, &rows, out));
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

mad_status mad_pair_sums_take(mad_ctx *ctx, const mad_kernel *kernel, const mad_set *real,
                              double real_sum, const mad_set *fake, mad_pair_sums *out)
{
    mad_status st = MAD_OK;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    mad_pair_sums sums = {.n_real = real->n_rows, .n_fake = fake->n_rows, .real = real_sum};
    mad_pack a, b;
    MAD_TRY(mad_pack_take(ctx, ctx->scratch, real, &a));
    MAD_TRY(mad_pack_take(ctx, ctx->scratch, fake, &b));
    MAD_TRY(mad_pair_sum(ctx, kernel, &b, &b, &sums.fake));
    MAD_TRY(mad_pair_sum(ctx, kernel, &a, &b, &sums.cross));
    *out = sums;
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

double mad_mmd2_unbiased(const mad_pair_sums *sums)
{
    const double n = (double)sums->n_real, m = (double)sums->n_fake;
    if (sums->n_real < 2 || sums->n_fake < 2) {
        return (double)NAN;
    }
    const double value =
        2.0 * (sums->real / (n * (n - 1.0)) + sums->fake / (m * (m - 1.0)) - sums->cross / (n * m));
    return isfinite(value) ? value : (double)NAN;
}

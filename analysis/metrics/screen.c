/* analysis/metrics/screen.c: images of rows on a common grid. */
#include "analysis/metrics/screen.h"

#include <math.h>
#include <stdatomic.h>
#include <string.h>

#include "sim/base/par.h"

/* Coordinates farther out than this many standard deviations are cut off: their rows have a larger
 * miss, the others a finer step. */
#define RANGE_SD 8.0

/* Bounds and cuts are computed in double: relative errors below 1e-12 from up to 1e4 coordinates
 * and some dozen operations. */
#define SLACK 1e-9

/* Below it squared distances may be subnormal, with fewer bits than the bounds rest on. */
#define LEAST_VARIANCE 1e-280

static mad_status take(mad_ctx *ctx, mad_arena *mem, const mad_set *set, mad_cloud *out)
{
    mad_cloud c = {.set = set,
                   .n_pairs = (set->dim + 1) / 2,
                   .n_tiles = (set->n_rows + MAD_SCREEN_COLS - 1) / MAD_SCREEN_COLS};
    c.image = mad_arena_take(mem, c.n_tiles * c.n_pairs, sizeof *c.image * MAD_SCREEN_COLS * 2);
    c.square = mad_arena_take(mem, c.n_tiles, MAD_SCREEN_COLS * sizeof *c.square);
    c.miss = mad_arena_take(mem, c.n_tiles, MAD_SCREEN_COLS * sizeof *c.miss);
    c.tile_miss = mad_arena_take(mem, c.n_tiles, sizeof *c.tile_miss);
    if (c.image == NULL || c.square == NULL || c.miss == NULL || c.tile_miss == NULL) {
        return mad_fail_memory(ctx, "the rows of a neighbour search");
    }
    *out = c;
    return MAD_OK;
}

static void mean_of(const mad_set *set, double *mean)
{
    memset(mean, 0, set->dim * sizeof *mean);
    for (size_t i = 0; i < set->n_rows; i++) {
        for (size_t j = 0; j < set->dim; j++) {
            mean[j] += set->x[i * set->dim + j];
        }
    }
    for (size_t j = 0; j < set->dim; j++) {
        mean[j] /= (double)set->n_rows;
    }
}

static double squares_about(const mad_set *set, const double *centre)
{
    double sum = 0.0;
    for (size_t i = 0; i < set->n_rows; i++) {
        for (size_t j = 0; j < set->dim; j++) {
            const double d = set->x[i * set->dim + j] - centre[j];
            sum += d * d;
        }
    }
    return sum;
}

#define ROUND 0x1.8p52

typedef struct image_job {
    mad_cloud *cloud;
    const double *centre;
    double largest; /* of |q| */
    int is_known;   /* 0: squares over- or underflow, no row is known by its image */
} image_job;

static void image_row(const image_job *job, size_t i)
{
    const mad_cloud *c = job->cloud;
    const size_t t = i / MAD_SCREEN_COLS, col = i % MAD_SCREEN_COLS, dim = c->set->dim;
    const double *x = c->set->x + i * dim, per_step = 1.0 / c->step;
    int16_t *image = c->image + t * c->n_pairs * MAD_SCREEN_COLS * 2;
    int32_t square = 0;
    double miss = 0.0;
    for (size_t j = 0; j < dim; j++) {
        const double exact = (x[j] - job->centre[j]) * per_step;
        const double whole = exact + ROUND - ROUND; /* the nearest, below 2^51 */
        const double q = whole > job->largest    ? job->largest
                         : whole < -job->largest ? -job->largest
                                                 : whole;
        image[((j / 2) * MAD_SCREEN_COLS + col) * 2 + j % 2] = (int16_t)q;
        square += (int32_t)(q * q);
        miss += (exact - q) * (exact - q);
    }
    c->square[i] = square;
    c->miss[i] = sqrt(miss) * (1.0 + SLACK) + SLACK; /* and what `exact` was rounded by */
    c->tile_miss[t] = fmax(c->tile_miss[t], c->miss[i]);
}

static mad_status image_tile(mad_ctx *ctx, void *arg, size_t i_tile)
{
    (void)ctx;
    const image_job *job = arg;
    mad_cloud *c = job->cloud;
    const size_t begin = i_tile * MAD_SCREEN_COLS;
    for (size_t i = begin; i < begin + MAD_SCREEN_COLS && i < c->set->n_rows; i++) {
        if (job->is_known) {
            image_row(job, i);
        } else {
            c->miss[i] = c->tile_miss[i_tile] = (double)INFINITY;
        }
    }
    return MAD_OK;
}

mad_status mad_clouds_take(mad_ctx *ctx, mad_arena *mem, const mad_set *a, const mad_set *b,
                           mad_cloud *out_a, mad_cloud *out_b)
{
    mad_status st = MAD_OK;
    const size_t dim = a->dim;
    /* |q - q'|^2 <= n_pairs 2 (2 largest)^2 fits 31 bits. */
    const double n_padded = (double)(dim + dim % 2);
    const double largest = floor(sqrt((double)(INT32_MAX - 1) / (4.0 * n_padded)));
    double *centre = NULL;
    MAD_TRY(take(ctx, mem, a, out_a));
    MAD_TRY(take(ctx, mem, b, out_b));
    centre = mad_arena_take_raw(mem, dim, sizeof *centre);
    if (centre == NULL) {
        st = mad_fail_memory(ctx, "the rows of a neighbour search");
        goto out;
    }
    mean_of(a, centre);
    const double variance = (squares_about(a, centre) + squares_about(b, centre)) /
                            ((double)dim * (double)(a->n_rows + b->n_rows));
    const int is_known = isfinite(variance) && !(variance > 0.0 && variance < LEAST_VARIANCE);
    /* All rows equal, or squares below the smallest number: any step holds. */
    const double step = is_known && variance > 0.0 ? RANGE_SD * sqrt(variance) / largest : 1.0;
    mad_cloud *const clouds[] = {out_a, out_b};
    for (size_t i = 0; i < 2; i++) {
        image_job job = {clouds[i], centre, largest, is_known};
        clouds[i]->step = step;
        MAD_TRY(mad_par_for(ctx, clouds[i]->n_tiles, image_tile, &job));
    }
out:
    return st;
}

int32_t mad_screen_cut(double reach)
{
    const double cut = reach * reach * (1.0 + SLACK) + 1.0;
    return cut < (double)INT32_MAX ? (int32_t)cut + 1 : INT32_MAX;
}

mad_bounds mad_screen_bounds(const mad_cloud *a, size_t i, const mad_cloud *b, size_t j,
                             int32_t square)
{
    const double apart = sqrt((double)square), miss = a->miss[i] + b->miss[j];
    const double low = fmax(apart - miss, 0.0) * a->step, high = (apart + miss) * a->step;
    return (mad_bounds){low * low * (1.0 - SLACK), high * high * (1.0 + SLACK)};
}

size_t mad_n_blocks(const mad_cloud *cloud)
{
    return (cloud->set->n_rows + MAD_BLOCK_ROWS - 1) / MAD_BLOCK_ROWS;
}

size_t mad_first_tile(size_t i_block)
{
    return i_block * MAD_BLOCK_ROWS / MAD_SCREEN_COLS;
}

static int32_t cut_of(const mad_reach *reach, double miss)
{
    return mad_screen_cut(atomic_load_explicit(reach, memory_order_relaxed) + miss);
}

static void report_pairs(const mad_scan *scan, size_t i, size_t first_col, uint32_t near,
                         const int32_t *square)
{
    for (; near != 0; near &= near - 1) {
        const size_t c = (size_t)__builtin_ctz(near), j = first_col + c;
        if (j < scan->b->set->n_rows) {
            scan->fn(scan->arg, i, j, square[c]);
        }
    }
}

void mad_scan_block(const mad_scan *scan, size_t i_block, size_t first_tile)
{
    const mad_cloud *a = scan->a, *b = scan->b;
    mad_screen_fn *const screen = mad_screen_choose();
    const size_t begin = i_block * MAD_BLOCK_ROWS, left = a->set->n_rows - begin;
    const size_t end = begin + (left < MAD_BLOCK_ROWS ? left : MAD_BLOCK_ROWS);
    double block_miss = 0.0;
    for (size_t i = begin; i < end; i++) {
        block_miss = fmax(block_miss, a->miss[i]);
    }
    for (size_t k = first_tile; k < b->n_tiles;
         k++) { /* outside: a tile stays in the first cache */
        /* Every other block goes backwards: threads side by side do not write to the same rows. */
        const size_t t = i_block % 2 == 0 ? k : b->n_tiles - 1 - (k - first_tile);
        const size_t first_col = t * MAD_SCREEN_COLS;
        int32_t col_cut[MAD_SCREEN_COLS] = {0};
        for (size_t c = 0; c < MAD_SCREEN_COLS && first_col + c < b->set->n_rows; c++) {
            col_cut[c] = cut_of(&scan->b_reach[first_col + c], block_miss);
        }
        for (size_t first = begin; first < end; first += MAD_SCREEN_ROWS) {
            const size_t n = end - first < MAD_SCREEN_ROWS ? end - first : MAD_SCREEN_ROWS;
            int32_t row_cut[MAD_SCREEN_ROWS] = {0};
            mad_tile tile;
            for (size_t r = 0; r < n; r++) {
                row_cut[r] = cut_of(&scan->a_reach[first + r], b->tile_miss[t]);
            }
            screen(a, first, b, t, row_cut, col_cut, &tile);
            for (size_t r = 0; r < n; r++) {
                report_pairs(scan, first + r, first_col, tile.near[r], tile.square[r]);
            }
        }
    }
}

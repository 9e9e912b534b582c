/* analysis/metrics/screen.c: images of rows on a common grid. */
#include "analysis/metrics/screen.h"

#include <math.h>
#include <stdatomic.h>
#include <string.h>

#include "analysis/metrics/coarse.h"
#include "analysis/metrics/grid.h"
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

/* Where the rows of a set lie, from so many rows at even distances: bounds hold for any grid, and
 * are close on a fitting one. */
enum { N_SAMPLE = 1024 };

typedef struct spread {
    double variance; /* of a coordinate, about the centre */
    double farthest; /* a coordinate from the centre */
} spread;

static void mean_of(const mad_set *set, double *mean)
{
    const size_t n = set->n_rows < N_SAMPLE ? set->n_rows : N_SAMPLE;
    memset(mean, 0, set->dim * sizeof *mean);
    for (size_t i = 0; i < n; i++) {
        const double *row = set->x + i * set->n_rows / n * set->dim;
        for (size_t j = 0; j < set->dim; j++) {
            mean[j] += row[j] / (double)n;
        }
    }
}

static spread spread_about(const mad_set *set, const double *centre)
{
    const size_t n = set->n_rows < N_SAMPLE ? set->n_rows : N_SAMPLE;
    spread s = {0};
    for (size_t i = 0; i < n; i++) {
        const double *row = set->x + i * set->n_rows / n * set->dim;
        for (size_t j = 0; j < set->dim; j++) {
            const double d = fabs(row[j] - centre[j]);
            s.variance += d * d;
            s.farthest = d > s.farthest ? d : s.farthest;
        }
    }
    s.variance /= (double)n * (double)set->dim;
    return s;
}

/* Coordinates from where bytes pay, and as far as their squares fit; rows to meet from where a
 * second image of a row pays. */
enum { MIN_SIEVED = 48, MAX_SIEVED = 1 << 15, MIN_MET = 512 };

typedef struct image_job {
    mad_cloud *cloud;
    const double *centre;
    double largest; /* of |q| */
    int is_known;   /* 0: squares over- or underflow, no row is known by its image */
    int is_sieved;  /* both kinds of images are taken */
} image_job;

static void image_row(const image_job *job, size_t i, int16_t *q)
{
    const mad_cloud *c = job->cloud;
    const size_t t = i / MAD_SCREEN_COLS, dim = c->set->dim;
    int16_t *image = c->image + (t * c->n_pairs * MAD_SCREEN_COLS + i % MAD_SCREEN_COLS) * 2;
    const mad_on_grid row =
        mad_put_on_grid(dim, c->set->x + i * dim, job->centre, c->step, job->largest, q);
    for (size_t p = 0; p < c->n_pairs; p++) { /* q ends in a 0 where dim is odd */
        memcpy(image + p * MAD_SCREEN_COLS * 2, q + 2 * p, 2 * sizeof *q);
    }
    c->square[i] = row.square;
    c->miss[i] = row.miss;
    c->tile_miss[t] = fmax(c->tile_miss[t], row.miss);
}

static mad_status image_tile(mad_ctx *ctx, void *arg, size_t i_tile)
{
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    const image_job *job = arg;
    mad_cloud *c = job->cloud;
    const size_t begin = i_tile * MAD_SCREEN_COLS;
    int16_t *q = mad_arena_take(ctx->scratch, 2 * c->n_pairs, sizeof *q);
    if (q == NULL) {
        return mad_fail_memory(ctx, "the rows of a neighbour search");
    }
    for (size_t i = begin; i < begin + MAD_SCREEN_COLS && i < c->set->n_rows; i++) {
        if (job->is_known) {
            image_row(job, i, q);
        } else {
            c->miss[i] = c->tile_miss[i_tile] = (double)INFINITY;
        }
    }
    mad_arena_release(ctx->scratch, mark);
    return MAD_OK;
}

static int pays_to_sieve(const mad_set *a, const mad_set *b)
{
    return a->dim >= MIN_SIEVED && a->dim <= MAX_SIEVED && a->n_rows >= MIN_MET &&
           b->n_rows >= MIN_MET && mad_coarse_choose() != NULL;
}

/* The images of a cloud that was taken. */
static mad_status take_images(mad_ctx *ctx, mad_arena *mem, const image_job *job, const spread *s,
                              mad_cloud *cloud)
{
    mad_status st = MAD_OK;
    image_job own = *job;
    own.cloud = cloud;
    MAD_TRY(mad_par_for(ctx, cloud->n_tiles, image_tile, &own));
    if (job->is_sieved) {
        MAD_TRY(mad_coarse_take(ctx, mem, job->centre,
                                fmin(s->farthest, RANGE_SD * sqrt(s->variance)), cloud));
    }
out:
    return st;
}

mad_status mad_clouds_take(mad_ctx *ctx, mad_arena *mem, const mad_set *a, const mad_set *b,
                           mad_cloud *out_a, mad_cloud *out_b)
{
    mad_status st = MAD_OK;
    const size_t dim = a->dim;
    /* |q - q'|^2 <= n_pairs 2 (2 largest)^2 fits 31 bits. */
    const double n_padded = (double)(dim + dim % 2);
    const double largest = floor(sqrt((double)(INT32_MAX - 1) / (4.0 * n_padded)));
    double *centre = mad_arena_take_raw(mem, dim, sizeof *centre);
    if (centre == NULL) {
        return mad_fail_memory(ctx, "the rows of a neighbour search");
    }
    mean_of(a, centre);
    const spread s = spread_about(a, centre);
    image_job job = {.centre = centre,
                     .largest = largest,
                     .is_known = isfinite(s.variance) &&
                                 !(s.variance > 0.0 && s.variance < LEAST_VARIANCE)};
    job.is_sieved = job.is_known && s.variance > 0.0 && pays_to_sieve(a, b);
    MAD_TRY(take(ctx, mem, a, out_a));
    /* All rows equal, or squares below the smallest number: any step holds. */
    out_a->step = job.is_known && s.variance > 0.0 ? RANGE_SD * sqrt(s.variance) / largest : 1.0;
    MAD_TRY(take_images(ctx, mem, &job, &s, out_a));
    if (a == b) {
        *out_b = *out_a;
        goto out;
    }
    MAD_TRY(take(ctx, mem, b, out_b));
    out_b->step = out_a->step;
    MAD_TRY(take_images(ctx, mem, &job, &s, out_b));
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

static double reach_now(const mad_reach *reach)
{
    return atomic_load_explicit(reach, memory_order_relaxed);
}

/* Rows of a block and what they share while they meet the tiles of b. */
typedef struct block {
    const mad_scan *scan;
    mad_screen_fn *screen;
    const mad_coarse_code *coarse; /* NULL: one of the clouds has no coarse image */
    size_t begin, end;             /* rows */
    double miss, coarse_miss;      /* the largest of them */
} block;

static block block_of(const mad_scan *scan, size_t i_block)
{
    const mad_cloud *a = scan->a, *b = scan->b;
    const size_t begin = i_block * MAD_BLOCK_ROWS, left = a->set->n_rows - begin;
    const int is_sieved = a->coarse != NULL && b->coarse != NULL;
    block k = {.scan = scan,
               .screen = mad_screen_choose(),
               .coarse = is_sieved ? mad_coarse_choose() : NULL,
               .begin = begin,
               .end = begin + (left < MAD_BLOCK_ROWS ? left : MAD_BLOCK_ROWS)};
    for (size_t i = begin; i < k.end; i++) {
        k.miss = fmax(k.miss, a->miss[i]);
        k.coarse_miss = is_sieved ? fmax(k.coarse_miss, a->coarse->miss[i]) : 0.0;
    }
    return k;
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

static void meet_tile(const block *k, size_t t)
{
    const mad_scan *scan = k->scan;
    const mad_cloud *a = scan->a, *b = scan->b;
    const size_t first_col = t * MAD_SCREEN_COLS;
    int32_t col_cut[MAD_SCREEN_COLS] = {0};
    for (size_t c = 0; c < MAD_SCREEN_COLS && first_col + c < b->set->n_rows; c++) {
        col_cut[c] = mad_screen_cut(reach_now(&scan->b_reach[first_col + c]) + k->miss);
    }
    for (size_t first = k->begin; first < k->end; first += MAD_SCREEN_ROWS) {
        const size_t n = k->end - first < MAD_SCREEN_ROWS ? k->end - first : MAD_SCREEN_ROWS;
        int32_t row_cut[MAD_SCREEN_ROWS] = {0};
        mad_tile tile;
        for (size_t r = 0; r < n; r++) {
            row_cut[r] = mad_screen_cut(reach_now(&scan->a_reach[first + r]) + b->tile_miss[t]);
        }
        k->screen(a, first, b, t, row_cut, col_cut, &tile);
        for (size_t r = 0; r < n; r++) {
            report_pairs(scan, first + r, first_col, tile.near[r], tile.square[r]);
        }
    }
}

/* Pairs that the coarse images cannot tell apart, by the fine ones. */
static size_t report_sieved(const block *k, size_t i, size_t first_col, uint32_t near)
{
    const mad_scan *scan = k->scan;
    const mad_cloud *a = scan->a, *b = scan->b;
    size_t n = 0;
    for (; near != 0; near &= near - 1) {
        const size_t j = first_col + (size_t)__builtin_ctz(near);
        if (j >= b->set->n_rows) {
            break;
        }
        const int32_t square = k->coarse->square(a, i, b, j);
        if (square < mad_screen_cut(reach_now(&scan->a_reach[i]) + b->miss[j]) ||
            square < mad_screen_cut(reach_now(&scan->b_reach[j]) + a->miss[i])) {
            scan->fn(scan->arg, i, j, square);
        }
        n++;
    }
    return n;
}

/* Returns how many pairs passed the sieve. */
static size_t sieve_tile(const block *k, size_t t)
{
    const mad_scan *scan = k->scan;
    const mad_cloud *a = scan->a, *b = scan->b;
    const size_t first_col = t * MAD_SCREEN_COLS;
    int32_t col_cut[MAD_SCREEN_COLS] = {0};
    size_t n_passed = 0;
    for (size_t c = 0; c < MAD_SCREEN_COLS && first_col + c < b->set->n_rows; c++) {
        const size_t j = first_col + c;
        const double reach = mad_coarse_reach(b, j, reach_now(&scan->b_reach[j]));
        col_cut[c] = mad_screen_cut(reach + k->coarse_miss);
    }
    for (size_t first = k->begin; first < k->end; first += MAD_SCREEN_ROWS) {
        const size_t n = k->end - first < MAD_SCREEN_ROWS ? k->end - first : MAD_SCREEN_ROWS;
        int32_t row_cut[MAD_SCREEN_ROWS] = {0};
        uint32_t near[MAD_SCREEN_ROWS];
        for (size_t r = 0; r < n; r++) {
            const double reach =
                mad_coarse_reach(a, first + r, reach_now(&scan->a_reach[first + r]));
            row_cut[r] = mad_screen_cut(reach + b->coarse->tile_miss[t]);
        }
        k->coarse->near(a, first, b, t, row_cut, col_cut, near);
        for (size_t r = 0; r < n; r++) {
            n_passed += report_sieved(k, first + r, first_col, near[r]);
        }
    }
    return n_passed;
}

/* Where more pairs pass than this share, the sieve costs more than it saves; so many tiles are then
 * met without it before it is tried again. */
enum { SIEVE_SHARE = 32, N_UNSIEVED = 7 };

void mad_scan_block(const mad_scan *scan, size_t i_block, size_t first_tile)
{
    const block k = block_of(scan, i_block);
    const size_t n_tiles = scan->b->n_tiles, n_pairs = (size_t)MAD_BLOCK_ROWS * MAD_SCREEN_COLS;
    size_t n_unsieved = k.coarse != NULL ? 0 : SIZE_MAX;
    for (size_t i = first_tile; i < n_tiles; i++) { /* outside: a tile stays in the first cache */
        /* Every other block goes backwards: threads side by side do not write to the same rows. */
        const size_t t = i_block % 2 == 0 ? i : n_tiles - 1 - (i - first_tile);
        if (n_unsieved > 0) {
            meet_tile(&k, t);
            n_unsieved--;
        } else if (sieve_tile(&k, t) * SIEVE_SHARE > n_pairs) {
            n_unsieved = N_UNSIEVED;
        }
    }
}

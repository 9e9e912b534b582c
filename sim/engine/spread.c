/* sim/engine/spread.c: how far rows lie apart: what a bias is measured by. */
#include <stdint.h>

#include "sim/engine/internal.h"

enum { WIDE = 64 }; /* numbers side by side: fewer leave the processor waiting for its own sums */

/* The next rows that count, from *i on: n_lanes of all, or one of the class; 0 at the end. */
static size_t next_rows(const mad_set *rows, int32_t label, size_t n_lanes, size_t *i)
{
    if (label < 0) {
        const size_t n_left = rows->n_rows - *i;
        return n_left < n_lanes ? n_left : n_lanes;
    }
    while (*i < rows->n_rows && rows->label[*i] != label) {
        (*i)++;
    }
    return *i < rows->n_rows;
}

/* Two passes over lanes of rows, the lanes added in their order; about the first row, so that of equal
 * rows it is exactly 0. */
static mad_status sum_of_squares(mad_ctx *ctx, const mad_set *rows, int32_t label, double *out)
{
    const size_t dim = rows->dim, n_lanes = dim < WIDE ? WIDE / dim : 1, n_wide = n_lanes * dim;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    double *sum = mad_arena_take(ctx->scratch, n_wide, sizeof *sum);
    double *square = mad_arena_take(ctx->scratch, n_wide, sizeof *square);
    double *from = mad_arena_take(ctx->scratch, n_wide, sizeof *from);
    double count = 0.0;
    size_t first = 0;
    if (sum == NULL || square == NULL || from == NULL) {
        return mad_fail_memory(ctx, "the spread of rows");
    }
    if (next_rows(rows, label, n_lanes, &first) > 0) {
        for (size_t k = 0; k < n_wide; k++) {
            from[k] = rows->x[first * dim + k % dim];
        }
    }
    for (size_t i = 0, n; (n = next_rows(rows, label, n_lanes, &i)) > 0; i += n) {
        const double *x = rows->x + i * dim;
        for (size_t k = 0; k < n * dim; k++) {
            sum[k] += x[k] - from[k];
        }
        count += (double)n;
    }
    for (size_t j = 0; j < dim; j++) {
        double total = 0.0;
        for (size_t k = j; k < n_wide; k += dim) {
            total += sum[k];
        }
        for (size_t k = j; k < n_wide; k += dim) {
            from[k] += total / count; /* the mean, in every lane */
        }
    }
    for (size_t i = 0, n; (n = next_rows(rows, label, n_lanes, &i)) > 0; i += n) {
        const double *x = rows->x + i * dim;
        for (size_t k = 0; k < n * dim; k++) {
            square[k] += (x[k] - from[k]) * (x[k] - from[k]);
        }
    }
    *out = 0.0;
    for (size_t k = 0; k < n_wide; k++) {
        *out += square[k];
    }
    mad_arena_release(ctx->scratch, mark);
    return MAD_OK;
}

static mad_status heterozygosity(mad_ctx *ctx, const mad_set *rows, size_t n_categories,
                                 double *out)
{
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    double *p = mad_arena_take(ctx->scratch, n_categories, sizeof *p);
    if (p == NULL) {
        return mad_fail_memory(ctx, "the frequencies of categories");
    }
    *out = 1.0;
    for (size_t i = 0; i < rows->n_rows; i++) {
        p[(size_t)rows->x[i]] += 1.0 / (double)rows->n_rows;
    }
    for (size_t k = 0; k < n_categories; k++) {
        *out -= p[k] * p[k];
    }
    mad_arena_release(ctx->scratch, mark);
    return MAD_OK;
}

mad_status mad_spread_of(mad_ctx *ctx, const mad_experiment *e, const mad_set *rows, spread *out)
{
    const mad_world_info *info = &e->world->info;
    mad_status st = MAD_OK;
    *out = (spread){0};
    if (info->kind == MAD_WORLD_CATEGORICAL) {
        return heterozygosity(ctx, rows, info->n_categories, &out->all);
    }
    MAD_TRY(sum_of_squares(ctx, rows, -1, &out->all));
    for (size_t k = 0; rows->label != NULL && k < info->n_classes; k++) {
        double of_class;
        MAD_TRY(sum_of_squares(ctx, rows, (int32_t)k, &of_class));
        out->within += of_class;
    }
out:
    return st;
}

/* analysis/metrics/memory.c: do the model's rows repeat the rows it was trained on? */
#include <math.h>
#include <string.h>

#include "analysis/metrics/neighbours.h"
#include "analysis/metrics/shared.h"
#include "sim/num/stats.h"

enum { AUTHENTICITY, MEMORISED, NN_DISTANCE, NN_RATIO };

#define TOO_FEW "with fewer than two training rows, or " MAD_SQUARES_OVERFLOW

static const mad_metric_output outputs[] = {
    [AUTHENTICITY] =
        {.name = "authenticity",
         .long_name = "share of model rows that are no copies of training rows",
         .units = "1",
         .direction = "higher",
         .definition = "share of model rows farther from their nearest training row (the first on "
                       "ties) than that row is from its own nearest other training row",
         .reference = "Alaa et al. 2022, arXiv:2102.08921",
         .undefined = TOO_FEW},
    [MEMORISED] = {.name = "memorised_fraction",
                   .long_name =
                       "share of model rows much nearer to one training row than to others",
                   .units = "1",
                   .direction = "lower",
                   .definition = "share of model rows whose nearest training row is less than a "
                                 "third as far as the second nearest; high for honest rows in few "
                                 "dimensions: compare it with the floor",
                   .reference = "Yoon et al. 2023, ICML workshop SPIGM; Gu et al. 2023, "
                                "arXiv:2310.02664",
                   .undefined = TOO_FEW},
    [NN_DISTANCE] = {.name = "nn_distance",
                     .long_name = "distance to the training rows",
                     .units = "data units",
                     .direction = "target",
                     .definition = "mean distance of model rows to their nearest training row",
                     .reference = "Shi et al. 2025, arXiv:2509.16499 (generalisation score)",
                     .undefined = "without training rows, or " MAD_SQUARES_OVERFLOW},
    [NN_RATIO] = {.name = "nn_distance_vs_base",
                  .long_name = "distance to the training rows, relative to that of held-out rows",
                  .units = "1",
                  .direction = "target",
                  .definition = "mean distance of model rows to their nearest training row over "
                                "that of held-out real rows; below 1: copies",
                  .reference = "Meehan et al. 2020, arXiv:2004.05675 (the distances compared)",
                  .undefined = "without training rows, where every held-out row is one of them, "
                               "or " MAD_SQUARES_OVERFLOW},
    {.name = NULL},
};

/* Squared distance of the training rows that are nearest to some row to their nearest other one:
 * of all training rows a row is the nearest to itself, at 0, and the second nearest is that other. */
static mad_status to_other(mad_ctx *ctx, const mad_set *train, size_t n, const mad_nearest *to,
                           double *other)
{
    mad_status st = MAD_OK;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    const size_t dim = train->dim;
    size_t n_found = 0;
    size_t *rank = mad_arena_take(ctx->scratch, train->n_rows, sizeof *rank); /* from 1 */
    mad_set found;
    mad_nearest *around;
    if (rank == NULL) {
        return mad_fail_memory(ctx, "the nearest training rows");
    }
    for (size_t i = 0; i < n; i++) {
        if (to[i].row != SIZE_MAX && rank[to[i].row] == 0) {
            rank[to[i].row] = ++n_found;
        }
    }
    MAD_TRY(mad_set_take(ctx, ctx->scratch, n_found, dim, 0, &found));
    around = mad_arena_take(ctx->scratch, n_found, sizeof *around);
    if (around == NULL) {
        st = mad_fail_memory(ctx, "the nearest training rows");
        goto out;
    }
    for (size_t i = 0; i < train->n_rows; i++) {
        if (rank[i] > 0) {
            memcpy(found.x + (rank[i] - 1) * dim, train->x + i * dim, dim * sizeof *found.x);
        }
    }
    if (n_found > 0) {
        MAD_TRY(mad_nearest_rows(ctx, &found, train, 1, around));
    }
    for (size_t i = 0; i < n; i++) {
        other[i] = to[i].row == SIZE_MAX ? (double)NAN : around[rank[to[i].row] - 1].second;
    }
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

/* NaN where a squared distance overflows. */
static double mean_distance(size_t n, double *square)
{
    for (size_t i = 0; i < n; i++) {
        square[i] = sqrt(square[i]);
    }
    return mad_mean(n, square);
}

/* Shares of model rows; NaN when some row has no nearest training row. */
static void judge(size_t n, const mad_nearest *to, const double *other, double *values)
{
    double n_authentic = 0.0, n_copies = 0.0;
    for (size_t i = 0; i < n; i++) {
        n_authentic += isnan(other[i]) ? (double)NAN : to[i].first > other[i];
        n_copies += isnan(other[i]) ? (double)NAN : 9.0 * to[i].first < to[i].second;
    }
    values[AUTHENTICITY] = n_authentic / (double)n;
    values[MEMORISED] = n_copies / (double)n;
}

static mad_status eval(mad_ctx *ctx, const mad_metric_in *in, double *values)
{
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    const size_t n = in->fake->n_rows, m = in->real->n_rows;
    mad_status st = MAD_OK;
    mad_nearest *to = mad_arena_take_raw(ctx->scratch, n, sizeof *to);
    double *other = mad_arena_take_raw(ctx->scratch, n, sizeof *other);
    double *base = mad_arena_take_raw(ctx->scratch, m, sizeof *base);
    values[AUTHENTICITY] = values[MEMORISED] = (double)NAN;
    values[NN_DISTANCE] = values[NN_RATIO] = (double)NAN;
    if (to == NULL || other == NULL || base == NULL) {
        st = mad_fail_memory(ctx, "distances to the training rows");
        goto out;
    }
    if (in->train->n_rows == 0) {
        goto out;
    }
    MAD_TRY(mad_nearest_rows(ctx, in->fake, in->train, 1, to));
    MAD_TRY(mad_nearest_sq(ctx, in->real, in->train, base));
    if (in->train->n_rows > 1) {
        MAD_TRY(to_other(ctx, in->train, n, to, other));
        judge(n, to, other, values);
    }
    for (size_t i = 0; i < n; i++) {
        other[i] = to[i].first;
    }
    const double distance = mean_distance(n, other), ratio = distance / mean_distance(m, base);
    values[NN_DISTANCE] = isfinite(distance) ? distance : (double)NAN;
    values[NN_RATIO] = isfinite(ratio) ? ratio : (double)NAN;
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

const mad_metric_type mad_metric_memory = {
    .name = "memory",
    .doc = "whether the model's rows repeat its training rows",
    .needs = MAD_NEEDS_SAMPLES | MAD_NEEDS_TRAIN | MAD_BY_NAME,
    .worlds = 1u << MAD_WORLD_CONTINUOUS | 1u << MAD_WORLD_REGRESSION,
    .outputs = outputs,
    .min_rows = mad_rows_one,
    .eval = eval,
};

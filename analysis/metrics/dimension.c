/* analysis/metrics/dimension.c: the dimension of the model's rows, from ratios of neighbour
 * distances. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/metrics/neighbours.h"
#include "analysis/metrics/shared.h"
#include "sim/num/stats.h"

enum { FIT, MLE, INVERSE_MEAN };

static const mad_param params[] = {
    MAD_NEIGHBOURS_PARAM("dimension_k", "10", 2,
                         "neighbours of a row that mle_inverse_mean looks at"),
    {.name = NULL},
};

#define TOO_FEW "with fewer than 3 distinct rows, where squared distances underflow, "

static const mad_metric_output outputs[] = {
    [FIT] = {.name = "twonn_fit",
             .long_name = "dimension of the model's rows by two neighbours, line through 0",
             .units = "1",
             .direction = "target",
             .estimator = "least squares",
             .definition =
                 "least-squares slope through 0 of -ln(1 - i/N) on the ascending ln(r2/r1), i = 0, "
                 "1, ..., the largest tenth dropped; r1, r2: distances of each of the N distinct "
                 "model rows to the two nearest others",
             .reference = "Facco et al. 2017, Sci. Rep. 7:12140",
             .undefined = TOO_FEW "or where nine tenths of the rows have two others equally "
                                  "near"},
    [MLE] = {.name = "twonn_mle",
             .long_name = "dimension of the model's rows by two neighbours, maximum likelihood",
             .units = "1",
             .direction = "target",
             .estimator = "maximum likelihood",
             .definition = "N / sum ln(r2/r1) over all N distinct model rows",
             .reference = "Facco et al. 2017, Sci. Rep. 7:12140",
             .undefined = TOO_FEW "or where all rows have two others equally near"},
    [INVERSE_MEAN] = {.name = "mle_inverse_mean",
                      .long_name = "dimension of the model's rows by dimension_k neighbours",
                      .units = "1",
                      .direction = "target",
                      .estimator = "maximum likelihood per row, inverse mean",
                      .definition =
                          "1 / mean over the distinct model rows of (sum over j < k of ln(r_k/r_j))"
                          " / (k - 1), r_j: distance to the j-th nearest other, k = dimension_k",
                      .reference = "Levina & Bickel 2004, NIPS 17; MacKay & Ghahramani 2005 (the "
                                   "inverse mean)",
                      .undefined =
                          "with at most dimension_k distinct rows, where squared distances "
                          "underflow, or where all rows have dimension_k others equally near"},
    {.name = NULL},
};

static size_t min_rows(const mad_values *values, size_t dim, size_t i_output, mad_side side)
{
    (void)dim;
    if (side == MAD_SIDE_REAL) {
        return 1;
    }
    return i_output == INVERSE_MEAN ? mad_get_size(values, "dimension_k") + 1 : 3;
}

/* ---- distinct rows --------------------------------------------------------------------------- */

typedef struct row_of {
    size_t dim;
    const double *x;
} row_of;

static int compare_rows(const void *a, const void *b)
{
    const row_of *left = a, *right = b;
    for (size_t j = 0; j < left->dim; j++) {
        if (left->x[j] != right->x[j]) {
            return left->x[j] < right->x[j] ? -1 : 1;
        }
    }
    return 0;
}

/* Every row once: the set itself, or copies in ascending order on ctx->scratch. */
static mad_status take_distinct(mad_ctx *ctx, const mad_set *set, mad_set *out)
{
    mad_status st = MAD_OK;
    const size_t n = set->n_rows, dim = set->dim;
    size_t n_distinct = n > 0, n_taken = 0;
    row_of *row = mad_arena_take_raw(ctx->scratch, n, sizeof *row);
    if (row == NULL) {
        return mad_fail_memory(ctx, "the distinct rows");
    }
    for (size_t i = 0; i < n; i++) {
        row[i] = (row_of){dim, set->x + i * dim};
    }
    qsort(row, n, sizeof *row, compare_rows);
    for (size_t i = 1; i < n; i++) {
        n_distinct += compare_rows(&row[i - 1], &row[i]) != 0;
    }
    if (n_distinct == n) {
        *out = *set;
        goto out;
    }
    MAD_TRY(mad_set_take(ctx, ctx->scratch, n_distinct, dim, 0, out));
    for (size_t i = 0; i < n; i++) {
        if (i == 0 || compare_rows(&row[i - 1], &row[i]) != 0) {
            memcpy(out->x + n_taken++ * dim, row[i].x, dim * sizeof *out->x);
        }
    }
out:
    return st;
}

/* ---- estimates ------------------------------------------------------------------------------- */

/* Logarithms of ratios that are nothing but rounding. */
static const double rounding = 1e-12;

/* ratio: [n] ln(r2/r1), ascending. */
static double slope(size_t n, const double *ratio)
{
    const size_t n_kept = 9 * n / 10;
    double xy = 0.0, xx = 0.0;
    for (size_t i = 0; i < n_kept; i++) {
        xy += ratio[i] * -log1p(-(double)i / (double)n);
        xx += ratio[i] * ratio[i];
    }
    return ratio[n_kept - 1] > rounding ? xy / xx : (double)NAN;
}

/* Sorts first: the order of the rows is nothing to go by, not even in the last bit. */
static double inverse_of_mean(size_t n, double *ratio)
{
    mad_sort(n, ratio);
    const double mean = mad_mean(n, ratio);
    return mean > rounding && isfinite(mean) ? 1.0 / mean : (double)NAN;
}

/* square: [n][width] ascending; room: [n]. */
static void estimate(size_t n, size_t width, size_t k, const double *square, double *room,
                     double *values)
{
    for (size_t i = 0; i < n; i++) {
        room[i] = 0.5 * log(square[i * width + 1] / square[i * width]);
    }
    values[MLE] = inverse_of_mean(n, room);
    values[FIT] = isnan(values[MLE]) ? values[MLE] : slope(n, room);
    for (size_t i = 0; i < n && k <= width; i++) {
        const double *of_row = square + i * width;
        room[i] = 0.0;
        for (size_t j = 0; j + 1 < k; j++) {
            room[i] += 0.5 * log(of_row[k - 1] / of_row[j]) / ((double)k - 1.0);
        }
    }
    values[INVERSE_MEAN] = k <= width ? inverse_of_mean(n, room) : (double)NAN;
}

static mad_status eval(mad_ctx *ctx, const mad_metric_in *in, double *values)
{
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    const size_t k = mad_get_size(in->values, "dimension_k");
    mad_set rows, distinct;
    mad_cloud cloud, same;
    int exponent = 0;
    mad_status st = MAD_OK;
    values[FIT] = values[MLE] = values[INVERSE_MEAN] = (double)NAN;
    MAD_TRY(mad_set_to_unit(ctx, in->fake, &rows, &exponent));
    MAD_TRY(take_distinct(ctx, &rows, &distinct));
    const size_t n = distinct.n_rows, width = n > k ? k : 2;
    if (n < 3) {
        goto out;
    }
    double *square = mad_arena_take_raw(ctx->scratch, n * width, sizeof *square);
    double *room = mad_arena_take_raw(ctx->scratch, n, sizeof *room);
    if (square == NULL || room == NULL) {
        st = mad_fail_memory(ctx, "distances to neighbours");
        goto out;
    }
    MAD_TRY(mad_clouds_take(ctx, ctx->scratch, &distinct, &distinct, &cloud, &same));
    MAD_TRY(mad_knn_squares(ctx, &cloud, width, square));
    estimate(n, width, k, square, room, values);
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

const mad_metric_type mad_metric_dimension = {
    .name = "dimension",
    .doc = "dimension of the model's rows, from ratios of neighbour distances",
    .params = params,
    .needs = MAD_ANY_SCALE | MAD_NEEDS_SAMPLES | MAD_BY_NAME,
    .worlds = 1u << MAD_WORLD_CONTINUOUS | 1u << MAD_WORLD_REGRESSION,
    .outputs = outputs,
    .min_rows = min_rows,
    .eval = eval,
};

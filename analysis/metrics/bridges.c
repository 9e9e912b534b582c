/* analysis/metrics/bridges.c: what lies between the world's known modes, and which have gone. */
#include <math.h>

#include "analysis/metrics/nearest_mode.h"
#include "analysis/metrics/shared.h"

enum { BRIDGE_MASS, MISSED, MISSED_EXPECTED, SPREAD };

#define FAR 5.0 /* sd from the nearest centre: exp(-12.5) = 3.7e-6 of a mode in the plane */

static const mad_metric_output outputs[] = {
    [BRIDGE_MASS] = {.name = "bridge_mass",
                     .long_name = "share of rows that belong to no mode",
                     .units = "1",
                     .direction = "lower",
                     .definition = "share of the model's rows further than 5 sd from their nearest "
                                   "centre",
                     .reference = "docs/measures.md"},
    [MISSED] = {.name = "modes_missed",
                .long_name = "number of modes without a row",
                .units = "1",
                .direction = "target",
                .definition = "modes that are the nearest one of no row of the model",
                .reference = "docs/measures.md"},
    [MISSED_EXPECTED] = {.name = "modes_missed_expected",
                         .long_name = "number of modes that as many real rows would miss",
                         .units = "1",
                         .direction = "target",
                         .definition = "sum_k (1 - w_k)^n over the true weights w, n = rows of the "
                                       "model",
                         .reference = "coupon collector, Feller 1968, vol. 1, ch. IV"},
    [SPREAD] = {.name = "mode_variance_ratio",
                .long_name = "variance inside modes over the true one",
                .units = "1",
                .direction = "target",
                .estimator = "pooled, divisor: rows less modes",
                .definition = "sum |x - m_k|^2 / (d (n - K) sd^2) over the n rows within 5 sd of "
                              "their nearest centre, m_k = means of the K modes that have such "
                              "rows",
                .reference = "docs/measures.md",
                .undefined = "where no mode has two such rows"},
    {.name = NULL},
};

/* Rows by their mode, squared distances in sd. */
typedef struct found {
    const size_t *nearest; /* [n_rows] */
    const double *square;  /* [n_rows] */
    double *mean;          /* [n_modes][dim] of its near rows, in sd from the centre */
    double *count;         /* [n_modes] near rows */
} found;

/* Coordinate j of row i in sd from the centre of its mode. */
static double offset(const mad_metric_in *in, const found *f, size_t i, size_t j)
{
    const size_t dim = in->fake->dim;
    return (in->fake->x[i * dim + j] - in->world->mode_centre[f->nearest[i] * dim + j]) /
           in->world->mode_sd;
}

/* Sums, then means, of the near rows of every mode; mean and count come zeroed. */
static void take_means(const mad_metric_in *in, const found *f)
{
    const size_t dim = in->fake->dim;
    for (size_t i = 0; i < in->fake->n_rows; i++) {
        if (f->square[i] <= FAR * FAR) {
            f->count[f->nearest[i]] += 1.0;
            for (size_t j = 0; j < dim; j++) {
                f->mean[f->nearest[i] * dim + j] += offset(in, f, i, j);
            }
        }
    }
    for (size_t k = 0; k < in->world->n_modes * dim; k++) {
        f->mean[k] /= fmax(f->count[k / dim], 1.0);
    }
}

/* Pooled variance about the means of the modes. */
static double spread(const mad_metric_in *in, const found *f)
{
    const size_t dim = in->fake->dim;
    double sum = 0.0, n_near = 0.0, n_hit = 0.0;
    for (size_t i = 0; i < in->fake->n_rows; i++) {
        if (f->square[i] <= FAR * FAR) {
            for (size_t j = 0; j < dim; j++) {
                const double d = offset(in, f, i, j) - f->mean[f->nearest[i] * dim + j];
                sum += d * d;
            }
        }
    }
    for (size_t k = 0; k < in->world->n_modes; k++) {
        n_near += f->count[k];
        n_hit += f->count[k] > 0.0;
    }
    return n_near > n_hit ? sum / ((double)dim * (n_near - n_hit)) : (double)NAN;
}

static double expected_missing(const mad_world_info *world, size_t n_rows)
{
    double sum = 0.0;
    for (size_t k = 0; k < world->n_modes; k++) {
        sum += pow(1.0 - world->mode_p[k], (double)n_rows);
    }
    return sum;
}

static mad_status eval(mad_ctx *ctx, const mad_metric_in *in, double *values)
{
    const size_t n_rows = in->fake->n_rows, n_modes = in->world->n_modes, dim = in->fake->dim;
    const double sd = in->world->mode_sd;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    mad_status st = MAD_OK;
    size_t *nearest = mad_arena_take_raw(ctx->scratch, n_rows, sizeof *nearest);
    double *square = mad_arena_take_raw(ctx->scratch, n_rows, sizeof *square);
    unsigned char *hit = mad_arena_take(ctx->scratch, n_modes, sizeof *hit);
    const found f = {.nearest = nearest,
                     .square = square,
                     .mean = mad_arena_take(ctx->scratch, n_modes * dim, sizeof *f.mean),
                     .count = mad_arena_take(ctx->scratch, n_modes, sizeof *f.count)};
    if (nearest == NULL || square == NULL || hit == NULL || f.mean == NULL || f.count == NULL) {
        st = mad_fail_memory(ctx, "the modes");
        goto out;
    }
    MAD_TRY(mad_nearest_modes(ctx, in->world, in->fake, nearest, square));
    double n_far = 0.0, n_missed = (double)n_modes;
    for (size_t i = 0; i < n_rows; i++) {
        square[i] = square[i] / sd / sd;
        n_far += square[i] > FAR * FAR;
        n_missed -= !hit[nearest[i]];
        hit[nearest[i]] = 1;
    }
    take_means(in, &f);
    values[BRIDGE_MASS] = n_far / (double)n_rows;
    values[MISSED] = n_missed;
    values[MISSED_EXPECTED] = expected_missing(in->world, n_rows);
    values[SPREAD] = spread(in, &f);
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

const mad_metric_type mad_metric_bridges = {
    .name = "bridges",
    .doc = "rows between the world's known modes, modes that went, spread inside modes",
    .needs = MAD_NEEDS_SAMPLES | MAD_NEEDS_MODES,
    .worlds = 1u << MAD_WORLD_CONTINUOUS,
    .outputs = outputs,
    .min_rows = mad_rows_one,
    .eval = eval,
};

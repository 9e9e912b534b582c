/* analysis/metrics/copying.c: the data-copying test C_T: are the model's rows nearer to its
 * training rows than fresh real rows are? Over all rows, and inside the cells of given centres. */
#include <math.h>
#include <string.h>

#include "analysis/metrics/nearest_mode.h"
#include "analysis/metrics/neighbours.h"
#include "analysis/metrics/shared.h"
#include "sim/base/par.h"

static const char reference[] = "Meehan et al. 2020, arXiv:2004.05675";

static const mad_param cell_params[] = {
    {.name = "ct_cell_rows",
     .kind = MAD_PARAM_INT,
     .fallback = "20",
     .min = 0,
     .max = 1e9,
     .doc = "cells with no more model rows than this do not count (ct_cells_by_centres)"},
    {.name = NULL},
};

static const mad_metric_output outputs[] = {
    {.name = "ct_zu",
     .long_name = "data-copying score over all rows",
     .units = "1",
     .direction = "target",
     .definition = "(U - (n m / 2 - 1/2)) / sqrt(n m (n + m + 1) / 12), U = pairs of a model and a "
                   "held-out real row of which the model row is farther from its nearest training "
                   "row, ties 1/2; below 0: copies, above: underfitting",
     .reference = reference,
     .undefined = "without training rows, or " MAD_SQUARES_OVERFLOW},
    {.name = NULL},
};

static const mad_metric_output cell_outputs[] = {
    {.name = "ct_cells_by_centres",
     .long_name = "data-copying score, mean over cells",
     .units = "1",
     .direction = "target",
     .definition = "mean of ct_zu over cells (rows by nearest centre, the first on ties; training "
                   "rows of the same cell), weighted by their real rows; cells with more than "
                   "ct_cell_rows model rows and some training rows count",
     .reference = reference,
     .undefined = "where no cell counts and holds real rows, or " MAD_SQUARES_OVERFLOW},
    {.name = NULL},
};

/* Z_U of n real and m model distances, which are sorted. NaN where one is infinite. */
static double z_of(size_t n, double *real, size_t m, double *fake)
{
    const double pairs = (double)n * (double)m;
    const double u = mad_rank_u(n, real, m, fake);
    if (isinf(real[n - 1]) || isinf(fake[m - 1])) {
        return (double)NAN;
    }
    return (u - (0.5 * pairs - 0.5)) / sqrt(pairs * ((double)n + (double)m + 1.0) / 12.0);
}

static mad_status score(mad_ctx *ctx, const mad_set *real, const mad_set *fake,
                        const mad_set *train, double *out)
{
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    mad_status st = MAD_OK;
    double *to_real = mad_arena_take_raw(ctx->scratch, real->n_rows, sizeof *to_real);
    double *to_fake = mad_arena_take_raw(ctx->scratch, fake->n_rows, sizeof *to_fake);
    if (to_real == NULL || to_fake == NULL) {
        st = mad_fail_memory(ctx, "distances to the training rows");
        goto out;
    }
    MAD_TRY(mad_nearest_sq(ctx, real, train, to_real));
    MAD_TRY(mad_nearest_sq(ctx, fake, train, to_fake));
    *out = z_of(real->n_rows, to_real, fake->n_rows, to_fake);
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

static mad_status eval(mad_ctx *ctx, const mad_metric_in *in, double *values)
{
    values[0] = (double)NAN;
    return in->train->n_rows > 0 ? score(ctx, in->real, in->fake, in->train, values) : MAD_OK;
}

/* ---- cells ------------------------------------------------------------------------------------ */

/* The rows of a set in the order of their cells; begin[k] is the first of cell k. */
typedef struct by_cell {
    mad_set rows;
    size_t *begin; /* [n_modes + 1] */
} by_cell;

static mad_status sort_by_cell(mad_ctx *ctx, const mad_world_info *world, const mad_set *set,
                               by_cell *out)
{
    const size_t n = set->n_rows, dim = set->dim, n_modes = world->n_modes;
    size_t *cell = mad_arena_take_raw(ctx->scratch, n, sizeof *cell);
    double *square = mad_arena_take_raw(ctx->scratch, n, sizeof *square);
    size_t *next = mad_arena_take(ctx->scratch, n_modes + 1, sizeof *next);
    out->begin = mad_arena_take(ctx->scratch, n_modes + 1, sizeof *out->begin);
    mad_status st = MAD_OK;
    if (cell == NULL || square == NULL || next == NULL || out->begin == NULL) {
        st = mad_fail_memory(ctx, "the cells");
        goto out;
    }
    MAD_TRY(mad_set_take(ctx, ctx->scratch, n, dim, 0, &out->rows));
    MAD_TRY(mad_nearest_modes(ctx, world, set, cell, square));
    for (size_t i = 0; i < n; i++) {
        out->begin[cell[i] + 1]++;
    }
    for (size_t k = 0; k < n_modes; k++) {
        out->begin[k + 1] += out->begin[k];
        next[k] = out->begin[k];
    }
    for (size_t i = 0; i < n; i++) {
        memcpy(out->rows.x + next[cell[i]]++ * dim, set->x + i * dim, dim * sizeof *set->x);
    }
out:
    return st;
}

static mad_set cell_of(const by_cell *rows, size_t k)
{
    return mad_set_rows(&rows->rows, rows->begin[k], rows->begin[k + 1] - rows->begin[k]);
}

/* Cells are many and small: each belongs to one thread. */
typedef struct cells_job {
    by_cell real, fake, train;
    size_t n_least;
    double *z, *weight; /* [n_modes] */
} cells_job;

static mad_status score_cell(mad_ctx *ctx, void *arg, size_t k)
{
    const cells_job *job = arg;
    const mad_set real = cell_of(&job->real, k), fake = cell_of(&job->fake, k);
    const mad_set train = cell_of(&job->train, k);
    mad_status st = MAD_OK;
    if (fake.n_rows > job->n_least && real.n_rows > 0 && train.n_rows > 0) {
        MAD_TRY(score(ctx, &real, &fake, &train, &job->z[k]));
        job->weight[k] = (double)real.n_rows;
    }
out:
    return st;
}

static mad_status eval_cells(mad_ctx *ctx, const mad_metric_in *in, double *values)
{
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    const size_t n_modes = in->world->n_modes;
    double sum = 0.0, weight = 0.0;
    mad_status st = MAD_OK;
    cells_job job = {.n_least = mad_get_size(in->values, "ct_cell_rows"),
                     .z = mad_arena_take(ctx->scratch, n_modes, sizeof *job.z),
                     .weight = mad_arena_take(ctx->scratch, n_modes, sizeof *job.weight)};
    if (job.z == NULL || job.weight == NULL) {
        st = mad_fail_memory(ctx, "the cells");
        goto out;
    }
    MAD_TRY(sort_by_cell(ctx, in->world, in->real, &job.real));
    MAD_TRY(sort_by_cell(ctx, in->world, in->fake, &job.fake));
    MAD_TRY(sort_by_cell(ctx, in->world, in->train, &job.train));
    MAD_TRY(mad_par_for(ctx, n_modes, score_cell, &job));
    for (size_t k = 0; k < n_modes; k++) {
        sum += job.weight[k] * job.z[k];
        weight += job.weight[k];
    }
    values[0] = sum / weight; /* 0 / 0: no cell counts */
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

const mad_metric_type mad_metric_copying = {
    .name = "copying",
    .doc = "whether the model's rows are nearer to its training rows than fresh real rows",
    .needs = MAD_NEEDS_SAMPLES | MAD_NEEDS_TRAIN | MAD_BY_NAME,
    .worlds = 1u << MAD_WORLD_CONTINUOUS | 1u << MAD_WORLD_REGRESSION,
    .outputs = outputs,
    .min_rows = mad_rows_one,
    .eval = eval,
};

const mad_metric_type mad_metric_copying_cells = {
    .name = "copying_cells",
    .doc = "the same inside the cells of the world's modes",
    .params = cell_params,
    .needs = MAD_NEEDS_SAMPLES | MAD_NEEDS_TRAIN | MAD_NEEDS_MODES | MAD_BY_NAME,
    .worlds = 1u << MAD_WORLD_CONTINUOUS,
    .outputs = cell_outputs,
    .min_rows = mad_rows_one,
    .eval = eval_cells,
};

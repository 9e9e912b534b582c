/* analysis/metrics/memory.c: do the model's rows repeat the rows it was trained on? */
#include <math.h>

#include "analysis/metrics/neighbours.h"
#include "analysis/metrics/shared.h"
#include "sim/base/par.h"
#include "sim/num/stats.h"

enum { AUTHENTICITY, MEMORISED, NN_RATIO };

static const mad_metric_output outputs[] = {
    [AUTHENTICITY] =
        {.name = "authenticity",
         .long_name = "share of model rows that are no copies of training rows",
         .units = "1",
         .direction = "higher",
         .definition = "share of model rows farther from their nearest training row (the first on "
                       "ties) than that row is from its own nearest other training row",
         .reference = "Alaa et al. 2022, arXiv:2102.08921",
         .undefined = "with fewer than two training rows, or where squared distances overflow"},
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
                   .undefined =
                       "with fewer than two training rows, or where squared distances overflow"},
    [NN_RATIO] = {.name = "nn_distance_vs_base",
                  .long_name = "distance to the training rows, relative to that of held-out rows",
                  .units = "1",
                  .direction = "target",
                  .definition = "mean distance of model rows to their nearest training row over "
                                "that of held-out real rows; below 1: copies",
                  .reference = "Meehan et al. 2020, arXiv:2004.05675 (the distances compared)",
                  .undefined =
                      "without training rows, where every held-out row is one of them, or where "
                      "squared distances overflow"},
    {.name = NULL},
};

typedef struct nearest {
    size_t row;
    double first, second; /* squared distances; INFINITY: no such row */
} nearest;

/* Of the rows of `train` but `skip` (SIZE_MAX: none). */
static nearest find_nearest(const mad_set *train, const double *x, size_t skip)
{
    nearest found = {.row = SIZE_MAX, .first = (double)INFINITY, .second = (double)INFINITY};
    for (size_t i = 0; i < train->n_rows; i++) {
        const double square = i == skip ? (double)INFINITY
                                        : mad_distance_sq(train->dim, x, train->x + i * train->dim);
        if (square < found.first) {
            found.second = found.first;
            found.first = square;
            found.row = i;
        } else if (square < found.second) {
            found.second = square;
        }
    }
    return found;
}

typedef struct memory_job {
    const mad_set *rows, *train;
    double *distance;         /* [n_rows] to the nearest training row */
    double *authentic, *copy; /* [n_rows] 1 or 0; NULL: distances only */
} memory_job;

static mad_status look_at_chunk(mad_ctx *ctx, void *arg, size_t i_chunk)
{
    const memory_job *job = arg;
    const size_t begin = mad_chunk_begin(i_chunk), dim = job->rows->dim;
    const size_t end = begin + mad_chunk_rows(job->rows->n_rows, i_chunk);
    mad_status st = MAD_OK;
    MAD_TRY(mad_ctx_poll(ctx));
    for (size_t j = begin; j < end; j++) {
        const nearest to = find_nearest(job->train, job->rows->x + j * dim, SIZE_MAX);
        job->distance[j] = sqrt(to.first);
        if (job->authentic != NULL && to.row == SIZE_MAX) { /* all squares overflow */
            job->authentic[j] = job->copy[j] = (double)NAN;
        } else if (job->authentic != NULL) {
            const nearest other = find_nearest(job->train, job->train->x + to.row * dim, to.row);
            job->authentic[j] = to.first > other.first;
            job->copy[j] = 9.0 * to.first < to.second;
        }
    }
out:
    return st;
}

static mad_status look_at(mad_ctx *ctx, const mad_set *rows, const mad_set *train,
                          int with_verdicts, memory_job *out)
{
    mad_status st = MAD_OK;
    const size_t n = rows->n_rows;
    *out = (memory_job){.rows = rows, .train = train};
    out->distance = mad_arena_take(ctx->scratch, n, sizeof *out->distance);
    if (with_verdicts) {
        out->authentic = mad_arena_take(ctx->scratch, n, sizeof *out->authentic);
        out->copy = mad_arena_take(ctx->scratch, n, sizeof *out->copy);
    }
    if (out->distance == NULL || (with_verdicts && (out->authentic == NULL || out->copy == NULL))) {
        st = mad_fail_memory(ctx, "distances to the training rows");
        goto out;
    }
    MAD_TRY(mad_par_for(ctx, mad_n_chunks(n), look_at_chunk, out));
out:
    return st;
}

static mad_status eval(mad_ctx *ctx, const mad_metric_in *in, double *values)
{
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    const size_t n_train = in->train->n_rows;
    memory_job fake, base;
    mad_status st = MAD_OK;
    values[AUTHENTICITY] = values[MEMORISED] = values[NN_RATIO] = (double)NAN;
    if (n_train == 0) {
        goto out;
    }
    MAD_TRY(look_at(ctx, in->fake, in->train, 1, &fake));
    MAD_TRY(look_at(ctx, in->real, in->train, 0, &base));
    if (n_train > 1) {
        values[AUTHENTICITY] = mad_mean(in->fake->n_rows, fake.authentic);
        values[MEMORISED] = mad_mean(in->fake->n_rows, fake.copy);
    }
    const double of_base = mad_mean(in->real->n_rows, base.distance);
    const double ratio = mad_mean(in->fake->n_rows, fake.distance) / of_base;
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

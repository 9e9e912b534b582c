/* analysis/fit/replicates.c: see the header. */
#include "analysis/fit/replicates.h"

#include <math.h>

#include "analysis/fit/estimate.h"
#include "sim/base/par.h"
#include "sim/base/rng.h"
#include "sim/num/stats.h"

static const double ALPHA = 0.05; /* 95 % intervals */

mad_status mad_replicates_take(mad_ctx *ctx, size_t n_replicates, size_t stride,
                               size_t n_generations, const double *value, mad_replicates *out)
{
    double *work = mad_arena_take_raw(ctx->scratch, n_replicates, sizeof *work);
    *out = (mad_replicates){
        .n_replicates = n_replicates,
        .stride = stride,
        .value = value,
        .gen = mad_arena_take_raw(ctx->scratch, n_generations, sizeof(size_t)),
        .mean = mad_arena_take_raw(ctx->scratch, n_generations, sizeof(double)),
        .n_used = mad_arena_take_raw(ctx->scratch, n_generations, sizeof(size_t)),
    };
    if (work == NULL || out->gen == NULL || out->mean == NULL || out->n_used == NULL) {
        return mad_fail_memory(ctx, "replicates");
    }
    for (size_t g = 0; g < n_generations; g++) {
        const mad_estimate e = mad_estimate_mean(n_replicates, stride, value + g, work);
        if (isfinite(e.mean)) {
            out->gen[out->n_points] = g;
            out->mean[out->n_points] = e.mean;
            out->n_used[out->n_points++] = e.n;
        }
    }
    return MAD_OK;
}

void mad_replicates_contrast(const mad_replicates *sample, const double *weight, size_t out_stride,
                             double *out)
{
    double of_mean = 0.0;
    for (size_t i = 0; i < sample->n_points; i++) {
        of_mean += weight[i] * sample->mean[i];
    }
    for (size_t r = 0; r < sample->n_replicates; r++) {
        const double *y = sample->value + r * sample->stride;
        double rest = 0.0;
        for (size_t i = 0; i < sample->n_points; i++) {
            const double deviation = y[sample->gen[i]] - sample->mean[i];
            const double share = (double)sample->n_replicates / (double)sample->n_used[i];
            rest += isnan(deviation) ? 0.0 : weight[i] * share * deviation;
        }
        out[r * out_stride] = of_mean + rest;
    }
}

static double ratio(double mean, double square, double n)
{
    const double se = sqrt(square / (n * (n - 1.0)));
    return mean == 0.0 ? 0.0 : mean / se;
}

double mad_studentised(size_t n, size_t stride, const double *v)
{
    double mean = 0.0, square = 0.0;
    if (n < 2) {
        return (double)NAN;
    }
    for (size_t r = 0; r < n; r++) {
        mean += v[r * stride] / (double)n;
    }
    if (mad_is_constant(n, v, stride)) {
        mean = v[0];
    }
    for (size_t r = 0; r < n; r++) {
        square += (v[r * stride] - mean) * (v[r * stride] - mean);
    }
    return ratio(mean, square, (double)n);
}

typedef struct draw_job {
    size_t n, n_columns;
    const double *v; /* [n][n_columns], every column minus its mean */
    double *t;
} draw_job;

static mad_status draw(mad_ctx *ctx, void *arg, size_t i_draw)
{
    draw_job *job = arg;
    const size_t n = job->n, k = job->n_columns;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    mad_rng rng = mad_rng_open((mad_key){.purpose = MAD_RNG_MEASURE}, i_draw);
    double *square = mad_arena_take(ctx->scratch, k, sizeof *square);
    double *mean = job->t + i_draw * k;

    if (square == NULL) {
        mad_arena_release(ctx->scratch, mark);
        return mad_fail_memory(ctx, "a draw of replicates");
    }
    for (size_t j = 0; j < k; j++) {
        mean[j] = 0.0;
    }
    for (size_t r = 0; r < n; r++) {
        const double *v = job->v + (size_t)mad_rng_below(&rng, n) * k;
        for (size_t j = 0; j < k; j++) { /* centred: squares lose nothing by one pass */
            mean[j] += v[j];
            square[j] += v[j] * v[j];
        }
    }
    for (size_t j = 0; j < k; j++) {
        mean[j] /= (double)n;
        mean[j] = ratio(mean[j], fmax(0.0, square[j] - (double)n * mean[j] * mean[j]), (double)n);
    }
    mad_arena_release(ctx->scratch, mark);
    return MAD_OK;
}

mad_status mad_studentised_draws(mad_ctx *ctx, size_t n_replicates, size_t n_columns,
                                 const double *v, double *t)
{
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    double *centred = mad_arena_take_raw(ctx->scratch, n_replicates * n_columns, sizeof *centred);
    double *column = mad_arena_take_raw(ctx->scratch, n_replicates, sizeof *column);
    mad_status st = MAD_OK;

    if (centred == NULL || column == NULL) {
        st = mad_fail_memory(ctx, "draws of replicates");
        goto out;
    }
    for (size_t j = 0; j < n_columns; j++) {
        for (size_t r = 0; r < n_replicates; r++) {
            column[r] = v[r * n_columns + j];
        }
        const double mean = mad_mean(n_replicates, column);
        for (size_t r = 0; r < n_replicates; r++) {
            centred[r * n_columns + j] = column[r] - mean;
        }
    }
    draw_job job = {n_replicates, n_columns, centred, t};
    MAD_TRY(mad_par_for(ctx, MAD_N_DRAWS, draw, &job));
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

mad_status mad_studentised_limits(mad_ctx *ctx, size_t n_replicates, const double *v,
                                  mad_interval *out)
{
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    mad_status st = MAD_OK;

    *out = (mad_interval){(double)NAN, (double)NAN};
    if (n_replicates < 2) {
        goto out;
    }
    if (n_replicates < MAD_MIN_BOOTSTRAP) {
        out->high = mad_student_t_critical((double)n_replicates - 1.0, ALPHA);
        out->low = -out->high;
        goto out;
    }
    double *t = mad_arena_take_raw(ctx->scratch, MAD_N_DRAWS, sizeof *t);
    if (t == NULL) {
        st = mad_fail_memory(ctx, "draws of replicates");
        goto out;
    }
    MAD_TRY(mad_studentised_draws(ctx, n_replicates, 1, v, t));
    mad_sort(MAD_N_DRAWS, t);
    const double rank = 0.5 * ALPHA * (double)(MAD_N_DRAWS + 1);
    out->low = t[(size_t)rank - 1];
    out->high = t[MAD_N_DRAWS - (size_t)rank];
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

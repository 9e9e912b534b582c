/* analysis/fit/turn.c: see the header. */
#include "analysis/fit/turn.h"

#include <math.h>

#include "sim/num/stats.h"

enum { MAX_SPLITS = 16, MIN_POINTS = 5 };
static const double LEVEL = 0.05;

const char *mad_turn_text(mad_turn_kind kind)
{
    switch (kind) {
    case MAD_TURN_NONE:
        return "-";
    case MAD_TURN_VALLEY:
        return "valley";
    case MAD_TURN_PEAK:
        return "peak";
    }
    return "-";
}

/* What the largest of n_columns studentised means is compared with: its sorted draws, or with few
 * replicates Student's t. */
typedef struct reference {
    size_t n_replicates, n_columns;
    double *largest, *smallest; /* [MAD_N_DRAWS] ascending, NULL: Student's t */
} reference;

static mad_status take_reference(mad_ctx *ctx, size_t n_replicates, size_t n_columns,
                                 const double *v, reference *out)
{
    mad_status st = MAD_OK;
    *out = (reference){.n_replicates = n_replicates, .n_columns = n_columns};
    if (n_replicates < MAD_MIN_BOOTSTRAP) {
        return MAD_OK;
    }
    double *t = mad_arena_take_raw(ctx->scratch, MAD_N_DRAWS * n_columns, sizeof *t);
    out->largest = mad_arena_take_raw(ctx->scratch, MAD_N_DRAWS, sizeof(double));
    out->smallest = mad_arena_take_raw(ctx->scratch, MAD_N_DRAWS, sizeof(double));
    if (t == NULL || out->largest == NULL || out->smallest == NULL) {
        return mad_fail_memory(ctx, "draws of replicates");
    }
    MAD_TRY(mad_studentised_draws(ctx, n_replicates, n_columns, v, t));
    for (size_t d = 0; d < MAD_N_DRAWS; d++) {
        out->largest[d] = out->smallest[d] = t[d * n_columns];
        for (size_t j = 1; j < n_columns; j++) {
            out->largest[d] = fmax(out->largest[d], t[d * n_columns + j]);
            out->smallest[d] = fmin(out->smallest[d], t[d * n_columns + j]);
        }
    }
    mad_sort(MAD_N_DRAWS, out->largest);
    mad_sort(MAD_N_DRAWS, out->smallest);
out:
    return st;
}

/* Probability that the largest studentised mean is at least t when all true means are 0; with
 * t < 0 that the smallest is at most t. */
static double beyond(const reference *ref, double t)
{
    size_t n = 0;
    if (ref->largest == NULL) {
        const double one = 0.5 * mad_student_t_two_sided((double)ref->n_replicates - 1.0, fabs(t));
        return fmin(1.0, one * (double)ref->n_columns);
    }
    for (size_t d = 0; d < MAD_N_DRAWS; d++) {
        n += t < 0.0 ? ref->smallest[d] <= t : ref->largest[d] >= t;
    }
    return ((double)n + 1.0) / (MAD_N_DRAWS + 1.0);
}

/* Weights of the slope of the line through points begin..end-1; 0 elsewhere. */
static void slope_weights(const mad_replicates *s, size_t begin, size_t end, double *weight)
{
    const double n = (double)(end - begin);
    double mean = 0.0, square = 0.0;
    for (size_t i = begin; i < end; i++) {
        mean += (double)s->gen[i] / n;
    }
    for (size_t i = begin; i < end; i++) {
        square += ((double)s->gen[i] - mean) * ((double)s->gen[i] - mean);
    }
    for (size_t i = 0; i < s->n_points; i++) {
        weight[i] = i >= begin && i < end ? ((double)s->gen[i] - mean) / square : 0.0;
    }
}

/* Slopes of every replicate before and after each split: v[n_replicates][2 n_splits]. */
static void fill_slopes(const mad_replicates *s, size_t n_splits, double *weight, double *v)
{
    for (size_t k = 0; k < n_splits; k++) {
        /* inner points, spread evenly: all of them where there are few */
        const size_t at = 1 + (2 * k + 1) * (s->n_points - 2) / (2 * n_splits);
        slope_weights(s, 0, at + 1, weight);
        mad_replicates_contrast(s, weight, 2 * n_splits, v + 2 * k);
        slope_weights(s, at, s->n_points, weight);
        mad_replicates_contrast(s, weight, 2 * n_splits, v + 2 * k + 1);
    }
}

static mad_status test_turn(mad_ctx *ctx, const mad_replicates *s, mad_turn *out)
{
    const size_t n = s->n_replicates;
    const size_t n_splits = s->n_points - 2 < MAX_SPLITS ? s->n_points - 2 : MAX_SPLITS;
    double *weight = mad_arena_take_raw(ctx->scratch, s->n_points, sizeof *weight);
    double *v = mad_arena_take_raw(ctx->scratch, n * 2 * n_splits, sizeof *v);
    reference ref;
    mad_status st = MAD_OK;

    if (weight == NULL || v == NULL) {
        return mad_fail_memory(ctx, "slopes of replicates");
    }
    fill_slopes(s, n_splits, weight, v);
    MAD_TRY(take_reference(ctx, n, 2 * n_splits, v, &ref));
    out->p = 1.0;
    for (size_t k = 0; k < n_splits; k++) {
        const double before = mad_studentised(n, 2 * n_splits, v + 2 * k);
        const double after = mad_studentised(n, 2 * n_splits, v + 2 * k + 1);
        const double p =
            before * after < 0.0 ? fmax(beyond(&ref, before), beyond(&ref, after)) : 1.0;
        if (p < out->p) {
            out->p = p;
            out->kind = before < 0.0 ? MAD_TURN_VALLEY : MAD_TURN_PEAK;
        }
    }
    out->kind = out->p <= LEVEL ? out->kind : MAD_TURN_NONE;
out:
    return st;
}

/* The generations that may be the extremum; sign: 1 of a valley, -1 of a peak. */
static mad_status locate(mad_ctx *ctx, const mad_replicates *s, double sign, mad_turn *out)
{
    const size_t n = s->n_replicates, n_points = s->n_points;
    double *weight = mad_arena_take(ctx->scratch, n_points, sizeof *weight);
    double *v = mad_arena_take_raw(ctx->scratch, n * n_points, sizeof *v);
    size_t best = 0, first, last;
    reference ref;
    mad_status st = MAD_OK;

    if (weight == NULL || v == NULL) {
        return mad_fail_memory(ctx, "differences between generations");
    }
    for (size_t i = 1; i < n_points; i++) {
        best = sign * s->mean[i] < sign * s->mean[best] ? i : best;
    }
    for (size_t i = 0; i < n_points; i++) { /* how far the extremum is beyond generation i */
        weight[i] += sign;
        weight[best] -= sign;
        mad_replicates_contrast(s, weight, n_points, v + i);
        weight[i] = weight[best] = 0.0;
    }
    MAD_TRY(take_reference(ctx, n, n_points, v, &ref));
    first = last = best;
    for (size_t i = 0; i < n_points; i++) {
        if (beyond(&ref, mad_studentised(n, n_points, v + i)) > LEVEL) {
            first = i < first ? i : first;
            last = i > last ? i : last;
        }
    }
    out->generation = (double)(s->gen[best] + 1);
    out->interval.low = (double)(s->gen[first] + 1);
    out->interval.high = (double)(s->gen[last] + 1);
out:
    return st;
}

mad_status mad_turn_find(mad_ctx *ctx, const mad_replicates *sample, mad_turn *out)
{
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    const double nan = (double)NAN;
    mad_status st = MAD_OK;

    *out = (mad_turn){MAD_TURN_NONE, nan, nan, {nan, nan}};
    if (sample->n_replicates < 2 || sample->n_points < MIN_POINTS) {
        goto out;
    }
    MAD_TRY(test_turn(ctx, sample, out));
    if (out->kind != MAD_TURN_NONE) {
        MAD_TRY(locate(ctx, sample, out->kind == MAD_TURN_VALLEY ? 1.0 : -1.0, out));
    }
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

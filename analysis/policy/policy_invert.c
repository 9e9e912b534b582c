/* analysis/policy/policy_invert.c: see the header. */
#include "analysis/policy/policy_invert.h"

#include <math.h>

#include "sim/num/stats.h"

enum { STEPS = 16, BISECTIONS = 40 }; /* places looked at in a segment, then halvings */

/* Each is a function of the lever that is positive where the curve is too high for its purpose. */
typedef enum purpose {
    MEAN,   /* the mean is above the level */
    REFUSE, /* it is shown to be above: two-sided limit */
    ADMIT,  /* it is not shown to be below: two-sided limit */
    ASSURE, /* the same, one-sided limit */
    N_PURPOSES
} purpose;

/* The sample turned so that damage falls with the lever, and is to be at most 0. */
typedef struct turned {
    mad_ctx *ctx;
    size_t n_points, n_units;
    double *lever;  /* [n_points] ascending */
    double *damage; /* [n_units][n_points] less the level */
    double alpha;
    double *number; /* [n_units] of one lever */
} turned;

/* Place i of a segment, from 0 to STEPS. */
typedef struct place {
    double lever, excess[N_PURPOSES];
} place;

static mad_status turn(mad_ctx *ctx, const mad_policy_sample *s, const mad_policy_question *q,
                       turned *out)
{
    const double sign = q->is_floor ? -1.0 : 1.0;
    *out = (turned){.ctx = ctx,
                    .n_points = s->n_points,
                    .n_units = s->n_units,
                    .alpha = 1.0 - q->confidence,
                    .lever = mad_arena_take_raw(ctx->scratch, s->n_points, sizeof(double)),
                    .damage =
                        mad_arena_take_raw(ctx->scratch, s->n_units * s->n_points, sizeof(double)),
                    .number = mad_arena_take_raw(ctx->scratch, s->n_units, sizeof(double))};
    if (out->lever == NULL || out->damage == NULL || out->number == NULL) {
        return mad_fail_memory(ctx, "a policy curve");
    }
    for (size_t k = 0; k < s->n_points; k++) {
        const size_t from = q->is_most ? s->n_points - 1 - k : k;
        out->lever[k] = q->is_most ? -s->lever[from] : s->lever[from];
        for (size_t u = 0; u < s->n_units; u++) {
            out->damage[u * s->n_points + k] =
                sign * (s->damage[u * s->n_points + from] - q->level);
        }
    }
    return MAD_OK;
}

/* Numbers of the replicates that both ends of segment k have; how many. */
static size_t take_numbers(const turned *t, size_t k, double w)
{
    size_t n = 0;
    for (size_t u = 0; u < t->n_units; u++) {
        const double *d = t->damage + u * t->n_points + k;
        if (isfinite(d[0]) && isfinite(d[1])) {
            t->number[n++] = (1.0 - w) * d[0] + w * d[1];
        }
    }
    return n;
}

/* The mean over its standard error, rid of its skewness (Hall 1992): monotone in the mean. */
static double score_of(size_t n, const double *x, double mean)
{
    double square = 0.0, cube = 0.0;
    if (mad_is_constant(n, x, 1)) {
        return mean == 0.0 ? 0.0 : copysign((double)INFINITY, mean);
    }
    for (size_t i = 0; i < n; i++) {
        const double d = x[i] - mean;
        square += d * d / (double)n;
        cube += d * d * d / (double)n;
    }
    const double skewness = cube / (square * sqrt(square));
    const double t = mean / sqrt(square * (double)n / ((double)n - 1.0));
    const double bent = t + skewness * t * t / 3.0 + skewness * skewness * t * t * t / 27.0;
    return sqrt((double)n) * (bent + skewness / (6.0 * (double)n));
}

/* Student's, of the replicates of a segment. */
typedef struct limits {
    double two_sided, one_sided;
} limits;

static limits find_limits(const turned *t, size_t k)
{
    const double df = (double)take_numbers(t, k, 0.0) - 1.0;
    return (limits){mad_student_t_critical(df, t->alpha),
                    mad_student_t_critical(df, 2.0 * t->alpha)};
}

static place look(const turned *t, size_t k, double w, limits limit)
{
    const size_t n = take_numbers(t, k, w);
    const double mean = mad_mean(n, t->number), score = score_of(n, t->number, mean);
    return (place){.lever = (1.0 - w) * t->lever[k] + w * t->lever[k + 1],
                   .excess = {[MEAN] = mean,
                              [REFUSE] = score - limit.two_sided,
                              [ADMIT] = score + limit.two_sided,
                              [ASSURE] = score + limit.one_sided}};
}

/* The lever between two places of segment k at which the excess stops being positive. */
static double bisect(const turned *t, size_t k, double low, double high, purpose p)
{
    const limits limit = find_limits(t, k);
    for (int i = 0; i < BISECTIONS; i++) {
        const double middle = 0.5 * (low + high);
        if (look(t, k, middle, limit).excess[p] > 0.0) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return (1.0 - high) * t->lever[k] + high * t->lever[k + 1];
}

/*
 * Where the excess stops being positive: for good, or (REFUSE) for the first time. -infinite: it is not
 * positive anywhere; infinite: it still is at the last place.
 * shape   places: [n_points - 1][STEPS + 1]
 */
static double find_entry(const turned *t, const place *places, purpose p)
{
    const size_t n = (t->n_points - 1) * (STEPS + 1);
    size_t n_above = 0; /* places before the entry */
    if (p == REFUSE) {
        while (n_above < n && places[n_above].excess[p] > 0.0) {
            n_above++;
        }
    } else {
        n_above = n;
        while (n_above > 0 && !(places[n_above - 1].excess[p] > 0.0)) {
            n_above--;
        }
    }
    if (n_above == 0 || n_above == n) {
        return n_above == 0 ? -(double)INFINITY : (double)INFINITY;
    }
    const size_t k = n_above / (STEPS + 1), i = n_above % (STEPS + 1);
    if (i == 0) { /* at a point, whose two segments have other replicates */
        return t->lever[k];
    }
    if (p == MEAN) { /* linear in the lever */
        const place *a = &places[n_above - 1], *b = &places[n_above];
        const double share = a->excess[MEAN] / (a->excess[MEAN] - b->excess[MEAN]);
        return a->lever + share * (b->lever - a->lever);
    }
    return bisect(t, k, (double)(i - 1) / STEPS, (double)i / STEPS, p);
}

static size_t count_turns(const turned *t, const place *places)
{
    size_t n = 0;
    for (size_t i = 1; i < (t->n_points - 1) * (STEPS + 1); i++) {
        n += (places[i].excess[MEAN] > 0.0) != (places[i - 1].excess[MEAN] > 0.0);
    }
    return n;
}

static mad_status answer(const turned *t, mad_policy_answer *out)
{
    place *places =
        mad_arena_take(t->ctx->scratch, (t->n_points - 1) * (STEPS + 1), sizeof *places);
    if (places == NULL) {
        return mad_fail_memory(t->ctx, "a policy curve");
    }
    for (size_t k = 0; k + 1 < t->n_points; k++) {
        const limits limit = find_limits(t, k);
        for (size_t i = 0; i <= STEPS; i++) {
            places[k * (STEPS + 1) + i] = look(t, k, (double)i / STEPS, limit);
        }
    }
    out->lever = find_entry(t, places, MEAN);
    out->interval.low = find_entry(t, places, REFUSE);
    out->interval.high = find_entry(t, places, ADMIT);
    out->safe = find_entry(t, places, ASSURE);
    out->n_turns = count_turns(t, places);
    out->kind = isfinite(out->lever) ? MAD_POLICY_CROSSED
                : out->lever < 0.0   ? MAD_POLICY_ALWAYS
                                     : MAD_POLICY_NEVER;
    return MAD_OK;
}

static size_t fewest_shared(const turned *t)
{
    size_t fewest = t->n_units;
    for (size_t k = 0; k + 1 < t->n_points; k++) {
        const size_t n = take_numbers(t, k, 0.0);
        fewest = n < fewest ? n : fewest;
    }
    return fewest;
}

mad_status mad_policy_invert(mad_ctx *ctx, const mad_policy_sample *sample,
                             const mad_policy_question *question, mad_policy_answer *out)
{
    mad_status st = MAD_OK;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    const double nan = (double)NAN;
    turned t;
    *out = (mad_policy_answer){.lever = nan, .interval = {nan, nan}, .safe = nan};
    MAD_TRY(turn(ctx, sample, question, &t));
    out->n_units = fewest_shared(&t);
    if (t.n_points < 2 || out->n_units < 2) {
        goto out;
    }
    MAD_TRY(answer(&t, out));
    if (question->is_most) {
        out->lever = -out->lever;
        out->safe = -out->safe;
        out->interval = (mad_interval){-out->interval.high, -out->interval.low};
    }
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

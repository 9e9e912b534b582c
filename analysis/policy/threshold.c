/* analysis/policy/threshold.c: see the header. */
#include "analysis/policy/threshold.h"

#include <math.h>
#include <string.h>

#include "sim/num/stats.h"

/* Count, mean and sum of squared deviations, mergeable. */
typedef struct tally {
    double n, mean, square;
} tally;

typedef struct search {
    const mad_threshold_plan *plan;
    mad_threshold *out;
    long n_sizes;
    double alpha; /* of one look at one size */
} search;

static size_t size_at(const search *s, long i)
{
    const size_t size = s->plan->least + (size_t)i * s->plan->step;
    return size < s->plan->most ? size : s->plan->most;
}

static void add(tally *t, size_t n, const double *x)
{
    const double count = (double)n, mean = mad_mean(n, x), gap = mean - t->mean;
    const double total = t->n + count;
    t->square += mad_variance(n, x, 0.0) * count + gap * gap * t->n * count / total;
    t->mean += gap * count / total;
    t->n = total;
}

static double error_of(const tally *t)
{
    return sqrt(t->square / (t->n - 1.0) / t->n);
}

/* 1, -1 or 0 at one-sided level alpha; margins without any scatter are taken at their word. */
static int side_of(const tally *t, double alpha_holds, double alpha_fails)
{
    const double error = error_of(t), df = t->n - 1.0;
    if (!(error > 0.0)) {
        return t->mean >= 0.0 ? 1 : -1;
    }
    if (t->mean > 0.0) {
        return t->mean / error > mad_student_t_critical(df, 2.0 * alpha_holds) ? 1 : 0;
    }
    return -t->mean / error > mad_student_t_critical(df, 2.0 * alpha_fails) ? -1 : 0;
}

/* Every side must hold; one that fails is enough, at its part of the level. */
static int verdict_of(size_t n_sides, const tally *t, double alpha)
{
    int verdict = 1;
    for (size_t k = 0; k < n_sides; k++) {
        const int side = side_of(&t[k], alpha, alpha / (double)n_sides);
        verdict = side < verdict ? side : verdict;
    }
    return verdict;
}

static void keep_point(mad_threshold *out, const mad_threshold_point *point)
{
    size_t at = out->n_points;
    MAD_ASSERT(at < MAD_CROSSING_MAX_POINTS);
    for (; at > 0 && out->point[at - 1].size > point->size; at--) {
        out->point[at] = out->point[at - 1];
    }
    out->point[at] = *point;
    out->n_points++;
}

static mad_status judge(mad_ctx *ctx, const search *s, long i, int *verdict)
{
    const mad_threshold_plan *plan = s->plan;
    const size_t size = size_at(s, i);
    tally t[2] = {{0}};
    size_t n_draws = 0, n_sides = 1;
    mad_status st = MAD_OK;

    *verdict = 0;
    for (size_t look = 0; look < plan->n_looks && *verdict == 0; look++) {
        for (const size_t end = look == 0 ? 1 : 2 * n_draws; n_draws < end; n_draws++) {
            mad_margins m;
            MAD_TRY(plan->draw(ctx, plan->arg, size, n_draws, &m));
            n_sides = m.n_sides;
            for (size_t k = 0; k < n_sides; k++) {
                add(&t[k], m.n_replicates, m.value[k]);
            }
        }
        if (isnan(t[0].mean) || isnan(t[1].mean)) {
            return mad_fail(ctx, MAD_E_NONFINITE,
                            "admissible: at size %zu the measure is not a number", size);
        }
        *verdict = verdict_of(n_sides, t, s->alpha);
    }
    const tally *worse = n_sides == 2 && t[1].mean < t[0].mean ? &t[1] : &t[0];
    keep_point(s->out, &(mad_threshold_point){size, (size_t)worse->n, worse->mean, error_of(worse),
                                              *verdict});
    if (plan->tell != NULL) {
        plan->tell(plan->arg, size, (size_t)worse->n, *verdict);
    }
out:
    return st;
}

/* Bisections between a size that fails and one that holds; -1 and n_sizes stand for none. */
static mad_status bisect(mad_ctx *ctx, const search *s, long *fails, long *holds)
{
    long open = -1;
    int verdict;
    mad_status st = MAD_OK;

    for (long i = s->n_sizes - 1; open < 0 && *holds - *fails > 1; i = (*fails + *holds) / 2) {
        MAD_TRY(judge(ctx, s, i, &verdict));
        *holds = verdict > 0 ? i : *holds;
        *fails = verdict < 0 ? i : *fails;
        open = verdict == 0 ? i : open;
    }
    for (long below = open; open >= 0 && *holds - below > 1 && *holds < s->n_sizes;) {
        const long i = (below + *holds) / 2;
        MAD_TRY(judge(ctx, s, i, &verdict));
        *holds = verdict > 0 ? i : *holds;
        *fails = verdict < 0 ? i : *fails;
        below = verdict > 0 ? below : i;
    }
    for (long above = open; above - *fails > 1;) {
        const long i = (above + *fails) / 2;
        MAD_TRY(judge(ctx, s, i, &verdict));
        *holds = verdict > 0 ? i : *holds;
        *fails = verdict < 0 ? i : *fails;
        above = verdict < 0 ? above : i;
    }
out:
    return st;
}

/* Monotone fit of the means (pool adjacent violators, by replicates), crossed by straight lines. */
static double monotone_root(const mad_threshold *c)
{
    double mean[MAD_CROSSING_MAX_POINTS], weight[MAD_CROSSING_MAX_POINTS];
    double centre[MAD_CROSSING_MAX_POINTS];
    size_t n = 0;
    for (size_t i = 0; i < c->n_points; i++) {
        mean[n] = c->point[i].mean;
        weight[n] = (double)c->point[i].n_replicates;
        centre[n] = (double)c->point[i].size;
        for (n++; n > 1 && mean[n - 2] > mean[n - 1]; n--) {
            const double sum = weight[n - 2] + weight[n - 1], part = weight[n - 1] / sum;
            mean[n - 2] += part * (mean[n - 1] - mean[n - 2]);
            centre[n - 2] += part * (centre[n - 1] - centre[n - 2]);
            weight[n - 2] = sum;
        }
    }
    for (size_t i = 1; i < n; i++) {
        if (mean[i - 1] < 0.0 && mean[i] >= 0.0) {
            return centre[i - 1] -
                   mean[i - 1] * (centre[i] - centre[i - 1]) / (mean[i] - mean[i - 1]);
        }
    }
    return (double)NAN;
}

mad_status mad_threshold_find(mad_ctx *ctx, const mad_threshold_plan *plan, mad_threshold *out)
{
    search s = {.plan = plan, .out = out};
    long fails = -1, holds;
    mad_status st = MAD_OK;

    memset(out, 0, sizeof *out);
    s.n_sizes = (long)((plan->most - plan->least + plan->step - 1) / plan->step) + 1;
    const double n_judged = 1.0 + 2.0 * ceil(log2((double)s.n_sizes + 1.0));
    s.alpha = (1.0 - plan->confidence) / (n_judged * (double)plan->n_looks);
    holds = s.n_sizes;
    MAD_TRY(bisect(ctx, &s, &fails, &holds));
    out->low = fails < 0 ? plan->least : size_at(&s, fails) + 1;
    out->is_open = holds >= s.n_sizes;
    out->high = out->is_open ? plan->most : size_at(&s, holds);
    out->estimate = monotone_root(out);
out:
    return st;
}

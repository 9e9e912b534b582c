/* analysis/fit/interval.c: see the header. */
#include "analysis/fit/interval.h"

#include <math.h>
#include <string.h>

enum { N_GRID = 100, N_TIMES = 400, N_HALVINGS = 50, MAX_TERMS = 3 };
static const double HORIZON = 1000.0; /* lengths of the curve */

/* A law, the replicates, and room for columns over the points and numbers of the replicates. */
typedef struct question {
    const mad_replicates *sample;
    mad_law law;
    const mad_law_fit *fit;
    size_t n_terms;                     /* that are free: c, a, b, or without the last */
    double *column[MAX_TERMS];          /* [n_points] orthonormal: of 1, f, df/db */
    double *row[MAX_TERMS];             /* [n_points] weights of c, a, b in the data */
    double upper[MAX_TERMS][MAX_TERMS]; /* derivative of column j = sum_i column[i] upper[i][j] */
    double *influence[MAX_TERMS]; /* [n_replicates] on c, a, b; mean 0; of what is not free 0 */
    double *v;                    /* [n_replicates] */
    mad_interval limits;          /* of the studentised mean */
} question;

static double dot(size_t n, const double *x, const double *y)
{
    double sum = 0.0;
    for (size_t i = 0; i < n; i++) {
        sum += x[i] * y[i];
    }
    return sum;
}

/* Derivatives of c + a f by c, a and (up to its scale -a) b, made orthonormal by Gram and Schmidt,
 * twice for accuracy. */
static void fill_columns(question *q, double b, size_t n_terms)
{
    const size_t n = q->sample->n_points;
    memset(q->upper, 0, sizeof q->upper);
    for (size_t j = 0; j < n_terms; j++) {
        double *x = q->column[j];
        for (size_t i = 0; i < n; i++) {
            const double t = (double)q->sample->gen[i];
            x[i] = j == 0 ? 1.0 : mad_law_shape(q->law, b, t);
            x[i] *= j == 2 ? mad_law_time(q->law, t) : 1.0;
        }
        for (size_t k = 0; k < 2 * j; k++) {
            const double share = dot(n, q->column[k % j], x);
            q->upper[k % j][j] += share;
            for (size_t i = 0; i < n; i++) {
                x[i] -= share * q->column[k % j][i];
            }
        }
        q->upper[j][j] = sqrt(dot(n, x, x));
        for (size_t i = 0; i < n; i++) {
            x[i] /= q->upper[j][j];
        }
    }
}

/* ---- rate ------------------------------------------------------------------------------------ */

/* The studentised mean that is 0 where b solves the normal equations; v: its numbers. */
static double score(question *q, double b)
{
    fill_columns(q, b, MAX_TERMS);
    mad_replicates_contrast(q->sample, q->column[MAX_TERMS - 1], 1, q->v);
    return mad_studentised(q->sample->n_replicates, 1, q->v);
}

static int is_kept(const question *q, double t)
{
    return t >= q->limits.low && t <= q->limits.high;
}

/* From a kept ln b on in steps until one is refused; bisect. Infinite: none is up to the end. */
static double walk(question *q, double from, double step, double end)
{
    double inside = from, outside = from;
    do {
        inside = outside;
        outside = step > 0.0 ? fmin(inside + step, end) : fmax(inside + step, end);
        if (inside == outside) {
            return step > 0.0 ? (double)INFINITY : 0.0;
        }
    } while (is_kept(q, score(q, exp(outside))));
    for (int i = 0; i < N_HALVINGS; i++) {
        const double middle = 0.5 * (inside + outside);
        if (is_kept(q, score(q, exp(middle)))) {
            inside = middle;
        } else {
            outside = middle;
        }
    }
    return exp(inside);
}

static mad_status rate_interval(mad_ctx *ctx, question *q, mad_interval *out)
{
    const mad_replicates *s = q->sample;
    const double first = (double)s->gen[0], last = (double)s->gen[s->n_points - 1];
    const double low = log(mad_law_least_b(q->law, first, last));
    const double high = log(mad_law_largest_b(q->law));
    const double step = (high - low) / (N_GRID - 1), at = log(q->fit->b);
    mad_status st = MAD_OK;

    const double t = score(q, q->fit->b);
    MAD_TRY(mad_studentised_limits(ctx, s->n_replicates, q->v, &q->limits));
    if (q->fit->bound != MAD_BOUND_NONE && !is_kept(q, t)) {
        goto out;
    }
    out->low = walk(q, at, -step, low);
    out->high = walk(q, at, step, high);
out:
    return st;
}

/* ---- influence of the replicates on c, a, b ---------------------------------------------------- */

static void fill_influence(question *q)
{
    const size_t n = q->sample->n_points, n_rep = q->sample->n_replicates, k = q->n_terms;
    double mean[MAX_TERMS] = {0.0};
    fill_columns(q, q->fit->b, k);
    for (size_t j = k; j-- > 0;) { /* rows of upper^-1 columns^T, from the last up */
        for (size_t i = 0; i < n; i++) {
            double x = q->column[j][i];
            for (size_t l = j + 1; l < k; l++) {
                x -= q->upper[j][l] * q->row[l][i];
            }
            q->row[j][i] = x / q->upper[j][j];
        }
    }
    for (size_t j = 0; j < k; j++) {
        mad_replicates_contrast(q->sample, q->row[j], 1, q->influence[j]);
        mean[j] = dot(n, q->row[j], q->sample->mean);
        for (size_t r = 0; r < n_rep; r++) {
            q->influence[j][r] -= mean[j];
        }
    }
}

/* c + a f(t) minus half of its first value, over its standard error; v: influences on it. */
static double above_half(question *q, double t)
{
    const mad_law_fit *fit = q->fit;
    const size_t n = q->sample->n_replicates;
    const double f = mad_law_shape(q->law, fit->b, t), f_0 = mad_law_shape(q->law, fit->b, 0.0);
    /* by c, a, and -a b, as the third column is df/db over -a */
    const double by[MAX_TERMS] = {0.5, f - 0.5 * f_0, f * mad_law_time(q->law, t)};
    const double value = 0.5 * fit->c + fit->a * (f - 0.5 * f_0);
    for (size_t r = 0; r < n; r++) {
        q->v[r] = value;
        for (size_t j = 0; j < MAX_TERMS; j++) {
            q->v[r] += by[j] * q->influence[j][r];
        }
    }
    return mad_studentised(n, 1, q->v);
}

/* The first time from `from` on, on a grid of ln(1 + t) and then bisected, at which the studentised
 * value is at or below a level. */
static double first_below(question *q, double from, double horizon, double level)
{
    const double start = log1p(from), step = (log1p(horizon) - start) / N_TIMES;
    size_t i = 0;
    while (i <= N_TIMES && above_half(q, expm1(start + step * (double)i)) > level) {
        i++;
    }
    if (i == 0 || i > N_TIMES) {
        return i == 0 ? from : (double)INFINITY;
    }
    double above = start + step * (double)(i - 1), below = start + step * (double)i;
    for (int k = 0; k < N_HALVINGS; k++) {
        const double middle = 0.5 * (above + below);
        if (above_half(q, expm1(middle)) > level) {
            above = middle;
        } else {
            below = middle;
        }
    }
    return expm1(below);
}

static mad_status zero_interval(mad_ctx *ctx, question *q, mad_interval *out)
{
    const double span = (double)q->sample->gen[q->sample->n_points - 1];
    mad_status st = MAD_OK;

    (void)above_half(q, fmin(q->fit->half_life_zero, span));
    MAD_TRY(mad_studentised_limits(ctx, q->sample->n_replicates, q->v, &q->limits));
    out->low = first_below(q, 0.0, HORIZON * span, q->limits.high);
    out->high =
        isinf(out->low) ? out->low : first_below(q, out->low, HORIZON * span, q->limits.low);
out:
    return st;
}

/* The slope of a line: linear in the data. */
static mad_status slope_interval(mad_ctx *ctx, question *q, mad_interval *out)
{
    mad_status st = MAD_OK;
    mad_replicates_contrast(q->sample, q->row[1], 1, q->v);
    const double t = mad_studentised(q->sample->n_replicates, 1, q->v);
    const double se = t != 0.0 ? q->fit->a / t : 0.0;
    MAD_TRY(mad_studentised_limits(ctx, q->sample->n_replicates, q->v, &q->limits));
    *out = (mad_interval){q->fit->a - q->limits.high * se, q->fit->a - q->limits.low * se};
out:
    return st;
}

static int has_room(mad_ctx *ctx, question *q)
{
    int is_short = 0;
    for (size_t j = 0; j < MAX_TERMS; j++) {
        q->column[j] = mad_arena_take_raw(ctx->scratch, q->sample->n_points, sizeof(double));
        q->row[j] = mad_arena_take_raw(ctx->scratch, q->sample->n_points, sizeof(double));
        q->influence[j] = mad_arena_take(ctx->scratch, q->sample->n_replicates, sizeof(double));
        is_short |= q->column[j] == NULL || q->row[j] == NULL || q->influence[j] == NULL;
    }
    q->v = mad_arena_take_raw(ctx->scratch, q->sample->n_replicates, sizeof(double));
    return !is_short && q->v != NULL;
}

mad_status mad_law_intervals_take(mad_ctx *ctx, const mad_replicates *sample, mad_law law,
                                  const mad_law_fit *fit, mad_law_intervals *out)
{
    const mad_interval none = {(double)NAN, (double)NAN};
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    question q = {.sample = sample, .law = law, .fit = fit, .n_terms = mad_law_n_terms(law)};
    mad_status st = MAD_OK;

    *out = (mad_law_intervals){none, none, none};
    if (sample->n_replicates < 2 || isnan(fit->a)) {
        goto out;
    }
    if (!has_room(ctx, &q)) {
        st = mad_fail_memory(ctx, "intervals of a fit");
        goto out;
    }
    if (q.n_terms == MAX_TERMS) {
        MAD_TRY(rate_interval(ctx, &q, &out->rate));
        out->half_life.low = mad_law_half_life(law, out->rate.high);
        out->half_life.high = mad_law_half_life(law, out->rate.low);
        q.n_terms -= fit->bound != MAD_BOUND_NONE;
    }
    fill_influence(&q);
    if (!isnan(fit->half_life_zero)) {
        MAD_TRY(zero_interval(ctx, &q, &out->half_life_zero));
    }
    if (law == MAD_LAW_LINEAR) {
        MAD_TRY(slope_interval(ctx, &q, &out->rate));
    }
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

/* analysis/fit/law.c: see the header. */
#include "analysis/fit/law.h"

#include <float.h>
#include <math.h>
#include <stdint.h>

#include "sim/num/stats.h"

enum { N_GRID = 100, N_HALVINGS = 46, MIN_VALUES = 4 };
static const double TIE = 2.0;                     /* difference of AICc */
static const double ROUNDING = 64.0 * DBL_EPSILON; /* of the largest value: residuals that are 0 */

const char *mad_law_text(mad_law law)
{
    static const char *const text[MAD_N_LAWS + 1] = {"exponential", "power", "linear", "plateau",
                                                     "-"};
    return text[law];
}

size_t mad_law_n_terms(mad_law law)
{
    static const size_t n_terms[MAD_N_LAWS] = {3, 3, 2, 1};
    return n_terms[law];
}

double mad_law_time(mad_law law, double t)
{
    return law == MAD_LAW_POWER ? log1p(t) : t;
}

double mad_law_shape(mad_law law, double b, double t)
{
    switch (law) {
    case MAD_LAW_EXPONENTIAL:
    case MAD_LAW_POWER:
        return exp(-b * mad_law_time(law, t));
    case MAD_LAW_LINEAR:
        return t;
    case MAD_LAW_PLATEAU:
    case MAD_N_LAWS:
        break;
    }
    return 0.0;
}

double mad_law_least_b(mad_law law, double first, double last)
{
    return law == MAD_LAW_EXPONENTIAL ? 0.01 / (last - first) : 0.01;
}

double mad_law_largest_b(mad_law law)
{
    return law == MAD_LAW_EXPONENTIAL ? 10.0 : 20.0;
}

double mad_law_half_life(mad_law law, double b)
{
    return law == MAD_LAW_EXPONENTIAL ? log(2.0) / b
           : law == MAD_LAW_POWER     ? exp2(1.0 / b) - 1.0
                                      : (double)INFINITY;
}

/* Finite values of a curve: y = c + a exp(-b rate), rate = t or ln(t + 1), of other laws t. */
typedef struct points {
    mad_law law;
    size_t n;
    double *rate, *y, *f; /* [n]; f: exp(-b rate) of the b last tried */
} points;

/* The best c and a for this b: *slope is the derivative of the sum of squares by b. Returns that sum. */
static double project(const points *p, double b, double *c, double *a, double *slope)
{
    double sum = 0.0, square = 0.0, product = 0.0;
    for (size_t i = 0; i < p->n; i++) {
        p->f[i] = exp(-b * p->rate[i]);
    }
    const double f_mean = mad_mean(p->n, p->f), y_mean = mad_mean(p->n, p->y);
    for (size_t i = 0; i < p->n; i++) {
        square += (p->f[i] - f_mean) * (p->f[i] - f_mean);
        product += (p->f[i] - f_mean) * (p->y[i] - y_mean);
    }
    *a = square > 0.0 ? product / square : 0.0;
    *c = y_mean - *a * f_mean;
    *slope = 0.0;
    for (size_t i = 0; i < p->n; i++) {
        const double rest = p->y[i] - *c - *a * p->f[i];
        sum += rest * rest;
        *slope += 2.0 * *a * rest * p->rate[i] * p->f[i];
    }
    return sum;
}

static double grid_log_b(const points *p, size_t i)
{
    const double low = log(mad_law_least_b(p->law, p->rate[0], p->rate[p->n - 1]));
    const double high = log(mad_law_largest_b(p->law));
    return low + (high - low) * (double)i / (N_GRID - 1);
}

/* The b whose sum of squares is smallest; at a bound when it is the first or the last of the grid. */
static double best_b(const points *p, mad_bound *bound)
{
    double c, a, slope, least = (double)INFINITY;
    size_t best = 0;
    for (size_t i = 0; i < N_GRID; i++) {
        const double sum = project(p, exp(grid_log_b(p, i)), &c, &a, &slope);
        if (sum < least) {
            least = sum;
            best = i;
        }
    }
    *bound = best == 0 ? MAD_BOUND_LOW : best == N_GRID - 1 ? MAD_BOUND_HIGH : MAD_BOUND_NONE;
    if (*bound != MAD_BOUND_NONE) {
        return exp(grid_log_b(p, best));
    }
    double low = grid_log_b(p, best - 1), high = grid_log_b(p, best + 1);
    for (int i = 0; i < N_HALVINGS; i++) {
        const double middle = 0.5 * (low + high);
        (void)project(p, exp(middle), &c, &a, &slope);
        if (slope > 0.0) {
            high = middle;
        } else {
            low = middle;
        }
    }
    return exp(0.5 * (low + high));
}

/* The best line; returns the sum of squares. */
static double fit_line(const points *p, double *c, double *a)
{
    double square = 0.0, product = 0.0, sum = 0.0;
    const double t_mean = mad_mean(p->n, p->rate), y_mean = mad_mean(p->n, p->y);
    for (size_t i = 0; i < p->n; i++) {
        square += (p->rate[i] - t_mean) * (p->rate[i] - t_mean);
        product += (p->rate[i] - t_mean) * (p->y[i] - y_mean);
    }
    *a = product / square;
    *c = y_mean - *a * t_mean;
    for (size_t i = 0; i < p->n; i++) {
        const double rest = p->y[i] - *c - *a * p->rate[i];
        sum += rest * rest;
    }
    return sum;
}

static double aicc(const points *p, double sum)
{
    const double n = (double)p->n, k = (double)mad_law_n_terms(p->law) + 1.0;
    double largest = 0.0;
    for (size_t i = 0; i < p->n; i++) {
        largest = fmax(largest, fabs(p->y[i]));
    }
    if (n <= k + 1.0) {
        return (double)INFINITY;
    }
    if (sum <= n * (ROUNDING * largest) * (ROUNDING * largest)) {
        return -(double)INFINITY;
    }
    return n * log(sum / n) + 2.0 * k + 2.0 * k * (k + 1.0) / (n - k - 1.0);
}

/* Where c + a f is half of what it is at t = 0. */
static double half_life_zero(mad_law law, const mad_law_fit *fit)
{
    const double first = fit->c + fit->a * mad_law_shape(law, fit->b, 0.0);
    const double f = (0.5 * first - fit->c) / fit->a; /* f there */
    if (!(first > 0.0)) {
        return (double)NAN;
    }
    if (law == MAD_LAW_LINEAR) {
        return f > 0.0 ? f : (double)INFINITY;
    }
    if (!(f > 0.0 && f < 1.0)) {
        return (double)INFINITY; /* c is above, or the curve rises */
    }
    return law == MAD_LAW_EXPONENTIAL ? -log(f) / fit->b : expm1(-log(f) / fit->b);
}

static mad_law_fit fit_points(const points *p)
{
    const double nan = (double)NAN;
    mad_law_fit out = {nan, nan, nan, nan, nan, nan, MAD_BOUND_NONE};
    double slope, sum = nan;
    if (p->n < MIN_VALUES || (p->law != MAD_LAW_PLATEAU && mad_is_constant(p->n, p->y, 1))) {
        return out;
    }
    switch (p->law) {
    case MAD_LAW_EXPONENTIAL:
    case MAD_LAW_POWER:
        out.b = best_b(p, &out.bound);
        sum = project(p, out.b, &out.c, &out.a, &slope);
        break;
    case MAD_LAW_LINEAR:
        sum = fit_line(p, &out.c, &out.a);
        break;
    case MAD_LAW_PLATEAU:
    case MAD_N_LAWS:
        out.c = mad_mean(p->n, p->y);
        sum = mad_variance(p->n, p->y, 0.0) * (double)p->n;
        break;
    }
    out.aicc = aicc(p, sum);
    out.half_life =
        out.bound == MAD_BOUND_NONE ? mad_law_half_life(p->law, out.b) : (double)INFINITY;
    out.half_life_zero = p->law == MAD_LAW_PLATEAU ? out.c > 0.0 ? (double)INFINITY : nan
                                                   : half_life_zero(p->law, &out);
    return out;
}

mad_status mad_law_fit_curve(mad_ctx *ctx, mad_law law, size_t n_generations, const double *y,
                             mad_law_fit *out)
{
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    points p = {.law = law,
                .rate = mad_arena_take_raw(ctx->scratch, n_generations, sizeof(double)),
                .y = mad_arena_take_raw(ctx->scratch, n_generations, sizeof(double)),
                .f = mad_arena_take_raw(ctx->scratch, n_generations, sizeof(double))};
    if (p.rate == NULL || p.y == NULL || p.f == NULL) {
        mad_arena_release(ctx->scratch, mark);
        return mad_fail_memory(ctx, "a fit");
    }
    for (size_t i = 0; i < n_generations; i++) {
        if (isfinite(y[i])) {
            p.rate[p.n] = mad_law_time(law, (double)i);
            p.y[p.n++] = y[i];
        }
    }
    *out = fit_points(&p);
    mad_arena_release(ctx->scratch, mark);
    return MAD_OK;
}

mad_law mad_law_choose(const mad_law_fit *fit)
{
    mad_law best = MAD_N_LAWS;
    double least = (double)INFINITY;
    for (mad_law law = MAD_LAW_EXPONENTIAL; law < MAD_N_LAWS; law++) {
        if (fit[law].aicc == (double)INFINITY) {
            return MAD_N_LAWS;
        }
        least = fmin(least, fit[law].aicc); /* NaN: no such fit */
    }
    for (mad_law law = MAD_LAW_EXPONENTIAL; law < MAD_N_LAWS; law++) {
        if (!(fit[law].aicc <= least + TIE)) {
            continue;
        }
        const size_t n = mad_law_n_terms(law),
                     n_best = best < MAD_N_LAWS ? mad_law_n_terms(best) : SIZE_MAX;
        if (n < n_best || (n == n_best && fit[law].aicc < fit[best].aicc)) {
            best = law;
        }
    }
    return best;
}

double mad_law_rate(mad_law law, const mad_law_fit *fit)
{
    return law == MAD_LAW_LINEAR ? fit->a : fit->b;
}

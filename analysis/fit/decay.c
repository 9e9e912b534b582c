/* analysis/fit/decay.c: see the header. */
#include "analysis/fit/decay.h"

#include <math.h>

#include "analysis/fit/estimate.h"
#include "sim/base/par.h"
#include "sim/base/rng.h"
#include "sim/num/stats.h"

enum { N_GRID = 100, N_HALVINGS = 46, N_DRAWS = 200, N_PARAMETERS = 4 };

const char *mad_decay_text(mad_decay_law law)
{
    return law == MAD_DECAY_EXPONENTIAL ? "exponential" : "power";
}

/* Finite values of a curve: y = c + a exp(-b rate), rate = t or ln(t + 1). */
typedef struct points {
    mad_decay_law law;
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
    const double span = p->rate[p->n - 1] - p->rate[0];
    const double low = log(p->law == MAD_DECAY_EXPONENTIAL ? 0.01 / span : 0.01);
    const double high = log(p->law == MAD_DECAY_EXPONENTIAL ? 10.0 : 20.0);
    return low + (high - low) * (double)i / (N_GRID - 1);
}

/* The b whose sum of squares is smallest; at_bound when it is the first or the last of the grid. */
static double best_b(const points *p, int *at_bound)
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
    *at_bound = best == 0 || best == N_GRID - 1;
    if (*at_bound) {
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

static mad_decay fit_points(const points *p)
{
    const double nan = (double)NAN, n = (double)p->n, k = N_PARAMETERS;
    mad_decay out = {nan, nan, nan, nan, nan, 0};
    double slope;
    if (p->n < 4 || mad_is_constant(p->n, p->y, 1)) {
        return out;
    }
    out.b = best_b(p, &out.at_bound);
    const double sum = project(p, out.b, &out.c, &out.a, &slope);
    if (n > k + 1.0) {
        out.aicc = n * log(sum / n) + 2.0 * k + 2.0 * k * (k + 1.0) / (n - k - 1.0);
    }
    out.half_life = out.at_bound                      ? (double)INFINITY
                    : p->law == MAD_DECAY_EXPONENTIAL ? log(2.0) / out.b
                                                      : exp2(1.0 / out.b) - 1.0;
    return out;
}

mad_status mad_decay_fit(mad_ctx *ctx, mad_decay_law law, size_t n_generations, const double *y,
                         mad_decay *out)
{
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    points p = {.law = law,
                .rate = mad_arena_take_raw(ctx->scratch, n_generations, sizeof(double)),
                .y = mad_arena_take_raw(ctx->scratch, n_generations, sizeof(double)),
                .f = mad_arena_take_raw(ctx->scratch, n_generations, sizeof(double))};
    if (p.rate == NULL || p.y == NULL || p.f == NULL) {
        mad_arena_release(ctx->scratch, mark);
        return mad_fail_memory(ctx, "a decay");
    }
    for (size_t i = 0; i < n_generations; i++) {
        if (isfinite(y[i])) {
            p.rate[p.n] = law == MAD_DECAY_EXPONENTIAL ? (double)i : log1p((double)i);
            p.y[p.n++] = y[i];
        }
    }
    *out = fit_points(&p);
    mad_arena_release(ctx->scratch, mark);
    return MAD_OK;
}

/* ---- replicates ------------------------------------------------------------------------------ */

typedef struct draw_job {
    mad_decay_law law;
    size_t n_replicates, stride, n_generations;
    const double *value;
    double half_life[N_DRAWS];
} draw_job;

static mad_status draw(mad_ctx *ctx, void *arg, size_t i_draw)
{
    draw_job *job = arg;
    const size_t n = job->n_replicates, n_gen = job->n_generations;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    mad_rng rng = mad_rng_open((mad_key){.purpose = MAD_RNG_MEASURE}, i_draw);
    double *drawn = mad_arena_take_raw(ctx->scratch, n * n_gen, sizeof *drawn);
    double *mean = mad_arena_take_raw(ctx->scratch, n_gen, sizeof *mean);
    double *work = mad_arena_take_raw(ctx->scratch, n, sizeof *work);
    mad_decay fit;
    mad_status st = MAD_OK;
    if (drawn == NULL || mean == NULL || work == NULL) {
        st = mad_fail_memory(ctx, "a draw of replicates");
        goto out;
    }
    for (size_t r = 0; r < n; r++) {
        const double *from = job->value + (size_t)mad_rng_below(&rng, n) * job->stride;
        for (size_t g = 0; g < n_gen; g++) {
            drawn[r * n_gen + g] = from[g];
        }
    }
    for (size_t g = 0; g < n_gen; g++) {
        mean[g] = mad_estimate_mean(n, n_gen, drawn + g, work).mean;
    }
    MAD_TRY(mad_decay_fit(ctx, job->law, n_gen, mean, &fit));
    job->half_life[i_draw] = isnan(fit.half_life) ? (double)INFINITY : fit.half_life;
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

mad_status mad_decay_interval(mad_ctx *ctx, mad_decay_law law, size_t n_replicates, size_t stride,
                              size_t n_generations, const double *value, double *interval)
{
    draw_job job = {law, n_replicates, stride, n_generations, value, {0}};
    mad_status st = MAD_OK;
    interval[0] = interval[1] = (double)NAN;
    if (n_replicates < 2 || n_generations < 4) {
        goto out;
    }
    MAD_TRY(mad_par_for(ctx, N_DRAWS, draw, &job));
    mad_sort(N_DRAWS, job.half_life);
    interval[0] =
        job.half_life[N_DRAWS * 25 / 1000 - 1]; /* the 5th of 200, and the 5th from above */
    interval[1] = job.half_life[N_DRAWS - N_DRAWS * 25 / 1000];
out:
    return st;
}

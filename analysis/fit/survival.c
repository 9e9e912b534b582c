/* analysis/fit/survival.c: see the header. */
#include "analysis/fit/survival.h"

#include <math.h>

#include "sim/num/stats.h"

static const double ALPHA = 0.05; /* 95 % intervals */

mad_crossing mad_crossing_find(size_t n_generations, const double *y, double fraction)
{
    mad_crossing out = {0, 0};
    if (n_generations == 0 || !isfinite(y[0]) || y[0] <= 0.0) {
        return out;
    }
    const double level = fraction * y[0];
    for (size_t g = 0; g < n_generations && !out.is_crossed; g++) {
        if (!isnan(y[g])) {
            out.generation = g + 1;
            out.is_crossed = fraction > 1.0 ? y[g] > level : y[g] < level;
        }
    }
    return out;
}

/* The next generation after `last` at which a replicate crossed; 0: none. */
static size_t next_event(size_t n, const mad_crossing *crossing, size_t last)
{
    size_t next = 0;
    for (size_t r = 0; r < n; r++) {
        const size_t g = crossing[r].generation;
        if (crossing[r].is_crossed && g > last && (next == 0 || g < next)) {
            next = g;
        }
    }
    return next;
}

static double first_half(double now, size_t generation, double share)
{
    return isinf(now) && share <= 0.5 ? (double)generation : now;
}

mad_survival mad_survival_curve(size_t n, const mad_crossing *crossing, mad_survival_step *step)
{
    const double inf = (double)INFINITY, z = mad_normal_quantile(1.0 - 0.5 * ALPHA);
    mad_survival out = {.step = step, .median = inf, .low = inf, .high = inf};
    double survival = 1.0, variance = 0.0;

    for (size_t r = 0; r < n; r++) {
        out.n += crossing[r].generation > 0;
        out.n_crossed += crossing[r].is_crossed != 0;
    }
    if (out.n == 0) {
        out.median = out.low = out.high = (double)NAN;
    }
    for (size_t g = next_event(n, crossing, 0); g > 0; g = next_event(n, crossing, g)) {
        mad_survival_step *s = &step[out.n_steps++];
        *s = (mad_survival_step){.generation = g, .low = (double)NAN, .high = (double)NAN};
        for (size_t r = 0; r < n; r++) {
            s->n_at_risk += crossing[r].generation >= g;
            s->n_crossed += crossing[r].is_crossed && crossing[r].generation == g;
        }
        const double at_risk = (double)s->n_at_risk, crossed = (double)s->n_crossed;
        survival *= (at_risk - crossed) / at_risk;
        s->survival = survival;
        if (survival > 0.0) {
            variance += crossed / (at_risk * (at_risk - crossed));
            const double half = z * sqrt(variance) / fabs(log(survival));
            s->low = pow(survival, exp(half));
            s->high = pow(survival, exp(-half));
        }
        out.median = first_half(out.median, g, survival);
        out.low = first_half(out.low, g, survival > 0.0 ? s->low : 0.0);
        out.high = first_half(out.high, g, survival > 0.0 ? s->high : 0.0);
    }
    return out;
}

/* analysis/plot/range.c: axis ranges. */
#include "analysis/plot/range.h"

#include <math.h>

static const double PAD = 0.05;        /* of the span, on each side */
static const double SOFT_SHARE = 0.6;  /* intervals stretch an axis by so much of the core span */
static const double LOG_RATIO = 100.0; /* two decades */
static const double FLAT_SHARE = 0.02; /* a constant is shown with so much of itself around it */
static const double ZERO_SHARE = 0.35; /* start at 0 when the smallest value is near it */

void mad_extent_add(mad_extent *extent, double x)
{
    if (isfinite(x)) {
        extent->core_min = fmin(extent->core_min, x);
        extent->core_max = fmax(extent->core_max, x);
    }
}

void mad_extent_add_soft(mad_extent *extent, double x)
{
    if (isfinite(x)) {
        extent->soft_min = fmin(extent->soft_min, x);
        extent->soft_max = fmax(extent->soft_max, x);
    }
}

static mad_range log_range(const mad_extent *e)
{
    double span = log10(e->core_max / e->core_min);
    double low = log10(e->core_min);
    double high = log10(e->core_max);

    if (e->soft_min > 0.0) {
        low = fmax(fmin(low, log10(e->soft_min)), low - 0.25 * span);
    }
    if (e->soft_max > 0.0) {
        high = fmin(fmax(high, log10(e->soft_max)), high + 0.25 * span);
    }
    return (mad_range){pow(10.0, low - PAD * span), pow(10.0, high + PAD * span), 1};
}

mad_range mad_extent_range(const mad_extent *e)
{
    double low = e->core_min;
    double high = e->core_max;

    if (low > high) {
        return (mad_range){0.0, 1.0, 0};
    }
    if (low > 0.0 && high / low > LOG_RATIO) {
        return log_range(e);
    }
    double least = FLAT_SHARE * fmax(fabs(low), fabs(high));
    double span = fmax(high - low, least > 0.0 ? least : 1.0);
    if (high - low < span) {
        double middle = 0.5 * (low + high);
        low = middle - 0.5 * span;
        high = middle + 0.5 * span;
    }
    low = fmin(low, fmax(e->soft_min, low - SOFT_SHARE * span));
    high = fmax(high, fmin(e->soft_max, high + SOFT_SHARE * span));
    double pad = PAD * (high - low);
    low -= pad;
    high += pad;
    if (e->core_min >= 0.0 && (low < 0.0 || e->core_min < ZERO_SHARE * e->core_max)) {
        low = e->core_min > 0.0 || e->core_max > 0.0 ? 0.0 : low;
    }
    return (mad_range){low, high, 0};
}

double mad_nice_step(double span, double n_steps)
{
    double raw = span / n_steps;
    double power = pow(10.0, floor(log10(raw)));
    double lead = raw / power;
    if (lead < 1.5) {
        return power;
    }
    return lead < 3.5 ? 2.0 * power : lead < 7.5 ? 5.0 * power : 10.0 * power;
}

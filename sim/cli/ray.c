/* sim/cli/ray.c: see the header. */
#include "sim/cli/ray.h"

#include <math.h>
#include <stdint.h>

/* Between the last point of the bracket before and the first after the values cross 0: open points
 * have values too. */
static void cross_zero(const mad_ray *ray, mad_ray_bracket *b)
{
    ptrdiff_t low = b->inside;
    size_t high = b->outside;
    for (size_t i = (size_t)(low + 1); i < high; i++) {
        const double value = ray->probe[i].value;
        if (ray->probe[i].state == MAD_PROBE_OPEN && value < 0.0) {
            low = (ptrdiff_t)i;
        } else if (ray->probe[i].state == MAD_PROBE_OPEN && value >= 0.0) {
            high = i;
        }
    }
    if (low < 0 || high == ray->n) {
        b->crossing = high == ray->n ? (double)ray->n - 0.5 : -0.5;
        return;
    }
    const double width = (double)high - (double)low;
    const double rise = ray->probe[high].value - ray->probe[low].value;
    b->slope = rise / width;
    b->crossing = (double)low + (rise > 0.0 ? -ray->probe[low].value / b->slope : 0.5 * width);
}

mad_ray_bracket mad_ray_look(const mad_ray *ray)
{
    mad_ray_bracket b = {.inside = -1, .outside = ray->n, .slope = (double)NAN, .is_consistent = 1};
    for (size_t i = 0; i < ray->n; i++) {
        const mad_probe_state state = ray->probe[i].state;
        if (state == MAD_PROBE_OUTSIDE && b.outside == ray->n) {
            b.outside = i;
        } else if (state == MAD_PROBE_INSIDE && b.outside < ray->n) {
            b.is_consistent = 0;
        } else if (state == MAD_PROBE_INSIDE) {
            b.inside = (ptrdiff_t)i;
        }
    }
    cross_zero(ray, &b);
    return b;
}

/* Where the boundary may be, as far as what was seen of this ray tells; NaN: it tells nothing. */
static double expect_crossing(const mad_ray *ray, const mad_ray_bracket *b,
                              const mad_ray_hint *hint)
{
    const int has_inside = b->inside >= 0, has_outside = b->outside < ray->n;
    if (has_inside && has_outside) {
        return b->crossing;
    }
    const double at = has_inside ? (double)b->inside : (double)b->outside;
    const double value = has_inside ? ray->probe[b->inside].value : ray->probe[b->outside].value;
    if (hint->slope > 0.0) {
        return at - value / hint->slope;
    }
    return has_inside ? 0.5 * (at + (double)ray->n) : 0.5 * (at - 1.0);
}

/* The unknown point nearest to i strictly inside the bracket; SIZE_MAX: none. */
static size_t nearest_unknown(const mad_ray *ray, const mad_ray_bracket *b, double i)
{
    size_t best = SIZE_MAX;
    for (size_t k = (size_t)(b->inside + 1); k < b->outside; k++) {
        if (ray->probe[k].state == MAD_PROBE_UNKNOWN &&
            (best == SIZE_MAX || fabs((double)k - i) < fabs((double)best - i))) {
            best = k;
        }
    }
    return best;
}

size_t mad_ray_next(const mad_ray *ray, const mad_ray_hint *hint)
{
    const mad_ray_bracket b = mad_ray_look(ray);
    const int has_inside = b.inside >= 0, has_outside = b.outside < ray->n;
    if (!has_inside && !has_outside) {
        const double middle = 0.5 * ((double)ray->n - 1.0);
        return nearest_unknown(ray, &b, isnan(hint->crossing) ? middle : hint->crossing - 0.5);
    }
    const double crossing = expect_crossing(ray, &b, hint);
    /* beyond the boundary as seen from the side that is known, before it where both are */
    return nearest_unknown(ray, &b, has_outside ? floor(crossing) : ceil(crossing));
}

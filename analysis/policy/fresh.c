/* analysis/policy/fresh.c: see the header. */
#include "analysis/policy/fresh.h"

#include <math.h>

#include "sim/num/gauss_error.h"

/* E of the product of two rows' models over that of one model's square: B(a) of the header. */
static double model_overlap(double memory, double carry)
{
    const double r = carry / (memory - carry * (memory - 1.0));
    return (1.0 + (memory - 1.0) * r) / memory;
}

mad_fresh_point mad_fresh_settle(const mad_fresh *loop)
{
    if (loop->n_synthetic == 0.0) {
        return (mad_fresh_point){1.0, 1.0 / loop->n_real, 1.0 / loop->n_real,
                                 1.0 / (1.0 - 1.0 / loop->n_real)};
    }
    const double w = loop->weight, g = 1.0 - w, lam = loop->lam, n_s = loop->n_synthetic;
    const double real = w * w / loop->n_real, other = g * g / n_s;
    const double gain = 1.0 / (1.0 - real - other);
    /* V (1 - keep) - S mix = real;  S (1 - gain g lam) + V gain w = gain w */
    const double keep = other + g * g * (1.0 - 1.0 / n_s) * model_overlap(loop->memory, g);
    const double mix = other * lam, own = 1.0 - gain * g * lam;
    const double det = (1.0 - keep) * own + mix * gain * w;
    const double drift = (real * own + mix * gain * w) / det;
    const double spread = ((1.0 - keep) * gain * w - real * gain * w) / det;
    const double held = other + g * g * (1.0 - 1.0 / n_s) * model_overlap(loop->memory, g * lam);
    const double phi = (real + other * lam * lam * spread * spread) / (1.0 - lam * lam * held);
    return (mad_fresh_point){spread, drift, phi, gain};
}

double mad_fresh_level(const mad_fresh *loop)
{
    const mad_fresh_point at = mad_fresh_settle(loop);
    const double d = loop->dim;
    return mad_gauss_error(d, d, d * (d + 1.0) / 4.0, d * at.drift, at.spread, at.phi);
}

double mad_fresh_rows(double dim, double level)
{
    return dim * (dim + 5.0) / (4.0 * level);
}

double mad_fresh_limit(double dim, double lam)
{
    const double gap = 1.0 - lam;
    return (4.0 * (2.0 - lam) + (dim + 1.0) * (0.5 + 1.5 * lam - lam * lam)) / (gap * gap);
}

double mad_fresh_golden(double n_real, double n_synthetic)
{
    return 2.0 / (1.0 + sqrt(1.0 + 4.0 * n_synthetic / n_real)); /* no cancellation at small k */
}

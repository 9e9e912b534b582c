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
    const double u = 1.0 - loop->fit_loss;
    if (loop->n_synthetic == 0.0) {
        return (mad_fresh_point){u, 1.0 / loop->n_real, u * u / loop->n_real,
                                 1.0 / (1.0 - 1.0 / loop->n_real)};
    }
    const double w = loop->weight, g = 1.0 - w, lam = loop->lam, n_s = loop->n_synthetic;
    const double real = w * w / loop->n_real, other = g * g / n_s;
    const double gain = 1.0 / (1.0 - real - other);
    /* V (1 - keep) - S mix = real;  S (1 - up g lam) + V up w = up w,  up = u gain */
    const double keep = other + g * g * (1.0 - 1.0 / n_s) * model_overlap(loop->memory, g);
    const double mix = other * lam, up = u * gain, own = 1.0 - up * g * lam;
    const double det = (1.0 - keep) * own + mix * up * w;
    const double drift = (real * own + mix * up * w) / det;
    const double spread = ((1.0 - keep) * up * w - real * up * w) / det;
    const double held =
        other + g * g * (1.0 - 1.0 / n_s) * model_overlap(loop->memory, u * g * lam);
    const double phi =
        u * u * (real + other * lam * lam * spread * spread) / (1.0 - u * u * lam * lam * held);
    return (mad_fresh_point){spread, drift, phi, gain};
}

static double level_at(double dim, double spread, double drift, double phi)
{
    return mad_gauss_error(dim, dim, dim * (dim + 1.0) / 4.0, dim * drift, spread, phi);
}

double mad_fresh_level(const mad_fresh *loop)
{
    const mad_fresh_point at = mad_fresh_settle(loop);
    return level_at(loop->dim, at.spread, at.drift, at.phi);
}

void mad_fresh_course(const mad_fresh *loop, double n_initial, size_t n_generations, double *level)
{
    const double w = loop->weight, g = 1.0 - w, lam = loop->lam, n_s = loop->n_synthetic;
    const double u = 1.0 - loop->fit_loss, real = w * w / loop->n_real;
    const double gain = 1.0 / (1.0 - real - g * g / n_s);
    double spread = u, drift = 1.0 / n_initial, phi = u * u / n_initial;
    for (size_t t = 0; t < n_generations; t++) {
        level[t] = level_at(loop->dim, spread, drift, phi);
        const double mixed = w + g * (drift + lam * spread);
        phi = u * u * (real + g * g * lam * lam * (phi + spread * spread / n_s));
        drift = real + g * g * (drift + lam * spread / n_s);
        spread = u * gain * (mixed - drift);
    }
}

double mad_fresh_amplitude(double dim, double fit_loss)
{
    return dim + sqrt(1.0 - fit_loss) * dim * (dim + 1.0) / 4.0;
}

double mad_fresh_single(double dim, double fit_loss, double n_rows)
{
    const double gap = 1.0 - sqrt(1.0 - fit_loss);
    return dim * gap * gap + mad_fresh_amplitude(dim, fit_loss) / n_rows;
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

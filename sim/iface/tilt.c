/* sim/iface/tilt.c: the strength of a tilt, and tilted noise. */
#include "sim/iface/tilt.h"

#include <math.h>

double mad_tilt_strength(const mad_tilt *tilt, size_t generation)
{
    const size_t n_generations = tilt->n_generations;
    const double x = mad_schedule_at(&tilt->strength, generation, n_generations);
    if (tilt->kind == MAD_TILT_STEPS) {
        return (double)mad_schedule_count(&tilt->strength, generation, n_generations);
    }
    return tilt->is_lam ? 1.0 / x - 1.0 : x;
}

const mad_noise_tilt mad_noise_plain = {.sd = 1.0, .limit = HUGE_VAL};

mad_noise_tilt mad_tilt_noise(const mad_tilt *tilt, size_t generation)
{
    mad_noise_tilt noise = mad_noise_plain;
    switch (tilt->kind) {
    case MAD_TILT_TRUNCATION:
        noise.limit = mad_tilt_strength(tilt, generation);
        break;
    case MAD_TILT_TEMPERATURE:
        noise.sd = sqrt(mad_tilt_strength(tilt, generation));
        break;
    case MAD_TILT_NONE:
    case MAD_TILT_GUIDANCE:
    case MAD_TILT_AUTOGUIDANCE:
    case MAD_TILT_STEPS:
        break;
    }
    return noise;
}

/* A standard normal number given |z| <= limit: uniform proposals taken with exp(-z^2 / 2). */
static double truncated(mad_rng *rng, double limit)
{
    for (;;) {
        const double z = limit * (2.0 * mad_rng_uniform(rng) - 1.0);
        if (mad_rng_uniform(rng) < exp(-0.5 * z * z)) {
            return z;
        }
    }
}

static void redraw(double limit, const mad_rng *rng, size_t n, double *z)
{
    mad_rng own = {0};
    int is_open = 0;
    for (size_t i = 0; i < n; i++) {
        if (!(fabs(z[i]) > limit)) {
            continue;
        }
        if (!is_open) {
            own = mad_rng_fork(rng);
            is_open = 1;
        }
        z[i] = truncated(&own, limit);
    }
}

void mad_noise_normals(const mad_noise_tilt *noise, mad_rng *rng, size_t n, double *out)
{
    mad_rng_normals(rng, n, out);
    if (noise->limit < HUGE_VAL) {
        redraw(noise->limit, rng, n, out);
    }
    for (size_t i = 0; noise->sd != 1.0 && i < n; i++) {
        out[i] *= noise->sd;
    }
}

/* models/diffusion/guidance.c: guidance as a denoiser around denoisers. */
#include "models/diffusion/guidance.h"

#include <math.h>
#include <string.h>

/* Step of central differences through D, in units of sigma: far above the rounding of a network in
 * single precision, far below the scale on which D bends. */
#define DIFFERENCE 1e-2

typedef struct guided {
    mad_guidance guidance;
    mad_denoiser base, auxiliary;
    size_t max_rows;
    double *x, *d;  /* [2 max_rows][dim] */
    double *slope;  /* [max_rows][dim] gradient of the reward at D */
    int32_t *label; /* [2 max_rows] */
} guided;

int mad_guidance_acts(const mad_guidance *g, double sigma)
{
    const int is_on = g->kind != MAD_GUIDE_NONE && (g->kind == MAD_GUIDE_REWARD || g->w != 0.0);
    return is_on && sigma > g->low && sigma <= g->high;
}

double mad_guidance_cost(const mad_guidance *g, double sigma)
{
    return !mad_guidance_acts(g, sigma) ? 1.0 : g->kind == MAD_GUIDE_REWARD ? 3.0 : 2.0;
}

/* d + w (d - reference) */
static void extrapolate(double w, size_t n, const double *d, const double *reference, double *out)
{
    for (size_t i = 0; i < n; i++) {
        out[i] = d[i] + w * (d[i] - reference[i]);
    }
}

static void against_unconditional(guided *g, double sigma, size_t n_rows, const int32_t *label,
                                  const double *x, double *d)
{
    const size_t n = n_rows * g->base.dim;
    memcpy(g->x, x, n * sizeof *x);
    memcpy(g->x + n, x, n * sizeof *x);
    for (size_t r = 0; r < n_rows; r++) {
        g->label[r] = label == NULL ? MAD_NO_CLASS : label[r];
        g->label[n_rows + r] = MAD_NO_CLASS;
    }
    g->base.denoise(g->base.self, sigma, 2 * n_rows, g->label, g->x, g->d);
    extrapolate(g->guidance.w, n, g->d, g->d + n, d);
}

static void against_auxiliary(guided *g, double sigma, size_t n_rows, const int32_t *label,
                              const double *x, double *d)
{
    const size_t n = n_rows * g->base.dim;
    g->auxiliary.denoise(g->auxiliary.self, sigma, n_rows, label, x, g->d + n);
    g->base.denoise(g->base.self, sigma, n_rows, label, x, g->d);
    extrapolate(g->guidance.w, n, g->d, g->d + n, d);
}

/* World row = centre + scale x, so that gradients with respect to x carry a factor `scale`. */
static double reward_slope(const mad_guidance *g, size_t j, double d)
{
    const double world = g->centre[j] + g->scale * d;
    return g->scale * (g->reward == MAD_REWARD_LINEAR ? g->target[j] : g->target[j] - world);
}

/* grad_x r(D(x)) = J^T s, s = grad r at D, J the Jacobian of D, symmetric:
 *   J s = |s| (D(x + h s/|s|) - D(x - h s/|s|)) / (2 h) */
static void up_reward(guided *g, double sigma, size_t n_rows, const int32_t *label, const double *x,
                      double *d)
{
    const size_t dim = g->base.dim, n = n_rows * dim;
    const double h = DIFFERENCE * sigma, factor = sigma * sigma / (2.0 * h * g->guidance.tau);
    double *const value = g->d; /* of the base at x; the differences come after it is used */

    g->base.denoise(g->base.self, sigma, n_rows, label, x, value);
    memcpy(g->x, x, n * sizeof *x);
    memcpy(g->x + n, x, n * sizeof *x);
    for (size_t r = 0; r < n_rows; r++) {
        double norm = 0.0;
        for (size_t j = 0; j < dim; j++) {
            g->slope[r * dim + j] = reward_slope(&g->guidance, j, value[r * dim + j]);
            norm = hypot(norm, g->slope[r * dim + j]);
        }
        for (size_t j = 0; j < dim && norm > 0.0; j++) {
            const double step = h * g->slope[r * dim + j] / norm;
            g->x[r * dim + j] += step;
            g->x[n + r * dim + j] -= step;
        }
        for (size_t j = 0; j < dim; j++) {
            d[r * dim + j] = value[r * dim + j];
            g->slope[r * dim + j] = norm * factor;
        }
        g->label[r] = g->label[n_rows + r] = label == NULL ? MAD_NO_CLASS : label[r];
    }
    g->base.denoise(g->base.self, sigma, 2 * n_rows, g->label, g->x, g->d);
    for (size_t i = 0; i < n; i++) {
        d[i] += g->slope[i] * (g->d[i] - g->d[n + i]);
    }
}

static void denoise(void *self, double sigma, size_t n_rows, const int32_t *label, const double *x,
                    double *d)
{
    guided *g = self;
    const size_t dim = g->base.dim;
    if (!mad_guidance_acts(&g->guidance, sigma)) {
        g->base.denoise(g->base.self, sigma, n_rows, label, x, d);
        return;
    }
    for (size_t begin = 0; begin < n_rows; begin += g->max_rows) {
        const size_t n = n_rows - begin < g->max_rows ? n_rows - begin : g->max_rows;
        const int32_t *own = label == NULL ? NULL : label + begin;
        switch (g->guidance.kind) {
        case MAD_GUIDE_CFG:
            against_unconditional(g, sigma, n, own, x + begin * dim, d + begin * dim);
            break;
        case MAD_GUIDE_AUTO:
        case MAD_GUIDE_NEGATIVE:
            against_auxiliary(g, sigma, n, own, x + begin * dim, d + begin * dim);
            break;
        case MAD_GUIDE_REWARD:
            up_reward(g, sigma, n, own, x + begin * dim, d + begin * dim);
            break;
        case MAD_GUIDE_NONE:
            break;
        }
    }
}

mad_status mad_guidance_open(mad_ctx *ctx, const mad_guidance *guidance, const mad_denoiser *base,
                             const mad_denoiser *auxiliary, size_t max_rows, mad_arena *scratch,
                             mad_denoiser *out)
{
    const size_t n = max_rows * base->dim;
    guided *g = mad_arena_take(scratch, 1, sizeof *g);
    if (g == NULL) {
        return mad_fail_memory(ctx, "a guided denoiser");
    }
    *g = (guided){.guidance = *guidance,
                  .base = *base,
                  .auxiliary = *auxiliary,
                  .max_rows = max_rows,
                  .x = mad_arena_take_raw(scratch, 2 * n, sizeof(double)),
                  .d = mad_arena_take_raw(scratch, 2 * n, sizeof(double)),
                  .slope = mad_arena_take_raw(scratch, n, sizeof(double)),
                  .label = mad_arena_take_raw(scratch, 2 * max_rows, sizeof(int32_t))};
    if (g->x == NULL || g->d == NULL || g->slope == NULL || g->label == NULL) {
        return mad_fail_memory(ctx, "a guided denoiser");
    }
    *out = (mad_denoiser){.dim = base->dim, .self = g, .denoise = denoise};
    return MAD_OK;
}

double mad_guided_gain(double variance, double reference, double w)
{
    return pow(variance / reference, w);
}

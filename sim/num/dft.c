/* sim/num/dft.c: see the header. */
#include "sim/num/dft.h"

#include <math.h>

#define TWO_PI 6.28318530717958647692

static mad_status table(mad_ctx *ctx, mad_arena *mem, size_t n, const double **cosine,
                        const double **sine)
{
    double *c = mad_arena_take(mem, n, sizeof *c), *s = mad_arena_take(mem, n, sizeof *s);
    if (c == NULL || s == NULL) {
        return mad_fail_memory(ctx, "a Fourier transform");
    }
    for (size_t j = 0; j < n; j++) {
        c[j] = cos(TWO_PI * (double)j / (double)n);
        s[j] = sin(TWO_PI * (double)j / (double)n);
    }
    *cosine = c;
    *sine = s;
    return MAD_OK;
}

mad_status mad_dft2_create(mad_ctx *ctx, mad_arena *mem, size_t height, size_t width, mad_dft2 *out)
{
    mad_status st = MAD_OK;
    *out = (mad_dft2){.height = height, .width = width};
    MAD_TRY(table(ctx, mem, height, &out->cos_y, &out->sin_y));
    MAD_TRY(table(ctx, mem, width, &out->cos_x, &out->sin_x));
out:
    return st;
}

void mad_dft2_apply(const mad_dft2 *plan, const double *v, size_t step, double *re, double *im,
                    double *work)
{
    const size_t h = plan->height, w = plan->width;
    double *row_re = work, *row_im = work + h * w;
    for (size_t y = 0; y < h; y++) {
        for (size_t k = 0; k < w; k++) {
            double a = 0.0, b = 0.0;
            for (size_t x = 0, at = 0; x < w; x++) {
                const double value = v[(y * w + x) * step];
                a += value * plan->cos_x[at];
                b -= value * plan->sin_x[at];
                at = at + k < w ? at + k : at + k - w;
            }
            row_re[y * w + k] = a;
            row_im[y * w + k] = b;
        }
    }
    for (size_t k = 0; k < h; k++) {
        for (size_t x = 0; x < w; x++) {
            double a = 0.0, b = 0.0;
            for (size_t y = 0, at = 0; y < h; y++) {
                const double c = plan->cos_y[at], s = plan->sin_y[at];
                a += row_re[y * w + x] * c + row_im[y * w + x] * s;
                b += row_im[y * w + x] * c - row_re[y * w + x] * s;
                at = at + k < h ? at + k : at + k - h;
            }
            re[k * w + x] = a;
            im[k * w + x] = b;
        }
    }
}

size_t mad_dft_waves(size_t n, size_t k)
{
    return k < n - k ? k : n - k;
}

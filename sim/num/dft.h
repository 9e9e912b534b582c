/* sim/num/dft.h: the discrete Fourier transform of small real pictures, row by row and column by
 * column: sides of some dozens, where a fast transform would gain little. */
#ifndef MAD_NUM_DFT_H
#define MAD_NUM_DFT_H

#include "sim/base/ctx.h"

typedef struct mad_dft2 {
    size_t height, width;
    const double *cos_y, *sin_y; /* [height] of 2 pi j / height */
    const double *cos_x, *sin_x; /* [width] */
} mad_dft2;

/** Tables from mem. MAD_E_MEMORY. */
MAD_MUST_CHECK mad_status mad_dft2_create(mad_ctx *ctx, mad_arena *mem, size_t height, size_t width,
                                          mad_dft2 *out);

/**
 * F(ky, kx) = sum_{y,x} v(y, x) exp(-2 pi i (ky y / height + kx x / width)).
 * shape   v: [height][width], pixels `step` numbers apart; re, im: [height][width];
 *         work: [2 height width]
 * threads reentrant
 */
void mad_dft2_apply(const mad_dft2 *plan, const double *v, size_t step, double *re, double *im,
                    double *work);

/** Waves over the side n of wave number k: min(k, n - k). */
size_t mad_dft_waves(size_t n, size_t k);

#endif

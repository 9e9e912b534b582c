/* sim/store/png.h: pictures. */
#ifndef MAD_STORE_PNG_H
#define MAD_STORE_PNG_H

#include "sim/base/ctx.h"

/**
 * Write an 8-bit PNG, grey (channels 1) or sRGB (channels 3); an existing file is replaced.
 *
 * shape   pixels: [height][width][channels], row 0 on top
 * errors  MAD_E_RANGE: width or height is 0 or too large;  MAD_E_IO: nothing is left behind
 */
MAD_MUST_CHECK mad_status mad_png_write(mad_ctx *ctx, const char *path, size_t width, size_t height,
                                        size_t channels, const unsigned char *pixels);

#endif

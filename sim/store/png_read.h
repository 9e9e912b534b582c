/* sim/store/png_read.h: PNG pictures in memory. */
#ifndef MAD_STORE_PNG_READ_H
#define MAD_STORE_PNG_READ_H

#include "sim/store/reader.h"

typedef struct mad_png_size {
    size_t height, width;
    size_t channels; /* 1 grey, 3 colour, whatever the file's palette or alpha */
} mad_png_size;

/** Size by the header. MAD_E_DATA: no PNG, damaged, a side above 65535. */
MAD_MUST_CHECK mad_status mad_png_look(mad_ctx *ctx, const mad_raw *raw, mad_png_size *out);

/**
 * Pixels 0..255, as stored: no gamma is applied; bits are spread (1 bit: 0 and 255; 16 bits: v/257),
 * palettes looked up, alpha left out, grey repeated where `channels` is 3.
 *
 * shape   out: [height][width][channels] of the size that mad_png_look told, channels 1 or 3 (3
 *         where the picture has colours)
 * errors  MAD_E_DATA: damaged; MAD_E_MEMORY
 */
MAD_MUST_CHECK mad_status mad_png_read(mad_ctx *ctx, const mad_raw *raw, size_t channels,
                                       double *out);

#endif

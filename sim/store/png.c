/* sim/store/png.c: libpng's simplified interface. */
#include "sim/store/png.h"

#include <png.h>
#include <stdint.h>
#include <string.h>

enum { LARGEST_SIDE = 1 << 20 }; /* libpng's own limit is a million, too */

mad_status mad_png_write(mad_ctx *ctx, const char *path, size_t width, size_t height,
                         size_t channels, const unsigned char *pixels)
{
    png_image image = {.version = PNG_IMAGE_VERSION};

    MAD_ASSERT(channels == 1 || channels == 3);
    if (width == 0 || height == 0 || width > LARGEST_SIDE || height > LARGEST_SIDE) {
        return mad_fail(ctx, MAD_E_RANGE, "picture '%s' of %zu x %zu pixels: both must be 1 to %d",
                        path, width, height, LARGEST_SIDE);
    }
    image.width = (png_uint_32)width;
    image.height = (png_uint_32)height;
    image.format = channels == 1 ? PNG_FORMAT_GRAY : PNG_FORMAT_RGB;
    if (!png_image_write_to_file(&image, path, 0, pixels, 0, NULL)) {
        return mad_fail(ctx, MAD_E_IO, "cannot write picture '%s': %s", path, image.message);
    }
    return MAD_OK;
}

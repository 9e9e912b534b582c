/* sim/store/png_read.c: libpng's full interface: its simplified one would apply gamma to pixels. */
#include "sim/store/png_read.h"

#include <png.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

enum { LARGEST_SIDE = 65535, SIGNATURE_BYTES = 8, REASON_BYTES = 128 };

/* All that changes between setjmp and longjmp lies here, not in registers. */
typedef struct decoder {
    const mad_raw *raw;
    size_t at;
    png_structp png;
    png_infop info;
    char reason[REASON_BYTES];
} decoder;

static void take_bytes(png_structp png, png_bytep out, size_t n)
{
    decoder *d = png_get_io_ptr(png);
    if (n > d->raw->n_bytes - d->at) {
        png_error(png, "it ends too early");
    }
    memcpy(out, d->raw->bytes + d->at, n);
    d->at += n;
}

static void keep_error(png_structp png, png_const_charp text)
{
    decoder *d = png_get_error_ptr(png);
    (void)snprintf(d->reason, sizeof d->reason, "%s", text);
    png_longjmp(png, 1);
}

static void pass_warning(png_structp png, png_const_charp text)
{
    (void)png;
    (void)text;
}

static void close_decoder(decoder *d)
{
    png_destroy_read_struct(&d->png, &d->info, NULL);
}

/* Up to the header; on failure nothing is left open. */
static mad_status open_decoder(mad_ctx *ctx, const mad_raw *raw, decoder *d)
{
    *d = (decoder){.raw = raw};
    if (raw->n_bytes < SIGNATURE_BYTES || png_sig_cmp(raw->bytes, 0, SIGNATURE_BYTES) != 0) {
        return mad_fail(ctx, MAD_E_DATA, "'%s' is no PNG file", raw->path);
    }
    d->png = png_create_read_struct(PNG_LIBPNG_VER_STRING, d, keep_error, pass_warning);
    d->info = d->png == NULL ? NULL : png_create_info_struct(d->png);
    if (d->info == NULL) {
        close_decoder(d);
        return mad_fail_memory(ctx, raw->path);
    }
    if (setjmp(png_jmpbuf(d->png)) != 0) {
        close_decoder(d);
        return mad_fail(ctx, MAD_E_DATA, "'%s' is a damaged PNG file: %s", raw->path, d->reason);
    }
    png_set_read_fn(d->png, d, take_bytes);
    png_set_user_limits(d->png, LARGEST_SIDE, LARGEST_SIDE);
    png_read_info(d->png, d->info);
    return MAD_OK;
}

static mad_png_size size_of(const decoder *d)
{
    const int has_colour = (png_get_color_type(d->png, d->info) & PNG_COLOR_MASK_COLOR) != 0;
    return (mad_png_size){.height = png_get_image_height(d->png, d->info),
                          .width = png_get_image_width(d->png, d->info),
                          .channels = has_colour ? 3 : 1};
}

mad_status mad_png_look(mad_ctx *ctx, const mad_raw *raw, mad_png_size *out)
{
    decoder d;
    const mad_status st = open_decoder(ctx, raw, &d);
    if (st == MAD_OK) {
        *out = size_of(&d);
        close_decoder(&d);
    }
    return st;
}

/* Whole picture as stored, 1 or 2 bytes a sample, most significant first. */
static mad_status decode(mad_ctx *ctx, decoder *d, size_t channels, png_bytep *rows)
{
    if (setjmp(png_jmpbuf(d->png)) != 0) {
        return mad_fail(ctx, MAD_E_DATA, "'%s' is a damaged PNG file: %s", d->raw->path, d->reason);
    }
    png_set_expand(d->png); /* palettes, few bits, transparent colours */
    png_set_strip_alpha(d->png);
    if (channels == 3) {
        png_set_gray_to_rgb(d->png);
    }
    (void)png_set_interlace_handling(d->png);
    png_read_update_info(d->png, d->info);
    png_read_image(d->png, rows);
    png_read_end(d->png, NULL);
    return MAD_OK;
}

mad_status mad_png_read(mad_ctx *ctx, const mad_raw *raw, size_t channels, double *out)
{
    mad_status st = MAD_OK;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    decoder d;
    MAD_TRY(open_decoder(ctx, raw, &d));
    const mad_png_size size = size_of(&d);
    const size_t sample_bytes = png_get_bit_depth(d.png, d.info) == 16 ? 2 : 1;
    const size_t n_samples = size.width * channels;
    png_byte *bytes = mad_arena_take_raw(ctx->scratch, size.height, n_samples * sample_bytes);
    png_bytep *rows = mad_arena_take_raw(ctx->scratch, size.height, sizeof *rows);
    if (bytes == NULL || rows == NULL) {
        st = mad_fail_memory(ctx, raw->path);
    }
    for (size_t y = 0; st == MAD_OK && y < size.height; y++) {
        rows[y] = bytes + y * n_samples * sample_bytes;
    }
    if (st == MAD_OK) {
        st = decode(ctx, &d, channels, rows);
    }
    for (size_t i = 0; st == MAD_OK && i < size.height * n_samples; i++) {
        out[i] = sample_bytes == 1 ? bytes[i] : (bytes[2 * i] * 256 + bytes[2 * i + 1]) / 257.0;
    }
    close_decoder(&d);
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

/* sim/cli/sheet.c: many pictures on one. */
#include "sim/cli/sheet.h"

#include <math.h>
#include <string.h>

#include "sim/store/png.h"

/* Pictures (frames of films) below SHARP pixels are enlarged; white lines of EDGE dots part the tiles. */
enum { SHARP = 28, EDGE = 1, WHITE = 255 };

typedef struct sheet {
    const mad_world_info *world;
    size_t scale;          /* dots per pixel, in both directions */
    size_t n_rows, n_cols; /* of tiles */
    size_t height, width;  /* in dots */
    unsigned char *dot;    /* [height][width][channels] */
} sheet;

mad_status mad_sheet_check(mad_ctx *ctx, const mad_world_info *world)
{
    if (world->height == 0 || (world->channels != 1 && world->channels != 3)) {
        return mad_fail(
            ctx, MAD_E_UNSUPPORTED,
            "a picture file needs rows that are pictures of 1 or 3 channels; these have %zu "
            "columns%s",
            world->dim, world->height == 0 ? " and no height and width" : "");
    }
    return MAD_OK;
}

unsigned char mad_sheet_byte(const mad_world_info *world, double value)
{
    const double low = world->pixel_min, high = world->pixel_max;
    const double share = (value - low) / (high > low ? high - low : 1.0);
    return (unsigned char)(fmin(fmax(share, 0.0), 1.0) * WHITE + 0.5);
}

static void put_tile(const sheet *s, const double *x, size_t i_row, size_t i_col)
{
    const mad_world_info *w = s->world;
    const size_t c = w->channels, tall = w->height * s->scale, wide = w->width * s->scale;
    for (size_t i = 0; i < tall; i++) {
        unsigned char *out =
            s->dot + ((i_row * (tall + EDGE) + i) * s->width + i_col * (wide + EDGE)) * c;
        const double *row = x + i / s->scale * w->width * c;
        for (size_t j = 0; j < wide * c; j++) {
            out[j] = mad_sheet_byte(w, row[j / c / s->scale * c + j % c]);
        }
    }
}

static mad_status take_sheet(mad_ctx *ctx, const mad_world_info *world, size_t n_rows,
                             size_t n_cols, sheet *s)
{
    const size_t tall = world->n_frames > 0 ? world->height / world->n_frames : world->height;
    const size_t side = tall > world->width ? tall : world->width;
    *s = (sheet){.world = world, .n_rows = n_rows, .n_cols = n_cols};
    s->scale = (SHARP + side - 1) / side;
    s->height = n_rows * (world->height * s->scale + EDGE) - EDGE;
    s->width = n_cols * (world->width * s->scale + EDGE) - EDGE;
    const size_t n_bytes = s->height * s->width * world->channels;
    s->dot = mad_arena_take_raw(ctx->scratch, n_bytes, 1);
    if (s->dot == NULL) {
        return mad_fail_memory(ctx, "the sheet");
    }
    memset(s->dot, WHITE, n_bytes);
    return MAD_OK;
}

/* A row of tiles per class, in the order of drawing. */
static mad_status fill_by_class(mad_ctx *ctx, const mad_set *rows, const mad_world_info *world,
                                sheet *s)
{
    mad_status st = MAD_OK;
    size_t widest = 1;
    size_t *count = mad_arena_take(ctx->scratch, world->n_classes, sizeof *count);
    if (count == NULL) {
        return mad_fail_memory(ctx, "the sheet");
    }
    for (size_t i = 0; i < rows->n_rows; i++) {
        const size_t n = ++count[rows->label[i]];
        widest = n > widest ? n : widest;
    }
    MAD_TRY(take_sheet(ctx, world, world->n_classes, widest, s));
    memset(count, 0, world->n_classes * sizeof *count);
    for (size_t i = 0; i < rows->n_rows; i++) {
        const size_t k = (size_t)rows->label[i];
        put_tile(s, rows->x + i * rows->dim, k, count[k]++);
    }
out:
    return st;
}

static mad_status fill_square(mad_ctx *ctx, const mad_set *rows, const mad_world_info *world,
                              sheet *s)
{
    mad_status st = MAD_OK;
    const size_t n_cols = (size_t)ceil(sqrt((double)rows->n_rows));
    MAD_TRY(take_sheet(ctx, world, (rows->n_rows + n_cols - 1) / n_cols, n_cols, s));
    for (size_t i = 0; i < rows->n_rows; i++) {
        put_tile(s, rows->x + i * rows->dim, i / n_cols, i % n_cols);
    }
out:
    return st;
}

/* 1 when some two rows are of different classes. */
static int has_classes(const mad_set *rows)
{
    for (size_t i = 1; rows->label != NULL && i < rows->n_rows; i++) {
        if (rows->label[i] != rows->label[0]) {
            return 1;
        }
    }
    return 0;
}

mad_status mad_sheet_write(mad_ctx *ctx, const mad_world_info *world, const mad_set *rows,
                           const mad_publish *file)
{
    mad_status st = MAD_OK;
    sheet s = {0};
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    MAD_TRY(has_classes(rows) ? fill_by_class(ctx, rows, world, &s)
                              : fill_square(ctx, rows, world, &s));
    MAD_TRY(mad_png_write(ctx, file->temp, s.width, s.height, world->channels, s.dot));
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

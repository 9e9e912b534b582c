/* bench/glyph_sheet.c: what the factors of the world glyph do; draws docs/glyph.png.
 *
 *   bench/glyph_sheet docs/glyph.png
 *
 * Ten pictures a row: the digits in mean style; a 5 with one factor swept, in the order of the world's
 * factors, from -2.25 to 2.25 sd of its law, or from end to end where it is bounded; the digits with the
 * rare dot.
 */
#include <stdio.h>
#include <string.h>

#include "sim/cli/lists.h"
#include "sim/store/png.h"
#include "sim/worlds/glyph.h"
#include "tests/support/values.h"

enum {
    SIDE = 48,
    GAP = 2,
    N_COLUMNS = MAD_GLYPH_CLASSES,
    N_ROWS = 1 + MAD_GLYPH_FACTORS + 1,
    WIDTH = GAP + N_COLUMNS * (SIDE + GAP),
    HEIGHT = GAP + N_ROWS * (SIDE + GAP),
    FRAME = 110, /* grey between the pictures */
    SWEPT = 5
};

#define REACH 2.25 /* sd */

static mad_glyph glyph_at(const mad_world_info *info, size_t row, size_t column)
{
    const int is_swept = row > 0 && row <= MAD_GLYPH_FACTORS;
    mad_glyph glyph = {.code = mad_glyph_code(is_swept ? SWEPT : column),
                       .dot = row > MAD_GLYPH_FACTORS};
    for (size_t k = 0; k < MAD_GLYPH_FACTORS; k++) {
        glyph.factor[k] = info->factor[k].mean;
    }
    if (is_swept) {
        const mad_factor *f = &info->factor[row - 1];
        const double share = (double)column / (N_COLUMNS - 1);
        const double low = f->high > f->low ? f->low : f->mean - REACH * f->sd;
        const double high = f->high > f->low ? f->high : f->mean + REACH * f->sd;
        glyph.factor[row - 1] = low + share * (high - low);
    }
    return glyph;
}

static void paint(const mad_glyph *glyph, unsigned char *corner)
{
    double light[SIDE * SIDE];
    mad_glyph_draw(glyph, SIDE, light, NULL, NULL);
    for (size_t i = 0; i < (size_t)SIDE * SIDE; i++) {
        corner[i / SIDE * WIDTH + i % SIDE] = (unsigned char)(255.0 * light[i] + 0.5);
    }
}

static mad_status draw_sheet(mad_ctx *ctx, mad_arena *mem, const char *path)
{
    static unsigned char sheet[WIDTH * HEIGHT];
    mad_status st = MAD_OK;
    mad_values values;
    mad_world *world = NULL;
    MAD_TRY(mad_values_of(ctx, mem, mad_world_glyph.params, 0, NULL, &values));
    const mad_world_args args = {.values = &values, .seed = 1};
    MAD_TRY(mad_world_glyph.create(ctx, &args, mem, &world));
    memset(sheet, FRAME, sizeof sheet);
    for (size_t row = 0; row < N_ROWS; row++) {
        for (size_t column = 0; column < N_COLUMNS; column++) {
            const mad_glyph glyph = glyph_at(&world->info, row, column);
            paint(&glyph, sheet + (GAP + row * (SIDE + GAP)) * WIDTH + GAP + column * (SIDE + GAP));
        }
    }
    MAD_TRY(mad_png_write(ctx, path, WIDTH, HEIGHT, 1, sheet));
out:
    return st;
}

int main(int argc, char **argv)
{
    mad_ctx *ctx = mad_ctx_create(1);
    mad_arena *mem = mad_arena_create(1 << 20);
    if (argc != 2 || ctx == NULL || mem == NULL) {
        fprintf(stderr, "usage: bench/glyph_sheet FILE.png\n");
        return 2;
    }
    const mad_status st = draw_sheet(ctx, mem, argv[1]);
    if (st != MAD_OK) {
        fprintf(stderr, "glyph_sheet: %s\n", ctx->message);
    }
    mad_arena_destroy(mem);
    mad_ctx_destroy(ctx);
    return st != MAD_OK;
}

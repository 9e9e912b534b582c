/* sim/worlds/pictures.h: pictures of another size: area average and frame. */
#ifndef MAD_WORLDS_PICTURES_H
#define MAD_WORLDS_PICTURES_H

#include "sim/base/ctx.h"

/* From [height][width][channels] to [side][side][channels] to [framed][framed][channels]. */
typedef struct mad_picture_map {
    size_t height, width, channels;
    size_t side_y, side_x;     /* after the average; equal height and width when there is none */
    size_t framed_y, framed_x; /* after the frame; equal side_y, side_x when there is none */
    double *work;              /* [height][side_x][channels] */
} mad_picture_map;

/**
 * Plan the map: `resize` and `pad` are sides of squares, 0 = leave it.
 * errors  MAD_E_CONFIG: pad is smaller than the picture;  MAD_E_MEMORY
 * memory  one row of work from mem
 */
MAD_MUST_CHECK mad_status mad_picture_map_create(mad_ctx *ctx, mad_arena *mem, size_t height,
                                                 size_t width, size_t channels, size_t resize,
                                                 size_t pad, mad_picture_map *out);

/**
 * Pixel (i, j) of the average is the mean of the picture, constant in every pixel, over the cell
 * [i height/side, (i + 1) height/side) x [j width/side, (j + 1) width/side), for any ratio. Cells and
 * pixels overlap in whole multiples of 1/side: for whole numbers the sums are exact and the
 * quotient is rounded once. The frame puts pixels of value `fill` around it, the odd one below and
 * right.
 *
 * shape    x: [height][width][channels]; out: [framed_y][framed_x][channels]
 * threads  one at a time: the map holds its work
 */
void mad_picture_map_apply(const mad_picture_map *map, double fill, const double *x, double *out);

#endif

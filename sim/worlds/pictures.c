/* sim/worlds/pictures.c: pictures of another size. */
#include "sim/worlds/pictures.h"

#include <string.h>

mad_status mad_picture_map_create(mad_ctx *ctx, mad_arena *mem, size_t height, size_t width,
                                  size_t channels, size_t resize, size_t pad, mad_picture_map *out)
{
    mad_picture_map map = {.height = height, .width = width, .channels = channels};
    map.side_y = resize > 0 ? resize : height;
    map.side_x = resize > 0 ? resize : width;
    map.framed_y = pad > 0 ? pad : map.side_y;
    map.framed_x = pad > 0 ? pad : map.side_x;
    if (map.framed_y < map.side_y || map.framed_x < map.side_x) {
        return mad_fail(ctx, MAD_E_CONFIG, "world.pad is %zu, smaller than the picture, %zu x %zu",
                        pad, map.side_y, map.side_x);
    }
    map.work = mad_arena_take(mem, height * map.side_x * channels, sizeof *map.work);
    *out = map;
    return map.work != NULL ? MAD_OK : mad_fail_memory(ctx, "pictures of another size");
}

/* out[o] = sum_i overlap(i, o) x[i] of n_in points `step` apart, in units of 1/n_out of a point:
 * point i covers [i n_out, (i + 1) n_out), cell o covers [o n_in, (o + 1) n_in). */
static void sum_cells(size_t n_in, size_t n_out, size_t step, const double *x, double *out)
{
    for (size_t o = 0; o < n_out; o++) {
        const size_t begin = o * n_in, end = begin + n_in;
        double sum = 0.0;
        for (size_t i = begin / n_out; i * n_out < end; i++) {
            const size_t from = i * n_out > begin ? i * n_out : begin;
            const size_t to = (i + 1) * n_out < end ? (i + 1) * n_out : end;
            sum += (double)(to - from) * x[i * step];
        }
        out[o * step] = sum;
    }
}

void mad_picture_map_apply(const mad_picture_map *map, double fill, const double *x, double *out)
{
    const size_t c = map->channels, row = map->side_x * c, framed_row = map->framed_x * c;
    const size_t top = (map->framed_y - map->side_y) / 2;
    const size_t left = (map->framed_x - map->side_x) / 2;
    const double area = (double)map->height * (double)map->width;
    double *inner = out + top * framed_row + left * c;

    for (size_t i = 0; i < map->framed_y * framed_row; i++) {
        out[i] = fill;
    }
    if (map->side_y == map->height && map->side_x == map->width) {
        for (size_t y = 0; y < map->height; y++) {
            memcpy(inner + y * framed_row, x + y * row, row * sizeof *x);
        }
        return;
    }
    for (size_t y = 0; y < map->height; y++) { /* along x */
        for (size_t k = 0; k < c; k++) {
            sum_cells(map->width, map->side_x, c, x + y * map->width * c + k,
                      map->work + y * row + k);
        }
    }
    for (size_t o = 0; o < map->side_y; o++) { /* along y, a whole row at once */
        const size_t begin = o * map->height, end = begin + map->height;
        double *to = inner + o * framed_row;
        for (size_t j = 0; j < row; j++) {
            to[j] = 0.0;
        }
        for (size_t i = begin / map->side_y; i * map->side_y < end; i++) {
            const size_t low = i * map->side_y > begin ? i * map->side_y : begin;
            const size_t high = (i + 1) * map->side_y < end ? (i + 1) * map->side_y : end;
            for (size_t j = 0; j < row; j++) {
                to[j] += (double)(high - low) * map->work[i * row + j];
            }
        }
        for (size_t j = 0; j < row; j++) {
            to[j] /= area;
        }
    }
}

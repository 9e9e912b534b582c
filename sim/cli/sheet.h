/* sim/cli/sheet.h: many pictures on one. */
#ifndef MAD_CLI_SHEET_H
#define MAD_CLI_SHEET_H

#include "sim/iface/world.h"
#include "sim/store/publish.h"

/** 0..255 of a pixel: black and white are the world's, what lies outside is clipped. */
unsigned char mad_sheet_byte(const mad_world_info *world, double value);

/** MAD_E_UNSUPPORTED unless the world's rows are pictures of 1 or 3 channels. */
MAD_MUST_CHECK mad_status mad_sheet_check(mad_ctx *ctx, const mad_world_info *world);

/**
 * A PNG to file->temp: one row of tiles per class where rows have labels, else as square as can be.
 * Black and white are the world's; what lies outside is clipped. Small pictures are enlarged by a
 * whole number. Publishing is the caller's.
 * errors  MAD_E_RANGE: larger than a PNG can be;  MAD_E_IO, MAD_E_MEMORY
 */
MAD_MUST_CHECK mad_status mad_sheet_write(mad_ctx *ctx, const mad_world_info *world,
                                          const mad_set *rows, const mad_publish *file);

#endif

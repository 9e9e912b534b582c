/* sim/cli/picture_files.h: every row a picture file. */
#ifndef MAD_CLI_PICTURE_FILES_H
#define MAD_CLI_PICTURE_FILES_H

#include "sim/iface/world.h"
#include "sim/store/publish.h"

/** The names for a new folder, "DIR/NAME/" with or without the slash. MAD_E_EXISTS: it is there;
 *  else as mad_publish_claim. */
MAD_MUST_CHECK mad_status mad_picture_files_claim(mad_ctx *ctx, mad_arena *mem, const char *path,
                                                  mad_publish *out);

/**
 * One 8-bit PNG a row, 000000.png on, in a folder a class where rows have labels; black and white
 * are the world's, what lies outside is clipped. The folder appears whole or not at all.
 * errors  MAD_E_IO, MAD_E_MEMORY
 */
MAD_MUST_CHECK mad_status mad_picture_files_write(mad_ctx *ctx, const mad_world_info *world,
                                                  const mad_set *rows, const mad_publish *folder);

#endif

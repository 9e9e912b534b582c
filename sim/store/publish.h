/* sim/store/publish.h: files that appear whole or not at all: temporary name, fsync, rename. */
#ifndef MAD_STORE_PUBLISH_H
#define MAD_STORE_PUBLISH_H

#include "sim/base/ctx.h"

enum { MAD_PATH_BYTES = 4096 };

/* A file on its way: DIR/.NAME.tmp becomes DIR/NAME. */
typedef struct mad_publish {
    char dir[MAD_PATH_BYTES], path[MAD_PATH_BYTES], temp[MAD_PATH_BYTES];
} mad_publish;

/** Set the three names. MAD_E_IO: too long. */
MAD_MUST_CHECK mad_status mad_publish_init(mad_ctx *ctx, const char *dir, const char *name,
                                           mad_publish *out);

/**
 * The names for a file that a user asked for, once it is sure that it may be written there.
 * errors  MAD_E_EXISTS: there is a file (without `replace`) or something that is none;  MAD_E_IO: no
 *         such folder, or it cannot be written;  MAD_E_USAGE: the path names no file
 */
MAD_MUST_CHECK mad_status mad_publish_claim(mad_ctx *ctx, const char *path, int replace,
                                            mad_publish *out);

/** Copy the published file to the temporary one. MAD_E_IO. */
MAD_MUST_CHECK mad_status mad_publish_copy(mad_ctx *ctx, const mad_publish *file);

/**
 * fsync the temporary file, rename it, fsync the folder: after a crash the name shows the old file
 * or the new one, never a part.
 */
MAD_MUST_CHECK mad_status mad_publish_commit(mad_ctx *ctx, const mad_publish *file);

/** Remove the temporary file of a failed attempt (absent: nothing to do). */
void mad_publish_abandon(const mad_publish *file);

#endif

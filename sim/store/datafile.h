/* sim/store/datafile.h: readers of users' data files. */
#ifndef MAD_STORE_DATAFILE_H
#define MAD_STORE_DATAFILE_H

#include "sim/iface/world.h"

/**
 * Find a data file: as given, below `directory` (of the configuration), below $MADLOOP_DATA,
 * ../shared/data, /usr/share/datasets. The found name is copied into mem.
 * errors  MAD_E_IO naming the file and the places looked at
 */
MAD_MUST_CHECK mad_status mad_data_find(mad_ctx *ctx, mad_arena *mem, const char *directory,
                                        const char *path, const char **out);

/**
 * Read the file(s) that a world's values name, with the reader the world names ("idx": keys
 * `images`, `labels`; "csv": `path`, `label_column`; "npy": `path`, `labels`). Plain or gzip,
 * told by the magic bytes.
 *
 * errors  MAD_E_IO; MAD_E_DATA with file, position and what is wrong: truncated, wrong magic,
 *         dimensions whose product exceeds the file (checked before anything is allocated), ragged
 *         rows, NaN or Inf, text where a number is due, no rows
 */
MAD_MUST_CHECK mad_status mad_table_read(mad_ctx *ctx, mad_arena *mem, const char *reader,
                                         const mad_values *values, const char *directory,
                                         mad_table *out);

#endif

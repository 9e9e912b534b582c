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
 * Read the file(s) that a world's values name, with the reader the world names; plain or gzip, told
 * by the magic bytes.
 *
 * "idx"  keys `images`, `labels` (none: no labels): 1 to 5 dimensions, every number type
 * "csv"  keys `path`, `label_column` (none, last, first or a name of the header): lines of numbers
 *        between `,` `;` or tabs; lines that begin with `#` are passed over
 * "cifar"  key `path`: CIFAR-10 or CIFAR-100 in the binary version
 * "npy"  keys `path`, `labels` (none: no labels): whole numbers and floats of up to 8 bytes
 *
 * Arrays [n][h][w] and [n][h][w][c], c <= 4, are pictures; others are n rows. Class numbers become
 * ranks: labels 3, 5, 9 are classes 0, 1, 2.
 *
 * errors  MAD_E_IO; MAD_E_DATA with file, position and what is wrong: truncated, trailing bytes,
 *         wrong magic, dimensions whose product exceeds the file (checked before anything is
 *         allocated), ragged rows, NaN or Inf, text where a number is due, no rows, labels that are
 *         no whole numbers 0..65535 or not as many as rows, more than 4 GiB unpacked; MAD_E_MEMORY
 */
MAD_MUST_CHECK mad_status mad_table_read(mad_ctx *ctx, mad_arena *mem, const char *reader,
                                         const mad_values *values, const char *directory,
                                         mad_table *out);

/**
 * Read any one data file, its format told by its first bytes.
 *
 * labels  of arrays a file with one number per row, of text a column (last, first or a name of the
 *         header); NULL: none. CIFAR files hold their own.
 * errors  as mad_table_read
 */
MAD_MUST_CHECK mad_status mad_table_open(mad_ctx *ctx, mad_arena *mem, const char *path,
                                         const char *labels, mad_table *out);

#endif

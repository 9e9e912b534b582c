/* sim/store/datafile.h: readers of users' data files. */
#ifndef MAD_STORE_DATAFILE_H
#define MAD_STORE_DATAFILE_H

#include "sim/iface/world.h"

typedef enum mad_header { MAD_HEADER_AUTO, MAD_HEADER_YES, MAD_HEADER_NO } mad_header;

/* How a file is read. All zero: as its first lines tell, no labels, any bad row refused. */
typedef struct mad_reading {
    const char *labels; /* of text a column: last, first or a name of the header; of other files a
                             file with one label a row; NULL: none */
    char delimiter;     /* of text; 0: told by the first line */
    mad_header header;  /* of text */
    int takes_one_word; /* a text of one column may be of words: labels; else it is no table */
    int drops_bad_rows; /* rows that hold no finite numbers or are ragged are left out and counted */
} mad_reading;

/**
 * Find a data file or folder: as given, below `directory` (of the configuration), below
 * $MADLOOP_DATA, ../shared/data, /usr/share/datasets. "FILE:MEMBER" names an array inside an NPZ
 * archive or an HDF5 file. The found name is copied into mem.
 * errors  MAD_E_IO naming the file and the places looked at
 */
MAD_MUST_CHECK mad_status mad_data_find(mad_ctx *ctx, mad_arena *mem, const char *directory,
                                        const char *path, const char **out);

/**
 * Read the file(s) that a world's values name, with the reader the world names; plain or gzip, told
 * by the magic bytes.
 *
 * "idx"   keys `images`, `labels` (none: no labels): 1 to 5 dimensions, every number type
 * "csv"   keys `path`, `label_column` (none, last, first or a name of the header), `delimiter`,
 *         `header`: fields between `,` `;` or tabs, quoted or not; lines that begin with `#` are
 *         passed over; a column of words becomes ranks of its words
 * "cifar" key `path`: CIFAR-10 or CIFAR-100 in the binary version
 * "npy"   keys `path`, `labels`: whole numbers and floats of up to 8 bytes, in NPY or NPZ
 * "hdf5"  keys `path`, `labels`: FILE:/DATASET or FILE:/DATASET[0:1000, :]
 * "png"   key `path`: a folder of pictures of one size, or of one such folder a class
 *
 * Arrays [n][h][w] and [n][h][w][c], c <= 4, are pictures; others are n rows. Class numbers become
 * ranks: labels 3, 5, 9 are classes 0, 1, 2; so do words.
 *
 * errors  MAD_E_IO; MAD_E_DATA with file, position and what is wrong: truncated, trailing bytes,
 *         wrong magic, dimensions whose product exceeds the file (checked before anything is
 *         allocated), ragged rows, NaN or Inf, text where a number is due, no rows, labels that are
 *         no whole numbers 0..65535 or not as many as rows, more than 4 GiB unpacked; MAD_E_MEMORY
 */
MAD_MUST_CHECK mad_status mad_table_read(mad_ctx *ctx, mad_arena *mem, const char *reader,
                                         const mad_values *values, const char *directory,
                                         mad_table *out);

/** Read any one data file or folder, its format told by its first bytes. Errors as mad_table_read. */
MAD_MUST_CHECK mad_status mad_table_open(mad_ctx *ctx, mad_arena *mem, const char *path,
                                         const mad_reading *how, mad_table *out);

#endif

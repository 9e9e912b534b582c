/* sim/store/reader.h: the parts of the data-file readers: bytes, arrays, tables. */
#ifndef MAD_STORE_READER_H
#define MAD_STORE_READER_H

#include "sim/iface/world.h"

/* ---- a whole file in memory, unpacked ---- */

#define MAD_RAW_MAX_BYTES ((size_t)1 << 32)

typedef struct mad_raw {
    const char *path;           /* borrowed */
    const unsigned char *bytes; /* [n_bytes], then one zero byte */
    size_t n_bytes;
    mad_arena *mem; /* its own: goes away with mad_raw_close */
} mad_raw;

/**
 * Read a plain or gzip file (told by its magic). The unpacked size is counted before memory is
 * taken.
 * errors  MAD_E_IO: cannot be read, not a regular file;  MAD_E_DATA: damaged gzip, empty, above
 *         4 GiB;  MAD_E_MEMORY
 */
MAD_MUST_CHECK mad_status mad_raw_open(mad_ctx *ctx, const char *path, mad_raw *out);
void mad_raw_close(mad_raw *raw);

typedef enum mad_format {
    MAD_FORMAT_IDX,
    MAD_FORMAT_NPY,
    MAD_FORMAT_HDF5,
    MAD_FORMAT_CIFAR, /* no magic: a whole number of records, and bytes that no text has */
    MAD_FORMAT_CSV    /* whatever else */
} mad_format;

/** The format that the first bytes tell. */
mad_format mad_raw_format(const mad_raw *raw);

/* ---- an array of numbers inside it: IDX, NPY ---- */

enum { MAD_ARRAY_MAX_RANK = 8 };

typedef enum mad_item {
    MAD_ITEM_U8,
    MAD_ITEM_I8,
    MAD_ITEM_U16,
    MAD_ITEM_I16,
    MAD_ITEM_U32,
    MAD_ITEM_I32,
    MAD_ITEM_U64,
    MAD_ITEM_I64,
    MAD_ITEM_F16,
    MAD_ITEM_F32,
    MAD_ITEM_F64
} mad_item;

typedef struct mad_array {
    mad_item item;
    int big_endian;
    int fortran_order; /* 1: the first index runs fastest */
    size_t rank, shape[MAD_ARRAY_MAX_RANK];
    size_t n_items;            /* product of shape, > 0 */
    const unsigned char *data; /* into the mad_raw */
} mad_array;

size_t mad_item_bytes(mad_item item);

/** The header of a file; sizes are proved to fill the file exactly. MAD_E_DATA. */
MAD_MUST_CHECK mad_status mad_idx_parse(mad_ctx *ctx, const mad_raw *raw, mad_array *out);
MAD_MUST_CHECK mad_status mad_npy_parse(mad_ctx *ctx, const mad_raw *raw, mad_array *out);

/** Sets n_items and data, or tells how the header's shape and the bytes behind it disagree. */
MAD_MUST_CHECK mad_status mad_array_check(mad_ctx *ctx, const mad_raw *raw, size_t header_bytes,
                                          mad_array *array);

/** All items as doubles, row-major. MAD_E_DATA: NaN or Inf, with its place; MAD_E_MEMORY. */
MAD_MUST_CHECK mad_status mad_array_values(mad_ctx *ctx, mad_arena *mem, const mad_raw *raw,
                                           const mad_array *array, double **out);

/* ---- tables ---- */

/**
 * Class numbers 0..65535 as ranks 0..n_classes-1 among those that occur: label, n_classes and
 * class_value of a table with its n_rows. MAD_E_DATA: negative, too large or no whole number (the
 * first is named); MAD_E_MEMORY.
 * shape   value: [n_rows]
 */
MAD_MUST_CHECK mad_status mad_labels_map(mad_ctx *ctx, mad_arena *mem, const char *path,
                                         const double *value, mad_table *table);

/** Text table: see mad_table_read. `label_column`: none, last, first or a name of the header. */
MAD_MUST_CHECK mad_status mad_csv_read(mad_ctx *ctx, mad_arena *mem, const mad_raw *raw,
                                       const char *label_column, mad_table *out);

/** 1 when so many bytes are a whole number of CIFAR records. */
int mad_cifar_fits(size_t n_bytes);

/** CIFAR-10 or CIFAR-100 (fine classes), told by the size: [32][32][3], channels last. MAD_E_DATA. */
MAD_MUST_CHECK mad_status mad_cifar_read(mad_ctx *ctx, mad_arena *mem, const mad_raw *raw,
                                         mad_table *out);

#endif

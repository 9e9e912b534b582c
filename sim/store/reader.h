/* sim/store/reader.h: the parts of the data-file readers: places, bytes, arrays, tables. */
#ifndef MAD_STORE_READER_H
#define MAD_STORE_READER_H

#include "sim/iface/world.h"
#include "sim/store/datafile.h"

/* ---- where data lie ---- */

typedef struct mad_location {
    const char *text;   /* as given, for messages: "FILE" or "FILE:MEMBER" */
    const char *file;   /* file or folder */
    const char *member; /* array of an archive, or NULL */
} mad_location;

/** Text after a ':' is a member where what is before it is a file and the whole is none.
 *  `text` is borrowed. MAD_E_MEMORY. */
MAD_MUST_CHECK mad_status mad_location_split(mad_ctx *ctx, mad_arena *mem, const char *text,
                                             mad_location *out);
int mad_is_folder(const char *path);

/* ---- a whole file in memory, unpacked ---- */

#define MAD_RAW_MAX_BYTES ((size_t)1 << 32)

typedef struct mad_raw {
    const char *path;           /* borrowed */
    const unsigned char *bytes; /* [n_bytes], then one zero byte */
    size_t n_bytes;
    mad_arena *mem; /* its own: goes away with mad_raw_close */
} mad_raw;

/**
 * Read a plain or gzip file (told by its magic). The unpacked size is counted, and an IDX or NPY
 * header compared with it, before memory is taken.
 * errors  MAD_E_IO: cannot be read, not a regular file;  MAD_E_DATA: damaged gzip, empty, above
 *         4 GiB, a header that does not fit the size;  MAD_E_MEMORY
 */
MAD_MUST_CHECK mad_status mad_raw_open(mad_ctx *ctx, const char *path, mad_raw *out);
void mad_raw_close(mad_raw *raw);

typedef enum mad_format {
    MAD_FORMAT_IDX,
    MAD_FORMAT_NPY,
    MAD_FORMAT_NPZ,
    MAD_FORMAT_HDF5,
    MAD_FORMAT_CIFAR, /* no magic: a whole number of records, and bytes that no text has */
    MAD_FORMAT_PNG,   /* a folder */
    MAD_FORMAT_CSV    /* whatever else */
} mad_format;

/* A data file, opened. */
typedef struct mad_source {
    mad_location at;
    mad_format format;
    mad_raw raw; /* its bytes, or the member's; none of HDF5 files and folders */
} mad_source;

/**
 * Open whatever lies there and tell its format by its first bytes.
 * errors  as mad_raw_open, mad_npz_open; MAD_E_DATA: a member of a file that has none
 */
MAD_MUST_CHECK mad_status mad_source_open(mad_ctx *ctx, mad_arena *mem, const char *text,
                                          mad_source *out);
void mad_source_close(mad_source *source);

/** The array `member` (NULL: the only one) of a ZIP archive, its sizes checked before memory is
 *  taken. MAD_E_DATA, MAD_E_MEMORY. */
MAD_MUST_CHECK mad_status mad_npz_open(mad_ctx *ctx, const mad_raw *zip, const char *member,
                                       mad_raw *out);

/* ---- an array of numbers inside it: IDX, NPY ---- */

enum { MAD_ARRAY_MAX_RANK = 8, MAD_HEAD_BYTES = 1 << 17 };

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

/** The header of a file, in its first MAD_HEAD_BYTES; sizes are proved to fill the file exactly.
 *  MAD_E_DATA. */
MAD_MUST_CHECK mad_status mad_idx_parse(mad_ctx *ctx, const mad_raw *raw, mad_array *out);
MAD_MUST_CHECK mad_status mad_npy_parse(mad_ctx *ctx, const mad_raw *raw, mad_array *out);

/** The header of an IDX or NPY file against the size of the whole, by its first min(n_bytes,
 *  MAD_HEAD_BYTES) bytes alone; any other file passes. MAD_E_DATA. */
MAD_MUST_CHECK mad_status mad_head_check(mad_ctx *ctx, const mad_raw *head);

/** Sets n_items and data, or tells how the header's shape and the bytes behind it disagree. */
MAD_MUST_CHECK mad_status mad_array_check(mad_ctx *ctx, const mad_raw *raw, size_t header_bytes,
                                          mad_array *array);

/** All items as doubles, row-major, NaN and infinities as they are. MAD_E_MEMORY. */
MAD_MUST_CHECK mad_status mad_array_values(mad_ctx *ctx, mad_arena *mem, const mad_raw *raw,
                                           const mad_array *array, double **out);

/* Any array as doubles. */
typedef struct mad_numbers {
    const char *format, *type; /* "npy", "float32" */
    size_t rank, shape[MAD_ARRAY_MAX_RANK], n_items;
    double *value; /* [n_items], row-major, NaN and infinities as they are */
} mad_numbers;

/** An IDX, NPY, NPZ or HDF5 source. MAD_E_DATA, MAD_E_MEMORY. */
MAD_MUST_CHECK mad_status mad_numbers_read(mad_ctx *ctx, mad_arena *mem, const mad_source *source,
                                           mad_numbers *out);

/** A dataset "/PATH" or a slice of it "/PATH[0:100, :]" of an HDF5 file; no member: the only
 *  dataset. MAD_E_DATA: not there, no numbers, outside the shape, above 4 GiB; MAD_E_IO; MAD_E_MEMORY */
MAD_MUST_CHECK mad_status mad_hdf5_read(mad_ctx *ctx, mad_arena *mem, const mad_location *at,
                                        mad_numbers *out);

/** Called for each dataset of a file, in the order of their names. */
typedef void (*mad_hdf5_fn)(void *arg, const char *name, size_t rank, const size_t *shape);

/** The datasets of an HDF5 file, those of more than MAD_ARRAY_MAX_RANK dimensions left out.
 *  MAD_E_DATA: damaged; MAD_E_IO. */
MAD_MUST_CHECK mad_status mad_hdf5_each(mad_ctx *ctx, const char *path, mad_hdf5_fn fn, void *arg);

/* ---- tables ---- */

/**
 * Class numbers 0..65535 as ranks 0..n_classes-1 among those that occur: label, n_classes and
 * class_value of a table with its n_rows. MAD_E_DATA: negative, too large or no whole number (the
 * first is named); MAD_E_MEMORY.
 * shape   value: [n_rows]
 */
MAD_MUST_CHECK mad_status mad_labels_map(mad_ctx *ctx, mad_arena *mem, const char *path,
                                         const double *value, mad_table *table);

/** After mad_labels_map of ranks of words: the words become the classes' names. MAD_E_MEMORY. */
MAD_MUST_CHECK mad_status mad_labels_name(mad_ctx *ctx, mad_arena *mem,
                                          const mad_table_column *words, mad_table *table);

/** Text table: see mad_table_read. MAD_E_DATA, MAD_E_MEMORY. */
MAD_MUST_CHECK mad_status mad_csv_read(mad_ctx *ctx, mad_arena *mem, const mad_raw *raw,
                                       const mad_reading *how, mad_table *out);

/** A folder of PNG files: see mad_table_read. MAD_E_IO, MAD_E_DATA, MAD_E_MEMORY. */
MAD_MUST_CHECK mad_status mad_png_folder_read(mad_ctx *ctx, mad_arena *mem, const char *folder,
                                              mad_table *out);

/** 1 when so many bytes are a whole number of CIFAR records. */
int mad_cifar_fits(size_t n_bytes);

/** CIFAR-10 or CIFAR-100 (fine classes), told by the size: [32][32][3], channels last. MAD_E_DATA. */
MAD_MUST_CHECK mad_status mad_cifar_read(mad_ctx *ctx, mad_arena *mem, const mad_raw *raw,
                                         mad_table *out);

#endif

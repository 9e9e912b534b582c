/* sim/store/h5util.h: what every HDF5 file of a run shares: properties, attributes, errors. */
#ifndef MAD_STORE_H5UTIL_H
#define MAD_STORE_H5UTIL_H

#include <hdf5.h>

#include "sim/store/runfile.h"

#define MAD_CONVENTIONS "madloop-1"

/** Stop HDF5 printing its error stack. Every public function of the store calls it first. */
void mad_h5_quiet(void);

/** mad_fail with the innermost text of HDF5's error stack behind the message. */
mad_status mad_h5_fail(mad_ctx *ctx, mad_status code, const char *format, ...) MAD_PRINTF(3, 4);

/** Close any id but a file's (H5I_INVALID_HID: nothing to do). Returns st, or the failure to close
 *  when st was MAD_OK. */
mad_status mad_h5_close(mad_ctx *ctx, mad_status st, hid_t id);

/** Close a file opened with H5F_CLOSE_SEMI: fails when a handle into it was leaked. */
mad_status mad_h5_close_file(mad_ctx *ctx, mad_status st, hid_t file, const char *path);

/** Create a new file (a stale one of that name is removed). MAD_E_IO. */
MAD_MUST_CHECK mad_status mad_h5_create_file(mad_ctx *ctx, const char *path, hid_t *out);

/** Open for reading (H5F_ACC_RDONLY) or writing (H5F_ACC_RDWR); checks `conventions`.
 *  MAD_E_IO: cannot be opened;  MAD_E_DATA: no HDF5, damaged, not a file of ours. */
MAD_MUST_CHECK mad_status mad_h5_open_file(mad_ctx *ctx, const char *path, unsigned flags,
                                           hid_t *out);

/** Attributes of an object: text as fixed-length UTF-8, numbers as float64. MAD_E_IO. */
MAD_MUST_CHECK mad_status mad_h5_write_attributes(mad_ctx *ctx, hid_t object, size_t n,
                                                  const mad_attribute *attributes);

/** A scalar int64 attribute, created or overwritten in place. MAD_E_IO. */
MAD_MUST_CHECK mad_status mad_h5_write_count(mad_ctx *ctx, hid_t object, const char *name,
                                             size_t count);

/** Read a scalar whole number 0..INT64_MAX. MAD_E_DATA. */
MAD_MUST_CHECK mad_status mad_h5_read_count(mad_ctx *ctx, hid_t object, const char *name,
                                            size_t *out);

/** All scalar attributes (text or number) of an object, by name; others are passed over.
 *  MAD_E_DATA, MAD_E_MEMORY. */
MAD_MUST_CHECK mad_status mad_h5_read_attributes(mad_ctx *ctx, mad_arena *mem, hid_t object,
                                                 size_t *n, const mad_attribute **out);

/** Create the groups of "a/b/name" or "/a/b/name" that are missing: /a and /a/b. Like everything
 *  else in our files they carry no times: equal content gives equal bytes. MAD_E_IO. */
MAD_MUST_CHECK mad_status mad_h5_make_groups(mad_ctx *ctx, hid_t file, const char *path);

/** Halve the largest of dims[rank] until the product times item_bytes is at most 1 MiB. */
void mad_h5_shrink_chunk(size_t rank, hsize_t *dims, size_t item_bytes);

/** int32 [n] first, first + 1, ... as a dimension scale, left open in *out. MAD_E_IO, MAD_E_MEMORY. */
MAD_MUST_CHECK mad_status mad_h5_write_scale(mad_ctx *ctx, hid_t file, const char *name,
                                             const char *long_name, size_t n, int32_t first,
                                             hid_t *out);

/** Rank and shape of a dataset's space. MAD_E_DATA: rank above max_rank. */
MAD_MUST_CHECK mad_status mad_h5_shape(mad_ctx *ctx, hid_t dataset, const char *name,
                                       size_t max_rank, size_t *rank, size_t *shape);

#endif

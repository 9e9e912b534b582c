/* sim/store/feature_file.h: trained feature spaces in a file of their own. */
#ifndef MAD_STORE_FEATURE_FILE_H
#define MAD_STORE_FEATURE_FILE_H

#include "sim/iface/feature.h"
#include "sim/store/publish.h"
#include "sim/store/runfile.h"

enum { MAD_FEATURE_MAX_ARRAYS = 64 };

typedef struct mad_attributes {
    size_t n;
    const mad_attribute *attribute;
} mad_attributes;

/** FNV-1a (64 bits) over name and data of every array, as they lie in the file one after the other,
 *  then height, width, channels, pixel_mean and pixel_sd as doubles; all little-endian. */
uint64_t mad_feature_hash(const mad_feature_file *file);

/**
 * Write file->temp: arrays as /weights/NAME, the numbers and the hash (16 hex digits) as attributes of
 * "/" beside the given ones. Publishing is the caller's.
 * errors  MAD_E_IO: nothing is left behind
 */
MAD_MUST_CHECK mad_status mad_feature_write(mad_ctx *ctx, const mad_publish *to,
                                            const mad_feature_file *file, size_t n_attributes,
                                            const mad_attribute *attributes);

/** 1 when an HDF5 file says that it is a feature file. */
int mad_feature_is_file(const char *path);

/**
 * Read a file back, into mem; with `attributes`, all that stands at "/" (NULL: not wanted).
 * errors  MAD_E_IO: no such file;  MAD_E_DATA: damaged, no feature file, or its arrays are not those
 *         that its hash was taken of;  MAD_E_MEMORY
 */
MAD_MUST_CHECK mad_status mad_feature_read(mad_ctx *ctx, mad_arena *mem, const char *path,
                                           mad_feature_file *out, mad_attributes *attributes);

#endif

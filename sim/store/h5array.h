/* sim/store/h5array.h: whole arrays as datasets: model states, previews, weights. */
#ifndef MAD_STORE_H5ARRAY_H
#define MAD_STORE_H5ARRAY_H

#include "sim/store/h5util.h"

enum { MAD_H5_MAX_RANK = 4 };

/** Write one dataset, making the groups of its path: chunks with a checksum, no times. MAD_E_IO. */
MAD_MUST_CHECK mad_status mad_h5_write_array(mad_ctx *ctx, hid_t file, const mad_gen_array *array);

/** Read one dataset into data. MAD_E_DATA: absent, damaged, or kind, rank or shape differ from
 *  `want`. */
MAD_MUST_CHECK mad_status mad_h5_read_array(mad_ctx *ctx, hid_t file, const mad_gen_array *want,
                                            void *data);

#endif

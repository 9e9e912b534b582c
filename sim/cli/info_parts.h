/* sim/cli/info_parts.h: what `madloop info` says of data files, and the parts it says it with. */
#ifndef MAD_CLI_INFO_PARTS_H
#define MAD_CLI_INFO_PARTS_H

#include "sim/store/json.h"
#include "sim/store/runfile.h"

json_t *mad_json_shape(size_t rank, const size_t *shape);

/** Members min, max, mean, sd of n numbers. */
void mad_json_put_range(json_t *out, size_t n, const double *x);
void mad_json_put_attributes(json_t *out, size_t n, const mad_attribute *attributes);

/**
 * What a data file, an array in it or a folder of pictures holds: kind, type, shape, range, columns,
 * classes.
 * errors  as mad_source_open and the readers
 */
MAD_MUST_CHECK mad_status mad_info_data(mad_ctx *ctx, mad_arena *mem, const char *path,
                                        json_t *out);

#endif

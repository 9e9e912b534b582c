/* sim/store/rows.h: rows written as files that other tools open. */
#ifndef MAD_STORE_ROWS_H
#define MAD_STORE_ROWS_H

#include "sim/iface/set.h"
#include "sim/store/publish.h"

typedef enum mad_rows_format {
    MAD_ROWS_NPY, /* float64 [n][dim]; labels int32 [n] in a file of their own */
    MAD_ROWS_NPZ, /* float64 x [n][dim]; int32 label [n] beside it in the archive */
    MAD_ROWS_IDX, /* float64 [n][dim]; labels int32 [n] in a file of their own */
    MAD_ROWS_CSV  /* header x0,x1,...; labels are the last column */
} mad_rows_format;

#define MAD_ROWS_FORMATS ".npy, .npz, .csv, .idx"

/** By the end of the name: 1 and *out, or 0. */
int mad_rows_format_of(const char *path, mad_rows_format *out);

/** 1 when labels go into a second file. */
int mad_rows_has_labels_file(mad_rows_format format);

/** "DIR/NAME-labels.EXT" of "DIR/NAME.EXT", in mem; NULL when the format needs no second file or
 *  memory is short. */
const char *mad_rows_labels_path(mad_arena *mem, const char *path, mad_rows_format format);

/**
 * Write rows to data->temp, and where they have labels and the format wants them apart, those to
 * labels->temp. Publishing is the caller's.
 * errors  MAD_E_IO: nothing is left behind
 */
MAD_MUST_CHECK mad_status mad_rows_write(mad_ctx *ctx, mad_rows_format format,
                                         const mad_publish *data, const mad_publish *labels,
                                         const mad_set *rows);

#endif

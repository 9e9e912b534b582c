/* sim/store/datafile.c: choose a data file's reader, turn arrays into a table of rows. */
#include "sim/store/datafile.h"

#include <math.h>
#include <string.h>

#include "sim/store/reader.h"

enum { MAX_CHANNELS = 4 };

/* ---- labels ---- */

/* One label for each of n rows, from a file of its own: numbers, or words with their names. */
static mad_status read_labels(mad_ctx *ctx, mad_arena *mem, const char *path, size_t n,
                              mad_table *out)
{
    mad_status st = MAD_OK;
    MAD_TRY(mad_table_open(ctx, mem, path, &(mad_reading){.takes_one_word = 1}, out));
    if (out->dim != 1 || out->n_rows != n) {
        st = mad_fail(ctx, MAD_E_DATA,
                      "'%s' holds %zu row(s) of %zu column(s), expected one label for each of the "
                      "%zu rows",
                      path, out->n_rows, out->dim, n);
    }
out:
    return st;
}

static mad_status set_labels(mad_ctx *ctx, mad_arena *mem, const char *path,
                             const mad_table *labels, mad_table *table)
{
    mad_status st = MAD_OK;
    MAD_TRY(mad_labels_map(ctx, mem, path, labels->x, table));
    if (labels->column != NULL && labels->column[0].n_levels > 0) {
        st = mad_labels_name(ctx, mem, &labels->column[0], table);
    }
out:
    return st;
}

/* ---- arrays ---- */

/* [n][h][w] and [n][h][w][c] are pictures; every other array is rows of whatever follows n. */
static void name_shape(const mad_numbers *a, mad_table *table)
{
    const size_t *shape = a->shape;
    table->n_rows = shape[0];
    table->dim = a->n_items / shape[0];
    table->x = a->value;
    if (a->rank == 3 || (a->rank == 4 && shape[3] <= MAX_CHANNELS)) {
        table->height = shape[1];
        table->width = shape[2];
        table->channels = a->rank == 3 ? 1 : shape[3];
    }
}

/* Column of the first number of a row that is not finite; dim: all are. */
static size_t bad_column(const double *row, size_t dim)
{
    size_t j = 0;
    while (j < dim && isfinite(row[j])) {
        j++;
    }
    return j;
}

/* Refuses the first row with NaN or Inf, or leaves all such rows out, here and among the labels. */
static mad_status settle_bad_rows(mad_ctx *ctx, const char *path, const mad_reading *how,
                                  mad_table *table, mad_table *labels)
{
    const size_t dim = table->dim;
    size_t n_kept = 0;
    for (size_t i = 0; i < table->n_rows; i++) {
        const double *row = table->x + i * dim;
        const size_t j = bad_column(row, dim);
        if (j < dim && !how->drops_bad_rows) {
            return mad_fail(ctx, MAD_E_DATA,
                            "'%s': row %zu, column %zu (from 1) is %f, not a finite number", path,
                            i + 1, j + 1, row[j]);
        }
        if (j == dim) {
            memmove(table->x + n_kept * dim, row, dim * sizeof *row);
            if (labels->x != NULL) {
                labels->x[n_kept] = labels->x[i];
            }
            n_kept++;
        }
    }
    table->n_dropped = table->n_rows - n_kept;
    table->n_rows = n_kept;
    return n_kept > 0 ? MAD_OK : mad_fail(ctx, MAD_E_DATA, "'%s' has no row without NaN", path);
}

static mad_status array_table(mad_ctx *ctx, mad_arena *mem, const mad_source *source,
                              const mad_reading *how, mad_table *out)
{
    mad_status st = MAD_OK;
    mad_numbers numbers;
    mad_table table = {0}, labels = {0};
    MAD_TRY(mad_numbers_read(ctx, mem, source, &numbers));
    name_shape(&numbers, &table);
    if (how->labels != NULL) {
        MAD_TRY(read_labels(ctx, mem, how->labels, table.n_rows, &labels));
    }
    MAD_TRY(settle_bad_rows(ctx, source->at.text, how, &table, &labels));
    if (how->labels != NULL) {
        MAD_TRY(set_labels(ctx, mem, how->labels, &labels, &table));
    }
    *out = table;
out:
    return st;
}

/* ---- any file ---- */

static mad_status table_of(mad_ctx *ctx, mad_arena *mem, const mad_source *source,
                           const mad_reading *how, mad_table *out)
{
    switch (source->format) {
    case MAD_FORMAT_IDX:
    case MAD_FORMAT_NPY:
    case MAD_FORMAT_NPZ:
    case MAD_FORMAT_HDF5:
        return array_table(ctx, mem, source, how, out);
    case MAD_FORMAT_CIFAR:
        return mad_cifar_read(ctx, mem, &source->raw, out);
    case MAD_FORMAT_PNG:
        return mad_png_folder_read(ctx, mem, source->at.file, out);
    case MAD_FORMAT_CSV:
        break;
    }
    return mad_csv_read(ctx, mem, &source->raw, how, out);
}

mad_status mad_table_open(mad_ctx *ctx, mad_arena *mem, const char *path, const mad_reading *how,
                          mad_table *out)
{
    mad_source source;
    mad_status st = mad_source_open(ctx, mem, path, &source);
    if (st != MAD_OK) {
        return st;
    }
    st = table_of(ctx, mem, &source, how, out);
    if (st == MAD_E_DATA && source.format == MAD_FORMAT_CSV) {
        st = mad_fail_while(ctx, st, "no magic of another format, and as text");
    }
    mad_source_close(&source);
    return st;
}

/* ---- worlds ---- */

/* What a reader takes, and the keys of its world. */
typedef struct reader_keys {
    const char *reader, *what, *path_key, *labels_key;
    mad_format format;
    int drops;   /* has the key bad_rows */
    int is_text; /* and delimiter, header */
} reader_keys;

static const reader_keys readers[] = {
    {"idx", "an IDX file", "images", "labels", MAD_FORMAT_IDX, 1, 0},
    {"npy", "an NPY or NPZ file", "path", "labels", MAD_FORMAT_NPY, 1, 0},
    {"hdf5", "an HDF5 file", "path", "labels", MAD_FORMAT_HDF5, 1, 0},
    {"cifar", "a CIFAR file", "path", NULL, MAD_FORMAT_CIFAR, 0, 0},
    {"png", "a folder of PNG files", "path", NULL, MAD_FORMAT_PNG, 0, 0},
    {"csv", "a text file", "path", "label_column", MAD_FORMAT_CSV, 1, 1}};

static const reader_keys *reader_of(const char *name)
{
    const reader_keys *r = readers;
    while (strcmp(r->reader, name) != 0) {
        r++;
        MAD_ASSERT(r < readers + sizeof readers / sizeof *readers);
    }
    return r;
}

static mad_reading reading_of(const reader_keys *r, const mad_values *values)
{
    static const char delimiters[] = {0, ',', ';', '\t'}; /* auto|comma|semicolon|tab */
    mad_reading how = {.labels =
                           r->labels_key != NULL ? mad_get_text(values, r->labels_key) : NULL};
    if (how.labels != NULL && strcmp(how.labels, "none") == 0) {
        how.labels = NULL;
    }
    if (r->drops) {
        how.drops_bad_rows = mad_get_choice(values, "bad_rows") == 1; /* refuse|drop */
    }
    if (r->is_text) {
        how.delimiter = delimiters[mad_get_choice(values, "delimiter")];
        how.header = (mad_header)mad_get_choice(values, "header"); /* auto|yes|no */
    }
    return how;
}

/* What has no magic of its own is handed to the reader asked for, which tells what is wrong. */
static mad_status expect_format(mad_ctx *ctx, const reader_keys *r, mad_source *source)
{
    const int has_bytes = source->raw.bytes != NULL;
    const int wants_bytes = r->format != MAD_FORMAT_HDF5 && r->format != MAD_FORMAT_PNG;
    if (r->format == MAD_FORMAT_NPY && source->format == MAD_FORMAT_NPZ) {
        return MAD_OK;
    }
    if (source->format != r->format && !(has_bytes && wants_bytes)) {
        return mad_fail(ctx, MAD_E_DATA, "'%s' is %s, expected %s", source->at.text,
                        source->format == MAD_FORMAT_HDF5  ? "an HDF5 file"
                        : source->format == MAD_FORMAT_PNG ? "a folder"
                                                           : "a file of another format",
                        r->what);
    }
    source->format = r->format;
    return MAD_OK;
}

mad_status mad_table_read(mad_ctx *ctx, mad_arena *mem, const char *reader,
                          const mad_values *values, const char *directory, mad_table *out)
{
    mad_status st = MAD_OK;
    const reader_keys *r = reader_of(reader);
    mad_reading how = reading_of(r, values);
    const char *path = NULL;
    mad_source source = {0};

    MAD_TRY(mad_data_find(ctx, mem, directory, mad_get_text(values, r->path_key), &path));
    if (how.labels != NULL && !r->is_text) {
        MAD_TRY(mad_data_find(ctx, mem, directory, how.labels, &how.labels));
    }
    MAD_TRY(mad_source_open(ctx, mem, path, &source));
    MAD_TRY(expect_format(ctx, r, &source));
    MAD_TRY(table_of(ctx, mem, &source, &how, out));
out:
    mad_source_close(&source);
    return st;
}

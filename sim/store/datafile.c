/* sim/store/datafile.c: find a data file, choose its reader, turn arrays into a table. */
#include "sim/store/datafile.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "sim/store/publish.h"
#include "sim/store/reader.h"

enum { LARGEST_CLASS = 65535, MAX_CHANNELS = 4 };

mad_format mad_raw_format(const mad_raw *raw)
{
    const unsigned char *bytes = raw->bytes;
    if (raw->n_bytes >= 6 && memcmp(bytes, "\x93NUMPY", 6) == 0) {
        return MAD_FORMAT_NPY;
    }
    if (raw->n_bytes >= 8 && memcmp(bytes, "\x89HDF\r\n\x1a\n", 8) == 0) {
        return MAD_FORMAT_HDF5;
    }
    const int begins_as_idx = raw->n_bytes >= 4 && bytes[0] == 0 && bytes[1] == 0;
    const int is_idx_type = begins_as_idx && bytes[2] >= 8 && bytes[2] <= 14;
    if (mad_cifar_fits(raw->n_bytes) && !is_idx_type) {
        for (size_t i = 0; i < raw->n_bytes; i++) {
            if (bytes[i] < '\t') {
                return MAD_FORMAT_CIFAR;
            }
        }
    }
    return begins_as_idx ? MAD_FORMAT_IDX : MAD_FORMAT_CSV;
}

static int is_there(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISREG(info.st_mode);
}

mad_status mad_data_find(mad_ctx *ctx, mad_arena *mem, const char *directory, const char *path,
                         const char **out)
{
    const char *data = getenv("MADLOOP_DATA");
    const char *const places[] = {"", directory, data, "../shared/data", "/usr/share/datasets"};
    char found[MAD_PATH_BYTES] = "";
    const size_t n_places = path[0] == '/' ? 1 : sizeof places / sizeof places[0];

    if (path[0] == '\0') {
        return mad_fail(ctx, MAD_E_IO, "no data file is named");
    }
    for (size_t i = 0; i < n_places; i++) {
        if (places[i] == NULL || (i > 0 && places[i][0] == '\0')) {
            continue;
        }
        const int n = snprintf(found, sizeof found, "%s%s%s", places[i], i > 0 ? "/" : "", path);
        if (n > 0 && (size_t)n < sizeof found && is_there(found)) {
            *out = mad_arena_text(mem, found);
            return *out == NULL ? mad_fail_memory(ctx, "a file name") : MAD_OK;
        }
    }
    if (n_places == 1) {
        return mad_fail(ctx, MAD_E_IO, "there is no data file '%s'", path);
    }
    return mad_fail(ctx, MAD_E_IO,
                    "there is no data file '%s' here, nor below %s, $MADLOOP_DATA (%s), "
                    "../shared/data, /usr/share/datasets",
                    path, directory == NULL ? "the configuration" : directory,
                    data == NULL || data[0] == '\0' ? "not set" : data);
}

mad_status mad_labels_map(mad_ctx *ctx, mad_arena *mem, const char *path, const double *value,
                          mad_table *table)
{
    mad_status st = MAD_OK;
    const size_t n = table->n_rows;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    int32_t *rank = mad_arena_take(ctx->scratch, LARGEST_CLASS + 1, sizeof *rank);
    int32_t *number = mad_arena_take_raw(ctx->scratch, LARGEST_CLASS + 1, sizeof *number);
    int32_t *mapped = mad_arena_take_raw(mem, n, sizeof *mapped);
    size_t n_found = 0;

    if (rank == NULL || number == NULL || mapped == NULL) {
        st = mad_fail_memory(ctx, "the labels");
        goto out;
    }
    for (size_t i = 0; i < n; i++) {
        if (!(value[i] >= 0 && value[i] <= LARGEST_CLASS) || value[i] != floor(value[i])) {
            st = mad_fail(ctx, MAD_E_DATA,
                          "'%s': the label of row %zu is %g, expected a whole number from 0 to %d",
                          path, i + 1, value[i], LARGEST_CLASS);
            goto out;
        }
        rank[(size_t)value[i]] = 1;
    }
    for (int32_t i = 0; i <= LARGEST_CLASS; i++) {
        if (rank[i]) {
            rank[i] = (int32_t)n_found;
            number[n_found++] = i;
        }
    }
    for (size_t i = 0; i < n; i++) {
        mapped[i] = rank[(size_t)value[i]];
    }
    table->class_value = mad_arena_take_raw(mem, n_found, sizeof *number);
    if (table->class_value == NULL) {
        st = mad_fail_memory(ctx, "the labels");
        goto out;
    }
    memcpy(table->class_value, number, n_found * sizeof *number);
    table->label = mapped;
    table->n_classes = n_found;
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

typedef mad_status (*parse_fn)(mad_ctx *ctx, const mad_raw *raw, mad_array *out);

/* Labels of the n rows, from a one-dimensional array in a file of its own. */
static mad_status read_labels(mad_ctx *ctx, mad_arena *mem, const char *path, parse_fn parse,
                              mad_table *table)
{
    mad_status st = MAD_OK;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    mad_raw raw;
    mad_array array;
    double *value;

    st = mad_raw_open(ctx, path, &raw);
    if (st != MAD_OK) {
        return st;
    }
    MAD_TRY(parse(ctx, &raw, &array));
    if (array.rank != 1 || array.n_items != table->n_rows) {
        st = mad_fail(ctx, MAD_E_DATA,
                      "'%s' holds %zu numbers in %zu dimension(s), expected one label for each of "
                      "the %zu rows",
                      path, array.n_items, array.rank, table->n_rows);
        goto out;
    }
    MAD_TRY(mad_array_values(ctx, ctx->scratch, &raw, &array, &value));
    MAD_TRY(mad_labels_map(ctx, mem, path, value, table));
out:
    mad_raw_close(&raw);
    mad_arena_release(ctx->scratch, mark);
    return st;
}

/* [n][h][w] and [n][h][w][c] are pictures; every other array is rows of whatever follows n. */
static void name_shape(const mad_array *array, mad_table *table)
{
    const size_t *shape = array->shape;
    table->n_rows = shape[0];
    table->dim = array->n_items / shape[0];
    if (array->rank == 3 || (array->rank == 4 && shape[3] <= MAX_CHANNELS)) {
        table->height = shape[1];
        table->width = shape[2];
        table->channels = array->rank == 3 ? 1 : shape[3];
    }
}

static mad_status array_table(mad_ctx *ctx, mad_arena *mem, const mad_raw *raw, parse_fn parse,
                              const char *labels, mad_table *out)
{
    mad_status st = MAD_OK;
    mad_array array;
    mad_table table = {0};
    MAD_TRY(parse(ctx, raw, &array));
    name_shape(&array, &table);
    MAD_TRY(mad_array_values(ctx, mem, raw, &array, &table.x));
    if (labels != NULL) {
        MAD_TRY(read_labels(ctx, mem, labels, parse, &table));
    }
    *out = table;
out:
    return st;
}

/* `labels`: of arrays a file name, of text a column; NULL = none. */
static mad_status table_of(mad_ctx *ctx, mad_arena *mem, const mad_raw *raw, mad_format format,
                           const char *labels, mad_table *out)
{
    switch (format) {
    case MAD_FORMAT_IDX:
        return array_table(ctx, mem, raw, mad_idx_parse, labels, out);
    case MAD_FORMAT_NPY:
        return array_table(ctx, mem, raw, mad_npy_parse, labels, out);
    case MAD_FORMAT_CIFAR:
        return mad_cifar_read(ctx, mem, raw, out);
    case MAD_FORMAT_HDF5:
        return mad_fail(ctx, MAD_E_DATA, "'%s' is an HDF5 file, which is not read as data",
                        raw->path);
    case MAD_FORMAT_CSV:
        break;
    }
    return mad_csv_read(ctx, mem, raw, labels != NULL ? labels : "none", out);
}

mad_status mad_table_read(mad_ctx *ctx, mad_arena *mem, const char *reader,
                          const mad_values *values, const char *directory, mad_table *out)
{
    static const struct {
        const char *reader, *path_key, *labels_key;
    } readers[] = {[MAD_FORMAT_IDX] = {"idx", "images", "labels"},
                   [MAD_FORMAT_NPY] = {"npy", "path", "labels"},
                   [MAD_FORMAT_HDF5] = {"", "", NULL},
                   [MAD_FORMAT_CIFAR] = {"cifar", "path", NULL},
                   [MAD_FORMAT_CSV] = {"csv", "path", "label_column"}};
    mad_status st = MAD_OK;
    size_t i = 0;
    const char *path = NULL, *labels = NULL;
    mad_raw raw;

    while (i < sizeof readers / sizeof *readers && strcmp(readers[i].reader, reader) != 0) {
        i++;
    }
    MAD_ASSERT(i < sizeof readers / sizeof *readers);
    MAD_TRY(mad_data_find(ctx, mem, directory, mad_get_text(values, readers[i].path_key), &path));
    labels = readers[i].labels_key != NULL ? mad_get_text(values, readers[i].labels_key) : "none";
    if (strcmp(labels, "none") == 0) {
        labels = NULL;
    } else if (i != MAD_FORMAT_CSV) {
        MAD_TRY(mad_data_find(ctx, mem, directory, labels, &labels));
    }
    st = mad_raw_open(ctx, path, &raw);
    if (st == MAD_OK) {
        st = table_of(ctx, mem, &raw, (mad_format)i, labels, out);
        mad_raw_close(&raw);
    }
out:
    return st;
}

mad_status mad_table_open(mad_ctx *ctx, mad_arena *mem, const char *path, const char *labels,
                          mad_table *out)
{
    mad_raw raw;
    mad_status st = mad_raw_open(ctx, path, &raw);
    if (st != MAD_OK) {
        return st;
    }
    const mad_format format = mad_raw_format(&raw);
    st = table_of(ctx, mem, &raw, format, labels, out);
    if (st == MAD_E_DATA && format == MAD_FORMAT_CSV) {
        st = mad_fail_while(ctx, st, "no magic of another format, and as text");
    }
    mad_raw_close(&raw);
    return st;
}

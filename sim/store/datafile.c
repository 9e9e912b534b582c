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

mad_status mad_labels_map(mad_ctx *ctx, mad_arena *mem, const char *path, size_t n,
                          const double *value, int32_t **label, size_t *n_classes)
{
    mad_status st = MAD_OK;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    int32_t *rank = mad_arena_take(ctx->scratch, LARGEST_CLASS + 1, sizeof *rank);
    int32_t *mapped = mad_arena_take_raw(mem, n, sizeof *mapped);
    int32_t n_found = 0;

    if (rank == NULL || mapped == NULL) {
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
    for (size_t i = 0; i <= LARGEST_CLASS; i++) {
        const int32_t occurs = rank[i];
        rank[i] = n_found;
        n_found += occurs;
    }
    for (size_t i = 0; i < n; i++) {
        mapped[i] = rank[(size_t)value[i]];
    }
    *label = mapped;
    *n_classes = (size_t)n_found;
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
    MAD_TRY(mad_labels_map(ctx, mem, path, array.n_items, value, &table->label, &table->n_classes));
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

static mad_status read_arrays(mad_ctx *ctx, mad_arena *mem, const char *path, const char *labels,
                              parse_fn parse, mad_table *out)
{
    mad_status st = MAD_OK;
    mad_raw raw;
    mad_array array;
    mad_table table = {0};

    st = mad_raw_open(ctx, path, &raw);
    if (st != MAD_OK) {
        return st;
    }
    MAD_TRY(parse(ctx, &raw, &array));
    name_shape(&array, &table);
    MAD_TRY(mad_array_values(ctx, mem, &raw, &array, &table.x));
    if (labels != NULL) {
        MAD_TRY(read_labels(ctx, mem, labels, parse, &table));
    }
    *out = table;
out:
    mad_raw_close(&raw);
    return st;
}

static mad_status read_text(mad_ctx *ctx, mad_arena *mem, const char *path,
                            const char *label_column, mad_table *out)
{
    mad_raw raw;
    mad_status st = mad_raw_open(ctx, path, &raw);
    if (st == MAD_OK) {
        st = mad_csv_read(ctx, mem, &raw, label_column, out);
        mad_raw_close(&raw);
    }
    return st;
}

static mad_status read_cifar(mad_ctx *ctx, mad_arena *mem, const char *path, mad_table *out)
{
    mad_raw raw;
    mad_status st = mad_raw_open(ctx, path, &raw);
    if (st == MAD_OK) {
        st = mad_cifar_read(ctx, mem, &raw, out);
        mad_raw_close(&raw);
    }
    return st;
}

mad_status mad_table_read(mad_ctx *ctx, mad_arena *mem, const char *reader,
                          const mad_values *values, const char *directory, mad_table *out)
{
    mad_status st = MAD_OK;
    const int is_idx = strcmp(reader, "idx") == 0;
    const int is_csv = strcmp(reader, "csv") == 0;
    const int is_cifar = strcmp(reader, "cifar") == 0;
    const char *path = NULL, *labels = NULL;

    MAD_ASSERT(is_idx || is_csv || is_cifar || strcmp(reader, "npy") == 0);
    MAD_TRY(mad_data_find(ctx, mem, directory, mad_get_text(values, is_idx ? "images" : "path"),
                          &path));
    if (is_csv) {
        st = read_text(ctx, mem, path, mad_get_text(values, "label_column"), out);
        goto out;
    }
    if (is_cifar) {
        st = read_cifar(ctx, mem, path, out);
        goto out;
    }
    labels = mad_get_text(values, "labels");
    if (strcmp(labels, "none") == 0) {
        labels = NULL;
    } else {
        MAD_TRY(mad_data_find(ctx, mem, directory, labels, &labels));
    }
    st = read_arrays(ctx, mem, path, labels, is_idx ? mad_idx_parse : mad_npy_parse, out);
out:
    return st;
}

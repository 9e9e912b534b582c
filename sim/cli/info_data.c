/* sim/cli/info_data.c: what a data file holds, as JSON. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "sim/cli/info_parts.h"
#include "sim/num/stats.h"
#include "sim/store/feature_file.h"
#include "sim/store/reader.h"

enum { MAX_CLASSES = 64, MAX_COLUMNS = 200 };

/* ---- parts of the answer ---- */

json_t *mad_json_shape(size_t rank, const size_t *shape)
{
    json_t *list = json_array();
    for (size_t i = 0; i < rank; i++) {
        (void)json_array_append_new(list, json_integer((json_int_t)shape[i]));
    }
    return list;
}

void mad_json_put_range(json_t *out, size_t n, const double *x)
{
    double low = HUGE_VAL;
    double high = -HUGE_VAL;
    for (size_t i = 0; i < n; i++) {
        low = fmin(low, x[i]);
        high = fmax(high, x[i]);
    }
    (void)json_object_set_new(out, "min", mad_json_number(n > 0 ? low : (double)NAN));
    (void)json_object_set_new(out, "max", mad_json_number(n > 0 ? high : (double)NAN));
    (void)json_object_set_new(out, "mean", mad_json_number(n > 0 ? mad_mean(n, x) : (double)NAN));
    (void)json_object_set_new(out, "sd", mad_json_number(sqrt(mad_variance(n, x, 1.0))));
}

void mad_json_put_attributes(json_t *out, size_t n, const mad_attribute *attributes)
{
    for (size_t i = 0; i < n; i++) {
        const mad_attribute *a = &attributes[i];
        (void)json_object_set_new(
            out, a->name, a->text != NULL ? mad_json_text(a->text) : mad_json_number(a->number));
    }
}

/* ---- formats ---- */

/* Whole numbers 0..MAX_CLASSES-1 in one dimension read as labels: how many of each. */
static void put_classes(json_t *out, size_t n, const double *x)
{
    size_t count[MAX_CLASSES] = {0};
    for (size_t i = 0; i < n; i++) {
        if (!(x[i] >= 0.0 && x[i] < MAX_CLASSES) || x[i] != floor(x[i])) {
            return;
        }
        count[(size_t)x[i]]++;
    }
    json_t *classes = json_object();
    for (size_t k = 0; k < MAX_CLASSES; k++) {
        char name[16];
        (void)snprintf(name, sizeof name, "%zu", k);
        if (count[k] > 0) {
            (void)json_object_set_new(classes, name, json_integer((json_int_t)count[k]));
        }
    }
    (void)json_object_set_new(out, "classes", classes);
}

static mad_status describe_array(mad_ctx *ctx, mad_arena *mem, const mad_source *source,
                                 json_t *out)
{
    mad_status st = MAD_OK;
    mad_numbers numbers;

    MAD_TRY(mad_numbers_read(ctx, mem, source, &numbers));
    (void)json_object_set_new(out, "kind", json_string(numbers.format));
    (void)json_object_set_new(out, "type", json_string(numbers.type));
    (void)json_object_set_new(out, "shape", mad_json_shape(numbers.rank, numbers.shape));
    mad_json_put_range(out, numbers.n_items, numbers.value);
    if (numbers.rank == 1) {
        put_classes(out, numbers.n_items, numbers.value);
    }
out:
    return st;
}

static json_t *json_words(size_t n, const char *const *words)
{
    json_t *list = json_array();
    for (size_t i = 0; i < n && i < MAX_CLASSES; i++) {
        (void)json_array_append_new(list, mad_json_text(words[i]));
    }
    return list;
}

/* A column by its name, or its number from 1: the range of its numbers, or its words. */
static mad_status put_column(mad_ctx *ctx, mad_arena *mem, const mad_table *table, size_t j,
                             json_t *out)
{
    const mad_table_column *column = &table->column[j];
    char number[32];
    json_t *entry = json_object();
    double *x = mad_arena_take(mem, table->n_rows, sizeof *x);
    (void)snprintf(number, sizeof number, "column %zu", j + 1);
    (void)mad_json_put(out, column->name != NULL ? column->name : number, entry);
    if (x == NULL) {
        return mad_fail_memory(ctx, "a column");
    }
    for (size_t i = 0; i < table->n_rows; i++) {
        x[i] = table->x[i * table->dim + j];
    }
    if (column->n_levels > 0) {
        (void)json_object_set_new(entry, "n_words", json_integer((json_int_t)column->n_levels));
        (void)json_object_set_new(entry, "words", json_words(column->n_levels, column->level));
    } else {
        mad_json_put_range(entry, table->n_rows, x);
        put_classes(entry, table->n_rows, x);
    }
    return MAD_OK;
}

/* A table with some bad rows is still one, and the first of them is named; other text is none. */
static mad_status read_text(mad_ctx *ctx, mad_arena *mem, const mad_source *source, json_t *out,
                            mad_table *table)
{
    mad_status st = mad_csv_read(ctx, mem, &source->raw, &(mad_reading){.labels = NULL}, table);
    if (st == MAD_E_DATA) {
        char first[MAD_MESSAGE_BYTES];
        (void)snprintf(first, sizeof first, "%s", ctx->message);
        mad_ctx_clear(ctx);
        st = mad_csv_read(ctx, mem, &source->raw, &(mad_reading){.drops_bad_rows = 1}, table);
        if (st == MAD_OK && table->n_dropped < table->n_rows) {
            (void)json_object_set_new(out, "first bad row", mad_json_text(first));
            return MAD_OK;
        }
        mad_ctx_clear(ctx);
        st = mad_fail(ctx, MAD_E_DATA, "no magic of another format, and as text: %.400s", first);
    }
    return st;
}

static mad_status describe_text(mad_ctx *ctx, mad_arena *mem, const mad_source *source, json_t *out)
{
    mad_status st = MAD_OK;
    mad_table table;
    json_t *columns = json_object();

    (void)json_object_set_new(out, "kind", json_string("csv"));
    (void)json_object_set_new(out, "type", json_string("text"));
    MAD_TRY(read_text(ctx, mem, source, out, &table));
    const size_t shape[2] = {table.n_rows, table.dim};
    (void)json_object_set_new(out, "shape", mad_json_shape(2, shape));
    (void)json_object_set_new(out, "bad rows", json_integer((json_int_t)table.n_dropped));
    for (size_t j = 0; j < table.dim && j < MAX_COLUMNS; j++) {
        MAD_TRY(put_column(ctx, mem, &table, j, columns));
    }
    (void)json_object_set(out, "columns", columns);
out:
    json_decref(columns);
    return st;
}

/* CIFAR files and folders of pictures: 8 bits a pixel. */
static mad_status describe_pictures(mad_ctx *ctx, mad_arena *mem, const mad_source *source,
                                    json_t *out)
{
    mad_status st = MAD_OK;
    mad_table table;
    const int is_folder_of_png = source->format == MAD_FORMAT_PNG;
    MAD_TRY(is_folder_of_png ? mad_png_folder_read(ctx, mem, source->at.file, &table)
                             : mad_cifar_read(ctx, mem, &source->raw, &table));
    const size_t shape[4] = {table.n_rows, table.height, table.width, table.channels};
    (void)json_object_set_new(out, "kind", json_string(is_folder_of_png ? "png" : "cifar"));
    (void)json_object_set_new(out, "type", json_string("uint8"));
    (void)json_object_set_new(out, "shape", mad_json_shape(4, shape));
    mad_json_put_range(out, table.n_rows * table.dim, table.x);
    (void)json_object_set_new(out, "classes",
                              table.class_name != NULL
                                  ? json_words(table.n_classes, table.class_name)
                                  : json_integer((json_int_t)table.n_classes));
out:
    return st;
}

static void put_features(json_t *out, const mad_feature_file *file,
                         const mad_attributes *attributes)
{
    json_t *all = json_object(), *arrays = json_object();
    (void)json_object_set_new(out, "kind", json_string("features"));
    (void)json_object_set_new(out, "attributes", all);
    (void)json_object_set_new(out, "arrays", arrays);
    mad_json_put_attributes(all, attributes->n, attributes->attribute);
    for (size_t i = 0; i < file->n_arrays; i++) {
        const mad_feature_array *a = &file->array[i];
        (void)mad_json_put(arrays, a->name, mad_json_shape(a->rank, a->shape));
    }
}

static void put_dataset(void *arg, const char *name, size_t rank, const size_t *shape)
{
    json_t *datasets = arg;
    (void)mad_json_put(datasets, name, mad_json_shape(rank, shape));
}

/* One dataset; a trained feature space, or the list of what there is. */
static mad_status describe_hdf5(mad_ctx *ctx, mad_arena *mem, const mad_source *source, json_t *out)
{
    mad_feature_file file;
    mad_attributes attributes;
    if (source->at.member != NULL) {
        return describe_array(ctx, mem, source, out);
    }
    if (mad_feature_is_file(source->at.file)) {
        const mad_status st = mad_feature_read(ctx, mem, source->at.file, &file, &attributes);
        if (st == MAD_OK) {
            put_features(out, &file, &attributes);
        }
        return st;
    }
    json_t *datasets = json_object();
    (void)json_object_set_new(out, "kind", json_string("hdf5"));
    (void)json_object_set_new(out, "datasets", datasets);
    return mad_hdf5_each(ctx, source->at.file, put_dataset, datasets);
}

mad_status mad_info_data(mad_ctx *ctx, mad_arena *mem, const char *path, json_t *out)
{
    mad_source source;
    mad_status st = mad_source_open(ctx, mem, path, &source);
    if (st != MAD_OK) {
        return st;
    }
    switch (source.format) {
    case MAD_FORMAT_IDX:
    case MAD_FORMAT_NPY:
    case MAD_FORMAT_NPZ:
        st = describe_array(ctx, mem, &source, out);
        break;
    case MAD_FORMAT_HDF5:
        st = describe_hdf5(ctx, mem, &source, out);
        break;
    case MAD_FORMAT_CIFAR:
    case MAD_FORMAT_PNG:
        st = describe_pictures(ctx, mem, &source, out);
        break;
    case MAD_FORMAT_CSV:
        st = describe_text(ctx, mem, &source, out);
        break;
    }
    mad_source_close(&source);
    return st;
}

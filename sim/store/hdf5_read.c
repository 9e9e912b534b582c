/* sim/store/hdf5_read.c: one dataset of any HDF5 file, or a slice of it, as doubles. */
#include <hdf5.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/store/h5util.h"
#include "sim/store/reader.h"

enum { LIST_BYTES = 400, MAX_RATIO = 1032 }; /* of deflate; other filters stay far below it */
#define TRUSTED_BYTES ((size_t)1 << 26)

/* What of a dataset is read: first, step and count of every dimension; a dimension with one index
 * goes away. */
typedef struct slice {
    hsize_t begin[MAD_ARRAY_MAX_RANK], step[MAD_ARRAY_MAX_RANK], count[MAD_ARRAY_MAX_RANK];
    int is_index[MAD_ARRAY_MAX_RANK];
} slice;

/* ---- what the file holds, for messages ---- */

typedef struct listing {
    char text[LIST_BYTES];
    char only[LIST_BYTES]; /* the first dataset */
    size_t n_datasets;
} listing;

static herr_t list_dataset(hid_t file, const char *name, const H5O_info_t *info, void *arg)
{
    listing *l = arg;
    (void)file;
    if (info->type != H5O_TYPE_DATASET) {
        return 0;
    }
    if (l->n_datasets++ == 0) {
        (void)snprintf(l->only, sizeof l->only, "%s", name);
    }
    const size_t n = strlen(l->text);
    (void)snprintf(l->text + n, sizeof l->text - n, "%s/%s", n > 0 ? ", " : "", name);
    return 0;
}

static void list_file(hid_t file, listing *out)
{
    *out = (listing){.n_datasets = 0};
    if (H5Ovisit2(file, H5_INDEX_NAME, H5_ITER_INC, list_dataset, out, H5O_INFO_BASIC) < 0) {
        (void)snprintf(out->text, sizeof out->text, "a damaged group");
    }
}

/* ---- slices: "[0:100]", "[:, 3, 0:10:2]" ---- */

static void skip_blanks(const char **at)
{
    while (**at == ' ') {
        (*at)++;
    }
}

/* 1: a whole number below 2^53 was taken; 0: there is none. */
static int take_number(const char **at, hsize_t *out)
{
    char *stop;
    skip_blanks(at);
    if (**at < '0' || **at > '9') {
        return 0;
    }
    const unsigned long long value = strtoull(*at, &stop, 10);
    *at = stop;
    *out = value < (1ULL << 53) ? value : 1ULL << 53;
    skip_blanks(at);
    return 1;
}

/* One dimension's part up to the next ',' or ']'; 0: it is none. */
static int take_part(const char **at, hsize_t size, size_t i, slice *out)
{
    hsize_t end = size, step = 1;
    const int has_begin = take_number(at, &out->begin[i]);
    skip_blanks(at);
    out->is_index[i] = has_begin && **at != ':';
    if (out->is_index[i]) {
        end = out->begin[i] + 1;
    } else {
        if (**at != ':') {
            return 0;
        }
        (*at)++;
        (void)take_number(at, &end);
        if (**at == ':') {
            (*at)++;
            if (!take_number(at, &step) || step == 0) {
                return 0;
            }
        }
    }
    if (out->begin[i] >= end || end > size) {
        return 0;
    }
    out->step[i] = step;
    out->count[i] = (end - out->begin[i] - 1) / step + 1;
    return 1;
}

static mad_status parse_slice(mad_ctx *ctx, const mad_location *at, const char *text, size_t rank,
                              const hsize_t *size, slice *out)
{
    char shape[MAD_ARRAY_MAX_RANK * 24] = "";
    const char *c = text;
    size_t n = 0;
    int ok = 1;
    for (size_t i = 0; i < rank; i++) {
        out->begin[i] = 0;
        out->step[i] = 1;
        out->count[i] = size[i];
        out->is_index[i] = 0;
        const size_t n_text = strlen(shape);
        (void)snprintf(shape + n_text, sizeof shape - n_text, "[%llu]",
                       (unsigned long long)size[i]);
    }
    if (*text == '\0') {
        return MAD_OK;
    }
    do {
        c++; /* '[' or ',' */
        ok = n < rank && take_part(&c, size[n < rank ? n : 0], n < rank ? n : 0, out);
        n++;
    } while (ok && *c == ',');
    if (!ok || strcmp(c, "]") != 0) {
        return mad_fail(ctx, MAD_E_DATA,
                        "'%s': '%.100s' is no slice of shape %s: expected [i], [a:b] or [a:b:step] "
                        "for each dimension, counted from 0, inside the shape",
                        at->file, text, shape);
    }
    return MAD_OK;
}

/* ---- datasets ---- */

static const char *type_name(hid_t type)
{
    static const char *const names[3][4] = {{"uint8", "uint16", "uint32", "uint64"},
                                            {"int8", "int16", "int32", "int64"},
                                            {"float8", "float16", "float32", "float64"}};
    const size_t n = H5Tget_size(type);
    const size_t i_size = n <= 1 ? 0 : n <= 2 ? 1 : n <= 4 ? 2 : 3;
    if (H5Tget_class(type) == H5T_FLOAT) {
        return names[2][i_size];
    }
    return names[H5Tget_sign(type) == H5T_SGN_NONE ? 0 : 1][i_size];
}

/* Opens what `name` says, or the only dataset there is. */
static mad_status open_dataset(mad_ctx *ctx, const mad_location *at, hid_t file, const char *name,
                               hid_t *out)
{
    listing l;
    if (name[0] == '\0') {
        list_file(file, &l);
        if (l.n_datasets != 1) {
            return mad_fail(ctx, MAD_E_DATA,
                            "'%s' holds %zu datasets: name one, as in %s:/PATH%s%s", at->file,
                            l.n_datasets, at->file, l.n_datasets > 0 ? "; it holds " : "", l.text);
        }
        name = l.only;
    }
    const hid_t object = H5Oopen(file, name, H5P_DEFAULT);
    if (object >= 0 && H5Iget_type(object) == H5I_DATASET) {
        *out = object;
        return MAD_OK;
    }
    list_file(file, &l);
    const mad_status st = mad_fail(ctx, MAD_E_DATA, "'%s' has %s '%.200s'; it holds %s", at->file,
                                   object >= 0 ? "no numbers in the group" : "no dataset", name,
                                   l.n_datasets > 0 ? l.text : "none");
    return mad_h5_close(ctx, st, object);
}

/* The type of the items: whole numbers, floats, or the numbers behind an enumeration (booleans). */
static mad_status number_type(mad_ctx *ctx, const mad_location *at, hid_t dataset, hid_t *out)
{
    mad_status st = MAD_OK;
    const hid_t type = H5Dget_type(dataset);
    const H5T_class_t kind = type < 0 ? H5T_NO_CLASS : H5Tget_class(type);
    *out = kind == H5T_ENUM ? H5Tget_super(type) : type < 0 ? type : H5Tcopy(type);
    if (*out < 0 || (kind != H5T_ENUM && kind != H5T_INTEGER && kind != H5T_FLOAT)) {
        st = mad_fail(ctx, MAD_E_DATA, "'%s' holds %s: expected numbers", at->text,
                      kind == H5T_STRING     ? "text"
                      : kind == H5T_COMPOUND ? "structures"
                                             : "items of another type");
    }
    return mad_h5_close(ctx, st, type);
}

static mad_status read_items(mad_ctx *ctx, mad_arena *mem, const mad_location *at, hid_t dataset,
                             const slice *s, mad_numbers *out)
{
    mad_status st = MAD_OK;
    hsize_t n_items = out->n_items;
    const hid_t space = H5Dget_space(dataset);
    const hid_t flat = H5Screate_simple(1, &n_items, NULL);
    out->value = mad_arena_take_raw(mem, out->n_items, sizeof *out->value);
    if (out->value == NULL) {
        st = mad_fail_memory(ctx, at->text);
        goto out;
    }
    if (space < 0 || flat < 0 ||
        H5Sselect_hyperslab(space, H5S_SELECT_SET, s->begin, s->step, s->count, NULL) < 0 ||
        H5Dread(dataset, H5T_NATIVE_DOUBLE, flat, space, H5P_DEFAULT, out->value) < 0) {
        st = mad_h5_fail(ctx, MAD_E_DATA, "'%s' cannot be read", at->text);
    }
out:
    st = mad_h5_close(ctx, st, flat);
    return mad_h5_close(ctx, st, space);
}

/* Shape of the dataset, of the slice, and the proof that it fits into memory. */
static mad_status plan(mad_ctx *ctx, const mad_location *at, hid_t dataset, const char *slice_text,
                       slice *s, mad_numbers *out)
{
    mad_status st = MAD_OK;
    size_t rank, shape[MAD_ARRAY_MAX_RANK], n_bytes = 0;
    hsize_t size[MAD_ARRAY_MAX_RANK];
    MAD_TRY(mad_h5_shape(ctx, dataset, at->text, MAD_ARRAY_MAX_RANK, &rank, shape));
    if (rank == 0) {
        st = mad_fail(ctx, MAD_E_DATA, "'%s' holds one number: expected an array", at->text);
        goto out;
    }
    for (size_t i = 0; i < rank; i++) {
        size[i] = shape[i];
        if (shape[i] == 0) {
            st = mad_fail(ctx, MAD_E_DATA, "'%s' is empty", at->text);
            goto out;
        }
    }
    MAD_TRY(parse_slice(ctx, at, slice_text, rank, size, s));
    out->rank = 0;
    out->n_items = 1;
    for (size_t i = 0; i < rank; i++) {
        if (mad_size_mul(out->n_items, s->count[i], &out->n_items) != MAD_OK) {
            out->n_items = SIZE_MAX;
        }
        if (!s->is_index[i]) {
            out->shape[out->rank++] = s->count[i];
        }
    }
    if (mad_size_mul(out->n_items, sizeof *out->value, &n_bytes) != MAD_OK ||
        n_bytes > MAD_RAW_MAX_BYTES) {
        st = mad_fail(ctx, MAD_E_DATA,
                      "'%s' is more than 4 GiB of numbers: take a slice, as in %s:/PATH[0:1000]",
                      at->text, at->file);
    } else if (n_bytes > TRUSTED_BYTES && n_bytes / MAX_RATIO > H5Dget_storage_size(dataset)) {
        st =
            mad_fail(ctx, MAD_E_DATA, "'%s' promises %zu numbers, most of which were never written",
                     at->text, out->n_items);
    } else if (out->rank == 0) {
        st = mad_fail(ctx, MAD_E_DATA, "'%s' is one number: expected an array", at->text);
    }
out:
    return st;
}

mad_status mad_hdf5_read(mad_ctx *ctx, mad_arena *mem, const mad_location *at, mad_numbers *out)
{
    mad_status st = MAD_OK;
    hid_t file = H5I_INVALID_HID, dataset = H5I_INVALID_HID, type = H5I_INVALID_HID;
    char *name = mad_arena_text(mem, at->member == NULL ? "" : at->member);
    slice s;

    mad_h5_quiet();
    *out = (mad_numbers){.format = "hdf5"};
    if (name == NULL) {
        return mad_fail_memory(ctx, at->text);
    }
    const char *slice_text = strchr(name, '[');
    slice_text = at->member == NULL || slice_text == NULL ? "" : at->member + (slice_text - name);
    name[strcspn(name, "[")] = '\0';
    file = H5Fopen(at->file, H5F_ACC_RDONLY, H5P_DEFAULT);
    if (file < 0) {
        st = mad_h5_fail(ctx, MAD_E_DATA, "'%s' is a damaged HDF5 file", at->file);
        goto out;
    }
    MAD_TRY(open_dataset(ctx, at, file, name, &dataset));
    MAD_TRY(number_type(ctx, at, dataset, &type));
    MAD_TRY(plan(ctx, at, dataset, slice_text, &s, out));
    out->type = type_name(type);
    MAD_TRY(read_items(ctx, mem, at, dataset, &s, out));
out:
    st = mad_h5_close(ctx, st, type);
    st = mad_h5_close(ctx, st, dataset);
    if (file >= 0 && H5Fclose(file) < 0 && st == MAD_OK) {
        st = mad_h5_fail(ctx, MAD_E_IO, "'%s' cannot be closed", at->file);
    }
    return st;
}

/* ---- all datasets ---- */

typedef struct each_job {
    mad_ctx *ctx;
    mad_hdf5_fn fn;
    void *arg;
} each_job;

static herr_t show_dataset(hid_t file, const char *name, const H5O_info_t *info, void *arg)
{
    const each_job *job = arg;
    size_t rank, shape[MAD_ARRAY_MAX_RANK];
    if (info->type != H5O_TYPE_DATASET) {
        return 0;
    }
    const hid_t dataset = H5Dopen2(file, name, H5P_DEFAULT);
    if (dataset >= 0 &&
        mad_h5_shape(job->ctx, dataset, name, MAD_ARRAY_MAX_RANK, &rank, shape) == MAD_OK) {
        job->fn(job->arg, name, rank, shape);
    }
    mad_ctx_clear(job->ctx);
    return dataset < 0 ? 0 : H5Dclose(dataset);
}

mad_status mad_hdf5_each(mad_ctx *ctx, const char *path, mad_hdf5_fn fn, void *arg)
{
    mad_status st = MAD_OK;
    each_job job = {ctx, fn, arg};
    mad_h5_quiet();
    const hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    if (file < 0) {
        return mad_h5_fail(ctx, MAD_E_DATA, "'%s' is a damaged HDF5 file", path);
    }
    if (H5Ovisit2(file, H5_INDEX_NAME, H5_ITER_INC, show_dataset, &job, H5O_INFO_BASIC) < 0) {
        st = mad_h5_fail(ctx, MAD_E_DATA, "'%s' has a damaged group", path);
    }
    if (H5Fclose(file) < 0 && st == MAD_OK) {
        st = mad_h5_fail(ctx, MAD_E_IO, "'%s' cannot be closed", path);
    }
    return st;
}

/* sim/store/feature_file.c: see the header. */
#include "sim/store/feature_file.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "sim/num/stats.h"
#include "sim/store/h5array.h"

enum { NAME_BYTES = 64, PATH_BYTES = 80, MAX_SIDE = 65536, MAX_VALUES = 1 << 26 };

static size_t n_values(const mad_feature_array *array)
{
    size_t n = 1;
    for (size_t k = 0; k < array->rank; k++) {
        n *= array->shape[k]; /* the array lies in memory: no overflow */
    }
    return n;
}

uint64_t mad_feature_hash(const mad_feature_file *file)
{
    const double numbers[] = {(double)file->height, (double)file->width, (double)file->channels,
                              file->pixel_mean, file->pixel_sd};
    uint64_t hash = MAD_FNV1A_START;
    for (size_t i = 0; i < file->n_arrays; i++) {
        const mad_feature_array *array = &file->array[i];
        hash = mad_fnv1a(array->name, strlen(array->name), hash);
        hash = mad_fnv1a(array->data, n_values(array) * sizeof *array->data, hash);
    }
    return mad_fnv1a(numbers, sizeof numbers, hash);
}

static mad_gen_array disk_array(const char *path, const mad_feature_array *array)
{
    mad_gen_array out = {
        .path = path, .kind = MAD_FIELD_F32, .rank = array->rank, .data = array->data};
    memcpy(out.shape, array->shape, sizeof array->shape);
    return out;
}

mad_status mad_feature_write(mad_ctx *ctx, const mad_publish *to, const mad_feature_file *file,
                             size_t n_attributes, const mad_attribute *attributes)
{
    mad_status st = MAD_OK;
    char hash[17], path[PATH_BYTES];
    snprintf(hash, sizeof hash, "%016" PRIx64, mad_feature_hash(file));
    const mad_attribute own[] = {{.name = "conventions", .text = MAD_CONVENTIONS},
                                 {.name = "features", .text = file->type},
                                 {.name = "hash", .text = hash},
                                 {.name = "height", .number = (double)file->height},
                                 {.name = "width", .number = (double)file->width},
                                 {.name = "channels", .number = (double)file->channels},
                                 {.name = "pixel_mean", .number = file->pixel_mean},
                                 {.name = "pixel_sd", .number = file->pixel_sd}};
    hid_t h5 = H5I_INVALID_HID;

    mad_h5_quiet();
    MAD_TRY(mad_h5_create_file(ctx, to->temp, &h5));
    MAD_TRY(mad_h5_write_attributes(ctx, h5, sizeof own / sizeof *own, own));
    MAD_TRY(mad_h5_write_attributes(ctx, h5, n_attributes, attributes));
    for (size_t i = 0; i < file->n_arrays; i++) {
        snprintf(path, sizeof path, "weights/%s", file->array[i].name);
        const mad_gen_array array = disk_array(path, &file->array[i]);
        MAD_TRY(mad_h5_write_array(ctx, h5, &array));
    }
out:
    st = mad_h5_close_file(ctx, st, h5, to->temp);
    if (st != MAD_OK) {
        st = mad_fail_while(ctx, st, "writing '%s'", to->path);
        mad_publish_abandon(to);
    }
    return st;
}

/* ---- reading ---- */

int mad_feature_is_file(const char *path)
{
    mad_h5_quiet();
    const hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    const int answer = file >= 0 && H5Aexists(file, "features") > 0;
    return file >= 0 && H5Fclose(file) < 0 ? 0 : answer;
}

/* A number among the attributes; MAD_E_DATA unless it is in least..most (NaN is not). */
static mad_status number_of(mad_ctx *ctx, size_t n, const mad_attribute *attributes,
                            const char *name, double least, double most, double *out)
{
    for (size_t i = 0; i < n; i++) {
        const mad_attribute *a = &attributes[i];
        if (strcmp(a->name, name) == 0 && a->text == NULL && a->number >= least &&
            a->number <= most) {
            *out = a->number;
            return MAD_OK;
        }
    }
    return mad_fail(ctx, MAD_E_DATA, "attribute '%s' is missing or out of range", name);
}

static mad_status size_of(mad_ctx *ctx, size_t n, const mad_attribute *attributes, const char *name,
                          size_t *out)
{
    double number = 0.0;
    const mad_status st = number_of(ctx, n, attributes, name, 1.0, MAX_SIDE, &number);
    *out = (size_t)number;
    return st;
}

static mad_status read_numbers(mad_ctx *ctx, const mad_attributes *all, const char **hash,
                               mad_feature_file *out)
{
    mad_status st = MAD_OK;
    const size_t n = all->n;
    const mad_attribute *attribute = all->attribute;
    out->type = mad_attribute_text(n, attribute, "features");
    *hash = mad_attribute_text(n, attribute, "hash");
    if (out->type == NULL || *hash == NULL) {
        st = mad_fail(ctx, MAD_E_DATA, "not a feature file: attribute '%s' is missing",
                      out->type == NULL ? "features" : "hash");
        goto out;
    }
    MAD_TRY(size_of(ctx, n, attribute, "height", &out->height));
    MAD_TRY(size_of(ctx, n, attribute, "width", &out->width));
    MAD_TRY(size_of(ctx, n, attribute, "channels", &out->channels));
    MAD_TRY(number_of(ctx, n, attribute, "pixel_mean", -1e300, 1e300, &out->pixel_mean));
    MAD_TRY(number_of(ctx, n, attribute, "pixel_sd", 1e-300, 1e300, &out->pixel_sd));
out:
    return st;
}

/* Rank and shape of a dataset of the open group. */
static mad_status read_shape(mad_ctx *ctx, hid_t group, mad_feature_array *array)
{
    mad_status st = MAD_OK;
    size_t n = 1;
    const hid_t dataset = H5Dopen2(group, array->name, H5P_DEFAULT);
    if (dataset < 0) {
        return mad_h5_fail(ctx, MAD_E_DATA, "cannot open array '%s'", array->name);
    }
    MAD_TRY(mad_h5_shape(ctx, dataset, array->name, MAD_H5_MAX_RANK, &array->rank, array->shape));
    for (size_t k = 0; k < array->rank; k++) {
        if (mad_size_mul(n, array->shape[k], &n) != MAD_OK || n > MAX_VALUES) {
            st = mad_fail(ctx, MAD_E_DATA, "array '%s' claims more than %d values", array->name,
                          MAX_VALUES);
            goto out;
        }
    }
    if (array->rank == 0 || n == 0) {
        st = mad_fail(ctx, MAD_E_DATA, "array '%s' is empty", array->name);
    }
out:
    return mad_h5_close(ctx, st, dataset);
}

static mad_status read_array(mad_ctx *ctx, mad_arena *mem, hid_t group, hsize_t i,
                             mad_feature_array *out)
{
    mad_status st = MAD_OK;
    char name[NAME_BYTES] = "";
    if (H5Lget_name_by_idx(group, ".", H5_INDEX_NAME, H5_ITER_INC, i, name, sizeof name,
                           H5P_DEFAULT) < 0) {
        return mad_h5_fail(ctx, MAD_E_DATA, "cannot list group /weights");
    }
    out->name = mad_arena_text(mem, name);
    if (out->name == NULL) {
        return mad_fail_memory(ctx, "the name of an array");
    }
    MAD_TRY(read_shape(ctx, group, out));
    float *data = mad_arena_take_raw(mem, n_values(out), sizeof *data);
    if (data == NULL) {
        return mad_fail_memory(ctx, "the weights of a feature file");
    }
    const mad_gen_array want = disk_array(out->name, out);
    MAD_TRY(mad_h5_read_array(ctx, group, &want, data));
    out->data = data;
out:
    return st;
}

static mad_status read_arrays(mad_ctx *ctx, mad_arena *mem, hid_t h5, mad_feature_file *out)
{
    mad_status st = MAD_OK;
    H5G_info_t info;
    mad_feature_array *array = mad_arena_take(mem, MAD_FEATURE_MAX_ARRAYS, sizeof *array);
    const hid_t group = H5Gopen2(h5, "weights", H5P_DEFAULT);
    if (array == NULL) {
        st = mad_fail_memory(ctx, "the weights of a feature file");
        goto out;
    }
    if (group < 0 || H5Gget_info(group, &info) < 0) {
        st = mad_h5_fail(ctx, MAD_E_DATA, "cannot open group /weights");
        goto out;
    }
    if (info.nlinks > MAD_FEATURE_MAX_ARRAYS) {
        st = mad_fail(ctx, MAD_E_DATA, "group /weights has more than %d members",
                      MAD_FEATURE_MAX_ARRAYS);
        goto out;
    }
    for (hsize_t i = 0; i < info.nlinks; i++) {
        MAD_TRY(read_array(ctx, mem, group, i, &array[i]));
    }
    out->n_arrays = (size_t)info.nlinks;
    out->array = array;
out:
    return mad_h5_close(ctx, st, group);
}

static mad_status read_file(mad_ctx *ctx, mad_arena *mem, hid_t h5, mad_feature_file *out,
                            mad_attributes *attributes)
{
    mad_status st = MAD_OK;
    const char *stored = NULL;
    char hash[17];
    MAD_TRY(mad_h5_read_attributes(ctx, mem, h5, &attributes->n, &attributes->attribute));
    MAD_TRY(read_numbers(ctx, attributes, &stored, out));
    MAD_TRY(read_arrays(ctx, mem, h5, out));
    out->hash = mad_feature_hash(out);
    snprintf(hash, sizeof hash, "%016" PRIx64, out->hash);
    if (strcmp(stored, hash) != 0) {
        st = mad_fail(ctx, MAD_E_DATA,
                      "the file was changed after it was written: its weights have hash %s, "
                      "attribute 'hash' says %s",
                      hash, stored);
    }
out:
    return st;
}

mad_status mad_feature_read(mad_ctx *ctx, mad_arena *mem, const char *path, mad_feature_file *out,
                            mad_attributes *attributes)
{
    mad_status st = MAD_OK;
    hid_t h5 = H5I_INVALID_HID;
    mad_feature_file file = {0};
    mad_attributes all = {0};
    mad_h5_quiet();
    st = mad_h5_open_file(ctx, path, H5F_ACC_RDONLY, &h5);
    if (st != MAD_OK) {
        return st;
    }
    st = read_file(ctx, mem, h5, &file, &all);
    st = mad_h5_close_file(ctx, st, h5, path);
    if (st != MAD_OK) {
        return mad_fail_while(ctx, st, "reading '%s'", path);
    }
    *out = file;
    if (attributes != NULL) {
        *attributes = all;
    }
    return MAD_OK;
}

/* sim/store/h5array.c: see the header. */
#include "sim/store/h5array.h"

static hid_t disk_type(mad_field_kind kind)
{
    switch (kind) {
    case MAD_FIELD_F64:
        return H5T_IEEE_F64LE;
    case MAD_FIELD_F32:
        return H5T_IEEE_F32LE;
    case MAD_FIELD_I64:
        return H5T_STD_I64LE;
    }
    MAD_ASSERT(0 && "field kind");
    return H5I_INVALID_HID;
}

static hid_t memory_type(mad_field_kind kind)
{
    switch (kind) {
    case MAD_FIELD_F64:
        return H5T_NATIVE_DOUBLE;
    case MAD_FIELD_F32:
        return H5T_NATIVE_FLOAT;
    case MAD_FIELD_I64:
        return H5T_NATIVE_INT64;
    }
    MAD_ASSERT(0 && "field kind");
    return H5I_INVALID_HID;
}

/* Chunks with a checksum, so that a damaged state never loads. Not deflated: weights and samples
 * shrink by less than a fifth, at ten times the cost of writing them. */
static mad_status creation_properties(mad_ctx *ctx, const mad_gen_array *array, hid_t *out)
{
    const size_t item_bytes = H5Tget_size(disk_type(array->kind));
    const hid_t list = H5Pcreate(H5P_DATASET_CREATE);
    hsize_t chunk[MAD_H5_MAX_RANK];
    size_t n_items = 1;
    int failed = H5Pset_obj_track_times(list, 0) < 0;

    for (size_t i = 0; i < array->rank; i++) {
        chunk[i] = array->shape[i];
        n_items *= array->shape[i]; /* the array lies in memory: no overflow */
    }
    if (n_items > 0) { /* a chunk may not be empty */
        mad_h5_shrink_chunk(array->rank, chunk, item_bytes);
        failed = failed || H5Pset_chunk(list, (int)array->rank, chunk) < 0 ||
                 H5Pset_fletcher32(list) < 0;
    }
    if (failed) {
        return mad_h5_close(ctx, mad_h5_fail(ctx, MAD_E_IO, "properties of %s", array->path), list);
    }
    *out = list;
    return MAD_OK;
}

mad_status mad_h5_write_array(mad_ctx *ctx, hid_t file, const mad_gen_array *array)
{
    mad_status st = MAD_OK;
    hsize_t dims[MAD_H5_MAX_RANK];
    hid_t creation = H5I_INVALID_HID, space = H5I_INVALID_HID, dataset = H5I_INVALID_HID;

    MAD_ASSERT(array->rank >= 1 && array->rank <= MAD_H5_MAX_RANK);
    for (size_t i = 0; i < array->rank; i++) {
        dims[i] = array->shape[i];
    }
    MAD_TRY(mad_h5_make_groups(ctx, file, array->path));
    MAD_TRY(creation_properties(ctx, array, &creation));
    space = H5Screate_simple((int)array->rank, dims, NULL);
    dataset = H5Dcreate2(file, array->path, disk_type(array->kind), space, H5P_DEFAULT, creation,
                         H5P_DEFAULT);
    if (dataset < 0 || H5Dwrite(dataset, memory_type(array->kind), H5S_ALL, H5S_ALL, H5P_DEFAULT,
                                array->data) < 0) {
        st = mad_h5_fail(ctx, MAD_E_IO, "cannot write %s", array->path);
        goto out;
    }
out:
    st = mad_h5_close(ctx, st, dataset);
    st = mad_h5_close(ctx, st, space);
    return mad_h5_close(ctx, st, creation);
}

/* 1 when the stored type converts without loss into the asked kind. */
static int kind_fits(hid_t dataset, mad_field_kind kind)
{
    const hid_t type = H5Dget_type(dataset);
    const int fits = type >= 0 && H5Tequal(type, disk_type(kind)) > 0;
    if (type >= 0) {
        H5Tclose(type);
    }
    return fits;
}

mad_status mad_h5_read_array(mad_ctx *ctx, hid_t file, const mad_gen_array *want, void *data)
{
    mad_status st = MAD_OK;
    size_t rank, shape[MAD_H5_MAX_RANK];
    const hid_t dataset = H5Dopen2(file, want->path, H5P_DEFAULT);

    if (dataset < 0) {
        st = mad_h5_fail(ctx, MAD_E_DATA, "cannot open %s", want->path);
        goto out;
    }
    MAD_TRY(mad_h5_shape(ctx, dataset, want->path, MAD_H5_MAX_RANK, &rank, shape));
    for (size_t i = 0; i < want->rank && rank == want->rank; i++) {
        if (shape[i] != want->shape[i]) {
            st = mad_fail(ctx, MAD_E_DATA, "dimension %zu of %s is %zu, expected %zu", i,
                          want->path, shape[i], want->shape[i]);
            goto out;
        }
    }
    if (rank != want->rank || !kind_fits(dataset, want->kind)) {
        st = mad_fail(ctx, MAD_E_DATA, "%s has another type or number of dimensions than expected",
                      want->path);
        goto out;
    }
    if (H5Dread(dataset, memory_type(want->kind), H5S_ALL, H5S_ALL, H5P_DEFAULT, data) < 0) {
        st = mad_h5_fail(ctx, MAD_E_DATA, "cannot read %s", want->path);
        goto out;
    }
out:
    return mad_h5_close(ctx, st, dataset);
}

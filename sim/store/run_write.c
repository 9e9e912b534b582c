/* sim/store/run_write.c: run.h5 laid out once, then published anew with every commit. */
#include <hdf5_hl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "sim/store/h5util.h"
#include "sim/store/publish.h"

enum { CHUNK_SIDE = 64, MAX_NAME_BYTES = 256 };

/* The two dimension scales every series hangs on. */
typedef struct scales {
    hid_t replicate, generation;
} scales;

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

static mad_status series_path(mad_ctx *ctx, const char *group, const char *name, char *path)
{
    const int n = snprintf(path, MAX_NAME_BYTES, "/%s/%s", group, name);
    if (n < 0 || n >= MAX_NAME_BYTES) {
        return mad_fail(ctx, MAD_E_RANGE, "name of series '%s' is longer than %d bytes", name,
                        MAX_NAME_BYTES - 1);
    }
    return MAD_OK;
}

/* Creates float64 dims[rank] at path with fill NaN; chunk NULL = contiguous. */
static mad_status create_dataset(mad_ctx *ctx, hid_t file, const char *path, size_t rank,
                                 const hsize_t *dims, const hsize_t *chunk, hid_t *out)
{
    mad_status st = MAD_OK;
    const double nan = (double)NAN;
    hid_t creation = H5I_INVALID_HID;
    const hid_t space = H5Screate_simple((int)rank, dims, NULL);

    MAD_TRY(mad_h5_make_groups(ctx, file, path));
    creation = H5Pcreate(H5P_DATASET_CREATE);
    if (H5Pset_obj_track_times(creation, 0) < 0 ||
        H5Pset_fill_value(creation, H5T_NATIVE_DOUBLE, &nan) < 0 ||
        (chunk != NULL && H5Pset_chunk(creation, (int)rank, chunk) < 0)) {
        st = mad_h5_fail(ctx, MAD_E_IO, "properties of %s", path);
        goto out;
    }
    *out = H5Dcreate2(file, path, H5T_IEEE_F64LE, space, H5P_DEFAULT, creation, H5P_DEFAULT);
    if (*out < 0) {
        st = mad_h5_fail(ctx, MAD_E_IO, "cannot create %s", path);
    }
out:
    st = mad_h5_close(ctx, st, creation);
    return mad_h5_close(ctx, st, space);
}

/* No filters: a column is overwritten in place, and no chunk moves when its bytes change. */
static mad_status create_series(mad_ctx *ctx, hid_t file, const mad_run_layout *layout,
                                const mad_series *series, const scales *on)
{
    mad_status st = MAD_OK;
    char path[MAX_NAME_BYTES];
    const size_t rank = series->width > 1 ? 3 : 2;
    const hsize_t dims[3] = {layout->n_replicates, layout->n_generations, series->width};
    hsize_t chunk[3] = {smaller(dims[0], CHUNK_SIDE), smaller(dims[1], CHUNK_SIDE), dims[2]};
    hid_t dataset = H5I_INVALID_HID;

    mad_h5_shrink_chunk(rank, chunk, sizeof(double));
    MAD_TRY(series_path(ctx, series->group, series->name, path));
    MAD_TRY(create_dataset(ctx, file, path, rank, dims, chunk, &dataset));
    if (H5DSattach_scale(dataset, on->replicate, 0) < 0 ||
        H5DSattach_scale(dataset, on->generation, 1) < 0) {
        st = mad_h5_fail(ctx, MAD_E_IO, "cannot attach the scales of %s", path);
        goto out;
    }
    MAD_TRY(mad_h5_write_attributes(ctx, dataset, series->n_attributes, series->attributes));
out:
    return mad_h5_close(ctx, st, dataset);
}

/* The scale of a vector's only dimension: /floor counts replicates, /theory generations; rows of a
 * file and grid points of an audit have none. */
static hid_t vector_scale(const mad_vector *vector, const scales *on)
{
    if (strcmp(vector->group, "floor") == 0) {
        return on->replicate;
    }
    return strcmp(vector->group, "theory") == 0 ? on->generation : H5I_INVALID_HID;
}

static mad_status write_vector(mad_ctx *ctx, hid_t file, const mad_vector *vector, const scales *on)
{
    mad_status st = MAD_OK;
    char path[MAX_NAME_BYTES];
    const hsize_t dims[1] = {vector->n_rows};
    const hid_t scale = vector_scale(vector, on);
    hid_t dataset = H5I_INVALID_HID;

    MAD_TRY(series_path(ctx, vector->group, vector->name, path));
    MAD_TRY(create_dataset(ctx, file, path, 1, dims, NULL, &dataset));
    if (H5Dwrite(dataset, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, vector->value) < 0 ||
        (scale >= 0 && H5DSattach_scale(dataset, scale, 0) < 0)) {
        st = mad_h5_fail(ctx, MAD_E_IO, "cannot write %s", path);
        goto out;
    }
    MAD_TRY(mad_h5_write_attributes(ctx, dataset, vector->n_attributes, vector->attributes));
out:
    return mad_h5_close(ctx, st, dataset);
}

static mad_status write_layout(mad_ctx *ctx, hid_t file, const mad_run_layout *layout)
{
    mad_status st = MAD_OK;
    const mad_attribute conventions = {.name = "conventions", .text = MAD_CONVENTIONS};
    scales on = {.replicate = H5I_INVALID_HID, .generation = H5I_INVALID_HID};

    MAD_TRY(mad_h5_write_attributes(ctx, file, 1, &conventions));
    MAD_TRY(mad_h5_write_count(ctx, file, "n_done", 0));
    MAD_TRY(mad_h5_write_attributes(ctx, file, layout->n_attributes, layout->attributes));
    MAD_TRY(mad_h5_write_scale(ctx, file, "replicate", "independent repetition, from 0",
                               layout->n_replicates, 0, &on.replicate));
    MAD_TRY(mad_h5_write_scale(ctx, file, "generation",
                               "generation; 1 is trained on real data only", layout->n_generations,
                               1, &on.generation));
    for (size_t i = 0; i < layout->n_series; i++) {
        MAD_TRY(create_series(ctx, file, layout, &layout->series[i], &on));
    }
    for (size_t i = 0; i < layout->n_vectors; i++) {
        MAD_TRY(write_vector(ctx, file, &layout->vectors[i], &on));
    }
out:
    st = mad_h5_close(ctx, st, on.generation);
    return mad_h5_close(ctx, st, on.replicate);
}

/* Layouts come from the engine: a wrong one is a bug, but sizes are the user's. */
mad_status mad_run_check(mad_ctx *ctx, const mad_run_layout *layout)
{
    MAD_ASSERT(layout->n_replicates > 0 && layout->n_generations > 0);
    if (layout->n_replicates > INT32_MAX || layout->n_generations > INT32_MAX) {
        return mad_fail(ctx, MAD_E_RANGE,
                        "%zu replicates of %zu generations: run.h5 holds at most %d of either",
                        layout->n_replicates, layout->n_generations, INT32_MAX);
    }
    for (size_t i = 0; i < layout->n_series; i++) {
        const mad_series *series = &layout->series[i];
        size_t n;
        MAD_ASSERT(series->width > 0 && mad_run_has_group(series->group));
        if (mad_size_mul(layout->n_replicates, layout->n_generations, &n) != MAD_OK ||
            mad_size_mul(n, series->width, &n) != MAD_OK || n > MAD_RUN_MAX_VALUES) {
            return mad_fail(ctx, MAD_E_RANGE,
                            "series %s/%s: %zu replicates x %zu generations x %zu values: run.h5 "
                            "holds at most %zu of them in one series",
                            series->group, series->name, layout->n_replicates,
                            layout->n_generations, series->width, MAD_RUN_MAX_VALUES);
        }
    }
    for (size_t i = 0; i < layout->n_vectors; i++) {
        const mad_vector *vector = &layout->vectors[i];
        const int is_floor = strcmp(vector->group, "floor") == 0;
        const int is_theory = strcmp(vector->group, "theory") == 0;
        MAD_ASSERT(is_floor || is_theory || strcmp(vector->group, "data") == 0 ||
                   strcmp(vector->group, "audit") == 0);
        MAD_ASSERT(!is_floor || vector->n_rows == layout->n_replicates);
        MAD_ASSERT(!is_theory || vector->n_rows == layout->n_generations);
    }
    return MAD_OK;
}

mad_status mad_run_create(mad_ctx *ctx, const char *dir, const mad_run_layout *layout)
{
    mad_status st = MAD_OK;
    mad_publish names;
    hid_t file = H5I_INVALID_HID;

    mad_h5_quiet();
    st = mad_publish_init(ctx, dir, "run.h5", &names);
    if (st != MAD_OK) {
        return st;
    }
    MAD_TRY(mad_run_check(ctx, layout));
    MAD_TRY(mad_h5_create_file(ctx, names.temp, &file));
    MAD_TRY(write_layout(ctx, file, layout));
out:
    st = mad_h5_close_file(ctx, st, file, names.temp);
    if (st == MAD_OK) {
        st = mad_publish_commit(ctx, &names);
    }
    if (st != MAD_OK) {
        st = mad_fail_while(ctx, st, "creating '%s'", names.path);
        mad_publish_abandon(&names);
    }
    return st;
}

/* Generations begin..begin+n_gens-1 of one series, data [n_replicates][n_gens][width]. */
static mad_status write_columns(mad_ctx *ctx, hid_t file, const mad_run_layout *layout,
                                const mad_series *series, size_t begin, size_t n_gens,
                                const double *data)
{
    mad_status st = MAD_OK;
    char path[MAX_NAME_BYTES];
    const size_t want_rank = series->width > 1 ? 3 : 2;
    const hsize_t start[3] = {0, begin - 1, 0};
    const hsize_t count[3] = {layout->n_replicates, n_gens, series->width};
    size_t rank, shape[3] = {0, 0, 1};
    hid_t dataset = H5I_INVALID_HID, on_disk = H5I_INVALID_HID, in_memory = H5I_INVALID_HID;

    MAD_TRY(series_path(ctx, series->group, series->name, path));
    dataset = H5Dopen2(file, path, H5P_DEFAULT);
    if (dataset < 0) {
        st = mad_h5_fail(ctx, MAD_E_DATA, "cannot open %s", path);
        goto out;
    }
    MAD_TRY(mad_h5_shape(ctx, dataset, path, 3, &rank, shape));
    if (rank != want_rank || shape[0] != layout->n_replicates ||
        shape[1] != layout->n_generations || shape[2] != series->width) {
        st = mad_fail(ctx, MAD_E_DATA, "%s is [%zu][%zu][%zu], this run needs [%zu][%zu][%zu]",
                      path, shape[0], shape[1], shape[2], layout->n_replicates,
                      layout->n_generations, series->width);
        goto out;
    }
    on_disk = H5Dget_space(dataset);
    in_memory = H5Screate_simple((int)rank, count, NULL);
    if (on_disk < 0 || in_memory < 0 ||
        H5Sselect_hyperslab(on_disk, H5S_SELECT_SET, start, NULL, count, NULL) < 0 ||
        H5Dwrite(dataset, H5T_NATIVE_DOUBLE, in_memory, on_disk, H5P_DEFAULT, data) < 0) {
        st = mad_h5_fail(ctx, MAD_E_IO, "cannot write generation %zu of %s", begin, path);
        goto out;
    }
out:
    st = mad_h5_close(ctx, st, in_memory);
    st = mad_h5_close(ctx, st, on_disk);
    return mad_h5_close(ctx, st, dataset);
}

static mad_status append(mad_ctx *ctx, const mad_publish *names, const mad_run_layout *layout,
                         size_t begin, size_t n_gens, const double *const *data,
                         const mad_run_root *root)
{
    mad_status st = MAD_OK;
    size_t n_done;
    hid_t file = H5I_INVALID_HID;

    MAD_TRY(mad_h5_open_file(ctx, names->temp, H5F_ACC_RDWR, &file));
    MAD_TRY(mad_h5_read_count(ctx, file, "n_done", &n_done));
    if (begin > n_done + 1) {
        st = mad_fail(ctx, MAD_E_DATA, "generation %zu cannot follow: only %zu are done", begin,
                      n_done);
        goto out;
    }
    for (size_t i = 0; i < layout->n_series; i++) {
        MAD_TRY(write_columns(ctx, file, layout, &layout->series[i], begin, n_gens, data[i]));
    }
    if (root->peak_bytes > 0) {
        MAD_TRY(mad_h5_write_count(ctx, file, "peak_bytes", root->peak_bytes));
    }
    MAD_TRY(mad_h5_write_attributes(ctx, file, root->n_attributes, root->attributes));
    MAD_TRY(mad_h5_write_count(ctx, file, "n_done", begin + n_gens - 1));
out:
    return mad_h5_close_file(ctx, st, file, names->temp);
}

mad_status mad_run_commit(mad_ctx *ctx, const char *dir, const mad_run_layout *layout, size_t begin,
                          size_t n_gens, const double *const *data, const mad_run_root *root)
{
    mad_status st = MAD_OK;
    mad_publish names;

    MAD_ASSERT(begin >= 1 && n_gens >= 1 && begin + n_gens - 1 <= layout->n_generations);
    mad_h5_quiet();
    st = mad_publish_init(ctx, dir, "run.h5", &names);
    if (st != MAD_OK) {
        return st;
    }
    MAD_TRY(mad_publish_copy(ctx, &names));
    st = append(ctx, &names, layout, begin, n_gens, data, root);
    if (st != MAD_OK) {
        st = mad_fail_while(ctx, st, "committing generation %zu to '%s'", begin, names.path);
        goto out;
    }
    MAD_TRY(mad_publish_commit(ctx, &names));
out:
    if (st != MAD_OK) {
        mad_publish_abandon(&names);
    }
    return st;
}

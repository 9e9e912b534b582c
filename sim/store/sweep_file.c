/* sim/store/sweep_file.c: see the header. */
#include "sim/store/sweep_file.h"

#include <hdf5_hl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "sim/iface/text.h"
#include "sim/store/h5util.h"

enum { MAX_SERIES = 1024, PATH_BYTES = 256, MAX_RANK = 3 };

static const char conventions[] = "madloop-sweep-1";

typedef struct series {
    char path[PATH_BYTES]; /* "metrics/recall" */
    size_t rank;
    hid_t dataset;
} series;

struct mad_sweep_file {
    mad_arena *mem;
    mad_sweep_layout layout;
    char path[4096];
    hid_t file, point, replicate, generation;
    size_t n_series;
    series *all; /* [MAX_SERIES] */
};

/* ---- datasets ------------------------------------------------------------------------------ */

/* A dataset over the points, without times; hangs on the scale /point. */
static mad_status create_over_points(mad_ctx *ctx, const mad_sweep_file *f, const char *name,
                                     hid_t type, hid_t *out)
{
    const hsize_t dims[1] = {f->layout.n_points};
    const hid_t space = H5Screate_simple(1, dims, NULL);
    const hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
    mad_status st = MAD_OK;
    if (H5Pset_obj_track_times(creation, 0) >= 0) {
        *out = H5Dcreate2(f->file, name, type, space, H5P_DEFAULT, creation, H5P_DEFAULT);
    }
    if (*out < 0 || H5DSattach_scale(*out, f->point, 0) < 0) {
        st = mad_h5_fail(ctx, MAD_E_IO, "cannot create /%s", name);
    }
    st = mad_h5_close(ctx, st, creation);
    return mad_h5_close(ctx, st, space);
}

/* Contiguous float64 [point] and what the group hangs on, filled with NaN. */
static mad_status create_series(mad_ctx *ctx, const mad_sweep_file *f, const mad_run_series *of,
                                series *out)
{
    const double nan = (double)NAN;
    const int is_floor = strcmp(of->group, "floor") == 0;
    const int is_theory = strcmp(of->group, "theory") == 0;
    const hid_t scale[MAX_RANK] = {f->point, is_theory ? f->generation : f->replicate,
                                   f->generation};
    const hsize_t dims[MAX_RANK] = {f->layout.n_points,
                                    is_theory ? f->layout.n_generations : f->layout.n_replicates,
                                    f->layout.n_generations};
    mad_status st = MAD_OK;
    hid_t creation = H5I_INVALID_HID, space = H5I_INVALID_HID;
    out->rank = is_floor || is_theory ? 2 : 3;
    MAD_TRY(mad_h5_make_groups(ctx, f->file, out->path));
    space = H5Screate_simple((int)out->rank, dims, NULL);
    creation = H5Pcreate(H5P_DATASET_CREATE);
    if (H5Pset_obj_track_times(creation, 0) >= 0 &&
        H5Pset_fill_value(creation, H5T_NATIVE_DOUBLE, &nan) >= 0) {
        out->dataset = H5Dcreate2(f->file, out->path, H5T_IEEE_F64LE, space, H5P_DEFAULT, creation,
                                  H5P_DEFAULT);
    }
    for (size_t i = 0; i < out->rank; i++) {
        if (out->dataset < 0 || H5DSattach_scale(out->dataset, scale[i], (unsigned)i) < 0) {
            st = mad_h5_fail(ctx, MAD_E_IO, "cannot create /%s", out->path);
            goto out;
        }
    }
    MAD_TRY(mad_h5_write_attributes(ctx, out->dataset, of->n_attributes, of->attributes));
out:
    st = mad_h5_close(ctx, st, creation);
    return mad_h5_close(ctx, st, space);
}

static series *known_series(const mad_sweep_file *f, const mad_run_series *of)
{
    const size_t n_group = strlen(of->group);
    for (size_t i = 0; i < f->n_series; i++) {
        const char *path = f->all[i].path;
        if (strncmp(path, of->group, n_group) == 0 && path[n_group] == '/' &&
            strcmp(path + n_group + 1, of->name) == 0) {
            return &f->all[i];
        }
    }
    return NULL;
}

static mad_status find_series(mad_ctx *ctx, mad_sweep_file *f, const mad_run_series *of,
                              series **out)
{
    mad_status st = MAD_OK;
    *out = known_series(f, of);
    if (*out != NULL) {
        return MAD_OK;
    }
    if (f->n_series == MAX_SERIES) {
        return mad_fail(ctx, MAD_E_RANGE, "the runs have more than %d measures", MAX_SERIES);
    }
    *out = &f->all[f->n_series];
    (*out)->dataset = H5I_INVALID_HID;
    if (snprintf((*out)->path, PATH_BYTES, "%s/%s", of->group, of->name) >= PATH_BYTES) {
        return mad_fail(ctx, MAD_E_RANGE, "the name '%s' is too long", of->name);
    }
    f->n_series++;
    MAD_TRY(create_series(ctx, f, of, *out));
out:
    return st;
}

static mad_status put_series(mad_ctx *ctx, const mad_sweep_file *f, const series *to,
                             size_t i_point, const mad_run_series *from)
{
    const hsize_t start[MAX_RANK] = {i_point, 0, 0};
    const hsize_t count[MAX_RANK] = {1, from->shape[0], to->rank == 3 ? from->shape[1] : 1};
    hid_t memory = H5Screate_simple((int)to->rank, count, NULL);
    hid_t space = H5Dget_space(to->dataset);
    mad_status st = MAD_OK;
    if (H5Sselect_hyperslab(space, H5S_SELECT_SET, start, NULL, count, NULL) < 0 ||
        H5Dwrite(to->dataset, H5T_NATIVE_DOUBLE, memory, space, H5P_DEFAULT, from->value) < 0) {
        st = mad_h5_fail(ctx, MAD_E_IO, "cannot write /%s of %s", to->path, f->path);
    }
    st = mad_h5_close(ctx, st, space);
    return mad_h5_close(ctx, st, memory);
}

/* ---- interface ----------------------------------------------------------------------------- */

mad_status mad_sweep_file_create(mad_ctx *ctx, mad_arena *mem, const char *path,
                                 const mad_sweep_layout *layout, mad_sweep_file **out)
{
    mad_status st = MAD_OK;
    size_t n;
    const mad_attribute about = {.name = "conventions", .text = conventions};
    mad_sweep_file *f = mad_arena_take(mem, 1, sizeof *f);
    *out = NULL;
    if (f == NULL || (f->all = mad_arena_take(mem, MAX_SERIES, sizeof *f->all)) == NULL) {
        return mad_fail_memory(ctx, "a sweep file");
    }
    if (layout->n_points > INT32_MAX ||
        mad_size_mul(layout->n_points, layout->n_replicates, &n) != MAD_OK ||
        mad_size_mul(n, layout->n_generations, &n) != MAD_OK || n > MAD_RUN_MAX_VALUES) {
        return mad_fail(ctx, MAD_E_RANGE,
                        "%zu points of %zu replicates and %zu generations are too many for one "
                        "array",
                        layout->n_points, layout->n_replicates, layout->n_generations);
    }
    mad_h5_quiet();
    f->mem = mem;
    f->layout = *layout;
    f->file = f->point = f->replicate = f->generation = H5I_INVALID_HID;
    (void)snprintf(f->path, sizeof f->path, "%s", path);
    MAD_TRY(mad_h5_create_file(ctx, path, &f->file));
    MAD_TRY(mad_h5_write_attributes(ctx, f->file, 1, &about));
    MAD_TRY(mad_h5_write_scale(ctx, f->file, "point", "point of the grid, from 0", layout->n_points,
                               0, &f->point));
    MAD_TRY(mad_h5_write_scale(ctx, f->file, "replicate", "independent repetition, from 0",
                               layout->n_replicates, 0, &f->replicate));
    MAD_TRY(mad_h5_write_scale(ctx, f->file, "generation",
                               "generation; 1 is trained on real data only", layout->n_generations,
                               1, &f->generation));
    *out = f;
out:
    return st == MAD_OK ? st : mad_sweep_file_close(ctx, st, f);
}

int mad_sweep_file_knows(const mad_sweep_file *file, const mad_run *run)
{
    for (size_t i = 0; i < run->n_series; i++) {
        if (run->series[i].rank <= 2 && known_series(file, &run->series[i]) == NULL) {
            return 0;
        }
    }
    return 1;
}

mad_status mad_sweep_file_put(mad_ctx *ctx, mad_sweep_file *file, size_t i_point,
                              const mad_run *run)
{
    mad_status st = MAD_OK;
    if (run->n_replicates > file->layout.n_replicates ||
        run->n_generations > file->layout.n_generations) {
        return mad_fail(ctx, MAD_E_DATA,
                        "%zu replicates of %zu generations are more than the sweep has",
                        run->n_replicates, run->n_generations);
    }
    for (size_t i = 0; i < run->n_series; i++) {
        const mad_run_series *from = &run->series[i];
        series *to;
        if (from->rank > 2) {
            continue;
        }
        MAD_TRY(find_series(ctx, file, from, &to));
        MAD_TRY(put_series(ctx, file, to, i_point, from));
    }
out:
    return st;
}

/* ---- coordinates --------------------------------------------------------------------------- */

static mad_status put_texts(mad_ctx *ctx, const mad_sweep_file *f, const char *name,
                            const char *const *text)
{
    mad_status st = MAD_OK;
    hid_t dataset = H5I_INVALID_HID;
    const hid_t type = H5Tcopy(H5T_C_S1);
    if (H5Tset_size(type, H5T_VARIABLE) < 0 || H5Tset_cset(type, H5T_CSET_UTF8) < 0) {
        st = mad_h5_fail(ctx, MAD_E_IO, "the type of /%s", name);
        goto out;
    }
    MAD_TRY(create_over_points(ctx, f, name, type, &dataset));
    if (H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, text) < 0) {
        st = mad_h5_fail(ctx, MAD_E_IO, "cannot write /%s of %s", name, f->path);
    }
out:
    st = mad_h5_close(ctx, st, dataset);
    return mad_h5_close(ctx, st, type);
}

static mad_status put_numbers(mad_ctx *ctx, const mad_sweep_file *f, const char *name,
                              const double *value)
{
    mad_status st = MAD_OK;
    hid_t dataset = H5I_INVALID_HID;
    MAD_TRY(create_over_points(ctx, f, name, H5T_IEEE_F64LE, &dataset));
    if (H5Dwrite(dataset, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, value) < 0) {
        st = mad_h5_fail(ctx, MAD_E_IO, "cannot write /%s of %s", name, f->path);
    }
out:
    return mad_h5_close(ctx, st, dataset);
}

/* As numbers when every text that is there is one. */
static mad_status put_key(mad_ctx *ctx, const mad_sweep_file *f, const mad_sweep_key *key)
{
    const size_t n = f->layout.n_points;
    double *value = mad_arena_take(f->mem, n, sizeof *value);
    if (value == NULL) {
        return mad_fail_memory(ctx, "the coordinates of a sweep");
    }
    for (size_t i = 0; i < n; i++) {
        value[i] = (double)NAN;
        if (key->text[i][0] != '\0' && !mad_number_parse(key->text[i], &value[i])) {
            return put_texts(ctx, f, key->key, key->text);
        }
    }
    return put_numbers(ctx, f, key->key, value);
}

/* The coordinates and scales beside the metrics: who opens /metrics alone finds them. */
static mad_status link_coordinates(mad_ctx *ctx, const mad_sweep_file *f, size_t n_keys,
                                   const mad_sweep_key *key)
{
    static const char *const fixed[] = {"run", "n_done", "point", "replicate", "generation"};
    enum { N_FIXED = sizeof fixed / sizeof *fixed };
    mad_status st = MAD_OK;
    char path[PATH_BYTES], names[4096] = "run n_done";
    for (size_t i = 0; i < n_keys + N_FIXED; i++) {
        const char *name = i < n_keys ? key[i].key : fixed[i - n_keys];
        (void)snprintf(path, sizeof path, "metrics/%s", name);
        MAD_TRY(mad_h5_make_groups(ctx, f->file, path));
        if (H5Lcreate_hard(f->file, name, f->file, path, H5P_DEFAULT, H5P_DEFAULT) < 0) {
            st = mad_h5_fail(ctx, MAD_E_IO, "cannot link /%s of %s", path, f->path);
            goto out;
        }
        if (i < n_keys) {
            const size_t k = strlen(names);
            (void)snprintf(names + k, sizeof names - k, " %s", name);
        }
    }
    const mad_attribute coordinates = {.name = "coordinates", .text = names};
    for (size_t i = 0; i < f->n_series; i++) {
        if (strncmp(f->all[i].path, "metrics/", 8) == 0) {
            MAD_TRY(mad_h5_write_attributes(ctx, f->all[i].dataset, 1, &coordinates));
        }
    }
out:
    return st;
}

mad_status mad_sweep_file_points(mad_ctx *ctx, mad_sweep_file *file, size_t n_keys,
                                 const mad_sweep_key *key, const char *const *run,
                                 const size_t *n_done)
{
    mad_status st = MAD_OK;
    const size_t n = file->layout.n_points;
    double *done = mad_arena_take(file->mem, n, sizeof *done);
    if (done == NULL) {
        st = mad_fail_memory(ctx, "the coordinates of a sweep");
        goto out;
    }
    for (size_t i = 0; i < n; i++) {
        done[i] = (double)n_done[i];
    }
    for (size_t i = 0; i < n_keys; i++) {
        MAD_TRY(put_key(ctx, file, &key[i]));
    }
    MAD_TRY(put_texts(ctx, file, "run", run));
    MAD_TRY(put_numbers(ctx, file, "n_done", done));
    MAD_TRY(link_coordinates(ctx, file, n_keys, key));
out:
    return st;
}

mad_status mad_sweep_file_close(mad_ctx *ctx, mad_status st, mad_sweep_file *f)
{
    if (f == NULL) {
        return st;
    }
    for (size_t i = 0; i < f->n_series; i++) {
        st = mad_h5_close(ctx, st, f->all[i].dataset);
    }
    st = mad_h5_close(ctx, st, f->generation);
    st = mad_h5_close(ctx, st, f->replicate);
    st = mad_h5_close(ctx, st, f->point);
    return mad_h5_close_file(ctx, st, f->file, f->path);
}

/* sim/store/gen_file.c: gen-NNNN.h5: model state and sample preview of one generation. */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sim/store/h5array.h"
#include "sim/store/h5util.h"
#include "sim/store/publish.h"

enum { NAME_BYTES = 64 };

static void file_name(size_t generation, char *name)
{
    snprintf(name, NAME_BYTES, "gen-%04zu.h5", generation);
}

mad_status mad_gen_remove(mad_ctx *ctx, const char *dir, size_t generation)
{
    char name[NAME_BYTES], path[PATH_MAX];
    file_name(generation, name);
    if (snprintf(path, sizeof path, "%s/%s", dir, name) >= PATH_MAX) {
        return mad_fail(ctx, MAD_E_IO, "%s/%s: path too long", dir, name);
    }
    if (unlink(path) != 0 && errno != ENOENT) {
        return mad_fail(ctx, MAD_E_IO, "cannot remove '%s': %s", path, strerror(errno));
    }
    return MAD_OK;
}

mad_status mad_gen_write(mad_ctx *ctx, const char *dir, size_t generation, const char *config_hash,
                         size_t n_arrays, const mad_gen_array *arrays)
{
    mad_status st = MAD_OK;
    const mad_attribute attributes[] = {{.name = "conventions", .text = MAD_CONVENTIONS},
                                        {.name = "config_hash", .text = config_hash}};
    mad_publish names;
    char name[NAME_BYTES];
    hid_t file = H5I_INVALID_HID;

    mad_h5_quiet();
    file_name(generation, name);
    st = mad_publish_init(ctx, dir, name, &names);
    if (st != MAD_OK) {
        return st;
    }
    MAD_TRY(mad_h5_create_file(ctx, names.temp, &file));
    MAD_TRY(mad_h5_write_attributes(ctx, file, 2, attributes));
    MAD_TRY(mad_h5_write_count(ctx, file, "generation", generation));
    for (size_t i = 0; i < n_arrays; i++) {
        MAD_TRY(mad_h5_write_array(ctx, file, &arrays[i]));
    }
out:
    st = mad_h5_close_file(ctx, st, file, names.temp);
    if (st == MAD_OK) {
        st = mad_publish_commit(ctx, &names);
    }
    if (st != MAD_OK) {
        st = mad_fail_while(ctx, st, "writing '%s'", names.path);
        mad_publish_abandon(&names);
    }
    return st;
}

/* Opens gen-NNNN.h5 and checks that it is the file of that generation. */
static mad_status open_generation(mad_ctx *ctx, const mad_publish *names, size_t generation,
                                  hid_t *out)
{
    size_t stored;
    hid_t file = H5I_INVALID_HID;
    mad_status st = mad_h5_open_file(ctx, names->path, H5F_ACC_RDONLY, &file);

    if (st != MAD_OK) {
        return st;
    }
    MAD_TRY(mad_h5_read_count(ctx, file, "generation", &stored));
    if (stored != generation) {
        st = mad_fail(ctx, MAD_E_DATA, "the file holds generation %zu", stored);
        goto out;
    }
    *out = file;
    return MAD_OK;
out:
    return mad_h5_close_file(ctx, st, file, names->path);
}

/* Keeps out[n] ascending; when full, the oldest makes room. Returns the new n. */
static size_t insert(size_t generation, size_t max, size_t *out, size_t n)
{
    if (n == max) {
        if (generation < out[0]) {
            return n;
        }
        memmove(out, out + 1, (n - 1) * sizeof *out);
        n--;
    }
    size_t i = n;
    for (; i > 0 && out[i - 1] > generation; i--) {
        out[i] = out[i - 1];
    }
    out[i] = generation;
    return n + 1;
}

typedef mad_status gen_fn(mad_ctx *ctx, hid_t file, void *arg);

/* Work on the open file of a generation. */
static mad_status in_generation(mad_ctx *ctx, const char *dir, size_t generation, gen_fn *fn,
                                void *arg)
{
    mad_status st = MAD_OK;
    mad_publish names;
    char name[NAME_BYTES];
    hid_t file = H5I_INVALID_HID;

    mad_h5_quiet();
    file_name(generation, name);
    MAD_TRY(mad_publish_init(ctx, dir, name, &names));
    st = open_generation(ctx, &names, generation, &file);
    if (st == MAD_OK) {
        st = fn(ctx, file, arg);
        st = mad_h5_close_file(ctx, st, file, names.path);
    }
    if (st != MAD_OK) {
        st = mad_fail_while(ctx, st, "reading '%s'", names.path);
    }
out:
    return st;
}

typedef struct array_job {
    const mad_gen_array *want;
    void *data;
} array_job;

static mad_status read_one(mad_ctx *ctx, hid_t file, void *arg)
{
    const array_job *job = arg;
    return mad_h5_read_array(ctx, file, job->want, job->data);
}

mad_status mad_gen_read(mad_ctx *ctx, const char *dir, size_t generation, const mad_gen_array *want,
                        void *data)
{
    array_job job = {want, data};
    return in_generation(ctx, dir, generation, read_one, &job);
}

static mad_status check_run(mad_ctx *ctx, hid_t file, void *arg)
{
    const char *now = arg;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    mad_status st = MAD_OK;
    size_t n;
    const mad_attribute *attributes;
    MAD_TRY(mad_h5_read_attributes(ctx, ctx->scratch, file, &n, &attributes));
    const char *then = mad_attribute_text(n, attributes, "config_hash");
    if (then == NULL || strcmp(then, now) != 0) {
        st = mad_fail(ctx, MAD_E_DATA,
                      "the file is of a run with another configuration (config_hash %s, this "
                      "run's is %s)",
                      then != NULL ? then : "none", now);
    }
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

mad_status mad_gen_check_run(mad_ctx *ctx, const char *dir, size_t generation,
                             const char *config_hash)
{
    char hash[NAME_BYTES];
    snprintf(hash, sizeof hash, "%s", config_hash != NULL ? config_hash : "none");
    return in_generation(ctx, dir, generation, check_run, hash);
}

/* Shape of a dataset; *rank = 0 when there is none of that name. */
static mad_status shape_of(mad_ctx *ctx, hid_t file, const char *path, size_t *rank, size_t *shape)
{
    mad_status st = MAD_OK;
    hid_t dataset = H5I_INVALID_HID;
    const htri_t exists = H5Lexists(file, path, H5P_DEFAULT);

    *rank = 0;
    if (exists == 0) {
        return MAD_OK;
    }
    dataset = exists < 0 ? H5I_INVALID_HID : H5Dopen2(file, path, H5P_DEFAULT);
    if (dataset < 0) {
        st = mad_h5_fail(ctx, MAD_E_DATA, "cannot open %s", path);
        goto out;
    }
    MAD_TRY(mad_h5_shape(ctx, dataset, path, MAD_H5_MAX_RANK, rank, shape));
out:
    return mad_h5_close(ctx, st, dataset);
}

/* Takes memory for one array of the preview and reads it; absent: *out = NULL. */
static mad_status read_preview_array(mad_ctx *ctx, mad_arena *mem, hid_t file, const char *path,
                                     mad_field_kind kind, const size_t *shape, size_t want_rank,
                                     const void **out)
{
    mad_status st = MAD_OK;
    mad_gen_array want = {.path = path, .kind = kind, .rank = want_rank};
    size_t rank, stored[MAD_H5_MAX_RANK], n = 1;
    void *data;

    *out = NULL;
    MAD_TRY(shape_of(ctx, file, path, &rank, stored));
    if (rank == 0) {
        goto out;
    }
    for (size_t i = 0; i < want_rank; i++) {
        want.shape[i] = shape[i];
        if (mad_size_mul(n, shape[i], &n) != MAD_OK || n > MAD_RUN_MAX_VALUES) {
            st = mad_fail(ctx, MAD_E_DATA, "%s claims more than %zu values", path,
                          MAD_RUN_MAX_VALUES);
            goto out;
        }
    }
    data = mad_arena_take_raw(mem, n, 8); /* float64 and int64 alike */
    if (data == NULL) {
        st = mad_fail_memory(ctx, "the sample preview");
        goto out;
    }
    MAD_TRY(mad_h5_read_array(ctx, file, &want, data));
    *out = data;
out:
    return st;
}

typedef struct preview_job {
    mad_arena *mem;
    mad_preview *out;
} preview_job;

static mad_status read_preview(mad_ctx *ctx, hid_t file, void *arg)
{
    mad_status st = MAD_OK;
    const preview_job *job = arg;
    mad_arena *mem = job->mem;
    size_t rank, shape[MAD_H5_MAX_RANK];
    const void *x, *label, *real;

    MAD_TRY(shape_of(ctx, file, "samples", &rank, shape));
    if (rank != 3) {
        st = mad_fail(ctx, MAD_E_DATA, "there is no sample preview in it");
        goto out;
    }
    MAD_TRY(read_preview_array(ctx, mem, file, "samples", MAD_FIELD_F64, shape, 3, &x));
    MAD_TRY(read_preview_array(ctx, mem, file, "labels", MAD_FIELD_I64, shape, 2, &label));
    MAD_TRY(read_preview_array(ctx, mem, file, "real", MAD_FIELD_F64, shape, 3, &real));
    *job->out = (mad_preview){.n_replicates = shape[0],
                              .n_rows = shape[1],
                              .dim = shape[2],
                              .x = x,
                              .label = label,
                              .real = real};
out:
    return st;
}

mad_status mad_preview_read(mad_ctx *ctx, mad_arena *mem, const char *dir, size_t generation,
                            mad_preview *out)
{
    preview_job job = {mem, out};
    return in_generation(ctx, dir, generation, read_preview, &job);
}

/* ---- saved models -------------------------------------------------------------------------- */

/* H5Lexists fails where a group on the way is missing: each is asked for. */
static int has_path(hid_t file, const char *path)
{
    char prefix[PATH_MAX];
    for (size_t i = 0; i < sizeof prefix; i++) {
        prefix[i] = '\0';
        if ((path[i] == '/' || path[i] == '\0') && H5Lexists(file, prefix, H5P_DEFAULT) <= 0) {
            return 0;
        }
        if (path[i] == '\0') {
            return 1;
        }
        prefix[i] = path[i];
    }
    return 0;
}

typedef struct width_job {
    const char *path;
    size_t *out;
} width_job;

static mad_status read_width(mad_ctx *ctx, hid_t file, void *arg)
{
    mad_status st = MAD_OK;
    const width_job *job = arg;
    size_t rank, shape[MAD_H5_MAX_RANK];

    *job->out = 0;
    if (has_path(file, job->path)) {
        MAD_TRY(shape_of(ctx, file, job->path, &rank, shape));
        *job->out = rank > 0 ? shape[rank - 1] : 0;
    }
out:
    return st;
}

mad_status mad_gen_width(mad_ctx *ctx, const char *dir, size_t generation, const char *path,
                         size_t *out)
{
    width_job job = {path, out};
    return in_generation(ctx, dir, generation, read_width, &job);
}

typedef struct models_job {
    size_t max, *n, *out;
} models_job;

static mad_status list_models(mad_ctx *ctx, hid_t file, void *arg)
{
    mad_status st = MAD_OK;
    models_job *job = arg;
    H5G_info_t info;
    hid_t group = H5I_INVALID_HID;

    *job->n = 0;
    if (H5Lexists(file, "model", H5P_DEFAULT) <= 0) {
        return MAD_OK;
    }
    group = H5Gopen2(file, "model", H5P_DEFAULT);
    if (group < 0 || H5Gget_info(group, &info) < 0) {
        st = mad_h5_fail(ctx, MAD_E_DATA, "cannot open group /model");
        goto out;
    }
    for (hsize_t i = 0; i < info.nlinks; i++) {
        char name[NAME_BYTES] = "";
        if (H5Lget_name_by_idx(group, ".", H5_INDEX_NAME, H5_ITER_INC, i, name, sizeof name,
                               H5P_DEFAULT) < 0) {
            st = mad_h5_fail(ctx, MAD_E_DATA, "cannot list group /model");
            goto out;
        }
        const size_t generation = strtoul(name, NULL, 10);
        if (generation > 0) {
            *job->n = insert(generation, job->max, job->out, *job->n);
        }
    }
out:
    return mad_h5_close(ctx, st, group);
}

mad_status mad_gen_models(mad_ctx *ctx, const char *dir, size_t generation, size_t max, size_t *out,
                          size_t *n)
{
    models_job job = {max, n, out};
    return in_generation(ctx, dir, generation, list_models, &job);
}

/* The generation a file name stands for; 0 when it is no gen file (temporary names included). */
static size_t parse_name(const char *name)
{
    char again[NAME_BYTES];
    if (strncmp(name, "gen-", 4) != 0) {
        return 0;
    }
    const unsigned long generation = strtoul(name + 4, NULL, 10);
    file_name(generation, again);
    return strcmp(name, again) == 0 ? generation : 0;
}

mad_status mad_gen_list(mad_ctx *ctx, const char *dir, size_t at_most, size_t max, size_t *out,
                        size_t *n)
{
    DIR *folder = opendir(dir);

    MAD_ASSERT(max > 0);
    *n = 0;
    if (folder == NULL) {
        return mad_fail(ctx, MAD_E_IO, "cannot list folder '%s': %s", dir, strerror(errno));
    }
    for (const struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        const size_t generation = parse_name(entry->d_name);
        if (generation != 0 && generation <= at_most) {
            *n = insert(generation, max, out, *n);
        }
    }
    closedir(folder);
    return MAD_OK;
}

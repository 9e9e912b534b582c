/* sim/store/h5util.c: properties, attributes and error texts of the run's HDF5 files. */
#include "sim/store/h5util.h"

#include <errno.h>
#include <hdf5_hl.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CHUNK_BYTES = 1 << 20, MAX_TEXT_BYTES = 1 << 26, MAX_GROUP_BYTES = 256 };

void mad_h5_quiet(void)
{
    /* files are closed here, one by one; what the library closes at exit are those that could not
     * be written to a full disk, and there it crashes */
    (void)H5dont_atexit();
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
}

/* H5E_WALK_UPWARD starts at the innermost call: it knows the reason. */
static herr_t keep_first(unsigned i_entry, const H5E_error2_t *entry, void *arg)
{
    char *text = arg;
    if (i_entry == 0 && entry->desc != NULL) {
        snprintf(text, MAD_MESSAGE_BYTES / 2, "%s", entry->desc);
    }
    return 0;
}

/* "file write failed: time = ..., filename = ..., error message = 'No space left', ...": the part
 * between the quotes; of any other reason the first line. */
static const char *brief_reason(char *reason)
{
    static const char mark[] = "error message = '";
    char *found = strstr(reason, mark);
    if (found != NULL) {
        reason = found + sizeof mark - 1;
        reason[strcspn(reason, "'")] = '\0';
    }
    reason[strcspn(reason, "\n")] = '\0';
    return reason;
}

mad_status mad_h5_fail(mad_ctx *ctx, mad_status code, const char *format, ...)
{
    char reason[MAD_MESSAGE_BYTES / 2] = "";
    char what[MAD_MESSAGE_BYTES / 2];
    va_list args;

    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, keep_first, reason);
    if (reason[0] == '\0') {
        return mad_fail(ctx, code, "%s", what);
    }
    return mad_fail(ctx, code, "%s (HDF5: %s)", what, brief_reason(reason));
}

mad_status mad_h5_close(mad_ctx *ctx, mad_status st, hid_t id)
{
    if (id >= 0 && H5Idec_ref(id) < 0 && st == MAD_OK) {
        st = mad_h5_fail(ctx, MAD_E_IO, "closing an HDF5 object");
    }
    return st;
}

mad_status mad_h5_close_file(mad_ctx *ctx, mad_status st, hid_t file, const char *path)
{
    if (file >= 0 && H5Fclose(file) < 0 && st == MAD_OK) {
        st = mad_h5_fail(ctx, MAD_E_IO, "closing '%s'", path);
    }
    return st;
}

/* Format 1.8: metadata carry checksums, attributes may exceed 64 KiB, every reader since 2008 knows
 * it. No locks: published files never change, and some network file systems refuse locks. */
static mad_status access_properties(mad_ctx *ctx, hid_t *out)
{
    const hid_t list = H5Pcreate(H5P_FILE_ACCESS);
    if (list < 0 || H5Pset_fclose_degree(list, H5F_CLOSE_SEMI) < 0 ||
        H5Pset_libver_bounds(list, H5F_LIBVER_V18, H5F_LIBVER_V110) < 0 ||
        H5Pset_file_locking(list, 0, 1) < 0) {
        return mad_h5_close(ctx, mad_h5_fail(ctx, MAD_E_IO, "HDF5 access properties"), list);
    }
    *out = list;
    return MAD_OK;
}

mad_status mad_h5_create_file(mad_ctx *ctx, const char *path, hid_t *out)
{
    mad_status st = MAD_OK;
    hid_t access = H5I_INVALID_HID, creation = H5I_INVALID_HID, file = H5I_INVALID_HID;

    MAD_TRY(access_properties(ctx, &access));
    creation = H5Pcreate(H5P_FILE_CREATE);
    if (creation < 0 || H5Pset_obj_track_times(creation, 0) < 0) {
        st = mad_h5_fail(ctx, MAD_E_IO, "HDF5 file properties");
        goto out;
    }
    if (unlink(path) < 0 && errno != ENOENT) {
        st = mad_fail(ctx, MAD_E_IO, "cannot remove '%s': %s", path, strerror(errno));
        goto out;
    }
    file = H5Fcreate(path, H5F_ACC_EXCL, creation, access);
    if (file < 0) {
        st = mad_h5_fail(ctx, MAD_E_IO, "cannot create '%s'", path);
        goto out;
    }
    *out = file;
out:
    st = mad_h5_close(ctx, st, creation);
    return mad_h5_close(ctx, st, access);
}

/* MAD_E_DATA unless the root says what convention it follows, and that is ours. */
static mad_status check_conventions(mad_ctx *ctx, hid_t file, const char *path)
{
    mad_status st = MAD_OK;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    const mad_attribute *attributes = NULL;
    size_t n = 0;

    MAD_TRY(mad_h5_read_attributes(ctx, ctx->scratch, file, &n, &attributes));
    const char *conventions = mad_attribute_text(n, attributes, "conventions");
    if (conventions == NULL || strcmp(conventions, MAD_CONVENTIONS) != 0) {
        st = mad_fail(ctx, MAD_E_DATA,
                      "'%s' is not a file of madloop: attribute conventions is '%s', not '%s'",
                      path, conventions == NULL ? "missing" : conventions, MAD_CONVENTIONS);
    }
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

mad_status mad_h5_open_file(mad_ctx *ctx, const char *path, unsigned flags, hid_t *out)
{
    mad_status st = MAD_OK;
    hid_t access = H5I_INVALID_HID, file = H5I_INVALID_HID;
    struct stat info;
    int first_byte;

    if (stat(path, &info) == 0 && !S_ISREG(info.st_mode)) { /* opening a pipe would wait for ever */
        return mad_fail(ctx, MAD_E_DATA, "'%s' is not a regular file", path);
    }
    FILE *plain = fopen(path, "rb"); /* a missing file is not a damaged one */
    if (plain == NULL) {
        return mad_fail(ctx, MAD_E_IO, "cannot open '%s': %s", path, strerror(errno));
    }
    errno = 0;
    first_byte = fgetc(plain);
    const int reason = errno;
    fclose(plain);
    if (first_byte == EOF) {
        return reason != 0 ? mad_fail(ctx, MAD_E_IO, "cannot read '%s': %s", path, strerror(reason))
                           : mad_fail(ctx, MAD_E_DATA, "'%s' is empty", path);
    }
    MAD_TRY(access_properties(ctx, &access));
    file = H5Fopen(path, flags, access);
    if (file < 0) {
        st = mad_h5_fail(ctx, MAD_E_DATA, "'%s' is not an HDF5 file, or damaged", path);
        goto out;
    }
    MAD_TRY(check_conventions(ctx, file, path));
    *out = file;
    file = H5I_INVALID_HID;
out:
    st = mad_h5_close_file(ctx, st, file, path);
    return mad_h5_close(ctx, st, access);
}

static mad_status write_attribute(mad_ctx *ctx, hid_t object, const mad_attribute *attribute)
{
    mad_status st = MAD_OK;
    hid_t type = H5I_INVALID_HID, attr = H5I_INVALID_HID;
    const hid_t space = H5Screate(H5S_SCALAR);
    const char *text = attribute->text;

    if (text == NULL) {
        type = H5Tcopy(H5T_IEEE_F64LE);
    } else {
        const size_t n = strlen(text);
        type = H5Tcopy(H5T_C_S1);
        if (H5Tset_size(type, n > 0 ? n : 1) < 0 || H5Tset_strpad(type, H5T_STR_NULLPAD) < 0 ||
            H5Tset_cset(type, H5T_CSET_UTF8) < 0) {
            st = mad_h5_fail(ctx, MAD_E_IO, "type of attribute '%s'", attribute->name);
            goto out;
        }
    }
    attr = H5Acreate2(object, attribute->name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    if (attr < 0 || H5Awrite(attr, text == NULL ? H5T_NATIVE_DOUBLE : type,
                             text == NULL ? (const void *)&attribute->number : text) < 0) {
        st = mad_h5_fail(ctx, MAD_E_IO, "cannot write attribute '%s'", attribute->name);
        goto out;
    }
out:
    st = mad_h5_close(ctx, st, attr);
    st = mad_h5_close(ctx, st, type);
    return mad_h5_close(ctx, st, space);
}

mad_status mad_h5_write_attributes(mad_ctx *ctx, hid_t object, size_t n,
                                   const mad_attribute *attributes)
{
    for (size_t i = 0; i < n; i++) {
        const mad_status st = write_attribute(ctx, object, &attributes[i]);
        if (st != MAD_OK) {
            return st;
        }
    }
    return MAD_OK;
}

mad_status mad_h5_write_count(mad_ctx *ctx, hid_t object, const char *name, size_t count)
{
    mad_status st = MAD_OK;
    const int64_t value = (int64_t)count;
    const hid_t space = H5Screate(H5S_SCALAR);
    const htri_t exists = H5Aexists(object, name);
    const hid_t attr =
        exists > 0 ? H5Aopen(object, name, H5P_DEFAULT)
                   : H5Acreate2(object, name, H5T_STD_I64LE, space, H5P_DEFAULT, H5P_DEFAULT);

    if (attr < 0 || H5Awrite(attr, H5T_NATIVE_INT64, &value) < 0) {
        st = mad_h5_fail(ctx, MAD_E_IO, "cannot write attribute '%s'", name);
    }
    st = mad_h5_close(ctx, st, attr);
    return mad_h5_close(ctx, st, space);
}

/* What an attribute holds, as far as we read it. */
typedef enum attribute_kind { KIND_OTHER, KIND_NUMBER, KIND_FIXED, KIND_VARIABLE } attribute_kind;

static attribute_kind kind_of(hid_t attr, hid_t type)
{
    const hid_t space = H5Aget_space(attr);
    const hssize_t n_points = space < 0 ? -1 : H5Sget_simple_extent_npoints(space);
    attribute_kind kind = KIND_OTHER;

    if (space >= 0) {
        H5Sclose(space);
    }
    if (n_points != 1) {
        return KIND_OTHER;
    }
    const H5T_class_t class = H5Tget_class(type);
    if (class == H5T_FLOAT || class == H5T_INTEGER) {
        kind = KIND_NUMBER;
    } else if (class == H5T_STRING) {
        kind = H5Tis_variable_str(type) > 0 ? KIND_VARIABLE : KIND_FIXED;
    }
    return kind;
}

static mad_status read_text(mad_ctx *ctx, mad_arena *mem, hid_t attr, hid_t type,
                            attribute_kind kind, const char *name, const char **out)
{
    if (kind == KIND_VARIABLE) {
        char *text = NULL;
        if (H5Aread(attr, type, &text) < 0) {
            return mad_h5_fail(ctx, MAD_E_DATA, "cannot read attribute '%s'", name);
        }
        *out = mad_arena_text(mem, text == NULL ? "" : text);
        H5free_memory(text);
    } else {
        const size_t n = H5Tget_size(type);
        if (n == 0 || n > MAX_TEXT_BYTES) {
            return mad_h5_fail(ctx, MAD_E_DATA, "attribute '%s' has %zu bytes", name, n);
        }
        char *text = mad_arena_take(mem, n + 1, 1);
        if (text != NULL && H5Aread(attr, type, text) < 0) {
            return mad_h5_fail(ctx, MAD_E_DATA, "cannot read attribute '%s'", name);
        }
        *out = text;
    }
    return *out == NULL ? mad_fail_memory(ctx, "attributes") : MAD_OK;
}

typedef struct attribute_list {
    mad_ctx *ctx;
    mad_arena *mem;
    mad_status st;
    size_t n;
    mad_attribute *value; /* NULL: only count */
} attribute_list;

static herr_t visit_attribute(hid_t object, const char *name, const H5A_info_t *info, void *arg)
{
    attribute_list *list = arg;
    const hid_t attr = H5Aopen(object, name, H5P_DEFAULT);
    const hid_t type = attr < 0 ? H5I_INVALID_HID : H5Aget_type(attr);
    const attribute_kind kind = type < 0 ? KIND_OTHER : kind_of(attr, type);
    mad_status st = MAD_OK;

    (void)info;
    if (type < 0) {
        st = mad_h5_fail(list->ctx, MAD_E_DATA, "cannot read attribute '%s'", name);
    } else if (kind != KIND_OTHER && list->value != NULL) {
        mad_attribute *value = &list->value[list->n];
        *value = (mad_attribute){.name = mad_arena_text(list->mem, name), .number = (double)NAN};
        if (value->name == NULL) {
            st = mad_fail_memory(list->ctx, "attributes");
        } else if (kind != KIND_NUMBER) {
            st = read_text(list->ctx, list->mem, attr, type, kind, name, &value->text);
        } else if (H5Aread(attr, H5T_NATIVE_DOUBLE, &value->number) < 0) {
            st = mad_h5_fail(list->ctx, MAD_E_DATA, "cannot read attribute '%s'", name);
        }
    }
    list->n += kind != KIND_OTHER;
    st = mad_h5_close(list->ctx, st, type);
    list->st = mad_h5_close(list->ctx, st, attr);
    return list->st == MAD_OK ? 0 : -1;
}

mad_status mad_h5_read_attributes(mad_ctx *ctx, mad_arena *mem, hid_t object, size_t *n,
                                  const mad_attribute **out)
{
    attribute_list list = {.ctx = ctx, .mem = mem};

    for (int pass = 0; pass < 2; pass++) { /* count, then read */
        hsize_t at = 0;
        if (pass == 1) {
            list.value = mad_arena_take(mem, list.n, sizeof *list.value);
            if (list.value == NULL) {
                return mad_fail_memory(ctx, "attributes");
            }
            list.n = 0;
        }
        if (H5Aiterate2(object, H5_INDEX_NAME, H5_ITER_INC, &at, visit_attribute, &list) < 0) {
            return list.st != MAD_OK ? list.st
                                     : mad_h5_fail(ctx, MAD_E_DATA, "cannot list attributes");
        }
    }
    *n = list.n;
    *out = list.value;
    return MAD_OK;
}

mad_status mad_h5_read_count(mad_ctx *ctx, hid_t object, const char *name, size_t *out)
{
    mad_status st = MAD_OK;
    const hid_t attr = H5Aopen(object, name, H5P_DEFAULT);
    const hid_t type = attr < 0 ? H5I_INVALID_HID : H5Aget_type(attr);
    int64_t value = -1;

    if (type < 0 || kind_of(attr, type) != KIND_NUMBER ||
        H5Aread(attr, H5T_NATIVE_INT64, &value) < 0 || value < 0) {
        st = mad_h5_fail(ctx, MAD_E_DATA, "attribute '%s' is missing or no whole number", name);
    } else {
        *out = (size_t)value;
    }
    st = mad_h5_close(ctx, st, type);
    return mad_h5_close(ctx, st, attr);
}

mad_status mad_h5_make_groups(mad_ctx *ctx, hid_t file, const char *path)
{
    mad_status st = MAD_OK;
    char prefix[MAX_GROUP_BYTES];
    const hid_t creation = H5Pcreate(H5P_GROUP_CREATE);

    if (strlen(path) >= sizeof prefix || H5Pset_obj_track_times(creation, 0) < 0) {
        st = mad_h5_fail(ctx, MAD_E_IO, "cannot create the groups of '%s'", path);
        goto out;
    }
    for (const char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        const size_t n = (size_t)(slash - path);
        memcpy(prefix, path, n);
        prefix[n] = '\0';
        const htri_t exists = H5Lexists(file, prefix, H5P_DEFAULT);
        const hid_t group = exists != 0
                                ? H5I_INVALID_HID
                                : H5Gcreate2(file, prefix, H5P_DEFAULT, creation, H5P_DEFAULT);
        if (exists < 0 || (exists == 0 && group < 0)) {
            st = mad_h5_fail(ctx, MAD_E_IO, "cannot create group '%s'", prefix);
            goto out;
        }
        MAD_TRY(mad_h5_close(ctx, MAD_OK, group));
    }
out:
    return mad_h5_close(ctx, st, creation);
}

void mad_h5_shrink_chunk(size_t rank, hsize_t *dims, size_t item_bytes)
{
    for (;;) {
        size_t i_largest = 0;
        double bytes = (double)item_bytes;
        for (size_t i = 0; i < rank; i++) {
            bytes *= (double)dims[i];
            i_largest = dims[i] > dims[i_largest] ? i : i_largest;
        }
        if (bytes <= CHUNK_BYTES) {
            return;
        }
        dims[i_largest] = (dims[i_largest] + 1) / 2;
    }
}

mad_status mad_h5_shape(mad_ctx *ctx, hid_t dataset, const char *name, size_t max_rank,
                        size_t *rank, size_t *shape)
{
    hsize_t dims[H5S_MAX_RANK];
    const hid_t space = H5Dget_space(dataset);
    const int n = space < 0 ? -1 : H5Sget_simple_extent_dims(space, dims, NULL);
    mad_status st = MAD_OK;

    if (n < 0 || (size_t)n > max_rank) {
        st = mad_h5_fail(ctx, MAD_E_DATA, "'%s' has %d dimensions, expected at most %zu", name, n,
                         max_rank);
    } else {
        *rank = (size_t)n;
        for (size_t i = 0; i < *rank; i++) {
            shape[i] = (size_t)dims[i];
        }
    }
    return mad_h5_close(ctx, st, space);
}

mad_status mad_h5_write_scale(mad_ctx *ctx, hid_t file, const char *name, const char *long_name,
                              size_t n, int32_t first, hid_t *out)
{
    mad_status st = MAD_OK;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    int32_t *value = mad_arena_take_raw(ctx->scratch, n, sizeof *value);
    const hsize_t dims[1] = {n};
    hid_t space = H5I_INVALID_HID, creation = H5I_INVALID_HID, scale = H5I_INVALID_HID;
    const mad_attribute attributes[] = {{.name = "long_name", .text = long_name},
                                        {.name = "units", .text = "1"}};

    if (value == NULL) {
        st = mad_fail_memory(ctx, "the dimension scales");
        goto out;
    }
    for (size_t i = 0; i < n; i++) {
        value[i] = first + (int32_t)i;
    }
    space = H5Screate_simple(1, dims, NULL);
    creation = H5Pcreate(H5P_DATASET_CREATE);
    if (H5Pset_obj_track_times(creation, 0) < 0) {
        st = mad_h5_fail(ctx, MAD_E_IO, "properties of /%s", name);
        goto out;
    }
    scale = H5Dcreate2(file, name, H5T_STD_I32LE, space, H5P_DEFAULT, creation, H5P_DEFAULT);
    if (scale < 0 || H5Dwrite(scale, H5T_NATIVE_INT32, H5S_ALL, H5S_ALL, H5P_DEFAULT, value) < 0 ||
        H5DSset_scale(scale, name) < 0) {
        st = mad_h5_fail(ctx, MAD_E_IO, "cannot write /%s", name);
        goto out;
    }
    MAD_TRY(mad_h5_write_attributes(ctx, scale, 2, attributes));
    *out = scale;
    scale = H5I_INVALID_HID;
out:
    st = mad_h5_close(ctx, st, scale);
    st = mad_h5_close(ctx, st, creation);
    st = mad_h5_close(ctx, st, space);
    mad_arena_release(ctx->scratch, mark);
    return st;
}

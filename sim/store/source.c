/* sim/store/source.c: opens a data file, tells its format, reads its array. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "sim/store/reader.h"

static int begins_with(const mad_raw *raw, size_t n, const char *magic)
{
    return raw->n_bytes >= n && memcmp(raw->bytes, magic, n) == 0;
}

static int is_npy(const mad_raw *raw)
{
    return begins_with(raw, 6, "\x93NUMPY");
}

/* With a type byte that IDX files have. */
static int is_idx(const mad_raw *raw)
{
    return begins_with(raw, 2, "\0\0") && raw->n_bytes >= 4 && raw->bytes[2] >= 8 &&
           raw->bytes[2] <= 14;
}

mad_status mad_head_check(mad_ctx *ctx, const mad_raw *head)
{
    mad_array array;
    if (is_npy(head)) {
        return mad_npy_parse(ctx, head, &array);
    }
    return is_idx(head) ? mad_idx_parse(ctx, head, &array) : MAD_OK;
}

static mad_format format_of(const mad_raw *raw)
{
    if (is_npy(raw)) {
        return MAD_FORMAT_NPY;
    }
    if (begins_with(raw, 4, "PK\3\4") || begins_with(raw, 4, "PK\5\6")) {
        return MAD_FORMAT_NPZ;
    }
    if (mad_cifar_fits(raw->n_bytes) && !is_idx(raw)) {
        for (size_t i = 0; i < raw->n_bytes; i++) {
            if (raw->bytes[i] < '\t') {
                return MAD_FORMAT_CIFAR;
            }
        }
    }
    return raw->n_bytes >= 4 && begins_with(raw, 2, "\0\0") ? MAD_FORMAT_IDX : MAD_FORMAT_CSV;
}

/* HDF5 files are never read as a whole: only a slice of them may fit into memory. */
static int is_hdf5(const char *path)
{
    char head[8];
    FILE *file = fopen(path, "rbe");
    if (file == NULL) {
        return 0;
    }
    const size_t n = fread(head, 1, sizeof head, file);
    (void)fclose(file);
    return n == sizeof head && memcmp(head, "\x89HDF\r\n\x1a\n", sizeof head) == 0;
}

/* The archive's bytes give way to the member's. */
static mad_status enter_npz(mad_ctx *ctx, mad_source *s)
{
    mad_raw member;
    const mad_status st = mad_npz_open(ctx, &s->raw, s->at.member, &member);
    if (st == MAD_OK) {
        mad_raw_close(&s->raw);
        s->raw = member;
        s->raw.path = s->at.text;
    }
    return st;
}

mad_status mad_source_open(mad_ctx *ctx, mad_arena *mem, const char *text, mad_source *out)
{
    mad_status st = MAD_OK;
    mad_source s = {0};
    MAD_TRY(mad_location_split(ctx, mem, text, &s.at));
    if (mad_is_folder(s.at.file)) {
        s.format = MAD_FORMAT_PNG;
    } else if (is_hdf5(s.at.file)) {
        s.format = MAD_FORMAT_HDF5;
    } else {
        MAD_TRY(mad_raw_open(ctx, s.at.file, &s.raw));
        s.format = format_of(&s.raw);
        if (s.format == MAD_FORMAT_NPZ) {
            MAD_TRY(enter_npz(ctx, &s));
        }
    }
    if (s.at.member != NULL && s.format != MAD_FORMAT_NPZ && s.format != MAD_FORMAT_HDF5) {
        st = mad_fail(ctx, MAD_E_DATA,
                      "'%s' has no member '%s': only NPZ and HDF5 files hold several arrays",
                      s.at.file, s.at.member);
        goto out;
    }
    *out = s;
    s.raw.mem = NULL;
out:
    mad_raw_close(&s.raw);
    return st;
}

void mad_source_close(mad_source *source)
{
    mad_raw_close(&source->raw);
}

/* Beyond 2^53 whole numbers are further apart than doubles tell: they are not rounded in silence. */
static mad_status check_whole(mad_ctx *ctx, const char *path, const mad_numbers *a)
{
    const double too_large = 9007199254740992.0; /* 2^53 */
    const size_t row_items = a->n_items / a->shape[0];
    if (strcmp(a->type, "int64") != 0 && strcmp(a->type, "uint64") != 0) {
        return MAD_OK;
    }
    for (size_t i = 0; i < a->n_items; i++) {
        if (fabs(a->value[i]) >= too_large) {
            return mad_fail(ctx, MAD_E_DATA,
                            "'%s': row %zu, column %zu is a whole number of more than 53 bits, "
                            "about %.6g: expected one that a double holds",
                            path, i / row_items + 1, i % row_items + 1, a->value[i]);
        }
    }
    return MAD_OK;
}

static mad_status read_array(mad_ctx *ctx, mad_arena *mem, const mad_source *source,
                             mad_numbers *out)
{
    static const char *const types[] = {
        [MAD_ITEM_U8] = "uint8",    [MAD_ITEM_I8] = "int8",    [MAD_ITEM_U16] = "uint16",
        [MAD_ITEM_I16] = "int16",   [MAD_ITEM_U32] = "uint32", [MAD_ITEM_I32] = "int32",
        [MAD_ITEM_U64] = "uint64",  [MAD_ITEM_I64] = "int64",  [MAD_ITEM_F16] = "float16",
        [MAD_ITEM_F32] = "float32", [MAD_ITEM_F64] = "float64"};
    static const char *const formats[] = {
        [MAD_FORMAT_IDX] = "idx", [MAD_FORMAT_NPY] = "npy", [MAD_FORMAT_NPZ] = "npz"};
    mad_status st = MAD_OK;
    mad_array array;
    MAD_TRY(source->format == MAD_FORMAT_IDX ? mad_idx_parse(ctx, &source->raw, &array)
                                             : mad_npy_parse(ctx, &source->raw, &array));
    *out = (mad_numbers){.format = formats[source->format],
                         .type = types[array.item],
                         .rank = array.rank,
                         .n_items = array.n_items};
    memcpy(out->shape, array.shape, sizeof out->shape);
    MAD_TRY(mad_array_values(ctx, mem, &source->raw, &array, &out->value));
out:
    return st;
}

mad_status mad_numbers_read(mad_ctx *ctx, mad_arena *mem, const mad_source *source,
                            mad_numbers *out)
{
    mad_status st = MAD_OK;
    MAD_TRY(source->format == MAD_FORMAT_HDF5 ? mad_hdf5_read(ctx, mem, &source->at, out)
                                              : read_array(ctx, mem, source, out));
    MAD_TRY(check_whole(ctx, source->at.text, out));
out:
    return st;
}

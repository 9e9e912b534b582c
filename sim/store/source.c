/* sim/store/source.c: opens a data file, tells its format, reads its array. */
#include <stdio.h>
#include <string.h>

#include "sim/store/reader.h"

static int begins_with(const mad_raw *raw, size_t n, const char *magic)
{
    return raw->n_bytes >= n && memcmp(raw->bytes, magic, n) == 0;
}

static mad_format format_of(const mad_raw *raw)
{
    const unsigned char *bytes = raw->bytes;
    if (begins_with(raw, 6, "\x93NUMPY")) {
        return MAD_FORMAT_NPY;
    }
    if (begins_with(raw, 4, "PK\3\4") || begins_with(raw, 4, "PK\5\6")) {
        return MAD_FORMAT_NPZ;
    }
    const int begins_as_idx = raw->n_bytes >= 4 && bytes[0] == 0 && bytes[1] == 0;
    const int is_idx_type = begins_as_idx && bytes[2] >= 8 && bytes[2] <= 14;
    if (mad_cifar_fits(raw->n_bytes) && !is_idx_type) {
        for (size_t i = 0; i < raw->n_bytes; i++) {
            if (bytes[i] < '\t') {
                return MAD_FORMAT_CIFAR;
            }
        }
    }
    return begins_as_idx ? MAD_FORMAT_IDX : MAD_FORMAT_CSV;
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

mad_status mad_numbers_read(mad_ctx *ctx, mad_arena *mem, const mad_source *source,
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
    if (source->format == MAD_FORMAT_HDF5) {
        return mad_hdf5_read(ctx, mem, &source->at, out);
    }
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

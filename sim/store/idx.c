/* sim/store/idx.c: the IDX header: 0, 0, type, rank, then big-endian sizes.
 *
 * ref  Y. LeCun, C. Cortes, C. Burges: The MNIST database, "The IDX file format"
 */
#include "sim/store/reader.h"

enum { IDX_MAX_RANK = 5 };

/* 0 when the type byte is known. */
static int item_of(unsigned char type, mad_item *out)
{
    switch (type) {
    case 0x08:
        *out = MAD_ITEM_U8;
        return 0;
    case 0x09:
        *out = MAD_ITEM_I8;
        return 0;
    case 0x0b:
        *out = MAD_ITEM_I16;
        return 0;
    case 0x0c:
        *out = MAD_ITEM_I32;
        return 0;
    case 0x0d:
        *out = MAD_ITEM_F32;
        return 0;
    case 0x0e:
        *out = MAD_ITEM_F64;
        return 0;
    default: /* any other byte */
        return -1;
    }
}

mad_status mad_idx_parse(mad_ctx *ctx, const mad_raw *raw, mad_array *out)
{
    const unsigned char *bytes = raw->bytes;
    mad_array array = {.big_endian = 1};

    if (raw->n_bytes < 4) {
        return mad_fail(ctx, MAD_E_DATA, "'%s' is no IDX file: only %zu bytes long", raw->path,
                        raw->n_bytes);
    }
    if (bytes[0] != 0 || bytes[1] != 0 || item_of(bytes[2], &array.item) < 0) {
        return mad_fail(
            ctx, MAD_E_DATA,
            "'%s' is no IDX file: it starts with %02x %02x %02x %02x, expected 00 00, a "
            "type (08 09 0b 0c 0d 0e) and a rank",
            raw->path, bytes[0], bytes[1], bytes[2], bytes[3]);
    }
    array.rank = bytes[3];
    if (array.rank < 1 || array.rank > IDX_MAX_RANK) {
        return mad_fail(ctx, MAD_E_DATA,
                        "'%s': the IDX header has %zu dimensions, expected 1 to %d", raw->path,
                        array.rank, IDX_MAX_RANK);
    }
    const size_t header_bytes = 4 + 4 * array.rank;
    if (raw->n_bytes < header_bytes) {
        return mad_fail(ctx, MAD_E_DATA, "'%s': the IDX header is truncated", raw->path);
    }
    for (size_t i = 0; i < array.rank; i++) {
        const unsigned char *b = bytes + 4 + 4 * i;
        array.shape[i] = (size_t)b[0] << 24 | (size_t)b[1] << 16 | (size_t)b[2] << 8 | b[3];
    }
    const mad_status st = mad_array_check(ctx, raw, header_bytes, &array);
    if (st == MAD_OK) {
        *out = array;
    }
    return st;
}

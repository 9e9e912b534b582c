/* sim/store/array.c: items of any number type and byte order as doubles in row-major order. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "sim/store/reader.h"

size_t mad_item_bytes(mad_item item)
{
    switch (item) {
    case MAD_ITEM_U8:
    case MAD_ITEM_I8:
        return 1;
    case MAD_ITEM_U16:
    case MAD_ITEM_I16:
    case MAD_ITEM_F16:
        return 2;
    case MAD_ITEM_U32:
    case MAD_ITEM_I32:
    case MAD_ITEM_F32:
        return 4;
    case MAD_ITEM_U64:
    case MAD_ITEM_I64:
    case MAD_ITEM_F64:
        return 8;
    }
    MAD_ASSERT(0 && "item type");
    return 0;
}

/* "[60000][28][28]" */
static void shape_text(const mad_array *array, size_t n_bytes, char *out)
{
    size_t n = 0;
    out[0] = '\0';
    for (size_t i = 0; i < array->rank && n < n_bytes; i++) {
        const int more = snprintf(out + n, n_bytes - n, "[%zu]", array->shape[i]);
        n += more > 0 ? (size_t)more : 0;
    }
}

mad_status mad_array_check(mad_ctx *ctx, const mad_raw *raw, size_t header_bytes, mad_array *array)
{
    char shape[MAD_ARRAY_MAX_RANK * 24];
    const size_t item_bytes = mad_item_bytes(array->item);
    const size_t n_left = raw->n_bytes - header_bytes;
    size_t n = 1, need = 0;
    int fits = 1;

    shape_text(array, sizeof shape, shape);
    for (size_t i = 0; i < array->rank; i++) {
        if (array->shape[i] == 0) {
            return mad_fail(ctx, MAD_E_DATA, "'%s': the data set is empty: its shape is %s",
                            raw->path, shape);
        }
        fits = fits && mad_size_mul(n, array->shape[i], &n) == MAD_OK;
    }
    fits = fits && mad_size_mul(n, item_bytes, &need) == MAD_OK;
    if (!fits || need > n_left) {
        return mad_fail(ctx, MAD_E_DATA,
                        "'%s': the header promises %s items of %zu byte(s), but only %zu bytes "
                        "follow it: truncated, or a wrong header",
                        raw->path, shape, item_bytes, n_left);
    }
    if (need < n_left) {
        return mad_fail(ctx, MAD_E_DATA,
                        "'%s': %zu bytes more than the %s items of %zu byte(s) its header promises",
                        raw->path, n_left - need, shape, item_bytes);
    }
    array->n_items = n;
    array->data = raw->bytes + header_bytes;
    return MAD_OK;
}

static uint64_t load_bits(const unsigned char *bytes, size_t n, int big_endian)
{
    uint64_t bits = 0;
    for (size_t i = 0; i < n; i++) {
        bits = bits << 8 | bytes[big_endian ? i : n - 1 - i];
    }
    return bits;
}

/* IEEE 754 half precision: (-1)^s 2^(e-15) (1 + m/1024), 2^-14 m/1024 where e = 0. */
static double half_value(uint64_t bits)
{
    const int exponent = (int)(bits >> 10 & 31);
    const double mantissa = (double)(bits & 1023);
    double value;
    if (exponent == 31) {
        value = mantissa == 0 ? (double)INFINITY : (double)NAN;
    } else if (exponent == 0) {
        value = ldexp(mantissa, -24);
    } else {
        value = ldexp(mantissa + 1024, exponent - 25);
    }
    return bits >> 15 & 1 ? -value : value;
}

static double item_value(mad_item item, uint64_t bits)
{
    float single;
    double number;
    const uint32_t low = (uint32_t)bits;

    switch (item) {
    case MAD_ITEM_U8:
    case MAD_ITEM_U16:
    case MAD_ITEM_U32:
    case MAD_ITEM_U64:
        return (double)bits;
    case MAD_ITEM_I8:
        return (double)(int8_t)bits;
    case MAD_ITEM_I16:
        return (double)(int16_t)bits;
    case MAD_ITEM_I32:
        return (double)(int32_t)bits;
    case MAD_ITEM_I64:
        return (double)(int64_t)bits;
    case MAD_ITEM_F16:
        return half_value(bits);
    case MAD_ITEM_F32:
        memcpy(&single, &low, sizeof single);
        return (double)single;
    case MAD_ITEM_F64:
        memcpy(&number, &bits, sizeof number);
        return number;
    }
    MAD_ASSERT(0 && "item type");
    return (double)NAN;
}

/* Steps a row-major index on; returns the offset, in items, of its element in the file. */
static size_t next_offset(const mad_array *array, const size_t *stride, size_t *index,
                          size_t offset)
{
    for (size_t i = array->rank; i-- > 0;) {
        index[i]++;
        offset += stride[i];
        if (index[i] < array->shape[i]) {
            return offset;
        }
        offset -= stride[i] * array->shape[i];
        index[i] = 0;
    }
    return offset;
}

mad_status mad_array_values(mad_ctx *ctx, mad_arena *mem, const mad_raw *raw,
                            const mad_array *array, double **out)
{
    const size_t item_bytes = mad_item_bytes(array->item);
    size_t stride[MAD_ARRAY_MAX_RANK], index[MAD_ARRAY_MAX_RANK] = {0};
    size_t step = 1, offset = 0;
    double *value = mad_arena_take_raw(mem, array->n_items, sizeof *value);

    if (value == NULL) {
        return mad_fail_memory(ctx, raw->path);
    }
    for (size_t i = 0; i < array->rank; i++) {
        const size_t k = array->fortran_order ? i : array->rank - 1 - i;
        stride[k] = step;
        step *= array->shape[k];
    }
    for (size_t i = 0; i < array->n_items; i++) {
        const uint64_t bits =
            load_bits(array->data + offset * item_bytes, item_bytes, array->big_endian);
        value[i] = item_value(array->item, bits);
        offset = next_offset(array, stride, index, offset);
    }
    *out = value;
    return MAD_OK;
}

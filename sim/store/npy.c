/* sim/store/npy.c: the NPY header: magic, version, length, then a Python dictionary as text.
 *
 * ref  numpy.lib.format, versions 1.0, 2.0 and 3.0
 */
#include <stdio.h>
#include <string.h>

#include "sim/store/reader.h"

enum { MAGIC_BYTES = 6, WORD_BYTES = 16, MAX_HEADER_BYTES = 1 << 16 }; /* below MAD_HEAD_BYTES */

/* A cursor over the dictionary. */
typedef struct scanner {
    const char *at, *end;
} scanner;

static void skip_space(scanner *s)
{
    while (s->at < s->end && (*s->at == ' ' || *s->at == '\n' || *s->at == '\t')) {
        s->at++;
    }
}

/* 1 and one step on when the next character is c. */
static int take(scanner *s, char c)
{
    skip_space(s);
    if (s->at < s->end && *s->at == c) {
        s->at++;
        return 1;
    }
    return 0;
}

/* A quoted word into word[WORD_BYTES]; 0 when there is none, or a longer one. */
static int take_word(scanner *s, char *word)
{
    skip_space(s);
    if (s->at >= s->end || (*s->at != '\'' && *s->at != '"')) {
        return 0;
    }
    const char quote = *s->at++;
    size_t n = 0;
    for (; s->at < s->end && *s->at != quote && n + 1 < WORD_BYTES; n++) {
        word[n] = *s->at++;
    }
    word[n] = '\0';
    return take(s, quote);
}

static int take_bool(scanner *s, int *out)
{
    static const char *const words[] = {"False", "True"};
    skip_space(s);
    for (int i = 0; i < 2; i++) {
        const size_t n = strlen(words[i]);
        if ((size_t)(s->end - s->at) >= n && memcmp(s->at, words[i], n) == 0) {
            s->at += n;
            *out = i;
            return 1;
        }
    }
    return 0;
}

/* "(3, 4)", "(3,)" or "()"; numpy before 1.0 on 32 bits wrote "3L". */
static int take_shape(scanner *s, mad_array *array)
{
    array->rank = 0;
    if (!take(s, '(')) {
        return 0;
    }
    while (!take(s, ')')) {
        size_t size = 0;
        const char *first = (skip_space(s), s->at);
        for (; s->at < s->end && *s->at >= '0' && *s->at <= '9'; s->at++) {
            if (mad_size_mul(size, 10, &size) != MAD_OK) {
                return 0;
            }
            size += (size_t)(*s->at - '0');
        }
        if (s->at == first || s->at - first > 19 || array->rank == MAD_ARRAY_MAX_RANK) {
            return 0;
        }
        array->shape[array->rank++] = size;
        take(s, 'L');
        if (!take(s, ',') && (s->at >= s->end || *s->at != ')')) {
            return 0;
        }
    }
    return 1;
}

static mad_status item_of(mad_ctx *ctx, const mad_raw *raw, const char *descr, mad_array *array)
{
    static const struct {
        const char *name;
        mad_item item;
    } items[] = {{"u1", MAD_ITEM_U8},  {"i1", MAD_ITEM_I8},  {"b1", MAD_ITEM_U8},
                 {"u2", MAD_ITEM_U16}, {"i2", MAD_ITEM_I16}, {"u4", MAD_ITEM_U32},
                 {"i4", MAD_ITEM_I32}, {"u8", MAD_ITEM_U64}, {"i8", MAD_ITEM_I64},
                 {"f2", MAD_ITEM_F16}, {"f4", MAD_ITEM_F32}, {"f8", MAD_ITEM_F64}};

    if (strcmp(descr, "|O") == 0 || strcmp(descr, "O") == 0) {
        return mad_fail(
            ctx, MAD_E_DATA,
            "'%s' holds Python objects (type 'O'), which are not read: save an array of "
            "numbers",
            raw->path);
    }
    const int has_order = descr[0] == '<' || descr[0] == '>' || descr[0] == '|' || descr[0] == '=';
    for (size_t i = 0; has_order && i < sizeof items / sizeof items[0]; i++) {
        if (strcmp(descr + 1, items[i].name) == 0) {
            array->item = items[i].item;
            array->big_endian = descr[0] == '>';
            return MAD_OK;
        }
    }
    return mad_fail(ctx, MAD_E_DATA,
                    "'%s': items of type '%s' are not read: expected whole numbers or floats of up "
                    "to 8 bytes",
                    raw->path, descr);
}

/* {'descr': '<f8', 'fortran_order': False, 'shape': (3, 4), } with the keys in any order. */
static mad_status parse_dictionary(mad_ctx *ctx, const mad_raw *raw, scanner s, mad_array *array)
{
    char key[WORD_BYTES], descr[WORD_BYTES] = "";
    unsigned found = 0;
    int ok = take(&s, '{');

    while (ok && !take(&s, '}')) {
        ok = take_word(&s, key) && take(&s, ':');
        if (ok && strcmp(key, "descr") == 0) {
            if (take(&s, '[')) {
                return mad_fail(ctx, MAD_E_DATA,
                                "'%s' is a structured array: expected plain numbers", raw->path);
            }
            found |= 1;
            ok = take_word(&s, descr);
        } else if (ok && strcmp(key, "fortran_order") == 0) {
            found |= 2;
            ok = take_bool(&s, &array->fortran_order);
        } else if (ok && strcmp(key, "shape") == 0) {
            found |= 4;
            ok = take_shape(&s, array);
        } else {
            ok = 0;
        }
        ok = ok && (take(&s, ',') || (s.at < s.end && *s.at == '}'));
    }
    if (!ok || found != 7) {
        return mad_fail(
            ctx, MAD_E_DATA,
            "'%s': bad NPY header: expected descr, fortran_order and a shape of at most "
            "%d sizes",
            raw->path, MAD_ARRAY_MAX_RANK);
    }
    if (array->rank == 0) {
        return mad_fail(ctx, MAD_E_DATA, "'%s' holds one number: expected an array", raw->path);
    }
    return item_of(ctx, raw, descr, array);
}

mad_status mad_npy_parse(mad_ctx *ctx, const mad_raw *raw, mad_array *out)
{
    static const unsigned char magic[MAGIC_BYTES] = {0x93, 'N', 'U', 'M', 'P', 'Y'};
    const unsigned char *bytes = raw->bytes;
    mad_array array = {0};
    mad_status st = MAD_OK;

    if (raw->n_bytes < 12 || memcmp(bytes, magic, MAGIC_BYTES) != 0) {
        return mad_fail(ctx, MAD_E_DATA, "'%s' is no NPY file: it does not start with \\x93NUMPY",
                        raw->path);
    }
    if (bytes[6] < 1 || bytes[6] > 3) {
        return mad_fail(ctx, MAD_E_DATA, "'%s': NPY version %d, expected 1, 2 or 3", raw->path,
                        bytes[6]);
    }
    const size_t begin = bytes[6] == 1 ? 10 : 12;
    size_t n = (size_t)bytes[8] | (size_t)bytes[9] << 8;
    if (bytes[6] > 1) {
        n |= (size_t)bytes[10] << 16 | (size_t)bytes[11] << 24;
    }
    if (n > raw->n_bytes - begin) {
        return mad_fail(ctx, MAD_E_DATA, "'%s': the NPY header is truncated", raw->path);
    }
    if (n > MAX_HEADER_BYTES) {
        return mad_fail(ctx, MAD_E_DATA, "'%s': an NPY header of %zu bytes, expected at most %d",
                        raw->path, n, MAX_HEADER_BYTES);
    }
    const char *text = (const char *)bytes + begin;
    MAD_TRY(parse_dictionary(ctx, raw, (scanner){.at = text, .end = text + n}, &array));
    MAD_TRY(mad_array_check(ctx, raw, begin + n, &array));
    *out = array;
out:
    return st;
}

/* sim/store/rows_write.c: NPY, NPZ, IDX and CSV, the counterparts of the readers. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "sim/store/rows.h"

enum { NPY_ALIGN = 64, IDX_INT32 = 0x0C, IDX_FLOAT64 = 0x0E };

static const char *const endings[] = {[MAD_ROWS_NPY] = ".npy",
                                      [MAD_ROWS_NPZ] = ".npz",
                                      [MAD_ROWS_IDX] = ".idx",
                                      [MAD_ROWS_CSV] = ".csv"};

int mad_rows_has_labels_file(mad_rows_format format)
{
    return format == MAD_ROWS_NPY || format == MAD_ROWS_IDX;
}

int mad_rows_format_of(const char *path, mad_rows_format *out)
{
    const char *dot = strrchr(path, '.');
    for (size_t i = 0; dot != NULL && i < sizeof endings / sizeof *endings; i++) {
        if (strcmp(dot, endings[i]) == 0) {
            *out = (mad_rows_format)i;
            return 1;
        }
    }
    return 0;
}

const char *mad_rows_labels_path(mad_arena *mem, const char *path, mad_rows_format format)
{
    static const char mark[] = "-labels";
    const size_t n = strlen(path), n_stem = n - strlen(endings[format]);
    if (!mad_rows_has_labels_file(format)) {
        return NULL;
    }
    char *out = mad_arena_take(mem, n + sizeof mark, 1);
    if (out != NULL) {
        memcpy(out, path, n_stem);
        memcpy(out + n_stem, mark, sizeof mark - 1);
        memcpy(out + n_stem + sizeof mark - 1, path + n_stem, n - n_stem);
    }
    return out;
}

/* ---- arrays -------------------------------------------------------------------------------- */

/* Little-endian arrays, as every machine this runs on holds them. */
static void write_npy(FILE *file, const char *type, const char *shape, const void *data,
                      size_t n_bytes)
{
    char header[256];
    int n = snprintf(header, sizeof header,
                     "{'descr': '%s', 'fortran_order': False, 'shape': (%s), }", type, shape);
    while ((10 + n + 1) % NPY_ALIGN != 0) {
        header[n++] = ' ';
    }
    header[n++] = '\n';
    (void)fwrite("\x93NUMPY\x01\x00", 1, 8, file);
    (void)fputc(n & 0xff, file);
    (void)fputc(n >> 8, file);
    (void)fwrite(header, 1, (size_t)n, file);
    (void)fwrite(data, 1, n_bytes, file);
}

static void write_npy_rows(FILE *file, const mad_set *rows)
{
    char shape[64];
    (void)snprintf(shape, sizeof shape, "%zu, %zu", rows->n_rows, rows->dim);
    write_npy(file, "<f8", shape, rows->x, rows->n_rows * rows->dim * sizeof *rows->x);
}

static void write_npy_labels(FILE *file, const mad_set *rows)
{
    char shape[64];
    (void)snprintf(shape, sizeof shape, "%zu,", rows->n_rows);
    write_npy(file, "<i4", shape, rows->label, rows->n_rows * sizeof *rows->label);
}

/* ---- archives ------------------------------------------------------------------------------ */

/* A member of a ZIP archive: where its header stands, what is in it. */
typedef struct zip_member {
    const char *name;
    char *bytes;
    size_t n_bytes, at;
    uint32_t crc;
} zip_member;

static void put(FILE *file, size_t n_bytes, uint64_t value)
{
    for (size_t i = 0; i < n_bytes; i++) {
        (void)fputc((int)(value >> 8 * i & 0xff), file);
    }
}

/* What local header and directory entry share: version 2.0, stored, 1980-01-01, sizes. */
static void put_description(FILE *file, const zip_member *m)
{
    put(file, 2, 20);
    put(file, 4, 0);
    put(file, 4, 0x00210000);
    put(file, 4, m->crc);
    put(file, 4, m->n_bytes);
    put(file, 4, m->n_bytes);
    put(file, 2, strlen(m->name));
    put(file, 2, 0);
}

/* ref  PKWARE APPNOTE 6.3.10, 4.3 */
static void write_zip(FILE *file, size_t n_members, zip_member *m)
{
    size_t at = 0, n_directory = 0;
    for (size_t i = 0; i < n_members; i++) {
        m[i].at = at;
        put(file, 4, 0x04034b50);
        put_description(file, &m[i]);
        (void)fputs(m[i].name, file);
        (void)fwrite(m[i].bytes, 1, m[i].n_bytes, file);
        at += 30 + strlen(m[i].name) + m[i].n_bytes;
    }
    for (size_t i = 0; i < n_members; i++) {
        put(file, 4, 0x02014b50);
        put(file, 2, 20);
        put_description(file, &m[i]);
        put(file, 10, 0); /* comment, disk, attributes */
        put(file, 4, m[i].at);
        (void)fputs(m[i].name, file);
        n_directory += 46 + strlen(m[i].name);
    }
    put(file, 4, 0x06054b50);
    put(file, 4, 0);
    put(file, 2, n_members);
    put(file, 2, n_members);
    put(file, 4, n_directory);
    put(file, 4, at);
    put(file, 2, 0);
}

/* The archive is made in memory, as its sums stand before what they are of. Returns 1, with errno,
 * when it is too large. */
static int write_npz(FILE *file, const mad_set *rows)
{
    zip_member member[2] = {{.name = "x.npy"}, {.name = "label.npy"}};
    const size_t n = rows->label != NULL ? 2 : 1;
    int failed = 0;
    for (size_t i = 0; i < n; i++) {
        FILE *memory = open_memstream(&member[i].bytes, &member[i].n_bytes);
        if (memory != NULL && i == 0) {
            write_npy_rows(memory, rows);
        } else if (memory != NULL) {
            write_npy_labels(memory, rows);
        }
        failed |= memory == NULL || fclose(memory) != 0 || member[i].n_bytes >= UINT32_MAX;
        member[i].crc = failed ? 0
                               : (uint32_t)crc32(0, (const unsigned char *)member[i].bytes,
                                                 (unsigned)member[i].n_bytes);
    }
    if (failed) {
        errno = EFBIG;
    } else {
        write_zip(file, n, member);
    }
    free(member[0].bytes);
    free(member[1].bytes);
    return failed;
}

/* IDX is big-endian, sizes have 32 bits. */
static void write_word(FILE *file, uint32_t word)
{
    const uint32_t big = __builtin_bswap32(word);
    (void)fwrite(&big, 1, sizeof big, file);
}

static void write_double(FILE *file, double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    bits = __builtin_bswap64(bits);
    (void)fwrite(&bits, 1, sizeof bits, file);
}

static void write_idx_rows(FILE *file, const mad_set *rows)
{
    write_word(file, (uint32_t)IDX_FLOAT64 << 8 | 2);
    write_word(file, (uint32_t)rows->n_rows);
    write_word(file, (uint32_t)rows->dim);
    for (size_t i = 0; i < rows->n_rows * rows->dim; i++) {
        write_double(file, rows->x[i]);
    }
}

static void write_idx_labels(FILE *file, const mad_set *rows)
{
    write_word(file, (uint32_t)IDX_INT32 << 8 | 1);
    write_word(file, (uint32_t)rows->n_rows);
    for (size_t i = 0; i < rows->n_rows; i++) {
        write_word(file, (uint32_t)rows->label[i]);
    }
}

/* ---- text ---------------------------------------------------------------------------------- */

static void write_csv(FILE *file, const mad_set *rows)
{
    for (size_t j = 0; j < rows->dim; j++) {
        (void)fprintf(file, "%sx%zu", j > 0 ? "," : "", j);
    }
    (void)fputs(rows->label != NULL ? ",label\n" : "\n", file);
    for (size_t i = 0; i < rows->n_rows; i++) {
        for (size_t j = 0; j < rows->dim; j++) {
            (void)fprintf(file, "%s%.17g", j > 0 ? "," : "", rows->x[i * rows->dim + j]);
        }
        if (rows->label != NULL) {
            (void)fprintf(file, ",%d", (int)rows->label[i]);
        }
        (void)fputc('\n', file);
    }
}

/* ---- files --------------------------------------------------------------------------------- */

/* Returns 1, with errno, where the file itself does not know of the failure. */
static int write_rows(FILE *file, mad_rows_format format, const mad_set *rows, int only_labels)
{
    switch (format) {
    case MAD_ROWS_NPY:
        if (only_labels) {
            write_npy_labels(file, rows);
        } else {
            write_npy_rows(file, rows);
        }
        return 0;
    case MAD_ROWS_NPZ:
        return write_npz(file, rows);
    case MAD_ROWS_IDX:
        if (only_labels) {
            write_idx_labels(file, rows);
        } else {
            write_idx_rows(file, rows);
        }
        return 0;
    case MAD_ROWS_CSV:
        write_csv(file, rows);
        return 0;
    }
    MAD_ASSERT(0 && "a format of rows");
    return 1;
}

static mad_status write_file(mad_ctx *ctx, mad_rows_format format, const mad_publish *to,
                             const mad_set *rows, int only_labels)
{
    FILE *file = fopen(to->temp, "wbe");
    if (file == NULL) {
        return mad_fail(ctx, MAD_E_IO, "cannot create '%s': %s", to->temp, strerror(errno));
    }
    errno = 0;
    const int failed = write_rows(file, format, rows, only_labels) || ferror(file) != 0;
    const int reason = errno;
    if (fclose(file) != 0 || failed) {
        const mad_status st = mad_fail(ctx, MAD_E_IO, "cannot write '%s': %s", to->path,
                                       strerror(failed && reason != 0 ? reason : errno));
        mad_publish_abandon(to);
        return st;
    }
    return MAD_OK;
}

mad_status mad_rows_write(mad_ctx *ctx, mad_rows_format format, const mad_publish *data,
                          const mad_publish *labels, const mad_set *rows)
{
    mad_status st = MAD_OK;
    MAD_TRY(write_file(ctx, format, data, rows, 0));
    if (rows->label != NULL && mad_rows_has_labels_file(format)) {
        st = write_file(ctx, format, labels, rows, 1);
        if (st != MAD_OK) {
            mad_publish_abandon(data);
        }
    }
out:
    return st;
}

/* sim/store/raw.c: plain and gzip files, unpacked into memory of known size. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

#include "sim/store/reader.h"

enum { STEP_BYTES = 1 << 18 };

static mad_status gz_fail(mad_ctx *ctx, gzFile file, const char *path)
{
    int code;
    const char *reason = gzerror(file, &code);
    if (code == Z_ERRNO) {
        return mad_fail(ctx, MAD_E_IO, "cannot read '%s': %s", path, strerror(errno));
    }
    return mad_fail(ctx, MAD_E_DATA, "'%s' is a damaged gzip file: %s", path,
                    code == Z_BUF_ERROR ? "it ends too early" : reason);
}

/* Reads up to n bytes; fewer only at the end of a whole file. */
static mad_status read_some(mad_ctx *ctx, gzFile file, const char *path, void *bytes, size_t n,
                            size_t *n_read)
{
    int code;
    const int got = gzread(file, bytes, (unsigned)n);
    if (got < 0) {
        return gz_fail(ctx, file, path);
    }
    gzerror(file, &code);
    if (code != Z_OK && code != Z_STREAM_END) {
        return gz_fail(ctx, file, path); /* a cut gzip file gives its last bytes, then this */
    }
    *n_read = (size_t)got;
    return MAD_OK;
}

/* Unpacked size: of a plain file the size on disk, of a packed one a whole pass over it. */
static mad_status count_bytes(mad_ctx *ctx, gzFile file, const char *path, size_t disk_bytes,
                              size_t *out)
{
    mad_status st = MAD_OK;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    void *step = mad_arena_take_raw(ctx->scratch, STEP_BYTES, 1);
    size_t n = 0, n_read = STEP_BYTES;

    if (step == NULL) {
        st = mad_fail_memory(ctx, "a read buffer");
        goto out;
    }
    if (gzdirect(file)) {
        n = disk_bytes;
        n_read = 0;
    }
    while (n_read == STEP_BYTES && n <= MAD_RAW_MAX_BYTES) {
        MAD_TRY(read_some(ctx, file, path, step, STEP_BYTES, &n_read));
        n += n_read;
    }
    if (n > MAD_RAW_MAX_BYTES) {
        st = mad_fail(ctx, MAD_E_DATA, "'%s' holds more than 4 GiB of data", path);
    } else if (n == 0) {
        st = mad_fail(ctx, MAD_E_DATA, "'%s' is empty", path);
    }
    *out = n;
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

/* The first n_bytes of the file. */
static mad_status rewind_and_read(mad_ctx *ctx, gzFile file, const char *path, size_t n_bytes,
                                  unsigned char *bytes)
{
    size_t n = 0, n_read = 1;
    if (gzrewind(file) < 0) {
        return gz_fail(ctx, file, path);
    }
    while (n < n_bytes && n_read > 0) {
        const size_t left = n_bytes - n;
        const size_t step = left < STEP_BYTES ? left : STEP_BYTES;
        const mad_status st = read_some(ctx, file, path, bytes + n, step, &n_read);
        if (st != MAD_OK) {
            return st;
        }
        n += n_read;
    }
    if (n < n_bytes) {
        return mad_fail(ctx, MAD_E_IO, "'%s' became shorter while it was read", path);
    }
    return MAD_OK;
}

/* What the header promises against raw->n_bytes. */
static mad_status check_head(mad_ctx *ctx, gzFile file, const mad_raw *raw)
{
    mad_status st = MAD_OK;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    const size_t n = raw->n_bytes < MAD_HEAD_BYTES ? raw->n_bytes : MAD_HEAD_BYTES;
    unsigned char *bytes = mad_arena_take_raw(ctx->scratch, n, 1);
    mad_raw head = *raw;
    if (bytes == NULL) {
        st = mad_fail_memory(ctx, raw->path);
        goto out;
    }
    MAD_TRY(rewind_and_read(ctx, file, raw->path, n, bytes));
    head.bytes = bytes;
    MAD_TRY(mad_head_check(ctx, &head));
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

mad_status mad_raw_open(mad_ctx *ctx, const char *path, mad_raw *out)
{
    mad_status st = MAD_OK;
    struct stat info;
    mad_raw raw = {.path = path};
    unsigned char *bytes;
    gzFile file = NULL;

    if (stat(path, &info) < 0) {
        return mad_fail(ctx, MAD_E_IO, "cannot open '%s': %s", path, strerror(errno));
    }
    if (!S_ISREG(info.st_mode)) {
        return mad_fail(ctx, MAD_E_IO, "'%s' is not a file", path);
    }
    file = gzopen(path, "rbe");
    if (file == NULL) {
        return mad_fail(ctx, MAD_E_IO, "cannot open '%s': %s", path, strerror(errno));
    }
    MAD_TRY(count_bytes(ctx, file, path, (size_t)info.st_size, &raw.n_bytes));
    MAD_TRY(check_head(ctx, file, &raw));
    raw.mem = mad_arena_create(raw.n_bytes + 1);
    bytes = raw.mem == NULL ? NULL : mad_arena_take_raw(raw.mem, raw.n_bytes + 1, 1);
    if (bytes == NULL) {
        st = mad_fail_memory(ctx, path);
        goto out;
    }
    MAD_TRY(rewind_and_read(ctx, file, path, raw.n_bytes, bytes));
    bytes[raw.n_bytes] = 0;
    raw.bytes = bytes;
    *out = raw;
    raw.mem = NULL;
out:
    gzclose(file);
    mad_arena_destroy(raw.mem);
    return st;
}

void mad_raw_close(mad_raw *raw)
{
    mad_arena_destroy(raw->mem);
    raw->mem = NULL;
}

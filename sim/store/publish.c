/* sim/store/publish.c: copy, fsync, rename. */
#include "sim/store/publish.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { COPY_BYTES = 1 << 20 };

mad_status mad_publish_init(mad_ctx *ctx, const char *dir, const char *name, mad_publish *out)
{
    const int n_dir = snprintf(out->dir, sizeof out->dir, "%s", dir);
    const int n_path = snprintf(out->path, sizeof out->path, "%s/%s", dir, name);
    const int n_temp = snprintf(out->temp, sizeof out->temp, "%s/.%s.tmp", dir, name);
    if (n_dir < 0 || n_path < 0 || n_temp < 0 || (size_t)n_temp >= sizeof out->temp) {
        return mad_fail(ctx, MAD_E_IO, "the path of %s is longer than %d bytes", name,
                        MAD_PATH_BYTES - 1);
    }
    return MAD_OK;
}

mad_status mad_publish_claim(mad_ctx *ctx, const char *path, int replace, mad_publish *out)
{
    mad_status st = MAD_OK;
    char dir[MAD_PATH_BYTES];
    struct stat info;
    const char *slash = strrchr(path, '/');
    const char *name = slash != NULL ? slash + 1 : path;
    const size_t n_dir = slash == NULL ? 0 : slash == path ? 1 : (size_t)(slash - path);

    if (name[0] == '\0') {
        return mad_fail(ctx, MAD_E_USAGE, "'%s' names no file to write", path);
    }
    if (n_dir >= sizeof dir) {
        return mad_fail(ctx, MAD_E_IO, "the path of %s is longer than %d bytes", name,
                        MAD_PATH_BYTES - 1);
    }
    memcpy(dir, slash != NULL ? path : ".", slash != NULL ? n_dir : 1);
    dir[slash != NULL ? n_dir : 1] = '\0';
    MAD_TRY(mad_publish_init(ctx, dir, name, out));
    if (lstat(path, &info) == 0) {
        if (!S_ISREG(info.st_mode) && !S_ISLNK(info.st_mode)) {
            return mad_fail(ctx, MAD_E_EXISTS, "'%s' is there and no file", path);
        }
        if (!replace) {
            return mad_fail(ctx, MAD_E_EXISTS, "'%s' exists; --force replaces it", path);
        }
    } else if (errno != ENOENT) {
        return mad_fail(ctx, MAD_E_IO, "cannot write '%s': %s", path, strerror(errno));
    }
    if (access(dir, W_OK | X_OK) != 0) {
        st = mad_fail(ctx, MAD_E_IO, "cannot write '%s': %s", path, strerror(errno));
    }
out:
    return st;
}

/* 1 when every byte went through, 0 when the kernel cannot copy between these files. */
static int copy_in_kernel(int from, int to, size_t n_bytes)
{
    while (n_bytes > 0) {
        const ssize_t n = copy_file_range(from, NULL, to, NULL, n_bytes, 0);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return 0;
        }
        n_bytes -= (size_t)n;
    }
    return 1;
}

static int write_all(int to, const char *bytes, size_t n)
{
    while (n > 0) {
        const ssize_t n_written = write(to, bytes, n);
        if (n_written < 0 && errno == EINTR) {
            continue;
        }
        if (n_written < 0) {
            return -1;
        }
        bytes += n_written;
        n -= (size_t)n_written;
    }
    return 0;
}

/* From the beginning of both files; -1 with errno on failure. */
static int copy_through_buffer(int from, int to, char *buffer)
{
    if (lseek(from, 0, SEEK_SET) < 0 || lseek(to, 0, SEEK_SET) < 0) {
        return -1;
    }
    for (;;) {
        const ssize_t n = read(from, buffer, COPY_BYTES);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return (int)n;
        }
        if (write_all(to, buffer, (size_t)n) < 0) {
            return -1;
        }
    }
}

mad_status mad_publish_copy(mad_ctx *ctx, const mad_publish *file)
{
    mad_status st = MAD_OK;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    char *buffer = mad_arena_take_raw(ctx->scratch, COPY_BYTES, 1);
    struct stat info;
    int to = -1;
    const int from = open(file->path, O_RDONLY | O_CLOEXEC);

    if (buffer == NULL) {
        st = mad_fail_memory(ctx, "the buffer that copies run.h5");
        goto out;
    }
    if (from < 0 || fstat(from, &info) < 0) {
        st = mad_fail(ctx, MAD_E_IO, "cannot read '%s': %s", file->path, strerror(errno));
        goto out;
    }
    mad_publish_abandon(file);
    to = open(file->temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (to < 0) {
        st = mad_fail(ctx, MAD_E_IO, "cannot create '%s': %s", file->temp, strerror(errno));
        goto out;
    }
    if (!copy_in_kernel(from, to, (size_t)info.st_size) &&
        copy_through_buffer(from, to, buffer) < 0) {
        st = mad_fail(ctx, MAD_E_IO, "cannot copy '%s': %s", file->path, strerror(errno));
        goto out;
    }
out:
    if (to >= 0 && close(to) < 0 && st == MAD_OK) {
        st = mad_fail(ctx, MAD_E_IO, "cannot write '%s': %s", file->temp, strerror(errno));
    }
    if (from >= 0) {
        close(from);
    }
    mad_arena_release(ctx->scratch, mark);
    return st;
}

static int sync_path(const char *path, int flags)
{
    const int fd = open(path, flags | O_CLOEXEC);
    if (fd < 0) {
        return -1;
    }
    const int failed = fsync(fd);
    const int reason = errno;
    if (close(fd) < 0 && failed == 0) {
        return -1;
    }
    errno = reason;
    return failed;
}

mad_status mad_publish_commit(mad_ctx *ctx, const mad_publish *file)
{
    if (sync_path(file->temp, O_RDONLY) < 0) {
        return mad_fail(ctx, MAD_E_IO, "cannot write '%s' to disk: %s", file->temp,
                        strerror(errno));
    }
    if (rename(file->temp, file->path) < 0) {
        return mad_fail(ctx, MAD_E_IO, "cannot rename '%s' to '%s': %s", file->temp, file->path,
                        strerror(errno));
    }
    /* Some file systems refuse fsync on a folder (EINVAL): the rename is then as safe as it gets */
    if (sync_path(file->dir, O_RDONLY | O_DIRECTORY) < 0 && errno != EINVAL) {
        return mad_fail(ctx, MAD_E_IO, "cannot write folder '%s' to disk: %s", file->dir,
                        strerror(errno));
    }
    return MAD_OK;
}

void mad_publish_abandon(const mad_publish *file)
{
    unlink(file->temp);
}

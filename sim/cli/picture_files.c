/* sim/cli/picture_files.c: see the header. */
#include "sim/cli/picture_files.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sim/cli/sheet.h"
#include "sim/store/png.h"

enum { MAX_OPEN = 16 };

mad_status mad_picture_files_claim(mad_ctx *ctx, mad_arena *mem, const char *path, mad_publish *out)
{
    char *name = mad_arena_text(mem, path);
    struct stat info;
    if (name == NULL) {
        return mad_fail_memory(ctx, "the name of a folder");
    }
    for (size_t n = strlen(name); n > 1 && name[n - 1] == '/'; n--) {
        name[n - 1] = '\0';
    }
    if (lstat(name, &info) == 0) {
        return mad_fail(ctx, MAD_E_EXISTS, "'%s' exists: pictures go into a new folder", name);
    }
    return mad_publish_claim(ctx, name, 0, out);
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *place)
{
    (void)info;
    (void)kind;
    (void)place;
    return remove(path);
}

static mad_status make_folder(mad_ctx *ctx, const char *path)
{
    if (mkdir(path, 0777) < 0 && errno != EEXIST) {
        return mad_fail(ctx, MAD_E_IO, "cannot create folder '%s': %s", path, strerror(errno));
    }
    return MAD_OK;
}

static mad_status write_all(mad_ctx *ctx, const mad_world_info *world, const mad_set *rows,
                            const char *folder)
{
    mad_status st = MAD_OK;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    char path[MAD_PATH_BYTES + 64];
    unsigned char *pixels = mad_arena_take_raw(ctx->scratch, world->dim, 1);
    if (pixels == NULL) {
        return mad_fail_memory(ctx, "a picture");
    }
    MAD_TRY(make_folder(ctx, folder));
    for (size_t i = 0; i < rows->n_rows; i++) {
        for (size_t j = 0; j < world->dim; j++) {
            pixels[j] = mad_sheet_byte(world, rows->x[i * world->dim + j]);
        }
        if (rows->label != NULL) {
            (void)snprintf(path, sizeof path, "%s/%d", folder, (int)rows->label[i]);
            MAD_TRY(make_folder(ctx, path));
            (void)snprintf(path, sizeof path, "%s/%d/%06zu.png", folder, (int)rows->label[i], i);
        } else {
            (void)snprintf(path, sizeof path, "%s/%06zu.png", folder, i);
        }
        MAD_TRY(mad_png_write(ctx, path, world->width, world->height, world->channels, pixels));
    }
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

mad_status mad_picture_files_write(mad_ctx *ctx, const mad_world_info *world, const mad_set *rows,
                                   const mad_publish *folder)
{
    (void)nftw(folder->temp, remove_one, MAX_OPEN, FTW_DEPTH | FTW_PHYS); /* of a killed attempt */
    mad_status st = write_all(ctx, world, rows, folder->temp);
    if (st == MAD_OK && rename(folder->temp, folder->path) < 0) {
        st = mad_fail(ctx, MAD_E_IO, "cannot create '%s': %s", folder->path, strerror(errno));
    }
    if (st != MAD_OK) {
        (void)nftw(folder->temp, remove_one, MAX_OPEN, FTW_DEPTH | FTW_PHYS);
    }
    return st;
}

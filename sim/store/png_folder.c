/* sim/store/png_folder.c: a folder of pictures, or of one folder of pictures a class. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "sim/store/png_read.h"
#include "sim/store/publish.h"

enum { LARGEST_CLASS_DIGITS = 5 };

/* The names in a folder, ascending by bytes. */
typedef struct names {
    size_t n;
    const char **path; /* [n] with the folder's name before it */
    const char **name; /* [n] without */
} names;

typedef struct pictures {
    names files;   /* of all classes, one class after the other */
    double *label; /* [files.n] or NULL */
    mad_png_size size;
} pictures;

static int is_picture(const char *path, const char *name)
{
    const char *dot = strrchr(name, '.');
    struct stat info;
    return dot != NULL && strcasecmp(dot, ".png") == 0 && stat(path, &info) == 0 &&
           S_ISREG(info.st_mode);
}

static int is_class(const char *path, const char *name)
{
    return name[0] != '.' && mad_is_folder(path);
}

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

/* What of a folder is wanted. */
static mad_status list_folder(mad_ctx *ctx, mad_arena *mem, const char *folder,
                              int (*is_wanted)(const char *path, const char *name), names *out)
{
    mad_status st = MAD_OK;
    struct dirent **entry = NULL;
    char path[MAD_PATH_BYTES];
    const int n = scandir(folder, &entry, NULL, by_bytes);
    *out = (names){.n = 0};
    if (n < 0) {
        return mad_fail(ctx, MAD_E_IO, "cannot read folder '%s': %s", folder, strerror(errno));
    }
    out->path = mad_arena_take(mem, (size_t)n, sizeof *out->path);
    out->name = mad_arena_take(mem, (size_t)n, sizeof *out->name);
    if (out->path == NULL || out->name == NULL) {
        st = mad_fail_memory(ctx, folder);
    }
    for (int i = 0; i < n; i++) {
        const char *name = entry[i]->d_name;
        const int n_path = snprintf(path, sizeof path, "%s/%s", folder, name);
        if (st == MAD_OK && n_path < (int)sizeof path && is_wanted(path, name)) {
            out->path[out->n] = mad_arena_text(mem, path);
            out->name[out->n] = mad_arena_text(mem, name);
            if (out->path[out->n] == NULL || out->name[out->n] == NULL) {
                st = mad_fail_memory(ctx, folder);
            }
            out->n++;
        }
        free(entry[i]);
    }
    free((void *)entry);
    return st;
}

/* Size and colours that all pictures share; sizes must agree, one with colours makes all so. */
static mad_status look_at_all(mad_ctx *ctx, pictures *p)
{
    mad_status st = MAD_OK;
    for (size_t i = 0; i < p->files.n; i++) {
        mad_raw raw;
        mad_png_size size = {0};
        MAD_TRY(mad_raw_open(ctx, p->files.path[i], &raw));
        st = mad_png_look(ctx, &raw, &size);
        mad_raw_close(&raw);
        if (st != MAD_OK) {
            goto out;
        }
        if (i > 0 && (size.height != p->size.height || size.width != p->size.width)) {
            st = mad_fail(ctx, MAD_E_DATA,
                          "'%s' has %zu x %zu pixels, '%s' %zu x %zu: pictures of one size are "
                          "expected",
                          p->files.path[i], size.width, size.height, p->files.path[0],
                          p->size.width, p->size.height);
            goto out;
        }
        size.channels = size.channels > p->size.channels ? size.channels : p->size.channels;
        p->size = size;
    }
out:
    return st;
}

/* 1 when every folder's name is a class number. */
static int are_numbers(const names *classes)
{
    for (size_t i = 0; i < classes->n; i++) {
        const char *name = classes->name[i];
        const size_t n = strlen(name);
        if (n > LARGEST_CLASS_DIGITS || strspn(name, "0123456789") != n) {
            return 0;
        }
    }
    return 1;
}

/* The pictures of every class folder, one after the other. */
static mad_status gather(mad_ctx *ctx, mad_arena *mem, const names *classes, pictures *out)
{
    mad_status st = MAD_OK;
    const int by_number = are_numbers(classes);
    size_t n = 0;
    names *of = mad_arena_take(mem, classes->n, sizeof *of);
    if (of == NULL) {
        return mad_fail_memory(ctx, "the list of pictures");
    }
    for (size_t k = 0; k < classes->n; k++) {
        MAD_TRY(list_folder(ctx, mem, classes->path[k], is_picture, &of[k]));
        if (of[k].n == 0) {
            st =
                mad_fail(ctx, MAD_E_DATA, "class folder '%s' holds no .png file", classes->path[k]);
            goto out;
        }
        n += of[k].n;
    }
    out->files.path = mad_arena_take(mem, n, sizeof *out->files.path);
    out->label = mad_arena_take(mem, n, sizeof *out->label);
    if (out->files.path == NULL || out->label == NULL) {
        st = mad_fail_memory(ctx, "the list of pictures");
        goto out;
    }
    for (size_t k = 0; k < classes->n; k++) {
        const double number = by_number ? strtod(classes->name[k], NULL) : (double)k;
        for (size_t i = 0; i < of[k].n; i++) {
            out->files.path[out->files.n] = of[k].path[i];
            out->label[out->files.n++] = number;
        }
    }
out:
    return st;
}

static mad_status read_pixels(mad_ctx *ctx, mad_arena *mem, const char *folder, const pictures *p,
                              mad_table *table)
{
    mad_status st = MAD_OK;
    size_t n_values = 0;
    *table = (mad_table){.n_rows = p->files.n,
                         .dim = p->size.height * p->size.width * p->size.channels,
                         .height = p->size.height,
                         .width = p->size.width,
                         .channels = p->size.channels};
    if (mad_size_mul(table->n_rows, table->dim, &n_values) != MAD_OK ||
        n_values > MAD_RAW_MAX_BYTES / sizeof *table->x) {
        return mad_fail(ctx, MAD_E_DATA, "'%s' is more than 4 GiB of pixels", folder);
    }
    table->x = mad_arena_take_raw(mem, n_values, sizeof *table->x);
    if (table->x == NULL) {
        return mad_fail_memory(ctx, folder);
    }
    for (size_t i = 0; i < table->n_rows; i++) {
        mad_raw raw;
        MAD_TRY(mad_raw_open(ctx, p->files.path[i], &raw));
        st = mad_png_read(ctx, &raw, table->channels, table->x + i * table->dim);
        mad_raw_close(&raw);
        if (st != MAD_OK) {
            goto out;
        }
    }
out:
    return st;
}

mad_status mad_png_folder_read(mad_ctx *ctx, mad_arena *mem, const char *folder, mad_table *out)
{
    mad_status st = MAD_OK;
    names classes;
    pictures p = {.label = NULL};
    mad_table table;

    MAD_TRY(list_folder(ctx, mem, folder, is_picture, &p.files));
    MAD_TRY(list_folder(ctx, mem, folder, is_class, &classes));
    if (p.files.n > 0 && classes.n > 0) {
        st = mad_fail(ctx, MAD_E_DATA,
                      "'%s' holds pictures and folders: expected pictures, or one folder a class",
                      folder);
        goto out;
    }
    if (p.files.n == 0 && classes.n == 0) {
        st = mad_fail(ctx, MAD_E_DATA, "folder '%s' holds no .png file", folder);
        goto out;
    }
    if (classes.n > 0) {
        MAD_TRY(gather(ctx, mem, &classes, &p));
    }
    MAD_TRY(look_at_all(ctx, &p));
    MAD_TRY(read_pixels(ctx, mem, folder, &p, &table));
    if (p.label != NULL) {
        MAD_TRY(mad_labels_map(ctx, mem, folder, p.label, &table));
        if (!are_numbers(&classes)) {
            MAD_TRY(mad_labels_name(
                ctx, mem, &(mad_table_column){.n_levels = classes.n, .level = classes.name},
                &table));
        }
    }
    *out = table;
out:
    return st;
}

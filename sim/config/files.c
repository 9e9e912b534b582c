/* sim/config/files.c: a configuration file and the files it includes. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "sim/config/internal.h"
#include "sim/iface/text.h"

enum { MAX_INCLUDE_DEPTH = 16, MAX_FILES = 100 };

/* The files being read, innermost first: a file that is met again closes a cycle. */
typedef struct open_file {
    const struct open_file *outer;
    const char *path;
    dev_t device;
    ino_t inode;
    int depth;
} open_file;

typedef struct loader {
    mad_ctx *ctx;
    mad_arena *mem;
    size_t n_files;
} loader;

const char *mad_path_directory(mad_arena *mem, const char *path)
{
    const char *slash = strrchr(path, '/');
    if (slash == NULL) {
        return ".";
    }
    char *copy = mad_arena_text(mem, path);
    if (copy != NULL) {
        copy[slash == path ? 1 : slash - path] = '\0';
    }
    return copy;
}

/* `name` as seen from the folder of `from`. */
static const char *path_beside(mad_arena *mem, const char *from, const char *name)
{
    const char *slash = strrchr(from, '/');
    const size_t n_folder = slash == NULL || name[0] == '/' ? 0 : (size_t)(slash - from) + 1;
    char *path = mad_arena_take_raw(mem, n_folder + strlen(name) + 1, 1);
    if (path != NULL) {
        memcpy(path, from, n_folder);
        stpcpy(path + n_folder, name);
    }
    return path;
}

static mad_status fail_io(mad_ctx *ctx, const char *path)
{
    const int error = errno;
    char shown[4 * MAD_SHOWN_BYTES];
    mad_text_shown(path, sizeof shown, shown);
    return mad_fail(ctx, MAD_E_IO, "cannot read '%s': %s", shown, strerror(error));
}

/* The whole file, its device and inode. */
static mad_status read_file(loader *l, const char *path, open_file *self, const char **text,
                            size_t *n_bytes)
{
    mad_status st = MAD_OK;
    struct stat info;
    FILE *file = fopen(path, "rbe");
    if (file == NULL || fstat(fileno(file), &info) != 0) {
        st = fail_io(l->ctx, path);
        goto out;
    }
    self->device = info.st_dev;
    self->inode = info.st_ino;
    char *bytes = mad_arena_take_raw(l->mem, MAD_MAX_CONFIG_BYTES + 1, 1);
    if (bytes == NULL) {
        st = mad_fail_memory(l->ctx, "a configuration file");
        goto out;
    }
    *n_bytes = fread(bytes, 1, MAD_MAX_CONFIG_BYTES + 1, file);
    if (ferror(file)) {
        st = fail_io(l->ctx, path);
        goto out;
    }
    *text = bytes;
out:
    if (file != NULL) {
        fclose(file);
    }
    return st;
}

/* "a.yaml -> b.yaml -> a.yaml" from the outermost to `self`. */
static void print_chain(const open_file *self, size_t n_bytes, char *out)
{
    if (self->outer == NULL) {
        snprintf(out, n_bytes, "%s", self->path);
        return;
    }
    print_chain(self->outer, n_bytes, out);
    const size_t used = strlen(out);
    snprintf(out + used, n_bytes - used, " -> %s", self->path);
}

static mad_status check_cycle(mad_ctx *ctx, const open_file *self)
{
    for (const open_file *f = self->outer; f != NULL; f = f->outer) {
        if (f->device == self->device && f->inode == self->inode) {
            char chain[512] = "";
            print_chain(self, sizeof chain, chain);
            return mad_fail(ctx, MAD_E_CONFIG, "include cycle: %s", chain);
        }
    }
    return MAD_OK;
}

static mad_status load(loader *l, open_file *self, const char *text, mad_entries *out);

static mad_status load_included(loader *l, const open_file *from, const mad_entry *include,
                                const char *name, mad_entries *out)
{
    mad_status st = MAD_OK;
    open_file self = {.outer = from, .depth = from->depth + 1};
    self.path = path_beside(l->mem, from->path, name);
    if (self.path == NULL) {
        return mad_fail_memory(l->ctx, "the name of an included file");
    }
    if (self.depth > MAX_INCLUDE_DEPTH || l->n_files >= MAX_FILES) {
        return mad_fail_at(l->ctx, include->value_at,
                           "includes go deeper than %d files or name more than %d",
                           (int)MAX_INCLUDE_DEPTH, (int)MAX_FILES);
    }
    const size_t n_before = l->n_files;
    st = load(l, &self, NULL, out);
    if (st != MAD_OK && l->n_files == n_before) { /* the file itself did not open */
        st = mad_fail_moved(l->ctx, st == MAD_E_IO ? MAD_E_CONFIG : st, include->value_at, NULL);
    }
    return st;
}

static mad_status find_include(mad_ctx *ctx, const mad_entries *own, const mad_entry **out)
{
    static const char expected[] = "include: expected a file name or a list of file names";
    *out = NULL;
    for (size_t i = 0; i < own->n_entries; i++) {
        const mad_entry *entry = &own->entry[i];
        const int is_include = strcmp(entry->key, "include") == 0;
        if (strncmp(entry->key, "include.", 8) == 0 ||
            (is_include && entry->kind != MAD_ENTRY_SCALAR && entry->kind != MAD_ENTRY_LIST)) {
            return mad_fail_at(ctx, entry->key_at, "%s", expected);
        }
        *out = is_include ? entry : *out;
    }
    return MAD_OK;
}

/* One file: what it includes first, then its own keys on top. */
static mad_status load(loader *l, open_file *self, const char *text, mad_entries *out)
{
    mad_status st = MAD_OK;
    mad_entries own = {.mem = l->mem};
    size_t n_bytes = text == NULL ? 0 : strlen(text);
    if (text == NULL) {
        MAD_TRY(read_file(l, self->path, self, &text, &n_bytes));
        MAD_TRY(check_cycle(l->ctx, self));
    }
    l->n_files++;
    if (n_bytes > MAD_MAX_CONFIG_BYTES) {
        st = mad_fail(l->ctx, MAD_E_CONFIG, "%s: larger than 1 MiB: not a configuration",
                      self->path);
        goto out;
    }
    MAD_TRY(mad_yaml_flatten(l->ctx, self->path, text, n_bytes, &own));
    const mad_entry *include;
    MAD_TRY(find_include(l->ctx, &own, &include));
    for (size_t i = 0; include != NULL && i < include->n_texts; i++) {
        MAD_TRY(load_included(l, self, include, include->texts[i], out));
    }
    for (size_t i = 0; i < own.n_entries; i++) {
        if (&own.entry[i] != include) {
            MAD_TRY(mad_entries_put(l->ctx, out, &own.entry[i]));
        }
    }
out:
    return st;
}

mad_status mad_files_load(mad_ctx *ctx, const char *path, const char *text, mad_entries *out)
{
    loader l = {.ctx = ctx, .mem = out->mem};
    open_file self = {.path = path};
    return load(&l, &self, text, out);
}

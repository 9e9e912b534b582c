/* sim/cli/folder.c: creating, locking and looking at run folders. */
#include "sim/cli/folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sim/cli/claim.h"
#include "sim/cli/path.h"
#include "sim/store/runfile.h"

/* First line of config.yaml: where relative data paths start. */
static const char directory_mark[] = "# relative paths start at: ";

const char *mad_folder_name(mad_arena *mem, const char *parent, const mad_config *config)
{
    char name[PATH_MAX];
    snprintf(name, sizeof name, "%s/%s-%08x", parent, mad_get_text(&config->root, "name"),
             (unsigned)(config->hash >> 32));
    return mad_arena_text(mem, name);
}

/* A folder name to work on, in out[PATH_MAX]. */
static mad_status copy_name(mad_ctx *ctx, const char *dir, char *out)
{
    if (dir[0] == '\0') {
        return mad_fail(ctx, MAD_E_USAGE, "the name of the folder is empty");
    }
    if (snprintf(out, PATH_MAX, "%s", dir) >= PATH_MAX) {
        return mad_fail(ctx, MAD_E_IO, "the name of the folder is longer than %d bytes",
                        PATH_MAX - 1);
    }
    return MAD_OK;
}

mad_status mad_folder_make(mad_ctx *ctx, const char *dir)
{
    char path[PATH_MAX];
    const mad_status st = copy_name(ctx, dir, path);
    if (st != MAD_OK) {
        return st;
    }
    for (char *slash = path + 1;; slash++) {
        slash = strchr(slash, '/');
        if (slash != NULL) {
            *slash = '\0';
        }
        if (mkdir(path, 0777) != 0 && errno != EEXIST) {
            return mad_fail(ctx, MAD_E_IO, "%s: cannot create folder: %s", path, strerror(errno));
        }
        if (slash == NULL) {
            return MAD_OK;
        }
        *slash = '/';
    }
}

static const char temporary_config[] = ".config.yaml-"; /* and six characters of a process */

/* Nothing in it but, perhaps, the configuration of a run whose machine stopped at its start. */
static int is_empty(const char *dir)
{
    char path[PATH_MAX];
    struct stat info;
    DIR *d = opendir(dir);
    int n = 0;
    for (const struct dirent *entry; d != NULL && (entry = readdir(d)) != NULL;) {
        n += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
             strcmp(entry->d_name, "config.yaml") != 0 &&
             strncmp(entry->d_name, temporary_config, sizeof temporary_config - 1) != 0;
    }
    if (mad_path_join(path, dir, "config.yaml") && stat(path, &info) == 0 && info.st_size > 0) {
        n++;
    }
    if (d != NULL) {
        (void)closedir(d);
    }
    return d != NULL && n == 0;
}

static mode_t own_umask(void)
{
    const mode_t mask = umask(0);
    (void)umask(mask);
    return mask;
}

static mad_status write_config(mad_ctx *ctx, const char *dir, const mad_config *config, int sync)
{
    char path[PATH_MAX], temporary[PATH_MAX], base[PATH_MAX];
    if (!mad_path_join(path, dir, "config.yaml") ||
        !mad_path_join(temporary, dir, ".config.yaml-XXXXXX")) {
        return mad_fail(ctx, MAD_E_IO, "%s: path too long", dir);
    }
    if (realpath(config->directory, base) == NULL) {
        return mad_fail(ctx, MAD_E_IO, "%s: %s", config->directory, strerror(errno));
    }
    const int fd = mkostemp(temporary, O_CLOEXEC);
    FILE *file = fd >= 0 ? fdopen(fd, "w") : NULL;
    if (file == NULL) {
        return mad_fail(ctx, MAD_E_IO, "%s: cannot write: %s", path, strerror(errno));
    }
    (void)fchmod(fd, 0666 & ~own_umask());
    const int printed = fprintf(file, "%s%s\n%s", directory_mark, base, config->resolved);
    const int synced = fflush(file) == 0 && (!sync || fsync(fileno(file)) == 0);
    if (fclose(file) != 0 || printed < 0 || !synced || rename(temporary, path) != 0) {
        const int reason = errno;
        (void)unlink(temporary);
        return mad_fail(ctx, MAD_E_IO, "%s: cannot write: %s", path, strerror(reason));
    }
    return MAD_OK;
}

static int file_in(const char *dir, const char *name)
{
    char path[PATH_MAX];
    return mad_path_join(path, dir, name) && access(path, F_OK) == 0;
}

/* The first line of config.yaml, without its mark, in mem; NULL when it is not there. */
static const char *read_directory(mad_arena *mem, const char *path)
{
    char line[PATH_MAX + sizeof directory_mark];
    FILE *file = fopen(path, "r");
    const char *directory = NULL;
    if (file != NULL && fgets(line, sizeof line, file) != NULL &&
        strncmp(line, directory_mark, sizeof directory_mark - 1) == 0) {
        line[strcspn(line, "\n")] = '\0';
        directory = mad_arena_text(mem, line + sizeof directory_mark - 1);
    }
    if (file != NULL) {
        (void)fclose(file);
    }
    return directory;
}

int mad_folder_is_run(mad_arena *mem, const char *dir)
{
    char path[PATH_MAX];
    return mad_path_join(path, dir, "config.yaml") && read_directory(mem, path) != NULL;
}

/* "gen-0007.h5" or ".gen-0007.h5.tmp", run.h5, ...: what clearing removes. config.yaml and the
 * lock stay: one is replaced in a step, the other is held meanwhile. */
static int is_result(const char *name)
{
    static const char *const names[] = {"run.h5", ".run.h5.tmp", "log.jsonl"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(name, names[i]) == 0) {
            return 1;
        }
    }
    if (strncmp(name, temporary_config, sizeof temporary_config - 1) == 0) {
        return 1;
    }
    const int is_hidden = name[0] == '.';
    if (strncmp(name + is_hidden, "gen-", 4) != 0) {
        return 0;
    }
    const char *digits = name + is_hidden + 4;
    const size_t n = strspn(digits, "0123456789");
    return n > 0 && strcmp(digits + n, is_hidden ? ".h5.tmp" : ".h5") == 0;
}

/* Remove what an earlier run left, and nothing else. */
static mad_status clear(mad_ctx *ctx, const char *dir)
{
    mad_claim claim = {.dir = ""};
    DIR *d = NULL;
    mad_status st = MAD_OK;
    MAD_TRY(mad_claim_take(ctx, dir, &claim));
    d = opendir(dir);
    for (const struct dirent *entry; d != NULL && (entry = readdir(d)) != NULL;) {
        if (is_result(entry->d_name) && unlinkat(dirfd(d), entry->d_name, 0) != 0) {
            st = mad_fail(ctx, MAD_E_IO, "%s/%s: cannot remove: %s", dir, entry->d_name,
                          strerror(errno));
            goto out;
        }
    }
out:
    if (d != NULL) {
        (void)closedir(d);
    }
    mad_claim_release(&claim);
    return st;
}

/* There is something in `dir` already. */
static mad_status take_over(mad_ctx *ctx, const char *dir, int replace)
{
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    const int is_run = mad_folder_is_run(ctx->scratch, dir);
    mad_arena_release(ctx->scratch, mark);
    if (replace && is_run) {
        return clear(ctx, dir);
    }
    if (replace) {
        return mad_fail(ctx, MAD_E_EXISTS, "%s holds no run: --force replaces nothing else", dir);
    }
    return is_run ? mad_fail(ctx, MAD_E_EXISTS,
                             "%s exists: go on with `madloop resume %s`, replace it with --force, "
                             "or name another folder with -o",
                             dir, dir)
                  : mad_fail(ctx, MAD_E_EXISTS,
                             "%s exists and holds no run: name another folder with -o", dir);
}

static mad_status create(mad_ctx *ctx, const char *dir, const mad_config *config, int replace,
                         int sync)
{
    mad_status st = MAD_OK;
    char parent[PATH_MAX] = "";
    MAD_TRY(copy_name(ctx, dir, parent));
    char *slash = strrchr(parent, '/');
    if (slash != NULL && slash != parent) {
        *slash = '\0';
        MAD_TRY(mad_folder_make(ctx, parent));
    }
    if (mkdir(dir, 0777) != 0) {
        if (errno != EEXIST) {
            return mad_fail(ctx, MAD_E_IO, "%s: cannot create folder: %s", dir, strerror(errno));
        }
        if (!is_empty(dir)) {
            MAD_TRY(take_over(ctx, dir, replace));
        }
    }
    MAD_TRY(write_config(ctx, dir, config, sync));
out:
    return st;
}

mad_status mad_folder_create(mad_ctx *ctx, const char *dir, const mad_config *config, int replace)
{
    return create(ctx, dir, config, replace, 1);
}

mad_status mad_folder_ensure(mad_ctx *ctx, const char *dir, const mad_config *config)
{
    const mad_status st = create(ctx, dir, config, 0, 0);
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    const int is_there = st == MAD_E_EXISTS && mad_folder_is_run(ctx->scratch, dir);
    mad_arena_release(ctx->scratch, mark);
    if (is_there) {
        mad_ctx_clear(ctx);
    }
    return is_there ? MAD_OK : st;
}

void mad_folder_sync(const char *dir)
{
    const int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        (void)syncfs(fd);
        (void)close(fd);
    }
}

int mad_folder_has_results(const char *dir)
{
    return file_in(dir, "run.h5");
}

static void copy_attribute(const mad_run *run, const char *name, size_t n_bytes, char *out)
{
    const char *text = mad_attribute_text(run->n_attributes, run->attributes, name);
    (void)snprintf(out, n_bytes, "%s", text != NULL ? text : "");
}

mad_status mad_folder_look(mad_ctx *ctx, const char *dir, mad_folder *out)
{
    mad_status st = MAD_OK;
    mad_run run;
    mad_arena *mem = NULL;
    *out = (mad_folder){.state = MAD_FOLDER_NONE, .is_locked = mad_claim_is_held(dir)};
    mem = mad_arena_create(1 << 16);
    if (mem == NULL) {
        return mad_fail_memory(ctx, "a run file");
    }
    if (!mad_folder_has_results(dir)) {
        out->state = mad_folder_is_run(mem, dir) ? MAD_FOLDER_PENDING : MAD_FOLDER_NONE;
        goto out;
    }
    MAD_TRY(mad_run_read_part(ctx, mem, dir, "", &run));
    out->n_done = run.n_done;
    out->n_generations = run.n_planned;
    out->state = mad_run_is_done(&run) ? MAD_FOLDER_DONE : MAD_FOLDER_PARTIAL;
    copy_attribute(&run, "stop_reason", sizeof out->stop_reason, out->stop_reason);
    copy_attribute(&run, "stop_message", sizeof out->stop_message, out->stop_message);
out:
    mad_arena_destroy(mem);
    return st;
}

mad_status mad_folder_config(mad_ctx *ctx, mad_arena *mem, const char *dir, size_t n_overrides,
                             const char *const *overrides, const mad_registry *registry,
                             mad_config *out)
{
    char path[PATH_MAX];
    mad_status st = MAD_OK;
    if (!mad_path_join(path, dir, "config.yaml") || access(path, R_OK) != 0) {
        return mad_fail(ctx, MAD_E_IO, "%s: no run folder (it has no config.yaml)", dir);
    }
    MAD_TRY(mad_config_load(ctx, mem, path, NULL, n_overrides, overrides, registry, out));
    const char *directory = read_directory(mem, path);
    if (directory != NULL) {
        out->directory = directory;
    }
out:
    return st;
}

const char *mad_folder_scratch(mad_arena *mem)
{
    char path[PATH_MAX];
    const char *parent = getenv("TMPDIR");
    parent = parent != NULL && parent[0] != '\0' ? parent : "/tmp";
    char *name = mad_path_join(path, parent, "madloop-XXXXXX") ? mad_arena_text(mem, path) : NULL;
    return name != NULL ? mkdtemp(name) : NULL;
}

void mad_folder_discard(const char *dir)
{
    char path[PATH_MAX];
    DIR *folder = dir != NULL ? opendir(dir) : NULL;
    if (folder == NULL) {
        return;
    }
    for (const struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        if (mad_path_join(path, dir, entry->d_name)) {
            (void)unlink(path); /* fails on . and .. */
        }
    }
    closedir(folder);
    (void)rmdir(dir);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

mad_status mad_folder_list(mad_ctx *ctx, mad_arena *mem, const char *dir, size_t *n,
                           const char ***out)
{
    mad_status st = MAD_OK;
    size_t capacity = 0;
    *n = 0;
    *out = NULL;
    DIR *d = opendir(dir);
    if (d == NULL) {
        return mad_fail(ctx, MAD_E_IO, "%s: %s", dir, strerror(errno));
    }
    for (const struct dirent *entry; (entry = readdir(d)) != NULL;) {
        char path[PATH_MAX];
        if (entry->d_name[0] == '.' || !mad_path_join(path, dir, entry->d_name) ||
            !mad_folder_is_run(mem, path)) {
            continue;
        }
        if (*n == capacity) {
            const size_t larger = capacity == 0 ? 16 : 2 * capacity;
            const char **grown = mad_arena_take(mem, larger, sizeof *grown);
            if (grown == NULL) {
                st = mad_fail_memory(ctx, "the list of runs");
                goto out;
            }
            if (*n > 0) {
                memcpy(grown, *out, *n * sizeof *grown);
            }
            *out = grown;
            capacity = larger;
        }
        (*out)[*n] = mad_arena_text(mem, path);
        if ((*out)[*n] == NULL) {
            st = mad_fail_memory(ctx, "the list of runs");
            goto out;
        }
        (*n)++;
    }
    if (*n > 0) {
        qsort(*out, *n, sizeof **out, by_name);
    }
out:
    (void)closedir(d);
    return st;
}

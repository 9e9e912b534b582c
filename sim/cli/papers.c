/* sim/cli/papers.c: see the header. */
#include "sim/cli/papers.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sim/cli/execute.h"

enum { MAX_PAPERS = 1000, MAX_LEVELS = 6 };

/* ---- where they lie ------------------------------------------------------------------------ */

static int is_folder(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

/* configs/papers in or above a folder, which is cut short on the way. */
static const char *find_above(mad_arena *mem, char *folder)
{
    static const char *const places[] = {"configs/papers", "share/madloop/configs/papers"};
    char path[PATH_MAX + 64];
    for (size_t level = 0; level < MAX_LEVELS; level++) {
        for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
            (void)snprintf(path, sizeof path, "%s/%s", folder, places[i]);
            if (is_folder(path)) {
                return mad_arena_text(mem, path);
            }
        }
        char *slash = strrchr(folder, '/');
        if (slash == NULL) {
            break;
        }
        *slash = '\0';
    }
    return NULL;
}

mad_status mad_papers_folder(mad_ctx *ctx, mad_arena *mem, const char **out)
{
    const char *given = getenv("MADLOOP_PAPERS");
    char folder[PATH_MAX] = ".";
    if (given != NULL) {
        *out = given;
        return MAD_OK;
    }
    *out = find_above(mem, folder);
    const ssize_t n = *out == NULL ? readlink("/proc/self/exe", folder, sizeof folder - 1) : -1;
    if (n > 0) {
        folder[n] = '\0';
        *out = find_above(mem, folder);
    }
    return *out != NULL ? MAD_OK
                        : mad_fail(ctx, MAD_E_IO,
                                   "no folder configs/papers here or above the program: set "
                                   "MADLOOP_PAPERS, or name a file");
}

/* ---- one of them --------------------------------------------------------------------------- */

/* A text of the block `paper`; "" = not there. */
static const char *note_of(const mad_notes *notes, const char *name)
{
    for (size_t i = 0; i < notes->n; i++) {
        if (strcmp(notes->note[i].name, name) == 0) {
            return notes->note[i].texts[0];
        }
    }
    return "";
}

static double number_of(const mad_notes *notes, const char *name)
{
    const char *text = note_of(notes, name);
    return text[0] != '\0' ? strtod(text, NULL) : (double)NAN;
}

/* "configs/papers/gauss-mean.yaml" is called "gauss-mean". */
static mad_status name_of(mad_ctx *ctx, mad_arena *mem, const char *path, const char **out)
{
    const char *slash = strrchr(path, '/');
    char *name = mad_arena_text(mem, slash != NULL ? slash + 1 : path);
    if (name == NULL) {
        return mad_fail_memory(ctx, path);
    }
    char *dot = strrchr(name, '.');
    if (dot != NULL) {
        *dot = '\0';
    }
    *out = name;
    return MAD_OK;
}

static mad_status read_criteria(mad_ctx *ctx, mad_arena *mem, mad_paper *p)
{
    const mad_notes *expect = &p->config.expect;
    p->n_criteria = expect->n;
    p->criterion = mad_arena_take(mem, expect->n, sizeof *p->criterion);
    if (p->criterion == NULL) {
        return mad_fail_memory(ctx, p->path);
    }
    if (expect->n == 0) {
        return mad_fail(ctx, MAD_E_CONFIG, "%s has no block `expect`: nothing can be judged",
                        p->path);
    }
    for (size_t i = 0; i < expect->n; i++) {
        const mad_note *note = &expect->note[i];
        const mad_status st =
            mad_criterion_parse(ctx, mem, note->texts[0], p->n_arms, p->arm, &p->criterion[i]);
        if (st != MAD_OK) {
            return mad_fail_while(ctx, st, "%s: expect.%s", note->place, note->name);
        }
    }
    return MAD_OK;
}

mad_status mad_paper_load(mad_app *app, mad_arena *mem, const char *path, mad_paper *out)
{
    mad_status st = MAD_OK;
    mad_ctx *ctx = app->ctx;
    mad_paper p = {.path = mad_arena_text(mem, path)};
    MAD_TRY(p.path != NULL ? MAD_OK : mad_fail_memory(ctx, path));
    MAD_TRY(name_of(ctx, mem, p.path, &p.name));
    MAD_TRY(mad_load_config(app, mem, p.path, 0, NULL, 0, &p.config));
    p.source = note_of(&p.config.paper, "source");
    p.shape = note_of(&p.config.paper, "shape");
    p.setting = note_of(&p.config.paper, "setting");
    p.found = note_of(&p.config.paper, "found");
    p.loop = note_of(&p.config.paper, "loop");
    p.row = number_of(&p.config.paper, "row");
    p.seconds = number_of(&p.config.paper, "seconds");
    p.n_arms = p.config.arms.n > 0 ? p.config.arms.n : 1;
    p.arm = mad_arena_take(mem, p.n_arms, sizeof *p.arm);
    MAD_TRY(p.arm != NULL ? MAD_OK : mad_fail_memory(ctx, path));
    p.arm[0] = "";
    for (size_t i = 0; i < p.config.arms.n; i++) {
        p.arm[i] = p.config.arms.note[i].name;
    }
    MAD_TRY(read_criteria(ctx, mem, &p));
    *out = p;
out:
    return st;
}

mad_status mad_paper_fail_arm(mad_ctx *ctx, mad_status st, const mad_paper *paper, size_t i_arm)
{
    if (paper->config.arms.n == 0) {
        return mad_fail_while(ctx, st, "%s", paper->path);
    }
    const mad_note *arm = &paper->config.arms.note[i_arm];
    return mad_fail_while(ctx, st, "%s: arm '%s'", arm->place, arm->name);
}

mad_status mad_paper_arm(mad_app *app, mad_arena *mem, const mad_paper *paper, size_t i_arm,
                         int smoke, mad_config *out)
{
    if (paper->config.arms.n == 0) {
        return mad_load_config(app, mem, paper->path, 0, NULL, smoke, out);
    }
    const mad_note *arm = &paper->config.arms.note[i_arm];
    const mad_status st =
        mad_load_config(app, mem, paper->path, arm->n_texts, (char **)arm->texts, smoke, out);
    return st == MAD_OK ? MAD_OK : mad_paper_fail_arm(app->ctx, st, paper, i_arm);
}

/* ---- all of them --------------------------------------------------------------------------- */

static int by_row(const void *a, const void *b)
{
    const mad_paper *p = a, *q = b;
    const double x = isnan(p->row) ? (double)INFINITY : p->row;
    const double y = isnan(q->row) ? (double)INFINITY : q->row;
    return x != y ? (x > y) - (x < y) : strcmp(p->name, q->name);
}

static int is_yaml(const char *name)
{
    const size_t n = strlen(name);
    return n > 5 && name[0] != '.' && strcmp(name + n - 5, ".yaml") == 0;
}

/* Of a file that cannot be loaded its name and what is wrong. */
static mad_status keep_failure(mad_ctx *ctx, mad_arena *mem, const char *path, mad_status status,
                               mad_paper *out)
{
    mad_status st = MAD_OK;
    mad_paper p = {.path = mad_arena_text(mem, path),
                   .source = "",
                   .shape = "",
                   .setting = "",
                   .found = "",
                   .loop = "",
                   .row = (double)NAN,
                   .seconds = (double)NAN,
                   .status = status,
                   .message = mad_arena_text(mem, ctx->message)};
    mad_ctx_clear(ctx);
    MAD_TRY(p.path != NULL && p.message != NULL ? MAD_OK : mad_fail_memory(ctx, "a paper"));
    MAD_TRY(name_of(ctx, mem, p.path, &p.name));
    *out = p;
out:
    return st;
}

static mad_status load_folder(mad_app *app, mad_arena *mem, const char *folder, DIR *dir, size_t *n,
                              mad_paper *papers)
{
    mad_status st = MAD_OK;
    for (const struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        char path[PATH_MAX];
        if (!is_yaml(entry->d_name)) {
            continue;
        }
        if (*n == MAX_PAPERS) {
            return mad_fail(app->ctx, MAD_E_RANGE, "%s holds more than %d files", folder,
                            MAX_PAPERS);
        }
        (void)snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        const mad_status loaded = mad_paper_load(app, mem, path, &papers[*n]);
        if (loaded != MAD_OK) {
            MAD_TRY(keep_failure(app->ctx, mem, path, loaded, &papers[*n]));
        }
        ++*n;
    }
out:
    return st;
}

mad_status mad_papers_load(mad_app *app, mad_arena *mem, const char *folder, size_t *n,
                           mad_paper **out)
{
    mad_paper *papers = mad_arena_take(mem, MAX_PAPERS, sizeof *papers);
    DIR *dir = opendir(folder);
    *n = 0;
    if (dir == NULL) {
        return mad_fail(app->ctx, MAD_E_IO, "%s: %s", folder, strerror(errno));
    }
    const mad_status st = papers != NULL ? load_folder(app, mem, folder, dir, n, papers)
                                         : mad_fail_memory(app->ctx, folder);
    (void)closedir(dir);
    if (st == MAD_OK) {
        qsort(papers, *n, sizeof *papers, by_row);
        *out = papers;
    }
    return st;
}

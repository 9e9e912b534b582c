/* sim/cli/manifest.c: see the header. */
#include "sim/cli/manifest.h"

#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "sim/cli/claim.h"
#include "sim/cli/path.h"
#include "sim/store/json.h"
#include "sim/store/publish.h"

static const char conventions[] = "madloop-sweep-1";

int mad_manifest_is_there(const char *dir)
{
    char path[PATH_MAX];
    return mad_path_join(path, dir, MAD_MANIFEST_NAME) && access(path, F_OK) == 0;
}

/* ---- reading ------------------------------------------------------------------------------- */

/* An array of texts; 0 when it is none, or memory is short. */
static int take_texts(mad_arena *mem, json_t *array, size_t *n, const char ***out)
{
    *n = json_array_size(array);
    *out = mad_arena_take(mem, *n, sizeof **out);
    int is_good = json_is_array(array) && *out != NULL;
    for (size_t i = 0; is_good && i < *n; i++) {
        const char *text = json_string_value(json_array_get(array, i));
        (*out)[i] = text != NULL ? mad_arena_text(mem, text) : NULL;
        is_good = (*out)[i] != NULL;
    }
    return is_good;
}

static int is_name(const char *text)
{
    return text[0] != '\0' && text[0] != '.' && strchr(text, '/') == NULL;
}

mad_status mad_manifest_read(mad_ctx *ctx, mad_arena *mem, const char *dir, mad_manifest *out)
{
    char path[PATH_MAX];
    json_error_t error;
    mad_status st = MAD_OK;
    if (!mad_path_join(path, dir, MAD_MANIFEST_NAME) || access(path, R_OK) != 0) {
        return mad_fail(ctx, MAD_E_IO, "%s holds no sweep (it has no " MAD_MANIFEST_NAME ")", dir);
    }
    json_t *root = json_load_file(path, 0, &error);
    const char *version = json_string_value(json_object_get(root, "conventions"));
    const json_int_t n_replicates = json_integer_value(json_object_get(root, "replicates"));
    const json_int_t n_generations = json_integer_value(json_object_get(root, "generations"));
    if (root == NULL) {
        st = mad_fail(ctx, MAD_E_DATA, "%s:%d:%d: %s", path, error.line, error.column, error.text);
    } else if (version == NULL || strcmp(version, conventions) != 0) {
        st = mad_fail(ctx, MAD_E_DATA, "%s is no file of %s", path, conventions);
    } else if (n_replicates < 1 || n_generations < 1 || n_replicates > INT_MAX ||
               n_generations > INT_MAX ||
               !take_texts(mem, json_object_get(root, "keys"), &out->n_keys, &out->key) ||
               !take_texts(mem, json_object_get(root, "runs"), &out->n_runs, &out->run)) {
        st = mad_fail(ctx, MAD_E_DATA, "%s is damaged", path);
    } else {
        out->n_replicates = (size_t)n_replicates;
        out->n_generations = (size_t)n_generations;
    }
    for (size_t i = 0; st == MAD_OK && i < out->n_runs; i++) {
        if (!is_name(out->run[i])) {
            st = mad_fail(ctx, MAD_E_DATA, "%s: '%s' names no folder below it", path, out->run[i]);
        }
    }
    json_decref(root);
    return st;
}

/* ---- writing ------------------------------------------------------------------------------- */

static json_t *texts_json(size_t n, const char *const *text)
{
    json_t *array = json_array();
    for (size_t i = 0; i < n; i++) {
        (void)json_array_append_new(array, mad_json_text(text[i]));
    }
    return array;
}

static mad_status publish(mad_ctx *ctx, const char *dir, const mad_manifest *m)
{
    mad_status st = MAD_OK;
    mad_publish file;
    MAD_TRY(mad_publish_init(ctx, dir, MAD_MANIFEST_NAME, &file));
    json_t *root = json_pack("{s:s, s:o, s:I, s:I, s:o}", "conventions", conventions, "keys",
                             texts_json(m->n_keys, m->key), "replicates",
                             (json_int_t)m->n_replicates, "generations",
                             (json_int_t)m->n_generations, "runs", texts_json(m->n_runs, m->run));
    const int written = root != NULL && json_dump_file(root, file.temp, JSON_INDENT(1)) == 0;
    json_decref(root);
    if (!written) {
        mad_publish_abandon(&file);
        return mad_fail(ctx, MAD_E_IO, "cannot write %s", file.path);
    }
    MAD_TRY(mad_publish_commit(ctx, &file));
out:
    return st;
}

mad_status mad_manifest_unite(mad_ctx *ctx, mad_arena *mem, size_t n_b, const char *const *b,
                              size_t *n_a, const char ***a)
{
    const char **all = mad_arena_take(mem, *n_a + n_b, sizeof *all);
    json_t *seen = json_object(); /* used as a set */
    size_t n = 0;
    for (size_t i = 0; all != NULL && seen != NULL && i < *n_a + n_b; i++) {
        const char *text = i < *n_a ? (*a)[i] : b[i - *n_a];
        if (json_object_get(seen, text) == NULL) {
            (void)json_object_set_new(seen, text, json_true());
            all[n++] = text;
        }
    }
    const int is_good = all != NULL && seen != NULL;
    json_decref(seen);
    if (!is_good) {
        return mad_fail_memory(ctx, "the runs of a sweep");
    }
    *a = all;
    *n_a = n;
    return MAD_OK;
}

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

mad_status mad_manifest_extend(mad_ctx *ctx, mad_arena *mem, const char *dir,
                               const mad_manifest *with)
{
    mad_status st = MAD_OK;
    mad_claim claim = {.dir = ""};
    mad_manifest m = {.n_keys = 0}, before;
    MAD_TRY(mad_claim_wait(ctx, dir, &claim));
    if (mad_manifest_is_there(dir)) {
        MAD_TRY(mad_manifest_read(ctx, mem, dir, &m));
    }
    before = m;
    MAD_TRY(mad_manifest_unite(ctx, mem, with->n_keys, with->key, &m.n_keys, &m.key));
    MAD_TRY(mad_manifest_unite(ctx, mem, with->n_runs, with->run, &m.n_runs, &m.run));
    m.n_replicates = larger(m.n_replicates, with->n_replicates);
    m.n_generations = larger(m.n_generations, with->n_generations);
    if (m.n_keys != before.n_keys || m.n_runs != before.n_runs ||
        m.n_replicates != before.n_replicates || m.n_generations != before.n_generations) {
        MAD_TRY(publish(ctx, dir, &m));
    }
out:
    mad_claim_release(&claim);
    return st;
}

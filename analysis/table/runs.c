/* analysis/table/runs.c: find, read and label runs. */
#include "analysis/table/runs.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { MAX_RUNS = 4096, PATH_BYTES = 4096, LABEL_BYTES = 256, MAX_LABEL_KEYS = 8, MAX_NAMES = 64 };

/* What a reader of a collapse study looks for first. */
static const char *const main_metrics[] = {
    "precision",         "recall",        "frechet",    "sliced_w2",   "density",
    "coverage",          "trace",         "log_det",    "gaussian_w2", "modes_covered",
    "mode_kl_fake_true", "class_entropy", "mean_error", "excess_risk"};

typedef struct loader {
    mad_ctx *ctx;
    mad_arena *mem;
    size_t n_runs;
    mad_run_entry *runs; /* [MAX_RUNS] */
} loader;

static int has_run_file(const char *dir)
{
    char path[PATH_BYTES];
    struct stat info;
    int n = snprintf(path, sizeof path, "%s/run.h5", dir);
    return n > 0 && (size_t)n < sizeof path && stat(path, &info) == 0 && S_ISREG(info.st_mode);
}

static mad_status add_run(loader *l, const char *dir, size_t i_path)
{
    mad_status st = MAD_OK;
    if (l->n_runs == MAX_RUNS) {
        return mad_fail(l->ctx, MAD_E_RANGE, "more than %d runs", MAX_RUNS);
    }
    mad_run_entry *entry = &l->runs[l->n_runs];
    entry->dir = mad_arena_text(l->mem, dir);
    entry->i_path = i_path;
    if (entry->dir == NULL) {
        return mad_fail_memory(l->ctx, "runs");
    }
    MAD_TRY(mad_run_read(l->ctx, l->mem, dir, &entry->run));
    MAD_TRY(mad_run_join_loops(l->ctx, l->mem, &entry->run));
    const char *config =
        mad_attribute_text(entry->run.n_attributes, entry->run.attributes, "config");
    if (config != NULL) {
        MAD_TRY(mad_pairs_parse(l->ctx, l->mem, config, &entry->n_pairs, &entry->pairs));
    }
    l->n_runs++;
out:
    return st == MAD_OK ? st : mad_fail_while(l->ctx, st, "%s", dir);
}

static int is_visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static mad_status add_path(loader *l, const char *path, size_t i_path)
{
    mad_status st = MAD_OK;
    struct dirent **list = NULL;
    size_t n_before = l->n_runs;
    int n_list = 0;

    if (has_run_file(path)) {
        return add_run(l, path, i_path);
    }
    n_list = scandir(path, &list, is_visible, versionsort);
    if (n_list < 0) {
        return mad_fail(l->ctx, MAD_E_IO, "%s: %s", path, strerror(errno));
    }
    for (int i = 0; i < n_list; i++) {
        char child[PATH_BYTES];
        int n = snprintf(child, sizeof child, "%s/%s", path, list[i]->d_name);
        if (n > 0 && (size_t)n < sizeof child && has_run_file(child)) {
            MAD_TRY(add_run(l, child, i_path));
        }
    }
    if (l->n_runs == n_before) {
        st = mad_fail(l->ctx, MAD_E_IO,
                      "%s: no run here: neither %s/run.h5 nor a sub-folder with a run.h5", path,
                      path);
    }
out:
    for (int i = 0; i < n_list; i++) {
        free(list[i]);
    }
    free(list);
    return st;
}

static const char *value_or_empty(const mad_run_entry *entry, const char *key)
{
    const char *value = mad_pair_value(entry->n_pairs, entry->pairs, key);
    return value != NULL ? value : "";
}

static int is_late_key(const char *key)
{
    return strcmp(key, "name") == 0 || strcmp(key, "seed") == 0;
}

/* twin[i] is the first run that the keys chosen so far do not tell from run i. A key that does so
 * is worth having: then split the groups by it and return 1. */
static int split_groups(const loader *l, const char *key, size_t *twin, const char **value)
{
    int is_useful = 0;
    for (size_t i = 0; i < l->n_runs; i++) {
        value[i] = value_or_empty(&l->runs[i], key);
        is_useful |= strcmp(value[i], value[twin[i]]) != 0;
    }
    /* downwards, so that twin[j] of an earlier run is still the old one */
    for (size_t i = l->n_runs; is_useful && i-- > 0;) {
        size_t j = twin[i];
        while (j < i && (twin[j] != twin[i] || strcmp(value[j], value[i]) != 0)) {
            j++;
        }
        twin[i] = j;
    }
    return is_useful;
}

/* Two rounds over the first run's keys and then those only others have: name and seed last. */
static mad_status choose_keys(loader *l, size_t *n_keys, const char **keys)
{
    size_t *twin = mad_arena_take(l->mem, l->n_runs, sizeof *twin); /* all runs: one group */
    const char **value = mad_arena_take(l->mem, l->n_runs, sizeof *value);

    if (twin == NULL || value == NULL) {
        return mad_fail_memory(l->ctx, "runs");
    }
    for (int late = 0; late < 2; late++) {
        for (size_t r = 0; r < l->n_runs; r++) {
            const mad_run_entry *run = &l->runs[r];
            for (size_t i = 0; i < run->n_pairs && *n_keys < MAX_LABEL_KEYS; i++) {
                const char *key = run->pairs[i].key;
                int is_seen = r > 0 && mad_pair_value(l->runs[0].n_pairs, l->runs[0].pairs, key);
                if (!is_seen && is_late_key(key) == late && split_groups(l, key, twin, value)) {
                    keys[(*n_keys)++] = key;
                }
            }
        }
    }
    return MAD_OK;
}

/* "n_real" of "loop.n_real", "model" of "model.kind"; whole when another key ends the same. */
static void short_key(const char *key, size_t n_keys, const char *const *keys, size_t n_bytes,
                      char *out)
{
    const char *dot = strrchr(key, '.');
    if (dot == NULL) {
        (void)snprintf(out, n_bytes, "%s", key);
        return;
    }
    if (strcmp(dot, ".kind") == 0) {
        (void)snprintf(out, n_bytes, "%.*s", (int)(dot - key), key);
        return;
    }
    for (size_t k = 0; k < n_keys; k++) {
        const char *other = strrchr(keys[k], '.');
        other = other != NULL ? other + 1 : keys[k];
        if (keys[k] != key && strcmp(other, dot + 1) == 0) {
            (void)snprintf(out, n_bytes, "%s", key);
            return;
        }
    }
    (void)snprintf(out, n_bytes, "%s", dot + 1);
}

static int is_number(const char *text, double *value)
{
    char *end = NULL;
    *value = strtod(text, &end);
    return end != text && *end == '\0';
}

static const char *folder_name(const char *dir)
{
    const char *slash = strrchr(dir, '/');
    return slash != NULL && slash[1] != '\0' ? slash + 1 : dir;
}

/* Words speak for themselves when they are the only difference; numbers need their key. */
static mad_status label_run(loader *l, mad_run_entry *entry, size_t n_keys, const char *const *keys)
{
    char text[LABEL_BYTES] = "";
    char name[LABEL_BYTES];
    size_t n = 0;
    double number;

    for (size_t k = 0; k < n_keys && n < sizeof text; k++) {
        const char *value = mad_pair_value(entry->n_pairs, entry->pairs, keys[k]);
        if (value == NULL) {
            continue;
        }
        int wrote;
        if (n_keys == 1 && !is_number(value, &number) && value[0] != '\0') {
            wrote = snprintf(text, sizeof text, "%s", value);
        } else {
            short_key(keys[k], n_keys, keys, sizeof name, name);
            wrote = snprintf(text + n, sizeof text - n, "%s%s=%s", n > 0 ? " " : "", name, value);
        }
        n += (size_t)wrote;
    }
    if (n_keys == 0) {
        const char *run_name = mad_pair_value(entry->n_pairs, entry->pairs, "name");
        (void)snprintf(text, sizeof text, "%s",
                       l->n_runs == 1 && run_name != NULL ? run_name : folder_name(entry->dir));
    }
    entry->label = mad_arena_text(l->mem, text);
    return entry->label != NULL ? MAD_OK : mad_fail_memory(l->ctx, "labels");
}

/* Runs that still share a label get their folder beside it. */
static mad_status tell_twins_apart(loader *l)
{
    for (size_t i = 0; i < l->n_runs; i++) {
        int has_twin = 0;
        for (size_t j = 0; j < l->n_runs && !has_twin; j++) {
            has_twin = j != i && strcmp(l->runs[i].label, l->runs[j].label) == 0;
        }
        if (has_twin) {
            char text[LABEL_BYTES + PATH_BYTES];
            (void)snprintf(text, sizeof text, "%s [%s]", l->runs[i].label, l->runs[i].dir);
            const char *label = mad_arena_text(l->mem, text);
            if (label == NULL) {
                return mad_fail_memory(l->ctx, "labels");
            }
            l->runs[i].label = label;
        }
    }
    return MAD_OK;
}

/* Order of two runs of one sweep folder: by the values of the keys, numbers as numbers. */
static int compare_values(const mad_run_entry *a, const mad_run_entry *b, size_t n_keys,
                          const char *const *keys)
{
    for (size_t k = 0; k < n_keys; k++) {
        const char *text_a = value_or_empty(a, keys[k]);
        const char *text_b = value_or_empty(b, keys[k]);
        double x;
        double y;
        int order = is_number(text_a, &x) && is_number(text_b, &y) ? (x > y) - (x < y)
                                                                   : strcmp(text_a, text_b);
        if (order != 0) {
            return order;
        }
    }
    return 0;
}

/* Insertion sort: stable, and there are few runs. */
static void sort_runs(loader *l, size_t n_keys, const char *const *keys)
{
    for (size_t i = 1; i < l->n_runs; i++) {
        mad_run_entry moving = l->runs[i];
        size_t at = i;
        while (at > 0 && l->runs[at - 1].i_path == moving.i_path &&
               compare_values(&l->runs[at - 1], &moving, n_keys, keys) > 0) {
            l->runs[at] = l->runs[at - 1];
            at--;
        }
        l->runs[at] = moving;
    }
}

mad_status mad_runs_load(mad_ctx *ctx, mad_arena *mem, size_t n_paths, char *const *paths,
                         mad_runs *out)
{
    mad_status st = MAD_OK;
    loader l = {.ctx = ctx, .mem = mem, .runs = mad_arena_take(mem, MAX_RUNS, sizeof *l.runs)};
    const char **keys = mad_arena_take(mem, MAX_LABEL_KEYS, sizeof *keys);
    size_t n_keys = 0;

    if (l.runs == NULL || keys == NULL) {
        return mad_fail_memory(ctx, "runs");
    }
    for (size_t i = 0; i < n_paths; i++) {
        MAD_TRY(add_path(&l, paths[i], i));
    }
    MAD_TRY(choose_keys(&l, &n_keys, keys));
    sort_runs(&l, n_keys, keys);
    for (size_t i = 0; i < l.n_runs; i++) {
        MAD_TRY(label_run(&l, &l.runs[i], n_keys, keys));
    }
    MAD_TRY(tell_twins_apart(&l));
    *out = (mad_runs){.n_runs = l.n_runs, .runs = l.runs, .n_keys = n_keys, .keys = keys};
out:
    return st;
}

static size_t add_name(size_t n, size_t max, const char **names, const char *name)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(names[i], name) == 0) {
            return n;
        }
    }
    if (n < max) {
        names[n++] = name;
    }
    return n;
}

size_t mad_runs_names(const mad_runs *runs, const char *group, size_t max, const char **names)
{
    size_t n = 0;
    for (size_t i = 0; i < sizeof main_metrics / sizeof *main_metrics; i++) {
        for (size_t r = 0; r < runs->n_runs; r++) {
            const mad_run_series *series = mad_run_find(&runs->runs[r].run, group, main_metrics[i]);
            if (series != NULL) {
                n = add_name(n, max, names, series->name);
            }
        }
    }
    for (size_t r = 0; r < runs->n_runs; r++) {
        const mad_run *run = &runs->runs[r].run;
        for (size_t i = 0; i < run->n_series; i++) {
            if (strcmp(run->series[i].group, group) == 0) {
                n = add_name(n, max, names, run->series[i].name);
            }
        }
    }
    return n;
}

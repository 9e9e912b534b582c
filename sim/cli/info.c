/* sim/cli/info.c: `madloop info`: what a run folder, a run file or a data file holds. */
#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "sim/cli/info_parts.h"
#include "sim/cli/options.h"
#include "sim/cli/verbs.h"
#include "sim/store/runfile.h"

/* Everything is gathered as one JSON object, which --json prints as it is and text line by line. */
enum { PATH_BYTES = 4096, MAX_GEN_FILES = 10000 };

static int is_file(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISREG(info.st_mode);
}

static int is_folder(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

/* ---- runs ----------------------------------------------------------------------------------- */

static mad_status describe_run(mad_ctx *ctx, mad_arena *mem, const char *dir, json_t *out)
{
    mad_status st = MAD_OK;
    mad_run run;
    size_t n_files = 0;
    json_t *attributes = json_object();
    json_t *series = json_object();
    size_t *files = mad_arena_take(mem, MAX_GEN_FILES, sizeof *files);

    (void)json_object_set_new(out, "kind", json_string("run"));
    (void)json_object_set_new(out, "attributes", attributes);
    if (files == NULL) {
        json_decref(series);
        return mad_fail_memory(ctx, "the list of generation files");
    }
    MAD_TRY(mad_run_read(ctx, mem, dir, &run));
    MAD_TRY(mad_gen_list(ctx, dir, run.n_generations, MAX_GEN_FILES, files, &n_files));
    mad_json_put_attributes(attributes, run.n_attributes, run.attributes);
    (void)json_object_set_new(out, "n_replicates", json_integer((json_int_t)run.n_replicates));
    (void)json_object_set_new(out, "n_generations", json_integer((json_int_t)run.n_generations));
    (void)json_object_set_new(out, "n_done", json_integer((json_int_t)run.n_done));
    (void)json_object_set_new(out, "n_generation_files", json_integer((json_int_t)n_files));
    for (size_t i = 0; i < run.n_series; i++) {
        const mad_run_series *s = &run.series[i];
        char name[512];
        (void)snprintf(name, sizeof name, "/%.200s/%.200s", s->group, s->name);
        json_t *entry = json_pack("{s:o}", "shape", mad_json_shape(s->rank, s->shape));
        mad_json_put_attributes(entry, s->n_attributes, s->attributes);
        (void)json_object_set_new(series, name, entry);
    }
    (void)json_object_set(out, "series", series);
out:
    json_decref(series);
    return st;
}

/* The runs one level below. */
static mad_status describe_sweep(mad_ctx *ctx, size_t n_runs, const char *const *runs, json_t *out)
{
    mad_status st = MAD_OK;
    json_t *list = json_object();

    (void)json_object_set_new(out, "kind", json_string("sweep"));
    (void)json_object_set_new(out, "runs", list);
    for (size_t i = 0; i < n_runs; i++) {
        char text[128];
        mad_folder look;
        MAD_TRY(mad_folder_look(ctx, runs[i], &look));
        const int is_stopped = look.stop_reason[0] != '\0';
        (void)snprintf(text, sizeof text, "%zu of %zu generations%s%s%s", look.n_done,
                       look.n_generations, is_stopped ? " (stop: " : "", look.stop_reason,
                       is_stopped ? ")" : "");
        (void)mad_json_put(list, runs[i], json_string(text));
    }
out:
    return st;
}

static mad_status describe_generation(mad_ctx *ctx, mad_arena *mem, const char *dir,
                                      size_t generation, json_t *out)
{
    mad_status st = MAD_OK;
    mad_preview p;

    (void)json_object_set_new(out, "kind", json_string("generation"));
    (void)json_object_set_new(out, "generation", json_integer((json_int_t)generation));
    MAD_TRY(mad_preview_read(ctx, mem, dir, generation, &p));
    const size_t shape[3] = {p.n_replicates, p.n_rows, p.dim};
    json_t *samples = json_pack("{s:o}", "shape", mad_json_shape(3, shape));
    mad_json_put_range(samples, p.n_replicates * p.n_rows * p.dim, p.x);
    (void)json_object_set_new(out, "samples", samples);
    (void)json_object_set_new(out, "labels", json_boolean(p.label != NULL));
    (void)json_object_set_new(out, "real rows", json_boolean(p.real != NULL));
out:
    return st;
}

/* ---- text ----------------------------------------------------------------------------------- */

static void print_text_block(const char *text, int indent)
{
    while (*text != '\0') {
        size_t n = strcspn(text, "\n");
        printf("%*s%.*s\n", indent, "", (int)n, text);
        text += n + (text[n] == '\n');
    }
}

static void print_value(const json_t *value)
{
    size_t i;
    const json_t *item;
    if (json_is_string(value)) {
        printf("%s", json_string_value(value));
    } else if (json_is_integer(value)) {
        printf("%" JSON_INTEGER_FORMAT, json_integer_value(value));
    } else if (json_is_real(value)) {
        printf("%.6g", json_real_value(value));
    } else if (json_is_boolean(value)) {
        printf("%s", json_is_true(value) ? "yes" : "no");
    } else if (json_is_array(value)) { /* shapes, words */
        json_array_foreach(value, i, item)
        {
            printf("%s", i == 0 ? "" : json_is_string(item) ? ", " : " x ");
            print_value(item);
        }
    } else {
        printf("-");
    }
}

/* A dataset in one line: shape, what it is, unit. */
static void print_series(const char *name, const json_t *entry)
{
    const char *long_name = json_string_value(json_object_get(entry, "long_name"));
    const char *units = json_string_value(json_object_get(entry, "units"));
    printf("  %-32s ", name);
    print_value(json_object_get(entry, "shape"));
    printf("%s%s", long_name != NULL ? "  " : "", long_name != NULL ? long_name : "");
    if (units != NULL && strcmp(units, "1") != 0) {
        printf(" [%s]", units);
    }
    printf("\n");
}

static void print_object(json_t *object, int indent)
{
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value)
    {
        const char *text = json_string_value(value);
        if (strcmp(key, "series") == 0 && indent == 0) {
            const char *name;
            json_t *entry;
            printf("series\n");
            json_object_foreach(value, name, entry)
            {
                print_series(name, entry);
            }
        } else if (json_is_object(value)) {
            printf("%*s%s\n", indent, "", key);
            print_object(value, indent + 2);
        } else if (text != NULL && strchr(text, '\n') != NULL) {
            printf("%*s%s\n", indent, "", key);
            print_text_block(text, indent + 4);
        } else {
            printf("%*s%-*s ", indent, "", 20 - indent, key);
            print_value(value);
            printf("\n");
        }
    }
}

/* ---- the verb ------------------------------------------------------------------------------- */

/* "a/b/gen-0007.h5" -> 7 and dir "a/b"; 0 for other names. */
static size_t split_generation(const char *path, char dir[PATH_BYTES])
{
    const char *slash = strrchr(path, '/');
    const char *base = slash != NULL ? slash + 1 : path;
    char *end = NULL;

    (void)snprintf(dir, PATH_BYTES, "%.*s",
                   slash == NULL   ? 1
                   : slash == path ? 1
                                   : (int)(slash - path),
                   slash == NULL ? "." : path);
    if (strncmp(base, "gen-", 4) != 0) {
        return 0;
    }
    unsigned long generation = strtoul(base + 4, &end, 10);
    return end != base + 4 && strcmp(end, ".h5") == 0 ? generation : 0;
}

static int is_run_file(const char *path)
{
    const char *slash = strrchr(path, '/');
    return strcmp(slash != NULL ? slash + 1 : path, "run.h5") == 0;
}

static mad_status describe_folder(mad_ctx *ctx, mad_arena *mem, const char *path, json_t *out)
{
    mad_status st = MAD_OK;
    char name[PATH_BYTES];
    size_t n_runs = 0;
    const char **runs = NULL;
    const int n = snprintf(name, sizeof name, "%s/run.h5", path);
    if (n > 0 && (size_t)n < sizeof name && is_file(name)) {
        return describe_run(ctx, mem, path, out);
    }
    MAD_TRY(mad_folder_list(ctx, mem, path, &n_runs, &runs));
    if (n_runs > 0) {
        return describe_sweep(ctx, n_runs, runs, out);
    }
    st = mad_info_data(ctx, mem, path, out);
    if (st != MAD_OK) {
        st = mad_fail_while(ctx, st, "no run (no run.h5), no folder of runs, and as pictures");
    }
out:
    return st;
}

static mad_status describe(mad_ctx *ctx, mad_arena *mem, const char *path, json_t *out)
{
    char name[PATH_BYTES];

    (void)json_object_set_new(out, "path", mad_json_text(path));
    if (is_folder(path)) {
        return describe_folder(ctx, mem, path, out);
    }
    size_t generation = split_generation(path, name);
    if (is_run_file(path)) {
        return describe_run(ctx, mem, name, out);
    }
    if (generation > 0) {
        return describe_generation(ctx, mem, name, generation, out);
    }
    return mad_info_data(ctx, mem, path, out);
}

static mad_status info_run(mad_app *app, int argc, char **argv)
{
    mad_status st = MAD_OK;
    int is_json = 0;
    json_t *info = NULL;
    mad_arena *mem = NULL;
    mad_arguments args;
    const mad_option options[] = {
        {"json", 0, NULL, "print JSON", .flag = &is_json},
        {.name = NULL},
    };

    MAD_TRY(mad_options_parse(
        app, &mad_command_info, argc, argv,
        &(mad_usage){options, 1, 1,
                     "Data files: IDX, NPY, NPZ (FILE.npz:ARRAY), HDF5 (FILE.h5:/DATASET[0:100]), "
                     "CSV or other text, CIFAR binary, a folder of PNG files. Run files: run.h5, "
                     "gen-NNNN.h5, the folder of a run or of a sweep; what `madloop features` "
                     "trained."},
        &args));
    if (args.shown_help) {
        goto out;
    }
    mem = mad_arena_create((size_t)1 << 20);
    info = json_object();
    if (mem == NULL || info == NULL) {
        st = mad_fail_memory(app->ctx, "info");
        goto out;
    }
    MAD_TRY(describe(app->ctx, mem, args.text[0], info));
    if (is_json) {
        (void)json_dumpf(info, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(17));
        (void)fputc('\n', stdout);
    } else {
        print_object(info, 0);
    }
out:
    json_decref(info);
    mad_arena_destroy(mem);
    return st;
}

const mad_command mad_command_info = {
    .name = "info",
    .arguments = "FILE|DIR",
    .doc = "Say what a run, a sweep or a data file holds",
    .run = info_run,
};

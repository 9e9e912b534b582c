/* sim/cli/init.c: `madloop init KIND`: a commented starter configuration from the tables. */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/cli/options.h"
#include "sim/cli/verbs.h"
#include "sim/config/config.h"

typedef struct starter {
    const char *name, *doc;
    const char *text; /* what differs from the defaults */
} starter;

static const starter starters[] = {
    {"gauss", "a Gaussian fitted to its own samples: closed forms for every curve",
     "name: gauss\nreplicates: 20\ngenerations: 50\n"
     "world: {kind: gauss, dim: 2}\nmodel: {kind: gauss}\n"
     "loop: {family: fully_synthetic, n_initial: 100, n_synthetic: 100}\n"
     "measure: {n: 500, metrics: [mean_error_sq, trace, log_det, gaussian_w2]}\n"},
    {"categorical", "counted and redrawn categories: rare ones die first",
     "name: categorical\nreplicates: 20\ngenerations: 50\n"
     "world: {kind: zipf}\nmodel: {kind: categorical}\n"
     "loop: {family: fully_synthetic, n_initial: 200, n_synthetic: 200}\n"
     "measure: {n: 500}\n"},
    {"mixture", "a Gaussian mixture on a grid of modes: modes vanish one by one",
     "name: mixture\nreplicates: 4\ngenerations: 20\n"
     "world: {kind: grid}\nmodel: {kind: mixture}\n"
     "loop: {family: fully_synthetic, n_initial: 1000, n_synthetic: 1000}\n"},
    {"kde", "a kernel density estimate of its own samples",
     "name: kde\nreplicates: 10\ngenerations: 20\n"
     "world: {kind: moons}\nmodel: {kind: kde}\n"
     "loop: {family: fully_synthetic, n_initial: 500, n_synthetic: 500}\n"
     "measure: {n: 500}\n"},
    {"linear", "regression on the labels of the previous fit",
     "name: linear\nreplicates: 50\ngenerations: 20\n"
     "world: {kind: regression}\nmodel: {kind: linear}\n"
     "loop: {family: synthetic_augmentation, n_initial: 100, n_real: 100, n_synthetic: 100}\n"
     "measure: {n: 200}\n"},
    {"diffusion", "a trained diffusion model on a ring of modes, with fresh data every generation",
     "name: diffusion\nreplicates: 3\ngenerations: 5\n"
     "world: {kind: ring}\nmodel: {kind: diffusion}\n"
     "loop: {family: fresh, n_initial: 2000, n_real: 1000, n_synthetic: 1000}\n"},
    {"digits", "a trained diffusion model on the 8x8 handwritten digits (IDX files)",
     "name: digits\nreplicates: 1\ngenerations: 5\n"
     "world: {kind: idx, images: digits/digits8x8-images-idx3-ubyte.gz, "
     "labels: digits/digits8x8-labels-idx1-ubyte.gz}\nmodel: {kind: diffusion}\n"
     "loop: {family: fully_synthetic, n_initial: 1000, n_synthetic: 1000}\n"
     "measure: {n: 500}\n"},
};

enum { N_STARTERS = sizeof starters / sizeof *starters, KEY_BYTES = 256, DOC_COLUMN = 34 };

/* One line of the resolved configuration. */
typedef struct line {
    const char *text; /* begins behind the indentation; ends at n */
    size_t n;
    int indent;
    char key[KEY_BYTES];    /* full: "model.sampler.steps" */
    const mad_value *value; /* NULL: a heading, or a section's selector */
    int is_set;             /* the starter sets it, or something below it */
} line;

static const mad_value *find_value(const mad_config *config, const char *key)
{
    const struct {
        const char *section;
        const mad_values *values;
    } sections[] = {{"", &config->root},
                    {"world.", &config->world},
                    {"model.", &config->model},
                    {"loop.", &config->loop},
                    {"bias.", &config->bias},
                    {"select.", &config->select},
                    {"correct.", &config->correct},
                    {"post.", &config->post},
                    {"channel.", &config->channel},
                    {"measure.", &config->measure},
                    {"checkpoint.", &config->checkpoint}};

    for (size_t s = 0; s < sizeof sections / sizeof *sections; s++) {
        size_t n = strlen(sections[s].section);
        const mad_values *values = sections[s].values;
        for (size_t i = 0; strncmp(key, sections[s].section, n) == 0 && i < values->n_values; i++) {
            if (strcmp(values->params[i].name, key + n) == 0) {
                return &values->value[i];
            }
        }
    }
    return NULL;
}

/* "world.kind: ring" must stand in the file, "bias.kind: none" need not. */
static int is_selector_set(const mad_config *config, const char *key)
{
    return strcmp(key, "world.kind") == 0 || strcmp(key, "model.kind") == 0 ||
           (strcmp(key, "loop.family") == 0 && strcmp(config->loop_type->name, "custom") != 0) ||
           (strcmp(key, "bias.kind") == 0 && config->bias_type != NULL) ||
           (strcmp(key, "select.kind") == 0 && config->select_type != NULL) ||
           (strcmp(key, "correct.kind") == 0 && config->correct_type != NULL) ||
           (strcmp(key, "post.kind") == 0 && config->post_type != NULL) ||
           (strcmp(key, "channel.kind") == 0 && config->channel_type != NULL);
}

/* Cut the resolved text into lines and find what each stands for. Returns how many. */
static size_t read_lines(const mad_config *config, size_t max, line *lines)
{
    size_t n_lines = 0;
    const char *at = config->resolved;

    while (*at != '\0' && n_lines < max) {
        line *l = &lines[n_lines];
        size_t n = strcspn(at, "\n");
        const char *parent = "";
        l->indent = (int)strspn(at, " ");
        l->text = at + l->indent;
        l->n = n - (size_t)l->indent;
        for (size_t i = 0; i < n_lines; i++) { /* the last heading further left */
            parent = lines[i].indent < l->indent && lines[i].value == NULL &&
                             lines[i].text[lines[i].n - 1] == ':'
                         ? lines[i].key
                         : parent;
        }
        int n_key = snprintf(l->key, sizeof l->key, "%s%s%.*s", parent,
                             parent[0] != '\0' ? "." : "", (int)strcspn(l->text, ":"), l->text);
        MAD_ASSERT(n_key > 0 && n_key < KEY_BYTES);
        l->value = find_value(config, l->key);
        l->is_set = l->value != NULL ? !l->value->is_default : is_selector_set(config, l->key);
        at += n + (at[n] == '\n');
        n_lines++;
    }
    return n_lines;
}

/* A heading stands in the file when something below it does. */
static void mark_headings(size_t n_lines, line *lines)
{
    for (size_t i = 0; i < n_lines; i++) {
        for (size_t k = i + 1; k < n_lines && lines[k].indent > lines[i].indent; k++) {
            lines[i].is_set |= lines[k].is_set;
        }
    }
}

static void print_line(FILE *out, const line *l, const mad_param *selector)
{
    char allowed[512];
    const mad_param *param = l->value != NULL ? l->value->param : selector;
    int n = fprintf(out, "%*s%s%.*s", l->indent, "", l->is_set ? "" : "# ", (int)l->n, l->text);

    if (param == NULL) {
        (void)fputc('\n', out);
        return;
    }
    mad_param_allowed(param, sizeof allowed, allowed);
    (void)fprintf(out, "%*s  # %s (%s%s%s)\n", n < DOC_COLUMN ? DOC_COLUMN - n : 0, "", param->doc,
                  allowed, param->unit != NULL ? "; " : "", param->unit != NULL ? param->unit : "");
}

/* The selectors stand in no value table; mad_config_keys knows them. */
typedef struct selector_search {
    const char *key;
    FILE *out;
    const line *line;
    int is_found;
} selector_search;

static void visit_selector(void *arg, const char *section, const char *plugin,
                           const mad_param *param)
{
    selector_search *s = arg;
    char key[KEY_BYTES];
    (void)snprintf(key, sizeof key, "%s.%s", section, param->name);
    if (plugin == NULL && !s->is_found && strcmp(key, s->key) == 0) {
        s->is_found = 1;
        print_line(s->out, s->line, param);
    }
}

static void print_starter(FILE *out, const mad_registry *registry, const starter *chosen,
                          size_t n_lines, const line *lines)
{
    (void)fprintf(
        out,
        "# Starter '%s': %s.\n# Lines behind '#' show defaults: take the '#' away to change them.\n"
        "# Run it: madloop run THIS_FILE    Every key: madloop keys\n",
        chosen->name, chosen->doc);
    for (size_t i = 0; i < n_lines; i++) {
        if (lines[i].indent == 0 && lines[i].value == NULL) {
            (void)fputc('\n', out);
        }
        selector_search search = {.key = lines[i].key, .out = out, .line = &lines[i]};
        if (lines[i].value == NULL && lines[i].indent > 0) {
            mad_config_keys(registry, &search, visit_selector);
        }
        if (!search.is_found) {
            print_line(out, &lines[i], NULL);
        }
    }
}

static const starter *find_starter(const char *name)
{
    for (size_t i = 0; i < N_STARTERS; i++) {
        if (strcmp(starters[i].name, name) == 0) {
            return &starters[i];
        }
    }
    return NULL;
}

static mad_status fail_unknown(mad_ctx *ctx, const char *name)
{
    const char *names[N_STARTERS];
    char all[256] = "";
    for (size_t i = 0; i < N_STARTERS; i++) {
        size_t n = strlen(all);
        names[i] = starters[i].name;
        (void)snprintf(all + n, sizeof all - n, "%s%s", i > 0 ? ", " : "", names[i]);
    }
    const char *near = mad_nearest(name, N_STARTERS, names);
    return mad_fail(ctx, MAD_E_USAGE, "init: unknown kind '%s': expected %s%s%s%s", name, all,
                    near != NULL ? " (did you mean '" : "", near != NULL ? near : "",
                    near != NULL ? "'?)" : "");
}

static mad_status write_starter(mad_app *app, mad_arena *mem, const starter *chosen,
                                const mad_arguments *args, const char *path)
{
    enum { MAX_LINES = 512 };
    mad_status st = MAD_OK;
    mad_config config;
    FILE *out = stdout;
    line *lines = mad_arena_take(mem, MAX_LINES, sizeof *lines);

    if (lines == NULL) {
        return mad_fail_memory(app->ctx, "starter");
    }
    MAD_TRY(mad_config_load(app->ctx, mem, chosen->name, chosen->text, args->n - 1,
                            (const char *const *)(args->text + 1), app->registry, &config));
    size_t n_lines = read_lines(&config, MAX_LINES, lines);
    mark_headings(n_lines, lines);
    if (path != NULL) {
        out = fopen(path, "wx");
        if (out == NULL) {
            return mad_fail(app->ctx, errno == EEXIST ? MAD_E_EXISTS : MAD_E_IO, "init: %s: %s",
                            path, strerror(errno));
        }
    }
    print_starter(out, app->registry, chosen, n_lines, lines);
    int is_bad = ferror(out);
    is_bad |= path != NULL ? fclose(out) : 0;
    if (is_bad) {
        st = mad_fail(app->ctx, MAD_E_IO, "init: cannot write %s", path != NULL ? path : "stdout");
    }
out:
    return st;
}

static mad_status init_run(mad_app *app, int argc, char **argv)
{
    mad_status st = MAD_OK;
    const char *path = NULL;
    mad_arena *mem = NULL;
    mad_arguments args;
    char notes[1024] = "Kinds:\n";
    const mad_option options[] = {
        {"out", 'o', "FILE", "write to a new file instead of standard output", .text = &path},
        {.name = NULL},
    };

    for (size_t i = 0; i < N_STARTERS; i++) {
        size_t n = strlen(notes);
        (void)snprintf(notes + n, sizeof notes - n, "  %-12s %s\n", starters[i].name,
                       starters[i].doc);
    }
    MAD_TRY(mad_options_parse(app, &mad_command_init, argc, argv,
                              &(mad_usage){options, 1, SIZE_MAX, notes}, &args));
    if (args.shown_help) {
        goto out;
    }
    const starter *chosen = find_starter(args.text[0]);
    if (chosen == NULL) {
        st = fail_unknown(app->ctx, args.text[0]);
        goto out;
    }
    mem = mad_arena_create((size_t)1 << 20);
    if (mem == NULL) {
        st = mad_fail_memory(app->ctx, "starter");
        goto out;
    }
    MAD_TRY(write_starter(app, mem, chosen, &args, path));
out:
    mad_arena_destroy(mem);
    return st;
}

const mad_command mad_command_init = {
    .name = "init",
    .arguments = "KIND [key=value ...]",
    .doc = "Print a commented configuration to start from",
    .run = init_run,
};

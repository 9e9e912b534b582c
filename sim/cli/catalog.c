/* sim/cli/catalog.c: `madloop list` and `madloop keys`: everything the tables know. */
#include <jansson.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "sim/cli/options.h"
#include "sim/cli/verbs.h"
#include "sim/config/config.h"

enum {
    LIST_WORLDS,
    LIST_MODELS,
    LIST_LOOPS,
    LIST_BIASES,
    LIST_SELECTS,
    LIST_CORRECTS,
    LIST_POSTS,
    LIST_CHANNELS,
    LIST_METRICS,
    LIST_FEATURES,
    LIST_THEORIES,
    N_LISTS
};

static const char *const list_names[N_LISTS] = {"worlds",  "models",   "loops",   "biases",
                                                "selects", "corrects", "posts",   "channels",
                                                "metrics", "features", "theories"};

/* ---- list ----------------------------------------------------------------------------------- */

/* Entries are gathered as JSON and printed from there: one walk over the registry. */
static int add_plain(json_t *list, const char *name, const char *doc, const char *ref)
{
    return json_array_append_new(list, json_pack("{s:s, s:s, s:s?}", "name", name, "doc",
                                                 doc != NULL ? doc : "", "ref", ref));
}

static int add_metric(json_t *list, const mad_metric_type *type)
{
    int is_bad = 0;
    for (const mad_metric_output *o = type->outputs; o->name != NULL; o++) {
        is_bad |= json_array_append_new(
            list, json_pack("{s:s, s:s?, s:s?, s:s?, s:s?, s:s?, s:s?, s:s}", "name", o->name,
                            "doc", o->definition, "long_name", o->long_name, "units", o->units,
                            "direction", o->direction, "ref", o->reference, "undefined",
                            o->undefined, "group", type->name));
    }
    return is_bad;
}

static int add_feature(json_t *list, const mad_feature_type *type)
{
    char name[64];
    snprintf(name, sizeof name, "%s:%s", type->name, type->argument);
    return add_plain(list, name, type->doc, type->ref);
}

static int add_theory(json_t *list, const mad_theory_type *type)
{
    return json_array_append_new(list, json_pack("{s:s, s:s?, s:s, s:s?, s:s?, s:b}", "name",
                                                 type->name, "doc", type->statement, "metric",
                                                 type->metric, "assumptions", type->assumptions,
                                                 "ref", type->ref, "exact", type->exact));
}

#define ADD_ALL(list, entries)                                                                     \
    do {                                                                                           \
        for (size_t i = 0; (entries)[i] != NULL; i++) {                                            \
            is_bad |= add_plain(list, (entries)[i]->name, (entries)[i]->doc, (entries)[i]->ref);   \
        }                                                                                          \
    } while (0)

static int gather(const mad_registry *r, size_t which, json_t *list)
{
    int is_bad = 0;
    switch (which) {
    case LIST_WORLDS:
        ADD_ALL(list, r->worlds);
        break;
    case LIST_MODELS:
        ADD_ALL(list, r->models);
        break;
    case LIST_LOOPS:
        ADD_ALL(list, r->loops);
        break;
    case LIST_BIASES:
        ADD_ALL(list, r->biases);
        break;
    case LIST_SELECTS:
        ADD_ALL(list, r->selects);
        break;
    case LIST_CORRECTS:
        ADD_ALL(list, r->corrects);
        break;
    case LIST_POSTS:
        ADD_ALL(list, r->posts);
        break;
    case LIST_CHANNELS:
        ADD_ALL(list, r->channels);
        break;
    case LIST_METRICS:
        for (size_t i = 0; r->metrics[i] != NULL; i++) {
            is_bad |= add_metric(list, r->metrics[i]);
        }
        break;
    case LIST_FEATURES:
        is_bad |= add_plain(list, "raw", "rows as they are; `pixels` is the same", NULL);
        for (size_t i = 0; r->features[i] != NULL; i++) {
            is_bad |= add_feature(list, r->features[i]);
        }
        break;
    default:
        for (size_t i = 0; r->theories[i] != NULL; i++) {
            is_bad |= add_theory(list, r->theories[i]);
        }
    }
    return is_bad;
}

static const char *field(const json_t *entry, const char *name)
{
    const char *text = json_string_value(json_object_get(entry, name));
    return text != NULL ? text : "";
}

/* What an entry belongs to: a measure's family, the measure a closed form predicts. */
static const char *owner(const json_t *entry)
{
    const char *group = field(entry, "group");
    return group[0] != '\0' ? group : field(entry, "metric");
}

static void print_list(const json_t *list)
{
    int width = 0;
    int owner_width = 0;
    size_t i;
    const json_t *entry;
    json_array_foreach(list, i, entry)
    {
        int n = (int)strlen(field(entry, "name"));
        width = n > width ? n : width;
        n = (int)strlen(owner(entry));
        owner_width = n > owner_width ? n : owner_width;
    }
    json_array_foreach(list, i, entry)
    {
        const char *ref = field(entry, "ref");
        printf("%-*s  %-*s%s%s%s%s%s\n", width, field(entry, "name"), owner_width, owner(entry),
               owner_width > 0 ? "  " : "", field(entry, "doc"), ref[0] != '\0' ? "  [" : "", ref,
               ref[0] != '\0' ? "]" : "");
    }
}

static mad_status print_json(mad_ctx *ctx, const json_t *json)
{
    int is_bad = json_dumpf(json, stdout, JSON_INDENT(2)) != 0;
    (void)fputc('\n', stdout);
    return is_bad ? mad_fail(ctx, MAD_E_IO, "cannot write JSON") : MAD_OK;
}

static mad_status list_run(mad_app *app, int argc, char **argv)
{
    mad_status st = MAD_OK;
    int is_json = 0;
    size_t which = 0;
    json_t *list = NULL;
    mad_arguments args;
    const mad_option options[] = {
        {"json", 0, NULL, "print JSON", .flag = &is_json},
        {.name = NULL},
    };

    MAD_TRY(mad_options_parse(app, &mad_command_list, argc, argv, &(mad_usage){options, 1, 1, NULL},
                              &args));
    if (args.shown_help) {
        goto out;
    }
    while (which < N_LISTS && strcmp(list_names[which], args.text[0]) != 0) {
        which++;
    }
    if (which == N_LISTS) {
        const char *near = mad_nearest(args.text[0], N_LISTS, list_names);
        st = mad_fail(app->ctx, MAD_E_USAGE, "list: unknown list '%s': expected %s%s%s%s",
                      args.text[0], mad_command_list.arguments,
                      near != NULL ? " (did you mean '" : "", near != NULL ? near : "",
                      near != NULL ? "'?)" : "");
        goto out;
    }
    list = json_array();
    if (list == NULL || gather(app->registry, which, list) != 0) {
        st = mad_fail_memory(app->ctx, "list");
        goto out;
    }
    if (is_json) {
        MAD_TRY(print_json(app->ctx, list));
    } else {
        print_list(list);
    }
out:
    json_decref(list);
    return st;
}

/* ---- keys ----------------------------------------------------------------------------------- */

enum { MAX_KEYS = 512, KEY_BYTES = 96, PLUGIN_BYTES = 256, ALLOWED_BYTES = 512 };

/* One row: the same parameter of several plug-ins is one row that names them all. */
typedef struct key_row {
    char key[KEY_BYTES];
    char plugins[PLUGIN_BYTES]; /* "ring, grid"; "" = always there */
    char allowed[ALLOWED_BYTES];
    const char *fallback, *unit, *doc; /* from the tables, which are constant */
    mad_param_kind kind;
} key_row;

typedef struct key_rows {
    const char *prefix;
    size_t n_rows, n_seen;
    key_row *row; /* [MAX_KEYS] */
} key_rows;

static const char *const kind_names[] = {
    [MAD_PARAM_INT] = "int",           [MAD_PARAM_REAL] = "real",     [MAD_PARAM_TEXT] = "text",
    [MAD_PARAM_PATH] = "path",         [MAD_PARAM_CHOICE] = "choice", [MAD_PARAM_FORM] = "form",
    [MAD_PARAM_SCHEDULE] = "schedule", [MAD_PARAM_REALS] = "reals",   [MAD_PARAM_WORDS] = "words"};

static int same_text(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

/* Row of the same parameter of another plug-in, to which this one's name is added. */
static key_row *find_twin(key_rows *rows, const key_row *row)
{
    for (size_t i = 0; i < rows->n_rows; i++) {
        key_row *r = &rows->row[i];
        if (strcmp(r->key, row->key) == 0 && strcmp(r->allowed, row->allowed) == 0 &&
            same_text(r->fallback, row->fallback) && same_text(r->doc, row->doc)) {
            return r;
        }
    }
    return NULL;
}

static void visit_key(void *arg, const char *section, const char *plugin, const mad_param *param)
{
    key_rows *rows = arg;
    key_row row = {
        .fallback = param->fallback, .unit = param->unit, .doc = param->doc, .kind = param->kind};

    (void)snprintf(row.key, sizeof row.key, "%s%s%s", section, section[0] != '\0' ? "." : "",
                   param->name);
    (void)snprintf(row.plugins, sizeof row.plugins, "%s", plugin != NULL ? plugin : "");
    mad_param_allowed(param, sizeof row.allowed, row.allowed);
    if (strncmp(row.key, rows->prefix, strlen(rows->prefix)) != 0) {
        return;
    }
    key_row *twin = find_twin(rows, &row);
    if (twin != NULL && plugin != NULL) {
        size_t n = strlen(twin->plugins);
        (void)snprintf(twin->plugins + n, sizeof twin->plugins - n, ", %s", plugin);
    } else if (twin == NULL && rows->n_rows < MAX_KEYS) {
        rows->row[rows->n_rows++] = row;
    }
}

static void print_keys(const key_rows *rows)
{
    for (size_t i = 0; i < rows->n_rows; i++) {
        const key_row *r = &rows->row[i];
        printf("%s%s%s%s\n", r->key, r->plugins[0] != '\0' ? "  (" : "", r->plugins,
               r->plugins[0] != '\0' ? ")" : "");
        printf("    %s%s%s%s; ", r->allowed, r->unit != NULL ? " [" : "",
               r->unit != NULL ? r->unit : "", r->unit != NULL ? "]" : "");
        printf(r->fallback != NULL ? "default %s\n" : "required%s\n",
               r->fallback != NULL && r->fallback[0] != '\0' ? r->fallback
               : r->fallback != NULL                         ? "''"
                                                             : "");
        printf("    %s\n", r->doc != NULL ? r->doc : "");
    }
}

static mad_status print_keys_json(mad_ctx *ctx, const key_rows *rows)
{
    json_t *list = json_array();
    int is_bad = list == NULL;
    for (size_t i = 0; i < rows->n_rows && !is_bad; i++) {
        const key_row *r = &rows->row[i];
        is_bad = json_array_append_new(
            list, json_pack("{s:s, s:s, s:s, s:s, s:s?, s:s?, s:s?}", "key", r->key, "plugins",
                            r->plugins, "kind", kind_names[r->kind], "allowed", r->allowed,
                            "default", r->fallback, "unit", r->unit, "doc", r->doc));
    }
    mad_status st = is_bad ? mad_fail_memory(ctx, "keys") : print_json(ctx, list);
    json_decref(list);
    return st;
}

/* The selectors' choices live only during a visit: rows copy what they print of them. */
static mad_status fail_no_key(mad_app *app, mad_arena *mem, const char *prefix)
{
    const char *names[MAX_KEYS];
    key_rows all = {.prefix = "", .row = mad_arena_take(mem, MAX_KEYS, sizeof *all.row)};
    if (all.row == NULL) {
        return mad_fail_memory(app->ctx, "keys");
    }
    mad_config_keys(app->registry, &all, visit_key);
    for (size_t i = 0; i < all.n_rows; i++) {
        names[i] = all.row[i].key;
    }
    const char *near = mad_nearest(prefix, all.n_rows, names);
    return mad_fail(app->ctx, MAD_E_USAGE, "keys: no key begins with '%s'%s%s%s", prefix,
                    near != NULL ? " (did you mean '" : "; try `madloop keys`",
                    near != NULL ? near : "", near != NULL ? "'?)" : "");
}

static mad_status keys_run(mad_app *app, int argc, char **argv)
{
    mad_status st = MAD_OK;
    int is_json = 0;
    mad_arena *mem = NULL;
    mad_arguments args;
    const mad_option options[] = {
        {"json", 0, NULL, "print JSON", .flag = &is_json},
        {.name = NULL},
    };

    MAD_TRY(mad_options_parse(app, &mad_command_keys, argc, argv,
                              &(mad_usage){options, 0, 1, "PREFIX: loop, world.di, model.sampler"},
                              &args));
    if (args.shown_help) {
        goto out;
    }
    mem = mad_arena_create((size_t)1 << 20);
    key_rows rows = {.prefix = args.n > 0 ? args.text[0] : "",
                     .row = mem != NULL ? mad_arena_take(mem, MAX_KEYS, sizeof *rows.row) : NULL};
    if (rows.row == NULL) {
        st = mad_fail_memory(app->ctx, "keys");
        goto out;
    }
    mad_config_keys(app->registry, &rows, visit_key);
    if (rows.n_rows == 0) {
        st = fail_no_key(app, mem, rows.prefix);
        goto out;
    }
    if (is_json) {
        MAD_TRY(print_keys_json(app->ctx, &rows));
    } else {
        print_keys(&rows);
    }
out:
    mad_arena_destroy(mem);
    return st;
}

const mad_command mad_command_list = {
    .name = "list",
    .arguments =
        "worlds|models|loops|biases|selects|corrects|posts|channels|metrics|features|theories",
    .doc = "List what a configuration can name",
    .run = list_run,
};

const mad_command mad_command_keys = {
    .name = "keys",
    .arguments = "[PREFIX]",
    .doc = "Show configuration keys: allowed values, default, unit, meaning",
    .run = keys_run,
};

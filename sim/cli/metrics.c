/* sim/cli/metrics.c: `madloop metrics`: the measures on two data files, whoever made them. */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/cli/app.h"
#include "sim/cli/options.h"
#include "sim/cli/verbs.h"
#include "sim/config/config.h"
#include "sim/engine/compare.h"
#include "sim/store/datafile.h"

enum { MAX_VERDICTS = 128, MAX_OUTPUTS = 24, MAX_OWN = 12, NAME_BYTES = 64 };

typedef struct options {
    const char *labels, *only, *centres, *weights;
    double sigma;
    int as_json;
    size_t n_threads;
} options;

/* Keys of the measure section that say how a measure is taken, as options. */
typedef struct key_options {
    size_t n;
    const mad_param *param[MAD_MAX_OPTIONS];
    const char *text[MAD_MAX_OPTIONS]; /* as given; NULL: the default */
} key_options;

typedef struct report {
    const char *real, *fake; /* file names */
    mad_table tables[2];     /* real, fake */
    mad_set sets[2];
    mad_world_info world;
    mad_values values;
    size_t n_verdicts;
    mad_verdict verdict[MAX_VERDICTS];
} report;

/* ---- the two files --------------------------------------------------------------------------- */

/* The part of "real,fake" for one side; one word stands for both. */
static const char *labels_of(mad_arena *mem, const char *labels, int is_fake)
{
    const char *const comma = labels != NULL ? strchr(labels, ',') : NULL;
    if (comma == NULL || is_fake) {
        return comma == NULL ? labels : comma + 1;
    }
    char *first = mad_arena_text(mem, labels);
    if (first != NULL) {
        first[comma - labels] = '\0';
    }
    return first;
}

/* Classes of the fake side by the numbers of the real one. */
static mad_status join_classes(mad_ctx *ctx, report *r)
{
    const mad_table *real = &r->tables[0], *fake = &r->tables[1];
    mad_status st = MAD_OK;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    int32_t *rank = mad_arena_take(ctx->scratch, fake->n_classes, sizeof *rank);
    if (rank == NULL) {
        st = mad_fail_memory(ctx, "the classes");
        goto out;
    }
    for (size_t k = 0, i = 0; k < fake->n_classes; k++) {
        while (i < real->n_classes && real->class_value[i] < fake->class_value[k]) {
            i++;
        }
        if (i == real->n_classes || real->class_value[i] != fake->class_value[k]) {
            st = mad_fail(ctx, MAD_E_DATA, "'%s' has rows of class %d, which '%s' has not", r->fake,
                          (int)fake->class_value[k], r->real);
            goto out;
        }
        rank[k] = (int32_t)i;
    }
    for (size_t i = 0; i < fake->n_rows; i++) {
        fake->label[i] = rank[fake->label[i]];
    }
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

static mad_status read_sides(mad_ctx *ctx, mad_arena *mem, const options *o, report *r)
{
    mad_status st = MAD_OK;
    for (int i = 0; i < 2; i++) {
        mad_table *t = &r->tables[i];
        MAD_TRY(
            mad_table_open(ctx, mem, i == 0 ? r->real : r->fake, labels_of(mem, o->labels, i), t));
    }
    const mad_table *real = &r->tables[0], *fake = &r->tables[1];
    if (real->dim != fake->dim) {
        st = mad_fail(ctx, MAD_E_DATA, "'%s' has %zu columns, '%s' %zu", r->real, real->dim,
                      r->fake, fake->dim);
        goto out;
    }
    const int with_labels = real->label != NULL && fake->label != NULL;
    if (with_labels) {
        MAD_TRY(join_classes(ctx, r));
    }
    for (int i = 0; i < 2; i++) {
        const mad_table *t = &r->tables[i];
        r->sets[i] = (mad_set){
            .n_rows = t->n_rows, .dim = t->dim, .x = t->x, .label = with_labels ? t->label : NULL};
    }
    r->world = (mad_world_info){.kind = MAD_WORLD_CONTINUOUS,
                                .dim = real->dim,
                                .n_classes = with_labels ? real->n_classes : 0};
out:
    return st;
}

/* ---- modes ----------------------------------------------------------------------------------- */

/* Weights with sum 1 from a file of n numbers, or all alike. */
static mad_status read_weights(mad_ctx *ctx, mad_arena *mem, const char *path, size_t n,
                               double **out)
{
    mad_status st = MAD_OK;
    mad_table table;
    double sum = 0.0, *weight = mad_arena_take_raw(mem, n, sizeof *weight);
    if (weight == NULL) {
        return mad_fail_memory(ctx, "the weights of the modes");
    }
    for (size_t j = 0; j < n; j++) {
        weight[j] = 1.0;
    }
    if (path != NULL) {
        MAD_TRY(mad_table_open(ctx, mem, path, NULL, &table));
        if (table.n_rows * table.dim != n) {
            st = mad_fail(ctx, MAD_E_DATA,
                          "'%s' holds %zu numbers, expected a weight for each of %zu "
                          "modes",
                          path, table.n_rows * table.dim, n);
            goto out;
        }
        memcpy(weight, table.x, n * sizeof *weight);
    }
    for (size_t j = 0; j < n; j++) {
        if (!(weight[j] > 0.0)) {
            st = mad_fail(ctx, MAD_E_DATA, "'%s': weight %zu is %g, must be above 0", path, j + 1,
                          weight[j]);
            goto out;
        }
        sum += weight[j];
    }
    for (size_t j = 0; j < n; j++) {
        weight[j] /= sum;
    }
    *out = weight;
out:
    return st;
}

static mad_status read_modes(mad_ctx *ctx, mad_arena *mem, const options *o, mad_world_info *world)
{
    mad_status st = MAD_OK;
    mad_table table;
    double *weight = NULL;
    if (o->centres == NULL && o->weights == NULL && o->sigma == 0.0) {
        goto out;
    }
    if (o->centres == NULL || o->sigma == 0.0) {
        st = mad_fail(ctx, MAD_E_USAGE, "metrics: modes need --centres and --sigma");
        goto out;
    }
    MAD_TRY(mad_table_open(ctx, mem, o->centres, NULL, &table));
    if (table.dim != world->dim) {
        st = mad_fail(ctx, MAD_E_DATA, "'%s' has %zu columns, the data %zu", o->centres, table.dim,
                      world->dim);
        goto out;
    }
    MAD_TRY(read_weights(ctx, mem, o->weights, table.n_rows, &weight));
    world->n_modes = table.n_rows;
    world->mode_centre = table.x;
    world->mode_p = weight;
    world->mode_sd = o->sigma;
out:
    return st;
}

/* ---- which measures -------------------------------------------------------------------------- */

static mad_status read_values(mad_ctx *ctx, mad_arena *mem, const mad_param *table,
                              const key_options *keys, mad_values *out)
{
    mad_status st = MAD_OK;
    MAD_TRY(mad_values_default(ctx, mem, table, out));
    for (size_t i = 0; i < keys->n; i++) {
        if (keys->text[i] == NULL) {
            continue;
        }
        mad_value *value = &out->value[keys->param[i] - table];
        st = mad_value_parse(ctx, mem, keys->param[i], 1, &keys->text[i], 0, value);
        if (st != MAD_OK) {
            st = mad_fail_while(ctx, MAD_E_USAGE, "metrics: option for '%s'", keys->param[i]->name);
            goto out;
        }
    }
out:
    return st;
}

/* 1 when `name` is one of the words of "a,b,c". */
static int is_in(const char *list, const char *name)
{
    const size_t n = strlen(name);
    for (const char *p = list; *p != '\0'; p += strcspn(p, ",")) {
        p += *p == ',';
        if (strncmp(p, name, n) == 0 && (p[n] == ',' || p[n] == '\0')) {
            return 1;
        }
    }
    return 0;
}

static mad_status check_names(mad_ctx *ctx, const mad_registry *registry, const char *only)
{
    const char *names[MAX_VERDICTS];
    size_t n = 0;
    for (size_t i = 0; registry->metrics[i] != NULL; i++) {
        for (const mad_metric_output *o = registry->metrics[i]->outputs; o->name != NULL; o++) {
            MAD_ASSERT(n < MAX_VERDICTS);
            names[n++] = o->name;
        }
    }
    for (const char *p = only; *p != '\0'; p += *p == ',') {
        char word[NAME_BYTES];
        const size_t length = strcspn(p, ",");
        snprintf(word, sizeof word, "%.*s", (int)length, p);
        size_t i = 0;
        while (i < n && strcmp(names[i], word) != 0) {
            i++;
        }
        if (i == n) {
            const char *nearest = mad_nearest(word, n, names);
            return mad_fail(ctx, MAD_E_USAGE, "metrics: unknown measure '%s'%s%s%s", word,
                            nearest != NULL ? " (did you mean '" : "; see `madloop list metrics`",
                            nearest != NULL ? nearest : "", nearest != NULL ? "'?)" : "");
        }
        p += length;
    }
    return MAD_OK;
}

/* Without --only all that two files can give. */
static mad_status take(mad_app *app, mad_arena *mem, const char *only, report *r)
{
    mad_status st = MAD_OK;
    const mad_comparison c = {.world = &r->world,
                              .values = &r->values,
                              .real = &r->sets[0],
                              .fake = &r->sets[1],
                              .key = {.purpose = MAD_RNG_DIRECTIONS}};
    for (size_t i = 0; app->registry->metrics[i] != NULL; i++) {
        const mad_metric_type *type = app->registry->metrics[i];
        mad_verdict all[MAX_OUTPUTS];
        int is_wanted = only == NULL && mad_comparison_lacks(&c, type) == NULL;
        for (size_t k = 0; only != NULL && type->outputs[k].name != NULL; k++) {
            is_wanted |= is_in(only, type->outputs[k].name);
        }
        if (!is_wanted) {
            continue;
        }
        MAD_TRY(mad_ctx_poll(app->ctx));
        MAD_TRY(mad_compare(app->ctx, &c, type, mem, all));
        for (size_t k = 0; type->outputs[k].name != NULL; k++) {
            if (only == NULL || is_in(only, type->outputs[k].name)) {
                MAD_ASSERT(k < MAX_OUTPUTS && r->n_verdicts < MAX_VERDICTS);
                r->verdict[r->n_verdicts++] = all[k];
            }
        }
    }
out:
    return st;
}

/* ---- output ---------------------------------------------------------------------------------- */

static void print_text(const report *r)
{
    printf("real %s: %zu rows, model %s: %zu rows, %zu column%s\n\n", r->real, r->sets[0].n_rows,
           r->fake, r->sets[1].n_rows, r->world.dim, r->world.dim == 1 ? "" : "s");
    printf("%-28s %14s  %-8s %s\n", "measure", "value", "better", "units");
    for (size_t i = 0; i < r->n_verdicts; i++) {
        const mad_verdict *v = &r->verdict[i];
        if (v->why == NULL) {
            printf("%-28s %14.6g  %-8s %s\n", v->output->name, v->value, v->output->direction,
                   v->output->units);
        } else {
            printf("%-28s %14s  %s\n", v->output->name, "-", v->why);
        }
    }
}

/* JSON has no NaN and no infinity. */
static json_t *json_value(double x)
{
    return isnan(x) ? json_null() : isinf(x) ? json_string(x < 0.0 ? "-inf" : "inf") : json_real(x);
}

static json_t *json_verdict(const report *r, const mad_verdict *v)
{
    json_t *out = json_pack("{s:o, s:s, s:s, s:s, s:s, s:I, s:I, s:s}", "value",
                            json_value(v->value), "long_name", v->output->long_name, "units",
                            v->output->units, "direction", v->output->direction, "definition",
                            v->output->definition, "n_real", (json_int_t)r->sets[0].n_rows,
                            "n_synthetic", (json_int_t)r->sets[1].n_rows, "features", "raw");
    if (v->why != NULL) {
        (void)json_object_set_new(out, "why", json_string(v->why));
    }
    for (const mad_param *p = v->type->params; p != NULL && p->name != NULL; p++) {
        const mad_value *value = mad_get(&r->values, p->name);
        (void)json_object_set_new(out, p->name,
                                  p->kind == MAD_PARAM_INT || p->kind == MAD_PARAM_REAL
                                      ? json_real(value->number)
                                      : json_string(value->text));
    }
    return out;
}

static mad_status print_json(mad_ctx *ctx, const report *r)
{
    json_t *metrics = json_object();
    for (size_t i = 0; i < r->n_verdicts; i++) {
        (void)json_object_set_new(metrics, r->verdict[i].output->name,
                                  json_verdict(r, &r->verdict[i]));
    }
    json_t *root = json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:o}", "real", r->real, "fake",
                             r->fake, "n_real", (json_int_t)r->sets[0].n_rows, "n_synthetic",
                             (json_int_t)r->sets[1].n_rows, "dim", (json_int_t)r->world.dim,
                             "classes", (json_int_t)r->world.n_classes, "metrics", metrics);
    char *text = root != NULL ? json_dumps(root, JSON_INDENT(2)) : NULL;
    const mad_status st = text != NULL ? MAD_OK : mad_fail_memory(ctx, "JSON");
    if (text != NULL) {
        printf("%s\n", text);
    }
    free(text);
    json_decref(root);
    return st;
}

/* ---- the verb -------------------------------------------------------------------------------- */

/* `--kernel-sigma` for the key kernel_sigma, of all keys that belong to a measure. */
static mad_status add_keys(mad_ctx *ctx, mad_arena *mem, const mad_registry *registry,
                           const mad_param *table, key_options *keys, mad_option *list)
{
    size_t n_list = 0;
    while (list[n_list].name != NULL) {
        n_list++;
    }
    for (const mad_param *p = table; p->name != NULL; p++) {
        int is_of_measure = 0;
        for (size_t i = 0; registry->metrics[i] != NULL && !is_of_measure; i++) {
            const mad_param *own = registry->metrics[i]->params;
            for (; own != NULL && own->name != NULL; own++) {
                is_of_measure |= strcmp(own->name, p->name) == 0;
            }
        }
        char *name = is_of_measure ? mad_arena_text(mem, p->name) : NULL;
        if (!is_of_measure) {
            continue;
        }
        if (name == NULL) {
            return mad_fail_memory(ctx, "the options");
        }
        for (char *c = name; *c != '\0'; c++) {
            *c = *c == '_' ? '-' : *c;
        }
        MAD_ASSERT(n_list + 1 < MAD_MAX_OPTIONS);
        keys->param[keys->n] = p;
        list[n_list++] = (mad_option){
            .name = name, .argument = "VALUE", .doc = p->doc, .text = &keys->text[keys->n]};
        keys->n++;
    }
    return MAD_OK;
}

static mad_status metrics_verb(mad_app *app, int argc, char **argv)
{
    mad_status st = MAD_OK;
    options o = {0};
    key_options keys = {0};
    const mad_param *table = NULL;
    mad_option list[MAD_MAX_OPTIONS] = {
        {"only", 0, "NAME,...", "these measures (default: all that two files can give)",
         .text = &o.only},
        {"labels", 0, "REAL,FAKE",
         "labels of the rows: files of one number per row, or columns of text files (last, first, "
         "a "
         "name); one word stands for both",
         .text = &o.labels},
        {"centres", 0, "FILE", "centres of the modes, a row each", .text = &o.centres},
        {"sigma", 0, "S", "sd of one coordinate inside a mode", .real = &o.sigma, .min = 1e-300,
         .max = 1e300},
        {"weights", 0, "FILE", "weights of the modes (default: all alike)", .text = &o.weights},
        {"json", 0, NULL, "print JSON", .flag = &o.as_json},
        {"threads", 't', "N", "threads (default: all processors)", .count = &o.n_threads, .min = 1,
         .max = 4096},
    };
    mad_arguments args;
    mad_arena *mem = mad_arena_create(1 << 16);
    report *r = mem != NULL ? mad_arena_take(mem, 1, sizeof *r) : NULL;
    if (r == NULL) {
        st = mad_fail_memory(app->ctx, "the measures");
        goto out;
    }
    MAD_TRY(mad_measure_table(app->ctx, mem, app->registry, &table));
    MAD_TRY(add_keys(app->ctx, mem, app->registry, table, &keys, list));
    const mad_usage usage = {list, 2, 2,
                             "Files: IDX, NPY, CSV or other text, CIFAR binary, plain or gzip. "
                             "docs/measures.md has the definitions."};
    MAD_TRY(mad_options_parse(app, &mad_command_metrics, argc, argv, &usage, &args));
    if (args.shown_help) {
        goto out;
    }
    MAD_TRY(mad_app_set_threads(app, o.n_threads));
    mad_app_catch_signals(app);
    r->real = args.text[0];
    r->fake = args.text[1];
    if (o.only != NULL) {
        MAD_TRY(check_names(app->ctx, app->registry, o.only));
    }
    MAD_TRY(read_values(app->ctx, mem, table, &keys, &r->values));
    MAD_TRY(read_sides(app->ctx, mem, &o, r));
    MAD_TRY(read_modes(app->ctx, mem, &o, &r->world));
    MAD_TRY(take(app, mem, o.only, r));
    if (o.as_json) {
        MAD_TRY(print_json(app->ctx, r));
    } else {
        print_text(r);
    }
out:
    mad_arena_destroy(mem);
    return st;
}

const mad_command mad_command_metrics = {
    .name = "metrics",
    .arguments = "REAL FAKE",
    .doc = "The measures on two data files: any generator against real rows",
    .run = metrics_verb,
};

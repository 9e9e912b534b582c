/* sim/cli/metrics.c: `madloop metrics`: the measures on two data files, whoever made them. */
#include <string.h>

#include "sim/cli/app.h"
#include "sim/cli/key_options.h"
#include "sim/cli/metrics_choice.h"
#include "sim/cli/metrics_values.h"
#include "sim/cli/verbs.h"
#include "sim/config/config.h"

/* What was asked for. */
typedef struct request {
    int as_json;
    size_t n_threads; /* 0 = all processors */
    size_t header;    /* mad_header */
    const mad_param *table;
    mad_key_options keys; /* of the table */
    mad_metrics_report *report;
} request;

/* ---- options ---- */

static void list_options(request *ask, mad_option list[MAD_MAX_OPTIONS])
{
    mad_metrics_report *r = ask->report;
    const mad_option own[] = {
        {"only", 0, "NAME,...",
         "these measures, groups (prdc) or first parts of names (vendi); all: all that the files "
         "can give (default: those that cost little, and "
         "with --train those of memorisation)",
         .text = &r->only},
        {"labels", 0, "REAL,FAKE",
         "labels of the rows: files of one number per row, or columns of text files (last, first, "
         "a name); one word stands for both",
         .text = &r->files.labels},
        {"drop-bad-rows", 0, NULL,
         "leave out rows with NaN, infinite or missing values, and count them, instead of refusing "
         "the file",
         .flag = &r->files.drops_bad_rows},
        {"header", 0, "auto|yes|no",
         "first line of text files of rows holds names of columns (default: as it looks)",
         .count = &ask->header, .choices = "auto|yes|no"},
        {"train", 0, "FILE", "rows the model was trained on: adds the measures of memorisation",
         .text = &r->files.train},
        {"test", 0, "FILE",
         "real rows the model was not trained on, in REAL's place for measures of memorisation",
         .text = &r->files.test},
        {"features", 0, "SPACE", "space in which rows are compared: see `madloop list features`",
         .text = &r->features},
        {"centres", 0, "FILE", "centres of the modes, a row each", .text = &r->files.centres},
        {"sigma", 0, "S", "sd of one coordinate inside a mode", .real = &r->files.sigma,
         .min = 1e-300, .max = 1e300},
        {"weights", 0, "FILE", "weights of the modes (default: all alike)",
         .text = &r->files.weights},
        {"bootstrap", 0, "B",
         "standard errors from B random halves of both sides; the floor is "
         "the mean of as many splits",
         .count = &r->n_halves, .min = 2, .max = 10000},
        {"seed", 0, "N", "of random directions, halves and splits (default: 1)", .count = &r->seed,
         .min = 0, .max = 9007199254740991.0},
        {"json", 0, NULL, "print JSON", .flag = &ask->as_json},
        {"threads", 't', "N", "threads (default: all processors)", .count = &ask->n_threads,
         .min = 1, .max = 4096},
    };
    memcpy(list, own, sizeof own);
}

static int belongs_to_measure(const mad_registry *registry, const char *key)
{
    for (size_t i = 0; registry->metrics[i] != NULL; i++) {
        const mad_param *own = registry->metrics[i]->params;
        for (; own != NULL && own->name != NULL; own++) {
            if (strcmp(own->name, key) == 0) {
                return 1;
            }
        }
    }
    return 0;
}

/* An option for every key of the measure section that belongs to a measure: it says how that is
 * taken. --directions may name a file instead. */
static mad_status list_keys(mad_ctx *ctx, mad_arena *mem, const mad_registry *registry,
                            const mad_param *table, mad_key_options *keys, mad_option *list)
{
    for (const mad_param *p = table; p->name != NULL; p++) {
        if (!belongs_to_measure(registry, p->name)) {
            continue;
        }
        mad_option *option = mad_key_options_add(mem, p, keys, list);
        if (option == NULL) {
            return mad_fail_memory(ctx, "the options");
        }
        if (strcmp(p->name, "directions") == 0) {
            option->argument = "N|FILE";
            option->doc =
                "number of projection directions of the sliced Wasserstein distance, or a file of "
                "them: a row each, of any length but 0";
        }
    }
    return MAD_OK;
}

/* --directions FILE: takes the text away from the key, which is their number. */
static const char *take_file(mad_key_options *keys)
{
    for (size_t i = 0; i < keys->n; i++) {
        const char *text = keys->text[i];
        if (strcmp(keys->param[i]->name, "directions") == 0 && text != NULL &&
            mad_metrics_is_file(text)) {
            keys->text[i] = NULL;
            return text;
        }
    }
    return NULL;
}

/* ---- the comparison ---- */

static mad_status compare_files(mad_app *app, mad_arena *mem, mad_metrics_report *r)
{
    mad_status st = MAD_OK;
    mad_feature *feature = NULL;
    mad_pair *const raw = &r->comparison.raw;
    if (r->only != NULL) {
        MAD_TRY(mad_metrics_check_names(app->ctx, app->registry, r->only));
    }
    MAD_TRY(mad_metrics_read(app->ctx, mem, &r->files, raw));
    MAD_TRY(mad_set_count_shared(app->ctx, &raw->real, &raw->train, &r->n_shared[0]));
    MAD_TRY(mad_set_count_shared(app->ctx, &raw->test, &raw->train, &r->n_shared[1]));
    const mad_features_asked asked = {.text = r->features, .world = &raw->world};
    MAD_TRY(mad_features_create(app->ctx, app->registry, &asked, mem, &feature));
    r->features = feature != NULL ? feature->text : r->features;
    r->comparison.values = &r->values;
    r->comparison.key = (mad_key){.seed = (uint64_t)r->seed, .purpose = MAD_RNG_DIRECTIONS};
    MAD_TRY(mad_comparison_map(app->ctx, feature, mem, &r->comparison));
    if (r->files.directions != NULL) {
        MAD_TRY(mad_metrics_read_directions(
            app->ctx, mem, r->files.directions, r->comparison.mapped.real.dim,
            &r->comparison.n_directions, &r->comparison.directions));
    }
    MAD_TRY(mad_metrics_take(app, mem, r));
out:
    return st;
}

static mad_status answer(mad_app *app, mad_arena *mem, request *ask, const mad_arguments *args)
{
    mad_status st = MAD_OK;
    mad_metrics_report *r = ask->report;
    r->files.real = args->text[0];
    r->files.fake = args->text[1];
    r->files.header = (mad_header)ask->header;
    r->files.directions = take_file(&ask->keys);
    MAD_TRY(mad_key_options_read(app->ctx, mem, "metrics", ask->table, &ask->keys, &r->values));
    MAD_TRY(compare_files(app, mem, r));
    if (ask->as_json) {
        return mad_metrics_print_json(app->ctx, r);
    }
    mad_metrics_print(r);
out:
    return st;
}

/* ---- the verb ---- */

static mad_status metrics_verb(mad_app *app, int argc, char **argv)
{
    mad_status st = MAD_OK;
    request ask = {.header = MAD_HEADER_AUTO};
    mad_option list[MAD_MAX_OPTIONS] = {{0}};
    mad_arguments args;
    mad_arena *mem = mad_arena_create(1 << 16);
    ask.report = mem != NULL ? mad_arena_take(mem, 1, sizeof *ask.report) : NULL;
    if (ask.report == NULL) {
        st = mad_fail_memory(app->ctx, "the measures");
        goto out;
    }
    ask.report->features = "raw";
    ask.report->seed = 1;
    list_options(&ask, list);
    MAD_TRY(mad_measure_table(app->ctx, mem, app->registry, &ask.table));
    MAD_TRY(list_keys(app->ctx, mem, app->registry, ask.table, &ask.keys, list));
    const mad_usage usage = {list, 2, 2,
                             "Files: IDX, NPY, CSV or other text, CIFAR binary, plain or gzip; NPZ "
                             "(FILE.npz:ARRAY), HDF5 (FILE.h5:/DATASET[0:100]); a folder of PNG "
                             "files. docs/measures.md has the definitions."};
    MAD_TRY(mad_options_parse(app, &mad_command_metrics, argc, argv, &usage, &args));
    if (args.shown_help) {
        goto out;
    }
    MAD_TRY(mad_app_set_threads(app, ask.n_threads));
    mad_app_catch_signals(app);
    MAD_TRY(answer(app, mem, &ask, &args));
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

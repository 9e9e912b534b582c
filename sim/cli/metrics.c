/* sim/cli/metrics.c: `madloop metrics`: the measures on two data files, whoever made them. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "sim/cli/app.h"
#include "sim/cli/key_options.h"
#include "sim/cli/metrics_choice.h"
#include "sim/cli/verbs.h"
#include "sim/config/config.h"
#include "sim/num/stats.h"

enum { MAX_OUTPUTS = 24 };

#define DIRECTIONS_DOC                                                                             \
    "number of projection directions of the sliced Wasserstein distance, or a file of them: a "    \
    "row "                                                                                         \
    "each, of any length but 0"

/* ---- values ---------------------------------------------------------------------------------- */

/* All wanted outputs, in the order of the registry. */
static mad_status measure(mad_app *app, const mad_metrics_report *r, mad_comparison *c,
                          mad_arena *mem, size_t *n, mad_verdict *out)
{
    mad_status st = MAD_OK;
    *n = 0;
    for (size_t i = 0; app->registry->metrics[i] != NULL; i++) {
        const mad_metric_type *type = app->registry->metrics[i];
        mad_verdict all[MAX_OUTPUTS];
        size_t n_wanted = 0;
        for (size_t k = 0; type->outputs[k].name != NULL; k++) {
            MAD_ASSERT(k < MAX_OUTPUTS);
            n_wanted += (size_t)mad_metrics_choose(app->registry, r, type, k).is_wanted;
        }
        if (n_wanted == 0) {
            continue;
        }
        MAD_TRY(mad_ctx_poll(app->ctx));
        st = mad_compare(app->ctx, c, type, mem, all);
        if (st != MAD_OK) {
            st = mad_fail_while(app->ctx, st, "measure %s", type->name);
            goto out;
        }
        for (size_t k = 0; type->outputs[k].name != NULL; k++) {
            if (mad_metrics_choose(app->registry, r, type, k).is_wanted) {
                MAD_ASSERT(*n < MAD_METRICS_ROWS);
                out[(*n)++] = all[k];
            }
        }
    }
out:
    return st;
}

/* Two halves of the rows 0..n-1 in random order; of an odd number one row is in neither. */
static mad_status halve(mad_ctx *ctx, mad_arena *mem, mad_rng *rng, size_t n, mad_rows_of half[2])
{
    size_t *order = mad_arena_take_raw(mem, n, sizeof *order);
    size_t *work = mad_arena_take_raw(mem, n, sizeof *work);
    if (order == NULL || work == NULL) {
        return mad_fail_memory(ctx, "an order of rows");
    }
    mad_rng_choose(rng, n, n, order, work);
    half[0] = (mad_rows_of){n / 2, order};
    half[1] = (mad_rows_of){n / 2, order + n / 2};
    return MAD_OK;
}

/* Split i of the real rows (and of the test rows) in two (is_floor), or half of each side: every
 * wanted value. */
static mad_status measure_half(mad_app *app, const mad_metrics_report *r, size_t i, int is_floor,
                               mad_arena *mem, size_t *n, mad_verdict *out)
{
    const mad_comparison *whole = &r->comparison;
    mad_rng rng = mad_rng_open((mad_key){.seed = whole->key.seed, .purpose = MAD_RNG_MEASURE},
                               2 * i + (size_t)is_floor);
    mad_rows_of real[2], fake[2], test[2] = {{0}};
    mad_comparison part;
    mad_status st = MAD_OK;
    MAD_TRY(halve(app->ctx, mem, &rng, whole->raw.real.n_rows, real));
    if (is_floor) {
        MAD_TRY(halve(app->ctx, mem, &rng, whole->raw.test.n_rows, test));
    } else {
        MAD_TRY(halve(app->ctx, mem, &rng, whole->raw.fake.n_rows, fake));
    }
    const mad_part half = {.real = real[0],
                           .fake = is_floor ? real[1] : fake[0],
                           .test = test[0],
                           .test_fake = test[1],
                           .is_floor = is_floor};
    MAD_TRY(mad_comparison_part(app->ctx, whole, &half, mem, &part));
    MAD_TRY(measure(app, r, &part, mem, n, out));
out:
    return st;
}

/* values[i_half][n] of all wanted measures, in memory of `mem`. */
static mad_status measure_halves(mad_app *app, const mad_metrics_report *r, size_t n_halves,
                                 int is_floor, mad_arena *mem, double *values)
{
    mad_status st = MAD_OK;
    mad_arena *work = mad_arena_create(1 << 20);
    mad_verdict *v = mad_arena_take(mem, MAD_METRICS_ROWS, sizeof *v);
    if (work == NULL || v == NULL) {
        st = mad_fail_memory(app->ctx, "half samples");
        goto out;
    }
    for (size_t i = 0; i < n_halves; i++) {
        const mad_arena_mark mark = mad_arena_get_mark(work);
        size_t n = 0;
        MAD_TRY(measure_half(app, r, i, is_floor, work, &n, v));
        for (size_t k = 0; k < n; k++) {
            values[k * n_halves + i] = v[k].value;
        }
        mad_arena_release(work, mark);
    }
out:
    mad_arena_destroy(work);
    return st;
}

/* What is named must be had. */
static mad_status refuse_missing(mad_ctx *ctx, const mad_registry *registry,
                                 const mad_metrics_report *r, const mad_verdict *v)
{
    for (size_t i = 0; i < r->n_rows; i++) {
        const char *name = v[i].output->name;
        const size_t i_output = (size_t)(v[i].output - v[i].type->outputs);
        if (!mad_metrics_is_named(registry, r, v[i].type, i_output)) {
            continue;
        }
        if (!mad_comparison_fits(&r->comparison, v[i].type, v[i].output)) {
            return mad_fail(ctx, MAD_E_USAGE, "metrics: '%s' is not defined %s", name,
                            v[i].output->undefined);
        }
        if (v[i].is_missing) {
            return mad_fail(ctx, MAD_E_USAGE, "metrics: '%s' %s", name, v[i].why);
        }
    }
    return MAD_OK;
}

static void list_left_out(const mad_registry *registry, mad_metrics_report *r)
{
    for (const mad_metric_type *const *type = registry->metrics; *type != NULL; type++) {
        for (size_t k = 0; (*type)->outputs[k].name != NULL; k++) {
            const char *why = mad_metrics_choose(registry, r, *type, k).why_not;
            if (why != NULL) {
                MAD_ASSERT(r->n_left_out < MAD_METRICS_ROWS);
                r->left_out[r->n_left_out++] = (mad_left_out){(*type)->outputs[k].name, why};
            }
        }
    }
}

/* Sorts the values of the splits. */
static mad_metrics_row row_of(const mad_verdict *v, size_t n_splits, double *split, size_t n_halves,
                              const double *half)
{
    mad_metrics_row row = {.verdict = *v,
                           .floor = mad_mean(n_splits, split),
                           .band = {(double)NAN, (double)NAN},
                           .se = sqrt(mad_variance(n_halves, half, 1.0))};
    for (size_t i = 0; i < n_splits; i++) {
        row.n_no_floor += (size_t)(isnan(split[i]) != 0);
    }
    for (size_t i = 0; i < n_halves; i++) {
        row.n_no_value += (size_t)!isfinite(half[i]);
    }
    if (n_splits > 1 && row.n_no_floor == 0) {
        mad_sort(n_splits, split);
        row.band[0] = mad_quantile_sorted(n_splits, split, 0.025);
        row.band[1] = mad_quantile_sorted(n_splits, split, 0.975);
    }
    return row;
}

static mad_status take(mad_app *app, mad_arena *mem, mad_metrics_report *r)
{
    mad_status st = MAD_OK;
    const size_t n_halves = r->n_halves, n_splits = n_halves > 0 ? n_halves : 1;
    mad_verdict *v = mad_arena_take(mem, MAD_METRICS_ROWS, sizeof *v);
    double *split = mad_arena_take(mem, MAD_METRICS_ROWS * n_splits, sizeof *split);
    double *half = mad_arena_take(mem, MAD_METRICS_ROWS * n_splits, sizeof *half);
    if (v == NULL || split == NULL || half == NULL) {
        return mad_fail_memory(app->ctx, "the measures");
    }
    MAD_TRY(measure(app, r, &r->comparison, mem, &r->n_rows, v));
    MAD_TRY(refuse_missing(app->ctx, app->registry, r, v));
    list_left_out(app->registry, r);
    if (r->n_rows == 0) { /* all of a group that is named */
        st = mad_fail(app->ctx, MAD_E_USAGE, "metrics: '%s' %s", r->left_out[0].name,
                      r->left_out[0].why);
        goto out;
    }
    MAD_TRY(measure_halves(app, r, n_splits, 1, mem, split));
    MAD_TRY(measure_halves(app, r, n_halves, 0, mem, half));
    for (size_t i = 0; i < r->n_rows; i++) {
        r->row[i] = row_of(&v[i], n_splits, split + i * n_splits, n_halves, half + i * n_halves);
    }
out:
    return st;
}

/* ---- the verb -------------------------------------------------------------------------------- */

/* An option for every key of the measure section that belongs to a measure: it says how that is
 * taken. --directions may name a file instead. */
static mad_status add_keys(mad_ctx *ctx, mad_arena *mem, const mad_registry *registry,
                           const mad_param *table, mad_key_options *keys, mad_option *list)
{
    for (const mad_param *p = table; p->name != NULL; p++) {
        int is_of_measure = 0;
        for (size_t i = 0; registry->metrics[i] != NULL && !is_of_measure; i++) {
            const mad_param *own = registry->metrics[i]->params;
            for (; own != NULL && own->name != NULL; own++) {
                is_of_measure |= strcmp(own->name, p->name) == 0;
            }
        }
        if (!is_of_measure) {
            continue;
        }
        mad_option *option = mad_key_options_add(mem, p, keys, list);
        if (option == NULL) {
            return mad_fail_memory(ctx, "the options");
        }
        if (strcmp(p->name, "directions") == 0) {
            option->argument = "N|FILE";
            option->doc = DIRECTIONS_DOC;
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
    MAD_TRY(take(app, mem, r));
out:
    return st;
}

static mad_status metrics_verb(mad_app *app, int argc, char **argv)
{
    mad_status st = MAD_OK;
    int as_json = 0;
    size_t n_threads = 0, header = MAD_HEADER_AUTO;
    mad_key_options keys = {0};
    const mad_param *table = NULL;
    mad_arguments args;
    mad_arena *mem = mad_arena_create(1 << 16);
    mad_metrics_report *r = mem != NULL ? mad_arena_take(mem, 1, sizeof *r) : NULL;
    if (r == NULL) {
        st = mad_fail_memory(app->ctx, "the measures");
        goto out;
    }
    r->features = "raw";
    r->seed = 1;
    mad_option list[MAD_MAX_OPTIONS] = {
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
         .count = &header, .choices = "auto|yes|no"},
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
        {"json", 0, NULL, "print JSON", .flag = &as_json},
        {"threads", 't', "N", "threads (default: all processors)", .count = &n_threads, .min = 1,
         .max = 4096},
    };
    MAD_TRY(mad_measure_table(app->ctx, mem, app->registry, &table));
    MAD_TRY(add_keys(app->ctx, mem, app->registry, table, &keys, list));
    const mad_usage usage = {list, 2, 2,
                             "Files: IDX, NPY, CSV or other text, CIFAR binary, plain or gzip; NPZ "
                             "(FILE.npz:ARRAY), HDF5 (FILE.h5:/DATASET[0:100]); a folder of PNG "
                             "files. docs/measures.md has the definitions."};
    MAD_TRY(mad_options_parse(app, &mad_command_metrics, argc, argv, &usage, &args));
    if (args.shown_help) {
        goto out;
    }
    MAD_TRY(mad_app_set_threads(app, n_threads));
    mad_app_catch_signals(app);
    r->files.real = args.text[0];
    r->files.fake = args.text[1];
    r->files.header = (mad_header)header;
    r->files.directions = take_file(&keys);
    MAD_TRY(mad_key_options_read(app->ctx, mem, "metrics", table, &keys, &r->values));
    MAD_TRY(compare_files(app, mem, r));
    if (as_json) {
        MAD_TRY(mad_metrics_print_json(app->ctx, r));
    } else {
        mad_metrics_print(r);
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

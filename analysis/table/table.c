/* analysis/table/table.c: `madloop table`: replicates aggregated, one row per run and metric. */
#include "sim/iface/command.h"

#include <jansson.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "analysis/table/fit_rows.h"
#include "sim/cli/options.h"
#include "sim/config/config.h"
#include "sim/iface/text.h"

extern const mad_command mad_command_table;

enum { MAX_METRICS = 256 };

/* Before the names of what a model reports of its fits: "model/lam_eff". */
static const char report_prefix[] = "model/";

/* Everything to be printed: rows[i] belongs to run[i]. */
typedef struct table {
    size_t n_rows;
    mad_summary *rows;
    const mad_run_entry **run;
    mad_fit_row *fits; /* [n_rows]; NULL: not asked for */
} table;

/* What the options ask for. */
typedef struct request {
    size_t format; /* mad_grid_format */
    int is_json, with_fits, with_survival;
    const char *list, *thresholds; /* NULL: all, the default ones */
} request;

/* Keep of names[*n] those listed in "a,b" (in that order). */
static mad_status pick_metrics(mad_ctx *ctx, mad_arena *mem, const char *list, size_t *n,
                               const char **names)
{
    const char *picked[MAX_METRICS];
    size_t n_picked = 0;
    char *text = mad_arena_text(mem, list);
    char *rest = NULL;

    if (text == NULL) {
        return mad_fail_memory(ctx, "options");
    }
    for (char *word = strtok_r(text, ", ", &rest); word != NULL;
         word = strtok_r(NULL, ", ", &rest)) {
        size_t i = 0;
        while (i < *n && strcmp(names[i], word) != 0) {
            i++;
        }
        if (i == *n) {
            const char *near = mad_nearest(word, *n, names);
            return mad_fail(ctx, MAD_E_USAGE, "table: no metric '%s' in these runs%s%s%s", word,
                            near != NULL ? " (did you mean '" : "", near != NULL ? near : "",
                            near != NULL ? "'?)" : "");
        }
        if (n_picked < MAX_METRICS) {
            picked[n_picked++] = names[i];
        }
    }
    if (n_picked == 0) {
        return mad_fail(ctx, MAD_E_USAGE, "table: option '--metrics' expects names, got '%s'",
                        list);
    }
    memcpy(names, picked, n_picked * sizeof *names);
    *n = n_picked;
    return MAD_OK;
}

/* The measures, then the reports of the models. */
static mad_status list_names(mad_ctx *ctx, mad_arena *mem, const mad_runs *runs, size_t *n,
                             const char **names)
{
    const char *reports[MAX_METRICS];
    char text[256];

    *n = mad_runs_names(runs, "metrics", MAX_METRICS, names);
    const size_t n_reports = mad_runs_names(runs, "model", MAX_METRICS - *n, reports);
    for (size_t i = 0; i < n_reports; i++) {
        (void)snprintf(text, sizeof text, "%s%s", report_prefix, reports[i]);
        names[*n] = mad_arena_text(mem, text);
        if (names[(*n)++] == NULL) {
            return mad_fail_memory(ctx, "table");
        }
    }
    return MAD_OK;
}

/* The series a row stands for, or NULL. */
static const mad_run_series *find_row(const mad_run *run, const char *name)
{
    const size_t n_prefix = strlen(report_prefix);
    return strncmp(name, report_prefix, n_prefix) == 0 ? mad_run_find(run, "model", name + n_prefix)
                                                       : mad_run_find(run, "metrics", name);
}

static mad_status summarise(mad_ctx *ctx, mad_arena *mem, const mad_runs *runs, size_t n_names,
                            const char *const *names, table *out)
{
    mad_status st = MAD_OK;

    out->rows = mad_arena_take(mem, runs->n_runs * n_names, sizeof *out->rows);
    out->run = mad_arena_take(mem, runs->n_runs * n_names, sizeof(const mad_run_entry *));
    if (out->rows == NULL || out->run == NULL) {
        return mad_fail_memory(ctx, "table");
    }
    for (size_t m = 0; m < n_names; m++) {
        for (size_t r = 0; r < runs->n_runs; r++) {
            const mad_run_entry *entry = &runs->runs[r];
            const mad_run_series *metric = find_row(&entry->run, names[m]);
            if (metric != NULL) {
                MAD_TRY(mad_summarise(ctx, &entry->run, metric, &out->rows[out->n_rows]));
                out->rows[out->n_rows].name = names[m];
                out->run[out->n_rows++] = entry;
            }
        }
    }
out:
    return st;
}

/* "0.5, 2": the default where the list is NULL */
static mad_status read_thresholds(mad_ctx *ctx, mad_arena *mem, const char *list,
                                  mad_fractions *out)
{
    size_t n = 0;
    const char *const *piece;

    *out = mad_default_fractions;
    if (list == NULL) {
        return MAD_OK;
    }
    if (mad_text_split(ctx, mem, list, &n, &piece) != MAD_OK || n == 0 || n > MAD_MAX_FRACTIONS) {
        mad_ctx_clear(ctx);
        goto refused;
    }
    out->n = n;
    for (size_t k = 0; k < n; k++) {
        if (!mad_number_parse(piece[k], &out->at[k]) || !(out->at[k] > 0.0) || out->at[k] == 1.0) {
            goto refused;
        }
    }
    return MAD_OK;
refused:
    return mad_fail(ctx, MAD_E_USAGE,
                    "table: option '--thresholds' expects 1 to %d numbers above 0 that are not 1, "
                    "with commas between, got '%s'",
                    MAD_MAX_FRACTIONS, list);
}

static mad_status take_fits(mad_ctx *ctx, mad_arena *mem, const char *thresholds, table *t)
{
    mad_status st = MAD_OK;
    mad_fractions fractions;

    MAD_TRY(read_thresholds(ctx, mem, thresholds, &fractions));
    t->fits = mad_arena_take(mem, t->n_rows, sizeof *t->fits);
    if (t->fits == NULL) {
        return mad_fail_memory(ctx, "table");
    }
    for (size_t i = 0; i < t->n_rows; i++) {
        t->fits[i].run = t->run[i];
        t->fits[i].name = t->rows[i].name;
        t->fits[i].series = find_row(&t->run[i]->run, t->rows[i].name);
    }
    MAD_TRY(mad_fit_rows_take(ctx, mem, &fractions, t->n_rows, t->fits));
out:
    return st;
}

/* text, markdown, latex: an estimate is one cell */
static size_t readable_row(mad_arena *mem, const mad_run_entry *run, const mad_summary *s,
                           const char **cell)
{
    static const char *const head[] = {"metric", "run",   "R",      "gen",       "first", "last",
                                       "change", "floor", "theory", "half-life", "trend"};
    size_t n = sizeof head / sizeof *head;
    if (s == NULL) {
        memcpy(cell, head, sizeof head);
        return n;
    }
    const char *const row[] = {s->name,
                               run->label,
                               mad_cell_count(mem, run->run.n_replicates),
                               mad_cell_count(mem, s->last),
                               mad_cell_estimate(mem, &s->first),
                               mad_cell_estimate(mem, &s->final),
                               mad_cell_estimate(mem, &s->change),
                               mad_cell_estimate(mem, &s->floor),
                               mad_cell_number(mem, s->theory),
                               mad_cell_number(mem, s->half_life),
                               mad_trend_text(s->trend)};
    memcpy(cell, row, sizeof row);
    return n;
}

/* csv: one number per cell */
static size_t exact_row(mad_arena *mem, const mad_run_entry *run, const mad_summary *s,
                        const char **cell)
{
    static const char *const head[] = {
        "run",   "dir",        "metric", "units",     "n_replicates", "last_generation",
        "first", "first_half", "last",   "last_half", "change",       "change_half",
        "floor", "floor_half", "theory", "half_life", "trend"};
    size_t n = sizeof head / sizeof *head;
    if (s == NULL) {
        memcpy(cell, head, sizeof head);
        return n;
    }
    const char *const row[] = {run->label,
                               run->dir,
                               s->name,
                               s->units,
                               mad_cell_count(mem, run->run.n_replicates),
                               mad_cell_count(mem, s->last),
                               mad_cell_exact(mem, s->first.mean),
                               mad_cell_exact(mem, s->first.half),
                               mad_cell_exact(mem, s->final.mean),
                               mad_cell_exact(mem, s->final.half),
                               mad_cell_exact(mem, s->change.mean),
                               mad_cell_exact(mem, s->change.half),
                               mad_cell_exact(mem, s->floor.mean),
                               mad_cell_exact(mem, s->floor.half),
                               mad_cell_exact(mem, s->theory),
                               mad_cell_exact(mem, s->half_life),
                               s->trend == MAD_TREND_UNKNOWN ? "" : mad_trend_text(s->trend)};
    memcpy(cell, row, sizeof row);
    return n;
}

static mad_status print_grid(mad_ctx *ctx, mad_arena *mem, const table *t, mad_grid_format format)
{
    const char *head[MAX_METRICS];
    size_t (*fill)(mad_arena *, const mad_run_entry *, const mad_summary *, const char **) =
        format == MAD_GRID_CSV ? exact_row : readable_row;
    mad_grid grid = {.n_rows = t->n_rows + 1, .n_columns = fill(mem, NULL, NULL, head)};
    const char **cell = mad_arena_take(mem, grid.n_rows * grid.n_columns, sizeof *cell);

    if (cell == NULL) {
        return mad_fail_memory(ctx, "table");
    }
    memcpy(cell, head, grid.n_columns * sizeof *cell);
    for (size_t i = 0; i < t->n_rows; i++) {
        (void)fill(mem, t->run[i], &t->rows[i], cell + (i + 1) * grid.n_columns);
    }
    grid.cell = cell;
    mad_grid_print(stdout, format, &grid);
    return MAD_OK;
}

static json_t *json_estimate(const mad_estimate *e)
{
    return json_pack("{s:I, s:o, s:o, s:o, s:o}", "n", (json_int_t)e->n, "mean",
                     mad_json_number(e->mean), "half", mad_json_number(e->half), "ci_low",
                     mad_json_number(e->mean - e->half), "ci_high",
                     mad_json_number(e->mean + e->half));
}

static mad_status print_json(mad_ctx *ctx, const table *t)
{
    json_t *array = json_array();
    int is_bad = array == NULL;

    for (size_t i = 0; i < t->n_rows && !is_bad; i++) {
        const mad_summary *s = &t->rows[i];
        json_t *row =
            json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:s}",
                      "run", t->run[i]->label, "dir", t->run[i]->dir, "metric", s->name,
                      "long_name", s->long_name, "units", s->units, "direction", s->direction,
                      "n_replicates", (json_int_t)t->run[i]->run.n_replicates, "last_generation",
                      (json_int_t)s->last, "first", json_estimate(&s->first), "last",
                      json_estimate(&s->final), "change", json_estimate(&s->change), "floor",
                      json_estimate(&s->floor), "theory", mad_json_number(s->theory), "half_life",
                      mad_json_number(s->half_life), "trend", mad_trend_text(s->trend));
        if (t->fits != NULL) {
            (void)json_object_set_new(row, "fits", mad_fit_row_json(&t->fits[i]));
        }
        is_bad = row == NULL || json_array_append_new(array, row) != 0;
    }
    if (!is_bad) {
        is_bad = json_dumpf(array, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(17)) != 0;
        (void)fputc('\n', stdout);
    }
    json_decref(array);
    return is_bad ? mad_fail(ctx, MAD_E_IO, "table: cannot write JSON (text that is no UTF-8?)")
                  : MAD_OK;
}

static mad_status print_table(mad_ctx *ctx, mad_arena *mem, const table *t, const request *ask)
{
    const mad_grid_format format = (mad_grid_format)ask->format;
    mad_status st = MAD_OK;

    if (ask->is_json) {
        return print_json(ctx, t);
    }
    if (t->fits == NULL) {
        return print_grid(ctx, mem, t, format);
    }
    if (ask->with_fits) {
        MAD_TRY(mad_fit_rows_print(ctx, mem, format, t->n_rows, t->fits));
    }
    if (ask->with_fits && ask->with_survival) {
        (void)putchar('\n');
    }
    if (ask->with_survival) {
        MAD_TRY(mad_fit_survival_print(ctx, mem, format, t->n_rows, t->fits));
    }
out:
    return st;
}

static mad_status take_table(mad_ctx *ctx, mad_arena *mem, const mad_arguments *args,
                             const request *ask, table *out)
{
    const char *names[MAX_METRICS];
    size_t n_names;
    mad_runs *runs = mad_arena_take(mem, 1, sizeof *runs); /* rows borrow from it */
    mad_status st = MAD_OK;

    if (runs == NULL) {
        return mad_fail_memory(ctx, "runs");
    }
    MAD_TRY(mad_runs_load(ctx, mem, args->n, args->text, runs));
    MAD_TRY(list_names(ctx, mem, runs, &n_names, names));
    if (ask->list != NULL) {
        MAD_TRY(pick_metrics(ctx, mem, ask->list, &n_names, names));
    }
    MAD_TRY(summarise(ctx, mem, runs, n_names, names, out));
    if (ask->with_fits || ask->with_survival) {
        MAD_TRY(take_fits(ctx, mem, ask->thresholds, out));
    }
out:
    return st;
}

static mad_status table_run(mad_app *app, int argc, char **argv)
{
    static const char notes[] =
        "first and last are means over the replicates at generation 1 and at the last generation "
        "done, with 95 % Student-t half-widths; change is the paired difference and decides the "
        "trend; floor is the same measure real against real; half-life is the generation at which "
        "the mean falls below half of generation 1's. Rows model/NAME are what models report of "
        "their fits.";
    mad_status st = MAD_OK;
    request ask = {.format = MAD_GRID_TEXT};
    mad_arguments args;
    table t = {0};
    mad_arena *mem = NULL;
    const mad_option options[] = {
        {"format", 'f', "FORMAT", MAD_GRID_FORMATS " (default text)", .count = &ask.format,
         .choices = MAD_GRID_FORMATS},
        {"metrics", 'm', "A,B", "only these metrics, in this order", .text = &ask.list},
        {"fits", 0, NULL,
         "laws fitted to the means (exponential, power, linear, plateau), the choice by AICc, its "
         "rate and half-lives with 95 % intervals over replicates, turns, crossings of thresholds",
         .flag = &ask.with_fits},
        {"survival", 0, NULL,
         "curves of the share of replicates not yet across a threshold (with --json: as --fits)",
         .flag = &ask.with_survival},
        {"thresholds", 0, "A,B",
         "fractions of the first value (default 0.9,0.75,0.5,0.25,0.1); above 1: crossed upwards",
         .text = &ask.thresholds},
        {"json", 0, NULL, "print JSON", .flag = &ask.is_json},
        {.name = NULL},
    };

    MAD_TRY(mad_options_parse(app, &mad_command_table, argc, argv,
                              &(mad_usage){options, 1, SIZE_MAX, notes}, &args));
    if (args.shown_help) {
        goto out;
    }
    if (ask.thresholds != NULL && !ask.with_fits && !ask.with_survival) {
        st = mad_fail(app->ctx, MAD_E_USAGE,
                      "table: option '--thresholds' goes with '--fits' or '--survival'");
        goto out;
    }
    mem = mad_arena_create((size_t)1 << 20);
    if (mem == NULL) {
        st = mad_fail_memory(app->ctx, "runs");
        goto out;
    }
    MAD_TRY(take_table(app->ctx, mem, &args, &ask, &t));
    MAD_TRY(print_table(app->ctx, mem, &t, &ask));
out:
    mad_arena_destroy(mem);
    return st;
}

const mad_command mad_command_table = {
    .name = "table",
    .arguments = "DIR...",
    .doc = "Aggregate replicates: value, interval, floor, theory, half-life and trend per metric",
    .run = table_run,
};

/* sim/cli/collect.c: `madloop collect`: sweep.csv and sweep.h5 of the runs of a sweep. */
#include "sim/cli/collect.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/table/pairs.h"
#include "sim/cli/claim.h"
#include "sim/cli/folder.h"
#include "sim/cli/manifest.h"
#include "sim/cli/path.h"
#include "sim/cli/verbs.h"
#include "sim/store/publish.h"
#include "sim/store/sweep_file.h"

enum { MAX_CONFIG_BYTES = 1 << 20 };

typedef struct collection {
    mad_ctx *ctx;
    const char *dir;
    mad_manifest sweep;
    mad_sweep_key *key; /* [n_keys] */
    const char ***text; /* key[k].text = text[k], [n_runs] */
    size_t *n_done;     /* [n_runs] */
    mad_publish csv_name, h5_name;
    FILE *csv;
    mad_sweep_file *h5;
    size_t n_bad;
    char first_bad[MAD_MESSAGE_BYTES];
} collection;

/* ---- sweep.csv ----------------------------------------------------------------------------- */

/* As RFC 4180 has it: in quotes where it must be. */
static void print_cell(FILE *file, const char *text)
{
    if (text[strcspn(text, ",\"\n\r")] == '\0') {
        fputs(text, file);
        return;
    }
    fputc('"', file);
    for (; *text != '\0'; text++) {
        fputs(*text == '"' ? "\"\"" : (const char[]){*text, '\0'}, file);
    }
    fputc('"', file);
}

static void print_heading(const collection *c)
{
    fputs("point,run,", c->csv);
    for (size_t k = 0; k < c->sweep.n_keys; k++) {
        print_cell(c->csv, c->sweep.key[k]);
        fputc(',', c->csv);
    }
    fputs("replicate,generation,metric,value\n", c->csv);
}

/* One line a number; a number that was not measured is an empty cell. */
static mad_status print_rows(const collection *c, size_t i_point, const mad_run *run)
{
    char *lead = NULL;
    size_t n_lead = 0;
    FILE *text = open_memstream(&lead, &n_lead);
    if (text == NULL) {
        return mad_fail_memory(c->ctx, "a line of a table");
    }
    fprintf(text, "%zu,%s,", i_point, c->sweep.run[i_point]);
    for (size_t k = 0; k < c->sweep.n_keys; k++) {
        print_cell(text, c->text[k][i_point]);
        fputc(',', text);
    }
    const int failed = fclose(text) != 0;
    for (size_t s = 0; !failed && s < run->n_series; s++) {
        const mad_run_series *series = &run->series[s];
        if (strcmp(series->group, "metrics") != 0 || series->rank != 2) {
            continue;
        }
        for (size_t i = 0; i < run->n_replicates * run->n_generations; i++) {
            const size_t replicate = i / run->n_generations, g = i % run->n_generations;
            if (g < run->n_done) {
                char value[32] = ""; /* not measured */
                if (!isnan(series->value[i])) {
                    (void)snprintf(value, sizeof value, "%.17g", series->value[i]);
                }
                fprintf(c->csv, "%s%zu,%zu,%s,%s\n", lead, replicate, g + 1, series->name, value);
            }
        }
    }
    free(lead);
    return failed ? mad_fail_memory(c->ctx, "a line of a table") : MAD_OK;
}

/* ---- one run ------------------------------------------------------------------------------- */

/* The values of the swept keys, from the run's configuration, which names every key there is. */
static mad_status take_keys(const collection *c, mad_arena *mem, mad_arena *point, const char *dir,
                            size_t i_point)
{
    char path[PATH_MAX];
    mad_status st = MAD_OK;
    size_t n_pairs;
    const mad_pair *pairs;
    char *text = mad_arena_take(point, MAX_CONFIG_BYTES, 1);
    FILE *file = mad_path_join(path, dir, "config.yaml") ? fopen(path, "re") : NULL;
    if (file == NULL || text == NULL) {
        st = mad_fail(c->ctx, MAD_E_IO, "%s/config.yaml cannot be read", dir);
        goto out;
    }
    text[fread(text, 1, MAX_CONFIG_BYTES - 1, file)] = '\0';
    MAD_TRY(mad_pairs_parse(c->ctx, point, text, &n_pairs, &pairs));
    for (size_t k = 0; k < c->sweep.n_keys; k++) {
        const char *value = mad_pair_value(n_pairs, pairs, c->sweep.key[k]);
        c->text[k][i_point] = mad_arena_text(mem, value != NULL ? value : "");
        if (c->text[k][i_point] == NULL) {
            st = mad_fail_memory(c->ctx, "the keys of a sweep");
            goto out;
        }
    }
out:
    if (file != NULL) {
        (void)fclose(file);
    }
    return st;
}

static mad_status add_run(collection *c, mad_arena *mem, mad_arena *point, size_t i_point)
{
    char dir[PATH_MAX];
    mad_status st = MAD_OK;
    mad_run run;
    if (!mad_path_join(dir, c->dir, c->sweep.run[i_point])) {
        return mad_fail(c->ctx, MAD_E_IO, "%s: the name is too long", c->dir);
    }
    MAD_TRY(take_keys(c, mem, point, dir, i_point));
    if (!mad_folder_has_results(dir)) {
        goto out;
    }
    MAD_TRY(mad_run_read_values(c->ctx, point, dir, MAD_SWEEP_GROUPS, &run));
    if (!mad_sweep_file_knows(c->h5, &run)) {
        MAD_TRY(mad_run_read_part(c->ctx, point, dir, MAD_SWEEP_GROUPS, &run));
    }
    c->n_done[i_point] = run.n_done;
    MAD_TRY(mad_sweep_file_put(c->ctx, c->h5, i_point, &run));
    MAD_TRY(print_rows(c, i_point, &run));
out:
    return st;
}

/* What is wrong with one run keeps no other out. */
static mad_status add_runs(collection *c, mad_arena *mem)
{
    mad_status st = MAD_OK;
    mad_arena *point = mad_arena_create(1 << 16);
    if (point == NULL) {
        return mad_fail_memory(c->ctx, "a run");
    }
    for (size_t i = 0; i < c->sweep.n_runs; i++) {
        const mad_arena_mark mark = mad_arena_get_mark(point);
        st = add_run(c, mem, point, i);
        if (st == MAD_E_DATA || st == MAD_E_IO) {
            if (c->n_bad++ == 0) {
                memcpy(c->first_bad, c->ctx->message, sizeof c->first_bad);
            }
            mad_ctx_clear(c->ctx);
            st = MAD_OK;
        }
        MAD_TRY(st);
        mad_arena_release(point, mark);
    }
out:
    mad_arena_destroy(point);
    return st;
}

/* ---- the whole ----------------------------------------------------------------------------- */

static mad_status start(collection *c, mad_arena *mem)
{
    mad_status st = MAD_OK;
    const size_t n_runs = c->sweep.n_runs, n_keys = c->sweep.n_keys;
    const mad_sweep_layout layout = {.n_points = n_runs,
                                     .n_replicates = c->sweep.n_replicates,
                                     .n_generations = c->sweep.n_generations};
    c->key = mad_arena_take(mem, n_keys, sizeof *c->key);
    c->text = mad_arena_take(mem, n_keys, sizeof *c->text);
    c->n_done = mad_arena_take(mem, n_runs, sizeof *c->n_done);
    if (c->key == NULL || c->text == NULL || c->n_done == NULL) {
        return mad_fail_memory(c->ctx, "the points of a sweep");
    }
    for (size_t k = 0; k < n_keys; k++) {
        c->text[k] = mad_arena_take(mem, n_runs, sizeof *c->text[k]);
        if (c->text[k] == NULL) {
            return mad_fail_memory(c->ctx, "the points of a sweep");
        }
        for (size_t i = 0; i < n_runs; i++) {
            c->text[k][i] = "";
        }
        c->key[k] = (mad_sweep_key){.key = c->sweep.key[k], .text = c->text[k]};
    }
    MAD_TRY(mad_publish_init(c->ctx, c->dir, "sweep.csv", &c->csv_name));
    MAD_TRY(mad_publish_init(c->ctx, c->dir, "sweep.h5", &c->h5_name));
    MAD_TRY(mad_sweep_file_create(c->ctx, mem, c->h5_name.temp, &layout, &c->h5));
    c->csv = fopen(c->csv_name.temp, "we");
    if (c->csv == NULL) {
        return mad_fail(c->ctx, MAD_E_IO, "cannot write %s", c->csv_name.temp);
    }
    print_heading(c);
out:
    return st;
}

static mad_status finish(collection *c, mad_status st)
{
    if (st == MAD_OK) {
        st = mad_sweep_file_points(c->ctx, c->h5, c->sweep.n_keys, c->key, c->sweep.run, c->n_done);
    }
    st = mad_sweep_file_close(c->ctx, st, c->h5);
    if (c->csv != NULL) {
        const int failed = ferror(c->csv) != 0;
        if ((fclose(c->csv) != 0 || failed) && st == MAD_OK) {
            st = mad_fail(c->ctx, MAD_E_IO, "cannot write %s", c->csv_name.path);
        }
    }
    if (st == MAD_OK) {
        st = mad_publish_commit(c->ctx, &c->h5_name);
    }
    if (st == MAD_OK) {
        st = mad_publish_commit(c->ctx, &c->csv_name);
    }
    if (st != MAD_OK) {
        mad_publish_abandon(&c->h5_name);
        mad_publish_abandon(&c->csv_name);
    }
    return st;
}

mad_status mad_collect(mad_ctx *ctx, const char *dir)
{
    mad_status st = MAD_OK;
    mad_claim claim = {.dir = ""};
    collection c = {.ctx = ctx, .dir = dir};
    mad_arena *mem = mad_arena_create(1 << 16);
    if (mem == NULL) {
        return mad_fail_memory(ctx, "a sweep");
    }
    MAD_TRY(mad_manifest_read(ctx, mem, dir, &c.sweep));
    MAD_TRY(mad_claim_wait(ctx, dir, &claim)); /* of two at a time, one waits */
    st = start(&c, mem);
    if (st == MAD_OK) {
        st = add_runs(&c, mem);
    }
    MAD_TRY(finish(&c, st));
    if (c.n_bad > 0) {
        st = mad_fail(ctx, MAD_E_DATA, "%zu of %zu runs could not be collected, the first: %s",
                      c.n_bad, c.sweep.n_runs, c.first_bad);
    }
out:
    mad_claim_release(&claim);
    mad_arena_destroy(mem);
    return st;
}

/* ---- verb ---------------------------------------------------------------------------------- */

static mad_status collect_verb(mad_app *app, int argc, char **argv)
{
    mad_status st = MAD_OK;
    mad_arguments args;
    const mad_usage usage = {NULL, 1, 1,
                             "`sweep` and `resume` do so at their end; this does it at any moment, "
                             "and after runs that a scheduler started. See docs/sweeps.md."};
    MAD_TRY(mad_options_parse(app, &mad_command_collect, argc, argv, &usage, &args));
    if (args.shown_help) {
        goto out;
    }
    MAD_TRY(mad_collect(app->ctx, args.text[0]));
    printf("%s/sweep.csv\n%s/sweep.h5\n", args.text[0], args.text[0]);
out:
    return st;
}

const mad_command mad_command_collect = {
    .name = "collect",
    .arguments = "DIR",
    .doc = "Write sweep.csv and sweep.h5 of the runs of a sweep, as far as they have come",
    .run = collect_verb,
};

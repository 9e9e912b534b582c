/* sim/cli/collect.c: `madloop collect`: sweep.csv and sweep.h5 of the runs of a sweep. */
#include "sim/cli/collect.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/table/pairs.h"
#include "sim/base/par.h"
#include "sim/cli/claim.h"
#include "sim/cli/folder.h"
#include "sim/cli/manifest.h"
#include "sim/cli/path.h"
#include "sim/cli/verbs.h"
#include "sim/store/publish.h"
#include "sim/store/sweep_file.h"

enum { MAX_CONFIG_BYTES = 1 << 20, BATCH = 64 /* runs in memory at a time */ };

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
static void print_rows(FILE *out, const char *lead, const mad_run *run)
{
    for (size_t s = 0; s < run->n_series; s++) {
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
                fprintf(out, "%s%zu,%zu,%s,%s\n", lead, replicate, g + 1, series->name, value);
            }
        }
    }
}

/* What is read of one run, and its lines of the table. */
typedef struct part {
    size_t i_point;
    int has_run;
    mad_run run;
    char *lead, *text; /* to be freed */
    size_t n_lead, n_bytes;
} part;

typedef struct batch {
    const collection *c;
    size_t n;
    part part[BATCH];
} batch;

/* All but the writing to the file, so that the parts of a batch can be made side by side. */
static mad_status print_part(mad_ctx *ctx, void *arg, size_t i)
{
    batch *b = arg;
    part *p = &b->part[i];
    if (!p->has_run) {
        return MAD_OK;
    }
    FILE *lead = open_memstream(&p->lead, &p->n_lead);
    if (lead == NULL) {
        return mad_fail_memory(ctx, "a line of a table");
    }
    fprintf(lead, "%zu,", p->i_point);
    print_cell(lead, b->c->sweep.run[p->i_point]);
    fputc(',', lead);
    for (size_t k = 0; k < b->c->sweep.n_keys; k++) {
        print_cell(lead, b->c->text[k][p->i_point]);
        fputc(',', lead);
    }
    FILE *out = fclose(lead) == 0 ? open_memstream(&p->text, &p->n_bytes) : NULL;
    if (out == NULL) {
        return mad_fail_memory(ctx, "the lines of a table");
    }
    print_rows(out, p->lead, &p->run);
    return fclose(out) == 0 ? MAD_OK : mad_fail_memory(ctx, "the lines of a table");
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
    char *text = mad_arena_take_raw(point, MAX_CONFIG_BYTES, 1);
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

static mad_status read_part(collection *c, mad_arena *mem, mad_arena *own, part *out)
{
    char dir[PATH_MAX];
    mad_status st = MAD_OK;
    if (!mad_path_join(dir, c->dir, c->sweep.run[out->i_point])) {
        return mad_fail(c->ctx, MAD_E_IO, "%s: the name is too long", c->dir);
    }
    MAD_TRY(take_keys(c, mem, own, dir, out->i_point));
    if (!mad_folder_has_results(dir)) {
        goto out;
    }
    MAD_TRY(mad_run_read_values(c->ctx, own, dir, MAD_SWEEP_GROUPS, &out->run));
    if (!mad_sweep_file_knows(c->h5, &out->run)) {
        MAD_TRY(mad_run_read_part(c->ctx, own, dir, MAD_SWEEP_GROUPS, &out->run));
    }
    MAD_TRY(mad_sweep_file_put(c->ctx, c->h5, out->i_point, &out->run));
    c->n_done[out->i_point] = out->run.n_done;
    out->has_run = 1;
out:
    return st;
}

/* What is wrong with one run keeps no other out. */
static mad_status read_batch(collection *c, mad_arena *mem, mad_arena *own, size_t first,
                             batch *out)
{
    mad_status st = MAD_OK;
    *out = (batch){.c = c};
    for (size_t i = first; i < c->sweep.n_runs && out->n < BATCH; i++) {
        part *p = &out->part[out->n++];
        p->i_point = i;
        st = read_part(c, mem, own, p);
        if (st == MAD_E_DATA || st == MAD_E_IO) {
            if (c->n_bad++ == 0) {
                memcpy(c->first_bad, c->ctx->message, sizeof c->first_bad);
            }
            mad_ctx_clear(c->ctx);
            st = MAD_OK;
        }
        MAD_TRY(st);
    }
out:
    return st;
}

static mad_status add_runs(collection *c, mad_arena *mem)
{
    mad_status st = MAD_OK;
    batch *b = mad_arena_take(mem, 1, sizeof *b);
    mad_arena *own = mad_arena_create(1 << 16);
    if (b == NULL || own == NULL) {
        st = mad_fail_memory(c->ctx, "runs");
        goto out;
    }
    for (size_t first = 0; st == MAD_OK && first < c->sweep.n_runs; first += BATCH) {
        const mad_arena_mark mark = mad_arena_get_mark(own);
        st = read_batch(c, mem, own, first, b);
        if (st == MAD_OK) {
            st = mad_par_for(c->ctx, b->n, print_part, b);
        }
        for (size_t i = 0; i < b->n; i++) {
            if (st == MAD_OK && b->part[i].text != NULL) {
                (void)fwrite(b->part[i].text, 1, b->part[i].n_bytes, c->csv); /* see finish() */
            }
            free(b->part[i].text);
            free(b->part[i].lead);
        }
        mad_arena_release(own, mark);
    }
out:
    mad_arena_destroy(own);
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

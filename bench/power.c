/* bench/power.c: the smallest collapse that every measure can see; writes docs/power.md.
 *
 *   bench/power [--rows N] [--threads N] [--only GROUP] > docs/power.md
 *
 * For every measure and collapse (tests/support/collapse.h): N_NULL repetitions of fresh rows
 * against fresh rows give the central 95 % band; the smallest severity whose value falls outside in
 * at least MIN_SEEN of N_TRIALS repetitions is what it can see. With no collapse a value falls
 * outside in about 5 % of the repetitions, so that a table entry is false with a probability below
 * 1e-9. Costly measures (those that `auto` leaves out) have a third of the repetitions.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/cli/builtin.h"
#include "sim/config/config.h"
#include "sim/num/stats.h"
#include "tests/support/collapse.h"

enum { N_NULL = 300, N_TRIALS = 30, MIN_SEEN = 24, MAX_OUTPUTS = 24, MAX_MEASURES = 200 };
enum { MAX_SEVERITIES = sizeof((mad_collapse *)0)->severity / sizeof(double) };

/* One output's answers: index of the severity per collapse, SIZE_MAX = none seen. */
typedef struct answer {
    const char *name;
    size_t seen[MAD_N_COLLAPSES];
    int is_taken[MAD_N_COLLAPSES];
} answer;

typedef struct band {
    double low, high;
} band;

static mad_status take_bands(mad_ctx *ctx, mad_collapse_run *run, double *column, band *out)
{
    const size_t n_outputs = mad_collapse_n_outputs(run->type);
    mad_status st = MAD_OK;
    run->severity = 0.0;
    run->first = 0;
    MAD_TRY(mad_collapse_repeat(ctx, run));
    for (size_t k = 0; k < n_outputs; k++) {
        for (size_t i = 0; i < run->n; i++) {
            column[i] = run->value[i * n_outputs + k];
        }
        mad_sort(run->n, column);
        out[k] = (band){mad_quantile_sorted(run->n, column, 0.025),
                        mad_quantile_sorted(run->n, column, 0.975)};
    }
out:
    return st;
}

/* What was found out about one measure and collapse. */
typedef struct probe {
    const band *bands; /* [n_outputs] */
    int is_done[MAX_SEVERITIES];
    size_t n_outside[MAX_SEVERITIES][MAX_OUTPUTS];
} probe;

static mad_status look(mad_ctx *ctx, mad_collapse_run *run, probe *p, size_t s)
{
    const size_t n_outputs = mad_collapse_n_outputs(run->type);
    mad_status st = MAD_OK;
    if (p->is_done[s]) {
        return MAD_OK;
    }
    run->severity = mad_collapses[run->kind].severity[s];
    run->first = 1000000 * (s + 1);
    MAD_TRY(mad_collapse_repeat(ctx, run));
    for (size_t k = 0; k < n_outputs; k++) {
        for (size_t i = 0; i < run->n; i++) {
            const double v = run->value[i * n_outputs + k];
            p->n_outside[s][k] += v < p->bands[k].low || v > p->bands[k].high;
        }
    }
    p->is_done[s] = 1;
out:
    return st;
}

static int is_seen(const mad_collapse_run *run, const probe *p, size_t s, size_t k)
{
    return p->n_outside[s][k] * N_TRIALS >= run->n * MIN_SEEN;
}

/* By bisection: what is seen at some severity is seen at stronger ones. */
static mad_status search(mad_ctx *ctx, mad_collapse_run *run, probe *p, size_t k, size_t *out)
{
    mad_status st = MAD_OK;
    size_t low = 0, high = mad_collapses[run->kind].n_severities - 1;
    MAD_TRY(look(ctx, run, p, high));
    if (!is_seen(run, p, high, k)) {
        *out = SIZE_MAX;
        goto out;
    }
    while (low < high) {
        const size_t middle = (low + high) / 2;
        MAD_TRY(look(ctx, run, p, middle));
        if (is_seen(run, p, middle, k)) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    *out = high;
out:
    return st;
}

/* Rows without a collapse come from one of two laws: a cloud, or modes with classes. */
static size_t law_of(mad_collapse_kind kind)
{
    return kind == MAD_COLLAPSE_MODES || kind == MAD_COLLAPSE_CLASSES;
}

static mad_status try_collapse(mad_ctx *ctx, mad_arena *mem, mad_collapse_run *run,
                               band bands[MAX_OUTPUTS], int *has_bands, answer *answers)
{
    const int is_costly = (run->type->needs & MAD_BY_NAME) != 0;
    const size_t n_outputs = mad_collapse_n_outputs(run->type);
    const size_t n_null = is_costly ? N_NULL / 3 : N_NULL;
    const mad_arena_mark mark = mad_arena_get_mark(mem);
    probe p = {.bands = bands};
    int suits = 0;
    mad_status st = MAD_OK;
    MAD_TRY(mad_collapse_suits(ctx, run->kind, run->type, &suits));
    if (!suits) {
        goto out;
    }
    run->value = mad_arena_take(mem, n_null * n_outputs, sizeof *run->value);
    double *column = mad_arena_take(mem, n_null, sizeof *column);
    if (run->value == NULL || column == NULL) {
        st = mad_fail_memory(ctx, "repetitions");
        goto out;
    }
    if (!*has_bands) {
        run->n = n_null;
        MAD_TRY(take_bands(ctx, run, column, bands));
        *has_bands = 1;
    }
    run->n = is_costly ? N_TRIALS / 3 : N_TRIALS;
    for (size_t k = 0; k < n_outputs; k++) {
        answer *a = &answers[k];
        MAD_TRY(mad_collapse_fits(ctx, run->kind, run->type, run->values, run->n_rows, k,
                                  &a->is_taken[run->kind]));
        if (a->is_taken[run->kind]) {
            MAD_TRY(search(ctx, run, &p, k, &a->seen[run->kind]));
        }
    }
out:
    mad_arena_release(mem, mark);
    return st;
}

static mad_status try_measure(mad_ctx *ctx, mad_arena *mem, mad_collapse_run *run, answer *answers)
{
    mad_status st = MAD_OK;
    band bands[2][MAX_OUTPUTS];
    int has_bands[2] = {0, 0};
    for (size_t k = 0; run->type->outputs[k].name != NULL; k++) {
        answers[k] = (answer){.name = run->type->outputs[k].name};
    }
    for (int kind = 0; kind < MAD_N_COLLAPSES; kind++) {
        const size_t law = law_of((mad_collapse_kind)kind);
        run->kind = (mad_collapse_kind)kind;
        MAD_TRY(try_collapse(ctx, mem, run, bands[law], &has_bands[law], answers));
    }
out:
    return st;
}

static void print_table(size_t n_rows, size_t n, const answer *answers)
{
    printf(
        "# Which measure sees which collapse\n\n"
        "Made by `bench/power > docs/power.md`. The smallest collapse that moves a measure out of "
        "its central 95 %% band\nof fresh rows against fresh rows in at least 80 %% of the "
        "repetitions, at n = %zu rows on every side.\n`>` x: not even the largest that was "
        "tried; blank: cannot be taken there.\n\n| measure |",
        n_rows);
    for (size_t c = 0; c < MAD_N_COLLAPSES; c++) {
        printf(" %s (%s) |", mad_collapses[c].name, mad_collapses[c].unit);
    }
    printf("\n|---|---|---|---|---|---|\n");
    for (size_t i = 0; i < n; i++) {
        int is_anywhere = 0;
        for (size_t c = 0; c < MAD_N_COLLAPSES; c++) {
            is_anywhere |= answers[i].is_taken[c];
        }
        if (!is_anywhere) {
            continue;
        }
        printf("| `%s` |", answers[i].name);
        for (size_t c = 0; c < MAD_N_COLLAPSES; c++) {
            const mad_collapse *collapse = &mad_collapses[c];
            const size_t s = answers[i].seen[c], last = collapse->n_severities - 1;
            if (!answers[i].is_taken[c]) {
                printf(" |");
            } else {
                printf(" %s%.3g |", s == SIZE_MAX ? "> " : "",
                       collapse->scale * collapse->severity[s == SIZE_MAX ? last : s]);
            }
        }
        printf("\n");
    }
}

static mad_status run(mad_ctx *ctx, mad_arena *mem, const char *only, size_t n_rows)
{
    mad_status st = MAD_OK;
    const mad_param *table = NULL;
    mad_values values;
    answer *answers = mad_arena_take(mem, MAX_MEASURES, sizeof *answers);
    size_t n = 0;
    if (answers == NULL) {
        return mad_fail_memory(ctx, "the table");
    }
    MAD_TRY(mad_measure_table(ctx, mem, &mad_builtin, &table));
    MAD_TRY(mad_values_default(ctx, mem, table, &values));
    for (size_t i = 0; mad_builtin.metrics[i] != NULL; i++) {
        mad_collapse_run run = {
            .values = &values, .type = mad_builtin.metrics[i], .n_rows = n_rows};
        if (only != NULL && strcmp(only, run.type->name) != 0) {
            continue;
        }
        fprintf(stderr, "%s\n", run.type->name);
        MAD_TRY(try_measure(ctx, mem, &run, answers + n));
        n += mad_collapse_n_outputs(run.type);
    }
    print_table(n_rows, n, answers);
out:
    return st;
}

int main(int argc, char **argv)
{
    size_t n_rows = 2000, n_threads = 2;
    const char *only = NULL;
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--rows") == 0) {
            n_rows = strtoul(argv[i + 1], NULL, 10);
        } else if (strcmp(argv[i], "--threads") == 0) {
            n_threads = strtoul(argv[i + 1], NULL, 10);
        } else if (strcmp(argv[i], "--only") == 0) {
            only = argv[i + 1];
        }
    }
    mad_ctx *ctx = mad_ctx_create(n_threads);
    mad_arena *mem = mad_arena_create(1 << 20);
    mad_status st = MAD_E_MEMORY;
    if (ctx != NULL && mem != NULL) {
        st = run(ctx, mem, only, n_rows);
        if (st != MAD_OK) {
            fprintf(stderr, "power: %s\n", ctx->message);
        }
    }
    mad_arena_destroy(mem);
    mad_ctx_destroy(ctx);
    return st == MAD_OK ? 0 : 1;
}

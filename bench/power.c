/* bench/power.c: the smallest collapse that every measure can see; writes docs/power.md.
 *
 *   bench/power [--rows N] [--threads N] [--only GROUP] > docs/power.md
 *
 * For every measure and collapse (tests/support/collapse.h): N_NULL repetitions of fresh rows
 * against fresh rows give the central 95 % band; the smallest severity whose value falls outside in
 * at least MIN_SEEN of N_TRIALS repetitions is what it can see. With no collapse a value falls
 * outside in about 5 % of the repetitions, so that a table entry is false with a probability below
 * 1e-7. Costly measures (those that `auto` leaves out) have a third of the repetitions.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sim/cli/builtin.h"
#include "sim/config/config.h"
#include "sim/num/stats.h"
#include "tests/support/collapse.h"

enum { N_NULL = 300, N_TRIALS = 30, MIN_SEEN = 24, MAX_OUTPUTS = 24, MAX_MEASURES = 200 };
enum { POOL = 10 }; /* rows of a law's pool over those of a side */
enum { MAX_SEVERITIES = sizeof((mad_collapse *)0)->severity / sizeof(double) };

/* One output's answers per collapse. */
typedef struct answer {
    const mad_metric_type *type;
    size_t i_output;
    const mad_known_law *law[MAD_N_COLLAPSES]; /* NULL: cannot be taken */
    size_t seen[MAD_N_COLLAPSES];              /* index of the severity, SIZE_MAX: none */
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
    size_t low = 0, high = mad_collapse_n_severities(run->law, run->kind) - 1;
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

/* Every answer that hangs on run->law and run->kind. */
static mad_status try_collapse(mad_ctx *ctx, mad_arena *mem, mad_collapse_run *run,
                               band bands[MAX_OUTPUTS], int *has_bands, answer *answers)
{
    const int is_costly = (run->type->needs & MAD_BY_NAME) != 0;
    const size_t n_outputs = mad_collapse_n_outputs(run->type);
    const size_t n_null = is_costly ? N_NULL / 3 : N_NULL;
    const mad_arena_mark mark = mad_arena_get_mark(mem);
    probe p = {.bands = bands};
    mad_status st = MAD_OK;
    run->value = mad_arena_take(mem, n_null * n_outputs, sizeof *run->value);
    double *column = mad_arena_take(mem, n_null, sizeof *column);
    if (run->value == NULL || column == NULL) {
        st = mad_fail_memory(ctx, "repetitions");
        goto out;
    }
    for (size_t k = 0; k < n_outputs; k++) {
        if (answers[k].law[run->kind] != run->law) {
            continue;
        }
        if (!*has_bands) {
            run->n = n_null;
            MAD_TRY(take_bands(ctx, run, column, bands));
            *has_bands = 1;
        }
        run->n = is_costly ? N_TRIALS / 3 : N_TRIALS;
        MAD_TRY(search(ctx, run, &p, k, &answers[k].seen[run->kind]));
    }
out:
    mad_arena_release(mem, mark);
    return st;
}

static mad_status try_measure(mad_ctx *ctx, mad_arena *mem, const mad_known_law *laws,
                              mad_collapse_run *run, answer *answers)
{
    mad_status st = MAD_OK;
    for (size_t k = 0; run->type->outputs[k].name != NULL; k++) {
        answers[k] = (answer){.type = run->type, .i_output = k};
        for (int kind = 0; kind < MAD_N_COLLAPSES; kind++) {
            const size_t i = mad_collapse_choose(MAD_N_KNOWN_LAWS, laws, (mad_collapse_kind)kind,
                                                 run->type, k, run->values, run->n_rows);
            answers[k].law[kind] = i < MAD_N_KNOWN_LAWS ? &laws[i] : NULL;
        }
    }
    for (size_t i = 0; i < MAD_N_KNOWN_LAWS; i++) {
        band bands[MAX_OUTPUTS];
        int has_bands = 0;
        run->law = &laws[i];
        for (int kind = 0; kind < MAD_N_COLLAPSES; kind++) {
            run->kind = (mad_collapse_kind)kind;
            MAD_TRY(try_collapse(ctx, mem, run, bands, &has_bands, answers));
        }
    }
out:
    return st;
}

/* ---- the table -------------------------------------------------------------------------------- */

static void print_head(size_t n_rows)
{
    printf(
        "# Which measure sees which collapse\n\n"
        "Made by `bench/power > docs/power.md`. The smallest collapse that moves a measure out of "
        "its central 95 %% band\nof fresh rows against fresh rows in at least 80 %% of the "
        "repetitions, at n = %zu rows on every side.\n`>` x: not even the largest that was "
        "tried; blank: cannot be taken there.\n\n"
        "Real rows are of the first law that gives the measure what it needs and can collapse so\n"
        "(column \"laws\"):\n\n",
        n_rows);
    for (const mad_known_law_type *law = mad_known_laws; law->name != NULL; law++) {
        printf("- **%s**: %s\n", law->name, law->doc);
    }
    printf("\nThe model's rows are of the same law, but\n\n");
    for (size_t c = 0; c < MAD_N_COLLAPSES; c++) {
        printf("- **%s**: %s\n", mad_collapses[c].name, mad_collapses[c].doc);
    }
    printf("\n| measure | laws |");
    for (size_t c = 0; c < MAD_N_COLLAPSES; c++) {
        printf(" %s |", mad_collapses[c].name);
    }
    printf("\n|---|---|");
    for (size_t c = 0; c < MAD_N_COLLAPSES; c++) {
        printf("---|");
    }
    printf("\n");
}

/* How many laws an output was taken on; prints their names. */
static size_t print_laws(const answer *a, int is_printed)
{
    size_t n = 0;
    for (size_t i = 0; mad_known_laws[i].name != NULL; i++) {
        int is_used = 0;
        for (size_t c = 0; c < MAD_N_COLLAPSES; c++) {
            is_used |= a->law[c] != NULL && a->law[c]->type == &mad_known_laws[i];
        }
        if (is_used && is_printed) {
            printf("%s%s", n > 0 ? ", " : "", mad_known_laws[i].name);
        }
        n += (size_t)is_used;
    }
    return n;
}

static void print_cell(const answer *a, mad_collapse_kind kind)
{
    const mad_collapse *collapse = &mad_collapses[kind];
    const mad_known_law *law = a->law[kind];
    if (law == NULL) {
        printf(" |");
        return;
    }
    const size_t last = mad_collapse_n_severities(law, kind) - 1, s = a->seen[kind];
    printf(" %s%.3g", s == SIZE_MAX ? "> " : "",
           collapse->scale * collapse->severity[s == SIZE_MAX ? last : s]);
    if (kind == MAD_COLLAPSE_MODES) {
        printf(" of %zu", law->n_groups);
    }
    printf(" |");
}

static void print_table(size_t n_rows, size_t n, const answer *answers)
{
    print_head(n_rows);
    for (size_t i = 0; i < n; i++) {
        const answer *a = &answers[i];
        if (print_laws(a, 0) == 0) {
            continue;
        }
        printf("| `%s` | ", a->type->outputs[a->i_output].name);
        print_laws(a, 1);
        printf(" |");
        for (int c = 0; c < MAD_N_COLLAPSES; c++) {
            print_cell(a, (mad_collapse_kind)c);
        }
        printf("\n");
    }
    printf("\nOutputs that rows alone do not give:\n\n");
    for (size_t i = 0; i < n; i++) {
        const answer *a = &answers[i];
        if (print_laws(a, 0) == 0) {
            printf("- `%s`: %s\n", a->type->outputs[a->i_output].name,
                   a->type->needs & MAD_NEEDS_DENSITY ? "needs the density of a fitted model"
                                                      : "no law has what it needs");
        }
    }
}

static mad_status open_laws(mad_ctx *ctx, mad_arena *mem, size_t n_rows, mad_known_law *laws)
{
    mad_status st = MAD_OK;
    for (size_t i = 0; i < MAD_N_KNOWN_LAWS; i++) {
        MAD_TRY(mad_known_law_open(ctx, mem, &mad_known_laws[i], POOL * n_rows, &laws[i]));
    }
out:
    return st;
}

static mad_status run(mad_ctx *ctx, mad_arena *mem, const char *only, size_t n_rows)
{
    mad_status st = MAD_OK;
    const mad_param *table = NULL;
    mad_values values;
    mad_known_law laws[MAD_N_KNOWN_LAWS];
    answer *answers = mad_arena_take(mem, MAX_MEASURES, sizeof *answers);
    size_t n = 0;
    if (answers == NULL) {
        return mad_fail_memory(ctx, "the table");
    }
    MAD_TRY(mad_measure_table(ctx, mem, &mad_builtin, &table));
    MAD_TRY(mad_values_default(ctx, mem, table, &values));
    MAD_TRY(open_laws(ctx, mem, n_rows, laws));
    for (size_t i = 0; mad_builtin.metrics[i] != NULL; i++) {
        mad_collapse_run run = {
            .values = &values, .type = mad_builtin.metrics[i], .n_rows = n_rows};
        if (only != NULL && strcmp(only, run.type->name) != 0) {
            continue;
        }
        const time_t start = time(NULL);
        MAD_TRY(try_measure(ctx, mem, laws, &run, answers + n));
        fprintf(stderr, "%s: %.0f s\n", run.type->name, difftime(time(NULL), start));
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

/* bench/power.c: the smallest collapse that every measure can see; writes docs/power.md.
 *
 *   bench/power [--rows N] [--threads N] [--only NAME,...] > docs/power.md
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

#include "sim/base/par.h"
#include "sim/cli/builtin.h"
#include "sim/config/config.h"
#include "sim/num/stats.h"
#include "tests/support/collapse.h"

enum { N_NULL = 300, N_TRIALS = 30, MIN_SEEN = 24, MAX_OUTPUTS = 24, MAX_MEASURES = 160 };

typedef struct power_job {
    const mad_values *values;
    const mad_metric_type *type;
    mad_collapse_kind kind;
    double severity;
    size_t n_rows, n_outputs;
    uint64_t first;
    double *value; /* [n_repetitions][n_outputs] */
} power_job;

static mad_status repeat(mad_ctx *ctx, void *arg, size_t i)
{
    const power_job *job = arg;
    mad_arena *mem = mad_arena_create(1 << 20);
    mad_comparison c;
    mad_verdict verdict[MAX_OUTPUTS];
    mad_status st = MAD_OK;
    if (mem == NULL) {
        return mad_fail_memory(ctx, "a repetition");
    }
    MAD_TRY(mad_collapse_draw(ctx, mem, job->kind, job->severity, job->first + i, job->n_rows,
                              job->values, &c));
    MAD_TRY(mad_compare(ctx, &c, job->type, mem, verdict));
    for (size_t k = 0; k < job->n_outputs; k++) {
        job->value[i * job->n_outputs + k] = verdict[k].value;
    }
out:
    mad_arena_destroy(mem);
    return st;
}

/* One measure's answers: severity index per collapse; SIZE_MAX: none seen; n_severities + 1: it
 * cannot be taken there. */
typedef struct answer {
    const char *name;
    size_t seen[MAD_N_COLLAPSES];
    int is_taken[MAD_N_COLLAPSES];
} answer;

typedef struct band {
    double low, high;
} band;

static mad_status take_bands(mad_ctx *ctx, power_job *job, size_t n, double *column, band *out)
{
    mad_status st = MAD_OK;
    job->severity = 0.0;
    job->first = 0;
    MAD_TRY(mad_par_for(ctx, n, repeat, job));
    for (size_t k = 0; k < job->n_outputs; k++) {
        for (size_t i = 0; i < n; i++) {
            column[i] = job->value[i * job->n_outputs + k];
        }
        mad_sort(n, column);
        out[k] =
            (band){mad_quantile_sorted(n, column, 0.025), mad_quantile_sorted(n, column, 0.975)};
    }
out:
    return st;
}

/* From mild to strong until every output has seen it. */
static mad_status search(mad_ctx *ctx, power_job *job, size_t n_trials, const band *bands,
                         answer *answers)
{
    const mad_collapse *collapse = &mad_collapses[job->kind];
    mad_status st = MAD_OK;
    size_t n_left = job->n_outputs;
    for (size_t s = 0; s < collapse->n_severities && n_left > 0; s++) {
        job->severity = collapse->severity[s];
        job->first = 1000000 * (s + 1);
        MAD_TRY(mad_par_for(ctx, n_trials, repeat, job));
        for (size_t k = 0; k < job->n_outputs; k++) {
            size_t n_outside = 0;
            for (size_t i = 0; i < n_trials; i++) {
                const double v = job->value[i * job->n_outputs + k];
                n_outside += v < bands[k].low || v > bands[k].high;
            }
            if (answers[k].seen[job->kind] == SIZE_MAX &&
                n_outside * N_TRIALS >= n_trials * MIN_SEEN) {
                answers[k].seen[job->kind] = s;
                n_left--;
            }
        }
    }
out:
    return st;
}

static mad_status try_collapse(mad_ctx *ctx, mad_arena *mem, power_job *job, answer *answers)
{
    const int is_costly = (job->type->needs & MAD_BY_NAME) != 0;
    const size_t n_null = is_costly ? N_NULL / 3 : N_NULL;
    const size_t n_trials = is_costly ? N_TRIALS / 3 : N_TRIALS;
    const mad_arena_mark mark = mad_arena_get_mark(mem);
    band bands[MAX_OUTPUTS];
    mad_comparison c;
    mad_status st = MAD_OK;
    MAD_TRY(mad_collapse_draw(ctx, mem, job->kind, 0.0, 0, 8, job->values, &c));
    if (mad_comparison_lacks(&c, job->type) != NULL) {
        goto out;
    }
    job->value = mad_arena_take(mem, n_null * job->n_outputs, sizeof *job->value);
    double *column = mad_arena_take(mem, n_null, sizeof *column);
    if (job->value == NULL || column == NULL) {
        st = mad_fail_memory(ctx, "repetitions");
        goto out;
    }
    for (size_t k = 0; k < job->n_outputs; k++) {
        answers[k].is_taken[job->kind] = 1;
        answers[k].seen[job->kind] = SIZE_MAX;
    }
    MAD_TRY(take_bands(ctx, job, n_null, column, bands));
    MAD_TRY(search(ctx, job, n_trials, bands, answers));
out:
    mad_arena_release(mem, mark);
    return st;
}

static mad_status try_measure(mad_ctx *ctx, mad_arena *mem, power_job *job, answer *answers)
{
    mad_status st = MAD_OK;
    for (job->n_outputs = 0; job->type->outputs[job->n_outputs].name != NULL; job->n_outputs++) {
        answers[job->n_outputs] = (answer){.name = job->type->outputs[job->n_outputs].name};
    }
    for (int kind = 0; kind < MAD_N_COLLAPSES; kind++) {
        job->kind = (mad_collapse_kind)kind;
        MAD_TRY(try_collapse(ctx, mem, job, answers));
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
        power_job job = {.values = &values, .type = mad_builtin.metrics[i], .n_rows = n_rows};
        if (!(job.type->worlds & 1u << MAD_WORLD_CONTINUOUS) ||
            job.type->needs & MAD_NEEDS_DENSITY ||
            (only != NULL && strcmp(only, job.type->name) != 0)) {
            continue;
        }
        fprintf(stderr, "%s\n", job.type->name);
        MAD_TRY(try_measure(ctx, mem, &job, answers + n));
        n += job.n_outputs;
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

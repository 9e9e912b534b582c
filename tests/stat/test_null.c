/* Null calibration: fresh rows against fresh rows, for every measure of plain rows.
 *
 * 20 bands, each the central 95 % of 200 repetitions (quantiles at (n + 1) p, so that a band holds a
 * new repetition with probability 0.95 exactly), judged by the 3800 repetitions of the others. The
 * mean coverage has a standard deviation of about 0.35 %: a sound measure leaves 93-97 % with a
 * probability below 1e-7. Values of a measure that counts tie with the ends of its band: with ties
 * inside coverage must reach 93 %, with ties outside it must not exceed 97 %.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "sim/base/par.h"
#include "sim/cli/builtin.h"
#include "sim/config/config.h"
#include "sim/num/stats.h"
#include "tests/support/collapse.h"

enum { N_ROWS = 60, N_BAND = 200, N_BANDS = 20, N_ALL = N_BAND * N_BANDS, MAX_OUTPUTS = 24 };

typedef struct null_job {
    const mad_values *values;
    const mad_metric_type *type;
    mad_collapse_kind kind;
    double severity; /* 0, or of the sabotaged half of the repetitions */
    size_t n_outputs;
    double *value; /* [n_outputs][N_ALL] */
} null_job;

static mad_status repeat(mad_ctx *ctx, void *arg, size_t i)
{
    const null_job *job = arg;
    mad_arena *mem = mad_arena_create(1 << 18);
    mad_comparison c;
    mad_verdict verdict[MAX_OUTPUTS];
    mad_status st = MAD_OK;
    if (mem == NULL) {
        return mad_fail_memory(ctx, "a repetition");
    }
    MAD_TRY(mad_collapse_draw(ctx, mem, job->kind, i < N_ALL / 2 ? 0.0 : job->severity, i, N_ROWS,
                              job->values, &c));
    MAD_TRY(mad_compare(ctx, &c, job->type, mem, verdict));
    for (size_t k = 0; k < job->n_outputs; k++) {
        job->value[k * N_ALL + i] = verdict[k].value;
    }
out:
    mad_arena_destroy(mem);
    return st;
}

/* Hyndman-Fan type 6: the quantile at (n + 1) p. */
static double quantile(const double *sorted, double p)
{
    const double at = (N_BAND + 1) * p - 1.0;
    const size_t i = (size_t)at;
    return sorted[i] + (at - (double)i) * (sorted[i + 1] - sorted[i]);
}

typedef struct coverage {
    double with_ties, without;
} coverage;

static coverage cover(const double *value)
{
    double n_with = 0.0, n_without = 0.0;
    for (size_t b = 0; b < N_BANDS; b++) {
        double sorted[N_BAND];
        for (size_t i = 0; i < N_BAND; i++) {
            sorted[i] = value[b * N_BAND + i];
        }
        mad_sort(N_BAND, sorted);
        const double low = quantile(sorted, 0.025), high = quantile(sorted, 0.975);
        for (size_t i = 0; i < N_ALL; i++) {
            if (i / N_BAND != b) {
                n_with += value[i] >= low && value[i] <= high;
                n_without += value[i] > low && value[i] < high;
            }
        }
    }
    const double n = (double)N_BANDS * (N_ALL - N_BAND);
    return (coverage){n_with / n, n_without / n};
}

static int is_calibrated(coverage c)
{
    return c.with_ties >= 0.93 && c.without <= 0.97;
}

static int is_undefined(const double *value)
{
    for (size_t i = 0; i < N_ALL; i++) {
        if (isfinite(value[i])) {
            return 0;
        }
    }
    return 1;
}

/* How many outputs are not calibrated; each is printed. */
static size_t count_bad(mad_ctx *ctx, mad_arena *mem, null_job *job)
{
    mad_comparison c;
    size_t n_bad = 0;
    const mad_arena_mark mark = mad_arena_get_mark(mem);
    assert_int_equal(mad_collapse_draw(ctx, mem, job->kind, 0.0, 0, 8, job->values, &c), MAD_OK);
    for (job->n_outputs = 0; job->type->outputs[job->n_outputs].name != NULL;) {
        job->n_outputs++;
    }
    if (mad_comparison_lacks(&c, job->type) == NULL) {
        job->value = mad_arena_take(mem, job->n_outputs * N_ALL, sizeof *job->value);
        assert_non_null(job->value);
        assert_int_equal(mad_par_for(ctx, N_ALL, repeat, job), MAD_OK);
        for (size_t k = 0; k < job->n_outputs; k++) {
            const double *value = job->value + k * N_ALL;
            const coverage found = cover(value);
            if (!is_undefined(value) && !is_calibrated(found)) {
                print_message("%s, world %d: covers %.4f, without ties %.4f\n",
                              job->type->outputs[k].name, (int)job->kind, found.with_ties,
                              found.without);
                n_bad++;
            }
        }
    }
    mad_arena_release(mem, mark);
    return n_bad;
}

typedef struct fixture {
    mad_ctx *ctx;
    mad_arena *mem;
    mad_values values;
} fixture;

static int setup(void **state)
{
    static fixture f;
    const mad_param *table = NULL;
    f.ctx = mad_ctx_create(2);
    f.mem = mad_arena_create(1 << 20);
    *state = &f;
    return f.ctx == NULL || f.mem == NULL ||
           mad_measure_table(f.ctx, f.mem, &mad_builtin, &table) != MAD_OK ||
           mad_values_default(f.ctx, f.mem, table, &f.values) != MAD_OK;
}

static int teardown(void **state)
{
    fixture *f = *state;
    mad_arena_destroy(f->mem);
    mad_ctx_destroy(f->ctx);
    return 0;
}

static void test_every_measure(void **state)
{
    fixture *f = *state;
    size_t n_bad = 0;
    for (size_t i = 0; mad_builtin.metrics[i] != NULL; i++) {
        null_job job = {.values = &f->values, .type = mad_builtin.metrics[i]};
        if (job.type->worlds & 1u << MAD_WORLD_CONTINUOUS) {
            job.kind = MAD_COLLAPSE_VARIANCE; /* 8 dimensions */
            n_bad += count_bad(f->ctx, f->mem, &job);
            job.kind = MAD_COLLAPSE_MODES; /* 2, with modes and classes */
            n_bad += count_bad(f->ctx, f->mem, &job);
        }
    }
    assert_int_equal(n_bad, 0);
}

/* Half of the repetitions have lost variance: their bands must not cover the others. */
static void test_sabotaged(void **state)
{
    fixture *f = *state;
    null_job job = {.values = &f->values, .type = mad_builtin.metrics[0], .severity = 0.4};
    assert_string_equal(job.type->outputs[2].name, "trace");
    assert_true(count_bad(f->ctx, f->mem, &job) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_measure),
        cmocka_unit_test(test_sabotaged),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}

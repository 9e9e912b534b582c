/* Null calibration: fresh rows against fresh rows, for every measure of plain rows.
 *
 * 20 bands, each the central 95 % of 200 repetitions (quantiles at (n + 1) p, so that a band holds a
 * new repetition with probability 0.95 exactly), judged by the 3800 repetitions of the others. The
 * mean coverage has a standard deviation of about 0.35 %: a sound measure leaves 93-97 % with a
 * probability below 1e-7. Values of a measure that counts tie with the ends of its band: with ties
 * inside coverage must reach 93 %, with ties outside it must not exceed 97 %.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "sim/cli/builtin.h"
#include "sim/config/config.h"
#include "sim/num/stats.h"
#include "tests/support/collapse.h"
#include "tests/support/values.h"

enum { N_ROWS = 60, N_BAND = 200, N_BANDS = 20, N_ALL = N_BAND * N_BANDS };

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

typedef struct fixture {
    mad_ctx *ctx;
    mad_arena *mem;
    mad_values values;
} fixture;

/* How many outputs are not calibrated; each is printed. The second half of the repetitions has
 * collapsed so far. */
static size_t count_bad(fixture *f, const mad_metric_type *type, mad_collapse_kind kind,
                        double severity)
{
    const size_t n_outputs = mad_collapse_n_outputs(type);
    const mad_arena_mark mark = mad_arena_get_mark(f->mem);
    size_t n_bad = 0;
    double *value = mad_arena_take(f->mem, N_ALL * n_outputs, sizeof *value);
    double *column = mad_arena_take(f->mem, N_ALL, sizeof *column);
    mad_collapse_run run = {.values = &f->values,
                            .type = type,
                            .kind = kind,
                            .n_rows = N_ROWS,
                            .n = N_ALL / 2,
                            .value = value};
    assert_non_null(value);
    assert_non_null(column);
    assert_int_equal(mad_collapse_repeat(f->ctx, &run), MAD_OK);
    run.severity = severity;
    run.first = run.n;
    run.value = value + run.n * n_outputs;
    assert_int_equal(mad_collapse_repeat(f->ctx, &run), MAD_OK);
    for (size_t k = 0; k < n_outputs; k++) {
        int fits = 0;
        assert_int_equal(mad_collapse_fits(f->ctx, kind, type, &f->values, N_ROWS, k, &fits),
                         MAD_OK);
        for (size_t i = 0; i < N_ALL; i++) {
            column[i] = value[i * n_outputs + k];
        }
        const coverage found = cover(column);
        if (fits && !is_calibrated(found)) { /* NaN is never inside */
            print_message("%s, collapse %d: covers %.4f, without ties %.4f\n",
                          type->outputs[k].name, (int)kind, found.with_ties, found.without);
            n_bad++;
        }
    }
    mad_arena_release(f->mem, mark);
    return n_bad;
}

/* 60 rows over 25 cells */
static const char *const few_rows[] = {"ct_cell_rows=1"};

static int setup(void **state)
{
    static fixture f;
    const mad_param *table = NULL;
    f.ctx = mad_ctx_create(2);
    f.mem = mad_arena_create(1 << 20);
    *state = &f;
    return f.ctx == NULL || f.mem == NULL ||
           mad_measure_table(f.ctx, f.mem, &mad_builtin, &table) != MAD_OK ||
           mad_values_of(f.ctx, f.mem, table, 1, few_rows, &f.values) != MAD_OK;
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
    static const mad_collapse_kind kinds[] = {MAD_COLLAPSE_VARIANCE /* 8 dimensions */,
                                              MAD_COLLAPSE_MODES /* 2, modes and classes */};
    fixture *f = *state;
    size_t n_bad = 0, n_tried = 0;
    for (size_t i = 0; mad_builtin.metrics[i] != NULL; i++) {
        for (size_t k = 0; k < 2; k++) {
            int suits = 0;
            assert_int_equal(mad_collapse_suits(f->ctx, kinds[k], mad_builtin.metrics[i], &suits),
                             MAD_OK);
            n_tried += (size_t)suits;
            n_bad += suits ? count_bad(f, mad_builtin.metrics[i], kinds[k], 0.0) : 0;
        }
    }
    assert_true(n_tried > 20);
    assert_int_equal(n_bad, 0);
}

/* Half of the repetitions have lost variance: their bands must not cover the others. */
static void test_sabotaged(void **state)
{
    const mad_metric_type *moments = mad_builtin.metrics[0];
    assert_string_equal(moments->outputs[2].name, "trace");
    assert_true(count_bad(*state, moments, MAD_COLLAPSE_VARIANCE, 0.4) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_measure),
        cmocka_unit_test(test_sabotaged),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}

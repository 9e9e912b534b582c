/* Null calibration: fresh rows against fresh rows, for every measure, on the laws that
 * tests/support/known_law.h gives its outputs.
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
#include <string.h>

#include <cmocka.h>

#include "sim/cli/builtin.h"
#include "sim/cli/lists.h"
#include "sim/config/config.h"
#include "sim/num/stats.h"
#include "tests/support/collapse.h"
#include "tests/support/values.h"

enum { N_ROWS = 60, N_BAND = 200, N_BANDS = 20, N_ALL = N_BAND * N_BANDS, N_POOL = 4000 };

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
    mad_known_law laws[MAD_N_KNOWN_LAWS];
} fixture;

enum { MAX_NAMES = 256 };

/* Outputs that were judged. */
static const char *judged[MAX_NAMES];
static size_t n_judged;

/* Those that check_null.py calibrates by the program's floors, which reads this list. log_likelihood
 * has no band: no model's density goes with real rows against real rows. */
static const char *const by_floors[] = {"hill_index"};

static int is_in(size_t n, const char *const *names, const char *name)
{
    size_t i = 0;
    while (i < n && strcmp(names[i], name) != 0) {
        i++;
    }
    return i < n;
}

/* value: [N_ALL][n_outputs]. Whether output k is calibrated; printed if not. */
static int judge(const mad_metric_type *type, const char *where, size_t k, size_t n_outputs,
                 const double *value, double *column)
{
    for (size_t i = 0; i < N_ALL; i++) {
        column[i] = value[i * n_outputs + k];
    }
    const coverage found = cover(column);
    if (!is_in(n_judged, judged, type->outputs[k].name)) {
        assert_true(n_judged < MAX_NAMES);
        judged[n_judged++] = type->outputs[k].name;
    }
    if (!is_calibrated(found)) { /* NaN is never inside */
        print_message("%s, %s: covers %.4f, without ties %.4f\n", type->outputs[k].name, where,
                      found.with_ties, found.without);
    }
    return is_calibrated(found);
}

/* Every output is judged on the law of its tail, and on one of modes where rows are no pictures. */
static int is_taken(const fixture *f, const mad_known_law *law, const mad_metric_type *type,
                    size_t k)
{
    static const mad_collapse_kind kinds[] = {MAD_COLLAPSE_TAIL, MAD_COLLAPSE_MODES};
    int is = 0;
    for (size_t c = 0; c < 2; c++) {
        const size_t i =
            mad_collapse_choose(MAD_N_KNOWN_LAWS, f->laws, kinds[c], type, k, &f->values, N_ROWS);
        is |= &f->laws[i] == law && (c == 0 || !mad_known_law_is_pooled(law));
    }
    return is;
}

static size_t count_taken(const fixture *f, const mad_known_law *law, const mad_metric_type *type)
{
    size_t n = 0;
    for (size_t k = 0; type->outputs[k].name != NULL; k++) {
        n += (size_t)is_taken(f, law, type, k);
    }
    return n;
}

/* How many outputs are not calibrated. The second half of the repetitions has lost variance. */
static size_t count_bad(fixture *f, const mad_known_law *law, const mad_metric_type *type,
                        double severity)
{
    const size_t n_outputs = mad_collapse_n_outputs(type);
    const mad_arena_mark mark = mad_arena_get_mark(f->mem);
    size_t n_bad = 0;
    double *value = mad_arena_take(f->mem, N_ALL * n_outputs, sizeof *value);
    double *column = mad_arena_take(f->mem, N_ALL, sizeof *column);
    mad_collapse_run run = {.law = law,
                            .values = &f->values,
                            .type = type,
                            .kind = MAD_COLLAPSE_VARIANCE,
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
        n_bad +=
            is_taken(f, law, type, k) && !judge(type, law->type->name, k, n_outputs, value, column);
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
    if (f.ctx == NULL || f.mem == NULL ||
        mad_measure_table(f.ctx, f.mem, &mad_builtin, &table) != MAD_OK ||
        mad_values_of(f.ctx, f.mem, table, 1, few_rows, &f.values) != MAD_OK) {
        return 1;
    }
    for (size_t i = 0; i < MAD_N_KNOWN_LAWS; i++) {
        if (mad_known_law_open(f.ctx, f.mem, &mad_known_laws[i], N_POOL, &f.laws[i]) != MAD_OK) {
            return 1;
        }
    }
    return 0;
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
        for (size_t k = 0; k < MAD_N_KNOWN_LAWS; k++) {
            const mad_metric_type *type = mad_builtin.metrics[i];
            n_bad +=
                count_taken(f, &f->laws[k], type) > 0 ? count_bad(f, &f->laws[k], type, 0.0) : 0;
        }
    }
    assert_int_equal(n_bad, 0);
}

/* The twin: bands of repetitions of which half have lost variance must not cover the others. */
static void test_sabotaged(void **state)
{
    static const struct {
        const char *law;
        const mad_metric_type *type;
        double severity;
    } cases[] = {{"cloud", &mad_metric_moments, 0.4},
                 {"regression", &mad_metric_excess_risk, 0.9},
                 {"glyph", &mad_metric_factors, 0.4},
                 {"bounce", &mad_metric_motion, 0.4},
                 {"layout", &mad_metric_scene, 0.4}};
    fixture *f = *state;
    size_t n_tried = 0;
    for (size_t k = 0; k < MAD_N_KNOWN_LAWS; k++) {
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
            if (strcmp(cases[i].law, f->laws[k].type->name) == 0) {
                assert_true(count_bad(f, &f->laws[k], cases[i].type, cases[i].severity) > 0);
                n_tried++;
            }
        }
    }
    assert_int_equal(n_tried, sizeof cases / sizeof *cases);
}

/* No output without a band. Last: the others judge. */
static void test_none_left_out(void **state)
{
    (void)state;
    size_t n_missing = 0;
    for (size_t i = 0; mad_builtin.metrics[i] != NULL; i++) {
        for (const mad_metric_output *o = mad_builtin.metrics[i]->outputs; o->name != NULL; o++) {
            const size_t n = sizeof by_floors / sizeof *by_floors;
            const int has_band = is_in(n_judged, judged, o->name) || is_in(n, by_floors, o->name);
            if (!has_band && !(mad_builtin.metrics[i]->needs & MAD_NEEDS_DENSITY)) {
                print_message("%s has no band\n", o->name);
                n_missing++;
            }
        }
    }
    assert_int_equal(n_missing, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_measure),
        cmocka_unit_test(test_sabotaged),
        cmocka_unit_test(test_none_left_out),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}

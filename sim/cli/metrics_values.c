/* sim/cli/metrics_values.c: the measures of `madloop metrics` with their floors and errors. */
#include "sim/cli/metrics_values.h"

#include <math.h>

#include "sim/cli/metrics_choice.h"
#include "sim/num/stats.h"

enum { MAX_OUTPUTS = 24 };

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

mad_status mad_metrics_take(mad_app *app, mad_arena *mem, mad_metrics_report *r)
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

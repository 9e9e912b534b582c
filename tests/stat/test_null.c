/* Null calibration: fresh rows against fresh rows, for every measure of plain rows and every one of what
 * worlds read back.
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

#include "sim/base/par.h"
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
} fixture;

enum { MAX_NAMES = 256 };

/* Outputs that were judged. */
static const char *judged[MAX_NAMES];
static size_t n_judged;

/* Those that check_null.py calibrates by the program's floors, which reads this list. log_likelihood
 * has no band: no model's density goes with real rows against real rows. */
static const char *const by_floors[] = {
    "categories_seen",  "excess_risk",  "heterozygosity", "hill_index",
    "impossible_share", "missing_mass", "nll_excess",
};

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

/* How many outputs are not calibrated. The second half of the repetitions has collapsed so far. */
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
        n_bad += fits && !judge(type, mad_collapses[kind].name, k, n_outputs, value, column);
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

/* ---- worlds that read back what rows are made of ---------------------------------------------- */

/* Rows drawn and read once; repetitions draw from them with replacement: both sides are samples of
 * one law, that of the pool. */
typedef struct pool {
    const mad_world *world;
    mad_set rows;
    mad_recovery found;
    size_t *low; /* [n_low] rows of which the first factor is below its mean */
    size_t n_low;
} pool;

typedef struct pool_run {
    const pool *from;
    const mad_values *values;
    const mad_metric_type *type;
    size_t n_sound; /* later repetitions have model rows of pool.low alone */
    size_t n_outputs;
    double *value; /* [N_ALL][n_outputs] */
} pool_run;

static pool open_pool(fixture *f, const mad_world_type *type, size_t n_pairs,
                      const char *const *pairs)
{
    pool p = {.low = mad_arena_take(f->mem, N_POOL, sizeof *p.low)};
    mad_values values;
    mad_world *world = NULL;
    assert_non_null(p.low);
    assert_int_equal(mad_values_of(f->ctx, f->mem, type->params, n_pairs, pairs, &values), MAD_OK);
    const mad_world_args args = {.values = &values, .seed = 5};
    assert_int_equal(type->create(f->ctx, &args, f->mem, &world), MAD_OK);
    const mad_world_info *info = &world->info;
    const mad_key key = {.seed = 12, .purpose = MAD_RNG_TEST};
    assert_int_equal(mad_set_take(f->ctx, f->mem, N_POOL, info->dim, info->n_classes > 0, &p.rows),
                     MAD_OK);
    assert_int_equal(mad_recovery_take(f->ctx, f->mem, info, N_POOL, &p.found), MAD_OK);
    assert_int_equal(type->draw(f->ctx, world, MAD_PART_TRAIN, key, &p.rows), MAD_OK);
    assert_int_equal(type->recover(f->ctx, world, &p.rows, &p.found), MAD_OK);
    for (size_t i = 0; i < N_POOL; i++) {
        if (p.found.factor[i * info->n_factors] < info->factor[0].mean) {
            p.low[p.n_low++] = i;
        }
    }
    p.world = world;
    return p;
}

/* Row i of the pool becomes row j. */
static void copy_row(const pool *p, size_t i, size_t j, mad_set *rows, mad_recovery *found)
{
    const mad_world_info *info = &p->world->info;
    const size_t n_factors = info->n_factors, n_frames = info->n_frames;
    const size_t n_places = info->scene != NULL ? info->scene->n_places : 0;
    memcpy(rows->x + j * rows->dim, p->rows.x + i * rows->dim, rows->dim * sizeof *rows->x);
    memcpy(found->factor + j * n_factors, p->found.factor + i * n_factors,
           n_factors * sizeof *found->factor);
    found->residual[j] = p->found.residual[i];
    found->valid[j] = p->found.valid[i];
    if (rows->label != NULL) {
        rows->label[j] = p->rows.label[i];
        found->label[j] = p->found.label[i];
    }
    if (found->rare != NULL) {
        found->rare[j] = p->found.rare[i];
    }
    if (found->object != NULL) {
        memcpy(found->object + j * n_places, p->found.object + i * n_places,
               n_places * sizeof *found->object);
    }
    if (found->track != NULL) {
        memcpy(found->track + j * n_frames, p->found.track + i * n_frames,
               n_frames * sizeof *found->track);
    }
}

static mad_status draw_side(mad_ctx *ctx, const pool *p, mad_rng *rng, int is_low, mad_arena *mem,
                            mad_set *rows, mad_recovery *found)
{
    mad_status st = MAD_OK;
    MAD_TRY(mad_set_take(ctx, mem, N_ROWS, p->rows.dim, p->rows.label != NULL, rows));
    MAD_TRY(mad_recovery_take(ctx, mem, &p->world->info, N_ROWS, found));
    for (size_t j = 0; j < N_ROWS; j++) {
        const size_t k = (size_t)mad_rng_below(rng, is_low ? p->n_low : N_POOL);
        copy_row(p, is_low ? p->low[k] : k, j, rows, found);
    }
out:
    return st;
}

static mad_status repeat_pool(mad_ctx *ctx, void *arg, size_t i)
{
    const pool_run *run = arg;
    mad_rng rng = mad_rng_open((mad_key){.seed = 13, .purpose = MAD_RNG_TEST}, i);
    mad_arena *mem = mad_arena_create(1 << 18);
    mad_set real, fake;
    mad_recovery real_found, fake_found;
    mad_status st = MAD_OK;
    if (mem == NULL) {
        return mad_fail_memory(ctx, "a repetition");
    }
    MAD_TRY(draw_side(ctx, run->from, &rng, 0, mem, &real, &real_found));
    MAD_TRY(draw_side(ctx, run->from, &rng, i >= run->n_sound, mem, &fake, &fake_found));
    const mad_metric_in in = {.world = &run->from->world->info,
                              .values = run->values,
                              .real = &real,
                              .fake = &fake,
                              .real_found = &real_found,
                              .fake_found = &fake_found};
    MAD_TRY(run->type->eval(ctx, &in, run->value + i * run->n_outputs));
out:
    mad_arena_destroy(mem);
    return st;
}

/* How many outputs of the measures that ask such a world are not calibrated; n_tried more were. */
static size_t count_bad_in(fixture *f, const pool *p, size_t n_sound, size_t *n_tried)
{
    size_t n_bad = 0;
    for (size_t m = 0; mad_builtin.metrics[m] != NULL; m++) {
        const mad_metric_type *type = mad_builtin.metrics[m];
        const mad_arena_mark mark = mad_arena_get_mark(f->mem);
        pool_run run = {p, &f->values, type, n_sound, mad_collapse_n_outputs(type), NULL};
        if (!(type->needs & MAD_NEEDS_FACTORS)) {
            continue;
        }
        run.value = mad_arena_take(f->mem, N_ALL * run.n_outputs, sizeof *run.value);
        double *column = mad_arena_take(f->mem, N_ALL, sizeof *column);
        assert_non_null(run.value);
        assert_non_null(column);
        assert_int_equal(mad_par_for(f->ctx, N_ALL, repeat_pool, &run), MAD_OK);
        for (size_t k = 0; k < run.n_outputs; k++) {
            if (type->fits == NULL || type->fits(&p->world->info, k)) {
                n_bad += !judge(type, p->world->type->name, k, run.n_outputs, run.value, column);
                (*n_tried)++;
            }
        }
        mad_arena_release(f->mem, mark);
    }
    return n_bad;
}

/* The twin: in half of the repetitions the model's rows are those with a small first factor. */
static void check_world(fixture *f, const mad_world_type *type, size_t n_pairs,
                        const char *const *pairs)
{
    const mad_arena_mark mark = mad_arena_get_mark(f->mem);
    const pool p = open_pool(f, type, n_pairs, pairs);
    size_t n_tried = 0;
    assert_int_equal(count_bad_in(f, &p, N_ALL, &n_tried), 0);
    assert_true(n_tried > 10);
    assert_true(count_bad_in(f, &p, N_ALL / 2, &n_tried) > 0);
    mad_arena_release(f->mem, mark);
}

static void test_scenes(void **state)
{
    static const char *const pairs[] = {"binding=0.5"};
    check_world(*state, &mad_world_layout, 1, pairs);
}

static void test_glyphs(void **state)
{
    static const char *const pairs[] = {"slant=0.3"};
    check_world(*state, &mad_world_glyph, 1, pairs);
}

static void test_films(void **state)
{
    static const char *const pairs[] = {"size=8", "frames=8"};
    check_world(*state, &mad_world_bounce, 2, pairs);
}

/* ---- pictures --------------------------------------------------------------------------------- */

/* White noise, wide enough for waves of every octave. */
enum { HEIGHT = 2, WIDTH = 34, N_PIXELS = HEIGHT * WIDTH };

typedef struct picture_run {
    const mad_values *values;
    size_t n_sound; /* later repetitions have smoothed pictures in the model's place */
    double *value;  /* [N_ALL][n_outputs] */
} picture_run;

static mad_status repeat_pictures(mad_ctx *ctx, void *arg, size_t i)
{
    const picture_run *run = arg;
    const mad_metric_type *type = &mad_metric_power;
    const mad_world_info world = {.kind = MAD_WORLD_CONTINUOUS,
                                  .dim = N_PIXELS,
                                  .height = HEIGHT,
                                  .width = WIDTH,
                                  .channels = 1};
    mad_rng rng = mad_rng_open((mad_key){.seed = 14, .purpose = MAD_RNG_TEST}, i);
    mad_arena *mem = mad_arena_create(1 << 18);
    mad_set real, fake;
    mad_status st = MAD_OK;
    if (mem == NULL) {
        return mad_fail_memory(ctx, "a repetition");
    }
    MAD_TRY(mad_set_take(ctx, mem, N_ROWS, N_PIXELS, 0, &real));
    MAD_TRY(mad_set_take(ctx, mem, N_ROWS, N_PIXELS, 0, &fake));
    mad_rng_normals(&rng, (size_t)N_ROWS * N_PIXELS, real.x);
    mad_rng_normals(&rng, (size_t)N_ROWS * N_PIXELS, fake.x);
    for (size_t k = 0; k + 1 < (size_t)N_ROWS * N_PIXELS && i >= run->n_sound; k++) {
        fake.x[k] = 0.9 * fake.x[k] + 0.1 * fake.x[k + 1];
    }
    mad_metric_in in = {.world = &world, .values = run->values, .real = &real};
    MAD_TRY(type->prepare(ctx, &in, mem, &in.prepared));
    in.fake = &fake;
    MAD_TRY(type->eval(ctx, &in, run->value + i * mad_collapse_n_outputs(type)));
out:
    mad_arena_destroy(mem);
    return st;
}

static size_t count_bad_pictures(fixture *f, size_t n_sound)
{
    const mad_metric_type *type = &mad_metric_power;
    const size_t n_outputs = mad_collapse_n_outputs(type);
    const mad_arena_mark mark = mad_arena_get_mark(f->mem);
    picture_run run = {&f->values, n_sound,
                       mad_arena_take(f->mem, N_ALL * n_outputs, sizeof *run.value)};
    double *column = mad_arena_take(f->mem, N_ALL, sizeof *column);
    size_t n_bad = 0;
    assert_true(run.value != NULL && column != NULL);
    assert_int_equal(mad_par_for(f->ctx, N_ALL, repeat_pictures, &run), MAD_OK);
    for (size_t k = 0; k < n_outputs; k++) {
        n_bad += !judge(type, "white noise", k, n_outputs, run.value, column);
    }
    mad_arena_release(f->mem, mark);
    return n_bad;
}

static void test_pictures(void **state)
{
    assert_int_equal(count_bad_pictures(*state, N_ALL), 0);
    assert_true(count_bad_pictures(*state, N_ALL / 2) > 0);
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
        cmocka_unit_test(test_every_measure), cmocka_unit_test(test_sabotaged),
        cmocka_unit_test(test_films),         cmocka_unit_test(test_glyphs),
        cmocka_unit_test(test_scenes),        cmocka_unit_test(test_pictures),
        cmocka_unit_test(test_none_left_out),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}

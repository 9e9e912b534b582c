/* tests/support/select_case.c: see the header. */
#include "tests/support/select_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "tests/support/values.h"

static mad_key key_of(uint32_t replicate, mad_purpose purpose)
{
    return (mad_key){.seed = 31, .replicate = replicate, .generation = 2, .purpose = purpose};
}

mad_status mad_select_case_open(size_t n_threads, const mad_select_ask *ask, mad_select_case *out)
{
    *out = (mad_select_case){.ctx = mad_ctx_create(n_threads), .mem = mad_arena_create(1 << 20)};
    mad_values *world_values = mad_arena_take(out->mem, 1, sizeof *world_values);
    mad_values *values = mad_arena_take(out->mem, 1, sizeof *values);
    mad_status st = MAD_OK;
    MAD_TRY(mad_values_of(out->ctx, out->mem, ask->world->params, mad_pairs_count(ask->world_pairs),
                          ask->world_pairs, world_values));
    const mad_world_args args = {.values = world_values, .seed = 5};
    MAD_TRY(ask->world->create(out->ctx, &args, out->mem, &out->world));
    MAD_TRY(mad_values_of(out->ctx, out->mem, ask->select->params, mad_pairs_count(ask->pairs),
                          ask->pairs, values));
    out->setting = (mad_setting){.world = out->world,
                                 .world_values = world_values,
                                 .select = ask->select,
                                 .select_values = values};
out:
    return st;
}

mad_select_case mad_select_case_must(size_t n_threads, const mad_select_ask *ask)
{
    mad_select_case c;
    if (mad_select_case_open(n_threads, ask, &c) != MAD_OK) {
        fail_msg("%s: %s", ask->select->name, c.ctx->message);
    }
    return c;
}

void mad_select_case_close(mad_select_case *c)
{
    mad_arena_destroy(c->mem);
    mad_ctx_destroy(c->ctx);
}

static mad_set take(mad_select_case *c, size_t n)
{
    mad_set rows;
    assert_int_equal(mad_set_take(c->ctx, c->mem, n, c->world->info.dim, 0, &rows), MAD_OK);
    return rows;
}

mad_set mad_select_case_normals(mad_select_case *c, size_t n, uint32_t replicate)
{
    const mad_set rows = take(c, n);
    mad_rng rng = mad_rng_open(key_of(replicate, MAD_RNG_TEST), 0);
    mad_rng_normals(&rng, n * rows.dim, rows.x);
    return rows;
}

mad_set mad_select_case_categories(mad_select_case *c, size_t n, size_t n_categories,
                                   const double *p, uint32_t replicate)
{
    const mad_set rows = take(c, n);
    mad_rng rng = mad_rng_open(key_of(replicate, MAD_RNG_TEST), 0);
    double *cum = mad_arena_take(c->mem, n_categories, sizeof *cum);
    for (size_t k = 0; k < n_categories; k++) {
        cum[k] = p[k] + (k > 0 ? cum[k - 1] : 0.0);
    }
    for (size_t i = 0; i < n; i++) {
        rows.x[i] = (double)mad_rng_index(&rng, n_categories, cum);
    }
    return rows;
}

size_t mad_select_case_n(const mad_select_case *c, size_t n_wanted)
{
    return c->setting.select->n_candidates(&c->setting, 2, n_wanted);
}

static void check_choice(const mad_select_case *c, const mad_set *candidates, size_t n_wanted,
                         const mad_selection *chosen)
{
    double sum = 0.0;
    assert_true(chosen->n <= n_wanted);
    for (size_t i = 0; i < chosen->n; i++) {
        assert_true(chosen->pick[i] < candidates->n_rows);
        assert_true(i == 0 || chosen->pick[i] > chosen->pick[i - 1]);
        assert_true(chosen->weight == NULL || chosen->weight[i] > 0.0);
        sum += chosen->weight != NULL ? chosen->weight[i] : 1.0;
    }
    assert_true(chosen->n == 0 || fabs(sum / (double)chosen->n - 1.0) < 1e-9);
    for (const mad_report *r = c->setting.select->reports; r->name != NULL; r++) {
        if (isnan(chosen->report[r - c->setting.select->reports])) {
            fail_msg("%s does not report %s", c->setting.select->name, r->name);
        }
    }
}

mad_selection mad_select_case_choose(mad_select_case *c, const mad_set *candidates, size_t n_wanted,
                                     uint32_t replicate, mad_model *model)
{
    const mad_select_type *type = c->setting.select;
    const mad_select_in in = {.setting = &c->setting,
                              .generation = 2,
                              .model = model,
                              .candidates = candidates,
                              .n_wanted = n_wanted,
                              .key = key_of(replicate, MAD_RNG_SELECT)};
    size_t n_reports = 0;
    while (type->reports[n_reports].name != NULL) {
        n_reports++;
    }
    mad_selection out = {
        .pick = mad_arena_take(c->mem, n_wanted, sizeof *out.pick),
        .weight = type->weighs ? mad_arena_take(c->mem, n_wanted, sizeof *out.weight) : NULL,
        .report = mad_arena_take(c->mem, n_reports, sizeof *out.report)};
    for (size_t i = 0; i < n_reports; i++) {
        out.report[i] = (double)NAN;
    }
    if (type->choose(c->ctx, &in, &out) != MAD_OK) {
        fail_msg("%s: %s", type->name, c->ctx->message);
    }
    check_choice(c, candidates, n_wanted, &out);
    return out;
}

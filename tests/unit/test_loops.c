/* tests/unit/test_loops.c: the training sets of generations 1..5, written out by hand. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "sim/cli/lists.h"
#include "tests/support/values.h"

enum { N_GENERATIONS = 5 };

typedef struct fixture {
    mad_ctx *ctx;
    mad_arena *mem;
} fixture;

static int set_up(void **state)
{
    static fixture f;

    f.ctx = mad_ctx_create(1);
    f.mem = mad_arena_create(1 << 16);
    *state = &f;
    return f.ctx == NULL || f.mem == NULL;
}

static int tear_down(void **state)
{
    fixture *f = *state;

    mad_arena_destroy(f->mem);
    mad_ctx_destroy(f->ctx);
    return 0;
}

/* Create from at most 8 pairs, ended by NULL. */
static mad_status create(fixture *f, const mad_loop_type *type, size_t n_generations,
                         const char *const *pairs, mad_loop **out)
{
    mad_values *values = mad_arena_take(f->mem, 1, sizeof *values);
    mad_status st;

    mad_ctx_clear(f->ctx);
    st = mad_values_of(f->ctx, f->mem, type->params, mad_pairs_count(pairs), pairs, values);
    return st != MAD_OK ? st : type->create(f->ctx, values, n_generations, f->mem, out);
}

/* "R1:10 S2:5 b7 w0.25 m30": blocks, then budget, weight and warm steps where they are set. */
static void print_plan(const mad_plan *plan, size_t n_bytes, char *text)
{
    size_t used = 0;

    text[0] = '\0';
    for (size_t i = 0; i < plan->n_blocks; i++) {
        const mad_block *b = &plan->blocks[i];

        used += (size_t)snprintf(text + used, n_bytes - used, "%s%c%zu:%zu", i > 0 ? " " : "",
                                 b->kind == MAD_BLOCK_REAL ? 'R' : 'S', b->generation, b->n_rows);
    }
    if (plan->budget > 0) {
        used += (size_t)snprintf(text + used, n_bytes - used, " b%zu", plan->budget);
    }
    if (!isnan(plan->real_weight)) {
        used += (size_t)snprintf(text + used, n_bytes - used, " w%g", plan->real_weight);
    }
    if (plan->warm_steps > 0) {
        snprintf(text + used, n_bytes - used, " m%zu", plan->warm_steps);
    }
}

typedef struct policy {
    const mad_loop_type *type;
    const char *pairs[8];
    const char *plans[N_GENERATIONS]; /* of generations 1..5 */
    size_t left[N_GENERATIONS];       /* rows of the block each leaves */
} policy;

#define SIZES "n_initial=10", "n_real=4", "n_synthetic=6"

static const policy policies[] = {
    {&mad_loop_fully_synthetic,
     {"n_initial=10", "n_synthetic=6"},
     {"R1:10", "S1:6", "S2:6", "S3:6", "S4:6"},
     {6, 6, 6, 6, 0}},
    {&mad_loop_fully_synthetic, /* a size set for the other families is not used */
     {SIZES},
     {"R1:10", "S1:6", "S2:6", "S3:6", "S4:6"},
     {6, 6, 6, 6, 0}},
    {&mad_loop_synthetic_augmentation,
     {SIZES},
     {"R1:10", "R1:4 S1:6", "R1:4 S2:6", "R1:4 S3:6", "R1:4 S4:6"},
     {6, 6, 6, 6, 0}},
    {&mad_loop_fresh,
     {SIZES},
     {"R1:10", "R2:4 S1:6", "R3:4 S2:6", "R4:4 S3:6", "R5:4 S4:6"},
     {6, 6, 6, 6, 0}},
    {&mad_loop_custom, /* custom without a word on `real` is fresh */
     {SIZES},
     {"R1:10", "R2:4 S1:6", "R3:4 S2:6", "R4:4 S3:6", "R5:4 S4:6"},
     {6, 6, 6, 6, 0}},
    {&mad_loop_custom,
     {SIZES, "real=fresh_accumulate"},
     {"R1:10", "R1:10 R2:4 S1:6", "R1:10 R2:4 R3:4 S2:6", "R1:10 R2:4 R3:4 R4:4 S3:6",
      "R1:10 R2:4 R3:4 R4:4 R5:4 S4:6"},
     {6, 6, 6, 6, 0}},
    {&mad_loop_custom,
     {SIZES, "real=fixed", "retain=accumulate"},
     {"R1:10", "R1:4 S1:6", "R1:4 S1:6 S2:6", "R1:4 S1:6 S2:6 S3:6", "R1:4 S1:6 S2:6 S3:6 S4:6"},
     {6, 6, 6, 6, 0}},
    {&mad_loop_custom,
     {SIZES, "real=none", "retain=window(2)"},
     {"R1:10", "S1:6", "S1:6 S2:6", "S2:6 S3:6", "S3:6 S4:6"},
     {6, 6, 6, 6, 0}},
    {&mad_loop_custom,
     {SIZES, "real=none", "retain=window(1)"},
     {"R1:10", "S1:6", "S2:6", "S3:6", "S4:6"},
     {6, 6, 6, 6, 0}},
    {&mad_loop_custom, /* a budget takes hold only where there is more than it */
     {SIZES, "real=fixed", "retain=accumulate", "budget=16"},
     {"R1:10", "R1:4 S1:6", "R1:4 S1:6 S2:6", "R1:4 S1:6 S2:6 S3:6 b16",
      "R1:4 S1:6 S2:6 S3:6 S4:6 b16"},
     {6, 6, 6, 6, 0}},
    {&mad_loop_custom, /* generation 1 is all of n_initial, whatever the budget */
     {SIZES, "budget=3"},
     {"R1:10", "R2:4 S1:6 b3", "R3:4 S2:6 b3", "R4:4 S3:6 b3", "R5:4 S4:6 b3"},
     {6, 6, 6, 6, 0}},
    {&mad_loop_fresh,
     {SIZES, "real_weight=0.25", "start=warm(30)"},
     {"R1:10", "R2:4 S1:6 w0.25 m30", "R3:4 S2:6 w0.25 m30", "R4:4 S3:6 w0.25 m30",
      "R5:4 S4:6 w0.25 m30"},
     {6, 6, 6, 6, 0}},
    {&mad_loop_custom, /* a window grows by what is new: what was let go does not come back */
     {SIZES, "real=none", "retain=window([1,3,3,2])"},
     {"R1:10", "S1:6", "S1:6 S2:6", "S1:6 S2:6 S3:6", "S3:6 S4:6"},
     {6, 6, 6, 6, 0}},
    {&mad_loop_custom,
     {SIZES, "real=none", "retain=window([2,2,1,3])"},
     {"R1:10", "S1:6", "S1:6 S2:6", "S3:6", "S3:6 S4:6"},
     {6, 6, 6, 6, 0}},
    {&mad_loop_fresh,
     {SIZES, "start=warm(linear(30,60))"},
     {"R1:10", "R2:4 S1:6 m30", "R3:4 S2:6 m40", "R4:4 S3:6 m50", "R5:4 S4:6 m60"},
     {6, 6, 6, 6, 0}},
    {&mad_loop_fresh, /* schedules; a weight needs both kinds of rows */
     {"n_initial=10", "n_real=[4,2,0,1]", "n_synthetic=[0,8,16,4]", "real_weight=0.5"},
     {"R1:10", "R2:4", "R3:2 S2:8 w0.5", "S3:16", "R5:1 S4:4 w0.5"},
     {0, 8, 16, 4, 0}},
    {&mad_loop_custom, /* an archive that shrinks */
     {"n_initial=10", "n_real=[8,4,0]", "n_synthetic=2", "real=archive", "retain=accumulate"},
     {"R1:10", "R1:8 S1:2", "R1:4 S1:2 S2:2", "S1:2 S2:2 S3:2", "S1:2 S2:2 S3:2 S4:2"},
     {2, 2, 2, 2, 0}},
    {&mad_loop_fresh, /* of a budget and a weight too */
     {SIZES, "budget=[12,7,3]", "real_weight=linear(0.25,0.5)"},
     {"R1:10", "R2:4 S1:6 w0.25", "R3:4 S2:6 b7 w0.333333", "R4:4 S3:6 b3 w0.416667",
      "R5:4 S4:6 b3 w0.5"},
     {6, 6, 6, 6, 0}},
    {&mad_loop_fresh,
     {"n_initial=10", "n_real=linear(8,2)", "n_synthetic=geometric(2,2)"},
     {"R1:10", "R2:8 S1:2", "R3:6 S2:4", "R4:4 S3:8", "R5:2 S4:16"},
     {2, 4, 8, 16, 0}},
    {&mad_loop_custom, /* an empty block is no block: the pool keeps the older one */
     {"n_initial=10", "n_synthetic=[6,0,0,3]", "real=none", "retain=window(3)"},
     {"R1:10", "S1:6", "S1:6", "S1:6", "S4:3"},
     {6, 0, 0, 3, 0}},
    {&mad_loop_fresh, /* the control arm: real data only */
     {"n_initial=10", "n_real=4", "n_synthetic=0"},
     {"R1:10", "R2:4", "R3:4", "R4:4", "R5:4"},
     {0, 0, 0, 0, 0}},
};

static void test_plans(void **state)
{
    fixture *f = *state;

    for (size_t i = 0; i < sizeof policies / sizeof policies[0]; i++) {
        const policy *p = &policies[i];
        mad_loop *loop = NULL;
        char text[256];

        if (create(f, p->type, N_GENERATIONS, p->pairs, &loop) != MAD_OK) {
            fail_msg("policy %zu: %s", i, f->ctx->message);
        }
        for (size_t t = 1; t <= N_GENERATIONS; t++) {
            mad_plan plan;

            assert_int_equal(p->type->plan(f->ctx, loop, t, f->mem, &plan), MAD_OK);
            print_plan(&plan, sizeof text, text);
            if (strcmp(text, p->plans[t - 1]) != 0) {
                fail_msg("policy %zu (%s), generation %zu: '%s', not '%s'", i, p->type->name, t,
                         text, p->plans[t - 1]);
            }
            assert_int_equal(p->type->n_synthetic(loop, t), p->left[t - 1]);
        }
    }
}

/* Every synthetic block of a plan is the whole of what its generation left. */
static void test_blocks_are_whole(void **state)
{
    fixture *f = *state;

    for (size_t i = 0; i < sizeof policies / sizeof policies[0]; i++) {
        const policy *p = &policies[i];
        mad_loop *loop = NULL;

        assert_int_equal(create(f, p->type, N_GENERATIONS, p->pairs, &loop), MAD_OK);
        for (size_t t = 1; t <= N_GENERATIONS; t++) {
            mad_plan plan;

            assert_int_equal(p->type->plan(f->ctx, loop, t, f->mem, &plan), MAD_OK);
            for (size_t b = 0; b < plan.n_blocks; b++) {
                if (plan.blocks[b].kind == MAD_BLOCK_SYNTHETIC) {
                    assert_int_equal(plan.blocks[b].n_rows,
                                     p->type->n_synthetic(loop, plan.blocks[b].generation));
                    assert_true(plan.blocks[b].generation < t);
                }
            }
        }
    }
}

typedef struct age_case {
    const char *age;
    size_t kept;
    double p[N_GENERATIONS][N_GENERATIONS]; /* [generation - 1][tau - 1] */
} age_case;

static const age_case ages[] = {
    {"age=last", 1, {{1}, {0, 1}, {0, 0, 1}, {0, 0, 0, 1}, {0, 0, 0, 0, 1}}},
    {"age=uniform(1)", 1, {{1}, {0, 1}, {0, 0, 1}, {0, 0, 0, 1}, {0, 0, 0, 0, 1}}},
    {"age=uniform(3)",
     3,
     {{1},
      {1. / 2, 1. / 2},
      {1. / 3, 1. / 3, 1. / 3},
      {0, 1. / 3, 1. / 3, 1. / 3},
      {0, 0, 1. / 3, 1. / 3, 1. / 3}}},
    {"age=uniform([1,1,2,3])", /* that of the generation which trains on the rows */
     3,
     {{1},
      {0, 1},
      {0, 1. / 2, 1. / 2},
      {0, 1. / 3, 1. / 3, 1. / 3},
      {0, 0, 1. / 3, 1. / 3, 1. / 3}}},
    {"age=geometric([0.5,0.25])",
     SIZE_MAX,
     {{1},
      {1. / 5, 4. / 5},
      {1. / 21, 4. / 21, 16. / 21},
      {1. / 85, 4. / 85, 16. / 85, 64. / 85},
      {1. / 341, 4. / 341, 16. / 341, 64. / 341, 256. / 341}}},
    {"age=geometric(0.5)",
     SIZE_MAX,
     {{1},
      {1. / 3, 2. / 3},
      {1. / 7, 2. / 7, 4. / 7},
      {1. / 15, 2. / 15, 4. / 15, 8. / 15},
      {1. / 31, 2. / 31, 4. / 31, 8. / 31, 16. / 31}}},
    {"age=all",
     SIZE_MAX,
     {{1},
      {1. / 2, 1. / 2},
      {1. / 3, 1. / 3, 1. / 3},
      {1. / 4, 1. / 4, 1. / 4, 1. / 4},
      {1. / 5, 1. / 5, 1. / 5, 1. / 5, 1. / 5}}},
};

static void test_sources(void **state)
{
    fixture *f = *state;

    for (size_t i = 0; i < sizeof ages / sizeof ages[0]; i++) {
        const char *pairs[] = {SIZES, ages[i].age, NULL};
        mad_loop *loop = NULL;

        assert_int_equal(create(f, &mad_loop_fresh, N_GENERATIONS, pairs, &loop), MAD_OK);
        assert_int_equal(mad_loop_fresh.n_models_kept(loop), ages[i].kept);
        for (size_t g = 1; g <= N_GENERATIONS; g++) {
            double p[N_GENERATIONS], total = 0.0;

            mad_loop_fresh.sources(loop, g, p);
            for (size_t tau = 1; tau <= g; tau++) {
                assert_true(fabs(p[tau - 1] - ages[i].p[g - 1][tau - 1]) < 1e-15);
                total += p[tau - 1];
            }
            assert_true(fabs(total - 1.0) < 1e-15);
        }
    }
}

typedef struct refusal {
    const mad_loop_type *type;
    const char *pairs[8];
    const char *says; /* part of the message */
} refusal;

static const refusal refusals[] = {
    {&mad_loop_fresh, {SIZES, "real=fixed"}, "contradicts loop.family 'fresh'"},
    {&mad_loop_fresh, {SIZES, "real=fresh_accumulate"}, "contradicts loop.family 'fresh'"},
    {&mad_loop_fully_synthetic, {SIZES, "real=fresh"}, "contradicts"},
    {&mad_loop_synthetic_augmentation, {SIZES, "real=none"}, "contradicts"},
    {&mad_loop_fully_synthetic, {"n_initial=10", "n_synthetic=0"}, "nothing to train on"},
    {&mad_loop_custom,
     {"n_initial=10", "n_synthetic=[6,0]", "real=none"},
     "generation 3 would have nothing to train on"},
    {&mad_loop_fresh,
     {"n_initial=10", "n_real=[4,0]", "n_synthetic=0"},
     "generation 3 would have nothing to train on"},
    {&mad_loop_fresh, {"n_initial=10", "n_synthetic=6"}, "loop.n_real is 0"},
    {&mad_loop_synthetic_augmentation, {"n_initial=10", "n_synthetic=6"}, "loop.n_real is 0"},
    {&mad_loop_fresh, {SIZES, "age=uniform(0)"}, "whole number from 1"},
    {&mad_loop_fresh, {SIZES, "age=uniform(2.5)"}, "2.5"},
    {&mad_loop_fresh, {SIZES, "age=geometric(1)"}, "below 1"},
    {&mad_loop_fresh, {SIZES, "age=geometric(0)"}, "above 0"},
    {&mad_loop_fresh, {SIZES, "retain=window(0)"}, "window(0)"},
    {&mad_loop_fresh, {SIZES, "age=geometric([0.5,1])"}, "geometric([0.5, 1])"},
    {&mad_loop_fresh, {SIZES, "age=uniform([2,0])"}, "whole number from 1"},
    {&mad_loop_fresh, {SIZES, "retain=window(1.5)"}, "window(1.5)"},
    {&mad_loop_fresh, {SIZES, "budget=0"}, "0"},
    {&mad_loop_fresh, {SIZES, "budget=10"}, "no training set has more than 10 rows"},
    {&mad_loop_custom,
     {"n_initial=10", "n_real=[4,2]", "n_synthetic=6", "real=fixed"},
     "loop.n_real is '[4, 2]', but loop.real is fixed"},
    {&mad_loop_fresh, {SIZES, "real_weight=linear(0.5,1)"}, "above 0 and below 1"},
    {&mad_loop_fresh, {SIZES, "real_weight=0"}, "above 0 and below 1"},
    {&mad_loop_fresh, {SIZES, "real_weight=1"}, "above 0 and below 1"},
    {&mad_loop_fresh, {SIZES, "start=warm(2.5)"}, "2.5"},
    {&mad_loop_fully_synthetic,
     {"n_initial=10", "n_synthetic=6", "real_weight=0.5"},
     "no real rows to weight"},
    {&mad_loop_fresh, {"n_initial=0", "n_real=4", "n_synthetic=6"}, "0"},
    {&mad_loop_fresh, {"n_real=4", "n_synthetic=6"}, "n_initial"},
};

static void test_refusals(void **state)
{
    fixture *f = *state;

    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        const refusal *r = &refusals[i];
        mad_loop *loop = NULL;

        if (create(f, r->type, N_GENERATIONS, r->pairs, &loop) != MAD_E_CONFIG ||
            strstr(f->ctx->message, r->says) == NULL) {
            fail_msg("refusal %zu: '%s' does not say '%s'", i, f->ctx->message, r->says);
        }
    }
}

/* One generation alone needs no second training set. */
static void test_single_generation(void **state)
{
    fixture *f = *state;
    const char *pairs[] = {"n_initial=10", "n_synthetic=0", NULL};
    mad_loop *loop = NULL;
    mad_plan plan;

    assert_int_equal(create(f, &mad_loop_fully_synthetic, 1, pairs, &loop), MAD_OK);
    assert_int_equal(mad_loop_fully_synthetic.plan(f->ctx, loop, 1, f->mem, &plan), MAD_OK);
    assert_int_equal(plan.n_blocks, 1);
    assert_int_equal(plan.blocks[0].n_rows, 10);
    assert_int_equal(mad_loop_fully_synthetic.n_synthetic(loop, 1), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plans),
        cmocka_unit_test(test_blocks_are_whole),
        cmocka_unit_test(test_sources),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_single_generation),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}

/* tests/unit/test_select.c: rewards by hand, what each selection keeps of a few rows, and what is
 * refused before anything runs. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "loops/select/reward.h"
#include "sim/cli/lists.h"
#include "tests/support/select_case.h"

static const char *const none[] = {NULL};
static const char *const line[] = {"dim=1", "spectrum=0", NULL};

static mad_select_case open_case(const mad_select_ask ask)
{
    return mad_select_case_must(2, &ask);
}

/* ---- rewards ------------------------------------------------------------------------------- */

/* The reward of rows of a world, by users 0, 1, 0, 1, ... where there are two. */
static void score(mad_select_case *c, const mad_set *rows, double *out)
{
    mad_reward reward;
    size_t user[64];
    assert_true(rows->n_rows <= 64);
    if (mad_reward_open(c->ctx, &c->setting, 2, &reward) != MAD_OK) {
        fail_msg("%s", c->ctx->message);
    }
    for (size_t i = 0; i < rows->n_rows; i++) {
        user[i] = i % reward.n_users;
    }
    assert_int_equal(mad_reward_score(c->ctx, &reward, rows, user, out), MAD_OK);
}

static void columns_are_rewarded(void **state)
{
    (void)state;
    static const char *const plane[] = {"dim=3", NULL};
    static const struct {
        const char *pairs[4];
        double expected[2];
    } cases[] = {
        {{"reward.target=[2,-1]"}, {2.0 * 1.0 - 2.0, 2.0 * -1.0 - 0.5}},
        {{"reward.kind=quadratic", "reward.target=[1,0]", "reward.tau=2"},
         {-(0.0 + 4.0) / 8.0, -(4.0 + 0.25) / 8.0}},
        {{"reward.kind=plane", "reward.target=[2,-1]"}, {-0.0, -2.5}},
        {{"reward.kind=plane", "reward.target=[3,-2,0.1]"}, {-8.9, -5.9}},
        {{"reward.target=[1,2]", "reward.users=[1,3]"}, {1.0, -2.0}},
    };
    double x[] = {1.0, 2.0, 99.0, -1.0, 0.5, 99.0}, out[2];
    const mad_set rows = {.n_rows = 2, .dim = 3, .x = x};
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        mad_select_case c = open_case(
            (mad_select_ask){&mad_world_gauss, plane, &mad_select_topfrac, cases[k].pairs});
        score(&c, &rows, out);
        assert_true(fabs(out[0] - cases[k].expected[0]) < 1e-12);
        assert_true(fabs(out[1] - cases[k].expected[1]) < 1e-12);
        mad_select_case_close(&c);
    }
}

/* Rows of a world, and what it reads back from them. */
static mad_recovery read_back(mad_select_case *c, mad_set *rows)
{
    const mad_world_info *info = &c->world->info;
    const mad_key key = {.seed = 3, .generation = 1, .purpose = MAD_RNG_REAL};
    mad_recovery found;
    assert_int_equal(mad_set_take(c->ctx, c->mem, 64, info->dim, info->n_classes > 0, rows),
                     MAD_OK);
    assert_int_equal(c->world->type->draw(c->ctx, c->world, MAD_PART_TRAIN, key, rows), MAD_OK);
    assert_int_equal(mad_recovery_take(c->ctx, c->mem, info, 64, &found), MAD_OK);
    assert_int_equal(c->world->type->recover(c->ctx, c->world, rows, &found), MAD_OK);
    return found;
}

static void factors_are_rewarded(void **state)
{
    (void)state;
    static const char *const pairs[] = {"reward.kind=factor_linear", "reward.factor=shear",
                                        "reward.target=-2", NULL};
    mad_select_case c =
        open_case((mad_select_ask){&mad_world_glyph, none, &mad_select_topfrac, pairs});
    mad_set rows;
    const mad_recovery found = read_back(&c, &rows);
    const mad_factor *f = &c.world->info.factor[1];
    double out[64];
    assert_string_equal(f->name, "shear");
    score(&c, &rows, out);
    for (size_t i = 0; i < 64; i++) {
        const double z = (found.factor[i * c.world->info.n_factors + 1] - f->mean) / f->sd;
        assert_true(fabs(out[i] + 2.0 * z) < 1e-12);
    }
    mad_select_case_close(&c);
}

/* A heading just below a whole turn is near to one just above 0. */
static void angles_go_the_shorter_way(void **state)
{
    (void)state;
    static const char *const pairs[] = {"reward.kind=factor_quadratic", "reward.factor=heading",
                                        "reward.target=1.5", NULL};
    mad_select_case c =
        open_case((mad_select_ask){&mad_world_bounce, none, &mad_select_topfrac, pairs});
    const mad_world_info *info = &c.world->info;
    mad_set rows;
    const mad_recovery found = read_back(&c, &rows);
    double out[64], farthest = 0.0;
    size_t i_heading = 0;
    while (strcmp(info->factor[i_heading].name, "heading") != 0) {
        i_heading++;
    }
    const mad_factor *f = &info->factor[i_heading];
    score(&c, &rows, out);
    for (size_t i = 0; i < 64; i++) {
        const double turn = found.factor[i * info->n_factors + i_heading] - f->mean - 1.5 * f->sd;
        const double way = f->period / 2.0 / acos(-1.0) *
                           atan2(sin(2.0 * acos(-1.0) * turn / f->period),
                                 cos(2.0 * acos(-1.0) * turn / f->period));
        assert_true(fabs(out[i] + 0.5 * way * way / (f->sd * f->sd)) < 1e-9);
        farthest = fmax(farthest, fabs(turn));
    }
    assert_true(farthest > f->period / 2.0); /* else nothing was tested */
    mad_select_case_close(&c);
}

/* ---- selections ---------------------------------------------------------------------------- */

static void weights_are_those_of_the_formula(void **state)
{
    (void)state;
    static const char *const pairs[] = {"temperature=0.5", NULL};
    double x[] = {0.0, 1.0, -400.0};
    const mad_set rows = {.n_rows = 3, .dim = 1, .x = x};
    mad_select_case c =
        open_case((mad_select_ask){&mad_world_gauss, line, &mad_select_reward_weighted, pairs});
    const mad_selection chosen = mad_select_case_choose(&c, &rows, 3, 1, NULL);
    const double mean = (exp(-2.0) + 1.0) / 3.0, w[] = {exp(-2.0) / mean, 1.0 / mean};
    assert_int_equal(chosen.n, 3);
    assert_true(fabs(chosen.weight[0] - w[0]) < 1e-12 && fabs(chosen.weight[1] - w[1]) < 1e-12);
    assert_true(chosen.weight[2] > 0.0 && chosen.weight[2] < 1e-200);
    assert_true(fabs(chosen.report[1] - w[1] / 3.0) < 1e-12);
    assert_true(fabs(chosen.report[2] - 3.0 / (w[0] * w[0] + w[1] * w[1])) < 1e-12);
    mad_select_case_close(&c);
}

/* Half the candidates are black, which no digit is. */
static void valid_rows_are_kept(void **state)
{
    (void)state;
    static const char *const pairs[] = {"phi=1", "psi=0", "reward.kind=validity", NULL};
    mad_select_case c =
        open_case((mad_select_ask){&mad_world_glyph, none, &mad_select_verifier, pairs});
    mad_set rows;
    mad_recovery found = read_back(&c, &rows);
    size_t n_valid = 0;
    for (size_t i = 0; i < 32 * rows.dim; i++) {
        rows.x[i] = c.world->info.pixel_min;
    }
    assert_int_equal(c.world->type->recover(c.ctx, c.world, &rows, &found), MAD_OK);
    const mad_selection chosen = mad_select_case_choose(&c, &rows, 64, 1, NULL);
    for (size_t i = 0; i < 64; i++) {
        if (found.valid[i]) {
            assert_int_equal(chosen.pick[n_valid], i);
            n_valid++;
        }
    }
    assert_int_equal(chosen.n, n_valid);
    assert_true(n_valid >= 30 && n_valid <= 32);
    assert_true(chosen.report[3] == 1.0 && chosen.report[2] == (double)n_valid / 64.0);
    mad_select_case_close(&c);
}

/* Reports of a choice in several batches speak of all of them: 2 good of 4, then 2 of 2. */
static void reports_span_batches(void **state)
{
    (void)state;
    static const char *const pairs[] = {"phi=1", "psi=0", "candidates=2", NULL};
    mad_select_case c =
        open_case((mad_select_ask){&mad_world_gauss, line, &mad_select_verifier, pairs});
    double x[] = {1.0, -1.0, -1.0, 3.0, 5.0, 7.0},
           report[4] = {(double)NAN, (double)NAN, (double)NAN, (double)NAN};
    size_t pick[4];
    const mad_set first = {.n_rows = 4, .dim = 1, .x = x},
                  second = {.n_rows = 2, .dim = 1, .x = x + 4};
    mad_selection out = {.pick = pick, .report = report};
    mad_select_in in = {.setting = &c.setting, .candidates = &first, .n_wanted = 4};
    assert_int_equal(mad_select_verifier.choose(c.ctx, &in, &out), MAD_OK);
    assert_int_equal(out.n, 2);
    in = (mad_select_in){.setting = &c.setting,
                         .candidates = &second,
                         .n_wanted = 2,
                         .n_drawn = 4,
                         .n_kept = 2,
                         .batch = 1};
    assert_int_equal(mad_select_verifier.choose(c.ctx, &in, &out), MAD_OK);
    assert_int_equal(out.n, 2);
    assert_true(fabs(report[0] - 14.0 / 6.0) < 1e-12 && fabs(report[1] - 4.0) < 1e-12);
    assert_true(fabs(report[2] - 4.0 / 6.0) < 1e-12 && report[3] == 1.0);
    mad_select_case_close(&c);
}

/* Three clumps of 20 rows within 0.001: what is spread out takes one row of each first. */
static void far_rows_are_kept(void **state)
{
    (void)state;
    static const char *const ways[][3] = {{"candidates=20"}, {"candidates=20", "method=threshold"}};
    double x[60];
    const mad_set rows = {.n_rows = 60, .dim = 1, .x = x};
    for (size_t i = 0; i < 60; i++) {
        x[i] = (double)(i % 3) * 10.0 + 0.00002 * (double)i;
    }
    for (size_t k = 0; k < 2; k++) {
        mad_select_case c = open_case(
            (mad_select_ask){&mad_world_gauss, line, &mad_select_greedy_entropy, ways[k]});
        const mad_selection chosen = mad_select_case_choose(&c, &rows, 3, 1, NULL);
        unsigned found = 0;
        for (size_t i = 0; i < chosen.n; i++) {
            found |= 1u << chosen.pick[i] % 3;
        }
        assert_int_equal(chosen.n, 3);
        assert_int_equal(found, 7);
        assert_true(chosen.report[1] > chosen.report[0]);
        mad_select_case_close(&c);
    }
}

/* Of N(0, I) the entropy is ln(2 pi e): 3000 rows give it within 0.15 (5 sd). Copies fill up. */
static void entropy_is_measured(void **state)
{
    (void)state;
    static const char *const plane[] = {"dim=2", "spectrum=0", NULL};
    static const char *const pairs[] = {"candidates=1", NULL};
    mad_select_case c =
        open_case((mad_select_ask){&mad_world_gauss, plane, &mad_select_greedy_entropy, pairs});
    const mad_set rows = mad_select_case_normals(&c, 3000, 1);
    const mad_selection all = mad_select_case_choose(&c, &rows, 3000, 1, NULL);
    assert_int_equal(all.n, 3000);
    assert_true(fabs(all.report[0] - log(2.0 * acos(-1.0) * exp(1.0))) < 0.15);
    assert_true(all.report[0] == all.report[1]);
    memset(rows.x, 0, 3000 * 2 * sizeof *rows.x);
    const mad_selection copies = mad_select_case_choose(&c, &rows, 3000, 1, NULL);
    assert_int_equal(copies.n, 3000);
    assert_true(copies.report[0] == -HUGE_VAL);
    mad_select_case_close(&c);
}

/* ---- refusals ------------------------------------------------------------------------------ */

typedef struct refusal {
    const mad_world_type *world;
    const mad_model_type *model;
    const mad_select_type *select;
    const char *pairs[5];
    mad_status status;
    const char *one, *other; /* named in the message */
} refusal;

static const refusal refusals[] = {
    {&mad_world_gauss,
     &mad_model_gauss,
     &mad_select_verifier,
     {"reward.kind=validity"},
     MAD_E_UNSUPPORTED,
     "select.reward.kind",
     "world.kind"},
    {&mad_world_gauss,
     &mad_model_gauss,
     &mad_select_topfrac,
     {"reward.kind=factor_linear"},
     MAD_E_UNSUPPORTED,
     "select.reward.kind",
     "world.kind"},
    {&mad_world_zipf,
     &mad_model_categorical,
     &mad_select_topfrac,
     {"reward.kind=density"},
     MAD_E_UNSUPPORTED,
     "select.reward.kind",
     "world.kind"},
    {&mad_world_gauss,
     &mad_model_gauss,
     &mad_select_topfrac,
     {"reward.kind=table"},
     MAD_E_UNSUPPORTED,
     "select.reward.kind",
     "world.kind"},
    {&mad_world_ring,
     &mad_model_gauss,
     &mad_select_topfrac,
     {"reward.kind=table"},
     MAD_E_UNSUPPORTED,
     "select.reward.kind",
     "model.kind"},
    {&mad_world_glyph,
     &mad_model_gauss,
     &mad_select_topfrac,
     {"reward.kind=factor_linear", "reward.factor=colour"},
     MAD_E_CONFIG,
     "select.reward.factor",
     "world.kind"},
    {&mad_world_glyph,
     &mad_model_gauss,
     &mad_select_topfrac,
     {"reward.kind=factor_linear", "reward.target=[1,2]"},
     MAD_E_CONFIG,
     "select.reward.target",
     "select.reward.users"},
    {&mad_world_bounce,
     &mad_model_gauss,
     &mad_select_topfrac,
     {"reward.kind=factor_linear", "reward.factor=heading"},
     MAD_E_CONFIG,
     "select.reward.factor",
     "reward.kind"},
    {&mad_world_gauss,
     &mad_model_gauss,
     &mad_select_bradley_terry,
     {"reward.target=[1,2,3]", "reward.users=[1,1]"},
     MAD_E_CONFIG,
     "select.reward.target",
     "select.reward.users"},
    {&mad_world_gauss,
     &mad_model_gauss,
     &mad_select_bradley_terry,
     {"reward.users=[]"},
     MAD_E_CONFIG,
     "select.reward.users",
     "share"},
    {&mad_world_zipf,
     &mad_model_categorical,
     &mad_select_human_noise,
     {"reward.kind=table", "reward.target=[1,2]"},
     MAD_E_CONFIG,
     "select.reward.target",
     "reward.kind"},
    {&mad_world_gauss,
     &mad_model_gauss,
     &mad_select_random,
     {"reward.tau=2"},
     MAD_E_CONFIG,
     "reward.tau",
     "reward.kind"},
    {&mad_world_gauss,
     &mad_model_gauss,
     &mad_select_verifier,
     {"phi=0", "psi=0"},
     MAD_E_CONFIG,
     "select.phi",
     "select.psi"},
    {&mad_world_gauss,
     &mad_model_gauss,
     &mad_select_rank,
     {"score=loss"},
     MAD_E_UNSUPPORTED,
     "select.score",
     "model.kind"},
    {&mad_world_regression,
     &mad_model_linear,
     &mad_select_rank,
     {"order=oracle"},
     MAD_E_UNSUPPORTED,
     "select.order",
     "world.kind"},
    {&mad_world_gauss,
     &mad_model_gauss,
     &mad_select_rank,
     {"order=oracle", "score=log_density"},
     MAD_E_CONFIG,
     "score",
     "order"},
    {&mad_world_gauss,
     &mad_model_gauss,
     &mad_select_greedy_entropy,
     {"decay=0.5"},
     MAD_E_CONFIG,
     "decay",
     "method"},
};

static void contradictions_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        const refusal *r = &refusals[i];
        mad_select_case c = open_case((mad_select_ask){r->world, none, r->select, r->pairs});
        c.setting.model = r->model;
        const mad_status st = r->select->check(c.ctx, &c.setting);
        if (st != r->status || strstr(c.ctx->message, r->one) == NULL ||
            strstr(c.ctx->message, r->other) == NULL) {
            fail_msg("refusal %zu: %d '%s'", i, (int)st, c.ctx->message);
        }
        mad_select_case_close(&c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_are_rewarded),
        cmocka_unit_test(factors_are_rewarded),
        cmocka_unit_test(angles_go_the_shorter_way),
        cmocka_unit_test(weights_are_those_of_the_formula),
        cmocka_unit_test(valid_rows_are_kept),
        cmocka_unit_test(reports_span_batches),
        cmocka_unit_test(far_rows_are_kept),
        cmocka_unit_test(entropy_is_measured),
        cmocka_unit_test(contradictions_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

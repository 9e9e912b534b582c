/* tests/unit/test_select_rank.c: denoising losses by hand, and what is kept by them. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sim/cli/lists.h"
#include "tests/support/select_case.h"
#include "tests/support/values.h"

static const char *const none[] = {NULL};
static const char *const line[] = {"dim=1", "spectrum=0", NULL};

static mad_select_case open_case(const mad_select_ask ask)
{
    return mad_select_case_must(2, &ask);
}

static mad_model *exact_model(mad_select_case *c)
{
    static mad_values values;
    const mad_key key = {.seed = 5, .generation = 1, .purpose = MAD_RNG_FIT};
    mad_model *model = NULL;
    const mad_set train = mad_select_case_normals(c, 2000, 9);
    assert_int_equal(mad_values_of(c->ctx, c->mem, mad_model_exact.params, 0, none, &values),
                     MAD_OK);
    const mad_model_args args = {.values = &values,
                                 .world = &c->world->info,
                                 .max_train_rows = 2000,
                                 .max_sample_rows = 2000,
                                 .n_generations = 2};
    const mad_fit_args fit = {.key = key};
    assert_int_equal(mad_model_exact.create(c->ctx, &args, c->mem, &model), MAD_OK);
    assert_int_equal(mad_model_exact.fit(c->ctx, model, &train, &fit), MAD_OK);
    c->setting.model = &mad_model_exact;
    return model;
}

/* Of N(0, 1) the loss is a + b z^2, b = mean over levels of sigma^2 / (1 + sigma^2)^2. */
static void loss_is_that_of_the_formula(void **state)
{
    (void)state;
    mad_select_case c = open_case((mad_select_ask){&mad_world_gauss, line, &mad_select_rank, none});
    mad_model *model = exact_model(&c);
    double mean, var, x[3], loss[3], b = 0.0;
    mad_moments law = {.dim = 1, .mean = &mean, .cov = &var};
    const mad_set rows = {.n_rows = 3, .dim = 1, .x = x};
    assert_int_equal(mad_model_exact.moments(c.ctx, model, &law), MAD_OK);
    for (size_t i = 0; i < 3; i++) {
        x[i] = mean + (double)i * sqrt(var);
    }
    for (size_t i = 0; i < 16; i++) {
        const double sigma_sq = pow(0.05 * pow(100.0, (double)i / 15.0), 2.0);
        b += sigma_sq / pow(1.0 + sigma_sq, 2.0) / 16.0;
    }
    assert_int_equal(mad_model_exact.loss(c.ctx, model, (mad_key){.seed = 1}, &rows, loss), MAD_OK);
    assert_true(loss[0] > 0.0 && loss[0] < 1.0);
    assert_true(fabs((loss[1] - loss[0]) / b - 1.0) <
                0.02); /* the sampler widens moments a little */
    assert_true(fabs((loss[2] - loss[0]) / (loss[1] - loss[0]) - 4.0) < 1e-3);
    mad_select_case_close(&c);
}

/* Rows -3..3 in steps of 0.1 of a model near N(0, 1): top and oracle keep the middle, bottom both ends,
 * loss and density agree. */
static void rows_are_ranked(void **state)
{
    (void)state;
    static const struct {
        const char *pairs[4];
        int keeps_middle;
    } cases[] = {{{"order=top"}, 1},
                 {{"order=top", "score=log_density"}, 1},
                 {{"order=bottom"}, 0},
                 {{"order=oracle"}, 1},
                 {{"order=random"}, -1}};
    double x[61];
    const mad_set rows = {.n_rows = 61, .dim = 1, .x = x};
    for (size_t i = 0; i < 61; i++) {
        x[i] = -3.0 + 0.1 * (double)i;
    }
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        mad_select_case c =
            open_case((mad_select_ask){&mad_world_gauss, line, &mad_select_rank, cases[k].pairs});
        mad_model *model = exact_model(&c);
        const mad_selection chosen = mad_select_case_choose(&c, &rows, 30, 1, model);
        size_t n_middle = 0;
        assert_int_equal(chosen.n, 30);
        for (size_t i = 0; i < chosen.n; i++) {
            n_middle += fabs(x[chosen.pick[i]]) < 1.25;
        }
        if (cases[k].keeps_middle >= 0) {
            assert_int_equal(n_middle, cases[k].keeps_middle ? 25 : 0);
        } else {
            assert_true(n_middle > 0 && n_middle < 25);
        }
        mad_select_case_close(&c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loss_is_that_of_the_formula),
        cmocka_unit_test(rows_are_ranked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* tests/conformance/test_selects.c: what every selection of the registry must do, with its defaults, on
 * a normal world with a fitted Gaussian. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "sim/cli/builtin.h"
#include "sim/cli/lists.h"
#include "tests/conformance/threads.h"
#include "tests/support/select_case.h"
#include "tests/support/values.h"

enum { N_WANTED = 600 };

static void must(const mad_select_case *c, mad_status st, const char *what)
{
    if (st != MAD_OK) {
        fail_msg("%s of '%s': %s", what, c->setting.select->name, c->ctx->message);
    }
}

/* Gaussian, fitted to normal rows. */
static mad_model *fitted(mad_select_case *c)
{
    mad_values *values = mad_arena_take(c->mem, 1, sizeof *values);
    const mad_set train = mad_select_case_normals(c, N_WANTED, 1);
    const mad_model_args args = {.values = values,
                                 .world = &c->world->info,
                                 .max_train_rows = N_WANTED,
                                 .max_sample_rows = N_WANTED,
                                 .n_generations = 2};
    const mad_fit_args fit = {.key = {.seed = 3, .generation = 1, .purpose = MAD_RNG_FIT}};
    mad_model *model = NULL;
    must(c, mad_values_of(c->ctx, c->mem, mad_model_gauss.params, 0, NULL, values), "values");
    must(c, mad_model_gauss.create(c->ctx, &args, c->mem, &model), "create");
    must(c, mad_model_gauss.fit(c->ctx, model, &train, &fit), "fit");
    c->setting.model = &mad_model_gauss;
    return model;
}

/* The same picks, weights and reports for any number of threads: the checks of mad_select_case_choose
 * hold for each. */
static void selections_do_not_see_threads(void **state)
{
    (void)state;
    static const char *const none[] = {NULL};
    for (const mad_select_type *const *t = mad_builtin.selects; *t != NULL; t++) {
        const mad_select_ask ask = {&mad_world_gauss, none, *t, none};
        mad_select_case c[N_THREAD_COUNTS];
        mad_selection chosen[N_THREAD_COUNTS];
        size_t n_reports = 0;
        while ((*t)->reports[n_reports].name != NULL) {
            n_reports++;
        }
        for (size_t i = 0; i < N_THREAD_COUNTS; i++) {
            c[i] = mad_select_case_must(thread_counts[i], &ask);
            mad_model *model = fitted(&c[i]);
            must(&c[i], (*t)->check != NULL ? (*t)->check(c[i].ctx, &c[i].setting) : MAD_OK,
                 "check");
            const size_t n = mad_select_case_n(&c[i], N_WANTED);
            assert_true(n >= N_WANTED);
            const mad_set rows = mad_select_case_normals(&c[i], n, 2);
            chosen[i] = mad_select_case_choose(&c[i], &rows, N_WANTED, 2, model);
            assert_true(chosen[i].n > 0);
            if (chosen[i].n != chosen[0].n ||
                memcmp(chosen[i].pick, chosen[0].pick, chosen[0].n * sizeof(size_t)) != 0 ||
                memcmp(chosen[i].report, chosen[0].report, n_reports * sizeof(double)) != 0 ||
                ((*t)->weighs &&
                 memcmp(chosen[i].weight, chosen[0].weight, chosen[0].n * sizeof(double)) != 0)) {
                fail_msg("select '%s' differs with %zu threads", (*t)->name, thread_counts[i]);
            }
        }
        for (size_t i = 0; i < N_THREAD_COUNTS; i++) {
            mad_select_case_close(&c[i]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(selections_do_not_see_threads)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

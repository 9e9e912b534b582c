/* tests/conformance/test_conformance_registry.c: every plug-in is documented, has a name of its own and refuses what its parameters
 * cannot hold. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "sim/cli/builtin.h"
#include "sim/cli/lists.h"
#include "sim/config/config.h"
#include "tests/conformance/bench.h"

static void documented(const char *name, const char *doc, const char *ref, const mad_param *params)
{
    assert_non_null(name);
    if (doc == NULL || strlen(doc) < 10 || ref == NULL || strlen(ref) < 3) {
        fail_msg("'%s' lacks a doc or a source", name);
    }
    for (const mad_param *p = params; p != NULL && p->name != NULL; p++) {
        if (p->doc == NULL || strlen(p->doc) < 5) {
            fail_msg("'%s.%s' lacks a doc", name, p->name);
        }
    }
}

static void reports_are_documented(const mad_report *reports)
{
    for (const mad_report *r = reports; r != NULL && r->name != NULL; r++) {
        documented(r->name, r->long_name, "report", NULL);
        assert_non_null(r->units);
    }
}

static void everything_is_documented(void **state)
{
    (void)state;
    for (const mad_world_type *const *t = mad_builtin.worlds; *t != NULL; t++) {
        documented((*t)->name, (*t)->doc, (*t)->ref, (*t)->params);
    }
    for (const mad_model_type *const *t = mad_builtin.models; *t != NULL; t++) {
        documented((*t)->name, (*t)->doc, (*t)->ref, (*t)->params);
        assert_non_null((*t)->fit);
        assert_non_null((*t)->sample);
        assert_non_null((*t)->fields);
        reports_are_documented((*t)->reports);
    }
    for (const mad_loop_type *const *t = mad_builtin.loops; *t != NULL; t++) {
        documented((*t)->name, (*t)->doc, (*t)->ref, (*t)->params);
    }
    for (const mad_bias_type *const *t = mad_builtin.biases; *t != NULL; t++) {
        documented((*t)->name, (*t)->doc, (*t)->ref, (*t)->params);
    }
    for (const mad_select_type *const *t = mad_builtin.selects; *t != NULL; t++) {
        documented((*t)->name, (*t)->doc, (*t)->ref, (*t)->params);
        assert_non_null((*t)->n_candidates);
        assert_non_null((*t)->choose);
        reports_are_documented((*t)->reports);
    }
    for (const mad_correct_type *const *t = mad_builtin.corrects; *t != NULL; t++) {
        documented((*t)->name, (*t)->doc, (*t)->ref, (*t)->params);
        reports_are_documented((*t)->reports);
    }
    for (const mad_post_type *const *t = mad_builtin.posts; *t != NULL; t++) {
        documented((*t)->name, (*t)->doc, (*t)->ref, (*t)->params);
    }
    for (const mad_channel_type *const *t = mad_builtin.channels; *t != NULL; t++) {
        documented((*t)->name, (*t)->doc, (*t)->ref, (*t)->params);
        reports_are_documented((*t)->reports);
    }
    for (const mad_metric_type *const *t = mad_builtin.metrics; *t != NULL; t++) {
        for (const mad_metric_output *o = (*t)->outputs; o->name != NULL; o++) {
            documented(o->name, o->definition, o->reference, (*t)->params);
            assert_non_null(o->long_name);
            assert_non_null(o->units);
            assert_true(strcmp(o->direction, "higher") == 0 || strcmp(o->direction, "lower") == 0 ||
                        strcmp(o->direction, "target") == 0);
        }
    }
    for (const mad_theory_type *const *t = mad_builtin.theories; *t != NULL; t++) {
        documented((*t)->name, (*t)->statement, (*t)->ref, NULL);
        assert_non_null((*t)->assumptions);
    }
    for (const mad_feature_type *const *t = mad_builtin.features; *t != NULL; t++) {
        documented((*t)->name, (*t)->doc, (*t)->ref, (*t)->params);
        assert_non_null((*t)->argument);
        assert_true(!(*t)->reads_file || (*t)->train != NULL);
    }
    for (const mad_command *const *c = mad_builtin_commands; *c != NULL; c++) {
        documented((*c)->name, (*c)->doc, "cli", NULL);
    }
}

/* Every parameter refuses what it cannot hold, with a message. */
static void refuses_nonsense(bench b, const mad_param *params)
{
    for (const mad_param *p = params; p != NULL && p->name != NULL; p++) {
        const char *const nonsense = "no-such-value(";
        mad_value value;
        if (p->kind == MAD_PARAM_TEXT || p->kind == MAD_PARAM_PATH || p->kind == MAD_PARAM_WORDS) {
            continue;
        }
        if (mad_value_parse(b.ctx, b.mem, p, 1, &nonsense, 0, &value) != MAD_E_CONFIG ||
            strstr(b.ctx->message, nonsense) == NULL) {
            fail_msg("'%s' took nonsense: %s", p->name, b.ctx->message);
        }
        mad_ctx_clear(b.ctx);
    }
}

static void bad_parameters_are_refused(void **state)
{
    (void)state;
    bench b = open_bench(1);
    for (const mad_world_type *const *t = mad_builtin.worlds; *t != NULL; t++) {
        refuses_nonsense(b, (*t)->params);
    }
    for (const mad_model_type *const *t = mad_builtin.models; *t != NULL; t++) {
        refuses_nonsense(b, (*t)->params);
    }
    for (const mad_loop_type *const *t = mad_builtin.loops; *t != NULL; t++) {
        refuses_nonsense(b, (*t)->params);
    }
    for (const mad_bias_type *const *t = mad_builtin.biases; *t != NULL; t++) {
        refuses_nonsense(b, (*t)->params);
    }
    for (const mad_select_type *const *t = mad_builtin.selects; *t != NULL; t++) {
        refuses_nonsense(b, (*t)->params);
    }
    for (const mad_correct_type *const *t = mad_builtin.corrects; *t != NULL; t++) {
        refuses_nonsense(b, (*t)->params);
    }
    for (const mad_post_type *const *t = mad_builtin.posts; *t != NULL; t++) {
        refuses_nonsense(b, (*t)->params);
    }
    for (const mad_channel_type *const *t = mad_builtin.channels; *t != NULL; t++) {
        refuses_nonsense(b, (*t)->params);
    }
    for (const mad_feature_type *const *t = mad_builtin.features; *t != NULL; t++) {
        refuses_nonsense(b, (*t)->params);
    }
    close_bench(b);
}

static void names_are_unique(void **state)
{
    (void)state;
    const mad_metric_type *const *list = mad_builtin.metrics;
    for (size_t a = 0; list[a] != NULL; a++) {
        for (size_t c = 0; list[c] != NULL; c++) {
            for (const mad_metric_output *x = list[a]->outputs; x->name != NULL; x++) {
                for (const mad_metric_output *y = list[c]->outputs; y->name != NULL; y++) {
                    /* one name may have one maker per kind of world */
                    const int clash = x != y && strcmp(x->name, y->name) == 0 &&
                                      list[a]->worlds & list[c]->worlds;
                    if (clash) {
                        fail_msg("metric '%s' is made twice", x->name);
                    }
                }
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_is_documented),
        cmocka_unit_test(bad_parameters_are_refused),
        cmocka_unit_test(names_are_unique),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

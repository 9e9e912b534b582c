/* tests/unit/test_config_axis.c: grids, nearest names, the list of keys. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "tests/support/config_case.h"

static const mad_param other_k_params[] = {
    {"k", MAD_PARAM_INT, "3", 1, 100, NULL, NULL, "neighbours"}, {0}};
static const mad_metric_type rival = {
    .name = "rival", .params = other_k_params, .outputs = mad_case_kid_outputs};

static void check_axis(const char *argument, const char *expected)
{
    mad_axis axis;
    char joined[1024] = "";
    mad_ctx_clear(mad_case.ctx);
    if (mad_axis_parse(mad_case.ctx, mad_case.mem, argument, &axis) != MAD_OK) {
        snprintf(joined, sizeof joined, "%s", mad_case.ctx->message);
        mad_ctx_clear(mad_case.ctx);
    } else {
        assert_int_equal(strncmp(axis.key, argument, strlen(axis.key)), 0);
        for (size_t i = 0; i < axis.n_texts; i++) {
            strcat(strcat(joined, i == 0 ? "" : " "), axis.texts[i]);
        }
    }
    assert_string_equal(joined, expected);
}

static void test_axes(void **state)
{
    (void)state;
    check_axis("a.b=1, two ,3", "1 two 3");
    check_axis("a=range(0,1,0.1)", "0 0.1 0.2 0.3 0.4 0.5 0.6 0.7 0.8 0.9 1");
    check_axis("a=range(-0.3,0.3,0.1)", "-0.3 -0.2 -0.1 0 0.1 0.2 0.3");
    check_axis("a=range(5,1,-2)", "5 3 1");
    check_axis("a=range(1,2,0.4)", "1 1.4 1.8");
    check_axis("a=range(1,1,1)", "1");
    check_axis("a=log(10,1000,5)", "10 31.6228 100 316.228 1000");
    check_axis("a=log(1000,10,3)", "1000 100 10");
    check_axis("a=logint(10,1000,5)", "10 32 100 316 1000");
    check_axis("a=logint(1,4,6)", "1 2 3 4");
    check_axis("seed=0-3,20", "0 1 2 3 20");
    check_axis("loop.age=uniform(2),uniform(3),all", "uniform(2) uniform(3) all");
    check_axis("n=linear(1,2),[1,2],5", "linear(1,2) [1,2] 5");
    check_axis("a=-5", "-5");
    check_axis("a", "grid 'a': expected key=values");
    check_axis("=1", "grid '=1': expected key=values");
    check_axis("a=", "grid 'a=': no values");
    check_axis("a=1,,2", "grid 'a=1,,2': entry 2 is empty in the list '1,,2'");
    check_axis("a=(1", "grid 'a=(1': brackets do not match in '(1'");
    check_axis("a=9-3", "grid 'a=9-3': expected first-last with first <= last <= "
                        "9007199254740991, got '9-3'");
    check_axis("a=0-999999", "grid 'a=0-999999': more than 100000 values");
    check_axis("a=range(0,1,0)", "grid 'a=range(0,1,0)': expected range(first,last,step) with a "
                                 "step that leads from first to last, got 'range(0,1,0)'");
    check_axis("a=range(0,1,1e-9)", "grid 'a=range(0,1,1e-9)': more than 100000 values");
    check_axis("a=log(0,1,3)", "grid 'a=log(0,1,3)': expected log(first,last,count) with first and "
                               "last above 0, count of at least 2, got 'log(0,1,3)'");
    check_axis("a=range(1)", "grid 'a=range(1)': expected range(first,last,step) with a step that "
                             "leads from first to last, got 'range(1)'");
}

static void test_nearest(void **state)
{
    (void)state;
    static const char *const names[] = {"n", "n_real", "n_synthetic", "generations", "seed"};
    const size_t n = sizeof names / sizeof *names;
    assert_string_equal(mad_nearest("n_rael", n, names), "n_real");
    assert_string_equal(mad_nearest("sede", n, names), "seed");
    assert_string_equal(mad_nearest("gen", n, names), "generations");
    assert_string_equal(mad_nearest("seeds", n, names), "seed");
    assert_string_equal(mad_nearest("n_synthetics_rows", n, names), "n_synthetic");
    assert_null(mad_nearest("xy", n, names));
    assert_null(mad_nearest("", n, names));
    char word[300];
    memset(word, 'n', sizeof word);
    word[299] = '\0';
    assert_null(mad_nearest(word, n, names));
}

static void visit(void *arg, const char *section, const char *plugin, const mad_param *param)
{
    char *out = arg, line[512];
    snprintf(line, sizeof line, "%s[%s].%s=%s;", section, plugin == NULL ? "" : plugin, param->name,
             param->kind == MAD_PARAM_CHOICE ? param->choices : "");
    strcat(out, line);
}

static void test_keys(void **state)
{
    (void)state;
    char all[8192] = "";
    mad_config_keys(&mad_case_registry, all, visit);
    assert_non_null(strstr(all, "[].seed=;"));
    assert_non_null(strstr(all, "world[].kind=gauss|csv;world[gauss].dim=;"));
    assert_non_null(strstr(all, "loop[].family=custom|fresh;"));
    assert_non_null(strstr(all, "measure[].n=;"));
    assert_non_null(strstr(all, "measure[].loss_points=;measure[].k=;measure[].blocks=;"));
    assert_non_null(strstr(all, "bias[].kind=none|shrink;bias[shrink].strength=;"));
    assert_non_null(strstr(all, "checkpoint[].every=;"));
}

static void test_metrics_must_agree(void **state)
{
    (void)state;
    static const mad_metric_type *const rivals[] = {&mad_case_knn, &rival, NULL};
    mad_registry bad = mad_case_registry;
    bad.metrics = rivals;
    mad_config c;
    assert_int_equal(
        mad_config_load(mad_case.ctx, mad_case.mem, "a.yaml", MINIMAL, 0, NULL, &bad, &c),
        MAD_E_FAILED);
    assert_string_equal(mad_case.ctx->message, "metric 'rival' redefines the key 'measure.k'");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_axes, mad_case_each),
        cmocka_unit_test_setup(test_nearest, mad_case_each),
        cmocka_unit_test_setup(test_keys, mad_case_each),
        cmocka_unit_test_setup(test_metrics_must_agree, mad_case_each),
    };
    return cmocka_run_group_tests(tests, mad_case_setup, mad_case_teardown);
}

/* tests/unit/test_param.c: texts to values and back, schedules, data sets. */
#include <float.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/base/rng.h"
#include "sim/iface/param.h"
#include "sim/iface/set.h"
#include "sim/iface/text.h"
#include "tests/support/fixture.h"

static mad_value parse(const mad_param *param, const char *text)
{
    mad_value value;
    mad_ctx_clear(ctx);
    const mad_status st = mad_value_parse(ctx, mem, param, 1, &text, 0, &value);
    if (st != MAD_OK) {
        fail_msg("'%s' refused: %s", text, ctx->message);
    }
    return value;
}

/* The canonical text, after checking that it is a fixed point. */
static const char *canonical(const mad_param *param, const char *text)
{
    const mad_value value = parse(param, text);
    const mad_value again = parse(param, value.text);
    assert_string_equal(value.text, again.text);
    assert_int_equal(value.choice, again.choice);
    assert_true(value.number == again.number);
    return value.text;
}

static void refused(const mad_param *param, const char *text, const char *message)
{
    mad_value value;
    mad_ctx_clear(ctx);
    assert_int_equal(mad_value_parse(ctx, mem, param, 1, &text, 0, &value), MAD_E_CONFIG);
    assert_string_equal(ctx->message, message);
    mad_ctx_clear(ctx);
}

static const mad_param whole = {"n", MAD_PARAM_INT, "5", 1, 10000, NULL, NULL, "count"};
static const mad_param real = {"x", MAD_PARAM_REAL, "0.5", 0, 1, NULL, NULL, "share"};
static const mad_param any = {"x",  MAD_PARAM_REAL, "0", -(double)INFINITY, (double)INFINITY,
                              NULL, NULL,           "x"};
static const mad_param age = {
    "age", MAD_PARAM_FORM, "last", 0, 1000, "last|uniform(K)|geometric(rho)|all", NULL, "age"};
static const mad_param start = {"start", MAD_PARAM_FORM,           "scratch", 1,
                                1e6,     "scratch|warm(steps(t))", "steps",   "start"};
static const mad_param budget = {"budget", MAD_PARAM_FORM, "all", 1, 1e6, "all|#B", NULL, "rows"};
static const mad_param share = {
    "real_weight", MAD_PARAM_SCHEDULE, "proportional", 0, 1, "proportional|#", NULL, "weight"};
static const mad_param moments = {"moments", MAD_PARAM_CHOICE,     "auto", 0,
                                  0,         "auto|model|samples", NULL,   "where from"};
static const mad_param sizes = {"n_real", MAD_PARAM_SCHEDULE, "100", 0, 1e6, NULL, "rows", "n"};
static const mad_param spectrum = {"spectrum", MAD_PARAM_REALS, "[]", 0, 100, NULL, NULL, "s"};
static const mad_param metrics = {"metrics", MAD_PARAM_WORDS, "auto", 0, 0, NULL, NULL, "m"};
static const mad_param path = {"path", MAD_PARAM_PATH, NULL, 0, 0, NULL, NULL, "file"};

static void test_numbers(void **state)
{
    (void)state;
    assert_string_equal(canonical(&whole, "7"), "7");
    assert_string_equal(canonical(&whole, "1e4"), "10000");
    assert_string_equal(canonical(&whole, "+2.50e1"), "25");
    assert_string_equal(canonical(&whole, "100e-2"), "1");
    assert_string_equal(canonical(&real, ".25"), "0.25");
    assert_string_equal(canonical(&real, "1E-3"), "0.001");
    assert_string_equal(canonical(&real, "-0"), "0");
    assert_string_equal(canonical(&any, "123456.5"), "123456.5");
    assert_string_equal(canonical(&any, "-2000"), "-2000");
    assert_string_equal(canonical(&any, "1e300"), "1e+300");
    assert_string_equal(canonical(&any, "5e-324"), "5e-324");
    refused(&whole, "fast", "expected a whole number from 1 to 10000, got 'fast'");
    refused(&whole, "1.5", "expected a whole number from 1 to 10000, got '1.5'");
    refused(&whole, "1.00000000000000000001",
            "expected a whole number from 1 to 10000, got '1.00000000000000000001'");
    refused(&whole, "0", "expected a whole number from 1 to 10000, got '0'");
    refused(&whole, "10001", "expected a whole number from 1 to 10000, got '10001'");
    refused(&real, "1.1", "expected a number from 0 to 1, got '1.1'");
    static const char *const no_numbers[] = {
        "",      " ",   "0x10", "inf", ".inf", "nan", "1e", "1e+",    "1 2", "--1",          ".",
        "1e999", "1_0", "e5",   "1,5", "1f",   "+",   "",   "1e-999", "١",   "1e99999999999"};
    for (size_t i = 0; i < sizeof no_numbers / sizeof *no_numbers; i++) {
        mad_value value;
        mad_ctx_clear(ctx);
        assert_int_equal(mad_value_parse(ctx, mem, &any, 1, &no_numbers[i], 0, &value),
                         MAD_E_CONFIG);
    }
}

static void test_print_is_exact(void **state)
{
    (void)state;
    const mad_key key = {.seed = 1, .purpose = MAD_RNG_TEST};
    for (uint64_t i = 0; i < 2000; i++) {
        mad_rng rng = mad_rng_open(key, i);
        uint64_t bits = mad_rng_next(&rng);
        double x, y;
        memcpy(&x, &bits, sizeof x);
        if (!isfinite(x)) {
            continue;
        }
        char text[MAD_NUMBER_BYTES];
        mad_number_print(x, sizeof text, text);
        assert_true(mad_number_parse(text, &y) && x == y);
        mad_number_print(trunc(ldexp(mad_rng_uniform(&rng), 60)), sizeof text, text);
        assert_true(mad_whole_parse(text, &y));
    }
}

static void test_forms(void **state)
{
    (void)state;
    assert_string_equal(canonical(&age, "last"), "last");
    assert_string_equal(canonical(&age, "uniform( 3 )"), "uniform(3)");
    assert_string_equal(canonical(&age, "geometric(.5)"), "geometric(0.5)");
    mad_value value = parse(&age, "geometric(0.5)");
    assert_int_equal(value.choice, 2);
    assert_true(value.number == 0.5);
    value = parse(&age, "all");
    assert_int_equal(value.choice, 3);
    assert_true(value.number == 0.0);
    const char *allowed =
        "expected last | uniform(K) | geometric(rho) | all (arguments from 0 to 1000), got '%s'";
    static const char *const bad[] = {"uniform",
                                      "uniform()",
                                      "uniform(2.5)",
                                      "uniform(x)",
                                      "uniform(1,2)",
                                      "uniform(2000)",
                                      "first",
                                      "last(2)",
                                      "uniform(3",
                                      "",
                                      "3",
                                      "unifor(3)"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char message[256];
        snprintf(message, sizeof message, allowed, bad[i]);
        refused(&age, bad[i], message);
    }
    assert_string_equal(canonical(&budget, "1e3"), "1000");
    assert_int_equal(parse(&budget, "12").choice, 1);
    assert_int_equal(parse(&budget, "all").choice, 0);
    refused(&budget, "12.5", "expected all | a whole number from 1 to 1000000, got '12.5'");
    assert_int_equal(parse(&moments, "samples").choice, 2);
    refused(&moments, "sample", "expected auto | model | samples, got 'sample'");
    assert_string_equal(canonical(&path, "a b/ü:#.csv"), "a b/ü:#.csv");
}

/* A form whose argument is a schedule. */
static void test_schedules_in_forms(void **state)
{
    (void)state;
    const char *allowed =
        "expected scratch | warm(steps(t)) (arguments from 1 to 1000000), got '%s'";
    static const char *const bad[] = {"warm()",         "warm(0)",       "warm([])", "warm([3, 0])",
                                      "warm(linear(1)", "warm(scratch)", "warm",     "scratch(2)"};
    assert_string_equal(canonical(&start, "warm( 5 )"), "warm(5)");
    assert_string_equal(canonical(&start, "warm([5,6 ,7])"), "warm([5, 6, 7])");
    assert_string_equal(canonical(&start, "warm(linear( 5,9))"), "warm(linear(5, 9))");
    assert_true(parse(&start, "warm(5)").number == 5.0);
    assert_true(isnan(parse(&start, "scratch").schedule.a));
    const mad_schedule s = parse(&start, "warm(linear(10, 20))").schedule;
    assert_true(mad_schedule_at(&s, 7, 12) == 15.0);
    assert_int_equal(mad_schedule_most(&s, 12), 20);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char message[256];
        snprintf(message, sizeof message, allowed, bad[i]);
        refused(&start, bad[i], message);
    }
}

static void test_schedules(void **state)
{
    (void)state;
    assert_string_equal(canonical(&sizes, "2e3"), "2000");
    assert_string_equal(canonical(&sizes, "linear(10,20)"), "linear(10, 20)");
    assert_string_equal(canonical(&sizes, "geometric( 10, 0.5)"), "geometric(10, 0.5)");
    assert_string_equal(canonical(&sizes, "[1,2.5, 3]"), "[1, 2.5, 3]");
    assert_string_equal(canonical(&share, "0.25"), "0.25");
    assert_string_equal(canonical(&share, "proportional"), "proportional");
    assert_int_equal(parse(&share, "proportional").choice, 0);
    assert_int_equal(parse(&share, "linear(0.1, 0.5)").choice, 1);
    mad_schedule s = parse(&share, "proportional").schedule;
    assert_true(isnan(mad_schedule_at(&s, 3, 9)));
    refused(&share, "2",
            "expected proportional, a number from 0 to 1, linear(a,b), geometric(a,r), "
            "logistic(a,b,middle,width) or [a,b,...], got '2'");
    refused(&share, "[proportional]",
            "expected proportional, a number from 0 to 1, linear(a,b), geometric(a,r), "
            "logistic(a,b,middle,width) or [a,b,...], got 'proportional'");
    s = parse(&sizes, "linear(10, 20)").schedule;
    assert_int_equal(s.kind, MAD_SCHEDULE_LINEAR);
    assert_true(mad_schedule_at(&s, 1, 12) == 10.0);
    assert_true(mad_schedule_at(&s, 2, 12) == 10.0);
    assert_true(mad_schedule_at(&s, 7, 12) == 15.0);
    assert_true(mad_schedule_at(&s, 12, 12) == 20.0);
    assert_true(mad_schedule_at(&s, 2, 2) == 10.0);
    s = parse(&sizes, "geometric(10, 0.5)").schedule;
    assert_true(mad_schedule_at(&s, 2, 9) == 10.0);
    assert_true(mad_schedule_at(&s, 4, 9) == 2.5);
    assert_int_equal(mad_schedule_count(&s, 4, 9), 3); /* 2.5 rounds up */
    assert_int_equal(mad_schedule_count(&s, 5, 9), 1);
    s = parse(&sizes, "[5, 6, 7]").schedule;
    assert_int_equal(s.kind, MAD_SCHEDULE_LIST);
    assert_true(mad_schedule_at(&s, 1, 9) == 5.0 && mad_schedule_at(&s, 3, 9) == 6.0);
    assert_true(mad_schedule_at(&s, 4, 9) == 7.0 && mad_schedule_at(&s, 9, 9) == 7.0);
    assert_string_equal(canonical(&sizes, "logistic(10,90, 6 ,1.5)"), "logistic(10, 90, 6, 1.5)");
    s = parse(&sizes, "logistic(10, 90, 6, 1.5)").schedule;
    assert_true(mad_schedule_at(&s, 6, 12) == 50.0);
    assert_true(mad_schedule_at(&s, 9, 12) == 10.0 + 80.0 / (1.0 + exp(-2.0)));
    assert_true(mad_schedule_at(&s, 1, 12) == mad_schedule_at(&s, 2, 12));
    s = parse(&sizes, "42").schedule;
    assert_int_equal(mad_schedule_count(&s, 100, 9), 42);
    const char *allowed = "expected a number from 0 to 1000000, linear(a,b), geometric(a,r), "
                          "logistic(a,b,middle,width) or "
                          "[a,b,...], got '%s'";
    static const char *const bad[] = {"-1",
                                      "linear(1)",
                                      "linear(1,2,3)",
                                      "linear(a,b)",
                                      "linear(-1,2)",
                                      "linear(1,2e6)",
                                      "geometric(1,-2)",
                                      "logistic(1,2,3)",
                                      "logistic(1,2,3,0)",
                                      "logistic(1,2e6,3,1)",
                                      "constant(2)",
                                      "[]"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char message[256];
        snprintf(message, sizeof message, allowed, bad[i]);
        refused(&sizes, bad[i], message);
    }
    refused(&sizes, "[1,,2]", "entry 2 is empty in the list '1,,2'");
    refused(&sizes, "[1,(2]", "brackets do not match in '1,(2'");
}

static void test_lists(void **state)
{
    (void)state;
    assert_string_equal(canonical(&spectrum, "[1, 2,0.5 ]"), "[1, 2, 0.5]");
    assert_string_equal(canonical(&spectrum, "[3]"), "3");
    assert_string_equal(canonical(&spectrum, "3"), "3");
    assert_string_equal(canonical(&spectrum, "[]"), "[]");
    refused(&spectrum, "[1, 200]", "expected a list of numbers, each one from 0 to 100, got '200'");
    assert_string_equal(canonical(&metrics, "[w2,kid]"), "[w2, kid]");
    assert_string_equal(canonical(&metrics, "auto"), "auto");
    const mad_value words = parse(&metrics, "[w2, kid]");
    assert_int_equal(words.n_list, 2);
    assert_string_equal(words.words[1], "kid");
    refused(&metrics, "[a b]", "expected a list of words, got 'a b'");
    mad_value value;
    static const char *const items[] = {"1", "2"};
    assert_int_equal(mad_value_parse(ctx, mem, &spectrum, 2, items, 1, &value), MAD_OK);
    assert_string_equal(value.text, "[1, 2]");
    assert_int_equal(mad_value_parse(ctx, mem, &real, 2, items, 1, &value), MAD_E_CONFIG);
    assert_string_equal(ctx->message, "expected a number from 0 to 1, got a list");
}

static void test_messages_are_one_short_line(void **state)
{
    (void)state;
    char text[400];
    memset(text, 'a', sizeof text);
    text[sizeof text - 1] = '\0';
    memcpy(text, "x\ny\x1b", 4);
    mad_value value;
    const char *texts = text;
    mad_ctx_clear(ctx);
    assert_int_equal(mad_value_parse(ctx, mem, &whole, 1, &texts, 0, &value), MAD_E_CONFIG);
    assert_non_null(strstr(ctx->message, "got 'x?y?aaa"));
    assert_non_null(strstr(ctx->message, "aa...'"));
    char shown[MAD_SHOWN_BYTES], umlauts[200];
    for (size_t i = 0; i < 199; i++) {
        umlauts[i] = (char)(i % 2 == 0 ? 0xc3 : 0xbc);
    }
    umlauts[198] = '\0';
    mad_text_shown(umlauts, sizeof shown, shown);
    assert_string_equal(shown + strlen(shown) - 5, "ü...");
    for (size_t n = 0; n < 80; n++) { /* around the size of the buffer, which nothing may leave */
        char plain[80] = {0}, tight[MAD_SHOWN_BYTES + 8];
        memset(plain, 'p', n);
        memset(tight, '#', sizeof tight);
        mad_text_shown(plain, MAD_SHOWN_BYTES, tight);
        assert_int_equal(strlen(tight), n < MAD_SHOWN_BYTES ? n : MAD_SHOWN_BYTES - 1);
        for (size_t i = MAD_SHOWN_BYTES; i < sizeof tight; i++) {
            assert_int_equal(tight[i], '#');
        }
    }
    mad_text_shown("ab", sizeof shown, shown);
    assert_string_equal(shown, "ab");
}

static void test_allowed(void **state)
{
    (void)state;
    char out[128];
    const mad_param positive = {"x",  MAD_PARAM_REAL, "1", DBL_MIN, (double)INFINITY,
                                NULL, NULL,           "x"};
    mad_param_allowed(&positive, sizeof out, out);
    assert_string_equal(out, "a number above 0");
    mad_param_allowed(&any, sizeof out, out);
    assert_string_equal(out, "a number");
    mad_param_allowed(&age, 10, out); /* cut, never overrun */
    assert_string_equal(out, "last | un");
}

static void test_access(void **state)
{
    (void)state;
    const mad_param table[] = {whole, real, age, moments, {0}};
    mad_values values;
    assert_int_equal(mad_values_default(ctx, mem, table, &values), MAD_OK);
    assert_int_equal(values.n_values, 4);
    assert_int_equal(mad_get_size(&values, "n"), 5);
    assert_true(mad_get_real(&values, "x") == 0.5);
    assert_int_equal(mad_get_choice(&values, "age"), 0);
    assert_string_equal(mad_get_text(&values, "moments"), "auto");
    assert_true(mad_get(&values, "n")->is_default);
    const mad_param required[] = {whole, path, {0}};
    mad_ctx_clear(ctx);
    assert_int_equal(mad_values_default(ctx, mem, required, &values), MAD_E_CONFIG);
    assert_string_equal(ctx->message, "'path' is required: a file name");
    assert_int_equal(mad_values_default(ctx, mem, NULL, &values), MAD_OK);
    assert_int_equal(values.n_values, 0);
}

static void test_sets(void **state)
{
    (void)state;
    mad_set set, other;
    mad_ctx_clear(ctx);
    assert_int_equal(mad_set_take(ctx, mem, 5, 3, 1, &set), MAD_OK);
    assert_int_equal(mad_set_take(ctx, mem, 2, 3, 1, &other), MAD_OK);
    for (size_t i = 0; i < 6; i++) {
        other.x[i] = (double)i + 1.0;
    }
    other.label[1] = 9;
    mad_set_copy(&other, &set, 3);
    const mad_set view = mad_set_rows(&set, 4, 1);
    assert_true(view.x[0] == 4.0 && view.x[2] == 6.0 && view.label[0] == 9);
    assert_true(set.x[8] == 0.0 && set.weight == NULL && view.weight == NULL);
    assert_int_equal(mad_set_check_finite(ctx, &set, "rows"), MAD_OK);
    set.x[7] = (double)NAN;
    assert_int_equal(mad_set_check_finite(ctx, &set, "rows"), MAD_E_NONFINITE);
    assert_string_equal(ctx->message, "rows: row 2, column 1 (from 0) is nan");
    mad_ctx_clear(ctx);
    assert_int_equal(mad_set_take(ctx, mem, SIZE_MAX / 2, 3, 0, &set), MAD_E_RANGE);
    mad_ctx_clear(ctx);
    assert_int_equal(mad_set_take(ctx, mem, 4, 2, 0, &set), MAD_OK);
    assert_null(set.label);
    mad_set_copy(&(mad_set){.dim = 2}, &set, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_print_is_exact),
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_schedules),
        cmocka_unit_test(test_schedules_in_forms),
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_messages_are_one_short_line),
        cmocka_unit_test(test_allowed),
        cmocka_unit_test(test_access),
        cmocka_unit_test(test_sets),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}

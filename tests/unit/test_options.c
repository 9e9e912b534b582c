/* tests/unit/test_options.c: option tables: values, orders, and every refusal with its words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "sim/cli/options.h"

static const mad_command command = {.name = "draw", .arguments = "DIR...", .doc = "Draw."};

/* What one command line sets. */
typedef struct parsed {
    mad_status st;
    char message[MAD_MESSAGE_BYTES];
    const char *out;
    int json, quiet;
    size_t jobs, style;
    double hours;
    mad_arguments args;
    char *argv[16];
    char text[512];
} parsed;

/* Splits `line` at spaces and parses it. */
static void parse(const char *line, parsed *p)
{
    mad_app app = {.ctx = mad_ctx_create(1)};
    int argc = 0;
    char *rest = NULL;

    *p = (parsed){.out = "-", .jobs = 3, .hours = 1.5};
    const mad_option options[] = {
        {"out", 'o', "DIR", "folder", .text = &p->out},
        {"json", 0, NULL, "JSON", .flag = &p->json},
        {"quiet", 'q', NULL, "quiet", .flag = &p->quiet},
        {"jobs", 'j', "N", "jobs", .count = &p->jobs, .min = 1, .max = 8},
        {"max-hours", 0, "H", "hours", .real = &p->hours, .min = 0, .max = 100},
        {"progress", 0, "STYLE", "style", .count = &p->style, .choices = "auto|bar|none"},
        {.name = NULL},
    };
    assert_non_null(app.ctx);
    (void)snprintf(p->text, sizeof p->text, "draw %s", line);
    for (char *word = strtok_r(p->text, " ", &rest); word != NULL;
         word = strtok_r(NULL, " ", &rest)) {
        p->argv[argc++] = word;
    }
    p->st = mad_options_parse(&app, &command, argc, p->argv, &(mad_usage){options, 1, 3, NULL},
                              &p->args);
    memcpy(p->message, app.ctx->message, sizeof p->message);
    mad_ctx_destroy(app.ctx);
}

static void test_values(void **state)
{
    (void)state;
    parsed p;
    parse("a", &p);
    assert_int_equal(p.st, MAD_OK);
    assert_string_equal(p.out, "-"); /* what is not given stays */
    assert_int_equal(p.jobs, 3);

    parse("a --json -o x -j4 b --max-hours=2.5 --progress none c", &p);
    assert_int_equal(p.st, MAD_OK);
    assert_string_equal(p.out, "x");
    assert_true(p.json == 1 && p.quiet == 0 && p.jobs == 4 && p.style == 2 && p.hours == 2.5);
    assert_int_equal(p.args.n, 3);
    assert_string_equal(p.args.text[0], "a");
    assert_string_equal(p.args.text[2], "c");

    parse("-qj 7 -- --json key=value", &p); /* cluster; "--" ends options */
    assert_int_equal(p.st, MAD_OK);
    assert_true(p.quiet == 1 && p.jobs == 7 && p.json == 0);
    assert_string_equal(p.args.text[0], "--json");
    assert_string_equal(p.args.text[1], "key=value");

    parse("--pro bar a", &p); /* unique beginning */
    assert_int_equal(p.st, MAD_OK);
    assert_int_equal(p.style, 1);
}

static void refuse(const char *line, const char *words)
{
    parsed p;
    parse(line, &p);
    if (p.st != MAD_E_USAGE || strstr(p.message, words) == NULL) {
        fail_msg("'%s': status %d, message '%s', expected '%s'", line, (int)p.st, p.message, words);
    }
}

static void test_refusals(void **state)
{
    (void)state;
    refuse("", "expected DIR...");
    refuse("a b c d", "unexpected argument 'd'");
    refuse("a --jsno", "unknown option '--jsno' (did you mean '--json'?)");
    refuse("a --zebra", "unknown option '--zebra'");
    refuse("--zebra a", "unknown option '--zebra'");
    refuse("--json -zq a", "unknown option '-zq'");
    refuse("a -z", "unknown option '-z'");
    refuse("a --out", "'--out' needs a value: DIR");
    refuse("a -o", "'--out' needs a value: DIR");
    refuse("--json=3 a", "'--json' takes no value");
    refuse("-j 0 a", "whole number from 1 to 8, got '0'");
    refuse("-j 9 a", "whole number from 1 to 8, got '9'");
    refuse("-j 2.5 a", "whole number from 1 to 8, got '2.5'");
    refuse("-j 4x a", "got '4x'");
    refuse("-j nan a", "got 'nan'");
    refuse("-j 2 a --jobs 3", "'--jobs' is given twice");
    refuse("--json a --json", "'--json' is given twice");
    refuse("--max-hours inf a", "number from 0 to 100, got 'inf'");
    refuse("--progress baz a", "one of auto|bar|none, got 'baz'");
    refuse("--progress ba a", "got 'ba'"); /* words of a choice are not abbreviated */
}

static void test_help(void **state)
{
    (void)state;
    parsed p;
    parse("--bad-after --help", &p);
    assert_int_equal(p.st, MAD_E_USAGE); /* errors before it win */
    parse("--help --bad", &p);           /* what follows it does not matter */
    assert_int_equal(p.st, MAD_OK);
    assert_true(p.args.shown_help);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_help),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

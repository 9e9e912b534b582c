/* tests/unit/test_config_refused.c: what is refused, with place, text and what is allowed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/base/rng.h"
#include "tests/support/config_case.h"

static void test_unknown(void **state)
{
    (void)state;
    mad_case_refused_more("loop: {n_reel: 3}",
                          "a.yaml:3:8: unknown key 'loop.n_reel' (did you mean 'loop.n_real'?)");
    mad_case_refused_more("n_real: 3",
                          "a.yaml:3:1: unknown key 'n_real' (did you mean 'loop.n_real'?)");
    mad_case_refused_more("seeed: 3", "a.yaml:3:1: unknown key 'seeed' (did you mean 'seed'?)");
    mad_case_refused_more("lop: {n_real: 3}",
                          "a.yaml:3:7: unknown section 'lop' (did you mean 'loop'?)");
    mad_case_refused_more("choose: {kind: none}", "a.yaml:3:10: unknown section 'choose'");
    mad_case_refused_more("select: {kind: best}",
                          "a.yaml:3:16: unknown select 'best': expected none");
    mad_case_refused_more("paper: {sorce: x}",
                          "a.yaml:3:9: unknown key 'paper.sorce' (did you mean 'paper.source'?)");
    mad_case_refused_more("paper: {row: third}",
                          "a.yaml:3:14: paper.row: expected a number from 0, got 'third'");
    mad_case_refused_more("paper: {seconds: 3 s}",
                          "a.yaml:3:18: paper.seconds: expected a number from 0, got '3 s'");
    mad_case_refused_more("expect: {a: [x = 1, y = 2]}",
                          "a.yaml:3:13: expect.a: expected text, got a list");
    mad_case_refused_more("zzzzzz: 1", "a.yaml:3:1: unknown key 'zzzzzz'");
    mad_case_refused_more("world.width: 3", "a.yaml:3:1: unknown key 'world.width'");
    mad_case_refused_more(
        "model.width: 3",
        "a.yaml:3:1: key 'model.width' belongs to model 'diffusion', not to 'gauss' (model.kind)");
    mad_case_refused_more(
        "bias: {strength: 0.5}",
        "a.yaml:3:8: key 'bias.strength' belongs to bias 'shrink', not to 'none' (bias.kind)");
    mad_case_refused_more(
        "loop: {family: fresh, age: last}",
        "a.yaml:3:23: key 'loop.age' belongs to loop 'custom', not to 'fresh' (loop.family)");
    mad_case_refused_more(
        "bias: {kind: shrnik}",
        "a.yaml:3:14: unknown bias 'shrnik': expected none | shrink (did you mean "
        "'shrink'?)");
    mad_case_refused_more(
        "measure: {metrics: [recal]}",
        "a.yaml:3:20: measure.metrics: unknown metric 'recal' (did you mean 'recall'?)");
    mad_case_refused_more(
        "lambda: 1",
        "a.yaml:3:1: no key is called 'lambda': the literature uses it for two things, "
        "sampling bias (here bias.strength) and the ratio of synthetic to real data "
        "(here the sizes loop.n_synthetic and loop.n_real)");
    mad_case_refused_more(
        "bias: {lambda: 1}",
        "a.yaml:3:8: no key is called 'lambda': the literature uses it for two things, "
        "sampling bias (here bias.strength) and the ratio of synthetic to real data "
        "(here the sizes loop.n_synthetic and loop.n_real)");
    mad_case_refused("world: {kind: gauss}\n",
                     "a.yaml: 'model.kind' is required: gauss | diffusion");
    mad_case_refused("world: {kind: csv}\nmodel: {kind: gauss}\n",
                     "a.yaml: 'world.path' is required by 'csv': a file name");
    mad_case_refused("world: {kind: csv, pth: x}\nmodel: {kind: gauss}\n",
                     "a.yaml:1:20: unknown key 'world.pth' (did you mean 'world.path'?)");
}

static void test_shapes(void **state)
{
    (void)state;
    mad_case_refused_more("loop: 5", "a.yaml:3:7: 'loop' is a section: expected keys, got '5'");
    mad_case_refused_more("loop: [5]",
                          "a.yaml:3:7: 'loop' is a section: expected keys, got a list");
    mad_case_refused_more("seed: {a: 1}", "a.yaml:3:8: seed: expected a whole number from 0 to "
                                          "9007199254740991, got a mapping");
    mad_case_refused_more("seed: {}", "a.yaml:3:7: seed: expected a whole number from 0 to "
                                      "9007199254740991, got a mapping");
    mad_case_refused_more("seed:",
                          "a.yaml:3:1: seed: expected a whole number from 0 to 9007199254740991, "
                          "got nothing");
    mad_case_refused_more("seed: [1]", "a.yaml:3:7: seed: expected a whole number from 0 to "
                                       "9007199254740991, got a list");
    mad_case_refused_more("seed: -1", "a.yaml:3:7: seed: expected a whole number from 0 to "
                                      "9007199254740991, got '-1'");
    mad_case_refused_more(
        "generations: 0",
        "a.yaml:3:14: generations: expected a whole number from 1 to 1000000, got '0'");
    mad_case_refused_more(
        "measure.moments: modle",
        "a.yaml:3:18: measure.moments: expected auto | model | samples, got 'modle' (did "
        "you mean 'model'?)");
    mad_case_refused_more(
        "loop: {n_real: linear(1, 2)}",
        "a.yaml:3:26: unknown key 'loop.2)' (inside {} and [] a text with a comma needs "
        "quotes)");
    mad_case_refused_more(
        "loop: {n_real: [linear(1, 2)]}",
        "a.yaml:3:16: loop.n_real: expected a number from 0 to 10000000, linear(a,b), "
        "geometric(a,r), logistic(a,b,middle,width) or [a,b,...], got 'linear(1' (inside {} and [] "
        "a text with a "
        "comma needs quotes)");
    mad_case_refused_more(
        "sweep: {loop.n_real: [linear(1, 2)]}",
        "a.yaml:3:22: loop.n_real: expected a number from 0 to 10000000, linear(a,b), "
        "geometric(a,r), logistic(a,b,middle,width) or [a,b,...], got 'linear(1' (inside {} and [] "
        "a text with a "
        "comma needs quotes)");
    mad_case_refused_more(
        "loop: {n_real: 'geometric(1000, 10)'}",
        "a.yaml:3:16: loop.n_real: geometric(1000, 10) is 1e+11 in generation 10: "
        "expected a number from 0 to 10000000, linear(a,b), geometric(a,r), "
        "logistic(a,b,middle,width) or [a,b,...]");
    mad_case_refused_more(
        "loop: {n_real: [[1]]}",
        "a.yaml:3:16: loop.n_real: expected a number from 0 to 10000000, linear(a,b), "
        "geometric(a,r), logistic(a,b,middle,width) or [a,b,...], got '[1]'");
    mad_case_refused_more("bias: {kind: [none]}",
                          "a.yaml:3:14: bias.kind: expected one name, got a list");
    mad_case_refused_more("bias: {kind: {a: b}}",
                          "a.yaml:3:15: bias.kind: expected one name, got a mapping");
    mad_case_refused("world: {kind: gauss}\nmodel: {kind: diffusion, sampler: 5}",
                     "a.yaml:2:35: 'model.sampler' is a section: expected keys, got '5'");
    mad_case_refused("world: {kind: gauss}\nmodel: {kind: diffusion, sampler: {stpes: 5}}",
                     "a.yaml:2:36: unknown key 'model.sampler.stpes' (did you mean "
                     "'model.sampler.steps'?)");
    mad_case_refused_more("name: a/b",
                          "a.yaml:3:7: name: expected what can name a folder (up to 100 "
                          "bytes, no '/', no '.' in front), got 'a/b'");
}

static void test_stop(void **state)
{
    (void)state;
    mad_case_refused_more("stop: 5", "a.yaml:3:7: 'stop' is a section: expected keys, got '5'");
    mad_case_refused_more("stop: {}",
                          "a.yaml:3:7: stop: nothing to stop at: give stop.metric with stop.below, "
                          "stop.above or stop.plateau, or stop.samples");
    mad_case_refused_more("stop: {alpha: 0.01}",
                          "a.yaml:3:15: stop: nothing to stop at: give stop.metric with "
                          "stop.below, stop.above or stop.plateau, or stop.samples");
    mad_case_refused_more("stop: {below: 0.3}",
                          "a.yaml:3:15: stop.below is a test of stop.metric: name an output, such "
                          "as 'recall'");
    mad_case_refused_more("stop: {metric: recall}",
                          "a.yaml:3:16: stop.metric: no test of it is given: stop.below, "
                          "stop.above or stop.plateau");
    mad_case_refused_more("stop: {metric: recal, below: 0.3}",
                          "a.yaml:3:16: stop.metric: expected the name of one output, got 'recal' "
                          "(did you mean 'recall'?)");
    mad_case_refused_more("stop: {metric: recall, below: 0.3, above: 0.3}\nreplicates: 3",
                          "a.yaml:3:31: stop.below is 0.3 and stop.above 0.3: every value would be "
                          "a stop");
    mad_case_refused_more("stop: {metric: recall, above: 0.3}",
                          "a.yaml:3:31: stop.above is tested over replicates: there must be at "
                          "least 2, replicates is 1");
    mad_case_refused_more(
        "stop: {metric: recall, plateau: 0.01, window: 10}\nreplicates: 3",
        "a.yaml:3:47: stop.window: a plateau of 10 generations does not fit into a run of 10");
    mad_case_refused_more("stop: {metric: recall, below: low}\nreplicates: 3",
                          "a.yaml:3:31: stop.below: expected none | a number from -1e+300 to "
                          "1e+300, got 'low'");
    mad_case_refused_more("stop: {metric: recall, below: 0, alpha: 1}",
                          "a.yaml:3:41: stop.alpha: expected a number from 1e-09 to 0.5, got '1'");
    mad_case_refused_override("stop.samples=0",
                              "override 'stop.samples=0': stop.samples: expected none | a whole "
                              "number from 1 to 9007199254740991, got '0'");
}

static void test_syntax(void **state)
{
    (void)state;
    mad_case_refused_more("seed: 1\nseed: 2",
                          "a.yaml:4:1: duplicate key 'seed', first set in line 3");
    mad_case_refused_more("world: {dim: 2}",
                          "a.yaml:3:1: duplicate key 'world', first set in line 1");
    mad_case_refused_more("loop: {n_real: 2}\nloop.n_real: 3",
                          "a.yaml:4:1: duplicate key 'loop.n_real', first set in line 3");
    mad_case_refused("", "a.yaml:1:1: the configuration is empty");
    mad_case_refused("# nothing\n", "a.yaml:1:1: the configuration is empty");
    mad_case_refused("---\n", "a.yaml:1:1: the configuration is empty");
    mad_case_refused("just text\n", "a.yaml:1:1: expected lines 'key: value', got a text");
    mad_case_refused("- a\n", "a.yaml:1:1: expected lines 'key: value', got a list");
    mad_case_refused_more("loop:\n\tn_real: 3",
                          "a.yaml:4:1: tab in the indentation: indent with blanks");
    mad_case_refused_more("seed: &a 3",
                          "a.yaml:3:10: anchors and aliases (& and *) are not offered: "
                          "repeat the value, or use 'include'");
    mad_case_refused_more("seed: *a",
                          "a.yaml:3:7: anchors and aliases (& and *) are not offered: repeat "
                          "the value, or use 'include'");
    mad_case_refused_more("seed: !!int 3",
                          "a.yaml:3:13: tags (!) are not offered: every key knows its type");
    mad_case_refused_more("---\nseed: 3",
                          "a.yaml:3:1: a second document: one file holds one experiment");
    mad_case_refused_more("%TAG ! x:\n", "a.yaml:3:1: no directive but '%YAML 1.2' is allowed");
    mad_case_refused("%YAML 1.1\n---\n", "a.yaml:1:1: no directive but '%YAML 1.2' is allowed");
    mad_case_refused_more("? [a]\n: b", "a.yaml:3:3: a key must be a plain word");
    mad_case_refused_more("'': b", "a.yaml:3:1: a key is empty");
    mad_case_refused_more("seed: [1",
                          "a.yaml:4:1: not valid YAML: flow sequence without a closing bracket");
    mad_case_refused_more("loop: {n_real: [{a: 1}]}",
                          "a.yaml:3:17: a list may hold plain values only");
    mad_case_refused_more("name: \"a\\0b\"",
                          "a.yaml:3:7: an escape in this text makes no character");
    mad_case_refused_more("seed: \xff",
                          "a.yaml:3:7: byte 0xff is not valid UTF-8: not a text file");
    mad_case_refused_more("na\x01me: 1",
                          "a.yaml:3:3: control character 0x01: a binary file, not YAML");
    char deep[2048] = MINIMAL "a: ";
    for (int i = 0; i < 20; i++) {
        strcat(deep, "{a: ");
    }
    mad_case_refused(deep, "a.yaml:3:33: keys are nested deeper than 8 levels");
}

static void test_files(void **state)
{
    (void)state;
    char path[256];
    snprintf(path, sizeof path, "%s/none.yaml", mad_case.folder);
    mad_case_refused_file(path, MAD_E_IO, "cannot read '%s/none.yaml': No such file or directory");
    mad_case_refused_file(mad_case.folder, MAD_E_IO, "cannot read '%s': Is a directory");
    mad_case_refused_file(mad_case_write_file("bin.yaml",
                                              "\x7f"
                                              "ELF\0\1",
                                              6),
                          MAD_E_CONFIG,
                          "%s/bin.yaml:1:1: control character 0x7f: a binary file, not YAML");
    mad_case_refused_file(mad_case_write_file("nul.yaml", "seed: 1\0\n", 9), MAD_E_CONFIG,
                          "%s/nul.yaml:1:8: control character 0x00: a binary file, not YAML");
    mad_case_refused_file(mad_case_write_file("empty.yaml", "", 0), MAD_E_CONFIG,
                          "%s/empty.yaml:1:1: the configuration is empty");
    const size_t n = ((size_t)1 << 20) + 1;
    char *large = malloc(n);
    assert_non_null(large);
    memset(large, '#', n);
    mad_case_refused_file(mad_case_write_file("large.yaml", large, n), MAD_E_CONFIG,
                          "%s/large.yaml: larger than 1 MiB: not a configuration");
    memset(large, '[', n - 1);
    memcpy(large, "seed: ", 6);
    mad_config c;
    mad_ctx_clear(mad_case.ctx);
    assert_int_equal(mad_config_load(mad_case.ctx, mad_case.mem,
                                     mad_case_write_file("deep.yaml", large, n - 1), NULL, 0, NULL,
                                     &mad_case_registry, &c),
                     MAD_E_CONFIG);
    free(large);
    char *blank = malloc(n); /* minutes for the parser, if it saw them */
    assert_non_null(blank);
    memset(blank, '\n', n - 1);
    memcpy(blank, "seed: |\n ", 9);
    mad_case_refused_file(mad_case_write_file("blank.yaml", blank, n - 1), MAD_E_CONFIG,
                          "%s/blank.yaml:1002:1: more than 1000 blank lines in a row");
    free(blank);
    /* a byte order mark and DOS line ends are harmless */
    const char *dos = mad_case_write_text("dos.yaml", "\xef\xbb\xbfworld: {kind: gauss}\r\n"
                                                      "model: {kind: gauss}\r\nseed: 3\r\n");
    mad_ctx_clear(mad_case.ctx);
    assert_int_equal(
        mad_config_load(mad_case.ctx, mad_case.mem, dos, NULL, 0, NULL, &mad_case_registry, &c),
        MAD_OK);
    assert_int_equal(mad_get_size(&c.root, "seed"), 3);
    /* many keys: refused in no time */
    char *many = malloc(400000), *end = many;
    assert_non_null(many);
    for (int i = 0; i < 20000; i++) {
        end += sprintf(end, "key%d: 1\n", i);
    }
    mad_case_refused_file(mad_case_write_text("many.yaml", many), MAD_E_CONFIG,
                          "%s/many.yaml:10001:1: more than 10000 keys");
    free(many);
}

/* Every text of every length must end in a status, never in a crash or a hang. */
static void test_broken_texts_end(void **state)
{
    (void)state;
    static const char whole[] = "%YAML 1.2\n---\nworld: {kind: gauss, spectrum: [1, 2]}\n"
                                "model:\n  kind: diffusion\n  sampler: {steps: 3}\n"
                                "loop:\n  n_real: linear(1, 2)\nname: \"x\\u00e9\"\n"
                                "sweep: {seed: [1, 2]}\n";
    const mad_key key = {.seed = 2, .purpose = MAD_RNG_TEST};
    mad_config c;
    for (uint64_t i = 0; i < 3000; i++) {
        mad_rng rng = mad_rng_open(key, i);
        char text[sizeof whole];
        memcpy(text, whole, sizeof whole);
        const size_t n_changes = (size_t)mad_rng_below(&rng, 4);
        for (size_t k = 0; k < n_changes; k++) {
            static const char bytes[] = "{}[]:,'\"%&*!|>-?# \t\n\\a0\xc3\xff\xef";
            text[mad_rng_below(&rng, sizeof whole - 1)] =
                bytes[mad_rng_below(&rng, sizeof bytes - 1)];
        }
        text[mad_rng_below(&rng, sizeof whole)] = '\0';
        const mad_arena_mark mark = mad_arena_get_mark(mad_case.mem);
        mad_ctx_clear(mad_case.ctx);
        const mad_status st = mad_config_load(mad_case.ctx, mad_case.mem, "a.yaml", text, 0, NULL,
                                              &mad_case_registry, &c);
        assert_true(st == MAD_OK || st == MAD_E_CONFIG);
        assert_null(strchr(mad_case.ctx->message, '\n'));
        mad_arena_release(mad_case.mem, mark);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_unknown, mad_case_each),
        cmocka_unit_test_setup(test_shapes, mad_case_each),
        cmocka_unit_test_setup(test_stop, mad_case_each),
        cmocka_unit_test_setup(test_syntax, mad_case_each),
        cmocka_unit_test_setup(test_files, mad_case_each),
        cmocka_unit_test_setup(test_broken_texts_end, mad_case_each),
    };
    return cmocka_run_group_tests(tests, mad_case_setup, mad_case_teardown);
}

/* tests/unit/test_config.c: what loads, and how it resolves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "sim/base/rng.h"
#include "sim/num/stats.h"
#include "tests/support/config_case.h"

static void test_defaults_and_print(void **state)
{
    (void)state;
    const mad_config c = mad_case_load(MINIMAL, 0, NULL);
    assert_string_equal(c.resolved, "name: a\n"
                                    "seed: 1\n"
                                    "replicates: 1\n"
                                    "models: 1\n"
                                    "cross: own\n"
                                    "shared_real: no\n"
                                    "generations: 10\n"
                                    "world:\n"
                                    "  kind: gauss\n"
                                    "  dim: 2\n"
                                    "  spectrum: []\n"
                                    "model:\n"
                                    "  kind: gauss\n"
                                    "  moments: ml\n"
                                    "loop:\n"
                                    "  family: custom\n"
                                    "  n_initial: 1000\n"
                                    "  n_real: 0\n"
                                    "  n_synthetic: 1000\n"
                                    "  age: last\n"
                                    "  budget: all\n"
                                    "  real_weight: proportional\n"
                                    "bias:\n"
                                    "  kind: none\n"
                                    "select:\n  kind: none\n"
                                    "correct:\n  kind: none\n"
                                    "post:\n  kind: none\n"
                                    "channel:\n  kind: none\n"
                                    "measure:\n"
                                    "  n: 1000\n"
                                    "  metrics: auto\n"
                                    "  moments: auto\n"
                                    "  bias: no\n"
                                    "  features: raw\n"
                                    "  preview: 256\n"
                                    "  lineage_ages: 16\n"
                                    "  ancestors: no\n"
                                    "  loss_points: 50\n"
                                    "  k: 5\n"
                                    "  blocks: 10\n"
                                    "checkpoint:\n"
                                    "  every: 1\n");
    assert_string_equal(c.directory, ".");
    assert_null(c.bias_type);
    assert_int_equal(c.bias.n_values, 0);
    assert_int_equal(c.n_axes, 0);
    assert_int_equal(mad_get_size(&c.measure, "k"), 5);
    const char *body = strchr(c.resolved, '\n') + 1;
    assert_true(c.hash == mad_fnv1a(body, strlen(body), MAD_FNV1A_START));
    /* the name is no part of the hash, everything else is */
    static const char *const named[] = {"name=other"}, *const seeded[] = {"seed=2"};
    assert_true(mad_case_load(MINIMAL, 1, named).hash == c.hash);
    assert_true(mad_case_load(MINIMAL, 1, seeded).hash != c.hash);
}

static void test_nested_and_dotted(void **state)
{
    (void)state;
    const mad_config c = mad_case_load("%YAML 1.2\n"
                                       "--- # an experiment\n"
                                       "world: {kind: gauss, spectrum: [1, 2e0, 0.50]}\n"
                                       "model:\n"
                                       "  kind: diffusion\n"
                                       "  sampler: {kind: heun, noise: {min: 1e-3}}\n"
                                       "  sampler.steps: 1e2\n"
                                       "loop.n_real: linear(10, 20)\n"
                                       "loop:\n"
                                       "  n_synthetic: [1, 2, 3]\n"
                                       "  age: geometric(0.5)\n"
                                       "bias:\n"
                                       "measure: {metrics: [recall, kid]}\n"
                                       "seed: 9007199254740991\n",
                                       0, NULL);
    assert_non_null(strstr(c.resolved, "  sampler:\n"
                                       "    kind: heun\n"
                                       "    steps: 100\n"
                                       "    noise:\n"
                                       "      min: 0.001\n"
                                       "  rate: 0.001\n"));
    assert_non_null(strstr(c.resolved, "  spectrum: [1, 2, 0.5]\n"));
    assert_non_null(strstr(c.resolved, "  n_real: linear(10, 20)\n  n_synthetic: [1, 2, 3]\n"));
    assert_non_null(strstr(c.resolved, "  metrics: [recall, kid]\n"));
    assert_non_null(strstr(c.resolved, "seed: 9007199254740991\n"));
    assert_false(mad_get(&c.model, "sampler.steps")->is_default);
    assert_true(mad_get(&c.model, "width")->is_default);
    assert_string_equal(mad_case_load(c.resolved, 0, NULL).resolved, c.resolved);
}

static void test_overrides(void **state)
{
    (void)state;
    static const char *const overrides[] = {"seed=5",
                                            "world.dim = 3",
                                            "world.spectrum=[1, 2,3]",
                                            "loop.age=uniform(2)",
                                            "measure.metrics=kid",
                                            "seed=6",
                                            "bias.kind=shrink",
                                            "bias.strength=0.5",
                                            "name=a = b"};
    const mad_config c = mad_case_load(MINIMAL "seed: 4\nworld.dim: 2\n",
                                       sizeof overrides / sizeof *overrides, overrides);
    assert_int_equal(mad_get_size(&c.root, "seed"), 6);
    assert_int_equal(mad_get_size(&c.world, "dim"), 3);
    assert_string_equal(mad_get_text(&c.world, "spectrum"), "[1, 2, 3]");
    assert_string_equal(mad_get_text(&c.loop, "age"), "uniform(2)");
    assert_string_equal(mad_get_text(&c.root, "name"), "a = b");
    assert_ptr_equal(c.bias_type, &mad_case_shrink);
    mad_case_refused_override("seed",
                              "override 'seed': expected key=value, for example loop.n_real=500");
    mad_case_refused_override("sed=3",
                              "override 'sed=3': unknown key 'sed' (did you mean 'seed'?)");
    mad_case_refused_override("seed=x",
                              "override 'seed=x': seed: expected a whole number from 0 to "
                              "9007199254740991, got 'x'");
    mad_case_refused_override("include=b.yaml",
                              "override 'include=b.yaml': 'include' stands in files only");
    mad_case_refused_override("sweep.seed=1",
                              "override 'sweep.seed=1': 'sweep' stands in files only");
    mad_case_refused_override("name=\xff", "override 'name=\xff': not valid UTF-8");
    mad_case_refused_override("=3", "override '=3': unknown key ''");
    mad_case_refused_override("world=csv",
                              "override 'world=csv': 'world' is a section: expected keys, got "
                              "'csv'");
}

static void test_sweep(void **state)
{
    (void)state;
    const char *text = MINIMAL "sweep:\n"
                               "  loop.n_real: [0, 100, 'linear(1,2)']\n"
                               "  loop: {family: [custom]}\n"
                               "  world.spectrum: [[1,2], [3]]\n"
                               "  seed: 0-2,7\n"
                               "  model.kind: [gauss]\n";
    const mad_config c = mad_case_load(text, 0, NULL);
    assert_int_equal(c.n_axes, 5);
    assert_string_equal(c.axes[0].key, "loop.n_real");
    assert_int_equal(c.axes[0].n_texts, 3);
    assert_string_equal(c.axes[0].texts[2], "linear(1,2)");
    assert_string_equal(c.axes[2].texts[0], "[1, 2]");
    assert_string_equal(c.axes[3].key, "seed");
    assert_int_equal(c.axes[3].n_texts, 4);
    assert_string_equal(c.axes[3].texts[3], "7");
    /* not set: the first point stands in; set: it stays */
    assert_int_equal(mad_get_size(&c.root, "seed"), 0);
    assert_string_equal(mad_get_text(&c.world, "spectrum"), "[1, 2]");
    static const char *const point[] = {"seed=7"};
    const mad_config at_point = mad_case_load(text, 1, point);
    assert_int_equal(mad_get_size(&at_point.root, "seed"), 7);
    assert_null(strstr(c.resolved, "sweep"));
    mad_case_refused_more("sweep: {loop.n_reel: [1]}",
                          "a.yaml:3:9: unknown key 'loop.n_reel' (did you mean 'loop.n_real'?)");
    mad_case_refused_more(
        "sweep: {seed: [1, x]}",
        "a.yaml:3:15: seed: expected a whole number from 0 to 9007199254740991, got 'x'");
    mad_case_refused_more(
        "sweep: {model.kind: [gauss, gaus]}",
        "a.yaml:3:21: unknown model 'gaus': expected gauss | diffusion (did you mean "
        "'gauss'?)");
    mad_case_refused_more("sweep: {seed: []}",
                          "a.yaml:3:15: sweep.seed: expected a list of values");
    mad_case_refused_more(
        "sweep: {seed: 'range(1,2)'}",
        "a.yaml:3:15: sweep.seed: expected range(first,last,step) with a step that leads "
        "from first to last, got 'range(1,2)'");
    mad_case_refused_more("sweep: [1]", "a.yaml:3:8: sweep: expected keys, such as loop.n_real: "
                                        "[100, 200]");
    mad_case_refused_more("sweep: {loop: [1]}",
                          "a.yaml:3:15: 'loop' is a section: expected keys, got '1'");
}

static void test_includes(void **state)
{
    (void)state;
    char path[256];
    snprintf(path, sizeof path, "%s/sub", mad_case.folder);
    assert_int_equal(mkdir(path, 0700), 0);
    mad_case_write_text("base.yaml", MINIMAL "seed: 1\nworld.dim: 7\nreplicates: 2\n");
    mad_case_write_text("sub/more.yml", "include: ../base.yaml\nreplicates: 3\nseed: 3\n");
    const char *top = mad_case_write_text("sub/top.yaml", "include: [more.yml]\nseed: 4\n");
    mad_config c;
    assert_int_equal(
        mad_config_load(mad_case.ctx, mad_case.mem, top, NULL, 0, NULL, &mad_case_registry, &c),
        MAD_OK);
    assert_int_equal(mad_get_size(&c.root, "seed"), 4);
    assert_int_equal(mad_get_size(&c.root, "replicates"), 3);
    assert_int_equal(mad_get_size(&c.world, "dim"), 7);
    assert_string_equal(mad_get_text(&c.root, "name"), "top");
    assert_string_equal(c.directory, path);
    mad_case_write_text("wrong.yaml", "include: base.yaml\nsed: 3\n");
    mad_case_refused_file(mad_case_write_text("outer.yaml", "include: wrong.yaml\n"), MAD_E_CONFIG,
                          "%s/wrong.yaml:2:1: unknown key 'sed' (did you mean 'seed'?)");
    mad_case_refused_file(
        mad_case_write_text("lost.yaml", "seed: 1\ninclude: nowhere.yaml\n"), MAD_E_CONFIG,
        "%s/lost.yaml:2:10: cannot read '%s/nowhere.yaml': No such file or directory");
    mad_case_write_text("b.yaml", "include: sub/../a.yaml\n");
    mad_case_refused_file(
        mad_case_write_text("a.yaml", "include: b.yaml\n"), MAD_E_CONFIG,
        "%s/b.yaml:1:10: include cycle: %s/a.yaml -> %s/b.yaml -> %s/sub/../a.yaml");
    mad_case_refused_file(mad_case_write_text("self.yaml", "include: self.yaml\n"), MAD_E_CONFIG,
                          "%s/self.yaml:1:10: include cycle: %s/self.yaml -> %s/self.yaml");
    mad_case_refused_file(
        mad_case_write_text("map.yaml", "include: {a: b}\n"), MAD_E_CONFIG,
        "%s/map.yaml:1:11: include: expected a file name or a list of file names");
    for (int i = 0; i < 20; i++) {
        char name[32], text[64];
        snprintf(name, sizeof name, "deep%d.yaml", i);
        snprintf(text, sizeof text, "include: deep%d.yaml\n", i + 1);
        mad_case_write_text(name, text);
    }
    mad_case_refused_file(
        mad_arena_text(mad_case.mem, strcat(strcpy(path, mad_case.folder), "/deep0.yaml")),
        MAD_E_CONFIG,
        "%s/deep16.yaml:1:10: includes go deeper than 16 files or name more than 100");
    for (int i = 0; i < 20; i++) { /* 2^20 files if nobody counted */
        char name[32], text[64];
        snprintf(name, sizeof name, "fan%d.yaml", i);
        snprintf(text, sizeof text, i < 10 ? "include: [fan%d.yaml, fan%d.yaml]\n" : "seed: 1\n",
                 i + 1, i + 1);
        mad_case_write_text(name, text);
    }
    mad_ctx_clear(mad_case.ctx);
    assert_int_equal(mad_config_load(mad_case.ctx, mad_case.mem,
                                     strcat(strcpy(path, mad_case.folder), "/fan0.yaml"), NULL, 0,
                                     NULL, &mad_case_registry, &c),
                     MAD_E_CONFIG);
    assert_non_null(strstr(mad_case.ctx->message, "name more than 100"));
}

static void test_names(void **state)
{
    (void)state;
    mad_config c;
    const char *const files[][2] = {{"x.yml", "x"},         {"dir/demo.yaml", "demo"},
                                    {"<text>", "<text>"},   {".hidden.yaml", "_hidden"},
                                    {"a.b.yaml", "a.b"},    {"bad\xff\n.yaml", "bad__"},
                                    {"dir/", "experiment"}, {"/dev/stdin", "stdin"}};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        assert_int_equal(mad_config_load(mad_case.ctx, mad_case.mem, files[i][0], MINIMAL, 0, NULL,
                                         &mad_case_registry, &c),
                         MAD_OK);
        assert_string_equal(mad_get_text(&c.root, "name"), files[i][1]);
    }
}

static const char *const texts[] = {"plain",
                                    "two words",
                                    "ünï ☃ 🦊",
                                    "\"quoted\" \\ back",
                                    "null",
                                    "~",
                                    "a: b # c",
                                    "[x]",
                                    "{y}",
                                    " lead",
                                    "123",
                                    "tab\there",
                                    "-",
                                    "#",
                                    "%YAML",
                                    "*a",
                                    "line\n",
                                    "\x01\x7f",
                                    "\xc2\x85\u2028\ufeff\uffff",
                                    "a,b",
                                    "'",
                                    "!t",
                                    "|"};

/* A random experiment as overrides; returns how many. */
static size_t random_overrides(mad_rng *rng, char (*out)[256])
{
    size_t n = 0;
    static const char *const ages[] = {"last", "uniform(%zu)", "geometric(0.%zu)", "all"};
    static const char *const sizes[] = {"%zu", "linear(%zu, 7)", "geometric(%zu,0.99)",
                                        "[1,%zu,3.5]"};
    const size_t number = (size_t)mad_rng_below(rng, 1000) + 1;
#define ADD(...) snprintf(out[n++], 256, __VA_ARGS__)
    ADD("seed=%llu", (unsigned long long)mad_rng_below(rng, 9007199254740992ull));
    ADD("generations=%zu", number);
    if (mad_rng_below(rng, 2) == 0) {
        ADD("world.kind=csv");
        ADD("world.path=%s", texts[mad_rng_below(rng, sizeof texts / sizeof *texts)]);
        ADD("world.title=%s", texts[mad_rng_below(rng, sizeof texts / sizeof *texts)]);
    } else {
        ADD("world.spectrum=[%.17g,%.3g]", mad_rng_uniform(rng), 1e5 * mad_rng_uniform(rng));
    }
    if (mad_rng_below(rng, 2) == 0) {
        ADD("model.kind=diffusion");
        ADD("model.rate=%.17g", 1e-9 + 0.9 * mad_rng_uniform(rng));
        ADD("model.sampler.noise.min=%g", mad_rng_uniform(rng) * 1e-6);
    }
    snprintf(out[n], 256, "loop.age=");
    snprintf(out[n++] + 9, 200, ages[mad_rng_below(rng, 4)], number);
    snprintf(out[n], 256, "loop.n_synthetic=");
    snprintf(out[n++] + 17, 200, sizes[mad_rng_below(rng, 4)], number);
    ADD("loop.real_weight=%.17g", mad_rng_uniform(rng));
    ADD("measure.metrics=%s", mad_rng_below(rng, 2) == 0 ? "[kid,recall]" : "auto");
#undef ADD
    return n;
}

static void test_resolved_is_a_fixed_point(void **state)
{
    (void)state;
    const mad_key key = {.seed = 1, .purpose = MAD_RNG_TEST};
    for (uint64_t i = 0; i < 500; i++) {
        mad_rng rng = mad_rng_open(key, i);
        char overrides[16][256];
        const char *pointers[16];
        const size_t n = random_overrides(&rng, overrides);
        for (size_t k = 0; k < n; k++) {
            pointers[k] = overrides[k];
        }
        const mad_arena_mark mark = mad_arena_get_mark(mad_case.mem);
        const mad_config once = mad_case_load(MINIMAL, n, pointers);
        const mad_config again = mad_case_load(once.resolved, 0, NULL);
        if (strcmp(once.resolved, again.resolved) != 0 || once.hash != again.hash) {
            fail_msg("case %llu:\n%s\nbecame\n%s", (unsigned long long)i, once.resolved,
                     again.resolved);
        }
        for (size_t k = 0; k < once.world.n_values; k++) {
            assert_string_equal(once.world.value[k].text, again.world.value[k].text);
        }
        mad_arena_release(mad_case.mem, mark);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_defaults_and_print, mad_case_each),
        cmocka_unit_test_setup(test_nested_and_dotted, mad_case_each),
        cmocka_unit_test_setup(test_overrides, mad_case_each),
        cmocka_unit_test_setup(test_sweep, mad_case_each),
        cmocka_unit_test_setup(test_includes, mad_case_each),
        cmocka_unit_test_setup(test_names, mad_case_each),
        cmocka_unit_test_setup(test_resolved_is_a_fixed_point, mad_case_each),
    };
    return cmocka_run_group_tests(tests, mad_case_setup, mad_case_teardown);
}

/* tests/unit/test_config.c: YAML experiments against a registry of the test's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sim/base/rng.h"
#include "sim/config/config.h"
#include "sim/num/stats.h"

/* ---- a small registry: tables without behaviour ---- */

static const mad_param gauss_world_params[] = {
    {"dim", MAD_PARAM_INT, "2", 1, 10000, NULL, NULL, "coordinates"},
    {"spectrum", MAD_PARAM_REALS, "[]", 0, 1e6, NULL, NULL, "variances"},
    {0}};
static const mad_param file_world_params[] = {
    {"path", MAD_PARAM_PATH, NULL, 0, 0, NULL, NULL, "data file"},
    {"title", MAD_PARAM_TEXT, "a title", 0, 0, NULL, NULL, "any text"},
    {0}};
static const mad_param gauss_model_params[] = {
    {"moments", MAD_PARAM_CHOICE, "ml", 0, 0, "ml|unbiased", NULL, "divisor"}, {0}};
static const mad_param diffusion_model_params[] = {
    {"width", MAD_PARAM_INT, "256", 1, 4096, NULL, NULL, "units"},
    {"sampler.kind", MAD_PARAM_CHOICE, "ddpm", 0, 0, "ddpm|ddim|heun", NULL, "sampler"},
    {"rate", MAD_PARAM_REAL, "0.001", 1e-9, 1, NULL, NULL, "learning rate"},
    {"sampler.steps", MAD_PARAM_INT, "50", 1, 10000, NULL, "steps", "steps"},
    {"sampler.noise.min", MAD_PARAM_REAL, "0.002", 0, 1, NULL, NULL, "smallest noise"},
    {0}};
static const mad_param loop_params[] = {
    {"n_initial", MAD_PARAM_INT, "1000", 1, 1e7, NULL, "rows", "rows of generation 1"},
    {"n_real", MAD_PARAM_SCHEDULE, "0", 0, 1e7, NULL, "rows", "real rows"},
    {"n_synthetic", MAD_PARAM_SCHEDULE, "1000", 0, 1e7, NULL, "rows", "synthetic rows"},
    {"age", MAD_PARAM_FORM, "last", 0, 1e6, "last|uniform(K)|geometric(rho)|all", NULL, "models"},
    {"budget", MAD_PARAM_FORM, "all", 1, 1e7, "all|#B", "rows", "rows to fit on"},
    {"real_weight", MAD_PARAM_FORM, "proportional", 0, 1, "proportional|#", NULL, "weight"},
    {0}};
static const mad_param fresh_loop_params[] = {
    {"n_real", MAD_PARAM_SCHEDULE, "1000", 0, 1e7, NULL, "rows", "real rows"},
    {"stream", MAD_PARAM_INT, "1", 1, 9, NULL, NULL, "only this family knows it"},
    {0}};
static const mad_param shrink_params[] = {
    {"strength", MAD_PARAM_REAL, "1", 0, 1, NULL, NULL, "lambda of the literature"}, {0}};
static const mad_param k_params[] = {{"k", MAD_PARAM_INT, "5", 1, 100, NULL, NULL, "neighbours"},
                                     {0}};
static const mad_param kid_params[] = {
    {"k", MAD_PARAM_INT, "5", 1, 100, NULL, NULL, "neighbours"},
    {"blocks", MAD_PARAM_INT, "10", 1, 100, NULL, NULL, "blocks"},
    {0}};
static const mad_param other_k_params[] = {
    {"k", MAD_PARAM_INT, "3", 1, 100, NULL, NULL, "neighbours"}, {0}};

static const mad_world_type gauss_world = {.name = "gauss", .params = gauss_world_params};
static const mad_world_type file_world = {.name = "csv", .params = file_world_params};
static const mad_model_type gauss_model = {.name = "gauss", .params = gauss_model_params};
static const mad_model_type diffusion_model = {.name = "diffusion",
                                               .params = diffusion_model_params};
static const mad_loop_type custom_loop = {.name = "custom", .params = loop_params};
static const mad_loop_type fresh_loop = {.name = "fresh", .params = fresh_loop_params};
static const mad_bias_type no_bias = {.name = "none"};
static const mad_bias_type shrink = {.name = "shrink", .params = shrink_params};
static const mad_metric_output knn_outputs[] = {{.name = "precision"}, {.name = "recall"}, {0}};
static const mad_metric_output kid_outputs[] = {{.name = "kid"}, {0}};
static const mad_metric_type knn = {.name = "knn", .params = k_params, .outputs = knn_outputs};
static const mad_metric_type kid = {.name = "kid", .params = kid_params, .outputs = kid_outputs};
static const mad_metric_type rival = {
    .name = "rival", .params = other_k_params, .outputs = kid_outputs};

static const mad_world_type *const worlds[] = {&gauss_world, &file_world, NULL};
static const mad_model_type *const models[] = {&gauss_model, &diffusion_model, NULL};
static const mad_loop_type *const loops[] = {&custom_loop, &fresh_loop, NULL};
static const mad_bias_type *const biases[] = {&no_bias, &shrink, NULL};
static const mad_metric_type *const metrics[] = {&knn, &kid, NULL};
static const mad_theory_type *const theories[] = {NULL};
static const mad_registry registry = {worlds, models, loops, biases, metrics, theories};

/* ---- helpers ---- */

static mad_ctx *ctx;
static mad_arena *mem;
static char folder[64];

static int setup(void **state)
{
    (void)state;
    ctx = mad_ctx_create(1);
    mem = mad_arena_create(1 << 16);
    strcpy(folder, "/tmp/mad-config-XXXXXX");
    return ctx == NULL || mem == NULL || mkdtemp(folder) == NULL;
}

static int teardown(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -r %s", folder);
    mad_arena_destroy(mem);
    mad_ctx_destroy(ctx);
    return system(command);
}

static int each(void **state)
{
    (void)state;
    mad_ctx_clear(ctx);
    mad_arena_destroy(mem);
    mem = mad_arena_create(1 << 16);
    return mem == NULL;
}

/* Writes folder/name and returns its path. */
static const char *write_file(const char *name, const char *bytes, size_t n_bytes)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, n_bytes, file), n_bytes);
    assert_int_equal(fclose(file), 0);
    return mad_arena_text(mem, path);
}

static const char *write_text(const char *name, const char *text)
{
    return write_file(name, text, strlen(text));
}

#define MINIMAL "world: {kind: gauss}\nmodel: {kind: gauss}\n"

static mad_config load(const char *text, size_t n, const char *const *overrides)
{
    mad_config config;
    mad_ctx_clear(ctx);
    const mad_status st =
        mad_config_load(ctx, mem, "a.yaml", text, n, overrides, &registry, &config);
    if (st != MAD_OK) {
        fail_msg("refused: %s\n%s", ctx->message, text);
    }
    return config;
}

static void refused(const char *text, const char *message)
{
    mad_config config;
    mad_ctx_clear(ctx);
    const mad_status st = mad_config_load(ctx, mem, "a.yaml", text, 0, NULL, &registry, &config);
    assert_string_equal(ctx->message, message);
    assert_int_equal(st, MAD_E_CONFIG);
}

/* As refused, behind the two lines that every experiment needs. */
static void refused_more(const char *more, const char *message)
{
    char text[4096];
    snprintf(text, sizeof text, MINIMAL "%s", more);
    refused(text, message);
}

static void refused_override(const char *override, const char *message)
{
    mad_config config;
    mad_ctx_clear(ctx);
    assert_int_equal(mad_config_load(ctx, mem, "a.yaml", MINIMAL, 1, &override, &registry, &config),
                     MAD_E_CONFIG);
    assert_string_equal(ctx->message, message);
}

static void refused_file(const char *path, mad_status st, const char *message)
{
    mad_config config;
    char whole[1024];
    mad_ctx_clear(ctx);
    assert_int_equal(mad_config_load(ctx, mem, path, NULL, 0, NULL, &registry, &config), st);
    snprintf(whole, sizeof whole, message, folder, folder, folder, folder);
    assert_string_equal(ctx->message, whole);
}

/* ---- what loads ---- */

static void test_defaults_and_print(void **state)
{
    (void)state;
    const mad_config c = load(MINIMAL, 0, NULL);
    assert_string_equal(c.resolved, "name: a\n"
                                    "seed: 1\n"
                                    "replicates: 1\n"
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
                                    "measure:\n"
                                    "  n: 1000\n"
                                    "  metrics: auto\n"
                                    "  moments: auto\n"
                                    "  preview: 256\n"
                                    "  lineage_ages: 16\n"
                                    "  loss_points: 50\n"
                                    "  k: 5\n"
                                    "  blocks: 10\n"
                                    "checkpoint:\n"
                                    "  every: 1\n");
    assert_string_equal(c.directory, ".");
    assert_ptr_equal(c.bias_type, &no_bias);
    assert_int_equal(c.bias.n_values, 0);
    assert_int_equal(c.n_axes, 0);
    assert_int_equal(mad_get_size(&c.measure, "k"), 5);
    const char *body = strchr(c.resolved, '\n') + 1;
    assert_true(c.hash == mad_fnv1a(body, strlen(body), MAD_FNV1A_START));
    /* the name is no part of the hash, everything else is */
    static const char *const named[] = {"name=other"}, *const seeded[] = {"seed=2"};
    assert_true(load(MINIMAL, 1, named).hash == c.hash);
    assert_true(load(MINIMAL, 1, seeded).hash != c.hash);
}

static void test_nested_and_dotted(void **state)
{
    (void)state;
    const mad_config c = load("%YAML 1.2\n"
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
    assert_string_equal(load(c.resolved, 0, NULL).resolved, c.resolved);
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
    const mad_config c =
        load(MINIMAL "seed: 4\nworld.dim: 2\n", sizeof overrides / sizeof *overrides, overrides);
    assert_int_equal(mad_get_size(&c.root, "seed"), 6);
    assert_int_equal(mad_get_size(&c.world, "dim"), 3);
    assert_string_equal(mad_get_text(&c.world, "spectrum"), "[1, 2, 3]");
    assert_string_equal(mad_get_text(&c.loop, "age"), "uniform(2)");
    assert_string_equal(mad_get_text(&c.root, "name"), "a = b");
    assert_ptr_equal(c.bias_type, &shrink);
    refused_override("seed", "override 'seed': expected key=value, for example loop.n_real=500");
    refused_override("sed=3", "override 'sed=3': unknown key 'sed' (did you mean 'seed'?)");
    refused_override("seed=x", "override 'seed=x': seed: expected a whole number from 0 to "
                               "9007199254740991, got 'x'");
    refused_override("include=b.yaml",
                     "override 'include=b.yaml': 'include' and 'sweep' stand in files only");
    refused_override("sweep.seed=1",
                     "override 'sweep.seed=1': 'include' and 'sweep' stand in files only");
    refused_override("name=\xff", "override 'name=\xff': not valid UTF-8");
    refused_override("=3", "override '=3': unknown key ''");
    refused_override("world=csv", "override 'world=csv': 'world' is a section: expected keys, got "
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
    const mad_config c = load(text, 0, NULL);
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
    const mad_config at_point = load(text, 1, point);
    assert_int_equal(mad_get_size(&at_point.root, "seed"), 7);
    assert_null(strstr(c.resolved, "sweep"));
    refused_more("sweep: {loop.n_reel: [1]}",
                 "a.yaml:3:9: unknown key 'loop.n_reel' (did you mean 'loop.n_real'?)");
    refused_more("sweep: {seed: [1, x]}",
                 "a.yaml:3:15: seed: expected a whole number from 0 to 9007199254740991, got 'x'");
    refused_more("sweep: {model.kind: [gauss, gaus]}",
                 "a.yaml:3:21: unknown model 'gaus': expected gauss | diffusion (did you mean "
                 "'gauss'?)");
    refused_more("sweep: {seed: []}", "a.yaml:3:15: sweep.seed: expected a list of values");
    refused_more("sweep: {seed: 'range(1,2)'}",
                 "a.yaml:3:15: sweep.seed: expected range(first,last,step) with a step that leads "
                 "from first to last, got 'range(1,2)'");
    refused_more("sweep: [1]", "a.yaml:3:8: sweep: expected keys with lists, such as loop.n_real: "
                               "[100, 200]");
    refused_more("sweep: {loop: [1]}", "a.yaml:3:15: 'loop' is a section: expected keys, got '1'");
}

static void test_includes(void **state)
{
    (void)state;
    char path[256];
    snprintf(path, sizeof path, "%s/sub", folder);
    assert_int_equal(mkdir(path, 0700), 0);
    write_text("base.yaml", MINIMAL "seed: 1\nworld.dim: 7\nreplicates: 2\n");
    write_text("sub/more.yml", "include: ../base.yaml\nreplicates: 3\nseed: 3\n");
    const char *top = write_text("sub/top.yaml", "include: [more.yml]\nseed: 4\n");
    mad_config c;
    assert_int_equal(mad_config_load(ctx, mem, top, NULL, 0, NULL, &registry, &c), MAD_OK);
    assert_int_equal(mad_get_size(&c.root, "seed"), 4);
    assert_int_equal(mad_get_size(&c.root, "replicates"), 3);
    assert_int_equal(mad_get_size(&c.world, "dim"), 7);
    assert_string_equal(mad_get_text(&c.root, "name"), "top");
    assert_string_equal(c.directory, path);
    write_text("wrong.yaml", "include: base.yaml\nsed: 3\n");
    refused_file(write_text("outer.yaml", "include: wrong.yaml\n"), MAD_E_CONFIG,
                 "%s/wrong.yaml:2:1: unknown key 'sed' (did you mean 'seed'?)");
    refused_file(write_text("lost.yaml", "seed: 1\ninclude: nowhere.yaml\n"), MAD_E_CONFIG,
                 "%s/lost.yaml:2:10: cannot read '%s/nowhere.yaml': No such file or directory");
    write_text("b.yaml", "include: sub/../a.yaml\n");
    refused_file(write_text("a.yaml", "include: b.yaml\n"), MAD_E_CONFIG,
                 "%s/b.yaml:1:10: include cycle: %s/a.yaml -> %s/b.yaml -> %s/sub/../a.yaml");
    refused_file(write_text("self.yaml", "include: self.yaml\n"), MAD_E_CONFIG,
                 "%s/self.yaml:1:10: include cycle: %s/self.yaml -> %s/self.yaml");
    refused_file(write_text("map.yaml", "include: {a: b}\n"), MAD_E_CONFIG,
                 "%s/map.yaml:1:11: include: expected a file name or a list of file names");
    for (int i = 0; i < 20; i++) {
        char name[32], text[64];
        snprintf(name, sizeof name, "deep%d.yaml", i);
        snprintf(text, sizeof text, "include: deep%d.yaml\n", i + 1);
        write_text(name, text);
    }
    refused_file(mad_arena_text(mem, strcat(strcpy(path, folder), "/deep0.yaml")), MAD_E_CONFIG,
                 "%s/deep16.yaml:1:10: includes go deeper than 16 files or name more than 100");
    for (int i = 0; i < 20; i++) { /* 2^20 files if nobody counted */
        char name[32], text[64];
        snprintf(name, sizeof name, "fan%d.yaml", i);
        snprintf(text, sizeof text, i < 10 ? "include: [fan%d.yaml, fan%d.yaml]\n" : "seed: 1\n",
                 i + 1, i + 1);
        write_text(name, text);
    }
    mad_ctx_clear(ctx);
    assert_int_equal(mad_config_load(ctx, mem, strcat(strcpy(path, folder), "/fan0.yaml"), NULL, 0,
                                     NULL, &registry, &c),
                     MAD_E_CONFIG);
    assert_non_null(strstr(ctx->message, "name more than 100"));
}

/* ---- what is refused ---- */

static void test_unknown(void **state)
{
    (void)state;
    refused_more("loop: {n_reel: 3}",
                 "a.yaml:3:8: unknown key 'loop.n_reel' (did you mean 'loop.n_real'?)");
    refused_more("n_real: 3", "a.yaml:3:1: unknown key 'n_real' (did you mean 'loop.n_real'?)");
    refused_more("seeed: 3", "a.yaml:3:1: unknown key 'seeed' (did you mean 'seed'?)");
    refused_more("lop: {n_real: 3}", "a.yaml:3:7: unknown section 'lop' (did you mean 'loop'?)");
    refused_more("select: {kind: none}", "a.yaml:3:10: unknown section 'select'");
    refused_more("zzzzzz: 1", "a.yaml:3:1: unknown key 'zzzzzz'");
    refused_more("world.width: 3", "a.yaml:3:1: unknown key 'world.width'");
    refused_more("model.width: 3",
                 "a.yaml:3:1: key 'model.width' belongs to model 'diffusion', not to 'gauss'");
    refused_more("bias: {strength: 0.5}",
                 "a.yaml:3:8: key 'bias.strength' belongs to bias 'shrink', not to 'none'");
    refused_more("loop: {family: fresh, age: last}",
                 "a.yaml:3:23: key 'loop.age' belongs to loop 'custom', not to 'fresh'");
    refused_more("bias: {kind: shrnik}",
                 "a.yaml:3:14: unknown bias 'shrnik': expected none | shrink (did you mean "
                 "'shrink'?)");
    refused_more("measure: {metrics: [recal]}",
                 "a.yaml:3:20: measure.metrics: unknown metric 'recal' (did you mean 'recall'?)");
    refused_more("lambda: 1",
                 "a.yaml:3:1: no key is called 'lambda': the literature uses it for two things, "
                 "sampling bias (here bias.strength) and the ratio of synthetic to real data "
                 "(here the sizes loop.n_synthetic and loop.n_real)");
    refused_more("bias: {lambda: 1}",
                 "a.yaml:3:8: no key is called 'lambda': the literature uses it for two things, "
                 "sampling bias (here bias.strength) and the ratio of synthetic to real data "
                 "(here the sizes loop.n_synthetic and loop.n_real)");
    refused("world: {kind: gauss}\n", "a.yaml: 'model.kind' is required: gauss | diffusion");
    refused("world: {kind: csv}\nmodel: {kind: gauss}\n",
            "a.yaml: 'world.path' is required by 'csv': a file name");
    refused("world: {kind: csv, pth: x}\nmodel: {kind: gauss}\n",
            "a.yaml:1:20: unknown key 'world.pth' (did you mean 'world.path'?)");
}

static void test_shapes(void **state)
{
    (void)state;
    refused_more("loop: 5", "a.yaml:3:7: 'loop' is a section: expected keys, got '5'");
    refused_more("loop: [5]", "a.yaml:3:7: 'loop' is a section: expected keys, got a list");
    refused_more("seed: {a: 1}", "a.yaml:3:8: seed: expected a whole number from 0 to "
                                 "9007199254740991, got a mapping");
    refused_more("seed: {}", "a.yaml:3:7: seed: expected a whole number from 0 to "
                             "9007199254740991, got a mapping");
    refused_more("seed:", "a.yaml:3:1: seed: expected a whole number from 0 to 9007199254740991, "
                          "got nothing");
    refused_more("seed: [1]", "a.yaml:3:7: seed: expected a whole number from 0 to "
                              "9007199254740991, got a list");
    refused_more("seed: -1", "a.yaml:3:7: seed: expected a whole number from 0 to "
                             "9007199254740991, got '-1'");
    refused_more("generations: 0",
                 "a.yaml:3:14: generations: expected a whole number from 1 to 1000000, got '0'");
    refused_more("measure.moments: modle",
                 "a.yaml:3:18: measure.moments: expected auto | model | samples, got 'modle' (did "
                 "you mean 'model'?)");
    refused_more("loop: {n_real: linear(1, 2)}",
                 "a.yaml:3:26: unknown key 'loop.2)' (inside {} and [] a text with a comma needs "
                 "quotes)");
    refused_more("loop: {n_real: [linear(1, 2)]}",
                 "a.yaml:3:16: loop.n_real: expected a number from 0 to 10000000, linear(a,b), "
                 "geometric(a,r) or [a,b,...], got 'linear(1' (inside {} and [] a text with a "
                 "comma needs quotes)");
    refused_more("sweep: {loop.n_real: [linear(1, 2)]}",
                 "a.yaml:3:22: loop.n_real: expected a number from 0 to 10000000, linear(a,b), "
                 "geometric(a,r) or [a,b,...], got 'linear(1' (inside {} and [] a text with a "
                 "comma needs quotes)");
    refused_more("loop: {n_real: 'geometric(1000, 10)'}",
                 "a.yaml:3:16: loop.n_real: geometric(1000, 10) is 1e+11 in generation 10: "
                 "expected a number from 0 to 10000000, linear(a,b), geometric(a,r) or [a,b,...]");
    refused_more("loop: {n_real: [[1]]}",
                 "a.yaml:3:16: loop.n_real: expected a number from 0 to 10000000, linear(a,b), "
                 "geometric(a,r) or [a,b,...], got '[1]'");
    refused_more("bias: {kind: [none]}", "a.yaml:3:14: bias.kind: expected one name, got a list");
    refused_more("bias: {kind: {a: b}}",
                 "a.yaml:3:15: bias.kind: expected one name, got a mapping");
    refused("world: {kind: gauss}\nmodel: {kind: diffusion, sampler: 5}",
            "a.yaml:2:35: 'model.sampler' is a section: expected keys, got '5'");
    refused("world: {kind: gauss}\nmodel: {kind: diffusion, sampler: {stpes: 5}}",
            "a.yaml:2:36: unknown key 'model.sampler.stpes' (did you mean "
            "'model.sampler.steps'?)");
    refused_more("name: a/b", "a.yaml:3:7: name: expected what can name a folder (up to 100 "
                              "bytes, no '/', no '.' in front), got 'a/b'");
}

static void test_syntax(void **state)
{
    (void)state;
    refused_more("seed: 1\nseed: 2", "a.yaml:4:1: duplicate key 'seed', first set in line 3");
    refused_more("world: {dim: 2}", "a.yaml:3:1: duplicate key 'world', first set in line 1");
    refused_more("loop: {n_real: 2}\nloop.n_real: 3",
                 "a.yaml:4:1: duplicate key 'loop.n_real', first set in line 3");
    refused("", "a.yaml:1:1: the configuration is empty");
    refused("# nothing\n", "a.yaml:1:1: the configuration is empty");
    refused("---\n", "a.yaml:1:1: the configuration is empty");
    refused("just text\n", "a.yaml:1:1: expected lines 'key: value', got a text");
    refused("- a\n", "a.yaml:1:1: expected lines 'key: value', got a list");
    refused_more("loop:\n\tn_real: 3", "a.yaml:4:1: tab in the indentation: indent with blanks");
    refused_more("seed: &a 3", "a.yaml:3:10: anchors and aliases (& and *) are not offered: "
                               "repeat the value, or use 'include'");
    refused_more("seed: *a", "a.yaml:3:7: anchors and aliases (& and *) are not offered: repeat "
                             "the value, or use 'include'");
    refused_more("seed: !!int 3",
                 "a.yaml:3:13: tags (!) are not offered: every key knows its type");
    refused_more("---\nseed: 3", "a.yaml:3:1: a second document: one file holds one experiment");
    refused_more("%TAG ! x:\n", "a.yaml:3:1: no directive but '%YAML 1.2' is allowed");
    refused("%YAML 1.1\n---\n", "a.yaml:1:1: no directive but '%YAML 1.2' is allowed");
    refused_more("? [a]\n: b", "a.yaml:3:3: a key must be a plain word");
    refused_more("'': b", "a.yaml:3:1: a key is empty");
    refused_more("seed: [1", "a.yaml:4:1: not valid YAML: flow sequence without a closing bracket");
    refused_more("loop: {n_real: [{a: 1}]}", "a.yaml:3:17: a list may hold plain values only");
    refused_more("name: \"a\\0b\"", "a.yaml:3:7: an escape in this text makes no character");
    refused_more("seed: \xff", "a.yaml:3:7: byte 0xff is not valid UTF-8: not a text file");
    refused_more("na\x01me: 1", "a.yaml:3:3: control character 0x01: a binary file, not YAML");
    char deep[2048] = MINIMAL "a: ";
    for (int i = 0; i < 20; i++) {
        strcat(deep, "{a: ");
    }
    refused(deep, "a.yaml:3:33: keys are nested deeper than 8 levels");
}

static void test_files(void **state)
{
    (void)state;
    char path[256];
    snprintf(path, sizeof path, "%s/none.yaml", folder);
    refused_file(path, MAD_E_IO, "cannot read '%s/none.yaml': No such file or directory");
    refused_file(folder, MAD_E_IO, "cannot read '%s': Is a directory");
    refused_file(write_file("bin.yaml",
                            "\x7f"
                            "ELF\0\1",
                            6),
                 MAD_E_CONFIG, "%s/bin.yaml:1:1: control character 0x7f: a binary file, not YAML");
    refused_file(write_file("nul.yaml", "seed: 1\0\n", 9), MAD_E_CONFIG,
                 "%s/nul.yaml:1:8: control character 0x00: a binary file, not YAML");
    refused_file(write_file("empty.yaml", "", 0), MAD_E_CONFIG,
                 "%s/empty.yaml:1:1: the configuration is empty");
    const size_t n = ((size_t)1 << 20) + 1;
    char *large = malloc(n);
    assert_non_null(large);
    memset(large, '#', n);
    refused_file(write_file("large.yaml", large, n), MAD_E_CONFIG,
                 "%s/large.yaml: larger than 1 MiB: not a configuration");
    memset(large, '[', n - 1);
    memcpy(large, "seed: ", 6);
    mad_config c;
    mad_ctx_clear(ctx);
    assert_int_equal(mad_config_load(ctx, mem, write_file("deep.yaml", large, n - 1), NULL, 0, NULL,
                                     &registry, &c),
                     MAD_E_CONFIG);
    free(large);
    char *blank = malloc(n); /* minutes for the parser, if it saw them */
    assert_non_null(blank);
    memset(blank, '\n', n - 1);
    memcpy(blank, "seed: |\n ", 9);
    refused_file(write_file("blank.yaml", blank, n - 1), MAD_E_CONFIG,
                 "%s/blank.yaml:1002:1: more than 1000 blank lines in a row");
    free(blank);
    /* a byte order mark and DOS line ends are harmless */
    const char *dos = write_text("dos.yaml", "\xef\xbb\xbfworld: {kind: gauss}\r\n"
                                             "model: {kind: gauss}\r\nseed: 3\r\n");
    mad_ctx_clear(ctx);
    assert_int_equal(mad_config_load(ctx, mem, dos, NULL, 0, NULL, &registry, &c), MAD_OK);
    assert_int_equal(mad_get_size(&c.root, "seed"), 3);
    /* many keys: refused in no time */
    char *many = malloc(400000), *end = many;
    assert_non_null(many);
    for (int i = 0; i < 20000; i++) {
        end += sprintf(end, "key%d: 1\n", i);
    }
    refused_file(write_text("many.yaml", many), MAD_E_CONFIG,
                 "%s/many.yaml:10001:1: more than 10000 keys");
    free(many);
}

/* ---- properties ---- */

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
        const mad_arena_mark mark = mad_arena_get_mark(mem);
        const mad_config once = load(MINIMAL, n, pointers);
        const mad_config again = load(once.resolved, 0, NULL);
        if (strcmp(once.resolved, again.resolved) != 0 || once.hash != again.hash) {
            fail_msg("case %llu:\n%s\nbecame\n%s", (unsigned long long)i, once.resolved,
                     again.resolved);
        }
        for (size_t k = 0; k < once.world.n_values; k++) {
            assert_string_equal(once.world.value[k].text, again.world.value[k].text);
        }
        mad_arena_release(mem, mark);
    }
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
        const mad_arena_mark mark = mad_arena_get_mark(mem);
        mad_ctx_clear(ctx);
        const mad_status st = mad_config_load(ctx, mem, "a.yaml", text, 0, NULL, &registry, &c);
        assert_true(st == MAD_OK || st == MAD_E_CONFIG);
        assert_null(strchr(ctx->message, '\n'));
        mad_arena_release(mem, mark);
    }
}

/* ---- axes, names, keys ---- */

static void check_axis(const char *argument, const char *expected)
{
    mad_axis axis;
    char joined[1024] = "";
    mad_ctx_clear(ctx);
    if (mad_axis_parse(ctx, mem, argument, &axis) != MAD_OK) {
        snprintf(joined, sizeof joined, "%s", ctx->message);
        mad_ctx_clear(ctx);
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
    mad_config_keys(&registry, all, visit);
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
    static const mad_metric_type *const rivals[] = {&knn, &rival, NULL};
    const mad_registry bad = {worlds, models, loops, biases, rivals, theories};
    mad_config c;
    assert_int_equal(mad_config_load(ctx, mem, "a.yaml", MINIMAL, 0, NULL, &bad, &c), MAD_E_FAILED);
    assert_string_equal(ctx->message, "metric 'rival' redefines the key 'measure.k'");
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
        assert_int_equal(mad_config_load(ctx, mem, files[i][0], MINIMAL, 0, NULL, &registry, &c),
                         MAD_OK);
        assert_string_equal(mad_get_text(&c.root, "name"), files[i][1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_defaults_and_print, each),
        cmocka_unit_test_setup(test_nested_and_dotted, each),
        cmocka_unit_test_setup(test_overrides, each),
        cmocka_unit_test_setup(test_sweep, each),
        cmocka_unit_test_setup(test_includes, each),
        cmocka_unit_test_setup(test_unknown, each),
        cmocka_unit_test_setup(test_shapes, each),
        cmocka_unit_test_setup(test_syntax, each),
        cmocka_unit_test_setup(test_files, each),
        cmocka_unit_test_setup(test_resolved_is_a_fixed_point, each),
        cmocka_unit_test_setup(test_broken_texts_end, each),
        cmocka_unit_test_setup(test_axes, each),
        cmocka_unit_test_setup(test_nearest, each),
        cmocka_unit_test_setup(test_keys, each),
        cmocka_unit_test_setup(test_metrics_must_agree, each),
        cmocka_unit_test_setup(test_names, each),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}

/* tests/support/config_case.c: a small registry, and what loading with it must say. */
#include "tests/support/config_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

static const mad_world_type gauss_world = {.name = "gauss", .params = gauss_world_params};
static const mad_world_type file_world = {.name = "csv", .params = file_world_params};
static const mad_model_type gauss_model = {.name = "gauss", .params = gauss_model_params};
static const mad_model_type diffusion_model = {.name = "diffusion",
                                               .params = diffusion_model_params};
static const mad_loop_type custom_loop = {.name = "custom", .params = loop_params};
static const mad_loop_type fresh_loop = {.name = "fresh", .params = fresh_loop_params};
const mad_bias_type mad_case_shrink = {.name = "shrink", .params = shrink_params};
static const mad_metric_output knn_outputs[] = {{.name = "precision"}, {.name = "recall"}, {0}};
const mad_metric_output mad_case_kid_outputs[] = {{.name = "kid"}, {0}};
const mad_metric_type mad_case_knn = {.name = "knn", .params = k_params, .outputs = knn_outputs};
static const mad_metric_type kid = {
    .name = "kid", .params = kid_params, .outputs = mad_case_kid_outputs};

static const mad_world_type *const worlds[] = {&gauss_world, &file_world, NULL};
static const mad_model_type *const models[] = {&gauss_model, &diffusion_model, NULL};
static const mad_loop_type *const loops[] = {&custom_loop, &fresh_loop, NULL};
static const mad_bias_type *const biases[] = {&mad_case_shrink, NULL};
static const mad_metric_type *const metrics[] = {&mad_case_knn, &kid, NULL};
static const mad_theory_type *const theories[] = {NULL};
const mad_registry mad_case_registry = {.worlds = worlds,
                                        .models = models,
                                        .loops = loops,
                                        .biases = biases,
                                        .metrics = metrics,
                                        .theories = theories};

/* ---- helpers ---- */

config_case mad_case;

int mad_case_setup(void **state)
{
    (void)state;
    mad_case.ctx = mad_ctx_create(1);
    mad_case.mem = mad_arena_create(1 << 16);
    strcpy(mad_case.folder, "/tmp/mad-config-XXXXXX");
    return mad_case.ctx == NULL || mad_case.mem == NULL || mkdtemp(mad_case.folder) == NULL;
}

int mad_case_teardown(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -r %s", mad_case.folder);
    mad_arena_destroy(mad_case.mem);
    mad_ctx_destroy(mad_case.ctx);
    return system(command);
}

int mad_case_each(void **state)
{
    (void)state;
    mad_ctx_clear(mad_case.ctx);
    mad_arena_destroy(mad_case.mem);
    mad_case.mem = mad_arena_create(1 << 16);
    return mad_case.mem == NULL;
}

const char *mad_case_write_file(const char *name, const char *bytes, size_t n_bytes)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", mad_case.folder, name);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, n_bytes, file), n_bytes);
    assert_int_equal(fclose(file), 0);
    return mad_arena_text(mad_case.mem, path);
}

const char *mad_case_write_text(const char *name, const char *text)
{
    return mad_case_write_file(name, text, strlen(text));
}

mad_config mad_case_load(const char *text, size_t n, const char *const *overrides)
{
    mad_config config;
    mad_ctx_clear(mad_case.ctx);
    const mad_status st = mad_config_load(mad_case.ctx, mad_case.mem, "a.yaml", text, n, overrides,
                                          &mad_case_registry, &config);
    if (st != MAD_OK) {
        fail_msg("refused: %s\n%s", mad_case.ctx->message, text);
    }
    return config;
}

void mad_case_refused(const char *text, const char *message)
{
    mad_config config;
    mad_ctx_clear(mad_case.ctx);
    const mad_status st = mad_config_load(mad_case.ctx, mad_case.mem, "a.yaml", text, 0, NULL,
                                          &mad_case_registry, &config);
    assert_string_equal(mad_case.ctx->message, message);
    assert_int_equal(st, MAD_E_CONFIG);
}

void mad_case_refused_more(const char *more, const char *message)
{
    char text[4096];
    snprintf(text, sizeof text, MINIMAL "%s", more);
    mad_case_refused(text, message);
}

void mad_case_refused_override(const char *override, const char *message)
{
    mad_config config;
    mad_ctx_clear(mad_case.ctx);
    assert_int_equal(mad_config_load(mad_case.ctx, mad_case.mem, "a.yaml", MINIMAL, 1, &override,
                                     &mad_case_registry, &config),
                     MAD_E_CONFIG);
    assert_string_equal(mad_case.ctx->message, message);
}

void mad_case_refused_file(const char *path, mad_status st, const char *message)
{
    mad_config config;
    char whole[1024];
    mad_ctx_clear(mad_case.ctx);
    assert_int_equal(mad_config_load(mad_case.ctx, mad_case.mem, path, NULL, 0, NULL,
                                     &mad_case_registry, &config),
                     st);
    snprintf(whole, sizeof whole, message, mad_case.folder, mad_case.folder, mad_case.folder,
             mad_case.folder);
    assert_string_equal(mad_case.ctx->message, whole);
}

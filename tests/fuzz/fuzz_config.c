/* tests/fuzz/fuzz_config.c: any bytes as a configuration file end in a status, and what loads is a
 * fixed point of the resolved print-out. The first line of the input, when it begins with '=', is an
 * override. Build and run: see docs/develop.md.
 */
#include <stdlib.h>
#include <string.h>

#include "sim/config/config.h"
#include "tests/fuzz/fuzz.h"

static const mad_param world_params[] = {
    {"dim", MAD_PARAM_INT, "2", 1, 10000, NULL, NULL, "coordinates"},
    {"spectrum", MAD_PARAM_REALS, "[]", 0, 1e6, NULL, NULL, "variances"},
    {"path", MAD_PARAM_PATH, "x", 0, 0, NULL, NULL, "file"},
    {0}};
static const mad_param model_params[] = {
    {"sampler.kind", MAD_PARAM_CHOICE, "ddpm", 0, 0, "ddpm|ddim", NULL, "sampler"},
    {"sampler.steps", MAD_PARAM_INT, "50", 1, 10000, NULL, NULL, "steps"},
    {0}};
static const mad_param loop_params[] = {
    {"n_real", MAD_PARAM_SCHEDULE, "0", 0, 1e7, NULL, "rows", "real rows"},
    {"age", MAD_PARAM_FORM, "last", 0, 1e6, "last|uniform(K)|geometric(rho)|all", NULL, "models"},
    {"budget", MAD_PARAM_FORM, "all", 1, 1e7, "all|#B", NULL, "rows"},
    {0}};
static const mad_world_type world = {.name = "gauss", .params = world_params};
static const mad_model_type model = {.name = "gauss", .params = model_params};
static const mad_loop_type loop = {.name = "custom", .params = loop_params};
static const mad_bias_type bias = {.name = "shrink"};
static const mad_metric_output outputs[] = {{.name = "kid"}, {0}};
static const mad_metric_type metric = {.name = "kid", .outputs = outputs};

static const mad_world_type *const worlds[] = {&world, NULL};
static const mad_model_type *const models[] = {&model, NULL};
static const mad_loop_type *const loops[] = {&loop, NULL};
static const mad_bias_type *const biases[] = {&bias, NULL};
static const mad_metric_type *const metrics[] = {&metric, NULL};
static const mad_theory_type *const theories[] = {NULL};
static const mad_registry registry = {.worlds = worlds,
                                      .models = models,
                                      .loops = loops,
                                      .biases = biases,
                                      .metrics = metrics,
                                      .theories = theories};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    mad_ctx *ctx = mad_ctx_create(1);
    mad_arena *mem = mad_arena_create(1 << 16);
    char *text = malloc(n + 1);
    if (ctx == NULL || mem == NULL || text == NULL) {
        abort();
    }
    memcpy(text, data, n);
    text[n] = '\0';
    char *body = text;
    const char *override = NULL;
    if (text[0] == '=' && strchr(text, '\n') != NULL) {
        override = text + 1;
        body = strchr(text, '\n');
        *body++ = '\0';
    }
    mad_config once, again;
    const size_t n_overrides = override != NULL;
    if (mad_config_load(ctx, mem, "a.yaml", body, n_overrides, &override, &registry, &once) ==
        MAD_OK) {
        if (mad_config_load(ctx, mem, "b.yaml", once.resolved, 0, NULL, &registry, &again) !=
                MAD_OK ||
            strcmp(once.resolved, again.resolved) != 0 || once.hash != again.hash) {
            abort();
        }
    } else if (ctx->message[0] == '\0' || strchr(ctx->message, '\n') != NULL) {
        abort();
    }
    mad_axis axis;
    mad_ctx_clear(ctx);
    (void)!mad_axis_parse(ctx, mem, body, &axis);
    free(text);
    mad_arena_destroy(mem);
    mad_ctx_destroy(ctx);
    return 0;
}

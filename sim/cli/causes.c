/* sim/cli/causes.c: see the header. A variant is printed as a configuration of its own and loaded. */
#include "sim/cli/causes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *mad_cause_name(mad_cause cause)
{
    static const char *const names[MAD_N_CAUSES] = {"sample",   "training", "sampler",
                                                    "guidance", "bias",     "start"};
    return names[cause];
}

const char *mad_cause_off(mad_cause cause)
{
    static const char *const texts[MAD_N_CAUSES] = {"many times the rows",    "the exact denoiser",
                                                    "sampler.calibrate: yes", "guide.kind: none",
                                                    "bias.kind: none",        "start: scratch"};
    return texts[cause];
}

/* The text of a key, or "" when the table has none of that name. */
static const char *text_of(const mad_values *values, const char *name)
{
    for (size_t i = 0; i < values->n_values; i++) {
        if (strcmp(values->value[i].param->name, name) == 0) {
            return values->value[i].text;
        }
    }
    return "";
}

static const mad_model_type *model_of(const mad_registry *registry, const char *name)
{
    for (size_t i = 0; registry->models[i] != NULL; i++) {
        if (strcmp(registry->models[i]->name, name) == 0) {
            return registry->models[i];
        }
    }
    return NULL;
}

/* What bias and post ask of the trained model, the exact denoiser can do, too. */
static int has_exact_twin(const mad_registry *registry, const mad_config *c)
{
    const mad_model_type *exact = model_of(registry, "exact");
    const int draws = c->bias_type == NULL || c->bias_type->apply != NULL ||
                      exact->tilts & 1u << c->bias_type->tilt(&c->bias).kind;
    return strcmp(c->model_type->name, "diffusion") == 0 && draws &&
           (c->post_type == NULL || exact->extrapolations & 1u << c->post_type->ask(&c->post).kind);
}

/* Fewer steps are a bias of the sampler: calibrating would undo what is asked for. */
static int has_few_steps(const mad_config *c)
{
    return c->bias_type != NULL && c->bias_type->apply == NULL &&
           c->bias_type->tilt(&c->bias).kind == MAD_TILT_STEPS;
}

int mad_cause_is_there(const mad_registry *registry, const mad_config *c, mad_cause cause)
{
    switch (cause) {
    case MAD_CAUSE_SAMPLE:
        return 1;
    case MAD_CAUSE_TRAINING:
        return has_exact_twin(registry, c);
    case MAD_CAUSE_SAMPLER:
        return strcmp(text_of(&c->model, "sampler.calibrate"), "no") == 0 && !has_few_steps(c);
    case MAD_CAUSE_GUIDANCE:
        return text_of(&c->model, "guide.kind")[0] != '\0' &&
               strcmp(text_of(&c->model, "guide.kind"), "none") != 0;
    case MAD_CAUSE_BIAS:
        return c->bias_type != NULL;
    case MAD_CAUSE_START:
        return strncmp(text_of(&c->loop, "start"), "warm", 4) == 0;
    case MAD_N_CAUSES:
        break;
    }
    return 0;
}

/* ---- a variant as text --------------------------------------------------------------------- */

static void print_text(FILE *out, const mad_value *value)
{
    const mad_param_kind kind = value->param->kind;
    const int is_free = kind == MAD_PARAM_TEXT || kind == MAD_PARAM_PATH;
    if (is_free) {
        fputc('"', out);
    }
    for (const char *c = value->text; *c != '\0'; c++) {
        fprintf(out, is_free && (*c == '"' || *c == '\\') ? "\\%c" : "%c", *c);
    }
    fputs(is_free ? "\"\n" : "\n", out);
}

/* The keys that were set, but those that begin with `without` (NULL: none is left out). */
static void print_section(FILE *out, const char *section, const mad_values *values,
                          const char *without, const mad_param *known)
{
    for (size_t i = 0; i < values->n_values; i++) {
        const mad_value *value = &values->value[i];
        int is_known = known == NULL;
        for (const mad_param *p = known; p != NULL && p->name != NULL; p++) {
            is_known |= strcmp(p->name, value->param->name) == 0;
        }
        if (!value->is_default && is_known &&
            (without == NULL || strncmp(value->param->name, without, strlen(without)) != 0)) {
            fprintf(out, "%s%s%s: ", section, section[0] != '\0' ? "." : "", value->param->name);
            print_text(out, value);
        }
    }
}

static void print_variant(FILE *out, const mad_registry *registry, const mad_config *c, unsigned on)
{
    const int trains =
        !mad_cause_is_there(registry, c, MAD_CAUSE_TRAINING) || on & 1u << MAD_CAUSE_TRAINING;
    const char *model = trains ? c->model_type->name : "exact";
    const int guides = (on & 1u << MAD_CAUSE_GUIDANCE) != 0;
    print_section(out, "", &c->root, NULL, NULL);
    fprintf(out, "world.kind: %s\nmodel.kind: %s\nloop.family: %s\n", c->world_type->name, model,
            c->loop_type->name);
    print_section(out, "world", &c->world, NULL, NULL);
    print_section(out, "model", &c->model, guides ? NULL : "guide.",
                  trains ? NULL : model_of(registry, model)->params);
    /* the exact denoiser has nothing to start from */
    print_section(out, "loop", &c->loop, trains && on & 1u << MAD_CAUSE_START ? NULL : "start",
                  NULL);
    if (c->bias_type != NULL && on & 1u << MAD_CAUSE_BIAS) {
        fprintf(out, "bias.kind: %s\n", c->bias_type->name);
        print_section(out, "bias", &c->bias, NULL, NULL);
    }
    if (c->select_type != NULL) {
        fprintf(out, "select.kind: %s\n", c->select_type->name);
        print_section(out, "select", &c->select, NULL, NULL);
    }
    if (c->correct_type != NULL) {
        fprintf(out, "correct.kind: %s\n", c->correct_type->name);
        print_section(out, "correct", &c->correct, NULL, NULL);
    }
    if (c->post_type != NULL) {
        fprintf(out, "post.kind: %s\n", c->post_type->name);
        print_section(out, "post", &c->post, NULL, NULL);
    }
    if (c->channel_type != NULL) {
        fprintf(out, "channel.kind: %s\n", c->channel_type->name);
        print_section(out, "channel", &c->channel, NULL, NULL);
    }
    print_section(out, "measure", &c->measure, NULL, NULL);
    print_section(out, "checkpoint", &c->checkpoint, NULL, NULL);
}

/* "loop.n_real=1600" for every size of the loop. */
static mad_status enlarge(mad_ctx *ctx, mad_arena *mem, const mad_config *c, size_t large,
                          size_t *n, const char **overrides)
{
    static const char *const sizes[] = {"n_initial", "n_real", "n_synthetic", "budget"};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        char text[64], *end = NULL;
        if (strcmp(text_of(&c->loop, sizes[i]), "all") == 0) {
            continue;
        }
        const double rows = strtod(text_of(&c->loop, sizes[i]), &end);
        if (*end != '\0') {
            return mad_fail(ctx, MAD_E_CONFIG,
                            "loop.%s is %s: only a plain number can be made %zu times as large",
                            sizes[i], text_of(&c->loop, sizes[i]), large);
        }
        (void)snprintf(text, sizeof text, "loop.%s=%.0f", sizes[i], rows * (double)large);
        overrides[*n] = mad_arena_text(mem, text);
        if (overrides[(*n)++] == NULL) {
            return mad_fail_memory(ctx, "a variant");
        }
    }
    return MAD_OK;
}

mad_status mad_causes_config(mad_app *app, mad_arena *mem, const mad_config *config, unsigned on,
                             size_t large, mad_config *out)
{
    mad_ctx *ctx = app->ctx;
    mad_status st = MAD_OK;
    const char *overrides[8];
    char *text = NULL;
    size_t n_bytes = 0, n = 0;
    FILE *file = open_memstream(&text, &n_bytes);
    if (file == NULL) {
        return mad_fail_memory(ctx, "a variant");
    }
    print_variant(file, app->registry, config, on);
    const int failed = ferror(file) | fclose(file);
    const char *kept = failed ? NULL : mad_arena_text(mem, text);
    free(text);
    if (kept == NULL) {
        return mad_fail_memory(ctx, "a variant");
    }
    if (!(on & 1u << MAD_CAUSE_SAMPLE)) {
        MAD_TRY(enlarge(ctx, mem, config, large, &n, overrides));
    }
    if (mad_cause_is_there(app->registry, config, MAD_CAUSE_SAMPLER) &&
        !(on & 1u << MAD_CAUSE_SAMPLER)) {
        overrides[n++] = "model.sampler.calibrate=yes";
    }
    MAD_TRY(mad_config_load(ctx, mem, "variant", kept, n, overrides, app->registry, out));
    out->directory = config->directory;
out:
    return st;
}

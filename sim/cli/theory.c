/* sim/cli/theory.c: `madloop theory`: the closed-form trajectory of a configuration. */
#include "sim/cli/verbs.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "sim/cli/print_json.h"
#include "sim/engine/engine.h"

enum { MAX_LAWS = 32, MAX_TEXT_ROWS = 24, TEXT_WIDTH = 98 };

typedef struct laws {
    size_t n_laws, n_generations;
    const mad_theory_type *law[MAX_LAWS];
    double *value[MAX_LAWS]; /* [n_generations] */
    size_t n_without;        /* measures of this configuration without a closed form */
    const char *without[MAX_LAWS * 4];
} laws;

static int has_law(const laws *all, const char *metric)
{
    for (size_t i = 0; i < all->n_laws; i++) {
        if (strcmp(all->law[i]->metric, metric) == 0) {
            return 1;
        }
    }
    return 0;
}

/* The first law per measure that applies, as a run stores them. */
static mad_status find_laws(mad_app *app, mad_arena *mem, const mad_experiment *experiment,
                            laws *out)
{
    const mad_setting *setting = mad_experiment_setting(experiment);
    const mad_run_layout *layout = mad_experiment_layout(experiment);
    mad_status st = MAD_OK;

    out->n_generations = setting->n_generations;
    for (const mad_theory_type *const *law = app->registry->theories; *law != NULL; law++) {
        if (has_law(out, (*law)->metric) || !(*law)->applies(setting)) {
            continue;
        }
        MAD_ASSERT(out->n_laws < MAX_LAWS);
        double *value = mad_arena_take(mem, setting->n_generations, sizeof *value);
        if (value == NULL) {
            return mad_fail_memory(app->ctx, "a theory curve");
        }
        MAD_TRY((*law)->curve(app->ctx, setting, value));
        out->value[out->n_laws] = value;
        out->law[out->n_laws++] = *law;
    }
    for (size_t i = 0; i < layout->n_series; i++) {
        const mad_series *series = &layout->series[i];
        if (strcmp(series->group, "metrics") == 0 && !has_law(out, series->name) &&
            out->n_without < sizeof out->without / sizeof out->without[0]) {
            out->without[out->n_without++] = series->name;
        }
    }
out:
    return st;
}

/* ---- text ---------------------------------------------------------------------------------- */

/* All generations of a short run, else 1, 2, 5, 10, 20, 50, ... and the last. */
static size_t next_generation(size_t t, size_t n_generations)
{
    size_t decade = 1;
    if (n_generations <= MAX_TEXT_ROWS || t >= n_generations) {
        return t + 1;
    }
    while (decade * 10 <= t) {
        decade *= 10;
    }
    const size_t next = t < 2 * decade ? 2 * decade : t < 5 * decade ? 5 * decade : 10 * decade;
    return next < n_generations ? next : n_generations;
}

static int column_width(const mad_theory_type *law)
{
    const int n = (int)strlen(law->metric);
    return n > 12 ? n : 12;
}

/* "  label word word ..." over as many lines as it takes, all indented by two. */
static void print_wrapped(const char *label, const char *words)
{
    size_t column = (size_t)printf("  %s", label);
    const char *gap = label[0] != '\0' ? " " : "";
    for (const char *word = words; *word != '\0'; word += strspn(word, " ")) {
        const size_t n = strcspn(word, " ");
        if (column + strlen(gap) + n > TEXT_WIDTH) {
            printf("\n  ");
            column = 2;
            gap = "";
        }
        column += (size_t)printf("%s%.*s", gap, (int)n, word);
        gap = " ";
        word += n;
    }
    printf("\n");
}

static void print_text(const laws *all, const mad_setting *setting)
{
    printf("%s: world %s, model %s, loop %s, bias %s, %zu generations\n\n", setting->name,
           setting->world->type->name, setting->model->name, setting->loop->type->name,
           setting->bias != NULL ? setting->bias->name : "none", all->n_generations);
    if (all->n_laws > 0) {
        printf("%10s", "generation");
        for (size_t i = 0; i < all->n_laws; i++) {
            printf("  %*s", column_width(all->law[i]), all->law[i]->metric);
        }
        printf("\n");
        for (size_t t = 1; t <= all->n_generations; t = next_generation(t, all->n_generations)) {
            printf("%10zu", t);
            for (size_t i = 0; i < all->n_laws; i++) {
                const double x = all->value[i][t - 1];
                const int width = column_width(all->law[i]);
                if (isnan(x)) {
                    printf("  %*s", width, "-");
                } else {
                    printf("  %*.6g", width, x);
                }
            }
            printf("\n");
        }
    }
    for (size_t i = 0; i < all->n_laws; i++) {
        const mad_theory_type *law = all->law[i];
        printf("\n%s: %s (%s)\n", law->metric, law->name, law->exact ? "exact" : "leading order");
        print_wrapped("", law->statement);
        print_wrapped("holds for:", law->assumptions);
        print_wrapped("see:", law->ref);
    }
    if (all->n_laws == 0) {
        printf("no closed form is known for this configuration\n");
        return;
    }
    if (all->n_without > 0) {
        printf("\nno closed form here for:");
        for (size_t i = 0; i < all->n_without; i++) {
            printf("%s %s", i > 0 ? "," : "", all->without[i]);
        }
        printf("\n");
    }
}

/* ---- json ---------------------------------------------------------------------------------- */

static json_t *json_law(const mad_theory_type *law, size_t n, const double *value)
{
    json_t *list = json_array();
    for (size_t t = 0; t < n; t++) {
        json_array_append_new(list, isfinite(value[t]) ? json_real(value[t]) : json_null());
    }
    return json_pack("{s:s, s:s, s:b, s:s, s:s, s:s, s:o}", "metric", law->metric, "law", law->name,
                     "exact", law->exact, "statement", law->statement, "assumptions",
                     law->assumptions, "reference", law->ref, "value", list);
}

static mad_status print_json(mad_ctx *ctx, const laws *all, const mad_setting *setting)
{
    json_t *laws_json = json_array(), *without = json_array();
    for (size_t i = 0; i < all->n_laws; i++) {
        json_array_append_new(laws_json, json_law(all->law[i], all->n_generations, all->value[i]));
    }
    for (size_t i = 0; i < all->n_without; i++) {
        json_array_append_new(without, json_string(all->without[i]));
    }
    json_t *root =
        json_pack("{s:s, s:I, s:o, s:o}", "name", setting->name, "generations",
                  (json_int_t)all->n_generations, "laws", laws_json, "without_law", without);
    return mad_print_json(ctx, root);
}

static mad_status theory_verb(mad_app *app, int argc, char **argv)
{
    mad_status st = MAD_OK;
    int as_json = 0;
    const mad_option options[] = {
        {"json", 0, NULL, "print JSON, every generation", .flag = &as_json}, {.name = NULL}};
    const mad_usage usage = {options, 1, SIZE_MAX,
                             "Curves are expectations over replicates, of the model's own law.\n"
                             "Of a configuration that sweeps, the first point is taken."};
    mad_arguments args;
    mad_config config;
    mad_experiment *experiment = NULL;
    laws all = {0};
    mad_arena *mem = mad_arena_create(1 << 16);
    if (mem == NULL) {
        return mad_fail_memory(app->ctx, "a theory curve");
    }
    MAD_TRY(mad_options_parse(app, &mad_command_theory, argc, argv, &usage, &args));
    if (args.shown_help) {
        goto out;
    }
    MAD_TRY(mad_load_config(app, mem, args.text[0], args.n - 1, args.text + 1, 0, &config));
    MAD_TRY(mad_experiment_create(app->ctx, mem, &config, app->registry, &experiment));
    MAD_TRY(find_laws(app, mem, experiment, &all));
    if (as_json) {
        MAD_TRY(print_json(app->ctx, &all, mad_experiment_setting(experiment)));
    } else {
        print_text(&all, mad_experiment_setting(experiment));
    }
out:
    mad_arena_destroy(mem);
    return st;
}

const mad_command mad_command_theory = {
    .name = "theory",
    .arguments = "CONFIG [key=value ...]",
    .doc = "Print the closed-form trajectory of a configuration, where one is known",
    .run = theory_verb,
};

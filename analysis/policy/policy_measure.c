/* analysis/policy/policy_measure.c: see the header. */
#include "analysis/policy/policy_measure.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "analysis/fit/survival.h"
#include "analysis/policy/policy_expression.h"
#include "sim/config/config.h"
#include "sim/iface/text.h"

enum { TEXT_BYTES = 512, MAX_NAMES = 256 };

/* What a reader understands as diversity, the plainest first; all fall as it is lost. */
static const char *const diversity[] = {"recall",
                                        "coverage",
                                        "modes_covered",
                                        "categories_seen",
                                        "class_entropy",
                                        "vendi_rbf_q1",
                                        "vendi_cosine_q1",
                                        "trace",
                                        "tail_mass_chi2_q",
                                        "tail_mass_emp_q",
                                        NULL};
static const char *const distances[] = {"frechet",           "gaussian_w2", "sliced_w2",
                                        "sliced_w2_sq",      "mode_tv",     "kid_unbiased",
                                        "mmd2_rbf_unbiased", NULL};

static int all_have(const mad_runs *runs, const char *name)
{
    for (size_t i = 0; i < runs->n_runs; i++) {
        const mad_run_series *series = mad_run_find(&runs->runs[i].run, "metrics", name);
        if (series == NULL || series->rank != 2) {
            return 0;
        }
    }
    return 1;
}

static const char *first_of(const mad_runs *runs, const char *const *list)
{
    while (*list != NULL && !all_have(runs, *list)) {
        list++;
    }
    return *list;
}

/* The measure of loss, distance or half-life: the one named, or the first of the list. */
static mad_status find_metric(mad_ctx *ctx, const mad_runs *runs, const char *named,
                              mad_policy_damage kind, const char **out)
{
    static const char *const what[] = {[MAD_POLICY_LOSS] = "measure of diversity",
                                       [MAD_POLICY_DISTANCE] = "distance",
                                       [MAD_POLICY_HALF_LIFE] = "measure of diversity"};
    *out = named != NULL                 ? (all_have(runs, named) ? named : NULL)
           : kind == MAD_POLICY_DISTANCE ? first_of(runs, distances)
                                         : first_of(runs, diversity);
    if (*out == NULL && named != NULL) {
        const char *names[MAX_NAMES];
        const char *near =
            mad_nearest(named, mad_runs_names(runs, "metrics", MAX_NAMES, names), names);
        return mad_fail(ctx, MAD_E_USAGE, "policy: not all runs have a measure '%.80s'%s%s%s",
                        named, near != NULL ? " (did you mean '" : "", near != NULL ? near : "",
                        near != NULL ? "'?)" : "");
    }
    return *out != NULL
               ? MAD_OK
               : mad_fail(ctx, MAD_E_USAGE,
                          "policy: the runs share no %s: give --damage an expression", what[kind]);
}

static mad_status put_words(mad_ctx *ctx, mad_arena *mem, size_t horizon, mad_policy_measure *m)
{
    char expression[TEXT_BYTES] = "", words[TEXT_BYTES] = "", label[TEXT_BYTES] = "";
    const char *name = m->metric;
    switch (m->kind) {
    case MAD_POLICY_LOSS:
        (void)snprintf(expression, sizeof expression, "1 - %s@horizon/%s@1", name, name);
        (void)snprintf(words, sizeof words, "the loss of %s by generation %zu", name, horizon);
        (void)snprintf(label, sizeof label, "loss of %s by generation %zu", name, horizon);
        break;
    case MAD_POLICY_DISTANCE:
        (void)snprintf(expression, sizeof expression, "%s@horizon", name);
        (void)snprintf(words, sizeof words, "%s at generation %zu", name, horizon);
        (void)snprintf(label, sizeof label, "%s at generation %zu", name, horizon);
        break;
    case MAD_POLICY_HALF_LIFE:
        (void)snprintf(words, sizeof words,
                       "the mean number of generations until %s has halved (counted up to %zu)",
                       name, horizon);
        (void)snprintf(label, sizeof label, "generations until %s has halved", name);
        break;
    case MAD_POLICY_EXPRESSION:
        (void)snprintf(words, sizeof words, "%s", m->expression);
        (void)snprintf(label, sizeof label, "%s", m->expression);
        break;
    }
    m->words = mad_arena_text(mem, words);
    m->label = mad_arena_text(mem, label);
    if (expression[0] != '\0') {
        m->expression = mad_arena_text(mem, expression);
    }
    return m->words != NULL && m->label != NULL && (expression[0] == '\0' || m->expression != NULL)
               ? MAD_OK
               : mad_fail_memory(ctx, "a measure");
}

mad_status mad_policy_measure_choose(mad_ctx *ctx, mad_arena *mem, const mad_runs *runs,
                                     const char *asked, size_t horizon, mad_policy_measure *out)
{
    static const char *const word[] = {"loss", "distance", "half-life"};
    mad_status st = MAD_OK;
    const char *named = NULL;
    asked = asked != NULL ? asked : word[MAD_POLICY_LOSS];
    *out = (mad_policy_measure){.kind = MAD_POLICY_LOSS};
    while (out->kind < MAD_POLICY_EXPRESSION && strcmp(asked, word[out->kind]) != 0) {
        named = NULL;
        if (mad_text_call(ctx, mem, asked, word[out->kind], &named) != MAD_OK) {
            return mad_fail_memory(ctx, "a measure");
        }
        if (named != NULL) {
            break;
        }
        out->kind++;
    }
    out->is_floor = out->kind == MAD_POLICY_HALF_LIFE;
    if (out->kind == MAD_POLICY_EXPRESSION) {
        out->expression = asked;
    } else {
        MAD_TRY(find_metric(ctx, runs, named, out->kind, &out->metric));
    }
    MAD_TRY(put_words(ctx, mem, horizon, out));
out:
    return st;
}

mad_status mad_policy_measure_take(mad_ctx *ctx, mad_arena *mem, const mad_policy_measure *measure,
                                   const mad_run_entry *entry, size_t horizon, double *out)
{
    const mad_run *run = &entry->run;
    if (measure->kind != MAD_POLICY_HALF_LIFE) {
        return mad_policy_evaluate(ctx, mem, entry, horizon, measure->expression, out);
    }
    const mad_run_series *series = mad_run_find(run, "metrics", measure->metric);
    for (size_t r = 0; r < run->n_replicates; r++) {
        const mad_crossing c =
            mad_crossing_find(horizon, series->value + r * run->n_generations, 0.5);
        const int is_known = c.is_crossed || c.generation == horizon;
        out[r] = is_known ? (double)c.generation : (double)NAN;
    }
    return MAD_OK;
}

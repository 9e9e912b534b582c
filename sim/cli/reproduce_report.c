/* sim/cli/reproduce_report.c: published results and their verdicts, as text and as JSON. */
#include "sim/cli/reproduce_report.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/cli/print_json.h"
#include "sim/store/json.h"

static void print_criterion(const mad_note *note, const mad_judgement *j)
{
    char at[48] = "";
    if (j->generation > 0) {
        (void)snprintf(at, sizeof at, " (generation %zu)", j->generation);
    }
    printf("  %-12s %-24s %s\n", mad_judged_word(j->verdict), note->name, note->texts[0]);
    printf("  %-12s measured %.6g, expected %.6g, difference %.3g +- %.2g%s%s%s\n", "", j->measured,
           j->expected, j->measured - j->expected, j->std_error, at, j->why[0] != '\0' ? ": " : "",
           j->why);
}

/* ---- the scale of a configuration ---------------------------------------------------------- */

/* What is told of it, as far as its world and loop have it. */
typedef struct scale_key {
    const char *name;
    const mad_values *values;
} scale_key;

enum { N_SCALE_KEYS = 6 };

static void scale_keys(const mad_config *c, scale_key *out)
{
    const scale_key keys[N_SCALE_KEYS] = {
        {"dim", &c->world},      {"replicates", &c->root}, {"generations", &c->root},
        {"n_initial", &c->loop}, {"n_real", &c->loop},     {"n_synthetic", &c->loop},
    };
    memcpy(out, keys, sizeof keys);
}

static const mad_value *value_of(const scale_key *key)
{
    for (size_t i = 0; i < key->values->n_values; i++) {
        if (strcmp(key->values->value[i].param->name, key->name) == 0) {
            return &key->values->value[i];
        }
    }
    return NULL;
}

static void print_scale(const mad_paper *p)
{
    scale_key key[N_SCALE_KEYS];
    scale_keys(&p->config, key);
    printf("  here: world %s, model %s", p->config.world_type->name, p->config.model_type->name);
    for (size_t k = 0; k < N_SCALE_KEYS; k++) {
        const mad_value *value = value_of(&key[k]);
        if (value != NULL) {
            printf(", %s %s", key[k].name, value->text);
        }
    }
    if (p->n_arms > 1) {
        printf("; %zu arms, which may change them", p->n_arms);
    }
    printf("\n");
}

/* A number as one, a schedule as its text. */
static json_t *json_value(const mad_value *value)
{
    char *end = NULL;
    if (value == NULL) {
        return json_null();
    }
    const double number = strtod(value->text, &end);
    if (*end != '\0') {
        return mad_json_text(value->text);
    }
    return number == floor(number) && fabs(number) < 1e15 ? json_integer((json_int_t)number)
                                                          : mad_json_number(number);
}

static json_t *json_scale(const mad_paper *p)
{
    scale_key key[N_SCALE_KEYS];
    json_t *out = json_pack("{s:s, s:s, s:I}", "world", p->config.world_type->name, "model",
                            p->config.model_type->name, "arms", (json_int_t)p->n_arms);
    scale_keys(&p->config, key);
    for (size_t k = 0; k < N_SCALE_KEYS; k++) {
        (void)json_object_set_new(out, key[k].name, json_value(value_of(&key[k])));
    }
    return out;
}

/* ---- text ---------------------------------------------------------------------------------- */

void mad_reproduce_print(const mad_reproduced *result)
{
    const mad_paper *p = result->paper;
    if (result->message != NULL) {
        printf("%s: ERROR: %s\n\n", p->name, result->message);
        fflush(stdout);
        return;
    }
    printf("%s: %s\n", p->name, p->source);
    if (p->shape[0] != '\0') {
        printf("  %s\n", p->shape);
    }
    if (p->setting[0] != '\0') {
        printf("  paper: %s\n", p->setting);
    }
    print_scale(p);
    for (size_t i = 0; result->judged != NULL && i < p->n_criteria; i++) {
        print_criterion(&p->config.expect.note[i], &result->judged[i]);
    }
    if (result->judged != NULL && result->verdict != MAD_JUDGED_PASS && p->found[0] != '\0') {
        printf("  found: %s\n", p->found);
    }
    if (result->n_other > 0) {
        printf("  %zu of the runs %s made by another build, and kept\n", result->n_other,
               result->n_other == 1 ? "was" : "were");
    }
    printf("%s: %s, %zu run%s, %.1f s\n\n", p->name,
           result->judged != NULL ? mad_judged_word(result->verdict) : "ran", p->n_arms,
           p->n_arms == 1 ? "" : "s", result->seconds);
    fflush(stdout);
}

static json_t *json_notes(const mad_paper *p)
{
    json_t *out = json_object();
    for (size_t i = 0; i < p->config.paper.n; i++) {
        const mad_note *note = &p->config.paper.note[i];
        (void)mad_json_put(out, note->name, mad_json_text(note->texts[0]));
    }
    return out;
}

static json_t *json_criterion(const mad_note *note, const mad_judgement *j)
{
    json_t *out = json_pack("{s:o, s:o}", "name", mad_json_text(note->name), "criterion",
                            mad_json_text(note->texts[0]));
    if (j != NULL) {
        json_t *judged = json_pack(
            "{s:s, s:I, s:o, s:o, s:o, s:o, s:o}", "verdict", mad_judged_word(j->verdict),
            "generation", (json_int_t)j->generation, "measured", mad_json_number(j->measured),
            "expected", mad_json_number(j->expected), "std_error", mad_json_number(j->std_error),
            "score", mad_json_number(j->score), "why", mad_json_text(j->why));
        (void)json_object_update(out, judged);
        json_decref(judged);
    }
    return out;
}

static const char *verdict_word(const mad_reproduced *result)
{
    if (result->status != MAD_OK) {
        return result->status == MAD_E_INTERRUPTED ? "interrupted" : "ERROR";
    }
    return !result->is_run          ? "not run"
           : result->judged == NULL ? "ran"
                                    : mad_judged_word(result->verdict);
}

static json_t *json_result(const mad_reproduced *result)
{
    json_t *criteria = json_array();
    for (size_t i = 0; i < result->paper->n_criteria; i++) {
        (void)json_array_append_new(
            criteria, json_criterion(&result->paper->config.expect.note[i],
                                     result->judged != NULL ? &result->judged[i] : NULL));
    }
    return json_pack(
        "{s:o, s:o, s:o, s:s, s:o, s:f, s:I, s:o}", "name", mad_json_text(result->paper->name),
        "paper", json_notes(result->paper), "scale",
        result->paper->message != NULL ? json_null() : json_scale(result->paper), "verdict",
        verdict_word(result), "error",
        result->message != NULL ? mad_json_text(result->message) : json_null(), "seconds",
        result->seconds, "runs_of_other_builds", (json_int_t)result->n_other, "criteria", criteria);
}

mad_status mad_reproduce_print_json(mad_ctx *ctx, size_t n, const mad_reproduced *results)
{
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++) {
        (void)json_array_append_new(list, json_result(&results[i]));
    }
    return mad_print_json(ctx, list);
}

void mad_reproduce_print_list(size_t n, const mad_paper *papers)
{
    printf("%-4s %-28s %9s  %s\n", "row", "name", "seconds", "source");
    for (size_t i = 0; i < n; i++) {
        const mad_paper *p = &papers[i];
        char row[16] = "", seconds[16] = "";
        if (!isnan(p->row)) {
            (void)snprintf(row, sizeof row, "%g", p->row);
        }
        if (!isnan(p->seconds)) {
            (void)snprintf(seconds, sizeof seconds, "%.3g", p->seconds);
        }
        const char *lead = p->message != NULL ? "ERROR" : p->loop;
        printf("%-4s %-28s %9s  %s%s%s\n", row, p->name, seconds, lead, lead[0] != '\0' ? ": " : "",
               p->message != NULL ? p->message : p->source);
    }
}

/* sim/engine/stop.c: the tests that end a run, and what is said of them. */
#include "sim/engine/stop.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "sim/num/stats.h"

/* ---- looks --------------------------------------------------------------------------------- */

/* Looks at generations from `first` on. */
static size_t n_looks(const mad_stop_rule *rule, size_t first)
{
    const size_t g = rule->n_generations, before = first - 1;
    if (first > g) {
        return 0;
    }
    return g / rule->every - before / rule->every + (g % rule->every != 0);
}

size_t mad_stop_n_tests(const mad_stop_rule *rule)
{
    size_t n = 0;
    n += isnan(rule->below) ? 0 : n_looks(rule, 1);
    n += isnan(rule->above) ? 0 : n_looks(rule, 1);
    n += isnan(rule->plateau) ? 0 : n_looks(rule, rule->window + 1);
    return n;
}

/* ---- tests --------------------------------------------------------------------------------- */

/* What the tests of one look share. */
typedef struct look {
    const mad_stop_rule *rule;
    const double *value;
    size_t generation, n_units;
    double *x; /* [n_units] */
    double critical;
} look;

/* x[u] = the unit's mean at one generation. */
static void take_generation(const look *l, size_t generation, double *x)
{
    const mad_stop_rule *rule = l->rule;
    for (size_t u = 0; u < l->n_units; u++) {
        double sum = 0.0;
        for (size_t m = 0; m < rule->n_models; m++) {
            const size_t r = u * rule->n_models + m;
            sum += l->value[r * rule->n_generations + generation - 1];
        }
        x[u] = sum / (double)rule->n_models;
    }
}

static int all_finite(size_t n, const double *x)
{
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(x[i])) {
            return 0;
        }
    }
    return 1;
}

/* The least of the statistics that must all pass for a plateau; NaN where it cannot be had. */
static double plateau_t(const look *l, double *first)
{
    const mad_stop_rule *rule = l->rule;
    const double margin = rule->plateau * (double)rule->window;
    const size_t begin = l->generation - rule->window;
    double least = (double)INFINITY;
    take_generation(l, begin, first);
    for (size_t s = begin + 1; s <= l->generation; s++) {
        take_generation(l, s, l->x);
        for (size_t u = 0; u < l->n_units; u++) {
            l->x[u] -= first[u];
        }
        if (!all_finite(l->n_units, l->x)) {
            return (double)NAN;
        }
        least = fmin(least, mad_student_t(l->n_units, l->x, -margin));
        least = fmin(least, -mad_student_t(l->n_units, l->x, margin));
    }
    return least;
}

static void judge(const look *l, mad_stop_reason reason, double t, mad_stop_verdict *out)
{
    if (out->reason == MAD_STOP_NOT && t > l->critical) {
        out->reason = reason;
        out->statistic = t;
        out->critical = l->critical;
    }
}

static mad_status test_metric(mad_ctx *ctx, const mad_stop_rule *rule, const double *value,
                              size_t generation, mad_stop_verdict *out)
{
    mad_status st = MAD_OK;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    look l = {.rule = rule,
              .value = value,
              .generation = generation,
              .n_units = rule->n_replicates / rule->n_models};
    const double level = rule->alpha / (double)mad_stop_n_tests(rule);
    double *first = mad_arena_take_raw(ctx->scratch, l.n_units, sizeof *first);
    l.x = mad_arena_take_raw(ctx->scratch, l.n_units, sizeof *l.x);
    if (l.x == NULL || first == NULL) {
        st = mad_fail_memory(ctx, "a stopping rule");
        goto out;
    }
    l.critical = mad_student_t_critical((double)(l.n_units - 1), 2.0 * level);
    take_generation(&l, generation, l.x);
    if (!all_finite(l.n_units, l.x)) {
        goto out;
    }
    out->mean = mad_mean(l.n_units, l.x);
    if (!isnan(rule->below)) {
        judge(&l, MAD_STOP_BELOW, -mad_student_t(l.n_units, l.x, rule->below), out);
    }
    if (!isnan(rule->above)) {
        judge(&l, MAD_STOP_ABOVE, mad_student_t(l.n_units, l.x, rule->above), out);
    }
    if (!isnan(rule->plateau) && generation > rule->window) {
        judge(&l, MAD_STOP_PLATEAU, plateau_t(&l, first), out);
    }
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

/* Rows that the fits have seen up to `generation`: counts, exact in any order. */
static double n_seen(const mad_stop_rule *rule, const double *samples, size_t generation)
{
    double n = 0.0;
    for (size_t r = 0; r < rule->n_replicates; r++) {
        for (size_t t = 0; t < generation; t++) {
            n += samples[r * rule->n_generations + t];
        }
    }
    return n;
}

mad_status mad_stop_look(mad_ctx *ctx, const mad_stop_rule *rule, const double *value,
                         const double *samples, size_t generation, mad_stop_verdict *out)
{
    mad_status st = MAD_OK;
    *out = (mad_stop_verdict){.generation = generation, .mean = (double)NAN};
    if (rule->metric != NULL) {
        MAD_TRY(test_metric(ctx, rule, value, generation, out));
    }
    if (out->reason == MAD_STOP_NOT && !isnan(rule->samples)) {
        const double n = n_seen(rule, samples, generation);
        if (n >= rule->samples) {
            out->reason = MAD_STOP_SAMPLES;
            out->statistic = n;
            out->critical = rule->samples;
        }
    }
    if (out->reason == MAD_STOP_NOT && generation == rule->n_generations) {
        out->reason = MAD_STOP_GENERATIONS;
    }
out:
    return st;
}

/* ---- words --------------------------------------------------------------------------------- */

const char *mad_stop_word(mad_stop_reason reason)
{
    static const char *const words[] = {
        [MAD_STOP_NOT] = "none",        [MAD_STOP_BELOW] = "below",
        [MAD_STOP_ABOVE] = "above",     [MAD_STOP_PLATEAU] = "plateau",
        [MAD_STOP_SAMPLES] = "samples", [MAD_STOP_GENERATIONS] = "generations"};
    return words[reason];
}

static void describe(const mad_stop_rule *rule, const mad_stop_verdict *v, size_t n_bytes,
                     char *out)
{
    const size_t n_units = rule->n_replicates / rule->n_models;
    switch (v->reason) {
    case MAD_STOP_BELOW:
    case MAD_STOP_ABOVE:
        (void)snprintf(out, n_bytes, "%s is %s %g: mean %.4g of %zu replicates, t %.3g > %.3g",
                       rule->metric, mad_stop_word(v->reason),
                       v->reason == MAD_STOP_BELOW ? rule->below : rule->above, v->mean, n_units,
                       v->statistic, v->critical);
        return;
    case MAD_STOP_PLATEAU:
        (void)snprintf(out, n_bytes,
                       "%s has moved by less than %g per generation over %zu generations: mean "
                       "%.4g of %zu replicates, least t %.3g > %.3g",
                       rule->metric, rule->plateau, rule->window, v->mean, n_units, v->statistic,
                       v->critical);
        return;
    case MAD_STOP_SAMPLES:
        (void)snprintf(out, n_bytes, "the fits have seen %.0f rows, the budget is %.0f",
                       v->statistic, v->critical);
        return;
    case MAD_STOP_NOT:
    case MAD_STOP_GENERATIONS:
        (void)snprintf(out, n_bytes, "no rule held in %zu generations", v->generation);
        return;
    }
}

mad_status mad_stop_attributes(mad_ctx *ctx, mad_arena *mem, const mad_stop_rule *rule,
                               const mad_stop_verdict *v, size_t *n, const mad_attribute **out)
{
    enum { MAX_STOP_ATTRIBUTES = 9 };
    char text[MAD_MESSAGE_BYTES];
    *n = 0;
    *out = NULL;
    if (v->reason == MAD_STOP_NOT) {
        return MAD_OK;
    }
    describe(rule, v, sizeof text, text);
    mad_attribute *a = mad_arena_take(mem, MAX_STOP_ATTRIBUTES, sizeof *a);
    const char *message = mad_arena_text(mem, text);
    if (a == NULL || message == NULL) {
        return mad_fail_memory(ctx, "why a run ends");
    }
    *out = a;
    a[(*n)++] = (mad_attribute){.name = "stop_reason", .text = mad_stop_word(v->reason)};
    a[(*n)++] = (mad_attribute){.name = "stop_message", .text = message};
    a[(*n)++] = (mad_attribute){.name = "stop_generation", .number = (double)v->generation};
    if (rule->metric != NULL) {
        a[(*n)++] = (mad_attribute){.name = "stop_metric", .text = rule->metric};
        a[(*n)++] = (mad_attribute){.name = "stop_mean", .number = v->mean};
        a[(*n)++] = (mad_attribute){.name = "stop_alpha", .number = rule->alpha};
        a[(*n)++] = (mad_attribute){.name = "stop_tests", .number = (double)mad_stop_n_tests(rule)};
    }
    if (v->reason != MAD_STOP_GENERATIONS) {
        a[(*n)++] = (mad_attribute){.name = "stop_statistic", .number = v->statistic};
        a[(*n)++] = (mad_attribute){.name = "stop_critical", .number = v->critical};
    }
    return MAD_OK;
}

/* sim/cli/metrics_choice.c: see the header. */
#include "sim/cli/metrics_choice.h"

#include <stdio.h>
#include <string.h>

#include "sim/config/config.h"

enum { NAME_BYTES = 64 };

/* 1 when `name` is one of the words of "a,b,c". */
static int is_in(const char *list, const char *name)
{
    const size_t n = strlen(name);
    for (const char *p = list; *p != '\0'; p += strcspn(p, ",")) {
        p += *p == ',';
        if (strncmp(p, name, n) == 0 && (p[n] == ',' || p[n] == '\0')) {
            return 1;
        }
    }
    return 0;
}

/* Names of the measures of plain rows; *n of them. Returns 1 when `word` is another's. */
static int list_names(const mad_registry *registry, const char *word, size_t *n,
                      const char *names[MAD_METRICS_ROWS])
{
    int is_other = 0;
    *n = 0;
    for (size_t i = 0; registry->metrics[i] != NULL; i++) {
        const mad_metric_type *type = registry->metrics[i];
        for (const mad_metric_output *o = type->outputs; o->name != NULL; o++) {
            if (type->worlds & 1u << MAD_WORLD_CONTINUOUS) {
                MAD_ASSERT(*n < MAD_METRICS_ROWS);
                names[(*n)++] = o->name;
            } else {
                is_other |= strcmp(o->name, word) == 0;
            }
        }
    }
    return is_other;
}

static mad_status check_name(mad_ctx *ctx, const mad_registry *registry, const char *word)
{
    const char *names[MAD_METRICS_ROWS];
    size_t n = 0;
    const int is_other = list_names(registry, word, &n, names);
    for (size_t i = 0; i < n; i++) {
        if (strcmp(names[i], word) == 0) {
            return MAD_OK;
        }
    }
    if (is_other) {
        return mad_fail(ctx, MAD_E_USAGE, "metrics: '%s' is not a measure of plain rows", word);
    }
    const char *nearest = mad_nearest(word, n, names);
    return mad_fail(ctx, MAD_E_USAGE, "metrics: unknown measure '%s'%s%s%s", word,
                    nearest != NULL ? " (did you mean '" : "; see `madloop list metrics`",
                    nearest != NULL ? nearest : "", nearest != NULL ? "'?)" : "");
}

mad_status mad_metrics_check_names(mad_ctx *ctx, const mad_registry *registry, const char *only)
{
    mad_status st = MAD_OK;
    if (only[0] == '\0') {
        return mad_fail(ctx, MAD_E_USAGE, "metrics: --only names no measure");
    }
    for (const char *p = only; *p != '\0'; p += *p == ',') {
        char word[NAME_BYTES];
        const size_t length = strcspn(p, ",");
        snprintf(word, sizeof word, "%.*s", (int)length, p);
        if (strcmp(word, "all") != 0) {
            MAD_TRY(check_name(ctx, registry, word));
        }
        p += length;
    }
out:
    return st;
}

/* 1 when a named output wants this one beside it. */
static int is_beside(const mad_registry *registry, const char *only, const char *output)
{
    for (const mad_metric_type *const *t = registry->metrics; *t != NULL; t++) {
        for (size_t i = 0; (*t)->beside != NULL && (*t)->outputs[i].name != NULL; i++) {
            if (strcmp((*t)->beside, output) == 0 && is_in(only, (*t)->outputs[i].name)) {
                return 1;
            }
        }
    }
    return 0;
}

int mad_metrics_is_named(const mad_metrics_report *report, const char *output)
{
    return report->only != NULL && is_in(report->only, output);
}

mad_choice mad_metrics_choose(const mad_registry *registry, const mad_metrics_report *report,
                              const mad_metric_type *type, size_t i_output)
{
    const mad_metric_output *output = &type->outputs[i_output];
    const int is_all = report->only == NULL || is_in(report->only, "all");
    const int is_costly = (type->needs & MAD_BY_NAME) != 0 && !(type->needs & MAD_NEEDS_TRAIN);
    if (!(type->worlds & 1u << MAD_WORLD_CONTINUOUS)) {
        return (mad_choice){0, NULL};
    }
    if (mad_metrics_is_named(report, output->name) ||
        (report->only != NULL && is_beside(registry, report->only, output->name))) {
        return (mad_choice){1, NULL};
    }
    if (!is_all) {
        return (mad_choice){0, NULL};
    }
    const char *lacks = mad_comparison_lacks(&report->comparison, type);
    if (lacks == NULL && !mad_comparison_fits(&report->comparison, type, output)) {
        lacks = output->undefined;
    }
    if (lacks == NULL && report->only == NULL && is_costly) {
        lacks = "taken by name: --only NAME, or --only all";
    }
    return (mad_choice){lacks == NULL, lacks};
}

/* sim/cli/metrics_choice.c: see the header. */
#include "sim/cli/metrics_choice.h"

#include <stdio.h>
#include <string.h>

#include "sim/config/config.h"

enum { NAME_BYTES = 64 };

/* The next word of "a,b,c" from *list on, which then stands behind it; NULL: no more. */
static const char *next_word(const char **list, char word[NAME_BYTES])
{
    if (**list == '\0') {
        return NULL;
    }
    const size_t n = strcspn(*list, ",");
    snprintf(word, NAME_BYTES, "%.*s", (int)n, *list);
    *list += n + (size_t)((*list)[n] == ',');
    return word;
}

/* The closest way in which a word of the list names the output. */
static mad_naming naming_of(const mad_registry *registry, const char *list,
                            const mad_metric_type *type, size_t i_output)
{
    mad_naming closest = MAD_NOT_NAMED;
    char word[NAME_BYTES];
    while (list != NULL && next_word(&list, word) != NULL) {
        const mad_naming naming = mad_measure_named(registry, type, i_output, word);
        closest = naming > closest ? naming : closest;
    }
    return closest;
}

static int is_all(const char *list)
{
    char word[NAME_BYTES];
    while (next_word(&list, word) != NULL) {
        if (strcmp(word, "all") == 0) {
            return 1;
        }
    }
    return 0;
}

static mad_status check_name(mad_ctx *ctx, const mad_registry *registry, const char *word)
{
    int is_other = 0;
    for (const mad_metric_type *const *type = registry->metrics; *type != NULL; type++) {
        for (size_t i = 0; (*type)->outputs[i].name != NULL; i++) {
            if (mad_measure_named(registry, *type, i, word) != MAD_NOT_NAMED) {
                if ((*type)->worlds & 1u << MAD_WORLD_CONTINUOUS) {
                    return MAD_OK;
                }
                is_other = 1;
            }
        }
    }
    if (is_other) {
        return mad_fail(ctx, MAD_E_USAGE, "metrics: '%s' is not a measure of plain rows", word);
    }
    const char *nearest = mad_measure_nearest(registry, word);
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
    char word[NAME_BYTES];
    while (next_word(&only, word) != NULL) {
        if (strcmp(word, "all") != 0) {
            MAD_TRY(check_name(ctx, registry, word));
        }
    }
out:
    return st;
}

/* 1 when a named output wants this one beside it. */
static int is_beside(const mad_registry *registry, const char *only, const char *output)
{
    for (const mad_metric_type *const *t = registry->metrics; *t != NULL; t++) {
        for (size_t i = 0; (*t)->beside != NULL && (*t)->outputs[i].name != NULL; i++) {
            if (strcmp((*t)->beside, output) == 0 &&
                naming_of(registry, only, *t, i) != MAD_NOT_NAMED) {
                return 1;
            }
        }
    }
    return 0;
}

int mad_metrics_is_named(const mad_registry *registry, const mad_metrics_report *report,
                         const mad_metric_type *type, size_t i_output)
{
    return naming_of(registry, report->only, type, i_output) == MAD_NAMED;
}

mad_choice mad_metrics_choose(const mad_registry *registry, const mad_metrics_report *report,
                              const mad_metric_type *type, size_t i_output)
{
    const mad_metric_output *output = &type->outputs[i_output];
    const mad_naming naming = naming_of(registry, report->only, type, i_output);
    const int is_costly = (type->needs & MAD_BY_NAME) != 0 && !(type->needs & MAD_NEEDS_TRAIN);
    if (!(type->worlds & 1u << MAD_WORLD_CONTINUOUS)) {
        return (mad_choice){0, NULL};
    }
    if (naming == MAD_NAMED || is_beside(registry, report->only, output->name)) {
        return (mad_choice){1, NULL};
    }
    if (report->only != NULL && naming == MAD_NOT_NAMED && !is_all(report->only)) {
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

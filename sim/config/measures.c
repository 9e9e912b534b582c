/* sim/config/measures.c: names of measures in lists. */
#include <string.h>

#include "sim/config/config.h"

enum { MAX_NAMES = 256 };

int mad_measure_is_output(const mad_registry *registry, const char *word)
{
    for (const mad_metric_type *const *type = registry->metrics; *type != NULL; type++) {
        for (const mad_metric_output *o = (*type)->outputs; o->name != NULL; o++) {
            if (strcmp(o->name, word) == 0) {
                return 1;
            }
        }
    }
    return 0;
}

mad_naming mad_measure_named(const mad_registry *registry, const mad_metric_type *type,
                             size_t i_output, const char *word)
{
    const char *name = type->outputs[i_output].name;
    const size_t n = strlen(word);
    if (strcmp(name, word) == 0) {
        return MAD_NAMED;
    }
    const int is_part =
        strcmp(type->name, word) == 0 || (strncmp(name, word, n) == 0 && name[n] == '_');
    return is_part && n > 0 && !mad_measure_is_output(registry, word) ? MAD_NAMED_WITH_OTHERS
                                                                      : MAD_NOT_NAMED;
}

int mad_measure_is_known(const mad_registry *registry, const char *word)
{
    for (const mad_metric_type *const *type = registry->metrics; *type != NULL; type++) {
        for (size_t i = 0; (*type)->outputs[i].name != NULL; i++) {
            if (mad_measure_named(registry, *type, i, word) != MAD_NOT_NAMED) {
                return 1;
            }
        }
    }
    return 0;
}

const char *mad_measure_nearest(const mad_registry *registry, const char *word)
{
    const char *names[MAX_NAMES];
    size_t n = 0;
    for (const mad_metric_type *const *type = registry->metrics; *type != NULL; type++) {
        for (const mad_metric_output *o = (*type)->outputs; o->name != NULL; o++) {
            MAD_ASSERT(n < MAX_NAMES);
            names[n++] = o->name;
        }
    }
    return mad_nearest(word, n, names);
}

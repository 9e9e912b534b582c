/* sim/cli/warnings.h: early-warning indicators as `madloop profile` asks for and shows them. */
#ifndef MAD_CLI_WARNINGS_H
#define MAD_CLI_WARNINGS_H

#include <jansson.h>

#include "analysis/expect/warning.h"
#include "sim/cli/app.h"

/** Rows of an option table. */
#define MAD_WARNING_OPTIONS(o)                                                                     \
    {"event", 0, "MEASURE",                                                                        \
     "measure whose fall is the collapse that warnings precede (default: recall, else the first "  \
     "measure of diversity that the run has)",                                                     \
     .text = &(o).event},                                                                          \
        {"event-share",                                                                            \
         0,                                                                                        \
         "X",                                                                                      \
         "it has fallen to this share of generation 1 (default 0.5)",                              \
         .real = &(o).share,                                                                       \
         .min = 1e-6,                                                                              \
         .max = 0.999999},                                                                         \
        {"feature", 0, "MEASURE", "measure whose autocorrelation is watched (default: a spread)",  \
         .text = &(o).feature},                                                                    \
        {"window",                                                                                 \
         0,                                                                                        \
         "W",                                                                                      \
         "pairs of generations of an autocorrelation (default 10)",                                \
         .count = &(o).window,                                                                     \
         .min = 1,                                                                                 \
         .max = 1e6},                                                                              \
    {                                                                                              \
        "alpha", 0, "A", "false alarms of each indicator, over all generations (default 0.05)",    \
            .real = &(o).alpha, .min = 1e-9, .max = 0.5                                            \
    }

/** MAD_E_USAGE: no measure has that name. */
MAD_MUST_CHECK mad_status mad_warnings_check(mad_app *app, const mad_warning_options *ask);

/** A block of lines on stdout. */
void mad_warnings_print(const char *dir, const mad_run *run, const mad_warning_options *ask,
                        const mad_warnings *w);

/** {"event": {...}, "alpha": ..., "window": ..., "indicators": [...]} */
json_t *mad_warnings_json(const mad_warning_options *ask, const mad_warnings *w);

#endif

/* sim/cli/metrics_choice.h: which measures `madloop metrics` takes, and why not the others. */
#ifndef MAD_CLI_METRICS_CHOICE_H
#define MAD_CLI_METRICS_CHOICE_H

#include "sim/cli/metrics_report.h"

/**
 * The names of --only ("a,b,c", or all).
 *
 * errors  MAD_E_USAGE: no name, an unknown one (the nearest is told), or a measure of other worlds
 */
MAD_MUST_CHECK mad_status mad_metrics_check_names(mad_ctx *ctx, const mad_registry *registry,
                                                  const char *only);

/** 1 when --only names this output by itself. */
int mad_metrics_is_named(const mad_registry *registry, const mad_metrics_report *report,
                         const mad_metric_type *type, size_t i_output);

typedef struct mad_choice {
    int is_wanted;
    const char *why_not; /* NULL: it is wanted, not asked for, or no measure of plain rows */
} mad_choice;

/**
 * Wanted are the outputs that are named; or all that the files can give and that mean something
 * there, but the costly ones only with --only all or with the training rows they are for.
 */
mad_choice mad_metrics_choose(const mad_registry *registry, const mad_metrics_report *report,
                              const mad_metric_type *type, size_t i_output);

#endif

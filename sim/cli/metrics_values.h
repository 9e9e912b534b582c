/* sim/cli/metrics_values.h: the measures of `madloop metrics` with their floors and errors. */
#ifndef MAD_CLI_METRICS_VALUES_H
#define MAD_CLI_METRICS_VALUES_H

#include "sim/cli/metrics_report.h"
#include "sim/iface/command.h"

/**
 * Take every wanted measure of report->comparison: its value on the whole files, its floor from
 * splits of the real rows in two halves, its standard error from halves of both sides.
 *
 * reads    comparison, values, only, n_halves;  fills rows and left_out
 * errors   MAD_E_USAGE: a measure that is named cannot be had; those of mad_compare and
 *          mad_comparison_part; MAD_E_INTERRUPTED; MAD_E_MEMORY
 * threads  main thread only; same bits for any thread count
 */
MAD_MUST_CHECK mad_status mad_metrics_take(mad_app *app, mad_arena *mem,
                                           mad_metrics_report *report);

#endif

/* sim/cli/reproduce_report.h: published results and their verdicts, as text and as JSON. */
#ifndef MAD_CLI_REPRODUCE_REPORT_H
#define MAD_CLI_REPRODUCE_REPORT_H

#include "sim/cli/reproduce_paper.h"

/** A paper that was run: its source, its scale and the one here, every criterion with what was measured, the verdict. */
void mad_reproduce_print(const mad_reproduced *result);

/** A line a paper: row of the table of results, name, seconds, loop and source. */
void mad_reproduce_print_list(size_t n, const mad_paper *papers);

/** A list of objects on stdout. errors  MAD_E_MEMORY */
MAD_MUST_CHECK mad_status mad_reproduce_print_json(mad_ctx *ctx, size_t n,
                                                   const mad_reproduced *results);

#endif

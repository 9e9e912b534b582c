/* sim/cli/collect.h: the runs of a sweep in one table and one file. */
#ifndef MAD_CLI_COLLECT_H
#define MAD_CLI_COLLECT_H

#include "sim/base/ctx.h"

/**
 * Write DIR/sweep.csv and DIR/sweep.h5 of what the runs of the sweep in DIR hold by now; each file
 * appears whole or not at all, and the same runs give the same bytes. A run that cannot be read is
 * left out.
 * threads the lines of runs are made in parallel, main thread only otherwise
 * errors  those of mad_manifest_read; MAD_E_DATA: some runs could not be read (the first is named),
 *         the others are in the files;  MAD_E_IO, MAD_E_MEMORY
 */
MAD_MUST_CHECK mad_status mad_collect(mad_ctx *ctx, const char *dir);

#endif

/* sim/cli/verbs.h: the verbs whose code lies here, and what they share. */
#ifndef MAD_CLI_VERBS_H
#define MAD_CLI_VERBS_H

#include "sim/cli/execute.h"
#include "sim/cli/lists.h"

/** Run what is left of every run below `dir`; a failing run does not stop the others.
 *  errors  MAD_E_FAILED: some failed (named on stderr); MAD_E_INTERRUPTED; MAD_E_IO: no runs */
MAD_MUST_CHECK mad_status mad_execute_all(mad_app *app, mad_arena *mem, const char *dir,
                                          const mad_execute_options *options);

/** Run the grid of the file's `sweep:` block and of the arguments below `dir` (NULL: runs/NAME);
 *  args as the verb got them: CONFIG, then key=value or key=a,b. */
MAD_MUST_CHECK mad_status mad_sweep(mad_app *app, mad_arena *mem, const mad_arguments *args,
                                    const char *dir, int smoke, const mad_execute_options *execute);

#endif

/* sim/cli/plan.h: a run before it has run: what criteria are checked against. */
#ifndef MAD_CLI_PLAN_H
#define MAD_CLI_PLAN_H

#include "sim/engine/engine.h"

/** The run that an experiment makes, its loops joined, with places for values and none in them but
 *  the closed forms; from mem, those borrowed from the experiment. MAD_E_MEMORY. */
MAD_MUST_CHECK mad_status mad_plan_run(mad_ctx *ctx, mad_arena *mem,
                                       const mad_experiment *experiment, mad_run *out);

#endif

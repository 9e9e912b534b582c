/* analysis/policy/policy_expression.h: what a user asks of a run, as a number per replicate. */
#ifndef MAD_POLICY_EXPRESSION_H
#define MAD_POLICY_EXPRESSION_H

#include "analysis/table/runs.h"

/**
 * Value of an expression of expect.h in every replicate of a run. Beside what expect.h knows, the
 * word `horizon` is the number of the generation that is looked at, and the name of a configuration
 * key whose value is a number ("loop.n_real") is that number; where the run has a series of that name,
 * it is the series, unless the name is all there is.
 *
 * shape   out: [run->run.n_replicates]; NaN: not measured
 * errors  MAD_E_USAGE: a relation in it, or too long;  those of mad_criterion_parse and
 *         mad_criterion_values;  MAD_E_MEMORY
 */
MAD_MUST_CHECK mad_status mad_policy_evaluate(mad_ctx *ctx, mad_arena *mem,
                                              const mad_run_entry *run, size_t horizon,
                                              const char *expression, double *out);

#endif

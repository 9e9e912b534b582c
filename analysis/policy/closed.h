/* analysis/policy/closed.h: `madloop admissible` without a configuration: closed forms alone. */
#ifndef MAD_POLICY_CLOSED_H
#define MAD_POLICY_CLOSED_H

#include "sim/iface/command.h"

/* What the command line gave; NaN or NULL: not given. */
typedef struct mad_closed_ask {
    double n_real, n_synthetic, n_effective, share, target;
    double dim, bias, memory, leak, tpr, fpr;
    const char *real_weight; /* a number, "golden" or "proportional" */
} mad_closed_ask;

/**
 * Answer on stdout: with n_real the largest admissible n_synthetic; with n_effective the least
 * n_real; with n_real and n_synthetic what they are worth.
 * errors  MAD_E_USAGE: something is missing, contradicts, or no formula covers it; MAD_E_FAILED: no
 *         size reaches the target (said with the best there is)
 */
MAD_MUST_CHECK mad_status mad_closed_answer(mad_app *app, const mad_closed_ask *ask, int as_json);

#endif

/* analysis/policy/calibrate.h: `madloop admissible CONFIG --calibrate`: extrapolation from short runs. */
#ifndef MAD_POLICY_CALIBRATE_H
#define MAD_POLICY_CALIBRATE_H

#include "analysis/policy/trial.h"

typedef struct mad_calibrate_ask {
    double target; /* wanted n_e/n_r */
    size_t most;   /* largest n_synthetic that the check may run; 0: 64 n_real */
} mad_calibrate_ask;

/**
 * Measure generation 1 at n_real/2, n_real, 2 n_real and 4 n_real rows and the loop at n_synthetic and
 * 4 n_synthetic, fit the Gaussian loop that behaves so (calibration.h), print its largest admissible
 * n_synthetic, run that size for twice the generations and say whether the prediction held: whether
 * the measured n_e/n_r is, with its whole 95 % interval, that of a size within a factor 1.5 of it.
 *
 * errors  MAD_E_CONFIG: not a fresh loop, or a measure whose distance does not fall; MAD_E_FAILED: the
 *         prediction did not hold (after the answer), or no size reaches the target; those of the runs
 */
MAD_MUST_CHECK mad_status mad_calibrate_answer(mad_trials *trials, const mad_calibrate_ask *ask,
                                               int as_json);

#endif

/* analysis/policy/policy_life.h: half-lives of the pooled replicates of one point. */
#ifndef MAD_POLICY_LIFE_H
#define MAD_POLICY_LIFE_H

#include "analysis/fit/fits.h"

/* Of what analysis/fit says; generations, counted as there. */
typedef struct mad_policy_life {
    mad_law law;   /* that was chosen; MAD_N_LAWS: none */
    double fitted; /* until the fitted mean curve is below half of its first value */
    mad_interval fitted_interval;
    double median; /* Kaplan and Meier's, of the replicates; infinite: not reached */
    mad_interval median_interval;
} mad_policy_life;

/**
 * Fit the mean curve and count the replicates that have halved.
 * shape   value: [n_units][horizon], NaN = not measured
 * errors  MAD_E_MEMORY
 * memory  from mem
 */
MAD_MUST_CHECK mad_status mad_policy_life_take(mad_ctx *ctx, mad_arena *mem, size_t n_units,
                                               size_t horizon, const double *value,
                                               mad_policy_life *out);

#endif

/* analysis/fit/interval.h: what replicates leave open about the fit of a law. */
#ifndef MAD_FIT_INTERVAL_H
#define MAD_FIT_INTERVAL_H

#include "analysis/fit/law.h"
#include "analysis/fit/replicates.h"

/* 95 % intervals over replicates. NaN: fewer than two replicates, or no such number. */
typedef struct mad_law_intervals {
    mad_interval rate;      /* of b, from 0 or to infinity where no smaller or larger one is
                               refused; of a line: of its slope a */
    mad_interval half_life; /* of mad_law_half_life: that of b, turned over */
    mad_interval half_life_zero;
} mad_law_intervals;

/**
 * Rate: a b is kept unless the replicates refuse it as where the least-squares fit to the true mean
 * curve stands. There the residuals are orthogonal to df/db, so for every b that is asked the
 * replicates give one number each, the contrast of their curves with what of df/db is orthogonal to
 * 1 and f; the studentised mean of these, which is 0 at the fitted b, must lie between its
 * bootstrap limits. No linearisation and no assumption on the noise within a replicate: with
 * normal noise and Student's limits the level is exact. A fit at a bound keeps the values from there
 * on that are not refused; NaN when the bound itself is.
 *
 * Half-life to zero: the times at which the fitted curve minus half of its first value is 0 within
 * the limits of its studentised value (Fieller's set), by the linearised influence of each replicate
 * on c, a and b; at a bound b is taken as known. Looked for up to 1000 times the length of the curve.
 *
 * ref     Fieller 1954, JRSS B 16:175; Hu & Kalbfleisch 2000, Canad. J. Stat. 28:449 (bootstrap of
 *         estimating functions)
 * errors  MAD_E_MEMORY
 */
MAD_MUST_CHECK mad_status mad_law_intervals_take(mad_ctx *ctx, const mad_replicates *sample,
                                                 mad_law law, const mad_law_fit *fit,
                                                 mad_law_intervals *out);

#endif

/* analysis/fit/decay.h: how fast a curve approaches where it ends up. */
#ifndef MAD_FIT_DECAY_H
#define MAD_FIT_DECAY_H

#include "sim/base/ctx.h"

/* With t = generation - 1: */
typedef enum mad_decay_law {
    MAD_DECAY_EXPONENTIAL, /* c + a exp(-b t) */
    MAD_DECAY_POWER,       /* c + a (t + 1)^-b */
    MAD_N_DECAY_LAWS
} mad_decay_law;

const char *mad_decay_text(mad_decay_law law); /* "exponential", "power" */

/* All NaN where there are fewer than 4 finite values, or all are equal. */
typedef struct mad_decay {
    double c, a, b;
    double aicc; /* n ln(rss/n) + 2 k + 2 k (k + 1)/(n - k - 1), k = 4: c, a, b and the variance of
                         the noise; NaN with fewer than 6 values */
    double half_life; /* generations from the first until half of the way to c: ln 2 / b, or
                         2^(1/b) - 1; infinite at a bound */
    int at_bound;     /* b is the least or the largest that was tried: the curve is a line, or over
                         after one generation */
} mad_decay;

/**
 * Least squares by variable projection: c and a in closed form for each b, b on a grid of its
 * logarithm, then where the derivative of the profile changes sign.
 *
 * ref      Golub & Pereyra 1973, SIAM J. Numer. Anal. 10:413; Hurvich & Tsai 1989 (AICc)
 * shape    y: [n_generations]; what is not finite is left out
 * errors   MAD_E_MEMORY
 */
MAD_MUST_CHECK mad_status mad_decay_fit(mad_ctx *ctx, mad_decay_law law, size_t n_generations,
                                        const double *y, mad_decay *out);

/**
 * Where the half-life of the mean curve lies in 95 % of 200 draws of as many whole replicates with
 * replacement; NaN with one replicate.
 *
 * shape    value: [n_replicates][stride], of which n_generations count; interval: [2]
 * errors   MAD_E_MEMORY
 * threads  parallel over draws, same bits for any number
 */
MAD_MUST_CHECK mad_status mad_decay_interval(mad_ctx *ctx, mad_decay_law law, size_t n_replicates,
                                             size_t stride, size_t n_generations,
                                             const double *value, double *interval);

#endif

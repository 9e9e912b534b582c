/* analysis/fit/law.h: the laws a curve may follow, their least-squares fits, and the choice. */
#ifndef MAD_FIT_LAW_H
#define MAD_FIT_LAW_H

#include "sim/base/ctx.h"

/* y(t) = c + a f(t; b) with t = generation - 1: */
typedef enum mad_law {
    MAD_LAW_EXPONENTIAL, /* c + a exp(-b t) */
    MAD_LAW_POWER,       /* c + a (t + 1)^-b */
    MAD_LAW_LINEAR,      /* c + a t */
    MAD_LAW_PLATEAU,     /* c */
    MAD_N_LAWS           /* as a choice: none */
} mad_law;

const char *mad_law_text(mad_law law); /* "exponential", "power", "linear", "plateau"; none: "-" */

/** Mean parameters: c, a, b as far as the law has them: 3, 3, 2, 1. */
size_t mad_law_n_terms(mad_law law);

/** f(t; b): exp(-b t), (t + 1)^-b, t; 0 of a plateau. */
double mad_law_shape(mad_law law, double b, double t);

/** -df/db over f: t, ln(t + 1). Of the laws that have a b. */
double mad_law_time(mad_law law, double t);

/** The least and the largest b that is tried on a curve from t = first to t = last. */
double mad_law_least_b(mad_law law, double first, double last);
double mad_law_largest_b(mad_law law);

/** Generations from the first until half of the way to c, ln 2 / b or 2^(1/b) - 1; infinite of
 *  b = 0 and of laws without a b. */
double mad_law_half_life(mad_law law, double b);

typedef enum mad_bound {
    MAD_BOUND_NONE,
    MAD_BOUND_LOW, /* b is the least that is tried: a line, whose c means nothing (of the power law:
                      a + b ln(t + 1)) */
    MAD_BOUND_HIGH /* b is the largest: over after one generation */
} mad_bound;

/* What a law does not have is NaN, and so is all where there is no fit. */
typedef struct mad_law_fit {
    double c, a, b;
    double aicc;           /* n ln(rss/n) + 2 k + 2 k (k + 1)/(n - k - 1), see below */
    double half_life;      /* to c: mad_law_half_life, infinite at a bound */
    double half_life_zero; /* until the fitted curve is below half of its first value; infinite:
                              never; NaN: the first value is not positive */
    mad_bound bound;
} mad_law_fit;

/**
 * Least squares by variable projection: c and a in closed form for each b, b on a grid of its
 * logarithm, then where the derivative of the profile changes sign. All generations count alike:
 * weights 1/se^2 from the replicates lose more (rmse of ln b 0.093 for 0.068, 5 replicates of equal
 * noise) than they gain (0.062 for 0.070, 10 random walks), and a generation at which the
 * replicates agree by chance would take the whole fit.
 *
 * AICc    k = 4, 4, 3, 2: c, a, b as the law has them, and the variance of the noise. It assumes
 *         residuals of the mean curve that are independent, normal and of equal variance. Those of
 *         successive generations are correlated, so differences are overstated: a true plateau is
 *         found in 94 % at 20 independent generations, in 68 % with lag-1 correlation 0.6, in 37 %
 *         with 0.9; else laws of more parameters are chosen, mostly a line. Residuals within rounding
 *         of the values count as 0 and give -inf; n <= k + 1 gives +inf.
 * ref     Golub & Pereyra 1973, SIAM J. Numer. Anal. 10:413; Hurvich & Tsai 1989 (AICc)
 * shape   y: [n_generations]; what is not finite is left out. Fewer than 4 values: no fit. All
 *         equal: a plateau, no other fit
 * errors  MAD_E_MEMORY
 */
MAD_MUST_CHECK mad_status mad_law_fit_curve(mad_ctx *ctx, mad_law law, size_t n_generations,
                                            const double *y, mad_law_fit *out);

/**
 * Laws within 2 of the smallest AICc are tied, as the data tell them apart hardly or not at all; of
 * these the one of the fewest parameters is chosen, then the one of the smaller AICc, then the first.
 * None below 6 values, where not every law has an AICc.
 * ref     Burnham & Anderson 2002, Model Selection and Multimodel Inference, 2.6 (differences)
 * shape   fit: [MAD_N_LAWS]
 */
mad_law mad_law_choose(const mad_law_fit *fit);

/** The rate: b; of a line its slope a; NaN of a plateau. */
double mad_law_rate(mad_law law, const mad_law_fit *fit);

#endif

/* analysis/policy/policy_invert.h: the least lever that keeps a damage at or below a level. */
#ifndef MAD_POLICY_INVERT_H
#define MAD_POLICY_INVERT_H

#include "analysis/fit/replicates.h"

/* Replicates of one curve. */
typedef struct mad_policy_sample {
    size_t n_points, n_units;
    const double *lever; /* [n_points] ascending */
    const double
        *damage; /* [n_units][n_points]; a unit is the same replicate of the same seed at all
                             points; NaN = not measured */
} mad_policy_sample;

typedef enum mad_policy_kind {
    MAD_POLICY_UNKNOWN, /* neighbouring points share fewer than two replicates */
    MAD_POLICY_CROSSED,
    MAD_POLICY_NEVER, /* the mean is beyond the level at the end where it should hold */
    MAD_POLICY_ALWAYS /* the mean holds the level at all points */
} mad_policy_kind;

/* What is asked. */
typedef struct mad_policy_question {
    double level;
    double confidence; /* 0.6 .. 0.999 */
    int is_floor;      /* 1: the damage is to stay at or above the level */
    int is_most;       /* 1: the largest lever up to which it holds, in place of the least */
} mad_policy_question;

typedef struct mad_policy_answer {
    mad_policy_kind kind;
    double lever;          /* where the mean curve enters the level for good; infinite: beyond the
                              sweep, on the side where it would be */
    mad_interval interval; /* two-sided; infinite ends: the sweep does not bound it there */
    double safe;           /* from here on the level is shown to hold, one-sided; infinite: at all
                              swept levers (-, with is_most +), or at none */
    size_t n_turns;        /* how often the mean curve passes the level; 1 where all is well */
    size_t n_units;        /* the fewest replicates that two neighbouring points share */
} mad_policy_answer;

/**
 * Invert the curve. Between two swept points the damage is taken as linear in the lever. For every lever
 * L there the replicates that both points share give one number each, (1 - w) d_k + w d_(k+1) - level:
 * whole replicates, so that what the points of one replicate share (common random numbers) is kept.
 * L is refused as the place of the crossing where their mean over its standard error, rid of its
 * skewness by Hall's monotone transform, is beyond Student's limits. The interval runs from the first to
 * the last lever that is not refused (Fieller's set, its hull); `safe` is the least lever from which
 * on the one-sided test shows the level to hold at every lever.
 *
 * Coverage: where the true mean curve is monotone and linear between the points, the true crossing is
 * refused with probability 1 - confidence, and the hull can only add; so is `safe` too small. Of 8000
 * sweeps each (tests/stat/test_policy_curve.c) 95 % intervals cover in 94.6 to 95.3 % with normal noise
 * and 4, 8, 16 replicates, in 94.0 % with exponential noise and 16; `safe` is too small in 4.8 to
 * 5.1 %, with exponential noise in 7.8. (Student alone, of the mean of 16 exponential numbers: 91.6
 * and 11.5 %.) Not the
 * studentised bootstrap, whose resamples without spread make it refuse nothing where most replicates
 * agree (damage 0 in 15 of 16). Where all replicates agree there is no spread to go by: 16 that lose
 * nothing leave a chance of loss of up to 0.17 open (0.05^(1/16)), which the interval does not know.
 *
 * ref     Fieller 1954, JRSS B 16:175; Hall 1992, JRSS B 54:221 (removal of skewness); Brown & Sundberg
 *         1987, JRSS B 49:46 (calibration by inverted tests)
 * errors  MAD_E_MEMORY
 * threads same bits for any number, also as an item of mad_par_for
 */
MAD_MUST_CHECK mad_status mad_policy_invert(mad_ctx *ctx, const mad_policy_sample *sample,
                                            const mad_policy_question *question,
                                            mad_policy_answer *out);

#endif

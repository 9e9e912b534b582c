/* analysis/expect/warning.h: early-warning indicators of collapse: when does each raise an alarm, and how
 * many generations before the collapse?
 *
 * The event: the mean over replicates of a measure of diversity is at or below a share of its mean in
 * generation 1. An indicator is a number y_r(t) per replicate and generation, of the first measure of a
 * list that the run has; its alarm is the first generation t at which a one-sided paired t test of y_r(t)
 * - y_r(first), over the R replicates, rejects "no rise" (or "no fall") at the level alpha / N, N the
 * generations after `first` of the whole run. So an indicator whose mean never moves in its direction
 * raises an alarm with a probability of at most alpha over all generations, however these depend on each
 * other (union bound; normal means).
 *
 * autocorrelation  with z = x - its mean over the replicates in that generation, over the last `window`
 *                  pairs of generations: sum z(s-1) z(s) / sum (z(s-1)^2 + z(s)^2)/2; `first` is the first
 *                  full window. Rises before a system loses its stability; in the fresh-data loop of
 *                  Gaussians it is q, the synthetic share, for the mean and for the covariance
 * participation, entropy  fall;  memorisation  rises;  `first` is generation 1
 *
 * lead = event - alarm. Its interval is t with the jackknife over replicates of event and alarm together
 * (Efron & Stein 1981, Ann. Stat. 9:586: the variance is not underestimated in the mean).
 *
 * ref      Scheffer et al. 2009, Nature 461:53; Dakos et al. 2012, PLoS ONE 7:e41010
 */
#ifndef MAD_ANALYSIS_EXPECT_WARNING_H
#define MAD_ANALYSIS_EXPECT_WARNING_H

#include "sim/store/runfile.h"

enum { MAD_N_INDICATORS = 4 };

typedef struct mad_warning_options {
    const char *event;   /* measure; NULL: the first of a list that the run has */
    double share;        /* in (0, 1) */
    const char *feature; /* measure of the autocorrelation; NULL: likewise */
    size_t window;       /* pairs of generations */
    double alpha;        /* of each indicator, over all generations */
} mad_warning_options;

extern const mad_warning_options mad_warning_options_default;

typedef enum mad_warning_result {
    MAD_WARNING_UNKNOWN,  /* see `needs` */
    MAD_WARNING_EARLY,    /* alarm before the event */
    MAD_WARNING_LATE,     /* alarm in the generation of the event or after it */
    MAD_WARNING_NO_ALARM, /* an event without one */
    MAD_WARNING_NO_EVENT, /* an alarm without one, so far */
    MAD_WARNING_QUIET     /* neither */
} mad_warning_result;

typedef struct mad_indicator {
    const char *name;    /* "entropy" */
    const char *measure; /* NULL: none of its list is measured */
    int rises;           /* direction of an alarm; else falls */
    mad_warning_result result;
    const char *needs;  /* where the result is unknown, else NULL */
    double first, last; /* over replicates: mean; of autocorrelation the ratio of sums; NaN: none */
    size_t alarm;       /* generation; 0: none */
    double lead, low, high; /* generations, 95 % interval; NaN: there is none */
} mad_indicator;

typedef struct mad_warnings {
    const char *event; /* measure; NULL: none is there */
    size_t generation; /* of the event; 0: none */
    mad_indicator indicator[MAD_N_INDICATORS];
} mad_warnings;

/** Warnings of one run, loops joined, in the generations that are done; texts in mem. errors MAD_E_MEMORY */
MAD_MUST_CHECK mad_status mad_warnings_make(mad_ctx *ctx, mad_arena *mem, const mad_run *run,
                                            const mad_warning_options *options, mad_warnings *out);

/** "early", "no alarm", ..., "-" for what is unknown. */
const char *mad_warning_word(mad_warning_result result);

#endif

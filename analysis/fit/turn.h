/* analysis/fit/turn.h: does a curve turn: first falls and then rises, or the other way round? */
#ifndef MAD_FIT_TURN_H
#define MAD_FIT_TURN_H

#include "analysis/fit/replicates.h"

typedef enum mad_turn_kind {
    MAD_TURN_NONE,   /* not shown at 5 % */
    MAD_TURN_VALLEY, /* falls, then rises */
    MAD_TURN_PEAK    /* rises, then falls */
} mad_turn_kind;

const char *mad_turn_text(mad_turn_kind kind); /* "-", "valley", "peak" */

typedef struct mad_turn {
    mad_turn_kind kind;
    double p;          /* of the test; NaN: fewer than two replicates or 5 generations */
    double generation; /* from 1, where the mean curve is least or largest; NaN: no turn */
    mad_interval interval;
} mad_turn;

/**
 * Test. Null hypothesis: the true mean curve never rises, or never falls. The curve is split at up to
 * 16 generations; each replicate gives the slopes of the least-squares lines before and after, which
 * are studentised over the replicates. A turn needs a split at which both slopes are significant and
 * of opposite signs, against the largest of all studentised slopes of both sides in the bootstrap of
 * centred replicates (the smallest, for falling). Whichever way the null hypothesis is true, a false
 * alarm needs one slope beyond that extreme: probability 5 % at most, for any correlation within a
 * curve. Below 6 replicates: Student's t, Bonferroni over all slopes.
 *
 * Where: the set of generations that the replicates do not refuse as the extremum, from its first to
 * its last: those whose value is not beyond that of the mean curve's extremum, by the studentised
 * paired difference against the largest such difference in the bootstrap (multiple comparisons with
 * the best). Covers with 95 % or more.
 *
 * ref     Berger 1982, Technometrics 24:295 (intersection-union); Westfall & Young 1993,
 *         Resampling-based multiple testing; Hsu 1981, Ann. Statist. 9:1026
 * errors  MAD_E_MEMORY
 * threads same bits for any number
 */
MAD_MUST_CHECK mad_status mad_turn_find(mad_ctx *ctx, const mad_replicates *sample, mad_turn *out);

#endif

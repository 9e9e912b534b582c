/* analysis/expect/profile.h: the collapse profile: eight definitions of model collapse, each a verdict
 * of a finished run.
 *
 * Papers mean different things by collapse (Schaeffer et al. 2025, arXiv:2503.03150, list eight). Each
 * definition here is a criterion (expect.h) on the first measure of a list that the run has, between
 * generation 1 and the last; it holds when its test passes, does not hold when the other direction
 * passes, and is open in between.
 */
#ifndef MAD_ANALYSIS_EXPECT_PROFILE_H
#define MAD_ANALYSIS_EXPECT_PROFILE_H

#include "analysis/expect/expect.h"

enum { MAD_N_DEFINITIONS = 8 };

/* In the order of the paper. */
extern const struct mad_definition {
    const char *name; /* "catastrophic_risk" */
    const char *doc;
} mad_definitions[MAD_N_DEFINITIONS];

typedef struct mad_thresholds {
    double factor; /* above 1: times the risk of generation 1, a catastrophe */
    double share;  /* in (0, 1): share of spread, of tails, of the gain from data, or growth of the
                      risk over the last third of a run, that counts */
    double rare;   /* in (0, 1): share of rows between modes or beyond the real ones that counts */
    double p;      /* of the one-sided tests */
} mad_thresholds;

extern const mad_thresholds mad_thresholds_default;

typedef enum mad_claim {
    MAD_CLAIM_UNKNOWN, /* the run has no measure for it */
    MAD_CLAIM_NO,
    MAD_CLAIM_OPEN, /* the test decides neither way */
    MAD_CLAIM_YES
} mad_claim;

typedef struct mad_finding {
    mad_claim claim;
    const char *criterion; /* NULL when unknown */
    const char *needs;     /* when unknown: what the run lacks for it; else NULL */
    mad_judgement judged;
} mad_finding;

typedef struct mad_profile {
    mad_finding finding[MAD_N_DEFINITIONS];
} mad_profile;

/**
 * Profiles of runs, out[n]; texts in mem. Whether a scaling law changed needs two runs that differ in
 * sizes alone: each run is judged with those of its like that have the fewest and most rows in
 * generation 1, if they have them in the last one too.
 * errors  MAD_E_MEMORY; MAD_E_CONFIG: runs that cannot be compared
 */
MAD_MUST_CHECK mad_status mad_profile_make(mad_ctx *ctx, mad_arena *mem, size_t n,
                                           const mad_run *const *runs,
                                           const mad_thresholds *thresholds, mad_profile *out);

/** "yes", "no", "open", "-" */
const char *mad_claim_word(mad_claim claim);

/** What `profile.NAME` is in a criterion: 1, 0, 0.5, -1 (unknown). */
double mad_claim_number(mad_claim claim);

#endif

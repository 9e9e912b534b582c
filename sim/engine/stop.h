/* sim/engine/stop.h: when a run ends before its last generation: the block `stop`. */
#ifndef MAD_ENGINE_STOP_H
#define MAD_ENGINE_STOP_H

#include "sim/config/config.h"
#include "sim/store/runfile.h"

typedef enum mad_stop_reason {
    MAD_STOP_NOT, /* not yet */
    MAD_STOP_BELOW,
    MAD_STOP_ABOVE,
    MAD_STOP_PLATEAU,
    MAD_STOP_SAMPLES,
    MAD_STOP_GENERATIONS /* the last one is done, and no rule held */
} mad_stop_reason;

/* The rule of a run; `metric` NULL: no tests. */
typedef struct mad_stop_rule {
    const char *metric;
    double below, above, plateau; /* NaN: not asked for */
    size_t window;                /* generations */
    double alpha;
    double samples;                               /* budget in rows; NaN: none */
    size_t n_replicates, n_models, n_generations; /* units are groups of n_models replicates */
    size_t every; /* looks are at multiples of it, and at the last generation */
} mad_stop_rule;

typedef struct mad_stop_verdict {
    mad_stop_reason reason;
    size_t generation;
    double mean;      /* of the metric over replicates */
    double statistic; /* t of the test that held, or rows seen */
    double critical;  /* what it had to pass */
} mad_stop_verdict;

/** Tests of all looks of the whole run together. */
size_t mad_stop_n_tests(const mad_stop_rule *rule);

/**
 * One look at `generation`. The units of every test are the replicates (groups of interacting loops:
 * their mean), which are independent; generations of one replicate are not, and are never taken for
 * observations. Each test is a Student t test over the R units at the level alpha / n, n the tests of
 * the whole run, one-sided:
 * - below c, above c: of the values at this generation against c;
 * - plateau d: for each of the last `window` generations s, of the paired differences value(s) -
 *   value(first) against -d window and against +d window, `first` being `window` generations back.
 *   A plateau is established when all of them reject: the mean has stayed within d window of where
 *   the window began, and so has drifted by less than d per generation.
 *
 * The probability that a run is ended by a test whose statement is false (a mean that is not below
 * c; a window in which the mean did leave the margin) is at most alpha over all looks and tests
 * together, however the looks depend on each other: the union bound over the level spent at each.
 * It is exact up to that bound for normal values; in general as a t test over R means is. More
 * replicates do not come in as the run goes on, so what grows with time is the number of looks, not
 * the sample: sequences of confidence intervals over a growing sample do not apply.
 *
 * Looks with a value that is missing or infinite decide nothing. Replicates that agree to the last
 * bit have no spread: they are taken for sure.
 *
 * ref      alpha spending over looks: Lan & DeMets 1983, Biometrika 70:659, linear in the looks, with
 *          the union bound in place of a joint law; two one-sided tests of equivalence: Schuirmann
 *          1987, J. Pharmacokin. Biopharm. 15:657; all of several at the level of one: Berger 1982,
 *          Technometrics 24:295
 * shape    value, samples: [n_replicates][n_generations], columns up to `generation` are read; samples
 *          NULL where no budget is asked for
 * errors   MAD_E_MEMORY
 */
MAD_MUST_CHECK mad_status mad_stop_look(mad_ctx *ctx, const mad_stop_rule *rule,
                                        const double *value, const double *samples,
                                        size_t generation, mad_stop_verdict *out);

/** "below", "plateau", ..., the words of the attribute stop_reason. */
const char *mad_stop_word(mad_stop_reason reason);

/** Why the run ends, as attributes of "/", from mem; none while it does not. MAD_E_MEMORY. */
MAD_MUST_CHECK mad_status mad_stop_attributes(mad_ctx *ctx, mad_arena *mem,
                                              const mad_stop_rule *rule,
                                              const mad_stop_verdict *verdict, size_t *n,
                                              const mad_attribute **out);

#endif

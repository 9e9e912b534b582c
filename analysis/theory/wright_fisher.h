/* analysis/theory/wright_fisher.h: the exact Markov chain of category counts. */
#ifndef MAD_THEORY_WRIGHT_FISHER_H
#define MAD_THEORY_WRIGHT_FISHER_H

#include <stddef.h>

#include "sim/base/ctx.h"

/**
 * Spread mass over the binomial law: out[j] += mass * P(Bin(n, p) = j), terms below 1e-18 of the
 * mode left out.
 *
 * shape   out: [n + 1]
 */
void mad_binomial_add(size_t n, double p, double mass, double *out);

/**
 * One generation: counts[i] = expected number of categories that hold i of n_old draws; each is
 * drawn anew from Bin(n_new, i / n_old).
 *
 * shape   counts: [n_old + 1]; out: [n_new + 1], overwritten
 */
void mad_wright_fisher_step(size_t n_old, const double *counts, size_t n_new, double *out);

#endif

/* sim/worlds/weights.h: weights of modes and categories. */
#ifndef MAD_WORLDS_WEIGHTS_H
#define MAD_WORLDS_WEIGHTS_H

#include <stddef.h>

/** p[i] proportional to (i + 1)^-exponent with sum 1, and its running sums cum; shape [n] each. */
void mad_zipf_weights(size_t n, double exponent, double *p, double *cum);

#endif

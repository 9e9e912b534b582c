/* models/categorical.h: probabilities at another temperature. */
#ifndef MAD_MODELS_CATEGORICAL_H
#define MAD_MODELS_CATEGORICAL_H

#include "sim/iface/model.h"

/**
 * p^(1/tau) / Z: log-odds are divided by tau; tau = 1 leaves every bit.
 *
 * ref    Marchi et al. 2024 (arXiv:2404.02325)
 * shape  p, out: [n], p not all 0
 */
void mad_categorical_temper(size_t n, const double *p, double tau, double *out);

#endif

/* tests/support/floats.h: aligned buffers for the kernels of networks, from malloc. */
#ifndef MAD_TESTS_SUPPORT_FLOATS_H
#define MAD_TESTS_SUPPORT_FLOATS_H

#include "sim/base/rng.h"

/** 64-byte aligned, not initialised. */
float *mad_test_floats(size_t n);

/** The same with normal numbers of a stream. */
float *mad_test_draw_floats(mad_rng rng, size_t n);

#endif

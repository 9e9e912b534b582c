/* bench/fma_probe.h: what the processor gives at this moment, to print beside every figure. */
#ifndef MAD_BENCH_FMA_PROBE_H
#define MAD_BENCH_FMA_PROBE_H

#include "sim/base/ctx.h"

/** Single-precision multiply-adds on all of ctx's threads for a few milliseconds, in GF/s (2 per
 *  multiply-add); the best of n_tries. */
double mad_fma_probe(mad_ctx *ctx, size_t n_tries);

#endif

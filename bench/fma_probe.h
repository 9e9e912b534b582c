/* bench/fma_probe.h: what the processor gives at this moment, to print beside every figure. */
#ifndef MAD_BENCH_FMA_PROBE_H
#define MAD_BENCH_FMA_PROBE_H

#include "sim/base/ctx.h"

typedef struct mad_fma_figures {
    double best; /* the fastest burst of about a millisecond */
    double mean; /* all bursts over all of the time */
} mad_fma_figures;

/** Single-precision multiply-adds on all of ctx's threads for so many seconds, in GF/s (2 per
 *  multiply-add). */
mad_fma_figures mad_fma_rate(mad_ctx *ctx, double seconds);

/** The best of n_tries milliseconds: what stands beside a figure. */
double mad_fma_probe(mad_ctx *ctx, size_t n_tries);

#endif

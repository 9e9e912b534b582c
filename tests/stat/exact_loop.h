/* tests/stat/exact_loop.h: fully synthetic loops of the model `exact` through its methods. Functions
 * fail the running test. */
#ifndef MAD_TESTS_STAT_EXACT_LOOP_H
#define MAD_TESTS_STAT_EXACT_LOOP_H

#include "models/diffusion/exact/exact.h"
#include "sim/iface/world.h"

/** One row set in, one model: created with "key=text" pairs for so many rows. */
mad_model *mad_exact_loop_create(mad_ctx *ctx, mad_arena *mem, const mad_world_info *world,
                                 size_t n_rows, size_t n_pairs, const char *const *pairs);

/** Fit in a generation. */
void mad_exact_loop_fit(mad_ctx *ctx, mad_model *model, uint64_t seed, uint32_t generation,
                        const mad_set *train);

/** Fill `out` with samples of that generation. */
void mad_exact_loop_sample(mad_ctx *ctx, mad_model *model, uint64_t seed, uint32_t generation,
                           mad_set *out);

/**
 * The mean variance of a column, in units of the first real set, of the rows that generation
 * n_passes + 1 is fitted to: n real rows of the world `ring` without labels, then n_passes times
 * fitted and sampled.
 */
double mad_exact_loop_ring(mad_ctx *ctx, uint64_t seed, size_t n_rows, size_t n_passes,
                           size_t n_pairs, const char *const *pairs);

#endif

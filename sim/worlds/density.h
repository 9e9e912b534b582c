/* sim/worlds/density.h: log densities chunk by chunk. */
#ifndef MAD_WORLDS_DENSITY_H
#define MAD_WORLDS_DENSITY_H

#include "sim/iface/world.h"

/** out[n_rows] = ln p of the rows of one chunk, at most MAD_CHUNK of them. */
typedef mad_status (*mad_density_fn)(mad_ctx *ctx, const mad_world *world, const mad_set *rows,
                                     double *out);

/**
 * out[n_rows] by `fn`, MAD_CHUNK rows at a time.
 *
 * errors   those of fn, of the lowest failing chunk
 * threads  parallel over chunks, same bits for any number
 */
MAD_MUST_CHECK mad_status mad_density_chunks(mad_ctx *ctx, mad_density_fn fn,
                                             const mad_world *world, const mad_set *rows,
                                             double *out);

#endif

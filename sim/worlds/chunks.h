/* sim/worlds/chunks.h: draw and log_density of worlds that say what happens to one chunk of rows. */
#ifndef MAD_WORLDS_CHUNKS_H
#define MAD_WORLDS_CHUNKS_H

#include "sim/iface/world.h"

/**
 * A type's `draw` by its draw_chunk, MAD_CHUNK rows at a time, whatever the part: there is one law,
 * and the key's purpose keeps the streams apart.
 *
 * errors   those of draw_chunk, of the lowest failing chunk
 * threads  parallel over chunks, same bits for any number
 */
MAD_MUST_CHECK mad_status mad_world_draw_chunks(mad_ctx *ctx, const mad_world *world,
                                                mad_world_part part, mad_key key, mad_set *out);

/**
 * A type's `log_density` by its density_chunk, MAD_CHUNK rows at a time.
 *
 * errors   those of density_chunk, of the lowest failing chunk
 * threads  parallel over chunks, same bits for any number
 */
MAD_MUST_CHECK mad_status mad_world_density_chunks(mad_ctx *ctx, const mad_world *world,
                                                   const mad_set *rows, double *out);

#endif

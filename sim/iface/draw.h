/* sim/iface/draw.h: rows drawn chunk by chunk, a stream each: how worlds and exact models draw. */
#ifndef MAD_IFACE_DRAW_H
#define MAD_IFACE_DRAW_H

#include "sim/base/par.h"
#include "sim/base/rng.h"
#include "sim/iface/set.h"

/** Fill the rows of one chunk from its own stream; `begin` rows of the whole set come before. */
typedef mad_status (*mad_draw_fn)(mad_ctx *ctx, const void *self, mad_rng *rng, size_t begin,
                                  mad_set *rows);

/**
 * Fill `out`: chunk i of MAD_CHUNK rows is handed to fn with the stream of item first_item + i.
 *
 * errors   those of fn, of the lowest failing chunk
 * threads  parallel over chunks, same bits for any number
 */
MAD_MUST_CHECK mad_status mad_draw_chunks(mad_ctx *ctx, mad_key key, uint64_t first_item,
                                          mad_draw_fn fn, const void *self, mad_set *out);

#endif

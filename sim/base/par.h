/* sim/base/par.h: deterministic parallel loops. Results never depend on the number of threads. */
#ifndef MAD_BASE_PAR_H
#define MAD_BASE_PAR_H

#include <stddef.h>

#include "sim/base/ctx.h"

/** Rows per chunk wherever rows are cut: a constant, so partial sums and streams are the same for
 *  any number of threads. */
#define MAD_CHUNK ((size_t)256)

/** One item of work. `ctx` is the worker's own context (own scratch, own message). */
typedef mad_status (*mad_par_fn)(mad_ctx *ctx, void *arg, size_t i_item);

/**
 * Run fn for every item 0..n_items-1, spread over ctx->n_workers threads; each item must write only
 * its own outputs. Called from inside an item (a child context) it runs serially.
 *
 * errors   the status and message of the LOWEST failing item
 */
MAD_MUST_CHECK mad_status mad_par_for(mad_ctx *ctx, size_t n_items, mad_par_fn fn, void *arg);

/** Number of chunks of MAD_CHUNK rows that cover n_rows. */
size_t mad_n_chunks(size_t n_rows);

/** First row of a chunk, and the number of rows in it. */
size_t mad_chunk_begin(size_t i_chunk);
size_t mad_chunk_rows(size_t n_rows, size_t i_chunk);

#endif

/* sim/engine/cache.h: trained models of generation 1, kept from run to run.
 *
 * Arms of an experiment often share world, model, seed and size of generation 1, and with them its
 * fit, bit for bit. An entry is found by a hash of all that a fit hangs on: the program and the
 * processor, the values of model and world, what bias and post ask of the model, seed and replicate, the training rows themselves. It is
 * a folder with a gen-0001.h5, written by the store like those of a run. */
#ifndef MAD_ENGINE_CACHE_H
#define MAD_ENGINE_CACHE_H

#include "sim/engine/internal.h"

/** Hash what all fits of the run share into g->cache_hash; 0: nothing is kept (no folder given, or a
 *  model that does not train in steps). MAD_E_IO: folder or program. */
MAD_MUST_CHECK mad_status mad_cache_open(mad_ctx *ctx, engine *g);

/** The kept fit of the worker's training set into its model and args' results, if there is one.
 *  errors  MAD_E_IO, MAD_E_DATA: there is one, but damaged */
MAD_MUST_CHECK mad_status mad_cache_load(mad_ctx *ctx, const engine *g, worker *w,
                                         const mad_fit_args *args, int *found);

/** Keep what mad_cache_load finds. MAD_E_IO. */
MAD_MUST_CHECK mad_status mad_cache_store(mad_ctx *ctx, const engine *g, const worker *w,
                                          const mad_fit_args *args);

#endif

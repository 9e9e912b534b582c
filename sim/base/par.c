/* sim/base/par.c: items over threads; every item owns its outputs, the lowest failure is reported.
 */
#include "sim/base/par.h"

#include <omp.h>
#include <stdint.h>
#include <string.h>

size_t mad_n_chunks(size_t n_rows)
{
    return n_rows / MAD_CHUNK + (n_rows % MAD_CHUNK != 0);
}

size_t mad_chunk_begin(size_t i_chunk)
{
    return i_chunk * MAD_CHUNK;
}

size_t mad_chunk_rows(size_t n_rows, size_t i_chunk)
{
    const size_t left = n_rows - mad_chunk_begin(i_chunk);
    return left < MAD_CHUNK ? left : MAD_CHUNK;
}

static mad_status run_serial(mad_ctx *ctx, size_t n_items, mad_par_fn fn, void *arg)
{
    for (size_t i = 0; i < n_items; i++) {
        const mad_status st = fn(ctx, arg, i);
        if (st != MAD_OK) {
            return st;
        }
    }
    return MAD_OK;
}

mad_status mad_par_for(mad_ctx *ctx, size_t n_items, mad_par_fn fn, void *arg)
{
    if (ctx->workers == NULL || ctx->n_workers == 1 || n_items <= 1) {
        return run_serial(ctx, n_items, fn, arg);
    }
    const size_t n_workers = ctx->n_workers < n_items ? ctx->n_workers : n_items;
    size_t lowest = SIZE_MAX; /* failing item */
    mad_ctx *failed = NULL;
    for (size_t i = 0; i < n_workers; i++) {
        ctx->workers[i].stop = ctx->stop;
        mad_ctx_clear(&ctx->workers[i]);
    }
    /* A worker stops at its first failure. It is the worker's lowest, so that no item below the
     * lowest failure is skipped, only because its items come in rising order: monotonic, which
     * OpenMP 5 no longer implies for dynamic. */
#pragma omp parallel num_threads((int)n_workers) default(none)                                     \
    shared(ctx, n_items, fn, arg, lowest, failed)
    {
        mad_ctx *mine = &ctx->workers[omp_get_thread_num()];
        int ok = 1;
#pragma omp for schedule(monotonic : dynamic)
        for (size_t i = 0; i < n_items; i++) {
            if (ok && fn(mine, arg, i) != MAD_OK) {
                ok = 0;
#pragma omp critical(mad_par_failure)
                if (i < lowest) {
                    lowest = i;
                    failed = mine;
                }
            }
        }
    }
    if (failed == NULL) {
        return MAD_OK;
    }
    const mad_status st = failed->status;
    return mad_fail(ctx, st, "%s", failed->message);
}

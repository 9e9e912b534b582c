/* sim/base/ctx.h: the context every fallible function takes: first error, scratch, stop flag. */
#ifndef MAD_BASE_CTX_H
#define MAD_BASE_CTX_H

#include <stdatomic.h>
#include <stddef.h>

#include "sim/base/arena.h"
#include "sim/base/status.h"

#define MAD_MESSAGE_BYTES 1024

/* One per worker thread. The root context owns one child per worker (see par.h). */
typedef struct mad_ctx {
    mad_status status;               /* first failure since mad_ctx_clear, or MAD_OK */
    char message[MAD_MESSAGE_BYTES]; /* its one-line message, without file and line of the source */
    mad_arena *scratch;      /* mark, take, release: never keep a pointer past the release */
    size_t i_worker;         /* which child this is, from 0; 0 in the root */
    size_t n_workers;        /* threads this context may use; 1 in a child */
    struct mad_ctx *workers; /* [n_workers] children, NULL in a child */
    const atomic_int *stop;  /* non-zero: give up at the next safe point; NULL: never */
} mad_ctx;

/** NULL when memory is short. Also sets the OpenMP maximum to n_threads (>= 1). */
mad_ctx *mad_ctx_create(size_t n_threads);
void mad_ctx_destroy(mad_ctx *ctx); /* NULL-safe */
void mad_ctx_clear(mad_ctx *ctx);

/** Record a failure (the FIRST message is kept) and return `code`. Never allocates; control
 *  characters become '?'. */
mad_status mad_fail(mad_ctx *ctx, mad_status code, const char *format, ...) MAD_PRINTF(3, 4);

/** Prefix the kept message with "format: " (for example the file being read); returns `code`. */
mad_status mad_fail_while(mad_ctx *ctx, mad_status code, const char *format, ...) MAD_PRINTF(3, 4);

/** MAD_E_MEMORY with the thing that did not fit, for example "training rows". Inline, so that the
 *  static analyser knows it for a failure. */
static inline mad_status mad_fail_memory(mad_ctx *ctx, const char *what)
{
    (void)mad_fail(ctx, MAD_E_MEMORY, "not enough memory for %s", what);
    return MAD_E_MEMORY;
}

/** MAD_E_INTERRUPTED when the stop flag is up, else MAD_OK. */
MAD_MUST_CHECK mad_status mad_ctx_poll(mad_ctx *ctx);

#endif

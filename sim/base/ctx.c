/* sim/base/ctx.c: first error wins; one child context per worker thread. */
#include "sim/base/ctx.h"

#include <omp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SCRATCH_BLOCK_BYTES = 1 << 20 };

static int child_init(mad_ctx *ctx)
{
    *ctx = (mad_ctx){.n_workers = 1, .scratch = mad_arena_create(SCRATCH_BLOCK_BYTES)};
    return ctx->scratch != NULL;
}

mad_ctx *mad_ctx_create(size_t n_threads)
{
    mad_ctx *ctx = calloc(1, sizeof *ctx);
    if (ctx == NULL) {
        return NULL;
    }
    ctx->n_workers = n_threads;
    ctx->scratch = mad_arena_create(SCRATCH_BLOCK_BYTES);
    ctx->workers = calloc(n_threads, sizeof *ctx->workers);
    if (ctx->scratch == NULL || ctx->workers == NULL) {
        mad_ctx_destroy(ctx);
        return NULL;
    }
    for (size_t i = 0; i < n_threads; i++) {
        if (!child_init(&ctx->workers[i])) {
            mad_ctx_destroy(ctx);
            return NULL;
        }
        ctx->workers[i].i_worker = i;
    }
    omp_set_num_threads((int)n_threads);
    return ctx;
}

void mad_ctx_destroy(mad_ctx *ctx)
{
    if (ctx == NULL) {
        return;
    }
    for (size_t i = 0; ctx->workers != NULL && i < ctx->n_workers; i++) {
        mad_arena_destroy(ctx->workers[i].scratch);
    }
    free(ctx->workers);
    mad_arena_destroy(ctx->scratch);
    free(ctx);
}

void mad_ctx_clear(mad_ctx *ctx)
{
    ctx->status = MAD_OK;
    ctx->message[0] = '\0';
}

/* What files and users wrote into a message stays on its line. */
static void keep_on_one_line(char *text)
{
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text < ' ' || *text == 0x7f) {
            *text = '?';
        }
    }
}

mad_status mad_fail(mad_ctx *ctx, mad_status code, const char *format, ...)
{
    if (ctx->status == MAD_OK) {
        va_list args;
        va_start(args, format);
        vsnprintf(ctx->message, sizeof ctx->message, format, args);
        va_end(args);
        keep_on_one_line(ctx->message);
        ctx->status = code;
    }
    return code;
}

mad_status mad_fail_while(mad_ctx *ctx, mad_status code, const char *format, ...)
{
    char prefix[MAD_MESSAGE_BYTES];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(prefix, sizeof prefix, format, args);
    va_end(args);
    if (n < 0) {
        return code;
    }
    const size_t n_prefix = (size_t)n < sizeof prefix - 3 ? (size_t)n : sizeof prefix - 3;
    const size_t n_message = strlen(ctx->message);
    const size_t room = sizeof ctx->message - n_prefix - 3;
    const size_t n_keep = n_message < room ? n_message : room;
    memmove(ctx->message + n_prefix + 2, ctx->message, n_keep);
    memcpy(ctx->message, prefix, n_prefix);
    memcpy(ctx->message + n_prefix, ": ", 2);
    ctx->message[n_prefix + 2 + n_keep] = '\0';
    keep_on_one_line(ctx->message);
    ctx->status = code;
    return code;
}

mad_status mad_ctx_poll(mad_ctx *ctx)
{
    if (ctx->stop != NULL && *ctx->stop != 0) {
        return mad_fail(ctx, MAD_E_INTERRUPTED, "interrupted");
    }
    return MAD_OK;
}

/* tests/support/fixture.h: what a test program stands on: cmocka and the headers it wants before it,
 * one context of two threads and one arena for all tests of a group, the two commonest checks.
 * State is static: include it once, in the file with the tests. */
#ifndef MAD_TESTS_SUPPORT_FIXTURE_H
#define MAD_TESTS_SUPPORT_FIXTURE_H

#include "sim/base/arena.h"
#include "sim/base/ctx.h"
#include "tests/support/near.h"

static mad_ctx *ctx;
static mad_arena *mem;

static inline int setup(void **state)
{
    (void)state;
    ctx = mad_ctx_create(2);
    mem = mad_arena_create(1 << 22);
    return ctx == NULL || mem == NULL;
}

static inline int teardown(void **state)
{
    (void)state;
    mad_arena_destroy(mem);
    mad_ctx_destroy(ctx);
    return 0;
}

static inline void must(mad_status st)
{
    if (st != MAD_OK) {
        fail_msg("%s", ctx->message);
    }
}

#endif

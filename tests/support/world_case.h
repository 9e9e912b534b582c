/* tests/support/world_case.h: fresh rows of a world, what they are made of and what is read back. */
#ifndef MAD_TESTS_SUPPORT_WORLD_CASE_H
#define MAD_TESTS_SUPPORT_WORLD_CASE_H

#include "sim/iface/world.h"

typedef struct mad_world_case {
    mad_ctx *ctx;
    mad_arena *mem;
    const mad_world *world;
    mad_set rows;
    mad_recovery truth, found; /* found: zeroed until read */
} mad_world_case;

extern const mad_key mad_world_case_key; /* the draw's */

/** pairs: "key=text", the last NULL. Fails the test when anything fails. */
mad_world_case mad_world_case_open(const mad_world_type *type, size_t n_rows,
                                   const char *const *pairs);
void mad_world_case_read(mad_world_case *c);
void mad_world_case_close(mad_world_case c);

#endif

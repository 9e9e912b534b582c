/* sim/base/arena.h: memory that is carved and freed as a whole. */
#ifndef MAD_BASE_ARENA_H
#define MAD_BASE_ARENA_H

#include <stddef.h>

#include "sim/base/status.h"

/* 64-byte aligned pieces out of chained blocks. Blocks are kept across release, so a loop that
 * marks, takes and releases allocates only in its first turn. Not thread-safe: one owner. */
typedef struct mad_arena mad_arena;

typedef struct mad_arena_mark {
    void *block;
    size_t used;
} mad_arena_mark;

/** NULL when memory is short. `block_bytes` is the smallest block taken from the system. */
mad_arena *mad_arena_create(size_t block_bytes);
void mad_arena_destroy(mad_arena *arena); /* NULL-safe */

/** `n * size` zeroed bytes, 64-byte aligned; NULL on overflow or when memory is short. */
void *mad_arena_take(mad_arena *arena, size_t n, size_t size);

/** As mad_arena_take, but the bytes hold whatever they held. */
void *mad_arena_take_raw(mad_arena *arena, size_t n, size_t size);

/** Copy of a string inside the arena; NULL when memory is short. */
char *mad_arena_text(mad_arena *arena, const char *text);

mad_arena_mark mad_arena_get_mark(const mad_arena *arena);
void mad_arena_release(mad_arena *arena, mad_arena_mark mark);

/** Bytes taken from the system so far. */
size_t mad_arena_bytes(const mad_arena *arena);

/** *out = a * b, or MAD_E_RANGE when that overflows size_t (out untouched). */
MAD_MUST_CHECK mad_status mad_size_mul(size_t a, size_t b, size_t *out);

#endif

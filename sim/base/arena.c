/* sim/base/arena.c: chained blocks; a release rewinds, only destroy gives memory back. */
#include "sim/base/arena.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#define POISON(p, n)   ASAN_POISON_MEMORY_REGION(p, n)
#define UNPOISON(p, n) ASAN_UNPOISON_MEMORY_REGION(p, n)
#elif defined(MAD_ARENA_POISON)
#define POISON(p, n)   memset(p, 0xa5, n)
#define UNPOISON(p, n) ((void)(p), (void)(n))
#else
#define POISON(p, n)   ((void)(p), (void)(n))
#define UNPOISON(p, n) ((void)(p), (void)(n))
#endif

enum { ALIGN = 64 };

typedef struct block {
    struct block *next; /* blocks after the current one are free, kept for the next turn */
    size_t capacity, used;
    unsigned char *bytes;
} block;

struct mad_arena {
    block *first, *current;
    size_t block_bytes, total_bytes;
};

static block *block_create(size_t capacity)
{
    block *b = malloc(sizeof *b);
    if (b == NULL) {
        return NULL;
    }
    *b = (block){.capacity = capacity, .bytes = aligned_alloc(ALIGN, capacity)};
    if (b->bytes == NULL) {
        free(b);
        return NULL;
    }
    POISON(b->bytes, capacity);
    return b;
}

static int round_up(size_t n, size_t *out)
{
    if (n > SIZE_MAX - (ALIGN - 1)) {
        return 0;
    }
    *out = (n + (ALIGN - 1)) & ~(size_t)(ALIGN - 1);
    return 1;
}

mad_arena *mad_arena_create(size_t block_bytes)
{
    mad_arena *arena = calloc(1, sizeof *arena);
    if (arena == NULL || !round_up(block_bytes + 1, &arena->block_bytes)) {
        free(arena);
        return NULL;
    }
    arena->first = arena->current = block_create(arena->block_bytes);
    if (arena->first == NULL) {
        free(arena);
        return NULL;
    }
    arena->total_bytes = arena->block_bytes;
    return arena;
}

void mad_arena_destroy(mad_arena *arena)
{
    if (arena == NULL) {
        return;
    }
    for (block *b = arena->first; b != NULL;) {
        block *next = b->next;
        UNPOISON(b->bytes, b->capacity);
        free(b->bytes);
        free(b);
        b = next;
    }
    free(arena);
}

/* Makes a block with `need` free bytes the current one. */
static int advance(mad_arena *arena, size_t need)
{
    while (arena->current->next != NULL) {
        arena->current = arena->current->next;
        arena->current->used = 0;
        if (arena->current->capacity >= need) {
            return 1;
        }
    }
    block *b = block_create(need > arena->block_bytes ? need : arena->block_bytes);
    if (b == NULL) {
        return 0;
    }
    arena->total_bytes += b->capacity;
    arena->current->next = b;
    arena->current = b;
    return 1;
}

void *mad_arena_take_raw(mad_arena *arena, size_t n, size_t size)
{
    size_t need;
    if (mad_size_mul(n, size, &need) != MAD_OK || !round_up(need, &need)) {
        return NULL;
    }
    if (need == 0) {
        need = ALIGN; /* distinct, non-NULL pointers for empty arrays */
    }
    if (arena->current->capacity - arena->current->used < need && !advance(arena, need)) {
        return NULL;
    }
    void *piece = arena->current->bytes + arena->current->used;
    arena->current->used += need;
    UNPOISON(piece, need);
    return piece;
}

void *mad_arena_take(mad_arena *arena, size_t n, size_t size)
{
    void *piece = mad_arena_take_raw(arena, n, size);
    if (piece != NULL) {
        memset(piece, 0, n * size);
    }
    return piece;
}

char *mad_arena_text(mad_arena *arena, const char *text)
{
    const size_t n = strlen(text) + 1;
    char *copy = mad_arena_take_raw(arena, n, 1);
    if (copy != NULL) {
        memcpy(copy, text, n);
    }
    return copy;
}

mad_arena_mark mad_arena_get_mark(const mad_arena *arena)
{
    return (mad_arena_mark){.block = arena->current, .used = arena->current->used};
}

void mad_arena_release(mad_arena *arena, mad_arena_mark mark)
{
    block *target = mark.block;
    for (block *b = target; b != NULL; b = b->next) {
        const size_t keep = b == target ? mark.used : 0;
        if (b->used > keep) {
            POISON(b->bytes + keep, b->used - keep);
        }
        b->used = keep;
    }
    arena->current = target;
}

size_t mad_arena_bytes(const mad_arena *arena)
{
    return arena->total_bytes;
}

mad_status mad_size_mul(size_t a, size_t b, size_t *out)
{
    size_t product;
    if (__builtin_mul_overflow(a, b, &product)) {
        return MAD_E_RANGE;
    }
    *out = product;
    return MAD_OK;
}

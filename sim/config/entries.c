/* sim/config/entries.c: the flat list of keys, and messages with their place. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "sim/config/internal.h"

mad_entry *mad_entries_find(const mad_entries *entries, const char *key)
{
    for (size_t i = 0; i < entries->n_entries; i++) {
        if (strcmp(entries->entry[i].key, key) == 0) {
            return &entries->entry[i];
        }
    }
    return NULL;
}

mad_status mad_entries_add(mad_ctx *ctx, mad_entries *entries, const mad_entry *entry)
{
    if (entries->n_entries == MAD_MAX_ENTRIES) {
        return mad_fail_at(ctx, entry->key_at, "more than %zu keys", MAD_MAX_ENTRIES);
    }
    if (entries->n_entries == entries->capacity) {
        const size_t capacity = entries->capacity == 0 ? 64 : 2 * entries->capacity;
        mad_entry *larger = mad_arena_take(entries->mem, capacity, sizeof *larger);
        if (larger == NULL) {
            return mad_fail_memory(ctx, "the keys of a configuration");
        }
        if (entries->n_entries > 0) {
            memcpy(larger, entries->entry, entries->n_entries * sizeof *larger);
        }
        entries->entry = larger;
        entries->capacity = capacity;
    }
    entries->entry[entries->n_entries++] = *entry;
    return MAD_OK;
}

mad_status mad_entries_put(mad_ctx *ctx, mad_entries *entries, const mad_entry *entry)
{
    mad_entry *old = mad_entries_find(entries, entry->key);
    if (old == NULL) {
        return mad_entries_add(ctx, entries, entry);
    }
    *old = *entry;
    return MAD_OK;
}

void mad_place_text(mad_place place, size_t n_bytes, char *out)
{
    if (place.line == 0) {
        snprintf(out, n_bytes, "%s", place.file);
    } else {
        snprintf(out, n_bytes, "%s:%d:%d", place.file, place.line, place.column);
    }
}

mad_status mad_fail_at(mad_ctx *ctx, mad_place place, const char *format, ...)
{
    char where[512], message[MAD_MESSAGE_BYTES];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    mad_place_text(place, sizeof where, where);
    return mad_fail(ctx, MAD_E_CONFIG, "%s: %s", where, message);
}

mad_status mad_fail_moved(mad_ctx *ctx, mad_status code, mad_place place, const char *what)
{
    char where[512];
    mad_place_text(place, sizeof where, where);
    return what == NULL ? mad_fail_while(ctx, code, "%s", where)
                        : mad_fail_while(ctx, code, "%s: %s", where, what);
}

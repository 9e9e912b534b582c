/* sim/config/config.c: loading: files, then overrides, then the sweep block, then the tables. */
#include "sim/config/config.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/config/internal.h"
#include "sim/iface/text.h"

/* Blocks that are no sections: a run does not look at them. */
static const char *const blocks[] = {"sweep", "paper", "arms", "expect"};

/* The block that a key names or lies in, or NULL. */
static const char *block_of(const char *key)
{
    const size_t n = strcspn(key, ".");
    for (size_t i = 0; i < sizeof blocks / sizeof blocks[0]; i++) {
        if (strlen(blocks[i]) == n && strncmp(key, blocks[i], n) == 0) {
            return blocks[i];
        }
    }
    return NULL;
}

/* ---- overrides ---- */

static mad_status copy_trimmed(mad_ctx *ctx, mad_arena *mem, const char *text, size_t n,
                               const char **out)
{
    while (n > 0 && *text == ' ') {
        text++;
        n--;
    }
    while (n > 0 && text[n - 1] == ' ') {
        n--;
    }
    char *copy = mad_arena_take(mem, n + 1, 1);
    if (copy == NULL) {
        return mad_fail_memory(ctx, "an override");
    }
    memcpy(copy, text, n);
    *out = copy;
    return MAD_OK;
}

static int is_utf8(const char *text)
{
    const unsigned char *p = (const unsigned char *)text;
    size_t n = strlen(text), length = 0;
    for (; n > 0; p += length, n -= length) {
        length = mad_utf8_length(p, n);
        if (length == 0) {
            return 0;
        }
    }
    return 1;
}

static mad_status apply_override(mad_ctx *ctx, const char *argument, mad_entries *entries)
{
    mad_status st = MAD_OK;
    char shown[MAD_SHOWN_BYTES], label[MAD_SHOWN_BYTES + 16];
    mad_text_shown(argument, sizeof shown, shown);
    snprintf(label, sizeof label, "override '%s'", shown);
    const mad_place at = {.file = mad_arena_text(entries->mem, label)};
    if (at.file == NULL) {
        return mad_fail_memory(ctx, "an override");
    }
    const char *equals = strchr(argument, '=');
    if (equals == NULL) {
        return mad_fail_at(ctx, at, "expected key=value, for example loop.n_real=500");
    }
    if (!is_utf8(argument)) {
        return mad_fail_at(ctx, at, "not valid UTF-8");
    }
    const char **text = mad_arena_take(entries->mem, 1, sizeof *text);
    if (text == NULL) {
        return mad_fail_memory(ctx, "an override");
    }
    mad_entry entry = {
        .kind = MAD_ENTRY_SCALAR, .n_texts = 1, .texts = text, .key_at = at, .value_at = at};
    MAD_TRY(copy_trimmed(ctx, entries->mem, argument, (size_t)(equals - argument), &entry.key));
    MAD_TRY(copy_trimmed(ctx, entries->mem, equals + 1, strlen(equals + 1), text));
    MAD_ASSERT(entry.key != NULL);
    if (strcmp(entry.key, "include") == 0 || block_of(entry.key) != NULL) {
        return mad_fail_at(ctx, at, "'%.*s' stands in files only", (int)strcspn(entry.key, "."),
                           entry.key);
    }
    MAD_TRY(mad_entries_put(ctx, entries, &entry));
out:
    return st;
}

/* ---- the sweep block ---- */

/* One entry "sweep.KEY" as an axis: its key, and all its points as texts. */
static mad_status read_axis(mad_ctx *ctx, mad_arena *mem, const mad_entry *entry, mad_entry *out)
{
    mad_entry axis = *entry;
    axis.key = entry->key + strlen("sweep.");
    axis.kind = MAD_ENTRY_SCALAR;
    if (entry->kind == MAD_ENTRY_SCALAR) {
        const mad_status st =
            mad_axis_expand(ctx, mem, entry->texts[0], &axis.n_texts, &axis.texts);
        if (st != MAD_OK) {
            return mad_fail_moved(ctx, st, entry->value_at, entry->key);
        }
    }
    if (axis.n_texts == 0) {
        return mad_fail_at(ctx, entry->value_at, "%s: expected a list of values", entry->key);
    }
    *out = axis;
    return MAD_OK;
}

/* What a line of the block `paper` may be. */
static mad_status check_paper(mad_ctx *ctx, const mad_entry *entry, const char *name)
{
    static const char *const known[] = {"row",     "seconds", "loop", "source",
                                        "setting", "shape",   "found"};
    const size_t n_known = sizeof known / sizeof known[0];
    char shown[MAD_SHOWN_BYTES], *end = NULL;
    size_t k = 0;
    while (k < n_known && strcmp(known[k], name) != 0) {
        k++;
    }
    if (k == n_known) {
        const char *near = mad_nearest(name, n_known, known);
        mad_text_shown(entry->key, sizeof shown, shown);
        return mad_fail_at(ctx, entry->key_at, "unknown key '%s'%s%s%s", shown,
                           near == NULL ? "" : " (did you mean 'paper.", near == NULL ? "" : near,
                           near == NULL ? "" : "'?)");
    }
    if (k < 2) { /* numbers */
        const double number = strtod(entry->texts[0], &end);
        if (end == entry->texts[0] || *end != '\0' || !isfinite(number) || number < 0.0) {
            mad_text_shown(entry->texts[0], sizeof shown, shown);
            return mad_fail_at(ctx, entry->value_at, "%s: expected a number from 0, got '%s'",
                               entry->key, shown);
        }
    }
    return MAD_OK;
}

/* The lines of a block but the sweep, by name. */
static mad_status read_notes(mad_resolver *r, const char *block, mad_notes *out)
{
    const size_t n_block = strlen(block);
    mad_note *note = mad_arena_take(r->mem, r->entries->n_entries, sizeof *note);
    if (note == NULL) {
        return mad_fail_memory(r->ctx, block);
    }
    *out = (mad_notes){.note = note};
    for (size_t i = 0; i < r->entries->n_entries; i++) {
        const mad_entry *entry = &r->entries->entry[i];
        const mad_place at = entry->value_at;
        char place[MAD_MESSAGE_BYTES];
        if (strncmp(entry->key, block, n_block) != 0 || entry->key[n_block] != '.') {
            continue;
        }
        if (entry->n_texts == 0) {
            return mad_fail_at(r->ctx, at, "%s: expected text", entry->key);
        }
        if (entry->kind == MAD_ENTRY_LIST && strcmp(block, "arms") != 0) {
            return mad_fail_at(r->ctx, at, "%s: expected text, got a list", entry->key);
        }
        if (strcmp(block, "paper") == 0) {
            const mad_status st = check_paper(r->ctx, entry, entry->key + n_block + 1);
            if (st != MAD_OK) {
                return st;
            }
        }
        (void)snprintf(place, sizeof place, "%s:%d:%d", at.file, at.line, at.column);
        note[out->n] = (mad_note){.name = entry->key + n_block + 1,
                                  .n_texts = entry->n_texts,
                                  .texts = entry->texts,
                                  .place = mad_arena_text(r->mem, place)};
        if (note[out->n++].place == NULL) {
            return mad_fail_memory(r->ctx, block);
        }
    }
    return MAD_OK;
}

/* Moves the blocks out of the entries. The first point of an axis stands in where its key is not
 * set, so that a configuration is complete without its sweep. */
static mad_status take_blocks(mad_resolver *r)
{
    mad_status st = MAD_OK;
    mad_entries *all = r->entries, plain = {.mem = r->mem};
    mad_entry *axis = mad_arena_take(r->mem, all->n_entries, sizeof *axis);
    if (axis == NULL) {
        return mad_fail_memory(r->ctx, "the axes of the sweep");
    }
    r->axis = axis;
    MAD_TRY(read_notes(r, "paper", &r->config->paper));
    MAD_TRY(read_notes(r, "arms", &r->config->arms));
    MAD_TRY(read_notes(r, "expect", &r->config->expect));
    for (size_t i = 0; i < all->n_entries; i++) {
        const mad_entry *entry = &all->entry[i];
        const char *block = block_of(entry->key);
        if (block == NULL) {
            MAD_TRY(mad_entries_add(r->ctx, &plain, entry));
        } else if (strcmp(entry->key, block) == 0) {
            if (entry->kind == MAD_ENTRY_SCALAR || entry->kind == MAD_ENTRY_LIST) {
                st = mad_fail_at(r->ctx, entry->value_at, "%s: expected keys, such as %s", block,
                                 block == blocks[0] ? "loop.n_real: [100, 200]" : "name: text");
                goto out;
            }
        } else if (block == blocks[0]) {
            MAD_TRY(read_axis(r->ctx, r->mem, entry, &axis[r->n_axes]));
            r->n_axes++;
        }
    }
    for (size_t i = 0; i < r->n_axes; i++) {
        if (mad_entries_find(&plain, axis[i].key) == NULL) {
            mad_entry first = axis[i];
            first.n_texts = 1;
            MAD_TRY(mad_entries_add(r->ctx, &plain, &first));
        }
    }
    *all = plain;
out:
    return st;
}

static mad_status publish_axes(mad_resolver *r)
{
    mad_axis *axes = mad_arena_take(r->mem, r->n_axes, sizeof *axes);
    if (axes == NULL) {
        return mad_fail_memory(r->ctx, "the axes of the sweep");
    }
    for (size_t i = 0; i < r->n_axes; i++) {
        axes[i] = (mad_axis){
            .key = r->axis[i].key, .n_texts = r->axis[i].n_texts, .texts = r->axis[i].texts};
    }
    r->config->axes = axes;
    r->config->n_axes = r->n_axes;
    return MAD_OK;
}

mad_status mad_config_load(mad_ctx *ctx, mad_arena *mem, const char *path, const char *text,
                           size_t n_overrides, const char *const *overrides,
                           const mad_registry *registry, mad_config *out)
{
    mad_status st = MAD_OK;
    mad_config config = {0};
    mad_entries entries = {.mem = mem};
    mad_resolver r = {.ctx = ctx,
                      .mem = mem,
                      .registry = registry,
                      .file = path,
                      .entries = &entries,
                      .config = &config};
    MAD_TRY(mad_files_load(ctx, path, text, &entries));
    for (size_t i = 0; i < n_overrides; i++) {
        MAD_TRY(apply_override(ctx, overrides[i], &entries));
    }
    MAD_TRY(take_blocks(&r));
    MAD_TRY(mad_resolve(&r));
    MAD_TRY(publish_axes(&r));
    config.directory = text != NULL ? "." : mad_path_directory(mem, path);
    if (config.directory == NULL) {
        st = mad_fail_memory(ctx, "a folder name");
        goto out;
    }
    MAD_TRY(mad_print_resolved(&r));
    *out = config;
out:
    return st;
}

/* sim/config/yaml.c: YAML events become dotted keys with their places.
 *
 * Only mappings, lists and plain values are offered: no anchors, aliases, tags or second documents,
 * so a file is as long as it looks. Reading events (instead of a document tree) keeps every place,
 * and nothing but the depth limit below decides how deep the recursion goes.
 */
#include <libfyaml.h>
#include <string.h>

#include "sim/config/internal.h"
#include "sim/iface/text.h"

enum { MAX_DEPTH = 8 };

typedef struct reader {
    mad_ctx *ctx;
    const char *file;
    mad_entries *out;
    mad_entries groups; /* keys of mappings, to see one that comes twice */
    struct fy_diag *diag;
    struct fy_parser *parser;
    struct fy_event *event;
} reader;

typedef struct texts {
    size_t n, capacity;
    const char **text;
} texts;

static mad_place place_of(const reader *r, struct fy_event *event, mad_place otherwise)
{
    const struct fy_mark *mark = fy_event_start_mark(event);
    if (mark == NULL) {
        return otherwise;
    }
    /* the parser's mark stands behind the quote, or behind the '*' of an alias */
    const enum fy_scalar_style style =
        event->type == FYET_SCALAR ? fy_token_scalar_style(event->scalar.value) : FYSS_PLAIN;
    const int is_behind =
        event->type == FYET_ALIAS || style == FYSS_SINGLE_QUOTED || style == FYSS_DOUBLE_QUOTED;
    const int column = is_behind && mark->column > 0 ? mark->column : mark->column + 1;
    return (mad_place){.file = r->file, .line = mark->line + 1, .column = column};
}

static mad_status fail_syntax(reader *r)
{
    mad_place at = {.file = r->file, .line = 1, .column = 1};
    void *iterator = NULL;
    const struct fy_diag_error *error = fy_diag_errors_iterate(r->diag, &iterator);
    if (error == NULL || error->msg == NULL) {
        return mad_fail_at(r->ctx, at, "not valid YAML");
    }
    at.line = error->line > 0 ? error->line : 1;
    at.column = error->column > 0 ? error->column : 1;
    char shown[4 * MAD_SHOWN_BYTES];
    mad_text_shown(error->msg, sizeof shown, shown);
    return mad_fail_at(r->ctx, at, "not valid YAML: %s", shown);
}

/* The next event; the one before is gone, with its texts. */
static mad_status next(reader *r)
{
    if (r->event != NULL) {
        fy_parser_event_free(r->parser, r->event);
    }
    r->event = fy_parser_parse(r->parser);
    if (r->event == NULL || fy_parser_get_stream_error(r->parser)) {
        return fail_syntax(r);
    }
    return MAD_OK;
}

/* Anchors, aliases and tags are refused wherever they stand. */
static mad_status check_plain(reader *r, mad_place at)
{
    const struct fy_event *e = r->event;
    const int is_scalar = e->type == FYET_SCALAR, is_list = e->type == FYET_SEQUENCE_START,
              is_mapping = e->type == FYET_MAPPING_START;
    if (e->type == FYET_ALIAS || (is_scalar && e->scalar.anchor != NULL) ||
        (is_list && e->sequence_start.anchor != NULL) ||
        (is_mapping && e->mapping_start.anchor != NULL)) {
        return mad_fail_at(r->ctx, at,
                           "anchors and aliases (& and *) are not offered: repeat the "
                           "value, or use 'include'");
    }
    if ((is_scalar && e->scalar.tag != NULL) || (is_list && e->sequence_start.tag != NULL) ||
        (is_mapping && e->mapping_start.tag != NULL)) {
        return mad_fail_at(r->ctx, at, "tags (!) are not offered: every key knows its type");
    }
    return MAD_OK;
}

/* Copy of the current scalar's text; NULL in *out for "nothing there". */
static mad_status take_text(reader *r, mad_place at, const char **out)
{
    size_t n = 0;
    struct fy_token *token = r->event->scalar.value;
    const char *text = token == NULL ? NULL : fy_token_get_text(token, &n);
    *out = NULL;
    if (text == NULL || (n == 0 && fy_token_scalar_style(token) == FYSS_PLAIN)) {
        return MAD_OK;
    }
    const unsigned char *bytes = (const unsigned char *)text;
    for (size_t i = 0; i < n;) { /* escapes such as "\0" and "\ud800" make what the file hid */
        const size_t length = mad_utf8_length(bytes + i, n - i);
        if (length == 0 || bytes[i] == '\0') {
            return mad_fail_at(r->ctx, at, "an escape in this text makes no character");
        }
        i += length;
    }
    char *copy = mad_arena_take_raw(r->out->mem, n + 1, 1);
    if (copy == NULL) {
        return mad_fail_memory(r->ctx, "a configuration value");
    }
    memcpy(copy, text, n);
    copy[n] = '\0';
    *out = copy;
    return MAD_OK;
}

static mad_status push_text(reader *r, texts *list, const char *text)
{
    if (list->n == list->capacity) {
        const size_t capacity = list->capacity == 0 ? 8 : 2 * list->capacity;
        const char **larger = mad_arena_take(r->out->mem, capacity, sizeof *larger);
        if (larger == NULL) {
            return mad_fail_memory(r->ctx, "a configuration list");
        }
        if (list->n > 0) {
            memcpy(larger, list->text, list->n * sizeof *larger);
        }
        list->text = larger;
        list->capacity = capacity;
    }
    list->text[list->n++] = text;
    return MAD_OK;
}

/* "[a, b]" from the entries of an inner list. */
static mad_status join(reader *r, const texts *list, const char **out)
{
    size_t n_bytes = sizeof "[]";
    for (size_t i = 0; i < list->n; i++) {
        n_bytes += strlen(list->text[i]) + sizeof ", ";
    }
    char *text = mad_arena_take(r->out->mem, n_bytes, 1);
    if (text == NULL) {
        return mad_fail_memory(r->ctx, "a configuration list");
    }
    char *end = stpcpy(text, "[");
    for (size_t i = 0; i < list->n; i++) {
        end = stpcpy(stpcpy(end, i == 0 ? "" : ", "), list->text[i]);
    }
    stpcpy(end, "]");
    *out = text;
    return MAD_OK;
}

/* The entries up to the end of the list that has just begun. */
static mad_status read_list(reader *r, mad_place at, int is_inner, texts *out)
{
    mad_status st = MAD_OK;
    for (;;) {
        const char *text = NULL;
        MAD_TRY(next(r));
        if (r->event->type == FYET_SEQUENCE_END) {
            goto out;
        }
        const mad_place entry_at = place_of(r, r->event, at);
        MAD_TRY(check_plain(r, entry_at));
        if (r->event->type == FYET_SCALAR) {
            MAD_TRY(take_text(r, entry_at, &text));
            if (text == NULL) {
                st = mad_fail_at(r->ctx, entry_at, "an empty entry in a list");
                goto out;
            }
        } else if (r->event->type == FYET_SEQUENCE_START && !is_inner) {
            texts inner = {0};
            MAD_TRY(read_list(r, entry_at, 1, &inner));
            MAD_TRY(join(r, &inner, &text));
        } else {
            st = mad_fail_at(r->ctx, entry_at, "a list may hold plain values only");
            goto out;
        }
        MAD_TRY(push_text(r, out, text));
    }
out:
    return st;
}

static mad_status dotted(reader *r, const char *prefix, const char *key, const char **out)
{
    const size_t n_prefix = strlen(prefix), n_key = strlen(key);
    char *text = mad_arena_take_raw(r->out->mem, n_prefix + n_key + 2, 1);
    if (text == NULL) {
        return mad_fail_memory(r->ctx, "a configuration key");
    }
    char *end = n_prefix == 0 ? text : stpcpy(stpcpy(text, prefix), ".");
    stpcpy(end, key);
    *out = text;
    return MAD_OK;
}

static mad_status check_new(reader *r, mad_place at, const char *key)
{
    const mad_entry *first = mad_entries_find(r->out, key);
    if (first == NULL) {
        first = mad_entries_find(&r->groups, key);
    }
    if (first == NULL) {
        return MAD_OK;
    }
    char shown[MAD_SHOWN_BYTES];
    mad_text_shown(key, sizeof shown, shown);
    return mad_fail_at(r->ctx, at, "duplicate key '%s', first set in line %d", shown,
                       first->key_at.line);
}

/* The key of a pair: a plain word; its dotted form and place. */
static mad_status read_key(reader *r, const char *prefix, mad_place at, mad_entry *out)
{
    mad_status st = MAD_OK;
    const char *text;
    out->key_at = out->value_at = place_of(r, r->event, at);
    MAD_TRY(check_plain(r, out->key_at));
    if (r->event->type != FYET_SCALAR) {
        st = mad_fail_at(r->ctx, out->key_at, "a key must be a plain word");
        goto out;
    }
    MAD_TRY(take_text(r, out->key_at, &text));
    if (text == NULL || text[0] == '\0') {
        st = mad_fail_at(r->ctx, out->key_at, "a key is empty");
        goto out;
    }
    MAD_TRY(dotted(r, prefix, text, &out->key));
    MAD_TRY(check_new(r, out->key_at, out->key));
out:
    return st;
}

static mad_status read_mapping(reader *r, const mad_entry *self, int depth);

static mad_status read_value(reader *r, mad_entry *entry, int depth)
{
    mad_status st = MAD_OK;
    entry->value_at = place_of(r, r->event, entry->key_at);
    MAD_TRY(check_plain(r, entry->value_at));
    if (r->event->type == FYET_MAPPING_START) {
        entry->kind = MAD_ENTRY_MAPPING;
        MAD_TRY(mad_entries_add(r->ctx, &r->groups, entry));
        MAD_TRY(read_mapping(r, entry, depth + 1));
        goto out;
    }
    texts list = {0};
    if (r->event->type == FYET_SEQUENCE_START) {
        entry->kind = MAD_ENTRY_LIST;
        MAD_TRY(read_list(r, entry->value_at, 0, &list));
    } else {
        const char *text;
        MAD_TRY(take_text(r, entry->value_at, &text));
        entry->kind = text == NULL ? MAD_ENTRY_EMPTY : MAD_ENTRY_SCALAR;
        if (text != NULL) {
            MAD_TRY(push_text(r, &list, text));
        }
    }
    entry->n_texts = list.n;
    entry->texts = list.text;
    MAD_TRY(mad_entries_add(r->ctx, r->out, entry));
out:
    return st;
}

/* The pairs of the mapping that has just begun; `self` is its own key, "" at the top. */
static mad_status read_mapping(reader *r, const mad_entry *self, int depth)
{
    mad_status st = MAD_OK;
    size_t n_pairs = 0;
    MAD_ASSERT(self->key != NULL);
    if (depth > MAX_DEPTH) {
        return mad_fail_at(r->ctx, self->key_at, "keys are nested deeper than %d levels",
                           MAX_DEPTH);
    }
    for (;; n_pairs++) {
        mad_entry entry = {0};
        MAD_TRY(next(r));
        if (r->event->type == FYET_MAPPING_END) {
            break;
        }
        MAD_TRY(read_key(r, self->key, self->key_at, &entry));
        MAD_TRY(next(r));
        MAD_TRY(read_value(r, &entry, depth));
    }
    if (n_pairs == 0 && self->key[0] != '\0') {
        MAD_TRY(mad_entries_add(r->ctx, r->out, self));
    }
out:
    return st;
}

static mad_status read_stream(reader *r)
{
    mad_status st = MAD_OK;
    const mad_entry root = {.key = "", .key_at = {.file = r->file, .line = 1, .column = 1}};
    MAD_TRY(next(r)); /* stream start */
    MAD_TRY(next(r));
    if (r->event->type != FYET_DOCUMENT_START) {
        st = mad_fail_at(r->ctx, root.key_at, "the configuration is empty");
        goto out;
    }
    MAD_TRY(next(r));
    const mad_place at = place_of(r, r->event, root.key_at);
    MAD_TRY(check_plain(r, at));
    if (r->event->type == FYET_SCALAR) {
        const char *content;
        MAD_TRY(take_text(r, at, &content));
        st = content == NULL ? mad_fail_at(r->ctx, at, "the configuration is empty")
                             : mad_fail_at(r->ctx, at, "expected lines 'key: value', got a text");
        goto out;
    }
    if (r->event->type != FYET_MAPPING_START) {
        st = mad_fail_at(r->ctx, at, "expected lines 'key: value', got a list");
        goto out;
    }
    MAD_TRY(read_mapping(r, &root, 0));
    MAD_TRY(next(r)); /* document end */
    MAD_TRY(next(r));
    if (r->event->type != FYET_STREAM_END) {
        st = mad_fail_at(r->ctx, place_of(r, r->event, root.key_at),
                         "a second document: one file holds one experiment");
    }
out:
    return st;
}

mad_status mad_yaml_flatten(mad_ctx *ctx, const char *file, const char *text, size_t n_bytes,
                            mad_entries *out)
{
    mad_status st = MAD_OK;
    static const char byte_order_mark[] = "\xef\xbb\xbf";
    if (n_bytes >= 3 && memcmp(text, byte_order_mark, 3) == 0) {
        text += 3;
        n_bytes -= 3;
    }
    reader r = {.ctx = ctx, .file = file, .out = out, .groups = {.mem = out->mem}};
    MAD_TRY(mad_scan_text(ctx, file, text, n_bytes));

    struct fy_diag_cfg diag_cfg;
    fy_diag_cfg_default(&diag_cfg);
    diag_cfg.fp = NULL;
    diag_cfg.colorize = false;
    r.diag = fy_diag_create(&diag_cfg);
    if (r.diag == NULL) {
        st = mad_fail_memory(ctx, "the YAML parser");
        goto out;
    }
    fy_diag_set_collect_errors(r.diag, true);
    const struct fy_parse_cfg cfg = {
        .flags = FYPCF_QUIET | FYPCF_DEFAULT_VERSION_1_2 | FYPCF_JSON_NONE, .diag = r.diag};
    r.parser = fy_parser_create(&cfg);
    if (r.parser == NULL || fy_parser_set_string(r.parser, text, n_bytes) != 0) {
        st = mad_fail_memory(ctx, "the YAML parser");
        goto out;
    }
    MAD_TRY(read_stream(&r));
out:
    if (r.event != NULL) {
        fy_parser_event_free(r.parser, r.event);
    }
    if (r.parser != NULL) {
        fy_parser_destroy(r.parser);
    }
    if (r.diag != NULL) {
        fy_diag_destroy(r.diag);
    }
    return st;
}

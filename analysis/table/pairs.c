/* analysis/table/pairs.c: YAML -> flat pairs, through libfyaml. */
#include "analysis/table/pairs.h"

#include <libfyaml.h>
#include <stdio.h>
#include <string.h>

enum { MAX_DEPTH = 8, MAX_PAIRS = 1024, KEY_BYTES = 256, LIST_BYTES = 1024 };

typedef struct walk {
    mad_ctx *ctx;
    mad_arena *mem;
    size_t n_pairs;
    mad_pair *pairs; /* [MAX_PAIRS] */
} walk;

static mad_status add_pair(walk *w, const char *key, const char *value)
{
    if (w->n_pairs == MAX_PAIRS) {
        return mad_fail(w->ctx, MAD_E_DATA, "configuration with more than %d keys", MAX_PAIRS);
    }
    mad_pair *pair = &w->pairs[w->n_pairs++];
    pair->key = mad_arena_text(w->mem, key);
    pair->value = mad_arena_text(w->mem, value);
    return pair->key != NULL && pair->value != NULL ? MAD_OK
                                                    : mad_fail_memory(w->ctx, "configuration");
}

static const char *scalar_text(struct fy_node *node)
{
    const char *text = node != NULL && fy_node_is_scalar(node) ? fy_node_get_scalar0(node) : NULL;
    return text != NULL ? text : "";
}

/* "[a, b]"; entries that are no scalars print as "..." */
static mad_status add_list(walk *w, const char *key, struct fy_node *list)
{
    char text[LIST_BYTES] = "[";
    size_t n = 1;
    void *iter = NULL;
    struct fy_node *item = NULL;

    while ((item = fy_node_sequence_iterate(list, &iter)) != NULL && n < sizeof text - 2) {
        int wrote = snprintf(text + n, sizeof text - 1 - n, "%s%s", n > 1 ? ", " : "",
                             fy_node_is_scalar(item) ? scalar_text(item) : "...");
        n += (size_t)wrote < sizeof text - 1 - n ? (size_t)wrote : sizeof text - 2 - n;
    }
    memcpy(text + n, "]", 2);
    return add_pair(w, key, text);
}

static mad_status add_node(walk *w, const char *key, struct fy_node *node, int depth)
{
    mad_status st = MAD_OK;
    char child[KEY_BYTES];
    void *iter = NULL;
    struct fy_node_pair *pair = NULL;

    if (node == NULL || fy_node_is_scalar(node)) {
        return add_pair(w, key, scalar_text(node));
    }
    if (fy_node_is_sequence(node)) {
        return add_list(w, key, node);
    }
    if (depth == MAX_DEPTH) {
        return mad_fail(w->ctx, MAD_E_DATA, "configuration nested deeper than %d", MAX_DEPTH);
    }
    while ((pair = fy_node_mapping_iterate(node, &iter)) != NULL) {
        int n = snprintf(child, sizeof child, "%s%s%s", key, key[0] != '\0' ? "." : "",
                         scalar_text(fy_node_pair_key(pair)));
        if (n < 0 || (size_t)n >= sizeof child) {
            return mad_fail(w->ctx, MAD_E_DATA, "configuration with a key of %d characters", n);
        }
        MAD_TRY(add_node(w, child, fy_node_pair_value(pair), depth + 1));
    }
out:
    return st;
}

mad_status mad_pairs_parse(mad_ctx *ctx, mad_arena *mem, const char *text, size_t *n_pairs,
                           const mad_pair **pairs)
{
    mad_status st = MAD_OK;
    struct fy_document *document = NULL;
    walk w = {.ctx = ctx, .mem = mem, .pairs = mad_arena_take(mem, MAX_PAIRS, sizeof *w.pairs)};
    const struct fy_parse_cfg quiet = {.flags = FYPCF_QUIET};

    if (w.pairs == NULL) {
        return mad_fail_memory(ctx, "configuration");
    }
    document = fy_document_build_from_string(&quiet, text, strlen(text));
    if (document == NULL) {
        return mad_fail(ctx, MAD_E_DATA, "the stored configuration is no YAML");
    }
    struct fy_node *root = fy_document_root(document);
    if (root != NULL && fy_node_is_mapping(root)) {
        MAD_TRY(add_node(&w, "", root, 0));
    }
    *n_pairs = w.n_pairs;
    *pairs = w.pairs;
out:
    fy_document_destroy(document);
    return st;
}

const char *mad_pair_value(size_t n_pairs, const mad_pair *pairs, const char *key)
{
    for (size_t i = 0; i < n_pairs; i++) {
        if (strcmp(pairs[i].key, key) == 0) {
            return pairs[i].value;
        }
    }
    return NULL;
}

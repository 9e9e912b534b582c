/* sim/config/unknown.c: messages for names that nobody knows: whose they are, what was meant. */
#include <stdio.h>
#include <string.h>

#include "sim/config/internal.h"
#include "sim/iface/text.h"

/* Names that a word may have been meant to be. */
typedef struct names {
    size_t n, capacity;
    const char **name;
} names;

static void push(mad_arena *mem, names *list, const char *name)
{
    if (list->n == list->capacity) {
        const size_t capacity = list->capacity == 0 ? 32 : 2 * list->capacity;
        const char **larger = mad_arena_take(mem, capacity, sizeof *larger);
        if (larger == NULL) {
            return; /* a suggestion less: the message itself must come through */
        }
        if (list->n > 0) {
            memcpy(larger, list->name, list->n * sizeof *larger);
        }
        list->name = larger;
        list->capacity = capacity;
    }
    list->name[list->n++] = name;
}

static void push_table(mad_arena *mem, names *list, const mad_param *params)
{
    for (const mad_param *p = params; p != NULL && p->name != NULL; p++) {
        push(mem, list, p->name);
    }
}

static const char *last_part(const char *key)
{
    const char *dot = strrchr(key, '.');
    return dot == NULL ? key : dot + 1;
}

/* The key of any section whose last part is exactly `word`: "loop.n_real" for "n_real". */
static int find_elsewhere(const mad_resolver *r, const char *word, size_t n_bytes, char *out)
{
    for (mad_section s = 0; s < MAD_N_SECTIONS; s++) {
        const char *section = mad_sections[s].name;
        for (const mad_param *p = r->chosen[s].params; p != NULL && p->name != NULL; p++) {
            if (strcmp(last_part(p->name), word) == 0) {
                snprintf(out, n_bytes, "%s%s%s", section, section[0] == '\0' ? "" : ".", p->name);
                return 1;
            }
        }
    }
    return 0;
}

/* A full key near to this one; 0 when nothing is. */
static int suggest(const mad_resolver *r, mad_section section, const char *rest, size_t n_bytes,
                   char *out)
{
    names list = {0};
    const char *prefix = mad_sections[section].name;
    push_table(r->mem, &list, r->chosen[section].params);
    if (mad_sections[section].selector != NULL) {
        push(r->mem, &list, mad_sections[section].selector);
    }
    if (section == MAD_SECTION_ROOT) {
        for (mad_section s = MAD_SECTION_ROOT + 1; s < MAD_N_SECTIONS; s++) {
            push(r->mem, &list, mad_sections[s].name);
        }
        push(r->mem, &list, "include");
        push(r->mem, &list, "sweep");
    }
    if (find_elsewhere(r, last_part(rest), n_bytes, out)) {
        return 1;
    }
    const char *nearest = mad_nearest(rest, list.n, list.name);
    if (nearest == NULL) {
        return 0;
    }
    snprintf(out, n_bytes, "%s%s%s", prefix, prefix[0] == '\0' ? "" : ".", nearest);
    return 1;
}

/* "'gauss', 'kde'": the plug-ins of a section that know this key. */
static int owners(const mad_resolver *r, mad_section section, const char *rest, size_t n_bytes,
                  char *out)
{
    mad_plugin plugin;
    out[0] = '\0';
    for (size_t i = 0; mad_section_plugin(r->registry, section, i, &plugin); i++) {
        if (mad_param_find(plugin.params, rest) != NULL) {
            const size_t used = strlen(out);
            snprintf(out + used, n_bytes - used, "%s'%s'", used == 0 ? "" : ", ", plugin.name);
        }
    }
    return out[0] != '\0';
}

/* A known key that this one only prolongs: its value must not be a mapping. */
static const mad_param *shorter_key(const mad_resolver *r, mad_section section, const char *rest)
{
    for (const mad_param *p = r->chosen[section].params; p != NULL && p->name != NULL; p++) {
        const size_t n = strlen(p->name);
        if (strncmp(p->name, rest, n) == 0 && rest[n] == '.') {
            return p;
        }
    }
    return NULL;
}

static mad_status fail_lambda(const mad_resolver *r, const mad_entry *entry)
{
    return mad_fail_at(r->ctx, entry->key_at,
                       "no key is called '%s': the literature uses it for two things, sampling "
                       "bias (here bias.strength) and the ratio of synthetic to real data (here "
                       "the sizes loop.n_synthetic and loop.n_real)",
                       last_part(entry->key));
}

/* A value that got keys of its own: what it takes instead; 0 when the key is none of these. */
static int takes_no_keys(const mad_resolver *r, mad_section section, const char *rest,
                         size_t n_bytes, char *key, size_t n_allowed, char *allowed)
{
    const mad_section_info *info = &mad_sections[section];
    const mad_param *param = shorter_key(r, section, rest);
    const size_t n_selector = info->selector == NULL ? 0 : strlen(info->selector);
    const char *name = param == NULL ? info->selector : param->name;
    if (param != NULL) {
        mad_param_allowed(param, n_allowed, allowed);
    } else if (n_selector > 0 && strncmp(rest, info->selector, n_selector) == 0 &&
               rest[n_selector] == '.') {
        snprintf(allowed, n_allowed, "one name");
    } else {
        return 0;
    }
    snprintf(key, n_bytes, "%s%s%s", info->name, info->name[0] == '\0' ? "" : ".", name);
    return 1;
}

mad_status mad_fail_unknown(const mad_resolver *r, const mad_entry *entry)
{
    const char *rest;
    const mad_section section = mad_key_section(entry->key, &rest);
    const mad_section_info *info = &mad_sections[section];
    char shown[2 * MAD_SHOWN_BYTES], other[256], allowed[512];
    mad_text_shown(entry->key, sizeof shown, shown);
    if (strcmp(last_part(entry->key), "lambda") == 0) {
        return fail_lambda(r, entry);
    }
    if (takes_no_keys(r, section, rest, sizeof other, other, sizeof allowed, allowed)) {
        return mad_fail_at(r->ctx, entry->key_at, "%s: expected %s, got a mapping", other, allowed);
    }
    if (info->selector != NULL && owners(r, section, rest, sizeof other, other)) {
        return mad_fail_at(r->ctx, entry->key_at, "key '%s' belongs to %s %s, not to '%s' (%s.%s)",
                           shown, info->name, other, r->chosen[section].name, info->name,
                           info->selector);
    }
    const char *what = "key";
    char head[MAD_SHOWN_BYTES];
    if (section == MAD_SECTION_ROOT && strchr(rest, '.') != NULL) {
        what = "section"; /* of "wrold.kind" the part before the dot is wrong */
        snprintf(head, sizeof head, "%.*s", (int)strcspn(rest, "."), rest);
        mad_text_shown(head, sizeof shown, shown);
        rest = head;
    }
    if (strchr(rest, ')') != NULL && strchr(rest, '(') == NULL) { /* {n_real: linear(1, 2)} */
        return mad_fail_at(r->ctx, entry->key_at,
                           "unknown %s '%s' (inside {} and [] a text with a comma needs quotes)",
                           what, shown);
    }
    const int found = suggest(r, section, rest, sizeof other, other);
    return mad_fail_at(r->ctx, entry->key_at, "unknown %s '%s'%s%s%s", what, shown,
                       found ? " (did you mean '" : "", found ? other : "", found ? "'?)" : "");
}

mad_status mad_fail_plugin(const mad_resolver *r, mad_place place, mad_section section,
                           const char *word)
{
    names list = {0};
    mad_plugin plugin;
    char known[512] = "", shown[MAD_SHOWN_BYTES];
    for (size_t i = 0; mad_section_plugin(r->registry, section, i, &plugin); i++) {
        const size_t used = strlen(known);
        snprintf(known + used, sizeof known - used, "%s%s", i == 0 ? "" : " | ", plugin.name);
        push(r->mem, &list, plugin.name);
    }
    const char *near = mad_nearest(word, list.n, list.name);
    mad_text_shown(word, sizeof shown, shown);
    return mad_fail_at(r->ctx, place, "unknown %s '%s': expected %s%s%s%s",
                       mad_sections[section].name, shown, known,
                       near == NULL ? "" : " (did you mean '", near == NULL ? "" : near,
                       near == NULL ? "" : "'?)");
}

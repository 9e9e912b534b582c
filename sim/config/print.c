/* sim/config/print.c: the resolved configuration as canonical YAML, and its hash. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "sim/config/internal.h"
#include "sim/num/stats.h"

/* Words that other YAML readers take for something else than text. */
static int is_reserved(const char *text)
{
    static const char *const words[] = {"null", "true", "false", "yes", "no",
                                        "on",   "off",  "y",     "n"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strcasecmp(text, words[i]) == 0) {
            return 1;
        }
    }
    return 0;
}

static int is_plain(const char *text)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_";
    static const char others[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_"
                                 "0123456789./+-";
    return text[0] != '\0' && strchr(letters, text[0]) != NULL &&
           text[strspn(text, others)] == '\0' && !is_reserved(text);
}

/* Characters that YAML calls not printable, and separators that could break the line. */
static int needs_escape(unsigned code)
{
    return code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0x2028 || code == 0x2029 ||
           code == 0xfeff || code == 0xfffe || code == 0xffff;
}

static void print_quoted(FILE *out, const char *text)
{
    const unsigned char *p = (const unsigned char *)text;
    size_t n = strlen(text), length;
    fputc('"', out);
    for (; n > 0; p += length, n -= length) {
        length = mad_utf8_length(p, n);
        MAD_ASSERT(length > 0);
        const unsigned code = length == 2 ? (p[0] & 0x1fu) << 6 | (p[1] & 0x3fu)
                              : length == 3
                                  ? (p[0] & 0xfu) << 12 | (p[1] & 0x3fu) << 6 | (p[2] & 0x3fu)
                                  : p[0];
        if (length < 4 && needs_escape(code)) {
            fprintf(out, "\\u%04x", code);
        } else {
            fprintf(out, "%s%.*s", *p == '"' || *p == '\\' ? "\\" : "", (int)length,
                    (const char *)p);
        }
    }
    fputc('"', out);
}

static void print_value(FILE *out, const mad_value *value)
{
    const mad_param_kind kind = value->param->kind;
    if ((kind == MAD_PARAM_TEXT || kind == MAD_PARAM_PATH) && !is_plain(value->text)) {
        print_quoted(out, value->text);
    } else {
        fputs(value->text, out);
    }
    fputc('\n', out);
}

/* 1 when an earlier key of the table begins with the same `n` bytes (group and its dot). */
static int group_printed(const mad_values *values, size_t i_value, size_t n)
{
    for (size_t i = 0; i < i_value; i++) {
        if (strncmp(values->params[i].name, values->params[i_value].name, n) == 0) {
            return 1;
        }
    }
    return 0;
}

/* The keys that begin with prefix[0..n): their rest, or, behind a further dot, a nested mapping. */
static void print_group(FILE *out, const mad_values *values, const char *prefix, size_t n,
                        int indent)
{
    for (size_t i = 0; i < values->n_values; i++) {
        const char *name = values->params[i].name;
        if (strncmp(name, prefix, n) != 0) {
            continue;
        }
        const char *rest = name + n, *dot = strchr(rest, '.');
        if (dot == NULL) {
            fprintf(out, "%*s%s: ", indent, "", rest);
            print_value(out, &values->value[i]);
            continue;
        }
        const size_t n_group = (size_t)(dot - name) + 1;
        if (!group_printed(values, i, n_group)) {
            fprintf(out, "%*s%.*s:\n", indent, "", (int)(dot - rest), rest);
            print_group(out, values, name, n_group, indent + 2);
        }
    }
}

static void print_section(FILE *out, const mad_resolver *r, mad_section section,
                          const mad_values *values)
{
    const mad_section_info *info = &mad_sections[section];
    fprintf(out, "%s:\n", info->name);
    if (info->selector != NULL) {
        fprintf(out, "  %s: %s\n", info->selector, r->chosen[section].name);
    }
    print_group(out, values, "", 0, 2);
}

mad_status mad_print_resolved(const mad_resolver *r)
{
    mad_ctx *const ctx = r->ctx;
    mad_config *const config = r->config;
    char *text = NULL;
    size_t n_bytes = 0;
    FILE *out = open_memstream(&text, &n_bytes);
    if (out == NULL) {
        return mad_fail_memory(ctx, "the resolved configuration");
    }
    print_group(out, &config->root, "", 0, 0);
    for (mad_section s = MAD_SECTION_ROOT + 1; s < MAD_N_SECTIONS; s++) {
        if (!mad_sections[s].may_be_absent || mad_section_values(config, s)->n_values > 0) {
            print_section(out, r, s, mad_section_values(config, s));
        }
    }
    const int failed = ferror(out);
    config->resolved = fclose(out) != 0 || failed ? NULL : mad_arena_text(r->mem, text);
    free(text);
    if (config->resolved == NULL) {
        return mad_fail_memory(ctx, "the resolved configuration");
    }
    /* the name is the first line, and only a name: two runs that differ in nothing else are one */
    const char *body = strchr(config->resolved, '\n') + 1;
    config->hash = mad_fnv1a(body, strlen(body), MAD_FNV1A_START);
    return MAD_OK;
}

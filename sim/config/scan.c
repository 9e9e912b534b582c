/* sim/config/scan.c: is this a text that the YAML parser may see?
 *
 * The parser (libfyaml 0.7) can loop for ever on broken UTF-8 in a directive line, needs minutes
 * for a megabyte of blank lines (its time grows with their square), and its messages about binary
 * files help nobody; so all these are caught here.
 */
#include <string.h>

#include "sim/config/internal.h"

size_t mad_utf8_length(const unsigned char *p, size_t n)
{
    if (n == 0) {
        return 0;
    }
    if (p[0] < 0x80) {
        return 1;
    }
    /* first byte c2..f4; the second byte's range excludes overlong forms, surrogates, > 10ffff */
    const size_t length = p[0] < 0xc2 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : p[0] < 0xf5 ? 4 : 0;
    if (length == 0 || length > n) {
        return 0;
    }
    const unsigned char low = p[0] == 0xe0 ? 0xa0 : p[0] == 0xf0 ? 0x90 : 0x80;
    const unsigned char high = p[0] == 0xed ? 0x9f : p[0] == 0xf4 ? 0x8f : 0xbf;
    if (p[1] < low || p[1] > high) {
        return 0;
    }
    for (size_t i = 2; i < length; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    return length;
}

enum { MAX_BLANK_LINES = 1000 };

/* What is wrong with the line that starts at p, column by column. */
static mad_status scan_line(mad_ctx *ctx, mad_place at, const unsigned char *p, size_t n)
{
    int indenting = 1;
    for (size_t i = 0; i < n;) {
        const size_t length = mad_utf8_length(p + i, n - i);
        if (length == 0) {
            return mad_fail_at(ctx, at, "byte 0x%02x is not valid UTF-8: not a text file", p[i]);
        }
        const int ends_line =
            p[i] == '\r' && i + 1 == n; /* a bare CR would be a hidden line break */
        if ((p[i] < 0x20 && p[i] != '\t' && !ends_line) || p[i] == 0x7f) {
            return mad_fail_at(ctx, at, "control character 0x%02x: a binary file, not YAML", p[i]);
        }
        if (indenting && p[i] == '\t') {
            return mad_fail_at(ctx, at, "tab in the indentation: indent with blanks");
        }
        indenting = indenting && p[i] == ' ';
        i += length;
        at.column++;
    }
    return MAD_OK;
}

static int is_blank(const char *line, size_t n)
{
    size_t i = 0;
    while (i < n && (line[i] == ' ' || line[i] == '\r')) {
        i++;
    }
    return i == n;
}

/* "%YAML 1.2" with nothing but blanks or a comment behind it. */
static int is_yaml_directive(const char *line, size_t n)
{
    static const char directive[] = "%YAML 1.2";
    const size_t length = sizeof directive - 1;
    if (n < length || memcmp(line, directive, length) != 0) {
        return 0;
    }
    for (size_t i = length; i < n && line[i] != '#'; i++) {
        if (line[i] != ' ' && line[i] != '\r') {
            return 0;
        }
    }
    return n == length || line[length] != '#';
}

mad_status mad_scan_text(mad_ctx *ctx, const char *file, const char *text, size_t n_bytes)
{
    mad_place at = {.file = file, .line = 1, .column = 1};
    size_t n_blank = 0;
    for (size_t begin = 0; begin < n_bytes; at.line++) {
        const char *line = text + begin;
        const char *end = memchr(line, '\n', n_bytes - begin);
        const size_t n = end == NULL ? n_bytes - begin : (size_t)(end - line);
        const mad_status st = scan_line(ctx, at, (const unsigned char *)line, n);
        if (st != MAD_OK) {
            return st;
        }
        if (line[0] == '%' && n > 0 && !is_yaml_directive(line, n)) {
            return mad_fail_at(ctx, at, "no directive but '%%YAML 1.2' is allowed");
        }
        n_blank = is_blank(line, n) ? n_blank + 1 : 0;
        if (n_blank > MAX_BLANK_LINES) {
            return mad_fail_at(ctx, at, "more than %d blank lines in a row", (int)MAX_BLANK_LINES);
        }
        begin += n + 1;
    }
    return MAD_OK;
}

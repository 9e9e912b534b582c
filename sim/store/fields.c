/* sim/store/fields.c: lines, quoted fields, numbers and words of text tables.
 *
 * ref  RFC 4180
 */
#include "sim/store/fields.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static int is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

int mad_lines_next(mad_lines *c, mad_span *line)
{
    while (c->at < c->end) {
        const char *stop = memchr(c->at, '\n', (size_t)(c->end - c->at));
        *line = (mad_span){.begin = c->at, .end = stop == NULL ? c->end : stop};
        c->at = stop == NULL ? c->end : stop + 1;
        c->n_lines++;
        if (line->end > line->begin && line->end[-1] == '\r') {
            line->end--;
        }
        const char *first = line->begin;
        while (first < line->end && is_blank(*first)) {
            first++;
        }
        if (first < line->end && *first != '#') {
            return 1;
        }
    }
    return 0;
}

int mad_fields_next(mad_span *rest, char delimiter, mad_span *field)
{
    const char *at = rest->begin;
    if (at == NULL) {
        return 0;
    }
    while (at < rest->end && is_blank(*at) && *at != delimiter) {
        at++;
    }
    const int quoted = at < rest->end && *at == '"';
    field->begin = quoted ? ++at : at;
    if (quoted) {
        while (at < rest->end && (*at != '"' || (at + 1 < rest->end && at[1] == '"'))) {
            at += *at == '"' ? 2 : 1;
        }
        if (at >= rest->end) {
            return -1;
        }
        field->end = at++;
        while (at < rest->end && is_blank(*at) && *at != delimiter) {
            at++;
        }
        if (at < rest->end && *at != delimiter) {
            return -1;
        }
    } else {
        while (at < rest->end && *at != delimiter) {
            at++;
        }
        field->end = at;
        while (field->end > field->begin && is_blank(field->end[-1])) {
            field->end--;
        }
    }
    rest->begin = at < rest->end ? at + 1 : NULL; /* after a delimiter one more field follows */
    return 1;
}

char mad_fields_delimiter(mad_span line)
{
    int quoted = 0, has_comma = 0, has_tab = 0;
    for (const char *at = line.begin; at < line.end; at++) {
        quoted ^= *at == '"';
        if (!quoted && *at == ';') {
            return ';';
        }
        has_comma |= !quoted && *at == ',';
        has_tab |= !quoted && *at == '\t';
    }
    return has_tab && !has_comma ? '\t' : ',';
}

int mad_span_equals(mad_span field, const char *text)
{
    const size_t n = (size_t)(field.end - field.begin);
    return n == strlen(text) && memcmp(field.begin, text, n) == 0;
}

int mad_span_is_missing(mad_span field)
{
    static const char *const words[] = {"", "NA", "N/A", "NaN", "null", "?"};
    const size_t n = (size_t)(field.end - field.begin);
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (n == strlen(words[i]) && strncasecmp(field.begin, words[i], n) == 0) {
            return 1;
        }
    }
    return 0;
}

/* The byte behind a field is never part of a number (a delimiter, quote, line end or the final
 * zero), so strtod stops there. */
int mad_span_number(mad_span field, double *out)
{
    char *stop;
    for (const char *at = field.begin; at < field.end; at++) {
        if (!isdigit((unsigned char)*at) && strchr("+-.eE", *at) == NULL) {
            return 0;
        }
    }
    if (field.begin == field.end) {
        return 0;
    }
    *out = strtod(field.begin, &stop);
    return stop == field.end && isfinite(*out);
}

int mad_span_is_infinite(mad_span field)
{
    static const char *const words[] = {"inf", "infinity"};
    const int has_sign = field.begin < field.end && (*field.begin == '+' || *field.begin == '-');
    const char *at = field.begin + has_sign;
    const size_t n = (size_t)(field.end - at);
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (n == strlen(words[i]) && strncasecmp(at, words[i], n) == 0) {
            return 1;
        }
    }
    return 0;
}

int mad_span_is_word(mad_span field)
{
    const size_t n = (size_t)(field.end - field.begin);
    const char *at = field.begin;
    if (n == 0 || n > MAD_WORD_BYTES || mad_span_is_infinite(field)) {
        return 0;
    }
    for (size_t i = 0; i < n; i++) {
        if ((unsigned char)at[i] < ' ' || at[i] == 0x7f) {
            return 0;
        }
    }
    at += n > 1 && (*at == '+' || *at == '-');
    at += at + 1 < field.end && *at == '.';
    return !isdigit((unsigned char)*at);
}

/* Inside quotes a doubled quote stands for one; elsewhere a word has none. */
char *mad_span_copy(mad_arena *mem, mad_span field)
{
    char *word = mad_arena_take(mem, (size_t)(field.end - field.begin) + 1, 1);
    size_t n = 0;
    for (const char *at = field.begin; word != NULL && at < field.end; at++) {
        word[n++] = *at;
        at += *at == '"' && at + 1 < field.end && at[1] == '"';
    }
    return word;
}

const char *mad_span_excerpt(mad_span field, char *out)
{
    const size_t n_all = (size_t)(field.end - field.begin);
    const size_t n = n_all < MAD_EXCERPT_BYTES - 4 ? n_all : MAD_EXCERPT_BYTES - 4;
    for (size_t i = 0; i < n; i++) {
        out[i] = isprint((unsigned char)field.begin[i]) ? field.begin[i] : (char)'?';
    }
    memcpy(out + n, n < n_all ? "..." : "", n < n_all ? 4 : 1);
    return out;
}

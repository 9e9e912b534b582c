/* sim/iface/text.c: numbers and lists as text. */
#include "sim/iface/text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static int is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* What the digits of a number say before any rounding to double. */
typedef struct digits {
    int has_nonzero;
    long last_nonzero; /* place of the last non-zero digit behind the point: units 0, tenths 1 */
    long exponent;
} digits;

/* Reads sign, digits, point, exponent; returns the end, or NULL when this is no number. */
static const char *scan_number(const char *p, digits *out)
{
    const long limit = 100000; /* no double has a larger exponent: stop counting there */
    long n_integer = 0, n_fraction = 0, last = 0;
    *out = (digits){0};
    p += *p == '+' || *p == '-';
    for (; is_digit(*p); p++) {
        n_integer++;
        if (*p != '0') {
            out->has_nonzero = 1;
            last = n_integer;
        }
    }
    out->last_nonzero = last - n_integer;
    if (*p == '.') {
        for (p++; is_digit(*p); p++) {
            n_fraction++;
            if (*p != '0') {
                out->has_nonzero = 1;
                out->last_nonzero = n_fraction;
            }
        }
    }
    if (n_integer + n_fraction == 0) {
        return NULL;
    }
    if (*p == 'e' || *p == 'E') {
        const int negative = *++p == '-';
        p += *p == '+' || *p == '-';
        if (!is_digit(*p)) {
            return NULL;
        }
        for (; is_digit(*p); p++) {
            out->exponent = out->exponent < limit ? out->exponent * 10 + (*p - '0') : out->exponent;
        }
        out->exponent = negative ? -out->exponent : out->exponent;
    }
    return p;
}

static int parse(const char *text, double *out, digits *d)
{
    while (is_blank(*text)) {
        text++;
    }
    const char *end = scan_number(text, d);
    if (end == NULL) {
        return 0;
    }
    while (is_blank(*end)) {
        end++;
    }
    if (*end != '\0') {
        return 0;
    }
    const double x = strtod(text, NULL);
    if (!isfinite(x) || (d->has_nonzero && x == 0.0)) {
        return 0;
    }
    *out = x == 0.0 ? 0.0 : x; /* -0 is 0: equal values have equal texts */
    return 1;
}

int mad_number_parse(const char *text, double *out)
{
    digits d;
    return parse(text, out, &d);
}

int mad_whole_parse(const char *text, double *out)
{
    digits d;
    double x;
    if (!parse(text, &x, &d) || (d.has_nonzero && d.last_nonzero > d.exponent)) {
        return 0;
    }
    *out = x;
    return 1;
}

void mad_number_print(double x, size_t n_bytes, char *out)
{
    if (x == 0.0 || (fabs(x) < 1e15 && x == floor(x))) {
        snprintf(out, n_bytes, "%.0f", x == 0.0 ? 0.0 : x);
        return;
    }
    for (int n_digits = 1; n_digits <= 17; n_digits++) {
        snprintf(out, n_bytes, "%.*g", n_digits, x);
        if (strtod(out, NULL) == x) {
            return;
        }
    }
}

void mad_text_shown(const char *text, size_t n_bytes, char *out)
{
    static const char dots[] = "...";
    const size_t n_text = strlen(text);
    MAD_ASSERT(n_bytes > sizeof dots);
    size_t n = n_text;
    if (n_text > n_bytes - 1) {
        n = n_bytes - sizeof dots;
        while (n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80) {
            n--; /* never cut inside a UTF-8 character */
        }
    }
    for (size_t i = 0; i < n; i++) {
        const unsigned char c = (unsigned char)text[i];
        out[i] = text[i];
        if (c < 0x20 || c == 0x7f) {
            out[i] = '?';
        }
    }
    stpcpy(out + n, n == n_text ? "" : dots);
}

/* Copy of text[0..n) without the blanks around it. */
static char *trimmed(mad_arena *mem, const char *text, size_t n)
{
    while (n > 0 && is_blank(*text)) {
        text++;
        n--;
    }
    while (n > 0 && is_blank(text[n - 1])) {
        n--;
    }
    char *copy = mad_arena_take_raw(mem, n + 1, 1);
    if (copy != NULL) {
        memcpy(copy, text, n);
        copy[n] = '\0';
    }
    return copy;
}

/* Number of pieces, 0 for a blank text; -1 when brackets do not match. */
static long count_pieces(const char *text)
{
    long n = 1, depth = 0;
    int blank = 1;
    for (const char *p = text; *p != '\0'; p++) {
        depth += (*p == '(' || *p == '[') - (*p == ')' || *p == ']');
        blank = blank && is_blank(*p);
        n += *p == ',' && depth == 0;
        if (depth < 0) {
            return -1;
        }
    }
    return depth != 0 ? -1 : blank ? 0 : n;
}

mad_status mad_text_split(mad_ctx *ctx, mad_arena *mem, const char *text, size_t *n_pieces,
                          const char *const **pieces)
{
    char shown[MAD_SHOWN_BYTES];
    const long n = count_pieces(text);
    mad_text_shown(text, sizeof shown, shown);
    if (n < 0) {
        return mad_fail(ctx, MAD_E_CONFIG, "brackets do not match in '%s'", shown);
    }
    const char **list = mad_arena_take(mem, (size_t)n, sizeof *list);
    if (list == NULL) {
        return mad_fail_memory(ctx, "a list");
    }
    const char *begin = text;
    for (size_t i = 0; i < (size_t)n; i++) {
        const char *end = begin;
        for (long depth = 0; *end != '\0' && (*end != ',' || depth > 0); end++) {
            depth += (*end == '(' || *end == '[') - (*end == ')' || *end == ']');
        }
        list[i] = trimmed(mem, begin, (size_t)(end - begin));
        if (list[i] == NULL) {
            return mad_fail_memory(ctx, "a list entry");
        }
        if (list[i][0] == '\0') {
            return mad_fail(ctx, MAD_E_CONFIG, "entry %zu is empty in the list '%s'", i + 1, shown);
        }
        begin = end + 1;
    }
    *n_pieces = (size_t)n;
    *pieces = list;
    return MAD_OK;
}

mad_status mad_text_call(mad_ctx *ctx, mad_arena *mem, const char *text, const char *name,
                         const char **out)
{
    const size_t n_name = strlen(name);
    *out = NULL;
    while (is_blank(*text)) {
        text++;
    }
    size_t n = strlen(text);
    while (n > 0 && is_blank(text[n - 1])) {
        n--;
    }
    if (n < n_name + 2 || strncmp(text, name, n_name) != 0 || text[n_name] != '(' ||
        text[n - 1] != ')') {
        return MAD_OK;
    }
    *out = trimmed(mem, text + n_name + 1, n - n_name - 2);
    return *out == NULL ? mad_fail_memory(ctx, "the arguments of a form") : MAD_OK;
}

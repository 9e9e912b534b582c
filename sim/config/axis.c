/* sim/config/axis.c: the short forms of a list of values: ranges, logarithmic steps, counts. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/config/internal.h"
#include "sim/iface/text.h"

enum { MAX_POINTS = 100000 };

typedef struct points {
    mad_ctx *ctx;
    mad_arena *mem;
    size_t n, capacity;
    const char **text;
} points;

static mad_status push(points *p, const char *text)
{
    if (p->n == MAX_POINTS) {
        return mad_fail(p->ctx, MAD_E_CONFIG, "more than %d values", (int)MAX_POINTS);
    }
    if (p->n == p->capacity) {
        const size_t capacity = p->capacity == 0 ? 16 : 2 * p->capacity;
        const char **larger = mad_arena_take(p->mem, capacity, sizeof *larger);
        if (larger == NULL) {
            return mad_fail_memory(p->ctx, "the values of an axis");
        }
        if (p->n > 0) {
            memcpy(larger, p->text, p->n * sizeof *larger);
        }
        p->text = larger;
        p->capacity = capacity;
    }
    p->text[p->n] = mad_arena_text(p->mem, text);
    return p->text[p->n++] == NULL ? mad_fail_memory(p->ctx, "the values of an axis") : MAD_OK;
}

static mad_status push_number(points *p, double x)
{
    char text[MAD_NUMBER_BYTES];
    mad_number_print(x, sizeof text, text);
    return push(p, text);
}

/* Places behind the point that x needs; -1 when it prints with an exponent. */
static int decimals(double x)
{
    char text[MAD_NUMBER_BYTES];
    mad_number_print(x, sizeof text, text);
    const char *point = strchr(text, '.');
    return strchr(text, 'e') != NULL ? -1 : point == NULL ? 0 : (int)strlen(point + 1);
}

/* a + i step as a person would write it: 0.3, not 0.30000000000000004. */
static double grid_value(double a, double step, double i)
{
    const int of_a = decimals(a), of_step = decimals(step);
    char text[512];
    if (of_a < 0 || of_step < 0) {
        return a + i * step;
    }
    snprintf(text, sizeof text, "%.*f", of_a > of_step ? of_a : of_step, a + i * step);
    return strtod(text, NULL);
}

static mad_status fail_form(points *p, const char *text, const char *expected)
{
    char shown[MAD_SHOWN_BYTES];
    mad_text_shown(text, sizeof shown, shown);
    return mad_fail(p->ctx, MAD_E_CONFIG, "expected %s, got '%s'", expected, shown);
}

/* Up to three numbers between the brackets of a form; their count, or -1. */
static mad_status read_numbers(points *p, const char *inner, double *number, int *n)
{
    size_t n_pieces;
    const char *const *pieces;
    const mad_status st = mad_text_split(p->ctx, p->mem, inner, &n_pieces, &pieces);
    *n = n_pieces == 3 ? 3 : -1;
    for (size_t i = 0; st == MAD_OK && *n == 3 && i < 3; i++) {
        *n = mad_number_parse(pieces[i], &number[i]) ? 3 : -1;
    }
    return st;
}

/* range(a,b,step): both ends included, b only when the steps meet it (up to rounding). */
static mad_status push_range(points *p, const char *text, const double *number, int n)
{
    mad_status st = MAD_OK;
    const double a = number[0], b = number[1], step = number[2];
    const double n_steps = n == 3 && step != 0.0 ? floor((b - a) / step + 1e-9) : -1.0;
    if (!(n_steps >= 0.0)) {
        return fail_form(p, text,
                         "range(first,last,step) with a step that leads from first to last");
    }
    if (n_steps >= MAX_POINTS) {
        return mad_fail(p->ctx, MAD_E_CONFIG, "more than %d values", (int)MAX_POINTS);
    }
    for (size_t i = 0; i <= (size_t)n_steps; i++) {
        MAD_TRY(push_number(p, grid_value(a, step, (double)i)));
    }
out:
    return st;
}

/* log(a,b,n): n values, equal ratios, ends exact, between them six digits (or whole numbers). */
static mad_status push_log(points *p, const char *text, const double *number, int n, int whole)
{
    mad_status st = MAD_OK;
    const double a = number[0], b = number[1], n_points = number[2];
    if (n != 3 || !(a > 0.0) || !(b > 0.0) || n_points != floor(n_points) || n_points < 2.0 ||
        n_points > MAX_POINTS || (whole && (a != floor(a) || b != floor(b)))) {
        return fail_form(p, text,
                         whole ? "logint(first,last,count) with whole first and last from 1, count "
                                 "of at least 2"
                               : "log(first,last,count) with first and last above 0, count of at "
                                 "least 2");
    }
    double before = 0.0;
    const size_t n_last = (size_t)n_points - 1;
    for (size_t i = 0; i <= n_last; i++) {
        char rounded[MAD_NUMBER_BYTES];
        const double x = exp(log(a) + (log(b) - log(a)) * ((double)i / (double)n_last));
        snprintf(rounded, sizeof rounded, "%.6g", x);
        double value = whole ? floor(x + 0.5) : strtod(rounded, NULL);
        value = i == 0 ? a : i == n_last ? b : value;
        if (!whole || i == 0 || value != before) { /* whole steps below 1 would repeat */
            MAD_TRY(push_number(p, value));
        }
        before = value;
    }
out:
    return st;
}

/* "3-7" counts; *matched = 0 when the text is something else. */
static mad_status push_count(points *p, const char *text, int *matched)
{
    mad_status st = MAD_OK;
    static const char digits[] = "0123456789";
    const size_t n_first = strspn(text, digits);
    const size_t n_last = text[n_first] == '-' ? strspn(text + n_first + 1, digits) : 0;
    *matched = n_first > 0 && n_last > 0 && text[n_first + 1 + n_last] == '\0';
    if (!*matched) {
        return MAD_OK;
    }
    const double first = strtod(text, NULL), last = strtod(text + n_first + 1, NULL);
    if (first > last || last > 9007199254740991.0) {
        return fail_form(p, text, "first-last with first <= last <= 9007199254740991");
    }
    if (last - first >= MAX_POINTS) {
        return mad_fail(p->ctx, MAD_E_CONFIG, "more than %d values", (int)MAX_POINTS);
    }
    for (size_t i = 0; i <= (size_t)(last - first); i++) {
        MAD_TRY(push_number(p, first + (double)i));
    }
out:
    return st;
}

static mad_status push_piece(points *p, const char *text)
{
    static const char *const names[] = {"range", "log", "logint"};
    mad_status st = MAD_OK;
    int matched, n;
    double number[3] = {0};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *inner;
        MAD_TRY(mad_text_call(p->ctx, p->mem, text, names[i], &inner));
        if (inner != NULL) {
            MAD_TRY(read_numbers(p, inner, number, &n));
            st = i == 0 ? push_range(p, text, number, n) : push_log(p, text, number, n, i == 2);
            goto out;
        }
    }
    MAD_TRY(push_count(p, text, &matched));
    if (!matched) {
        MAD_TRY(push(p, text));
    }
out:
    return st;
}

mad_status mad_axis_expand(mad_ctx *ctx, mad_arena *mem, const char *text, size_t *n_texts,
                           const char *const **texts)
{
    mad_status st = MAD_OK;
    size_t n_pieces;
    const char *const *pieces;
    points p = {.ctx = ctx, .mem = mem};
    MAD_TRY(mad_text_split(ctx, mem, text, &n_pieces, &pieces));
    for (size_t i = 0; i < n_pieces; i++) {
        MAD_TRY(push_piece(&p, pieces[i]));
    }
    *n_texts = p.n;
    *texts = p.text;
out:
    return st;
}

mad_status mad_axis_parse(mad_ctx *ctx, mad_arena *mem, const char *argument, mad_axis *out)
{
    char shown[MAD_SHOWN_BYTES];
    mad_axis axis = {0};
    const char *equals = strchr(argument, '=');
    mad_text_shown(argument, sizeof shown, shown);
    if (equals == NULL || equals == argument) {
        return mad_fail(ctx, MAD_E_CONFIG, "grid '%s': expected key=values", shown);
    }
    char *key = mad_arena_text(mem, argument);
    if (key == NULL) {
        return mad_fail_memory(ctx, "an axis");
    }
    key[equals - argument] = '\0';
    axis.key = key;
    const mad_status st = mad_axis_expand(ctx, mem, equals + 1, &axis.n_texts, &axis.texts);
    if (st != MAD_OK) {
        return mad_fail_while(ctx, st, "grid '%s'", shown);
    }
    if (axis.n_texts == 0) {
        return mad_fail(ctx, MAD_E_CONFIG, "grid '%s': no values", shown);
    }
    *out = axis;
    return MAD_OK;
}

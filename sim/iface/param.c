/* sim/iface/param.c: texts become typed values, and values their canonical texts. */
#include "sim/iface/param.h"

#include <float.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "sim/iface/text.h"

/* ---- what a parameter accepts ---- */

static void append(char *out, size_t n_bytes, const char *format, ...) MAD_PRINTF(3, 4);

static void append(char *out, size_t n_bytes, const char *format, ...)
{
    const size_t used = strlen(out);
    va_list args;
    va_start(args, format);
    vsnprintf(out + used, n_bytes - used, format, args);
    va_end(args);
}

/* " from 1 to 10", " of at least 1", " above 0", " of at most 3" or nothing. */
static void append_range(char *out, size_t n_bytes, double min, double max)
{
    const double tiny = 1e-300; /* a minimum up to here says "positive", whatever its value */
    char low[MAD_NUMBER_BYTES], high[MAD_NUMBER_BYTES];
    const int has_low = min > -DBL_MAX, has_high = max < DBL_MAX;
    if (has_low) {
        mad_number_print(min, sizeof low, low);
    }
    if (has_high) {
        mad_number_print(max, sizeof high, high);
    }
    if (min > 0.0 && min <= tiny) {
        append(out, n_bytes, has_high ? " above 0 and up to %s" : " above 0", high);
    } else if (has_low && has_high) {
        append(out, n_bytes, " from %s to %s", low, high);
    } else if (has_low) {
        append(out, n_bytes, " of at least %s", low);
    } else if (has_high) {
        append(out, n_bytes, " of at most %s", high);
    }
}

/* One alternative of `choices`. */
typedef struct form {
    const char *begin; /* "uniform(K)", "all" or "#" */
    size_t n_bytes, n_word;
    int is_number, has_argument, is_whole, is_schedule;
} form;

/* The i-th alternative; 0 when there are not so many. */
static int form_at(const char *choices, size_t i, form *out)
{
    const char *begin = choices;
    for (size_t k = 0; k < i; k++) {
        begin = strchr(begin, '|');
        if (begin == NULL) {
            return 0;
        }
        begin++;
    }
    *out = (form){.begin = begin, .n_bytes = strcspn(begin, "|")};
    out->is_number = begin[0] == '#';
    out->n_word = strcspn(begin, "(|");
    out->has_argument = out->n_word < out->n_bytes;
    if (out->is_number || out->has_argument) {
        const char letter = begin[(out->is_number ? 0 : out->n_word) + 1];
        out->is_whole = letter >= 'A' && letter <= 'Z';
        out->is_schedule = out->n_bytes > 4 && strncmp(begin + out->n_bytes - 4, "(t))", 4) == 0;
    }
    return 1;
}

static void append_forms(const mad_param *param, char *out, size_t n_bytes)
{
    form f;
    int has_argument = 0;
    for (size_t i = 0; form_at(param->choices, i, &f); i++) {
        append(out, n_bytes, "%s", i == 0 ? "" : " | ");
        if (f.is_number) {
            append(out, n_bytes, f.is_whole ? "a whole number" : "a number");
            append_range(out, n_bytes, param->min, param->max);
        } else {
            append(out, n_bytes, "%.*s", (int)f.n_bytes, f.begin);
            has_argument = has_argument || f.has_argument;
        }
    }
    if (has_argument && (param->min > -DBL_MAX || param->max < DBL_MAX)) {
        append(out, n_bytes, " (arguments");
        append_range(out, n_bytes, param->min, param->max);
        append(out, n_bytes, ")");
    }
}

void mad_param_allowed(const mad_param *param, size_t n_bytes, char *out)
{
    form f;
    MAD_ASSERT(n_bytes > 0);
    out[0] = '\0';
    switch (param->kind) {
    case MAD_PARAM_INT:
        append(out, n_bytes, "a whole number");
        append_range(out, n_bytes, param->min, param->max);
        return;
    case MAD_PARAM_REAL:
        append(out, n_bytes, "a number");
        append_range(out, n_bytes, param->min, param->max);
        return;
    case MAD_PARAM_TEXT:
        append(out, n_bytes, "text");
        return;
    case MAD_PARAM_PATH:
        append(out, n_bytes, "a file name");
        return;
    case MAD_PARAM_CHOICE:
    case MAD_PARAM_FORM:
        append_forms(param, out, n_bytes);
        return;
    case MAD_PARAM_SCHEDULE:
        for (size_t i = 0; param->choices != NULL && form_at(param->choices, i, &f); i++) {
            if (!f.is_number) {
                append(out, n_bytes, "%.*s, ", (int)f.n_bytes, f.begin);
            }
        }
        append(out, n_bytes, "a number");
        append_range(out, n_bytes, param->min, param->max);
        append(out, n_bytes,
               ", linear(a,b), geometric(a,r), logistic(a,b,middle,width) or [a,b,...]");
        return;
    case MAD_PARAM_REALS:
        append(out, n_bytes, "a list of numbers, each one");
        append_range(out, n_bytes, param->min, param->max);
        return;
    case MAD_PARAM_WORDS:
        append(out, n_bytes, "a list of words");
        return;
    }
    mad_assert_failed("a parameter kind", __FILE__, __LINE__);
}

/* ---- parsing ---- */

static mad_status refuse(mad_ctx *ctx, const mad_param *param, const char *text)
{
    char allowed[512], shown[MAD_SHOWN_BYTES];
    mad_param_allowed(param, sizeof allowed, allowed);
    mad_text_shown(text, sizeof shown, shown);
    return mad_fail(ctx, MAD_E_CONFIG, "expected %s, got '%s'", allowed, shown);
}

static int in_range(const mad_param *param, double x)
{
    return x >= param->min && x <= param->max;
}

static mad_status keep_text(mad_ctx *ctx, mad_arena *mem, const char *text, mad_value *out)
{
    out->text = mad_arena_text(mem, text);
    return out->text == NULL ? mad_fail_memory(ctx, "a parameter value") : MAD_OK;
}

static mad_status keep_number(mad_ctx *ctx, mad_arena *mem, double x, mad_value *out)
{
    char text[MAD_NUMBER_BYTES];
    mad_number_print(x, sizeof text, text);
    out->number = x;
    return keep_text(ctx, mem, text, out);
}

/* Canonical text of a list: "a" for one entry, "[a, b]" otherwise. */
static mad_status keep_list(mad_ctx *ctx, mad_arena *mem, size_t n, const char *const *texts,
                            int brackets, mad_value *out)
{
    size_t n_bytes = sizeof "[]";
    for (size_t i = 0; i < n; i++) {
        n_bytes += strlen(texts[i]) + sizeof ", ";
    }
    char *text = mad_arena_take(mem, n_bytes, 1);
    if (text == NULL) {
        return mad_fail_memory(ctx, "a list of parameter values");
    }
    char *end = text;
    if (brackets) {
        *end++ = '[';
    }
    for (size_t i = 0; i < n; i++) {
        end = stpcpy(stpcpy(end, i == 0 ? "" : ", "), texts[i]);
    }
    if (brackets) {
        *end++ = ']';
    }
    *end = '\0';
    out->text = text;
    out->n_list = n;
    return MAD_OK;
}

/* A list given as a list, or as the text "[a, b]", or one bare entry. */
static mad_status entries(mad_ctx *ctx, mad_arena *mem, size_t n_texts, const char *const *texts,
                          int is_list, size_t *n, const char *const **out)
{
    const size_t n_bytes = is_list ? 0 : strlen(texts[0]);
    if (n_bytes >= 2 && texts[0][0] == '[' && texts[0][n_bytes - 1] == ']') {
        char *inner = mad_arena_text(mem, texts[0] + 1);
        if (inner == NULL) {
            return mad_fail_memory(ctx, "a list");
        }
        inner[n_bytes - 2] = '\0';
        return mad_text_split(ctx, mem, inner, n, out);
    }
    *n = n_texts;
    *out = texts;
    return MAD_OK;
}

static mad_status parse_reals(mad_ctx *ctx, mad_arena *mem, const mad_param *param, size_t n,
                              const char *const *texts, int brackets, mad_value *out)
{
    double *reals = mad_arena_take(mem, n, sizeof *reals);
    const char **printed = mad_arena_take(mem, n, sizeof *printed);
    if (reals == NULL || printed == NULL) {
        return mad_fail_memory(ctx, "a list of numbers");
    }
    for (size_t i = 0; i < n; i++) {
        char text[MAD_NUMBER_BYTES];
        if (!mad_number_parse(texts[i], &reals[i]) || !in_range(param, reals[i])) {
            return refuse(ctx, param, texts[i]);
        }
        mad_number_print(reals[i], sizeof text, text);
        printed[i] = mad_arena_text(mem, text);
        if (printed[i] == NULL) {
            return mad_fail_memory(ctx, "a list of numbers");
        }
    }
    out->reals = reals;
    return keep_list(ctx, mem, n, printed, brackets, out);
}

/* Words are made of what never needs quoting: letters, digits, _ and, inside, - + . / @ */
static int is_word(const char *text)
{
#define PLAIN "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"
    return strspn(text, PLAIN) > 0 && text[strspn(text, PLAIN "-+./@")] == '\0';
#undef PLAIN
}

static mad_status parse_words(mad_ctx *ctx, mad_arena *mem, const mad_param *param, size_t n,
                              const char *const *texts, mad_value *out)
{
    const char **words = mad_arena_take(mem, n, sizeof *words);
    if (words == NULL) {
        return mad_fail_memory(ctx, "a list of words");
    }
    for (size_t i = 0; i < n; i++) {
        if (!is_word(texts[i])) {
            return refuse(ctx, param, texts[i]);
        }
        words[i] = mad_arena_text(mem, texts[i]);
        if (words[i] == NULL) {
            return mad_fail_memory(ctx, "a list of words");
        }
    }
    out->words = words;
    return keep_list(ctx, mem, n, words, n != 1, out);
}

static mad_status parse_number_form(mad_ctx *ctx, mad_arena *mem, const mad_param *param,
                                    const form *f, const char *number, const char *text,
                                    mad_value *out)
{
    double x;
    const int is_number = f->is_whole ? mad_whole_parse(number, &x) : mad_number_parse(number, &x);
    if (!is_number || !in_range(param, x)) {
        return refuse(ctx, param, text);
    }
    char printed[MAD_NUMBER_BYTES], whole[MAD_NUMBER_BYTES + 64];
    mad_number_print(x, sizeof printed, printed);
    out->number = x;
    if (f->is_number) {
        return keep_text(ctx, mem, printed, out);
    }
    snprintf(whole, sizeof whole, "%.*s(%s)", (int)f->n_word, f->begin, printed);
    return keep_text(ctx, mem, whole, out);
}

/* Calls that stand for a schedule, with so many numbers. */
typedef struct schedule_call {
    const char *name;
    mad_schedule_kind kind;
    size_t n_numbers;
} schedule_call;

static const schedule_call schedule_calls[] = {{"linear", MAD_SCHEDULE_LINEAR, 2},
                                               {"geometric", MAD_SCHEDULE_GEOMETRIC, 2},
                                               {"logistic", MAD_SCHEDULE_LOGISTIC, 4}};

/* 1 when the numbers make a schedule within the parameter's range. */
static int is_schedule(const mad_param *param, mad_schedule_kind kind, const double *x)
{
    return in_range(param, x[0]) &&
           (kind == MAD_SCHEDULE_GEOMETRIC ? x[1] >= 0.0 : in_range(param, x[1])) &&
           (kind != MAD_SCHEDULE_LOGISTIC || x[3] > 0.0);
}

/* The numbers inside "name(...)"; *matched says whether the text is that call. */
static mad_status parse_schedule_call(mad_ctx *ctx, mad_arena *mem, const mad_param *param,
                                      const schedule_call *call, const char *text, int *matched,
                                      mad_value *out)
{
    mad_status st = MAD_OK;
    double x[4] = {0.0};
    char whole[5 * MAD_NUMBER_BYTES];
    const char *inner, *const *pieces;
    size_t n;
    MAD_TRY(mad_text_call(ctx, mem, text, call->name, &inner));
    *matched = inner != NULL;
    if (inner == NULL) {
        goto out;
    }
    MAD_TRY(mad_text_split(ctx, mem, inner, &n, &pieces));
    int is_good = n == call->n_numbers;
    for (size_t i = 0; i < n && is_good; i++) {
        is_good = mad_number_parse(pieces[i], &x[i]);
    }
    if (!is_good || !is_schedule(param, call->kind, x)) {
        st = refuse(ctx, param, text);
        goto out;
    }
    int n_text = snprintf(whole, sizeof whole, "%s(", call->name);
    for (size_t i = 0; i < n; i++) {
        char number[MAD_NUMBER_BYTES];
        mad_number_print(x[i], sizeof number, number);
        n_text += snprintf(whole + n_text, sizeof whole - (size_t)n_text, "%s%s", number,
                           i + 1 < n ? ", " : ")");
    }
    out->schedule =
        (mad_schedule){.kind = call->kind, .a = x[0], .b = x[1], .middle = x[2], .width = x[3]};
    MAD_TRY(keep_text(ctx, mem, whole, out));
out:
    return st;
}

/* A word in place of the numbers. */
static mad_status parse_schedule_word(mad_ctx *ctx, mad_arena *mem, const mad_param *param,
                                      const char *text, int *matched, mad_value *out)
{
    form f;
    for (out->choice = 0; form_at(param->choices, out->choice, &f) && !f.is_number; out->choice++) {
        *matched = strlen(text) == f.n_bytes && strncmp(text, f.begin, f.n_bytes) == 0;
        if (*matched) {
            out->schedule = (mad_schedule){.kind = MAD_SCHEDULE_CONSTANT, .a = (double)NAN};
            return keep_text(ctx, mem, text, out);
        }
    }
    return MAD_OK;
}

static mad_status parse_schedule(mad_ctx *ctx, mad_arena *mem, const mad_param *param, size_t n,
                                 const char *const *texts, int is_list, mad_value *out)
{
    mad_status st = MAD_OK;
    int matched = 0;
    if (param->choices != NULL && !is_list) {
        MAD_TRY(parse_schedule_word(ctx, mem, param, texts[0], &matched, out));
        if (matched) {
            goto out;
        }
    }
    for (size_t i = 0; !is_list && i < sizeof schedule_calls / sizeof *schedule_calls; i++) {
        MAD_TRY(parse_schedule_call(ctx, mem, param, &schedule_calls[i], texts[0], &matched, out));
        if (matched) {
            goto out;
        }
    }
    if (n == 0) {
        st = refuse(ctx, param, "[]");
        goto out;
    }
    MAD_TRY(parse_reals(ctx, mem, param, n, texts, is_list, out));
    MAD_ASSERT(out->reals != NULL);
    out->schedule = is_list ? (mad_schedule){.kind = MAD_SCHEDULE_LIST,
                                             .a = out->reals[0],
                                             .list = out->reals,
                                             .n_list = n}
                            : (mad_schedule){.kind = MAD_SCHEDULE_CONSTANT, .a = out->reals[0]};
out:
    return st;
}

/* "word(schedule)" */
static mad_status parse_schedule_form(mad_ctx *ctx, mad_arena *mem, const mad_param *param,
                                      const form *f, const char *argument, const char *text,
                                      mad_value *out)
{
    const mad_param numbers = {.kind = MAD_PARAM_SCHEDULE, .min = param->min, .max = param->max};
    mad_value found = {.param = &numbers};
    const mad_status st = mad_value_parse(ctx, mem, &numbers, 1, &argument, 0, &found);
    if (st != MAD_OK) {
        mad_ctx_clear(ctx);
        return st == MAD_E_CONFIG ? refuse(ctx, param, text)
                                  : mad_fail_memory(ctx, "a parameter value");
    }
    char *whole = mad_arena_take(mem, f->n_word + strlen(found.text) + sizeof "()", 1);
    if (whole == NULL) {
        return mad_fail_memory(ctx, "a parameter value");
    }
    (void)sprintf(whole, "%.*s(%s)", (int)f->n_word, f->begin, found.text);
    out->text = whole;
    out->schedule = found.schedule;
    out->number = found.schedule.a;
    return MAD_OK;
}

static mad_status parse_form(mad_ctx *ctx, mad_arena *mem, const mad_param *param, const char *text,
                             mad_value *out)
{
    mad_status st = MAD_OK;
    double x;
    form f;
    const int is_number = mad_number_parse(text, &x);
    out->schedule = (mad_schedule){.kind = MAD_SCHEDULE_CONSTANT, .a = (double)NAN};
    for (out->choice = 0; form_at(param->choices, out->choice, &f); out->choice++) {
        char word[64];
        MAD_ASSERT(f.n_word < sizeof word);
        snprintf(word, sizeof word, "%.*s", (int)f.n_word, f.begin);
        if (f.is_number && is_number) {
            return parse_number_form(ctx, mem, param, &f, text, text, out);
        }
        if (!f.is_number && f.has_argument) {
            const char *argument;
            st = mad_text_call(ctx, mem, text, word, &argument);
            if (st != MAD_OK) {
                return st;
            }
            if (argument != NULL && f.is_schedule) {
                return parse_schedule_form(ctx, mem, param, &f, argument, text, out);
            }
            if (argument != NULL) {
                return parse_number_form(ctx, mem, param, &f, argument, text, out);
            }
        } else if (!f.is_number && strcmp(text, word) == 0) {
            return keep_text(ctx, mem, word, out);
        }
    }
    return refuse(ctx, param, text);
}

static mad_status parse_scalar(mad_ctx *ctx, mad_arena *mem, const mad_param *param,
                               const char *text, mad_value *out)
{
    double x;
    switch (param->kind) {
    case MAD_PARAM_INT:
        if (!mad_whole_parse(text, &x) || !in_range(param, x)) {
            return refuse(ctx, param, text);
        }
        return keep_number(ctx, mem, x, out);
    case MAD_PARAM_REAL:
        if (!mad_number_parse(text, &x) || !in_range(param, x)) {
            return refuse(ctx, param, text);
        }
        return keep_number(ctx, mem, x, out);
    case MAD_PARAM_CHOICE:
    case MAD_PARAM_FORM:
        return parse_form(ctx, mem, param, text, out);
    case MAD_PARAM_TEXT:
    case MAD_PARAM_PATH:
        return keep_text(ctx, mem, text, out);
    case MAD_PARAM_SCHEDULE:
    case MAD_PARAM_REALS:
    case MAD_PARAM_WORDS:
        break;
    }
    mad_assert_failed("a scalar kind", __FILE__, __LINE__);
}

mad_status mad_value_parse(mad_ctx *ctx, mad_arena *mem, const mad_param *param, size_t n_texts,
                           const char *const *texts, int is_list, mad_value *out)
{
    mad_status st = MAD_OK;
    mad_value value = {.param = param};
    const int takes_list = param->kind == MAD_PARAM_SCHEDULE || param->kind == MAD_PARAM_REALS ||
                           param->kind == MAD_PARAM_WORDS;
    MAD_ASSERT(is_list || n_texts == 1);
    if (!takes_list) {
        if (is_list) {
            char allowed[512];
            mad_param_allowed(param, sizeof allowed, allowed);
            return mad_fail(ctx, MAD_E_CONFIG, "expected %s, got a list", allowed);
        }
        MAD_TRY(parse_scalar(ctx, mem, param, texts[0], &value));
    } else {
        size_t n = 0;
        const char *const *pieces = NULL;
        MAD_TRY(entries(ctx, mem, n_texts, texts, is_list, &n, &pieces));
        const int brackets = is_list || pieces != texts;
        if (param->kind == MAD_PARAM_SCHEDULE) {
            MAD_TRY(parse_schedule(ctx, mem, param, n, pieces, brackets, &value));
        } else if (param->kind == MAD_PARAM_REALS) {
            MAD_TRY(parse_reals(ctx, mem, param, n, pieces, n != 1, &value));
        } else {
            MAD_TRY(parse_words(ctx, mem, param, n, pieces, &value));
        }
    }
    *out = value;
out:
    return st;
}

/* tests/support/values.c: parameter values from "key=text" pairs. */
#include "tests/support/values.h"

#include <string.h>

#define MAX_TEXTS 64

size_t mad_pairs_count(const char *const *pairs)
{
    size_t n = 0;
    while (pairs[n] != NULL) {
        n++;
    }
    return n;
}

/* The pair's text when its key is `name`, else NULL. */
static const char *text_for(const char *pair, const char *name)
{
    size_t n = strlen(name);

    return strncmp(pair, name, n) == 0 && pair[n] == '=' ? pair + n + 1 : NULL;
}

static mad_status parse_one(mad_ctx *ctx, mad_arena *mem, const mad_param *param, const char *text,
                            mad_value *out)
{
    const char *texts[MAX_TEXTS];
    size_t n_texts = 0;
    char *copy = mad_arena_text(mem, text), *rest = NULL;

    if (text[0] != '[') {
        texts[0] = copy;
        return mad_value_parse(ctx, mem, param, 1, texts, 0, out);
    }
    for (char *piece = strtok_r(copy, "[,] ", &rest); piece != NULL && n_texts < MAX_TEXTS;
         piece = strtok_r(NULL, "[,] ", &rest)) {
        texts[n_texts++] = piece;
    }
    return mad_value_parse(ctx, mem, param, n_texts, texts, 1, out);
}

mad_status mad_values_of(mad_ctx *ctx, mad_arena *mem, const mad_param *params, size_t n_pairs,
                         const char *const *pairs, mad_values *out)
{
    mad_values values = {.params = params};
    size_t n_used = 0;

    while (params != NULL && params[values.n_values].name != NULL) {
        values.n_values++;
    }
    values.value = mad_arena_take(mem, values.n_values, sizeof *values.value);
    for (size_t i = 0; i < values.n_values; i++) {
        const char *text = NULL;
        mad_status st;

        for (size_t j = 0; j < n_pairs; j++) {
            const char *found = text_for(pairs[j], params[i].name);

            text = found != NULL ? found : text;
            n_used += found != NULL;
        }
        values.value[i].is_default = text == NULL;
        if (text == NULL && params[i].fallback == NULL) {
            return mad_fail(ctx, MAD_E_CONFIG, "'%s' is required", params[i].name);
        }
        st = parse_one(ctx, mem, &params[i], text != NULL ? text : params[i].fallback,
                       &values.value[i]);
        if (st != MAD_OK) {
            return st;
        }
    }
    if (n_used != n_pairs) {
        return mad_fail(ctx, MAD_E_CONFIG, "a key the table does not have");
    }
    *out = values;
    return MAD_OK;
}

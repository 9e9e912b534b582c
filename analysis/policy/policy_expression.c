/* analysis/policy/policy_expression.c: see the header. */
#include "analysis/policy/policy_expression.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "analysis/expect/expect.h"
#include "sim/iface/text.h"

enum { TEXT_BYTES = 1024, NAME_BYTES = 128 };

static int is_name_part(char c)
{
    return isalnum((unsigned char)c) || c == '_' || c == '.';
}

static int is_series(const mad_run *run, const char *name)
{
    char group[NAME_BYTES];
    const char *dot = strchr(name, '.');
    if (dot == NULL) {
        return 0;
    }
    (void)snprintf(group, sizeof group, "%.*s", (int)(dot - name), name);
    return mad_run_find(run, group, dot + 1) != NULL;
}

/* What a name stands for; the name itself where it is left to expect.h. */
static const char *meaning_of(const mad_run_entry *run, const char *name, const char *horizon)
{
    double number;
    if (strcmp(name, "horizon") == 0) {
        return horizon;
    }
    const char *value = mad_pair_value(run->n_pairs, run->pairs, name);
    return value != NULL && mad_number_parse(value, &number) && !is_series(&run->run, name) ? value
                                                                                            : name;
}

/* The expression with its keys and `horizon` as numbers; 0: too long. */
static int resolve(const mad_run_entry *run, size_t horizon, const char *from, size_t n_bytes,
                   char *to)
{
    char number[MAD_NUMBER_BYTES], name[NAME_BYTES];
    size_t n = 0;
    (void)snprintf(number, sizeof number, "%zu", horizon);
    while (*from != '\0' && n < n_bytes) {
        size_t length = 0;
        while (is_name_part(from[length])) {
            length++;
        }
        const int is_name = length > 0 && length < sizeof name && !isdigit((unsigned char)*from);
        if (is_name) {
            memcpy(name, from, length);
            name[length] = '\0';
            n += (size_t)snprintf(to + n, n_bytes - n, "%s", meaning_of(run, name, number));
        } else {
            length = length > 0 ? length : 1;
            n += (size_t)snprintf(to + n, n_bytes - n, "%.*s", (int)length, from);
        }
        from += length;
    }
    return n < n_bytes;
}

mad_status mad_policy_evaluate(mad_ctx *ctx, mad_arena *mem, const mad_run_entry *run,
                               size_t horizon, const char *expression, double *out)
{
    static const char *const alone[] = {""};
    mad_status st = MAD_OK;
    char text[TEXT_BYTES];
    mad_criterion *criterion;
    const mad_expect_arm arm = {.name = "", .run = &run->run};
    const double *value;
    double number;
    size_t n;
    const char *key = mad_pair_value(run->n_pairs, run->pairs, expression);

    if (key != NULL && mad_number_parse(key, &number)) {
        for (size_t r = 0; r < run->run.n_replicates; r++) {
            out[r] = number;
        }
        return MAD_OK;
    }
    if (strpbrk(expression, "<>=") != NULL ||
        !resolve(run, horizon, expression, sizeof text - 4, text)) {
        return mad_fail(ctx, MAD_E_USAGE,
                        "policy: '%.80s': expected an expression without relation, such as "
                        "1 - recall@horizon/recall@1",
                        expression);
    }
    memcpy(text + strlen(text), " > 0", 5);
    MAD_TRY(mad_criterion_parse(ctx, mem, text, 1, alone, &criterion));
    MAD_TRY(mad_criterion_values(ctx, mem, criterion, &arm, &n, &value));
    for (size_t r = 0; r < run->run.n_replicates; r++) {
        out[r] = value[n > 1 ? r : 0];
    }
out:
    return st;
}

/* analysis/expect/parse.c: a criterion's text becomes a tree. */
#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/expect/internal.h"

enum { MAX_NAME = 64, MAX_DEPTH = 40 };

typedef struct parser {
    mad_ctx *ctx;
    mad_arena *mem;
    const char *text, *at;
    size_t n_arms;
    const char *const *arms;
    size_t depth;
    const tree *subject; /* what "last" is a generation of here; NULL: of all arms */
} parser;

static mad_status fail(parser *p, const char *expected)
{
    return mad_fail(p->ctx, MAD_E_CONFIG, "'%s': expected %s at '%.24s' (character %zu)", p->text,
                    expected, p->at[0] != '\0' ? p->at : "the end", (size_t)(p->at - p->text) + 1);
}

static void skip(parser *p)
{
    while (isspace((unsigned char)*p->at)) {
        p->at++;
    }
}

static int take(parser *p, char c)
{
    skip(p);
    if (*p->at != c) {
        return 0;
    }
    p->at++;
    return 1;
}

static int is_name_start(char c)
{
    return isalpha((unsigned char)c) || c == '_';
}

/* A word [A-Za-z_][A-Za-z0-9_]*; 0 when there is none, or a longer one. */
static int take_name(parser *p, char *name)
{
    size_t n = 0;
    skip(p);
    if (!is_name_start(*p->at)) {
        return 0;
    }
    while (isalnum((unsigned char)p->at[n]) || p->at[n] == '_') {
        n++;
    }
    if (n >= MAX_NAME) {
        return 0;
    }
    memcpy(name, p->at, n);
    name[n] = '\0';
    p->at += n;
    return 1;
}

/* The word, if it comes next. */
static int take_word(parser *p, const char *word)
{
    const char *before = p->at;
    char name[MAX_NAME];
    if (take_name(p, name) && strcmp(name, word) == 0) {
        return 1;
    }
    p->at = before;
    return 0;
}

static int take_number(parser *p, double *out)
{
    char *end = NULL;
    skip(p);
    if (!isdigit((unsigned char)*p->at) && *p->at != '.') {
        return 0;
    }
    *out = strtod(p->at, &end);
    if (end == p->at || !isfinite(*out)) {
        return 0;
    }
    p->at = end;
    return 1;
}

static mad_status new_node(parser *p, node_kind kind, const tree *a, const tree *b, tree **out)
{
    *out = mad_arena_take(p->mem, 1, sizeof **out);
    if (*out == NULL) {
        return mad_fail_memory(p->ctx, "a criterion");
    }
    (*out)->kind = kind;
    (*out)->kid[0] = a;
    (*out)->kid[1] = b;
    (*out)->n_kids = (size_t)(a != NULL) + (size_t)(b != NULL);
    return MAD_OK;
}

static mad_status parse_sum(parser *p, tree **out);

/* The first argument of a function that is a generation or a lag. */
static size_t first_bound(const known *function)
{
    switch (function->kind) {
    case OVER_TIME:
    case OVER_TIME_LAG:
        return 1;
    case OVER_TIME_TWO:
        return 2;
    case OF_NUMBER:
    case OVER_PAIRS:
    case OVER_PAST:
    case OVER_REPLICATES:
        break;
    }
    return MAX_ARGUMENTS;
}

/* The arguments of a function, behind its '('. */
static mad_status parse_call(parser *p, const known *function, tree **out)
{
    mad_status st = MAD_OK;
    tree *call, *argument;
    const tree *outer = p->subject;
    MAD_TRY(new_node(p, NODE_FUNCTION, NULL, NULL, &call));
    call->function = function;
    do {
        if (call->n_kids == function->max_arguments) {
            return fail(p, "no more arguments");
        }
        p->subject = call->n_kids < first_bound(function) ? outer : call;
        MAD_TRY(parse_sum(p, &argument));
        call->kid[call->n_kids++] = argument;
    } while (take(p, ','));
    p->subject = outer;
    if (!take(p, ')')) {
        return fail(p, "',' or ')'");
    }
    if (call->n_kids < function->min_arguments) {
        return fail(p, "more arguments before this");
    }
    *out = call;
out:
    return st;
}

static mad_status find_arm(parser *p, const char *name, size_t *out)
{
    for (size_t i = 0; i < p->n_arms; i++) {
        if (strcmp(p->arms[i], name) == 0) {
            *out = i;
            return MAD_OK;
        }
    }
    return mad_fail(p->ctx, MAD_E_CONFIG, "'%s': no arm is called '%s'", p->text, name);
}

/* [ARM:][GROUP.]NAME, the first word of which is read already. */
static mad_status parse_series(parser *p, char *word, tree **out)
{
    mad_status st = MAD_OK;
    tree *series;
    MAD_TRY(new_node(p, NODE_SERIES, NULL, NULL, &series));
    if (*p->at == ':') {
        p->at++;
        MAD_TRY(find_arm(p, word, &series->arm));
        if (!take_name(p, word)) {
            return fail(p, "the name of a measure");
        }
    } else if (p->n_arms > 1) {
        return mad_fail(p->ctx, MAD_E_CONFIG, "'%s': '%s' of which arm? write ARM:%s", p->text,
                        word, word);
    }
    series->group = "metrics";
    if (*p->at == '.' && is_name_start(p->at[1])) {
        p->at++;
        series->group = mad_arena_text(p->mem, word);
        if (!take_name(p, word)) {
            return fail(p, "the name of a series");
        }
    }
    series->name = mad_arena_text(p->mem, word);
    if (series->group == NULL || series->name == NULL) {
        return mad_fail_memory(p->ctx, "a criterion");
    }
    *out = series;
out:
    return st;
}

static mad_status parse_atom(parser *p, tree **out)
{
    mad_status st = MAD_OK;
    char word[MAX_NAME];
    double number;
    if (take_number(p, &number)) {
        MAD_TRY(new_node(p, NODE_NUMBER, NULL, NULL, out));
        (*out)->number = number;
        return MAD_OK;
    }
    if (take(p, '(')) {
        MAD_TRY(parse_sum(p, out));
        return take(p, ')') ? MAD_OK : fail(p, "')'");
    }
    if (!take_name(p, word)) {
        return fail(p, "a number, a measure or '('");
    }
    const known *function = mad_expect_function(word);
    if (function != NULL && take(p, '(')) {
        return parse_call(p, function, out);
    }
    if (strcmp(word, "last") == 0) {
        MAD_TRY(new_node(p, NODE_LAST, NULL, NULL, out));
        (*out)->subject = p->subject;
        (*out)->n_arms = p->n_arms;
        return MAD_OK;
    }
    if (strcmp(word, "g") == 0) {
        return new_node(p, NODE_GENERATION, NULL, NULL, out);
    }
    MAD_TRY(parse_series(p, word, out));
out:
    return st;
}

/* atom ["@" generation] ["^" power], with a sign in front. */
static mad_status parse_power(parser *p, tree **out)
{
    mad_status st = MAD_OK;
    tree *base, *other;
    const tree *outer = p->subject;
    if (++p->depth > MAX_DEPTH) {
        return fail(p, "less nesting");
    }
    if (take(p, '-')) {
        MAD_TRY(parse_power(p, &base));
        MAD_TRY(new_node(p, NODE_NEGATE, base, NULL, out));
        p->depth--;
        return MAD_OK;
    }
    MAD_TRY(parse_atom(p, &base));
    if (take(p, '@')) {
        p->subject = base;
        MAD_TRY(parse_atom(p, &other));
        p->subject = outer;
        MAD_TRY(new_node(p, NODE_AT, base, other, &base));
    }
    if (take(p, '^')) {
        MAD_TRY(parse_power(p, &other));
        MAD_TRY(new_node(p, NODE_POWER, base, other, &base));
    }
    *out = base;
    p->depth--;
out:
    return st;
}

static mad_status parse_product(parser *p, tree **out)
{
    mad_status st = MAD_OK;
    tree *left, *right;
    MAD_TRY(parse_power(p, &left));
    for (;;) {
        const node_kind kind = take(p, '*') ? NODE_MULTIPLY : take(p, '/') ? NODE_DIVIDE : NODE_AT;
        if (kind == NODE_AT) {
            break;
        }
        MAD_TRY(parse_power(p, &right));
        MAD_TRY(new_node(p, kind, left, right, &left));
    }
    *out = left;
out:
    return st;
}

static mad_status parse_sum(parser *p, tree **out)
{
    mad_status st = MAD_OK;
    tree *left, *right;
    MAD_TRY(parse_product(p, &left));
    for (;;) {
        const node_kind kind = take(p, '+') ? NODE_ADD : take(p, '-') ? NODE_SUBTRACT : NODE_AT;
        if (kind == NODE_AT) {
            break;
        }
        MAD_TRY(parse_product(p, &right));
        MAD_TRY(new_node(p, kind, left, right, &left));
    }
    *out = left;
out:
    return st;
}

/* Bounds of "each": A..B, or none. */
static mad_status parse_bounds(parser *p, mad_criterion *c)
{
    mad_status st = MAD_OK;
    double number;
    const char *before = p->at;
    tree *first, *last;
    if (!take_number(p, &number) || p->at[-1] != '.' || p->at[0] != '.') {
        p->at = before;
        char *end = NULL;
        skip(p);
        number = (double)strtoul(p->at, &end, 10);
        if (end == p->at || end[0] != '.' || end[1] != '.') {
            p->at = before;
            return MAD_OK;
        }
        p->at = end;
    }
    p->at += strspn(p->at, ".");
    MAD_TRY(new_node(p, NODE_NUMBER, NULL, NULL, &first));
    first->number = number;
    MAD_TRY(parse_atom(p, &last));
    c->first = first;
    c->last = last;
out:
    return st;
}

static mad_status parse_rule(parser *p, mad_criterion *c)
{
    const int is_equal = c->relation == EQUAL;
    c->rule = is_equal ? RULE_Z : RULE_P;
    c->number = is_equal ? 4.0 : 0.01;
    skip(p);
    if (*p->at == '\0') {
        return MAD_OK;
    }
    if (is_equal && take_word(p, "within")) {
        c->rule = RULE_WITHIN;
    } else if (!take_word(p, is_equal ? "z" : "p")) {
        return fail(p, is_equal ? "z Z or within X" : "p P");
    }
    if (!take_number(p, &c->number) || !(c->number > 0.0)) {
        return fail(p, "a number above 0");
    }
    if (c->rule == RULE_P && c->number >= 1.0) {
        return fail(p, "a probability below 1");
    }
    if (c->rule == RULE_WITHIN && take(p, '%')) {
        c->rule = RULE_SHARE;
        c->number /= 100.0;
    }
    skip(p);
    return *p->at == '\0' ? MAD_OK : fail(p, "the end");
}

static mad_status parse_relation(parser *p, relation *out)
{
    *out = take(p, '=') ? EQUAL : take(p, '<') ? LESS : GREATER;
    return *out != GREATER || take(p, '>') ? MAD_OK : fail(p, "=, < or >");
}

mad_status mad_criterion_parse(mad_ctx *ctx, mad_arena *mem, const char *text, size_t n_arms,
                               const char *const *arms, mad_criterion **out)
{
    mad_status st = MAD_OK;
    parser p = {.ctx = ctx, .mem = mem, .text = text, .at = text, .n_arms = n_arms, .arms = arms};
    mad_criterion *c = mad_arena_take(mem, 1, sizeof *c);
    tree *left = NULL, *right = NULL, *sides;
    if (c == NULL) {
        return mad_fail_memory(ctx, "a criterion");
    }
    c->is_each = take_word(&p, "each");
    MAD_TRY(new_node(&p, NODE_SUBTRACT, NULL, NULL, &sides));
    if (c->is_each) {
        p.subject = sides;
        MAD_TRY(parse_bounds(&p, c));
        p.subject = NULL;
    }
    MAD_TRY(parse_sum(&p, &left));
    MAD_TRY(parse_relation(&p, &c->relation));
    MAD_TRY(parse_sum(&p, &right));
    sides->kid[sides->n_kids++] = c->left = left;
    sides->kid[sides->n_kids++] = c->right = right;
    MAD_TRY(parse_rule(&p, c));
    if (c->is_each && !mad_expect_has_series(sides)) {
        st = mad_fail(ctx, MAD_E_CONFIG, "'%s': each needs a series", text);
        goto out;
    }
    *out = c;
out:
    return st;
}

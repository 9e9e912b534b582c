/* analysis/expect/eval.c: values of a tree on runs. */
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "analysis/expect/internal.h"
#include "analysis/expect/profile.h"

static mad_status take_values(mad_ctx *ctx, size_t n, values *out)
{
    out->n = n;
    out->x = mad_arena_take_raw(ctx->scratch, n, sizeof *out->x);
    return out->x != NULL ? MAD_OK : mad_fail_memory(ctx, "the values of a criterion");
}

static mad_status one_value(mad_ctx *ctx, double x, values *out)
{
    const mad_status st = take_values(ctx, 1, out);
    if (st == MAD_OK) {
        out->x[0] = x;
    }
    return st;
}

void mad_subset_left_out(subset of, size_t n, size_t *begin, size_t *end)
{
    const int is_all = of.left_out >= of.n_groups;
    *begin = is_all ? n : n * of.left_out / of.n_groups;
    *end = is_all ? n : n * (of.left_out + 1) / of.n_groups;
}

/* A verdict of the collapse profile as a number. */
static mad_status eval_profile(mad_ctx *ctx, const tree *s, const mad_profile *profile, values *out)
{
    for (size_t d = 0; profile != NULL && d < MAD_N_DEFINITIONS; d++) {
        if (strcmp(mad_definitions[d].name, s->name) == 0) {
            return one_value(ctx, mad_claim_number(profile->finding[d].claim), out);
        }
    }
    return mad_fail(ctx, MAD_E_CONFIG, "the collapse profile has no definition '%s'", s->name);
}

static mad_status eval_series(mad_ctx *ctx, const tree *s, const mad_expect_arm *arm,
                              size_t generation, subset of, values *out)
{
    mad_status st = MAD_OK;
    const mad_run *run = arm->run;
    const mad_run_series *series = mad_run_find(run, s->group, s->name);
    const int is_theory = strcmp(s->group, "theory") == 0;
    const int is_floor = strcmp(s->group, "floor") == 0;
    size_t begin, end, n = 0;
    if (strcmp(s->group, "profile") == 0) {
        return eval_profile(ctx, s, arm->profile, out);
    }
    if (series == NULL || (!is_theory && !is_floor && series->rank != 2)) {
        return mad_fail(ctx, MAD_E_CONFIG, "the run%s%s has no series %s/%s",
                        arm->name[0] != '\0' ? " of arm " : "", arm->name, s->group, s->name);
    }
    if (!is_floor && generation == 0) {
        return mad_fail(ctx, MAD_E_CONFIG,
                        "%s/%s at which generation? write %s@5, %s@last, each ... or a function "
                        "over generations",
                        s->group, s->name, s->name, s->name);
    }
    if (!is_floor && generation > run->n_generations) {
        return mad_fail(ctx, MAD_E_CONFIG, "%s/%s has %zu generations, not %zu%s", s->group,
                        s->name, run->n_generations, generation,
                        run->n_planned > run->n_generations ? ": its stop rule ended the run" : "");
    }
    if (is_theory) {
        return one_value(ctx, series->value[generation - 1], out);
    }
    mad_subset_left_out(of, run->n_replicates, &begin, &end);
    MAD_TRY(take_values(ctx, run->n_replicates - (end - begin), out));
    for (size_t r = 0; r < run->n_replicates; r++) {
        if (r < begin || r >= end) {
            out->x[n++] = is_floor ? series->value[r]
                                   : series->value[r * run->n_generations + generation - 1];
        }
    }
out:
    return st;
}

static double combine(node_kind kind, double a, double b)
{
    switch (kind) {
    case NODE_ADD:
        return a + b;
    case NODE_SUBTRACT:
        return a - b;
    case NODE_MULTIPLY:
        return a * b;
    case NODE_DIVIDE:
        return a / b;
    case NODE_POWER:
        return pow(a, b);
    case NODE_NUMBER:
    case NODE_LAST:
    case NODE_GENERATION:
    case NODE_SERIES:
    case NODE_AT:
    case NODE_NEGATE:
    case NODE_FUNCTION:
        break;
    }
    mad_assert_failed("a kind of two operands", __FILE__, __LINE__);
}

static mad_status eval_pair(mad_ctx *ctx, const tree *node, const mad_expect_arm *arms,
                            size_t generation, subset of, values *out)
{
    mad_status st = MAD_OK;
    values a, b;
    MAD_TRY(mad_expect_eval(ctx, node->kid[0], arms, generation, of, &a));
    MAD_TRY(mad_expect_eval(ctx, node->kid[1], arms, generation, of, &b));
    if (a.n != b.n && a.n != 1 && b.n != 1) {
        return mad_fail(ctx, MAD_E_CONFIG,
                        "%zu and %zu replicates cannot be paired: take E(...) of each", a.n, b.n);
    }
    MAD_TRY(take_values(ctx, a.n > b.n ? a.n : b.n, out));
    for (size_t i = 0; i < out->n; i++) {
        out->x[i] = combine(node->kind, a.x[a.n > 1 ? i : 0], b.x[b.n > 1 ? i : 0]);
    }
out:
    return st;
}

mad_status mad_expect_count(mad_ctx *ctx, const tree *node, const mad_expect_arm *arms,
                            size_t generation, size_t *out)
{
    mad_status st = MAD_OK;
    values v;
    const subset all = {1, 1};
    MAD_TRY(mad_expect_eval(ctx, node, arms, generation, all, &v));
    if (v.n != 1 || !(v.x[0] >= 0.0 && v.x[0] < 1e9) || v.x[0] != floor(v.x[0])) {
        return mad_fail(ctx, MAD_E_CONFIG, "a generation or lag is %g, expected a whole number",
                        v.x[0]);
    }
    *out = (size_t)v.x[0];
out:
    return st;
}

size_t mad_expect_n_generations(const tree *node, const mad_expect_arm *arms)
{
    size_t n = node->kind == NODE_SERIES ? arms[node->arm].run->n_generations : SIZE_MAX;
    for (size_t i = 0; i < node->n_kids; i++) {
        const size_t of_kid = mad_expect_n_generations(node->kid[i], arms);
        n = of_kid < n ? of_kid : n;
    }
    return n;
}

int mad_expect_has_series(const tree *node)
{
    int found = node->kind == NODE_SERIES;
    for (size_t i = 0; i < node->n_kids; i++) {
        found |= mad_expect_has_series(node->kid[i]);
    }
    return found;
}

static int names_arm(const tree *node, size_t arm)
{
    int found = node->kind == NODE_SERIES && node->arm == arm;
    for (size_t i = 0; i < node->n_kids; i++) {
        found |= names_arm(node->kid[i], arm);
    }
    return found;
}

/* Of the arms of its subject, or without one of all, which must agree. */
static mad_status eval_last(mad_ctx *ctx, const tree *last, const mad_expect_arm *arms, values *out)
{
    const tree *subject =
        last->subject != NULL && mad_expect_has_series(last->subject) ? last->subject : NULL;
    const mad_expect_arm *found = NULL;
    for (size_t i = 0; i < last->n_arms; i++) {
        if (subject != NULL && !names_arm(subject, i)) {
            continue;
        }
        if (found != NULL && found->run->n_generations != arms[i].run->n_generations) {
            return mad_fail(
                ctx, MAD_E_CONFIG, "last is %zu in arm %s and %zu in arm %s: write a number",
                found->run->n_generations, found->name, arms[i].run->n_generations, arms[i].name);
        }
        found = &arms[i];
    }
    return one_value(ctx, (double)found->run->n_generations, out);
}

/* Bounds of a function over generations: the arguments from i_bound on, or 1 and the last. */
static mad_status eval_bounds(mad_ctx *ctx, const tree *call, const mad_expect_arm *arms,
                              size_t i_bound, size_t *first, size_t *last)
{
    mad_status st = MAD_OK;
    const size_t n = mad_expect_n_generations(call, arms);
    *first = 1;
    *last = n;
    if (n == SIZE_MAX) {
        return mad_fail(ctx, MAD_E_CONFIG, "%s(...) needs a series", call->function->name);
    }
    if (call->n_kids > i_bound) {
        MAD_TRY(mad_expect_count(ctx, call->kid[i_bound], arms, n, first));
    }
    if (call->n_kids > i_bound + 1) {
        MAD_TRY(mad_expect_count(ctx, call->kid[i_bound + 1], arms, n, last));
    }
    if (*first < 1 || *last > n || *last - *first + 1 < call->function->least || *first > *last) {
        return mad_fail(ctx, MAD_E_CONFIG, "%s(...) over generations %zu to %zu of %zu",
                        call->function->name, *first, *last, n);
    }
out:
    return st;
}

/* x[r][t]: a series, replicate by replicate, over generations. */
static mad_status eval_course(mad_ctx *ctx, const tree *node, const mad_expect_arm *arms,
                              size_t first, size_t last, subset of, size_t *n, double **out)
{
    mad_status st = MAD_OK;
    const size_t n_gens = last - first + 1;
    *out = NULL;
    for (size_t t = 0; t < n_gens; t++) {
        values v;
        MAD_TRY(mad_expect_eval(ctx, node, arms, first + t, of, &v));
        if (*out == NULL) {
            *n = v.n;
            *out = mad_arena_take_raw(ctx->scratch, v.n * n_gens, sizeof **out);
            if (*out == NULL) {
                return mad_fail_memory(ctx, "the values of a criterion");
            }
        }
        for (size_t r = 0; r < *n; r++) {
            (*out)[r * n_gens + t] = v.x[r];
        }
    }
out:
    return st;
}

static mad_status eval_over_time(mad_ctx *ctx, const tree *call, const mad_expect_arm *arms,
                                 subset of, values *out)
{
    mad_status st = MAD_OK;
    const known *f = call->function;
    const size_t i_bound = f->kind == OVER_TIME ? 1 : 2;
    size_t first, last, lag = 0, n = 0, n_other = 0;
    double *x, *y = NULL;
    MAD_TRY(eval_bounds(ctx, call, arms, i_bound, &first, &last));
    MAD_TRY(eval_course(ctx, call->kid[0], arms, first, last, of, &n, &x));
    if (f->kind == OVER_TIME_LAG) {
        MAD_TRY(mad_expect_count(ctx, call->kid[1], arms, last, &lag));
        if (lag > last - first) {
            return mad_fail(ctx, MAD_E_CONFIG, "%s(...) of lag %zu over generations %zu to %zu",
                            f->name, lag, first, last);
        }
    } else if (f->kind == OVER_TIME_TWO) {
        MAD_TRY(eval_course(ctx, call->kid[1], arms, first, last, of, &n_other, &y));
        if (n_other != n) {
            return mad_fail(ctx, MAD_E_CONFIG, "%s(...) of %zu and %zu replicates", f->name, n,
                            n_other);
        }
    }
    const size_t n_gens = last - first + 1;
    MAD_TRY(take_values(ctx, n, out));
    for (size_t r = 0; r < n; r++) {
        out->x[r] = f->over(n_gens, x + r * n_gens, y != NULL ? y + r * n_gens : NULL, lag);
    }
out:
    return st;
}

/* Of the pairs one behind the other: to[r][all generations of all pairs], from kid[i_side] on. */
static mad_status join_courses(mad_ctx *ctx, const tree *call, const mad_expect_arm *arms,
                               size_t i_side, subset of, size_t *n, size_t *n_points, double **to)
{
    mad_status st = MAD_OK;
    const size_t n_gens = mad_expect_n_generations(call, arms);
    const size_t n_pairs = call->n_kids / 2;
    *n_points = n_pairs * n_gens;
    *to = NULL;
    for (size_t p = 0; p < n_pairs; p++) {
        size_t n_here = 0;
        double *x;
        MAD_TRY(eval_course(ctx, call->kid[2 * p + i_side], arms, 1, n_gens, of, &n_here, &x));
        if (*to == NULL) {
            *n = n_here;
            *to = mad_arena_take_raw(ctx->scratch, n_here * *n_points, sizeof **to);
            if (*to == NULL) {
                return mad_fail_memory(ctx, "the values of a criterion");
            }
        }
        if (n_here != *n) {
            return mad_fail(ctx, MAD_E_CONFIG, "%s(...) of %zu and %zu replicates",
                            call->function->name, *n, n_here);
        }
        for (size_t r = 0; r < n_here; r++) {
            memcpy(*to + r * *n_points + p * n_gens, x + r * n_gens, n_gens * sizeof *x);
        }
    }
out:
    return st;
}

static mad_status eval_over_pairs(mad_ctx *ctx, const tree *call, const mad_expect_arm *arms,
                                  subset of, values *out)
{
    mad_status st = MAD_OK;
    size_t n = 0, n_other = 0, n_points = 0;
    double *x, *y;
    if (call->n_kids % 2 != 0 || mad_expect_n_generations(call, arms) == SIZE_MAX) {
        return mad_fail(ctx, MAD_E_CONFIG, "%s(...) needs pairs of series", call->function->name);
    }
    MAD_TRY(join_courses(ctx, call, arms, 0, of, &n, &n_points, &x));
    MAD_TRY(join_courses(ctx, call, arms, 1, of, &n_other, &n_points, &y));
    if (n != n_other) {
        return mad_fail(ctx, MAD_E_CONFIG, "%s(...) of %zu and %zu replicates",
                        call->function->name, n, n_other);
    }
    MAD_TRY(take_values(ctx, n, out));
    for (size_t r = 0; r < n; r++) {
        out->x[r] = call->function->over(n_points, x + r * n_points, y + r * n_points, 0);
    }
out:
    return st;
}

static mad_status eval_over_past(mad_ctx *ctx, const tree *call, const mad_expect_arm *arms,
                                 size_t generation, subset of, values *out)
{
    mad_status st = MAD_OK;
    const subset all = {1, 1};
    size_t n = 0;
    double *x;
    values number;
    if (generation == 0) {
        return mad_fail(ctx, MAD_E_CONFIG, "%s(...) up to which generation? write %s(...)@last",
                        call->function->name, call->function->name);
    }
    MAD_TRY(mad_expect_eval(ctx, call->kid[1], arms, generation, all, &number));
    if (number.n != 1) {
        return mad_fail(ctx, MAD_E_CONFIG, "the second argument of %s is a number",
                        call->function->name);
    }
    MAD_TRY(eval_course(ctx, call->kid[0], arms, 1, generation, of, &n, &x));
    MAD_TRY(take_values(ctx, n, out));
    for (size_t r = 0; r < n; r++) {
        out->x[r] = call->function->past(generation, x + r * generation, number.x[0]);
    }
out:
    return st;
}

static mad_status eval_function(mad_ctx *ctx, const tree *call, const mad_expect_arm *arms,
                                size_t generation, subset of, values *out)
{
    mad_status st = MAD_OK;
    const known *f = call->function;
    if (f->kind == OVER_PAIRS) {
        return eval_over_pairs(ctx, call, arms, of, out);
    }
    if (f->kind == OVER_PAST) {
        return eval_over_past(ctx, call, arms, generation, of, out);
    }
    if (f->kind != OF_NUMBER && f->kind != OVER_REPLICATES) {
        return eval_over_time(ctx, call, arms, of, out);
    }
    MAD_TRY(mad_expect_eval(ctx, call->kid[0], arms, generation, of, out));
    if (f->kind == OVER_REPLICATES) {
        return one_value(ctx, f->over(out->n, out->x, NULL, 0), out);
    }
    for (size_t i = 0; i < out->n; i++) {
        out->x[i] = f->of(out->x[i]);
    }
out:
    return st;
}

static mad_status eval_at(mad_ctx *ctx, const tree *at, const mad_expect_arm *arms,
                          size_t generation, subset of, values *out)
{
    mad_status st = MAD_OK;
    MAD_TRY(mad_expect_count(ctx, at->kid[1], arms, generation, &generation));
    MAD_TRY(mad_expect_eval(ctx, at->kid[0], arms, generation, of, out));
out:
    return st;
}

mad_status mad_expect_eval(mad_ctx *ctx, const tree *node, const mad_expect_arm *arms,
                           size_t generation, subset of, values *out)
{
    mad_status st = MAD_OK;
    switch (node->kind) {
    case NODE_NUMBER:
        return one_value(ctx, node->number, out);
    case NODE_LAST:
        return eval_last(ctx, node, arms, out);
    case NODE_GENERATION:
        return generation > 0
                   ? one_value(ctx, (double)generation, out)
                   : mad_fail(ctx, MAD_E_CONFIG, "g is the generation of `each`, which is missing");
    case NODE_SERIES:
        return eval_series(ctx, node, &arms[node->arm], generation, of, out);
    case NODE_AT:
        return eval_at(ctx, node, arms, generation, of, out);
    case NODE_FUNCTION:
        return eval_function(ctx, node, arms, generation, of, out);
    case NODE_NEGATE:
        MAD_TRY(mad_expect_eval(ctx, node->kid[0], arms, generation, of, out));
        for (size_t i = 0; i < out->n; i++) {
            out->x[i] = -out->x[i];
        }
        break;
    case NODE_ADD:
    case NODE_SUBTRACT:
    case NODE_MULTIPLY:
    case NODE_DIVIDE:
    case NODE_POWER:
        return eval_pair(ctx, node, arms, generation, of, out);
    }
out:
    return st;
}

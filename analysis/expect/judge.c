/* analysis/expect/judge.c: differences, their standard errors, verdicts. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "analysis/expect/internal.h"
#include "sim/num/stats.h"

#define SAME 1e-9 /* relative: rounding of what is computed in two ways */

/* Both sides at one generation, and what is known of their difference. */
typedef struct comparison {
    double left, right;
    double std_error; /* NaN: fewer than two replicates; 0: hangs on none */
    double df;
} comparison;

static mad_status mean_of_side(mad_ctx *ctx, const tree *side, const mad_expect_arm *arms,
                               size_t generation, subset of, size_t *n, double *out)
{
    values v;
    const mad_status st = mad_expect_eval(ctx, side, arms, generation, of, &v);
    if (st == MAD_OK) {
        *n = v.n;
        *out = mad_mean(v.n, v.x);
    }
    return st;
}

/* The smallest number of replicates of the series below a tree; 1 without any. */
static size_t n_replicates(const tree *node, const mad_expect_arm *arms)
{
    size_t n = SIZE_MAX;
    if (node->kind == NODE_SERIES) {
        const int is_one_value =
            strcmp(node->group, "theory") == 0 || strcmp(node->group, "profile") == 0;
        return is_one_value ? SIZE_MAX : arms[node->arm].run->n_replicates;
    }
    for (size_t i = 0; i < node->n_kids; i++) {
        const size_t of_kid = n_replicates(node->kid[i], arms);
        n = of_kid < n ? of_kid : n;
    }
    return n;
}

double mad_jackknife_error(size_t n, const double *without)
{
    const double mean = mad_mean(n, without);
    double square = 0.0;
    for (size_t k = 0; k < n; k++) {
        square += (without[k] - mean) * (without[k] - mean);
    }
    return sqrt(square * (double)(n - 1) / (double)n);
}

/* The jackknife: one group of replicates left out of both sides at a time. */
static mad_status jackknife(mad_ctx *ctx, const mad_criterion *c, const mad_expect_arm *arms,
                            size_t generation, size_t n_groups, double *std_error)
{
    mad_status st = MAD_OK;
    double without[MAX_GROUPS] = {0};
    size_t n;
    for (size_t k = 0; k < n_groups; k++) {
        const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
        const subset of = {n_groups, k};
        double left, right;
        MAD_TRY(mean_of_side(ctx, c->left, arms, generation, of, &n, &left));
        MAD_TRY(mean_of_side(ctx, c->right, arms, generation, of, &n, &right));
        without[k] = left - right;
        mad_arena_release(ctx->scratch, mark);
    }
    *std_error = mad_jackknife_error(n_groups, without);
out:
    return st;
}

static int averages_replicates(const tree *node)
{
    int found = node->kind == NODE_FUNCTION && node->function->kind == OVER_REPLICATES;
    for (size_t i = 0; i < node->n_kids; i++) {
        found |= averages_replicates(node->kid[i]);
    }
    return found;
}

/* Without E or Var inside, the jackknife of a mean in closed form: sd / sqrt(R). */
static mad_status error_of_mean(mad_ctx *ctx, const mad_criterion *c, const mad_expect_arm *arms,
                                size_t generation, comparison *out)
{
    mad_status st = MAD_OK;
    const subset all = {1, 1};
    values l, r;
    MAD_TRY(mad_expect_eval(ctx, c->left, arms, generation, all, &l));
    MAD_TRY(mad_expect_eval(ctx, c->right, arms, generation, all, &r));
    const size_t n = l.n > r.n ? l.n : r.n;
    if (l.n != r.n && l.n != 1 && r.n != 1) { /* not paired */
        out->std_error = sqrt(mad_variance(l.n, l.x, 1.0) / (double)l.n +
                              mad_variance(r.n, r.x, 1.0) / (double)r.n);
        out->df = (double)(l.n < r.n ? l.n : r.n) - 1.0;
        return MAD_OK;
    }
    double *difference = mad_arena_take_raw(ctx->scratch, n, sizeof *difference);
    if (difference == NULL) {
        return mad_fail_memory(ctx, "the values of a criterion");
    }
    for (size_t i = 0; i < n; i++) {
        difference[i] = l.x[l.n > 1 ? i : 0] - r.x[r.n > 1 ? i : 0];
    }
    out->df = (double)n - 1.0;
    out->std_error = n > 1 ? sqrt(mad_variance(n, difference, 1.0) / (double)n) : (double)NAN;
out:
    return st;
}

static mad_status compare(mad_ctx *ctx, const mad_criterion *c, const mad_expect_arm *arms,
                          size_t generation, comparison *out)
{
    mad_status st = MAD_OK;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    const subset all = {1, 1};
    const size_t left = n_replicates(c->left, arms), right = n_replicates(c->right, arms);
    const size_t n = left < right ? left : right;
    size_t n_left, n_right;
    *out = (comparison){.std_error = 0.0};
    MAD_TRY(mean_of_side(ctx, c->left, arms, generation, all, &n_left, &out->left));
    MAD_TRY(mean_of_side(ctx, c->right, arms, generation, all, &n_right, &out->right));
    if (n == SIZE_MAX) {
        goto out;
    }
    if (!averages_replicates(c->left) && !averages_replicates(c->right)) {
        MAD_TRY(error_of_mean(ctx, c, arms, generation, out));
    } else if (n < 4) {
        out->std_error = (double)NAN;
    } else {
        const size_t n_groups = n < MAX_GROUPS ? n : MAX_GROUPS;
        out->df = (double)n_groups - 1.0;
        MAD_TRY(jackknife(ctx, c, arms, generation, n_groups, &out->std_error));
    }
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

/* P(T_df > t) */
static double upper_tail(double df, double t)
{
    const double both = mad_student_t_two_sided(df, fabs(t));
    return t > 0.0 ? 0.5 * both : 1.0 - 0.5 * both;
}

static void judge_equal(const mad_criterion *c, const comparison *d, mad_judgement *out)
{
    const double gap = fabs(d->left - d->right);
    const double rounding = SAME * fmax(fabs(d->left), fabs(d->right));
    const double tolerance = c->rule == RULE_SHARE ? c->number * fabs(d->right) : c->number;
    if (c->rule == RULE_Z) {
        out->score = gap <= rounding ? 0.0 : gap / d->std_error;
        out->verdict = out->score <= c->number ? MAD_JUDGED_PASS : MAD_JUDGED_FAIL;
        (void)snprintf(out->why, sizeof out->why, "%.3g standard errors off, %.3g allowed",
                       out->score, c->number);
        return;
    }
    const double half =
        d->std_error > 0.0 ? d->std_error * mad_student_t_critical(d->df, 0.05) : 0.0;
    out->score = (gap + half) / tolerance;
    out->verdict = gap + half <= tolerance  ? MAD_JUDGED_PASS
                   : gap - half > tolerance ? MAD_JUDGED_FAIL
                                            : MAD_JUDGED_INCONCLUSIVE;
    (void)snprintf(out->why, sizeof out->why, "%.4g off (95 %%: +-%.2g), %.4g allowed", gap, half,
                   tolerance);
}

static void judge_order(const mad_criterion *c, const comparison *d, mad_judgement *out)
{
    const double lead = c->relation == GREATER ? d->left - d->right : d->right - d->left;
    if (d->std_error == 0.0) {
        out->score = lead > 0.0 ? 0.0 : 1.0;
    } else {
        out->score = upper_tail(d->df, lead / d->std_error);
    }
    out->verdict = out->score < c->number         ? MAD_JUDGED_PASS
                   : 1.0 - out->score < c->number ? MAD_JUDGED_FAIL
                                                  : MAD_JUDGED_INCONCLUSIVE;
    (void)snprintf(out->why, sizeof out->why, "p = %.3g, below %.3g wanted", out->score, c->number);
}

static void judge_one(const mad_criterion *c, size_t generation, const comparison *d,
                      mad_judgement *out)
{
    *out = (mad_judgement){.generation = generation,
                           .measured = d->left,
                           .expected = d->right,
                           .std_error = d->std_error};
    if (isnan(d->left) || isnan(d->right)) {
        out->verdict = MAD_JUDGED_INCONCLUSIVE;
        (void)snprintf(out->why, sizeof out->why, "not measured (NaN)");
    } else if (isnan(d->std_error)) {
        out->verdict = MAD_JUDGED_INCONCLUSIVE;
        (void)snprintf(out->why, sizeof out->why, "too few replicates for a standard error");
    } else if (c->relation == EQUAL) {
        judge_equal(c, d, out);
    } else {
        judge_order(c, d, out);
    }
    if (out->verdict == MAD_JUDGED_PASS) {
        out->why[0] = '\0';
    }
}

/* 1: a is further from passing than b. */
static int is_worse(const mad_judgement *a, const mad_judgement *b)
{
    static const int rank[] = {
        [MAD_JUDGED_PASS] = 0, [MAD_JUDGED_INCONCLUSIVE] = 1, [MAD_JUDGED_FAIL] = 2};
    return rank[a->verdict] > rank[b->verdict] || (a->verdict == b->verdict && a->score > b->score);
}

static mad_status each_bounds(mad_ctx *ctx, const mad_criterion *c, const mad_expect_arm *arms,
                              size_t *first, size_t *last)
{
    mad_status st = MAD_OK;
    const size_t left = mad_expect_n_generations(c->left, arms);
    const size_t right = mad_expect_n_generations(c->right, arms);
    const size_t n = left < right ? left : right;
    *first = 1;
    *last = n;
    if (c->first != NULL) {
        MAD_TRY(mad_expect_count(ctx, c->first, arms, 0, first));
        MAD_TRY(mad_expect_count(ctx, c->last, arms, 0, last));
    }
    if (*first < 1 || *first > *last || *last > n) {
        return mad_fail(ctx, MAD_E_CONFIG, "each %zu..%zu: there are no such generations (of %zu)",
                        *first, *last, n);
    }
out:
    return st;
}

mad_status mad_criterion_check(mad_ctx *ctx, const mad_criterion *c, const mad_expect_arm *arms)
{
    mad_status st = MAD_OK;
    const subset all = {1, 1};
    size_t n, first = 0, last = 0;
    double side;
    if (c->is_each) {
        MAD_TRY(each_bounds(ctx, c, arms, &first, &last));
    }
    for (size_t g = first; g <= last; g++) {
        const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
        MAD_TRY(mean_of_side(ctx, c->left, arms, g, all, &n, &side));
        MAD_TRY(mean_of_side(ctx, c->right, arms, g, all, &n, &side));
        mad_arena_release(ctx->scratch, mark);
    }
out:
    return st;
}

mad_status mad_criterion_judge(mad_ctx *ctx, const mad_criterion *c, const mad_expect_arm *arms,
                               mad_judgement *out)
{
    mad_status st = MAD_OK;
    comparison d;
    size_t first = 0, last = 0;
    if (!c->is_each) {
        MAD_TRY(compare(ctx, c, arms, 0, &d));
        judge_one(c, 0, &d, out);
        return MAD_OK;
    }
    MAD_TRY(each_bounds(ctx, c, arms, &first, &last));
    for (size_t g = first; g <= last; g++) {
        mad_judgement judged;
        MAD_TRY(compare(ctx, c, arms, g, &d));
        judge_one(c, g, &d, &judged);
        if (g == first || is_worse(&judged, out)) {
            *out = judged;
        }
    }
out:
    return st;
}

mad_status mad_criterion_values(mad_ctx *ctx, mad_arena *mem, const mad_criterion *c,
                                const mad_expect_arm *arms, size_t *n, const double **out)
{
    mad_status st = MAD_OK;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    values v;
    if (c->is_each || averages_replicates(c->left)) {
        return mad_fail(ctx, MAD_E_CONFIG, "each, E and Var leave no value per replicate");
    }
    MAD_TRY(mad_expect_eval(ctx, c->left, arms, 0, (subset){1, 1}, &v));
    double *x = mad_arena_take_raw(mem, v.n, sizeof *x);
    if (x == NULL) {
        st = mad_fail_memory(ctx, "the values of a criterion");
        goto out;
    }
    memcpy(x, v.x, v.n * sizeof *x);
    *n = v.n;
    *out = x;
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

const char *mad_judged_word(mad_judged verdict)
{
    static const char *const words[] = {[MAD_JUDGED_PASS] = "PASS",
                                        [MAD_JUDGED_FAIL] = "FAIL",
                                        [MAD_JUDGED_INCONCLUSIVE] = "INCONCLUSIVE"};
    return words[verdict];
}

/* analysis/policy/bound.c: see the header. */
#include "analysis/policy/bound.h"

#include <math.h>
#include <stdio.h>

enum { STEPS_A_DECADE = 10, MAX_POINTS = 12 * STEPS_A_DECADE + 1, MAX_TURNS = 200 };

mad_fresh mad_policy_loop(const mad_policy *policy, double n_real, double n_synthetic)
{
    const double leaked = policy->leak * n_real;
    mad_fresh loop = {.n_real = (n_real - leaked) * (1.0 - policy->fpr),
                      .n_synthetic = (n_synthetic + leaked) * (1.0 - policy->tpr),
                      .lam = policy->lam,
                      .memory = policy->memory,
                      .dim = policy->dim,
                      .fit_loss = policy->fit_loss};
    switch (policy->weighting) {
    case MAD_WEIGHT_PROPORTIONAL:
        loop.weight = loop.n_real / (loop.n_real + loop.n_synthetic);
        break;
    case MAD_WEIGHT_FIXED:
        loop.weight = policy->weight;
        break;
    case MAD_WEIGHT_GOLDEN:
        loop.weight = mad_fresh_golden(loop.n_real, loop.n_synthetic);
        break;
    }
    return loop;
}

static mad_status level_of(mad_ctx *ctx, const mad_policy *policy, const mad_fresh *loop,
                           double *out)
{
    if (policy->order == MAD_ORDER_WIDE) {
        return mad_fresh_level_wide(ctx, loop, out);
    }
    *out = mad_fresh_level(loop);
    return MAD_OK;
}

/* E W2^2 of one fit on n real rows. */
static mad_status single_level(mad_ctx *ctx, const mad_policy *policy, double n, double *out)
{
    const mad_fresh one = {.n_real = n, .lam = 1.0, .memory = 1.0, .dim = policy->dim};
    if (policy->order == MAD_ORDER_WIDE) {
        return mad_fresh_level_wide(ctx, &one, out);
    }
    *out = mad_fresh_single(policy->dim, policy->fit_loss, n);
    return MAD_OK;
}

mad_status mad_policy_rows(mad_ctx *ctx, const mad_policy *policy, double n_real,
                           double n_synthetic, double *out)
{
    const mad_fresh loop = mad_policy_loop(policy, n_real, n_synthetic);
    mad_status st = MAD_OK;
    double level, one;
    MAD_TRY(level_of(ctx, policy, &loop, &level));
    *out = mad_fresh_amplitude(policy->dim, policy->fit_loss) /
           (level - mad_fresh_single(policy->dim, policy->fit_loss, (double)INFINITY));
    for (int i = 0; i < MAX_TURNS && policy->order == MAD_ORDER_WIDE; i++) {
        MAD_TRY(single_level(ctx, policy, *out, &one));
        const double factor = one / level; /* level falls about as 1/n */
        *out = 1.0 + (*out - 1.0) * factor;
        if (fabs(factor - 1.0) < 1e-12) {
            break;
        }
    }
out:
    return st;
}

/* ---- sizes that pass ----------------------------------------------------------------------- */

/* Does a size pass? *out is NaN where no formula says. */
typedef struct question {
    mad_status (*margin)(mad_ctx *ctx, const struct question *q, double rows, double *out);
    const mad_policy *policy;
    double n_real;             /* of the synthetic sizes */
    double n_synthetic, share; /* of the real sizes */
    double goal;               /* level to reach */
} question;

/* ln of the level to reach over that reached: >= 0 passes. */
static mad_status margin_of_loop(mad_ctx *ctx, const question *q, const mad_fresh *loop,
                                 double *out)
{
    double level;
    const mad_status st = level_of(ctx, q->policy, loop, &level);
    *out = st == MAD_OK ? log(q->goal) - log(level) : (double)NAN;
    return st;
}

static mad_status margin_of_synthetic(mad_ctx *ctx, const question *q, double rows, double *out)
{
    const mad_fresh loop = mad_policy_loop(q->policy, q->n_real, rows);
    return margin_of_loop(ctx, q, &loop, out);
}

static mad_status margin_of_real(mad_ctx *ctx, const question *q, double rows, double *out)
{
    const double other =
        isnan(q->n_synthetic) ? rows * (1.0 - q->share) / q->share : q->n_synthetic;
    const mad_fresh loop = mad_policy_loop(q->policy, rows, other);
    return margin_of_loop(ctx, q, &loop, out);
}

/* Whole number next to the edge between two sizes, on the side that passes. */
static mad_status find_edge(mad_ctx *ctx, const question *q, double passes, double fails,
                            double *out)
{
    mad_status st = MAD_OK;
    double margin = 0.0;
    while (fabs(passes - fails) > 1.0) {
        const double middle = floor(0.5 * (passes + fails));
        MAD_TRY(q->margin(ctx, q, middle, &margin));
        if (margin >= 0.0) {
            passes = middle;
        } else {
            fails = middle;
        }
    }
    *out = passes;
    MAD_TRY(q->margin(ctx, q, fails, &margin));
    if (isnan(margin)) {
        st = mad_fail(ctx, MAD_E_UNSUPPORTED,
                      "admissible: the expansion ends at %.0f rows, before the target is missed",
                      passes);
    }
out:
    return st;
}

mad_status mad_policy_sizes(mad_ctx *ctx, const mad_policy *policy, double n_real, double target,
                            mad_admissible_sizes *out)
{
    question q = {margin_of_synthetic, policy, n_real, (double)NAN, (double)NAN, 0.0};
    double size[MAX_POINTS], margin[MAX_POINTS], none;
    size_t first = MAX_POINTS, last = MAX_POINTS, best = 0;
    mad_status st = MAD_OK;

    *out = (mad_admissible_sizes){(double)NAN, (double)NAN, 0.0, 0.0};
    MAD_TRY(single_level(ctx, policy, target * n_real, &q.goal));
    MAD_TRY(q.margin(ctx, &q, 0.0, &none));
    for (size_t i = 0; i < MAX_POINTS; i++) {
        size[i] = floor(pow(10.0, (double)i / STEPS_A_DECADE));
        MAD_TRY(q.margin(ctx, &q, size[i], &margin[i]));
        if (margin[i] >= 0.0) {
            first = first == MAX_POINTS ? i : first;
            last = i;
        }
        best = margin[i] > margin[best] ? i : best;
    }
    out->best = size[best];
    MAD_TRY(mad_policy_rows(ctx, policy, n_real, size[best], &out->best_gain));
    out->best_gain /= n_real;
    if (none >= -1e-12) { /* target 1 is met with equality */
        out->least = 0.0;
    } else if (first < MAX_POINTS) {
        MAD_TRY(find_edge(ctx, &q, size[first], first > 0 ? size[first - 1] : 0.0, &out->least));
    }
    if (last < MAX_POINTS - 1) {
        MAD_TRY(find_edge(ctx, &q, size[last], size[last + 1], &out->largest));
    } else if (last == MAX_POINTS - 1) {
        out->largest = (double)INFINITY;
    } else if (out->least == 0.0) {
        out->largest = 0.0;
    }
out:
    return st;
}

mad_status mad_policy_least_real(mad_ctx *ctx, const mad_policy *policy, double wanted,
                                 double n_synthetic, double share, double *out)
{
    question q = {margin_of_real, policy, (double)NAN, n_synthetic, share, 0.0};
    const double start = fmax(ceil(policy->dim), MAD_POLICY_MIN_ROWS);
    double margin, before = start;
    mad_status st = MAD_OK;

    *out = (double)NAN;
    MAD_TRY(single_level(ctx, policy, wanted, &q.goal));
    double rows = start;
    while (isnan(*out) && before < MAD_POLICY_MAX_ROWS) {
        MAD_TRY(q.margin(ctx, &q, rows, &margin));
        if (!(margin >= 0.0)) {
            before = rows;
            rows = fmin(ceil(rows * 1.26), MAD_POLICY_MAX_ROWS);
        } else if (rows > start) {
            MAD_TRY(find_edge(ctx, &q, rows, before, out));
        } else {
            *out = rows;
        }
    }
out:
    return st;
}

const char *mad_size_text(double size, char text[32])
{
    (void)snprintf(text, 32, "%.0f", size);
    return isnan(size) ? "none" : isinf(size) ? "unbounded" : text;
}

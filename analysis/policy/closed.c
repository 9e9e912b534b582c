/* analysis/policy/closed.c: see the header. */
#include "analysis/policy/closed.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/policy/bound.h"
#include "sim/cli/print_json.h"
#include "sim/store/json.h"

static const char assumptions[] =
    "fresh real rows every generation, synthetic rows of the last K models only, both replaced; "
    "Gaussian fits with unbiased covariances; bias = covariance factor of the synthetic rows; "
    "distance = E W2^2 once the loop has settled";

const mad_closed_ask mad_closed_nothing = {.n_real = (double)NAN,
                                           .n_synthetic = (double)NAN,
                                           .n_effective = (double)NAN,
                                           .share = (double)NAN,
                                           .dim = (double)NAN,
                                           .target = 1.0,
                                           .bias = 1.0,
                                           .memory = 1.0};

int mad_closed_is_asked(const mad_closed_ask *ask)
{
    return !isnan(ask->n_real) || !isnan(ask->n_synthetic) || !isnan(ask->n_effective) ||
           !isnan(ask->share) || !isnan(ask->dim) || ask->bias != 1.0 || ask->memory != 1.0 ||
           ask->leak != 0.0 || ask->tpr != 0.0 || ask->fpr != 0.0 || ask->real_weight != NULL;
}

/* ---- what was asked ------------------------------------------------------------------------ */

static mad_status take_weight(mad_ctx *ctx, const char *text, mad_policy *policy)
{
    char *end = NULL;
    if (text == NULL || strcmp(text, "proportional") == 0) {
        policy->weighting = MAD_WEIGHT_PROPORTIONAL;
        return MAD_OK;
    }
    if (strcmp(text, "golden") == 0) {
        policy->weighting = MAD_WEIGHT_GOLDEN;
        return MAD_OK;
    }
    policy->weighting = MAD_WEIGHT_FIXED;
    policy->weight = strtod(text, &end);
    if (end == text || *end != '\0' || !(policy->weight > 0.0 && policy->weight < 1.0)) {
        return mad_fail(ctx, MAD_E_USAGE,
                        "admissible: option '--real-weight' expects a number between 0 and 1, "
                        "golden or proportional, got '%s'",
                        text);
    }
    return MAD_OK;
}

/* What no formula covers is named, not approximated. */
static mad_status check_covered(mad_ctx *ctx, const mad_policy *p)
{
    const int has_detector = p->tpr > 0.0 || p->fpr > 0.0;
    const int is_weighted = p->weighting != MAD_WEIGHT_PROPORTIONAL;
    const char *pair = NULL;
    if (p->leak > 0.0 && has_detector) {
        pair = "--leak and a detector (--tpr, --fpr): whether leaked rows pass the detector";
    } else if (p->leak > 0.0 && is_weighted) {
        pair = "--leak and --real-weight: leaked rows carry the weight of real ones";
    } else if (p->leak > 0.0 && p->memory > 1.0) {
        pair = "--leak and --memory: leaked rows are of the newest model";
    } else if (has_detector && is_weighted) {
        pair = "a detector (--tpr, --fpr) and --real-weight: the sizes of both parts are random";
    }
    if (pair != NULL) {
        return mad_fail(ctx, MAD_E_USAGE, "admissible: no formula covers %s", pair);
    }
    return MAD_OK;
}

static mad_status check_rows(mad_ctx *ctx, const mad_policy *p, double n_real)
{
    if (!(n_real >= fmax(p->dim, MAD_POLICY_MIN_ROWS))) {
        return mad_fail(
            ctx, MAD_E_USAGE,
            "admissible: %.0f real rows in %g dimensions: the forms take n_real >= dim and "
            ">= %d",
            n_real, p->dim, MAD_POLICY_MIN_ROWS);
    }
    if (p->memory > 1.0 && n_real < 10.0 * p->dim) {
        return mad_fail(
            ctx, MAD_E_USAGE,
            "admissible: --memory is known to leading order in 1/n, which takes n_real >= "
            "10 dim (%g), got %.0f",
            10.0 * p->dim, n_real);
    }
    return MAD_OK;
}

static mad_status take_policy(mad_ctx *ctx, const mad_closed_ask *ask, mad_policy *policy)
{
    mad_status st = MAD_OK;
    *policy = (mad_policy){.dim = ask->dim,
                           .lam = ask->bias,
                           .memory = ask->memory,
                           .leak = ask->leak,
                           .tpr = ask->tpr,
                           .fpr = ask->fpr,
                           .order = ask->memory > 1.0 ? MAD_ORDER_LEADING : MAD_ORDER_WIDE};
    if (isnan(ask->dim)) {
        return mad_fail(
            ctx, MAD_E_USAGE,
            "admissible: without a CONFIG it takes --dim, and --n-real or --n-effective");
    }
    if (isnan(ask->n_real) == isnan(ask->n_effective)) {
        return mad_fail(
            ctx, MAD_E_USAGE,
            "admissible: give --n-real (how much synthetic data?) or --n-effective (how "
            "little real data?)");
    }
    if (isnan(ask->n_effective) ? !isnan(ask->share)
                                : isnan(ask->share) == isnan(ask->n_synthetic)) {
        return mad_fail(ctx, MAD_E_USAGE,
                        "admissible: --n-effective takes --n-synthetic or --share, --n-real no "
                        "--share");
    }
    MAD_TRY(take_weight(ctx, ask->real_weight, policy));
    MAD_TRY(check_covered(ctx, policy));
    if (!isnan(ask->n_real)) {
        MAD_TRY(check_rows(ctx, policy, ask->n_real));
    }
out:
    return st;
}

/* ---- what is answered ---------------------------------------------------------------------- */

static const char *formula_of(const mad_policy *p)
{
    if (p->memory > 1.0) {
        return p->lam == 1.0 && p->weighting == MAD_WEIGHT_PROPORTIONAL
                   ? "F5: n_e/n_r = (K + q)/(K p + q), in E W2^2 (leading order in 1/n)"
                   : "F4 with the means of K models (leading order in 1/n)";
    }
    if (p->weighting == MAD_WEIGHT_GOLDEN) {
        return "F3 with row weights, w = (sqrt(1 + 4k) - 1)/(2k) (F8), eigenvalues by free "
               "probability";
    }
    if (p->weighting == MAD_WEIGHT_FIXED) {
        return "F3 with row weights, eigenvalues by free probability";
    }
    return "F3, eigenvalues by free probability (F4 with all orders in d/n)";
}

static void put_common(json_t *root, const mad_policy *p)
{
    static const char *const weightings[] = {"proportional", "fixed", "golden"};
    (void)json_object_set_new(root, "dim", mad_json_number(p->dim));
    (void)json_object_set_new(root, "bias", mad_json_number(p->lam));
    (void)json_object_set_new(root, "memory", mad_json_number(p->memory));
    (void)json_object_set_new(root, "weighting", json_string(weightings[p->weighting]));
    (void)json_object_set_new(root, "leak", mad_json_number(p->leak));
    (void)json_object_set_new(root, "tpr", mad_json_number(p->tpr));
    (void)json_object_set_new(root, "fpr", mad_json_number(p->fpr));
    (void)json_object_set_new(root, "formula", json_string(formula_of(p)));
    (void)json_object_set_new(root, "assumptions", json_string(assumptions));
}

static double weight_at(const mad_policy *p, double n_real, double n_synthetic)
{
    return mad_policy_loop(p, n_real, n_synthetic).weight;
}

/* The sizes to leading order, where the answer is not that already and there is an expansion. */
static mad_status leading_sizes(mad_ctx *ctx, const mad_policy *policy, double n_real,
                                double target, mad_admissible_sizes *out)
{
    mad_policy leading = *policy;
    mad_status st = MAD_OK;
    leading.order = MAD_ORDER_LEADING;
    *out = (mad_admissible_sizes){(double)NAN, (double)NAN, (double)NAN, (double)NAN};
    if (n_real < 2.0 * (policy->dim + 1.0)) {
        return MAD_OK;
    }
    st = mad_policy_sizes(ctx, &leading, n_real, target, out);
    if (st == MAD_E_UNSUPPORTED) {
        mad_ctx_clear(ctx);
        st = MAD_OK;
    }
    return st;
}

static int has_limit(const mad_policy *p, double target)
{
    return p->lam < 1.0 && p->memory == 1.0 && p->weighting == MAD_WEIGHT_PROPORTIONAL &&
           p->leak == 0.0 && p->tpr == 0.0 && p->fpr == 0.0 && target == 1.0;
}

static mad_status print_sizes(mad_ctx *ctx, const mad_policy *p, double n_real, double target,
                              const mad_admissible_sizes *found, int as_json)
{
    char text[4][32];
    mad_status st = MAD_OK;
    const int is_bounded = isfinite(found->largest);
    const double at = is_bounded ? found->largest : MAD_POLICY_MAX_ROWS;
    const double limit = has_limit(p, target) ? mad_fresh_limit(p->dim, p->lam) : (double)NAN;
    mad_admissible_sizes leading;
    double rows = (double)NAN;

    MAD_TRY(leading_sizes(ctx, p, n_real, target, &leading));
    MAD_TRY(mad_policy_rows(ctx, p, n_real, at, &rows));
    if (as_json) {
        json_t *root = json_pack(
            "{s:s, s:o, s:o, s:o, s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "question", "largest",
            "n_real", mad_json_number(n_real), "target", mad_json_number(target), "n_synthetic",
            is_bounded ? json_integer((json_int_t)found->largest) : json_null(), "unbounded",
            isinf(found->largest), "least_n_synthetic", mad_json_number(found->least), "gain",
            mad_json_number(rows / n_real), "real_weight",
            mad_json_number(weight_at(p, n_real, at)), "best_n_synthetic",
            mad_json_number(found->best), "best_gain", mad_json_number(found->best_gain),
            "leading_n_synthetic", mad_json_number(leading.largest), "limit",
            mad_json_number(limit));
        put_common(root, p);
        return mad_print_json(ctx, root);
    }
    printf("largest admissible n_synthetic  %s\n", mad_size_text(found->largest, text[0]));
    printf("  for n_e/n_r >= %g with n_real %.0f, dim %g, bias %g\n", target, n_real, p->dim,
           p->lam);
    printf("  n_e/n_r there                 %.4g%s\n", rows / n_real,
           is_bounded ? "" : " (at 1e12 rows)");
    if (found->least > 0.0) {
        printf("  least n_synthetic             %s (fewer do not reach the target)\n",
               mad_size_text(found->least, text[1]));
    }
    if (p->weighting != MAD_WEIGHT_PROPORTIONAL) {
        printf("  weight of the real rows       %.6g\n", weight_at(p, n_real, at));
    }
    printf("  best n_synthetic              about %s, n_e/n_r %.4g\n",
           mad_size_text(found->best, text[2]), found->best_gain);
    if (p->order == MAD_ORDER_WIDE) {
        printf("  to leading order in 1/n       %s\n", mad_size_text(leading.largest, text[3]));
    }
    if (!isnan(limit)) {
        printf("  n_real -> infinity (F7)       %.0f\n", limit);
    }
out:
    return st;
}

static void print_basis(const mad_policy *p)
{
    printf("formula: %s\nassumes: %s%s\n", formula_of(p), assumptions,
           p->lam == 1.0 ? ".\nWithout bias synthetic rows never hurt such a loop: there is no "
                           "largest size"
                         : "");
}

static mad_status answer_sizes(mad_ctx *ctx, const mad_policy *p, double n_real, double target,
                               int as_json)
{
    mad_admissible_sizes found;
    mad_status st = MAD_OK;
    MAD_TRY(mad_policy_sizes(ctx, p, n_real, target, &found));
    if (isnan(found.largest)) {
        return mad_fail(
            ctx, MAD_E_FAILED,
            "admissible: no n_synthetic reaches n_e/n_r %g with n_real %.0f; the best is "
            "%.4g, about n_synthetic %.0f",
            target, n_real, found.best_gain, found.best);
    }
    MAD_TRY(print_sizes(ctx, p, n_real, target, &found, as_json));
    if (!as_json) {
        print_basis(p);
    }
out:
    return st;
}

static mad_status answer_real(mad_ctx *ctx, const mad_policy *p, const mad_closed_ask *ask,
                              int as_json)
{
    double n_real, rows = (double)NAN;
    mad_status st = MAD_OK;
    MAD_TRY(mad_policy_least_real(ctx, p, ask->n_effective, ask->n_synthetic, ask->share, &n_real));
    if (isnan(n_real)) {
        return mad_fail(ctx, MAD_E_FAILED, "admissible: no n_real up to %g reaches n_e %.0f%s",
                        MAD_POLICY_MAX_ROWS, ask->n_effective,
                        p->lam < 1.0 ? ": the bias alone keeps the loop further away" : "");
    }
    MAD_TRY(check_rows(ctx, p, n_real));
    const double other =
        isnan(ask->n_synthetic) ? n_real * (1.0 - ask->share) / ask->share : ask->n_synthetic;
    MAD_TRY(mad_policy_rows(ctx, p, n_real, other, &rows));
    if (as_json) {
        json_t *root =
            json_pack("{s:s, s:o, s:o, s:I, s:o, s:o}", "question", "least", "n_effective",
                      mad_json_number(ask->n_effective), "n_synthetic", mad_json_number(other),
                      "n_real", (json_int_t)n_real, "n_effective_there", mad_json_number(rows),
                      "real_weight", mad_json_number(weight_at(p, n_real, other)));
        put_common(root, p);
        return mad_print_json(ctx, root);
    }
    printf("least n_real a generation  %.0f\n  for n_e >= %.0f beside %.0f synthetic rows, dim %g, "
           "bias %g\n  n_e there                %.6g\n",
           n_real, ask->n_effective, other, p->dim, p->lam, rows);
    print_basis(p);
out:
    return st;
}

static mad_status answer_worth(mad_ctx *ctx, const mad_policy *p, const mad_closed_ask *ask,
                               int as_json)
{
    double rows;
    mad_status st = MAD_OK;
    MAD_TRY(mad_policy_rows(ctx, p, ask->n_real, ask->n_synthetic, &rows));
    if (isnan(rows)) {
        return mad_fail(ctx, MAD_E_UNSUPPORTED,
                        "admissible: the expansion in 1/n does not hold at these sizes");
    }
    const int admissible = rows >= ask->target * ask->n_real;
    if (as_json) {
        json_t *root = json_pack(
            "{s:s, s:o, s:o, s:o, s:o, s:o, s:b, s:o}", "question", "worth", "n_real",
            mad_json_number(ask->n_real), "n_synthetic", mad_json_number(ask->n_synthetic),
            "target", mad_json_number(ask->target), "n_effective", mad_json_number(rows), "gain",
            mad_json_number(rows / ask->n_real), "admissible", admissible, "real_weight",
            mad_json_number(weight_at(p, ask->n_real, ask->n_synthetic)));
        put_common(root, p);
        return mad_print_json(ctx, root);
    }
    printf("n_e/n_r  %.4g: %s\n  n_real %.0f, n_synthetic %.0f, dim %g, bias %g, target %g\n",
           rows / ask->n_real, admissible ? "admissible" : "not admissible", ask->n_real,
           ask->n_synthetic, p->dim, p->lam, ask->target);
    printf("formula: %s\nassumes: %s\n", formula_of(p), assumptions);
out:
    return st;
}

mad_status mad_closed_answer(mad_app *app, const mad_closed_ask *ask, int as_json)
{
    mad_policy policy;
    mad_status st = MAD_OK;
    MAD_TRY(take_policy(app->ctx, ask, &policy));
    if (!isnan(ask->n_effective)) {
        st = answer_real(app->ctx, &policy, ask, as_json);
    } else if (!isnan(ask->n_synthetic)) {
        st = answer_worth(app->ctx, &policy, ask, as_json);
    } else {
        st = answer_sizes(app->ctx, &policy, ask->n_real, ask->target, as_json);
    }
out:
    return st;
}

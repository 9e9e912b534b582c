/* analysis/theory/recursion.c: the second-moment recursion offered as closed forms. */
#include <math.h>

#include "analysis/theory/conditions.h"
#include "analysis/theory/second_moments.h"
#include "sim/iface/theory.h"

static double trace(size_t dim, const double *cov)
{
    double sum = 0.0;

    for (size_t i = 0; i < dim; i++) {
        sum += cov[i * dim + i];
    }
    return sum;
}

/* The rule of a model whose law has the mean and (up to a gain) the covariance of its rows. */
static int rule_of(const mad_setting *setting, mad_second_rule *rule)
{
    const mad_world_info *info = &setting->world->info;
    double lam = mad_theory_lam(setting);

    if (info->kind != MAD_WORLD_CONTINUOUS || info->mean == NULL || info->cov == NULL ||
        !mad_theory_has_iid_rows(setting) || isnan(lam) ||
        !mad_second_moments_walkable(setting->loop, setting->n_generations)) {
        return 0;
    }
    *rule = (mad_second_rule){.trace0 = trace(info->dim, info->cov), .lam = lam};
    if (mad_theory_uses_model(setting, "gauss")) {
        const mad_value *ddof = mad_get(setting->model_values, "ddof");

        rule->ddof = ddof->text[0] == 'u';
        return 1;
    }
    if (mad_theory_uses_model(setting, "kde")) {
        const mad_value *bandwidth = mad_get(setting->model_values, "bandwidth");

        if (bandwidth->text[0] == 's') {
            rule->silverman_dim = info->dim;
        } else {
            rule->add = (double)info->dim * bandwidth->number * bandwidth->number;
        }
        return 1;
    }
    return 0;
}

static int moments_apply(const mad_setting *setting)
{
    mad_second_rule rule;

    return rule_of(setting, &rule);
}

/* One of the two results goes to the caller, the other to scratch. */
static mad_status walk(mad_ctx *ctx, const mad_setting *setting, const mad_second_rule *rule,
                       double *drift, double *spread)
{
    mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    double *other = mad_arena_take(ctx->scratch, setting->n_generations, sizeof *other);
    mad_status st;

    if (other == NULL) {
        return mad_fail_memory(ctx, "a theory curve");
    }
    st = mad_second_moments(ctx, setting->loop, setting->n_generations, rule,
                            drift != NULL ? drift : other, spread != NULL ? spread : other);
    mad_arena_release(ctx->scratch, mark);
    return st;
}

static mad_status trace_curve(mad_ctx *ctx, const mad_setting *setting, double *value)
{
    mad_second_rule rule;

    MAD_ASSERT(rule_of(setting, &rule));
    return walk(ctx, setting, &rule, NULL, value);
}

static mad_status mean_error_sq_curve(mad_ctx *ctx, const mad_setting *setting, double *value)
{
    mad_second_rule rule;

    MAD_ASSERT(rule_of(setting, &rule));
    return walk(ctx, setting, &rule, value, NULL);
}

#define MOMENTS_ASSUMPTIONS                                                                        \
    "independent real rows of a world with known moments; model gauss or kde; bias none, "         \
    "shrink, or temperature on gauss; at most 1024 blocks and models alive at once"

const mad_theory_type mad_theory_trace = {
    .name = "second-moments-trace",
    .metric = "trace",
    .statement = "E tr Sigma_t = gain (A_t - M_t) + dim h^2, with A_t the mean second moment of a "
                 "training row and M_t = E |training mean - mu_0|^2, by linear recursion over the "
                 "plan (replace: lam^(t-1) tr Sigma_0, times ((n-1)/n)^t for ML)",
    .assumptions = MOMENTS_ASSUMPTIONS,
    .ref = "Alemohammad et al. 2024 (arXiv:2307.01850), Eq. 1; Kazdan et al. 2024 "
           "(arXiv:2410.16713); recursion of this project",
    .exact = 1,
    .applies = moments_apply,
    .curve = trace_curve,
};

const mad_theory_type mad_theory_mean_error_sq = {
    .name = "second-moments-mean",
    .metric = "mean_error_sq",
    .statement = "E |mu_t - mu_0|^2 = M_t, the expected square of the training mean, by linear "
                 "recursion over the plan (replace, lam = 1, unbiased: t tr Sigma_0 / n)",
    .assumptions = MOMENTS_ASSUMPTIONS,
    .ref = "Alemohammad et al. 2024 (arXiv:2307.01850), Eq. 1; Shumailov et al. 2024 "
           "(arXiv:2305.17493); recursion of this project",
    .exact = 1,
    .applies = moments_apply,
    .curve = mean_error_sq_curve,
};

/* ---- categories: one-hot rows have trace 1 - sum p^2 ---------------------------------------- */

static int categories_rule(const mad_setting *setting, mad_second_rule *rule)
{
    const mad_world_info *info = &setting->world->info;
    double sum_sq = 0.0;

    if (info->kind != MAD_WORLD_CATEGORICAL || info->category_p == NULL ||
        !mad_theory_has_iid_rows(setting) || !mad_theory_uses_model(setting, "categorical") ||
        mad_theory_lam(setting) != 1.0 ||
        !mad_second_moments_walkable(setting->loop, setting->n_generations)) {
        return 0;
    }
    for (size_t i = 0; i < info->n_categories; i++) {
        sum_sq += info->category_p[i] * info->category_p[i];
    }
    *rule = (mad_second_rule){.trace0 = 1.0 - sum_sq, .lam = 1.0};
    return 1;
}

static int heterozygosity_applies(const mad_setting *setting)
{
    mad_second_rule rule;

    return categories_rule(setting, &rule);
}

static mad_status heterozygosity_curve(mad_ctx *ctx, const mad_setting *setting, double *value)
{
    mad_second_rule rule;

    MAD_ASSERT(categories_rule(setting, &rule));
    return walk(ctx, setting, &rule, NULL, value);
}

const mad_theory_type mad_theory_heterozygosity = {
    .name = "second-moments-heterozygosity",
    .metric = "heterozygosity",
    .statement = "E (1 - sum p_i^2) by the second-moment recursion of one-hot rows (replace: H_0 "
                 "(1 - 1/n)^t; accumulate: H_0 prod (1 - 1/(n i^2)))",
    .assumptions = "independent real rows of a categorical world; model categorical; no bias; at "
                   "most 1024 blocks and models alive at once",
    .ref = "Ewens 2004, section 1.4 (Wright-Fisher); recursion of this project",
    .exact = 1,
    .applies = heterozygosity_applies,
    .curve = heterozygosity_curve,
};

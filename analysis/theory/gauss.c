/* analysis/theory/gauss.c: Gaussian chains in closed form, and the Frechet distance of any policy.
 */
#include "analysis/theory/gauss.h"

#include <math.h>

#include "analysis/theory/conditions.h"
#include "analysis/theory/second_moments.h"
#include "sim/iface/theory.h"
#include "sim/num/gauss_error.h"
#include "sim/num/linalg.h"
#include "sim/num/stats.h"

extern const mad_theory_type mad_theory_trace, mad_theory_mean_error_sq; /* recursion.c */

double mad_gauss_log_det_step(size_t n_rows, size_t dim, int ddof)
{
    double n = (double)n_rows, sum = 0.0;

    for (size_t j = 1; j <= dim; j++) {
        sum += mad_digamma((n - (double)j) / 2.0) + log(2.0 / (n - (double)ddof));
    }
    return sum;
}

double mad_gauss_log_det_var(size_t n_rows, size_t dim)
{
    double sum = 0.0;

    for (size_t j = 1; j <= dim; j++) {
        sum += mad_trigamma(((double)n_rows - (double)j) / 2.0);
    }
    return sum;
}

double mad_gauss_log_sd_step(size_t n_rows, int ddof)
{
    double n = (double)n_rows;

    return mad_log_c4(n) + (ddof == 0 ? 0.5 * log((n - 1.0) / n) : 0.0);
}

mad_status mad_gauss_spread_cost(mad_ctx *ctx, size_t dim, const double *cov, double *out)
{
    mad_status st = MAD_OK;
    mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    double *s = mad_arena_take(ctx->scratch, dim, sizeof *s), sum = 0.0;

    if (s == NULL) {
        return mad_fail_memory(ctx, "eigenvalues");
    }
    MAD_TRY(mad_eigen_sym(ctx, dim, cov, s, NULL));
    for (size_t i = 0; i < dim; i++) {
        sum += 0.5 * s[i];
        for (size_t j = 0; j < i; j++) {
            sum += s[i] + s[j] > 0.0 ? s[i] * s[j] / (s[i] + s[j]) : 0.0;
        }
    }
    *out = sum;
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

static int ddof_of(const mad_setting *setting)
{
    return mad_get_text(setting->model_values, "ddof")[0] == 'u';
}

/* ---- chains: fully synthetic, replaced ------------------------------------------------------ */

static int chain_applies(const mad_setting *setting)
{
    size_t dim = setting->world->info.dim;

    if (!mad_theory_uses_world(setting, "gauss") || !mad_theory_uses_model(setting, "gauss") ||
        isnan(mad_theory_lam(setting)) || !mad_theory_is_chain(setting)) {
        return 0;
    }
    for (size_t t = 1; t <= setting->n_generations; t++) {
        if (mad_theory_n_new(setting, t) <= dim) {
            return 0; /* singular at once */
        }
    }
    return 1;
}

static mad_status log_det_curve(mad_ctx *ctx, const mad_setting *setting, double *value)
{
    const mad_world_info *info = &setting->world->info;
    double log_lam = log(mad_theory_lam(setting)), log_det;
    mad_status st = mad_log_det_sym(ctx, info->dim, info->cov, &log_det);

    if (st != MAD_OK) {
        return st;
    }
    for (size_t t = 1; t <= setting->n_generations; t++) {
        log_det +=
            mad_gauss_log_det_step(mad_theory_n_new(setting, t), info->dim, ddof_of(setting));
        value[t - 1] = log_det + (double)(t - 1) * (double)info->dim * log_lam;
    }
    return MAD_OK;
}

const mad_theory_type mad_theory_gauss_log_det = {
    .name = "gauss-log-det",
    .metric = "log_det",
    .statement = "E ln det Sigma_t = ln det Sigma_0 + (t-1) d ln lam + sum over fits and j = 1..d "
                 "of [psi((n-j)/2) + ln(2/(n-ddof))]",
    .assumptions =
        "Gaussian world and model, fully synthetic, old rows replaced, newest model "
        "only; bias none, shrink or temperature; n > d. In several dimensions the measure "
        "turns -inf once the condition number passes 1e12, this curve does not",
    .ref = "Bartlett decomposition of a Wishart matrix; Alemohammad et al. 2024 "
           "(arXiv:2307.01850), Eq. 1",
    .exact = 1,
    .applies = chain_applies,
    .curve = log_det_curve,
};

static int line_applies(const mad_setting *setting)
{
    return setting->world->info.dim == 1 && chain_applies(setting) &&
           mad_theory_mean_error_sq.applies(setting);
}

/* E W2^2 = Var mu_t + E sigma_t^2 - 2 sigma_0 E sigma_t + sigma_0^2. */
static mad_status line_curve(mad_ctx *ctx, const mad_setting *setting, double *value)
{
    mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    double *spread = mad_arena_take(ctx->scratch, setting->n_generations, sizeof *spread);
    double sd0 = sqrt(setting->world->info.cov[0]), log_sd = 0.0;
    double log_lam = log(mad_theory_lam(setting));
    mad_status st = MAD_OK;

    if (spread == NULL) {
        return mad_fail_memory(ctx, "a theory curve");
    }
    MAD_TRY(mad_theory_mean_error_sq.curve(ctx, setting, value));
    MAD_TRY(mad_theory_trace.curve(ctx, setting, spread));
    for (size_t t = 1; t <= setting->n_generations; t++) {
        log_sd += mad_gauss_log_sd_step(mad_theory_n_new(setting, t), ddof_of(setting));
        value[t - 1] += spread[t - 1] + sd0 * sd0 -
                        2.0 * sd0 * sd0 * exp(log_sd + 0.5 * (double)(t - 1) * log_lam);
    }
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

const mad_theory_type mad_theory_gauss_frechet_line = {
    .name = "gauss-frechet-1d",
    .metric = "frechet",
    .statement = "E W2^2 = Var mu_t + E sigma_t^2 - 2 sigma_0 E sigma_t + sigma_0^2 with E sigma_t "
                 "= sigma_0 lam^((t-1)/2) prod c4(n); unbiased, lam = 1: sigma_0^2 (t/n + 2 - 2 "
                 "c4^t)",
    .assumptions = "one-dimensional Gaussian world and model, fully synthetic, old rows replaced, "
                   "newest model only; bias none, shrink or temperature",
    .ref = "Shumailov et al. 2024 (arXiv:2305.17493), whose first order is 1.5 sigma_0^2 t/n",
    .exact = 1,
    .applies = line_applies,
    .curve = line_curve,
};

/* ---- any policy, leading order in 1/n -------------------------------------------------------- */

static int frechet_applies(const mad_setting *setting)
{
    return mad_theory_uses_world(setting, "gauss") && mad_theory_uses_model(setting, "gauss") &&
           mad_theory_trace.applies(setting) && !mad_theory_has_budget(setting);
}

static mad_status frechet_curve(mad_ctx *ctx, const mad_setting *setting, double *value)
{
    const mad_world_info *info = &setting->world->info;
    double lam = mad_theory_lam(setting), cost = 0.0, trace0 = 0.0;
    size_t n_gens = setting->n_generations;
    mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    double *s = mad_arena_take(ctx->scratch, n_gens, sizeof *s);
    double *row_variance = mad_arena_take(ctx->scratch, n_gens, sizeof *row_variance);
    double *phi = mad_arena_take(ctx->scratch, n_gens, sizeof *phi);
    double *unused = mad_arena_take(ctx->scratch, n_gens, sizeof *unused);
    const mad_second_rule rule = {.trace0 = 1.0, .row_variance = row_variance, .carry = lam};
    mad_status st = MAD_OK;

    if (s == NULL || row_variance == NULL || phi == NULL || unused == NULL) {
        return mad_fail_memory(ctx, "a theory curve");
    }
    for (size_t j = 0; j < info->dim; j++) {
        trace0 += info->cov[j * info->dim + j];
    }
    MAD_TRY(mad_gauss_spread_cost(ctx, info->dim, info->cov, &cost));
    MAD_TRY(mad_theory_mean_error_sq.curve(ctx, setting, value));
    MAD_TRY(mad_theory_trace.curve(ctx, setting, s));
    for (size_t t = 0; t < n_gens; t++) {
        row_variance[t] = pow(lam * s[t] / trace0, 2.0);
    }
    MAD_TRY(mad_second_moments(ctx, setting->loop, n_gens, &rule, phi, unused));
    for (size_t t = 0; t < n_gens; t++) {
        value[t] =
            mad_gauss_error((double)info->dim, trace0, cost, value[t], s[t] / trace0, phi[t]);
    }
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

const mad_theory_type mad_theory_gauss_frechet = {
    .name = "gauss-frechet",
    .metric = "frechet",
    .statement = "E W2^2 ~ (1 - sqrt s)^2 tr Sigma_0 + V + (phi / 2 s^1.5) [tr Sigma_0 + "
                 "sum_{i!=j} s_i s_j/(s_i+s_j)]: E Sigma_t = s Sigma_0, V = E |mu_t - mu_0|^2, "
                 "s_i the eigenvalues of Sigma_0, phi the recursion's fluctuation of Sigma_t",
    .assumptions = "Gaussian world and model, any data policy without a budget, bias none, "
                   "shrink or temperature; leading order in 1/n, shown while (d + 1) phi <= s^2/2",
    .ref = "Alemohammad et al. 2024 (arXiv:2307.01850), Eq. 3 and 4; expansion of this project",
    .exact = 0,
    .applies = frechet_applies,
    .curve = frechet_curve,
};

/* analysis/theory/regression.c: excess risk |w_t - w*|^2 of least squares on N(0, I_d) features.
 *
 * One fit on T rows of (x, w.x + s e) adds noise to w of expected square
 *   T > d + 1   s^2 d / (T - d - 1)       E tr (X^T X)^-1
 *   T < d - 1   s^2 T / (d - T - 1)       minimum norm; w is first projected on the T rows
 *   otherwise   infinite unless s = 0
 */
#include <math.h>
#include <string.h>

#include "analysis/theory/conditions.h"
#include "sim/iface/theory.h"

typedef struct law {
    double d, noise_sq, norm_sq; /* features; s^2; |w*|^2 */
} law;

static int law_of(const mad_setting *setting, law *out)
{
    const mad_world_info *info = &setting->world->info;
    size_t n = info->dim - 1;

    if (info->kind != MAD_WORLD_REGRESSION || info->cov == NULL ||
        !mad_theory_uses_world(setting, "regression") ||
        !mad_theory_uses_model(setting, "linear") || mad_theory_lam(setting) != 1.0) {
        return 0;
    }
    out->d = (double)n;
    out->norm_sq = 0.0;
    for (size_t j = 0; j < n; j++) {
        out->norm_sq += info->cov[n * info->dim + j] * info->cov[n * info->dim + j];
    }
    out->noise_sq = mad_get_real(setting->world_values, "noise");
    out->noise_sq *= out->noise_sq;
    return 1;
}

static int is_reused(const mad_setting *setting)
{
    return strcmp(mad_get_text(setting->model_values, "design"), "reused") == 0;
}

static double fit_noise(const law *l, double n_rows)
{
    if (l->noise_sq == 0.0) {
        return 0.0;
    }
    if (n_rows > l->d + 1.0) {
        return l->noise_sq * l->d / (n_rows - l->d - 1.0);
    }
    return n_rows < l->d - 1.0 ? l->noise_sq * n_rows / (l->d - n_rows - 1.0) : (double)INFINITY;
}

static int equal_sizes(const mad_setting *setting)
{
    size_t first = mad_theory_n_initial(setting);

    for (size_t t = 2; t <= setting->n_generations; t++) {
        if (mad_theory_n_new(setting, t) != first) {
            return 0;
        }
    }
    return 1;
}

/* ---- chain: every generation on the last one's rows ------------------------------------------ */

static int chain_applies(const mad_setting *setting)
{
    law l;

    if (!law_of(setting, &l) || !mad_theory_is_chain(setting) ||
        (is_reused(setting) && !equal_sizes(setting))) {
        return 0;
    }
    for (size_t t = 1; t <= setting->n_generations; t++) {
        if (!isfinite(fit_noise(&l, (double)mad_theory_n_new(setting, t)))) {
            return 0;
        }
    }
    return 1;
}

/* a = E |w_t|^2 and c = E <w_t, w*>: a fresh projection on T of d directions shrinks both by T/d;
 * on a reused design only the first one does. */
static mad_status chain_curve(mad_ctx *ctx, const mad_setting *setting, double *value)
{
    law l;
    double a, c;

    (void)ctx;
    MAD_ASSERT(law_of(setting, &l));
    a = c = l.norm_sq;
    for (size_t t = 1; t <= setting->n_generations; t++) {
        double n_rows = (double)mad_theory_n_new(setting, t), kept = fmin(n_rows / l.d, 1.0);

        if (t == 1 || !is_reused(setting)) {
            a *= kept;
            c *= kept;
        }
        a += fit_noise(&l, n_rows);
        value[t - 1] = a - 2.0 * c + l.norm_sq;
    }
    return MAD_OK;
}

const mad_theory_type mad_theory_regression_chain = {
    .name = "regression-replace",
    .metric = "excess_risk",
    .statement = "E |w_t - w*|^2 = sum over fits of s^2 d/(T - d - 1) for T > d + 1; for T < d - 1 "
                 "a_t - 2 c_t + |w*|^2, a_t = (T/d) a_(t-1) + s^2 T/(d - T - 1), c_t = (T/d)^t "
                 "|w*|^2",
    .assumptions = "normal features, least squares (minimum norm), fully synthetic, old rows "
                   "replaced, newest model only; a reused design needs equal sizes",
    .ref = "Gerstgrasser et al. 2024 (arXiv:2404.01413); Dohmatob et al. 2024 (arXiv:2402.07712)",
    .exact = 1,
    .applies = chain_applies,
    .curve = chain_curve,
};

/* ---- accumulate: w_t - w_(t-1) is the new block's noise seen by all rows ----------------------
 */

static int accumulate_applies(const mad_setting *setting)
{
    law l;

    return law_of(setting, &l) && mad_theory_is_accumulate(setting) &&
           (double)mad_theory_n_initial(setting) > l.d + 1.0 &&
           (!is_reused(setting) || equal_sizes(setting));
}

static mad_status accumulate_curve(mad_ctx *ctx, const mad_setting *setting, double *value)
{
    law l;
    double n_all = 0.0, risk = 0.0, first = (double)mad_theory_n_initial(setting);

    (void)ctx;
    MAD_ASSERT(law_of(setting, &l));
    for (size_t t = 1; t <= setting->n_generations; t++) {
        double n_new = (double)mad_theory_n_new(setting, t), share;

        n_all += n_new;
        share = n_new / n_all;
        risk += is_reused(setting) ? share * share * fit_noise(&l, first)
                                   : share * fit_noise(&l, n_all);
        value[t - 1] = risk;
    }
    return MAD_OK;
}

const mad_theory_type mad_theory_regression_accumulate = {
    .name = "regression-accumulate",
    .metric = "excess_risk",
    .statement = "E |w_t - w*|^2 = sum_{i<=t} s^2 (n_i/N_i) d/(N_i - d - 1) with N_i all rows of "
                 "generation i; reused design: s^2 d/(T - d - 1) sum_{i<=t} 1/i^2",
    .assumptions = "normal features, least squares, the real rows of generation 1 and all "
                   "synthetic blocks kept, newest model only, more than d + 1 real rows; a reused "
                   "design needs equal sizes",
    .ref = "Gerstgrasser et al. 2024 (arXiv:2404.01413), whose code reuses the design",
    .exact = 1,
    .applies = accumulate_applies,
    .curve = accumulate_curve,
};

/* analysis/theory/categories.c: how many categories a fully synthetic loop still draws. Categories
 * are exchangeable once their counts are known, so one vector of expected numbers per count serves
 * all of them. */
#include <math.h>
#include <string.h>

#include "analysis/theory/conditions.h"
#include "analysis/theory/wright_fisher.h"
#include "sim/iface/theory.h"

#define MAX_WORK 4e9 /* binomial terms of a whole curve */

static double binomial_mode(size_t n, size_t k, double p)
{
    int sign;
    double x = (double)n, y = (double)k;

    return exp(lgamma_r(x + 1.0, &sign) - lgamma_r(y + 1.0, &sign) - lgamma_r(x - y + 1.0, &sign) +
               y * log(p) + (x - y) * log1p(-p));
}

void mad_binomial_add(size_t n, double p, double mass, double *out)
{
    size_t mode = (size_t)floor(((double)n + 1.0) * p);
    double odds = p / (1.0 - p), top, term;

    if (p <= 0.0 || p >= 1.0) {
        out[p <= 0.0 ? 0 : n] += mass;
        return;
    }
    mode = mode > n ? n : mode;
    top = binomial_mode(n, mode, p);
    out[mode] += mass * top;
    term = top;
    for (size_t j = mode; j < n && term > 1e-18 * top; j++) {
        term *= (double)(n - j) / (double)(j + 1) * odds;
        out[j + 1] += mass * term;
    }
    term = top;
    for (size_t j = mode; j > 0 && term > 1e-18 * top; j--) {
        term *= (double)j / (double)(n - j + 1) / odds;
        out[j - 1] += mass * term;
    }
}

void mad_wright_fisher_step(size_t n_old, const double *counts, size_t n_new, double *out)
{
    memset(out, 0, (n_new + 1) * sizeof *out);
    for (size_t i = 0; i <= n_old; i++) {
        if (counts[i] > 0.0) {
            mad_binomial_add(n_new, (double)i / (double)n_old, counts[i], out);
        }
    }
}

static size_t largest_n(const mad_setting *setting)
{
    size_t n = 0;

    for (size_t t = 1; t <= setting->n_generations; t++) {
        size_t n_t = mad_theory_n_new(setting, t);

        n = n_t > n ? n_t : n;
    }
    return n;
}

static int applies(const mad_setting *setting)
{
    const mad_world_info *info = &setting->world->info;
    double n;

    if (info->kind != MAD_WORLD_CATEGORICAL || info->category_p == NULL ||
        !mad_theory_has_iid_rows(setting) || !mad_theory_uses_model(setting, "categorical") ||
        mad_theory_lam(setting) != 1.0 || !mad_theory_is_chain(setting)) {
        return 0;
    }
    n = (double)largest_n(setting); /* a binomial row has about 9 sqrt(n) terms */
    return 9.0 * n * sqrt(n) * (double)setting->n_generations <= MAX_WORK;
}

static mad_status curve(mad_ctx *ctx, const mad_setting *setting, double *value)
{
    const mad_world_info *info = &setting->world->info;
    mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    size_t n_max = largest_n(setting), n_old = 0;
    double *now = mad_arena_take(ctx->scratch, n_max + 1, sizeof *now);
    double *next = mad_arena_take(ctx->scratch, n_max + 1, sizeof *next);
    mad_status st = MAD_OK;

    if (now == NULL || next == NULL) {
        return mad_fail_memory(ctx, "a theory curve");
    }
    for (size_t t = 1; t <= setting->n_generations; t++) {
        size_t n_new = mad_theory_n_new(setting, t);
        double *swap = now;

        if (t == 1) {
            for (size_t i = 0; i < info->n_categories; i++) {
                mad_binomial_add(n_new, info->category_p[i], 1.0, next);
            }
        } else {
            mad_wright_fisher_step(n_old, now, n_new, next);
        }
        now = next;
        next = swap;
        n_old = n_new;
        value[t - 1] = 0.0;
        for (size_t i = n_new; i >= 1; i--) {
            value[t - 1] += now[i];
        }
        MAD_TRY(mad_ctx_poll(ctx));
    }
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

const mad_theory_type mad_theory_categories_alive = {
    .name = "wright-fisher-alive",
    .metric = "modes_covered",
    .statement = "E #{i: p_i > 0} = sum over categories of P(count > 0), counts moving by "
                 "Binomial(n, i/n) every generation",
    .assumptions = "categorical world and model, fully synthetic, old rows replaced, newest model "
                   "only, no bias",
    .ref = "Wright 1931; Fisher 1930; Ewens 2004, section 1.4",
    .exact = 1,
    .applies = applies,
    .curve = curve,
};

/* analysis/metrics/categories.c: categorical worlds: modes, entropy and heterozygosity of p. */
#include <math.h>

#include "analysis/metrics/shared.h"
#include "sim/iface/metric.h"

/* Of the model's law, and of rows drawn from it. */
enum { COVERED, MODE_KL, MODE_JSD, MODE_TV, ENTROPY, NORMALISED, EXPONENTIAL, HETEROZYGOSITY };
enum { MILLER_MADOW, SEEN, MISSING_MASS };

static const mad_metric_output outputs[] = {
    [COVERED] = {.name = "modes_covered",
                 .long_name = "number of categories the model can still produce",
                 .units = "1",
                 .direction = "higher",
                 .definition = "categories with p > 0",
                 .reference = "Lin et al. 2018 (PacGAN), arXiv:1712.04086"},
    [MODE_KL] = {.name = "mode_kl_fake_true",
                 .is_infinite = 1,
                 .long_name = "KL divergence of the model's probabilities from the true ones",
                 .units = "nats",
                 .direction = "lower",
                 .definition = "sum p ln(p / w), p = the model's, w = the world's probabilities, "
                               "no smoothing",
                 .reference = "Lin et al. 2018 (PacGAN), arXiv:1712.04086"},
    [MODE_JSD] = {.name = "mode_jsd",
                  .long_name = "Jensen-Shannon divergence of the model's and the true "
                               "probabilities",
                  .units = "nats",
                  .direction = "lower",
                  .definition = "(KL(p | c) + KL(w | c)) / 2, c = (p + w) / 2, p = the model's, w "
                                "= the world's probabilities; at most ln 2",
                  .reference = "Lin 1991, IEEE Trans. Inf. Theory 37:145"},
    [MODE_TV] = {.name = "mode_tv",
                 .long_name = "total variation distance of the model's and the true probabilities",
                 .units = "1",
                 .direction = "lower",
                 .definition = "sum |p - w| / 2, p = the model's, w = the world's probabilities",
                 .reference = "Levin & Peres 2017, Markov Chains and Mixing Times, Prop. 4.2"},
    [ENTROPY] = {.name = "class_entropy",
                 .long_name = "entropy of the model's probabilities",
                 .units = "nats",
                 .direction = "target",
                 .definition = "- sum p ln p (of sampled frequencies: plug-in, biased by about "
                               "-(K - 1) / (2 n))",
                 .reference = "Shannon 1948, Bell Syst. Tech. J. 27:379; Miller 1955"},
    [NORMALISED] = {.name = "class_entropy_normalised",
                    .long_name = "entropy of the model's probabilities over ln K",
                    .units = "1",
                    .direction = "target",
                    .definition = "class_entropy / ln K, K = all categories",
                    .reference = "Shannon 1948, Bell Syst. Tech. J. 27:379",
                    .undefined = "where there is one category only"},
    [EXPONENTIAL] = {.name = "class_entropy_exp",
                     .long_name = "effective number of the model's categories",
                     .units = "1",
                     .direction = "target",
                     .definition = "exp(class_entropy)",
                     .reference = "Hill 1973, Ecology 54:427 (order 1)"},
    [HETEROZYGOSITY] = {.name = "heterozygosity",
                        .long_name = "probability that two draws of the model differ",
                        .units = "1",
                        .direction = "target",
                        .definition = "1 - sum p^2 (of sampled frequencies: expectation smaller "
                                      "by the factor 1 - 1/n)",
                        .reference = "Nei 1973, PNAS 70:3321"},
    {.name = NULL},
};

static const double *truth_of(const mad_metric_in *in)
{
    return in->world->category_p != NULL ? in->world->category_p : in->real_p;
}

static mad_status eval(mad_ctx *ctx, const mad_metric_in *in, double *values)
{
    (void)ctx;
    const size_t n = in->world->n_categories;
    const double *p = in->fake_p;
    const double *truth = truth_of(in);
    size_t n_covered = 0;
    double squares = 0.0;
    for (size_t k = 0; k < n; k++) {
        n_covered += p[k] > 0.0;
        squares += p[k] * p[k];
    }
    values[COVERED] = (double)n_covered;
    values[MODE_KL] = mad_kl(n, p, truth);
    values[MODE_JSD] = mad_jsd(n, p, truth);
    values[MODE_TV] = mad_total_variation(n, p, truth);
    values[ENTROPY] = mad_entropy(n, p);
    values[NORMALISED] = n > 1 ? values[ENTROPY] / log((double)n) : (double)NAN;
    values[EXPONENTIAL] = exp(values[ENTROPY]);
    values[HETEROZYGOSITY] = 1.0 - squares;
    return MAD_OK;
}

const mad_metric_type mad_metric_categories = {
    .name = "categories",
    .doc = "categories left, their entropy, heterozygosity and divergence from the truth",
    .needs = MAD_NEEDS_CATEGORIES,
    .worlds = 1u << MAD_WORLD_CATEGORICAL,
    .outputs = outputs,
    .min_rows = mad_rows_one,
    .eval = eval,
};

static const mad_metric_output row_outputs[] = {
    [MILLER_MADOW] = {.name = "class_entropy_miller_madow",
                      .long_name = "entropy of the model's categories, corrected for the number of "
                                   "rows",
                      .units = "nats",
                      .direction = "target",
                      .estimator = "Miller-Madow",
                      .definition = "- sum h ln h + (m - 1) / (2 n), h = shares of the categories "
                                    "of n model rows, m of them above 0",
                      .reference = "Miller 1955, in Information Theory in Psychology, p. 95"},
    [SEEN] = {.name = "categories_seen",
              .long_name = "number of categories among the model's rows",
              .units = "1",
              .direction = "target",
              .definition = "categories of which a row is; of n real rows sum_k (1 - (1 - w_k)^n) "
                            "are expected, w = the world's probabilities",
              .reference = "coupon collector, Feller 1968, vol. 1, ch. IV"},
    [MISSING_MASS] = {.name = "missing_mass",
                      .long_name = "true probability of the categories not among the model's rows",
                      .units = "1",
                      .direction = "target",
                      .definition = "sum of w over the categories of which no row is, w = the "
                                    "world's probabilities; of n real rows sum_k w_k (1 - w_k)^n "
                                    "is expected",
                      .reference = "Good 1953, Biometrika 40:237"},
    {.name = NULL},
};

static mad_status eval_rows(mad_ctx *ctx, const mad_metric_in *in, double *values)
{
    const size_t n = in->world->n_categories, n_rows = in->fake->n_rows;
    const double *truth = truth_of(in);
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    double *share = mad_arena_take(ctx->scratch, n, sizeof *share);
    if (share == NULL) {
        return mad_fail_memory(ctx, "the shares of the categories");
    }
    for (size_t i = 0; i < n_rows; i++) {
        share[(size_t)in->fake->x[i]] += 1.0;
    }
    values[SEEN] = values[MISSING_MASS] = 0.0;
    for (size_t k = 0; k < n; k++) {
        share[k] /= (double)n_rows;
        values[SEEN] += share[k] > 0.0;
        values[MISSING_MASS] += share[k] > 0.0 ? 0.0 : truth[k];
    }
    values[MILLER_MADOW] = mad_entropy(n, share) + mad_miller_madow(n, share, n_rows);
    mad_arena_release(ctx->scratch, mark);
    return MAD_OK;
}

/* By name: where the model's probabilities are known there is nothing to correct or to miss. */
const mad_metric_type mad_metric_category_rows = {
    .name = "category_rows",
    .doc = "categories among rows of the model, their corrected entropy, and those not seen",
    .needs = MAD_NEEDS_SAMPLES | MAD_NEEDS_CATEGORIES | MAD_BY_NAME,
    .worlds = 1u << MAD_WORLD_CATEGORICAL,
    .outputs = row_outputs,
    .min_rows = mad_rows_one,
    .eval = eval_rows,
};

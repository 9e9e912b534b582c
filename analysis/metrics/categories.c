/* analysis/metrics/categories.c: categorical worlds: modes, entropy and heterozygosity of p. */
#include <math.h>

#include "analysis/metrics/shared.h"
#include "sim/iface/metric.h"

enum { COVERED, MODE_KL, ENTROPY, NORMALISED, HETEROZYGOSITY };

static const mad_metric_output outputs[] = {
    [COVERED] = {.name = "modes_covered",
                 .long_name = "number of categories the model can still produce",
                 .units = "1",
                 .direction = "higher",
                 .definition = "categories with p > 0",
                 .reference = "Lin et al. 2018 (PacGAN), arXiv:1712.04086"},
    [MODE_KL] = {.name = "mode_kl_fake_true",
                 .long_name = "KL divergence of the model's probabilities from the true ones",
                 .units = "nats",
                 .direction = "lower",
                 .definition = "sum p ln(p / w), p = the model's, w = the world's probabilities, "
                               "no smoothing",
                 .reference = "Lin et al. 2018 (PacGAN), arXiv:1712.04086"},
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
    [HETEROZYGOSITY] = {.name = "heterozygosity",
                        .long_name = "probability that two draws of the model differ",
                        .units = "1",
                        .direction = "target",
                        .definition = "1 - sum p^2 (of sampled frequencies: expectation smaller "
                                      "by the factor 1 - 1/n)",
                        .reference = "Nei 1973, PNAS 70:3321"},
    {.name = NULL},
};

static mad_status eval(mad_ctx *ctx, const mad_metric_in *in, double *values)
{
    (void)ctx;
    const size_t n = in->world->n_categories;
    const double *p = in->fake_p;
    const double *truth = in->world->category_p != NULL ? in->world->category_p : in->real_p;
    size_t n_covered = 0;
    double squares = 0.0;
    for (size_t k = 0; k < n; k++) {
        n_covered += p[k] > 0.0;
        squares += p[k] * p[k];
    }
    values[COVERED] = (double)n_covered;
    values[MODE_KL] = mad_kl(n, p, truth);
    values[ENTROPY] = mad_entropy(n, p);
    values[NORMALISED] = n > 1 ? values[ENTROPY] / log((double)n) : (double)NAN;
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

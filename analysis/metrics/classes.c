/* analysis/metrics/classes.c: how the model's rows spread over the classes, evenly or as the true
 * shares say. */
#include <math.h>

#include "analysis/metrics/shared.h"
#include "sim/iface/metric.h"

enum { ENTROPY, NORMALISED, EXPONENTIAL, MILLER_MADOW, CLASS_KL, CLASS_JSD, CLASS_TV };

static const mad_metric_output outputs[] = {
    [ENTROPY] = {.name = "class_entropy",
                 .long_name = "entropy of the model's class shares",
                 .units = "nats",
                 .direction = "target",
                 .definition = "- sum h ln h, h = shares of the labels of model rows (plug-in: "
                               "biased by about -(K - 1) / (2 n))",
                 .reference = "Shannon 1948, Bell Syst. Tech. J. 27:379; Miller 1955"},
    [NORMALISED] = {.name = "class_entropy_normalised",
                    .long_name = "entropy of the model's class shares over ln K",
                    .units = "1",
                    .direction = "target",
                    .definition = "class_entropy / ln K, K = all classes of the world",
                    .reference = "Shannon 1948, Bell Syst. Tech. J. 27:379",
                    .undefined = "where there is one class only"},
    [EXPONENTIAL] = {.name = "class_entropy_exp",
                     .long_name = "effective number of the model's classes",
                     .units = "1",
                     .direction = "target",
                     .definition = "exp(class_entropy)",
                     .reference = "Hill 1973, Ecology 54:427 (order 1)"},
    [MILLER_MADOW] = {.name = "class_entropy_miller_madow",
                      .long_name = "entropy of the model's classes, corrected for the number of "
                                   "rows",
                      .units = "nats",
                      .direction = "target",
                      .estimator = "Miller-Madow",
                      .definition =
                          "class_entropy + (m - 1) / (2 n), m = classes among the n model "
                          "rows",
                      .reference = "Miller 1955, in Information Theory in Psychology, p. 95"},
    [CLASS_KL] = {.name = "class_kl_fake_true",
                  .is_infinite = 1,
                  .long_name = "KL divergence of the model's class shares from the true ones",
                  .units = "nats",
                  .direction = "lower",
                  .definition = "sum h ln(h / p), h = shares of the labels of model rows, p = the "
                                "world's where it knows them, else those of real rows, no "
                                "smoothing; inf where the model has a class with p = 0",
                  .reference = "Kullback & Leibler 1951, Ann. Math. Stat. 22:79"},
    [CLASS_JSD] = {.name = "class_jsd",
                   .long_name =
                       "Jensen-Shannon divergence of the model's and the true class shares",
                   .units = "nats",
                   .direction = "lower",
                   .definition = "(KL(h | c) + KL(p | c)) / 2, c = (h + p) / 2, h and p as in "
                                 "class_kl_fake_true; at most ln 2",
                   .reference = "Lin 1991, IEEE Trans. Inf. Theory 37:145"},
    [CLASS_TV] = {.name = "class_tv",
                  .long_name = "total variation distance of the model's and the true class shares",
                  .units = "1",
                  .direction = "lower",
                  .definition = "sum |h - p| / 2, h and p as in class_kl_fake_true",
                  .reference = "Levin & Peres 2017, Markov Chains and Mixing Times, Prop. 4.2"},
    {.name = NULL},
};

static void count_shares(const mad_set *set, size_t n_classes, double *share)
{
    for (size_t i = 0; i < set->n_rows; i++) {
        share[set->label[i]] += 1.0;
    }
    for (size_t k = 0; k < n_classes; k++) {
        share[k] /= (double)set->n_rows;
    }
}

static mad_status eval(mad_ctx *ctx, const mad_metric_in *in, double *values)
{
    const size_t n_classes = in->world->n_classes;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    double *share = mad_arena_take(ctx->scratch, n_classes, sizeof *share);
    double *real_share = mad_arena_take(ctx->scratch, n_classes, sizeof *real_share);
    const double *const p = in->world->class_p != NULL ? in->world->class_p : real_share;
    if (share == NULL || real_share == NULL) {
        return mad_fail_memory(ctx, "the class shares");
    }
    count_shares(in->fake, n_classes, share);
    count_shares(in->real, n_classes, real_share);
    values[ENTROPY] = mad_entropy(n_classes, share);
    values[NORMALISED] = n_classes > 1 ? values[ENTROPY] / log((double)n_classes) : (double)NAN;
    values[EXPONENTIAL] = exp(values[ENTROPY]);
    values[MILLER_MADOW] = values[ENTROPY] + mad_miller_madow(n_classes, share, in->fake->n_rows);
    values[CLASS_KL] = mad_kl(n_classes, share, p);
    values[CLASS_JSD] = mad_jsd(n_classes, share, p);
    values[CLASS_TV] = mad_total_variation(n_classes, share, p);
    mad_arena_release(ctx->scratch, mark);
    return MAD_OK;
}

const mad_metric_type mad_metric_classes = {
    .name = "classes",
    .doc = "entropy of the labels the model gives, and how far their shares are from the true ones",
    .needs = MAD_NEEDS_SAMPLES | MAD_NEEDS_LABELS,
    .worlds = 1u << MAD_WORLD_CONTINUOUS,
    .outputs = outputs,
    .min_rows = mad_rows_one,
    .eval = eval,
};

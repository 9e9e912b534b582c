/* analysis/metrics/classes.c: how evenly the model's rows spread over the classes. */
#include <math.h>

#include "analysis/metrics/shared.h"
#include "sim/iface/metric.h"

enum { ENTROPY, NORMALISED };

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
    {.name = NULL},
};

static mad_status eval(mad_ctx *ctx, const mad_metric_in *in, double *values)
{
    const size_t n_classes = in->world->n_classes;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    double *share = mad_arena_take(ctx->scratch, n_classes, sizeof *share);
    if (share == NULL) {
        return mad_fail_memory(ctx, "the class shares");
    }
    for (size_t i = 0; i < in->fake->n_rows; i++) {
        share[in->fake->label[i]] += 1.0;
    }
    for (size_t k = 0; k < n_classes; k++) {
        share[k] /= (double)in->fake->n_rows;
    }
    values[ENTROPY] = mad_entropy(n_classes, share);
    values[NORMALISED] = n_classes > 1 ? values[ENTROPY] / log((double)n_classes) : (double)NAN;
    mad_arena_release(ctx->scratch, mark);
    return MAD_OK;
}

const mad_metric_type mad_metric_classes = {
    .name = "classes",
    .doc = "entropy of the labels the model gives",
    .needs = MAD_NEEDS_SAMPLES | MAD_NEEDS_LABELS,
    .worlds = 1u << MAD_WORLD_CONTINUOUS,
    .outputs = outputs,
    .min_rows = mad_rows_one,
    .eval = eval,
};

/* loops/channel/detector.c: a detector of synthetic rows drops what it takes for synthetic: synthetic
 * rows with probability tpr, real ones with fpr. A share p of real rows among p + q = 1 becomes
 *   p (1 - fpr) / (p (1 - fpr) + q (1 - tpr)). */
#include "loops/channel/draws.h"

static const mad_param params[] = {
    {.name = "tpr",
     .kind = MAD_PARAM_SCHEDULE,
     .fallback = "0.5",
     .min = 0,
     .max = 1,
     .doc = "true positive rate: probability that a synthetic row is dropped"},
    {.name = "fpr",
     .kind = MAD_PARAM_SCHEDULE,
     .fallback = "0",
     .min = 0,
     .max = 1,
     .doc = "false positive rate: probability that a real row is dropped"},
    {.name = NULL},
};

static const mad_report reports[] = {
    {"tpr", "1", "share of the synthetic rows that was dropped"},
    {"fpr", "1", "share of the real rows that was dropped"},
    {"kept", "1", "share of all rows that was kept"},
    {0},
};

/* A generation of which nothing is left. */
static mad_status check_rates(mad_ctx *ctx, const mad_setting *s, size_t generation)
{
    const double tpr = mad_get_at(s->channel_values, "tpr", generation, s->n_generations);
    const double fpr = mad_get_at(s->channel_values, "fpr", generation, s->n_generations);
    size_t n_real, n_synthetic;
    mad_status st = MAD_OK;
    MAD_TRY(mad_channel_plan(ctx, s, generation, &n_real, &n_synthetic));
    if ((tpr == 1.0 || n_synthetic == 0) && (fpr == 1.0 || n_real == 0)) {
        st = mad_fail(ctx, MAD_E_CONFIG,
                      "channel.tpr: %g and channel.fpr: %g drop every row: generation %zu has %zu "
                      "real and %zu synthetic ones (loop.family: '%s')",
                      tpr, fpr, generation, n_real, n_synthetic, s->loop->type->name);
    }
out:
    return st;
}

static mad_status check(mad_ctx *ctx, const mad_setting *s)
{
    size_t n_real, n_synthetic;
    mad_status st = MAD_OK;
    MAD_TRY(mad_channel_totals(ctx, s, &n_real, &n_synthetic));
    if (n_real + n_synthetic > 0) {
        MAD_TRY(mad_channel_refuse(
            ctx, s,
            (mad_key_use){"tpr", n_synthetic > 0,
                          "synthetic rows, of which loop.n_synthetic asks for none"}));
        MAD_TRY(mad_channel_refuse(
            ctx, s,
            (mad_key_use){"fpr", n_real > 0,
                          "real rows, which loop.family or loop.real leaves out"}));
    }
    for (size_t t = 2; t <= s->n_generations; t++) {
        MAD_TRY(check_rates(ctx, s, t));
    }
out:
    return st;
}

static mad_status receive(mad_ctx *ctx, const mad_channel_in *in, mad_received *rows,
                          double *report)
{
    const mad_values *values = in->setting->channel_values;
    const size_t t = in->generation, n_gens = in->setting->n_generations;
    const double rate[2] = {mad_get_at(values, "tpr", t, n_gens),
                            mad_get_at(values, "fpr", t, n_gens)};
    const size_t n_rows = rows->rows->n_rows;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    double *u = mad_arena_take_raw(ctx->scratch, n_rows, sizeof *u);
    double n[2] = {0.0, 0.0}, n_dropped[2] = {0.0, 0.0}; /* synthetic, real */
    if (u == NULL) {
        return mad_fail_memory(ctx, "what a detector says");
    }
    mad_channel_uniforms(in->key, MAD_RECEIVE_ITEM, n_rows, u);
    for (size_t i = 0; i < n_rows; i++) {
        const size_t kind = rows->is_real[i];
        n[kind] += 1.0;
        if (u[i] < rate[kind]) {
            rows->is_kept[i] = 0;
            n_dropped[kind] += 1.0;
        }
    }
    report[0] = mad_channel_share(n_dropped[0], n[0]);
    report[1] = mad_channel_share(n_dropped[1], n[1]);
    report[2] = 1.0 - (n_dropped[0] + n_dropped[1]) / (double)n_rows;
    mad_arena_release(ctx->scratch, mark);
    return MAD_OK;
}

const mad_channel_type mad_channel_detector = {
    .name = "detector",
    .doc = "rows are dropped as synthetic: truly synthetic ones with tpr, real ones with fpr",
    .ref = "binary classification at one threshold; Alemohammad et al. 2023, arXiv:2307.01850",
    .params = params,
    .worlds = ~0u,
    .reports = reports,
    .check = check,
    .receive = receive,
};

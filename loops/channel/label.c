/* loops/channel/label.c: the previous model labels real inputs: their class, or their response, is
 * replaced by what that model says of the rest of the row.
 *
 * Classes: p(k | x) = p_k p(x | k) / sum, with the model's class frequencies p_k and densities.
 * Regression: y = the expected response, with how: sampled plus the model's own noise.
 * The rows stay real rows in the lineage: their inputs are. */
#include <math.h>
#include <string.h>

#include "loops/channel/draws.h"

#define CLASS_ITEM (2 * MAD_RECEIVE_ITEM) /* streams: the class or noise of a row */

enum { HOW_SAMPLED, HOW_BEST };

static const mad_param params[] = {
    {.name = "how",
     .kind = MAD_PARAM_CHOICE,
     .fallback = "sampled",
     .choices = "sampled|best",
     .doc = "labels are drawn from the model's law given the input, or its most likely class or "
            "expected response"},
    {.name = "share",
     .kind = MAD_PARAM_SCHEDULE,
     .fallback = "1",
     .min = 0,
     .max = 1,
     .doc = "probability that a real row gets the model's label; the others keep theirs"},
    {.name = NULL},
};

static const mad_report reports[] = {
    {"relabelled", "1", "share of the training rows whose label is the model's"},
    {"flips", "1", "share of these labels that changed; NaN for responses"},
    {"shift", "data units", "root mean square change of these responses; NaN for classes"},
    {0},
};

static mad_status check(mad_ctx *ctx, const mad_setting *s)
{
    const mad_world_info *world = &s->world->info;
    const mad_model_type *model = s->model;
    const int has_responses = world->kind == MAD_WORLD_REGRESSION;
    size_t n_real, n_synthetic;
    mad_status st = MAD_OK;
    if (!has_responses && world->n_classes == 0) {
        return mad_fail(ctx, MAD_E_UNSUPPORTED,
                        "channel.kind: label needs a world with classes or responses; world.kind: "
                        "'%s' has neither",
                        s->world->type->name);
    }
    if (has_responses ? model->predict == NULL
                      : model->log_density == NULL || model->class_p == NULL) {
        return mad_fail(ctx, MAD_E_UNSUPPORTED,
                        "channel.kind: label needs a model that predicts %s; '%s' (model.kind) "
                        "does not",
                        has_responses ? "responses" : "classes by their densities", model->name);
    }
    MAD_TRY(mad_channel_totals(ctx, s, &n_real, &n_synthetic));
    if (n_real == 0 && n_synthetic > 0) {
        st = mad_fail(ctx, MAD_E_CONFIG,
                      "channel.kind: label labels real rows, of which no generation has any "
                      "(loop.family: '%s')",
                      s->loop->type->name);
    }
out:
    return st;
}

static int asks_density(const mad_setting *s)
{
    return s->world->info.kind != MAD_WORLD_REGRESSION;
}

/* The rows that get new labels, as a set of their own on scratch, and where they stand. */
typedef struct chosen {
    mad_set rows;
    size_t *at; /* [rows.n_rows] */
    double *u;  /* [rows.n_rows] a uniform number for each */
} chosen;

static mad_status choose(mad_ctx *ctx, const mad_channel_in *in, const mad_received *from,
                         chosen *out)
{
    const double share = mad_get_at(in->setting->channel_values, "share", in->generation,
                                    in->setting->n_generations);
    const mad_set *rows = from->rows;
    double *u = mad_arena_take_raw(ctx->scratch, rows->n_rows, sizeof *u);
    size_t n = 0;
    mad_status st = MAD_OK;
    out->at = mad_arena_take_raw(ctx->scratch, rows->n_rows, sizeof *out->at);
    out->u = mad_arena_take_raw(ctx->scratch, rows->n_rows, sizeof *out->u);
    if (u == NULL || out->at == NULL || out->u == NULL) {
        return mad_fail_memory(ctx, "the rows that a model labels");
    }
    mad_channel_uniforms(in->key, MAD_RECEIVE_ITEM, rows->n_rows, u);
    for (size_t i = 0; i < rows->n_rows; i++) {
        if (from->is_real[i] && u[i] < share) {
            out->at[n++] = i;
        }
    }
    MAD_TRY(mad_set_take(ctx, ctx->scratch, n, rows->dim, rows->label != NULL, &out->rows));
    for (size_t k = 0; k < n; k++) {
        const mad_set row = mad_set_rows(rows, out->at[k], 1);
        mad_set_copy(&row, &out->rows, k);
    }
    mad_channel_uniforms(in->key, CLASS_ITEM, n, out->u);
out:
    return st;
}

/* ---- responses ----------------------------------------------------------------------------- */

static mad_status give_responses(mad_ctx *ctx, const mad_channel_in *in, chosen *c, mad_set *rows,
                                 double *report)
{
    const size_t n = c->rows.n_rows, dim = rows->dim;
    const int is_sampled = mad_get_choice(in->setting->channel_values, "how") == HOW_SAMPLED;
    double *y = mad_arena_take_raw(ctx->scratch, n, sizeof *y);
    double *z = mad_arena_take_raw(ctx->scratch, n, sizeof *z);
    double sd, sum = 0.0;
    mad_status st = MAD_OK;
    if (y == NULL || z == NULL) {
        return mad_fail_memory(ctx, "responses");
    }
    MAD_TRY(in->model->type->predict(ctx, in->model, &c->rows, y, &sd));
    mad_channel_normals(in->key, CLASS_ITEM, n, z);
    for (size_t k = 0; k < n; k++) {
        double *to = &rows->x[(c->at[k] + 1) * dim - 1];
        const double label = is_sampled ? y[k] + sd * z[k] : y[k];
        sum += (label - *to) * (label - *to);
        *to = label;
    }
    report[2] = sqrt(mad_channel_share(sum, (double)n));
out:
    return st;
}

/* ---- classes ------------------------------------------------------------------------------- */

/* out[n] = ln p_k + ln p(x | k) of every row; -INFINITY of a class that the model lost. */
static mad_status weigh_class(mad_ctx *ctx, const mad_channel_in *in, chosen *c, int32_t k,
                              double p, double *out)
{
    mad_status st = MAD_OK;
    for (size_t i = 0; i < c->rows.n_rows; i++) {
        c->rows.label[i] = k;
        out[i] = -(double)INFINITY;
    }
    if (p > 0.0) {
        MAD_TRY(in->model->type->log_density(ctx, in->model, in->key, &c->rows, out));
        for (size_t i = 0; i < c->rows.n_rows; i++) {
            out[i] += log(p);
        }
    }
out:
    return st;
}

/* Class of one row: log_w[k][n_rows] at column i. */
static int32_t class_of(size_t n_classes, size_t n_rows, const double *log_w, size_t i, int how,
                        double u)
{
    size_t best = 0;
    double total = 0.0, sum = 0.0;
    for (size_t k = 1; k < n_classes; k++) {
        best = log_w[k * n_rows + i] > log_w[best * n_rows + i] ? k : best;
    }
    if (how == HOW_BEST) {
        return (int32_t)best;
    }
    const double top = log_w[best * n_rows + i];
    for (size_t k = 0; k < n_classes; k++) {
        total += exp(log_w[k * n_rows + i] - top);
    }
    for (size_t k = 0; k < n_classes; k++) {
        sum += exp(log_w[k * n_rows + i] - top);
        if (u * total < sum) {
            return (int32_t)k;
        }
    }
    return (int32_t)best;
}

static mad_status give_classes(mad_ctx *ctx, const mad_channel_in *in, chosen *c, mad_set *rows,
                               double *report)
{
    const size_t n = c->rows.n_rows, n_classes = in->setting->world->info.n_classes;
    const int how = (int)mad_get_choice(in->setting->channel_values, "how");
    double *p = mad_arena_take_raw(ctx->scratch, n_classes, sizeof *p);
    double *log_w = mad_arena_take_raw(ctx->scratch, n_classes * n, sizeof *log_w);
    double n_flips = 0.0;
    mad_status st = MAD_OK;
    if (p == NULL || log_w == NULL) {
        return mad_fail_memory(ctx, "labels");
    }
    in->model->type->class_p(in->model, p);
    for (size_t k = 0; k < n_classes; k++) {
        MAD_TRY(weigh_class(ctx, in, c, (int32_t)k, p[k], log_w + k * n));
    }
    for (size_t i = 0; i < n; i++) {
        int32_t *to = &rows->label[c->at[i]];
        const int32_t label = class_of(n_classes, n, log_w, i, how, c->u[i]);
        n_flips += label != *to;
        *to = label;
    }
    report[1] = mad_channel_share(n_flips, (double)n);
out:
    return st;
}

/* ---- both ---------------------------------------------------------------------------------- */

static mad_status receive(mad_ctx *ctx, const mad_channel_in *in, mad_received *rows,
                          double *report)
{
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    chosen c;
    mad_status st = MAD_OK;
    MAD_TRY(choose(ctx, in, rows, &c));
    report[0] = (double)c.rows.n_rows / (double)rows->rows->n_rows;
    if (in->setting->world->info.kind == MAD_WORLD_REGRESSION) {
        MAD_TRY(give_responses(ctx, in, &c, rows->rows, report));
    } else {
        MAD_TRY(give_classes(ctx, in, &c, rows->rows, report));
    }
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

const mad_channel_type mad_channel_label = {
    .name = "label",
    .doc = "real rows get the label or response that the previous model gives them",
    .ref = "Dohmatob et al. 2024, arXiv:2402.07712; Gerstgrasser et al. 2024, arXiv:2404.01413",
    .params = params,
    .worlds = 1u << MAD_WORLD_CONTINUOUS | 1u << MAD_WORLD_REGRESSION,
    .reports = reports,
    .check = check,
    .asks_density = asks_density,
    .receive = receive,
};

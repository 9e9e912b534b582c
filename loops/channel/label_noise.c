/* loops/channel/label_noise.c: annotators err: classes are exchanged with probability eps for another
 * one, all others being equally likely; responses get noise of deviation sd. Every row of a training
 * set passes, real or not, and errs anew in every generation. */
#include <math.h>

#include "loops/channel/draws.h"

#define OTHER_ITEM (2 * MAD_RECEIVE_ITEM) /* streams of the other class */

static const mad_param params[] = {
    {.name = "eps",
     .kind = MAD_PARAM_SCHEDULE,
     .fallback = "0.1",
     .min = 0,
     .max = 1,
     .doc = "worlds with classes: probability that a label is another class"},
    {.name = "sd",
     .kind = MAD_PARAM_SCHEDULE,
     .fallback = "1",
     .min = 0,
     .max = 1e6,
     .unit = "data units",
     .doc = "regression: standard deviation of the noise added to responses"},
    {.name = NULL},
};

static const mad_report reports[] = {
    {"flips", "1", "share of the labels that were exchanged; NaN for responses"},
    {"noise", "data units", "root mean square noise that responses got; NaN for classes"},
    {0},
};

static mad_status check(mad_ctx *ctx, const mad_setting *s)
{
    const mad_world_info *world = &s->world->info;
    const int has_responses = world->kind == MAD_WORLD_REGRESSION;
    mad_status st = MAD_OK;
    if (!has_responses && world->n_classes < 2) {
        return mad_fail(ctx, MAD_E_UNSUPPORTED,
                        "channel.kind: label_noise needs a world with two classes or with "
                        "responses; world.kind: '%s' has neither",
                        s->world->type->name);
    }
    if (!has_responses && !(s->model->flags & MAD_MODEL_LABELS)) {
        return mad_fail(ctx, MAD_E_UNSUPPORTED,
                        "channel.kind: label_noise needs a model that learns classes; '%s' "
                        "(model.kind) does not",
                        s->model->name);
    }
    MAD_TRY(mad_channel_refuse(
        ctx, s, (mad_key_use){"eps", !has_responses, "a world with classes (world.kind)"}));
    MAD_TRY(mad_channel_refuse(
        ctx, s, (mad_key_use){"sd", has_responses, "a world with responses (world.kind)"}));
out:
    return st;
}

static void exchange(size_t n_classes, double eps, const double *u, const double *other,
                     mad_set *rows, double *report)
{
    double n_flips = 0.0;
    for (size_t i = 0; i < rows->n_rows; i++) {
        if (u[i] < eps) {
            const int32_t step = 1 + (int32_t)(other[i] * (double)(n_classes - 1));
            rows->label[i] = (rows->label[i] + step) % (int32_t)n_classes;
            n_flips += 1.0;
        }
    }
    report[0] = n_flips / (double)rows->n_rows;
}

static void add_noise(double sd, const double *z, mad_set *rows, double *report)
{
    double sum = 0.0;
    for (size_t i = 0; i < rows->n_rows; i++) {
        rows->x[(i + 1) * rows->dim - 1] += sd * z[i];
        sum += sd * z[i] * sd * z[i];
    }
    report[1] = sqrt(sum / (double)rows->n_rows);
}

static mad_status receive(mad_ctx *ctx, const mad_channel_in *in, mad_received *rows,
                          double *report)
{
    const mad_values *values = in->setting->channel_values;
    const mad_world_info *world = &in->setting->world->info;
    const size_t t = in->generation, n_gens = in->setting->n_generations;
    const size_t n = rows->rows->n_rows;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    double *u = mad_arena_take_raw(ctx->scratch, n, sizeof *u);
    double *other = mad_arena_take_raw(ctx->scratch, n, sizeof *other);
    if (u == NULL || other == NULL) {
        return mad_fail_memory(ctx, "the errors of annotators");
    }
    if (world->kind == MAD_WORLD_REGRESSION) {
        mad_channel_normals(in->key, MAD_RECEIVE_ITEM, n, u);
        add_noise(mad_get_at(values, "sd", t, n_gens), u, rows->rows, report);
    } else {
        mad_channel_uniforms(in->key, MAD_RECEIVE_ITEM, n, u);
        mad_channel_uniforms(in->key, OTHER_ITEM, n, other);
        exchange(world->n_classes, mad_get_at(values, "eps", t, n_gens), u, other, rows->rows,
                 report);
    }
    mad_arena_release(ctx->scratch, mark);
    return MAD_OK;
}

const mad_channel_type mad_channel_label_noise = {
    .name = "label_noise",
    .doc = "labels of training rows are wrong with probability eps, responses noisy by sd",
    .ref = "symmetric label noise, Natarajan et al. 2013",
    .params = params,
    .worlds = 1u << MAD_WORLD_CONTINUOUS | 1u << MAD_WORLD_REGRESSION,
    .reports = reports,
    .check = check,
    .receive = receive,
};

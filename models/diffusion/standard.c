/* models/diffusion/standard.c: frozen scaling, class frequencies, class means. */
#include "models/diffusion/standard.h"

#include <math.h>
#include <string.h>

mad_status mad_standard_take(mad_ctx *ctx, size_t dim, size_t n_classes, mad_arena *mem,
                             mad_standard *out)
{
    mad_status st = MAD_OK;
    size_t n_means = 0;
    mad_standard s = {.dim = dim, .n_classes = n_classes};

    MAD_TRY(mad_size_mul(n_classes > 0 ? n_classes : 1, dim, &n_means));
    s.centre = mad_arena_take(mem, dim, sizeof *s.centre);
    s.scale = mad_arena_take(mem, 1, sizeof *s.scale);
    s.range = mad_arena_take(mem, 2, sizeof *s.range);
    s.class_p = mad_arena_take(mem, n_classes, sizeof *s.class_p);
    s.class_mean = mad_arena_take(mem, n_means, sizeof *s.class_mean);
    s.variance = mad_arena_take(mem, 1, sizeof *s.variance);
    if (s.centre == NULL || s.scale == NULL || s.range == NULL || s.class_p == NULL ||
        s.class_mean == NULL || s.variance == NULL) {
        st = mad_fail_memory(ctx, "the scaling of a model");
        goto out;
    }
    *out = s;
out:
    return st;
}

static double weight_of(const mad_set *train, size_t r)
{
    return train->weight == NULL ? 1.0 : train->weight[r];
}

static void freeze_centre(const mad_standard *s, const mad_set *train, double total)
{
    const size_t dim = s->dim;
    double all = 0.0;
    memset(s->centre, 0, dim * sizeof *s->centre);
    for (size_t r = 0; r < train->n_rows; r++) {
        for (size_t j = 0; j < dim; j++) {
            s->centre[j] += weight_of(train, r) * train->x[r * dim + j];
        }
    }
    for (size_t j = 0; j < dim; j++) {
        s->centre[j] /= total;
        all += s->centre[j] / (double)dim;
    }
    for (size_t j = 0; j < dim && s->one_centre; j++) {
        s->centre[j] = all;
    }
}

static void freeze(const mad_standard *s, const mad_set *train)
{
    const size_t n = train->n_rows, dim = s->dim;
    double total = 0.0, sum_sq = 0.0;
    s->range[0] = train->x[0];
    s->range[1] = train->x[0];
    for (size_t r = 0; r < n; r++) {
        total += weight_of(train, r);
    }
    freeze_centre(s, train, total);
    for (size_t r = 0; r < n; r++) {
        for (size_t j = 0; j < dim; j++) {
            const double x = train->x[r * dim + j], d = x - s->centre[j];
            sum_sq += weight_of(train, r) * d * d;
            s->range[0] = fmin(s->range[0], x);
            s->range[1] = fmax(s->range[1], x);
        }
    }
    const double sd = sqrt(sum_sq / (total * (double)dim));
    s->scale[0] = sd > 0.0 ? sd : 1.0; /* all rows equal: any unit will do */
}

static mad_status check_labels(mad_ctx *ctx, const mad_standard *s, const mad_set *train)
{
    if (s->n_classes == 0) {
        return MAD_OK;
    }
    if (train->label == NULL) {
        return mad_fail(ctx, MAD_E_UNSUPPORTED,
                        "the world has %zu classes, but the training rows carry no labels",
                        s->n_classes);
    }
    for (size_t r = 0; r < train->n_rows; r++) {
        const int32_t label = train->label[r];
        if (label < 0 || (size_t)label >= s->n_classes) {
            return mad_fail(ctx, MAD_E_RANGE, "training row %zu has class %d, classes are 0..%zu",
                            r, (int)label, s->n_classes - 1);
        }
    }
    return MAD_OK;
}

static void read_moments(const mad_standard *s, const mad_set *train)
{
    const size_t dim = s->dim, n_means = s->n_classes > 0 ? s->n_classes : 1;
    double total = 0.0, sum_sq = 0.0;
    memset(s->class_p, 0, s->n_classes * sizeof *s->class_p);
    memset(s->class_mean, 0, n_means * dim * sizeof *s->class_mean);
    for (size_t r = 0; r < train->n_rows; r++) {
        const double w = weight_of(train, r);
        const size_t k = s->n_classes > 0 ? (size_t)train->label[r] : 0;
        total += w;
        if (s->n_classes > 0) {
            s->class_p[k] += w;
        }
        for (size_t j = 0; j < dim; j++) {
            s->class_mean[k * dim + j] += w * (train->x[r * dim + j] - s->centre[j]) / s->scale[0];
        }
    }
    for (size_t k = 0; k < n_means; k++) {
        const double mass = s->n_classes > 0 ? s->class_p[k] : total;
        for (size_t j = 0; j < dim && mass > 0.0; j++) {
            s->class_mean[k * dim + j] /= mass;
        }
    }
    for (size_t k = 0; k < s->n_classes; k++) {
        s->class_p[k] /= total;
    }
    for (size_t r = 0; r < train->n_rows; r++) {
        const double w = weight_of(train, r);
        const size_t k = s->n_classes > 0 ? (size_t)train->label[r] : 0;
        for (size_t j = 0; j < dim; j++) {
            const double x = (train->x[r * dim + j] - s->centre[j]) / s->scale[0];
            const double d = x - s->class_mean[k * dim + j];
            sum_sq += w * d * d;
        }
    }
    s->variance[0] = sum_sq / (total * (double)dim);
}

mad_status mad_standard_fit(mad_ctx *ctx, mad_standard *standard, const mad_set *train)
{
    mad_status st = MAD_OK;
    if (train->n_rows == 0) {
        return mad_fail(ctx, MAD_E_RANGE, "no training rows");
    }
    MAD_TRY(mad_set_check_finite(ctx, train, "training rows"));
    MAD_TRY(check_labels(ctx, standard, train));
    if (standard->scale[0] == 0.0) {
        freeze(standard, train);
    }
    read_moments(standard, train);
out:
    return st;
}

mad_status mad_variance_within(mad_ctx *ctx, const mad_set *rows, size_t n_classes, double *out)
{
    const size_t dim = rows->dim, n_means = n_classes > 0 ? n_classes : 1;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    double *mean = mad_arena_take(ctx->scratch, n_means * dim, sizeof *mean);
    double *mass = mad_arena_take(ctx->scratch, n_means, sizeof *mass);
    double total = 0.0, sum_sq = 0.0;
    if (mean == NULL || mass == NULL) {
        mad_arena_release(ctx->scratch, mark);
        return mad_fail_memory(ctx, "class means");
    }
    for (int pass = 0; pass < 2; pass++) {
        for (size_t r = 0; r < rows->n_rows; r++) {
            const double w = weight_of(rows, r);
            const size_t k = n_classes > 0 ? (size_t)rows->label[r] : 0;
            mass[k] += pass == 0 ? w : 0.0;
            total += pass == 0 ? w : 0.0;
            for (size_t j = 0; j < dim; j++) {
                const double x = rows->x[r * dim + j], d = x - mean[k * dim + j] / mass[k];
                mean[k * dim + j] += pass == 0 ? w * x : 0.0;
                sum_sq += pass == 1 ? w * d * d : 0.0;
            }
        }
    }
    *out = sum_sq / (total * (double)dim);
    mad_arena_release(ctx->scratch, mark);
    return MAD_OK;
}

void mad_standard_class_p(const mad_standard *s, int is_balanced, double *p)
{
    for (size_t k = 0; k < s->n_classes; k++) {
        p[k] = is_balanced ? s->class_p[k] > 0.0 : s->class_p[k];
    }
}

void mad_standard_fields(const mad_standard *s, mad_fields *out)
{
    const size_t n_means = s->n_classes > 0 ? s->n_classes : 1;
    const mad_field list[] = {
        {"centre", MAD_FIELD_F64, s->dim, s->centre},
        {"scale", MAD_FIELD_F64, 1, s->scale},
        {"range", MAD_FIELD_F64, 2, s->range},
        {"class_mean", MAD_FIELD_F64, n_means * s->dim, s->class_mean},
        {"variance", MAD_FIELD_F64, 1, s->variance},
        {"class_probability", MAD_FIELD_F64, s->n_classes, s->class_p},
    };
    const size_t n = sizeof list / sizeof *list - (s->n_classes == 0);
    for (size_t i = 0; i < n; i++) {
        out->field[out->n_fields++] = list[i];
    }
}

mad_source mad_standard_source(const mad_standard *s)
{
    return (mad_source){.dim = s->dim,
                        .n_classes = s->n_classes,
                        .centre = s->centre,
                        .scale = s->scale[0],
                        .range_low = s->range[0],
                        .range_high = s->range[1],
                        .class_p = s->class_p,
                        .class_mean = s->class_mean,
                        .variance = s->variance[0]};
}

const mad_source *mad_source_if_known(const mad_source *source)
{
    return source->scale > 0.0 ? source : NULL;
}

mad_status mad_standard_check(mad_ctx *ctx, const mad_standard *s)
{
    double total = s->n_classes > 0 ? 0.0 : 1.0;
    for (size_t k = 0; k < s->n_classes; k++) {
        total = s->class_p[k] >= 0.0 ? total + s->class_p[k] : (double)NAN;
    }
    if (!(s->scale[0] > 0.0) || !(s->range[0] <= s->range[1]) || !(s->variance[0] >= 0.0) ||
        !(total > 0.0)) {
        return mad_fail(ctx, MAD_E_DATA,
                        "the loaded model's scale is %g, its range %g to %g, its variance %g, the "
                        "sum of its class probabilities %g: not what a fit leaves",
                        s->scale[0], s->range[0], s->range[1], s->variance[0], total);
    }
    return MAD_OK;
}

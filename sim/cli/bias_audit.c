/* sim/cli/bias_audit.c: variances of the real data, and what the sampler makes of them. */
#include "sim/cli/bias_audit.h"

#include <math.h>
#include <string.h>

#include "sim/num/linalg.h"
#include "sim/num/stats.h"

/* Wider data cost minutes of linear algebra: then only the mean variance is known. */
enum { MAX_DIM = 1024, MAX_ROWS = 20000, MAX_GENERATIONS = 10000 };

/* Below it nothing is left of a direction. */
static const double NOTHING = 1e-6;

/* ---- the real data --------------------------------------------------------------------------- */

static void add_row(mad_bias_audit *a, double variance, int is_data, const char *of)
{
    MAD_ASSERT(a->n_rows < MAD_BIAS_ROWS);
    a->row[a->n_rows++] = (mad_bias_row){.of = of, .is_data = is_data, .variance = variance};
}

/* Variance (in units of the mean) of the direction at which a share of all variance is reached,
 * from the narrowest on. */
static double at_share(size_t dim, const double *value, double share)
{
    double total = 0.0, sum = 0.0;
    for (size_t i = 0; i < dim; i++) {
        total += fmax(value[i], 0.0);
    }
    for (size_t i = 0; i < dim; i++) {
        sum += fmax(value[i], 0.0);
        if (sum >= share * total) {
            return value[i] * (double)dim / total;
        }
    }
    return 1.0;
}

/* Directions in which the variance of the real data lies. */
static mad_status add_directions(mad_ctx *ctx, const mad_set *rows, mad_bias_audit *a)
{
    mad_status st = MAD_OK;
    const size_t dim = rows->dim;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    double *mean = mad_arena_take(ctx->scratch, dim, sizeof *mean);
    double *cov = mad_arena_take(ctx->scratch, dim * dim, sizeof *cov);
    double *value = mad_arena_take(ctx->scratch, dim, sizeof *value);
    if (mean == NULL || cov == NULL || value == NULL) {
        st = mad_fail_memory(ctx, "the covariance of the real data");
        goto out;
    }
    MAD_TRY(mad_mean_cov(ctx, rows->n_rows, dim, rows->x, NULL, 0, mean, cov));
    MAD_TRY(mad_eigen_sym(ctx, dim, cov, value, NULL));
    add_row(a, at_share(dim, value, 0.9), 1,
            "90 % of the real variance lies in narrower directions");
    add_row(a, at_share(dim, value, 0.5), 1,
            "half of the real variance lies in narrower directions");
    add_row(a, at_share(dim, value, 0.1), 1,
            "10 % of the real variance lies in narrower directions");
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

/* Sum over coordinates of the variance (n-divisor) around the mean of each class; one class for
 * all without labels. */
static mad_status variance_within(mad_ctx *ctx, const mad_set *rows, size_t n_classes, double *out)
{
    mad_status st = MAD_OK;
    const size_t dim = rows->dim, n_groups = n_classes > 0 ? n_classes : 1;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    double *mean = mad_arena_take(ctx->scratch, n_groups * dim, sizeof *mean);
    double *count = mad_arena_take(ctx->scratch, n_groups, sizeof *count);
    *out = 0.0;
    if (mean == NULL || count == NULL) {
        st = mad_fail_memory(ctx, "the variance of the real data");
        goto out;
    }
    for (size_t i = 0; i < rows->n_rows; i++) {
        const size_t k = n_classes > 0 ? (size_t)rows->label[i] : 0;
        count[k] += 1.0;
        for (size_t j = 0; j < dim; j++) {
            mean[k * dim + j] += (rows->x[i * dim + j] - mean[k * dim + j]) / count[k];
        }
    }
    for (size_t i = 0; i < rows->n_rows; i++) {
        const size_t k = n_classes > 0 ? (size_t)rows->label[i] : 0;
        for (size_t j = 0; j < dim; j++) {
            const double d = rows->x[i * dim + j] - mean[k * dim + j];
            *out += d * d / (double)rows->n_rows;
        }
    }
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

static mad_status look_at_data(mad_ctx *ctx, const mad_experiment *experiment, const mad_set *rows,
                               mad_bias_audit *a)
{
    mad_status st = MAD_OK;
    const mad_world_info *info = &mad_experiment_setting(experiment)->world->info;
    double total = 0.0, within = 0.0;
    a->within_share = (double)NAN;
    add_row(a, 1.0, 1, "mean over the coordinates of the real data");
    if (info->kind == MAD_WORLD_CATEGORICAL) {
        goto out;
    }
    MAD_TRY(variance_within(ctx, rows, 0, &total));
    if (info->dim > 1 && info->dim <= MAX_DIM && total > 0.0) {
        MAD_TRY(add_directions(ctx, rows, a));
    }
    if (info->n_classes > 0 && total > 0.0) {
        MAD_TRY(variance_within(ctx, rows, info->n_classes, &within));
        a->within_share = within / total;
        /* what the denoiser of a class works on */
        add_row(a, a->within_share, mad_experiment_has_labels(experiment),
                "mean within the classes");
    }
    if (info->n_modes > 0 && total > 0.0) {
        add_row(a, info->mode_sd * info->mode_sd * (double)info->dim / total, 0,
                "inside a mode of the world");
    }
out:
    return st;
}

/* ---- the sampler ----------------------------------------------------------------------------- */

typedef struct curve {
    const mad_model_type *type;
    const mad_model *model;
    size_t n, n_generations;
    double v[MAD_BIAS_ROWS], gain[MAD_BIAS_ROWS];
} curve;

static mad_status gain_at(mad_ctx *ctx, curve *c, size_t generation)
{
    return c->type->gain(ctx, c->model, generation, c->n, c->v, c->gain);
}

/* v <- v lam_eff(v), generation after generation. */
static mad_status follow(mad_ctx *ctx, curve *c, mad_bias_audit *a)
{
    mad_status st = MAD_OK;
    for (size_t t = 1; t <= c->n_generations; t++) {
        MAD_TRY(mad_ctx_poll(ctx));
        MAD_TRY(gain_at(ctx, c, t));
        for (size_t i = 0; i < c->n; i++) {
            c->v[i] = fmax(c->v[i] * c->gain[i], NOTHING * NOTHING);
        }
    }
    for (size_t i = 0; i < c->n; i++) {
        a->row[i].after = c->v[i];
    }
out:
    return st;
}

/* Gains at the variances themselves: the same every generation unless a schedule changes them. */
static mad_status sum_up(mad_ctx *ctx, curve *c, mad_bias_audit *a)
{
    mad_status st = MAD_OK;
    int is_steady = 1;
    for (size_t i = 0; i < c->n; i++) {
        c->v[i] = a->row[i].variance;
    }
    MAD_TRY(gain_at(ctx, c, c->n_generations));
    for (size_t i = 0; i < c->n; i++) {
        a->row[i].last = c->gain[i];
    }
    MAD_TRY(gain_at(ctx, c, 1));
    for (size_t i = 0; i < c->n; i++) {
        a->row[i].first = c->gain[i];
        a->row[i].total = (double)c->n_generations * fabs(log(c->gain[i]));
        is_steady &= a->row[i].first == a->row[i].last;
    }
    for (size_t t = 1; !is_steady && t <= c->n_generations; t++) {
        MAD_TRY(mad_ctx_poll(ctx));
        MAD_TRY(gain_at(ctx, c, t));
        for (size_t i = 0; i < c->n; i++) {
            a->row[i].total = (t > 1 ? a->row[i].total : 0.0) + fabs(log(c->gain[i]));
        }
    }
out:
    return st;
}

static mad_status judge(mad_ctx *ctx, const curve *c, mad_bias_audit *a)
{
    mad_status st = MAD_OK;
    for (size_t i = 0; i < a->n_rows; i++) {
        const mad_bias_row *row = &a->row[i];
        if (row->is_data && row->total > MAD_AUDIT_LIMIT &&
            (a->worst == NULL || row->total > a->worst->total)) {
            a->worst = row;
        }
    }
    if (a->worst != NULL && c->type->advise != NULL) {
        MAD_TRY(c->type->advise(ctx, c->model, a->worst->variance,
                                MAD_AUDIT_LIMIT / (double)c->n_generations, sizeof a->advice,
                                a->advice, &a->advised));
    }
out:
    return st;
}

/* ---- guidance -------------------------------------------------------------------------------- */

static const mad_value *find_value(const mad_values *values, const char *name)
{
    for (size_t i = 0; i < values->n_values; i++) {
        if (strcmp(values->value[i].param->name, name) == 0) {
            return &values->value[i];
        }
    }
    return NULL;
}

static double schedule_at(const mad_setting *s, const char *name, double otherwise,
                          size_t generation)
{
    const mad_value *value = find_value(s->model_values, name);
    return value != NULL ? mad_schedule_at(&value->schedule, generation, s->n_generations)
                         : otherwise;
}

/* One strength in three spellings, of which one at most is given: the others say none. */
static double strength_at(const mad_setting *s, size_t generation)
{
    return schedule_at(s, "guide.w", 0.0, generation) +
           (schedule_at(s, "guide.scale", 1.0, generation) - 1.0) +
           (1.0 / schedule_at(s, "guide.mad", 1.0, generation) - 1.0);
}

static void look_at_guidance(const mad_setting *s, mad_bias_audit *a)
{
    const mad_value *kind = find_value(s->model_values, "guide.kind");
    a->guide.is_on = kind != NULL && strcmp(kind->text, "cfg") == 0 && !isnan(a->within_share);
    for (size_t i = 0; i < 2 && a->guide.is_on; i++) {
        const double w = strength_at(s, i == 0 ? 1 : s->n_generations);
        a->guide.w[i] = w;
        a->guide.gain[i] = pow(a->within_share, w);
        a->guide.mad[i] = 1.0 / (1.0 + w);
    }
}

mad_status mad_bias_audit_make(mad_ctx *ctx, const mad_experiment *experiment, mad_bias_audit *out)
{
    static const double grid[] = {0.5, 0.25, 0.1, 0.04, 0.01};
    mad_status st = MAD_OK;
    const mad_setting *s = mad_experiment_setting(experiment);
    mad_model *model = NULL;
    mad_set rows;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    mad_arena *mem = mad_arena_create(1 << 16);
    *out = (mad_bias_audit){.advised = (double)NAN};
    if (mem == NULL) {
        return mad_fail_memory(ctx, "a model");
    }
    MAD_TRY(mad_experiment_real_rows(ctx, experiment, MAX_ROWS, &rows));
    MAD_TRY(look_at_data(ctx, experiment, &rows, out));
    look_at_guidance(s, out);
    if (s->model->gain == NULL) {
        out->n_rows = 0;
        goto out;
    }
    for (size_t i = 0; i < sizeof grid / sizeof *grid; i++) {
        add_row(out, grid[i], 0, "");
    }
    for (size_t i = 0; i < out->n_rows; i++) { /* a constant coordinate has no variance to lose */
        out->row[i].variance = fmax(out->row[i].variance, NOTHING);
    }
    MAD_TRY(mad_experiment_model(ctx, experiment, mem, &model));
    if (s->model->observe != NULL) {
        MAD_TRY(s->model->observe(ctx, model, &rows));
    }
    curve c = {.type = s->model, .model = model, .n = out->n_rows};
    c.n_generations = s->n_generations < MAX_GENERATIONS ? s->n_generations : MAX_GENERATIONS;
    MAD_TRY(sum_up(ctx, &c, out));
    MAD_TRY(follow(ctx, &c, out));
    MAD_TRY(judge(ctx, &c, out));
out:
    mad_arena_release(ctx->scratch, mark);
    mad_arena_destroy(mem);
    return st;
}

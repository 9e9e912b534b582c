/* sim/engine/compare.c: the measures on two sets of rows, whoever made them. */
#include "sim/engine/compare.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "sim/num/stats.h"

enum { REASON_BYTES = 96 };

static const mad_pair *seen_by(const mad_comparison *comparison, const mad_metric_type *type)
{
    return mad_features_apply(type) ? &comparison->mapped : &comparison->raw;
}

mad_status mad_comparison_map(mad_ctx *ctx, mad_feature *feature, mad_arena *mem,
                              mad_comparison *comparison)
{
    const mad_pair *raw = &comparison->raw;
    mad_pair *mapped = &comparison->mapped;
    mad_status st = MAD_OK;
    mapped->world = mad_features_world(feature, &raw->world);
    MAD_TRY(mad_features_fit(ctx, feature, &raw->real));
    MAD_TRY(mad_features_map(ctx, feature, &raw->real, mem, &mapped->real));
    MAD_TRY(mad_features_map(ctx, feature, &raw->fake, mem, &mapped->fake));
    MAD_TRY(mad_features_map(ctx, feature, &raw->train, mem, &mapped->train));
    MAD_TRY(mad_features_map(ctx, feature, &raw->test, mem, &mapped->test));
out:
    return st;
}

static mad_status take_rows(mad_ctx *ctx, const mad_set *from, const mad_rows_of *of,
                            mad_arena *mem, mad_set *out)
{
    const size_t dim = from->dim;
    mad_status st = MAD_OK;
    MAD_TRY(mad_set_take(ctx, mem, of->n, dim, from->label != NULL, out));
    for (size_t i = 0; i < of->n; i++) {
        memcpy(out->x + i * dim, from->x + of->row[i] * dim, dim * sizeof *out->x);
        if (from->label != NULL) {
            out->label[i] = from->label[of->row[i]];
        }
    }
out:
    return st;
}

static mad_status take_part(mad_ctx *ctx, const mad_pair *whole, const mad_part *part,
                            mad_arena *mem, mad_pair *out)
{
    mad_status st = MAD_OK;
    *out = *whole;
    MAD_TRY(take_rows(ctx, &whole->real, &part->real, mem, &out->real));
    MAD_TRY(
        take_rows(ctx, part->is_floor ? &whole->real : &whole->fake, &part->fake, mem, &out->fake));
    if (part->test.n > 0) {
        MAD_TRY(take_rows(ctx, &whole->test, &part->test, mem, &out->test));
        MAD_TRY(take_rows(ctx, &whole->test, &part->test_fake, mem, &out->test_fake));
    }
out:
    return st;
}

mad_status mad_comparison_part(mad_ctx *ctx, const mad_comparison *whole, const mad_part *part,
                               mad_arena *mem, mad_comparison *out)
{
    mad_status st = MAD_OK;
    *out = (mad_comparison){.values = whole->values,
                            .key = whole->key,
                            .n_directions = whole->n_directions,
                            .directions = whole->directions};
    MAD_TRY(take_part(ctx, &whole->raw, part, mem, &out->raw));
    out->mapped = out->raw;
    if (whole->mapped.real.x != whole->raw.real.x) {
        MAD_TRY(take_part(ctx, &whole->mapped, part, mem, &out->mapped));
    }
out:
    return st;
}

const char *mad_comparison_lacks(const mad_comparison *comparison, const mad_metric_type *type)
{
    const mad_pair *pair = seen_by(comparison, type);
    MAD_ASSERT(type->worlds & 1u << MAD_WORLD_CONTINUOUS);
    if (type->needs & MAD_NEEDS_DENSITY) {
        return "needs a model that knows its density";
    }
    if (type->needs & MAD_NEEDS_TRAIN && pair->train.n_rows == 0) {
        return "needs the training rows";
    }
    if (type->needs & MAD_NEEDS_LABELS && pair->real.label == NULL) {
        return "needs labels on both sides";
    }
    if (type->needs & MAD_NEEDS_MODES && pair->world.n_modes == 0) {
        return "needs the centres of the modes";
    }
    if (type->needs & MAD_NEEDS_FACTORS) {
        return "needs a world that reads back what its rows are made of";
    }
    if (type->needs & MAD_NEEDS_WORLD_DENSITY) {
        return "needs a world that knows its density";
    }
    return NULL;
}

int mad_comparison_fits(const mad_comparison *comparison, const mad_metric_type *type,
                        const mad_metric_output *output)
{
    return type->fits == NULL ||
           type->fits(&seen_by(comparison, type)->world, (size_t)(output - type->outputs));
}

static mad_status law_of(mad_ctx *ctx, const mad_set *set, mad_arena *mem, mad_moments *law)
{
    const size_t dim = set->dim;
    if (law->dim > 0) {
        return MAD_OK;
    }
    law->dim = dim;
    law->mean = mad_arena_take_raw(mem, dim, sizeof *law->mean);
    law->cov = mad_arena_take_raw(mem, dim * dim, sizeof *law->cov);
    if (law->mean == NULL || law->cov == NULL) {
        return mad_fail_memory(ctx, "mean and covariance");
    }
    return mad_mean_cov(ctx, set->n_rows, dim, set->x, NULL, 1, law->mean, law->cov);
}

/* Too few rows of a side for an output, in words; NULL: enough of both. */
static mad_status find_too_few(mad_ctx *ctx, mad_arena *mem, const mad_metric_in *in,
                               const mad_metric_type *type, size_t i_output, const char **out)
{
    const mad_set *const rows[] = {[MAD_SIDE_REAL] = in->real, [MAD_SIDE_FAKE] = in->fake};
    static const char *const names[] = {[MAD_SIDE_REAL] = "REAL", [MAD_SIDE_FAKE] = "FAKE"};
    *out = NULL;
    for (size_t side = 0; side < 2; side++) {
        const size_t need = type->min_rows(in->values, rows[side]->dim, i_output, (mad_side)side);
        if (rows[side]->n_rows < need) {
            char text[REASON_BYTES];
            snprintf(text, sizeof text, "needs at least %zu rows of %s", need, names[side]);
            *out = mad_arena_text(mem, text);
            return *out != NULL ? MAD_OK : mad_fail_memory(ctx, "a reason");
        }
    }
    return MAD_OK;
}

/* The values of all outputs, or why there are none. */
static mad_status evaluate(mad_ctx *ctx, mad_comparison *c, const mad_metric_type *type,
                           mad_metric_in *in, mad_arena *mem, double *value, const char **why)
{
    mad_status st = MAD_OK;
    *why = NULL;
    if (!(type->needs & MAD_ANY_SCALE) && !mad_metric_can_square(in)) {
        *why = MAD_METRIC_OVERFLOW;
        return MAD_OK;
    }
    if (type->needs & MAD_NEEDS_LAW) {
        MAD_TRY(law_of(ctx, in->real, mem, &c->real_law));
        MAD_TRY(law_of(ctx, in->fake, mem, &c->fake_law));
    }
    if (type->prepare != NULL) {
        mad_metric_in of_real = *in;
        of_real.fake = of_real.train = NULL;
        MAD_TRY(type->prepare(ctx, &of_real, mem, &in->prepared));
    }
    MAD_TRY(type->eval(ctx, in, value));
out:
    if (st == MAD_E_NONFINITE) {
        *why = mad_arena_text(mem, ctx->message);
        mad_ctx_clear(ctx);
        st = *why != NULL ? MAD_OK : mad_fail_memory(ctx, "a reason");
    }
    return st;
}

/* What stands for a value, and why it is none; failure: NULL, or why all are none. */
static void judge(size_t n_outputs, const double *value, const char *failure, mad_verdict *out)
{
    for (size_t i = 0; i < n_outputs; i++) {
        const mad_metric_output *output = out[i].output;
        if (out[i].why != NULL) {
            continue;
        }
        out[i].value = failure != NULL ? (double)NAN : mad_metric_value(output, value[i]);
        if (isnan(out[i].value)) {
            out[i].why = failure != NULL                                ? failure
                         : isinf(value[i]) || output->undefined == NULL ? MAD_METRIC_OVERFLOW
                                                                        : output->undefined;
        }
    }
}

mad_status mad_compare(mad_ctx *ctx, mad_comparison *comparison, const mad_metric_type *type,
                       mad_arena *mem, mad_verdict *out)
{
    const mad_pair *pair = seen_by(comparison, type);
    const int is_of_test = type->needs & MAD_NEEDS_TRAIN && pair->test.n_rows > 0;
    const char *const lacks = mad_comparison_lacks(comparison, type);
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    mad_metric_in in = {.world = &pair->world,
                        .values = comparison->values,
                        .real = is_of_test ? &pair->test : &pair->real,
                        .fake = is_of_test && pair->test_fake.n_rows > 0 ? &pair->test_fake
                                                                         : &pair->fake,
                        .train = &pair->train,
                        .real_law = &comparison->real_law,
                        .fake_law = &comparison->fake_law,
                        .n_directions = comparison->n_directions,
                        .directions = comparison->directions,
                        .key = comparison->key};
    mad_status st = MAD_OK;
    size_t n_outputs = 0, n_possible = 0;
    for (; type->outputs[n_outputs].name != NULL; n_outputs++) {
        mad_verdict *v = &out[n_outputs];
        *v = (mad_verdict){
            .type = type, .output = &type->outputs[n_outputs], .value = (double)NAN, .why = lacks};
        if (lacks == NULL) {
            MAD_TRY(find_too_few(ctx, mem, &in, type, n_outputs, &v->why));
        }
        v->is_missing = v->why != NULL;
        n_possible += v->why == NULL;
    }
    if (n_possible == 0) {
        goto out;
    }
    double *value = mad_arena_take(ctx->scratch, n_outputs, sizeof *value);
    if (value == NULL) {
        st = mad_fail_memory(ctx, "measured values");
        goto out;
    }
    const char *failure;
    MAD_TRY(evaluate(ctx, comparison, type, &in, mem, value, &failure));
    judge(n_outputs, value, failure, out);
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

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

static mad_status take_rows(mad_ctx *ctx, const mad_set *from, size_t n, const size_t *row,
                            mad_arena *mem, mad_set *out)
{
    const size_t dim = from->dim;
    mad_status st = MAD_OK;
    MAD_TRY(mad_set_take(ctx, mem, n, dim, from->label != NULL, out));
    for (size_t i = 0; i < n; i++) {
        memcpy(out->x + i * dim, from->x + row[i] * dim, dim * sizeof *out->x);
        if (from->label != NULL) {
            out->label[i] = from->label[row[i]];
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
    MAD_TRY(take_rows(ctx, &whole->real, part->n_real, part->i_real, mem, &out->real));
    MAD_TRY(take_rows(ctx, part->is_floor ? &whole->real : &whole->fake, part->n_fake, part->i_fake,
                      mem, &out->fake));
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

/* The fewest rows of either side are too few for an output. */
static mad_status say_too_few(mad_ctx *ctx, mad_arena *mem, size_t need, mad_verdict *out)
{
    char text[REASON_BYTES];
    snprintf(text, sizeof text, "needs at least %zu rows on both sides", need);
    out->value = (double)NAN;
    out->why = mad_arena_text(mem, text);
    return out->why != NULL ? MAD_OK : mad_fail_memory(ctx, "a reason");
}

mad_status mad_compare(mad_ctx *ctx, mad_comparison *comparison, const mad_metric_type *type,
                       mad_arena *mem, mad_verdict *out)
{
    mad_comparison *c = comparison;
    const mad_pair *pair = seen_by(c, type);
    const int is_of_test = type->needs & MAD_NEEDS_TRAIN && pair->test.n_rows > 0;
    const mad_set *real = is_of_test ? &pair->test : &pair->real, *fake = &pair->fake;
    const size_t n = real->n_rows, m = fake->n_rows, fewest = n < m ? n : m;
    const char *const lacks = mad_comparison_lacks(c, type);
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    mad_moments *const real_law = is_of_test ? &c->test_law : &c->real_law;
    mad_status st = MAD_OK;
    size_t n_outputs = 0, n_possible = 0;

    for (; type->outputs[n_outputs].name != NULL; n_outputs++) {
        const size_t need = type->min_rows(c->values, real->dim, n_outputs);
        out[n_outputs] = (mad_verdict){
            .type = type, .output = &type->outputs[n_outputs], .value = (double)NAN, .why = lacks};
        if (lacks == NULL && fewest < need) {
            MAD_TRY(say_too_few(ctx, mem, need, &out[n_outputs]));
        }
        n_possible += out[n_outputs].why == NULL;
    }
    if (n_possible == 0) {
        goto out;
    }
    if (type->needs & MAD_NEEDS_LAW) {
        MAD_TRY(law_of(ctx, real, mem, real_law));
        MAD_TRY(law_of(ctx, fake, mem, &c->fake_law));
    }
    double *value = mad_arena_take(ctx->scratch, n_outputs, sizeof *value);
    if (value == NULL) {
        st = mad_fail_memory(ctx, "measured values");
        goto out;
    }
    mad_metric_in in = {.world = &pair->world,
                        .values = c->values,
                        .real = real,
                        .real_law = real_law,
                        .n_directions = c->n_directions,
                        .directions = c->directions,
                        .key = c->key};
    if (type->prepare != NULL) {
        MAD_TRY(type->prepare(ctx, &in, mem, &in.prepared));
    }
    in.fake = fake;
    in.train = &pair->train;
    in.fake_law = &c->fake_law;
    MAD_TRY(type->eval(ctx, &in, value));
    for (size_t i = 0; i < n_outputs; i++) {
        if (out[i].why == NULL) {
            out[i].value = mad_metric_value(&type->outputs[i], value[i]);
            out[i].why = isinf(value[i]) || type->outputs[i].undefined == NULL
                             ? MAD_METRIC_OVERFLOW
                             : type->outputs[i].undefined;
            out[i].why = isnan(out[i].value) ? out[i].why : NULL;
        }
    }
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

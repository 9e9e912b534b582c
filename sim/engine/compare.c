/* sim/engine/compare.c: the measures on two sets of rows, whoever made them. */
#include "sim/engine/compare.h"

#include <math.h>
#include <stdio.h>

#include "sim/num/stats.h"

enum { REASON_BYTES = 96 };

const char *mad_comparison_lacks(const mad_comparison *comparison, const mad_metric_type *type)
{
    const mad_comparison *c = comparison;
    if (!(type->worlds & 1u << MAD_WORLD_CONTINUOUS)) {
        return "is not a measure of plain rows";
    }
    if (type->needs & MAD_NEEDS_DENSITY) {
        return "needs a model that knows its density";
    }
    if (type->needs & MAD_NEEDS_TRAIN && c->train == NULL) {
        return "needs the training rows";
    }
    if (type->needs & MAD_NEEDS_LABELS && c->real->label == NULL) {
        return "needs labels on both sides";
    }
    if (type->needs & MAD_NEEDS_MODES && c->world->n_modes == 0) {
        return "needs the centres of the modes";
    }
    return NULL;
}

static mad_status law_of(mad_ctx *ctx, const mad_set *set, mad_moments *law)
{
    const size_t dim = set->dim;
    law->dim = dim;
    law->mean = mad_arena_take_raw(ctx->scratch, dim, sizeof *law->mean);
    law->cov = mad_arena_take_raw(ctx->scratch, dim * dim, sizeof *law->cov);
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

mad_status mad_compare(mad_ctx *ctx, const mad_comparison *comparison, const mad_metric_type *type,
                       mad_arena *mem, mad_verdict *out)
{
    const mad_comparison *c = comparison;
    const mad_set *real = type->needs & MAD_NEEDS_TRAIN && c->test != NULL ? c->test : c->real;
    const size_t n = real->n_rows, m = c->fake->n_rows, fewest = n < m ? n : m;
    const char *const lacks = mad_comparison_lacks(c, type);
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    mad_moments real_law = {0}, fake_law = {0};
    mad_status st = MAD_OK;
    size_t n_outputs = 0, n_possible = 0;

    for (; type->outputs[n_outputs].name != NULL; n_outputs++) {
        const size_t need = type->min_rows(c->values, c->real->dim, n_outputs);
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
        MAD_TRY(law_of(ctx, real, &real_law));
        MAD_TRY(law_of(ctx, c->fake, &fake_law));
    }
    double *value = mad_arena_take(ctx->scratch, n_outputs, sizeof *value);
    if (value == NULL) {
        st = mad_fail_memory(ctx, "measured values");
        goto out;
    }
    mad_metric_in in = {
        .world = c->world, .values = c->values, .real = real, .real_law = &real_law, .key = c->key};
    if (type->prepare != NULL) {
        MAD_TRY(type->prepare(ctx, &in, mem, &in.prepared));
    }
    in.fake = c->fake;
    in.train = c->train;
    in.fake_law = &fake_law;
    MAD_TRY(type->eval(ctx, &in, value));
    for (size_t i = 0; i < n_outputs; i++) {
        if (out[i].why == NULL) {
            out[i].value = value[i];
            out[i].why = isnan(value[i]) ? type->outputs[i].undefined : NULL;
        }
    }
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

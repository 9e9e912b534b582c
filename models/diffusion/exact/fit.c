/* models/diffusion/exact/fit.c: a fit: the scaling, the law of the rows, and what guidance compares
 * it with. */
#include <math.h>
#include <string.h>

#include "models/diffusion/exact/sample.h"
#include "sim/base/par.h"

/* Streams of a fit: the starts of EM lie below, one stream chooses a subset, own samples follow. */
#define SUBSET_ITEM (1ull << 32)
#define OWN_ITEM    (1ull << 33)

/* Rows as the denoiser sees them, on scratch: categories embedded, standardised. With `freeze` the
 * scaling and the class frequencies are read from them first. */
static mad_status prepare(mad_ctx *ctx, mad_exact *self, const mad_set *train, int freeze,
                          mad_set *out)
{
    mad_status st = MAD_OK;
    mad_standard *s = &self->standard;
    mad_set rows = *train;

    if (train->n_rows == 0) {
        return mad_fail(ctx, MAD_E_RANGE, "no training rows");
    }
    if (self->kind == MAD_EXACT_CATEGORICAL) {
        MAD_TRY(mad_exact_categories(ctx, self, train, &rows));
    }
    if (freeze) {
        MAD_TRY(mad_standard_fit(ctx, s, &rows));
    }
    const size_t n = rows.n_rows * self->dim;
    double *x = mad_arena_take_raw(ctx->scratch, n, sizeof *x);
    if (x == NULL) {
        st = mad_fail_memory(ctx, "standardised rows");
        goto out;
    }
    for (size_t i = 0; i < n; i++) {
        x[i] = (rows.x[i] - s->centre[i % self->dim]) / s->scale[0];
    }
    rows.x = x;
    *out = rows;
out:
    return st;
}

/* A random share of the rows, without replacement. */
static mad_status draw_subset(mad_ctx *ctx, const mad_set *train, double share, mad_key key,
                              mad_set *out)
{
    mad_status st = MAD_OK;
    const size_t n = train->n_rows, dim = train->dim;
    const size_t n_kept = (size_t)fmax(1.0, floor(share * (double)n + 0.5));
    size_t *pick = mad_arena_take_raw(ctx->scratch, n_kept, sizeof *pick);
    size_t *work = mad_arena_take_raw(ctx->scratch, n, sizeof *work);
    mad_rng rng = mad_rng_open(key, SUBSET_ITEM);

    if (pick == NULL || work == NULL) {
        return mad_fail_memory(ctx, "a subset of the rows");
    }
    MAD_TRY(mad_set_take(ctx, ctx->scratch, n_kept, dim, train->label != NULL, out));
    if (train->weight != NULL) {
        out->weight = mad_arena_take_raw(ctx->scratch, n_kept, sizeof *out->weight);
        if (out->weight == NULL) {
            st = mad_fail_memory(ctx, "a subset of the rows");
            goto out;
        }
    }
    mad_rng_choose(&rng, n, n_kept, pick, work);
    for (size_t i = 0; i < n_kept; i++) {
        memcpy(out->x + i * dim, train->x + pick[i] * dim, dim * sizeof *out->x);
        if (train->label != NULL) {
            out->label[i] = train->label[pick[i]];
        }
        if (train->weight != NULL) {
            out->weight[i] = train->weight[pick[i]];
        }
    }
out:
    return st;
}

/* As many rows as there were to train on, of the law just fitted, without guidance. */
static mad_status draw_own(mad_ctx *ctx, mad_exact *self, const mad_set *train, mad_key key,
                           mad_set *out)
{
    mad_status st = MAD_OK;
    MAD_TRY(mad_set_take(ctx, ctx->scratch, train->n_rows, train->dim, train->label != NULL, out));
    MAD_TRY(mad_exact_own_rows(ctx, self, key, OWN_ITEM, out));
out:
    return st;
}

static mad_status fit_auxiliary(mad_ctx *ctx, mad_exact *self, const mad_set *set, mad_key key)
{
    mad_status st = MAD_OK;
    mad_set rows = {0};
    MAD_TRY(prepare(ctx, self, set, 0, &rows));
    MAD_TRY(mad_variance_within(ctx, &rows, self->law.n_classes, self->auxiliary_variance));
    MAD_TRY(mad_exact_fit_law(ctx, self, &rows, key, &self->auxiliary));
out:
    return st;
}

/* What guidance compares the law with. */
static mad_status choose_auxiliary(mad_ctx *ctx, mad_exact *self, const mad_set *train, mad_key key)
{
    mad_status st = MAD_OK;
    mad_set other = *train;
    if (mad_sampling_needs(self->sampling).worse) {
        MAD_TRY(draw_subset(ctx, train, self->worse, key, &other));
    } else if (!self->is_extrapolated) {
        MAD_TRY(draw_own(ctx, self, train, key, &other));
    }
    MAD_TRY(fit_auxiliary(ctx, self, &other, key));
out:
    return st;
}

static mad_status report(mad_ctx *ctx, mad_exact *self, const mad_fit_args *args)
{
    const mad_source source = mad_exact_source(self);
    return args->report == NULL ? MAD_OK
                                : mad_sampling_report(ctx, self->sampling, &source,
                                                      args->key.generation, args->report);
}

mad_status mad_exact_extrapolate(mad_ctx *ctx, mad_model *model, const mad_set *own,
                                 const mad_fit_args *args)
{
    mad_status st = MAD_OK;
    mad_exact *self = (mad_exact *)model;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    MAD_TRY(fit_auxiliary(ctx, self, own, args->key));
    MAD_TRY(report(ctx, self, args));
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

mad_status mad_exact_fit(mad_ctx *ctx, mad_model *model, const mad_set *train,
                         const mad_fit_args *args)
{
    mad_status st = MAD_OK;
    mad_exact *self = (mad_exact *)model;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    mad_set rows = {0};

    MAD_TRY(prepare(ctx, self, train, 1, &rows));
    MAD_TRY(mad_exact_fit_law(ctx, self, &rows, args->key, &self->law));
    *self->generation = args->key.generation;
    if (self->auxiliary.n_max > 0) {
        MAD_TRY(choose_auxiliary(ctx, self, train, args->key));
    }
    MAD_TRY(report(ctx, self, args));
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

/* models/diffusion/exact/categories.c: categories as random unit vectors, nearest decode. */
#include <math.h>
#include <string.h>

#include "models/diffusion/exact/exact.h"

mad_status mad_exact_embed(mad_ctx *ctx, size_t n, size_t dim, mad_arena *mem, double **out)
{
    size_t n_values = 0;
    if (mad_size_mul(n, dim, &n_values) != MAD_OK) {
        return mad_fail(ctx, MAD_E_RANGE, "%zu categories in %zu dimensions are too large", n, dim);
    }
    double *x = mad_arena_take(mem, n_values, sizeof *x);
    if (x == NULL) {
        return mad_fail_memory(ctx, "the embedding of the categories");
    }
    /* a stream of its own, whatever the seed: the embedding is part of the model, like a network's
     * shape */
    mad_rng rng = mad_rng_open((mad_key){.purpose = MAD_RNG_WORLD}, 0);
    mad_rng_normals(&rng, n_values, x);
    for (size_t k = 0; k < n; k++) {
        double sum_sq = 0.0;
        for (size_t a = 0; a < dim; a++) {
            sum_sq += x[k * dim + a] * x[k * dim + a];
        }
        for (size_t a = 0; a < dim; a++) {
            x[k * dim + a] /= sqrt(sum_sq);
        }
    }
    *out = x;
    return MAD_OK;
}

mad_status mad_exact_categories(mad_ctx *ctx, const mad_exact *self, const mad_set *train,
                                mad_set *out)
{
    mad_status st = MAD_OK;
    double *mass = mad_arena_take(ctx->scratch, self->n_categories, sizeof *mass);
    size_t n_alive = 0;

    if (mass == NULL) {
        return mad_fail_memory(ctx, "the weights of the categories");
    }
    for (size_t r = 0; r < train->n_rows; r++) {
        const double x = train->x[r];
        if (!(x >= 0.0 && x < (double)self->n_categories)) {
            return mad_fail(ctx, MAD_E_RANGE, "training row %zu has category %g, not 0..%zu", r, x,
                            self->n_categories - 1);
        }
        mass[(size_t)x] += train->weight == NULL ? 1.0 : train->weight[r];
    }
    for (size_t k = 0; k < self->n_categories; k++) {
        n_alive += mass[k] > 0.0;
    }
    MAD_TRY(mad_set_take(ctx, ctx->scratch, n_alive, self->dim, 0, out));
    out->weight = mad_arena_take(ctx->scratch, n_alive, sizeof *out->weight);
    if (out->weight == NULL) {
        st = mad_fail_memory(ctx, "the weights of the categories");
        goto out;
    }
    for (size_t k = 0, i = 0; k < self->n_categories; k++) {
        if (mass[k] > 0.0) {
            out->weight[i] = mass[k];
            memcpy(out->x + i++ * self->dim, self->embedding + k * self->dim,
                   self->dim * sizeof *out->x);
        }
    }
out:
    return st;
}

void mad_exact_decode(const mad_exact *self, const mad_set *embedded, mad_set *out)
{
    const size_t dim = self->dim;
    for (size_t r = 0; r < embedded->n_rows; r++) {
        double best = -HUGE_VAL; /* unit vectors: the nearest has the largest product */
        for (size_t k = 0; k < self->n_categories; k++) {
            double product = 0.0;
            for (size_t a = 0; a < dim; a++) {
                product += embedded->x[r * dim + a] * self->embedding[k * dim + a];
            }
            if (product > best) {
                best = product;
                out->x[r] = (double)k;
            }
        }
    }
}

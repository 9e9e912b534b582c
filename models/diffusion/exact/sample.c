/* models/diffusion/exact/sample.c: what samplers see of the fitted laws, and what is known of the
 * law they leave. */
#include "models/diffusion/exact/sample.h"

#include <math.h>
#include <string.h>

#include "models/diffusion/sampler.h"
#include "sim/base/par.h"

/* The auxiliary's rows may lack a class that the model has: such a class is not guided, D_ref = D. */
typedef struct reference {
    mad_denoiser base, auxiliary;
    const int32_t *knows; /* [n_classes] */
} reference;

static int is_known(const reference *self, const int32_t *label, size_t r)
{
    return label == NULL || label[r] == MAD_NO_CLASS || self->knows[label[r]] != 0;
}

static void denoise_reference(void *arg, double sigma, size_t n_rows, const int32_t *label,
                              const double *x, double *d)
{
    const reference *self = arg;
    const size_t dim = self->base.dim;
    for (size_t begin = 0, end; begin < n_rows; begin = end) { /* runs of rows of one kind */
        const int knows = is_known(self, label, begin);
        for (end = begin + 1; end < n_rows; end++) {
            if (is_known(self, label, end) != knows) {
                break;
            }
        }
        const mad_denoiser *one = knows ? &self->auxiliary : &self->base;
        one->denoise(one->self, sigma, end - begin, label == NULL ? NULL : label + begin,
                     x + begin * dim, d + begin * dim);
    }
}

static mad_status open_reference(mad_ctx *ctx, const mad_exact *self, mad_arena *scratch,
                                 const mad_denoiser *base, mad_denoiser *inout)
{
    const mad_law *law = &self->auxiliary;
    int32_t *knows = mad_arena_take(scratch, law->n_classes, sizeof *knows);
    reference *r = mad_arena_take(scratch, 1, sizeof *r);
    if (knows == NULL || r == NULL) {
        return mad_fail_memory(ctx, "an exact denoiser");
    }
    for (size_t k = 0; k < law->n_classes; k++) {
        for (size_t j = 0; j < (size_t)*law->n; j++) {
            knows[k] |= law->weight[k * law->n_max + j] > 0.0;
        }
    }
    *r = (reference){.base = *base, .auxiliary = *inout, .knows = knows};
    *inout = (mad_denoiser){.dim = base->dim, .self = r, .denoise = denoise_reference};
    return MAD_OK;
}

static mad_status open_denoisers(mad_ctx *ctx, void *arg, mad_arena *scratch, mad_denoiser *base,
                                 mad_denoiser *auxiliary)
{
    mad_status st = MAD_OK;
    const mad_exact *self = arg;
    *auxiliary = (mad_denoiser){0};
    MAD_TRY(mad_law_open(ctx, &self->law, scratch, base));
    if (self->auxiliary.n_max > 0) {
        MAD_TRY(mad_law_open(ctx, &self->auxiliary, scratch, auxiliary));
        if (self->law.n_classes > 0) {
            MAD_TRY(open_reference(ctx, self, scratch, base, auxiliary));
        }
    }
out:
    return st;
}

mad_source mad_exact_source(mad_exact *self)
{
    mad_source source = mad_standard_source(&self->standard);
    source.self = self;
    source.open = open_denoisers;
    source.auxiliary_variance = self->auxiliary_variance[0];
    return source;
}

/* Blocks of whole chunks bound the memory of embedded rows. */
#define BLOCK_CHUNKS ((size_t)64)

typedef mad_status (*rows_fn)(mad_ctx *ctx, const mad_sampling *sampling, const mad_source *source,
                              mad_key key, uint64_t first_item, mad_set *out);

static mad_status sample_categories(mad_ctx *ctx, mad_exact *self, const mad_sampling *sampling,
                                    const mad_source *source, rows_fn draw, mad_key key,
                                    uint64_t first_item, mad_set *out)
{
    mad_status st = MAD_OK;
    const size_t block = BLOCK_CHUNKS * MAD_CHUNK;
    for (size_t begin = 0; begin < out->n_rows && st == MAD_OK; begin += block) {
        const size_t n = out->n_rows - begin < block ? out->n_rows - begin : block;
        const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
        mad_set rows = mad_set_rows(out, begin, n), embedded;
        st = mad_set_take(ctx, ctx->scratch, n, self->dim, 0, &embedded);
        if (st == MAD_OK) {
            st = draw(ctx, sampling, source, key, first_item + begin / MAD_CHUNK, &embedded);
        }
        if (st == MAD_OK) {
            mad_exact_decode(self, &embedded, &rows);
        }
        mad_arena_release(ctx->scratch, mark);
    }
    return st;
}

static mad_status sample_with(mad_ctx *ctx, mad_exact *self, const mad_sampling *sampling,
                              rows_fn draw, mad_key key, uint64_t first_item, mad_set *out)
{
    mad_status st = MAD_OK;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    double *class_p = mad_arena_take(ctx->scratch, self->standard.n_classes, sizeof *class_p);
    mad_source source = mad_exact_source(self);

    if (class_p == NULL) {
        st = mad_fail_memory(ctx, "the class frequencies");
        goto out;
    }
    mad_standard_class_p(&self->standard, self->balanced, class_p);
    source.class_p = class_p;
    MAD_TRY(self->kind == MAD_EXACT_CATEGORICAL
                ? sample_categories(ctx, self, sampling, &source, draw, key, first_item, out)
                : draw(ctx, sampling, &source, key, first_item, out));
    if (out->parent != NULL) {
        MAD_TRY(mad_exact_find_parents(ctx, self, out));
    }
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

mad_status mad_exact_sample(mad_ctx *ctx, mad_model *model, mad_key key, uint64_t first_item,
                            mad_set *out)
{
    mad_exact *self = (mad_exact *)model;
    return sample_with(ctx, self, self->sampling, mad_sampling_rows, key, first_item, out);
}

mad_status mad_exact_sample_tilted(mad_ctx *ctx, mad_model *model, mad_key key, uint64_t first_item,
                                   size_t generation, mad_set *out)
{
    mad_status st = MAD_OK;
    mad_exact *self = (mad_exact *)model;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    const mad_sampling *tilted;
    MAD_TRY(mad_sampling_tilted(ctx, self->sampling, generation, ctx->scratch, &tilted));
    MAD_TRY(sample_with(ctx, self, tilted, mad_sampling_rows, key, first_item, out));
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

mad_status mad_exact_own_rows(mad_ctx *ctx, mad_exact *self, mad_key key, uint64_t first_item,
                              mad_set *out)
{
    return sample_with(ctx, self, self->sampling, mad_sampling_own_rows, key, first_item, out);
}

mad_status mad_exact_gain(mad_ctx *ctx, const mad_model *model, size_t generation, size_t n,
                          const double *variance, double *gain)
{
    const mad_exact *self = (const mad_exact *)model;
    const mad_source source = mad_standard_source(&self->standard);
    return mad_sampling_gain(ctx, self->sampling, mad_source_if_known(&source), generation, n,
                             variance, gain);
}

int mad_exact_gain_needs_rows(const mad_model *model)
{
    return mad_sampling_gain_needs_rows(((const mad_exact *)model)->sampling);
}

mad_status mad_exact_observe(mad_ctx *ctx, mad_model *model, const mad_set *train)
{
    mad_status st = MAD_OK;
    mad_exact *self = (mad_exact *)model;
    mad_set rows = *train;
    if (self->kind == MAD_EXACT_CATEGORICAL) {
        MAD_TRY(mad_exact_categories(ctx, self, train, &rows));
    }
    MAD_TRY(mad_standard_fit(ctx, &self->standard, &rows));
out:
    return st;
}

mad_status mad_exact_advise(mad_ctx *ctx, const mad_model *model, double variance, double limit,
                            size_t n_bytes, char *text, double *gain)
{
    const mad_exact *self = (const mad_exact *)model;
    const mad_source source = mad_standard_source(&self->standard);
    return mad_sampling_advise(ctx, self->sampling, mad_source_if_known(&source), variance, limit,
                               n_bytes, text, gain);
}

mad_status mad_exact_log_density(mad_ctx *ctx, mad_model *model, mad_key key, const mad_set *rows,
                                 double *log_density)
{
    mad_exact *self = (mad_exact *)model;
    const mad_source source = mad_exact_source(self);
    if (self->kind == MAD_EXACT_CATEGORICAL) {
        return mad_fail(ctx, MAD_E_UNSUPPORTED, "categories have no density");
    }
    return mad_sampling_log_density(ctx, self->sampling, &source, key, rows, log_density);
}

mad_status mad_exact_loss(mad_ctx *ctx, mad_model *model, mad_key key, const mad_set *rows,
                          double *loss)
{
    mad_exact *self = (mad_exact *)model;
    const mad_source source = mad_exact_source(self);
    if (self->kind == MAD_EXACT_CATEGORICAL) {
        return mad_fail(ctx, MAD_E_UNSUPPORTED, "categories have no denoising loss");
    }
    return mad_sampling_loss(ctx, &source, key, rows, loss);
}

/* ---- moments: one normal law per class, direction by direction through the sampler ---- */

/* Mean and covariance that component j leaves, standardised. */
static mad_status component_moments(mad_ctx *ctx, mad_exact *self, size_t j, double *mean,
                                    double *cov)
{
    mad_status st = MAD_OK;
    const mad_law *law = &self->law;
    const size_t dim = law->dim;
    const mad_source source = mad_exact_source(self);
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    double *line = mad_arena_take(ctx->scratch, 4 * dim, sizeof *line);
    double *basis = mad_arena_take(ctx->scratch, dim * dim, sizeof *basis);
    double *const in_mean = line, *const in_var = line + dim;
    double *const out_mean = line + 2 * dim, *const out_var = line + 3 * dim;

    if (line == NULL || basis == NULL) {
        st = mad_fail_memory(ctx, "the directions of a law");
        goto out;
    }
    for (size_t a = 0; a < dim; a++) {
        basis[a * dim + a] = 1.0;
        in_var[a] =
            law->shape == MAD_SHAPE_SPHERICAL ? law->variance[j] : law->variance[j * dim + a];
    }
    if (law->basis != NULL) {
        memcpy(basis, law->basis + j * dim * dim, dim * dim * sizeof *basis);
    }
    for (size_t a = 0; a < dim; a++) {
        for (size_t b = 0; b < dim; b++) {
            in_mean[a] += basis[a * dim + b] * law->mean[j * dim + b];
        }
    }
    MAD_TRY(mad_sampling_line(ctx, self->sampling, &source, (size_t)*self->generation, dim, in_mean,
                              in_var, out_mean, out_var));
    memset(mean, 0, dim * sizeof *mean);
    memset(cov, 0, dim * dim * sizeof *cov);
    for (size_t a = 0; a < dim; a++) {
        const double *axis = basis + a * dim;
        for (size_t b = 0; b < dim; b++) {
            mean[b] += out_mean[a] * axis[b];
            for (size_t c = 0; c < dim; c++) {
                cov[b * dim + c] += out_var[a] * axis[b] * axis[c];
            }
        }
    }
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

/* mean = sum p m, cov = sum p (C + (m - mean)(m - mean)^T), back in world units. */
mad_status mad_exact_moments(mad_ctx *ctx, mad_model *model, mad_moments *out)
{
    mad_status st = MAD_OK;
    mad_exact *self = (mad_exact *)model;
    const mad_law *law = &self->law;
    const mad_standard *s = &self->standard;
    const size_t dim = law->dim, n = (size_t)*law->n;
    const double *p = law->weight + law->n_classes * law->n_max;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    double *mean = mad_arena_take_raw(ctx->scratch, n * dim, sizeof *mean);
    double *cov = mad_arena_take_raw(ctx->scratch, dim * dim, sizeof *cov);
    double alive = 0.0;

    if (mean == NULL || cov == NULL) {
        st = mad_fail_memory(ctx, "the moments of a law");
        goto out;
    }
    out->dim = dim;
    memset(out->mean, 0, dim * sizeof *out->mean);
    memset(out->cov, 0, dim * dim * sizeof *out->cov);
    for (size_t j = 0; j < n; j++) {
        alive += p[j] > 0.0;
    }
    for (size_t j = 0; j < n; j++) {
        const double share = self->balanced && law->n_classes > 0 ? (p[j] > 0.0) / alive : p[j];
        if (share == 0.0) {
            continue;
        }
        MAD_TRY(component_moments(ctx, self, j, mean + j * dim, cov));
        for (size_t a = 0; a < dim; a++) {
            out->mean[a] += share * mean[j * dim + a];
        }
        for (size_t i = 0; i < dim * dim; i++) {
            out->cov[i] += share * cov[i];
        }
    }
    for (size_t j = 0; j < n; j++) {
        const double share = self->balanced && law->n_classes > 0 ? (p[j] > 0.0) / alive : p[j];
        for (size_t a = 0; a < dim && share > 0.0; a++) {
            const double da = mean[j * dim + a] - out->mean[a];
            for (size_t b = 0; b < dim; b++) {
                out->cov[a * dim + b] += share * da * (mean[j * dim + b] - out->mean[b]);
            }
        }
    }
    for (size_t a = 0; a < dim; a++) {
        out->mean[a] = s->centre[a] + s->scale[0] * out->mean[a];
        for (size_t b = 0; b < dim; b++) {
            out->cov[a * dim + b] *= s->scale[0] * s->scale[0];
        }
    }
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

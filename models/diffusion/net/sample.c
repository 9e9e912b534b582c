/* models/diffusion/net/sample.c: the trained denoiser, in single precision behind an interface in
 * double, and rows drawn with it.
 */
#include <math.h>

#include "models/diffusion/net/diffusion.h"

static void fill_labels(const mad_diffusion *model, size_t n, const int32_t *label, int32_t *out)
{
    for (size_t r = 0; r < n; r++) {
        const int32_t k = label == NULL ? MAD_NO_CLASS : label[r];
        out[r] = k == MAD_NO_CLASS ? (int32_t)model->n_classes : k;
    }
}

/* denoise of a mad_denoiser. What depends on the noise level alone is kept between calls. */
static void denoise(void *self, double sigma, size_t n_rows, const int32_t *label, const double *x,
                    double *d)
{
    mad_trained_denoiser *t = self;
    const mad_net *net = t->model->net;
    mad_net_work *work = t->work;
    const size_t dim = net->dim;

    if (sigma != t->sigma) {
        t->sigma = sigma;
        t->c = mad_coefficients_at(&t->model->objective.precondition, log(sigma));
        net->type->level(net, t->theta, t->packed, (float)t->c.c_noise, work);
    }
    for (size_t begin = 0; begin < n_rows; begin += net->block_rows) {
        const size_t n = n_rows - begin < net->block_rows ? n_rows - begin : net->block_rows;
        const double *from = x + begin * dim;
        double *to = d + begin * dim;
        for (size_t i = 0; i < n * dim; i++) {
            work->x[i] = (float)(t->c.c_in * from[i]);
        }
        if (net->n_classes > 0) {
            fill_labels(t->model, n, label == NULL ? NULL : label + begin, work->label);
        }
        net->type->eval(net, t->theta, t->packed, n, work);
        for (size_t i = 0; i < n * dim; i++) {
            to[i] = t->c.c_skip * from[i] + t->c.c_out * (double)work->out[i];
        }
    }
}

mad_status mad_trained_denoiser_open(mad_ctx *ctx, const mad_diffusion *model, const float *theta,
                                     const float *packed, mad_arena *scratch, mad_denoiser *out)
{
    mad_status st = MAD_OK;
    mad_trained_denoiser *self = mad_arena_take(scratch, 1, sizeof *self);
    if (self == NULL) {
        return mad_fail_memory(ctx, "a denoiser");
    }
    *self = (mad_trained_denoiser){.model = model, .theta = theta, .packed = packed};
    MAD_TRY(model->net->type->work_take(ctx, model->net, 0, scratch, &self->work));
    *out = (mad_denoiser){.dim = model->dim, .self = self, .denoise = denoise};
out:
    return st;
}

static mad_status open_denoisers(mad_ctx *ctx, void *self, mad_arena *scratch, mad_denoiser *base,
                                 mad_denoiser *auxiliary)
{
    mad_status st = MAD_OK;
    const mad_diffusion *model = self;
    *auxiliary = (mad_denoiser){0};
    MAD_TRY(mad_trained_denoiser_open(ctx, model, model->average, model->packed, scratch, base));
    if (model->auxiliary != NULL) {
        MAD_TRY(mad_trained_denoiser_open(ctx, model, model->auxiliary, model->packed_auxiliary,
                                          scratch, auxiliary));
    }
out:
    return st;
}

mad_source mad_diffusion_source(mad_diffusion *self)
{
    mad_source source = mad_standard_source(&self->standard);
    source.self = self;
    source.open = open_denoisers;
    source.is_conditional_only = self->settings.label_dropout == 0.0;
    mad_net_pack_all(self->net, self->average, self->packed);
    if (self->auxiliary != NULL) {
        mad_net_pack_all(self->net, self->auxiliary, self->packed_auxiliary);
    }
    return source;
}

static mad_status sample_with(mad_ctx *ctx, mad_diffusion *self, const mad_sampling *sampling,
                              mad_key key, uint64_t first_item, mad_set *out)
{
    mad_status st = MAD_OK;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    double *class_p = mad_arena_take(ctx->scratch, self->n_classes, sizeof *class_p);
    mad_source source = mad_diffusion_source(self);

    if (class_p == NULL) {
        st = mad_fail_memory(ctx, "the class frequencies");
        goto out;
    }
    mad_standard_class_p(&self->standard, self->settings.balanced, class_p);
    source.class_p = class_p;
    MAD_TRY(mad_sampling_rows(ctx, sampling, &source, key, first_item, out));
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

mad_status mad_diffusion_sample(mad_ctx *ctx, mad_model *model, mad_key key, uint64_t first_item,
                                mad_set *out)
{
    mad_diffusion *self = (mad_diffusion *)model;
    return sample_with(ctx, self, self->sampling, key, first_item, out);
}

mad_status mad_diffusion_sample_tilted(mad_ctx *ctx, mad_model *model, mad_key key,
                                       uint64_t first_item, size_t generation, mad_set *out)
{
    mad_status st = MAD_OK;
    mad_diffusion *self = (mad_diffusion *)model;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    const mad_sampling *tilted;
    MAD_TRY(mad_sampling_tilted(ctx, self->sampling, generation, ctx->scratch, &tilted));
    MAD_TRY(sample_with(ctx, self, tilted, key, first_item, out));
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

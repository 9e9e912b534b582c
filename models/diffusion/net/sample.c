/* models/diffusion/net/sample.c: the trained denoiser, and rows drawn with it. */
#include <math.h>
#include <string.h>

#include "models/diffusion/net/diffusion.h"

mad_status mad_trained_denoiser_take(mad_ctx *ctx, const mad_diffusion *model, mad_arena *scratch,
                                     mad_trained_denoiser *out)
{
    out->model = model;
    return model->net->type->work_take(ctx, model->net, 0, scratch, &out->work);
}

void mad_trained_denoise(void *self, double sigma, size_t n_rows, const int32_t *label,
                         const double *x, double *d)
{
    mad_trained_denoiser *denoiser = self;
    const mad_diffusion *model = denoiser->model;
    const mad_net *net = model->net;
    mad_net_work *work = denoiser->work;
    const size_t dim = model->dim;
    const mad_coefficients c = mad_coefficients_at(&model->objective.precondition, log(sigma));
    const float c_in = (float)c.c_in;

    net->type->level(net, model->average, model->packed, (float)c.c_noise, work);
    for (size_t begin = 0; begin < n_rows; begin += net->block_rows) {
        const size_t n = n_rows - begin < net->block_rows ? n_rows - begin : net->block_rows;
        const double *from = x + begin * dim;
        double *to = d + begin * dim;
        for (size_t i = 0; i < n * dim; i++) {
            work->x[i] = c_in * (float)from[i];
        }
        if (model->n_classes > 0) {
            memcpy(work->label, label + begin, n * sizeof *label);
        }
        net->type->eval(net, model->average, model->packed, n, work);
        for (size_t i = 0; i < n * dim; i++) {
            to[i] = c.c_skip * from[i] + c.c_out * (double)work->out[i];
        }
    }
}

static mad_status open_denoiser(mad_ctx *ctx, void *self, mad_arena *scratch, mad_denoiser *base,
                                mad_denoiser *auxiliary)
{
    mad_status st = MAD_OK;
    const mad_diffusion *model = self;
    mad_trained_denoiser *denoiser = mad_arena_take(scratch, 1, sizeof *denoiser);
    if (denoiser == NULL) {
        return mad_fail_memory(ctx, "a denoiser");
    }
    MAD_TRY(mad_trained_denoiser_take(ctx, model, scratch, denoiser));
    *base = (mad_denoiser){.dim = model->dim, .self = denoiser, .denoise = mad_trained_denoise};
    *auxiliary = (mad_denoiser){0};
out:
    return st;
}

mad_source mad_diffusion_source(mad_diffusion *self)
{
    mad_source source = mad_standard_source(&self->standard);
    source.self = self;
    source.open = open_denoiser;
    return source;
}

mad_status mad_diffusion_sample(mad_ctx *ctx, mad_model *model, mad_key key, uint64_t first_item,
                                mad_set *out)
{
    mad_status st = MAD_OK;
    mad_diffusion *self = (mad_diffusion *)model;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    double *class_p = mad_arena_take(ctx->scratch, self->n_classes, sizeof *class_p);
    mad_source source = mad_diffusion_source(self);

    if (class_p == NULL) {
        st = mad_fail_memory(ctx, "the class frequencies");
        goto out;
    }
    for (size_t k = 0; k < self->n_classes; k++) {
        class_p[k] = self->balanced ? 1.0 : source.class_p[k];
    }
    source.class_p = class_p;
    mad_net_pack_all(self->net, self->average, self->packed);
    MAD_TRY(mad_sampling_rows(ctx, self->sampling, &source, key, first_item, out));
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

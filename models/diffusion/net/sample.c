/* models/diffusion/net/sample.c: the trained denoiser, and rows drawn with it. */
#include <math.h>
#include <string.h>

#include "models/diffusion/net/diffusion.h"
#include "sim/base/par.h"

mad_status mad_trained_denoiser_take(mad_ctx *ctx, const mad_diffusion *model, mad_arena *scratch,
                                     mad_trained_denoiser *out)
{
    out->model = model;
    return model->net->type->work_take(ctx, model->net, 0, scratch, &out->work);
}

void mad_trained_denoise(void *self, double sigma, size_t n_rows, const int32_t *label,
                         const float *x, float *d)
{
    mad_trained_denoiser *denoiser = self;
    const mad_diffusion *model = denoiser->model;
    const mad_net *net = model->net;
    mad_net_work *work = denoiser->work;
    const size_t dim = model->dim;
    const mad_coefficients c = mad_coefficients_at(&model->objective.precondition, log(sigma));
    const float c_in = (float)c.c_in, c_skip = (float)c.c_skip, c_out = (float)c.c_out;

    net->type->level(net, model->average, model->packed, (float)c.c_noise, work);
    for (size_t begin = 0; begin < n_rows; begin += net->block_rows) {
        const size_t n = n_rows - begin < net->block_rows ? n_rows - begin : net->block_rows;
        const float *from = x + begin * dim;
        float *to = d + begin * dim;
        for (size_t i = 0; i < n * dim; i++) {
            work->x[i] = c_in * from[i];
        }
        if (model->n_classes > 0) {
            memcpy(work->label, label + begin, n * sizeof *label);
        }
        net->type->eval(net, model->average, model->packed, n, work);
        for (size_t i = 0; i < n * dim; i++) {
            to[i] = c_skip * from[i] + c_out * work->out[i];
        }
    }
}

typedef struct sample_job {
    const mad_diffusion *self;
    mad_key key;
    uint64_t first_item;
    const double *class_cum; /* [n_classes] */
    mad_set *out;
} sample_job;

/* Back to world units; a row that is not finite is an error, not data. */
static mad_status store_rows(mad_ctx *ctx, const mad_diffusion *self, const float *x, size_t n_rows,
                             double *out)
{
    for (size_t i = 0; i < n_rows * self->dim; i++) {
        if (!isfinite(x[i])) {
            return mad_fail(ctx, MAD_E_NONFINITE,
                            "the sampler left the finite numbers: the network has diverged");
        }
        out[i] = self->centre[i % self->dim] + self->scale[0] * (double)x[i];
    }
    return MAD_OK;
}

static mad_status sample_chunk(mad_ctx *ctx, void *arg, size_t i_chunk)
{
    mad_status st = MAD_OK;
    const sample_job *job = arg;
    const mad_diffusion *self = job->self;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    const size_t begin = mad_chunk_begin(i_chunk);
    const size_t n = mad_chunk_rows(job->out->n_rows, i_chunk);
    mad_rng rng = mad_rng_open(job->key, job->first_item + i_chunk);
    float *x = mad_arena_take_raw(ctx->scratch, MAD_CHUNK * self->dim, sizeof *x);
    float *work = mad_arena_take_raw(ctx->scratch, 3 * MAD_CHUNK * self->dim, sizeof *work);
    int32_t *label = NULL;
    mad_trained_denoiser denoiser;

    if (x == NULL || work == NULL) {
        st = mad_fail_memory(ctx, "a block of samples");
        goto out;
    }
    if (self->n_classes > 0) {
        label = mad_arena_take_raw(ctx->scratch, MAD_CHUNK, sizeof *label);
        if (label == NULL) {
            st = mad_fail_memory(ctx, "the labels of a block of samples");
            goto out;
        }
        for (size_t r = 0; r < n; r++) {
            label[r] = (int32_t)mad_rng_index(&rng, self->n_classes, job->class_cum);
        }
        if (job->out->label != NULL) {
            memcpy(job->out->label + begin, label, n * sizeof *label);
        }
    }
    MAD_TRY(mad_trained_denoiser_take(ctx, self, ctx->scratch, &denoiser));
    mad_ladder_walk(&self->ladder, mad_trained_denoise, &denoiser, &rng, n, self->dim, label, x,
                    work);
    MAD_TRY(store_rows(ctx, self, x, n, job->out->x + begin * self->dim));
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

mad_status mad_diffusion_sample(mad_ctx *ctx, mad_model *model, mad_key key, uint64_t first_item,
                                mad_set *out)
{
    mad_status st = MAD_OK;
    mad_diffusion *self = (mad_diffusion *)model;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    double *cum = mad_arena_take(ctx->scratch, self->n_classes + 1, sizeof *cum);
    sample_job job = {
        .self = self, .key = key, .first_item = first_item, .class_cum = cum, .out = out};

    if (cum == NULL) {
        return mad_fail_memory(ctx, "the class frequencies");
    }
    double total = 0.0;
    for (size_t k = 0; k < self->n_classes; k++) {
        total += self->balanced ? 1.0 : self->class_p[k];
        cum[k] = total;
    }
    mad_net_pack_all(self->net, self->average, self->packed);
    MAD_TRY(mad_par_for(ctx, mad_n_chunks(out->n_rows), sample_chunk, &job));
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

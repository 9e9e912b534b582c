/* models/diffusion/sample.c: the trained denoiser, and rows drawn with it. */
#include <math.h>
#include <string.h>

#include "models/diffusion/diffusion.h"
#include "sim/base/par.h"

void mad_diffusion_embed(const mad_diffusion *self, size_t n_rows, const float *c_noise, float *out,
                         size_t ld_out)
{
    self->net.kernels->waves(n_rows, self->n_embed / 2, c_noise, self->freq, out, ld_out);
    for (size_t r = 0; r < n_rows; r++) {
        for (size_t j = 0; j < self->n_embed; j++) {
            out[r * ld_out + j] *= self->gain_noise;
        }
    }
}

mad_status mad_trained_denoiser_take(mad_ctx *ctx, const mad_diffusion *model, mad_arena *scratch,
                                     mad_trained_denoiser *out)
{
    out->model = model;
    return mad_mlp_work_take(ctx, &model->net, 0, scratch, &out->work);
}

/* The noise level is the same in every row: its embedding goes into the first bias, once. */
void mad_trained_denoise(void *self, double sigma, size_t n_rows, const int32_t *label,
                         const float *x, float *d)
{
    mad_trained_denoiser *denoiser = self;
    const mad_diffusion *model = denoiser->model;
    mad_mlp_work *work = &denoiser->work;
    const size_t dim = model->dim, n_classes = model->n_classes, n_used = dim + n_classes;
    const mad_coefficients c = mad_coefficients_at(&model->precondition, log(sigma));
    const float in = model->gain_x * (float)c.c_in, c_skip = (float)c.c_skip,
                c_out = (float)c.c_out;
    const float c_noise = (float)c.c_noise;

    float *embedding = work->input + n_used; /* of the first row, which has not been filled yet */
    model->net.kernels->waves(1, model->n_embed / 2, &c_noise, model->freq, embedding, work->ld_in);
    mad_mlp_fold(&model->net, model->average, n_used, embedding, work);
    for (size_t begin = 0; begin < n_rows; begin += MAD_MLP_ROWS) {
        const size_t n = n_rows - begin < MAD_MLP_ROWS ? n_rows - begin : MAD_MLP_ROWS;
        for (size_t r = 0; r < n; r++) {
            float *input = work->input + r * work->ld_in;
            for (size_t j = 0; j < dim; j++) {
                input[j] = in * x[(begin + r) * dim + j];
            }
            if (n_classes > 0) {
                memset(input + dim, 0, n_classes * sizeof *input);
                input[dim + (size_t)label[begin + r]] = model->gain_class;
            }
        }
        mad_mlp_eval(&model->net, model->average, model->packed, n_used, n, work);
        for (size_t r = 0; r < n; r++) {
            const float *out = work->out + r * work->ld_out;
            for (size_t j = 0; j < dim; j++) {
                const size_t i = (begin + r) * dim + j;
                d[i] = c_skip * x[i] + c_out * out[j];
            }
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
    mad_mlp_pack_all(&self->net, self->average, self->packed);
    MAD_TRY(mad_par_for(ctx, mad_n_chunks(out->n_rows), sample_chunk, &job));
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

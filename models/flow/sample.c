/* models/flow/sample.c: rows from noise, and the log density of rows by the change of variables. */
#include <math.h>
#include <string.h>

#include "models/flow/flow.h"
#include "sim/iface/draw.h"

#define LOG_TWO_PI 1.83787706640934548356

static mad_status open_work(mad_ctx *ctx, const mad_flow *self, mad_net_work **out)
{
    mad_status st = MAD_OK;
    MAD_TRY(self->net->type->work_take(ctx, self->net, 0, ctx->scratch, out));
    self->net->type->level(self->net, self->average, self->packed, 0.0f, *out);
out:
    return st;
}

typedef struct draw_job {
    const mad_flow *self;
    mad_noise_tilt noise;
} draw_job;

static mad_status draw_chunk(mad_ctx *ctx, const void *arg, mad_rng *rng, size_t begin,
                             mad_set *rows)
{
    (void)begin;
    mad_status st = MAD_OK;
    const draw_job *job = arg;
    const mad_flow *self = job->self;
    const size_t dim = self->dim, block = self->net->block_rows;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    mad_net_work *work = NULL;
    MAD_TRY(open_work(ctx, self, &work));
    mad_noise_normals(&job->noise, rng, rows->n_rows * dim, rows->x);
    for (size_t at = 0; at < rows->n_rows; at += block) {
        const size_t n = rows->n_rows - at < block ? rows->n_rows - at : block;
        mad_couplings_to_rows(self->net, self->average, self->packed, n, work, rows->x + at * dim);
    }
    for (size_t i = 0; i < rows->n_rows * dim; i++) {
        rows->x[i] = self->centre[i % dim] + self->scale[i % dim] * rows->x[i];
    }
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

static mad_status sample_with(mad_ctx *ctx, mad_flow *self, mad_noise_tilt noise, mad_key key,
                              uint64_t first_item, mad_set *out)
{
    const draw_job job = {self, noise};
    mad_net_pack_all(self->net, self->average, self->packed);
    return mad_draw_chunks(ctx, key, first_item, draw_chunk, &job, out);
}

mad_status mad_flow_sample(mad_ctx *ctx, mad_model *model, mad_key key, uint64_t first_item,
                           mad_set *out)
{
    return sample_with(ctx, (mad_flow *)model, mad_noise_plain, key, first_item, out);
}

mad_status mad_flow_sample_tilted(mad_ctx *ctx, mad_model *model, mad_key key, uint64_t first_item,
                                  size_t generation, mad_set *out)
{
    mad_flow *self = (mad_flow *)model;
    return sample_with(ctx, self, mad_tilt_noise(&self->tilt, generation), key, first_item, out);
}

typedef struct density_job {
    const mad_flow *self;
    const mad_set *rows;
    double log_scale, *out;
} density_job;

static mad_status density_chunk(mad_ctx *ctx, void *arg, size_t i_chunk)
{
    mad_status st = MAD_OK;
    const density_job *job = arg;
    const mad_flow *self = job->self;
    const size_t dim = self->dim, block = self->net->block_rows, begin = mad_chunk_begin(i_chunk);
    const size_t end = begin + mad_chunk_rows(job->rows->n_rows, i_chunk);
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    mad_net_work *work = NULL;
    double *z = mad_arena_take_raw(ctx->scratch, block * dim, sizeof *z);
    if (z == NULL) {
        st = mad_fail_memory(ctx, "rows of a likelihood");
        goto out;
    }
    MAD_TRY(open_work(ctx, self, &work));
    for (size_t at = begin, n = 0; at < end; at += n) {
        const double *x = job->rows->x + at * dim;
        n = end - at < block ? end - at : block;
        for (size_t r = 0; r < n; r++) {
            for (size_t j = 0; j < dim; j++) {
                z[r * dim + j] = (x[r * dim + j] - self->centre[j]) / self->scale[j];
            }
        }
        mad_couplings_to_noise(self->net, self->average, self->packed, n, work, z, job->out + at);
        for (size_t r = 0; r < n; r++) {
            double square = 0.0;
            for (size_t j = 0; j < dim; j++) {
                square += z[r * dim + j] * z[r * dim + j];
            }
            job->out[at + r] -= 0.5 * (square + (double)dim * LOG_TWO_PI) + job->log_scale;
        }
    }
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

mad_status mad_flow_density(mad_ctx *ctx, mad_model *model, mad_key key, const mad_set *rows,
                            double *out)
{
    (void)key;
    mad_flow *self = (mad_flow *)model;
    density_job job = {self, rows, mad_flow_log_scale(self), out};
    mad_net_pack_all(self->net, self->average, self->packed);
    return mad_par_for(ctx, mad_n_chunks(rows->n_rows), density_chunk, &job);
}

/* tests/support/net_steps.c: ring of 8 modes for the multilayer perceptron, bright rectangles on dark
 * ground for the U-Net; DDPM noise prediction at uniform levels of the linear schedule. */
#include "tests/support/net_steps.h"

#include <math.h>
#include <string.h>

enum { N_LEVELS = 1000, EDGE = 16 };

static mad_rng stream(uint64_t item)
{
    return mad_rng_open((mad_key){.seed = 17, .purpose = MAD_RNG_TEST}, item);
}

static mad_status create_net(mad_ctx *ctx, mad_arena *mem, const mad_kernels *kernels,
                             mad_net_steps *s)
{
    switch (s->kind) {
    case MAD_NET_STEPS_MLP: {
        const mad_mlp_options o = {.dim = 2,
                                   .n_classes = 8,
                                   .width = 128,
                                   .depth = 3,
                                   .n_embed = 32,
                                   .embedding = MAD_EMBED_SINUSOIDAL};
        s->n_batch = 64;
        return mad_mlp_create(ctx, kernels, &o, mem, &s->net);
    }
    case MAD_NET_STEPS_UNET: {
        const mad_unet_options o = {.height = EDGE,
                                    .width = EDGE,
                                    .channels = 1,
                                    .n_classes = 10,
                                    .patch = 1,
                                    .base = 32,
                                    .n_levels = 3,
                                    .mult = {1, 2, 2},
                                    .n_blocks = 1,
                                    .attention = {0, 0, 1},
                                    .groups = 8,
                                    .n_embed = 32,
                                    .n_hidden = 128,
                                    .embedding = MAD_EMBED_SINUSOIDAL};
        s->n_batch = 16;
        return mad_unet_create(ctx, kernels, &o, mem, &s->net);
    }
    }
    return MAD_E_FAILED;
}

mad_status mad_net_steps_create(mad_ctx *ctx, mad_arena *mem, const mad_kernels *kernels,
                                mad_net_steps_kind kind, mad_net_steps *out)
{
    mad_status st = MAD_OK;
    mad_net_steps s = {.kind = kind};
    MAD_TRY(create_net(ctx, mem, kernels, &s));
    const size_t n = s.net->n_params, n_numbers = s.n_batch * s.net->dim;
    s.theta = mad_arena_take(mem, n, sizeof *s.theta);
    s.mean = mad_arena_take(mem, n, sizeof *s.mean);
    s.packed = mad_arena_take(mem, s.net->n_packed, sizeof *s.packed);
    s.x = mad_arena_take(mem, n_numbers, sizeof *s.x);
    s.target = mad_arena_take(mem, n_numbers, sizeof *s.target);
    s.c_noise = mad_arena_take(mem, s.n_batch, sizeof *s.c_noise);
    s.label = mad_arena_take(mem, s.n_batch, sizeof *s.label);
    if (s.theta == NULL || s.mean == NULL || s.packed == NULL || s.x == NULL || s.target == NULL ||
        s.c_noise == NULL || s.label == NULL) {
        return mad_fail_memory(ctx, "the batch");
    }
    MAD_TRY(mad_train_create(ctx, s.net, mem, &s.train));
    mad_train_reset(&s.train);
    s.net->type->init(s.net, (mad_key){.seed = 17, .purpose = MAD_RNG_TEST}, 1u << 20, s.theta);
    memcpy(s.mean, s.theta, n * sizeof *s.mean);
    mad_net_pack_all(s.net, s.theta, s.packed);
    *out = s;
out:
    return st;
}

/* A clean row; returns its class. */
static int32_t draw_row(mad_net_steps_kind kind, mad_rng *rng, float *x)
{
    switch (kind) {
    case MAD_NET_STEPS_MLP: {
        const int32_t mode = (int32_t)mad_rng_below(rng, 8);
        mad_rng_normals_f32(rng, 2, x);
        x[0] = 1.4f * cosf((float)mode * 0.785398f) + 0.1f * x[0];
        x[1] = 1.4f * sinf((float)mode * 0.785398f) + 0.1f * x[1];
        return mode;
    }
    case MAD_NET_STEPS_UNET: { /* the class is the rectangle's height */
        const size_t high = 2 + (size_t)mad_rng_below(rng, 10),
                     wide = 2 + (size_t)mad_rng_below(rng, 10);
        const size_t top = (size_t)mad_rng_below(rng, EDGE - high);
        const size_t left = (size_t)mad_rng_below(rng, EDGE - wide);
        for (size_t i = 0; i < (size_t)EDGE * EDGE; i++) {
            x[i] = i / EDGE - top < high && i % EDGE - left < wide ? 1.0f : -1.0f;
        }
        return (int32_t)(high - 2);
    }
    }
    return 0;
}

void mad_net_steps_batch(mad_net_steps *s, size_t i_step)
{
    const size_t dim = s->net->dim;
    mad_rng rng = stream(i_step);
    for (size_t r = 0; r < s->n_batch; r++) {
        float *x = s->x + r * dim, *eps = s->target + r * dim;
        double abar = 1.0;
        const uint64_t t = 1 + mad_rng_below(&rng, N_LEVELS);
        for (uint64_t i = 0; i < t; i++) {
            abar *= 1.0 - (1e-4 + (0.02 - 1e-4) * (double)i / (N_LEVELS - 1));
        }
        s->label[r] = draw_row(s->kind, &rng, x);
        if (mad_rng_uniform(&rng) < 0.1) {
            s->label[r] = (int32_t)s->net->n_classes;
        }
        s->c_noise[r] = (float)(0.125 * log((1.0 - abar) / abar));
        mad_rng_normals_f32(&rng, dim, eps);
        for (size_t j = 0; j < dim; j++) {
            x[j] = (float)(sqrt(abar) * (double)x[j] + sqrt(1.0 - abar) * (double)eps[j]);
        }
    }
}

static mad_status run_shard(mad_ctx *ctx, void *arg, size_t i_shard)
{
    mad_status st = MAD_OK;
    mad_net_steps *s = arg;
    const mad_net *net = s->net;
    const size_t dim = net->dim, end = mad_train_shard_begin(s->n_batch, i_shard + 1);
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    mad_net_work *work = NULL;
    size_t n = 0;

    s->loss[i_shard] = 0.0;
    MAD_TRY(net->type->work_take(ctx, net, 1, ctx->scratch, &work));
    for (size_t at = mad_train_shard_begin(s->n_batch, i_shard); at < end; at += n) {
        n = end - at < net->block_rows ? end - at : net->block_rows;
        memcpy(work->x, s->x + at * dim, n * dim * sizeof *s->x);
        memcpy(work->c_noise, s->c_noise + at, n * sizeof *s->c_noise);
        memcpy(work->label, s->label + at, n * sizeof *s->label);
        net->type->forward(net, s->theta, s->packed, n, work);
        for (size_t i = 0; i < n * dim; i++) {
            const double miss = (double)work->out[i] - (double)s->target[at * dim + i];
            s->loss[i_shard] += miss * miss;
            work->out[i] = (float)(2.0 * miss / (double)(s->n_batch * dim));
        }
        net->type->backward(net, s->theta, s->packed, n, work,
                            s->train.slot + i_shard * net->n_params);
    }
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

mad_status mad_net_steps_take(mad_ctx *ctx, mad_net_steps *s, size_t i_step, double *loss)
{
    static const mad_train_options adam = {.rate = 1e-3,
                                           .decay = MAD_DECAY_CONSTANT,
                                           .beta1 = 0.9,
                                           .beta2 = 0.999,
                                           .eps = 1e-8,
                                           .ema = MAD_EMA_CONSTANT,
                                           .ema_value = 0.999};
    mad_status st = MAD_OK;
    *loss = 0.0;
    MAD_TRY(mad_par_for(ctx, MAD_TRAIN_SHARDS, run_shard, s));
    for (size_t i = 0; i < MAD_TRAIN_SHARDS; i++) {
        *loss += s->loss[i] / (double)(s->n_batch * s->net->dim);
    }
    MAD_TRY(mad_train_step(ctx, &s->train, &adam, i_step + 1, MAD_NET_STEPS, s->theta, s->mean,
                           s->packed));
out:
    return st;
}

/* sim/nn/train.c: Adam over the segments of a parameter block. */
#include "sim/nn/train.h"

#include <math.h>
#include <string.h>

/* A half-life is at most this share of the rows seen: else the start would linger. */
#define HALF_LIFE_SHARE 0.05

mad_status mad_train_create(mad_ctx *ctx, const mad_net *net, mad_arena *mem, mad_train *out)
{
    const size_t n = net->n_params;
    mad_train train = {.net = net};
    train.slot = mad_arena_take(mem, MAD_TRAIN_SHARDS * n, sizeof(float));
    train.g = mad_arena_take(mem, n, sizeof(float));
    train.m = mad_arena_take(mem, n, sizeof(float));
    train.v = mad_arena_take(mem, n, sizeof(float));
    train.norm_sq = mad_arena_take(mem, net->n_segments, sizeof(double));
    if (train.slot == NULL || train.g == NULL || train.m == NULL || train.v == NULL ||
        train.norm_sq == NULL) {
        return mad_fail_memory(ctx, "gradients of the network");
    }
    *out = train;
    return MAD_OK;
}

void mad_train_reset(mad_train *train)
{
    const size_t n = train->net->n_params;
    memset(train->slot, 0, MAD_TRAIN_SHARDS * n * sizeof *train->slot);
    memset(train->m, 0, n * sizeof *train->m);
    memset(train->v, 0, n * sizeof *train->v);
}

size_t mad_train_shard_begin(size_t n_batch, size_t i_shard)
{
    return i_shard * n_batch / MAD_TRAIN_SHARDS;
}

double mad_train_rate(const mad_train_options *options, size_t step, size_t n_steps)
{
    if (step <= options->n_warmup) {
        return options->rate * (double)step / (double)options->n_warmup;
    }
    switch (options->decay) {
    case MAD_DECAY_CONSTANT:
        return options->rate;
    case MAD_DECAY_COSINE: {
        const double done = (double)(step - options->n_warmup);
        const double all = (double)(n_steps - options->n_warmup);
        return options->rate * 0.5 * (1.0 + cos(M_PI * done / all));
    }
    case MAD_DECAY_LINEAR:
        return options->rate * (double)(n_steps - step) / (double)(n_steps - options->n_warmup);
    }
    return options->rate;
}

double mad_train_ema_decay(const mad_train_options *options, size_t step)
{
    const double n = (double)step;
    switch (options->ema) {
    case MAD_EMA_POWER:
        return pow(1.0 - 1.0 / n, options->ema_value + 1.0);
    case MAD_EMA_CONSTANT:
        return fmin(options->ema_value, (1.0 + n) / (10.0 + n));
    case MAD_EMA_HALF_LIFE: {
        const double rows = (double)options->n_batch;
        return pow(0.5, rows / fmin(options->ema_value, HALF_LIFE_SHARE * rows * n));
    }
    }
    return 0.0;
}

typedef struct step_job {
    mad_train *train;
    mad_adam adam;
    float *theta, *mean, *packed;
} step_job;

static mad_status gather_segment(mad_ctx *ctx, void *arg, size_t i_segment)
{
    (void)ctx;
    mad_train *train = ((step_job *)arg)->train;
    const mad_net *net = train->net;
    const mad_segment s = net->type->segment(net, i_segment);
    train->norm_sq[i_segment] = net->kernels->gather(s.count, MAD_TRAIN_SHARDS, net->n_params,
                                                     train->slot + s.begin, train->g + s.begin);
    return MAD_OK;
}

static mad_status update_segment(mad_ctx *ctx, void *arg, size_t i_segment)
{
    (void)ctx;
    step_job *job = arg;
    mad_train *train = job->train;
    const mad_net *net = train->net;
    const mad_segment s = net->type->segment(net, i_segment);
    net->kernels->adam(s.count, &job->adam, train->g + s.begin, train->m + s.begin,
                       train->v + s.begin, job->theta + s.begin, job->mean + s.begin);
    net->type->pack(net, job->theta, i_segment, job->packed);
    return MAD_OK;
}

mad_status mad_train_step(mad_ctx *ctx, mad_train *train, const mad_train_options *options,
                          size_t step, size_t n_steps, float *theta, float *mean, float *packed)
{
    mad_status st = MAD_OK;
    step_job job = {.train = train, .theta = theta, .mean = mean, .packed = packed};
    double norm_sq = 0.0;

    MAD_TRY(mad_par_for(ctx, train->net->n_segments, gather_segment, &job));
    for (size_t i = 0; i < train->net->n_segments; i++) {
        norm_sq += train->norm_sq[i];
    }
    if (!isfinite(norm_sq)) {
        st = mad_fail(ctx, MAD_E_NONFINITE,
                      "training diverged at step %zu of %zu: the gradient is not finite", step,
                      n_steps);
        goto out;
    }
    const double norm = sqrt(norm_sq), n = (double)step;
    const double rate = mad_train_rate(options, step, n_steps);
    const float beta1 = (float)options->beta1, beta2 = (float)options->beta2;
    job.adam = (mad_adam){
        .rate = (float)(rate / (1.0 - pow((double)beta1, n))), /* the betas as the kernel sees */
        .unbias_v = (float)(1.0 / (1.0 - pow((double)beta2, n))),
        .beta1 = beta1,
        .beta2 = beta2,
        .eps = (float)options->eps,
        .decay = (float)(rate * options->weight_decay),
        .clip = options->clip > 0.0 && norm > options->clip ? (float)(options->clip / norm) : 1.0f,
        .ema = (float)(1.0 - mad_train_ema_decay(options, step)),
    };
    MAD_TRY(mad_par_for(ctx, train->net->n_segments, update_segment, &job));
out:
    return st;
}

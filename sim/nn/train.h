/* sim/nn/train.h: stochastic gradient training of a parameter block: Adam, clipping, averaging.
 *
 * A batch is cut into MAD_TRAIN_SHARDS shards, a constant. Each shard adds its gradient to its own
 * slot; slots are summed in index order. Results therefore do not depend on the number of threads.
 */
#ifndef MAD_NN_TRAIN_H
#define MAD_NN_TRAIN_H

#include "sim/base/par.h"
#include "sim/nn/net.h"

#define MAD_TRAIN_SHARDS ((size_t)8)

typedef enum mad_ema_kind {
    MAD_EMA_POWER,    /* decay (1 - 1/n)^(value + 1) at step n: a window that grows with the run
                         (Karras et al. 2024, Eq. 1) */
    MAD_EMA_CONSTANT, /* decay min(value, (1 + n) / (10 + n)) */
    MAD_EMA_HALF_LIFE /* decay 0.5^(B / H), B = n_batch, H = min(value, 0.05 B n): half-life of
                         `value` rows, and at most 5 % of the rows seen (Karras et al. 2022) */
} mad_ema_kind;

typedef enum mad_rate_decay {
    MAD_DECAY_CONSTANT,
    MAD_DECAY_COSINE,
    MAD_DECAY_LINEAR
} mad_rate_decay;

typedef struct mad_train_options {
    double rate;          /* peak learning rate */
    size_t n_warmup;      /* steps of linear warm-up, from rate / n_warmup */
    mad_rate_decay decay; /* after the warm-up: constant, half a cosine to 0, straight to 0 */
    double beta1, beta2, eps;
    double
        weight_decay; /* decoupled (AdamW, Loshchilov & Hutter 2019): theta -= rate decay theta */
    double clip;      /* largest norm of the gradient; 0 = no limit */
    mad_ema_kind ema;
    double ema_value;
    size_t n_batch; /* rows of a step, for MAD_EMA_HALF_LIFE */
} mad_train_options;

/* State of an optimiser for one net; every pointer is [n_params] unless said. */
typedef struct mad_train {
    const mad_net *net; /* borrowed, must outlive the optimiser */
    float *slot;        /* [MAD_TRAIN_SHARDS][n_params]: shards add their gradients here */
    float *g, *m, *v;
    double *norm_sq; /* [n_segments] */
} mad_train;

/** Carve all memory an optimiser will use. MAD_E_MEMORY. */
MAD_MUST_CHECK mad_status mad_train_create(mad_ctx *ctx, const mad_net *net, mad_arena *mem,
                                           mad_train *out);

/** Forget moments and gradients: the start of a fit. */
void mad_train_reset(mad_train *train);

/** First row of the batch that shard i takes; it ends where shard i + 1 begins. */
size_t mad_train_shard_begin(size_t n_batch, size_t i_shard);

/** Learning rate of step 1..n_steps. */
double mad_train_rate(const mad_train_options *options, size_t step, size_t n_steps);

/** Decay of the average at step n >= 1: mean <- decay mean + (1 - decay) theta. */
double mad_train_ema_decay(const mad_train_options *options, size_t step);

/**
 * Sum the slots, clip, take Adam's step 1..n_steps, average, pack the new parameters, and zero the
 * slots.
 *
 * ref      Kingma & Ba 2015
 * shape    theta, mean: [n_params]; packed: [n_packed]
 * errors   MAD_E_NONFINITE: the gradient is NaN or Inf; theta and mean are untouched
 * threads  parallel over segments, same bits for any number
 */
MAD_MUST_CHECK mad_status mad_train_step(mad_ctx *ctx, mad_train *train,
                                         const mad_train_options *options, size_t step,
                                         size_t n_steps, float *theta, float *mean, float *packed);

#endif

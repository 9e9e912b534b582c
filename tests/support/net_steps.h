/* tests/support/net_steps.h: a short training, step by step, on batches that can be exported: what
 * another implementation must reproduce from the same weights, batches and optimiser. */
#ifndef MAD_TESTS_SUPPORT_NET_STEPS_H
#define MAD_TESTS_SUPPORT_NET_STEPS_H

#include "sim/nn/train.h"

#define MAD_NET_STEPS ((size_t)100)

typedef enum mad_net_steps_kind {
    MAD_NET_STEPS_MLP, /* 3 x 128, 2 coordinates, 8 classes, batch 64 */
    MAD_NET_STEPS_UNET /* the peers' U-Net at 16x16, 10 classes, batch 16 */
} mad_net_steps_kind;

typedef struct mad_net_steps {
    mad_net_steps_kind kind;
    mad_net *net;
    mad_train train;
    size_t n_batch;
    float *theta, *mean, *packed;
    /* the batch: c_in times the noisy rows, noise level, class (n_classes = none), noise to predict */
    float *x, *c_noise, *target; /* [n_batch][dim], [n_batch], [n_batch][dim] */
    int32_t *label;              /* [n_batch] */
    double loss[MAD_TRAIN_SHARDS];
} mad_net_steps;

/** Initial weights and memory. MAD_E_MEMORY. */
MAD_MUST_CHECK mad_status mad_net_steps_create(mad_ctx *ctx, mad_arena *mem,
                                               const mad_kernels *kernels, mad_net_steps_kind kind,
                                               mad_net_steps *out);

/** Batch of step 0..MAD_NET_STEPS-1. */
void mad_net_steps_batch(mad_net_steps *steps, size_t i_step);

/** The batch's loss, mean over rows and coordinates of |F - target|^2, and one step of Adam. */
MAD_MUST_CHECK mad_status mad_net_steps_take(mad_ctx *ctx, mad_net_steps *steps, size_t i_step,
                                             double *loss);

#endif

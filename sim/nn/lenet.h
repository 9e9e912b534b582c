/* sim/nn/lenet.h: a small convolutional classifier of pictures, whose last hidden layer serves as
 * features.
 *
 *   c_1 = conv5x5(x), 6 channels;  p_1 = pool(c_1);  c_2 = conv5x5(p_1), 16 channels;  p_2 = pool(c_2);
 *   h_1 = relu(W_1 p_2 + b_1), 120;  h_2 = relu(W_2 h_1 + b_2), 84;  F = W_3 h_2 + b_3, one a class,
 * pool being rectifier and 2x2 max-pooling. Convolutions are padded with zeros, so pictures of any size
 * go in (LeCun et al. 1998 pad the first only, average, and squash by tanh).
 */
#ifndef MAD_NN_LENET_H
#define MAD_NN_LENET_H

#include "sim/nn/net.h"

#define MAD_LENET_FEATURES ((size_t)84)

enum { MAD_LENET_MIN_SIDE = 8, MAD_LENET_MAX_SIDE = 64, MAD_LENET_MAX_CHANNELS = 4 };

/* Rows are pictures [height][width][channels]. */
typedef struct mad_lenet_options {
    size_t height, width, channels, n_classes;
} mad_lenet_options;

/**
 * Tensors: conv1, conv2, dense1, dense2, dense3, each .weight and .bias; dense1.weight is
 * [120][16][height / 4][width / 4]. `level` is NULL: a classifier sees no noise; `eval` is forward.
 *
 * ref     LeCun, Bottou, Bengio & Haffner 1998, Proc. IEEE 86:2278, Fig. 2
 * errors  MAD_E_CONFIG: a side outside 8..64, channels outside 1..4, fewer than 2 classes;
 *         MAD_E_MEMORY
 */
MAD_MUST_CHECK mad_status mad_lenet_create(mad_ctx *ctx, const mad_kernels *kernels,
                                           const mad_lenet_options *options, mad_arena *mem,
                                           mad_net **out);

/** h_2 of the row of the last pass: [MAD_LENET_FEATURES]. */
const float *mad_lenet_features(const mad_net_work *work, size_t i_row);

/**
 * Cross entropy of logits F: sum over rows of share (ln sum_k exp F_k - F_label).
 *
 * shape   logits: [n_rows][n_classes], replaced by its gradient share (softmax(F) - onehot(label))
 * n_right  the number of rows whose largest logit (the first, if several are) is the label's
 */
double mad_cross_entropy(size_t n_rows, size_t n_classes, const int32_t *label, double share,
                         float *logits, size_t *n_right);

#endif

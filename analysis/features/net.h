/* analysis/features/net.h: what using and training the classifier share. */
#ifndef MAD_ANALYSIS_FEATURES_NET_H
#define MAD_ANALYSIS_FEATURES_NET_H

#include "sim/iface/feature.h"
#include "sim/nn/lenet.h"

enum { MAD_NET_ARRAYS = 10 };

/** Names of the arrays of a file, ascending. */
extern const char *const mad_net_names[MAD_NET_ARRAYS];

extern const mad_param mad_net_params[];

/** mad_feature_type.train */
mad_status mad_net_train(mad_ctx *ctx, const mad_feature_training *args, mad_arena *mem,
                         mad_feature_trained *out);

/** Number of floats of a tensor. */
size_t mad_net_count(const mad_tensor *tensor);

/** Where element i (row-major) of a tensor lies in a parameter block. */
size_t mad_net_place(const mad_tensor *tensor, size_t i);

/** Rows begin.. of a set into work->x, scaled as the classifier was trained. */
void mad_net_fill(const mad_set *rows, size_t begin, size_t n_rows, double mean, double sd,
                  mad_net_work *work);

#endif

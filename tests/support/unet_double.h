/* tests/support/unet_double.h: the U-Net of sim/nn in double, channel by channel, from the tensor
 * table alone: an oracle that shares no code with what it checks. */
#ifndef MAD_TESTS_SUPPORT_UNET_DOUBLE_H
#define MAD_TESTS_SUPPORT_UNET_DOUBLE_H

#include "sim/nn/net.h"

/**
 * F of n_rows rows.
 *
 * shape  theta: [net->n_params]; x: [n_rows][dim]; c_noise, label: [n_rows]; out: [n_rows][dim]
 */
void mad_unet_double(const mad_net *net, const mad_unet_options *o, const double *theta,
                     size_t n_rows, const float *x, const float *c_noise, const int32_t *label,
                     double *out);

#endif

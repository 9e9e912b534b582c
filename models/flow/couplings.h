/* models/flow/couplings.h: a stack of affine coupling layers as a network: rows to noise and back.
 * Private to this folder and its tests.
 *
 * Layer k splits the columns in two groups by one bit of their number: what is kept, u_a, says how
 * the others move,
 *
 *   v_a = u_a,   v_b = (u_b - t(u_a)) exp(-s(u_a)),   ln|det| = -sum s,
 *   s = bound tanh(r / bound),   (r, t) = a multilayer perceptron of u_a,
 *
 * and the next layer moves the other group. Pairs of layers take the bits in turn, so that any two
 * columns fall into different groups of some pair. One column alone has nothing to hang on: r and t
 * are numbers, and the flow is a normal law.
 *
 * differs from Dinh et al. 2017, Eq. 4 and 5: v_b = u_b exp(s) + t there; the same maps, written so
 *         that t is where the rows are
 */
#ifndef MAD_MODELS_FLOW_COUPLINGS_H
#define MAD_MODELS_FLOW_COUPLINGS_H

#include "sim/nn/net.h"

typedef struct mad_couplings_options {
    size_t dim, n_layers;
    size_t width, depth; /* of each perceptron */
    double bound;        /* largest |s| of a layer */
} mad_couplings_options;

/**
 * The stack as a mad_net: x -> out = z[dim], ln|det dz/dx|; n_out = dim + 1. Parameters are those of
 * the layers, one after the other; init makes it the identity. Its rows have no noise level, but
 * `level` stands in front of eval and of the maps below as in every network.
 *
 * errors  MAD_E_MEMORY; MAD_E_CONFIG naming the key
 */
MAD_MUST_CHECK mad_status mad_couplings_create(mad_ctx *ctx, const mad_kernels *kernels,
                                               const mad_couplings_options *options, mad_arena *mem,
                                               mad_net **out);

/**
 * Rows to noise, in double but for r and t, and back: the one undoes the other up to rounding.
 *
 * shape   x: [n_rows][dim], in place; log_det: [n_rows], of dz/dx; n_rows <= block_rows
 * memory  allocates nothing; work: taken for evaluation, after `level`
 */
void mad_couplings_to_noise(const mad_net *net, const float *theta, const float *packed,
                            size_t n_rows, mad_net_work *work, double *x, double *log_det);
void mad_couplings_to_rows(const mad_net *net, const float *theta, const float *packed,
                           size_t n_rows, mad_net_work *work, double *x);

#endif

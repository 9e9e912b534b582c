/* sim/nn/unet_layers.h: the layers of which unet_build.c makes a U-Net. Private to sim/nn.
 *
 * Every function appends to the lists of the network: an operation with the value it makes, the
 * place of its parameters, their tensors (name, shape, strides, initial law) and segments. Lists
 * are long enough for every network that unet_build.c makes. Channels of values are padded
 * (mad_unet_lanes); those of tensors, n_in and n_out, are real.
 */
#ifndef MAD_NN_UNET_LAYERS_H
#define MAD_NN_UNET_LAYERS_H

#include "sim/nn/unet.h"

typedef struct unet_builder {
    unet *net;
    size_t n_params; /* so far */
    size_t level;    /* 0 = the finest */
    char path[64];   /* of the module being built */
    double macs;     /* multiply-adds of an image forward, so far */
} unet_builder;

/* Name of a tensor: path.name.kind.part, the last only of a concatenation. */
typedef struct unet_label {
    const char *name, *part;
} unet_label;

/** Channels of a map with the padding behind them. */
size_t mad_unet_lanes(size_t n_channels);

/* ---- parameters and their tensors ---- */

/** Room for n parameters: their offset. */
size_t mad_unet_take_params(unet_builder *b, size_t n);

/** Everything taken since `begin` is one segment: of an operation's convolution, or UNET_NONE. */
void mad_unet_close_segment(unet_builder *b, size_t begin, size_t conv, int is_mix);

/** PyTorch's default for weights and biases: uniform, half-width 1 / sqrt(fan_in). */
unet_init mad_unet_uniform(size_t fan_in);

/** shape  [n], dense from offset on */
void mad_unet_add_vector(unet_builder *b, unet_label l, const char *kind, unet_init init, size_t n,
                         size_t offset);

/** A vector that is no weight: set once, when the parameters are initialised. */
void mad_unet_add_untrained(unet_builder *b, unet_label l, const char *kind, size_t n,
                            size_t offset);

/** shape  [n_out][n_in], element (o, i) at offset + o by_out + i by_in */
void mad_unet_add_matrix(unet_builder *b, unet_label l, unet_init init, size_t n_out, size_t n_in,
                         size_t offset, size_t by_out, size_t by_in);

/** shape  [n_out][n_in][side][side], element (o, i, y, x) at
 *  offset + o by_out + i by_in + (side y + x) by_tap */
void mad_unet_add_filter(unet_builder *b, unet_label l, unet_init init, size_t n_out, size_t n_in,
                         size_t side, size_t offset, ptrdiff_t by_out, size_t by_in,
                         ptrdiff_t by_tap);

/* ---- values and operations: x and y are indices of values ---- */

/** A value of h x w pixels and c padded channels: its index. */
size_t mad_unet_add_value(unet_builder *b, size_t h, size_t w, size_t c);

/** An operation without parameters. It joins the last group when that has the same level. */
unet_op *mad_unet_add_op(unet_builder *b, unet_op_kind kind, size_t x, size_t y);

/** A convolution to c_out padded channels, taps = 1 or 9 (3x3); the caller lists its tensors. */
unet_op *mad_unet_add_bare_conv(unet_builder *b, size_t x, size_t c_out, size_t taps, size_t stride,
                                int has_bias);

/** A convolution with bias and its tensors. */
unet_op *mad_unet_add_conv(unet_builder *b, const char *name, size_t x, size_t n_in, size_t n_out,
                           size_t taps, size_t stride);

/** The same of stride 1 over the concatenation of two values with n_in / 2 channels each, as the
 *  sum of two convolutions. Returns the second, whose y is the sum. */
unet_op *mad_unet_add_pair_conv(unet_builder *b, const char *name, const size_t pair[2],
                                size_t n_in, size_t n_out, size_t taps);

/** A group norm, followed by silu if act. Returns its value. */
size_t mad_unet_add_norm(unet_builder *b, unet_label l, size_t x, size_t n_channels, size_t groups,
                         int act);

#endif

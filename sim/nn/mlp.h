/* sim/nn/mlp.h: multilayer perceptron with SiLU: parameter layout, forward, backward.
 *
 *   y_0 = input;  y_l = silu(b_l + y_{l-1} W_l), l = 1..depth;  out = c + y_depth V^T.
 *
 * A parameter block is one run of floats, [W_1 .. W_depth, V, b_1 .. b_depth, c], each matrix row
 * padded with zeros to `ld` floats; gradients, moments and averages have the same layout, and pads
 * stay zero under every operation here. A thread works on a block of rows from the first layer to
 * the last, so activations stay in its cache.
 */
#ifndef MAD_NN_MLP_H
#define MAD_NN_MLP_H

#include "sim/base/rng.h"
#include "sim/nn/kernels.h"

/* Rows a thread takes through the net at once: a compromise between the reuse of weights and the
 * size of the activations; part of every result, since it fixes the order of sums. */
#define MAD_MLP_ROWS ((size_t)64)

/* Plain data, made by mad_mlp_plan. */
typedef struct mad_mlp {
    const mad_kernels *kernels;
    size_t n_in, n_out, width, depth; /* depth = hidden layers, >= 1 */
    size_t ld;                        /* width rounded up to MAD_PANEL */
    size_t n_params;                  /* floats of a parameter block, pads included */
    size_t n_packed;                  /* floats of packed weights, see mad_mlp_pack */
    size_t n_segments;                /* pieces a parameter block is cut into for parallel work */
    size_t n_weights;                 /* multiply-adds of one row forward, without pads */
} mad_mlp;

/* A piece of a parameter block: rows row..row+n-1 of W_{layer+1}, or, with layer = depth, a piece
 * of the rest. */
typedef struct mad_mlp_segment {
    size_t begin, count; /* floats, from the start of the block */
    size_t layer, row;
} mad_mlp_segment;

/* Activations of up to MAD_MLP_ROWS rows; belongs to one thread at a time. */
typedef struct mad_mlp_work {
    size_t ld_in, ld_y, ld_out;
    float *input;  /* [rows][ld_in], the caller writes columns 0..n_in-1 */
    float *y;      /* [depth or 2][rows][ld_y] */
    float *slope;  /* [depth][rows][ld_y] or NULL */
    float *out;    /* [rows][ld_out]; columns beyond n_out are zero */
    float *bias_1; /* [ld], first bias of mad_mlp_eval */
} mad_mlp_work;

mad_mlp mad_mlp_plan(const mad_kernels *kernels, size_t n_in, size_t n_out, size_t width,
                     size_t depth);

mad_mlp_segment mad_mlp_segment_at(const mad_mlp *net, size_t i_segment);

/**
 * Normal weights of variance 2 / n_inputs in the hidden layers (He et al. 2015, Eq. 10) and
 * 1 / width in the last, biases 0. Layer l draws from the stream (key, first_item + l).
 */
void mad_mlp_init(const mad_mlp *net, mad_key key, uint64_t first_item, float *theta);

/** Write the part of a segment in the layouts forward and backward read. packed: [n_packed]. */
void mad_mlp_pack(const mad_mlp *net, const float *theta, mad_mlp_segment segment, float *packed);
void mad_mlp_pack_all(const mad_mlp *net, const float *theta, float *packed);

/** Carve a workspace, for training or (smaller) for evaluation. MAD_E_MEMORY. */
MAD_MUST_CHECK mad_status mad_mlp_work_take(mad_ctx *ctx, const mad_mlp *net, int for_training,
                                            mad_arena *mem, mad_mlp_work *out);

/** work->input -> work->out, keeping what the backward pass needs. n_rows <= MAD_MLP_ROWS. */
void mad_mlp_forward(const mad_mlp *net, const float *theta, const float *packed, size_t n_rows,
                     mad_mlp_work *work);

/**
 * work->out holds dL/dout: ADDS dL/dtheta to grad[n_params]. Overwrites work->slope.
 * ref     back-propagation, Rumelhart, Hinton & Williams 1986
 */
void mad_mlp_backward(const mad_mlp *net, const float *theta, const float *packed, size_t n_rows,
                      mad_mlp_work *work, float *grad);

/** work->bias_1 = b_1 + sum_i rest[i] W_1[n_used + i]: inputs from n_used on that are the same in
 *  every row, folded once instead of multiplied per row. rest: [n_in - n_used] */
void mad_mlp_fold(const mad_mlp *net, const float *theta, size_t n_used, const float *rest,
                  mad_mlp_work *work);

/** The first n_used columns of work->input and work->bias_1 -> work->out, nothing kept. */
void mad_mlp_eval(const mad_mlp *net, const float *theta, const float *packed, size_t n_used,
                  size_t n_rows, mad_mlp_work *work);

#endif

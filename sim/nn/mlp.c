/* sim/nn/mlp.c: multilayer perceptron: where each matrix lies, and the passes over a row block. */
#include "sim/nn/mlp.h"

#include <math.h>
#include <string.h>

/* Floats of the tail of a parameter block that one segment takes. */
#define TAIL_SEGMENT ((size_t)4096)

static size_t round_up(size_t n, size_t to)
{
    return (n + to - 1) / to * to;
}

static size_t n_inputs(const mad_mlp *net, size_t layer)
{
    return layer == 0 ? net->n_in : net->width;
}

static size_t weight_at(const mad_mlp *net, size_t layer)
{
    return layer == 0 ? 0 : (net->n_in + (layer - 1) * net->width) * net->ld;
}

static size_t last_weight_at(const mad_mlp *net)
{
    return weight_at(net, net->depth);
}

static size_t bias_at(const mad_mlp *net, size_t layer) /* layer = depth: the last one, c */
{
    return last_weight_at(net) + (net->n_out + layer) * net->ld;
}

/* W_{layer+1} as the right-hand factor of the forward product: the same offsets as the matrix. */
static mad_panels forward_panels(const mad_mlp *net, const float *packed, size_t layer)
{
    return (mad_panels){packed + weight_at(net, layer), MAD_PANEL,
                        n_inputs(net, layer) * MAD_PANEL};
}

/* Its transpose, for the backward product; layer >= 1. */
static size_t transposed_at(const mad_mlp *net, size_t layer)
{
    return last_weight_at(net) + (layer - 1) * net->width * net->ld;
}

static mad_panels backward_panels(const mad_mlp *net, const float *packed, size_t layer)
{
    return (mad_panels){packed + transposed_at(net, layer), MAD_PANEL, net->width * MAD_PANEL};
}

static size_t n_row_segments(const mad_mlp *net, size_t layer)
{
    return round_up(n_inputs(net, layer), MAD_PANEL) / MAD_PANEL;
}

mad_mlp mad_mlp_plan(const mad_kernels *kernels, size_t n_in, size_t n_out, size_t width,
                     size_t depth)
{
    mad_mlp net = {.kernels = kernels,
                   .n_in = n_in,
                   .n_out = n_out,
                   .width = width,
                   .depth = depth,
                   .ld = round_up(width, MAD_PANEL)};
    net.n_params = bias_at(&net, depth) + round_up(n_out, MAD_PANEL);
    net.n_packed = transposed_at(&net, depth);
    net.n_weights = width * (n_in + (depth - 1) * width + n_out);
    for (size_t layer = 0; layer < depth; layer++) {
        net.n_segments += n_row_segments(&net, layer);
    }
    const size_t n_tail = net.n_params - last_weight_at(&net);
    net.n_segments += round_up(n_tail, TAIL_SEGMENT) / TAIL_SEGMENT;
    return net;
}

mad_mlp_segment mad_mlp_segment_at(const mad_mlp *net, size_t i_segment)
{
    for (size_t layer = 0; layer < net->depth; layer++) {
        const size_t n = n_row_segments(net, layer);
        if (i_segment < n) {
            const size_t row = i_segment * MAD_PANEL, left = n_inputs(net, layer) - row;
            return (mad_mlp_segment){.begin = weight_at(net, layer) + row * net->ld,
                                     .count = (left < MAD_PANEL ? left : MAD_PANEL) * net->ld,
                                     .layer = layer,
                                     .row = row};
        }
        i_segment -= n;
    }
    const size_t begin = last_weight_at(net) + i_segment * TAIL_SEGMENT;
    const size_t left = net->n_params - begin;
    return (mad_mlp_segment){
        .begin = begin, .count = left < TAIL_SEGMENT ? left : TAIL_SEGMENT, .layer = net->depth};
}

static void init_matrix(mad_rng rng, size_t n_rows, size_t n_cols, size_t ld, double sd, float *w)
{
    for (size_t row = 0; row < n_rows; row++, w += ld) {
        mad_rng_normals_f32(&rng, n_cols, w);
        for (size_t col = 0; col < n_cols; col++) {
            w[col] *= (float)sd;
        }
    }
}

void mad_mlp_init(const mad_mlp *net, mad_key key, uint64_t first_item, float *theta)
{
    memset(theta, 0, net->n_params * sizeof *theta);
    for (size_t layer = 0; layer < net->depth; layer++) {
        const size_t n = n_inputs(net, layer);
        init_matrix(mad_rng_open(key, first_item + layer), n, net->width, net->ld,
                    sqrt(2.0 / (double)n), theta + weight_at(net, layer));
    }
    init_matrix(mad_rng_open(key, first_item + net->depth), net->n_out, net->width, net->ld,
                sqrt(1.0 / (double)net->width), theta + last_weight_at(net));
}

void mad_mlp_pack(const mad_mlp *net, const float *theta, mad_mlp_segment segment, float *packed)
{
    if (segment.layer == net->depth) {
        return; /* V and the biases are read as they lie */
    }
    const float *w = theta + segment.begin;
    const size_t n_rows = segment.count / net->ld, n_in = n_inputs(net, segment.layer);
    float *forward = packed + weight_at(net, segment.layer) + segment.row * MAD_PANEL;
    for (size_t panel = 0; panel < net->ld / MAD_PANEL; panel++) {
        for (size_t i = 0; i < n_rows; i++) {
            memcpy(forward + (panel * n_in + i) * MAD_PANEL, w + i * net->ld + panel * MAD_PANEL,
                   MAD_PANEL * sizeof *w);
        }
    }
    if (segment.layer == 0) {
        return; /* nothing below the input needs a gradient */
    }
    float *backward = packed + transposed_at(net, segment.layer) + segment.row * net->width;
    for (size_t o = 0; o < net->width; o++) {
        for (size_t i = 0; i < MAD_PANEL; i++) {
            backward[o * MAD_PANEL + i] = i < n_rows ? w[i * net->ld + o] : 0.0f;
        }
    }
}

void mad_mlp_pack_all(const mad_mlp *net, const float *theta, float *packed)
{
    for (size_t i = 0; i < net->n_segments; i++) {
        mad_mlp_pack(net, theta, mad_mlp_segment_at(net, i), packed);
    }
}

mad_status mad_mlp_work_take(mad_ctx *ctx, const mad_mlp *net, int for_training, mad_arena *mem,
                             mad_mlp_work *out)
{
    const size_t rows = MAD_MLP_ROWS, n_y = for_training ? net->depth : 2;
    /* An odd number of cache lines per row: a column then spreads over all sets of the cache. */
    mad_mlp_work work = {.ld_in = round_up(net->n_in, MAD_PANEL) + MAD_PANEL / 2,
                         .ld_y = net->ld + MAD_PANEL / 2,
                         .ld_out = round_up(net->n_out, MAD_PANEL)};
    work.input = mad_arena_take_raw(mem, rows * work.ld_in, sizeof(float));
    work.y = mad_arena_take_raw(mem, n_y * rows * work.ld_y, sizeof(float));
    if (for_training) {
        work.slope = mad_arena_take_raw(mem, n_y * rows * work.ld_y, sizeof(float));
    }
    work.out = mad_arena_take(mem, rows * work.ld_out, sizeof(float)); /* its pads stay zero */
    work.bias_1 = mad_arena_take_raw(mem, net->ld, sizeof(float));
    if (work.input == NULL || work.y == NULL || work.out == NULL || work.bias_1 == NULL ||
        (for_training && work.slope == NULL)) {
        return mad_fail_memory(ctx, "activations of the network");
    }
    *out = work;
    return MAD_OK;
}

void mad_mlp_forward(const mad_mlp *net, const float *theta, const float *packed, size_t n_rows,
                     mad_mlp_work *work)
{
    const size_t layer_size = MAD_MLP_ROWS * work->ld_y;
    const float *x = work->input;
    size_t ld_x = work->ld_in;
    for (size_t layer = 0; layer < net->depth; layer++) {
        float *y = work->y + layer * layer_size;
        net->kernels->affine_silu(n_rows, n_inputs(net, layer), net->ld, x, ld_x,
                                  forward_panels(net, packed, layer), theta + bias_at(net, layer),
                                  y, work->slope + layer * layer_size, work->ld_y);
        x = y;
        ld_x = work->ld_y;
    }
    net->kernels->affine_few(n_rows, net->ld, net->n_out, x, ld_x, theta + last_weight_at(net),
                             theta + bias_at(net, net->depth), work->out, work->ld_out);
}

void mad_mlp_backward(const mad_mlp *net, const float *theta, const float *packed, size_t n_rows,
                      mad_mlp_work *work, float *grad)
{
    const mad_kernels *kernels = net->kernels;
    const size_t layer_size = MAD_MLP_ROWS * work->ld_y, last = net->depth - 1;
    kernels->back_weights(n_rows, net->n_out, net->ld, work->out, work->ld_out,
                          work->y + last * layer_size, work->ld_y, grad + last_weight_at(net),
                          net->ld);
    kernels->back_bias(n_rows, work->ld_out, work->out, work->ld_out,
                       grad + bias_at(net, net->depth));
    const mad_panels v = {theta + last_weight_at(net), net->ld, MAD_PANEL};
    kernels->back_rows(n_rows, net->n_out, net->ld, work->out, work->ld_out, v,
                       work->slope + last * layer_size, work->ld_y);
    for (size_t layer = last;; layer--) {
        float *dz = work->slope + layer * layer_size; /* now dL/d(pre-activation) */
        const float *x = layer == 0 ? work->input : work->y + (layer - 1) * layer_size;
        kernels->back_weights(n_rows, n_inputs(net, layer), net->ld, x,
                              layer == 0 ? work->ld_in : work->ld_y, dz, work->ld_y,
                              grad + weight_at(net, layer), net->ld);
        kernels->back_bias(n_rows, net->ld, dz, work->ld_y, grad + bias_at(net, layer));
        if (layer == 0) {
            break;
        }
        kernels->back_rows(n_rows, net->width, net->ld, dz, work->ld_y,
                           backward_panels(net, packed, layer), dz - layer_size, work->ld_y);
    }
}

void mad_mlp_fold(const mad_mlp *net, const float *theta, size_t n_used, const float *rest,
                  mad_mlp_work *work)
{
    memcpy(work->bias_1, theta + bias_at(net, 0), net->ld * sizeof *theta);
    for (size_t i = n_used; i < net->n_in; i++) {
        const float *w = theta + i * net->ld, x = rest[i - n_used];
        for (size_t o = 0; o < net->ld; o++) {
            work->bias_1[o] += x * w[o];
        }
    }
}

void mad_mlp_eval(const mad_mlp *net, const float *theta, const float *packed, size_t n_used,
                  size_t n_rows, mad_mlp_work *work)
{
    float *from = work->y, *to = work->y + MAD_MLP_ROWS * work->ld_y;
    net->kernels->affine_silu(n_rows, n_used, net->ld, work->input, work->ld_in,
                              forward_panels(net, packed, 0), work->bias_1, from, NULL, work->ld_y);
    for (size_t layer = 1; layer < net->depth; layer++) {
        net->kernels->affine_silu(n_rows, net->width, net->ld, from, work->ld_y,
                                  forward_panels(net, packed, layer), theta + bias_at(net, layer),
                                  to, NULL, work->ld_y);
        float *swap = from;
        from = to;
        to = swap;
    }
    net->kernels->affine_few(n_rows, net->ld, net->n_out, from, work->ld_y,
                             theta + last_weight_at(net), theta + bias_at(net, net->depth),
                             work->out, work->ld_out);
}

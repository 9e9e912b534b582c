/* sim/nn/mlp.c: multilayer perceptron with SiLU behind net.h.
 *
 *   y_0 = [gain_x x, gain_class onehot(label), gain_noise waves(c_noise)],
 *   y_l = silu(b_l + y_{l-1} W_l), l = 1..depth;  out = c + V y_depth.
 *
 * A parameter block is [W_1 .. W_depth, V, b_1 .. b_depth, c, f], W_l as [n_in][ld], V as
 * [n_out][ld], f the frequencies of the noise embedding, which are not trained. A thread works on a
 * block of rows from the first layer to the last, so activations stay in its cache.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "sim/nn/internal.h"
#include "sim/nn/net.h"

/* A compromise between the reuse of weights and the size of the activations. */
#define BLOCK_ROWS ((size_t)64)

/* Floats of the tail of the trained parameters that one segment takes. */
#define TAIL_SEGMENT ((size_t)4096)

typedef struct mlp {
    mad_net base;
    size_t n_in, width, depth, n_embed;
    size_t ld;        /* width rounded up to MAD_PANEL */
    size_t n_trained; /* floats in front of the frequencies */
    mad_embedding embedding;
    float gain_x, gain_class, gain_noise; /* factors of the three groups of inputs */
} mlp;

typedef struct mlp_work {
    mad_net_work base;
    size_t ld_in, ld_y, ld_out;
    float *input;  /* [rows][ld_in] */
    float *y;      /* [depth or 2][rows][ld_y] */
    float *slope;  /* [depth][rows][ld_y], silu' of the pre-activations; NULL: evaluation only */
    float *last;   /* [rows][ld_out]; columns beyond n_out are zero */
    float *zero;   /* [dim, padded] */
    float *waves;  /* [n_embed] of the level */
    float *bias_1; /* [ld] b_1 and the noise inputs of the level */
} mlp_work;

/* A piece of the trained parameters: rows row..row+n-1 of W_{layer+1}, or, with layer = depth, a
 * piece of the rest. */
typedef struct segment {
    size_t begin, count; /* floats, from the start of the block */
    size_t layer, row;
} segment;

static size_t n_inputs(const mlp *net, size_t layer)
{
    return layer == 0 ? net->n_in : net->width;
}

static size_t weight_at(const mlp *net, size_t layer)
{
    return layer == 0 ? 0 : (net->n_in + (layer - 1) * net->width) * net->ld;
}

static size_t last_weight_at(const mlp *net)
{
    return weight_at(net, net->depth);
}

static size_t bias_at(const mlp *net, size_t layer) /* layer = depth: the last one, c */
{
    return last_weight_at(net) + (net->base.n_out + layer) * net->ld;
}

/* W_{layer+1} as the right-hand factor of the forward product: the same offsets as the matrix. */
static mad_panels forward_panels(const mlp *net, const float *packed, size_t layer)
{
    return (mad_panels){packed + weight_at(net, layer), MAD_PANEL,
                        n_inputs(net, layer) * MAD_PANEL};
}

/* Its transpose, for the backward product; layer >= 1. */
static size_t transposed_at(const mlp *net, size_t layer)
{
    return last_weight_at(net) + (layer - 1) * net->width * net->ld;
}

static mad_panels backward_panels(const mlp *net, const float *packed, size_t layer)
{
    return (mad_panels){packed + transposed_at(net, layer), MAD_PANEL, net->width * MAD_PANEL};
}

/* ---- parameters ---- */

static size_t n_row_segments(const mlp *net, size_t layer)
{
    return mad_round_up(n_inputs(net, layer), MAD_PANEL) / MAD_PANEL;
}

static segment segment_at(const mlp *net, size_t i_segment)
{
    for (size_t layer = 0; layer < net->depth; layer++) {
        const size_t n = n_row_segments(net, layer);
        if (i_segment < n) {
            const size_t row = i_segment * MAD_PANEL, left = n_inputs(net, layer) - row;
            return (segment){.begin = weight_at(net, layer) + row * net->ld,
                             .count = (left < MAD_PANEL ? left : MAD_PANEL) * net->ld,
                             .layer = layer,
                             .row = row};
        }
        i_segment -= n;
    }
    const size_t begin = last_weight_at(net) + i_segment * TAIL_SEGMENT;
    const size_t left = net->n_trained - begin;
    return (segment){
        .begin = begin, .count = left < TAIL_SEGMENT ? left : TAIL_SEGMENT, .layer = net->depth};
}

static mad_segment mlp_segment(const mad_net *base, size_t i_segment)
{
    const segment s = segment_at((const mlp *)base, i_segment);
    return (mad_segment){s.begin, s.count};
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

/* Normal weights of variance 2 / n_inputs in the hidden layers (He et al. 2015, Eq. 10) and
 * 1 / width in the last, biases 0. */
static void mlp_init(const mad_net *base, mad_key key, uint64_t first_item, float *theta)
{
    const mlp *net = (const mlp *)base;
    memset(theta, 0, base->n_params * sizeof *theta);
    for (size_t layer = 0; layer < net->depth; layer++) {
        const size_t n = n_inputs(net, layer);
        init_matrix(mad_rng_open(key, first_item + layer), n, net->width, net->ld,
                    sqrt(2.0 / (double)n), theta + weight_at(net, layer));
    }
    init_matrix(mad_rng_open(key, first_item + net->depth), base->n_out, net->width, net->ld,
                sqrt(1.0 / (double)net->width), theta + last_weight_at(net));
    mad_embed_frequencies(net->embedding, mad_rng_open(key, first_item + net->depth + 1),
                          net->n_embed / 2, theta + net->n_trained);
}

static void mlp_pack(const mad_net *base, const float *theta, size_t i_segment, float *packed)
{
    const mlp *net = (const mlp *)base;
    const segment s = segment_at(net, i_segment);
    if (s.layer == net->depth) {
        return; /* V and the biases are read as they lie */
    }
    const float *w = theta + s.begin;
    const size_t n_rows = s.count / net->ld, n_in = n_inputs(net, s.layer);
    float *forward = packed + weight_at(net, s.layer) + s.row * MAD_PANEL;
    for (size_t panel = 0; panel < net->ld / MAD_PANEL; panel++) {
        for (size_t i = 0; i < n_rows; i++) {
            memcpy(forward + (panel * n_in + i) * MAD_PANEL, w + i * net->ld + panel * MAD_PANEL,
                   MAD_PANEL * sizeof *w);
        }
    }
    if (s.layer == 0) {
        return; /* nothing below the input needs a gradient */
    }
    float *backward = packed + transposed_at(net, s.layer) + s.row * net->width;
    for (size_t o = 0; o < net->width; o++) {
        for (size_t i = 0; i < MAD_PANEL; i++) {
            backward[o * MAD_PANEL + i] = i < n_rows ? w[i * net->ld + o] : 0.0f;
        }
    }
}

/* hidden.0.weight, hidden.0.bias, .., out.weight, out.bias, frequencies */
static int mlp_tensor(const mad_net *base, size_t i_tensor, mad_tensor *out)
{
    const mlp *net = (const mlp *)base;
    const size_t layer = i_tensor / 2;
    mad_tensor t = {.rank = 1, .trained = 1, .stride = {1}};

    if (layer > net->depth) {
        if (i_tensor > 2 * net->depth + 2 || net->n_embed == 0) {
            return 0;
        }
        t.trained = 0;
        t.shape[0] = net->n_embed / 2;
        t.offset = net->n_trained;
        (void)snprintf(t.name, sizeof t.name, "frequencies");
        *out = t;
        return 1;
    }
    t.shape[0] = layer < net->depth ? net->width : base->n_out;
    t.offset = bias_at(net, layer);
    const char *kind = "bias";
    if (i_tensor % 2 == 0) {
        kind = "weight";
        t.rank = 2;
        t.shape[1] = n_inputs(net, layer);
        t.offset = weight_at(net, layer);
        t.stride[0] = layer < net->depth ? 1 : (ptrdiff_t)net->ld;
        t.stride[1] = layer < net->depth ? (ptrdiff_t)net->ld : 1;
    }
    if (layer < net->depth) {
        (void)snprintf(t.name, sizeof t.name, "hidden.%zu.%s", layer, kind);
    } else {
        (void)snprintf(t.name, sizeof t.name, "out.%s", kind);
    }
    *out = t;
    return 1;
}

/* ---- passes ---- */

static mad_status mlp_work_take(mad_ctx *ctx, const mad_net *base, int for_training, mad_arena *mem,
                                mad_net_work **out)
{
    const mlp *net = (const mlp *)base;
    const size_t rows = BLOCK_ROWS, dim = base->dim, n_out = base->n_out;
    const size_t n_y = for_training ? net->depth : 2;
    mlp_work *work = mad_arena_take(mem, 1, sizeof *work);

    if (work == NULL) {
        return mad_fail_memory(ctx, "activations of the network");
    }
    /* An odd number of cache lines per row: a column then spreads over all sets of the cache. */
    work->ld_in = mad_round_up(net->n_in, MAD_PANEL) + MAD_PANEL / 2;
    work->ld_y = net->ld + MAD_PANEL / 2;
    work->ld_out = mad_round_up(n_out, MAD_PANEL);
    work->base.x = mad_arena_take_raw(mem, rows * dim, sizeof(float));
    work->base.c_noise = mad_arena_take_raw(mem, rows, sizeof(float));
    work->base.label = mad_arena_take(mem, rows, sizeof(int32_t));
    work->base.out = mad_arena_take_raw(mem, rows * n_out, sizeof(float));
    work->input = mad_arena_take_raw(mem, rows * work->ld_in, sizeof(float));
    work->y = mad_arena_take_raw(mem, n_y * rows * work->ld_y, sizeof(float));
    if (for_training) {
        work->slope = mad_arena_take_raw(mem, n_y * rows * work->ld_y, sizeof(float));
    }
    work->last = mad_arena_take(mem, rows * work->ld_out, sizeof(float)); /* its pads stay zero */
    work->zero = mad_arena_take(mem, mad_round_up(dim, MAD_PANEL), sizeof(float));
    work->waves = mad_arena_take_raw(mem, net->n_embed, sizeof(float));
    work->bias_1 = mad_arena_take_raw(mem, net->ld, sizeof(float));
    if (work->base.x == NULL || work->base.c_noise == NULL || work->base.label == NULL ||
        work->base.out == NULL || work->input == NULL || work->y == NULL || work->last == NULL ||
        work->zero == NULL || work->waves == NULL || work->bias_1 == NULL ||
        (for_training && work->slope == NULL)) {
        return mad_fail_memory(ctx, "activations of the network");
    }
    *out = &work->base;
    return MAD_OK;
}

/* Inputs of the rows and their classes; no class leaves all class inputs zero. */
static void fill_input(const mlp *net, size_t n_rows, mlp_work *work)
{
    const size_t dim = net->base.dim, n_classes = net->base.n_classes;
    for (size_t r = 0; r < n_rows; r++) {
        const float *x = work->base.x + r * dim;
        float *input = work->input + r * work->ld_in;
        for (size_t j = 0; j < dim; j++) {
            input[j] = net->gain_x * x[j];
        }
        if (n_classes > 0) {
            const size_t label = (size_t)work->base.label[r];
            memset(input + dim, 0, n_classes * sizeof *input);
            if (label < n_classes) {
                input[dim + label] = net->gain_class;
            }
        }
    }
}

static void read_last(const mlp *net, size_t n_rows, mlp_work *work)
{
    for (size_t r = 0; r < n_rows; r++) {
        memcpy(work->base.out + r * net->base.n_out, work->last + r * work->ld_out,
               net->base.n_out * sizeof(float));
    }
}

static void mlp_forward(const mad_net *base, const float *theta, const float *packed, size_t n_rows,
                        mad_net_work *work_base)
{
    const mlp *net = (const mlp *)base;
    mlp_work *work = (mlp_work *)work_base;
    const size_t layer_size = BLOCK_ROWS * work->ld_y, n_used = base->dim + base->n_classes;

    fill_input(net, n_rows, work);
    base->kernels->waves(n_rows, net->n_embed / 2, work_base->c_noise, theta + net->n_trained,
                         work->input + n_used, work->ld_in);
    for (size_t r = 0; r < n_rows; r++) {
        float *waves = work->input + r * work->ld_in + n_used;
        for (size_t j = 0; j < net->n_embed; j++) {
            waves[j] *= net->gain_noise;
        }
    }
    const float *x = work->input;
    size_t ld_x = work->ld_in;
    for (size_t layer = 0; layer < net->depth; layer++) {
        float *y = work->y + layer * layer_size;
        base->kernels->affine_silu(n_rows, n_inputs(net, layer), net->ld, x, ld_x,
                                   forward_panels(net, packed, layer), theta + bias_at(net, layer),
                                   y, work->slope + layer * layer_size, work->ld_y);
        x = y;
        ld_x = work->ld_y;
    }
    base->kernels->affine_few(n_rows, net->ld, base->n_out, x, ld_x, theta + last_weight_at(net),
                              theta + bias_at(net, net->depth), work->last, work->ld_out);
    read_last(net, n_rows, work);
}

/* dL/dx = gain_x W_1 dz_1, by way of the inputs, which nothing reads any more. */
static void back_input(const mlp *net, const float *theta, size_t n_rows, mlp_work *work)
{
    const size_t dim = net->base.dim;
    net->base.kernels->affine_few(n_rows, net->ld, dim, work->slope, work->ld_y, theta, work->zero,
                                  work->input, work->ld_in);
    for (size_t r = 0; r < n_rows; r++) {
        for (size_t j = 0; j < dim; j++) {
            work->base.dx[r * dim + j] = net->gain_x * work->input[r * work->ld_in + j];
        }
    }
}

/* ref  back-propagation, Rumelhart, Hinton & Williams 1986 */
static void mlp_backward(const mad_net *base, const float *theta, const float *packed,
                         size_t n_rows, mad_net_work *work_base, float *grad)
{
    const mlp *net = (const mlp *)base;
    mlp_work *work = (mlp_work *)work_base;
    const mad_kernels *kernels = base->kernels;
    const size_t layer_size = BLOCK_ROWS * work->ld_y, top = net->depth - 1;

    for (size_t r = 0; r < n_rows; r++) {
        memcpy(work->last + r * work->ld_out, work_base->out + r * base->n_out,
               base->n_out * sizeof(float));
    }
    kernels->back_weights(n_rows, base->n_out, net->ld, work->last, work->ld_out,
                          work->y + top * layer_size, work->ld_y, grad + last_weight_at(net),
                          net->ld);
    kernels->back_bias(n_rows, work->ld_out, work->last, work->ld_out,
                       grad + bias_at(net, net->depth));
    const mad_panels v = {theta + last_weight_at(net), net->ld, MAD_PANEL};
    kernels->back_rows(n_rows, base->n_out, net->ld, work->last, work->ld_out, v,
                       work->slope + top * layer_size, work->ld_y);
    for (size_t layer = top;; layer--) {
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
    if (work_base->dx != NULL) {
        back_input(net, theta, n_rows, work);
    }
}

/* The noise inputs are the same in every row: folded into the first bias. */
static void mlp_level(const mad_net *base, const float *theta, const float *packed, float c_noise,
                      mad_net_work *work_base)
{
    (void)packed;
    const mlp *net = (const mlp *)base;
    mlp_work *work = (mlp_work *)work_base;
    const float *w = theta + (base->dim + base->n_classes) * net->ld;
    base->kernels->waves(1, net->n_embed / 2, &c_noise, theta + net->n_trained, work->waves,
                         net->n_embed);
    memcpy(work->bias_1, theta + bias_at(net, 0), net->ld * sizeof *theta);
    for (size_t j = 0; j < net->n_embed; j++, w += net->ld) {
        const float x = net->gain_noise * work->waves[j];
        for (size_t o = 0; o < net->ld; o++) {
            work->bias_1[o] += x * w[o];
        }
    }
}

static void mlp_eval(const mad_net *base, const float *theta, const float *packed, size_t n_rows,
                     mad_net_work *work_base)
{
    const mlp *net = (const mlp *)base;
    mlp_work *work = (mlp_work *)work_base;
    const mad_kernels *kernels = base->kernels;
    float *from = work->y, *to = work->y + BLOCK_ROWS * work->ld_y;

    fill_input(net, n_rows, work);
    kernels->affine_silu(n_rows, base->dim + base->n_classes, net->ld, work->input, work->ld_in,
                         forward_panels(net, packed, 0), work->bias_1, from, NULL, work->ld_y);
    for (size_t layer = 1; layer < net->depth; layer++) {
        kernels->affine_silu(n_rows, net->width, net->ld, from, work->ld_y,
                             forward_panels(net, packed, layer), theta + bias_at(net, layer), to,
                             NULL, work->ld_y);
        float *swap = from;
        from = to;
        to = swap;
    }
    kernels->affine_few(n_rows, net->ld, base->n_out, from, work->ld_y, theta + last_weight_at(net),
                        theta + bias_at(net, net->depth), work->last, work->ld_out);
    read_last(net, n_rows, work);
}

static const mad_net_type mlp_type = {
    .name = "mlp",
    .init = mlp_init,
    .segment = mlp_segment,
    .pack = mlp_pack,
    .tensor = mlp_tensor,
    .work_take = mlp_work_take,
    .forward = mlp_forward,
    .backward = mlp_backward,
    .level = mlp_level,
    .eval = mlp_eval,
};

/* ---- shape ---- */

static void plan(const mad_kernels *kernels, const mad_mlp_options *options, mlp *net)
{
    const size_t dim = options->dim, width = options->width, depth = options->depth;
    const size_t n_out = options->n_out > 0 ? options->n_out : dim;
    net->n_in = dim + options->n_classes + options->n_embed;
    net->width = width;
    net->depth = depth;
    net->n_embed = options->n_embed;
    net->embedding = options->embedding;
    net->ld = mad_round_up(width, MAD_PANEL);
    net->base = (mad_net){.type = &mlp_type,
                          .kernels = kernels,
                          .dim = dim,
                          .n_out = n_out,
                          .n_classes = options->n_classes,
                          .block_rows = BLOCK_ROWS};
    net->n_trained = bias_at(net, depth) + mad_round_up(n_out, MAD_PANEL);
    net->base.n_params = net->n_trained + mad_round_up(options->n_embed / 2, MAD_PANEL);
    net->base.n_packed = transposed_at(net, depth);
    const size_t n_products = width * (net->n_in + (depth - 1) * width + n_out);
    net->base.macs = (double)n_products;
    net->base.n_weights = n_products + depth * width + n_out;
    for (size_t layer = 0; layer < depth; layer++) {
        net->base.n_segments += n_row_segments(net, layer);
    }
    const size_t n_tail = net->n_trained - last_weight_at(net);
    net->base.n_segments += mad_round_up(n_tail, TAIL_SEGMENT) / TAIL_SEGMENT;
}

mad_status mad_mlp_create(mad_ctx *ctx, const mad_kernels *kernels, const mad_mlp_options *options,
                          mad_arena *mem, mad_net **out)
{
    mad_status st = MAD_OK;
    mlp *net = NULL;

    if (options->embedding != MAD_EMBED_NONE || options->n_embed != 0) {
        MAD_TRY(mad_embed_check(ctx, options->n_embed));
    }
    if (options->dim == 0 || options->width == 0 || options->depth == 0) {
        return mad_fail(ctx, MAD_E_CONFIG,
                        "model.net.width and model.net.depth must be at least 1, got %zu and %zu",
                        options->width, options->depth);
    }
    net = mad_arena_take(mem, 1, sizeof *net);
    if (net == NULL) {
        return mad_fail_memory(ctx, "the network");
    }
    plan(kernels, options, net);
    /* He's weights of the first layer assume inputs of equal size. Each group is scaled instead, so
     * that a first pre-activation starts with variance 2 from x, 1 from the class and 1 from the
     * noise level: without this two coordinates drown in 32 sines, and narrow modes take several
     * times the steps. */
    const double n_in = (double)net->n_in;
    net->gain_x = (float)sqrt(n_in / (double)options->dim);
    net->gain_class = (float)sqrt(n_in / 2.0);
    net->gain_noise = (float)sqrt(n_in / fmax(1.0, (double)options->n_embed));
    *out = &net->base;
out:
    return st;
}

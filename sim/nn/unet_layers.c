/* sim/nn/unet_layers.c: one layer at a time: its parameters, their names, its operation. */
#include "sim/nn/unet_layers.h"

#include <math.h>
#include <stdio.h>

#include "sim/nn/internal.h"

size_t mad_unet_lanes(size_t n_channels)
{
    return mad_round_up(n_channels, MAD_LANE);
}

/* ---- parameters ---- */

size_t mad_unet_take_params(unet_builder *b, size_t n)
{
    const size_t at = b->n_params;
    b->n_params += mad_round_up(n, MAD_LANE);
    return at;
}

void mad_unet_close_segment(unet_builder *b, size_t begin, size_t conv, int is_mix)
{
    b->net->segment[b->net->base.n_segments++] = (unet_segment){
        .begin = begin, .count = b->n_params - begin, .conv = conv, .is_mix = is_mix};
}

static mad_tensor *add_tensor(unet_builder *b, unet_label l, const char *kind, unet_init init)
{
    unet_tensor *t = &b->net->tensor[b->net->n_tensors++];
    *t = (unet_tensor){.init = init, .entry = {.trained = 1}};
    (void)snprintf(t->entry.name, sizeof t->entry.name, "%.40s.%s.%s%s%s", b->path, l.name, kind,
                   l.part == NULL ? "" : ".", l.part == NULL ? "" : l.part);
    return &t->entry;
}

static mad_tensor *add_dense_vector(unet_builder *b, unet_label l, const char *kind, unet_init init,
                                    size_t n, size_t offset)
{
    mad_tensor *t = add_tensor(b, l, kind, init);
    t->rank = 1;
    t->shape[0] = n;
    t->stride[0] = 1;
    t->offset = offset;
    return t;
}

void mad_unet_add_vector(unet_builder *b, unet_label l, const char *kind, unet_init init, size_t n,
                         size_t offset)
{
    (void)add_dense_vector(b, l, kind, init, n, offset);
    b->net->base.n_weights += n;
}

void mad_unet_add_untrained(unet_builder *b, unet_label l, const char *kind, size_t n,
                            size_t offset)
{
    add_dense_vector(b, l, kind, (unet_init){.kind = UNET_ZERO}, n, offset)->trained = 0;
}

void mad_unet_add_matrix(unet_builder *b, unet_label l, unet_init init, size_t n_out, size_t n_in,
                         size_t offset, size_t by_out, size_t by_in)
{
    mad_tensor *t = add_tensor(b, l, "weight", init);
    t->rank = 2;
    t->shape[0] = n_out;
    t->shape[1] = n_in;
    t->stride[0] = (ptrdiff_t)by_out;
    t->stride[1] = (ptrdiff_t)by_in;
    t->offset = offset;
    b->net->base.n_weights += n_out * n_in;
}

void mad_unet_add_filter(unet_builder *b, unet_label l, unet_init init, size_t n_out, size_t n_in,
                         size_t side, size_t offset, ptrdiff_t by_out, size_t by_in,
                         ptrdiff_t by_tap)
{
    mad_tensor *t = add_tensor(b, l, "weight", init);
    t->rank = 4;
    t->shape[0] = n_out;
    t->shape[1] = n_in;
    t->shape[2] = t->shape[3] = side;
    t->stride[0] = by_out;
    t->stride[1] = (ptrdiff_t)by_in;
    t->stride[2] = (ptrdiff_t)side * by_tap;
    t->stride[3] = by_tap;
    t->offset = offset;
    b->net->base.n_weights += n_out * n_in * side * side;
}

unet_init mad_unet_uniform(size_t fan_in)
{
    return (unet_init){UNET_UNIFORM, 1.0 / sqrt((double)fan_in)};
}

/* ---- operations ---- */

size_t mad_unet_add_value(unet_builder *b, size_t h, size_t w, size_t c)
{
    b->net->value[b->net->n_values] = (unet_value){.h = h,
                                                   .w = w,
                                                   .c = c,
                                                   .train = UNET_NONE,
                                                   .eval = UNET_NONE,
                                                   .grad = UNET_NONE,
                                                   .needs_grad = 1};
    return b->net->n_values++;
}

unet_op *mad_unet_add_op(unet_builder *b, unet_op_kind kind, size_t x, size_t y)
{
    unet *net = b->net;
    if (net->n_groups == 0 || net->group[net->n_groups - 1].level != b->level) {
        net->group[net->n_groups++] = (unet_group){.level = b->level, .first = net->n_ops};
    }
    net->group[net->n_groups - 1].n_ops++;
    unet_op *op = &net->op[net->n_ops++];
    *op = (unet_op){.kind = kind,
                    .group = net->n_groups - 1,
                    .x = x,
                    .y = y,
                    .add = UNET_NONE,
                    .weight = UNET_NONE,
                    .bias = UNET_NONE,
                    .packed = UNET_NONE,
                    .shift = UNET_NONE};
    return op;
}

unet_op *mad_unet_add_bare_conv(unet_builder *b, size_t x, size_t c_out, size_t taps, size_t stride,
                                int has_bias)
{
    unet *net = b->net;
    const unet_value v = net->value[x];
    const size_t begin = b->n_params;
    const size_t y =
        mad_unet_add_value(b, (v.h + stride - 1) / stride, (v.w + stride - 1) / stride, c_out);
    unet_op *op = mad_unet_add_op(b, UNET_CONV, x, y);

    op->conv =
        (mad_conv){.h = v.h, .w = v.w, .taps = taps, .stride = stride, .c_in = v.c, .c_out = c_out};
    op->weight = mad_unet_take_params(b, taps * v.c * c_out);
    op->bias = has_bias ? mad_unet_take_params(b, c_out) : UNET_NONE;
    op->packed = net->base.n_packed;
    net->base.n_packed += mad_round_up(net->maps->conv_packed(&op->conv), MAD_LANE);
    mad_unet_close_segment(b, begin, net->n_ops - 1, 0);
    return op;
}

/* A convolution over the whole of its input, or over one part of it. */
typedef struct conv_part {
    unet_label label;
    size_t n_in, n_out; /* real channels */
    size_t taps, stride;
    size_t fan_in; /* inputs of one output, over all parts */
    int has_bias;  /* one of the parts */
} conv_part;

static unet_op *add_conv_part(unet_builder *b, size_t x, const conv_part *p)
{
    unet_op *op =
        mad_unet_add_bare_conv(b, x, mad_unet_lanes(p->n_out), p->taps, p->stride, p->has_bias);
    const unet_value *y = &b->net->value[op->y];
    const unet_init init = mad_unet_uniform(p->fan_in);
    mad_unet_add_filter(b, p->label, init, p->n_out, p->n_in, p->taps == 9 ? 3 : 1, op->weight, 1,
                        op->conv.c_out, (ptrdiff_t)(op->conv.c_in * op->conv.c_out));
    if (p->has_bias) {
        mad_unet_add_vector(b, (unet_label){.name = p->label.name}, "bias", init, p->n_out,
                            op->bias);
    }
    b->macs += (double)(y->h * y->w * p->taps) * (double)(p->n_in * p->n_out);
    return op;
}

unet_op *mad_unet_add_conv(unet_builder *b, const char *name, size_t x, size_t n_in, size_t n_out,
                           size_t taps, size_t stride)
{
    const conv_part whole = {.label = {.name = name},
                             .n_in = n_in,
                             .n_out = n_out,
                             .taps = taps,
                             .stride = stride,
                             .fan_in = taps * n_in,
                             .has_bias = 1};
    return add_conv_part(b, x, &whole);
}

unet_op *mad_unet_add_pair_conv(unet_builder *b, const char *name, const size_t pair[2],
                                size_t n_in, size_t n_out, size_t taps)
{
    conv_part part = {.label = {name, "h"},
                      .n_in = n_in / 2,
                      .n_out = n_out,
                      .taps = taps,
                      .stride = 1,
                      .fan_in = taps * n_in,
                      .has_bias = 1};
    const size_t half = add_conv_part(b, pair[0], &part)->y;
    part.label.part = "skip";
    part.has_bias = 0;
    unet_op *rest = add_conv_part(b, pair[1], &part);
    rest->add = half;
    return rest;
}

size_t mad_unet_add_norm(unet_builder *b, unet_label l, size_t x, size_t n_channels, size_t groups,
                         int act)
{
    const unet_value v = b->net->value[x];
    const size_t begin = b->n_params, y = mad_unet_add_value(b, v.h, v.w, v.c);
    unet_op *op = mad_unet_add_op(b, UNET_NORM, x, y);
    op->n_channels = n_channels;
    op->groups = groups;
    op->act = act;
    op->n_kept = 2 * groups;
    op->weight = mad_unet_take_params(b, v.c);
    op->bias = mad_unet_take_params(b, v.c);
    mad_unet_add_vector(b, l, "weight", (unet_init){.kind = UNET_ONE}, n_channels, op->weight);
    mad_unet_add_vector(b, l, "bias", (unet_init){.kind = UNET_ZERO}, n_channels, op->bias);
    mad_unet_close_segment(b, begin, UNET_NONE, 0);
    return y;
}

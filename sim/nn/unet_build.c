/* sim/nn/unet_build.c: from the options to the list of operations, with parameters and their names.
 *
 *   residual block   y = conv(silu(norm(conv(silu(norm(x))) + shift))) + shortcut(x)
 *   attention        y = x + conv1(attention(conv1(norm(x))))
 *   down             blocks of a level, each followed by attention where asked; a 3x3 of stride 2
 *   middle           block, attention (where any level has it), block
 *   up               nearest upsampling and a 3x3 to the level's channels; blocks over [h, skip]
 *
 * A concatenation [h, skip] is never made: a convolution over it is the sum of two, and a norm over
 * it is two norms of half the groups, since both halves have the same number of channels. Tensors
 * are named after PyTorch's customs; of a concatenation, ".h" and ".skip" are the two parts.
 * ref  Ronneberger et al. 2015; Ho et al. 2020 (arXiv:2006.11239), appendix B
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "sim/nn/internal.h"
#include "sim/nn/unet.h"

/* Operations of a residual block and its attention, and what they list, at most. */
enum { BLOCK_OPS = 12, BLOCK_TENSORS = 32 };

typedef struct builder {
    unet *net;
    size_t n_params; /* so far */
    size_t level;
    char path[64]; /* of the module being built */
    double macs;
} builder;

/* Name of a tensor: path.name.kind.part, the last only of a concatenation. */
typedef struct label {
    const char *name, *part;
} label;

static size_t lanes(size_t n_channels)
{
    return mad_round_up(n_channels, MAD_LANE);
}

/* ---- parameters ---- */

static size_t take_params(builder *b, size_t n)
{
    const size_t at = b->n_params;
    b->n_params += mad_round_up(n, MAD_LANE);
    return at;
}

/* Everything taken since `begin` is one segment. */
static void close_segment(builder *b, size_t begin, size_t conv, int is_mix)
{
    b->net->segment[b->net->base.n_segments++] = (unet_segment){
        .begin = begin, .count = b->n_params - begin, .conv = conv, .is_mix = is_mix};
}

static mad_tensor *add_tensor(builder *b, label l, const char *kind, unet_init init, double bound)
{
    unet_tensor *t = &b->net->tensor[b->net->n_tensors++];
    *t = (unet_tensor){.init = init, .bound = bound, .entry = {.trained = 1}};
    (void)snprintf(t->entry.name, sizeof t->entry.name, "%.40s.%s.%s%s%s", b->path, l.name, kind,
                   l.part == NULL ? "" : ".", l.part == NULL ? "" : l.part);
    return &t->entry;
}

static void add_vector(builder *b, label l, const char *kind, unet_init init, double bound,
                       size_t n, size_t offset)
{
    mad_tensor *t = add_tensor(b, l, kind, init, bound);
    t->rank = 1;
    t->shape[0] = n;
    t->stride[0] = 1;
    t->offset = offset;
    b->net->base.n_weights += n;
}

/* Element (o, i) at offset + o by_out + i by_in. */
static void add_matrix(builder *b, label l, unet_init init, double bound, size_t n_out, size_t n_in,
                       size_t offset, size_t by_out, size_t by_in)
{
    mad_tensor *t = add_tensor(b, l, "weight", init, bound);
    t->rank = 2;
    t->shape[0] = n_out;
    t->shape[1] = n_in;
    t->stride[0] = (ptrdiff_t)by_out;
    t->stride[1] = (ptrdiff_t)by_in;
    t->offset = offset;
    b->net->base.n_weights += n_out * n_in;
}

/* Element (o, i, y, x) at offset + o + i by_in + (3 y + x) by_tap. */
static void add_filter(builder *b, label l, unet_init init, double bound, size_t n_out, size_t n_in,
                       size_t side, size_t offset, ptrdiff_t by_out, size_t by_in, ptrdiff_t by_tap)
{
    mad_tensor *t = add_tensor(b, l, "weight", init, bound);
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

/* PyTorch's default for weights and biases: uniform, half-width 1 / sqrt(fan-in). */
static double fan_bound(size_t fan_in)
{
    return 1.0 / sqrt((double)fan_in);
}

/* ---- operations ---- */

static size_t add_value(builder *b, size_t h, size_t w, size_t c)
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

static unet_op *add_op(builder *b, unet_op_kind kind, size_t x, size_t y)
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

/* A bare convolution to c_out padded channels; its tensors are listed by the caller. */
static unet_op *add_conv(builder *b, size_t x, size_t c_out, size_t taps, size_t stride,
                         int has_bias)
{
    unet *net = b->net;
    const unet_value v = net->value[x];
    const size_t begin = b->n_params;
    const size_t y = add_value(b, (v.h + stride - 1) / stride, (v.w + stride - 1) / stride, c_out);
    unet_op *op = add_op(b, UNET_CONV, x, y);

    op->conv =
        (mad_conv){.h = v.h, .w = v.w, .taps = taps, .stride = stride, .c_in = v.c, .c_out = c_out};
    op->weight = take_params(b, taps * v.c * c_out);
    op->bias = has_bias ? take_params(b, c_out) : UNET_NONE;
    op->packed = net->base.n_packed;
    net->base.n_packed += mad_round_up(net->maps->conv_packed(&op->conv), MAD_LANE);
    close_segment(b, begin, net->n_ops - 1, 0);
    return op;
}

/* n_in -> n_out real channels, one of the parts that share fan_in inputs; the first has the bias. */
static unet_op *add_named_conv(builder *b, label l, size_t x, size_t n_in, size_t n_out,
                               size_t taps, size_t stride, size_t fan_in, int has_bias)
{
    unet_op *op = add_conv(b, x, lanes(n_out), taps, stride, has_bias);
    const unet_value *y = &b->net->value[op->y];
    const double bound = fan_bound(fan_in);
    add_filter(b, l, UNET_UNIFORM, bound, n_out, n_in, taps == 9 ? 3 : 1, op->weight, 1,
               op->conv.c_out, (ptrdiff_t)(op->conv.c_in * op->conv.c_out));
    if (has_bias) {
        add_vector(b, (label){.name = l.name}, "bias", UNET_UNIFORM, bound, n_out, op->bias);
    }
    b->macs += (double)(y->h * y->w * taps) * (double)(n_in * n_out);
    return op;
}

static size_t add_norm(builder *b, label l, size_t x, size_t n_channels, size_t groups, int act)
{
    const unet_value v = b->net->value[x];
    const size_t begin = b->n_params, y = add_value(b, v.h, v.w, v.c);
    unet_op *op = add_op(b, UNET_NORM, x, y);
    op->n_channels = n_channels;
    op->groups = groups;
    op->act = act;
    op->n_kept = 2 * groups;
    op->weight = take_params(b, v.c);
    op->bias = take_params(b, v.c);
    add_vector(b, l, "weight", UNET_ONE, 0.0, n_channels, op->weight);
    add_vector(b, l, "bias", UNET_ZERO, 0.0, n_channels, op->bias);
    close_segment(b, begin, UNET_NONE, 0);
    return y;
}

/* A norm and a convolution behind it, over x, or over [x, skip] when there is a skip. */
static unet_op *add_norm_conv(builder *b, const char *norm, const char *conv, size_t x, size_t skip,
                              size_t n_in, size_t n_out)
{
    const size_t groups = b->net->options.groups, fan_in = 9 * n_in;
    if (skip == UNET_NONE) {
        const size_t n = add_norm(b, (label){.name = norm}, x, n_in, groups, 1);
        return add_named_conv(b, (label){.name = conv}, n, n_in, n_out, 9, 1, fan_in, 1);
    }
    const size_t n_half = n_in / 2;
    const size_t first = add_norm(b, (label){norm, "h"}, x, n_half, groups / 2, 1);
    const size_t second = add_norm(b, (label){norm, "skip"}, skip, n_half, groups / 2, 1);
    const unet_op *op =
        add_named_conv(b, (label){conv, "h"}, first, n_half, n_out, 9, 1, fan_in, 1);
    const size_t half = op->y;
    unet_op *rest =
        add_named_conv(b, (label){conv, "skip"}, second, n_half, n_out, 9, 1, fan_in, 0);
    rest->add = half;
    return rest;
}

/* A residual block's rows of the embedding's last layer. */
static size_t add_shift(builder *b, size_t n_channels)
{
    unet_embed *e = &b->net->embed;
    const double bound = fan_bound(e->n_hidden);
    const size_t i = e->n_shifts++, at = i == 0 ? 0 : e->shift[i - 1].at + e->shift[i - 1].c;
    e->shift[i] = (unet_shift){.c = lanes(n_channels), .at = at};
    add_matrix(b, (label){.name = "shift"}, UNET_UNIFORM, bound, n_channels, e->n_hidden,
               e->last + at * e->ld_hidden, e->ld_hidden, 1);
    add_vector(b, (label){.name = "shift"}, "bias", UNET_UNIFORM, bound, n_channels,
               e->last_bias + at);
    b->macs += (double)n_channels * (double)e->n_hidden;
    return i;
}

static size_t add_shortcut(builder *b, size_t x, size_t skip, size_t n_in, size_t n_out)
{
    if (skip == UNET_NONE) {
        const label l = {.name = "shortcut"};
        return n_in == n_out ? x : add_named_conv(b, l, x, n_in, n_out, 1, 1, n_in, 1)->y;
    }
    const unet_op *op =
        add_named_conv(b, (label){"shortcut", "h"}, x, n_in / 2, n_out, 1, 1, n_in, 1);
    const size_t half = op->y;
    unet_op *rest =
        add_named_conv(b, (label){"shortcut", "skip"}, skip, n_in / 2, n_out, 1, 1, n_in, 0);
    rest->add = half;
    return rest->y;
}

/* n_in counts the channels of x and skip together. */
static size_t add_block(builder *b, size_t x, size_t skip, size_t n_in, size_t n_out)
{
    const size_t shift = add_shift(b, n_out);
    unet_op *first = add_norm_conv(b, "norm1", "conv1", x, skip, n_in, n_out);
    const size_t h = first->y;
    first->shift = shift;
    const size_t shortcut = add_shortcut(b, x, skip, n_in, n_out);
    unet_op *second = add_norm_conv(b, "norm2", "conv2", h, UNET_NONE, n_out, n_out);
    second->add = shortcut;
    return second->y;
}

static size_t add_attention(builder *b, size_t x, size_t n_channels)
{
    static const char *const part[] = {"attention.q", "attention.k", "attention.v"};
    const unet_value v = b->net->value[x];
    const size_t n_tokens = v.h * v.w, c = v.c;
    const double bound = fan_bound(n_channels);
    const size_t norm =
        add_norm(b, (label){.name = "attention.norm"}, x, n_channels, b->net->options.groups, 0);
    const unet_op *qkv = add_conv(b, norm, 3 * c, 1, 1, 1);
    for (size_t i = 0; i < 3; i++) {
        add_filter(b, (label){.name = part[i]}, UNET_UNIFORM, bound, n_channels, n_channels, 1,
                   qkv->weight + i * c, 1, 3 * c, 0);
        add_vector(b, (label){.name = part[i]}, "bias", UNET_UNIFORM, bound, n_channels,
                   qkv->bias + i * c);
    }
    unet_op *attention = add_op(b, UNET_ATTENTION, qkv->y, add_value(b, v.h, v.w, c));
    attention->n_channels = n_channels;
    attention->n_kept = n_tokens * mad_round_up(n_tokens, MAD_LANE);
    unet_op *out = add_named_conv(b, (label){.name = "attention.out"}, attention->y, n_channels,
                                  n_channels, 1, 1, n_channels, 1);
    out->add = x;
    b->macs += (double)(n_tokens * n_channels) * (double)(3 * n_channels + 2 * n_tokens);
    return out->y;
}

/* ---- the network ---- */

static size_t n_shift_channels(const mad_unet_options *o)
{
    size_t n = 2 * lanes(o->base * o->mult[o->n_levels - 1]);
    for (size_t level = 0; level < o->n_levels; level++) {
        n += 2 * o->n_blocks * lanes(o->base * o->mult[level]);
    }
    return n;
}

static void add_embedding(builder *b)
{
    unet_embed *e = &b->net->embed;
    const mad_unet_options *o = &b->net->options;
    const size_t n_label_inputs = o->n_classes > 0 ? o->n_classes + 1 : 0;
    const double by_waves = fan_bound(o->n_embed), by_hidden = fan_bound(o->n_hidden);
    const label first = {.name = "0"}, mix = {.name = "2"}, labels = {.name = "class"};

    e->n_waves = o->n_embed;
    e->n_hidden = o->n_hidden;
    e->ld_hidden = mad_round_up(o->n_hidden, MAD_PANEL);
    e->n_labels = o->n_classes + 1;
    e->n_label_inputs = n_label_inputs;
    (void)snprintf(b->path, sizeof b->path, "embed");

    e->first = take_params(b, e->n_waves * e->ld_hidden);
    e->first_bias = take_params(b, e->ld_hidden);
    add_matrix(b, first, UNET_UNIFORM, by_waves, e->n_hidden, e->n_waves, e->first, 1,
               e->ld_hidden);
    add_vector(b, first, "bias", UNET_UNIFORM, by_waves, e->n_hidden, e->first_bias);
    close_segment(b, 0, UNET_NONE, 0);

    const size_t begin = b->n_params;
    e->mix = take_params(b, (e->ld_hidden + n_label_inputs) * e->ld_hidden);
    e->mix_bias = take_params(b, e->ld_hidden);
    add_matrix(b, mix, UNET_UNIFORM, by_hidden, e->n_hidden, e->n_hidden, e->mix, 1, e->ld_hidden);
    add_vector(b, mix, "bias", UNET_UNIFORM, by_hidden, e->n_hidden, e->mix_bias);
    if (n_label_inputs > 0) {
        add_matrix(b, labels, UNET_NORMAL, 0.0, n_label_inputs, e->n_hidden,
                   e->mix + e->ld_hidden * e->ld_hidden, e->ld_hidden, 1);
    }
    close_segment(b, begin, UNET_NONE, 1);
    const size_t after = b->n_params;
    e->n_channels = n_shift_channels(o);
    e->last = take_params(b, e->n_channels * e->ld_hidden);
    e->last_bias = take_params(b, e->n_channels);
    close_segment(b, after, UNET_NONE, 0);
    e->mix_packed = b->net->base.n_packed;
    b->net->base.n_packed += e->ld_hidden * e->n_hidden;
    b->macs += (double)e->n_hidden * (double)(e->n_waves + e->n_hidden);
}

/* The dense picture's 3x3 windows and a 1x1 convolution: w[9 channels][c_out]. */
static size_t add_input(builder *b)
{
    unet *net = b->net;
    const size_t ch = net->channels, n = net->options.base * net->options.mult[0];
    const size_t windows = add_value(b, net->height, net->width, lanes(9 * ch));
    const double bound = fan_bound(9 * ch);
    (void)snprintf(b->path, sizeof b->path, "in");
    net->value[windows].needs_grad = 0;
    (void)add_op(b, UNET_WINDOWS, UNET_NONE, windows);
    const unet_op *op = add_conv(b, windows, lanes(n), 1, 1, 1);
    const size_t c_out = op->conv.c_out;
    add_filter(b, (label){.name = "conv"}, UNET_UNIFORM, bound, n, ch, 3, op->weight, 1, c_out,
               (ptrdiff_t)(ch * c_out));
    add_vector(b, (label){.name = "conv"}, "bias", UNET_UNIFORM, bound, n, op->bias);
    b->macs += (double)(net->height * net->width * 9) * (double)(ch * n);
    return op->y;
}

/* norm, silu, and a 1x1 convolution to 9 channels whose windows are summed. The sum at p takes tap t
 * from p - t, a convolution takes it from p + t: taps stand in reverse. */
static void add_output(builder *b, size_t x, size_t n_in)
{
    unet *net = b->net;
    const size_t ch = net->channels;
    (void)snprintf(b->path, sizeof b->path, "out");
    const size_t norm = add_norm(b, (label){.name = "norm"}, x, n_in, net->options.groups, 1);
    const unet_op *op = add_conv(b, norm, lanes(9 * ch), 1, 1, 0);
    const size_t c_out = op->conv.c_out, taps = op->y;
    add_filter(b, (label){.name = "conv"}, UNET_ZERO, 0.0, ch, n_in, 3, op->weight + 8 * ch, 1,
               c_out, -(ptrdiff_t)ch);
    const size_t begin = b->n_params, bias = take_params(b, ch);
    add_vector(b, (label){.name = "conv"}, "bias", UNET_ZERO, 0.0, ch, bias);
    close_segment(b, begin, UNET_NONE, 0);
    add_op(b, UNET_GATHER, taps, UNET_NONE)->bias = bias;
    b->macs += (double)(net->height * net->width * 9) * (double)(ch * n_in);
}

static void set_path(builder *b, const char *side, size_t level, size_t i_block)
{
    (void)snprintf(b->path, sizeof b->path, "%s.%zu.%zu", side, level, i_block);
}

/* Leaves skip[level * n_blocks + i]. Returns what enters the middle. */
static size_t add_down(builder *b, size_t x, size_t *skip)
{
    const mad_unet_options *o = &b->net->options;
    size_t n_in = o->base * o->mult[0];
    for (size_t level = 0; level < o->n_levels; level++) {
        const size_t n = o->base * o->mult[level];
        b->level = level;
        for (size_t i = 0; i < o->n_blocks; i++) {
            set_path(b, "down", level, i);
            x = add_block(b, x, UNET_NONE, n_in, n);
            if (o->attention[level]) {
                x = add_attention(b, x, n);
            }
            skip[level * o->n_blocks + i] = x;
            n_in = n;
        }
        if (level + 1 < o->n_levels) {
            (void)snprintf(b->path, sizeof b->path, "down.%zu", level);
            x = add_named_conv(b, (label){.name = "step"}, x, n, n, 9, 2, 9 * n, 1)->y;
        }
    }
    return x;
}

static size_t add_middle(builder *b, size_t x, size_t n)
{
    const mad_unet_options *o = &b->net->options;
    int any = 0;
    for (size_t level = 0; level < o->n_levels; level++) {
        any |= o->attention[level];
    }
    (void)snprintf(b->path, sizeof b->path, "middle.0");
    x = add_block(b, x, UNET_NONE, n, n);
    if (any) {
        x = add_attention(b, x, n);
    }
    (void)snprintf(b->path, sizeof b->path, "middle.1");
    return add_block(b, x, UNET_NONE, n, n);
}

static size_t add_up(builder *b, size_t x, const size_t *skip)
{
    const mad_unet_options *o = &b->net->options;
    for (size_t level = o->n_levels; level-- > 0;) {
        const size_t n = o->base * o->mult[level];
        b->level = level;
        if (level + 1 < o->n_levels) {
            const unet_value v = b->net->value[x];
            const size_t big = add_value(b, 2 * v.h, 2 * v.w, v.c);
            const size_t n_in = o->base * o->mult[level + 1];
            (void)add_op(b, UNET_GROW, x, big);
            (void)snprintf(b->path, sizeof b->path, "up.%zu", level);
            x = add_named_conv(b, (label){.name = "step"}, big, n_in, n, 9, 1, 9 * n_in, 1)->y;
        }
        for (size_t i = 0; i < o->n_blocks; i++) {
            set_path(b, "up", level, i);
            x = add_block(b, x, skip[level * o->n_blocks + o->n_blocks - 1 - i], 2 * n, n);
            if (o->attention[level]) {
                x = add_attention(b, x, n);
            }
        }
    }
    return x;
}

/* Frequencies stand behind the last segment: not trained. */
static void add_frequencies(builder *b)
{
    unet_embed *e = &b->net->embed;
    e->frequencies = take_params(b, e->n_waves / 2);
    (void)snprintf(b->path, sizeof b->path, "embed");
    mad_tensor *t = add_tensor(b, (label){.name = "0"}, "frequencies", UNET_ZERO, 0.0);
    t->trained = 0;
    t->rank = 1;
    t->shape[0] = e->n_waves / 2;
    t->stride[0] = 1;
    t->offset = e->frequencies;
}

static int take_lists(mad_arena *mem, unet *net, size_t n_blocks)
{
    const size_t n = (n_blocks + 2) * BLOCK_OPS;
    net->op = mad_arena_take(mem, n, sizeof *net->op);
    net->value = mad_arena_take(mem, n, sizeof *net->value);
    net->group = mad_arena_take(mem, n, sizeof *net->group);
    net->tensor = mad_arena_take(mem, (n_blocks + 2) * BLOCK_TENSORS, sizeof *net->tensor);
    net->segment = mad_arena_take(mem, n, sizeof *net->segment);
    net->embed.shift = mad_arena_take(mem, n_blocks, sizeof *net->embed.shift);
    return net->op != NULL && net->value != NULL && net->group != NULL && net->tensor != NULL &&
           net->segment != NULL && net->embed.shift != NULL;
}

mad_status mad_unet_build(mad_ctx *ctx, mad_arena *mem, unet *net)
{
    const mad_unet_options *o = &net->options;
    const size_t n_blocks = 2 * (o->n_levels * (o->n_blocks + 1) + 1); /* a step counts as one */
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    size_t *skip = mad_arena_take(ctx->scratch, o->n_levels * o->n_blocks, sizeof *skip);
    builder b = {.net = net};

    if (skip == NULL || !take_lists(mem, net, n_blocks)) {
        mad_arena_release(ctx->scratch, mark);
        return mad_fail_memory(ctx, "the network");
    }
    const size_t n_coarse = o->base * o->mult[o->n_levels - 1];
    add_embedding(&b);
    size_t x = add_input(&b);
    x = add_down(&b, x, skip);
    x = add_middle(&b, x, n_coarse);
    x = add_up(&b, x, skip);
    add_output(&b, x, o->base * o->mult[0]);
    add_frequencies(&b);
    net->base.n_params = b.n_params;
    net->base.macs = b.macs;
    mad_arena_release(ctx->scratch, mark);
    return MAD_OK;
}

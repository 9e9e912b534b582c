/* sim/nn/unet_build.c: from the options to the list of layers.
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
#include <stdio.h>

#include "sim/nn/internal.h"
#include "sim/nn/unet_layers.h"

/* Operations of a residual block and its attention, and what they list, at most. */
enum { BLOCK_OPS = 12, BLOCK_TENSORS = 32 };

/* ---- blocks ---- */

/* A norm, silu and a 3x3 behind it, over x, or over [x, skip] when there is a skip. */
static unet_op *add_norm_conv(unet_builder *b, const char *norm, const char *conv, size_t x,
                              size_t skip, size_t n_in, size_t n_out)
{
    const size_t groups = b->net->options.groups;
    if (skip == UNET_NONE) {
        const size_t n = mad_unet_add_norm(b, (unet_label){.name = norm}, x, n_in, groups, 1);
        return mad_unet_add_conv(b, conv, n, n_in, n_out, 9, 1);
    }
    size_t pair[2];
    pair[0] = mad_unet_add_norm(b, (unet_label){norm, "h"}, x, n_in / 2, groups / 2, 1);
    pair[1] = mad_unet_add_norm(b, (unet_label){norm, "skip"}, skip, n_in / 2, groups / 2, 1);
    return mad_unet_add_pair_conv(b, conv, pair, n_in, n_out, 9);
}

/* A residual block's rows of the embedding's last layer. */
static size_t add_shift(unet_builder *b, size_t n_channels)
{
    unet_embed *e = &b->net->embed;
    const unet_label l = {.name = "shift"};
    const unet_init init = mad_unet_uniform(e->n_hidden);
    const size_t i = e->n_shifts++, at = i == 0 ? 0 : e->shift[i - 1].at + e->shift[i - 1].c;
    e->shift[i] = (unet_shift){.c = mad_unet_lanes(n_channels), .at = at};
    mad_unet_add_matrix(b, l, init, n_channels, e->n_hidden, e->last + at * e->ld_hidden,
                        e->ld_hidden, 1);
    mad_unet_add_vector(b, l, "bias", init, n_channels, e->last_bias + at);
    b->macs += (double)n_channels * (double)e->n_hidden;
    return i;
}

static size_t add_shortcut(unet_builder *b, size_t x, size_t skip, size_t n_in, size_t n_out)
{
    if (skip != UNET_NONE) {
        return mad_unet_add_pair_conv(b, "shortcut", (size_t[]){x, skip}, n_in, n_out, 1)->y;
    }
    return n_in == n_out ? x : mad_unet_add_conv(b, "shortcut", x, n_in, n_out, 1, 1)->y;
}

/* n_in counts the channels of x and skip together. */
static size_t add_block(unet_builder *b, size_t x, size_t skip, size_t n_in, size_t n_out)
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

static size_t add_attention(unet_builder *b, size_t x, size_t n_channels)
{
    static const char *const part[] = {"attention.q", "attention.k", "attention.v"};
    const unet_value v = b->net->value[x];
    const size_t n_tokens = v.h * v.w, c = v.c;
    const unet_init init = mad_unet_uniform(n_channels);
    const size_t norm = mad_unet_add_norm(b, (unet_label){.name = "attention.norm"}, x, n_channels,
                                          b->net->options.groups, 0);
    const unet_op *qkv = mad_unet_add_bare_conv(b, norm, 3 * c, 1, 1, 1);
    for (size_t i = 0; i < 3; i++) {
        mad_unet_add_filter(b, (unet_label){.name = part[i]}, init, n_channels, n_channels, 1,
                            qkv->weight + i * c, 1, 3 * c, 0);
        mad_unet_add_vector(b, (unet_label){.name = part[i]}, "bias", init, n_channels,
                            qkv->bias + i * c);
    }
    unet_op *attention =
        mad_unet_add_op(b, UNET_ATTENTION, qkv->y, mad_unet_add_value(b, v.h, v.w, c));
    attention->n_channels = n_channels;
    attention->n_kept = n_tokens * mad_round_up(n_tokens, MAD_LANE);
    unet_op *out =
        mad_unet_add_conv(b, "attention.out", attention->y, n_channels, n_channels, 1, 1);
    out->add = x;
    b->macs += (double)(n_tokens * n_channels) * (double)(3 * n_channels + 2 * n_tokens);
    return out->y;
}

/* A block, then attention if asked. */
static size_t add_attended_block(unet_builder *b, size_t x, size_t skip, size_t n_in, size_t n_out,
                                 int has_attention)
{
    x = add_block(b, x, skip, n_in, n_out);
    return has_attention ? add_attention(b, x, n_out) : x;
}

/* ---- noise level and class ---- */

static size_t n_shift_channels(const mad_unet_options *o)
{
    size_t n = 2 * mad_unet_lanes(o->base * o->mult[o->n_levels - 1]);
    for (size_t level = 0; level < o->n_levels; level++) {
        n += 2 * o->n_blocks * mad_unet_lanes(o->base * o->mult[level]);
    }
    return n;
}

/* Tensors of a layer to the hidden units, weights [n_in][ld_hidden]. */
static void list_dense(unet_builder *b, const char *name, size_t n_in, size_t weight, size_t bias)
{
    const unet_embed *e = &b->net->embed;
    const unet_label l = {.name = name};
    const unet_init init = mad_unet_uniform(n_in);
    mad_unet_add_matrix(b, l, init, e->n_hidden, n_in, weight, 1, e->ld_hidden);
    mad_unet_add_vector(b, l, "bias", init, e->n_hidden, bias);
}

/* The layer behind the waves. */
static void add_first(unet_builder *b)
{
    unet_embed *e = &b->net->embed;
    const size_t begin = b->n_params;
    e->first = mad_unet_take_params(b, e->n_waves * e->ld_hidden);
    e->first_bias = mad_unet_take_params(b, e->ld_hidden);
    list_dense(b, "0", e->n_waves, e->first, e->first_bias);
    mad_unet_close_segment(b, begin, UNET_NONE, 0);
}

/* The second layer, to which the class adds its row. */
static void add_mix(unet_builder *b)
{
    unet_embed *e = &b->net->embed;
    const size_t begin = b->n_params;
    e->mix = mad_unet_take_params(b, (e->ld_hidden + e->n_label_inputs) * e->ld_hidden);
    e->mix_bias = mad_unet_take_params(b, e->ld_hidden);
    list_dense(b, "2", e->n_hidden, e->mix, e->mix_bias);
    if (e->n_label_inputs > 0) {
        mad_unet_add_matrix(b, (unet_label){.name = "class"}, (unet_init){.kind = UNET_NORMAL},
                            e->n_label_inputs, e->n_hidden, e->mix + e->ld_hidden * e->ld_hidden,
                            e->ld_hidden, 1);
    }
    mad_unet_close_segment(b, begin, UNET_NONE, 1);
    e->mix_packed = b->net->base.n_packed;
    b->net->base.n_packed += e->ld_hidden * e->n_hidden;
}

/* Room for the last layer, whose rows add_shift lists. */
static void add_last(unet_builder *b)
{
    unet_embed *e = &b->net->embed;
    const size_t begin = b->n_params;
    e->n_channels = n_shift_channels(&b->net->options);
    e->last = mad_unet_take_params(b, e->n_channels * e->ld_hidden);
    e->last_bias = mad_unet_take_params(b, e->n_channels);
    mad_unet_close_segment(b, begin, UNET_NONE, 0);
}

static void add_embedding(unet_builder *b)
{
    unet_embed *e = &b->net->embed;
    const mad_unet_options *o = &b->net->options;
    e->n_waves = o->n_embed;
    e->n_hidden = o->n_hidden;
    e->ld_hidden = mad_round_up(o->n_hidden, MAD_PANEL);
    e->n_labels = o->n_classes + 1;
    e->n_label_inputs = o->n_classes > 0 ? e->n_labels : 0;
    (void)snprintf(b->path, sizeof b->path, "embed");
    add_first(b);
    add_mix(b);
    add_last(b);
    b->macs += (double)e->n_hidden * (double)(e->n_waves + e->n_hidden);
}

/* Frequencies stand behind the last segment: not trained. */
static void add_frequencies(unet_builder *b)
{
    unet_embed *e = &b->net->embed;
    e->frequencies = mad_unet_take_params(b, e->n_waves / 2);
    (void)snprintf(b->path, sizeof b->path, "embed");
    mad_unet_add_untrained(b, (unet_label){.name = "0"}, "frequencies", e->n_waves / 2,
                           e->frequencies);
}

/* ---- the network ---- */

/* The dense picture's 3x3 windows and a 1x1 convolution: w[9 channels][c_out]. */
static size_t add_input(unet_builder *b)
{
    unet *net = b->net;
    const size_t ch = net->channels, n = net->options.base * net->options.mult[0];
    const size_t windows = mad_unet_add_value(b, net->height, net->width, mad_unet_lanes(9 * ch));
    const unet_init init = mad_unet_uniform(9 * ch);
    (void)snprintf(b->path, sizeof b->path, "in");
    net->value[windows].needs_grad = 0;
    (void)mad_unet_add_op(b, UNET_WINDOWS, UNET_NONE, windows);
    const unet_op *op = mad_unet_add_bare_conv(b, windows, mad_unet_lanes(n), 1, 1, 1);
    const size_t c_out = op->conv.c_out;
    mad_unet_add_filter(b, (unet_label){.name = "conv"}, init, n, ch, 3, op->weight, 1, c_out,
                        (ptrdiff_t)(ch * c_out));
    mad_unet_add_vector(b, (unet_label){.name = "conv"}, "bias", init, n, op->bias);
    b->macs += (double)(net->height * net->width * 9) * (double)(ch * n);
    return op->y;
}

/* norm, silu, and a 1x1 convolution to 9 channels whose windows are summed. The sum at p takes tap t
 * from p - t, a convolution takes it from p + t: taps stand in reverse. */
static void add_output(unet_builder *b, size_t x, size_t n_in)
{
    unet *net = b->net;
    const size_t ch = net->channels;
    const unet_init zero = {.kind = UNET_ZERO};
    (void)snprintf(b->path, sizeof b->path, "out");
    const size_t norm =
        mad_unet_add_norm(b, (unet_label){.name = "norm"}, x, n_in, net->options.groups, 1);
    const unet_op *op = mad_unet_add_bare_conv(b, norm, mad_unet_lanes(9 * ch), 1, 1, 0);
    const size_t c_out = op->conv.c_out, taps = op->y;
    mad_unet_add_filter(b, (unet_label){.name = "conv"}, zero, ch, n_in, 3, op->weight + 8 * ch, 1,
                        c_out, -(ptrdiff_t)ch);
    const size_t begin = b->n_params, bias = mad_unet_take_params(b, ch);
    mad_unet_add_vector(b, (unet_label){.name = "conv"}, "bias", zero, ch, bias);
    mad_unet_close_segment(b, begin, UNET_NONE, 0);
    mad_unet_add_op(b, UNET_GATHER, taps, UNET_NONE)->bias = bias;
    b->macs += (double)(net->height * net->width * 9) * (double)(ch * n_in);
}

static void set_path(unet_builder *b, const char *side, size_t level, size_t i_block)
{
    (void)snprintf(b->path, sizeof b->path, "%s.%zu.%zu", side, level, i_block);
}

/* Leaves skip[level * n_blocks + i]. Returns what enters the middle. */
static size_t add_down(unet_builder *b, size_t x, size_t *skip)
{
    const mad_unet_options *o = &b->net->options;
    size_t n_in = o->base * o->mult[0];
    for (size_t level = 0; level < o->n_levels; level++) {
        const size_t n = o->base * o->mult[level];
        b->level = level;
        for (size_t i = 0; i < o->n_blocks; i++) {
            set_path(b, "down", level, i);
            x = add_attended_block(b, x, UNET_NONE, n_in, n, o->attention[level]);
            skip[level * o->n_blocks + i] = x;
            n_in = n;
        }
        if (level + 1 < o->n_levels) {
            (void)snprintf(b->path, sizeof b->path, "down.%zu", level);
            x = mad_unet_add_conv(b, "step", x, n, n, 9, 2)->y;
        }
    }
    return x;
}

static size_t add_middle(unet_builder *b, size_t x, size_t n)
{
    const mad_unet_options *o = &b->net->options;
    int any = 0;
    for (size_t level = 0; level < o->n_levels; level++) {
        any |= o->attention[level];
    }
    (void)snprintf(b->path, sizeof b->path, "middle.0");
    x = add_attended_block(b, x, UNET_NONE, n, n, any);
    (void)snprintf(b->path, sizeof b->path, "middle.1");
    return add_block(b, x, UNET_NONE, n, n);
}

static size_t add_up(unet_builder *b, size_t x, const size_t *skip)
{
    const mad_unet_options *o = &b->net->options;
    for (size_t level = o->n_levels; level-- > 0;) {
        const size_t n = o->base * o->mult[level];
        b->level = level;
        if (level + 1 < o->n_levels) {
            const unet_value v = b->net->value[x];
            const size_t big = mad_unet_add_value(b, 2 * v.h, 2 * v.w, v.c);
            const size_t n_in = o->base * o->mult[level + 1];
            (void)mad_unet_add_op(b, UNET_GROW, x, big);
            (void)snprintf(b->path, sizeof b->path, "up.%zu", level);
            x = mad_unet_add_conv(b, "step", big, n_in, n, 9, 1)->y;
        }
        for (size_t i = 0; i < o->n_blocks; i++) {
            set_path(b, "up", level, i);
            const size_t from = skip[level * o->n_blocks + o->n_blocks - 1 - i];
            x = add_attended_block(b, x, from, 2 * n, n, o->attention[level]);
        }
    }
    return x;
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
    unet_builder b = {.net = net};

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

/* sim/nn/unet_run.c: the list of operations, forward and backward, group by group, chunk by chunk. */
#include <string.h>

#include "sim/nn/internal.h"
#include "sim/nn/unet.h"

/* One visit: images first..first+n-1 of the block. */
typedef struct visit {
    const unet *net;
    const float *theta, *packed;
    unet_work *work;
    const unet_memory *memory;
    float *grad; /* backward only */
    size_t first, n;
} visit;

static size_t image_floats(const unet_value *v)
{
    return v->h * (v->w + 1) * v->c;
}

/* The maps of the visited images: buffers of a chunk hold just them. */
static float *maps_at(const visit *t, size_t value, size_t buffer)
{
    const unet_buffer *b = &t->memory->buffer[buffer];
    const size_t skip = b->n == t->net->base.block_rows ? t->first : 0;
    return t->work->memory + b->at + skip * image_floats(&t->net->value[value]);
}

static float *data_at(const visit *t, size_t value)
{
    const unet_value *v = &t->net->value[value];
    return maps_at(t, value, t->work->for_training ? v->train : v->eval);
}

static float *grad_at(const visit *t, size_t value)
{
    return maps_at(t, value, t->net->value[value].grad);
}

static mad_maps shape_of(const visit *t, size_t value)
{
    const unet_value *v = &t->net->value[value];
    return (mad_maps){t->n, v->h, v->w, v->c};
}

static float *kept_at(const visit *t, const unet_op *op)
{
    return t->work->kept + (t->work->for_training ? op->kept + t->first * op->n_kept : 0);
}

/* The visited images' rows of a dense picture. */
static float *dense_at(const visit *t, float *rows)
{
    return (t->work->dense != NULL ? t->work->dense : rows) + t->first * t->net->base.dim;
}

static float *shift_at(const visit *t, const unet_op *op, float *shift)
{
    const unet_shift *s = &t->net->embed.shift[op->shift];
    return shift + t->net->base.block_rows * s->at + t->first * s->c;
}

static void forward_op(const visit *t, const unet_op *op)
{
    const unet *net = t->net;
    const mad_map_kernels *maps = net->maps;
    unet_work *work = t->work;
    switch (op->kind) {
    case UNET_WINDOWS:
        maps->windows(shape_of(t, op->y), 3, net->channels, dense_at(t, work->base.x),
                      data_at(t, op->y));
        break;
    case UNET_CONV: {
        const mad_conv_add add = {.bias = op->bias == UNET_NONE ? NULL : t->theta + op->bias,
                                  .shift =
                                      op->shift == UNET_NONE ? NULL : shift_at(t, op, work->shift),
                                  .map = op->add == UNET_NONE ? NULL : data_at(t, op->add)};
        maps->conv(&op->conv, t->n, data_at(t, op->x), t->packed + op->packed, add, work->scratch,
                   data_at(t, op->y));
        break;
    }
    case UNET_NORM:
        maps->norm(shape_of(t, op->x), op->n_channels, op->groups, op->act, data_at(t, op->x),
                   t->theta + op->weight, t->theta + op->bias, kept_at(t, op), data_at(t, op->y));
        break;
    case UNET_GROW:
        maps->grow(shape_of(t, op->x), data_at(t, op->x), data_at(t, op->y));
        break;
    case UNET_ATTENTION:
        maps->attention(shape_of(t, op->y), op->n_channels, data_at(t, op->x), work->scratch,
                        kept_at(t, op), data_at(t, op->y));
        break;
    case UNET_GATHER:
        maps->gather_windows(shape_of(t, op->x), 3, net->channels, data_at(t, op->x),
                             t->theta + op->bias, dense_at(t, work->base.out));
        break;
    }
}

static void add_maps(size_t n, const float *restrict from, float *restrict to)
{
    for (size_t i = 0; i < n; i++) {
        to[i] += from[i];
    }
}

/* Bias and shift see the same sums over pixels. */
static void conv_sums_back(const visit *t, const unet_op *op, const float *dy)
{
    const size_t c = op->conv.c_out;
    float *sum = t->work->sum;
    if (op->bias == UNET_NONE && op->shift == UNET_NONE) {
        return;
    }
    t->net->maps->sum_pixels(shape_of(t, op->y), dy, sum);
    if (op->shift != UNET_NONE) {
        memcpy(shift_at(t, op, t->work->shift_grad), sum, t->n * c * sizeof *sum);
    }
    if (op->bias != UNET_NONE) {
        for (size_t i = 0; i < t->n; i++) {
            add_maps(c, sum + i * c, t->grad + op->bias);
        }
    }
}

static void conv_back(const visit *t, const unet_op *op)
{
    const mad_map_kernels *maps = t->net->maps;
    const float *dy = grad_at(t, op->y);
    conv_sums_back(t, op, dy);
    maps->conv_back_weights(&op->conv, t->n, data_at(t, op->x), dy, t->work->scratch,
                            t->grad + op->weight);
    if (t->net->value[op->x].needs_grad) {
        float *dx = grad_at(t, op->x);
        maps->conv_back(&op->conv, t->n, dy, t->packed + op->packed, op->sums_into_x ? dx : NULL,
                        t->work->scratch, dx);
    }
    if (op->add == UNET_NONE) {
        return;
    }
    const size_t n = t->n * image_floats(&t->net->value[op->add]);
    float *to = grad_at(t, op->add);
    switch (op->add_grad) {
    case UNET_ADD_ALIAS:
        break;
    case UNET_ADD_COPY:
        memcpy(to, dy, n * sizeof *to);
        break;
    case UNET_ADD_SUM:
        add_maps(n, dy, to);
        break;
    }
}

static void norm_back(const visit *t, const unet_op *op)
{
    float *dx = grad_at(t, op->x);
    t->net->maps->norm_back(shape_of(t, op->x), op->n_channels, op->groups, op->act,
                            data_at(t, op->x), t->theta + op->weight, t->theta + op->bias,
                            kept_at(t, op), grad_at(t, op->y), op->sums_into_x ? dx : NULL,
                            t->grad + op->weight, t->grad + op->bias, dx);
}

static void gather_back(const visit *t, const unet_op *op)
{
    const unet *net = t->net;
    const float *dy = dense_at(t, t->work->base.out);
    const size_t ch = net->channels;
    float *dbias = t->grad + op->bias;
    net->maps->windows(shape_of(t, op->x), 3, ch, dy, grad_at(t, op->x));
    for (size_t k = 0; k < ch; k++) {
        double sum = 0.0;
        for (size_t i = k; i < t->n * net->base.dim; i += ch) {
            sum += (double)dy[i];
        }
        dbias[k] += (float)sum;
    }
}

static void backward_op(const visit *t, const unet_op *op)
{
    const mad_map_kernels *maps = t->net->maps;
    switch (op->kind) {
    case UNET_WINDOWS:
        break;
    case UNET_CONV:
        conv_back(t, op);
        break;
    case UNET_NORM:
        norm_back(t, op);
        break;
    case UNET_GROW:
        maps->grow_back(shape_of(t, op->x), grad_at(t, op->y), grad_at(t, op->x));
        break;
    case UNET_ATTENTION:
        maps->attention_back(shape_of(t, op->y), op->n_channels, data_at(t, op->x),
                             grad_at(t, op->y), t->work->scratch, kept_at(t, op),
                             grad_at(t, op->x));
        break;
    case UNET_GATHER:
        gather_back(t, op);
        break;
    }
}

/* Images of the visit that begins at `first`. */
static size_t visit_rows(const unet *net, const unet_group *g, size_t n_rows, size_t first)
{
    const size_t n = net->chunk[g->level], left = n_rows - first;
    return left < n ? left : n;
}

/* work->dense, where there is one, from or to the rows [height][width][channels] of the caller:
 * pixel (2 y + i, 2 x + j) of channel k is channel 4 k + 2 i + j of pixel (y, x), as in PyTorch's
 * pixel_unshuffle. */
static void space_to_depth(const unet *net, size_t n_rows, const float *x, float *dense)
{
    const size_t h = net->height, w = net->width, ch = net->options.channels;
    for (size_t p = 0; p < n_rows * h * w; p++) {
        const size_t row = p / w, col = p % w;
        for (size_t k = 0; k < 4 * ch; k++) {
            const size_t y = 2 * row + k % 4 / 2, xx = 2 * col + k % 2;
            dense[p * 4 * ch + k] = x[(y * 2 * w + xx) * ch + k / 4];
        }
    }
}

static void depth_to_space(const unet *net, size_t n_rows, const float *dense, float *x)
{
    const size_t h = net->height, w = net->width, ch = net->options.channels;
    for (size_t p = 0; p < n_rows * h * w; p++) {
        const size_t row = p / w, col = p % w;
        for (size_t k = 0; k < 4 * ch; k++) {
            const size_t y = 2 * row + k % 4 / 2, xx = 2 * col + k % 2;
            x[(y * 2 * w + xx) * ch + k / 4] = dense[p * 4 * ch + k];
        }
    }
}

static void run_forward(const unet *net, const float *theta, const float *packed, size_t n_rows,
                        unet_work *work)
{
    visit t = {.net = net,
               .theta = theta,
               .packed = packed,
               .work = work,
               .memory = work->for_training ? &net->train : &net->eval};
    if (work->dense != NULL) {
        space_to_depth(net, n_rows, work->base.x, work->dense);
    }
    for (size_t i = 0; i < net->n_groups; i++) {
        const unet_group *g = &net->group[i];
        for (t.first = 0; t.first < n_rows; t.first += t.n) {
            t.n = visit_rows(net, g, n_rows, t.first);
            for (size_t k = 0; k < g->n_ops; k++) {
                forward_op(&t, &net->op[g->first + k]);
            }
        }
    }
    if (work->dense != NULL) {
        depth_to_space(net, n_rows, work->dense, work->base.out);
    }
}

void mad_unet_forward(const mad_net *base, const float *theta, const float *packed, size_t n_rows,
                      mad_net_work *work_base)
{
    const unet *net = (const unet *)base;
    unet_work *work = (unet_work *)work_base;
    mad_unet_embed(net, theta, n_rows, work);
    run_forward(net, theta, packed, n_rows, work);
}

void mad_unet_backward(const mad_net *base, const float *theta, const float *packed, size_t n_rows,
                       mad_net_work *work_base, float *grad)
{
    const unet *net = (const unet *)base;
    unet_work *work = (unet_work *)work_base;
    visit t = {.net = net,
               .theta = theta,
               .packed = packed,
               .work = work,
               .memory = &net->train,
               .grad = grad};
    if (work->dense != NULL) {
        space_to_depth(net, n_rows, work_base->out, work->dense);
    }
    for (size_t i = net->n_groups; i-- > 0;) {
        const unet_group *g = &net->group[i];
        for (t.first = 0; t.first < n_rows; t.first += t.n) {
            t.n = visit_rows(net, g, n_rows, t.first);
            for (size_t k = g->n_ops; k-- > 0;) {
                backward_op(&t, &net->op[g->first + k]);
            }
        }
    }
    mad_unet_embed_back(net, theta, packed, n_rows, work, grad);
}

void mad_unet_level(const mad_net *base, const float *theta, const float *packed, float c_noise,
                    mad_net_work *work)
{
    (void)packed;
    mad_unet_embed_labels((const unet *)base, theta, c_noise, (unet_work *)work);
}

void mad_unet_eval(const mad_net *base, const float *theta, const float *packed, size_t n_rows,
                   mad_net_work *work_base)
{
    const unet *net = (const unet *)base;
    unet_work *work = (unet_work *)work_base;
    mad_unet_pick_labels(net, n_rows, work);
    run_forward(net, theta, packed, n_rows, work);
}

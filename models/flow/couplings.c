/* models/flow/couplings.c: affine coupling layers on the perceptrons of sim/nn.
 * ref  Dinh, Sohl-Dickstein & Bengio 2017 (arXiv:1605.08803), section 3
 */
#include "models/flow/couplings.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct layer {
    const mad_net *net;          /* u_a -> r, t */
    size_t n_keep, n_move;       /* columns of the two groups */
    const size_t *keep, *move;   /* [n_keep], [n_move] */
    size_t params_at, packed_at; /* in the blocks of the whole */
    size_t segment_at, tensor_at, n_tensors;
} layer;

typedef struct couplings {
    mad_net base;
    size_t n_layers;
    double bound;
    layer *layer; /* [n_layers] */
} couplings;

typedef struct couplings_work {
    mad_net_work base;
    mad_net_work **layer; /* [n_layers] */
    /* training */
    double *u;       /* [n_layers + 1][rows][dim] what enters each layer, and z */
    double *s;       /* [n_layers][rows][dim] */
    double *log_det; /* [rows] */
    double *g;       /* [rows][dim] */
    /* evaluation */
    double *scale; /* [rows][dim] */
} couplings_work;

/* ---- the network's interface: each layer on its part of the blocks ---- */

static void init(const mad_net *base, mad_key key, uint64_t first_item, float *theta)
{
    const couplings *self = (const couplings *)base;
    for (size_t k = 0; k < self->n_layers; k++) {
        const layer *l = &self->layer[k];
        mad_tensor last;
        l->net->type->init(l->net, key, first_item + k * l->n_tensors, theta + l->params_at);
        MAD_ASSERT(l->net->type->tensor(l->net, l->n_tensors - 2, &last));
        for (size_t i = 0; i < last.shape[0]; i++) { /* r = t = 0 */
            for (size_t j = 0; j < last.shape[1]; j++) {
                theta[l->params_at + last.offset + i * (size_t)last.stride[0] +
                      j * (size_t)last.stride[1]] = 0.0f;
            }
        }
    }
}

static const layer *layer_of_segment(const couplings *self, size_t i_segment)
{
    const layer *l = self->layer;
    while (i_segment >= l->segment_at + l->net->n_segments) {
        l++;
    }
    return l;
}

static mad_segment segment(const mad_net *base, size_t i_segment)
{
    const layer *l = layer_of_segment((const couplings *)base, i_segment);
    mad_segment s = l->net->type->segment(l->net, i_segment - l->segment_at);
    s.begin += l->params_at;
    return s;
}

static void pack(const mad_net *base, const float *theta, size_t i_segment, float *packed)
{
    const layer *l = layer_of_segment((const couplings *)base, i_segment);
    l->net->type->pack(l->net, theta + l->params_at, i_segment - l->segment_at,
                       packed + l->packed_at);
}

/* coupling.0.hidden.0.weight, .. */
static int tensor(const mad_net *base, size_t i_tensor, mad_tensor *out)
{
    const couplings *self = (const couplings *)base;
    const size_t k = i_tensor / self->layer->n_tensors;
    if (k >= self->n_layers) {
        return 0;
    }
    const layer *l = &self->layer[k];
    mad_tensor t;
    MAD_ASSERT(l->net->type->tensor(l->net, i_tensor - l->tensor_at, &t));
    *out = t;
    out->offset += l->params_at;
    (void)snprintf(out->name, sizeof out->name, "coupling.%zu.%.30s", k, t.name);
    return 1;
}

static mad_status work_take(mad_ctx *ctx, const mad_net *base, int for_training, mad_arena *mem,
                            mad_net_work **out)
{
    mad_status st = MAD_OK;
    const couplings *self = (const couplings *)base;
    const size_t n = base->block_rows * base->dim, n_layers = self->n_layers;
    const size_t n_kept = for_training ? n_layers : 0, n_own = for_training ? 0 : n;
    couplings_work *work = mad_arena_take(mem, 1, sizeof *work);
    if (work == NULL) {
        st = mad_fail_memory(ctx, "activations of the couplings");
        goto out;
    }
    work->base.x = mad_arena_take_raw(mem, n, sizeof(float));
    work->base.out = mad_arena_take_raw(mem, base->block_rows * base->n_out, sizeof(float));
    work->layer = mad_arena_take(mem, n_layers, sizeof(mad_net_work *));
    work->u = mad_arena_take_raw(mem, (n_kept + 1) * n, sizeof(double));
    work->s = mad_arena_take_raw(mem, n_kept * n, sizeof(double));
    work->g = mad_arena_take_raw(mem, n_kept > 0 ? n : 0, sizeof(double));
    work->log_det = mad_arena_take_raw(mem, base->block_rows, sizeof(double));
    work->scale = mad_arena_take_raw(mem, n_own, sizeof(double));
    if (work->base.x == NULL || work->base.out == NULL || work->layer == NULL || work->u == NULL ||
        work->s == NULL || work->g == NULL || work->log_det == NULL || work->scale == NULL) {
        st = mad_fail_memory(ctx, "activations of the couplings");
        goto out;
    }
    for (size_t k = 0; k < n_layers; k++) {
        const mad_net *net = self->layer[k].net;
        MAD_TRY(net->type->work_take(ctx, net, for_training, mem, &work->layer[k]));
        if (for_training) {
            work->layer[k]->dx = mad_arena_take_raw(mem, net->block_rows * net->dim, sizeof(float));
            if (work->layer[k]->dx == NULL) {
                st = mad_fail_memory(ctx, "activations of the couplings");
                goto out;
            }
        }
    }
    *out = &work->base;
out:
    return st;
}

/* ---- the maps ---- */

/* u_a of the rows as the perceptron reads it. */
static void fill_kept(const layer *l, size_t dim, size_t n_rows, const double *u, float *x)
{
    for (size_t r = 0; r < n_rows; r++) {
        x[r * l->net->dim] = 0.0f; /* read where nothing is kept */
        for (size_t j = 0; j < l->n_keep; j++) {
            x[r * l->net->dim + j] = (float)u[r * dim + l->keep[j]];
        }
    }
}

/* v_b from u_b, s into s[row][0..n_move), ln|det| added. out: [n_rows][r, t] of the perceptron */
static void move(const layer *l, double bound, size_t dim, size_t n_rows, const float *out,
                 double *u, double *s, double *log_det)
{
    for (size_t r = 0; r < n_rows; r++) {
        const float *rt = out + 2 * l->n_move * r;
        for (size_t j = 0; j < l->n_move; j++) {
            double *at = &u[r * dim + l->move[j]], *own = &s[r * dim + j];
            *own = bound * tanh((double)rt[j] / bound);
            *at = (*at - (double)rt[l->n_move + j]) * exp(-*own);
            log_det[r] -= *own;
        }
    }
}

static void forward(const mad_net *base, const float *theta, const float *packed, size_t n_rows,
                    mad_net_work *work_base)
{
    const couplings *self = (const couplings *)base;
    couplings_work *work = (couplings_work *)work_base;
    const size_t dim = base->dim, n = base->block_rows * dim;
    double *u = work->u;
    memset(work->log_det, 0, n_rows * sizeof *work->log_det);
    for (size_t i = 0; i < n_rows * dim; i++) {
        u[i] = (double)work_base->x[i];
    }
    for (size_t k = 0; k < self->n_layers; k++, u += n) {
        const layer *l = &self->layer[k];
        fill_kept(l, dim, n_rows, u, work->layer[k]->x);
        l->net->type->forward(l->net, theta + l->params_at, packed + l->packed_at, n_rows,
                              work->layer[k]);
        memcpy(u + n, u, n_rows * dim * sizeof *u);
        move(l, self->bound, dim, n_rows, work->layer[k]->out, u + n, work->s + k * n,
             work->log_det);
    }
    for (size_t r = 0; r < n_rows; r++) {
        float *out = work_base->out + r * base->n_out;
        for (size_t j = 0; j < dim; j++) {
            out[j] = (float)u[r * dim + j];
        }
        out[dim] = (float)work->log_det[r];
    }
}

/* g = dL/dv becomes dL/du but for what comes through the perceptron, whose dL/dr and dL/dt go to
 * `out`. h: [n_rows] dL/dln|det|, n_h apart; v: what leaves the layer */
static void back_move(const layer *l, double bound, size_t dim, size_t n_rows, const double *v,
                      const double *s, const float *h, size_t n_h, double *g, float *out)
{
    for (size_t r = 0; r < n_rows; r++) {
        float *rt = out + 2 * l->n_move * r;
        for (size_t j = 0; j < l->n_move; j++) {
            const size_t at = r * dim + l->move[j];
            const double own = s[r * dim + j], slope = 1.0 - (own / bound) * (own / bound);
            rt[j] = (float)((-g[at] * v[at] - (double)h[r * n_h]) * slope);
            g[at] *= exp(-own);
            rt[l->n_move + j] = (float)-g[at];
        }
    }
}

static void backward(const mad_net *base, const float *theta, const float *packed, size_t n_rows,
                     mad_net_work *work_base, float *grad)
{
    const couplings *self = (const couplings *)base;
    couplings_work *work = (couplings_work *)work_base;
    const size_t dim = base->dim, n = base->block_rows * dim;
    double *g = work->g;
    for (size_t r = 0; r < n_rows; r++) {
        for (size_t j = 0; j < dim; j++) {
            g[r * dim + j] = (double)work_base->out[r * base->n_out + j];
        }
    }
    for (size_t k = self->n_layers; k-- > 0;) {
        const layer *l = &self->layer[k];
        mad_net_work *own = work->layer[k];
        back_move(l, self->bound, dim, n_rows, work->u + (k + 1) * n, work->s + k * n,
                  work_base->out + dim, base->n_out, g, own->out);
        l->net->type->backward(l->net, theta + l->params_at, packed + l->packed_at, n_rows, own,
                               grad + l->params_at);
        for (size_t r = 0; r < n_rows; r++) {
            for (size_t j = 0; j < l->n_keep; j++) {
                g[r * dim + l->keep[j]] += (double)own->dx[r * l->net->dim + j];
            }
        }
    }
}

static void level(const mad_net *base, const float *theta, const float *packed, float c_noise,
                  mad_net_work *work_base)
{
    const couplings *self = (const couplings *)base;
    for (size_t k = 0; k < self->n_layers; k++) {
        const layer *l = &self->layer[k];
        l->net->type->level(l->net, theta + l->params_at, packed + l->packed_at, c_noise,
                            ((couplings_work *)work_base)->layer[k]);
    }
}

/* r and t of the rows in the layer's own workspace. */
static const float *say(const layer *l, const float *theta, const float *packed, size_t dim,
                        size_t n_rows, const double *u, mad_net_work *own)
{
    fill_kept(l, dim, n_rows, u, own->x);
    l->net->type->eval(l->net, theta + l->params_at, packed + l->packed_at, n_rows, own);
    return own->out;
}

void mad_couplings_to_noise(const mad_net *net, const float *theta, const float *packed,
                            size_t n_rows, mad_net_work *work_base, double *x, double *log_det)
{
    const couplings *self = (const couplings *)net;
    couplings_work *work = (couplings_work *)work_base;
    memset(log_det, 0, n_rows * sizeof *log_det);
    for (size_t k = 0; k < self->n_layers; k++) {
        const layer *l = &self->layer[k];
        const float *rt = say(l, theta, packed, net->dim, n_rows, x, work->layer[k]);
        move(l, self->bound, net->dim, n_rows, rt, x, work->scale, log_det);
    }
}

void mad_couplings_to_rows(const mad_net *net, const float *theta, const float *packed,
                           size_t n_rows, mad_net_work *work_base, double *x)
{
    const couplings *self = (const couplings *)net;
    couplings_work *work = (couplings_work *)work_base;
    const size_t dim = net->dim;
    for (size_t k = self->n_layers; k-- > 0;) {
        const layer *l = &self->layer[k];
        const float *rt = say(l, theta, packed, dim, n_rows, x, work->layer[k]);
        for (size_t r = 0; r < n_rows; r++, rt += 2 * l->n_move) {
            for (size_t j = 0; j < l->n_move; j++) {
                double *at = &x[r * dim + l->move[j]];
                *at = (double)rt[l->n_move + j] +
                      *at * exp(self->bound * tanh((double)rt[j] / self->bound));
            }
        }
    }
}

static void eval(const mad_net *base, const float *theta, const float *packed, size_t n_rows,
                 mad_net_work *work_base)
{
    couplings_work *work = (couplings_work *)work_base;
    const size_t dim = base->dim;
    for (size_t i = 0; i < n_rows * dim; i++) {
        work->u[i] = (double)work_base->x[i];
    }
    mad_couplings_to_noise(base, theta, packed, n_rows, work_base, work->u, work->log_det);
    for (size_t r = 0; r < n_rows; r++) {
        float *out = work_base->out + r * base->n_out;
        for (size_t j = 0; j < dim; j++) {
            out[j] = (float)work->u[r * dim + j];
        }
        out[dim] = (float)work->log_det[r];
    }
}

static const mad_net_type couplings_type = {
    .name = "couplings",
    .init = init,
    .segment = segment,
    .pack = pack,
    .tensor = tensor,
    .work_take = work_take,
    .forward = forward,
    .backward = backward,
    .level = level,
    .eval = eval,
};

/* ---- shape ---- */

/* Columns whose number has bit `bit` set are one group; of a pair of layers the first moves them,
 * the second the others. */
static mad_status split(mad_ctx *ctx, size_t dim, size_t k, mad_arena *mem, layer *l)
{
    size_t n_bits = 1, *columns = mad_arena_take(mem, dim, sizeof *columns);
    if (columns == NULL) {
        return mad_fail_memory(ctx, "the couplings");
    }
    while ((dim - 1) >> n_bits > 0) {
        n_bits++;
    }
    const size_t bit = k / 2 % n_bits, moved = dim == 1 ? 0 : 1 - k % 2;
    for (size_t j = 0; j < dim; j++) {
        if ((j >> bit & 1) != moved) {
            columns[l->n_keep++] = j;
        }
    }
    l->n_move = dim - l->n_keep;
    l->keep = columns;
    l->move = columns + l->n_keep;
    for (size_t j = 0, at = l->n_keep; j < dim; j++) {
        if ((j >> bit & 1) == moved) {
            columns[at++] = j;
        }
    }
    return MAD_OK;
}

static void append(couplings *self, const mad_mlp_options *shape, layer *l)
{
    mad_net *base = &self->base;
    l->n_tensors = 2 * (shape->depth + 1);
    l->tensor_at = l->n_tensors * (size_t)(l - self->layer);
    l->params_at = base->n_params;
    l->packed_at = base->n_packed;
    l->segment_at = base->n_segments;
    base->n_params += l->net->n_params;
    base->n_packed += l->net->n_packed;
    base->n_segments += l->net->n_segments;
    base->n_weights += l->net->n_weights;
    base->macs += l->net->macs;
    base->block_rows = l->net->block_rows;
}

mad_status mad_couplings_create(mad_ctx *ctx, const mad_kernels *kernels,
                                const mad_couplings_options *options, mad_arena *mem, mad_net **out)
{
    mad_status st = MAD_OK;
    const size_t dim = options->dim;
    couplings *self = mad_arena_take(mem, 1, sizeof *self);
    layer *layers = mad_arena_take(mem, options->n_layers, sizeof *layers);
    if (self == NULL || layers == NULL) {
        st = mad_fail_memory(ctx, "the couplings");
        goto out;
    }
    *self = (couplings){
        .base = {.type = &couplings_type, .kernels = kernels, .dim = dim, .n_out = dim + 1},
        .n_layers = options->n_layers,
        .bound = options->bound,
        .layer = layers};
    for (size_t k = 0; k < options->n_layers; k++) {
        layer *l = &layers[k];
        mad_net *net = NULL;
        MAD_TRY(split(ctx, dim, k, mem, l));
        const mad_mlp_options shape = {.dim = l->n_keep > 0 ? l->n_keep : 1,
                                       .n_out = 2 * l->n_move,
                                       .width = options->width,
                                       .depth = options->depth,
                                       .embedding = MAD_EMBED_NONE};
        MAD_TRY(mad_mlp_create(ctx, kernels, &shape, mem, &net));
        l->net = net;
        append(self, &shape, l);
    }
    *out = &self->base;
out:
    return st;
}

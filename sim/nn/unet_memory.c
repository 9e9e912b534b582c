/* sim/nn/unet_memory.c: where every value lies, decided once by walking the list of operations.
 *
 * A value whose producer and consumers are in one group needs room for one chunk only; others, and
 * whatever the backward pass reads, for the whole block. A buffer is handed on to a later value of
 * the same shape when its own is dead: the same shape, because the zero pixels between rows are
 * written only once. Handing on a whole-block buffer inside a group is safe although the group runs
 * chunk by chunk: a chunk touches no other image's part.
 */
#include <string.h>

#include "sim/nn/internal.h"
#include "sim/nn/unet.h"

typedef struct planner {
    unet *net;
    unet_memory *memory;
    int *is_free;     /* [buffers] */
    size_t *last_use; /* [values] index of the last operation that reads it */
    size_t
        *first_use; /* [values] of the first whose backward pass reads it; UNET_NONE: none does */
    int *is_whole;  /* [values] it crosses groups: needs room for the whole block */
} planner;

static size_t take_buffer(planner *p, size_t value, size_t n)
{
    unet_memory *m = p->memory;
    const unet_value *v = &p->net->value[value];
    for (size_t i = 0; i < m->n_buffers; i++) {
        const unet_buffer *b = &m->buffer[i];
        if (p->is_free[i] && b->h == v->h && b->w == v->w && b->c == v->c && b->n == n) {
            p->is_free[i] = 0;
            return i;
        }
    }
    m->buffer[m->n_buffers] = (unet_buffer){v->h, v->w, v->c, n, m->n_floats + v->c};
    m->n_floats += mad_round_up(mad_maps_floats((mad_maps){n, v->h, v->w, v->c}), MAD_LANE);
    p->is_free[m->n_buffers] = 0;
    return m->n_buffers++;
}

static int backward_reads_x(const unet_op *op)
{
    return op->kind == UNET_CONV || op->kind == UNET_NORM || op->kind == UNET_ATTENTION;
}

static void mark_values(planner *p)
{
    const unet *net = p->net;
    size_t *group = p->first_use; /* of the producer, until first_use is set below */
    memset(p->is_whole, 0, net->n_values * sizeof *p->is_whole);
    for (size_t i = 0; i < net->n_ops; i++) {
        const unet_op *op = &net->op[i];
        const size_t read[2] = {op->x, op->add};
        for (size_t k = 0; k < 2; k++) {
            if (read[k] != UNET_NONE) {
                p->is_whole[read[k]] |= group[read[k]] != op->group;
                p->last_use[read[k]] = i;
            }
        }
        if (op->y != UNET_NONE) {
            group[op->y] = op->group;
        }
    }
    for (size_t i = 0; i < net->n_values; i++) {
        p->first_use[i] = UNET_NONE;
    }
    for (size_t i = net->n_ops; i-- > 0;) {
        if (backward_reads_x(&net->op[i])) {
            p->first_use[net->op[i].x] = i;
        }
    }
}

static size_t images_of(const planner *p, const unet_op *op, int whole)
{
    const unet *net = p->net;
    return whole ? net->base.block_rows : net->chunk[net->group[op->group].level];
}

static void place_forward(planner *p, int for_training)
{
    unet *net = p->net;
    for (size_t i = 0; i < net->n_ops; i++) {
        const unet_op *op = &net->op[i];
        const size_t read[2] = {op->x, op->add};
        size_t dead[2] = {UNET_NONE,
                          UNET_NONE}; /* buffers of what is read here for the last time */
        for (size_t k = 0; k < 2; k++) {
            const size_t v = read[k];
            if (v != UNET_NONE && p->last_use[v] == i &&
                !(for_training && p->first_use[v] != UNET_NONE)) {
                dead[k] = for_training ? net->value[v].train : net->value[v].eval;
            }
        }
        if (op->y != UNET_NONE) {
            const int kept = for_training && p->first_use[op->y] != UNET_NONE;
            const size_t n = images_of(p, op, p->is_whole[op->y] || kept);
            size_t *place = for_training ? &net->value[op->y].train : &net->value[op->y].eval;
            if (dead[1] != UNET_NONE && p->memory->buffer[dead[1]].n == n) {
                *place = dead[1]; /* what is added may be the output */
                dead[1] = UNET_NONE;
            } else {
                *place = take_buffer(p, op->y, n);
            }
        }
        for (size_t k = 0; k < 2; k++) {
            if (dead[k] != UNET_NONE) {
                p->is_free[dead[k]] = 1;
            }
        }
    }
}

/* The gradient of a convolution's output goes on, unchanged, to the map that was added. Returns 1
 * when its buffer went with it. */
static int place_add(planner *p, unet_op *op, size_t from)
{
    unet_value *add = &p->net->value[op->add];
    const size_t n = images_of(p, op, p->is_whole[op->add]);
    if (add->grad != UNET_NONE) {
        op->add_grad = UNET_ADD_SUM;
        return 0;
    }
    if (p->memory->buffer[from].n == n) {
        op->add_grad = UNET_ADD_ALIAS;
        add->grad = from;
        return 1;
    }
    op->add_grad = UNET_ADD_COPY;
    add->grad = take_buffer(p, op->add, n);
    return 0;
}

/* A norm may write the gradient of its input over that of its output. */
static int place_x(planner *p, unet_op *op, size_t from)
{
    unet_value *x = &p->net->value[op->x];
    const size_t n = images_of(p, op, p->is_whole[op->x]);
    op->sums_into_x = x->grad != UNET_NONE;
    if (op->sums_into_x) {
        return 0;
    }
    if (op->kind == UNET_NORM && p->memory->buffer[from].n == n) {
        x->grad = from;
        return 1;
    }
    x->grad = take_buffer(p, op->x, n);
    return 0;
}

static void place_backward(planner *p)
{
    unet *net = p->net;
    for (size_t i = net->n_ops; i-- > 0;) {
        unet_op *op = &net->op[i];
        const size_t from = op->y == UNET_NONE ? UNET_NONE : net->value[op->y].grad;
        int moved = 0;
        if (op->x == UNET_NONE) {
            continue;
        }
        if (net->value[op->x].needs_grad) {
            moved |= place_x(p, op, from);
        }
        if (op->add != UNET_NONE) {
            moved |= place_add(p, op, from);
        }
        if (from != UNET_NONE && !moved) {
            p->is_free[from] = 1;
        }
        if (p->first_use[op->x] == i) {
            p->is_free[net->value[op->x].train] = 1;
        }
    }
}

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* Room besides the maps. */
static void size_rest(unet *net)
{
    for (size_t i = 0; i < net->n_ops; i++) {
        unet_op *op = &net->op[i];
        const size_t n = net->chunk[net->group[op->group].level];
        op->kept = net->n_kept;
        net->n_kept += mad_round_up(op->n_kept * net->base.block_rows, MAD_LANE);
        net->n_probe = larger(net->n_probe, op->n_kept * n);
        for (size_t k = 1; k <= n; k++) { /* more images may need less scratch */
            if (op->kind == UNET_CONV) {
                net->n_scratch = larger(net->n_scratch, net->maps->conv_scratch(&op->conv, k));
                net->n_sum = larger(net->n_sum, k * op->conv.c_out);
            }
            if (op->kind == UNET_ATTENTION) {
                const unet_value *y = &net->value[op->y];
                const mad_maps shape = {k, y->h, y->w, y->c};
                net->n_scratch = larger(net->n_scratch, net->maps->attention_scratch(shape));
            }
        }
    }
}

mad_status mad_unet_place(mad_ctx *ctx, mad_arena *mem, unet *net)
{
    mad_status st = MAD_OK;
    const size_t n = net->n_values;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    planner p = {.net = net};

    p.is_free = mad_arena_take(ctx->scratch, 2 * n, sizeof *p.is_free);
    p.last_use = mad_arena_take(ctx->scratch, n, sizeof *p.last_use);
    p.first_use = mad_arena_take(ctx->scratch, n, sizeof *p.first_use);
    p.is_whole = mad_arena_take(ctx->scratch, n, sizeof *p.is_whole);
    net->train.buffer = mad_arena_take(mem, 2 * n, sizeof *net->train.buffer);
    net->eval.buffer = mad_arena_take(mem, n, sizeof *net->eval.buffer);
    if (p.is_free == NULL || p.last_use == NULL || p.first_use == NULL || p.is_whole == NULL ||
        net->train.buffer == NULL || net->eval.buffer == NULL) {
        st = mad_fail_memory(ctx, "the network");
        goto out;
    }
    mark_values(&p);
    p.memory = &net->train;
    place_forward(&p, 1);
    place_backward(&p);
    p.memory = &net->eval;
    place_forward(&p, 0);
    size_rest(net);
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

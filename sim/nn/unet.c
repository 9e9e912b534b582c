/* sim/nn/unet.c: class-conditional U-Net behind net.h: shape checks, parameters, workspace. */
#include "sim/nn/unet.h"

#include <math.h>
#include <string.h>

#include "sim/nn/internal.h"

/* Images a block takes: as many as reuse the weights of coarse levels well, fewer where the finest
 * maps of a block would pass this size. A step keeps some 25 such maps per image. */
#define MOST_ROWS   ((size_t)16)
#define LEAST_ROWS  ((size_t)4)
#define BLOCK_BYTES ((size_t)4 << 20)

/* Maps of a chunk together, one value: the second-level cache then holds those of a few operations.
 * Measured flat from 64 to 256 KiB at 28x28 and 16x16. */
#define CHUNK_BYTES ((size_t)128 << 10)

/* The largest edge of a picture: keeps every size far from overflow. */
#define MAX_EDGE ((size_t)1024)

/* ---- parameters ---- */

static void init_tensor(const unet_tensor *t, mad_rng rng, float *theta)
{
    const mad_tensor *e = &t->entry;
    const size_t n1 = e->rank > 1 ? e->shape[1] : 1, n2 = e->rank > 2 ? e->shape[2] : 1;
    const size_t n3 = e->rank > 3 ? e->shape[3] : 1;
    for (size_t i = 0; i < e->shape[0] * n1 * n2 * n3; i++) { /* last index fastest */
        const size_t index[4] = {i / (n1 * n2 * n3), i / (n2 * n3) % n1, i / n3 % n2, i % n3};
        float *to = theta + e->offset;
        for (size_t k = 0; k < e->rank; k++) {
            to += (ptrdiff_t)index[k] * e->stride[k];
        }
        switch (t->init.kind) {
        case UNET_ZERO:
            *to = 0.0f;
            break;
        case UNET_ONE:
            *to = 1.0f;
            break;
        case UNET_UNIFORM:
            *to = (float)(t->init.bound * (2.0 * mad_rng_uniform(&rng) - 1.0));
            break;
        case UNET_NORMAL: {
            double z;
            mad_rng_normals(&rng, 1, &z);
            *to = (float)z;
            break;
        }
        }
    }
}

/* PyTorch's defaults: weights and biases uniform within 1 / sqrt(fan-in) (kaiming_uniform with a =
 * sqrt 5), norms 1 and 0, class embedding N(0, 1); the last convolution zero. */
static void init(const mad_net *base, mad_key key, uint64_t first_item, float *theta)
{
    const unet *net = (const unet *)base;
    const unet_embed *e = &net->embed;
    memset(theta, 0, base->n_params * sizeof *theta);
    for (size_t i = 0; i < net->n_tensors; i++) {
        const unet_tensor *t = &net->tensor[i];
        const mad_rng rng = mad_rng_open(key, first_item + i);
        if (t->entry.trained) {
            init_tensor(t, rng, theta);
        } else {
            mad_embed_frequencies(net->options.embedding, rng, e->n_waves / 2,
                                  theta + e->frequencies);
        }
    }
}

static mad_segment segment(const mad_net *base, size_t i_segment)
{
    const unet_segment *s = &((const unet *)base)->segment[i_segment];
    return (mad_segment){s->begin, s->count};
}

static void pack(const mad_net *base, const float *theta, size_t i_segment, float *packed)
{
    const unet *net = (const unet *)base;
    const unet_segment *s = &net->segment[i_segment];
    if (s->is_mix) {
        mad_unet_embed_pack(net, theta, packed);
    }
    if (s->conv != UNET_NONE) {
        const unet_op *op = &net->op[s->conv];
        net->maps->conv_pack(&op->conv, theta + op->weight, packed + op->packed);
    }
}

static int tensor(const mad_net *base, size_t i_tensor, mad_tensor *out)
{
    const unet *net = (const unet *)base;
    if (i_tensor >= net->n_tensors) {
        return 0;
    }
    *out = net->tensor[i_tensor].entry;
    return 1;
}

/* ---- workspace ---- */

/* The zero pixels before the first and behind every row of each buffer. */
static void zero_edges(const unet_memory *m, float *memory)
{
    for (size_t i = 0; i < m->n_buffers; i++) {
        const unet_buffer *b = &m->buffer[i];
        float *edge = memory + b->at - b->c;
        for (size_t row = 0; row <= b->n * b->h; row++, edge += (b->w + 1) * b->c) {
            memset(edge, 0, b->c * sizeof *edge);
        }
    }
}

static mad_status work_take(mad_ctx *ctx, const mad_net *base, int for_training, mad_arena *mem,
                            mad_net_work **out)
{
    const unet *net = (const unet *)base;
    const size_t rows = base->block_rows, dim = base->dim;
    const unet_memory *m = for_training ? &net->train : &net->eval;
    unet_work *work = mad_arena_take(mem, 1, sizeof *work);

    if (work == NULL) {
        return mad_fail_memory(ctx, "feature maps of the network");
    }
    work->for_training = for_training;
    work->base.x = mad_arena_take_raw(mem, rows * dim, sizeof(float));
    work->base.c_noise = mad_arena_take_raw(mem, rows, sizeof(float));
    work->base.label = mad_arena_take(mem, rows, sizeof(int32_t));
    work->base.out = mad_arena_take_raw(mem, rows * dim, sizeof(float));
    work->memory = mad_arena_take_raw(mem, m->n_floats, sizeof(float));
    work->kept = mad_arena_take_raw(mem, for_training ? net->n_kept : net->n_probe, sizeof(float));
    work->scratch = mad_arena_take_raw(mem, net->n_scratch, sizeof(float));
    work->sum = mad_arena_take_raw(mem, net->n_sum, sizeof(float));
    if (net->options.patch > 1) {
        work->dense = mad_arena_take_raw(mem, rows * dim, sizeof(float));
    }
    if (work->base.x == NULL || work->base.c_noise == NULL || work->base.label == NULL ||
        work->base.out == NULL || work->memory == NULL || work->kept == NULL ||
        work->scratch == NULL || work->sum == NULL ||
        (net->options.patch > 1 && work->dense == NULL) || !mad_unet_embed_take(net, mem, work)) {
        return mad_fail_memory(ctx, "feature maps of the network");
    }
    zero_edges(m, work->memory);
    *out = &work->base;
    return MAD_OK;
}

static const mad_net_type unet_type = {
    .name = "unet",
    .init = init,
    .segment = segment,
    .pack = pack,
    .tensor = tensor,
    .work_take = work_take,
    .forward = mad_unet_forward,
    .backward = mad_unet_backward,
    .level = mad_unet_level,
    .eval = mad_unet_eval,
};

/* ---- shape ---- */

static mad_status check_levels(mad_ctx *ctx, const mad_unet_options *o)
{
    if (o->n_levels < 1 || o->n_levels > MAD_UNET_MAX_LEVELS) {
        return mad_fail(ctx, MAD_E_CONFIG, "model.net.mult must name 1 to %d levels, got %zu",
                        MAD_UNET_MAX_LEVELS, o->n_levels);
    }
    const size_t unit = o->patch << (o->n_levels - 1);
    if (o->height % unit != 0 || o->width % unit != 0) {
        return mad_fail(ctx, MAD_E_CONFIG,
                        "model.net.mult: pictures of %zu x %zu cannot be halved %zu times behind "
                        "model.net.patch %zu: both edges must be multiples of %zu",
                        o->height, o->width, o->n_levels - 1, o->patch, unit);
    }
    for (size_t level = 0; level < o->n_levels; level++) {
        const size_t n = o->base * o->mult[level];
        if (n == 0 || n > MAD_MAX_CHANNELS || n % o->groups != 0) {
            return mad_fail(
                ctx, MAD_E_CONFIG,
                "model.net.mult: level %zu has model.net.base %zu times %zu = %zu channels, must "
                "be 1 to %zu and a multiple of model.net.groups %zu",
                level, o->base, o->mult[level], n, MAD_MAX_CHANNELS, o->groups);
        }
    }
    return MAD_OK;
}

static mad_status check(mad_ctx *ctx, const mad_unet_options *o)
{
    if (o->channels < 1 || o->channels > 4) {
        return mad_fail(ctx, MAD_E_CONFIG, "net: pictures must have 1 to 4 channels, got %zu",
                        o->channels);
    }
    if (o->height < 1 || o->width < 1 || o->height > MAX_EDGE || o->width > MAX_EDGE) {
        return mad_fail(ctx, MAD_E_CONFIG,
                        "net: pictures must have edges of 1 to %zu, got %zu x %zu", MAX_EDGE,
                        o->height, o->width);
    }
    if (o->patch != 1 && o->patch != 2) {
        return mad_fail(ctx, MAD_E_CONFIG, "model.net.patch must be 1 or 2, got %zu", o->patch);
    }
    if (o->groups == 0 || o->groups % 2 != 0) {
        return mad_fail(ctx, MAD_E_CONFIG, "model.net.groups must be even and at least 2, got %zu",
                        o->groups);
    }
    if (o->n_blocks < 1 || o->n_blocks > 8) {
        return mad_fail(ctx, MAD_E_CONFIG, "model.net.blocks must be 1 to 8, got %zu", o->n_blocks);
    }
    if (o->n_hidden < 1 || o->n_hidden > 4096) {
        return mad_fail(ctx, MAD_E_CONFIG, "model.net.hidden must be 1 to 4096, got %zu",
                        o->n_hidden);
    }
    return check_levels(ctx, o);
}

static size_t map_bytes(const unet *net, size_t level)
{
    const size_t h = net->height >> level, w = net->width >> level;
    return h * (w + 1) * net->options.base * net->options.mult[level] * sizeof(float);
}

static void choose_rows(unet *net)
{
    size_t rows = MOST_ROWS;
    while (rows > LEAST_ROWS && rows * map_bytes(net, 0) > BLOCK_BYTES) {
        rows /= 2;
    }
    net->base.block_rows = rows;
    for (size_t level = 0; level < net->options.n_levels; level++) {
        const size_t bytes = map_bytes(net, level);
        MAD_ASSERT(bytes > 0);
        const size_t n = CHUNK_BYTES / bytes;
        net->chunk[level] = n < 1 ? 1 : n > rows ? rows : n;
    }
}

mad_status mad_unet_create(mad_ctx *ctx, const mad_kernels *kernels,
                           const mad_unet_options *options, mad_arena *mem, mad_net **out)
{
    mad_status st = MAD_OK;
    unet *net = NULL;

    MAD_TRY(mad_embed_check(ctx, options->n_embed));
    MAD_TRY(check(ctx, options));
    net = mad_arena_take(mem, 1, sizeof *net);
    if (net == NULL) {
        return mad_fail_memory(ctx, "the network");
    }
    net->options = *options;
    net->maps = kernels->maps;
    net->height = options->height / options->patch;
    net->width = options->width / options->patch;
    net->channels = options->channels * options->patch * options->patch;
    net->base = (mad_net){.type = &unet_type,
                          .kernels = kernels,
                          .dim = options->height * options->width * options->channels,
                          .n_out = options->height * options->width * options->channels,
                          .n_classes = options->n_classes};
    choose_rows(net);
    MAD_TRY(mad_unet_build(ctx, mem, net));
    MAD_TRY(mad_unet_place(ctx, mem, net));
    *out = &net->base;
out:
    return st;
}

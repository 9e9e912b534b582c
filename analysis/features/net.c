/* analysis/features/net.c: the last hidden layer of a classifier of the world's pictures. */
#include "analysis/features/net.h"

#include <math.h>
#include <string.h>

#include "sim/base/par.h"
#include "sim/num/stats.h"

/* Real rows in the units of the training differ from it by sampling alone, even if some classes are
 * missing; pixels 0..255 in place of -1..1 are far beyond. */
#define LARGEST_SHIFT 0.5 /* of the pixels' mean, in training sds */
#define LARGEST_RATIO 2.0 /* of their sds */

typedef struct net_feature {
    mad_feature base;
    const mad_feature_file *file;
    mad_net *net;
    float *theta, *packed;
} net_feature;

size_t mad_net_count(const mad_tensor *tensor)
{
    size_t n = 1;
    for (size_t k = 0; k < tensor->rank; k++) {
        n *= tensor->shape[k];
    }
    return n;
}

size_t mad_net_place(const mad_tensor *tensor, size_t i)
{
    ptrdiff_t at = (ptrdiff_t)tensor->offset;
    for (size_t k = tensor->rank; k-- > 0; i /= tensor->shape[k]) {
        at += (ptrdiff_t)(i % tensor->shape[k]) * tensor->stride[k];
    }
    return (size_t)at;
}

void mad_net_fill(const mad_set *rows, size_t begin, size_t n_rows, double mean, double sd,
                  mad_net_work *work)
{
    const double *x = rows->x + begin * rows->dim;
    for (size_t i = 0; i < n_rows * rows->dim; i++) {
        work->x[i] = (float)((x[i] - mean) / sd);
    }
}

/* ---- from a file ---- */

static const mad_feature_array *find(const mad_feature_file *file, const char *name)
{
    for (size_t i = 0; i < file->n_arrays; i++) {
        if (strcmp(file->array[i].name, name) == 0) {
            return &file->array[i];
        }
    }
    return NULL;
}

static mad_status read_tensor(mad_ctx *ctx, const mad_feature_file *file, const mad_tensor *tensor,
                              const char *text, float *theta)
{
    const mad_feature_array *array = find(file, tensor->name);
    int fits = array != NULL && array->rank == tensor->rank;
    for (size_t k = 0; fits && k < tensor->rank; k++) {
        fits = array->shape[k] == tensor->shape[k];
    }
    if (!fits) {
        return mad_fail(ctx, MAD_E_DATA, "features '%s': array '%s' %s", text, tensor->name,
                        array == NULL ? "is missing" : "has another shape than the network's");
    }
    for (size_t i = 0; i < mad_net_count(tensor); i++) {
        theta[mad_net_place(tensor, i)] = array->data[i];
    }
    return MAD_OK;
}

/* Rows without a picture's shape (a plain file) need only be as long. */
static mad_status check_rows(mad_ctx *ctx, const mad_feature_args *args)
{
    const mad_world_info *world = args->world;
    const mad_feature_file *file = args->file;
    const size_t dim = file->height * file->width * file->channels; /* checked by the reader */
    const int same_shape = world->height == file->height && world->width == file->width &&
                           world->channels == file->channels;
    if (world->height > 0 && !same_shape) {
        return mad_fail(ctx, MAD_E_DATA,
                        "features '%s' read pictures of %zu x %zu x %zu, these are %zu x %zu x %zu",
                        args->text, file->height, file->width, file->channels, world->height,
                        world->width, world->channels);
    }
    if (world->dim != dim) {
        return mad_fail(
            ctx, MAD_E_DATA,
            "features '%s' read pictures of %zu x %zu x %zu = %zu numbers, rows have %zu",
            args->text, file->height, file->width, file->channels, dim, world->dim);
    }
    return MAD_OK;
}

static mad_status create(mad_ctx *ctx, const mad_feature_args *args, mad_arena *mem,
                         mad_feature **out)
{
    mad_status st = MAD_OK;
    const mad_feature_file *file = args->file;
    const mad_feature_array *last = find(file, "dense3.bias");
    const mad_kernels *kernels = NULL;
    mad_tensor tensor;
    net_feature *self = mad_arena_take(mem, 1, sizeof *self);
    if (self == NULL) {
        return mad_fail_memory(ctx, "a classifier");
    }
    MAD_TRY(check_rows(ctx, args));
    MAD_TRY(mad_kernels_choose(ctx, &kernels));
    const mad_lenet_options options = {.height = file->height,
                                       .width = file->width,
                                       .channels = file->channels,
                                       .n_classes = last != NULL ? last->shape[0] : 0};
    st = mad_lenet_create(ctx, kernels, &options, mem, &self->net);
    if (st != MAD_OK) {
        st = mad_fail_while(ctx, st, "features '%s'", args->text);
        goto out;
    }
    self->base.dim = MAD_LENET_FEATURES;
    self->file = file;
    self->theta = mad_arena_take(mem, self->net->n_params, sizeof *self->theta);
    self->packed = mad_arena_take(mem, self->net->n_packed, sizeof *self->packed);
    if (self->theta == NULL || self->packed == NULL) {
        return mad_fail_memory(ctx, "a classifier");
    }
    for (size_t i = 0; self->net->type->tensor(self->net, i, &tensor); i++) {
        MAD_TRY(read_tensor(ctx, file, &tensor, args->text, self->theta));
    }
    mad_net_pack_all(self->net, self->theta, self->packed);
    *out = &self->base;
out:
    return st;
}

/* ---- use ---- */

static mad_status fit(mad_ctx *ctx, mad_feature *feature, const mad_set *real)
{
    const mad_feature_file *file = ((net_feature *)feature)->file;
    const size_t n = real->n_rows * real->dim;
    const double mean = mad_mean(n, real->x), sd = sqrt(mad_variance(n, real->x, 0.0));
    const double shift = fabs(mean - file->pixel_mean) / file->pixel_sd;
    const double ratio = sd / file->pixel_sd;
    if (!(shift <= LARGEST_SHIFT && ratio <= LARGEST_RATIO && ratio >= 1.0 / LARGEST_RATIO)) {
        return mad_fail(
            ctx, MAD_E_DATA,
            "features '%s': pixels of the real rows have mean %g and sd %g, the network "
            "was trained on mean %g and sd %g: not the same pictures in the same units",
            feature->text, mean, sd, file->pixel_mean, file->pixel_sd);
    }
    return MAD_OK;
}

typedef struct map_job {
    const net_feature *self;
    const mad_set *rows;
    double *out;
} map_job;

static mad_status map_chunk(mad_ctx *ctx, void *arg, size_t i_chunk)
{
    mad_status st = MAD_OK;
    const map_job *job = arg;
    const net_feature *self = job->self;
    const mad_net *net = self->net;
    const size_t begin = mad_chunk_begin(i_chunk);
    const size_t end = begin + mad_chunk_rows(job->rows->n_rows, i_chunk);
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    mad_net_work *work = NULL;
    MAD_TRY(net->type->work_take(ctx, net, 0, ctx->scratch, &work));
    for (size_t at = begin, n = 0; at < end; at += n) {
        n = end - at < net->block_rows ? end - at : net->block_rows;
        mad_net_fill(job->rows, at, n, self->file->pixel_mean, self->file->pixel_sd, work);
        net->type->eval(net, self->theta, self->packed, n, work);
        for (size_t i = 0; i < n * MAD_LENET_FEATURES; i++) {
            const size_t row = i / MAD_LENET_FEATURES;
            job->out[at * MAD_LENET_FEATURES + i] =
                (double)mad_lenet_features(work, row)[i % MAD_LENET_FEATURES];
        }
    }
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

static mad_status map(mad_ctx *ctx, const mad_feature *feature, const mad_set *rows, double *out)
{
    map_job job = {(const net_feature *)feature, rows, out};
    return mad_par_for(ctx, mad_n_chunks(rows->n_rows), map_chunk, &job);
}

const mad_feature_type mad_feature_net = {
    .name = "net",
    .doc = "84 activations, the last hidden layer of a classifier of the world's pictures that "
           "`madloop features` trained",
    .ref = "LeCun, Bottou, Bengio & Haffner 1998, Proc. IEEE 86:2278",
    .argument = "FILE",
    .reads_file = 1,
    .create = create,
    .fit = fit,
    .map = map,
    .params = mad_net_params,
    .train = mad_net_train,
};

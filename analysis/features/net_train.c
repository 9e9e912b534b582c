/* analysis/features/net_train.c: the classifier learns the world's classes: cross entropy, Adam with
 * a cosine schedule, average of the parameters, batches cut into fixed shards.
 */
#include <math.h>
#include <string.h>

#include "analysis/features/net.h"
#include "sim/base/par.h"
#include "sim/nn/train.h"
#include "sim/num/stats.h"

/* Streams of the key: initial weights take the first, the order of epoch e takes EPOCH_ITEM + e. */
#define INIT_ITEM  ((uint64_t)0)
#define EPOCH_ITEM ((uint64_t)1 << 20)

#define WARMUP_SHARE 0.05
#define EMA_DECAY    0.999

const mad_param mad_net_params[] = {
    {.name = "epochs",
     .kind = MAD_PARAM_INT,
     .fallback = "10",
     .min = 1,
     .max = 10000,
     .doc = "times that every training row is seen"},
    {.name = "batch",
     .kind = MAD_PARAM_INT,
     .fallback = "128",
     .min = 1,
     .max = 65536,
     .unit = "rows",
     .doc = "training rows of a step"},
    {.name = "lr",
     .kind = MAD_PARAM_REAL,
     .fallback = "3e-3",
     .min = 1e-6,
     .max = 1,
     .doc = "peak learning rate"},
    {.name = NULL},
};

const char *const mad_net_names[MAD_NET_ARRAYS] = {
    "conv1.bias",    "conv1.weight", "conv2.bias",    "conv2.weight", "dense1.bias",
    "dense1.weight", "dense2.bias",  "dense2.weight", "dense3.bias",  "dense3.weight"};

typedef struct job {
    const mad_feature_training *args;
    const mad_net *net;
    double mean, sd;
    size_t n_batch;
    mad_train train;
    float *theta, *average, *packed;
    size_t *order, *order_work; /* [n_rows] */
    size_t first;               /* of the batch, in `order` */
    double loss[MAD_TRAIN_SHARDS];
    size_t *n_right; /* [chunks of test rows] */
} job;

static mad_status run_shard(mad_ctx *ctx, void *arg, size_t i_shard)
{
    mad_status st = MAD_OK;
    job *j = arg;
    const mad_net *net = j->net;
    const mad_set *rows = j->args->train;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    const size_t end = mad_train_shard_begin(j->n_batch, i_shard + 1);
    int32_t *label = mad_arena_take_raw(ctx->scratch, net->block_rows, sizeof *label);
    mad_net_work *work = NULL;
    size_t n_right = 0;
    j->loss[i_shard] = 0.0;
    if (label == NULL) {
        return mad_fail_memory(ctx, "a training batch");
    }
    MAD_TRY(net->type->work_take(ctx, net, 1, ctx->scratch, &work));
    for (size_t at = mad_train_shard_begin(j->n_batch, i_shard), n = 0; at < end; at += n) {
        n = end - at < net->block_rows ? end - at : net->block_rows;
        for (size_t r = 0; r < n; r++) {
            const size_t pick = j->order[j->first + at + r];
            mad_net_work row = {.x = work->x + r * net->dim};
            mad_net_fill(rows, pick, 1, j->mean, j->sd, &row);
            label[r] = rows->label[pick];
        }
        net->type->forward(net, j->theta, j->packed, n, work);
        j->loss[i_shard] +=
            mad_cross_entropy(n, net->n_out, label, 1.0 / (double)j->n_batch, work->out, &n_right);
        net->type->backward(net, j->theta, j->packed, n, work,
                            j->train.slot + i_shard * net->n_params);
    }
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

static mad_status run_epoch(mad_ctx *ctx, job *j, const mad_train_options *options, mad_key key,
                            size_t epoch, size_t n_epochs, double *loss)
{
    mad_status st = MAD_OK;
    const size_t n_rows = j->args->train->n_rows, n_steps = n_rows / j->n_batch;
    mad_rng rng = mad_rng_open(key, EPOCH_ITEM + epoch);
    *loss = 0.0;
    mad_rng_choose(&rng, n_rows, n_rows, j->order, j->order_work);
    for (size_t i = 0; i < n_steps; i++) {
        j->first = i * j->n_batch; /* the rest below a batch waits for another epoch's order */
        MAD_TRY(mad_ctx_poll(ctx));
        MAD_TRY(mad_par_for(ctx, MAD_TRAIN_SHARDS, run_shard, j));
        *loss += mad_sum(MAD_TRAIN_SHARDS, j->loss) / (double)n_steps;
        MAD_TRY(mad_train_step(ctx, &j->train, options, epoch * n_steps + i + 1, n_epochs * n_steps,
                               j->theta, j->average, j->packed));
    }
out:
    return st;
}

static mad_status optimise(mad_ctx *ctx, job *j, double *loss)
{
    mad_status st = MAD_OK;
    const mad_feature_training *args = j->args;
    const size_t n_epochs = mad_get_size(args->values, "epochs");
    const mad_key key = {.seed = args->seed, .purpose = MAD_RNG_FEATURES, .generation = 1};
    const size_t n_steps = n_epochs * (args->train->n_rows / j->n_batch);
    const mad_train_options options = {.rate = mad_get_real(args->values, "lr"),
                                       .n_warmup = (size_t)(WARMUP_SHARE * (double)n_steps),
                                       .decay = MAD_DECAY_COSINE,
                                       .beta1 = 0.9,
                                       .beta2 = 0.999,
                                       .eps = 1e-8,
                                       .ema = MAD_EMA_CONSTANT,
                                       .ema_value = EMA_DECAY};
    j->net->type->init(j->net, key, INIT_ITEM, j->theta);
    memcpy(j->average, j->theta, j->net->n_params * sizeof *j->theta);
    mad_train_reset(&j->train);
    mad_net_pack_all(j->net, j->theta, j->packed);
    for (size_t epoch = 0; epoch < n_epochs; epoch++) {
        MAD_TRY(run_epoch(ctx, j, &options, key, epoch, n_epochs, loss));
        if (args->progress != NULL) {
            args->progress(args->arg, epoch + 1, n_epochs, *loss);
        }
    }
out:
    return st;
}

/* ---- what it is worth ---- */

static mad_status test_chunk(mad_ctx *ctx, void *arg, size_t i_chunk)
{
    mad_status st = MAD_OK;
    job *j = arg;
    const mad_net *net = j->net;
    const mad_set *rows = j->args->test;
    const size_t begin = mad_chunk_begin(i_chunk);
    const size_t end = begin + mad_chunk_rows(rows->n_rows, i_chunk);
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    mad_net_work *work = NULL;
    MAD_TRY(net->type->work_take(ctx, net, 0, ctx->scratch, &work));
    for (size_t at = begin, n = 0; at < end; at += n) {
        n = end - at < net->block_rows ? end - at : net->block_rows;
        mad_net_fill(rows, at, n, j->mean, j->sd, work);
        net->type->eval(net, j->average, j->packed, n, work);
        (void)mad_cross_entropy(n, net->n_out, rows->label + at, 1.0, work->out,
                                &j->n_right[i_chunk]);
    }
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

static mad_status test(mad_ctx *ctx, job *j, double *accuracy)
{
    mad_status st = MAD_OK;
    const size_t n_chunks = mad_n_chunks(j->args->test->n_rows);
    size_t n_right = 0;
    mad_net_pack_all(j->net, j->average, j->packed);
    MAD_TRY(mad_par_for(ctx, n_chunks, test_chunk, j));
    for (size_t i = 0; i < n_chunks; i++) {
        n_right += j->n_right[i];
    }
    *accuracy = (double)n_right / (double)j->args->test->n_rows;
out:
    return st;
}

/* ---- all together ---- */

static mad_status write_arrays(mad_ctx *ctx, const job *j, mad_arena *mem, mad_feature_file *file)
{
    mad_feature_array *array = mad_arena_take(mem, MAD_NET_ARRAYS, sizeof *array);
    mad_tensor tensor;
    if (array == NULL) {
        return mad_fail_memory(ctx, "the weights");
    }
    for (size_t i = 0; i < MAD_NET_ARRAYS; i++) {
        for (size_t k = 0; j->net->type->tensor(j->net, k, &tensor); k++) {
            if (strcmp(tensor.name, mad_net_names[i]) == 0) {
                break;
            }
        }
        const size_t n = mad_net_count(&tensor);
        float *data = mad_arena_take_raw(mem, n, sizeof *data);
        if (data == NULL) {
            return mad_fail_memory(ctx, "the weights");
        }
        for (size_t k = 0; k < n; k++) {
            data[k] = j->average[mad_net_place(&tensor, k)];
        }
        array[i] = (mad_feature_array){mad_net_names[i], tensor.rank, {0}, data};
        memcpy(array[i].shape, tensor.shape, sizeof tensor.shape);
    }
    file->n_arrays = MAD_NET_ARRAYS;
    file->array = array;
    return MAD_OK;
}

static mad_status take(mad_ctx *ctx, const mad_kernels *kernels, mad_arena *mem, job *j)
{
    mad_status st = MAD_OK;
    const mad_world_info *world = j->args->world;
    const size_t n_rows = j->args->train->n_rows;
    const mad_lenet_options options = {.height = world->height,
                                       .width = world->width,
                                       .channels = world->channels,
                                       .n_classes = world->n_classes};
    mad_net *net = NULL;
    MAD_TRY(mad_lenet_create(ctx, kernels, &options, mem, &net));
    j->net = net;
    MAD_TRY(mad_train_create(ctx, net, mem, &j->train));
    j->theta = mad_arena_take(mem, net->n_params, sizeof *j->theta);
    j->average = mad_arena_take(mem, net->n_params, sizeof *j->average);
    j->packed = mad_arena_take(mem, net->n_packed, sizeof *j->packed);
    j->order = mad_arena_take_raw(mem, n_rows, sizeof *j->order);
    j->order_work = mad_arena_take_raw(mem, n_rows, sizeof *j->order_work);
    j->n_right = mad_arena_take(mem, mad_n_chunks(j->args->test->n_rows), sizeof *j->n_right);
    if (j->theta == NULL || j->average == NULL || j->packed == NULL || j->order == NULL ||
        j->order_work == NULL || j->n_right == NULL) {
        return mad_fail_memory(ctx, "the training of a classifier");
    }
out:
    return st;
}

mad_status mad_net_train(mad_ctx *ctx, const mad_feature_training *args, mad_arena *mem,
                         mad_feature_trained *out)
{
    mad_status st = MAD_OK;
    const mad_world_info *world = args->world;
    const mad_set *rows = args->train;
    const size_t n_pixels = rows->n_rows * rows->dim;
    const size_t n_batch = mad_get_size(args->values, "batch");
    const mad_kernels *kernels = NULL;
    job j = {.args = args, .n_batch = n_batch < rows->n_rows ? n_batch : rows->n_rows};
    mad_arena *work = mad_arena_create(1 << 20);
    if (work == NULL) {
        return mad_fail_memory(ctx, "the training of a classifier");
    }
    j.mean = mad_mean(n_pixels, rows->x);
    j.sd = sqrt(mad_variance(n_pixels, rows->x, 0.0));
    if (!(j.sd > 0.0)) {
        st = mad_fail(ctx, MAD_E_DATA, "every pixel of the %zu training rows is %g", rows->n_rows,
                      j.mean);
        goto out;
    }
    MAD_TRY(mad_kernels_choose(ctx, &kernels));
    MAD_TRY(take(ctx, kernels, work, &j));
    MAD_TRY(optimise(ctx, &j, &out->loss));
    MAD_TRY(test(ctx, &j, &out->accuracy));
    out->file = (mad_feature_file){.type = "net",
                                   .height = world->height,
                                   .width = world->width,
                                   .channels = world->channels,
                                   .pixel_mean = j.mean,
                                   .pixel_sd = j.sd};
    MAD_TRY(write_arrays(ctx, &j, mem, &out->file));
out:
    mad_arena_destroy(work);
    return st;
}

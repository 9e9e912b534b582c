/* bench/bench_unet.c: training and sampling of the class-conditional U-Net of the peers, images/s.
 *
 *   bench_unet [--size 16|28|32] [--threads N] [--batch N] [--windows N] [--steps N]
 *              [--samples N] [--nfe N] [--base N]
 *
 * Base 32, multipliers 1, 2, 2, one block a level, attention at the coarsest and in the middle; 32x32
 * has 3 channels. Training: noise and batch drawn, forward, backward, Adam, average. Sampling: DDIM
 * with clipped x0, plain and guided (both halves of a guided pair in one block). --samples 0 leaves
 * sampling out. Prints one JSON object with the keys of the peers; medians over the windows.
 */
#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/fma_probe.h"
#include "sim/nn/train.h"

enum { MAX_WINDOWS = 64, N_PICTURES = 2048, N_CLASSES = 10, N_LEVELS = 1000 };

typedef struct options {
    size_t size, n_threads, n_batch, n_windows, n_steps, n_samples, nfe, base;
} options;

typedef struct bench {
    options o;
    mad_net *net;
    mad_train train;
    float *theta, *mean, *packed;
    float *pictures;                         /* [N_PICTURES][dim] */
    float signal[N_LEVELS], noise[N_LEVELS]; /* sqrt(abar), sqrt(1 - abar) */
    size_t step;
    double loss[MAD_TRAIN_SHARDS];
    float guidance; /* 1: plain */
    float *samples; /* [n_samples][dim] */
} bench;

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(size_t n, double *x)
{
    qsort(x, n, sizeof *x, ascending);
    return 0.5 * (x[(n - 1) / 2] + x[n / 2]);
}

static mad_rng stream(uint32_t generation, uint64_t item)
{
    return mad_rng_open((mad_key){.seed = 1, .generation = generation, .purpose = MAD_RNG_TEST},
                        item);
}

/* ---- training ---- */

static mad_status run_shard(mad_ctx *ctx, void *arg, size_t i_shard)
{
    mad_status st = MAD_OK;
    bench *b = arg;
    const mad_net *net = b->net;
    const size_t dim = net->dim, end = mad_train_shard_begin(b->o.n_batch, i_shard + 1);
    const float pull = 2.0f / (float)(b->o.n_batch * dim);
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    float *eps = mad_arena_take_raw(ctx->scratch, net->block_rows * dim, sizeof *eps);
    mad_rng rng = stream(1, b->step * MAD_TRAIN_SHARDS + i_shard);
    mad_net_work *work = NULL;
    size_t n = 0;

    if (eps == NULL) {
        return mad_fail_memory(ctx, "noise");
    }
    b->loss[i_shard] = 0.0;
    MAD_TRY(net->type->work_take(ctx, net, 1, ctx->scratch, &work));
    for (size_t at = mad_train_shard_begin(b->o.n_batch, i_shard); at < end; at += n) {
        n = end - at < net->block_rows ? end - at : net->block_rows;
        mad_rng_normals_f32(&rng, n * dim, eps);
        for (size_t r = 0; r < n; r++) {
            const size_t pick = (size_t)mad_rng_below(&rng, N_PICTURES);
            const size_t t = (size_t)mad_rng_below(&rng, N_LEVELS);
            const float signal = b->signal[t], noise = b->noise[t];
            for (size_t j = 0; j < dim; j++) {
                work->x[r * dim + j] =
                    signal * b->pictures[pick * dim + j] + noise * eps[r * dim + j];
            }
            work->c_noise[r] = 0.25f * logf(noise / signal);
            work->label[r] = mad_rng_uniform(&rng) < 0.1 ? N_CLASSES : (int32_t)(pick % N_CLASSES);
        }
        net->type->forward(net, b->theta, b->packed, n, work);
        for (size_t i = 0; i < n * dim; i++) {
            const float miss = work->out[i] - eps[i];
            b->loss[i_shard] += (double)miss * (double)miss;
            work->out[i] = pull * miss;
        }
        net->type->backward(net, b->theta, b->packed, n, work,
                            b->train.slot + i_shard * net->n_params);
    }
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

static mad_status train_step(mad_ctx *ctx, bench *b, double *loss)
{
    static const mad_train_options adam = {.rate = 4e-4,
                                           .decay = MAD_DECAY_CONSTANT,
                                           .beta1 = 0.9,
                                           .beta2 = 0.999,
                                           .eps = 1e-8,
                                           .ema = MAD_EMA_CONSTANT,
                                           .ema_value = 0.999};
    mad_status st = MAD_OK;
    MAD_TRY(mad_par_for(ctx, MAD_TRAIN_SHARDS, run_shard, b));
    b->step++;
    *loss = 0.0;
    for (size_t s = 0; s < MAD_TRAIN_SHARDS; s++) {
        *loss += b->loss[s] / (double)(b->o.n_batch * b->net->dim);
    }
    MAD_TRY(mad_train_step(ctx, &b->train, &adam, b->step, 1u << 20, b->theta, b->mean, b->packed));
out:
    return st;
}

/* ---- sampling ---- */

/* Rows of one block from noise to picture; with guidance the block holds conditional rows first,
 * unconditional ones behind. */
static mad_status sample_block(mad_ctx *ctx, void *arg, size_t i_block)
{
    mad_status st = MAD_OK;
    bench *b = arg;
    const mad_net *net = b->net;
    const size_t dim = net->dim, guided = b->guidance != 1.0f ? 1 : 0;
    const size_t rows = net->block_rows / (1 + guided), first = i_block * rows;
    const size_t n = b->o.n_samples - first < rows ? b->o.n_samples - first : rows;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    mad_rng rng = stream(2, i_block);
    float *z = b->samples + first * dim;
    mad_net_work *work = NULL;

    MAD_TRY(net->type->work_take(ctx, net, 0, ctx->scratch, &work));
    mad_rng_normals_f32(&rng, n * dim, z);
    for (size_t r = 0; r < n * (1 + guided); r++) {
        work->label[r] = (int32_t)(r < n ? (first + r) % N_CLASSES : N_CLASSES);
    }
    for (size_t k = 0; k < b->o.nfe; k++) {
        const size_t t = (N_LEVELS - 1) * (b->o.nfe - 1 - k) / (b->o.nfe - 1);
        const size_t next =
            k + 1 < b->o.nfe ? (N_LEVELS - 1) * (b->o.nfe - 2 - k) / (b->o.nfe - 1) : 0;
        const float signal = b->signal[t], noise = b->noise[t];
        memcpy(work->x, z, n * dim * sizeof *z);
        memcpy(work->x + n * dim, z, guided * n * dim * sizeof *z);
        net->type->level(net, b->mean, b->packed, 0.25f * logf(noise / signal), work);
        net->type->eval(net, b->mean, b->packed, n * (1 + guided), work);
        for (size_t i = 0; i < n * dim; i++) {
            float e = work->out[i];
            if (guided) {
                const float u = work->out[n * dim + i];
                e = u + b->guidance * (e - u);
            }
            float x0 = (z[i] - noise * e) / signal;
            x0 = x0 > 1.0f ? 1.0f : x0 < -1.0f ? -1.0f : x0;
            e = (z[i] - signal * x0) / noise;
            z[i] = k + 1 < b->o.nfe ? b->signal[next] * x0 + b->noise[next] * e : x0;
        }
    }
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

static mad_status sample(mad_ctx *ctx, bench *b, float guidance, double *images_per_s)
{
    mad_status st = MAD_OK;
    b->guidance = guidance;
    const size_t rows = b->net->block_rows / (guidance != 1.0f ? 2 : 1);
    const double before = omp_get_wtime();
    MAD_TRY(mad_par_for(ctx, (b->o.n_samples + rows - 1) / rows, sample_block, b));
    *images_per_s = (double)b->o.n_samples / (omp_get_wtime() - before);
out:
    return st;
}

/* ---- the program ---- */

static mad_status prepare(mad_ctx *ctx, mad_arena *mem, bench *b)
{
    mad_status st = MAD_OK;
    const mad_kernels *kernels = NULL;
    const mad_unet_options shape = {.height = b->o.size,
                                    .width = b->o.size,
                                    .channels = b->o.size == 32 ? 3 : 1,
                                    .n_classes = N_CLASSES,
                                    .patch = 1,
                                    .base = b->o.base,
                                    .n_levels = 3,
                                    .mult = {1, 2, 2},
                                    .n_blocks = 1,
                                    .attention = {0, 0, 1},
                                    .groups = 8,
                                    .n_embed = 32,
                                    .n_hidden = 128};
    MAD_TRY(mad_kernels_choose(ctx, &kernels));
    MAD_TRY(mad_unet_create(ctx, kernels, &shape, mem, &b->net));
    MAD_TRY(mad_train_create(ctx, b->net, mem, &b->train));
    const size_t n = b->net->n_params, dim = b->net->dim;
    b->theta = mad_arena_take(mem, n, sizeof *b->theta);
    b->mean = mad_arena_take(mem, n, sizeof *b->mean);
    b->packed = mad_arena_take(mem, b->net->n_packed, sizeof *b->packed);
    b->pictures = mad_arena_take(mem, N_PICTURES * dim, sizeof *b->pictures);
    b->samples = mad_arena_take(mem, b->o.n_samples * dim, sizeof *b->samples);
    if (b->theta == NULL || b->mean == NULL || b->packed == NULL || b->pictures == NULL ||
        b->samples == NULL) {
        st = mad_fail_memory(ctx, "the network");
        goto out;
    }
    mad_rng rng = stream(3, 0);
    for (size_t i = 0; i < N_PICTURES * dim; i++) {
        b->pictures[i] = 2.0f * (float)mad_rng_uniform(&rng) - 1.0f;
    }
    double abar = 1.0;
    for (size_t t = 0; t < N_LEVELS; t++) {
        abar *= 1.0 - (1e-4 + (2e-2 - 1e-4) * (double)t / (N_LEVELS - 1));
        b->signal[t] = (float)sqrt(abar);
        b->noise[t] = (float)sqrt(1.0 - abar);
    }
    b->net->type->init(b->net, (mad_key){.seed = 1, .purpose = MAD_RNG_TEST}, 1u << 20, b->theta);
    memcpy(b->mean, b->theta, n * sizeof *b->mean);
    mad_train_reset(&b->train);
    mad_net_pack_all(b->net, b->theta, b->packed);
out:
    return st;
}

static void print_sampling(const bench *b, const char *name, size_t per_row, size_t n, double *rate)
{
    const double r = median(n, rate), evals = r * (double)(b->o.nfe * per_row);
    printf(", \"%s_images_per_s\": %.2f, \"%s_evals_per_s\": %.1f, \"%s_gflops\": %.1f", name, r,
           name, evals, name, 2e-9 * b->net->macs * evals);
}

static mad_status run(mad_ctx *ctx, mad_arena *mem, bench *b)
{
    mad_status st = MAD_OK;
    const size_t n = b->o.n_windows;
    double rate[MAX_WINDOWS], plain[MAX_WINDOWS], guided[MAX_WINDOWS], probe[MAX_WINDOWS];
    double first = 0.0, loss = 0.0;

    MAD_TRY(prepare(ctx, mem, b));
    MAD_TRY(train_step(ctx, b, &first));
    for (size_t w = 0; w < n; w++) {
        probe[w] = mad_fma_probe(ctx, 3);
        const double before = omp_get_wtime();
        for (size_t i = 0; i < b->o.n_steps; i++) {
            MAD_TRY(train_step(ctx, b, &loss));
        }
        rate[w] = (double)(b->o.n_steps * b->o.n_batch) / (omp_get_wtime() - before);
    }
    mad_net_pack_all(b->net, b->mean, b->packed);
    for (size_t w = 0; w < n && b->o.n_samples > 0; w++) {
        MAD_TRY(sample(ctx, b, 1.0f, &plain[w]));
        MAD_TRY(sample(ctx, b, 2.0f, &guided[w]));
    }
    const double flops = 2.0 * b->net->macs, images = median(n, rate);
    printf("{\"workload\": \"unet\", \"isa\": \"%s\", \"size\": %zu, \"channels\": %d, "
           "\"threads\": %zu, "
           "\"batch\": %zu, \"params\": %zu, \"mflop_fwd_per_image\": %.3f, ",
           b->net->kernels->name, b->o.size, b->o.size == 32 ? 3 : 1, b->o.n_threads, b->o.n_batch,
           b->net->n_weights, flops * 1e-6);
    printf("\"train_images_per_s\": %.2f, \"train_images_per_s_min\": %.2f, "
           "\"train_images_per_s_max\": %.2f, \"train_gflops\": %.1f, \"fma_probe_gflops\": %.1f, "
           "\"loss_first\": %.5f, \"loss_last\": %.5f",
           images, rate[0], rate[n - 1], 3e-9 * flops * images, median(n, probe), first, loss);
    if (b->o.n_samples > 0) {
        printf(", \"nfe\": %zu", b->o.nfe);
        print_sampling(b, "sample", 1, n, plain);
        print_sampling(b, "guided", 2, n, guided);
    }
    printf("}\n");
out:
    return st;
}

int main(int argc, char **argv)
{
    static bench b;
    b.o = (options){.size = 28,
                    .n_threads = (size_t)omp_get_max_threads(),
                    .n_batch = 128,
                    .n_windows = 5,
                    .n_steps = 3,
                    .n_samples = 64,
                    .nfe = 50,
                    .base = 32};
    const struct {
        const char *name;
        size_t *value, low;
    } flags[] = {{"--size", &b.o.size, 4},     {"--threads", &b.o.n_threads, 1},
                 {"--batch", &b.o.n_batch, 1}, {"--windows", &b.o.n_windows, 1},
                 {"--steps", &b.o.n_steps, 1}, {"--samples", &b.o.n_samples, 0},
                 {"--nfe", &b.o.nfe, 2},       {"--base", &b.o.base, 1}};
    int ok = argc % 2 == 1;
    for (int i = 1; i + 1 < argc; i += 2) {
        int known = 0;
        for (size_t k = 0; k < sizeof flags / sizeof *flags; k++) {
            if (strcmp(argv[i], flags[k].name) == 0) {
                *flags[k].value = strtoul(argv[i + 1], NULL, 10);
                known = *flags[k].value >= flags[k].low;
            }
        }
        ok &= known;
    }
    if (!ok || b.o.n_windows > MAX_WINDOWS) {
        fprintf(stderr, "bench_unet: see the top of bench/bench_unet.c; at most %d windows\n",
                MAX_WINDOWS);
        return 2;
    }
    mad_ctx *ctx = mad_ctx_create(b.o.n_threads);
    mad_arena *mem = mad_arena_create(1 << 24);
    mad_status st = MAD_E_MEMORY;
    if (ctx != NULL && mem != NULL) {
        st = run(ctx, mem, &b);
        if (st != MAD_OK) {
            fprintf(stderr, "bench_unet: %s\n", ctx->message);
        }
    }
    mad_arena_destroy(mem);
    mad_ctx_destroy(ctx);
    return mad_status_exit_code(st);
}

/* bench/bench_maps.c: speed of the kernels on feature maps, one thread.
 *
 *   bench_maps [--images N] [--windows N] [--only TEXT]
 *
 * One JSON line per kernel and shape: GFLOP/s (a convolution counts as direct), median and best of
 * the windows, and the share of what bare multiply-adds reach beside it. Seconds are processor time
 * of the thread: other work on the machine lengthens them less. MADLOOP_ISA chooses the kernels.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench/fma_probe.h"
#include "sim/base/arena.h"
#include "sim/base/rng.h"
#include "sim/nn/kernels.h"

enum { MAX_WINDOWS = 64 };

typedef struct options {
    size_t n_images, n_windows;
    const char *only;
} options;

/* Buffers for one kernel call; which are used depends on the kernel. */
typedef struct job {
    const mad_map_kernels *k;
    mad_conv conv;
    mad_maps in, out;
    size_t n_channels, groups;
    float *x, *y, *dx, *w, *dw, *packed, *scratch, *bias, *gamma, *stat, *p;
} job;

typedef struct kernel {
    const char *name;
    void (*run)(const job *j);
    double flops;
} kernel;

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

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

/* ---- kernels ---- */

static void run_conv(const job *j)
{
    const mad_conv_add add = {.bias = j->bias};
    j->k->conv(&j->conv, j->in.n, j->x + j->in.c, j->packed, add, j->scratch, j->y + j->out.c);
}

static void run_conv_back(const job *j)
{
    j->k->conv_back(&j->conv, j->in.n, j->y + j->out.c, j->packed, NULL, j->scratch,
                    j->dx + j->in.c);
}

static void run_conv_weights(const job *j)
{
    j->k->conv_back_weights(&j->conv, j->in.n, j->x + j->in.c, j->y + j->out.c, j->scratch, j->dw);
}

static void run_pack(const job *j)
{
    j->k->conv_pack(&j->conv, j->w, j->packed);
}

static void run_norm(const job *j)
{
    j->k->norm(j->in, j->n_channels, j->groups, 1, j->x + j->in.c, j->gamma, j->bias, j->stat,
               j->y + j->in.c);
}

static void run_norm_back(const job *j)
{
    j->k->norm_back(j->in, j->n_channels, j->groups, 1, j->x + j->in.c, j->gamma, j->bias, j->stat,
                    j->y + j->in.c, NULL, j->dw, j->dw, j->dx + j->in.c);
}

static void run_attention(const job *j)
{
    j->k->attention(j->out, j->n_channels, j->x + j->in.c, j->scratch, j->p, j->y + j->out.c);
}

static void run_attention_back(const job *j)
{
    j->k->attention_back(j->out, j->n_channels, j->x + j->in.c, j->y + j->out.c, j->scratch, j->p,
                         j->dx + j->in.c);
}

static void run_windows(const job *j)
{
    j->k->windows(j->in, 3, 1, j->w, j->x + j->in.c);
}

static void run_gather(const job *j)
{
    j->k->gather_windows(j->in, 3, 1, j->x + j->in.c, j->bias, j->w);
}

static void run_pool(const job *j)
{
    j->k->pool(j->in, j->in.c, j->x + j->in.c, j->w);
}

static void run_pool_back(const job *j)
{
    j->k->pool_back(j->in, j->in.c, j->x + j->in.c, j->w, j->dx + j->in.c);
}

static void run_grow(const job *j)
{
    j->k->grow(j->in, j->x + j->in.c, j->y + j->out.c);
}

static void run_sum(const job *j)
{
    j->k->sum_pixels(j->in, j->x + j->in.c, j->p);
}

/* ---- measuring ---- */

static float *filled(mad_arena *mem, size_t n)
{
    float *x = mad_arena_take(mem, n + MAD_LANE, sizeof *x);
    static uint64_t item;
    if (x != NULL) {
        mad_rng rng = mad_rng_open((mad_key){.seed = 1, .purpose = MAD_RNG_TEST}, item++);
        mad_rng_normals_f32(&rng, n, x);
    }
    return x;
}

static void measure(mad_ctx *ctx, const options *o, const char *isa, const kernel *what,
                    const job *j)
{
    char name[160];
    double rate[MAX_WINDOWS], share[MAX_WINDOWS], probe[MAX_WINDOWS];
    (void)snprintf(name, sizeof name, "%s %zux%zu %zu-%zu", what->name, j->in.h, j->in.w, j->in.c,
                   j->out.c);
    if (o->only != NULL && strstr(name, o->only) == NULL) {
        return;
    }
    size_t n_calls = 1;
    for (double spent = 0.0; spent < 2e-3;) { /* calls of one window: 2 ms or more */
        const double before = seconds();
        for (size_t i = 0; i < n_calls; i++) {
            what->run(j);
        }
        spent = seconds() - before;
        n_calls *= spent < 2e-3 ? 2 : 1;
    }
    for (size_t w = 0; w < o->n_windows; w++) {
        probe[w] = mad_fma_probe(ctx, 3);
        const double before = seconds();
        for (size_t i = 0; i < n_calls; i++) {
            what->run(j);
        }
        rate[w] = what->flops * (double)n_calls / (seconds() - before) * 1e-9;
        share[w] = rate[w] / probe[w];
    }
    printf("{\"kernel\": \"%s\", \"height\": %zu, \"width\": %zu, \"c_in\": %zu, \"c_out\": %zu, "
           "\"images\": %zu, \"isa\": \"%s\", \"gflops\": %.1f, ",
           what->name, j->in.h, j->in.w, j->in.c, j->out.c, j->in.n, isa,
           median(o->n_windows, rate));
    printf("\"gflops_max\": %.1f, \"us_per_image\": %.2f, \"fma_probe_gflops\": %.1f, "
           "\"share_of_probe\": %.2f}\n",
           rate[o->n_windows - 1],
           what->flops / (double)j->in.n / median(o->n_windows, rate) * 1e-3,
           median(o->n_windows, probe), median(o->n_windows, share));
}

static mad_status bench_conv(mad_ctx *ctx, mad_arena *mem, const options *o,
                             const mad_kernels *kernels, mad_conv c)
{
    static const char *const names[][4] = {
        {"conv1x1", "conv1x1_back", "conv1x1_weights", NULL},
        {"conv3x3", "conv3x3_back", "conv3x3_weights", "conv3x3_pack"},
        {"conv3x3s2", "conv3x3s2_back", "conv3x3s2_weights", NULL}};
    const mad_arena_mark mark = mad_arena_get_mark(mem);
    const mad_map_kernels *k = kernels->maps;
    const size_t row = c.taps == 1 ? 0 : c.stride, n_w = c.taps * c.c_in * c.c_out;
    job j = {.k = k,
             .conv = c,
             .in = {o->n_images, c.h, c.w, c.c_in},
             .out = {o->n_images, (c.h + c.stride - 1) / c.stride, (c.w + c.stride - 1) / c.stride,
                     c.c_out}};
    j.x = filled(mem, mad_maps_floats(j.in));
    j.y = filled(mem, mad_maps_floats(j.out));
    j.dx = filled(mem, mad_maps_floats(j.in));
    j.w = filled(mem, n_w);
    j.dw = filled(mem, n_w);
    j.bias = filled(mem, c.c_out);
    j.packed = filled(mem, k->conv_packed(&c));
    j.scratch = filled(mem, k->conv_scratch(&c, o->n_images));
    if (j.x == NULL || j.y == NULL || j.dx == NULL || j.w == NULL || j.dw == NULL ||
        j.bias == NULL || j.packed == NULL || j.scratch == NULL) {
        return mad_fail(ctx, MAD_E_MEMORY, "buffers of a convolution");
    }
    k->conv_pack(&c, j.w, j.packed);
    const double flops = 2.0 * (double)(n_w * j.out.h * j.out.w * j.out.n);
    const kernel all[] = {{names[row][2], run_conv_weights, flops},
                          {names[row][0], run_conv, flops},
                          {names[row][1], run_conv_back, flops},
                          {names[row][3], run_pack, 2.0 * (double)n_w}};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        if (all[i].name != NULL) {
            measure(ctx, o, kernels->name, &all[i], &j);
        }
    }
    mad_arena_release(mem, mark);
    return MAD_OK;
}

static mad_status bench_layers(mad_ctx *ctx, mad_arena *mem, const options *o,
                               const mad_kernels *kernels, mad_maps shape)
{
    const mad_arena_mark mark = mad_arena_get_mark(mem);
    const size_t n_tokens = shape.h * shape.w;
    const mad_maps wide = {shape.n, shape.h, shape.w, 3 * shape.c};
    const mad_maps big = {shape.n, 2 * shape.h, 2 * shape.w, shape.c};
    job j = {.k = kernels->maps, .in = shape, .out = shape, .n_channels = shape.c, .groups = 8};
    j.x = filled(mem, mad_maps_floats(wide));
    j.y = filled(mem, mad_maps_floats(big));
    j.dx = filled(mem, mad_maps_floats(wide));
    j.dw = filled(mem, shape.c);
    j.w = filled(mem, shape.n * n_tokens);
    j.gamma = filled(mem, shape.c);
    j.bias = filled(mem, shape.c);
    j.stat = filled(mem, shape.n * 2 * j.groups);
    j.p = filled(mem, shape.n * n_tokens * (n_tokens + MAD_LANE));
    j.scratch = filled(mem, j.k->attention_scratch(shape));
    if (j.x == NULL || j.y == NULL || j.dx == NULL || j.dw == NULL || j.w == NULL ||
        j.gamma == NULL || j.bias == NULL || j.stat == NULL || j.p == NULL || j.scratch == NULL) {
        return mad_fail(ctx, MAD_E_MEMORY, "buffers of a layer");
    }
    for (size_t k = 0; k < shape.c;
         k++) {             /* silu' near 1: what norm_silu_back does to dy again and */
        j.gamma[k] *= 0.1f; /* again must not end in subnormal numbers */
        j.bias[k] = 10.0f;
    }
    const double n = (double)(shape.n * n_tokens * shape.c); /* one operation per number */
    const double pairs = 2.0 * (double)(shape.n * n_tokens * n_tokens * shape.c);
    const kernel all[] = {{"norm_silu", run_norm, n},  {"norm_silu_back", run_norm_back, n},
                          {"windows", run_windows, n}, {"gather_windows", run_gather, n},
                          {"pool", run_pool, n},       {"pool_back", run_pool_back, n},
                          {"sum_pixels", run_sum, n}};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        measure(ctx, o, kernels->name, &all[i], &j);
    }
    j.out = big;
    measure(ctx, o, kernels->name, &(kernel){"grow", run_grow, 4.0 * n}, &j);
    if (n_tokens <= 256) {
        j.in = wide;
        j.out = shape;
        measure(ctx, o, kernels->name, &(kernel){"attention", run_attention, 2.0 * pairs}, &j);
        measure(ctx, o, kernels->name, &(kernel){"attention_back", run_attention_back, 4.0 * pairs},
                &j);
    }
    mad_arena_release(mem, mark);
    return MAD_OK;
}

static mad_status run(mad_ctx *ctx, mad_arena *mem, const options *o)
{
    static const mad_conv convs[] = {
        /* h, w, taps, stride, c_in, c_out */
        {28, 28, 9, 1, 16, 16}, {28, 28, 9, 1, 32, 32},  {28, 28, 9, 1, 96, 32},
        {28, 28, 9, 1, 64, 64}, {16, 16, 9, 1, 32, 32},  {16, 16, 9, 1, 64, 64},
        {14, 14, 9, 1, 64, 64}, {14, 14, 9, 1, 128, 64}, {8, 8, 9, 1, 64, 64},
        {8, 8, 9, 1, 128, 128}, {7, 7, 9, 1, 64, 64},    {7, 7, 9, 1, 128, 128},
        {4, 4, 9, 1, 128, 128}, {28, 28, 9, 2, 32, 32},  {14, 14, 9, 2, 64, 64},
        {28, 28, 1, 1, 16, 32}, {28, 28, 1, 1, 96, 32},  {14, 14, 1, 1, 32, 64},
        {7, 7, 1, 1, 64, 192},
    };
    mad_status st = MAD_OK;
    const mad_kernels *kernels = NULL;
    MAD_TRY(mad_kernels_choose(ctx, &kernels));
    for (size_t i = 0; i < sizeof convs / sizeof *convs; i++) {
        MAD_TRY(bench_conv(ctx, mem, o, kernels, convs[i]));
    }
    const mad_maps layers[] = {{o->n_images, 28, 28, 32},
                               {o->n_images, 16, 16, 64},
                               {o->n_images, 14, 14, 64},
                               {o->n_images, 7, 7, 64}};
    for (size_t i = 0; i < sizeof layers / sizeof *layers; i++) {
        MAD_TRY(bench_layers(ctx, mem, o, kernels, layers[i]));
    }
out:
    return st;
}

int main(int argc, char **argv)
{
    options o = {.n_images = 8, .n_windows = 7};
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--images") == 0) {
            o.n_images = strtoul(argv[i + 1], NULL, 10);
        } else if (strcmp(argv[i], "--windows") == 0) {
            o.n_windows = strtoul(argv[i + 1], NULL, 10);
        } else if (strcmp(argv[i], "--only") == 0) {
            o.only = argv[i + 1];
        }
    }
    if (o.n_images < 1 || o.n_windows < 1 || o.n_windows > MAX_WINDOWS) {
        fprintf(stderr, "bench_maps: images must be >= 1, windows 1 to %d\n", MAX_WINDOWS);
        return 2;
    }
    mad_ctx *ctx = mad_ctx_create(1);
    mad_arena *mem = mad_arena_create(1 << 26);
    mad_status st = MAD_E_MEMORY;
    if (ctx != NULL && mem != NULL) {
        st = run(ctx, mem, &o);
        if (st != MAD_OK) {
            fprintf(stderr, "bench_maps: %s\n", ctx->message);
        }
    }
    mad_arena_destroy(mem);
    mad_ctx_destroy(ctx);
    return mad_status_exit_code(st);
}

/* bench/bench_mlp.c: training steps and samples per second of the diffusion model on a 2-D ring.
 *
 *   bench_mlp [--threads N] [--windows N] [--rows N] [--samples N] [key=value ...]
 *
 * Keys are those of model.diffusion. Prints one JSON object; medians over the windows.
 */
#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/fma_probe.h"
#include "models/diffusion/net/diffusion.h"
#include "sim/cli/lists.h"

enum { MAX_WINDOWS = 32 };

typedef struct options {
    size_t n_threads, n_windows, n_rows, n_samples;
} options;

typedef struct figures {
    double steps_per_s[MAX_WINDOWS], gflops[MAX_WINDOWS], samples_per_s[MAX_WINDOWS];
    double probe[MAX_WINDOWS], radius_error, loss;
} figures;

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

/* 8 modes on the unit circle, sd 0.1. */
static void draw_ring(size_t n_rows, double *x)
{
    mad_rng rng = mad_rng_open((mad_key){.seed = 1, .purpose = MAD_RNG_TEST}, 0);
    mad_rng_normals(&rng, 2 * n_rows, x);
    for (size_t r = 0; r < n_rows; r++) {
        const double angle = M_PI / 4.0 * (double)mad_rng_below(&rng, 8);
        x[2 * r] = cos(angle) + 0.1 * x[2 * r];
        x[2 * r + 1] = sin(angle) + 0.1 * x[2 * r + 1];
    }
}

static mad_status measure(mad_ctx *ctx, const options *o, mad_model *model, const mad_set *train,
                          mad_set *out, figures *f)
{
    mad_status st = MAD_OK;
    const mad_diffusion *self = (const mad_diffusion *)model;
    for (size_t w = 0; w < o->n_windows; w++) {
        const uint32_t generation = (uint32_t)w + 1;
        double flops = 0.0;
        const mad_fit_args args = {
            .key = {.seed = 1, .generation = generation, .purpose = MAD_RNG_FIT},
            .n_loss = 1,
            .loss_curve = &f->loss,
            .flops = &flops};
        f->probe[w] = mad_fma_probe(ctx, 3);
        double before = omp_get_wtime();
        MAD_TRY(model->type->fit(ctx, model, train, &args));
        double seconds = omp_get_wtime() - before;
        f->steps_per_s[w] = self->settings.budget.amount / seconds;
        f->gflops[w] = flops / seconds * 1e-9;
        before = omp_get_wtime();
        MAD_TRY(model->type->sample(
            ctx, model, (mad_key){.seed = 1, .generation = generation, .purpose = MAD_RNG_SAMPLE},
            0, out));
        seconds = omp_get_wtime() - before;
        f->samples_per_s[w] = (double)o->n_samples / seconds;
    }
    for (size_t r = 0; r < o->n_samples; r++) {
        f->radius_error +=
            fabs(hypot(out->x[2 * r], out->x[2 * r + 1]) - 1.0) / (double)o->n_samples;
    }
out:
    return st;
}

static void print(const options *o, const mad_values *values, const mad_diffusion *self, figures *f)
{
    const size_t n = o->n_windows;
    const double n_calls = mad_sampling_evaluations(self->sampling);
    const double probe = median(n, f->probe), gflops = median(n, f->gflops);
    const double samples_per_s = median(n, f->samples_per_s);
    const double steps_per_s = median(n, f->steps_per_s); /* sorts: the ends are the extremes */
    printf("{\"workload\": \"mlp2d\", \"isa\": \"%s\", \"threads\": %zu, \"depth\": %zu, "
           "\"width\": %zu, \"batch\": %zu, \"weights\": %zu, ",
           self->net->kernels->name, o->n_threads, mad_get_size(values, "net.depth"),
           mad_get_size(values, "net.width"), self->settings.n_batch, self->net->n_weights);
    printf("\"train_steps_per_s\": %.1f, \"train_steps_per_s_min\": %.1f, "
           "\"train_steps_per_s_max\": %.1f, \"train_gflops\": %.1f, ",
           steps_per_s, f->steps_per_s[0], f->steps_per_s[n - 1], gflops);
    printf("\"sample_n\": %zu, \"net_evals\": %g, \"samples_per_s\": %.1f, "
           "\"sample_gflops\": %.1f, ",
           o->n_samples, n_calls, samples_per_s,
           2.0 * self->net->macs * n_calls * samples_per_s * 1e-9);
    printf("\"fma_probe_gflops\": %.1f, \"loss\": %.4f, \"mean_abs_radius_error\": %.4f}\n", probe,
           f->loss, f->radius_error);
}

/* Defaults of the model, overridden by key=value. */
static mad_status read_values(mad_ctx *ctx, mad_arena *mem, size_t n_pairs,
                              const char *const *pairs, mad_values *out)
{
    mad_status st = MAD_OK;
    MAD_TRY(mad_values_default(ctx, mem, mad_model_diffusion.params, out));
    for (size_t i = 0; i < n_pairs; i++) {
        const char *text = strchr(pairs[i], '=');
        const size_t n_key = text == NULL ? 0 : (size_t)(text++ - pairs[i]);
        mad_value *value = NULL;
        for (size_t k = 0; k < out->n_values; k++) {
            const char *name = out->params[k].name;
            if (strlen(name) == n_key && memcmp(name, pairs[i], n_key) == 0) {
                value = &out->value[k];
            }
        }
        if (value == NULL) {
            return mad_fail(ctx, MAD_E_USAGE, "'%s' is no key=value of the model", pairs[i]);
        }
        MAD_TRY(mad_value_parse(ctx, mem, value->param, 1, &text, 0, value));
    }
out:
    return st;
}

static mad_status run(mad_ctx *ctx, mad_arena *mem, const options *o, size_t n_pairs,
                      const char *const *pairs)
{
    mad_status st = MAD_OK;
    const mad_world_info world = {.kind = MAD_WORLD_CONTINUOUS, .dim = 2};
    mad_values values;
    mad_model *model = NULL;
    mad_set train, out;
    figures f = {.radius_error = 0.0};

    MAD_TRY(read_values(ctx, mem, n_pairs, pairs, &values));
    const mad_model_args args = {&values, &world, o->n_rows, o->n_samples, 2};
    MAD_TRY(mad_model_diffusion.create(ctx, &args, mem, &model));
    MAD_TRY(mad_set_take(ctx, mem, o->n_rows, 2, 0, &train));
    MAD_TRY(mad_set_take(ctx, mem, o->n_samples, 2, 0, &out));
    draw_ring(o->n_rows, train.x);
    MAD_TRY(measure(ctx, o, model, &train, &out, &f));
    print(o, &values, (const mad_diffusion *)model, &f);
out:
    return st;
}

int main(int argc, char **argv)
{
    options o = {.n_threads = (size_t)omp_get_max_threads(),
                 .n_windows = 5,
                 .n_rows = 100000,
                 .n_samples = 20000};
    const struct {
        const char *name;
        size_t *value;
    } flags[] = {{"--threads", &o.n_threads},
                 {"--windows", &o.n_windows},
                 {"--rows", &o.n_rows},
                 {"--samples", &o.n_samples}};
    int i = 1;
    for (; i + 1 < argc && strncmp(argv[i], "--", 2) == 0; i += 2) {
        for (size_t k = 0; k < sizeof flags / sizeof *flags; k++) {
            if (strcmp(argv[i], flags[k].name) == 0) {
                *flags[k].value = strtoul(argv[i + 1], NULL, 10);
            }
        }
    }
    if (o.n_threads < 1 || o.n_windows < 1 || o.n_windows > MAX_WINDOWS || o.n_rows < 1 ||
        o.n_samples < 1) {
        fprintf(stderr, "bench_mlp: options must be whole numbers >= 1, at most %d windows\n",
                MAX_WINDOWS);
        return 2;
    }
    mad_ctx *ctx = mad_ctx_create(o.n_threads);
    mad_arena *mem = mad_arena_create(1 << 24);
    mad_status st = MAD_E_MEMORY;
    if (ctx != NULL && mem != NULL) {
        st = run(ctx, mem, &o, (size_t)(argc - i), (const char *const *)argv + i);
        if (st != MAD_OK) {
            fprintf(stderr, "bench_mlp: %s\n", ctx->message);
        }
    }
    mad_arena_destroy(mem);
    mad_ctx_destroy(ctx);
    return mad_status_exit_code(st);
}

/* bench/bench_diffusion.c: training and sampling of the trained diffusion model, as a loop does it.
 *
 *   bench_diffusion [--threads N] [--windows N] [--rows N] [--samples N] [--pictures N]
 *                   [key=value ...]
 *
 * Keys are those of model.diffusion. Data: a 2-D ring of 8 modes, or with --pictures N grey N x N
 * pictures of 10 classes. Sampling takes fixed blocks of MAD_CHUNK rows: give every thread one.
 * Prints one JSON object; medians over the windows, each a whole fit and a whole draw.
 */
#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/fma_probe.h"
#include "sim/base/par.h"
#include "sim/cli/lists.h"
#include "sim/num/stats.h"
#include "tests/support/values.h"

enum { MAX_WINDOWS = 32, N_CLASSES = 10 };

typedef struct options {
    size_t n_threads, n_windows, n_rows, n_samples, edge;
} options;

typedef struct figures {
    double steps_per_s[MAX_WINDOWS], gflops[MAX_WINDOWS], samples_per_s[MAX_WINDOWS];
    double probe[MAX_WINDOWS], rows_seen, loss;
    mad_model_cost cost;
} figures;

/* 8 modes on the unit circle, sd 0.1. */
static void draw_ring(mad_rng *rng, const mad_set *set)
{
    mad_rng_normals(rng, 2 * set->n_rows, set->x);
    for (size_t r = 0; r < set->n_rows; r++) {
        const double angle = M_PI / 4.0 * (double)mad_rng_below(rng, 8);
        set->x[2 * r] = cos(angle) + 0.1 * set->x[2 * r];
        set->x[2 * r + 1] = sin(angle) + 0.1 * set->x[2 * r + 1];
    }
}

/* A bright spot where the class says, on noise. */
static void draw_pictures(mad_rng *rng, size_t edge, const mad_set *set)
{
    mad_rng_normals(rng, set->n_rows * set->dim, set->x);
    for (size_t r = 0; r < set->n_rows; r++) {
        double *x = set->x + r * set->dim;
        set->label[r] = (int32_t)mad_rng_below(rng, N_CLASSES);
        const double angle = 2.0 * M_PI * set->label[r] / N_CLASSES, size = (double)edge;
        for (size_t i = 0; i < set->dim; i++) {
            const double dx = (double)(i % edge) / size - 0.5 - 0.3 * cos(angle);
            const double dy = (double)(i / edge) / size - 0.5 - 0.3 * sin(angle);
            x[i] = 0.1 * x[i] + exp(-30.0 * (dx * dx + dy * dy));
        }
    }
}

static mad_status measure(mad_ctx *ctx, const options *o, mad_model *model, const mad_set *train,
                          mad_set *out, figures *f)
{
    mad_status st = MAD_OK;
    model->type->cost(model, (mad_fit_size){.generation = 1, .n_train = train->n_rows}, &f->cost);
    for (size_t w = 0; w < o->n_windows; w++) {
        mad_key key = {.seed = 1, .generation = (uint32_t)w + 1, .purpose = MAD_RNG_FIT};
        double flops = 0.0;
        const mad_fit_args args = {.key = key,
                                   .n_loss = 1,
                                   .loss_curve = &f->loss,
                                   .samples_seen = &f->rows_seen,
                                   .flops = &flops};
        f->probe[w] = mad_fma_probe(ctx, 3);
        double before = omp_get_wtime();
        MAD_TRY(model->type->fit(ctx, model, train, &args));
        double seconds = omp_get_wtime() - before;
        f->steps_per_s[w] = f->cost.fit_steps / seconds;
        f->gflops[w] = flops / seconds * 1e-9;
        key.purpose = MAD_RNG_SAMPLE;
        before = omp_get_wtime();
        MAD_TRY(model->type->sample(ctx, model, key, 0, out));
        f->samples_per_s[w] = (double)o->n_samples / (omp_get_wtime() - before);
    }
out:
    return st;
}

static double median(size_t n, double *x)
{
    mad_sort(n, x);
    return mad_quantile_sorted(n, x, 0.5);
}

static void print(const options *o, const mad_set *out, figures *f)
{
    const size_t n = o->n_windows;
    const double steps_per_s = median(n, f->steps_per_s); /* sorts: the ends are the extremes */
    const double samples_per_s = median(n, f->samples_per_s), gflops = median(n, f->gflops);
    printf("{\"workload\": \"diffusion\", \"pictures\": %zu, \"threads\": %zu, "
           "\"parameters\": %.0f, ",
           o->edge, o->n_threads, f->cost.parameters);
    printf("\"train_steps_per_s\": %.5g, \"train_steps_per_s_min\": %.5g, "
           "\"train_steps_per_s_max\": %.5g, \"train_rows_per_s\": %.5g, \"train_gflops\": %.4g, ",
           steps_per_s, f->steps_per_s[0], f->steps_per_s[n - 1],
           steps_per_s * f->rows_seen / f->cost.fit_steps, gflops);
    printf("\"sample_n\": %zu, \"net_evals\": %g, \"samples_per_s\": %.5g, "
           "\"sample_gflops\": %.4g, ",
           o->n_samples, f->cost.row_evaluations, samples_per_s,
           f->cost.row_flops * samples_per_s * 1e-9);
    if (o->edge == 0) {
        double error = 0.0;
        for (size_t r = 0; r < out->n_rows; r++) {
            error += fabs(hypot(out->x[2 * r], out->x[2 * r + 1]) - 1.0) / (double)out->n_rows;
        }
        printf("\"mean_abs_radius_error\": %.4f, ", error);
    }
    printf("\"fma_probe_gflops\": %.4g, \"loss\": %.4f}\n", median(n, f->probe), f->loss);
}

static mad_status run(mad_ctx *ctx, mad_arena *mem, const options *o, size_t n_pairs,
                      const char *const *pairs)
{
    mad_status st = MAD_OK;
    const int has_pictures = o->edge > 0;
    const mad_world_info world = {.kind = MAD_WORLD_CONTINUOUS,
                                  .dim = has_pictures ? o->edge * o->edge : 2,
                                  .n_classes = has_pictures ? N_CLASSES : 0,
                                  .height = o->edge,
                                  .width = o->edge,
                                  .channels = has_pictures,
                                  .pixel_min = -0.5,
                                  .pixel_max = 1.5};
    mad_rng rng = mad_rng_open((mad_key){.seed = 1, .purpose = MAD_RNG_TEST}, 0);
    mad_values values;
    mad_model *model = NULL;
    mad_set train, out;
    figures f = {.loss = 0.0};

    MAD_TRY(mad_values_of(ctx, mem, mad_model_diffusion.params, n_pairs, pairs, &values));
    const mad_model_args args = {.values = &values,
                                 .world = &world,
                                 .max_train_rows = o->n_rows,
                                 .max_sample_rows = o->n_samples,
                                 .n_generations = 2};
    MAD_TRY(mad_model_diffusion.create(ctx, &args, mem, &model));
    MAD_TRY(mad_set_take(ctx, mem, o->n_rows, world.dim, has_pictures, &train));
    MAD_TRY(mad_set_take(ctx, mem, o->n_samples, world.dim, has_pictures, &out));
    if (has_pictures) {
        draw_pictures(&rng, o->edge, &train);
    } else {
        draw_ring(&rng, &train);
    }
    MAD_TRY(measure(ctx, o, model, &train, &out, &f));
    print(o, &out, &f);
out:
    return st;
}

int main(int argc, char **argv)
{
    options o = {.n_threads = (size_t)omp_get_max_threads(),
                 .n_windows = 5,
                 .n_rows = 10000,
                 .n_samples = 8 * MAD_CHUNK};
    const struct {
        const char *name;
        size_t *value;
    } flags[] = {{"--threads", &o.n_threads},
                 {"--windows", &o.n_windows},
                 {"--rows", &o.n_rows},
                 {"--samples", &o.n_samples},
                 {"--pictures", &o.edge}};
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
        fprintf(stderr, "bench_diffusion: options must be whole numbers >= 1, at most %d windows\n",
                MAX_WINDOWS);
        return 2;
    }
    mad_ctx *ctx = mad_ctx_create(o.n_threads);
    mad_arena *mem = mad_arena_create(1 << 24);
    mad_status st = MAD_E_MEMORY;
    if (ctx != NULL && mem != NULL) {
        st = run(ctx, mem, &o, (size_t)(argc - i), (const char *const *)argv + i);
        if (st != MAD_OK) {
            fprintf(stderr, "bench_diffusion: %s\n", ctx->message);
        }
    }
    mad_arena_destroy(mem);
    mad_ctx_destroy(ctx);
    return mad_status_exit_code(st);
}

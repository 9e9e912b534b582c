/* bench/bench_metrics.c: seconds of one group of measures on two sets of correlated normal rows.
 *
 *   bench_metrics GROUP [--threads N] [--rows N] [--dim N] [--repeats N] [key=value ...]
 *
 * GROUP is a name of the `metrics` list that needs rows or laws (prdc, frechet, sliced, ...), keys
 * are its parameters; what is kept of the real side is part of the time, and so are means and
 * covariances where a group needs them.
 * Prints one JSON object; `seconds` is the median of the repeats.
 */
#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/fma_probe.h"
#include "sim/base/par.h"
#include "sim/cli/builtin.h"
#include "sim/num/linalg.h"
#include "sim/num/stats.h"
#include "tests/support/values.h"

enum { MAX_REPEATS = 32, MAX_OUTPUTS = 32, MAX_KEYS = 8 };

typedef struct options {
    size_t n_threads, n_rows, dim, n_repeats, n_keys;
    const char *keys[MAX_KEYS];
} options;

/* Rows N(shift, A A^T) with A = I + 0.3 W / sqrt(dim), W standard normal. */
typedef struct draw_job {
    mad_set *set;
    const double *mix; /* [dim][dim] A^T */
    double shift;
    uint32_t generation;
} draw_job;

static mad_key key_of(uint32_t generation)
{
    return (mad_key){.seed = 1, .generation = generation, .purpose = MAD_RNG_TEST};
}

static mad_status draw_chunk(mad_ctx *ctx, void *arg, size_t i_chunk)
{
    const draw_job *job = arg;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    const size_t n = mad_chunk_rows(job->set->n_rows, i_chunk), dim = job->set->dim;
    double *x = job->set->x + mad_chunk_begin(i_chunk) * dim;
    double *normals = mad_arena_take_raw(ctx->scratch, n * dim, sizeof *normals);
    if (normals == NULL) {
        return mad_fail_memory(ctx, "rows of a bench");
    }
    mad_rng rng = mad_rng_open(key_of(job->generation), i_chunk);
    mad_rng_normals(&rng, n * dim, normals);
    for (size_t i = 0; i < n * dim; i++) {
        x[i] = job->shift;
    }
    mad_gemm(n, dim, dim, 1.0, normals, job->mix, 1.0, x);
    mad_arena_release(ctx->scratch, mark);
    return MAD_OK;
}

static mad_status draw(mad_ctx *ctx, mad_arena *mem, const options *o, double shift,
                       uint32_t generation, mad_set *out)
{
    mad_status st = MAD_OK;
    double *mix = mad_arena_take(mem, o->dim * o->dim, sizeof *mix);
    if (mix == NULL) {
        return mad_fail_memory(ctx, "rows of a bench");
    }
    mad_rng rng = mad_rng_open(key_of(generation), UINT64_MAX);
    mad_rng_normals(&rng, o->dim * o->dim, mix);
    for (size_t i = 0; i < o->dim * o->dim; i++) {
        mix[i] = 0.3 / sqrt((double)o->dim) * mix[i] + (i % (o->dim + 1) == 0);
    }
    MAD_TRY(mad_set_take(ctx, mem, o->n_rows, o->dim, 0, out));
    draw_job job = {out, mix, shift, generation};
    MAD_TRY(mad_par_for(ctx, mad_n_chunks(o->n_rows), draw_chunk, &job));
out:
    return st;
}

static mad_status law_of(mad_ctx *ctx, const mad_set *set, const mad_moments *law)
{
    return mad_mean_cov(ctx, set->n_rows, set->dim, set->x, NULL, 1, law->mean, law->cov);
}

static mad_status measure(mad_ctx *ctx, mad_arena *mem, const mad_metric_type *type,
                          const options *o, double *seconds, double *values)
{
    mad_status st = MAD_OK;
    const mad_world_info world = {.kind = MAD_WORLD_CONTINUOUS, .dim = o->dim};
    mad_values values_of_keys;
    mad_set real, fake;
    mad_moments law[2];
    MAD_TRY(mad_values_of(ctx, mem, type->params, o->n_keys, o->keys, &values_of_keys));
    MAD_TRY(draw(ctx, mem, o, 0.0, 1, &real));
    MAD_TRY(draw(ctx, mem, o, 0.1, 2, &fake));
    for (size_t i = 0; i < 2; i++) {
        law[i] = (mad_moments){o->dim, mad_arena_take(mem, o->dim, sizeof(double)),
                               mad_arena_take(mem, o->dim * o->dim, sizeof(double))};
        if (law[i].mean == NULL || law[i].cov == NULL) {
            return mad_fail_memory(ctx, "the laws of a bench");
        }
    }
    mad_metric_in in = {.world = &world,
                        .values = &values_of_keys,
                        .real = &real,
                        .fake = &fake,
                        .real_law = &law[0],
                        .fake_law = &law[1],
                        .key = mad_key_for(key_of(0), MAD_RNG_DIRECTIONS)};
    for (size_t i = 0; i < o->n_repeats; i++) {
        const mad_arena_mark mark = mad_arena_get_mark(mem);
        const double before = omp_get_wtime();
        if (type->needs & MAD_NEEDS_LAW) {
            MAD_TRY(law_of(ctx, &real, &law[0]));
            MAD_TRY(law_of(ctx, &fake, &law[1]));
        }
        if (type->prepare != NULL) {
            MAD_TRY(type->prepare(ctx, &in, mem, &in.prepared));
        }
        MAD_TRY(type->eval(ctx, &in, values));
        seconds[i] = omp_get_wtime() - before;
        mad_arena_release(mem, mark);
    }
out:
    return st;
}

static mad_status run(mad_ctx *ctx, mad_arena *mem, const char *group, const options *o)
{
    mad_status st = MAD_OK;
    const mad_metric_type *type = NULL;
    double seconds[MAX_REPEATS], values[MAX_OUTPUTS];
    for (size_t i = 0; mad_builtin.metrics[i] != NULL; i++) {
        type = strcmp(mad_builtin.metrics[i]->name, group) == 0 ? mad_builtin.metrics[i] : type;
    }
    const unsigned known = MAD_NEEDS_SAMPLES | MAD_NEEDS_LAW | MAD_BY_NAME;
    if (type == NULL || (type->needs & ~known) != 0) {
        return mad_fail(ctx, MAD_E_USAGE, "'%s' is no group of measures of rows or laws", group);
    }
    MAD_TRY(measure(ctx, mem, type, o, seconds, values));
    mad_sort(o->n_repeats, seconds);
    printf("{\"workload\": \"%s\", \"threads\": %zu, \"rows\": %zu, \"dim\": %zu, "
           "\"seconds\": %.6g, \"seconds_min\": %.6g, \"seconds_max\": %.6g, ",
           type->name, o->n_threads, o->n_rows, o->dim,
           mad_quantile_sorted(o->n_repeats, seconds, 0.5), seconds[0], seconds[o->n_repeats - 1]);
    for (size_t i = 0; type->outputs[i].name != NULL; i++) {
        printf("\"%s\": %.8g, ", type->outputs[i].name, values[i]);
    }
    printf("\"fma_probe_gflops\": %.4g}\n", mad_fma_probe(ctx, 5));
out:
    return st;
}

/* 0 when an argument is no flag, key or number in its range. */
static int parse(int argc, char **argv, options *o)
{
    const struct {
        const char *name;
        size_t *value;
    } flags[] = {{"--threads", &o->n_threads},
                 {"--rows", &o->n_rows},
                 {"--dim", &o->dim},
                 {"--repeats", &o->n_repeats}};
    for (int i = 2; i < argc; i++) {
        size_t k = 0;
        while (k < sizeof flags / sizeof *flags && strcmp(argv[i], flags[k].name) != 0) {
            k++;
        }
        if (k < sizeof flags / sizeof *flags && i + 1 < argc) {
            *flags[k].value = strtoul(argv[++i], NULL, 10);
        } else if (strchr(argv[i], '=') != NULL && o->n_keys < MAX_KEYS) {
            o->keys[o->n_keys++] = argv[i];
        } else {
            return 0;
        }
    }
    return argc >= 2 && o->n_threads >= 1 && o->n_rows >= 8 && o->dim >= 1 && o->n_repeats >= 1 &&
           o->n_repeats <= MAX_REPEATS;
}

int main(int argc, char **argv)
{
    options o = {
        .n_threads = (size_t)omp_get_max_threads(), .n_rows = 10000, .dim = 128, .n_repeats = 5};
    if (!parse(argc, argv, &o)) {
        fprintf(stderr,
                "usage: bench_metrics GROUP [--threads N] [--rows N >= 8] [--dim N] "
                "[--repeats N <= %d] [key=value ...]\n",
                MAX_REPEATS);
        return 2;
    }
    mad_ctx *ctx = mad_ctx_create(o.n_threads);
    mad_arena *mem = mad_arena_create(1 << 24);
    mad_status st = MAD_E_MEMORY;
    if (ctx != NULL && mem != NULL) {
        st = run(ctx, mem, argv[1], &o);
        if (st != MAD_OK) {
            fprintf(stderr, "bench_metrics: %s\n", ctx->message);
        }
    }
    mad_arena_destroy(mem);
    mad_ctx_destroy(ctx);
    return mad_status_exit_code(st);
}

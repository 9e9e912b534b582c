/* bench/bench_metrics.c: seconds of one group of measures on two sets of rows.
 *
 *   bench_metrics GROUP [--threads N] [--rows N] [--dim N] [--repeats N] [key=value ...]
 *   bench_metrics GROUP --real FILE --fake FILE [--train FILE] [--centres FILE --sigma S]
 *                 [--directions FILE] [--threads N] [--repeats N] [key=value ...]
 *
 * GROUP is a name of the `metrics` list that two files can give (prdc, frechet, sliced, ...), keys
 * are its parameters. The rows are those of the files, or else correlated normal ones. What is kept
 * of the real side is part of the time, and so are means and covariances where a group needs them;
 * reading is not.
 * Prints one JSON object; `seconds` is the median of the repeats, `peak_mb` the largest resident
 * set of the whole process.
 */
#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "bench/fma_probe.h"
#include "sim/base/par.h"
#include "sim/cli/builtin.h"
#include "sim/cli/metrics_files.h"
#include "sim/num/linalg.h"
#include "sim/num/stats.h"
#include "tests/support/values.h"

enum { MAX_REPEATS = 32, MAX_OUTPUTS = 32, MAX_KEYS = 8 };

typedef struct options {
    size_t n_threads, n_rows, dim, n_repeats, n_keys;
    mad_metrics_files files; /* real NULL: drawn rows */
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

static mad_status take_rows(mad_ctx *ctx, mad_arena *mem, options *o, mad_comparison *c)
{
    mad_status st = MAD_OK;
    if (o->files.real != NULL) {
        MAD_TRY(mad_metrics_read(ctx, mem, &o->files, &c->raw));
    } else {
        c->raw.world = (mad_world_info){.kind = MAD_WORLD_CONTINUOUS, .dim = o->dim};
        MAD_TRY(draw(ctx, mem, o, 0.0, 1, &c->raw.real));
        MAD_TRY(draw(ctx, mem, o, 0.1, 2, &c->raw.fake));
    }
    c->mapped = c->raw;
    if (o->files.directions != NULL) {
        MAD_TRY(mad_metrics_read_directions(ctx, mem, o->files.directions, c->raw.real.dim,
                                            &c->n_directions, &c->directions));
    }
out:
    return st;
}

static mad_status measure(mad_ctx *ctx, mad_arena *mem, const mad_metric_type *type, options *o,
                          double *seconds, mad_verdict *verdicts)
{
    mad_status st = MAD_OK;
    mad_values values;
    mad_comparison rows = {.values = &values, .key = mad_key_for(key_of(0), MAD_RNG_DIRECTIONS)};
    MAD_TRY(mad_values_of(ctx, mem, type->params, o->n_keys, o->keys, &values));
    MAD_TRY(take_rows(ctx, mem, o, &rows));
    o->n_rows = rows.raw.real.n_rows;
    o->dim = rows.raw.real.dim;
    for (size_t i = 0; i < o->n_repeats; i++) {
        mad_comparison fresh = rows; /* without the laws of the repeat before */
        const mad_arena_mark mark = mad_arena_get_mark(mem);
        const double before = omp_get_wtime();
        MAD_TRY(mad_compare(ctx, &fresh, type, mem, verdicts));
        seconds[i] = omp_get_wtime() - before;
        mad_arena_release(mem, mark);
    }
out:
    return st;
}

static void print(const mad_ctx *ctx, const mad_metric_type *type, const options *o,
                  const double *seconds, const mad_verdict *verdicts, double probe_gflops)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    printf("{\"workload\": \"%s\", \"threads\": %zu, \"rows\": %zu, \"dim\": %zu, "
           "\"seconds\": %.6g, \"seconds_min\": %.6g, \"seconds_max\": %.6g, \"peak_mb\": %.1f, "
           "\"fma_probe_gflops\": %.4g, \"values\": {",
           type->name, ctx->n_workers, o->n_rows, o->dim,
           mad_quantile_sorted(o->n_repeats, seconds, 0.5), seconds[0], seconds[o->n_repeats - 1],
           (double)usage.ru_maxrss / 1024.0, probe_gflops);
    for (size_t i = 0; type->outputs[i].name != NULL; i++) {
        const double value = verdicts[i].value;
        printf("%s\"%s\": ", i > 0 ? ", " : "", type->outputs[i].name);
        if (isfinite(value)) {
            printf("%.17g", value);
        } else {
            printf(isnan(value) ? "null" : value < 0.0 ? "\"-inf\"" : "\"inf\"");
        }
    }
    printf("}}\n");
}

static mad_status run(mad_ctx *ctx, mad_arena *mem, const char *group, options *o)
{
    mad_status st = MAD_OK;
    const mad_metric_type *type = NULL;
    double seconds[MAX_REPEATS];
    mad_verdict verdicts[MAX_OUTPUTS];
    for (size_t i = 0; mad_builtin.metrics[i] != NULL; i++) {
        type = strcmp(mad_builtin.metrics[i]->name, group) == 0 ? mad_builtin.metrics[i] : type;
    }
    if (type == NULL || !(type->worlds & 1u << MAD_WORLD_CONTINUOUS)) {
        return mad_fail(ctx, MAD_E_USAGE, "'%s' is no group of measures of rows or laws", group);
    }
    MAD_TRY(measure(ctx, mem, type, o, seconds, verdicts));
    if (verdicts[0].why != NULL) {
        return mad_fail(ctx, MAD_E_USAGE, "'%s' %s", group, verdicts[0].why);
    }
    mad_sort(o->n_repeats, seconds);
    print(ctx, type, o, seconds, verdicts, mad_fma_probe(ctx, 5));
out:
    return st;
}

/* 0 when an argument is no flag, key or number in its range. */
static int parse(int argc, char **argv, options *o)
{
    const struct {
        const char *name;
        size_t *value;
    } numbers[] = {{"--threads", &o->n_threads},
                   {"--rows", &o->n_rows},
                   {"--dim", &o->dim},
                   {"--repeats", &o->n_repeats}};
    const struct {
        const char *name;
        const char **value;
    } files[] = {{"--real", &o->files.real},
                 {"--fake", &o->files.fake},
                 {"--train", &o->files.train},
                 {"--centres", &o->files.centres},
                 {"--directions", &o->files.directions}};
    for (int i = 2; i < argc; i++) {
        const int has_value = i + 1 < argc;
        int is_known = 0;
        for (size_t k = 0; has_value && k < sizeof numbers / sizeof *numbers; k++) {
            if (strcmp(argv[i], numbers[k].name) == 0) {
                *numbers[k].value = strtoul(argv[i + 1], NULL, 10);
                is_known = 1;
            }
        }
        for (size_t k = 0; has_value && k < sizeof files / sizeof *files; k++) {
            if (strcmp(argv[i], files[k].name) == 0) {
                *files[k].value = argv[i + 1];
                is_known = 1;
            }
        }
        if (has_value && strcmp(argv[i], "--sigma") == 0) {
            o->files.sigma = strtod(argv[i + 1], NULL);
            is_known = 1;
        }
        if (is_known) {
            i++;
        } else if (strchr(argv[i], '=') != NULL && o->n_keys < MAX_KEYS) {
            o->keys[o->n_keys++] = argv[i];
        } else {
            return 0;
        }
    }
    return argc >= 2 && o->n_threads >= 1 && o->n_rows >= 8 && o->dim >= 1 && o->n_repeats >= 1 &&
           o->n_repeats <= MAX_REPEATS && (o->files.real != NULL) == (o->files.fake != NULL);
}

int main(int argc, char **argv)
{
    options o = {
        .n_threads = (size_t)omp_get_max_threads(), .n_rows = 10000, .dim = 128, .n_repeats = 5};
    if (!parse(argc, argv, &o)) {
        fprintf(stderr,
                "usage: bench_metrics GROUP [--threads N] [--rows N >= 8] [--dim N] "
                "[--repeats N <= %d] [key=value ...]\n"
                "       bench_metrics GROUP --real FILE --fake FILE [--train FILE] [--centres FILE "
                "--sigma S] [--directions FILE] ...\n",
                MAX_REPEATS);
        return 2;
    }
    mad_ctx *ctx = mad_ctx_create(o.n_threads);
    mad_arena *mem = mad_arena_create(1 << 20);
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

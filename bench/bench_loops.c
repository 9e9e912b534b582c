/* bench/bench_loops.c: generations x replicates per second of whole loops, in memory.
 *
 * Usage: bench_loops CONFIG [threads] [key=value ...]
 * Prints one JSON object: the key `generation_seeds_per_s` counts (generation, replicate) pairs;
 * `peak_mb` is the largest resident set, which must not grow with the number of generations. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#include "bench/fma_probe.h"
#include "sim/cli/builtin.h"
#include "sim/engine/engine.h"

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static mad_status run(mad_ctx *ctx, mad_arena *mem, const char *path, int n_overrides,
                      char **overrides)
{
    mad_status st = MAD_OK;
    mad_config config;
    mad_experiment *experiment = NULL;
    MAD_TRY(mad_config_load(ctx, mem, path, NULL, (size_t)n_overrides,
                            (const char *const *)overrides, &mad_builtin, &config));
    MAD_TRY(mad_experiment_create(ctx, mem, &config, &mad_builtin, &experiment));
    const mad_run_options options = {.first_generation = 1};
    const double t_start = now_s();
    MAD_TRY(mad_engine_run(ctx, experiment, &options));
    const double seconds = now_s() - t_start;
    const mad_setting *s = mad_experiment_setting(experiment);
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    printf("{\"workload\": \"%s\", \"threads\": %zu, \"generations\": %zu, \"replicates\": %zu, "
           "\"seconds\": %.6g, \"generation_seeds_per_s\": %.6g, \"peak_mb\": %.1f, "
           "\"fma_probe_gflops\": %.4g}\n",
           s->name, ctx->n_workers, s->n_generations, s->n_replicates, seconds,
           (double)s->n_generations * (double)s->n_replicates / seconds,
           (double)usage.ru_maxrss / 1024.0, mad_fma_probe(ctx, 5));
out:
    return st;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: bench_loops CONFIG [threads] [key=value ...]\n");
        return 2;
    }
    const int has_threads = argc > 2 && atoi(argv[2]) > 0;
    mad_ctx *ctx = mad_ctx_create(has_threads ? (size_t)atoi(argv[2]) : 2);
    mad_arena *mem = mad_arena_create(1 << 16);
    mad_status st = MAD_E_MEMORY;
    if (ctx != NULL && mem != NULL) {
        const int n_skip = has_threads ? 3 : 2;
        st = run(ctx, mem, argv[1], argc - n_skip, argv + n_skip);
        if (st != MAD_OK) {
            fprintf(stderr, "bench_loops: %s\n", ctx->message);
        }
    }
    mad_arena_destroy(mem);
    mad_ctx_destroy(ctx);
    return mad_status_exit_code(st);
}

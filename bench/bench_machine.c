/* bench/bench_machine.c: what the processor and the memory give at this moment.
 *
 *   bench_machine [--threads N] [--milliseconds N] [--triad 0|1]
 *
 * Prints one JSON object: `fma_gflops` is the best short burst of bare single-precision
 * multiply-adds within the given time, `fma_gflops_mean` all of its work over all of its time: a
 * mean far below the best says that something else wanted the cores. `triad_gb_per_s` is STREAM's
 * a = b + s c on arrays far larger than any cache (McCalpin 1995), 12 bytes an element.
 */
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/fma_probe.h"
#include "sim/base/par.h"

enum { TRIAD_TRIES = 7 };
#define TRIAD_FLOATS ((size_t)1 << 25) /* 128 MiB an array */

typedef struct triad_job {
    float *a;
    const float *b, *c;
    size_t n_parts;
} triad_job;

static mad_status triad(mad_ctx *ctx, void *arg, size_t i_part)
{
    (void)ctx;
    const triad_job *job = arg;
    const size_t begin = i_part * TRIAD_FLOATS / job->n_parts;
    const size_t end = (i_part + 1) * TRIAD_FLOATS / job->n_parts;
    float *restrict a = job->a;
    for (size_t i = begin; i < end; i++) {
        a[i] = job->b[i] + 3.0f * job->c[i];
    }
    return MAD_OK;
}

static mad_status triad_rate(mad_ctx *ctx, mad_arena *mem, double *gb_per_s)
{
    mad_status st = MAD_OK;
    float *a = mad_arena_take_raw(mem, TRIAD_FLOATS, sizeof *a);
    float *b = mad_arena_take_raw(mem, TRIAD_FLOATS, sizeof *b);
    float *c = mad_arena_take_raw(mem, TRIAD_FLOATS, sizeof *c);
    if (a == NULL || b == NULL || c == NULL) {
        return mad_fail_memory(ctx, "the arrays of the triad");
    }
    for (size_t i = 0; i < TRIAD_FLOATS; i++) {
        a[i] = 0.0f;
        b[i] = 1.0f;
        c[i] = (float)i;
    }
    triad_job job = {a, b, c, ctx->n_workers};
    *gb_per_s = 0.0;
    for (int i = 0; i < TRIAD_TRIES; i++) {
        const double before = omp_get_wtime();
        MAD_TRY(mad_par_for(ctx, job.n_parts, triad, &job));
        const double rate =
            3.0 * sizeof(float) * (double)TRIAD_FLOATS / (omp_get_wtime() - before) * 1e-9;
        *gb_per_s = rate > *gb_per_s ? rate : *gb_per_s;
    }
out:
    return st;
}

int main(int argc, char **argv)
{
    size_t n_threads = (size_t)omp_get_max_threads(), n_ms = 200, with_triad = 1;
    for (int i = 1; i + 1 < argc; i += 2) {
        const size_t value = strtoul(argv[i + 1], NULL, 10);
        if (strcmp(argv[i], "--threads") == 0 && value > 0) {
            n_threads = value;
        } else if (strcmp(argv[i], "--milliseconds") == 0 && value > 0) {
            n_ms = value;
        } else if (strcmp(argv[i], "--triad") == 0) {
            with_triad = value;
        } else {
            fprintf(stderr, "bench_machine: no such option: %s %s\n", argv[i], argv[i + 1]);
            return 2;
        }
    }
    mad_ctx *ctx = mad_ctx_create(n_threads);
    mad_arena *mem = mad_arena_create(1 << 16);
    mad_status st = MAD_E_MEMORY;
    if (ctx != NULL && mem != NULL) {
        double gb_per_s = 0.0;
        const mad_fma_figures fma = mad_fma_rate(ctx, 1e-3 * (double)n_ms);
        st = with_triad ? triad_rate(ctx, mem, &gb_per_s) : MAD_OK;
        if (st == MAD_OK) {
            printf("{\"threads\": %zu, \"fma_gflops\": %.4g, \"fma_gflops_mean\": %.4g", n_threads,
                   fma.best, fma.mean);
            printf(with_triad ? ", \"triad_gb_per_s\": %.4g}\n" : "}\n", gb_per_s);
        } else {
            fprintf(stderr, "bench_machine: %s\n", ctx->message);
        }
    }
    mad_arena_destroy(mem);
    mad_ctx_destroy(ctx);
    return mad_status_exit_code(st);
}

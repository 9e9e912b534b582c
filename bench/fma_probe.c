/* bench/fma_probe.c: independent chains of multiply-adds in registers. */
#include "bench/fma_probe.h"

#include <math.h>
#include <omp.h>

#include "sim/base/par.h"

enum { LANES = 16, CHAINS = 12, ROUNDS = 200000 };

typedef float vec __attribute__((vector_size(LANES * sizeof(float))));

/* Enough chains to hide the latency of two units; what is left keeps the compiler from dropping
 * the loop. */
#if defined(__x86_64__)
__attribute__((target_clones("avx512f", "arch=haswell", "default")))
#endif
static float
chains(float start)
{
    vec sum[CHAINS], a = start - (vec){0}, b = 1.0f - 1e-7f * a;
    for (int c = 0; c < CHAINS; c++) {
        sum[c] = a + (float)c;
    }
    for (int i = 0; i < ROUNDS; i++) {
#pragma GCC unroll 12
        for (int c = 0; c < CHAINS; c++) {
            sum[c] = sum[c] * b + a;
        }
    }
    float total = 0.0f;
    for (int c = 0; c < CHAINS; c++) {
        total += sum[c][0] + sum[c][LANES - 1];
    }
    return total;
}

static mad_status probe(mad_ctx *ctx, void *arg, size_t i_item)
{
    (void)ctx;
    ((float *)arg)[i_item] = chains((float)i_item * 1e-3f);
    return MAD_OK;
}

/* One burst on all threads: seconds it took, or 0 when it could not run. */
static double burst(mad_ctx *ctx, float *left)
{
    const double before = omp_get_wtime();
    return mad_par_for(ctx, ctx->n_workers, probe, left) == MAD_OK ? omp_get_wtime() - before : 0.0;
}

mad_fma_figures mad_fma_rate(mad_ctx *ctx, double seconds)
{
    const double gflop = 2e-9 * LANES * CHAINS * ROUNDS * (double)ctx->n_workers;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    float *left = mad_arena_take(ctx->scratch, ctx->n_workers, sizeof *left);
    mad_fma_figures out = {.best = 0.0, .mean = 0.0};
    double spent = 0.0, n_bursts = 0.0, last = left != NULL;
    while (last > 0.0 && spent < seconds) {
        last = burst(ctx, left);
        spent += last;
        n_bursts++;
        out.best = last > 0.0 ? fmax(out.best, gflop / last) : 0.0;
        out.mean = n_bursts * gflop / spent;
    }
    mad_arena_release(ctx->scratch, mark);
    return out;
}

double mad_fma_probe(mad_ctx *ctx, size_t n_tries)
{
    return mad_fma_rate(ctx, 1e-3 * (double)n_tries).best;
}

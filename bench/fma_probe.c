/* bench/fma_probe.c: independent chains of multiply-adds in registers. */
#include "bench/fma_probe.h"

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

double mad_fma_probe(mad_ctx *ctx, size_t n_tries)
{
    float *left = mad_arena_take(ctx->scratch, ctx->n_workers, sizeof *left);
    double best = 0.0;
    for (size_t i = 0; left != NULL && i < n_tries; i++) {
        const double before = omp_get_wtime();
        if (mad_par_for(ctx, ctx->n_workers, probe, left) != MAD_OK) {
            break;
        }
        const double rate = 2.0 * LANES * CHAINS * ROUNDS * (double)ctx->n_workers /
                            (omp_get_wtime() - before) * 1e-9;
        best = rate > best ? rate : best;
    }
    return best;
}

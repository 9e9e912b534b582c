/* loops/channel/draws.c: what channels share: random numbers by row, shares, the rows of a plan. */
#include "loops/channel/draws.h"

#include <math.h>

#include "sim/base/par.h"

void mad_channel_uniforms(mad_key key, uint64_t first_item, size_t n, double *u)
{
    for (size_t c = 0; c < mad_n_chunks(n); c++) {
        mad_rng rng = mad_rng_open(key, first_item + c);
        for (size_t i = 0; i < mad_chunk_rows(n, c); i++) {
            u[mad_chunk_begin(c) + i] = mad_rng_uniform(&rng);
        }
    }
}

void mad_channel_normals(mad_key key, uint64_t first_item, size_t n, double *z)
{
    for (size_t c = 0; c < mad_n_chunks(n); c++) {
        mad_rng rng = mad_rng_open(key, first_item + c);
        mad_rng_normals(&rng, mad_chunk_rows(n, c), z + mad_chunk_begin(c));
    }
}

double mad_channel_share(double n, double of)
{
    return of > 0.0 ? n / of : (double)NAN;
}

mad_status mad_channel_plan(mad_ctx *ctx, const mad_setting *s, size_t generation, size_t *n_real,
                            size_t *n_synthetic)
{
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    mad_plan plan = {0};
    mad_status st = MAD_OK;
    *n_real = *n_synthetic = 0;
    MAD_TRY(mad_ctx_poll(ctx));
    MAD_TRY(s->loop->type->plan(ctx, s->loop, generation, ctx->scratch, &plan));
    for (size_t i = 0; i < plan.n_blocks; i++) {
        *(plan.blocks[i].kind == MAD_BLOCK_REAL ? n_real : n_synthetic) += plan.blocks[i].n_rows;
    }
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

mad_status mad_channel_totals(mad_ctx *ctx, const mad_setting *s, size_t *n_real,
                              size_t *n_synthetic)
{
    mad_status st = MAD_OK;
    *n_real = *n_synthetic = 0;
    for (size_t t = 2; t <= s->n_generations; t++) {
        size_t n[2];
        MAD_TRY(mad_channel_plan(ctx, s, t, &n[0], &n[1]));
        *n_real += n[0];
        *n_synthetic += n[1];
    }
out:
    return st;
}

mad_status mad_channel_refuse(mad_ctx *ctx, const mad_setting *s, mad_key_use use)
{
    return mad_refuse_unused(ctx, "channel", s->channel_values, 1, &use);
}

/* sim/iface/draw.c: one stream per chunk of rows. */
#include "sim/iface/draw.h"

typedef struct draw_job {
    mad_key key;
    uint64_t first_item;
    mad_draw_fn fn;
    const void *self;
    const mad_set *out;
} draw_job;

static mad_status draw_one(mad_ctx *ctx, void *arg, size_t i_chunk)
{
    const draw_job *job = arg;
    const size_t begin = mad_chunk_begin(i_chunk);
    mad_set rows = mad_set_rows(job->out, begin, mad_chunk_rows(job->out->n_rows, i_chunk));
    mad_rng rng = mad_rng_open(job->key, job->first_item + i_chunk);
    return job->fn(ctx, job->self, &rng, begin, &rows);
}

mad_status mad_draw_chunks(mad_ctx *ctx, mad_key key, uint64_t first_item, mad_draw_fn fn,
                           const void *self, mad_set *out)
{
    draw_job job = {key, first_item, fn, self, out};
    return mad_par_for(ctx, mad_n_chunks(out->n_rows), draw_one, &job);
}

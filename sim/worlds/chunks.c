/* sim/worlds/chunks.c: see the header. */
#include "sim/worlds/chunks.h"

#include "sim/base/par.h"

mad_status mad_world_draw_chunks(mad_ctx *ctx, const mad_world *world, mad_world_part part,
                                 mad_key key, mad_set *out)
{
    (void)part;
    return mad_draw_chunks(ctx, key, 0, world->type->draw_chunk, world, out);
}

typedef struct density_job {
    const mad_world *world;
    const mad_set *rows;
    double *out;
} density_job;

static mad_status density_one(mad_ctx *ctx, void *arg, size_t i_chunk)
{
    const density_job *job = arg;
    const size_t begin = mad_chunk_begin(i_chunk);
    const mad_set rows = mad_set_rows(job->rows, begin, mad_chunk_rows(job->rows->n_rows, i_chunk));
    return job->world->type->density_chunk(ctx, job->world, &rows, job->out + begin);
}

mad_status mad_world_density_chunks(mad_ctx *ctx, const mad_world *world, const mad_set *rows,
                                    double *out)
{
    density_job job = {world, rows, out};
    return mad_par_for(ctx, mad_n_chunks(rows->n_rows), density_one, &job);
}

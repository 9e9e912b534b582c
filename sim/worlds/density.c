/* sim/worlds/density.c: see the header. */
#include "sim/worlds/density.h"

#include "sim/base/par.h"

typedef struct density_job {
    mad_density_fn fn;
    const mad_world *world;
    const mad_set *rows;
    double *out;
} density_job;

static mad_status one_chunk(mad_ctx *ctx, void *arg, size_t i_chunk)
{
    const density_job *job = arg;
    const size_t begin = mad_chunk_begin(i_chunk);
    const mad_set rows = mad_set_rows(job->rows, begin, mad_chunk_rows(job->rows->n_rows, i_chunk));
    return job->fn(ctx, job->world, &rows, job->out + begin);
}

mad_status mad_density_chunks(mad_ctx *ctx, mad_density_fn fn, const mad_world *world,
                              const mad_set *rows, double *out)
{
    density_job job = {fn, world, rows, out};
    return mad_par_for(ctx, mad_n_chunks(rows->n_rows), one_chunk, &job);
}

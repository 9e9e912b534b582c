/* sim/worlds/oracle.c: see the header. */
#include "sim/worlds/oracle.h"

#include <math.h>

#include "sim/base/par.h"

#define LIGHT_LIMIT 4.0

void mad_oracle_light(size_t n, const double *x, double *light)
{
    for (size_t j = 0; j < n; j++) {
        light[j] = fmin(fmax(0.5 * x[j] + 0.5, -LIGHT_LIMIT), LIGHT_LIMIT);
    }
}

double mad_oracle_residual(size_t n, const double *x, const double *light)
{
    double widest = 0.0, sum = 0.0;
    for (size_t j = 0; j < n; j++) {
        widest = fmax(widest, fabs(x[j] - (2.0 * light[j] - 1.0)));
    }
    for (size_t j = 0; j < n && widest > 0.0; j++) {
        const double d = (x[j] - (2.0 * light[j] - 1.0)) / widest;
        sum += d * d;
    }
    return widest * sqrt(sum / (double)n);
}

typedef struct read_job {
    const mad_world *world;
    const mad_set *rows;
    size_t work_bytes;
    mad_oracle_read read;
    mad_recovery *out;
} read_job;

static mad_status read_chunk(mad_ctx *ctx, void *arg, size_t i_chunk)
{
    const read_job *job = arg;
    const size_t begin = mad_chunk_begin(i_chunk);
    const size_t end = begin + mad_chunk_rows(job->rows->n_rows, i_chunk);
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    void *work = mad_arena_take(ctx->scratch, job->work_bytes, 1);
    if (work == NULL) {
        return mad_fail_memory(ctx, "a row to be read");
    }
    for (size_t i = begin; i < end; i++) {
        job->read(job->world, work, job->rows->x + i * job->rows->dim, i, job->out);
    }
    mad_arena_release(ctx->scratch, mark);
    return MAD_OK;
}

mad_status mad_oracle_rows(mad_ctx *ctx, const mad_world *world, const mad_set *rows,
                           size_t work_bytes, mad_oracle_read read, mad_recovery *out)
{
    read_job job = {world, rows, work_bytes, read, out};
    return mad_par_for(ctx, mad_n_chunks(rows->n_rows), read_chunk, &job);
}

mad_status mad_oracle_truth(mad_ctx *ctx, const mad_world *world, mad_key key, mad_oracle_next next,
                            mad_recovery *out)
{
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    const size_t dim = world->info.dim;
    double *noise = mad_arena_take_raw(ctx->scratch, dim, sizeof *noise);
    if (noise == NULL) {
        return mad_fail_memory(ctx, "a picture");
    }
    mad_rng rng = {0};
    for (size_t i = 0; i < out->n_rows; i++) {
        if (i % MAD_CHUNK == 0) {
            rng = mad_rng_open(key, i / MAD_CHUNK);
        }
        next(world, &rng, i, out);
        mad_rng_normals(&rng, dim, noise);
        out->residual[i] = 0.0;
        out->valid[i] = 1;
    }
    mad_arena_release(ctx->scratch, mark);
    return MAD_OK;
}

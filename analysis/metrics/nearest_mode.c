/* analysis/metrics/nearest_mode.c: see the header. */
#include "analysis/metrics/nearest_mode.h"

#include <math.h>

#include "analysis/metrics/neighbours.h"
#include "sim/base/par.h"

typedef struct nearest_job {
    const mad_world_info *world;
    const mad_set *rows;
    size_t *nearest;
    double *square;
} nearest_job;

static mad_status find_nearest(mad_ctx *ctx, void *arg, size_t i_chunk)
{
    (void)ctx;
    const nearest_job *job = arg;
    const size_t dim = job->rows->dim, begin = mad_chunk_begin(i_chunk);
    const size_t end = begin + mad_chunk_rows(job->rows->n_rows, i_chunk);
    for (size_t i = begin; i < end; i++) {
        const double *x = job->rows->x + i * dim;
        job->square[i] = (double)INFINITY;
        job->nearest[i] = 0;
        for (size_t k = 0; k < job->world->n_modes; k++) {
            const double square = mad_distance_sq(dim, x, job->world->mode_centre + k * dim);
            if (square < job->square[i]) {
                job->square[i] = square;
                job->nearest[i] = k;
            }
        }
    }
    return MAD_OK;
}

mad_status mad_nearest_modes(mad_ctx *ctx, const mad_world_info *world, const mad_set *rows,
                             size_t *nearest, double *square)
{
    nearest_job job = {world, rows, nearest, square};
    return mad_par_for(ctx, mad_n_chunks(rows->n_rows), find_nearest, &job);
}

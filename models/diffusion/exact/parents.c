/* models/diffusion/exact/parents.c: which training row the memorising denoiser gave back. */
#include <math.h>

#include "models/diffusion/exact/sample.h"
#include "sim/base/par.h"

int mad_exact_has_parents(const mad_values *values, mad_extrapolation_kind kind)
{
    enum { LAW_EMPIRICAL = 3 };
    return mad_get_choice(values, "law") == LAW_EMPIRICAL && mad_get_real(values, "width") == 0.0 &&
           mad_schedule_is(&mad_get(values, "sampler.stop_sigma")->schedule, 0.0) &&
           mad_schedule_is(&mad_get(values, "sampler.stop_time")->schedule, 0.0) &&
           mad_sampling_is_linear(values) && kind == MAD_EXTRAPOLATE_NONE;
}

typedef struct parents_job {
    const mad_exact *self;
    const mad_set *rows;
} parents_job;

/* The nearest training row of the row's class, the first of equals. */
static int32_t nearest(const mad_exact *self, const mad_set *rows, size_t i)
{
    const mad_law *law = &self->law;
    const mad_standard *s = &self->standard;
    const size_t dim = law->dim;
    const size_t k =
        rows->label != NULL && law->n_classes > 0 ? (size_t)rows->label[i] : law->n_classes;
    double least = HUGE_VAL;
    size_t best = 0;
    for (size_t j = 0; j < (size_t)*law->n; j++) {
        double sum = law->weight[k * law->n_max + j] > 0.0 ? 0.0 : HUGE_VAL;
        for (size_t a = 0; a < dim && sum < least; a++) {
            const double x = (rows->x[i * dim + a] - s->centre[a]) / s->scale[0];
            sum += (x - law->mean[j * dim + a]) * (x - law->mean[j * dim + a]);
        }
        if (sum < least) {
            least = sum;
            best = j;
        }
    }
    return (int32_t)best;
}

static mad_status find_chunk(mad_ctx *ctx, void *arg, size_t i_chunk)
{
    (void)ctx;
    const parents_job *job = arg;
    const size_t begin = mad_chunk_begin(i_chunk);
    const size_t end = begin + mad_chunk_rows(job->rows->n_rows, i_chunk);
    for (size_t i = begin; i < end; i++) {
        job->rows->parent[i] = nearest(job->self, job->rows, i);
    }
    return MAD_OK;
}

mad_status mad_exact_find_parents(mad_ctx *ctx, const mad_exact *self, const mad_set *rows)
{
    parents_job job = {self, rows};
    return mad_par_for(ctx, mad_n_chunks(rows->n_rows), find_chunk, &job);
}

/* analysis/fit/estimate.c: definitions in the header. */
#include "analysis/fit/estimate.h"

#include <math.h>

#include "sim/num/stats.h"

static const double ALPHA = 0.05; /* 95 % intervals */

mad_estimate mad_estimate_mean(size_t n, size_t stride, const double *x, double *work)
{
    mad_estimate e = {.n = 0, .mean = (double)NAN, .half = (double)NAN};
    for (size_t i = 0; i < n; i++) {
        if (!isnan(x[i * stride])) {
            work[e.n++] = x[i * stride];
        }
    }
    if (e.n == 0) {
        return e;
    }
    e.mean = mad_mean(e.n, work);
    if (e.n > 1 && isfinite(e.mean)) {
        double n_used = (double)e.n;
        e.half = mad_student_t_critical(n_used - 1.0, ALPHA) *
                 sqrt(mad_variance(e.n, work, 1.0) / n_used);
    }
    return e;
}

mad_status mad_estimate_curve(mad_ctx *ctx, size_t n_replicates, size_t n_generations, size_t width,
                              const double *value, mad_estimate *out)
{
    mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    double *work = mad_arena_take_raw(ctx->scratch, n_replicates, sizeof *work);
    if (work == NULL) {
        return mad_fail_memory(ctx, "replicates");
    }
    for (size_t g = 0; g < n_generations; g++) {
        out[g] = mad_estimate_mean(n_replicates, n_generations * width, value + g * width, work);
    }
    mad_arena_release(ctx->scratch, mark);
    return MAD_OK;
}

/* analysis/metrics/directions.c: which directions of the real law lose variance. */
#include <math.h>

#include "analysis/metrics/shared.h"
#include "sim/num/linalg.h"

enum { RATIO_FIRST, RATIO_LAST, RATIO_MIN, RATIO_MAX, N_RATIOS };

#define DIRECTION(i, name_text, which)                                                             \
    [i] = {.name = "direction_ratio_" name_text,                                                   \
           .long_name = "variance along " which " over that of real rows",                         \
           .units = "1",                                                                           \
           .direction = "target",                                                                  \
           .definition = "u^T S u / lambda, S = the model's covariance, lambda and u of the real " \
                         "one: " which,                                                            \
           .reference = "docs/measures.md",                                                        \
           .undefined = "where the real covariance is singular: lambda_min <= 1e-12 lambda_max"}

static const mad_metric_output outputs[] = {
    DIRECTION(RATIO_FIRST, "first", "the widest real direction"),
    DIRECTION(RATIO_LAST, "last", "the narrowest real direction"),
    DIRECTION(RATIO_MIN, "min", "the real direction that lost most"),
    DIRECTION(RATIO_MAX, "max", "the real direction that gained most"),
    {.name = NULL},
};

static mad_status eval(mad_ctx *ctx, const mad_metric_in *in, double *values)
{
    const size_t dim = in->fake_law->dim;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    double *lambda = mad_arena_take_raw(ctx->scratch, dim, sizeof *lambda);
    double *basis = mad_arena_take_raw(ctx->scratch, dim * dim, sizeof *basis);
    double *product = mad_arena_take_raw(ctx->scratch, dim * dim, sizeof *product);
    mad_status st = MAD_OK;
    if (lambda == NULL || basis == NULL || product == NULL) {
        st = mad_fail_memory(ctx, "the directions of a covariance");
        goto out;
    }
    MAD_TRY(mad_eigen_sym(ctx, dim, in->real_law->cov, lambda, basis));
    mad_gemm(dim, dim, dim, 1, basis, in->fake_law->cov, 0, product);
    const int is_flat = !(lambda[0] > 1e-12 * lambda[dim - 1]);
    for (size_t i = 0; i < N_RATIOS; i++) {
        values[i] = (double)NAN;
    }
    for (size_t i = 0; i < dim && !is_flat; i++) {
        double variance = 0.0;
        for (size_t j = 0; j < dim; j++) {
            variance += product[i * dim + j] * basis[i * dim + j];
        }
        const double ratio = variance / lambda[i];
        values[RATIO_LAST] = i == 0 ? ratio : values[RATIO_LAST];
        values[RATIO_FIRST] = ratio;
        values[RATIO_MIN] = i == 0 ? ratio : fmin(values[RATIO_MIN], ratio);
        values[RATIO_MAX] = i == 0 ? ratio : fmax(values[RATIO_MAX], ratio);
    }
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

const mad_metric_type mad_metric_directions = {
    .name = "directions",
    .doc = "variance along the real principal directions over the real one",
    .needs = MAD_NEEDS_LAW | MAD_BY_NAME,
    .worlds = 1u << MAD_WORLD_CONTINUOUS | 1u << MAD_WORLD_REGRESSION,
    .outputs = outputs,
    .min_rows = mad_rows_two,
    .eval = eval,
};

/* analysis/metrics/factor_spread.c: the spread of each factor that the world reads back. */
#include <math.h>

#include "analysis/metrics/shared.h"
#include "sim/num/stats.h"

enum { N_FACTORS = 7 }; /* the most a world has */

#define OUTPUT(i)                                                                                  \
    {                                                                                              \
        .name = "factor_sd_ratio_" #i,                                                             \
        .long_name = "spread of factor " #i " over that of real "                                  \
                     "rows",                                                                       \
        .units = "1", .direction = "target",                                                       \
        .definition = "sd / sd of the reference rows (ddof 1) of factor " #i " of the world, "     \
                      "counted from 1 as docs/worlds.md lists them",                               \
        .reference = "docs/measures.md",                                                           \
        .undefined = "where there is no such factor, it is no plain number, or it does not vary "  \
                     "in real rows"                                                                \
    }

static const mad_metric_output outputs[] = {
    OUTPUT(1), OUTPUT(2), OUTPUT(3), OUTPUT(4), OUTPUT(5), OUTPUT(6), OUTPUT(7), {.name = NULL},
};

static int fits(const mad_world_info *world, size_t i_output)
{
    return i_output < world->n_factors && world->factor[i_output].n_levels == 0 &&
           world->factor[i_output].period == 0.0;
}

static mad_status sd_of(mad_ctx *ctx, const mad_world_info *world, const mad_recovery *found,
                        size_t k, double *out)
{
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    double *x = mad_arena_take_raw(ctx->scratch, found->n_rows, sizeof *x);
    if (x == NULL) {
        return mad_fail_memory(ctx, "a factor");
    }
    for (size_t i = 0; i < found->n_rows; i++) {
        x[i] =
            (found->factor[i * world->n_factors + k] - world->factor[k].mean) / world->factor[k].sd;
    }
    *out = sqrt(mad_variance(found->n_rows, x, 1.0));
    mad_arena_release(ctx->scratch, mark);
    return MAD_OK;
}

static mad_status eval(mad_ctx *ctx, const mad_metric_in *in, double *values)
{
    mad_status st = MAD_OK;
    for (size_t k = 0; k < N_FACTORS; k++) {
        double real = 0.0, fake = 0.0;
        if (fits(in->world, k)) {
            MAD_TRY(sd_of(ctx, in->world, in->real_found, k, &real));
            MAD_TRY(sd_of(ctx, in->world, in->fake_found, k, &fake));
        }
        values[k] = real > 0.0 ? fake / real : (double)NAN;
    }
out:
    return st;
}

const mad_metric_type mad_metric_factor_spread = {
    .name = "factor_spread",
    .doc = "spread of each factor that the world reads back",
    .needs = MAD_NEEDS_SAMPLES | MAD_NEEDS_FACTORS | MAD_BY_NAME,
    .worlds = 1u << MAD_WORLD_CONTINUOUS,
    .outputs = outputs,
    .min_rows = mad_rows_two,
    .fits = fits,
    .eval = eval,
};

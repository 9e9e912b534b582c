/* analysis/metrics/modes.c: which of the world's known modes the model still reaches. */
#include <math.h>

#include "analysis/metrics/nearest_mode.h"
#include "analysis/metrics/shared.h"
#include "sim/iface/metric.h"
#include "sim/num/stats.h"

enum { COVERED, HQ_RATIO, MODE_KL, MODE_JSD, MODE_TV };

static const char reference[] = "Lin et al. 2018 (PacGAN), arXiv:1712.04086";

static const mad_metric_output outputs[] = {
    [COVERED] = {.name = "modes_covered",
                 .long_name = "number of modes the model covers",
                 .units = "1",
                 .direction = "higher",
                 .definition = "modes with at least one high-quality model row among the rows "
                               "nearest to them",
                 .reference = reference},
    [HQ_RATIO] = {.name = "hq_ratio",
                  .long_name = "share of high-quality model rows",
                  .units = "1",
                  .direction = "higher",
                  .definition = "share of model rows within 3 sd of their nearest centre (more "
                                "than 3 dimensions: within the chi-square radius of probability "
                                "0.9973)",
                  .reference = reference},
    [MODE_KL] = {.name = "mode_kl_fake_true",
                 .is_infinite = 1,
                 .long_name = "KL divergence of the mode histogram from the true weights",
                 .units = "nats",
                 .direction = "lower",
                 .definition = "sum h ln(h / w), h = shares of all model rows by nearest centre, "
                               "w = true weights, no smoothing",
                 .reference = reference},
    [MODE_JSD] = {.name = "mode_jsd",
                  .long_name = "Jensen-Shannon divergence of the mode histogram and the true "
                               "weights",
                  .units = "nats",
                  .direction = "lower",
                  .definition = "(KL(h | c) + KL(w | c)) / 2, c = (h + w) / 2, h = shares of all "
                                "model rows by nearest centre, w = true weights; at most ln 2",
                  .reference = "Lin 1991, IEEE Trans. Inf. Theory 37:145"},
    [MODE_TV] = {.name = "mode_tv",
                 .long_name = "total variation distance of the mode histogram and the true weights",
                 .units = "1",
                 .direction = "lower",
                 .definition = "sum |h - w| / 2, h = shares of all model rows by nearest centre, w "
                               "= true weights",
                 .reference = "Levin & Peres 2017, Markov Chains and Mixing Times, Prop. 4.2"},
    {.name = NULL},
};

/* 3 sd hold 99.7 % of a mode in 1-D but only 66 % in 8-D: beyond 3 dimensions the ball that holds
 * P(|N(0,1)| <= 3) instead. */
static double radius_sq(size_t dim, double sd)
{
    const double inside = 1.0 - 2.0 * mad_normal_cdf(-3.0);
    return sd * sd * (dim <= 3 ? 9.0 : mad_chi_square_quantile((double)dim, inside));
}

static mad_status eval(mad_ctx *ctx, const mad_metric_in *in, double *values)
{
    const size_t n_rows = in->fake->n_rows, n_modes = in->world->n_modes;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    mad_status st = MAD_OK;
    const double good = radius_sq(in->fake->dim, in->world->mode_sd);
    size_t *nearest = mad_arena_take_raw(ctx->scratch, n_rows, sizeof *nearest);
    double *square = mad_arena_take_raw(ctx->scratch, n_rows, sizeof *square);
    double *share = mad_arena_take(ctx->scratch, n_modes, sizeof *share);
    unsigned char *covered = mad_arena_take(ctx->scratch, n_modes, sizeof *covered);
    if (nearest == NULL || square == NULL || share == NULL || covered == NULL) {
        st = mad_fail_memory(ctx, "the modes");
        goto out;
    }
    MAD_TRY(mad_nearest_modes(ctx, in->world, in->fake, nearest, square));
    size_t n_good = 0, n_covered = 0;
    for (size_t i = 0; i < n_rows; i++) {
        share[nearest[i]] += 1.0;
        n_good += square[i] <= good;
        covered[nearest[i]] |= square[i] <= good;
    }
    for (size_t k = 0; k < n_modes; k++) {
        share[k] /= (double)n_rows;
        n_covered += covered[k];
    }
    values[COVERED] = (double)n_covered;
    values[HQ_RATIO] = (double)n_good / (double)n_rows;
    values[MODE_KL] = mad_kl(n_modes, share, in->world->mode_p);
    values[MODE_JSD] = mad_jsd(n_modes, share, in->world->mode_p);
    values[MODE_TV] = mad_total_variation(n_modes, share, in->world->mode_p);
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

const mad_metric_type mad_metric_modes = {
    .name = "modes",
    .doc = "coverage, sample quality and weights of the world's known modes",
    .needs = MAD_NEEDS_SAMPLES | MAD_NEEDS_MODES,
    .worlds = 1u << MAD_WORLD_CONTINUOUS,
    .outputs = outputs,
    .min_rows = mad_rows_one,
    .eval = eval,
};

/* models/em_fit.c: whole fits of a mixture: restarts, tolerance, warm starts. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "models/em.h"
#include "sim/num/stats.h"

static void copy_mixture(const mad_mixture *from, mad_mixture *to)
{
    const size_t k = from->n_components, dim = from->dim;
    memcpy(to->weight, from->weight, k * sizeof *to->weight);
    memcpy(to->mean, from->mean, k * dim * sizeof *to->mean);
    memcpy(to->cov, from->cov, k * dim * dim * sizeof *to->cov);
    memcpy(to->lower, from->lower, k * dim * dim * sizeof *to->lower);
    memcpy(to->log_peak, from->log_peak, k * sizeof *to->log_peak);
}

/* Total weight, spread and floor. */
static mad_status measure_rows(mad_ctx *ctx, double ridge, mad_em *em, double *mean)
{
    const mad_set *train = em->train;
    const size_t dim = train->dim;
    double *cov = mad_arena_take_raw(ctx->scratch, dim * dim, sizeof *cov);
    if (cov == NULL) {
        return mad_fail_memory(ctx, "the moments of the training rows");
    }
    const mad_status st =
        mad_mean_cov(ctx, train->n_rows, dim, train->x, train->weight, 0, mean, cov);
    if (st != MAD_OK) {
        return st;
    }
    em->total =
        train->weight == NULL ? (double)train->n_rows : mad_sum(train->n_rows, train->weight);
    em->spread = 0;
    for (size_t a = 0; a < dim; a++) {
        em->spread += cov[a * dim + a] / (double)dim;
    }
    em->floor = ridge * em->spread;
    return MAD_OK;
}

/* All rows are one point: every component sits on it. */
static void fit_point(mad_mixture *law, const double *mean)
{
    const size_t k = law->n_components, dim = law->dim;
    memset(law->cov, 0, k * dim * dim * sizeof *law->cov);
    for (size_t j = 0; j < k; j++) {
        law->weight[j] = 1 / (double)k;
        memcpy(law->mean + j * dim, mean, dim * sizeof *mean);
    }
}

/* EM from the mixture in em->mixture, whose likelihood is loss[0] negated; loss[i] after i steps.
 * Ends after n_steps, or when a step gains less than tolerance. */
static mad_status climb(mad_ctx *ctx, mad_em *em, size_t n_steps, double tolerance, double *loss,
                        size_t *n_loss)
{
    mad_status st = MAD_OK;
    for (size_t i = 0;; i++) {
        MAD_TRY(mad_ctx_poll(ctx));
        double log_likelihood = 0;
        MAD_TRY(mad_em_expect(ctx, em, &log_likelihood));
        loss[i] = -log_likelihood;
        *n_loss = i + 1;
        if (i == n_steps || (i > 0 && loss[i - 1] - loss[i] < tolerance)) {
            break;
        }
        MAD_TRY(mad_em_maximise(ctx, em));
    }
out:
    return st;
}

/* The best of several starts, in `law`. */
static mad_status fit_scratch(mad_ctx *ctx, const mad_em_options *options, mad_em *em, mad_key key,
                              mad_mixture *law, double *best_loss, size_t *n_best)
{
    mad_status st = MAD_OK;
    mad_mixture trial;
    double *loss = mad_arena_take_raw(ctx->scratch, options->n_iterations + 1, sizeof *loss);
    if (loss == NULL) {
        return mad_fail_memory(ctx, "the losses of a mixture fit");
    }
    MAD_TRY(mad_mixture_take(ctx, ctx->scratch, law->n_components, law->dim, &trial));
    em->mixture = &trial;
    for (size_t i_restart = 0; i_restart < options->n_restarts; i_restart++) {
        mad_rng rng = mad_rng_open(key, i_restart);
        size_t n_loss = 0;
        MAD_TRY(mad_em_start(ctx, em, &rng));
        MAD_TRY(mad_em_maximise(ctx, em));
        MAD_TRY(climb(ctx, em, options->n_iterations, options->tolerance, loss, &n_loss));
        if (i_restart == 0 || loss[n_loss - 1] < best_loss[*n_best - 1]) {
            copy_mixture(&trial, law);
            memcpy(best_loss, loss, n_loss * sizeof *loss);
            *n_best = n_loss;
        }
    }
out:
    em->mixture = law;
    return st;
}

mad_status mad_em_fit(mad_ctx *ctx, const mad_em_options *options, size_t warm_steps,
                      const mad_set *train, mad_key key, mad_mixture *mixture, double *loss,
                      size_t *n_loss, size_t *n_passes)
{
    mad_status st = MAD_OK;
    const size_t k = mixture->n_components, n = train->n_rows;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    mad_em em = {.mixture = mixture, .train = train};
    size_t n_share;

    if (n < k) {
        return mad_fail(ctx, MAD_E_RANGE,
                        "a mixture with %zu components needs as many rows, not %zu", k, n);
    }
    if (mad_size_mul(k, n, &n_share) != MAD_OK) {
        return mad_fail(ctx, MAD_E_RANGE, "%zu rows x %zu components are too large", n, k);
    }
    em.share = mad_arena_take_raw(ctx->scratch, n_share, sizeof *em.share);
    double *mean = mad_arena_take_raw(ctx->scratch, mixture->dim, sizeof *mean);
    if (em.share == NULL || mean == NULL) {
        st = mad_fail_memory(ctx, "the shares of a mixture fit");
        goto out;
    }
    *n_loss = 0;
    MAD_TRY(measure_rows(ctx, options->ridge, &em, mean));
    if (em.floor < DBL_MIN) { /* no spread, or one whose floor would vanish */
        fit_point(mixture, mean);
    } else if (warm_steps > 0) {
        MAD_TRY(mad_mixture_derive(ctx, em.floor, mixture));
        MAD_TRY(climb(ctx, &em, warm_steps, -HUGE_VAL, loss, n_loss));
    } else {
        MAD_TRY(fit_scratch(ctx, options, &em, key, mixture, loss, n_loss));
    }
    *n_passes = em.n_passes;
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

/* models/mixture.c: a mixture of normal laws with full covariances, fitted by EM. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "models/em.h"
#include "sim/iface/draw.h"
#include "sim/iface/model.h"
#include "sim/num/stats.h"

extern const mad_model_type mad_model_mixture;

typedef struct mixture_model {
    mad_model base;
    mad_mixture law, trial; /* trial: the restart that is running */
    double *cum;            /* [n_components] derived: running sums of the weights */
    size_t n_iterations, n_restarts;
    double tolerance, ridge;
} mixture_model;

static const mad_param params[] = {
    {.name = "components",
     .kind = MAD_PARAM_INT,
     .fallback = "8",
     .min = 1,
     .max = 1000,
     .doc = "number of normal components"},
    {.name = "iterations",
     .kind = MAD_PARAM_INT,
     .fallback = "200",
     .min = 1,
     .max = 100000,
     .doc = "at most so many EM steps per restart"},
    {.name = "tolerance",
     .kind = MAD_PARAM_REAL,
     .fallback = "1e-6",
     .min = 0,
     .max = 1,
     .unit = "nats per row",
     .doc = "stop when the log-likelihood gains less in a step"},
    {.name = "restarts",
     .kind = MAD_PARAM_INT,
     .fallback = "1",
     .min = 1,
     .max = 1000,
     .doc = "k-means++ starts; the best likelihood is kept"},
    {.name = "ridge",
     .kind = MAD_PARAM_REAL,
     .fallback = "1e-6",
     .min = 1e-30,
     .max = 1,
     .doc = "share of the training rows' mean variance added to a singular component's diagonal"},
    {.name = NULL},
};

static mad_status create(mad_ctx *ctx, const mad_model_args *args, mad_arena *mem, mad_model **out)
{
    const size_t k = mad_get_size(args->values, "components"), dim = args->world->dim;
    mad_status st = MAD_OK;
    mixture_model *self = mad_arena_take(mem, 1, sizeof *self);
    if (self == NULL) {
        return mad_fail_memory(ctx, "the mixture model");
    }
    self->base.type = &mad_model_mixture;
    self->n_iterations = mad_get_size(args->values, "iterations");
    self->n_restarts = mad_get_size(args->values, "restarts");
    self->tolerance = mad_get_real(args->values, "tolerance");
    self->ridge = mad_get_real(args->values, "ridge");
    MAD_TRY(mad_mixture_take(ctx, mem, k, dim, &self->law));
    MAD_TRY(mad_mixture_take(ctx, mem, k, dim, &self->trial));
    self->cum = mad_arena_take(mem, k, sizeof *self->cum);
    if (self->cum == NULL) {
        st = mad_fail_memory(ctx, "the weights of a mixture");
    }
    *out = &self->base;
out:
    return st;
}

static mad_status loaded(mad_ctx *ctx, mad_model *model)
{
    mixture_model *self = (mixture_model *)model;
    double sum = 0;
    for (size_t j = 0; j < self->law.n_components; j++) {
        sum += self->law.weight[j];
        self->cum[j] = sum;
    }
    return mad_mixture_derive(ctx, 0, &self->law);
}

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

/* Curve entry c is the mean of the c-th of n equal parts of the steps' losses. */
static void write_curve(size_t n_loss, const double *loss, size_t n, double *curve)
{
    for (size_t c = 0; c < n; c++) {
        const size_t begin = c * n_loss / n;
        const size_t end = (c + 1) * n_loss / n;
        curve[c] = mad_mean(end > begin ? end - begin : 1, loss + begin);
    }
}

/* The best of several starts, in self->law. */
static mad_status fit_scratch(mad_ctx *ctx, mixture_model *self, mad_em *em, mad_key key,
                              double *loss, double *best_loss, size_t *n_best)
{
    mad_status st = MAD_OK;
    em->mixture = &self->trial;
    for (size_t i_restart = 0; i_restart < self->n_restarts; i_restart++) {
        mad_rng rng = mad_rng_open(key, i_restart);
        size_t n_loss = 0;
        MAD_TRY(mad_em_start(ctx, em, &rng));
        MAD_TRY(mad_em_maximise(ctx, em));
        MAD_TRY(climb(ctx, em, self->n_iterations, self->tolerance, loss, &n_loss));
        if (i_restart == 0 || loss[n_loss - 1] < best_loss[*n_best - 1]) {
            copy_mixture(&self->trial, &self->law);
            memcpy(best_loss, loss, n_loss * sizeof *loss);
            *n_best = n_loss;
        }
    }
out:
    return st;
}

static mad_status fit(mad_ctx *ctx, mad_model *model, const mad_set *train,
                      const mad_fit_args *args)
{
    mixture_model *self = (mixture_model *)model;
    const size_t k = self->law.n_components, dim = self->law.dim, n = train->n_rows;
    const size_t n_steps = args->warm_steps > 0 ? args->warm_steps : self->n_iterations;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    mad_em em = {.mixture = &self->law, .train = train};
    size_t n_best = 0, n_share;
    mad_status st = MAD_OK;
    if (n < k) {
        return mad_fail(ctx, MAD_E_RANGE,
                        "model mixture with %zu components needs as many rows, not"
                        " %zu",
                        k, n);
    }
    if (mad_size_mul(k, n, &n_share) != MAD_OK) {
        return mad_fail(ctx, MAD_E_RANGE, "%zu rows x %zu components are too large", n, k);
    }
    em.share = mad_arena_take_raw(ctx->scratch, n_share, sizeof *em.share);
    double *loss = mad_arena_take_raw(ctx->scratch, n_steps + 1, sizeof *loss);
    double *best_loss = mad_arena_take_raw(ctx->scratch, n_steps + 1, sizeof *best_loss);
    double *mean = mad_arena_take_raw(ctx->scratch, dim, sizeof *mean);
    if (em.share == NULL || loss == NULL || best_loss == NULL || mean == NULL) {
        st = mad_fail_memory(ctx, "the shares of a mixture fit");
        goto out;
    }
    MAD_TRY(measure_rows(ctx, self->ridge, &em, mean));
    if (em.floor < DBL_MIN) { /* no spread, or one whose floor would vanish */
        fit_point(&self->law, mean);
    } else if (args->warm_steps > 0) {
        MAD_TRY(mad_mixture_derive(ctx, em.floor, &self->law));
        MAD_TRY(climb(ctx, &em, n_steps, -HUGE_VAL, best_loss, &n_best));
    } else {
        MAD_TRY(fit_scratch(ctx, self, &em, args->key, loss, best_loss, &n_best));
    }
    if (n_best > 0) {
        write_curve(n_best, best_loss, args->n_loss, args->loss_curve);
        *args->samples_seen = (double)n * (double)em.n_passes;
    }
    MAD_TRY(loaded(ctx, model));
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

static mad_status draw_chunk(mad_ctx *ctx, const void *arg, mad_rng *rng, size_t begin,
                             mad_set *rows)
{
    (void)begin;
    const mixture_model *self = arg;
    const mad_mixture *law = &self->law;
    const size_t dim = law->dim;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    double *z = mad_arena_take_raw(ctx->scratch, rows->n_rows * dim, sizeof *z);
    size_t pick[MAD_CHUNK];
    if (z == NULL) {
        return mad_fail_memory(ctx, "a chunk of normals");
    }
    for (size_t i = 0; i < rows->n_rows; i++) {
        pick[i] = mad_rng_index(rng, law->n_components, self->cum);
    }
    mad_rng_normals(rng, rows->n_rows * dim, z);
    for (size_t i = 0; i < rows->n_rows; i++) {
        const double *mean = law->mean + pick[i] * dim;
        const double *lower = law->lower + pick[i] * dim * dim;
        for (size_t a = 0; a < dim; a++) {
            double x = mean[a];
            for (size_t b = 0; b <= a; b++) {
                x += lower[a * dim + b] * z[i * dim + b];
            }
            rows->x[i * dim + a] = x;
        }
    }
    mad_arena_release(ctx->scratch, mark);
    return MAD_OK;
}

static mad_status sample(mad_ctx *ctx, mad_model *model, mad_key key, uint64_t first_item,
                         mad_set *out)
{
    return mad_draw_chunks(ctx, key, first_item, draw_chunk, model, out);
}

static void fields(mad_model *model, mad_fields *out)
{
    mad_mixture *law = &((mixture_model *)model)->law;
    const size_t k = law->n_components, dim = law->dim;
    *out = (mad_fields){
        .n_fields = 3,
        .field = {{"weight", MAD_FIELD_F64, k, law->weight},
                  {"mean", MAD_FIELD_F64, k * dim, law->mean},
                  {"cov", MAD_FIELD_F64, k * dim * dim, law->cov}},
    };
}

/* mean = sum w m;  cov = sum w (C + (m - mean)(m - mean)^T). */
static mad_status moments(mad_ctx *ctx, mad_model *model, mad_moments *out)
{
    (void)ctx;
    const mad_mixture *law = &((const mixture_model *)model)->law;
    const size_t dim = law->dim;
    out->dim = dim;
    memset(out->mean, 0, dim * sizeof *out->mean);
    memset(out->cov, 0, dim * dim * sizeof *out->cov);
    for (size_t j = 0; j < law->n_components; j++) {
        for (size_t a = 0; a < dim; a++) {
            out->mean[a] += law->weight[j] * law->mean[j * dim + a];
        }
    }
    for (size_t j = 0; j < law->n_components; j++) {
        const double *mean = law->mean + j * dim, *cov = law->cov + j * dim * dim;
        for (size_t a = 0; a < dim; a++) {
            const double da = mean[a] - out->mean[a];
            for (size_t b = 0; b < dim; b++) {
                out->cov[a * dim + b] +=
                    law->weight[j] * (cov[a * dim + b] + da * (mean[b] - out->mean[b]));
            }
        }
    }
    return MAD_OK;
}

const mad_model_type mad_model_mixture = {
    .name = "mixture",
    .doc = "a mixture of normal laws, fitted by expectation-maximisation",
    .ref = "Dempster, Laird & Rubin 1977; k-means++ start: Arthur & Vassilvitskii 2007",
    .params = params,
    .flags = MAD_MODEL_WARM | MAD_MODEL_LOSS,
    .worlds = 1u << MAD_WORLD_CONTINUOUS,
    .create = create,
    .fit = fit,
    .sample = sample,
    .fields = fields,
    .loaded = loaded,
    .moments = moments,
};

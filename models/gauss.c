/* models/gauss.c: one normal law, fitted by its moments. */
#include <math.h>
#include <string.h>

#include "models/em.h"
#include "sim/iface/draw.h"
#include "sim/iface/model.h"
#include "sim/num/linalg.h"
#include "sim/num/stats.h"

extern const mad_model_type mad_model_gauss;

enum { DDOF_UNBIASED, DDOF_ML };
enum { LANES = 8 };

typedef struct gauss_model {
    mad_model base;
    size_t dim;
    int ddof;
    mad_extrapolation extrapolation;
    size_t n_generations;
    double *mean;  /* [dim] */
    double *cov;   /* [dim][dim] */
    double *lower; /* [dim][dim] derived: lower lower^T = cov */
    mad_tilt tilt;
} gauss_model;

typedef struct draw_job {
    const gauss_model *self;
    mad_noise_tilt noise;
} draw_job;

static const mad_param params[] = {
    {.name = "ddof",
     .kind = MAD_PARAM_CHOICE,
     .fallback = "unbiased",
     .choices = "unbiased|ml",
     .doc = "covariance divides by n - 1 (unbiased) or by n (maximum likelihood)"},
    {.name = NULL},
};

/* The copy's covariance has a logarithm. */
static mad_status check_own_rows(mad_ctx *ctx, const mad_model_args *args)
{
    const mad_extrapolation *asked = &args->extrapolation;
    for (size_t t = 1; t <= args->n_generations && asked->kind != MAD_EXTRAPOLATE_NONE; t++) {
        const size_t n = mad_schedule_count(&asked->n_rows, t, args->n_generations);
        if (n <= args->world->dim) {
            return mad_fail(ctx, MAD_E_CONFIG,
                            "post.n: %zu own rows have a singular covariance; model gauss needs "
                            "more of them than columns (world.dim: %zu)",
                            n, args->world->dim);
        }
    }
    return MAD_OK;
}

static mad_status create(mad_ctx *ctx, const mad_model_args *args, mad_arena *mem, mad_model **out)
{
    const size_t dim = args->world->dim;
    gauss_model *self = mad_arena_take(mem, 1, sizeof *self);
    if (self == NULL) {
        return mad_fail_memory(ctx, "the gauss model");
    }
    const mad_status st = check_own_rows(ctx, args);
    if (st != MAD_OK) {
        return st;
    }
    self->base.type = &mad_model_gauss;
    self->dim = dim;
    self->tilt = args->tilt;
    self->ddof = mad_get_choice(args->values, "ddof") == DDOF_UNBIASED ? 1 : 0;
    self->extrapolation = args->extrapolation;
    self->n_generations = args->n_generations;
    self->mean = mad_arena_take(mem, dim, sizeof *self->mean);
    self->cov = mad_arena_take(mem, dim * dim, sizeof *self->cov);
    self->lower = mad_arena_take(mem, dim * dim, sizeof *self->lower);
    if (self->mean == NULL || self->cov == NULL || self->lower == NULL) {
        return mad_fail_memory(ctx, "the moments of the gauss model");
    }
    *out = &self->base;
    return MAD_OK;
}

static size_t least_rows(const mad_model *model)
{
    return (size_t)((const gauss_model *)model)->ddof + 1;
}

static mad_status loaded(mad_ctx *ctx, mad_model *model)
{
    gauss_model *self = (gauss_model *)model;
    if (self->dim == 1) {
        self->lower[0] = sqrt(self->cov[0]);
        return MAD_OK;
    }
    return mad_cholesky_semi(ctx, self->dim, self->cov, self->lower);
}

/* Adds lanes as a fixed tree. */
static double add_lanes(double *lane)
{
    for (size_t width = LANES / 2; width > 0; width /= 2) {
        for (size_t l = 0; l < width; l++) {
            lane[l] += lane[l + width];
        }
    }
    return lane[0];
}

/* Sum over fixed lanes: the order hangs on n alone, and the compiler may use vectors. */
static double lane_sum(size_t n, const double *x)
{
    double lane[LANES] = {0};
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        for (size_t l = 0; l < LANES; l++) {
            lane[l] += x[i + l];
        }
    }
    for (size_t l = 0; i < n; i++, l++) {
        lane[l] += x[i];
    }
    return add_lanes(lane);
}

static double lane_sum_sq(size_t n, const double *x, double mean)
{
    double lane[LANES] = {0};
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        for (size_t l = 0; l < LANES; l++) {
            lane[l] += (x[i + l] - mean) * (x[i + l] - mean);
        }
    }
    for (size_t l = 0; i < n; i++, l++) {
        lane[l] += (x[i] - mean) * (x[i] - mean);
    }
    return add_lanes(lane);
}

/* The 1-D loop of 10^4 generations times 10^3 replicates lives here: no scratch, no calls down. */
static void fit_line(const mad_set *train, int ddof, double *mean, double *var)
{
    const double n = (double)train->n_rows;
    *mean = lane_sum(train->n_rows, train->x) / n;
    *var = lane_sum_sq(train->n_rows, train->x, *mean) / (n - ddof);
}

static mad_status estimate(mad_ctx *ctx, const gauss_model *self, const mad_set *train,
                           double *mean, double *cov)
{
    if (train->n_rows <= (size_t)self->ddof) {
        return mad_fail(ctx, MAD_E_RANGE,
                        "model gauss with ddof = %s needs at least %d rows, not %zu",
                        self->ddof == 1 ? "unbiased" : "ml", self->ddof + 1, train->n_rows);
    }
    if (self->dim == 1 && train->weight == NULL) {
        fit_line(train, self->ddof, mean, cov);
    } else {
        const mad_status st = mad_mean_cov(ctx, train->n_rows, self->dim, train->x, train->weight,
                                           self->ddof, mean, cov);
        if (st != MAD_OK) {
            return st;
        }
    }
    if (self->dim == 1 && (!isfinite(mean[0]) || !isfinite(cov[0]))) {
        return mad_fail(ctx, MAD_E_NONFINITE, "model gauss: mean %g and variance %g", mean[0],
                        cov[0]);
    }
    return MAD_OK;
}

static mad_status fit(mad_ctx *ctx, mad_model *model, const mad_set *train,
                      const mad_fit_args *args)
{
    (void)args; /* closed form: nothing random, no steps */
    gauss_model *self = (gauss_model *)model;
    mad_status st = MAD_OK;
    MAD_TRY(estimate(ctx, self, train, self->mean, self->cov));
    MAD_TRY(loaded(ctx, model)); /* refuses NaN and Inf in more dimensions */
out:
    return st;
}

/* With B the covariance fitted to own rows: exp((1 + w) ln A - w ln B), mean (1 + w) mu - w mu_own.
 * Those are the parameters moved (weights), with the log covariance as parameter; and of guided
 * scores the law that is sampled, where A and B commute and the means agree. */
static mad_status extrapolate(mad_ctx *ctx, mad_model *model, const mad_set *own,
                              const mad_fit_args *args)
{
    gauss_model *self = (gauss_model *)model;
    const size_t dim = self->dim;
    const double w =
        mad_schedule_at(&self->extrapolation.w, args->key.generation, self->n_generations);
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    double *mean = mad_arena_take(ctx->scratch, dim, sizeof *mean);
    double *cov = mad_arena_take(ctx->scratch, dim * dim, sizeof *cov);
    mad_status st = MAD_OK;
    if (mean == NULL || cov == NULL) {
        return mad_fail_memory(ctx, "the moments of own rows");
    }
    if (w != 0.0) {
        MAD_TRY(estimate(ctx, self, own, mean, cov));
        MAD_TRY(mad_log_extrapolate(ctx, dim, self->cov, cov, w, self->cov));
        for (size_t j = 0; j < dim; j++) {
            self->mean[j] += w * (self->mean[j] - mean[j]);
        }
        MAD_TRY(loaded(ctx, model));
    }
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

static mad_status draw_chunk(mad_ctx *ctx, const void *arg, mad_rng *rng, size_t begin,
                             mad_set *rows)
{
    (void)ctx;
    (void)begin;
    const draw_job *job = arg;
    const gauss_model *self = job->self;
    const size_t dim = self->dim;
    mad_noise_normals(&job->noise, rng, rows->n_rows * dim, rows->x);
    if (dim == 1) {
        const double mean = self->mean[0], sd = self->lower[0];
        for (size_t i = 0; i < rows->n_rows; i++) {
            rows->x[i] = mean + sd * rows->x[i];
        }
        return MAD_OK;
    }
    mad_rows_times_lower(rows->n_rows, dim, self->lower, rows->x);
    for (size_t i = 0; i < rows->n_rows; i++) {
        for (size_t j = 0; j < dim; j++) {
            rows->x[i * dim + j] += self->mean[j];
        }
    }
    return MAD_OK;
}

static mad_status sample(mad_ctx *ctx, mad_model *model, mad_key key, uint64_t first_item,
                         mad_set *out)
{
    const draw_job job = {(const gauss_model *)model, mad_noise_plain};
    return mad_draw_chunks(ctx, key, first_item, draw_chunk, &job, out);
}

static mad_status sample_tilted(mad_ctx *ctx, mad_model *model, mad_key key, uint64_t first_item,
                                size_t generation, mad_set *out)
{
    const gauss_model *self = (const gauss_model *)model;
    const draw_job job = {self, mad_tilt_noise(&self->tilt, generation)};
    return mad_draw_chunks(ctx, key, first_item, draw_chunk, &job, out);
}

static void fields(mad_model *model, mad_fields *out)
{
    gauss_model *self = (gauss_model *)model;
    *out = (mad_fields){
        .n_fields = 2,
        .field = {{"mean", MAD_FIELD_F64, self->dim, self->mean},
                  {"cov", MAD_FIELD_F64, self->dim * self->dim, self->cov}},
    };
}

static mad_status moments(mad_ctx *ctx, mad_model *model, mad_moments *out)
{
    (void)ctx;
    const gauss_model *self = (const gauss_model *)model;
    out->dim = self->dim;
    memcpy(out->mean, self->mean, self->dim * sizeof *self->mean);
    memcpy(out->cov, self->cov, self->dim * self->dim * sizeof *self->cov);
    return MAD_OK;
}

/* A mixture of one. */
static mad_status log_density(mad_ctx *ctx, mad_model *model, mad_key key, const mad_set *rows,
                              double *out)
{
    (void)key;
    const gauss_model *self = (const gauss_model *)model;
    double weight = 1, log_peak;
    mad_mixture law = {1, self->dim, &weight, self->mean, self->cov, self->lower, &log_peak};
    const mad_status st = mad_mixture_derive(ctx, 0, &law);
    return st == MAD_OK ? mad_mixture_log_density(ctx, &law, rows, out) : st;
}

const mad_model_type mad_model_gauss = {
    .name = "gauss",
    .doc = "one normal law, fitted by mean and covariance",
    .ref = "Alemohammad et al. 2023, arXiv:2307.01850, Eq. 1",
    .params = params,
    .worlds = 1u << MAD_WORLD_CONTINUOUS,
    .create = create,
    .least_rows = least_rows,
    .fit = fit,
    .sample = sample,
    .tilts = 1u << MAD_TILT_TRUNCATION | 1u << MAD_TILT_TEMPERATURE,
    .sample_tilted = sample_tilted,
    .extrapolations = 1u << MAD_EXTRAPOLATE_SCORES | 1u << MAD_EXTRAPOLATE_WEIGHTS,
    .extrapolate = extrapolate,
    .fields = fields,
    .loaded = loaded,
    .moments = moments,
    .log_density = log_density,
};

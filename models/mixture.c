/* models/mixture.c: a mixture of normal laws with full covariances, fitted by EM. */
#include <string.h>

#include "models/em.h"
#include "sim/iface/draw.h"
#include "sim/iface/model.h"
#include "sim/num/stats.h"

extern const mad_model_type mad_model_mixture;

typedef struct mixture_model {
    mad_model base;
    mad_mixture law;
    double *cum; /* [n_components] derived: running sums of the weights */
    mad_em_options options;
    mad_tilt tilt; /* of the noise within components */
} mixture_model;

typedef struct draw_job {
    const mixture_model *self;
    mad_noise_tilt noise;
} draw_job;

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
    self->tilt = args->tilt;
    self->options = (mad_em_options){.n_iterations = mad_get_size(args->values, "iterations"),
                                     .n_restarts = mad_get_size(args->values, "restarts"),
                                     .tolerance = mad_get_real(args->values, "tolerance"),
                                     .ridge = mad_get_real(args->values, "ridge")};
    MAD_TRY(mad_mixture_take(ctx, mem, k, dim, &self->law));
    self->cum = mad_arena_take(mem, k, sizeof *self->cum);
    if (self->cum == NULL) {
        st = mad_fail_memory(ctx, "the weights of a mixture");
    }
    *out = &self->base;
out:
    return st;
}

static size_t least_rows(const mad_model *model)
{
    return ((const mixture_model *)model)->law.n_components;
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

/* Curve entry c is the mean of the c-th of n equal parts of the steps' losses. */
static void write_curve(size_t n_loss, const double *loss, size_t n, double *curve)
{
    for (size_t c = 0; c < n; c++) {
        const size_t begin = c * n_loss / n;
        const size_t end = (c + 1) * n_loss / n;
        curve[c] = mad_mean(end > begin ? end - begin : 1, loss + begin);
    }
}

static mad_status fit(mad_ctx *ctx, mad_model *model, const mad_set *train,
                      const mad_fit_args *args)
{
    mixture_model *self = (mixture_model *)model;
    const size_t n_steps = args->warm_steps > 0 ? args->warm_steps : self->options.n_iterations;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    size_t n_loss = 0, n_passes = 0;
    mad_status st = MAD_OK;
    double *loss = mad_arena_take_raw(ctx->scratch, n_steps + 1, sizeof *loss);
    if (loss == NULL) {
        st = mad_fail_memory(ctx, "the losses of a mixture fit");
        goto out;
    }
    MAD_TRY(mad_em_fit(ctx, &self->options, args->warm_steps, train, args->key, &self->law, loss,
                       &n_loss, &n_passes));
    if (n_loss > 0) {
        write_curve(n_loss, loss, args->n_loss, args->loss_curve);
        *args->samples_seen = (double)train->n_rows * (double)n_passes;
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
    const draw_job *job = arg;
    const mixture_model *self = job->self;
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
    mad_noise_normals(&job->noise, rng, rows->n_rows * dim, z);
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
    const draw_job job = {(const mixture_model *)model, mad_noise_plain};
    return mad_draw_chunks(ctx, key, first_item, draw_chunk, &job, out);
}

static mad_status sample_tilted(mad_ctx *ctx, mad_model *model, mad_key key, uint64_t first_item,
                                size_t generation, mad_set *out)
{
    const mixture_model *self = (const mixture_model *)model;
    const draw_job job = {self, mad_tilt_noise(&self->tilt, generation)};
    return mad_draw_chunks(ctx, key, first_item, draw_chunk, &job, out);
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

static mad_status log_density(mad_ctx *ctx, mad_model *model, mad_key key, const mad_set *rows,
                              double *out)
{
    (void)key;
    return mad_mixture_log_density(ctx, &((const mixture_model *)model)->law, rows, out);
}

const mad_model_type mad_model_mixture = {
    .name = "mixture",
    .doc = "a mixture of normal laws, fitted by expectation-maximisation",
    .ref = "Dempster, Laird & Rubin 1977; k-means++ start: Arthur & Vassilvitskii 2007",
    .params = params,
    .flags = MAD_MODEL_WARM | MAD_MODEL_LOSS,
    .worlds = 1u << MAD_WORLD_CONTINUOUS,
    .create = create,
    .least_rows = least_rows,
    .fit = fit,
    .sample = sample,
    .tilts = 1u << MAD_TILT_TRUNCATION | 1u << MAD_TILT_TEMPERATURE,
    .sample_tilted = sample_tilted,
    .fields = fields,
    .loaded = loaded,
    .moments = moments,
    .log_density = log_density,
};

/* models/kde.c: kernel density with an axis-parallel normal kernel: a draw is x_J + h e. */
#include <math.h>
#include <string.h>

#include "sim/base/par.h"
#include "sim/iface/draw.h"
#include "sim/iface/model.h"
#include "sim/num/stats.h"

extern const mad_model_type mad_model_kde;

enum { BANDWIDTH_SILVERMAN, BANDWIDTH_FIXED };

typedef struct kde_model {
    mad_model base;
    size_t dim, max_rows;
    int is_fixed;
    double fixed;    /* bandwidth in data units */
    int64_t *n_rows; /* training rows held */
    double *x;       /* [max_rows][dim] */
    double *cum;     /* [max_rows] running sums of the row weights */
    int64_t *label;  /* [max_rows] or NULL */
    double *h;       /* [dim] bandwidths */
    mad_tilt tilt;   /* of the kernels */
} kde_model;

typedef struct draw_job {
    const kde_model *self;
    mad_noise_tilt noise;
} draw_job;

static const mad_param params[] = {
    {.name = "bandwidth",
     .kind = MAD_PARAM_FORM,
     .fallback = "silverman",
     .min = 0,
     .max = 1e6,
     .choices = "silverman|#",
     .unit = "data units",
     .doc = "sd of the kernel; silverman: sd_j (4 / ((dim + 2) n))^(1 / (dim + 4)) per coordinate"},
    {.name = NULL},
};

static mad_status create(mad_ctx *ctx, const mad_model_args *args, mad_arena *mem, mad_model **out)
{
    const mad_value *bandwidth = mad_get(args->values, "bandwidth");
    const size_t dim = args->world->dim, n = args->max_train_rows;
    size_t n_values;
    if (mad_size_mul(n, dim, &n_values) != MAD_OK) {
        return mad_fail(ctx, MAD_E_RANGE, "%zu training rows x %zu columns are too large", n, dim);
    }
    kde_model *self = mad_arena_take(mem, 1, sizeof *self);
    if (self == NULL) {
        return mad_fail_memory(ctx, "the kde model");
    }
    self->base.type = &mad_model_kde;
    self->tilt = args->tilt;
    self->dim = dim;
    self->max_rows = n;
    self->is_fixed = bandwidth->choice == BANDWIDTH_FIXED;
    self->fixed = bandwidth->number;
    self->n_rows = mad_arena_take(mem, 1, sizeof *self->n_rows);
    self->x = mad_arena_take(mem, n_values, sizeof *self->x);
    self->cum = mad_arena_take(mem, n, sizeof *self->cum);
    self->h = mad_arena_take(mem, dim, sizeof *self->h);
    int ok = self->n_rows != NULL && self->x != NULL && self->cum != NULL && self->h != NULL;
    if (args->world->n_classes > 0) {
        self->label = mad_arena_take(mem, n, sizeof *self->label);
        ok = ok && self->label != NULL;
    }
    if (!ok) {
        return mad_fail_memory(ctx, "the training rows of the kde model");
    }
    *out = &self->base;
    return MAD_OK;
}

/* Silverman's rule with the unbiased sd of the coordinate; with row weights n is Kish's effective
 * size (sum w)^2 / sum w^2. ref Silverman 1986, Eq. 4.14 */
static mad_status set_bandwidths(mad_ctx *ctx, kde_model *self, const mad_set *train)
{
    const size_t dim = self->dim, n = train->n_rows;
    for (size_t j = 0; j < dim; j++) {
        self->h[j] = self->fixed;
    }
    if (self->is_fixed) {
        return MAD_OK;
    }
    if (n < 2) {
        return mad_fail(ctx, MAD_E_RANGE,
                        "model kde with bandwidth = silverman needs at least 2 rows, not %zu", n);
    }
    double total = (double)n, total_sq = (double)n;
    if (train->weight != NULL) {
        total = total_sq = 0;
        for (size_t i = 0; i < n; i++) {
            total += train->weight[i];
            total_sq += train->weight[i] * train->weight[i];
        }
    }
    const double d = (double)dim, n_effective = total * total / total_sq;
    const double factor = pow(4 / ((d + 2) * n_effective), 1 / (d + 4));
    for (size_t j = 0; j < dim; j++) {
        double mean = 0, var = 0;
        for (size_t i = 0; i < n; i++) {
            mean += (train->weight == NULL ? 1 : train->weight[i]) * train->x[i * dim + j];
        }
        mean /= total;
        for (size_t i = 0; i < n; i++) {
            const double e = train->x[i * dim + j] - mean;
            var += (train->weight == NULL ? 1 : train->weight[i]) * e * e;
        }
        self->h[j] = factor * sqrt(var / (total - total_sq / total));
    }
    return MAD_OK;
}

static size_t least_rows(const mad_model *model)
{
    return ((const kde_model *)model)->is_fixed ? 1 : 2;
}

static mad_status fit(mad_ctx *ctx, mad_model *model, const mad_set *train,
                      const mad_fit_args *args)
{
    (void)args;
    kde_model *self = (kde_model *)model;
    if (train->n_rows == 0) {
        return mad_fail(ctx, MAD_E_RANGE, "model kde needs at least 1 row, not 0");
    }
    MAD_ASSERT(train->n_rows <= self->max_rows);
    MAD_ASSERT(self->label == NULL || train->label != NULL);
    const mad_status st = set_bandwidths(ctx, self, train);
    if (st != MAD_OK) {
        return st;
    }
    *self->n_rows = (int64_t)train->n_rows;
    memcpy(self->x, train->x, train->n_rows * self->dim * sizeof *self->x);
    double sum = 0;
    for (size_t i = 0; i < train->n_rows; i++) {
        sum += train->weight == NULL ? 1 : train->weight[i];
        self->cum[i] = sum;
        if (self->label != NULL) {
            self->label[i] = train->label[i];
        }
    }
    return MAD_OK;
}

static mad_status draw_chunk(mad_ctx *ctx, const void *arg, mad_rng *rng, size_t begin,
                             mad_set *rows)
{
    (void)ctx;
    (void)begin;
    const draw_job *job = arg;
    const kde_model *self = job->self;
    const size_t dim = self->dim;
    size_t pick[MAD_CHUNK];
    for (size_t i = 0; i < rows->n_rows; i++) {
        pick[i] = mad_rng_index(rng, (size_t)*self->n_rows, self->cum);
    }
    mad_noise_normals(&job->noise, rng, rows->n_rows * dim, rows->x);
    for (size_t i = 0; i < rows->n_rows; i++) {
        double *x = rows->x + i * dim;
        for (size_t j = 0; j < dim; j++) {
            x[j] = self->x[pick[i] * dim + j] + self->h[j] * x[j];
        }
        if (rows->label != NULL && self->label != NULL) {
            rows->label[i] = (int32_t)self->label[pick[i]];
        }
        if (rows->parent != NULL) {
            rows->parent[i] = (int32_t)pick[i];
        }
    }
    return MAD_OK;
}

static mad_status sample(mad_ctx *ctx, mad_model *model, mad_key key, uint64_t first_item,
                         mad_set *out)
{
    const draw_job job = {(const kde_model *)model, mad_noise_plain};
    return mad_draw_chunks(ctx, key, first_item, draw_chunk, &job, out);
}

static mad_status sample_tilted(mad_ctx *ctx, mad_model *model, mad_key key, uint64_t first_item,
                                size_t generation, mad_set *out)
{
    const kde_model *self = (const kde_model *)model;
    const draw_job job = {self, mad_tilt_noise(&self->tilt, generation)};
    return mad_draw_chunks(ctx, key, first_item, draw_chunk, &job, out);
}

static int has_parents(const mad_values *values, mad_extrapolation_kind kind)
{
    (void)values;
    return kind == MAD_EXTRAPOLATE_NONE;
}

static void fields(mad_model *model, mad_fields *out)
{
    kde_model *self = (kde_model *)model;
    *out = (mad_fields){
        .n_fields = 4,
        .field = {{"n_rows", MAD_FIELD_I64, 1, self->n_rows},
                  {"x", MAD_FIELD_F64, self->max_rows * self->dim, self->x},
                  {"cum", MAD_FIELD_F64, self->max_rows, self->cum},
                  {"bandwidth", MAD_FIELD_F64, self->dim, self->h}},
    };
    if (self->label != NULL) {
        out->field[out->n_fields++] =
            (mad_field){"label", MAD_FIELD_I64, self->max_rows, self->label};
    }
}

/* A count from a file is a length here. */
static mad_status loaded(mad_ctx *ctx, mad_model *model)
{
    const kde_model *self = (const kde_model *)model;
    if (*self->n_rows < 1 || (uint64_t)*self->n_rows > self->max_rows) {
        return mad_fail(ctx, MAD_E_DATA,
                        "a kernel density estimate holds %lld rows, must be 1 to %zu",
                        (long long)*self->n_rows, self->max_rows);
    }
    return MAD_OK;
}

/* Mean and ML covariance of the (weighted) training rows, plus h_j^2 on the diagonal. */
static mad_status moments(mad_ctx *ctx, mad_model *model, mad_moments *out)
{
    const kde_model *self = (const kde_model *)model;
    const size_t n = (size_t)*self->n_rows, dim = self->dim;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    double *weight = mad_arena_take_raw(ctx->scratch, n, sizeof *weight);
    mad_status st = MAD_OK;
    if (weight == NULL) {
        st = mad_fail_memory(ctx, "row weights");
        goto out;
    }
    for (size_t i = 0; i < n; i++) {
        weight[i] = self->cum[i] - (i == 0 ? 0 : self->cum[i - 1]);
    }
    out->dim = dim;
    MAD_TRY(mad_mean_cov(ctx, n, dim, self->x, weight, 0, out->mean, out->cov));
    for (size_t j = 0; j < dim; j++) {
        out->cov[j * dim + j] += self->h[j] * self->h[j];
    }
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

typedef struct density_job {
    const kde_model *self;
    const mad_set *rows;
    double *log_density;
} density_job;

/* ln of the kernel's sum at x over the rows of its class. exponent: [n_rows] scratch */
static double log_p(const kde_model *self, const double *x, const int32_t *label, double *exponent)
{
    const size_t n = (size_t)*self->n_rows, dim = self->dim;
    const int of_class = label != NULL && self->label != NULL;
    double largest = -HUGE_VAL, sum = 0, total = 0, log_width = 0;
    for (size_t i = 0; i < n; i++) {
        double square = of_class && self->label[i] != *label ? HUGE_VAL : 0;
        for (size_t j = 0; j < dim && square < HUGE_VAL; j++) {
            const double z = (x[j] - self->x[i * dim + j]) / self->h[j];
            square += z * z;
        }
        exponent[i] = -0.5 * square;
        largest = fmax(largest, exponent[i]);
    }
    for (size_t i = 0; i < n; i++) {
        const double weight = self->cum[i] - (i == 0 ? 0 : self->cum[i - 1]);
        total += of_class && self->label[i] != *label ? 0 : weight;
        sum += largest == -HUGE_VAL ? 1 : weight * exp(exponent[i] - largest);
    }
    for (size_t j = 0; j < dim; j++) {
        log_width += log(self->h[j]);
    }
    return largest + log(sum / total) - log_width - 0.5 * (double)dim * log(2 * acos(-1.0));
}

static mad_status density_chunk(mad_ctx *ctx, void *arg, size_t i_chunk)
{
    const density_job *job = arg;
    const mad_set *rows = job->rows;
    const size_t begin = mad_chunk_begin(i_chunk);
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    double *exponent =
        mad_arena_take_raw(ctx->scratch, (size_t)*job->self->n_rows, sizeof *exponent);
    if (exponent == NULL) {
        return mad_fail_memory(ctx, "the kernels at a row");
    }
    for (size_t i = begin; i < begin + mad_chunk_rows(rows->n_rows, i_chunk); i++) {
        job->log_density[i] = log_p(job->self, rows->x + i * rows->dim,
                                    rows->label == NULL ? NULL : &rows->label[i], exponent);
    }
    mad_arena_release(ctx->scratch, mark);
    return MAD_OK;
}

static mad_status log_density(mad_ctx *ctx, mad_model *model, mad_key key, const mad_set *rows,
                              double *out)
{
    (void)key;
    density_job job = {(const kde_model *)model, rows, out};
    return mad_par_for(ctx, mad_n_chunks(rows->n_rows), density_chunk, &job);
}

const mad_model_type mad_model_kde = {
    .name = "kde",
    .doc = "kernel density estimate with a normal kernel",
    .ref = "Silverman 1986; in loops: Borji 2024, arXiv:2410.12954",
    .params = params,
    .flags = MAD_MODEL_LABELS,
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
    .has_parents = has_parents,
    .log_density = log_density,
};

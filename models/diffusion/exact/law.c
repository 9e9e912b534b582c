/* models/diffusion/exact/law.c: the exact denoiser of a mixture of normal laws. */
#include "models/diffusion/exact/law.h"

#include <math.h>
#include <string.h>

#include "sim/num/linalg.h"

#define LOG_TWO_PI 1.83787706640934548356

/* Sums over components run in fixed lanes: the order hangs on n alone, and vectors fit. */
enum { LANES = 8 };

/* A component this far below the largest does not change a double. */
#define NEGLIGIBLE (-40.0)

static size_t n_cov(const mad_law *law)
{
    return law->shape == MAD_SHAPE_FULL       ? law->dim * law->dim
           : law->shape == MAD_SHAPE_DIAGONAL ? law->dim
                                              : 1;
}

static size_t n_variance(const mad_law *law)
{
    return law->shape == MAD_SHAPE_SPHERICAL ? 1 : law->dim;
}

mad_status mad_law_take(mad_ctx *ctx, mad_shape shape, size_t n_max, size_t dim, size_t n_classes,
                        mad_arena *mem, mad_law *out)
{
    mad_status st = MAD_OK;
    mad_law law = {.shape = shape, .n_max = n_max, .dim = dim, .n_classes = n_classes};
    size_t n_means = 0, n_weights = 0, n_covs = 0;

    MAD_TRY(mad_size_mul(n_max, dim, &n_means));
    MAD_TRY(mad_size_mul(n_max, n_classes + 1, &n_weights));
    MAD_TRY(mad_size_mul(n_max, n_cov(&law), &n_covs));
    law.n = mad_arena_take(mem, 1, sizeof *law.n);
    law.weight = mad_arena_take(mem, n_weights, sizeof *law.weight);
    law.log_weight = mad_arena_take(mem, n_weights, sizeof *law.log_weight);
    law.only = mad_arena_take(mem, n_classes + 1, sizeof *law.only);
    law.mean = mad_arena_take(mem, n_means, sizeof *law.mean);
    law.cov = mad_arena_take(mem, n_covs, sizeof *law.cov);
    law.variance = mad_arena_take(mem, n_max * n_variance(&law), sizeof *law.variance);
    int ok = law.n != NULL && law.weight != NULL && law.log_weight != NULL && law.only != NULL &&
             law.mean != NULL && law.cov != NULL && law.variance != NULL;
    if (shape == MAD_SHAPE_FULL) {
        law.basis = mad_arena_take(mem, n_covs, sizeof *law.basis);
        ok = ok && law.basis != NULL;
    } else if (shape == MAD_SHAPE_SPHERICAL) {
        law.across = mad_arena_take(mem, n_means, sizeof *law.across);
        ok = ok && law.across != NULL;
    }
    if (!ok) {
        st = mad_fail_memory(ctx, "the components of an exact denoiser");
        goto out;
    }
    *out = law;
out:
    return st;
}

mad_status mad_law_derive(mad_ctx *ctx, mad_law *law)
{
    mad_status st = MAD_OK;
    const size_t n = (size_t)*law->n, dim = law->dim;

    if (n == 0 || n > law->n_max) {
        return mad_fail(ctx, MAD_E_DATA, "an exact law has %lld components, must have 1 to %zu",
                        (long long)*law->n, law->n_max);
    }
    for (size_t i = 0; i < (law->n_classes + 1) * law->n_max; i++) {
        law->log_weight[i] = law->weight[i] > 0.0 ? log(law->weight[i]) : -HUGE_VAL;
    }
    for (size_t k = 0; k <= law->n_classes; k++) {
        size_t n_alive = 0;
        for (size_t j = 0; j < n; j++) {
            if (law->weight[k * law->n_max + j] > 0.0) {
                law->only[k] = (int64_t)j;
                n_alive++;
            }
        }
        law->only[k] = n_alive == 1 ? law->only[k] : -1;
    }
    for (size_t j = 0; j < n && law->shape == MAD_SHAPE_FULL; j++) {
        MAD_TRY(mad_eigen_sym(ctx, dim, law->cov + j * dim * dim, law->variance + j * dim,
                              law->basis + j * dim * dim));
        for (size_t a = 0; a < dim; a++) { /* rounding of a singular covariance */
            law->variance[j * dim + a] = fmax(law->variance[j * dim + a], 0.0);
        }
    }
    if (law->shape != MAD_SHAPE_FULL) {
        memcpy(law->variance, law->cov, n * n_variance(law) * sizeof *law->variance);
    }
    for (size_t j = 0; j < n && law->across != NULL; j++) {
        for (size_t a = 0; a < dim; a++) {
            law->across[a * law->n_max + j] = law->mean[j * dim + a];
        }
    }
out:
    return st;
}

void mad_law_fields(const mad_law *law, int is_auxiliary, mad_fields *out)
{
    static const char *const names[2][4] = {
        {"n_components", "weight", "mean", "cov"},
        {"auxiliary_n_components", "auxiliary_weight", "auxiliary_mean", "auxiliary_cov"}};
    const char *const *name = names[is_auxiliary];
    const mad_field list[] = {
        {name[0], MAD_FIELD_I64, 1, law->n},
        {name[1], MAD_FIELD_F64, (law->n_classes + 1) * law->n_max, law->weight},
        {name[2], MAD_FIELD_F64, law->n_max * law->dim, law->mean},
        {name[3], MAD_FIELD_F64, law->n_max * n_cov(law), law->cov},
    };
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        out->field[out->n_fields++] = list[i];
    }
}

/* ---- the denoiser ---- */

/* What depends on sigma alone is worked out once for all rows of a call. */
typedef struct law_denoiser {
    const mad_law *law;
    double *peak;    /* [n_max] -ln sqrt det(2 pi (C_j + sigma^2 I)) */
    double *inverse; /* as variance: 1 / (variance + sigma^2) */
    double *log_r;   /* [n_max] */
    double *y;       /* [dim] a row in a component's basis */
    double *row;     /* [dim] a row */
    double *map;     /* full: [dim][dim] C (C + sigma^2 I)^-1 of a lone component; else NULL */
} law_denoiser;

static void set_level(law_denoiser *self, double sigma)
{
    const mad_law *law = self->law;
    const size_t n = (size_t)*law->n, dim = law->dim, m = n_variance(law);
    const double per = (double)dim / (double)m; /* coordinates that share a variance */
    for (size_t j = 0; j < n; j++) {
        double log_det = 0.0;
        for (size_t a = 0; a < m; a++) {
            const double v = law->variance[j * m + a] + sigma * sigma;
            self->inverse[j * m + a] = 1.0 / v;
            log_det += per * log(v);
        }
        self->peak[j] = -0.5 * (log_det + (double)dim * LOG_TWO_PI);
    }
}

/* y = basis (x - m_j), or x - m_j. */
static void turn(const law_denoiser *self, size_t j, const double *x)
{
    const mad_law *law = self->law;
    const size_t dim = law->dim;
    const double *mean = law->mean + j * dim;
    if (law->basis == NULL) {
        for (size_t a = 0; a < dim; a++) {
            self->y[a] = x[a] - mean[a];
        }
        return;
    }
    for (size_t a = 0; a < dim; a++) {
        const double *axis = law->basis + (j * dim + a) * dim;
        double sum = 0.0;
        for (size_t b = 0; b < dim; b++) {
            sum += axis[b] * (x[b] - mean[b]);
        }
        self->y[a] = sum;
    }
}

/* log_r[j] = ln w_j N(x; m_j, C_j + sigma^2 I); returns the largest. */
static double log_posterior(const law_denoiser *self, const double *log_weight, const double *x)
{
    const mad_law *law = self->law;
    const size_t n = (size_t)*law->n, dim = law->dim;
    double *const log_r = self->log_r;
    double largest = -HUGE_VAL;
    if (law->shape == MAD_SHAPE_SPHERICAL) {
        memset(log_r, 0, n * sizeof *log_r);
        for (size_t a = 0; a < dim; a++) {
            const double *mean = law->across + a * law->n_max, at = x[a];
            for (size_t j = 0; j < n; j++) {
                log_r[j] += (at - mean[j]) * (at - mean[j]);
            }
        }
        for (size_t j = 0; j < n; j++) {
            log_r[j] = log_weight[j] + self->peak[j] - 0.5 * self->inverse[j] * log_r[j];
            largest = log_r[j] > largest ? log_r[j] : largest;
        }
        return largest;
    }
    for (size_t j = 0; j < n; j++) {
        const double *inverse = self->inverse + j * dim;
        double sum = 0.0;
        if (log_weight[j] == -HUGE_VAL) {
            log_r[j] = -HUGE_VAL;
            continue;
        }
        turn(self, j, x);
        for (size_t a = 0; a < dim; a++) {
            sum += self->y[a] * self->y[a] * inverse[a];
        }
        log_r[j] = log_weight[j] + self->peak[j] - 0.5 * sum;
        largest = log_r[j] > largest ? log_r[j] : largest;
    }
    return largest;
}

/* d += r [m_j + C_j (C_j + sigma^2 I)^-1 (x - m_j)] */
static void add_component(const law_denoiser *self, size_t j, double r, const double *x, double *d)
{
    const mad_law *law = self->law;
    const size_t dim = law->dim;
    const double *mean = law->mean + j * dim;
    if (law->shape == MAD_SHAPE_SPHERICAL) {
        const double k = law->variance[j] * self->inverse[j];
        for (size_t a = 0; a < dim; a++) {
            d[a] += r * (mean[a] + k * (x[a] - mean[a]));
        }
        return;
    }
    const double *variance = law->variance + j * dim, *inverse = self->inverse + j * dim;
    turn(self, j, x);
    for (size_t a = 0; a < dim; a++) {
        self->y[a] *= r * variance[a] * inverse[a];
        d[a] += r * mean[a];
    }
    if (law->basis == NULL) {
        for (size_t a = 0; a < dim; a++) {
            d[a] += self->y[a];
        }
        return;
    }
    for (size_t a = 0; a < dim; a++) {
        const double *axis = law->basis + (j * dim + a) * dim;
        for (size_t b = 0; b < dim; b++) {
            d[b] += self->y[a] * axis[b];
        }
    }
}

/* The same of all components at once, where they are round: sum r k x + sum r (1 - k) m. */
static void add_round(const law_denoiser *self, const double *x, double *d)
{
    const mad_law *law = self->law;
    const size_t n = (size_t)*law->n;
    double *const share = self->log_r; /* r, then r (1 - k) */
    double slope = 0.0;
    for (size_t j = 0; j < n; j++) {
        const double k = law->variance[j] * self->inverse[j], r = share[j];
        slope += r * k;
        share[j] = r * (1.0 - k);
    }
    for (size_t a = 0; a < law->dim; a++) {
        const double *mean = law->across + a * law->n_max;
        double lane[LANES] = {0}, sum = 0.0;
        size_t j = 0;
        for (; j + LANES <= n; j += LANES) {
            for (size_t l = 0; l < LANES; l++) {
                lane[l] += share[j + l] * mean[j + l];
            }
        }
        for (; j < n; j++) {
            sum += share[j] * mean[j];
        }
        for (size_t l = 0; l < LANES; l++) {
            sum += lane[l];
        }
        d[a] = sum + slope * x[a];
    }
}

/* log_r -> r with sum 1 (components that do not matter become 0); returns ln sum exp. */
static double normalise(size_t n, double largest, double *r)
{
    double total = 0.0;
    for (size_t j = 0; j < n; j++) {
        const double below = r[j] - largest;
        r[j] = below > NEGLIGIBLE ? exp(below) : 0.0;
        total += r[j];
    }
    for (size_t j = 0; j < n; j++) {
        r[j] /= total;
    }
    return largest + log(total);
}

static size_t class_of(const mad_law *law, int32_t label)
{
    return label == MAD_NO_CLASS ? law->n_classes : (size_t)label;
}

static void add_posterior_mean(const law_denoiser *self, size_t k, const double *x, double *d)
{
    const mad_law *law = self->law;
    const size_t n = (size_t)*law->n;
    const double largest = log_posterior(self, law->log_weight + k * law->n_max, x);
    (void)normalise(n, largest, self->log_r);
    if (law->shape == MAD_SHAPE_SPHERICAL) {
        add_round(self, x, d);
        return;
    }
    for (size_t j = 0; j < n; j++) {
        if (self->log_r[j] != 0.0) { /* NaN too: it must stay visible */
            add_component(self, j, self->log_r[j], x, d);
        }
    }
}

/* All rows are of one component: D = m + map (x - m). */
static void denoise_alone(const law_denoiser *self, size_t j, size_t n_rows, const double *x,
                          double *d)
{
    const mad_law *law = self->law;
    const size_t dim = law->dim, m = n_variance(law);
    const double *mean = law->mean + j * dim;
    const double *variance = law->variance + j * m, *inverse = self->inverse + j * m;
    if (law->basis == NULL) {
        for (size_t i = 0; i < n_rows; i++) {
            for (size_t a = 0; a < dim; a++) {
                const size_t k = m == 1 ? 0 : a;
                const double e = x[i * dim + a] - mean[a];
                d[i * dim + a] = mean[a] + variance[k] * inverse[k] * e;
            }
        }
        return;
    }
    memset(self->map, 0, dim * dim * sizeof *self->map);
    for (size_t a = 0; a < dim; a++) {
        const double *axis = law->basis + (j * dim + a) * dim, k = variance[a] * inverse[a];
        for (size_t b = 0; b < dim; b++) {
            for (size_t c = 0; c < dim; c++) {
                self->map[b * dim + c] += k * axis[b] * axis[c];
            }
        }
    }
    for (size_t i = 0; i < n_rows; i++) {
        for (size_t a = 0; a < dim; a++) {
            self->y[a] = x[i * dim + a] - mean[a];
        }
        for (size_t a = 0; a < dim; a++) {
            double sum = mean[a];
            for (size_t b = 0; b < dim; b++) {
                sum += self->map[a * dim + b] * self->y[b];
            }
            d[i * dim + a] = sum;
        }
    }
}

static void denoise(void *arg, double sigma, size_t n_rows, const int32_t *label, const double *x,
                    double *d)
{
    law_denoiser *self = arg;
    const mad_law *law = self->law;
    const size_t dim = law->dim;

    set_level(self, sigma);
    if (label == NULL && law->only[law->n_classes] >= 0) {
        denoise_alone(self, (size_t)law->only[law->n_classes], n_rows, x, d);
        return;
    }
    for (size_t i = 0; i < n_rows; i++) {
        const size_t k = class_of(law, label == NULL ? MAD_NO_CLASS : label[i]);
        double *out = d + i * dim;
        memcpy(self->row, x + i * dim, dim * sizeof *self->row); /* d may be x */
        memset(out, 0, dim * sizeof *out);
        if (law->only[k] >= 0) {
            add_component(self, (size_t)law->only[k], 1.0, self->row, out);
        } else {
            add_posterior_mean(self, k, self->row, out);
        }
    }
}

mad_status mad_law_open(mad_ctx *ctx, const mad_law *law, mad_arena *scratch, mad_denoiser *out)
{
    law_denoiser *self = mad_arena_take(scratch, 1, sizeof *self);
    if (self == NULL) {
        return mad_fail_memory(ctx, "an exact denoiser");
    }
    *self = (law_denoiser){
        .law = law,
        .peak = mad_arena_take_raw(scratch, law->n_max, sizeof(double)),
        .inverse = mad_arena_take_raw(scratch, law->n_max * n_variance(law), sizeof(double)),
        .log_r = mad_arena_take_raw(scratch, law->n_max, sizeof(double)),
        .y = mad_arena_take_raw(scratch, law->dim, sizeof(double)),
        .row = mad_arena_take_raw(scratch, law->dim, sizeof(double)),
    };
    if (law->shape == MAD_SHAPE_FULL) {
        self->map = mad_arena_take_raw(scratch, law->dim * law->dim, sizeof(double));
    }
    if ((law->shape == MAD_SHAPE_FULL && self->map == NULL) || self->peak == NULL ||
        self->inverse == NULL || self->log_r == NULL || self->y == NULL || self->row == NULL) {
        return mad_fail_memory(ctx, "an exact denoiser");
    }
    *out = (mad_denoiser){.dim = law->dim, .self = self, .denoise = denoise};
    return MAD_OK;
}

double mad_law_posterior(const mad_denoiser *denoiser, double sigma, int32_t label, const double *x,
                         double *r)
{
    law_denoiser *self = denoiser->self;
    const size_t n = (size_t)*self->law->n;
    set_level(self, sigma);
    const size_t k = class_of(self->law, label);
    const double largest = log_posterior(self, self->law->log_weight + k * self->law->n_max, x);
    const double log_p = normalise(n, largest, self->log_r);
    memcpy(r, self->log_r, n * sizeof *r);
    return log_p;
}

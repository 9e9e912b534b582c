/* sim/worlds/heavy.c: rows with heavy tails: Student t, Pareto, log-normal. */
#include <math.h>

#include "sim/iface/world.h"
#include "sim/worlds/chunks.h"

extern const mad_world_type mad_world_heavy;

enum { LAW_STUDENT, LAW_PARETO, LAW_LOGNORMAL };

#define PI 3.14159265358979323846

typedef struct heavy_world {
    mad_world base;
    size_t law;
    double index;     /* nu, alpha or s */
    double log_scale; /* what of the log density does not hang on the row */
} heavy_world;

static const mad_param params[] = {
    {.name = "law",
     .kind = MAD_PARAM_FORM,
     .fallback = "student(3)",
     .min = 0.5,
     .max = 30,
     .choices = "student(nu)|pareto(alpha)|lognormal(s)",
     .doc = "spherical t with nu degrees of freedom; or independent columns: Pareto of index "
            "alpha from 1 on; exp(s z)"},
    {.name = "dim",
     .kind = MAD_PARAM_INT,
     .fallback = "1",
     .min = 1,
     .max = 1024,
     .doc = "number of coordinates"},
    {.name = NULL},
};

/* Mean and variance of a coordinate; infinite where they do not exist. Coordinates are
 * uncorrelated. */
static void moments_of(const heavy_world *self, double *mean, double *variance)
{
    const double a = self->index;
    switch (self->law) {
    case LAW_STUDENT:
        *mean = 0.0;
        *variance = a > 2 ? a / (a - 2) : (double)INFINITY;
        break;
    case LAW_PARETO:
        *mean = a > 1 ? a / (a - 1) : (double)INFINITY;
        *variance = a > 2 ? a / ((a - 1) * (a - 1) * (a - 2)) : (double)INFINITY;
        break;
    default:
        *mean = exp(0.5 * a * a);
        *variance = expm1(a * a) * exp(a * a);
    }
}

static double log_scale_of(const heavy_world *self)
{
    const double a = self->index, dim = (double)self->base.info.dim;
    switch (self->law) {
    case LAW_STUDENT:
        return lgamma(0.5 * (a + dim)) - lgamma(0.5 * a) - 0.5 * dim * log(a * PI);
    case LAW_PARETO:
        return dim * log(a);
    default:
        return -dim * (log(a) + 0.5 * log(2 * PI));
    }
}

static mad_status create(mad_ctx *ctx, const mad_world_args *args, mad_arena *mem, mad_world **out)
{
    const mad_value *law = mad_get(args->values, "law");
    const size_t dim = mad_get_size(args->values, "dim");
    heavy_world *self = mad_arena_take(mem, 1, sizeof *self);
    double *mean = mad_arena_take(mem, dim, sizeof *mean);
    double *cov = mad_arena_take(mem, dim * dim, sizeof *cov);
    double one = 0.0, variance = 0.0;
    if (self == NULL || mean == NULL || cov == NULL) {
        return mad_fail_memory(ctx, "the moments of the world");
    }
    self->law = law->choice;
    self->index = law->number;
    self->base.type = &mad_world_heavy;
    self->base.info =
        (mad_world_info){.kind = MAD_WORLD_CONTINUOUS, .dim = dim, .has_log_density = 1};
    self->log_scale = log_scale_of(self);
    moments_of(self, &one, &variance);
    for (size_t j = 0; j < dim; j++) {
        mean[j] = one;
        cov[j * dim + j] = variance;
    }
    if (isfinite(one) && isfinite(variance)) {
        self->base.info.mean = mean;
        self->base.info.cov = cov;
    }
    *out = &self->base;
    return MAD_OK;
}

/* Gamma(shape, 1) by rejection from a cubed normal; below shape 1 by Gamma(shape + 1) U^(1/shape).
 * ref  Marsaglia & Tsang 2000, ACM Trans. Math. Softw. 26:363 */
static double gamma_draw(mad_rng *rng, double shape)
{
    const double boost = shape < 1 ? pow(1.0 - mad_rng_uniform(rng), 1.0 / shape) : 1.0;
    const double d = (shape < 1 ? shape + 1.0 : shape) - 1.0 / 3.0, c = 1.0 / sqrt(9.0 * d);
    for (;;) {
        double z = 0.0;
        mad_rng_normals(rng, 1, &z);
        const double v = 1.0 + c * z, u = 1.0 - mad_rng_uniform(rng);
        if (v > 0.0 && log(u) < 0.5 * z * z + d * (1.0 - v * v * v + 3.0 * log(v))) {
            return d * v * v * v * boost;
        }
    }
}

static mad_status draw_chunk(mad_ctx *ctx, const void *arg, mad_rng *rng, size_t begin,
                             mad_set *rows)
{
    (void)ctx;
    (void)begin;
    const heavy_world *self = arg;
    const size_t dim = rows->dim;
    for (size_t i = 0; i < rows->n_rows; i++) {
        double *x = rows->x + i * dim, scale = 1.0;
        if (self->law == LAW_STUDENT) { /* z sqrt(nu / chi^2), chi^2 = 2 Gamma(nu / 2) */
            scale = sqrt(0.5 * self->index / gamma_draw(rng, 0.5 * self->index));
        }
        if (self->law != LAW_PARETO) {
            mad_rng_normals(rng, dim, x);
        }
        for (size_t j = 0; j < dim; j++) {
            x[j] = self->law == LAW_STUDENT  ? scale * x[j]
                   : self->law == LAW_PARETO ? pow(1.0 - mad_rng_uniform(rng), -1.0 / self->index)
                                             : exp(self->index * x[j]);
        }
    }
    return MAD_OK;
}

/* ln(1 + |x|^2 / nu), without overflow. */
static double log_radius(size_t dim, const double *x, double nu)
{
    double widest = 0.0, sum = 0.0;
    for (size_t j = 0; j < dim; j++) {
        widest = fmax(widest, fabs(x[j]));
    }
    if (widest < 1e100) {
        for (size_t j = 0; j < dim; j++) {
            sum += x[j] * x[j];
        }
        return log1p(sum / nu);
    }
    for (size_t j = 0; j < dim; j++) {
        sum += (x[j] / widest) * (x[j] / widest);
    }
    return 2.0 * log(widest) + log(sum / nu);
}

static double log_density_of(const heavy_world *self, size_t dim, const double *x)
{
    const double a = self->index;
    double sum = self->log_scale;
    if (self->law == LAW_STUDENT) {
        return sum - 0.5 * (a + (double)dim) * log_radius(dim, x, a);
    }
    for (size_t j = 0; j < dim; j++) {
        if (self->law == LAW_PARETO ? x[j] < 1.0 : x[j] <= 0.0) {
            return -(double)INFINITY;
        }
        const double l = log(x[j]);
        sum -= self->law == LAW_PARETO ? (a + 1.0) * l : l + 0.5 * (l / a) * (l / a);
    }
    return sum;
}

static mad_status density_chunk(mad_ctx *ctx, const mad_world *world, const mad_set *rows,
                                double *out)
{
    (void)ctx;
    for (size_t i = 0; i < rows->n_rows; i++) {
        out[i] = log_density_of((const heavy_world *)world, rows->dim, rows->x + i * rows->dim);
    }
    return MAD_OK;
}

const mad_world_type mad_world_heavy = {
    .name = "heavy",
    .doc = "rows with heavy tails: Student t, Pareto or log-normal",
    .ref = "multivariate t; P(x > r) = r^-alpha; exp(s z)",
    .params = params,
    .create = create,
    .draw = mad_world_draw_chunks,
    .draw_chunk = draw_chunk,
    .log_density = mad_world_density_chunks,
    .density_chunk = density_chunk,
};

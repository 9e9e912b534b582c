/* sim/worlds/rosenbrock.c: the Rosenbrock function as a law that can be drawn: a parabola of rows.
 *
 *   x_1 ~ N(mu, 1/(2 a)),   x_j | x_1 ~ N(x_1^2, 1/(2 b)), j = 2..dim, independent given x_1:
 *   ln p = 1/2 ln(a/pi) - a (x_1 - mu)^2 + sum_j [1/2 ln(b/pi) - b (x_j - x_1^2)^2].
 *
 * ref  Pagani, Wiegand & Nadarajah 2022, Scand. J. Stat. 49:657 (arXiv:1903.09556): the hybrid
 *      Rosenbrock law with blocks of two coordinates
 */
#include <math.h>

#include "sim/iface/world.h"
#include "sim/worlds/chunks.h"

extern const mad_world_type mad_world_rosenbrock;

#define PI 3.14159265358979323846

typedef struct rosenbrock_world {
    mad_world base;
    double mu, a, b;
} rosenbrock_world;

static const mad_param params[] = {
    {.name = "mu",
     .kind = MAD_PARAM_REAL,
     .fallback = "1",
     .min = -1000,
     .max = 1000,
     .doc = "mean of the first coordinate"},
    {.name = "a",
     .kind = MAD_PARAM_REAL,
     .fallback = "0.05",
     .min = 1e-6,
     .max = 1e6,
     .doc = "the first coordinate has variance 1/(2 a): how far the arms reach"},
    {.name = "b",
     .kind = MAD_PARAM_REAL,
     .fallback = "5",
     .min = 1e-6,
     .max = 1e6,
     .doc = "the others have variance 1/(2 b) about its square: how thin they are"},
    {.name = "dim",
     .kind = MAD_PARAM_INT,
     .fallback = "2",
     .min = 2,
     .max = 1024,
     .doc = "number of coordinates"},
    {.name = NULL},
};

/* Of N(mu, v): E x^2 = mu^2 + v, cov(x, x^2) = 2 mu v, Var x^2 = 2 v^2 + 4 mu^2 v. */
static void moments_of(const rosenbrock_world *self, size_t dim, double *mean, double *cov)
{
    const double mu = self->mu, v = 0.5 / self->a;
    for (size_t i = 0; i < dim; i++) {
        mean[i] = i == 0 ? mu : mu * mu + v;
        for (size_t j = 0; j < dim; j++) {
            cov[i * dim + j] = i > 0 && j > 0 ? 2.0 * v * (v + 2.0 * mu * mu) : 2.0 * mu * v;
        }
        cov[i * dim + i] = i == 0 ? v : cov[i * dim + i] + 0.5 / self->b;
    }
}

static mad_status create(mad_ctx *ctx, const mad_world_args *args, mad_arena *mem, mad_world **out)
{
    const size_t dim = mad_get_size(args->values, "dim");
    rosenbrock_world *self = mad_arena_take(mem, 1, sizeof *self);
    double *mean = mad_arena_take(mem, dim, sizeof *mean);
    double *cov = mad_arena_take(mem, dim * dim, sizeof *cov);
    if (self == NULL || mean == NULL || cov == NULL) {
        return mad_fail_memory(ctx, "the moments of the world");
    }
    *self = (rosenbrock_world){.base = {.type = &mad_world_rosenbrock,
                                        .info = {.kind = MAD_WORLD_CONTINUOUS,
                                                 .dim = dim,
                                                 .mean = mean,
                                                 .cov = cov,
                                                 .has_log_density = 1}},
                               .mu = mad_get_real(args->values, "mu"),
                               .a = mad_get_real(args->values, "a"),
                               .b = mad_get_real(args->values, "b")};
    moments_of(self, dim, mean, cov);
    *out = &self->base;
    return MAD_OK;
}

static mad_status draw_chunk(mad_ctx *ctx, const void *arg, mad_rng *rng, size_t begin,
                             mad_set *rows)
{
    (void)ctx;
    (void)begin;
    const rosenbrock_world *self = arg;
    const size_t dim = rows->dim;
    const double sd_first = sqrt(0.5 / self->a), sd = sqrt(0.5 / self->b);
    mad_rng_normals(rng, rows->n_rows * dim, rows->x);
    for (size_t i = 0; i < rows->n_rows; i++) {
        double *x = rows->x + i * dim;
        x[0] = self->mu + sd_first * x[0];
        for (size_t j = 1; j < dim; j++) {
            x[j] = x[0] * x[0] + sd * x[j];
        }
    }
    return MAD_OK;
}

static mad_status density_chunk(mad_ctx *ctx, const mad_world *world, const mad_set *rows,
                                double *out)
{
    (void)ctx;
    const rosenbrock_world *self = (const rosenbrock_world *)world;
    const size_t dim = rows->dim;
    const double scale = 0.5 * (log(self->a / PI) + (double)(dim - 1) * log(self->b / PI));
    for (size_t i = 0; i < rows->n_rows; i++) {
        const double *x = rows->x + i * dim, first = x[0] - self->mu;
        double sum = self->a * first * first;
        for (size_t j = 1; j < dim; j++) {
            const double e = x[j] - x[0] * x[0];
            sum += self->b * e * e;
        }
        out[i] = scale - sum;
    }
    return MAD_OK;
}

const mad_world_type mad_world_rosenbrock = {
    .name = "rosenbrock",
    .doc = "a curved ridge with two long arms: rows scatter about the parabola x_2 = x_1^2",
    .ref =
        "Pagani, Wiegand & Nadarajah 2022 (arXiv:1903.09556); in a loop: Alemohammad et al. 2023 "
        "(arXiv:2307.01850), Figure 17",
    .params = params,
    .create = create,
    .draw = mad_world_draw_chunks,
    .draw_chunk = draw_chunk,
    .log_density = mad_world_density_chunks,
    .density_chunk = density_chunk,
};

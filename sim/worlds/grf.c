/* sim/worlds/grf.c: periodic Gaussian random fields: pictures of which every scale is known.
 *
 * With N x N pixels the covariance is circulant and the Fourier waves are its eigenvectors:
 *   P(k) = c (|k|^2 + k0^2)^(-beta/2), sum_k P(k) = N^2 (a pixel has variance 1),
 *   C(d) = N^-2 sum_k P(k) cos(2 pi k.d / N),   x = A w,  A = C^1/2 the circulant of sqrt(P).
 */
#include <math.h>
#include <string.h>

#include "sim/iface/world.h"
#include "sim/num/dft.h"
#include "sim/num/linalg.h"
#include "sim/worlds/chunks.h"

extern const mad_world_type mad_world_grf;

#define PI 3.14159265358979323846

typedef struct grf_world {
    mad_world base;
    size_t side;
    double *power;    /* [N][N] P(k) */
    double *map;      /* [N^2][N^2] A */
    double log_scale; /* -1/2 (sum ln P + N^2 ln 2 pi) */
    mad_dft2 dft;
} grf_world;

static const mad_param params[] = {
    {.name = "size",
     .kind = MAD_PARAM_INT,
     .fallback = "16",
     .min = 4,
     .max = 32,
     .unit = "pixels",
     .doc = "side of the square picture"},
    {.name = "beta",
     .kind = MAD_PARAM_REAL,
     .fallback = "3",
     .min = 0,
     .max = 6,
     .doc = "decay of the power with the wave number; 0 = white noise"},
    {.name = "k0",
     .kind = MAD_PARAM_REAL,
     .fallback = "1",
     .min = 0.1, /* a wave's share of the variance stays above rounding */
     .max = 100,
     .unit = "waves per side",
     .doc = "wave number below which the power is flat"},
    {.name = NULL},
};

/* P, its sum scaled to N^2, and what of the log density does not hang on the row. */
static void set_power(grf_world *self, double beta, double k0)
{
    const size_t n = self->side, dim = n * n;
    double sum = 0.0, log_sum = 0.0;
    for (size_t i = 0; i < dim; i++) {
        const double ky = (double)mad_dft_waves(n, i / n), kx = (double)mad_dft_waves(n, i % n);
        self->power[i] = pow(kx * kx + ky * ky + k0 * k0, -0.5 * beta);
        sum += self->power[i];
    }
    for (size_t i = 0; i < dim; i++) {
        self->power[i] *= (double)dim / sum;
        log_sum += log(self->power[i]);
    }
    self->log_scale = -0.5 * (log_sum + (double)dim * log(2 * PI));
}

/* out[i][j] = N^-2 sum_k f(k) cos(2 pi k.(place i - place j) / N); kernel: [N^2] scratch. */
static void circulant(const grf_world *self, int of_root, double *kernel, double *out)
{
    const size_t n = self->side, dim = n * n;
    for (size_t d = 0; d < dim; d++) {
        double sum = 0.0;
        for (size_t k = 0; k < dim; k++) {
            const size_t phase = ((k / n) * (d / n) + (k % n) * (d % n)) % n;
            sum += (of_root ? sqrt(self->power[k]) : self->power[k]) * self->dft.cos_x[phase];
        }
        kernel[d] = sum / (double)dim;
    }
    for (size_t i = 0; i < dim; i++) {
        for (size_t j = 0; j < dim; j++) {
            const size_t dy = (i / n + n - j / n) % n, dx = (i % n + n - j % n) % n;
            out[i * dim + j] = kernel[dy * n + dx];
        }
    }
}

static mad_status create(mad_ctx *ctx, const mad_world_args *args, mad_arena *mem, mad_world **out)
{
    mad_status st = MAD_OK;
    const size_t n = mad_get_size(args->values, "size"), dim = n * n;
    grf_world *self = mad_arena_take(mem, 1, sizeof *self);
    double *mean = mad_arena_take(mem, dim, sizeof *mean);
    double *cov = mad_arena_take_raw(mem, dim * dim, sizeof *cov);
    double *kernel = mad_arena_take_raw(mem, dim, sizeof *kernel);
    if (self == NULL || mean == NULL || cov == NULL || kernel == NULL) {
        return mad_fail_memory(ctx, "the world");
    }
    self->side = n;
    self->power = mad_arena_take_raw(mem, dim, sizeof *self->power);
    self->map = mad_arena_take_raw(mem, dim * dim, sizeof *self->map);
    if (self->power == NULL || self->map == NULL) {
        return mad_fail_memory(ctx, "the covariance of the world");
    }
    MAD_TRY(mad_dft2_create(ctx, mem, n, n, &self->dft));
    set_power(self, mad_get_real(args->values, "beta"), mad_get_real(args->values, "k0"));
    circulant(self, 1, kernel, self->map);
    circulant(self, 0, kernel, cov);
    self->base.type = &mad_world_grf;
    self->base.info = (mad_world_info){
        .kind = MAD_WORLD_CONTINUOUS,
        .dim = dim,
        .height = n,
        .width = n,
        .channels = 1,
        .pixel_min = -3,
        .pixel_max = 3,
        .mean = mean,
        .cov = cov,
        .has_log_density = 1,
    };
    *out = &self->base;
out:
    return st;
}

/* A chunk is always mapped whole: the bits of a row may depend on how many are multiplied. */
static mad_status draw_chunk(mad_ctx *ctx, const void *arg, mad_rng *rng, size_t begin,
                             mad_set *rows)
{
    (void)begin;
    const grf_world *self = arg;
    const size_t dim = rows->dim, n_values = MAD_CHUNK * dim;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    double *w = mad_arena_take_raw(ctx->scratch, n_values, sizeof *w);
    double *x = mad_arena_take_raw(ctx->scratch, n_values, sizeof *x);
    if (w == NULL || x == NULL) {
        mad_arena_release(ctx->scratch, mark);
        return mad_fail_memory(ctx, "a chunk of rows");
    }
    mad_rng_normals(rng, n_values, w);
    mad_gemm(MAD_CHUNK, dim, dim, 1, w, self->map, 0, x); /* the map is symmetric */
    memcpy(rows->x, x, rows->n_rows * dim * sizeof *x);
    mad_arena_release(ctx->scratch, mark);
    return MAD_OK;
}

/* ln p = -1/2 (sum_k |F(k)|^2 / (N^2 P(k)) + sum ln P + N^2 ln 2 pi). */
static mad_status density_chunk(mad_ctx *ctx, const mad_world *world, const mad_set *rows,
                                double *out)
{
    const grf_world *self = (const grf_world *)world;
    const size_t dim = rows->dim;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    double *re = mad_arena_take_raw(ctx->scratch, 4 * dim, sizeof *re);
    if (re == NULL) {
        return mad_fail_memory(ctx, "a Fourier transform");
    }
    double *im = re + dim, *work = re + 2 * dim;
    for (size_t i = 0; i < rows->n_rows; i++) {
        double sum = 0.0;
        mad_dft2_apply(&self->dft, rows->x + i * dim, 1, re, im, work);
        for (size_t k = 0; k < dim; k++) {
            sum += (re[k] * re[k] + im[k] * im[k]) / ((double)dim * self->power[k]);
        }
        out[i] = self->log_scale - 0.5 * sum;
    }
    mad_arena_release(ctx->scratch, mark);
    return MAD_OK;
}

const mad_world_type mad_world_grf = {
    .name = "grf",
    .doc = "periodic Gaussian random fields: pictures with a known spectrum",
    .ref = "P(k) proportional to (k^2 + k0^2)^(-beta/2), pixel variance 1",
    .params = params,
    .create = create,
    .draw = mad_world_draw_chunks,
    .draw_chunk = draw_chunk,
    .log_density = mad_world_density_chunks,
    .density_chunk = density_chunk,
};

/* models/diffusion/likelihood.c: the probability-flow ODE upwards, with its divergence. */
#include "models/diffusion/likelihood.h"

#include <math.h>
#include <string.h>

#define LOG_TWO_PI 1.83787706640934548356

/* Step of the central differences: far above a network's rounding, far below the scale on which D
 * bends, which is sigma, or the narrowest feature for small sigma. */
static double difference(double sigma)
{
    return 1e-3 * fmax(sigma, 0.01);
}

/* sum_a z_a (D(x + h z)_a - D(x - h z)_a) / (2 h) added to trace[r], z the same in all rows (an
 * axis) or one per row. */
static void add_direction(const mad_denoiser *denoiser, double sigma, size_t n_rows,
                          const int32_t *twice, const double *x, const double *z, size_t z_stride,
                          double share, double *trace, double *both, double *d)
{
    const size_t dim = denoiser->dim, n = n_rows * dim;
    const double h = difference(sigma);
    for (size_t r = 0; r < n_rows; r++) {
        for (size_t a = 0; a < dim; a++) {
            const double at = x[r * dim + a], step = h * z[r * z_stride + a];
            both[r * dim + a] = at + step;
            both[n + r * dim + a] = at - step;
        }
    }
    denoiser->denoise(denoiser->self, sigma, 2 * n_rows, twice, both, d);
    for (size_t r = 0; r < n_rows; r++) {
        double sum = 0.0;
        for (size_t a = 0; a < dim; a++) {
            sum += z[r * z_stride + a] * (d[r * dim + a] - d[n + r * dim + a]);
        }
        trace[r] += share * sum / (2.0 * h);
    }
}

void mad_denoiser_trace(const mad_denoiser *denoiser, double sigma, size_t n_rows,
                        const int32_t *label, const double *x, size_t n_probes, const double *probe,
                        double *trace, double *work, int32_t *twice)
{
    const size_t dim = denoiser->dim, n = n_rows * dim;
    double *const both = work, *const d = work + 2 * n;
    memset(trace, 0, n_rows * sizeof *trace);
    if (label != NULL) {
        memcpy(twice, label, n_rows * sizeof *twice);
        memcpy(twice + n_rows, label, n_rows * sizeof *twice);
    }
    const int32_t *labels = label == NULL ? NULL : twice;
    for (size_t k = 0; probe != NULL && k < n_probes; k++) {
        add_direction(denoiser, sigma, n_rows, labels, x, probe + k * n, dim,
                      1.0 / (double)n_probes, trace, both, d);
    }
    for (size_t a = 0; probe == NULL && a < dim; a++) {
        double axis[MAD_EXACT_TRACE_DIM] = {0};
        axis[a] = 1.0;
        add_direction(denoiser, sigma, n_rows, labels, x, axis, 0, 1.0, trace, both, d);
    }
}

typedef struct flow {
    const mad_likelihood *options;
    const mad_denoiser *denoiser;
    size_t n_rows, n;
    const int32_t *label;
    const double *probe;           /* [n_probes][n] or NULL */
    double *x, *ahead, *v, *v2;    /* [n] */
    double *div, *div2, *integral; /* [n_rows] */
    double *work;                  /* [4][n] */
    int32_t *twice;                /* [2 n_rows] */
} flow;

/* v and its divergence at x. */
static void slope(const flow *f, double sigma, const double *x, double *v, double *div)
{
    const double per = 1.0 / sigma, dim = (double)f->denoiser->dim;
    mad_denoiser_trace(f->denoiser, sigma, f->n_rows, f->label, x, f->options->n_probes, f->probe,
                       div, f->work, f->twice);
    for (size_t r = 0; r < f->n_rows; r++) {
        div[r] = per * (dim - div[r]);
    }
    f->denoiser->denoise(f->denoiser->self, sigma, f->n_rows, f->label, x, v);
    for (size_t i = 0; i < f->n; i++) {
        v[i] = per * (x[i] - v[i]);
    }
}

/* ln p of the rows x0 with n steps. */
static void climb(const flow *f, size_t n_steps, const double *x0, double *log_density)
{
    const mad_likelihood *o = f->options;
    const double rate = log(o->sigma_max / o->sigma_min) / (double)n_steps;
    const size_t dim = f->denoiser->dim;
    memcpy(f->x, x0, f->n * sizeof *x0);
    memset(f->integral, 0, f->n_rows * sizeof *f->integral);
    for (size_t i = 0; i < n_steps; i++) {
        const double sigma = o->sigma_min * exp(rate * (double)i);
        const double next = o->sigma_min * exp(rate * (double)(i + 1)), h = next - sigma;
        slope(f, sigma, f->x, f->v, f->div);
        for (size_t k = 0; k < f->n; k++) {
            f->ahead[k] = f->x[k] + h * f->v[k];
        }
        slope(f, next, f->ahead, f->v2, f->div2);
        for (size_t k = 0; k < f->n; k++) {
            f->x[k] += 0.5 * h * (f->v[k] + f->v2[k]);
        }
        for (size_t r = 0; r < f->n_rows; r++) {
            f->integral[r] += 0.5 * h * (f->div[r] + f->div2[r]);
        }
    }
    for (size_t r = 0; r < f->n_rows; r++) {
        double square = 0.0;
        for (size_t a = 0; a < dim; a++) {
            const double z = f->x[r * dim + a] / o->sigma_max;
            square += z * z;
        }
        log_density[r] =
            f->integral[r] - 0.5 * square - (double)dim * (0.5 * LOG_TWO_PI + log(o->sigma_max));
    }
}

static mad_status take_flow(mad_ctx *ctx, mad_rng *rng, flow *f)
{
    const size_t n = f->n, n_probes = f->options->n_probes;
    double *buffer = mad_arena_take_raw(ctx->scratch, 8 * n + 3 * f->n_rows, sizeof *buffer);
    f->twice = mad_arena_take_raw(ctx->scratch, 2 * f->n_rows, sizeof *f->twice);
    if (buffer == NULL || f->twice == NULL) {
        (void)mad_fail_memory(ctx, "rows of a likelihood");
        return MAD_E_MEMORY;
    }
    f->x = buffer;
    f->ahead = buffer + n;
    f->v = buffer + 2 * n;
    f->v2 = buffer + 3 * n;
    f->work = buffer + 4 * n;
    f->div = buffer + 8 * n;
    f->div2 = f->div + f->n_rows;
    f->integral = f->div2 + f->n_rows;
    if (f->denoiser->dim > MAD_EXACT_TRACE_DIM) {
        double *probe = mad_arena_take_raw(ctx->scratch, n_probes * n, sizeof *probe);
        if (probe == NULL) {
            return mad_fail_memory(ctx, "the probes of a likelihood");
        }
        for (size_t i = 0; i < n_probes * n; i++) {
            probe[i] = mad_rng_next(rng) >> 63 ? 1.0 : -1.0;
        }
        f->probe = probe;
    }
    return MAD_OK;
}

mad_status mad_flow_log_density(mad_ctx *ctx, const mad_likelihood *options,
                                const mad_denoiser *denoiser, mad_rng *rng, size_t n_rows,
                                const int32_t *label, const double *x, double *log_density)
{
    mad_status st = MAD_OK;
    const mad_arena_mark mark = mad_arena_get_mark(ctx->scratch);
    flow f = {.options = options,
              .denoiser = denoiser,
              .n_rows = n_rows,
              .n = n_rows * denoiser->dim,
              .label = label};

    MAD_TRY(take_flow(ctx, rng, &f));
    climb(&f, options->n_steps, x, log_density);
    if (options->richardson) {
        double *fine = mad_arena_take_raw(ctx->scratch, n_rows, sizeof *fine);
        if (fine == NULL) {
            st = mad_fail_memory(ctx, "rows of a likelihood");
            goto out;
        }
        climb(&f, 2 * options->n_steps, x, fine);
        for (size_t r = 0; r < n_rows; r++) {
            log_density[r] = (4.0 * fine[r] - log_density[r]) / 3.0;
        }
    }
    for (size_t r = 0; r < n_rows; r++) {
        if (!isfinite(log_density[r])) {
            st = mad_fail(ctx, MAD_E_NONFINITE,
                          "the log density of row %zu is %g: its flow left the finite numbers", r,
                          log_density[r]);
            goto out;
        }
    }
out:
    mad_arena_release(ctx->scratch, mark);
    return st;
}

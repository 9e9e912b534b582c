/* sim/nn/kernels_ref.c: the kernels as their formulas read: plain loops, sums in double.
 * x[r][i] row r of a layer's input, w(i, o) its weights, y[r][o] its output, dy the gradient of y.
 * The formulas stand in kernels.h beside each member. */
#include <math.h>

#include "sim/nn/tables.h"

static double at(mad_panels b, size_t k, size_t n)
{
    return (double)b.b[(n / MAD_PANEL) * b.b_panel + k * b.b_k + n % MAD_PANEL];
}

static void affine_silu(size_t n_rows, size_t n_in, size_t n_out, const float *x, size_t ld_x,
                        mad_panels w, const float *bias, float *y, float *slope, size_t ld_y)
{
    for (size_t r = 0; r < n_rows; r++) {
        for (size_t o = 0; o < n_out; o++) {
            double z = (double)bias[o];
            for (size_t i = 0; i < n_in; i++) {
                z += (double)x[r * ld_x + i] * at(w, i, o);
            }
            const double sigmoid = 1.0 / (1.0 + exp(-z));
            y[r * ld_y + o] = (float)(z * sigmoid);
            if (slope != NULL) {
                slope[r * ld_y + o] = (float)(sigmoid * (1.0 + z * (1.0 - sigmoid)));
            }
        }
    }
}

static void affine_few(size_t n_rows, size_t n_in, size_t n_out, const float *x, size_t ld_x,
                       const float *w, const float *bias, float *y, size_t ld_y)
{
    for (size_t r = 0; r < n_rows; r++) {
        for (size_t o = 0; o < n_out; o++) {
            double z = (double)bias[o];
            for (size_t i = 0; i < n_in; i++) {
                z += (double)x[r * ld_x + i] * (double)w[o * n_in + i];
            }
            y[r * ld_y + o] = (float)z;
        }
    }
}

static void back_rows(size_t n_rows, size_t n_k, size_t n_n, const float *dy, size_t ld_dy,
                      mad_panels b, float *slope, size_t ld_n)
{
    for (size_t r = 0; r < n_rows; r++) {
        for (size_t n = 0; n < n_n; n++) {
            double sum = 0.0;
            for (size_t k = 0; k < n_k; k++) {
                sum += (double)dy[r * ld_dy + k] * at(b, k, n);
            }
            slope[r * ld_n + n] = (float)((double)slope[r * ld_n + n] * sum);
        }
    }
}

static void back_weights(size_t n_rows, size_t n_m, size_t n_n, const float *a, size_t ld_a,
                         const float *b, size_t ld_b, float *c, size_t ld_c)
{
    for (size_t m = 0; m < n_m; m++) {
        for (size_t n = 0; n < n_n; n++) {
            double sum = 0.0;
            for (size_t r = 0; r < n_rows; r++) {
                sum += (double)a[r * ld_a + m] * (double)b[r * ld_b + n];
            }
            c[m * ld_c + n] = (float)((double)c[m * ld_c + n] + sum);
        }
    }
}

static void back_bias(size_t n_rows, size_t n_n, const float *b, size_t ld_b, float *c)
{
    for (size_t n = 0; n < n_n; n++) {
        double sum = 0.0;
        for (size_t r = 0; r < n_rows; r++) {
            sum += (double)b[r * ld_b + n];
        }
        c[n] = (float)((double)c[n] + sum);
    }
}

static void waves(size_t n_rows, size_t n_freq, const float *u, const float *f, float *y,
                  size_t ld_y)
{
    for (size_t r = 0; r < n_rows; r++) {
        for (size_t j = 0; j < n_freq; j++) {
            const double angle = (double)u[r] * (double)f[j];
            y[r * ld_y + j] = (float)sin(angle);
            y[r * ld_y + n_freq + j] = (float)cos(angle);
        }
    }
}

static double gather(size_t n, size_t n_slots, size_t stride, float *slot, float *g)
{
    double norm_sq = 0.0;
    for (size_t i = 0; i < n; i++) {
        double sum = 0.0;
        for (size_t s = 0; s < n_slots; s++) {
            sum += (double)slot[s * stride + i];
            slot[s * stride + i] = 0.0f;
        }
        g[i] = (float)sum;
        norm_sq += sum * sum;
    }
    return norm_sq;
}

static void adam(size_t n, const mad_adam *step, const float *g, float *m, float *v, float *theta,
                 float *mean)
{
    const double beta1 = (double)step->beta1, beta2 = (double)step->beta2;
    for (size_t i = 0; i < n; i++) {
        const double gi = (double)step->clip * (double)g[i];
        m[i] = (float)(beta1 * (double)m[i] + (1.0 - beta1) * gi);
        v[i] = (float)(beta2 * (double)v[i] + (1.0 - beta2) * gi * gi);
        const double root = sqrt((double)v[i] * (double)step->unbias_v);
        theta[i] -= (float)((double)step->decay * (double)theta[i] +
                            (double)step->rate * (double)m[i] / (root + (double)step->eps));
        mean[i] += step->ema * (theta[i] - mean[i]);
    }
}

const mad_kernels mad_kernels_ref = {
    .name = "reference",
    .affine_silu = affine_silu,
    .affine_few = affine_few,
    .back_rows = back_rows,
    .back_weights = back_weights,
    .back_bias = back_bias,
    .waves = waves,
    .gather = gather,
    .adam = adam,
    .maps = &mad_maps_ref,
};

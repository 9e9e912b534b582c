/* sim/nn/maps_ref_norm.h: part of maps_ref.h: group norm and silu. */

static const double norm_eps = 1e-5;

/* Mean over one group of map i of x, and of (x - mean)^2. */
static void group_moments(mad_maps shape, size_t n_per_group, size_t i, size_t group, const real *x,
                          double *mean, double *variance)
{
    const double n = (double)(shape.h * shape.w * n_per_group);
    double sum[2] = {0.0, 0.0};
    for (int pass = 0; pass < 2; pass++) {
        for (size_t y = 0; y < shape.h; y++) {
            for (size_t xx = 0; xx < shape.w; xx++) {
                for (size_t k = 0; k < n_per_group; k++) {
                    const double v = (double)x[pixel(shape, i, y, xx) + group * n_per_group + k];
                    sum[pass] += pass == 0 ? v : (v - sum[0] / n) * (v - sum[0] / n);
                }
            }
        }
    }
    *mean = sum[0] / n;
    *variance = sum[1] / n;
}

static double sigmoid(double z)
{
    return 1.0 / (1.0 + exp(-z));
}

static void norm(mad_maps shape, size_t n_channels, size_t groups, int act, const real *x,
                 const real *gamma, const real *beta, real *stat, real *y)
{
    const size_t n_per_group = n_channels / groups;
    for (size_t i = 0; i < shape.n; i++) {
        for (size_t group = 0; group < groups; group++) {
            double mean, variance;
            group_moments(shape, n_per_group, i, group, x, &mean, &variance);
            stat[(i * groups + group) * 2] = (real)mean;
            stat[(i * groups + group) * 2 + 1] = (real)(1.0 / sqrt(variance + norm_eps));
        }
        for (size_t p = 0; p < shape.h * shape.w; p++) {
            const size_t at = pixel(shape, i, p / shape.w, p % shape.w);
            for (size_t k = 0; k < shape.c; k++) {
                double z = 0.0;
                if (k < n_channels) {
                    const real *s = stat + (i * groups + k / n_per_group) * 2;
                    z = ((double)x[at + k] - (double)s[0]) * (double)s[1] * (double)gamma[k] +
                        (double)beta[k];
                }
                y[at + k] = (real)(act ? z * sigmoid(z) : z);
            }
        }
    }
}

/* Gradient of gamma x^ + beta at element `at` of channel k, from that of y. */
static double norm_slope(int act, double gamma, double beta, double x_hat, double dy)
{
    const double z = gamma * x_hat + beta, s = sigmoid(z);
    return act ? dy * s * (1.0 + z * (1.0 - s)) : dy;
}

/* With dz the gradient of z = gamma x^ + beta and means over a group:
 *   dx = (gamma dz - mean(gamma dz) - x^ mean(gamma dz x^)) / sd. */
static void norm_back(mad_maps shape, size_t n_channels, size_t groups, int act, const real *x,
                      const real *gamma, const real *beta, const real *stat, real *dy,
                      const real *add_to, real *dgamma, real *dbeta, real *dx)
{
    const size_t n_per_group = n_channels / groups, n_pixels = shape.h * shape.w;
    const double n = (double)(n_pixels * n_per_group);
    for (size_t i = 0; i < shape.n; i++) {
        for (size_t k0 = 0; k0 < n_channels; k0 += n_per_group) {
            const real *s = stat + (i * groups + k0 / n_per_group) * 2;
            double mean = 0.0, slope = 0.0;
            for (size_t k = k0; k < k0 + n_per_group; k++) {
                double sum = 0.0, sum_hat = 0.0;
                for (size_t p = 0; p < n_pixels; p++) {
                    const size_t at = pixel(shape, i, p / shape.w, p % shape.w) + k;
                    const double x_hat = ((double)x[at] - (double)s[0]) * (double)s[1];
                    const double dz =
                        norm_slope(act, (double)gamma[k], (double)beta[k], x_hat, (double)dy[at]);
                    sum += dz;
                    sum_hat += dz * x_hat;
                }
                dbeta[k] = (real)((double)dbeta[k] + sum);
                dgamma[k] = (real)((double)dgamma[k] + sum_hat);
                mean += sum * (double)gamma[k] / n;
                slope += sum_hat * (double)gamma[k] / n;
            }
            for (size_t p = 0; p < n_pixels; p++) {
                for (size_t k = k0; k < k0 + n_per_group; k++) {
                    const size_t at = pixel(shape, i, p / shape.w, p % shape.w) + k;
                    const double x_hat = ((double)x[at] - (double)s[0]) * (double)s[1];
                    const double dz =
                        norm_slope(act, (double)gamma[k], (double)beta[k], x_hat, (double)dy[at]);
                    const double d = ((double)gamma[k] * dz - mean - x_hat * slope) * (double)s[1];
                    dx[at] = (real)(d + (add_to == NULL ? 0.0 : (double)add_to[at]));
                }
            }
        }
        for (size_t p = 0; p < n_pixels; p++) {
            for (size_t k = n_channels; k < shape.c; k++) {
                dx[pixel(shape, i, p / shape.w, p % shape.w) + k] = (real)0;
            }
        }
    }
}

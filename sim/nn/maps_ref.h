/* sim/nn/maps_ref.h: the kernels of maps.h as their formulas read: plain loops, sums in double.
 *
 * The including file defines MAD_REAL (type of stored numbers) and MAD_CONV_ADD (mad_conv_add with
 * pointers to it): float makes the reference table, double lets tests check each backward pass
 * against finite differences. The formulas stand in maps.h beside each member.
 */
#include <math.h>
#include <string.h>

#include "sim/nn/maps.h"

typedef MAD_REAL real;

static const double norm_eps = 1e-5;

/* Index of channel 0 of pixel (y, x) of map i. */
static size_t pixel(mad_maps shape, size_t i, size_t y, size_t x)
{
    return ((i * shape.h + y) * (shape.w + 1) + x) * shape.c;
}

static size_t halved(size_t n, size_t stride)
{
    return (n + stride - 1) / stride;
}

/* ---- convolution ---- */

static mad_maps conv_input(const mad_conv *conv, size_t n)
{
    return (mad_maps){n, conv->h, conv->w, conv->c_in};
}

static mad_maps conv_output(const mad_conv *conv, size_t n)
{
    return (mad_maps){n, halved(conv->h, conv->stride), halved(conv->w, conv->stride), conv->c_out};
}

/* Where tap t reads for output (y, x): 0 when outside. */
static int conv_source(const mad_conv *conv, size_t tap, size_t y, size_t x, size_t *from_y,
                       size_t *from_x)
{
    const size_t pad = conv->taps == 9 ? 1 : 0;
    *from_y = conv->stride * y + (pad != 0 ? tap / 3 : 0) - pad; /* -1 wraps beyond h */
    *from_x = conv->stride * x + (pad != 0 ? tap % 3 : 0) - pad;
    return *from_y < conv->h && *from_x < conv->w;
}

static double conv_sum(const mad_conv *conv, const real *x, const real *w, size_t i, size_t oy,
                       size_t ox, size_t o)
{
    double sum = 0.0;
    for (size_t tap = 0; tap < conv->taps; tap++) {
        size_t y, xx;
        if (!conv_source(conv, tap, oy, ox, &y, &xx)) {
            continue;
        }
        const real *from = x + pixel(conv_input(conv, 1), 0, i * conv->h + y, xx);
        for (size_t k = 0; k < conv->c_in; k++) {
            sum += (double)from[k] * (double)w[(tap * conv->c_in + k) * conv->c_out + o];
        }
    }
    return sum;
}

static void conv(const mad_conv *conv, size_t n, const real *x, const real *packed,
                 MAD_CONV_ADD add, real *scratch, real *y)
{
    (void)scratch;
    const mad_maps out = conv_output(conv, n);
    for (size_t i = 0; i < n; i++) {
        for (size_t oy = 0; oy < out.h; oy++) {
            for (size_t ox = 0; ox < out.w; ox++) {
                const size_t at = pixel(out, i, oy, ox);
                for (size_t o = 0; o < out.c; o++) {
                    double sum = conv_sum(conv, x, packed, i, oy, ox, o);
                    sum += add.bias == NULL ? 0.0 : (double)add.bias[o];
                    sum += add.shift == NULL ? 0.0 : (double)add.shift[i * out.c + o];
                    sum += add.map == NULL ? 0.0 : (double)add.map[at + o];
                    y[at + o] = (real)sum;
                }
            }
        }
    }
}

/* Sum over the outputs that read pixel (y, x). */
static double conv_back_sum(const mad_conv *conv, const real *dy, const real *w, size_t i, size_t y,
                            size_t x, size_t k)
{
    const mad_maps out = conv_output(conv, 1);
    double sum = 0.0;
    for (size_t oy = 0; oy < out.h; oy++) {
        for (size_t ox = 0; ox < out.w; ox++) {
            for (size_t tap = 0; tap < conv->taps; tap++) {
                size_t from_y, from_x;
                if (!conv_source(conv, tap, oy, ox, &from_y, &from_x) || from_y != y ||
                    from_x != x) {
                    continue;
                }
                const real *from = dy + pixel(out, i, oy, ox);
                for (size_t o = 0; o < out.c; o++) {
                    sum += (double)from[o] * (double)w[(tap * conv->c_in + k) * conv->c_out + o];
                }
            }
        }
    }
    return sum;
}

static void conv_back(const mad_conv *conv, size_t n, const real *dy, const real *packed,
                      const real *add_to, real *scratch, real *dx)
{
    (void)scratch;
    const mad_maps in = conv_input(conv, n);
    for (size_t i = 0; i < n; i++) {
        for (size_t y = 0; y < in.h; y++) {
            for (size_t x = 0; x < in.w; x++) {
                const size_t at = pixel(in, i, y, x);
                for (size_t k = 0; k < in.c; k++) {
                    const double sum = conv_back_sum(conv, dy, packed, i, y, x, k);
                    dx[at + k] = (real)(sum + (add_to == NULL ? 0.0 : (double)add_to[at + k]));
                }
            }
        }
    }
}

static double conv_weight_sum(const mad_conv *conv, size_t n, const real *x, const real *dy,
                              size_t tap, size_t k, size_t o)
{
    const mad_maps in = conv_input(conv, n), out = conv_output(conv, n);
    double sum = 0.0;
    for (size_t i = 0; i < n; i++) {
        for (size_t oy = 0; oy < out.h; oy++) {
            for (size_t ox = 0; ox < out.w; ox++) {
                size_t y, xx;
                if (conv_source(conv, tap, oy, ox, &y, &xx)) {
                    sum +=
                        (double)x[pixel(in, i, y, xx) + k] * (double)dy[pixel(out, i, oy, ox) + o];
                }
            }
        }
    }
    return sum;
}

static void conv_back_weights(const mad_conv *conv, size_t n, const real *x, const real *dy,
                              real *scratch, real *dw)
{
    (void)scratch;
    for (size_t tap = 0; tap < conv->taps; tap++) {
        for (size_t k = 0; k < conv->c_in; k++) {
            for (size_t o = 0; o < conv->c_out; o++) {
                real *to = &dw[(tap * conv->c_in + k) * conv->c_out + o];
                *to = (real)((double)*to + conv_weight_sum(conv, n, x, dy, tap, k, o));
            }
        }
    }
}

static void sum_pixels(mad_maps shape, const real *x, real *sum)
{
    for (size_t i = 0; i < shape.n; i++) {
        for (size_t k = 0; k < shape.c; k++) {
            double total = 0.0;
            for (size_t y = 0; y < shape.h; y++) {
                for (size_t xx = 0; xx < shape.w; xx++) {
                    total += (double)x[pixel(shape, i, y, xx) + k];
                }
            }
            sum[i * shape.c + k] = (real)total;
        }
    }
}

/* ---- few channels ---- */

static void windows(mad_maps shape, size_t side, size_t channels, const real *x, real *y)
{
    const size_t reach = side / 2;
    for (size_t row = 0; row < shape.n * shape.h; row++) {
        for (size_t xx = 0; xx < shape.w; xx++) {
            real *to = y + pixel(shape, 0, row, xx);
            for (size_t k = 0; k < shape.c; k++) {
                const size_t tap = k / channels;
                const size_t from_y = row % shape.h + tap / side - reach; /* -1 wraps beyond h */
                const size_t from_x = xx + tap % side - reach;
                const int inside = tap < side * side && from_y < shape.h && from_x < shape.w;
                const size_t at = ((row - row % shape.h + from_y) * shape.w + from_x) * channels;
                to[k] = inside ? x[at + k % channels] : (real)0;
            }
        }
    }
}

static void gather_windows(mad_maps shape, size_t side, size_t channels, const real *x,
                           const real *bias, real *y)
{
    const size_t reach = side / 2;
    for (size_t row = 0; row < shape.n * shape.h; row++) {
        for (size_t xx = 0; xx < shape.w; xx++) {
            for (size_t k = 0; k < channels; k++) {
                double sum = bias == NULL ? 0.0 : (double)bias[k];
                for (size_t tap = 0; tap < side * side; tap++) {
                    const size_t from_y = row % shape.h + reach - tap / side;
                    const size_t from_x = xx + reach - tap % side;
                    if (from_y < shape.h && from_x < shape.w) {
                        sum += (double)
                            x[pixel(shape, row / shape.h, from_y, from_x) + tap * channels + k];
                    }
                }
                y[(row * shape.w + xx) * channels + k] = (real)sum;
            }
        }
    }
}

/* ---- normalisation ---- */

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

/* ---- change of size ---- */

static void grow(mad_maps shape, const real *x, real *y)
{
    const mad_maps big = {shape.n, 2 * shape.h, 2 * shape.w, shape.c};
    for (size_t row = 0; row < big.n * big.h; row++) {
        for (size_t xx = 0; xx < big.w; xx++) {
            memcpy(y + pixel(big, 0, row, xx), x + pixel(shape, 0, row / 2, xx / 2),
                   shape.c * sizeof *x);
        }
    }
}

static void grow_back(mad_maps shape, const real *dy, real *dx)
{
    const mad_maps big = {shape.n, 2 * shape.h, 2 * shape.w, shape.c};
    for (size_t row = 0; row < shape.n * shape.h; row++) {
        for (size_t xx = 0; xx < shape.w; xx++) {
            for (size_t k = 0; k < shape.c; k++) {
                double sum = 0.0;
                for (size_t j = 0; j < 4; j++) {
                    sum += (double)dy[pixel(big, 0, 2 * row + j / 2, 2 * xx + j % 2) + k];
                }
                dx[pixel(shape, 0, row, xx) + k] = (real)sum;
            }
        }
    }
}

/* ---- pooling ---- */

/* Index of the first largest of the four pixels of x that make pixel (row, xx) of the pooled maps. */
static size_t pool_source(mad_maps shape, size_t row, size_t xx, size_t k, const real *x)
{
    const size_t n_rows = shape.h / 2, i = row / n_rows, y = row % n_rows;
    size_t best = pixel(shape, i, 2 * y, 2 * xx) + k;
    for (size_t j = 1; j < 4; j++) {
        const size_t at = pixel(shape, i, 2 * y + j / 2, 2 * xx + j % 2) + k;
        best = x[at] > x[best] ? at : best;
    }
    return best;
}

static void pool(mad_maps shape, size_t channels, const real *x, real *y)
{
    for (size_t row = 0; row < shape.n * (shape.h / 2); row++) {
        for (size_t xx = 0; xx < shape.w / 2; xx++) {
            for (size_t k = 0; k < channels; k++) {
                const real largest = x[pool_source(shape, row, xx, k, x)];
                y[(row * (shape.w / 2) + xx) * channels + k] = largest > 0 ? largest : (real)0;
            }
        }
    }
}

static void pool_back(mad_maps shape, size_t channels, const real *x, const real *dy, real *dx)
{
    for (size_t p = 0; p < shape.n * shape.h * shape.w; p++) {
        memset(dx + pixel(shape, 0, p / shape.w, p % shape.w), 0, shape.c * sizeof *dx);
    }
    for (size_t row = 0; row < shape.n * (shape.h / 2); row++) {
        for (size_t xx = 0; xx < shape.w / 2; xx++) {
            for (size_t k = 0; k < channels; k++) {
                const size_t at = pool_source(shape, row, xx, k, x);
                dx[at] = x[at] > 0 ? dy[(row * (shape.w / 2) + xx) * channels + k] : (real)0;
            }
        }
    }
}

/* ---- attention ---- */

static size_t padded(size_t n)
{
    return (n + MAD_LANE - 1) / MAD_LANE * MAD_LANE;
}

/* Index of q (0), k (1) or v (2) of token t of map i. */
static size_t token(mad_maps shape, size_t i, size_t t, size_t part)
{
    const mad_maps wide = {shape.n, shape.h, shape.w, 3 * shape.c};
    return pixel(wide, i, t / shape.w, t % shape.w) + part * shape.c;
}

static double dot(size_t n, const real *a, const real *b)
{
    double sum = 0.0;
    for (size_t k = 0; k < n; k++) {
        sum += (double)a[k] * (double)b[k];
    }
    return sum;
}

/* Softmax of each of the first n columns of p[n][ld]; the columns of the pad become 0. */
static void softmax(size_t n, size_t ld, real *p)
{
    for (size_t t = 0; t < ld; t++) {
        double highest = (double)p[t], total = 0.0;
        for (size_t u = 1; u < n; u++) {
            highest = (double)p[u * ld + t] > highest ? (double)p[u * ld + t] : highest;
        }
        for (size_t u = 0; u < n; u++) {
            total += exp((double)p[u * ld + t] - highest);
        }
        for (size_t u = 0; u < n; u++) {
            const double e = exp((double)p[u * ld + t] - highest) / total;
            p[u * ld + t] = t < n ? (real)e : (real)0;
        }
    }
}

static void attention(mad_maps shape, size_t n_channels, const real *qkv, real *scratch, real *p,
                      real *y)
{
    (void)scratch;
    const size_t n_tokens = shape.h * shape.w, ld = padded(n_tokens);
    const double scale = 1.0 / sqrt((double)n_channels);
    for (size_t i = 0; i < shape.n; i++) {
        real *p_i = p + i * n_tokens * ld;
        for (size_t j = 0; j < n_tokens * ld; j++) {
            const size_t u = j / ld, t = j % ld;
            const double s = t < n_tokens ? dot(shape.c, qkv + token(shape, i, t, 0),
                                                qkv + token(shape, i, u, 1))
                                          : 0.0;
            p_i[j] = (real)(scale * s);
        }
        softmax(n_tokens, ld, p_i);
        for (size_t j = 0; j < n_tokens * shape.c; j++) {
            const size_t t = j / shape.c, k = j % shape.c;
            double sum = 0.0;
            for (size_t u = 0; u < n_tokens; u++) {
                sum += (double)p_i[u * ld + t] * (double)qkv[token(shape, i, u, 2) + k];
            }
            y[pixel(shape, i, t / shape.w, t % shape.w) + k] = (real)sum;
        }
    }
}

/* p of one map becomes ds = scale p (dp - sum p dp), with dp = dy v^T. */
static void softmax_back(mad_maps shape, size_t i, double scale, const real *qkv, const real *dy,
                         real *p)
{
    const size_t n_tokens = shape.h * shape.w, ld = padded(n_tokens);
    for (size_t t = 0; t < n_tokens; t++) {
        const real *dy_t = dy + pixel(shape, i, t / shape.w, t % shape.w);
        double mean = 0.0;
        for (size_t u = 0; u < n_tokens; u++) {
            mean += (double)p[u * ld + t] * dot(shape.c, dy_t, qkv + token(shape, i, u, 2));
        }
        for (size_t u = 0; u < n_tokens; u++) {
            const double dp = dot(shape.c, dy_t, qkv + token(shape, i, u, 2));
            p[u * ld + t] = (real)((double)p[u * ld + t] * (dp - mean) * scale);
        }
    }
}

/* dv = p^T dy, dq = ds k, dk = ds^T q. */
static void attention_back(mad_maps shape, size_t n_channels, const real *qkv, const real *dy,
                           real *scratch, real *p, real *dqkv)
{
    (void)scratch;
    const size_t n_tokens = shape.h * shape.w, ld = padded(n_tokens);
    const double scale = 1.0 / sqrt((double)n_channels);
    for (size_t i = 0; i < shape.n; i++) {
        real *p_i = p + i * n_tokens * ld;
        for (size_t j = 0; j < n_tokens * shape.c; j++) {
            const size_t u = j / shape.c, k = j % shape.c;
            double dv = 0.0;
            for (size_t t = 0; t < n_tokens; t++) {
                dv += (double)p_i[u * ld + t] *
                      (double)dy[pixel(shape, i, t / shape.w, t % shape.w) + k];
            }
            dqkv[token(shape, i, u, 2) + k] = (real)dv;
        }
        softmax_back(shape, i, scale, qkv, dy, p_i);
        for (size_t j = 0; j < n_tokens * shape.c; j++) {
            const size_t t = j / shape.c, k = j % shape.c;
            double dq = 0.0, dk = 0.0;
            for (size_t u = 0; u < n_tokens; u++) {
                dq += (double)p_i[u * ld + t] * (double)qkv[token(shape, i, u, 1) + k];
                dk += (double)p_i[t * ld + u] * (double)qkv[token(shape, i, u, 0) + k];
            }
            dqkv[token(shape, i, t, 0) + k] = (real)dq;
            dqkv[token(shape, i, t, 1) + k] = (real)dk;
        }
    }
}

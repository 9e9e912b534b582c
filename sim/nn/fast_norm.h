/* sim/nn/fast_norm.h: GroupNorm with SiLU behind it. Included after fast_tile.h.
 *
 * Sums run over the pixels for each channel (lanes are channels), then, in double, over the channels
 * of a group, so that group sizes need not fit the registers. Every pass over a map takes n_v
 * registers of channels at a time.
 */

/* 1 / d for 1 <= d < 2^127: one Newton step doubles the processor's 14 bits. */
ALWAYS_INLINE vec reciprocal(vec d)
{
#ifdef MAD_RECIPROCAL
    const vec r = MAD_RECIPROCAL(d);
    return r * (2.0f - d * r);
#else
    return 1.0f / d;
#endif
}

/* s = 1 / (1 + exp(-z)), z held in [-87, 87]: exp(-z) = 2^n 2^f with n = round(-z / ln 2), |f| <= 1/2,
 * and 2^f a polynomial (9e-8). Relative error of exp(-z): 2e-7 + 2e-8 |z|, less in s. */
ALWAYS_INLINE vec sigmoid(vec z)
{
    z = lower_of(splat(87.0f), higher_of(splat(-87.0f), z));
    const vec shifted = z * -0x1.715476p0f + ROUNDER;
    const vec n = shifted - ROUNDER;
    const vec f = z * -0x1.715476p0f - n;
    vec p = f * 0x1.5bba14p-10f + 0x1.3cea88p-7f;
    p = p * f + 0x1.c6b752p-5f;
    p = p * f + 0x1.ebf9bcp-3f;
    p = p * f + 0x1.62e42ap-1f;
    p = p * f + 1.0f;
    return reciprocal(1.0f + (vec)((vec_int)p + ((vec_int)shifted << 23)));
}

/* What the passes need per channel: x^ = (x - mean) over_sd, z = (x - mean) scale + beta. Pads hold
 * zeros, so that pads of y become zero. */
typedef struct norm_channels {
    float mean[MAD_MAX_CHANNELS] __attribute__((aligned(64)));
    float over_sd[MAD_MAX_CHANNELS] __attribute__((aligned(64)));
    float scale[MAD_MAX_CHANNELS] __attribute__((aligned(64)));
    float sum[MAD_MAX_CHANNELS] __attribute__((aligned(64)));
    float sum_hat[MAD_MAX_CHANNELS] __attribute__((aligned(64)));
} norm_channels;

/* ---- sums over the pixels of one map ---- */

/* acc += x, or (x - mean)^2. */
ALWAYS_INLINE void add_pixel(const int squares, const size_t n_v, const float *x, const vec *mean,
                             vec *acc)
{
    UNROLL
    for (size_t v = 0; v < n_v; v++) {
        const vec value = load(x, v * LANES);
        if (squares) {
            acc[v] += (value - mean[v]) * (value - mean[v]);
        } else {
            acc[v] += value;
        }
    }
}

/* Two chains of additions per register, for even and odd pixels of a row. */
ALWAYS_INLINE void add_pixels(const int squares, const size_t n_v, mad_maps shape, const float *x,
                              const float *mean, float *sum)
{
    vec even[TILE_VECS] = {{0}}, odd[TILE_VECS] = {{0}}, middle[TILE_VECS];
    UNROLL
    for (size_t v = 0; v < n_v; v++) {
        middle[v] = squares ? load(mean, v * LANES) : (vec){0};
    }
    for (size_t y = 0; y < shape.h; y++) {
        const float *row = x + y * (shape.w + 1) * shape.c;
        for (size_t j = 0; j + 1 < shape.w; j += 2) {
            add_pixel(squares, n_v, row + j * shape.c, middle, even);
            add_pixel(squares, n_v, row + (j + 1) * shape.c, middle, odd);
        }
        if (shape.w % 2 != 0) {
            add_pixel(squares, n_v, row + (shape.w - 1) * shape.c, middle, even);
        }
    }
    UNROLL
    for (size_t v = 0; v < n_v; v++) {
        *at(sum, v * LANES) = even[v] + odd[v];
    }
}

/* sum[k] over the pixels of one map of x, or of (x - mean[k])^2 unless mean is NULL. */
static void channel_sums(mad_maps shape, const float *x, const float *mean, float *sum)
{
    for (size_t k = 0; k < shape.c; k += TILE_COLS) {
        const size_t n_v = tile_vecs(shape.c, k);
        if (mean == NULL && n_v == 1) {
            add_pixels(0, 1, shape, x + k, NULL, sum + k);
        } else if (mean == NULL) {
            add_pixels(0, TILE_VECS, shape, x + k, NULL, sum + k);
        } else if (n_v == 1) {
            add_pixels(1, 1, shape, x + k, mean + k, sum + k);
        } else {
            add_pixels(1, TILE_VECS, shape, x + k, mean + k, sum + k);
        }
    }
}

static double sum_group(size_t n, const float *x)
{
    double sum = 0.0;
    for (size_t k = 0; k < n; k++) {
        sum += (double)x[k];
    }
    return sum;
}

/* ---- forward ---- */

static void group_moments(mad_maps shape, size_t n_channels, size_t groups, const float *x,
                          norm_channels *ch, float *stat)
{
    const size_t n_per_group = n_channels / groups;
    const double n = (double)(shape.h * shape.w * n_per_group);
    memset(ch->mean, 0, shape.c * sizeof *ch->mean);
    channel_sums(shape, x, NULL, ch->sum);
    for (size_t g = 0; g < groups; g++) {
        stat[2 * g] = (float)(sum_group(n_per_group, ch->sum + g * n_per_group) / n);
        for (size_t k = g * n_per_group; k < (g + 1) * n_per_group; k++) {
            ch->mean[k] = stat[2 * g];
        }
    }
    channel_sums(shape, x, ch->mean, ch->sum);
    for (size_t g = 0; g < groups; g++) {
        const double variance = sum_group(n_per_group, ch->sum + g * n_per_group) / n;
        stat[2 * g + 1] = (float)(1.0 / sqrt(variance + 1e-5));
    }
}

static void spread_stat(mad_maps shape, size_t n_channels, size_t groups, const float *gamma,
                        const float *stat, norm_channels *ch)
{
    const size_t n_per_group = n_channels / groups;
    for (size_t k = 0; k < shape.c; k++) {
        const float *s = stat + (k < n_channels ? k / n_per_group : 0) * 2;
        ch->mean[k] = k < n_channels ? s[0] : 0.0f;
        ch->over_sd[k] = k < n_channels ? s[1] : 0.0f;
        ch->scale[k] = ch->over_sd[k] * gamma[k];
    }
}

ALWAYS_INLINE void norm_pixels(const int act, const size_t n_v, mad_maps shape, size_t k,
                               const norm_channels *ch, const float *x, const float *beta, float *y)
{
    vec mean[TILE_VECS], scale[TILE_VECS], offset[TILE_VECS];
    UNROLL
    for (size_t v = 0; v < n_v; v++) {
        mean[v] = load(ch->mean, k + v * LANES);
        scale[v] = load(ch->scale, k + v * LANES);
        offset[v] = load(beta, k + v * LANES);
    }
    for (size_t row = 0; row < shape.h; row++) {
        const size_t begin = row * (shape.w + 1) * shape.c + k;
        for (size_t j = begin; j < begin + shape.w * shape.c; j += shape.c) {
            UNROLL
            for (size_t v = 0; v < n_v; v++) {
                vec z = (load(x, j + v * LANES) - mean[v]) * scale[v] + offset[v];
                if (act) {
                    z *= sigmoid(z);
                }
                *at(y, j + v * LANES) = z;
            }
        }
    }
}

static void norm(mad_maps shape, size_t n_channels, size_t groups, int act, const float *x,
                 const float *gamma, const float *beta, float *stat, float *y)
{
    norm_channels ch;
    const size_t map_floats = shape.h * (shape.w + 1) * shape.c;
    for (size_t i = 0; i < shape.n; i++) {
        group_moments(shape, n_channels, groups, x, &ch, stat);
        spread_stat(shape, n_channels, groups, gamma, stat, &ch);
        for (size_t k = 0; k < shape.c; k += TILE_COLS) {
            const size_t n_v = tile_vecs(shape.c, k);
            if (act && n_v == 1) {
                norm_pixels(1, 1, shape, k, &ch, x, beta, y);
            } else if (act) {
                norm_pixels(1, TILE_VECS, shape, k, &ch, x, beta, y);
            } else if (n_v == 1) {
                norm_pixels(0, 1, shape, k, &ch, x, beta, y);
            } else {
                norm_pixels(0, TILE_VECS, shape, k, &ch, x, beta, y);
            }
        }
        x += map_floats;
        y += map_floats;
        stat += 2 * groups;
    }
}

/* ---- backward: dz, the gradient of z, replaces dy on the way ---- */

ALWAYS_INLINE void slope_pixels(const int act, const size_t n_v, mad_maps shape, size_t k,
                                const float *x, const float *beta, float *dy, norm_channels *ch)
{
    vec sum[TILE_VECS] = {{0}}, sum_hat[TILE_VECS] = {{0}};
    vec mean[TILE_VECS], over_sd[TILE_VECS], scale[TILE_VECS], offset[TILE_VECS];
    UNROLL
    for (size_t v = 0; v < n_v; v++) {
        mean[v] = load(ch->mean, k + v * LANES);
        over_sd[v] = load(ch->over_sd, k + v * LANES);
        scale[v] = load(ch->scale, k + v * LANES);
        offset[v] = load(beta, k + v * LANES);
    }
    for (size_t row = 0; row < shape.h; row++) {
        const size_t begin = row * (shape.w + 1) * shape.c + k;
        for (size_t j = begin; j < begin + shape.w * shape.c; j += shape.c) {
            UNROLL
            for (size_t v = 0; v < n_v; v++) {
                const vec centred = load(x, j + v * LANES) - mean[v];
                vec dz = load(dy, j + v * LANES);
                if (act) { /* silu' = s + z s (1 - s) */
                    const vec z = centred * scale[v] + offset[v], s = sigmoid(z);
                    dz *= s + z * s * (1.0f - s);
                    *at(dy, j + v * LANES) = dz;
                }
                sum[v] += dz;
                sum_hat[v] += dz * (centred * over_sd[v]);
            }
        }
    }
    UNROLL
    for (size_t v = 0; v < n_v; v++) {
        *at(ch->sum, k + v * LANES) = sum[v];
        *at(ch->sum_hat, k + v * LANES) = sum_hat[v];
    }
}

/* dx = scale dz - (x - mean) sum_hat - sum, the sums made means over the group by the caller. */
ALWAYS_INLINE void input_pixels(const size_t n_v, mad_maps shape, size_t k, const norm_channels *ch,
                                const float *x, const float *dz, const float *add_to, float *dx)
{
    vec mean[TILE_VECS], scale[TILE_VECS], sum[TILE_VECS], sum_hat[TILE_VECS];
    UNROLL
    for (size_t v = 0; v < n_v; v++) {
        mean[v] = load(ch->mean, k + v * LANES);
        scale[v] = load(ch->scale, k + v * LANES);
        sum[v] = load(ch->sum, k + v * LANES);
        sum_hat[v] = load(ch->sum_hat, k + v * LANES);
    }
    for (size_t row = 0; row < shape.h; row++) {
        const size_t begin = row * (shape.w + 1) * shape.c + k;
        for (size_t j = begin; j < begin + shape.w * shape.c; j += shape.c) {
            UNROLL
            for (size_t v = 0; v < n_v; v++) {
                const size_t p = j + v * LANES;
                vec d = load(dz, p) * scale[v] - sum[v];
                d -= (load(x, p) - mean[v]) * sum_hat[v];
                *at(dx, p) = plus(d, add_to, p);
            }
        }
    }
}

/* Gradients of gamma and beta; then, per channel, over_sd mean(gamma dz) and over_sd^2 mean(gamma dz
 * x^) of its group. */
static void group_slopes(mad_maps shape, size_t n_channels, size_t groups, const float *gamma,
                         float *dgamma, float *dbeta, norm_channels *ch)
{
    const size_t n_per_group = n_channels / groups;
    const double n = (double)(shape.h * shape.w * n_per_group);
    for (size_t g = 0; g < groups; g++) {
        const size_t begin = g * n_per_group, end = begin + n_per_group;
        double sum = 0.0, sum_hat = 0.0;
        for (size_t k = begin; k < end; k++) {
            dbeta[k] += ch->sum[k];
            dgamma[k] += ch->sum_hat[k];
            sum += (double)ch->sum[k] * (double)gamma[k];
            sum_hat += (double)ch->sum_hat[k] * (double)gamma[k];
        }
        const double over_sd = (double)ch->over_sd[begin];
        for (size_t k = begin; k < end; k++) {
            ch->sum[k] = (float)(over_sd * sum / n);
            ch->sum_hat[k] = (float)(over_sd * over_sd * sum_hat / n);
        }
    }
    for (size_t k = n_channels; k < shape.c; k++) {
        ch->sum[k] = 0.0f;
        ch->sum_hat[k] = 0.0f;
    }
}

static void norm_back(mad_maps shape, size_t n_channels, size_t groups, int act, const float *x,
                      const float *gamma, const float *beta, const float *stat, float *dy,
                      const float *add_to, float *dgamma, float *dbeta, float *dx)
{
    norm_channels ch;
    const size_t map_floats = shape.h * (shape.w + 1) * shape.c;
    for (size_t i = 0; i < shape.n; i++) {
        spread_stat(shape, n_channels, groups, gamma, stat, &ch);
        for (size_t k = 0; k < shape.c; k += TILE_COLS) {
            const size_t n_v = tile_vecs(shape.c, k);
            if (act && n_v == 1) {
                slope_pixels(1, 1, shape, k, x, beta, dy, &ch);
            } else if (act) {
                slope_pixels(1, TILE_VECS, shape, k, x, beta, dy, &ch);
            } else if (n_v == 1) {
                slope_pixels(0, 1, shape, k, x, beta, dy, &ch);
            } else {
                slope_pixels(0, TILE_VECS, shape, k, x, beta, dy, &ch);
            }
        }
        group_slopes(shape, n_channels, groups, gamma, dgamma, dbeta, &ch);
        for (size_t k = 0; k < shape.c; k += TILE_COLS) {
            if (tile_vecs(shape.c, k) == 1) {
                input_pixels(1, shape, k, &ch, x, dy, add_to, dx);
            } else {
                input_pixels(TILE_VECS, shape, k, &ch, x, dy, add_to, dx);
            }
        }
        x += map_floats;
        dy += map_floats;
        add_to = add_to == NULL ? NULL : add_to + map_floats;
        dx += map_floats;
        stat += 2 * groups;
    }
}

/* sim/nn/maps_ref_conv.h: part of maps_ref.h: convolutions, and windows of maps of few channels. */

static size_t halved(size_t n, size_t stride)
{
    return (n + stride - 1) / stride;
}

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

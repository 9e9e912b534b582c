/* sim/nn/maps_ref_size.h: part of maps_ref.h: maps of half and of double size. */

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

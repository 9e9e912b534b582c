/* sim/nn/maps_ref_attention.h: part of maps_ref.h: softmax attention between the pixels of a map. */

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

/* sim/nn/fast_attention.h: self-attention over the pixels of a map. Included after fast_tile.h.
 *
 * Every product runs in place on the maps, an image row at a time on its left side; where pixels are
 * summed over, an image row is one run of the sum. Only q (and dy, backward) is copied, transposed, to
 * be the right side of k q^T (and v dy^T). p lies transposed, p[other][token]: a softmax then runs
 * down the columns, a token in each lane.
 */

static size_t padded(size_t n)
{
    return (n + MAD_LANE - 1) / MAD_LANE * MAD_LANE;
}

static size_t attention_scratch(mad_maps shape)
{
    const size_t n_tokens = shape.h * shape.w;
    return (shape.c + n_tokens) * padded(n_tokens);
}

/* The maps of q, k and v side by side, or of the output. */
typedef struct tokens {
    size_t h, w, c;
    size_t step; /* floats from pixel to pixel */
} tokens;

/* t(k, token) in panels of TILE_COLS tokens from x(token)[k]; tokens beyond the last are zero. */
static void transpose_tokens(const tokens *t, const float *x, float *panels)
{
    const size_t n_tokens = t->h * t->w, n_n = padded(n_tokens);
    for (size_t first = 0; first < n_n; first += LANES) {
        const size_t n0 = first / TILE_COLS * TILE_COLS, width = tile_vecs(n_n, n0) * LANES;
        float *to = panels + n0 * t->c + first - n0;
        for (size_t k = 0; k < t->c; k += LANES) {
            float square[LANES * LANES] __attribute__((aligned(64))) = {0};
            for (size_t j = 0; j < LANES && first + j < n_tokens; j++) {
                const size_t y = (first + j) / t->w, xx = (first + j) % t->w;
                *at(square, j * LANES) = load(x, (y * (t->w + 1) + xx) * t->step + k);
            }
            transpose_square(square, LANES, to + k * width, width);
        }
    }
}

/* c[token][other] = sum over channels of a(token) b(other), b transposed beforehand. */
static void token_pairs(const tokens *t, const float *a, const float *panels, float *c)
{
    const size_t ld = padded(t->h * t->w);
    for (size_t n0 = 0; n0 < ld; n0 += TILE_COLS) {
        const size_t n_v = tile_vecs(ld, n0), width = n_v * LANES;
        for (size_t y = 0; y < t->h; y++) {
            const tile_sum sum = {.n_seg = 1,
                                  .n_k = t->c,
                                  .a = a + y * (t->w + 1) * t->step,
                                  .a_m = t->step,
                                  .a_k = 1,
                                  .b = panels + n0 * t->c,
                                  .b_k = width};
            const tile_out out = {.c = c + y * t->w * ld + n0, .c_m = ld};
            tile_rows(t->w, n_v, &sum, &out);
        }
    }
}

/* y(token) = sum over others of p[token][other] x(other), or p[other][token] when transposed. */
static void token_sums(const tokens *from, const tokens *to, int transposed, const float *p,
                       const float *x, float *y)
{
    const size_t ld = padded(from->h * from->w);
    const size_t p_m = transposed ? 1 : ld, p_k = transposed ? ld : 1;
    for (size_t n0 = 0; n0 < from->c; n0 += TILE_COLS) {
        for (size_t row = 0; row < from->h; row++) {
            const tile_sum sum = {.n_seg = from->h,
                                  .n_k = from->w,
                                  .a = p + row * from->w * p_m,
                                  .a_seg = from->w * p_k,
                                  .a_m = p_m,
                                  .a_k = p_k,
                                  .b = x + n0,
                                  .b_seg = (from->w + 1) * from->step,
                                  .b_k = from->step};
            const tile_out out = {.c = y + row * (to->w + 1) * to->step + n0, .c_m = to->step};
            tile_rows(from->w, tile_vecs(from->c, n0), &sum, &out);
        }
    }
}

/* Softmax of scale times each column of p[n][ld]; the columns of the pad become 0. */
static void softmax(size_t n, size_t ld, float scale, float *p)
{
    for (size_t t = 0; t < ld; t += LANES) {
        vec highest = load(p, t), total = {0}, over_total;
        for (size_t o = 1; o < n; o++) {
            highest = higher_of(load(p, o * ld + t), highest);
        }
        for (size_t o = 0; o < n; o++) {
            const vec e = exponential((load(p, o * ld + t) - highest) * scale);
            *at(p, o * ld + t) = e;
            total += e;
        }
        for (size_t lane = 0; lane < LANES; lane++) {
            over_total[lane] = t + lane < n ? 1.0f / total[lane] : 0.0f;
        }
        for (size_t o = 0; o < n; o++) {
            *at(p, o * ld + t) *= over_total;
        }
    }
}

static void attention(mad_maps shape, size_t n_channels, const float *qkv, float *scratch, float *p,
                      float *y)
{
    const tokens in = {shape.h, shape.w, shape.c, 3 * shape.c};
    const tokens out = {shape.h, shape.w, shape.c, shape.c};
    const size_t n_tokens = shape.h * shape.w, ld = padded(n_tokens);
    const float scale = 1.0f / sqrtf((float)n_channels);
    for (size_t i = 0; i < shape.n; i++) {
        transpose_tokens(&in, qkv, scratch);
        token_pairs(&in, qkv + shape.c, scratch, p);
        softmax(n_tokens, ld, scale, p);
        token_sums(&in, &out, 1, p, qkv + 2 * shape.c, y);
        qkv += shape.h * (shape.w + 1) * in.step;
        y += shape.h * (shape.w + 1) * out.step;
        p += n_tokens * ld;
    }
}

/* p <- scale p (dp - sum p dp), the gradient of k q^T; the sum is that of a column. */
static void softmax_back(size_t n, size_t ld, float scale, const float *dp, float *p)
{
    for (size_t t = 0; t < ld; t += LANES) {
        vec mean = {0};
        for (size_t i = t; i < n * ld; i += ld) {
            mean += load(p, i) * load(dp, i);
        }
        for (size_t i = t; i < n * ld; i += ld) {
            *at(p, i) *= (load(dp, i) - mean) * scale;
        }
    }
}

static void attention_back(mad_maps shape, size_t n_channels, const float *qkv, const float *dy,
                           float *scratch, float *p, float *dqkv)
{
    const tokens wide = {shape.h, shape.w, shape.c, 3 * shape.c};
    const tokens narrow = {shape.h, shape.w, shape.c, shape.c};
    const size_t n_tokens = shape.h * shape.w, ld = padded(n_tokens);
    const float scale = 1.0f / sqrtf((float)n_channels);
    float *dp = scratch + shape.c * ld;
    for (size_t i = 0; i < shape.n; i++) {
        token_sums(&narrow, &wide, 0, p, dy, dqkv + 2 * shape.c); /* dv = p^T dy */
        transpose_tokens(&narrow, dy, scratch);
        token_pairs(&wide, qkv + 2 * shape.c, scratch, dp); /* dp^T = v dy^T */
        softmax_back(n_tokens, ld, scale, dp, p);
        token_sums(&wide, &wide, 1, p, qkv + shape.c, dqkv); /* dq = ds k */
        token_sums(&wide, &wide, 0, p, qkv, dqkv + shape.c); /* dk = ds^T q */
        qkv += shape.h * (shape.w + 1) * wide.step;
        dqkv += shape.h * (shape.w + 1) * wide.step;
        dy += shape.h * (shape.w + 1) * narrow.step;
        p += n_tokens * ld;
    }
}
